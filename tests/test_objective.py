"""The objective: what a task, a label, a weight count for in the gradient."""

import copy
import pickle

import numpy as np
import pytest
import torch
from _engine import (
    MIXED_CLASSES,
    MIXED_LOSSES,
    gradients_of,
    make_data,
    make_network,
    make_objective,
    mixed_blocks,
    mixed_targets,
    regression_blocks,
    relative_error,
    slope_of,
    task_columns,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp

from skmtl import MultiTaskRegressor
from skmtl._batches import Batches
from skmtl._blocks import make_blocks, task_order
from skmtl.losses import Huber
from skmtl.weighting import DynamicWeightAverage, Equal, Uncertainty

N = 40


@pytest.fixture
def mixed_batch(rng):
    """Blocks, their data, and a raw output for all of it."""
    blocks = mixed_blocks()
    data = make_data(blocks, rng.normal(size=(N, 4)), mixed_targets(rng, N))
    n_raw = blocks[-1].raw.stop
    return blocks, data, torch.from_numpy(rng.normal(size=(N, n_raw))).float()


def test_blocks_hold_each_task_and_raw_column_once():
    blocks = mixed_blocks()
    assert len(blocks) == 5  # the two squared errors share one
    assert sorted(task_order(blocks)) == list(range(6))
    columns = [c for cs in task_columns(blocks).values() for c in cs]
    assert sorted(columns) == list(range(1 + 1 + 3 + 4 + 2 + 1))
    raw = torch.arange(12.0).expand(2, 12)
    for block in blocks:
        for i, task in enumerate(block.tasks):
            assert block.view(raw)[0, i].tolist() == task_columns(blocks)[task]


def test_losses_with_other_parameters_make_other_blocks():
    losses = [Huber(1.0), Huber(2.0), Huber(1.0), MIXED_LOSSES[0]]
    assert [block.tasks for block in make_blocks(losses, [None] * 4)] == [(0, 2), (1,), (3,)]


# Losses


def test_task_losses_are_the_means_over_observed_labels(rng):
    blocks = mixed_blocks()
    Y = mixed_targets(rng, N)
    _, y, m = make_data(blocks, rng.normal(size=(N, 4)), Y).gather(slice(None))
    raw = torch.from_numpy(rng.normal(size=(N, 12))).float()
    objective = make_objective(blocks)
    found = objective.by_task(objective.column_losses(raw, y, m)).numpy()
    expected = []
    for task, k in enumerate(MIXED_CLASSES):
        seen = ~np.isnan(Y[:, task])
        r, t = raw.numpy()[seen][:, task_columns(blocks)[task]].astype(float), Y[seen, task]
        if k == 2:
            cells = np.log1p(np.exp(-(2 * t - 1) * r[:, 0]))
        elif k:
            cells = logsumexp(r, axis=1) - r[np.arange(len(r)), t.astype(int)]
        elif r.shape[1] == 2:
            cells = 0.5 * (r[:, 1] + (t - r[:, 0]) ** 2 / np.exp(r[:, 1]))
        else:
            cells = (r[:, 0] - t) ** 2
        expected.append(cells.mean())
    assert_allclose(found, expected, rtol=1e-5)


def test_recorded_losses_are_the_means_over_observed_labels(regression_missing):
    X, Y = regression_missing
    settings = {"preset": "mlp", "hidden_layer_sizes": (8,), "batch_size": len(X), "max_iter": 1, "random_state": 0}
    model = MultiTaskRegressor(tol=0, n_iter_no_change=1, **settings)
    with pytest.warns(UserWarning, match="converge"):
        model.fit(X, Y)
    first = {task: model.history_[f"train_loss__task_{task}"][0] for task in (0, 1)}
    with pytest.warns(UserWarning, match="converge"):  # as it was before its only step
        start = MultiTaskRegressor(tol=0, learning_rate_init=1e-30, **settings).fit(X, Y)
    Z = (start.predict(X) - Y) / np.nanstd(Y, axis=0)
    for task in (0, 1):
        assert_allclose(first[task], np.nanmean(Z[:, task] ** 2), rtol=1e-5)
    assert_allclose(model.history_["train_loss"][0], np.mean(list(first.values())), rtol=1e-6)


# Missing labels


def test_every_label_of_a_task_counts_alike_whatever_its_batch(rng):
    blocks = regression_blocks(3)
    Y = np.where(rng.random((53, 3)) < [0.1, 0.5, 0.9], np.nan, 1.0)
    data = make_data(blocks, np.zeros((53, 2)), Y)
    objective = make_objective(blocks)
    order = rng.permutation(53)
    shares, rows = np.zeros((53, 3)), iter(order)
    for _, (y, m) in Batches(data, 10, lambda: order):
        slope = slope_of(objective, torch.zeros(len(y), 3), y, m).numpy()
        shares[[next(rows) for _ in y]] = slope * len(y)
    for task in range(3):
        seen = ~np.isnan(Y[:, task])
        assert (shares[~seen, task] == 0).all()
        # of n rows, n_t have a label: each stands for n / n_t of them
        assert_allclose(shares[seen, task], -2.0 / 3 * 53 / seen.sum(), rtol=1e-6)


def test_a_batch_without_a_label_of_a_task_adds_exactly_zero(rng):
    blocks = mixed_blocks()
    Y = mixed_targets(rng, 20)
    Y[:10, [0, 3, 4]] = np.nan
    data = make_data(blocks, rng.normal(size=(20, 4)), Y)
    network = make_network(blocks)
    for weighting in (Equal(), Uncertainty(), DynamicWeightAverage()):
        objective = make_objective(blocks, weighting=weighting)
        gradients = gradients_of(network, objective, data, slice(0, 10))
        assert all(torch.isfinite(g).all() for g in gradients.values())
        for task, columns in task_columns(blocks).items():
            assert (gradients["heads.weight"][columns] == 0).all() == (task in (0, 3, 4))
            assert (gradients["heads.bias"][columns] == 0).all() == (task in (0, 3, 4))


def test_a_missing_label_is_the_same_whatever_it_hides(rng):
    blocks = mixed_blocks()
    X, Y = rng.normal(size=(N, 4)), mixed_targets(rng, N)
    objective, network = make_objective(blocks), make_network(blocks)
    expected, found = (gradients_of(network, objective, make_data(blocks, X, Y, fill=fill)) for fill in (0.0, 1.0))
    for name in expected:
        assert torch.equal(found[name], expected[name])


# Task weights


@pytest.mark.parametrize("task", range(6))
def test_doubling_a_weight_doubles_the_gradient_of_exactly_that_task(mixed_batch, task):
    blocks, data, raw = mixed_batch
    _, y, m = data.gather(slice(None))
    weights = np.array([0.3, 1.0, 1.7, 0.1, 5.0, 0.9])
    doubled = weights.copy()
    doubled[task] *= 2
    before, after = (slope_of(make_objective(blocks, w), raw, y, m) for w in (weights, doubled))
    factor = torch.ones(12)
    factor[task_columns(blocks)[task]] = 2.0
    assert torch.equal(after, before * factor)
    assert (before != 0).any(dim=0).all()

    network = make_network(blocks)
    before, after, alone = (
        gradients_of(network, make_objective(blocks, w), data) for w in (weights, doubled, doubled - weights)
    )
    assert torch.equal(after["heads.weight"], before["heads.weight"] * factor[:, None])
    for name in before:
        if name.startswith("trunk"):  # the mean is over the trained tasks: one of six here
            difference = after[name] - before[name]
            assert relative_error(difference, alone[name] / 6) < 1e-4


@pytest.mark.parametrize("weighting", [Equal(), Uncertainty(), DynamicWeightAverage()])
def test_weight_zero_is_training_without_the_column(rng, weighting):
    X, Y = rng.normal(size=(N, 4)), mixed_targets(rng, N)
    blocks = mixed_blocks()
    network = make_network(blocks)
    all_weights = np.array([1.0, 2.0, 0.0, 0.5, 0.0, 3.0])
    kept = np.flatnonzero(all_weights)
    gradients = gradients_of(network, make_objective(blocks, all_weights, weighting), make_data(blocks, X, Y))

    few = make_blocks([MIXED_LOSSES[t] for t in kept], [MIXED_CLASSES[t] for t in kept])
    small = make_network(few)
    small.trunk.load_state_dict(network.trunk.state_dict())
    mine = task_columns(blocks)
    with torch.no_grad():
        for new, old in enumerate(kept):
            small.heads.weight[task_columns(few)[new]] = network.heads.weight[mine[old]]
            small.heads.bias[task_columns(few)[new]] = network.heads.bias[mine[old]]
    fresh = make_objective(few, all_weights[kept], copy.deepcopy(weighting))
    expected = gradients_of(small, fresh, make_data(few, X, Y[:, kept]))
    for name in expected:
        if name.startswith("trunk"):
            assert relative_error(gradients[name], expected[name]) < 1e-6
    for new, old in enumerate(kept):
        assert_allclose(
            gradients["heads.weight"][mine[old]], expected["heads.weight"][task_columns(few)[new]], rtol=1e-4, atol=1e-7
        )
    for left_out in (2, 4):
        assert (gradients["heads.weight"][mine[left_out]] == 0).all()


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "lbfgs"])
@pytest.mark.parametrize("heads", [(), (4,)])
@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_a_task_of_weight_zero_is_still_predicted(regression, solver, heads):
    X, Y = regression
    Y = np.column_stack([Y, Y[:, 0]])
    model = MultiTaskRegressor(
        preset="mlp",
        hidden_layer_sizes=(8,),
        solver=solver,
        head_hidden_layer_sizes=heads,
        task_weights=[1, 0, 2],
        max_iter=5,
        random_state=0,
    ).fit(X, Y)
    predicted = model.predict(X)
    assert predicted.shape == (120, 3)
    assert_allclose(predicted[:, 1], Y[:, 1].mean())
    assert np.ptp(predicted[:, 1]) == 0 and np.ptp(predicted[:, 0]) > 0
    assert model.history_["weight__task_1"].tolist() == [0.0] * model.n_iter_


def test_the_objective_is_the_mean_over_the_trained_tasks_of_weight_times_loss(mixed_batch):
    blocks, data, raw = mixed_batch
    _, y, m = data.gather(slice(None))
    weights = np.array([1.0, 2.0, 0.0, 0.5, 0.0, 3.0])
    objective = make_objective(blocks, weights)
    losses = objective.by_task(objective.column_losses(raw, y, m)).numpy()
    assert_allclose(objective(raw, (y, m)).item(), (weights * losses).sum() / 4, rtol=1e-6)
    slope_of(objective, raw, y, m)
    assert_allclose(objective.task_weights().numpy(), weights)
    trained = objective.trained(objective.column_losses(raw, y, m)).numpy()
    assert_array_equal(trained, losses[weights > 0])


@pytest.mark.parametrize("weighting", [Equal(), Uncertainty(0.5), DynamicWeightAverage()])
def test_the_order_of_the_columns_makes_no_difference(rng, weighting):
    X, Y, raw = rng.normal(size=(N, 4)), mixed_targets(rng, N), rng.normal(size=(N, 12))
    weights = np.array([1.0, 2.0, 0.0, 0.5, 1.5, 3.0])
    given = task_columns(mixed_blocks())

    def by_task(order):
        """Losses, slopes and weights of each task where the columns come in this order."""
        blocks = make_blocks([MIXED_LOSSES[t] for t in order], [MIXED_CLASSES[t] for t in order])
        _, y, m = make_data(blocks, X, Y[:, order]).gather(slice(None))
        objective = make_objective(blocks, weights[order], copy.deepcopy(weighting))
        columns = task_columns(blocks)
        R = torch.empty(N, 12)
        for position, task in enumerate(order):
            R[:, columns[position]] = torch.from_numpy(raw[:, given[task]]).float()
        if isinstance(weighting, DynamicWeightAverage):
            for _ in range(2):
                slope_of(objective, R, y, m)
                objective.on_epoch_end(objective.column_losses(R, y, m))
        slope = slope_of(objective, R, y, m)
        losses, now = objective.by_task(objective.column_losses(R, y, m)), objective.task_weights()
        return {t: (losses[p], now[p], slope[:, columns[p]]) for p, t in enumerate(order)}

    expected = by_task(list(range(6)))
    for order in ([5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 4, 3]):
        found = by_task(order)
        for task in range(6):
            for a, b in zip(found[task], expected[task], strict=True):
                torch.testing.assert_close(a, b)


# Label weights


def test_a_row_of_weight_two_is_the_row_twice(rng):
    blocks = mixed_blocks()
    X, Y = rng.normal(size=(N, 4)), mixed_targets(rng, N)
    counts = rng.integers(0, 4, N)
    objective, network = make_objective(blocks), make_network(blocks)
    weighted = gradients_of(network, objective, make_data(blocks, X, Y, counts[:, None].astype(float)))
    repeated = gradients_of(network, objective, make_data(blocks, X.repeat(counts, 0), Y.repeat(counts, 0)))
    for name in repeated:
        assert relative_error(weighted[name], repeated[name]) < 1e-5


def test_a_label_of_weight_two_is_the_label_twice(rng):
    blocks = mixed_blocks()
    X, Y = rng.normal(size=(N, 4)), mixed_targets(rng, N)
    counts = rng.integers(0, 4, Y.shape)
    objective, network = make_objective(blocks), make_network(blocks)
    weighted = gradients_of(network, objective, make_data(blocks, X, Y, counts.astype(float)))
    copies = [np.where(counts > i, Y, np.nan) for i in range(3)]
    repeated = gradients_of(network, objective, make_data(blocks, np.tile(X, (3, 1)), np.vstack(copies)))
    for name in repeated:
        assert relative_error(weighted[name], repeated[name]) < 1e-5


def test_only_the_ratio_of_the_label_weights_matters(rng):
    blocks = mixed_blocks()
    X, Y, weights = rng.normal(size=(N, 4)), mixed_targets(rng, N), rng.uniform(0.5, 2, (N, 6))
    objective, network = make_objective(blocks), make_network(blocks)
    one, other, none, ones = (
        gradients_of(network, objective, make_data(blocks, X, Y, w))
        for w in (weights, weights * 8, None, np.ones((N, 1)))
    )
    for name in one:
        assert relative_error(one[name], other[name]) < 1e-5
        assert relative_error(none[name], ones[name]) < 1e-6
        assert relative_error(one[name], none[name]) > 1e-3


# State


def test_weights_follow_a_weighting_that_moves_from_epoch_to_epoch(rng):
    blocks = regression_blocks(2)
    objective = make_objective(blocks, weighting=DynamicWeightAverage())
    raw, y = torch.ones(4, 2), torch.zeros(4, 2)
    assert_allclose(slope_of(objective, raw, y, None).numpy(), np.full((4, 2), 2 / 4 / 2))
    for losses in ([1.0, 1.0], [0.5, 1.0]):
        objective.on_epoch_end(torch.tensor(losses))
    share = np.exp([0.25, 0.5]) / np.exp([0.25, 0.5]).sum()
    assert_allclose(slope_of(objective, raw, y, None)[0].numpy(), share * 2 / 4, rtol=1e-6)
    assert_allclose(objective.task_weights().numpy(), share * 2, rtol=1e-6)


def test_a_copy_has_the_progress_and_the_weights(rng):
    blocks = regression_blocks(2)
    objective = make_objective(blocks, [1.0, 2.0], Uncertainty(0.3))
    objective.progress["best_loss"] = 0.5
    raw, y = torch.ones(4, 2), torch.zeros(4, 2)
    expected = slope_of(objective, raw, y, None)
    for other in (copy.deepcopy(objective), pickle.loads(pickle.dumps(objective))):
        assert torch.equal(slope_of(other, raw, y, None), expected)
        other.progress["best_loss"] = 0.1
        assert objective.progress == {"best_loss": 0.5}
    fresh = make_objective(blocks, [1.0, 2.0], Uncertainty())
    fresh.load_state_dict(objective.state_dict())
    assert torch.equal(slope_of(fresh, raw, y, None), expected)
    assert fresh.progress == {"best_loss": 0.5}
    objective.load_state_dict(objective.state_dict())
    assert objective.progress == {"best_loss": 0.5}
