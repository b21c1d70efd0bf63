import pytest
import torch
from numpy.testing import assert_allclose

from skmtl import MultiTaskRegressor
from skmtl.weighting import Equal


@pytest.mark.parametrize("n_tasks", [1, 3, 7])
def test_every_task_has_one_share_of_the_mean(n_tasks):
    weighting = Equal().initialize(n_tasks)
    losses = torch.arange(1.0, n_tasks + 1)
    assert_allclose(weighting.weights(losses).numpy(), 1 / n_tasks)
    assert_allclose(weighting(losses).item(), losses.mean().item())


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_it_is_the_default(regression):
    X, Y = regression
    settings = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
    plain, named, instance = (
        MultiTaskRegressor(**settings, **more).fit(X, Y).predict(X)
        for more in ({}, {"weighting": "equal"}, {"weighting": Equal()})
    )
    assert (plain == named).all() and (plain == instance).all()
