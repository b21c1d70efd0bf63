"""Uncertainty weighting: the formula of Kendall et al. by hand."""

import numpy as np
import pytest
import torch
from _libmtl import LibMTLProblem
from numpy.testing import assert_allclose

from skmtl import MultiTaskRegressor
from skmtl.weighting import Equal, Uncertainty

LOSSES = torch.tensor([0.2, 1.0, 7.0])


def test_objective_weights_and_gradient_by_hand():
    weighting = Uncertainty().initialize(3)
    s = np.array([-1.0, 0.0, 2.0])
    with torch.no_grad():
        weighting.log_variances.copy_(torch.from_numpy(s))
    losses = LOSSES.numpy().astype(float)
    assert_allclose(weighting(LOSSES).item(), (0.5 * np.exp(-s) * losses + 0.5 * s).mean(), rtol=1e-6)
    assert_allclose(weighting.weights(LOSSES).numpy(), np.exp(-s) / 6, rtol=1e-6)
    assert_allclose(weighting.log_variances.grad.numpy(), (1 - np.exp(-s) * losses) / 6, rtol=1e-5, atol=1e-7)


def test_at_zero_log_variance_it_is_half_of_equal():
    equal, weighting = Equal().initialize(3), Uncertainty().initialize(3)
    assert_allclose(weighting.weights(LOSSES).numpy(), equal.weights().numpy() / 2)


def test_the_optimum_weighs_by_the_reciprocal_of_the_loss():
    weighting = Uncertainty(0.5).initialize(3)
    solver = torch.optim.SGD(weighting.parameters(), 1.0)
    for _ in range(500):
        weighting.weights(LOSSES)
        solver.step()
    assert_allclose(weighting.log_variances.detach().exp().numpy(), LOSSES.numpy(), rtol=1e-4)
    assert_allclose(weighting.weights(LOSSES).numpy(), 1 / (6 * LOSSES.numpy()), rtol=1e-4)


def test_it_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.scalarization")
    theirs, ours = aggregation.UW(3), Uncertainty(0.0).initialize(3)
    losses = LOSSES.clone().requires_grad_()
    theirs(losses).backward()
    found = ours.weights(LOSSES)
    # Up to a constant factor, which differs between implementations.
    assert_allclose((found / found.sum()).numpy(), (losses.grad / losses.grad.sum()).numpy(), rtol=1e-6)


def test_it_takes_libmtls_step():
    problem = LibMTLProblem("UW", 3, 4)
    gradients = np.random.default_rng(0).normal(size=(3, 4))
    weighting = Uncertainty(-0.5).initialize(3)  # where LibMTL starts
    for _ in range(3):
        reported, step = problem.step(gradients, LOSSES)
        found = 3 * weighting.weights(LOSSES).numpy()
        assert_allclose(found, reported, rtol=1e-5)
        assert_allclose(found @ gradients, step.numpy(), rtol=1e-4)
        theirs, ours = problem.weighting.loss_scale, weighting.log_variances
        assert_allclose(3 * ours.grad.numpy(), theirs.grad.numpy(), rtol=1e-4, atol=1e-6)
        with torch.no_grad():
            theirs.sub_(0.3 * theirs.grad)
            ours.sub_(0.9 * ours.grad)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_the_noisier_task_weighs_less_after_training(rng):
    X = rng.normal(size=(200, 4))
    Y = np.column_stack([X[:, 0], X[:, 0] + 3 * rng.normal(size=200)])
    model = MultiTaskRegressor(
        preset="mlp",
        hidden_layer_sizes=(10,),
        weighting="uncertainty",
        max_iter=150,
        tol=0,
        learning_rate_init=0.01,
        random_state=0,
    ).fit(X, Y)
    last = [model.history_[f"weight__task_{t}"][-1] for t in (0, 1)]
    assert last[0] > 1.5 * last[1] > 0
    s = model.net_.criterion_.weighting.log_variances.detach().numpy()
    # Shown are weights such that the objective is the mean of weight times loss.
    assert_allclose(last, np.exp(-s) / 2, rtol=0.05)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_only_trained_tasks_have_a_log_variance(regression):
    X, Y = regression
    Y = np.column_stack([Y, Y])
    model = MultiTaskRegressor(preset="mlp", weighting=Uncertainty(0.3), task_weights=[1, 0, 1, 0], max_iter=3)
    model.fit(X, Y)
    assert model.net_.criterion_.weighting.log_variances.shape == (2,)
