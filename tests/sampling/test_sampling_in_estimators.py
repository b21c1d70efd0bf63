"""Sampling in an estimator: what is drawn changes, what a task weighs does not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl._batches import Batches, Data
from skmtl.sampling import SAMPLINGS, RowSampling, Sampling, SqrtSampling, TaskSampling

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


class Rarely(Sampling):
    """As a user would write it: the first half of the rows a third as often, whatever labels they have."""

    def probabilities(self, observed):
        return np.where(np.arange(len(observed)) < len(observed) // 2, 1.0, 3.0)


def schools(rng, n=600, n_tasks=20):
    """Each row has the label of one task; some tasks have many more rows than others."""
    sizes = np.geomspace(1, 30, n_tasks)
    task = rng.choice(n_tasks, n, p=sizes / sizes.sum())
    task[: 2 * n_tasks] = np.repeat(np.arange(n_tasks), 2)
    X = rng.normal(size=(n, 4))
    Y = np.full((n, n_tasks), np.nan)
    Y[np.arange(n), task] = X @ [1.0, -1.0, 0.5, 0.0] + 0.1 * task + 0.1 * rng.normal(size=n)
    return X, Y


def walk(X, Y, sampling, epochs):
    """Mean of the label weights of every cell over some epochs, and how often each row was drawn."""
    data = Data(X, Y.astype(np.float32), fill=np.zeros(Y.shape[1], dtype=np.float32))
    data.importance = sampling.initialize(data.labelled).factor
    total, drawn = np.zeros(Y.shape), np.zeros(len(Y))
    for seed in range(epochs):
        order = sampling.order(seed)
        drawn += np.bincount(order, minlength=len(Y))
        start = 0
        for _, (y, m) in Batches(data, 32, lambda o=order: o):
            rows, start = order[start : start + len(y)], start + len(y)
            np.add.at(total, rows, 1.0 if m is None else m.numpy())
    return total / epochs / len(Y), drawn / epochs


@pytest.mark.parametrize("sampling", [*(make() for make in SAMPLINGS.values()), TaskSampling(0.3), Rarely()], ids=repr)
def test_each_label_weighs_the_same_in_expectation(rng, sampling):
    X, Y = rng.normal(size=(80, 3)), rng.normal(size=(80, 3))
    Y[rng.random(Y.shape) < [0.2, 0.6, 0.9]] = np.nan
    Y[:2] = 1.0
    weights, drawn = walk(X, Y, clone(sampling), epochs=4000)
    observed = ~np.isnan(Y)
    if not isinstance(sampling, RowSampling | Rarely):
        # Rows without any label are not drawn, and those of rare tasks most.
        assert not drawn[~observed.any(axis=1)].any()
        assert drawn[observed[:, 2]].mean() > 1.5 * drawn[~observed[:, 2]].mean()
    expected = np.where(observed, 1 / observed.sum(axis=0), 0.0)
    assert_allclose(weights, expected, rtol=0.2, atol=1e-4)
    assert_allclose(weights.sum(axis=0), 1.0, rtol=0.02)


def test_an_own_sampling_works_where_nothing_is_missing(rng):
    X, Y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    weights, drawn = walk(X, Y, Rarely(), epochs=500)
    assert_allclose(drawn, np.repeat([0.5, 1.5], 20), rtol=0.2)
    assert_allclose(weights, 1 / 40, rtol=0.2)
    model = MultiTaskRegressor(sampling=Rarely(), **settings(max_iter=3)).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


def settings(**parameters):
    quick = {"preset": "mlp", "hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "max_iter": 30}
    return quick | {"random_state": 0} | parameters


@pytest.mark.parametrize("name", SAMPLINGS)
def test_a_name_and_an_instance_are_the_same_and_reproducible(rng, name):
    X, Y = schools(rng)
    first, again = (MultiTaskRegressor(sampling=name, **settings()).fit(X, Y) for _ in range(2))
    given = SAMPLINGS[name]()
    instance = MultiTaskRegressor(sampling=given, **settings()).fit(X, Y)
    for other in (again, instance):
        assert_array_equal(first.predict(X), other.predict(X))
    assert not hasattr(given, "n_rows")


def test_rows_are_drawn_in_the_order_that_they_always_were(rng):
    X, Y = schools(rng)
    plain = MultiTaskRegressor(**settings()).fit(X, Y)
    assert_array_equal(plain.predict(X), MultiTaskRegressor(sampling="rows", **settings()).fit(X, Y).predict(X))
    full = np.nan_to_num(Y)
    plain = MultiTaskRegressor(**settings()).fit(X, full)
    for name in SAMPLINGS:  # where all is observed, there is nothing to choose
        assert_array_equal(plain.predict(X), MultiTaskRegressor(sampling=name, **settings()).fit(X, full).predict(X))


@pytest.mark.parametrize(
    "more", [{"early_stopping": True}, {"task_weights": [0.0] * 2 + [1.0] * 18}, {"solver": "sgd"}]
)
@pytest.mark.parametrize("name", ["tasks", "sqrt"])
def test_sampling_goes_with_all_else(rng, more, name):
    X, Y = schools(rng)
    weights = rng.random(Y.shape)
    model = MultiTaskRegressor(sampling=name, **settings(**more)).fit(X, Y, sample_weight=weights)
    assert np.nanmean(list(model.score_tasks(X, Y).values())[2:]) > 0.3
    model.set_params(early_stopping=False).partial_fit(X[:100], Y[:100])
    codes = np.where(np.isnan(Y[:, 15:]), np.nan, Y[:, 15:] > 0)
    assert MultiTaskClassifier(sampling=name, **settings()).fit(X, codes).score(X, codes) > 0.8


def test_tasks_of_weight_zero_are_not_drawn_for(rng):
    X, Y = schools(rng, n_tasks=3)
    model = MultiTaskRegressor(sampling="tasks", task_weights=[0, 1, 1], **settings()).fit(X, Y)
    sampling = model.net_.sampling
    drawn = np.bincount(sampling.order(0), minlength=len(Y))
    assert not drawn[~np.isnan(Y[:, 0])].any()
    for task in (1, 2):
        assert abs(drawn[~np.isnan(Y[:, task])].sum() - len(Y) / 2) <= 1


def test_sampling_can_be_searched(rng):
    X, Y = schools(rng, n_tasks=3)
    model = MultiTaskRegressor(sampling=TaskSampling(), **settings(max_iter=5))
    search = GridSearchCV(model, {"sampling": ["rows", "tasks", SqrtSampling()]}, cv=2).fit(X, Y)
    assert len(search.cv_results_["params"]) == 3
    search = GridSearchCV(model, {"sampling__power": [0.0, 1.0]}, cv=2).fit(X, Y)
    assert search.best_params_["sampling__power"] in (0.0, 1.0)


def test_the_rare_task_is_in_more_batches(rng):
    X = rng.normal(size=(2000, 3))
    Y = np.column_stack([X[:, 0], X[:, 1]])
    Y[20:, 1] = np.nan
    seen = {}
    for name in ("rows", "tasks"):
        data = Data(X, Y.astype(np.float32), fill=np.zeros(2, dtype=np.float32))
        sampling = SAMPLINGS[name]().initialize(data.labelled)
        data.importance = sampling.factor
        batches = Batches(data, 50, lambda s=sampling: s.order(0))
        seen[name] = np.mean([bool((m[:, 1] > 0).any()) for _, (_, m) in batches])
    assert seen["rows"] < 0.5 < 0.95 < seen["tasks"]
