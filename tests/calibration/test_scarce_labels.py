"""Calibration on sparse labels, and of tasks that have none, or none to train on."""

import numpy as np
import pytest
import scipy.sparse as sp
from calibration._fakes import Oracle
from numpy.testing import assert_array_equal, assert_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, TimeSeriesSplit

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskConformal, MultiTaskEstimator, MultiTaskRegressor
from skmtl.calibration import TemperatureScaling

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:confidence_level=0.. takes at least"),
]

nan = np.nan
PAIR = (Ridge(), LogisticRegression())
NET = {"solver": "lbfgs", "hidden_layer_sizes": (4,), "max_iter": 15, "alpha": 0.1, "random_state": 0}
METHODS = ["cross", "cv+", "split"]

rng = np.random.default_rng(0)
N = 90
X = rng.normal(size=(N, 4))
MIXED = X @ rng.normal(size=(4, 4)) + 0.3 * rng.normal(size=(N, 4)) + 5
MIXED[:, [1, 3]] = np.digitize(MIXED[:, [1, 3]], [4.0, 6.0])
MIXED[rng.random((N, 4)) < 0.3] = nan
EMPTY = MIXED.copy()
EMPTY[:, 1] = nan
KEPT = [0, 2, 3]
LABEL_WEIGHTS = rng.uniform(0.2, 3, (N, 4))
LABEL_WEIGHTS[8:20] = 0
SKIPS = r"no observed label in column\(s\) \['task_1'\].*on_empty_task='skip' leaves them out"


def sparse(Y):
    """Y with what is not NaN stored, zeros too."""
    seen = np.nonzero(~np.isnan(Y))
    return sp.csr_array(sp.coo_array((Y[seen], seen), shape=Y.shape))


def conformal(estimator, **parameters):
    return MultiTaskConformal(estimator, **{"random_state": 0, **parameters})


def scaling(estimator, **parameters):
    return TemperatureScaling(estimator, **{"random_state": 0, **parameters})


def same(first, second):
    """Two calibrated estimators predict the same, and were calibrated on the same."""
    assert_array_equal(first.predict(X), second.predict(X))
    assert_equal(first.predict_proba(X), second.predict_proba(X))
    if isinstance(first, MultiTaskConformal):
        assert_array_equal(first.predict_interval(X), second.predict_interval(X))
        assert_equal(first.predict_set(X), second.predict_set(X))
        assert_equal(first.conformity_scores_, second.conformity_scores_)
        assert_equal(first.coverage(X, MIXED), second.coverage(X, sparse(MIXED)))
    else:
        assert_equal(first.temperatures_, second.temperatures_)
        assert_equal(first.held_out_loss_, second.held_out_loss_)


# Sparse labels


@pytest.mark.parametrize("weights", [None, np.arange(N) % 4, LABEL_WEIGHTS], ids=["plain", "rows", "labels"])
@pytest.mark.parametrize(
    "estimator",
    [PAIR, MultiTaskEstimator(**NET), MultiTaskBlend([("linear", PAIR)], cv=2, random_state=0)],
    ids=["pair", "ours", "blend"],
)
def test_a_calibration_is_the_same_to_the_last_bit(estimator, weights):
    tasks = ["regression", "classification"] * 2
    for kind in (conformal, scaling):
        model = kind(estimator, cv=2, tasks=tasks)
        dense = kind(estimator, cv=2, tasks=tasks).fit(X, MIXED, weights)
        same(dense, model.fit(X, sparse(MIXED), weights))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_sparse_labels(method):
    models = [conformal(PAIR, method=method, by_class=True).fit(X, form(MIXED)) for form in (np.asarray, sparse)]
    same(*models)


def test_out_of_fold_predictions_of_the_estimator():
    net = MultiTaskEstimator(n_members=2, max_iter=3, random_state=0)
    same(*(conformal(net).fit(X, form(MIXED)) for form in (np.asarray, sparse)))


def test_a_frozen_estimator_is_calibrated_on_sparse_labels():
    frozen = FrozenEstimator(MultiTaskEstimator(**NET).fit(X[:40], MIXED[:40]))
    same(*(conformal(frozen).fit(X[40:], form(MIXED[40:])) for form in (np.asarray, sparse)))


def test_no_member_that_takes_a_table_gets_a_sparse_one():
    Y = MIXED[:, [0, 2]]
    models = [conformal(Oracle()).fit(X, form(Y)) for form in (np.asarray, sparse)]
    assert_equal(*(model.conformity_scores_ for model in models))


# Tasks without a label


def skipping(**parameters):
    return MultiTaskEstimator(**NET, on_empty_task="skip", **parameters)


def fit_with_warning(model, Y, match=SKIPS):
    with pytest.warns(UserWarning, match=match) as caught:
        model.fit(X, Y)
    said = [w for w in caught if not issubclass(w.category, ConvergenceWarning) and "takes at least" not in str(w)]
    assert len(said) == 1
    return model


def test_what_to_do_is_up_to_the_estimator():
    for estimator, match in [(PAIR, r"no observed label.*\['task_1'\]"), (MultiTaskEstimator(**NET), "on_empty_task")]:
        for kind in (conformal, scaling):
            with pytest.raises(ValueError, match=match):
                kind(estimator, tasks=["regression", "classification"] * 2).fit(X, EMPTY)


@pytest.mark.parametrize("form", [np.asarray, sparse], ids=["dense", "sparse"])
@pytest.mark.parametrize("method", METHODS)
def test_the_others_are_calibrated_as_if_it_were_not_there(method, form):
    model = fit_with_warning(conformal(skipping(), method=method), form(EMPTY))
    alone = conformal(MultiTaskEstimator(**NET), method=method).fit(X, EMPTY[:, KEPT])
    assert model.skipped_tasks_ == ["task_1"]
    assert model.n_outputs_ == 4
    assert list(model.tasks_) == list(model.n_calibration_) == ["task_0", "task_2", "task_3"]
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))
    assert np.isnan(model.predict(X)[:, 1]).all()
    intervals = model.predict_interval(X)
    assert intervals.shape == (N, 4, 2)
    assert_array_equal(intervals[:, KEPT], alone.predict_interval(X))
    assert np.isnan(intervals[:, 1]).all()
    sets = model.predict_set(X)
    assert [s is None for s in sets] == [True, True, True, False]
    assert_array_equal(sets[3], alone.predict_set(X)[2])
    assert [p is None for p in model.predict_proba(X)] == [c is None for c in model.classes_] == [True] * 3 + [False]
    coverage = model.coverage(X, form(MIXED))
    assert_equal(list(coverage), [f"task_{t}" for t in range(4)])
    assert np.isnan(coverage["task_1"])
    assert_equal([coverage[f"task_{t}"] for t in KEPT], list(alone.coverage(X, MIXED[:, KEPT]).values()))


def test_a_temperature_of_the_others():
    model = fit_with_warning(scaling(skipping(), cv=2), EMPTY)
    alone = scaling(MultiTaskEstimator(**NET), cv=2).fit(X, EMPTY[:, KEPT])
    assert list(model.temperatures_) == ["task_3"]
    assert_array_equal(model.predict_proba(X)[3], alone.predict_proba(X)[2])
    assert model.predict_proba(X)[1] is None
    assert np.isnan(model.score_tasks(X, MIXED)["task_1"])


@pytest.mark.parametrize(
    "estimator",
    [
        MultiTaskBlend([("linear", PAIR)], cv=2, random_state=0, on_empty_task="skip"),
        (MultiTaskRegressor(**NET, on_empty_task="skip"), MultiTaskClassifier(**NET)),
        skipping(task_weights=[1, 5, 2, 3]),
        skipping(task_weights={"task_1": 5, "task_2": 2}),
    ],
    ids=["blend", "pair", "list", "names"],
)
def test_whatever_skips_may_be_calibrated(estimator):
    model = fit_with_warning(conformal(estimator, cv=2), EMPTY)
    assert_array_equal(np.isnan(model.predict(X)).any(axis=0), [False, True, False, False])


@pytest.mark.parametrize("form", [np.asarray, sparse], ids=["dense", "sparse"])
@pytest.mark.parametrize("score", ["absolute", "normalized"])
def test_a_frozen_estimator_that_has_skipped_a_task_goes_on_to(score, form):
    Y = EMPTY[:, [0, 1, 2]]
    net = MultiTaskRegressor(**NET, on_empty_task="skip", loss="gaussian_nll")
    with pytest.warns(UserWarning, match=SKIPS):
        net.fit(X[:40], Y[:40])
    later = MIXED[40:, [0, 1, 2]]  # with labels of the task that was skipped
    model = conformal(FrozenEstimator(net), interval_score=score).fit(X[40:], form(later))
    assert model.skipped_tasks_ == ["task_1"]
    assert_array_equal(model.predict(X), net.predict(X))
    intervals = model.predict_interval(X)
    assert_array_equal(np.isnan(intervals).any(axis=(0, 2)), [False, True, False])
    assert list(model.n_calibration_.values()) == np.isfinite(later[:, [0, 2]]).sum(axis=0).tolist()


def test_classes_of_a_frozen_estimator_keep_their_places():
    with pytest.warns(UserWarning, match=SKIPS):
        net = skipping().fit(X[:40], EMPTY[:40])
    words = MIXED[40:].astype(object)
    words[:, 1] = np.where(np.isnan(MIXED[40:, 1]), None, "text that it never saw")
    with pytest.warns(UserWarning, match=r"one class only in column\(s\) \['task_1'\]"):
        model = scaling(FrozenEstimator(net)).fit(X[40:], words)
    assert [c is None for c in model.classes_] == [True, True, True, False]
    assert_array_equal(model.predict(X)[:, 3].astype(float), net.predict(X)[:, 3])


# None to train on


@pytest.mark.parametrize("method", ["cv+", "split"])
def test_a_task_that_the_folds_leave_nothing_to_learn_of(method):
    Y = MIXED[:, :3].copy()
    Y[:, 0] = nan
    Y[3, 0] = 1.5
    others = np.delete(np.arange(N), 3)
    cv = [(others, np.array([3]))] if method == "split" else 3
    with pytest.raises(ValueError, match=r"\['task_0'\], or those of one class only\. Use method='cross'"):
        conformal(MultiTaskEstimator(**NET), method=method, cv=cv).fit(X, Y)
    model = conformal(skipping(), method=method, cv=cv)
    match = r"trains on have no label of task\(s\) \['task_0'\].*on_empty_task='skip' leaves them out.*method='cross'"
    assert fit_with_warning(model, Y, match).skipped_tasks_ == ["task_0"]
    assert_array_equal(np.isnan(model.predict(X)).any(axis=0), [True, False, False])
    assert conformal(skipping()).fit(X, Y).skipped_tasks_ == []


def test_few_labels_of_many_tasks():
    random = np.random.default_rng(1)
    Y = np.full((N, 40), nan)
    for task in range(40):
        rows = random.choice(N, 0 if task == 7 else 2 + task % 5, replace=False)
        Y[rows, task] = X[rows, task % 4] + 0.1 * random.normal(size=len(rows))
    for method in METHODS:
        models = []
        for form in (np.asarray, sparse):
            with pytest.warns(UserWarning, match=r"\['task_7'\]"):
                models.append(
                    conformal(skipping(tasks="regression"), method=method, confidence_level=0.5).fit(X, form(Y))
                )
        assert_array_equal(models[0].predict_interval(X), models[1].predict_interval(X))
        assert "task_7" in models[0].skipped_tasks_
        if method == "cross":
            assert models[0].skipped_tasks_ == ["task_7"]
            assert np.isfinite(models[0].predict_interval(X)[:, 3]).all()


def test_folds_in_time_calibrate_on_what_they_test():
    Y = X[:, :2] + 0.1 * X[:, 2:]
    first = len(next(TimeSeriesSplit(4).split(X))[0])
    for method in ("cross", "cv+"):
        model = conformal(Ridge(), method=method, cv=TimeSeriesSplit(4)).fit(X, Y)
        assert set(model.n_calibration_.values()) == {N - first}


@pytest.mark.parametrize("method", METHODS)
def test_groups_without_groups_are_an_error_that_says_how(method):
    with pytest.raises(ValueError, match=r"cv parameter of MultiTaskConformal, GroupKFold.*cv=list\(GroupKFold\(5\)"):
        conformal(PAIR, method=method, cv=GroupKFold(3)).fit(X, MIXED)
