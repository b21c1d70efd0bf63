"""Out-of-fold predictions and scores: what a loop over the folds gives, with y as it is."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn import model_selection
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import max_error
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.metrics import TaskMetric, make_task_scorer, score_by_task
from skmtl.model_selection import (
    CrossValidatedScores,
    MultiTaskKFold,
    cross_val_predict,
    cross_val_score_tasks,
)

nan = np.nan
QUICK = {"preset": "mlp", "hidden_layer_sizes": (6,), "solver": "lbfgs", "tol": 0.05, "random_state": 0}


def loop(estimator, X, y, cv):
    """Fitted estimators and rows of each fold."""
    take = lambda data, rows: data.iloc[rows] if hasattr(data, "iloc") else data[rows]
    for train, test in cv.split(X, y):
        yield estimator.fit(take(X, train), take(y, train)), take(X, test), test


@pytest.fixture
def words(rng):
    """X (60, 3) and two tasks as a frame: three words and a number of two, 20 % missing."""
    pd = pytest.importorskip("pandas")
    X = rng.normal(size=(60, 3))
    Y = pd.DataFrame({"word": rng.choice(["a", "b", "c"], 60), "flag": (X[:, 0] > 0).astype(float)})
    return X, Y.mask(rng.random(Y.shape) < 0.2, None)


def test_predictions_are_those_of_a_loop_over_the_folds(regression_missing):
    X, Y = regression_missing
    cv, model = MultiTaskKFold(3), MultiTaskRegressor(**QUICK)
    expected = np.empty_like(Y)
    for fitted, part, test in loop(model, X, Y, cv):
        expected[test] = fitted.predict(part)
    assert_array_equal(cross_val_predict(model, X, Y, cv=cv), expected)


def test_complete_labels_give_what_scikit_learn_gives(regression):
    X, Y = regression
    ours, theirs = (
        function(Ridge(), X, Y, cv=KFold(4)) for function in (cross_val_predict, model_selection.cross_val_predict)
    )
    assert_array_equal(ours, theirs)
    assert_array_equal(
        cross_val_predict(Ridge(), X, Y[:, 0]),
        model_selection.cross_val_predict(Ridge(), X, Y[:, 0], cv=MultiTaskKFold(5)),
    )


def test_probabilities_have_a_column_a_class_and_none_for_a_gap(words):
    X, Y = words
    cv, model = MultiTaskKFold(3), MultiTaskClassifier(**QUICK)
    found = cross_val_predict(model, X, Y, cv=cv, method="predict_proba")
    assert [p.shape for p in found] == [(60, 3), (60, 2)]
    for fitted, part, test in loop(model, X, Y, cv):
        for p, own in zip(found, fitted.predict_proba(part), strict=True):
            assert_array_equal(p[test], own)
    for log, p in zip(cross_val_predict(model, X, Y, cv=cv, method="predict_log_proba"), found, strict=True):
        assert_allclose(np.exp(log), p)


def test_a_mixed_y_reaches_fit_as_it_is(mixed):
    X, Y = mixed
    seen = []

    class Listens(MultiTaskEstimator):
        def fit(self, X, y):
            seen.append(y)
            return super().fit(X, y)

    found = cross_val_predict(Listens(**QUICK), X, Y, cv=2, method="predict_proba")
    kinds = MultiTaskEstimator(**QUICK).fit(X, Y).tasks_.values()
    assert [p is None for p in found] == [kind == "regression" for kind in kinds]
    for part in seen:
        assert part.equals(Y.loc[part.index])
    labels = cross_val_predict(MultiTaskEstimator(**QUICK), X, Y, cv=2)
    assert labels.shape == Y.shape and labels.dtype == object


def test_a_class_that_a_fold_does_not_know_has_probability_0(rng):
    X, Y = rng.normal(size=(12, 2)), np.array([[0, 0], [1, 1], [2, 0]] + [[0, 1], [1, 0], [1, 1]] * 3)
    cv = [(np.r_[3:12], np.r_[:3]), (np.r_[:6], np.r_[6:12]), (np.r_[:3, 6:12], np.r_[3:6])]
    found = cross_val_predict(RandomForestClassifier(3, random_state=0), X, Y, cv=cv, method="predict_proba")
    assert found[0].shape == (12, 3)
    assert (found[0][:3, 2] == 0).all()
    assert_allclose(found[0].sum(axis=1), 1)
    log = cross_val_predict(LogisticRegression(), X, Y[:, 0], cv=cv, method="predict_log_proba")
    assert (log[:3, 2] == -np.inf).all()


def test_a_task_that_a_fold_skips_is_nan_there(regression, rng):
    X, _ = regression
    X = X[:40]
    Y = (rng.random((40, 2)) < 0.5).astype(float)
    Y[:30, 1] = nan
    cv = [(np.r_[:20], np.r_[20:40]), (np.r_[20:40], np.r_[:20])]
    model = MultiTaskClassifier(on_empty_task="skip", **QUICK)
    with pytest.warns(UserWarning, match="on_empty_task='skip'"):
        found = cross_val_predict(model, X, Y, cv=cv, method="predict_proba")
    assert np.isnan(found[1][20:]).all() and np.isfinite(found[1][:20]).all()
    assert np.isfinite(found[0]).all()


def test_an_integer_is_so_many_folds_of_the_multi_task_splitter(words, regression_missing):
    X, Y = words
    model = MultiTaskClassifier(**QUICK)
    by_default = cross_val_predict(model, X, Y)
    assert_array_equal(by_default, cross_val_predict(model, X, Y, cv=MultiTaskKFold(5, tasks="classification")))
    X, Y = regression_missing
    whole = np.rint(Y)  # a regressor's whole numbers are balanced by range
    model = MultiTaskRegressor(**QUICK)
    expected = cross_val_predict(model, X, whole, cv=MultiTaskKFold(3, tasks="regression"))
    assert_array_equal(cross_val_predict(model, X, whole, cv=3), expected)


def test_the_folds_go_by_the_kinds_and_the_sentinel_of_the_estimator(mixed):
    X, Y = mixed
    kinds = {name: "regression" if dtype.kind == "f" else "classification" for name, dtype in Y.dtypes.items()}
    model = make_pipeline(StandardScaler(), MultiTaskEstimator(tasks=kinds, **QUICK))
    expected = cross_val_predict(model, X, Y, cv=MultiTaskKFold(3, tasks=kinds))
    assert_array_equal(cross_val_predict(model, X, Y, cv=3), expected)
    coded = np.where(np.arange(60) % 4 == 0, -1, np.arange(60) % 3)
    model = MultiTaskClassifier(missing_label=-1, **QUICK)
    expected = cross_val_predict(model, X[:60], coded, cv=MultiTaskKFold(3, missing_label=-1))
    assert_array_equal(cross_val_predict(model, X[:60], coded, cv=3), expected)


def test_searches_sparse_labels_and_groups_work(regression_missing):
    X, Y = regression_missing
    model = MultiTaskRegressor(**QUICK)
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    assert_allclose(cross_val_predict(model, X, sparse, cv=3), cross_val_predict(model, X, Y, cv=3))
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2)
    assert cross_val_predict(search, X, Y, cv=2).shape == Y.shape
    groups = np.arange(120) // 5
    expected = cross_val_predict(model, X, Y, cv=list(GroupKFold(3).split(X, Y, groups)))
    assert_array_equal(cross_val_predict(model, X, Y, groups=groups, cv=GroupKFold(3)), expected)
    held = [set(groups[test]) for _, test in MultiTaskKFold(3, tasks="regression").split(X, Y, groups)]
    scores = cross_val_score_tasks(model, X, Y, groups=groups, cv=3)
    assert len(scores.scores) == len(held) and not held[0] & held[1]


def test_weights_are_split_with_the_rows(regression, rng):
    X, Y = regression
    weights = rng.random(len(X))
    found = cross_val_predict(Ridge(), X, Y, cv=KFold(3), params={"sample_weight": weights})
    for train, test in KFold(3).split(X):
        assert_array_equal(found[test], Ridge().fit(X[train], Y[train], weights[train]).predict(X[test]))


def test_jobs_change_nothing(regression_missing):
    X, Y = regression_missing
    model = MultiTaskRegressor(**QUICK)
    one, two = (cross_val_predict(model, X, Y, cv=2, n_jobs=n) for n in (1, 2))
    assert_array_equal(one, two)
    assert not hasattr(model, "net_")


def test_test_sets_that_are_no_folds_are_refused(regression):
    X, Y = regression
    with pytest.raises(ValueError, match=r"needs each of the 120 rows in one test set; .* 60 rows, "):
        cross_val_predict(Ridge(), X, Y, cv=ShuffleSplit(5, test_size=12, random_state=0))


def test_a_method_that_there_is_not_is_named(regression):
    X, Y = regression
    with pytest.raises(AttributeError, match="predict_proba"):
        cross_val_predict(Ridge(), X, Y, method="predict_proba")


# Scores


def test_scores_are_those_of_a_loop_over_the_folds(regression_missing):
    pd = pytest.importorskip("pandas")
    X, Y = regression_missing
    Y = pd.DataFrame(Y, columns=["heat", "cold"])
    cv, model = MultiTaskKFold(3), MultiTaskRegressor(**QUICK)
    found = cross_val_score_tasks(model, X, Y, cv=cv)
    expected = [fitted.score_tasks(part, Y.iloc[test]) for fitted, part, test in loop(model, X, Y, cv)]
    pd.testing.assert_frame_equal(found.frame(), pd.DataFrame(expected).rename_axis(index="fold"))
    assert found.task_names == ["heat", "cold"]
    assert found.fit_times.shape == found.score_times.shape == (3,)
    assert (found.fit_times > 0).all()


@pytest.mark.parametrize(
    "scoring",
    ["neg_mae", TaskMetric(max_error), {"task_0": "r2", "task_1": "neg_mse"}, make_task_scorer("r2", "worst")],
    ids=["name", "metric", "by task", "scorer"],
)
def test_scoring_says_what_is_scored(scoring, regression):
    X, Y = regression
    metric = scoring.metric if hasattr(scoring, "metric") else scoring
    found = cross_val_score_tasks(Ridge(), X, Y, cv=KFold(2), scoring=scoring)
    for row, (train, test) in zip(found.scores, KFold(2).split(X), strict=True):
        predicted = Ridge().fit(X[train], Y[train]).predict(X[test])
        assert dict(zip(found.task_names, row, strict=True)) == score_by_task(Y[test], predicted, metric)


def test_a_scorer_of_ones_own_returns_a_dict(regression):
    X, Y = regression
    found = cross_val_score_tasks(Ridge(), X, Y, cv=2, scoring=lambda e, X, y: {"rows": len(X)})
    assert found.scores.tolist() == [[60.0], [60.0]]
    with pytest.raises(TypeError, match=r"scoring must return a dict by task name; .* returned 60"):
        cross_val_score_tasks(Ridge(), X, Y, cv=2, scoring=lambda e, X, y: len(X))


def test_a_result_has_mean_and_deviation_of_what_there_is():
    scores = CrossValidatedScores([{"a": 1.0, "b": 0.5}, {"a": 3.0, "b": nan}, {"a": 5.0}], [1, 2, 3], [0, 0, 0])
    assert scores.mean == {"a": 3.0, "b": 0.5}
    assert scores.std["a"] == 2.0
    assert np.isnan(scores.std["b"])
    assert repr(scores).splitlines() == [
        "          mean       std  folds",
        "a            3         2      3",
        "b          0.5       nan      1",
        "mean     2.917     2.126",
    ]


class Interrupts(RegressorMixin, BaseEstimator):
    """Is interrupted in the fit to a certain number of rows."""

    def __init__(self, rows, how=KeyboardInterrupt):
        self.rows, self.how = rows, how

    def fit(self, X, y):
        if len(X) == self.rows:
            if self.how == "warning":
                import warnings

                warnings.warn("Training interrupted by user; the network is kept as it is.", UserWarning, stacklevel=2)
            else:
                raise self.how
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)


@pytest.mark.parametrize("how", [KeyboardInterrupt, "warning"])
def test_after_an_interrupt_there_are_the_folds_that_were_done(how, regression):
    X, Y = regression
    cv = [(np.r_[10:120], np.r_[:10]), (np.r_[20:120], np.r_[:20]), (np.r_[30:120], np.r_[:30])]
    with pytest.warns(UserWarning, match="Interrupted: the scores are those of 1 of the 3 folds"):
        found = cross_val_score_tasks(Interrupts(100, how), X, Y, cv=cv)
    assert found.scores.shape == (1, 2)
    with pytest.raises(KeyboardInterrupt):
        cross_val_score_tasks(Interrupts(110, how), X, Y, cv=cv)


def test_progress_is_shown_on_request(regression, capsys):
    X, Y = regression
    cross_val_score_tasks(Ridge(), X, Y, cv=2, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [re.sub(r"\d+\.\d s", "", line) for line in lines] == [
        "[cross_val_score_tasks] fold 1 of 2, ",
        "[cross_val_score_tasks] fold 2 of 2, ",
    ]
    cross_val_score_tasks(Ridge(), X, Y, cv=2)
    assert not capsys.readouterr().out
