"""task_view: one task of a fitted estimator, in scikit-learn's tools for one task."""

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskClassifier, MultiTaskConformal, MultiTaskEstimator, MultiTaskRegressor
from skmtl.calibration import task_view

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


def test_a_calibrated_classifier_takes_it(mixed, fitted):
    X, Y = mixed
    seen = Y["passed"].notna()
    view = FrozenEstimator(task_view(fitted, "passed"))
    for method in ("sigmoid", "temperature"):
        model = CalibratedClassifierCV(view, method=method).fit(X[seen], Y["passed"][seen])
        assert model.predict_proba(X).shape == (120, 2)
        assert accuracy_score(Y["passed"][seen], model.predict(X[seen])) > 0.8


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
    line = Ridge().fit(X, Y[:, 0])
    np.testing.assert_array_equal(task_view(line, 0).predict(X), line.predict(X))


def test_missing_labels_and_weights_of_a_score(regression, rng):
    X, Y = regression
    view = task_view(Ridge().fit(X, Y), 1)
    y, weights = np.where(rng.random(120) < 0.3, np.nan, Y[:, 1]), rng.random(120)
    seen = ~np.isnan(y)
    expected = r2_score(y[seen], view.predict(X)[seen], sample_weight=weights[seen])
    assert view.score(X, y, sample_weight=weights) == pytest.approx(expected)


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
