"""Layers side by side: what they compute, and by which kernel."""

import pytest
import torch
from torch.testing import assert_close

from skmtl.architectures._layers import TwoInputStack, batched_product, linear_layers


@pytest.mark.parametrize(("d", "h"), [(1, 1), (7, 7), (5, 10), (8, 7), (60, 50)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@torch.no_grad()
def test_a_product_for_prediction_is_the_same_for_any_number_of_rows(d, h, dtype):
    generator = torch.Generator().manual_seed(0)
    X, weight = (torch.randn(shape, generator=generator, dtype=dtype) for shape in ((3, 200, d), (3, d, h)))
    whole = batched_product(X, weight)
    assert_close(whole, X @ weight)
    for n in (8, 16, 72):
        assert torch.equal(batched_product(X[:, :n].contiguous(), weight), whole[:, :n])


@pytest.mark.parametrize("d", [2, 60])
@pytest.mark.parametrize("training", [True, False])
def test_what_is_added_may_be_one_for_all(d, training):
    X, weight, bias = torch.ones(3, 4, d), torch.ones(3, d, 5), torch.arange(3.0).view(3, 1, 1).expand(3, 1, 5)
    with torch.set_grad_enabled(training):
        assert_close(batched_product(X, weight, bias), d + bias.expand(3, 4, 5))
        assert_close(batched_product(X, weight, bias[1]), torch.full((3, 4, 5), d + 1.0))


def test_a_stack_of_two_inputs_reads_the_shared_one_first():
    stack = TwoInputStack(2, 2, 1, gain=6.0)
    stack.weight.data = torch.tensor([[[1.0, 10.0]], [[2.0, 20.0]]])
    stack.bias.data = torch.tensor([0.5, -0.5])
    shared, own = torch.tensor([[1.0]]), torch.tensor([[[3.0]], [[4.0]]])
    assert stack(shared, own).tolist() == [[[31.5]], [[81.5]]]


@pytest.mark.parametrize("one", ["shared", "own"])
def test_and_does_without_either(one):
    stack, X = TwoInputStack(2, 3, 4, gain=6.0), torch.ones(5, 3)
    found = stack(X) if one == "shared" else stack(None, X.expand(2, 5, 3))
    for t in range(2):
        assert_close(found[t], X @ stack.weight[t].T + stack.bias.view(2, 4)[t])


def test_linear_layers_stand_on_each_other_and_start_within_glorots_bound():
    layers = linear_layers(3, (50, 2), gain=6.0)
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(3, 50), (50, 2)]
    bound = (6 / 53) ** 0.5
    assert 0.9 * bound < layers[0].weight.abs().max() <= bound
    assert layers[0].bias.abs().max() <= bound
    assert len(linear_layers(3, (), gain=6.0)) == 0
