"""MultiTaskConformal: coverage, what it is calibrated on, and what it refuses."""

import pickle
import warnings

import numpy as np
import pytest
from calibration._fakes import Chances, Oracle
from joblib import parallel_config
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    BayesianRidge,
    LinearRegression,
    LogisticRegression,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskConformal, MultiTaskEstimator, MultiTaskRegressor
from skmtl.calibration import RAPS, AbsoluteResidual

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PAIR = (Ridge(), LogisticRegression(max_iter=1000))
NET = {"solver": "lbfgs", "hidden_layer_sizes": (4,), "max_iter": 15, "random_state": 0}
METHODS = ["cross", "cv+", "split"]


def conformal(estimator=PAIR, **parameters):
    return MultiTaskConformal(estimator, **{"random_state": 0, **parameters})


def lines(rng, n):
    """Three columns of X, and two tasks that are lines with noise, one of it growing with a column."""
    X = rng.normal(size=(n, 3))
    return X, np.column_stack([X[:, 0] + rng.normal(size=n), X[:, 1] + X[:, 2] * rng.normal(size=n)])


def three_classes(rng, n):
    """Probabilities (n, 3), and classes drawn from other ones."""
    p = rng.dirichlet(np.ones(3), size=n)
    wrong = p**0.5 / (p**0.5).sum(axis=1, keepdims=True)
    return p, (wrong.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)


# Coverage


@pytest.mark.parametrize("score", ["absolute", "normalized"])
def test_split_covers_as_often_as_it_says(rng, score):
    """The mean coverage over many calibrations is k / (n + 1), whatever the model: here 18 / 20."""
    found = []
    for _ in range(300):
        X, Y = lines(rng, 219)
        X[:, 1] = np.abs(X[:, 1]) + 0.1
        oracle = FrozenEstimator(Oracle().fit(X, Y))
        model = conformal(oracle, interval_score=score).fit(X[:19], Y[:19])
        found.append(list(model.coverage(X[19:], Y[19:]).values()))
    # Standard deviation of a calibration's coverage .065, of 200 rows .02: of the mean of 300 .004.
    np.testing.assert_allclose(np.mean(found, axis=0), 0.9, atol=0.012)


@pytest.mark.parametrize("score", ["lac", "aps", "raps"])
def test_sets_cover_as_often_as_they_say(rng, score):
    found = []
    for _ in range(300):
        X, y = three_classes(rng, 219)
        model = conformal(
            FrozenEstimator(Chances().fit(X, y)), set_score=score, allow_empty=True, tasks="classification"
        )
        found.append(model.fit(X[:19], y[:19]).coverage(X[19:], y[19:])["task_0"])
    assert abs(np.mean(found) - 0.9) < 0.012


def test_each_class_is_covered_where_each_has_a_threshold(rng):
    by_all, by_class = [], []
    for _ in range(100):
        X, y = three_classes(rng, 900)
        X = X * [1.0, 1.0, 0.3]  # class 2 is looked for too seldom
        X /= X.sum(axis=1, keepdims=True)
        frozen = FrozenEstimator(Chances().fit(X, y))
        for found, each in ((by_all, False), (by_class, True)):
            model = conformal(frozen, by_class=each, allow_empty=True).fit(X[:300], y[:300])
            sets = model.predict_set(X[300:])
            found.append([sets[y[300:] == c, c].mean() for c in range(3)])
    assert np.mean(by_all, axis=0)[2] < 0.85
    np.testing.assert_allclose(np.mean(by_class, axis=0), 0.9, atol=0.02)
    assert list(model.conformity_scores_["task_0"]) == [0, 1, 2]


@pytest.mark.parametrize("method", METHODS)
def test_tasks_of_both_kinds_with_gaps_are_covered(rng, method):
    X, Y = lines(rng, 900)
    Y = np.column_stack([Y, Y[:, 0] > 0]).astype(object)
    Y[rng.random(Y.shape) < 0.3] = None
    model = conformal(method=method, tasks=["regression", "regression", "classification"])
    model.fit(X[:400], Y[:400])
    coverage = list(model.coverage(X[400:], Y[400:]).values())
    # 350 labels calibrate at most, 350 test: a standard deviation of .023; split has a quarter of them, .036.
    np.testing.assert_allclose(coverage, 0.9, atol=0.11 if method == "split" else 0.07)
    observed = (Y[:400] != None).sum(axis=0)  # noqa: E711
    counts = np.array(list(model.n_calibration_.values()))
    if method == "split":
        assert (abs(counts / observed - 0.25) < 0.08).all()
    else:
        np.testing.assert_array_equal(counts, observed)


@pytest.mark.parametrize(
    "score, estimator", [("normalized", BayesianRidge()), ("quantile", QuantileRegressor(alpha=0))]
)
@pytest.mark.parametrize("method", METHODS)
def test_widths_follow_the_noise(rng, method, score, estimator):
    X = rng.random((300, 1))
    y = X[:, 0] * rng.normal(size=300)
    if score == "normalized":
        estimator = Oracle()
        X = np.column_stack([np.zeros(300), X[:, 0]])
    model = conformal(estimator, method=method, interval_score=score).fit(X, y)
    width = np.diff(model.predict_interval(X), axis=-1)[:, 0]
    spread = X[:, -1]
    assert width[spread > 0.8].mean() > 2.5 * width[spread < 0.2].mean()


def test_higher_levels_hold_lower_ones(rng):
    X, Y = lines(rng, 200)
    model = conformal(Ridge(), method="cv+", confidence_level=0.6).fit(X, Y)
    inner, default, outer = (model.predict_interval(X, level) for level in (0.5, None, 0.9))
    assert (outer[..., 0] < default[..., 0]).all()
    assert (default[..., 0] < inner[..., 0]).all()
    assert (outer[..., 1] > inner[..., 1]).all()
    p, y = three_classes(rng, 300)
    model = conformal(Chances()).fit(p, y)
    small, large = (model.predict_set(p, level) for level in (0.5, 0.95))
    assert (large >= small).all()
    assert large.sum() > small.sum()


# What it is calibrated on


def test_cross_scores_are_those_of_out_of_fold_predictions(rng):
    X, Y = lines(rng, 60)
    folds = KFold(4)
    model = conformal(LinearRegression(), cv=folds).fit(X, Y)
    expected = np.sort(np.abs(Y - cross_val_predict(LinearRegression(), X, Y, cv=folds)), axis=0)
    np.testing.assert_allclose(np.stack(list(model.conformity_scores_.values()), axis=1), expected)
    whole = LinearRegression().fit(X, Y).predict(X)
    np.testing.assert_allclose(model.predict(X), whole)
    at = int(np.ceil(0.9 * 61)) - 1
    np.testing.assert_allclose(model.predict_interval(X)[..., 1], whole + expected[at])


def test_cv_plus_is_that_of_the_paper(rng):
    """Barber et al. (2021), equation (10), row by row."""
    X, Y = lines(rng, 50)
    y, new = Y[:, 0], rng.normal(size=(7, 3))
    folds = KFold(5)
    model = conformal(LinearRegression(), method="cv+", cv=folds, confidence_level=0.8).fit(X, y)
    low, high = np.empty((2, 7, 50))
    for train, test in folds.split(X):
        line = LinearRegression().fit(X[train], y[train])
        residual = np.abs(y[test] - line.predict(X[test]))
        low[:, test] = line.predict(new)[:, None] - residual
        high[:, test] = line.predict(new)[:, None] + residual
    at = int(np.ceil(0.8 * 51))
    expected = np.sort(low, axis=1)[:, 50 - at], np.sort(high, axis=1)[:, at - 1]
    np.testing.assert_allclose(model.predict_interval(new), np.stack(expected, axis=1))


def test_sets_of_cv_plus_count_the_labels_that_fit_less_ill(rng):
    p, y = three_classes(rng, 60)
    folds = KFold(3)
    model = conformal(Chances(), method="cv+", cv=folds, allow_empty=True).fit(p, y)
    scores = 1 - p[np.arange(60), y]  # all folds predict alike
    expected = (scores[None, None] < 1 - p[..., None]).sum(axis=2) < 0.9 * 61
    np.testing.assert_array_equal(model.predict_set(p), expected)


def test_out_of_fold_predictions_of_the_estimator_save_the_folds(rng):
    X, Y = lines(rng, 50)
    Y[::5, 1] = np.nan
    Oracle.fits.clear()
    model = conformal(Oracle(own_oof=True, shift=100.0)).fit(X, Y)
    assert Oracle.fits == [50]
    assert model.n_calibration_ == {"task_0": 50, "task_1": 40}
    assert model.conformity_scores_["task_0"].min() > 90  # of those that it brought, not of what it predicts
    np.testing.assert_array_equal(model.predict(X)[:, 0], X[:, 0])


def test_members_calibrate_themselves(regression, rng):
    X, Y = regression
    Y[rng.random(120) < 0.3, 1] = np.nan
    net = MultiTaskRegressor(n_members=3, random_state=0)
    model, whole = conformal(net).fit(X, Y), net.fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    for t, scores in enumerate(model.conformity_scores_.values()):
        errors = np.abs(Y - whole.oof_prediction_)[:, t]
        np.testing.assert_allclose(scores, np.sort(errors[~np.isnan(errors)]))
    by_spread = conformal(net, interval_score="normalized", method="split").fit(X, Y)
    assert np.diff(by_spread.predict_interval(X), axis=-1).std(axis=0).min() > 0


@pytest.mark.parametrize(
    "parameters", [{"cv": 4}, {"method": "cv+", "cv": 4}, {"interval_score": "normalized", "cv": 4}]
)
def test_folds_that_were_asked_for_are_made(rng, parameters):
    X, Y = lines(rng, 40)
    X[:, 1] = np.abs(X[:, 1])
    Oracle.fits.clear()
    model = conformal(Oracle(own_oof=True, shift=100.0), **parameters).fit(X, Y)
    assert Oracle.fits == [30] * 4 + [40] * (parameters.get("method") != "cv+")
    assert model.conformity_scores_["task_0"].min() < 1


def test_split_leaves_its_rows_out(rng):
    X, Y = lines(rng, 80)
    Oracle.fits.clear()
    model = conformal(Oracle(), method="split", calibration_fraction=0.4).fit(X, Y)
    assert Oracle.fits == [48]
    assert model.n_calibration_ == {"task_0": 32, "task_1": 32}
    chosen = conformal(Oracle(), method="split", cv=[(np.arange(70), np.arange(70, 80))]).fit(X, Y)
    np.testing.assert_allclose(chosen.conformity_scores_["task_0"], np.sort(np.abs(Y - X[:, :1])[70:, 0]))


def test_a_frozen_estimator_is_calibrated_on_all_rows(mixed):
    X, Y = mixed
    fitted = MultiTaskEstimator(**NET).fit(X[:60], Y[:60])
    model = conformal(FrozenEstimator(fitted)).fit(X[60:], Y[60:])
    assert model.n_calibration_ == Y[60:].notna().sum().to_dict()
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))
    one_class = Y[60:].assign(passed=1.0)
    assert conformal(FrozenEstimator(fitted)).fit(X[60:], one_class).classes_[1].tolist() == [0, 1]


def test_a_blend_is_taken_as_it_is(mixed):
    X, Y = mixed
    blend = MultiTaskBlend([("linear", PAIR), ("net", MultiTaskEstimator(**NET))], cv=2, random_state=0)
    model = conformal(blend, cv=2).fit(X, Y)
    level, passed, price = model.predict_set(X)
    assert level.shape == (120, 3)
    assert passed.shape == (120, 2)
    assert price is None
    assert model.predict_interval(X).shape == (120, 3, 2)
    assert np.isnan(model.predict_interval(X)[:, :2]).all()
    assert np.isfinite(model.predict_interval(X)[:, 2]).all()
    assert model.predict(X).shape == (120, 3)
    assert model.predict_proba(X)[2] is None
    assert set(model.score_tasks(X, Y)) == {"level", "passed", "price"}


@pytest.mark.parametrize(
    "estimator",
    [
        MultiTaskRegressor(**NET),
        make_pipeline(StandardScaler(), MultiTaskEstimator(tasks="regression", **NET)),
        HistGradientBoostingRegressor(max_iter=5),
        GradientBoostingRegressor(n_estimators=5),
        GridSearchCV(QuantileRegressor(), {"alpha": [0, 1]}, cv=2),
        (GradientBoostingRegressor(n_estimators=5), None),
    ],
    ids=["ours", "pipeline", "histogram", "boosting", "search", "pair"],
)
def test_quantiles_are_learned_by_what_has_a_quantile_loss(regression, estimator):
    X, Y = regression
    model = conformal(estimator, method="split", interval_score="quantile", tasks="regression").fit(X, Y)
    predicted = model._models[0].predict(X)[0]
    assert predicted.shape == (120, 3)
    assert (predicted[:, 1] < predicted[:, 2]).mean() > 0.9
    ends = model.predict_interval(X)[:, 0]
    bound = model.conformity_scores_["task_0"][int(np.ceil(0.9 * 31)) - 1]
    np.testing.assert_allclose(ends, np.sort(predicted[:, 1:] + [-bound, bound], axis=1))


def test_a_network_with_a_variance_head(regression_missing):
    X, Y = regression_missing
    net = MultiTaskRegressor(loss="gaussian_nll", **NET)
    model = conformal(net, method="split", interval_score="normalized").fit(X, Y)
    fitted = model._models[0].fitted[0].unit.estimator
    value, std = fitted.predict(X, return_std=True)
    width = np.diff(model.predict_interval(X), axis=-1)[..., 0]
    np.testing.assert_allclose(width[0] / std[0], width[1] / std[1])
    np.testing.assert_array_equal(model.predict(X), value)


# Few labels


@pytest.mark.parametrize("method", METHODS)
def test_too_few_labels_are_a_warning_and_no_wrong_interval(rng, method):
    X, Y = lines(rng, 100)
    Y[8:, 1] = np.nan
    with pytest.warns(UserWarning, match=r"takes at least 9 held-out labels.*'task_1' \(\d\).*infinite"):
        model = conformal(Oracle(), method=method, cv=None if method == "split" else 4).fit(X, Y)
    ends = model.predict_interval(X)
    assert np.isfinite(ends[:, 0]).all()
    np.testing.assert_array_equal(ends[:, 1], np.tile([-np.inf, np.inf], (100, 1)))
    with pytest.warns(UserWarning, match="'task_0'"):
        assert np.isinf(model.predict_interval(X, 0.999)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if method != "split":  # 8 labels
            assert np.isfinite(model.predict_interval(X, 0.8)).all()


def test_a_rare_class_is_in_every_set(rng):
    p, y = three_classes(rng, 200)
    y = np.where(np.arange(200) < 5, 2, np.minimum(y, 1))
    with pytest.warns(UserWarning, match=r"class 2 of task 'task_0' \(5\)"):
        model = conformal(Chances(), by_class=True).fit(p, y)
    sets = model.predict_set(p)
    assert sets[:, 2].all()
    assert not sets[:, :2].all()


def test_a_set_has_a_class_unless_it_may_be_empty(rng):
    p, y = three_classes(rng, 200)
    y = p.argmax(axis=1)
    full, empty = (conformal(Chances(), allow_empty=allowed).fit(p, y).predict_set(p) for allowed in (False, True))
    assert full.any(axis=1).all()
    assert 0.05 < (~empty.any(axis=1)).mean() < 0.15
    changed = full != empty
    np.testing.assert_array_equal(changed.any(axis=1), ~empty.any(axis=1))
    assert full[np.arange(200), p.argmax(axis=1)].all()


def test_a_class_that_a_fold_lacks_is_no_error(rng):
    X = rng.normal(size=(60, 2))
    y = np.where(X[:, 0] > 0, "a", "b").astype(object)
    y[3] = "c"
    model = conformal(RandomForestClassifier(5), cv=3).fit(X, y)
    assert model.n_calibration_ == {"task_0": 60}
    assert model.predict_set(X).shape == (60, 3)


# An estimator like any other


def test_one_column_is_a_single_task(regression, rng):
    X, Y = regression
    model = conformal(Ridge()).fit(X, Y[:, 0])
    assert model.predict_interval(X).shape == (120, 2)
    assert model.predict_set(X) is None
    assert model.predict(X).shape == (120,)
    assert not hasattr(model, "predict_proba")
    model = conformal(LogisticRegression()).fit(X, Y[:, 0] > 0)
    assert model.predict_set(X).shape == (120, 2)
    assert np.isnan(model.predict_interval(X)).all()
    assert set(model.coverage(X, Y[:, 0] > 0)) == {"task_0"}


def test_kinds_go_by_the_estimator(rng):
    X = rng.normal(size=(60, 2))
    counts = rng.integers(0, 3, (60, 2)).astype(float)
    assert set(conformal(Ridge()).fit(X, counts).tasks_.values()) == {"regression"}
    assert set(conformal(LogisticRegression()).fit(X, counts).tasks_.values()) == {"multiclass"}
    ours = MultiTaskEstimator(tasks=["regression", "classification"], **NET)
    assert list(conformal(ours).fit(X, counts).tasks_.values()) == ["regression", "multiclass"]
    assert is_regressor(conformal(Ridge()))
    assert is_classifier(conformal(MultiTaskClassifier()))
    assert not is_regressor(conformal(PAIR))


def test_the_missing_label_is_that_of_the_estimator(rng):
    X, Y = lines(rng, 60)
    gaps = rng.random(Y.shape) < 0.2
    expected = conformal(MultiTaskRegressor(**NET)).fit(X, np.where(gaps, np.nan, Y))
    found = conformal(MultiTaskRegressor(missing_label=-99, **NET)).fit(X, np.where(gaps, -99, Y))
    assert found.n_calibration_ == expected.n_calibration_
    np.testing.assert_array_equal(found.predict_interval(X), expected.predict_interval(X))


def test_groups_stay_together_by_the_folds(rng):
    X, Y = lines(rng, 60)
    groups = np.repeat(np.arange(12), 5)
    folds = list(GroupKFold(4).split(X, Y, groups))
    model = conformal(LinearRegression(), cv=folds).fit(X, Y)
    expected = np.abs(Y - cross_val_predict(LinearRegression(), X, Y, cv=folds))[:, 0]
    np.testing.assert_allclose(model.conformity_scores_["task_0"], np.sort(expected))


@pytest.mark.parametrize("method", METHODS)
def test_result_is_that_of_the_seed_and_of_no_process(mixed, method):
    X, Y = mixed
    forest = RandomForestClassifier(5)
    Y = Y[["level", "passed"]]
    with parallel_config("threading"):  # processes would take seconds to start
        models = [conformal(forest, method=method, set_score="aps", n_jobs=n).fit(X, Y) for n in (None, 2)]
    first, second = (model.predict_set(X) for model in models)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    copy = pickle.loads(pickle.dumps(models[0]))
    np.testing.assert_array_equal(copy.predict_set(X)[0], first[0])
    np.testing.assert_array_equal(models[0].predict_set(X[5:6])[0], first[0][5:6])


def test_parts_are_parameters(rng):
    X, Y = lines(rng, 60)
    model = conformal(Ridge(), set_score=RAPS(penalty=0.5), interval_score=AbsoluteResidual())
    assert (
        clone(model).set_params(set_score__penalty=0.25, estimator__alpha=3.0).get_params()["set_score__penalty"]
        == 0.25
    )
    np.testing.assert_array_equal(model.fit(X, Y).predict_interval(X), conformal(Ridge()).fit(X, Y).predict_interval(X))


def test_weights_go_to_the_estimator(rng):
    X, Y = lines(rng, 60)
    weights = rng.random(60)
    weights[:10] = 0
    model = conformal(LinearRegression(), cv=KFold(3)).fit(X, Y, sample_weight=weights)
    expected = LinearRegression().fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), expected.predict(X))
    assert set(model.n_calibration_.values()) == {50}


def test_an_error_leaves_all_as_it_was(rng):
    X, Y = lines(rng, 60)
    model = conformal(Ridge()).fit(X, Y)
    before = model.predict_interval(X)
    with pytest.raises(ValueError):
        model.set_params(method="cross").fit(X, Y[:-1])
    np.testing.assert_array_equal(model.predict_interval(X), before)


class Silent(BaseEstimator):
    """Fits, and predicts nothing."""

    def fit(self, X, y):
        return self


@pytest.mark.parametrize(
    "parameters, error, text",
    [
        ({"interval_score": "absolut"}, ValueError, "'interval_score'.*Did you mean 'absolute'"),
        ({"interval_score": "aps"}, ValueError, "Did you mean set_score='aps'"),
        ({"set_score": "quantile"}, ValueError, "Did you mean interval_score='quantile'"),
        ({"method": "jackknife"}, ValueError, "'method' parameter"),
        ({"confidence_level": 90}, ValueError, "'confidence_level' parameter"),
        ({"interval_score": "quantile"}, ValueError, "Ridge has none that is known here.*absolute"),
        ({"interval_score": "normalized"}, TypeError, "Ridge predicts no standard deviation.*absolute"),
        ({"estimator": Silent()}, TypeError, "neither a regressor nor a classifier"),
        ({"estimator": RidgeClassifier(), "tasks": "auto"}, TypeError, "no predict_proba"),
        (
            {"estimator": FrozenEstimator(Oracle()), "interval_score": "quantile"},
            ValueError,
            "FrozenEstimator is not fitted",
        ),
        (
            {"estimator": LogisticRegression(), "tasks": "regression"},
            ValueError,
            "LogisticRegression is for no regression.*pair",
        ),
        ({"estimator": (None, LogisticRegression())}, ValueError, r"no regression.*\['task_0', 'task_1'\]"),
        ({"method": "split", "cv": KFold(3)}, ValueError, r"method='split' needs one pair.*gives 3"),
        ({"method": "cv+", "cv": [(np.arange(30), np.arange(25, 60))] * 2}, ValueError, "overlap.*method='cross'"),
    ],
)
def test_what_cannot_be_is_said(rng, parameters, error, text):
    X, Y = lines(rng, 60)
    if isinstance(parameters.get("estimator"), RidgeClassifier):
        Y = Y > 0
    with pytest.raises(error, match=text):
        conformal(**{"estimator": Ridge(), **parameters}).fit(X, Y)


def test_a_deviation_must_be_there_for_every_task(regression):
    X, Y = regression
    net = MultiTaskRegressor(loss=["gaussian_nll", "squared_error"], **NET)
    with pytest.raises(ValueError, match=r"no standard deviation of regression 2 of its 2 task.*absolute"):
        conformal(net, interval_score="normalized").fit(X, Y)


def test_a_task_that_the_split_leaves_nothing_to_learn_of(rng):
    X, Y = lines(rng, 60)
    Y[2:, 1] = np.nan
    with pytest.raises(ValueError, match=r"no label.*'task_1'.*method='cross'"):
        conformal(Ridge(), method="split", cv=[(np.arange(10, 60), np.arange(10))]).fit(X, Y)


def test_levels_of_predict_are_checked(rng):
    X, Y = lines(rng, 60)
    model = conformal(Ridge()).fit(X, Y)
    with pytest.raises(ValueError, match="confidence_level must be between 0 and 1"):
        model.predict_interval(X, 95)


def unlike_a_second_row(estimator):
    """With "split" a row of weight two is drawn once, and two rows each for itself; the checks ask for folds."""
    checks = [f"check_sample_weight_equivalence_on_{data}_data" for data in ("dense", "sparse")]
    return dict.fromkeys(checks if estimator.method == "split" else [], "a weight is no second row that may be drawn")


@pytest.mark.filterwarnings("ignore:confidence_level=0.9 takes at least 9:UserWarning")
@parametrize_with_checks(
    [conformal(Ridge(), cv=2), conformal(LogisticRegression(), method="split"), conformal(cv=2)],
    expected_failed_checks=unlike_a_second_row,
)
def test_scikit_learn(estimator, check):
    check(estimator)
