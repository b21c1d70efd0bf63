"""Separate networks written out: against autograd, and against networks of one task each."""

import numpy as np
import pytest
import torch
from _engine import autograd_twin, backpropagate, mixed_blocks, regression_blocks

from skmtl import MultiTaskRegressor
from skmtl._activations import ACTIVATIONS
from skmtl._build import build_network
from skmtl._optim import FlatParameters
from skmtl._separate import SeparateNetwork
from skmtl.architectures import HardSharing, Independent

X = torch.randn(9, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def make(blocks, hidden=(6, 5), heads=(), activation="tanh", dropout=0.0, architecture=None):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return build_network(
            architecture or Independent(),
            X[:4].float(),
            blocks,
            hidden_layer_sizes=hidden,
            head_hidden_layer_sizes=heads,
            activation=ACTIVATIONS[activation],
            dropout=dropout,
        ).double()


@pytest.mark.parametrize(
    "blocks", [mixed_blocks(), regression_blocks(3), regression_blocks(1)], ids=["mixed", "3", "1"]
)
@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)], ids=str)
@pytest.mark.parametrize("heads", [(), (3,), (3, 2)], ids=str)
@pytest.mark.parametrize("activation", ["relu", "silu", "tanh"])
def test_gradients_are_those_of_autograd(blocks, hidden, heads, activation):
    network = make(blocks, hidden, heads, activation)
    assert type(network) is SeparateNetwork
    twin = autograd_twin(network)
    slope = torch.randn(len(X), network.n_raw, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for accumulate in (False, True):
        got, expected = (backpropagate(n, X, slope, decay=0.1, accumulate=accumulate) for n in (network, twin))
        torch.testing.assert_close(got, expected)


def test_dropped_units_send_no_gradient():
    network = make(mixed_blocks(), dropout=0.5)
    slope = torch.randn(len(X), network.n_raw, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    flat = FlatParameters(network)
    network.attach(flat)

    def objective():
        with torch.random.fork_rng([]):
            torch.manual_seed(0)
            return (network.train().raw(X, torch.empty_like(slope)) * slope).sum().item()

    objective()
    network.backward(slope)
    gradient, finite = flat.gradients.clone(), torch.empty_like(flat.gradients)
    for i in range(len(finite)):
        flat.values[i] += 1e-6
        above = objective()
        flat.values[i] -= 2e-6
        finite[i] = (above - objective()) / 2e-6
        flat.values[i] += 1e-6
    torch.testing.assert_close(gradient, finite, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("heads", [(), (3,)], ids=str)
def test_each_task_is_a_network_of_its_own(heads):
    network = make(regression_blocks(3), heads=heads).eval()
    for task in range(3):
        alone = make(regression_blocks(1), heads=heads, architecture=HardSharing())
        with torch.no_grad():
            for layer, stack in zip(alone.trunk.layers, network.trunk.stack.layers, strict=True):
                layer.weight.copy_(stack.weight[task])
                layer.bias.copy_(stack.bias.view(3, -1)[task])
            for own, every in zip(alone.heads.hidden_weights, network.heads.hidden_weights, strict=True):
                own.copy_(every[[task]])
            for own, every in zip(alone.heads.hidden_biases, network.heads.hidden_biases, strict=True):
                own.copy_(every.view(3, -1)[task])
            alone.heads.weight.copy_(network.heads.weight[[task]])
            alone.heads.bias.copy_(network.heads.bias[[task]])
        torch.testing.assert_close(alone.eval().infer(X)[:, 0], network.infer(X)[:, task])


def test_a_task_learns_nothing_from_another():
    rng = np.random.default_rng(0)
    rows, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    model = MultiTaskRegressor(architecture="independent", preset="mlp", max_iter=20, random_state=0)
    other = np.column_stack([Y[:, 0], rng.normal(size=60)])
    with pytest.warns(UserWarning, match="Maximum iterations"):
        one, two = (model.fit(rows, y).predict(rows) for y in (Y, other))
    np.testing.assert_array_equal(one[:, 0], two[:, 0])
    assert (one[:, 1] != two[:, 1]).all()


def test_an_aggregator_has_nothing_to_work_on():
    model = MultiTaskRegressor(architecture="independent", aggregator="pcgrad")
    with pytest.raises(ValueError, match=r"architecture='independent' shares none between tasks\. Use another one"):
        model.fit(np.zeros((30, 2)), np.zeros((30, 2)))
