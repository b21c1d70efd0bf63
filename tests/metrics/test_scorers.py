"""Scorers in what scikit-learn does with them: searches and cross-validation of y with gaps."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.inspection import permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import check_scoring, max_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.metrics import (
    TaskMetric,
    TaskScorer,
    delta_m,
    get_task_scorer,
    get_task_scorer_names,
    make_task_scorer,
    score_by_task,
)
from skmtl.model_selection import MultiTaskKFold

QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "solver": "lbfgs", "tol": 0.01, "random_state": 0}


class Means(RegressorMixin, BaseEstimator):
    """Predicts the mean of each column, times a factor; y may have gaps."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def fit(self, X, y):
        self.means_ = np.nanmean(np.asarray(y, dtype=float), axis=0)
        return self

    def predict(self, X):
        return np.tile(self.factor * self.means_, (len(X), 1))


class Constant(ClassifierMixin, BaseEstimator):
    """Predicts the first class of each task, with a probability of 0.75."""

    def fit(self, X, y):
        columns = [column[~np.isnan(column)] for column in np.asarray(y, dtype=float).T]
        self.classes_ = [np.unique(column) for column in columns]
        return self

    def predict(self, X):
        return np.tile([classes[0] for classes in self.classes_], (len(X), 1))

    def predict_proba(self, X):
        rest = [0.25 / (len(classes) - 1) for classes in self.classes_]
        return [
            np.tile(np.r_[0.75, np.full(len(c) - 1, r)], (len(X), 1)) for c, r in zip(self.classes_, rest, strict=True)
        ]


@pytest.fixture
def labels(rng):
    """X (90, 2) and codes (90, 2) of two and of three classes, 20 % of them missing."""
    Y = np.stack([rng.integers(0, 2, 90), rng.integers(0, 3, 90)], axis=1).astype(float)
    return rng.normal(size=(90, 2)), np.where(rng.random(Y.shape) < 0.2, np.nan, Y)


@pytest.mark.parametrize("name", ["default", "r2", "neg_rmse", "neg_mae_worst"])
def test_a_cross_validation_of_a_regressor_takes_gaps(name, regression_missing):
    X, Y = regression_missing
    assert np.isfinite(cross_val_score(Means(), X, Y, cv=3, scoring=get_task_scorer(name))).all()


@pytest.mark.parametrize("name", ["default", "accuracy", "balanced_accuracy", "roc_auc", "neg_log_loss_worst"])
def test_a_cross_validation_of_a_classifier_takes_gaps(name, labels):
    X, Y = labels
    scores = cross_val_score(Constant(), X, Y, cv=MultiTaskKFold(3), scoring=get_task_scorer(name))
    assert np.isfinite(scores).all()


def test_the_mean_score_is_that_of_the_estimator(regression_missing, labels, mixed):
    X, Y = regression_missing
    model = MultiTaskRegressor(**QUICK).fit(X, Y)
    assert get_task_scorer("default")(model, X, Y) == pytest.approx(model.score(X, Y))
    assert get_task_scorer("default_by_task")(model, X, Y) == pytest.approx(model.score_tasks(X, Y))
    X, Y = labels
    model = MultiTaskClassifier(**QUICK).fit(X, Y)
    assert get_task_scorer("accuracy")(model, X, Y) == pytest.approx(model.score(X, Y))
    X, Y = mixed
    model = MultiTaskEstimator(**QUICK).fit(X, Y)
    assert get_task_scorer("default_by_task")(model, X, Y) == pytest.approx(model.score_tasks(X, Y))


def test_probabilities_are_scored_with_the_classes_of_the_estimator(labels):
    X, Y = labels
    model = MultiTaskClassifier(**QUICK).fit(X, Y)
    some = Y[:, 1] != 2  # of a class that is not in these rows
    scores = get_task_scorer("neg_log_loss_by_task")(model, X[some], Y[some])
    expected = score_by_task(Y[some], model.predict_proba(X[some]), "neg_log_loss", classes=model.classes_)
    assert scores == expected


def test_classes_of_a_matrix_of_indicators_are_those_of_its_columns(rng):
    X, Y = rng.normal(size=(30, 2)), rng.integers(0, 2, (30, 2))
    model = MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)
    scores = get_task_scorer("roc_auc_by_task")(model, X, Y)
    assert list(scores.values()) == pytest.approx(roc_auc_score(Y, model.predict_proba(X), average=None))
    assert np.isfinite(list(get_task_scorer("neg_log_loss_by_task")(model, X[:1], Y[:1]).values())).all()


def test_a_mixed_model_is_scored_by_both_kinds_at_once(mixed):
    X, Y = mixed
    model = MultiTaskEstimator(**QUICK).fit(X, Y)
    metric = {"classification": "roc_auc", "regression": "neg_rmse"}
    both = make_task_scorer(metric, None)(model, X, Y)
    assert list(both) == list(Y.columns)
    assert both == get_task_scorer("roc_auc_by_task")(model, X, Y) | get_task_scorer("neg_rmse_by_task")(model, X, Y)


def test_a_whole_number_of_a_regressor_is_no_class():
    X = np.arange(6.0).reshape(-1, 1)
    Y = np.array([[0, 1, 2, 3, 4, 6], [6, 5, 3, 3, 2, 1]]).T
    assert get_task_scorer("default")(Ridge().fit(X, Y), X, Y) == pytest.approx(Ridge().fit(X, Y).score(X, Y))


def test_a_search_over_several_figures_refits_by_the_one_that_it_is_told(regression_missing):
    X, Y = regression_missing
    scorer = make_task_scorer("neg_rmse", ["mean", "worst", None])
    search = GridSearchCV(Means(), {"factor": [0.5, 1.0]}, scoring=scorer, refit="worst", cv=3).fit(X, Y)
    found = search.cv_results_
    assert search.best_params_ == {"factor": 1.0}
    assert found["mean_test_task_0"] + found["mean_test_task_1"] == pytest.approx(2 * found["mean_test_mean"])
    assert (found["mean_test_worst"] <= found["mean_test_mean"]).all()


def test_several_scorers_by_name_work_at_once(labels):
    X, Y = labels
    scoring = {name: get_task_scorer(name) for name in ("accuracy", "roc_auc_worst")}
    found = cross_validate(Constant(), X, Y, cv=MultiTaskKFold(3), scoring=scoring)
    assert {"test_accuracy", "test_roc_auc_worst"} <= found.keys()
    np.testing.assert_allclose(found["test_roc_auc_worst"], 0.5)  # of a constant


def test_a_pipeline_and_a_search_are_scored_as_what_is_in_them(mixed):
    X, Y = mixed
    pipeline = make_pipeline(StandardScaler(), MultiTaskEstimator(**QUICK))
    search = GridSearchCV(pipeline, {"multitaskestimator__alpha": [1.0]}, cv=2).fit(X, Y)
    plain = search.best_estimator_[-1].score_tasks(search.best_estimator_[:-1].transform(X), Y)
    for fitted in (search, search.best_estimator_):
        assert make_task_scorer(average=None)(fitted, X, Y) == pytest.approx(plain)


def test_each_average_is_that_of_the_scores(regression_missing):
    X, Y = regression_missing
    model = Ridge().fit(X, np.nan_to_num(Y))
    scores = make_task_scorer("neg_mae", None)(model, X, Y)
    first, second = scores.values()
    weighted = make_task_scorer("neg_mae", "weighted", task_weights={"task_0": 3})
    assert weighted(model, X, Y) == pytest.approx((3 * first + second) / 4)
    assert make_task_scorer("neg_mae", "task_1")(model, X, Y) == second
    baseline = {"task_0": -1.0, "task_1": -50.0}
    gain = make_task_scorer("neg_mae", "delta_m", baseline=baseline)(model, X, Y)
    assert gain == pytest.approx(delta_m(scores, baseline))


def test_weights_of_tasks_that_a_metric_leaves_out_do_not_matter(mixed):
    X, Y = mixed
    model = MultiTaskEstimator(**QUICK).fit(X, Y)
    weights = {name: 1 + j for j, name in enumerate(Y.columns)}
    scores = get_task_scorer("accuracy_by_task")(model, X, Y)
    expected = np.average(list(scores.values()), weights=[weights[name] for name in scores])
    assert make_task_scorer("accuracy", "weighted", task_weights=weights)(model, X, Y) == pytest.approx(expected)


def test_settings_make_a_metric_of_a_function(labels, regression):
    X, Y = regression
    model = Ridge().fit(X, Y)
    ours = make_task_scorer(max_error, "worst", greater_is_better=False)(model, X, Y)
    assert ours == pytest.approx(-abs(model.predict(X) - Y).max())
    assert make_task_scorer(TaskMetric(max_error, greater_is_better=False), "worst")(model, X, Y) == ours


def test_weights_reach_the_scorer_where_they_are_routed(regression, rng):
    X, Y = regression
    weights = rng.random(len(X))
    with sklearn.config_context(enable_metadata_routing=True):
        model = Ridge().set_fit_request(sample_weight=False).set_score_request(sample_weight=False)
        scorer = make_task_scorer("neg_mae")
        asks = scorer.set_score_request(sample_weight=True)
        params = {"params": {"sample_weight": weights}, "return_estimator": True, "return_indices": True}
        found = cross_validate(model, X, Y, cv=3, scoring=asks, **params)
    for score, fitted, test in zip(found["test_score"], found["estimator"], found["indices"]["test"], strict=True):
        assert score == scorer(fitted, X[test], Y[test], weights[test])
        assert score != scorer(fitted, X[test], Y[test])


def test_the_sentinel_of_the_estimator_is_missing(labels):
    X, Y = labels
    coded = np.where(np.isnan(Y), -1, Y)
    model = MultiTaskClassifier(missing_label=-1, **QUICK).fit(X, coded)
    expected = get_task_scorer("accuracy")(model, X, Y)
    assert get_task_scorer("accuracy")(model, X, coded) == expected
    pipeline = make_pipeline(StandardScaler(), model).fit(X, coded)
    score = get_task_scorer("accuracy")
    assert score(pipeline, X, coded) == score(pipeline, X, Y)


def test_a_skipped_task_has_no_score(labels):
    X, Y = labels
    Y[:, 0] = np.nan
    with pytest.warns(UserWarning, match="on_empty_task='skip' leaves them out"):
        model = MultiTaskClassifier(on_empty_task="skip", **QUICK).fit(X, Y)
    Y[0, 0] = 1.0
    for name in ("accuracy", "neg_log_loss"):
        scores = get_task_scorer(f"{name}_by_task")(model, X, Y)
        assert np.isnan(scores["task_0"]) and np.isfinite(scores["task_1"])


def test_an_estimator_that_predicts_nan_in_some_rows_is_not_flattered(regression):
    X, Y = regression

    class Silent(Means):
        def predict(self, X):
            return np.where(X[:, :1] > 0, np.nan, super().predict(X))

    with pytest.raises(ValueError, match=r"Task 'task_0' has no prediction \(NaN or None\) in \d+ of the 120 rows"):
        get_task_scorer("r2")(Silent().fit(X, Y), X, Y)


def test_sparse_labels_are_scored(regression_missing):
    X, Y = regression_missing
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    model = MultiTaskRegressor(**QUICK).fit(X, sparse)
    assert get_task_scorer("r2")(model, X, sparse) == pytest.approx(model.score(X, Y))


def test_permutation_importance_takes_a_scorer(regression_missing):
    X, Y = regression_missing
    model = MultiTaskRegressor(**QUICK).fit(X, Y)
    found = permutation_importance(model, X, Y, scoring=get_task_scorer("r2_worst"), n_repeats=2, random_state=0)
    assert np.isfinite(found.importances_mean).all()


def test_a_scorer_is_copied_and_shown_whole(regression):
    X, Y = regression
    model = Ridge().fit(X, Y)
    scorer = make_task_scorer("neg_mae", "weighted", task_weights=[1, 2])
    assert repr(scorer) == "make_task_scorer('neg_mae', 'weighted', task_weights=[1, 2])"
    for copy in (pickle.loads(pickle.dumps(scorer)), clone(scorer, safe=False), eval(repr(scorer))):
        assert copy(model, X, Y) == scorer(model, X, Y)
    assert check_scoring(model, scorer) is scorer
    search = GridSearchCV(model, {"alpha": [1]}, scoring=scorer)
    assert clone(search).scoring.task_weights == [1, 2]


def test_every_name_gives_a_scorer():
    for name in get_task_scorer_names():
        assert isinstance(get_task_scorer(name), TaskScorer)
    assert repr(get_task_scorer("f1_weighted")) == "make_task_scorer('f1_weighted', 'mean')"
    assert repr(get_task_scorer("f1_macro_by_task")) == "make_task_scorer('f1_macro', None)"


def test_bad_scorers_are_refused_when_they_are_made():
    with pytest.raises(ValueError, match=r"'r2_wrost' is not the name of a task scorer.*Did you mean 'r2_worst'"):
        get_task_scorer("r2_wrost")
    with pytest.raises(ValueError, match=r"'aucroc' is not the name of a metric"):
        make_task_scorer({"regression": "aucroc"})
    with pytest.raises(ValueError, match="average='weighted' needs task_weights"):
        make_task_scorer("r2", ["mean", "weighted"])
    with pytest.raises(ValueError, match="task_weights was given, but only average='weighted' uses it"):
        make_task_scorer("r2", task_weights=[1, 2])
    with pytest.raises(ValueError, match="average='delta_m' needs baseline"):
        make_task_scorer("r2", "delta_m")
    with pytest.raises(ValueError, match="average is an empty list"):
        make_task_scorer("r2", [])
    with pytest.raises(TypeError, match=r"\['kind'\] are for a metric that is a function; got metric='r2'"):
        make_task_scorer("r2", kind="regression")


def test_an_estimator_without_probabilities_is_named(regression):
    X, Y = regression
    with pytest.raises(ValueError, match="metric 'roc_auc' is for classification, but no task is one"):
        get_task_scorer("roc_auc")(Ridge().fit(X, Y), X, Y)

    class Labels(Constant):
        predict_proba = property(lambda self: (_ for _ in ()).throw(AttributeError()))

    codes = (np.median(Y, axis=0) < Y).astype(float)
    with pytest.raises(AttributeError, match="Labels has no predict_proba, which the metric needs"):
        get_task_scorer("roc_auc")(Labels().fit(X, codes), X, codes)


def test_one_regression_on_whole_numbers_is_no_classification():
    X, y = np.arange(12.0)[:, None], np.arange(12)
    model = MultiTaskEstimator(tasks="regression", preset="mlp", solver="lbfgs", max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert get_task_scorer("r2")(model, X, y) == pytest.approx(model.score(X, y))
