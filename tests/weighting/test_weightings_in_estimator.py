"""Weightings at work: what the estimators show them, when, and what becomes of it."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskRegressor
from skmtl.weighting import FAMO, WEIGHTINGS, ExcessMTL, GradNorm, GroupDRO, MinMax, SmoothTchebycheff, Weighting

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
SETTINGS = {"preset": "mlp", "hidden_layer_sizes": (6,), "max_iter": 3, "random_state": 0}
SETTINGS |= {"tol": 0, "n_iter_no_change": 10**6}


class Recorder(Weighting):
    """Equal weights; notes what it is shown."""

    def initialize(self, n_tasks):
        self.shown, self.after, self.masks, self.more = [], [], [], []
        return super().initialize(n_tasks)

    def weights(self, losses, *more):
        self.shown.append(losses.clone())
        self.masks.append(torch.ones(self.n_tasks, dtype=torch.bool) if self.seen is None else self.seen.clone())
        self.more += [value.clone() for value in more]
        return torch.full_like(losses, 1 / self.n_tasks)

    def after_step(self, losses):
        self.after.append(losses.clone())


class AfterStep(Recorder):
    looks_after_step = True


class WithGramian(Recorder):
    needs_gramian = True


class WithJacobian(Recorder):
    needs_jacobian = True


class WithPreference(Recorder):
    takes_preference = True


def fit(data, weighting, **parameters):
    model = MultiTaskRegressor(weighting=weighting, **SETTINGS | parameters).fit(*data)
    return model, model.net_.criterion_.weighting


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_after_step_sees_the_losses_of_the_same_batch(regression, solver):
    """With a single batch an epoch they are those before the next step."""
    _, seen = fit(regression, AfterStep(), solver=solver, batch_size=120, shuffle=False, max_iter=5)
    assert len(seen.shown) == len(seen.after) == 5
    for after, later in zip(seen.after, seen.shown[1:], strict=False):
        torch.testing.assert_close(after, later)
    assert not torch.equal(seen.after[0], seen.shown[0])


def test_after_step_is_not_called_where_it_is_not_asked_for(regression):
    _, seen = fit(regression, Recorder())
    assert seen.shown and not seen.after


def test_losses_are_means_over_labels_and_tell_what_was_seen(regression, rng):
    X, Y = regression
    Y = Y[:, [0, 1, 0]].copy()
    Y[rng.random(120) < 0.95, 2] = np.nan
    Y[0, 2] = Y[0, 0]
    _, seen = fit((X, Y), AfterStep(), batch_size=10, shuffle=False, max_iter=2)
    masks = ~np.isnan(Y).reshape(12, 10, 3).all(1)
    assert not masks.all()
    assert_allclose(torch.stack(seen.masks).numpy(), np.tile(masks, (2, 1)))
    last = None
    for losses, after, mask in zip(seen.shown, seen.after, seen.masks, strict=True):
        if not mask[2]:
            assert losses[2] == after[2] == last
        else:
            last = losses[2].clone()
            assert after[2] != losses[2]


def test_gradients_are_shown_unweighted(regression):
    (_, first), (_, second) = (fit(regression, w(), max_iter=1, batch_size=120) for w in (WithGramian, WithJacobian))
    (gramian,), (jacobian,) = first.more, second.more
    assert gramian.shape == (2, 2) and jacobian.shape[0] == 2
    torch.testing.assert_close(gramian, jacobian @ jacobian.T, rtol=1e-4, atol=1e-8)
    _, weighted = fit(regression, WithGramian(), max_iter=1, batch_size=120, task_weights=[1, 5])
    torch.testing.assert_close(weighted.more[0], gramian)


def test_a_preference_is_told_and_not_multiplied_in(regression):
    model, told = fit(regression, WithPreference(), task_weights=[1, 3])
    assert_allclose(told.preference.numpy(), [0.5, 1.5])
    assert_allclose([model.history_[f"weight__task_{t}"][-1] for t in (0, 1)], [1, 1])
    model, told = fit(regression, Recorder(), task_weights=[1, 3])
    assert told.preference is None
    assert_allclose([model.history_[f"weight__task_{t}"][-1] for t in (0, 1)], [1, 3])


def test_tasks_that_are_not_trained_have_no_preference(regression):
    X, Y = regression
    _, told = fit((X, Y[:, [0, 1, 0]]), WithPreference(), task_weights=[1, 0, 3])
    assert_allclose(told.preference.numpy(), [0.5, 1.5])


def test_task_weights_are_the_preference_of_min_max(regression):
    model, _ = fit(regression, MinMax(), task_weights=[1, 1000])
    assert_allclose([model.history_[f"weight__task_{t}"][-1] for t in (0, 1)], [0, 2 * 2000 / 1001], rtol=1e-5)


STATEFUL = [
    FAMO(0.1),
    GroupDRO(0.1),
    GradNorm(),
    ExcessMTL(0.1, warmup_epochs=1),
    SmoothTchebycheff(warmup_epochs=2),
    *(make() for name, make in WEIGHTINGS.items() if name in ("uncertainty", "imtl_l", "dwa", "random")),
]


@pytest.mark.parametrize("weighting", STATEFUL, ids=repr)
def test_a_pickled_model_goes_on_as_the_original(regression_missing, weighting):
    X, Y = regression_missing
    model = MultiTaskRegressor(weighting=weighting, **SETTINGS)
    for _ in range(3):
        model.partial_fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    for one in (model, copy):
        for _ in range(3):
            one.partial_fit(X, Y)
    assert_allclose(copy.predict(X), model.predict(X), rtol=1e-6)
    states = [one.net_.criterion_.weighting.state_dict() for one in (model, copy)]
    for name, value in states[0].items():
        assert name == "_extra_state" or torch.equal(value, states[1][name]), name


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_result_follows_from_random_state_alone(regression_missing, name):
    X, Y = regression_missing
    first, _ = fit((X, Y), name)
    torch.manual_seed(3)
    torch.rand(7)
    second, _ = fit((X, Y), name)
    assert (first.predict(X) == second.predict(X)).all()
    for t in (0, 1):
        assert (first.history_[f"weight__task_{t}"] == second.history_[f"weight__task_{t}"]).all()


@pytest.mark.parametrize("weighting", STATEFUL, ids=repr)
@pytest.mark.parametrize("parameters", [{"early_stopping": True}, {"warm_start": True}], ids=str)
def test_state_is_kept_and_restored_with_the_network(regression_missing, weighting, parameters):
    X, Y = regression_missing
    model = MultiTaskRegressor(weighting=weighting, **SETTINGS | {"n_iter_no_change": 2} | parameters)
    for _ in range(2):
        model.fit(X, Y)
        assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_a_single_task_is_trained_under_every_weighting(regression, name):
    X, Y = regression
    model, _ = fit((X, Y[:, 0]), name, max_iter=30, learning_rate_init=0.05)
    assert model.score(X, Y[:, 0]) > 0.5


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_likelihoods_below_zero_do_no_more_than_distort_the_balance(rng, name):
    """With "sgd", whose steps are as long as the weights say, rules that divide by the loss diverge."""
    X = rng.normal(size=(200, 3))
    Y = np.column_stack([X[:, 0], X[:, 1] + 0.5 * rng.normal(size=200)])
    settings = {"loss": "gaussian_nll", "max_iter": 60, "learning_rate_init": 0.01}
    model, weighting = fit((X, Y), name, **settings)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite([model.history_[f"weight__task_{t}"] for t in (0, 1)]).all()
    assert all(torch.isfinite(p).all() for p in weighting.parameters())


def test_names_instances_and_their_parameters_in_a_grid(regression):
    X, Y = regression
    grid = [{"weighting": ["famo", "stch", GroupDRO(0.1)]}, {"weighting": [GradNorm()], "weighting__alpha": [0.1, 1.0]}]
    search = GridSearchCV(MultiTaskRegressor(**SETTINGS), grid, cv=2).fit(X, Y)
    assert len(search.cv_results_["mean_test_score"]) == 5
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
