"""DSelect-k: selectors and penalty by hand, where they settle, and as LibMTL has them."""

import copy
import math
import pickle

import pytest
import torch
from _libmtl import libmtl_architecture
from architectures._experts import load_experts
from architectures._trunks import batch, generic, make, set_weights
from torch import nn
from torch.testing import assert_close

from skmtl.architectures import DSelectK
from skmtl.architectures._dselect_k import smooth_step, weights_of_codes


def double(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 3.0])
def test_the_step_is_flat_outside_and_a_cubic_inside(gamma):
    z = gamma * double([-2.0, -0.5, 0.0, 0.25, 0.5, 7.0])
    z.requires_grad_()
    S = smooth_step(z, gamma)
    assert_close(S, double([0.0, 0.0, 0.5, 0.84375, 1.0, 1.0]))
    (slope,) = torch.autograd.grad(S.sum(), z)
    assert_close(slope, double([0.0, 0.0, 1.5, 1.125, 0.0, 0.0]) / gamma)
    t = z.detach()
    assert_close(S[3], (-2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 0.5)[3])


def test_digits_name_the_experts_the_highest_first():
    assert_close(weights_of_codes(double([0.75, 1.0])), double([0.0, 0.25, 0.0, 0.75]))
    for number in range(8):
        digits = double([[int(b) for b in f"{number:03b}"]])
        assert_close(weights_of_codes(digits), nn.functional.one_hot(torch.tensor([number]), 8).double())


def selecting(numbers, n_experts, n_selected, **parameters):
    """A trunk of one unit, expert k of which multiplies the input by k + 1."""
    trunk = DSelectK(n_experts, n_selected, **parameters)
    make(trunk, n_tasks=len(numbers), hidden=(1,), n_features=1, activation="identity")
    factors = torch.arange(1.0, n_experts + 1).view(-1, 1, 1)
    return set_weights(trunk, selectors=double(numbers).flatten(), experts__layers__0__weight=factors)


# By task and selector: the digits' numbers, then the logit.
NUMBERS = [[[0.25, -0.5, 0.0], [0.5, 0.5, 0.0]], [[-0.5, -0.5, math.log(3)], [0.5, -0.5, 0.0]]]


def test_one_unit_by_hand():
    trunk, X = selecting(NUMBERS, 4, 2), double([[1.0], [2.0]])
    weights = double([[0.15625 / 2, 0.0, 0.84375 / 2, 0.5], [0.75, 0.0, 0.25, 0.0]])
    assert_close(trunk.expert_weights(X), weights.expand(2, 2, 4))
    assert_close(trunk(X).squeeze(2), X * (weights * double([1.0, 2.0, 3.0, 4.0])).sum(1))


def test_the_penalty_by_hand():
    entropy = -(0.15625 * math.log(0.15625) + 0.84375 * math.log(0.84375))  # of one selector, the others have settled
    trunk = selecting(NUMBERS, 4, 2, entropy=0.3)
    assert trunk.penalty().item() == pytest.approx(0.3 * entropy / 2, abs=1e-5)  # the mean over tasks
    # Of three experts: half of the weight is on the fourth code; the other task has settled.
    trunk = selecting([[[0.0, 0.5, 0.0]], [[0.5, -0.5, 0.0]]], 3, 1, entropy=0.3)
    assert trunk.penalty().item() == pytest.approx((0.3 * 0.5 * math.log(2) + 1) / 2, abs=1e-5)


def test_without_entropy_only_codes_of_no_expert_cost():
    assert selecting(NUMBERS, 4, 2, entropy=0.0).penalty() is None
    trunk = selecting([[[0.0, 0.0, 0.0]]], 3, 1, entropy=0.0)
    assert trunk.penalty().item() == pytest.approx(1 / 3, abs=1e-5)


@pytest.mark.parametrize("numbers", [[[[0.5, 0.5, 0.0]]], [[[0.7, 3.0, 0.0]]]])
def test_a_penalty_on_a_code_of_no_expert_is_finite(numbers):
    trunk = selecting(numbers, 3, 1)
    trunk.penalty().backward()
    assert torch.isfinite(trunk.penalty()) and torch.isfinite(trunk.selectors.grad).all()
    assert (trunk(batch(n_features=1)) == 0).all()


@pytest.mark.parametrize("n_experts", [2, 4, 5, 6, 8])
def test_the_penalty_makes_every_selector_settle_on_an_expert(n_experts):
    trunk = make(DSelectK(n_experts, n_selected=1))
    for _ in range(200):  # in steps of one size
        (slope,) = torch.autograd.grad(trunk.penalty(), trunk.selectors)
        trunk.selectors.data -= 0.01 * slope.sign()
    weights = trunk.expert_weights(batch())
    assert ((weights == 0) | (weights == 1)).all() and (weights.sum(-1) == 1).all()
    assert trunk.penalty().item() == pytest.approx(0.0, abs=1e-5)


def test_a_settled_selector_returns_its_expert_alone():
    trunk = make(DSelectK(n_experts=4, n_selected=1))
    trunk.selectors.data = double([[-0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [-9.0, -9.0, 1.0]]).flatten()
    experts = trunk.experts(batch())
    assert torch.equal(trunk(batch()), torch.stack([experts[1], experts[3], experts[0]], dim=1))
    trunk(batch()).sum().backward()
    assert (trunk.experts.layers[0].weight.grad[2] == 0).all()


def test_per_example_without_weights_it_selects_alike_for_all_rows():
    trunk, static = generic(DSelectK(per_example=True, gamma=4.0)), make(DSelectK(gamma=4.0))
    trunk.selectors.weight.data.zero_()
    static.experts.load_state_dict(trunk.experts.state_dict())
    static.selectors.data = trunk.selectors.bias.detach().clone()
    assert_close(trunk(batch()), static(batch()))
    trunk.train()(batch())
    assert_close(trunk.penalty(), static.penalty())


def test_per_example_the_penalty_is_that_of_the_last_batch_in_training():
    trunk, X = generic(DSelectK(per_example=True, gamma=4.0)), batch()
    assert trunk.penalty() is None
    trunk.train()
    each = [trunk.penalty() for x in X if trunk(x.unsqueeze(0)) is not None]
    Z, mean = trunk(X), torch.stack(each).mean()
    assert_close(trunk.penalty(), mean)
    Z.sum().backward()  # whose graph is then gone
    trunk.penalty().backward()
    for other in (copy.deepcopy(trunk), pickle.loads(pickle.dumps(trunk))):
        assert other.penalty() is None
    assert_close(trunk.penalty(), mean)
    trunk.eval()(X)
    assert trunk.penalty() is None


@pytest.mark.parametrize("per_example", [False, True])
def test_initial_values_are_small_and_selections_even(per_example):
    trunk = make(DSelectK(8, 3, per_example=per_example, gamma=2.0), n_tasks=50)
    values = list(trunk.selectors.parameters()) if per_example else [trunk.selectors]
    for value in values:
        numbers = value.detach().view(50, 3, 4, -1)
        assert 0.019 < numbers[:, :, :3].abs().max() <= 0.02
        assert 0.049 < numbers[:, :, 3].abs().max() <= 0.05
    weights = trunk.expert_weights(batch())
    assert_close(weights, torch.full_like(weights, 1 / 8), atol=0.05, rtol=0.0)


def test_numbers_for_all_rows_are_not_shrunk():
    assert make(DSelectK()).selectors.ndim == 1  # as biases


def test_more_selected_than_there_are_is_refused():
    with pytest.raises(ValueError, match=r"n_selected=5 of n_experts=4 cannot be selected\. Lower n_selected"):
        make(DSelectK(n_experts=4, n_selected=5))


def libmtl(trunk, n_tasks, n_experts):
    """LibMTL's architecture with the weights of a trunk."""

    def encoder():
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh())

    other = libmtl_architecture("DSelect_k", n_tasks, encoder, 3, [n_experts], num_nonzeros=2, kgamma=1.0).double()
    load_experts(other.experts_shared, trunk.experts)
    # It means these, but reads them from strings, where newer versions of NumPy take "0" for true, as it is not empty.
    n_digits = (n_experts - 1).bit_length()
    other._binary_codes = torch.tensor([[[b == "1" for b in f"{k:0{n_digits}b}"] for k in range(n_experts)]])
    shape = (n_tasks, 2, -1)
    weight, bias = trunk.selectors.weight.unflatten(1, shape[1:]), trunk.selectors.bias.view(shape)
    for t in range(n_tasks):
        digits, logits = other._z_logits[str(t)], other._w_logits[str(t)]
        digits.load_state_dict({"weight": weight[t, :, :-1].flatten(0, 1), "bias": bias[t, :, :-1].flatten()})
        logits.load_state_dict({"weight": weight[t, :, -1], "bias": bias[t, :, -1]})
    return other


@pytest.mark.parametrize("n_experts", [2, 4, 6])
def test_forward_is_that_of_libmtl(n_experts):
    trunk = generic(DSelectK(n_experts, 2, per_example=True))
    expected = libmtl(trunk, 3, n_experts)(batch())
    for t in range(3):
        assert_close(trunk(batch())[:, t], expected[str(t)])


@pytest.mark.parametrize("n_experts", [4, 6])
def test_the_penalty_has_the_gradient_of_libmtls(n_experts):
    """Which is a sum over rows, with a weight of 1e-6 for the entropy; in training it adds to the gradients itself."""
    trunk = make(DSelectK(n_experts, 2, per_example=True, entropy=1e-6), n_tasks=1).train()
    other = libmtl(trunk, 1, n_experts).train()
    trunk(batch())
    trunk.penalty().backward()
    other(batch())
    digits = trunk.selectors.weight.grad.unflatten(1, (2, -1))[0, :, :-1].flatten(0, 1)
    assert_close(6 * digits, other._z_logits["0"].weight.grad, rtol=1e-4, atol=1e-12)
