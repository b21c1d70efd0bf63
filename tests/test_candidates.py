"""Networks that are trained side by side: each is what it would have become alone."""

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._candidates import _Stack
from skmtl._net import DivergenceError

WEIGHTS = [None, [1.0, 2.0, 0.5], {"task_1": 0.2}, [1.0, 0.0, 1.0], [5.0, 1.0, 1.0]]
SHORT = {"preset": "mlp", "hidden_layer_sizes": (16,), "max_iter": 6, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def _data(n=90, d=4, gaps=0.0, seed=0):
    rng = np.random.RandomState(seed)
    X = rng.randn(n, d)
    Y = np.c_[X @ rng.randn(d, 2), np.abs(X[:, 0])] + 0.1 * rng.randn(n, 3)
    Y[rng.rand(*Y.shape) < gaps] = np.nan
    return X, Y


def _alone(estimator, X, Y, weights=WEIGHTS, **params):
    return [clone(estimator).set_params(task_weights=w).fit(X, Y, **params) for w in weights]


def _largest_difference(some, others, X):
    return max(np.abs(a.predict(X) - b.predict(X)).max() for a, b in zip(some, others, strict=True))


@pytest.mark.parametrize("gaps", [0.0, 0.3])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "adamw", "alpha": 0.1},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.05},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1, "max_iter": 20},
        {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 12},
        {"hidden_layer_sizes": (16, 8), "dropout": 0.3},
        {"hidden_layer_sizes": (), "max_iter": 10},
        {"shuffle": False, "batch_size": 32, "activation": "silu"},
        {"preset": "tabular", "n_members": 1, "max_iter": 12},
        {"early_stopping": True, "main_task": "task_0"},
    ],
    ids=lambda settings: " ".join(settings) or "default",
)
def test_each_is_what_fit_makes_of_it(settings, gaps):
    X, Y = _data(gaps=gaps)
    estimator = MultiTaskRegressor(**{**SHORT, **settings})
    together, alone = estimator.fit_candidates(X, Y, WEIGHTS), _alone(estimator, X, Y)
    assert _largest_difference(together, alone, X) < 2e-4
    assert [a.n_iter_ for a in together] == [b.n_iter_ for b in alone]


@pytest.mark.parametrize("kind", ["classes", "mixed"])
def test_classes_and_mixed_kinds(kind):
    X, Y = _data(gaps=0.1)
    labels = Y[:, 0] > 0
    Y[:, 0] = np.where(np.isnan(Y[:, 0]), np.nan, labels)
    if kind == "classes":
        Y[:, 1:] = np.where(np.isnan(Y[:, 1:]), np.nan, np.digitize(Y[:, 1:], [-0.5, 0.5]))
        estimator = MultiTaskClassifier(**SHORT)
    else:
        estimator = MultiTaskEstimator(tasks=["classification", "regression", "regression"], **SHORT)
    for a, b in zip(estimator.fit_candidates(X, Y, WEIGHTS), _alone(estimator, X, Y), strict=True):
        for mine, other in zip(a.predict_proba(X), b.predict_proba(X), strict=True):
            assert (mine is None and other is None) or np.allclose(mine, other, atol=1e-5)


def test_weights_of_rows_and_of_labels():
    X, Y = _data(gaps=0.2)
    estimator, rng = MultiTaskRegressor(**SHORT), np.random.RandomState(1)
    for weight in (rng.rand(len(X)), rng.rand(*Y.shape)):
        together = estimator.fit_candidates(X, Y, WEIGHTS, sample_weight=weight)
        assert _largest_difference(together, _alone(estimator, X, Y, sample_weight=weight), X) < 1e-4


def test_more_than_fit_a_stack(monkeypatch):
    monkeypatch.setattr("skmtl._candidates._STACKED", 3 * 16 * 90)
    X, Y = _data()
    sizes, init = [], _Stack.__init__
    monkeypatch.setattr(_Stack, "__init__", lambda self, some, *a: sizes.append(len(some)) or init(self, some, *a))
    estimator = MultiTaskRegressor(**SHORT)
    assert _largest_difference(estimator.fit_candidates(X, Y, WEIGHTS), _alone(estimator, X, Y), X) < 1e-4
    assert sizes == [3, 2]


def test_one_that_ended_leaves_the_others_as_they_are(monkeypatch):
    X, Y = _data()
    sizes, init = [], _Stack.__init__
    monkeypatch.setattr(_Stack, "__init__", lambda self, some, *a: sizes.append(len(some)) or init(self, some, *a))
    settings = SHORT | {"max_iter": 60, "tol": 0.02, "n_iter_no_change": 2, "learning_rate_init": 0.01}
    estimator = MultiTaskRegressor(**settings)
    weights = [None, [1.0, 1.0, 0.0], [0.1, 0.1, 0.1]]
    together, alone = estimator.fit_candidates(X, Y, weights), _alone(estimator, X, Y, weights)
    assert len({model.n_iter_ for model in together}) > 1
    assert len(sizes) > 1
    assert sizes == sorted(sizes, reverse=True)
    assert _largest_difference(together, alone, X) < 1e-4


def test_one_that_diverges_does_so_alone():
    X, Y = _data()
    estimator = MultiTaskRegressor(**SHORT | {"solver": "sgd", "learning_rate_init": 0.05, "alpha": 0.0})
    bad, good = estimator.fit_candidates(X, Y, [[1e30, 1.0, 1.0], [1.0, 1.0, 1.0]])
    assert isinstance(bad, DivergenceError)
    assert _largest_difference([good], _alone(estimator, X, Y, [[1.0, 1.0, 1.0]]), X) < 1e-5


def test_weights_that_cannot_be_are_the_error_of_their_own_candidate():
    X, Y = _data()
    fitted, typo, nothing = MultiTaskRegressor(**SHORT).fit_candidates(X, Y, [None, {"tsk_0": 1}, [0, 0, 0]])
    assert fitted.predict(X).shape == Y.shape
    assert "task_0" in str(typo)
    assert "all 0" in str(nothing)


def test_the_estimator_itself_stays_as_it_is():
    X, Y = _data()
    estimator = MultiTaskRegressor(**SHORT, task_weights=[1, 2, 3], verbose=True)
    state = torch.random.get_rng_state()
    fitted = estimator.fit_candidates(X, Y, WEIGHTS)
    assert vars(estimator) == vars(clone(estimator)) | vars(estimator)
    assert not hasattr(estimator, "net_")
    assert [model.get_params() for model in fitted] == [estimator.get_params() | {"task_weights": w} for w in WEIGHTS]
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_same_weights_are_the_same_network():
    X, Y = _data()
    estimator = MultiTaskRegressor(**SHORT)
    one, other, third = estimator.fit_candidates(X, Y, [None, [2.0, 1.0, 1.0], {"task_1": 1.0}])
    np.testing.assert_array_equal(one.predict(X), third.predict(X))
    assert _largest_difference([one], [other], X) > 0
    assert [model.task_weights for model in (one, third)] == [None, {"task_1": 1.0}]


class _OwnFit(MultiTaskRegressor):
    """Fits in its own way."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, -np.asarray(y), sample_weight)


def test_a_class_with_a_fit_of_its_own_is_fitted_by_it():
    X, Y = _data()
    assert _OwnFit(**SHORT).fit_candidates(X, Y, [None]) is None


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "lbfgs"},
        {"weighting": "uncertainty"},
        {"aggregator": "upgrad"},
        {"architecture": "mmoe"},
        {"head_hidden_layer_sizes": (4,)},
        {"n_members": 2, "early_stopping": True},
        {"sampling": "tasks"},
        {"callbacks": []},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_cannot_be_stacked_is_said(settings):
    X, Y = _data(n=40)
    found = MultiTaskRegressor(**SHORT | settings).fit_candidates(X, Y, [None, None])
    assert (found is None) == (settings != {"callbacks": []})
