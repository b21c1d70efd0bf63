"""Networks: the written-out chain rule against autograd and against differences, rows against their neighbours."""

import copy
import pickle

import numpy as np
import pytest
import torch
from _engine import (
    autograd_twin,
    backpropagate,
    make_data,
    make_network,
    make_objective,
    mixed_blocks,
    mixed_targets,
    regression_blocks,
    relative_error,
    slope_of,
)

from skmtl._activations import ACTIVATIONS
from skmtl._blocks import make_blocks, raw_owner
from skmtl._dense import DenseNetwork
from skmtl._heads import Heads
from skmtl._optim import FlatParameters
from skmtl.losses import LogLoss

DEPTHS = [(), (6,), (7, 6, 5)]
#: Blocks by name, and their raw columns.
TASKS = {"alike": (regression_blocks(3), 3), "mixed": (mixed_blocks(), 12)}
written_out = pytest.mark.parametrize("heads", [(), (4,)], ids=["linear heads", "hidden heads"])
tasks = pytest.mark.parametrize("tasks", TASKS)


def batch(rng, n=11, n_features=4, n_raw=3, dtype=torch.float32):
    x = torch.from_numpy(rng.normal(size=(n, n_features))).to(dtype)
    return x, torch.from_numpy(rng.normal(size=(n, n_raw))).to(dtype)


def central_differences(network, value, step=1e-6):
    """Slope of ``value()`` in all parameters, weights first."""
    named = list(network.parameters())
    slopes = []
    with torch.no_grad():
        for p in [p for p in named if p.ndim > 1] + [p for p in named if p.ndim <= 1]:
            cells = p.data.view(-1)
            for i in range(len(cells)):
                before = cells[i].item()
                cells[i] = before + step
                above = value()
                cells[i] = before - step
                below = value()
                cells[i] = before
                slopes.append((above - below) / (2 * step))
    return torch.tensor(slopes, dtype=torch.float64)


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@written_out
@tasks
def test_written_out_gradients_are_those_of_autograd(rng, activation, hidden, heads, tasks):
    blocks, n_raw = TASKS[tasks]
    network = make_network(blocks, hidden=hidden, heads=heads, activation=activation)
    assert type(network) is DenseNetwork
    x, slope = batch(rng, n_raw=n_raw)
    for decay in (0.0, 0.3):
        written, derived = (backpropagate(net, x, slope, decay) for net in (network, autograd_twin(network)))
        assert relative_error(written, derived) < 1e-6


@pytest.mark.parametrize("activation", ACTIVATIONS)
@written_out
@tasks
def test_written_out_gradients_are_those_of_autograd_with_dropout(rng, activation, heads, tasks):
    blocks, n_raw = TASKS[tasks]
    network = make_network(blocks, hidden=(7, 6), heads=heads, activation=activation, dropout=0.4)
    x, slope = batch(rng, n_raw=n_raw)
    one, other = (backpropagate(network, x, slope, 0.1, seed=s) for s in (1, 2))
    assert relative_error(one, other) > 0.01  # other masks
    assert relative_error(one, backpropagate(autograd_twin(network), x, slope, 0.1, seed=1)) < 1e-6
    still = [backpropagate(network, x, slope, training=False, seed=s) for s in (1, 2)]
    assert torch.equal(*still)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("twin", [False, True])
@written_out
def test_accumulated_gradients_are_the_sum(rng, heads, twin, dropout):
    network = make_network(regression_blocks(3), heads=heads, dropout=dropout)
    network = autograd_twin(network) if twin else network
    x, slope = batch(rng)
    once, decayed = backpropagate(network, x, slope), backpropagate(network, x, slope, 0.3)
    twice = backpropagate(network, x, slope, 0.3, accumulate=True)
    assert relative_error(twice, once + decayed) < 1e-6


@pytest.mark.parametrize("heads", [(), (3,), (4, 3)])
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_the_central_differences(rng, activation, hidden, heads):
    network = make_network(
        regression_blocks(2), 3, hidden, heads=heads, activation=activation, dtype=torch.float64
    ).train()
    assert isinstance(network, DenseNetwork) == (len(heads) < 2)
    x, slope = batch(rng, 7, 3, 2, torch.float64)
    decay = 0.2

    def value():
        penalty = sum(p.square().sum() for p in network.parameters() if p.ndim > 1)
        return ((network(x) * slope).sum() + decay / 2 * penalty).item()

    assert relative_error(backpropagate(network, x, slope, decay), central_differences(network, value)) < 1e-7


@pytest.mark.parametrize("heads", [(), (3,), (4, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_gradients_of_a_mixed_objective_are_the_central_differences(rng, heads, weighted):
    blocks = mixed_blocks()
    network = make_network(blocks, 3, (4,), heads=heads, dtype=torch.float64)
    objective = make_objective(blocks, [1.0, 2.0, 0.5, 1.0, 3.0, 0.0], dtype=torch.float64)
    weights = rng.uniform(0, 2, (20, 6)) if weighted else None
    data = make_data(blocks, rng.normal(size=(20, 3)), mixed_targets(rng, 20), weights, torch.float64)
    x, y, m = data.gather(slice(None))

    def value():
        return objective(network(x), (y, m)).item()

    found = backpropagate(network, x, lambda raw: slope_of(objective, raw, y, m))
    assert relative_error(found, central_differences(network, value)) < 1e-6


@written_out
def test_the_slope_of_batches_of_several_sizes_uses_the_rows_of_each(rng, heads):
    network = make_network(regression_blocks(3), heads=heads)
    twin = autograd_twin(copy.deepcopy(network))
    flats = [FlatParameters(net) for net in (network, twin)]
    for net, flat in zip((network, twin), flats, strict=True):
        net.attach(flat)
    with torch.no_grad():
        for n in (8, 3, 8, 1, 3):
            x, slope = batch(rng, n)
            for net in (network, twin):
                net.raw(x, torch.empty(n, 3))
                net.backward(slope)
            assert relative_error(flats[0].gradients, flats[1].gradients) < 1e-6


@pytest.mark.parametrize("heads", [(), (5,), (5, 4)])
def test_inference_and_forward_agree(rng, heads):
    network = make_network(mixed_blocks(), hidden=(6,), heads=heads).eval()
    x, _ = batch(rng, 32)
    with torch.no_grad():
        torch.testing.assert_close(network.infer(x), network(x))
        assert network.infer(x).shape == (32, network.n_raw)
        torch.testing.assert_close(network.heads(network.represent(x)), network(x))


@written_out
def test_inference_follows_the_parameters_while_they_are_trained(rng, heads):
    network = make_network(regression_blocks(3), heads=heads)
    flat = FlatParameters(network)
    network.attach(flat)
    x, _ = batch(rng, 32)
    with torch.no_grad():
        network.infer(x)
        flat.values.mul_(2.0)
        torch.testing.assert_close(network.infer(x), network(x))


@pytest.mark.parametrize("sizes", [(3,), (3, 2)])
def test_hidden_heads_are_separate_networks(rng, sizes):
    blocks = mixed_blocks()
    network = make_network(blocks, heads=sizes).eval()
    heads, owner = network.heads, raw_owner(blocks)
    Z = torch.from_numpy(rng.normal(size=(5, 5))).float()
    with torch.no_grad():
        for raw, task in enumerate(owner):
            h = Z
            for W, b in zip(heads.hidden_weights, heads.hidden_biases, strict=True):
                h = torch.tanh(h @ W[task].T + b.view(W.shape[:2])[task])
            torch.testing.assert_close(heads(Z)[:, raw], h @ heads.weight[raw] + heads.bias[raw])


def test_a_reset_head_gives_zero_for_its_task_alone(rng):
    for sizes in ((), (3,)):
        network = make_network(mixed_blocks(), heads=sizes)
        network.heads.reset_tasks([2, 4])
        raw = network(batch(rng)[0])
        mine = torch.from_numpy(np.isin(raw_owner(mixed_blocks()), [2, 4]))
        assert (raw[:, mine] == 0).all() and (raw[:, ~mine] != 0).all()


def test_initial_weights_have_the_bounds_of_scikit_learn():
    torch.manual_seed(0)
    for activation, gain in (("relu", 6.0), ("logistic", 2.0)):
        network = make_network(regression_blocks(50), 20, (300,), activation=activation)
        layer, heads = network.trunk.layers[0], network.heads
        for weight, bound in ((layer.weight, gain / 320), (layer.bias, gain / 320), (heads.weight, gain / 301)):
            assert 0.95 * bound**0.5 < weight.abs().max() <= bound**0.5
            assert weight.min() < -0.9 * bound**0.5


@pytest.mark.parametrize("n_classes", [3, 4])
def test_initial_weights_of_a_class_head_do_not_depend_on_the_other_tasks(n_classes):
    blocks = make_blocks([LogLoss()] * 40, [n_classes] * 40)
    heads = Heads(30, blocks, (), ACTIVATIONS["relu"], 0.0)
    bound = (6.0 / (30 + n_classes)) ** 0.5
    assert 0.95 * bound < heads.weight.abs().max() <= bound


def test_a_network_in_training_is_copied_and_pickled_without_its_buffers(rng):
    for heads in ((), (3,), (3, 2)):
        network = make_network(regression_blocks(3), heads=heads)
        flat = FlatParameters(network)
        network.attach(flat)
        x, slope = batch(rng)
        with torch.no_grad():
            network.raw(x, torch.empty(11, 3))
            before = network(x)
            for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
                assert torch.equal(other(x), before)
                fresh = FlatParameters(other)
                other.attach(fresh)
                other.raw(x, torch.empty(11, 3))
                other.backward(slope)
                fresh.values.sub_(fresh.gradients)
            assert torch.equal(network(x), before)
