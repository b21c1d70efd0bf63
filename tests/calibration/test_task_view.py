"""task_view: one task of a fitted estimator, in scikit-learn's tools for one task."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
    partial_dependence,
    permutation_importance,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskConformal, MultiTaskEstimator, MultiTaskRegressor
from skmtl.calibration import TemperatureScaling, task_view
from skmtl.diagnostics import MultiTaskGrouping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = {"solver": "lbfgs", "hidden_layer_sizes": (6,), "max_iter": 60, "alpha": 0.1, "random_state": 0}


@pytest.fixture
def fitted(mixed):
    X, Y = mixed
    return MultiTaskEstimator(**NET).fit(X, Y)


def test_every_task_is_as_in_the_whole(mixed, fitted):
    X, Y = mixed
    whole, chances = fitted.predict(X), fitted.predict_proba(X)
    for t, name in enumerate(Y):
        view = task_view(fitted, name)
        predicted = view.predict(X)
        assert predicted.shape == (120,)
        assert (predicted == whole[:, t]).all()
        assert (task_view(fitted, t).predict(X) == predicted).all()
        assert view.score(X, Y[name]) == pytest.approx(fitted.score_tasks(X, Y)[name])
        if name != "price":
            assert is_classifier(view)
            np.testing.assert_array_equal(view.predict_proba(X), chances[t])
            np.testing.assert_array_equal(view.classes_, fitted.classes_[t])
            assert predicted.dtype == fitted.classes_[t].dtype
        else:
            assert is_regressor(view)
            assert not hasattr(view, "predict_proba")
            assert predicted.dtype == np.float64


PAIR = (Ridge(), LogisticRegression())


@pytest.mark.parametrize(
    "estimator",
    [
        MultiTaskEstimator(**NET),
        MultiTaskBlend([("linear", PAIR)], cv=2, random_state=0),
        MultiTaskConformal(PAIR, confidence_level=0.5, random_state=0),
        TemperatureScaling(PAIR, random_state=0),
        MultiTaskGrouping(MultiTaskEstimator(**NET), 1, cv=2, random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_method_is_the_function(mixed, estimator):
    X, Y = mixed
    fitted = estimator.fit(X, Y)
    for task in ("passed", -1):
        by_method, by_function = fitted.task_view(task), task_view(fitted, task)
        assert by_method.get_params(deep=False) == by_function.get_params(deep=False)
        np.testing.assert_array_equal(
            by_method.predict(X), fitted.predict(X)[:, [*Y].index("passed") if task != -1 else -1]
        )


@pytest.mark.parametrize("kind", [MultiTaskRegressor, MultiTaskClassifier])
def test_one_kind_of_task_has_the_method_too(regression, kind):
    X, Y = regression
    model = kind(**NET).fit(X, Y if kind is MultiTaskRegressor else np.median(Y, axis=0) < Y)
    np.testing.assert_array_equal(model.task_view("task_1").predict(X), model.predict(X)[:, 1])


def test_permutation_importance_finds_the_input(rng):
    X = rng.normal(size=(200, 4))
    Y = np.column_stack([X[:, 2], np.where(X[:, 1] > 0, 1.0, 0.0)])
    model = MultiTaskEstimator(**NET).fit(X, Y)
    for task, column in ((0, 2), (1, 1)):
        found = permutation_importance(task_view(model, task), X, Y[:, task], random_state=0)
        assert found.importances_mean.argmax() == column
    scored = permutation_importance(task_view(model, 1), X, Y[:, 1], scoring="roc_auc", random_state=0)
    assert scored.importances_mean.argmax() == 1


def test_partial_dependence_is_drawn(rng):
    plt = pytest.importorskip("matplotlib.pyplot")
    X = rng.normal(size=(150, 3))
    Y = np.column_stack([2 * X[:, 0], X[:, 1] > 0]).astype(float)
    model = MultiTaskEstimator(**NET).fit(X, Y)
    display = PartialDependenceDisplay.from_estimator(task_view(model, 0), X, [0, 1])
    slope = display.pd_results[0]["average"][0]
    grid = display.pd_results[0]["grid_values"][0]
    assert np.polyfit(grid, slope, 1)[0] == pytest.approx(2, abs=0.3)
    rising = PartialDependenceDisplay.from_estimator(task_view(model, 1), X, [1]).pd_results[0]["average"][0]
    assert rising[-1] - rising[0] > 0.7
    plt.close("all")


def test_partial_dependence_on_a_category(shop):
    X, _, model = shop
    found = partial_dependence(model.task_view("price"), X, ["colour"], categorical_features=["colour"])
    assert dict(zip(found["grid_values"][0], found["average"][0].round(), strict=True)) == {"blue": 0.0, "red": 1.0}


def test_a_decision_boundary_is_drawn(rng):
    plt = pytest.importorskip("matplotlib.pyplot")
    X = rng.normal(size=(150, 2))
    model = MultiTaskClassifier(**NET).fit(X, X > 0)
    for column in (0, 1):
        display = DecisionBoundaryDisplay.from_estimator(model.task_view(column), X, grid_resolution=10)
        sides = np.where(column == 0, display.xx0, display.xx1) > 0
        assert ((display.response > 0.5) == sides).mean() > 0.9
    plt.close("all")


def test_what_explains_rows_asks_for_arrays(regression):
    X, Y = regression
    model = MultiTaskClassifier(**NET).fit(X, np.median(Y, axis=0) < Y)
    explain = model.task_view(1).predict_proba  # what SHAP or LIME is given
    np.testing.assert_array_equal(explain(X[:3]), model.predict_proba(X[:3])[1])
    assert explain(X[0][None]).shape == (1, 2)


def test_a_calibrated_classifier_takes_it(mixed, fitted):
    X, Y = mixed
    seen = Y["passed"].notna()
    view = FrozenEstimator(task_view(fitted, "passed"))
    for method in ("sigmoid", "temperature"):
        model = CalibratedClassifierCV(view, method=method).fit(X[seen], Y["passed"][seen])
        assert model.predict_proba(X).shape == (120, 2)
        assert accuracy_score(Y["passed"][seen], model.predict(X[seen])) > 0.8


@pytest.fixture
def shop(rng):
    """Three tasks of columns with names, one of which is a colour."""
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["size", "age"]).assign(colour=rng.choice(["red", "blue"], 200))
    Y = pd.DataFrame(
        {
            "price": X["size"] + (X["colour"] == "red"),
            "sold": np.where(X["age"] + 0.3 * rng.normal(size=200) > 1, "yes", "no"),
            "large": (X["size"] > 0).astype(int),
        }
    )
    return X, Y, MultiTaskEstimator(**NET).fit(X, Y)


def test_thresholds_are_fixed(shop):
    X, Y, model = shop
    view = model.task_view("sold")
    chances = view.predict_proba(X)[:, 1]
    for estimator in (view, FrozenEstimator(view)):
        for threshold in (0.1, 0.9):
            fixed = FixedThresholdClassifier(estimator, threshold=threshold, pos_label="yes").fit(X, Y["sold"])
            np.testing.assert_array_equal(fixed.predict(X) == "yes", chances >= threshold)


def test_thresholds_are_tuned(shop):
    X, Y, _ = shop
    y = (Y["sold"] == "yes").astype(int)
    view = MultiTaskEstimator(**NET).fit(X, Y[["price"]].assign(sold=y)).task_view("sold")
    tuned = TunedThresholdClassifierCV(view, cv="prefit", refit=False).fit(X, y)
    assert balanced_accuracy_score(y, tuned.predict(X)) >= balanced_accuracy_score(y, view.predict(X))
    np.testing.assert_array_equal(tuned.predict(X), view.predict_proba(X)[:, 1] >= tuned.best_threshold_)


def test_views_vote(shop):
    X, Y, model = shop
    other = MultiTaskEstimator(**NET | {"hidden_layer_sizes": (3,)}).fit(X, Y)
    views = [(name, each.task_view("sold")) for name, each in (("one", model), ("other", other))]
    voting = VotingClassifier(views, voting="soft").fit(X, Y["sold"])
    mean = np.mean([each.predict_proba(X)[1] for each in (model, other)], axis=0)
    np.testing.assert_allclose(voting.predict_proba(X), mean)
    views = [(name, each.task_view("price")) for name, each in (("one", model), ("other", other))]
    mean = np.mean([each.predict(X)[:, 0].astype(float) for each in (model, other)], axis=0)
    np.testing.assert_allclose(VotingRegressor(views).fit(X, Y["price"]).predict(X), mean)


def test_views_are_stacked(shop):
    X, Y, model = shop
    views = [("net", model.task_view("sold"))]
    stacked = StackingClassifier(views, final_estimator=LogisticRegression(), cv="prefit").fit(X, Y["sold"])
    assert stacked.score(X, Y["sold"]) > 0.9
    stacked = StackingRegressor([("net", model.task_view("price"))], final_estimator=Ridge(), cv="prefit")
    assert stacked.fit(X, Y["price"]).score(X, Y["price"]) > 0.9


def test_it_is_not_trained_anew(mixed, fitted):
    X, Y = mixed
    view = task_view(fitted, "price")
    before = view.predict(X)
    assert clone(view) is view
    rng = np.random.default_rng(0)
    assert view.fit(X, rng.random(120)) is view
    np.testing.assert_array_equal(view.predict(X), before)
    seen = Y["price"].notna()
    scores = cross_val_score(view, X[seen], Y["price"][seen], cv=3)
    assert (scores > 0.5).all()


def test_its_parameters_cannot_be_set(mixed, fitted):
    view = fitted.task_view("price")
    assert view.set_params() is view
    with pytest.raises(ValueError, match=r"fitted already, .* got task\. Set those of the estimator itself, fit it"):
        view.set_params(task=1)
    with pytest.raises(ValueError, match="fitted already"):
        GridSearchCV(view, {"estimator__alpha": [1.0]}, cv=2, error_score="raise").fit(mixed[0], np.ones(120))


def test_it_is_pickled(mixed, fitted):
    view = fitted.task_view("passed")
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(view)).predict_proba(mixed[0]), view.predict_proba(mixed[0])
    )


def test_what_it_may_be_a_view_of(mixed, regression):
    X, Y = regression
    scaled = make_pipeline(StandardScaler(), MultiTaskRegressor(**NET)).fit(X, Y)
    np.testing.assert_array_equal(task_view(scaled, "task_1").predict(X), scaled.predict(X)[:, 1])
    search = GridSearchCV(MultiTaskRegressor(**NET), {"alpha": [0.1, 1.0]}, cv=2).fit(X, Y)
    np.testing.assert_array_equal(task_view(search, "task_0").predict(X), search.predict(X)[:, 0])
    forest = RandomForestRegressor(5, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(task_view(forest, -1).predict(X), forest.predict(X)[:, 1])
    trees = RandomForestClassifier(5, random_state=0).fit(X, np.median(Y, axis=0) < Y)
    np.testing.assert_array_equal(task_view(trees, 1).predict_proba(X), trees.predict_proba(X)[1])
    conformal = MultiTaskConformal(Ridge(), random_state=0).fit(X, Y)
    np.testing.assert_array_equal(task_view(conformal, "task_1").predict(X), conformal.predict(X)[:, 1])
    alone = MultiTaskClassifier(**NET).fit(X, Y[:, 0] > 0)
    np.testing.assert_array_equal(task_view(alone, 0).predict_proba(X), alone.predict_proba(X))
    frozen = FrozenEstimator(scaled)
    np.testing.assert_array_equal(task_view(frozen, "task_1").predict(X), scaled.predict(X)[:, 1])
    line = Ridge().fit(X, Y[:, 0])
    np.testing.assert_array_equal(task_view(line, 0).predict(X), line.predict(X))


def test_missing_labels_and_weights_of_a_score(regression, rng):
    X, Y = regression
    view = task_view(Ridge().fit(X, Y), 1)
    y, weights = np.where(rng.random(120) < 0.3, np.nan, Y[:, 1]), rng.random(120)
    seen = ~np.isnan(y)
    expected = r2_score(y[seen], view.predict(X)[seen], sample_weight=weights[seen])
    assert view.score(X, y, sample_weight=weights) == pytest.approx(expected)


def test_a_sentinel_is_no_label_in_a_score(regression_missing):
    X, Y = regression_missing
    model = MultiTaskRegressor(**NET, missing_label=-1.0).fit(X, np.where(np.isnan(Y), -1.0, Y))
    view = model.task_view(1)
    assert view.score(X, np.where(np.isnan(Y[:, 1]), -1.0, Y[:, 1])) == view.score(X, Y[:, 1])


def test_no_probabilities_where_the_loss_gives_none(regression):
    X, Y = regression
    view = MultiTaskClassifier(**NET, loss="squared_hinge").fit(X, np.median(Y, axis=0) < Y).task_view(0)
    assert is_classifier(view)
    assert not hasattr(view, "predict_proba")
    with pytest.raises(AttributeError, match="predict_proba"):
        view.predict_proba(X)


def test_what_is_not_there_is_said(mixed, fitted, regression):
    X, Y = regression
    with pytest.raises(ValueError, match=r"no task 'pric'.*Did you mean 'price'"):
        task_view(fitted, "pric")
    with pytest.raises(ValueError, match=r"task=3 is no position among the 3 task\(s\)"):
        task_view(fitted, 3)
    with pytest.raises(ValueError, match=r"Ridge has no task 'price'.*position"):
        task_view(Ridge().fit(X, Y), "price")
    with pytest.raises(NotFittedError):
        task_view(MultiTaskRegressor(), 0)
    with pytest.raises(NotFittedError):
        MultiTaskConformal().task_view(0)


def test_a_task_after_one_that_was_skipped_is_itself(rng):
    X = rng.normal(size=(40, 2))
    Y = np.column_stack([X[:, 0], np.full(40, np.nan), X[:, 1]])
    model = MultiTaskRegressor(preset="mlp", max_iter=3, on_empty_task="skip", random_state=0)
    with pytest.warns(UserWarning):
        model.fit(X, Y)
    for task in ("task_2", 2, -1):
        np.testing.assert_array_equal(task_view(model, task).predict(X), model.predict(X)[:, 2])
    for task in ("task_1", 1):
        with pytest.raises(ValueError, match="'task_1' had no label in fit and was skipped"):
            task_view(model, task)
