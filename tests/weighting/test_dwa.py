"""Dynamic weight average: the formula of Liu et al. by hand."""

import numpy as np
import pytest
import torch
from _libmtl import LibMTLProblem
from numpy.testing import assert_allclose

from skmtl import MultiTaskRegressor
from skmtl.weighting import DynamicWeightAverage

EPOCHS = np.array([[4.0, 1.0, 2.0], [2.0, 1.0, 1.8], [1.0, 0.9, 1.9], [0.9, 0.9, 0.5]])


def by_hand(epochs, temperature):
    """Weights in the epoch after these, as shares of one."""
    if len(epochs) < 2:
        return np.full(epochs.shape[1], 1 / epochs.shape[1])
    powers = np.exp(epochs[-1] / epochs[-2] / temperature)
    return powers / powers.sum()


@pytest.mark.parametrize("temperature", [0.5, 2.0, 50.0])
def test_weights_by_hand(temperature):
    weighting = DynamicWeightAverage(temperature).initialize(3)
    for epoch in range(5):
        assert_allclose(weighting.weights().numpy(), by_hand(EPOCHS[:epoch], temperature), rtol=1e-5)
        if epoch < 4:
            weighting.on_epoch_end(torch.from_numpy(EPOCHS[epoch]))


def test_the_scale_of_a_loss_makes_no_difference():
    weights = []
    for scale in ([1.0, 1.0, 1.0], [100.0, 1.0, 0.01]):
        weighting = DynamicWeightAverage().initialize(3)
        for row in EPOCHS:
            weighting.on_epoch_end(torch.tensor(row * scale))
        weights.append(weighting.weights().numpy())
    assert_allclose(weights[0], weights[1], rtol=1e-5)


def test_it_agrees_with_torchjd():
    scalarization = pytest.importorskip("torchjd.scalarization")
    theirs, ours = scalarization.DWA(0.7), DynamicWeightAverage(0.7).initialize(3)
    for row in EPOCHS:
        losses = torch.tensor(row, dtype=torch.float32, requires_grad=True)
        theirs(losses).backward()
        assert_allclose(3 * ours.weights().numpy(), losses.grad.numpy(), rtol=1e-5)
        theirs.step()
        ours.on_epoch_end(losses)


def test_it_agrees_with_libmtl():
    problem, ours = LibMTLProblem("DWA", 3, 4), DynamicWeightAverage(0.7).initialize(3)
    problem.weighting.train_loss_buffer = EPOCHS.T
    for epoch, row in enumerate(EPOCHS):
        problem.weighting.epoch = epoch
        reported, _ = problem.step(np.eye(3, 4), row, T=0.7)
        assert_allclose(3 * ours.weights().numpy(), reported, rtol=1e-5)
        ours.on_epoch_end(torch.from_numpy(row))


def test_a_task_without_a_loss_counts_as_neither_slow_nor_fast():
    weighting = DynamicWeightAverage().initialize(2)
    for _ in range(2):
        weighting.on_epoch_end(torch.tensor([1.0, torch.nan]))
    assert_allclose(weighting.weights().numpy(), [0.5, 0.5])


@pytest.mark.parametrize("temperature", [0, -1.0])
def test_the_temperature_must_be_positive(regression, temperature):
    with pytest.raises(
        ValueError, match=r"'temperature' parameter of DynamicWeightAverage must be a float in the range"
    ):
        MultiTaskRegressor(weighting=DynamicWeightAverage(temperature)).fit(*regression)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_the_history_of_a_fit_follows_the_formula(regression):
    X, Y = regression
    model = MultiTaskRegressor(
        preset="mlp",
        hidden_layer_sizes=(5,),
        weighting=DynamicWeightAverage(0.3),
        max_iter=6,
        batch_size=30,
        random_state=0,
    ).fit(X, Y)
    losses = np.column_stack([model.history_[f"train_loss__task_{t}"] for t in (0, 1)])
    shown = np.column_stack([model.history_[f"weight__task_{t}"] for t in (0, 1)])
    for epoch in range(6):
        assert_allclose(shown[epoch], 2 * by_hand(losses[:epoch], 0.3), rtol=1e-4)
    assert np.ptp(shown[2:], axis=0).min() > 0
