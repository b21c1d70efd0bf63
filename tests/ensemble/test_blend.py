"""MultiTaskBlend: what it predicts, what it says of itself, and that it is an estimator like any other."""

import pickle
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags

from skmtl import MultiTaskBlend, MultiTaskEstimator, MultiTaskRegressor
from skmtl.ensemble import default_members

LINEAR = (Ridge(), LogisticRegression(max_iter=1000))
NEAR = (KNeighborsRegressor(), KNeighborsClassifier())
TREES = (ExtraTreesRegressor(10), ExtraTreesClassifier(10))
MEMBERS = [("linear", LINEAR), ("near", NEAR), ("trees", TREES)]


def blend(members=MEMBERS, **parameters):
    return MultiTaskBlend(members, **{"cv": 3, "random_state": 0, **parameters})


# Predictions


def test_mixed_tasks_with_gaps(mixed):
    X, Y = mixed
    model = blend().fit(X, Y)
    predicted = model.predict(X)
    assert predicted.shape == (120, 3)
    assert predicted.dtype == object
    level, passed, price = model.predict_proba(X)
    assert price is None
    np.testing.assert_allclose(level.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[0][level.argmax(axis=1)], predicted[:, 0])
    np.testing.assert_array_equal(passed.argmax(axis=1), predicted[:, 1].astype(float))
    scores = model.score_tasks(X, Y)
    assert scores["price"] == pytest.approx(r2_score(Y.price.dropna(), predicted[Y.price.notna(), 2].astype(float)))
    seen = Y.level.notna()
    assert scores["level"] == accuracy_score(Y.level[seen], predicted[seen, 0].astype(str))
    assert model.score(X, Y) == pytest.approx(np.mean(list(scores.values())))
    assert [p if p is None else p.shape for p in model.predict_log_proba(X)] == [(120, 3), (120, 2), None]


def test_a_prediction_is_the_weighted_mean_of_the_members(regression):
    X, Y = regression
    model = blend([("linear", LinearRegression()), ("near", KNeighborsRegressor())]).fit(X, Y)
    weights = np.array([list(w.values()) for w in model.weights_.values()])
    assert (weights > 0).any(axis=0).all()
    members = [LinearRegression().fit(X, Y).predict(X), KNeighborsRegressor().fit(X, Y).predict(X)]
    np.testing.assert_allclose(model.predict(X), weights[:, 0] * members[0] + weights[:, 1] * members[1])


def test_one_column_is_a_single_task(regression):
    X, Y = regression
    model = blend().fit(X, Y[:, 0])
    assert model.predict(X).shape == (120,)
    assert model.predict_proba(X) is None
    assert model.oof_prediction_.shape == (120,)
    y = np.where(Y[:, 0] > 0, "yes", "no")
    model = blend().fit(X, y)
    assert model.predict_proba(X).shape == (120, 2)
    assert list(model.classes_) == ["no", "yes"]
    assert set(model.predict(X)) == {"no", "yes"}
    assert set(model.weights_) == {"task_0"}


def test_a_blend_is_at_least_as_good_out_of_fold_as_its_best_member(mixed):
    X, Y = mixed
    model = blend(shrinkage=0).fit(X, Y)
    truth = Y.price.to_numpy(dtype=float)
    seen = ~np.isnan(truth)
    error = np.mean((model.oof_prediction_[2] - truth)[seen] ** 2)
    assert error <= min(losses["price"] for losses in model.oof_loss_.values()) + 1e-9
    codes = Y.level.map({"high": 0, "low": 1, "middle": 2}).to_numpy(dtype=float)
    seen = ~np.isnan(codes)
    chance = model.oof_prediction_[0][seen, codes[seen].astype(int)]
    assert -np.log(chance).mean() <= min(losses["level"] for losses in model.oof_loss_.values()) + 1e-9


def test_out_of_fold_predictions_have_not_seen_the_row(regression):
    X, Y = regression
    X = np.column_stack([X, np.arange(120)])
    nearest = KNeighborsRegressor(1)
    model = blend([("nearest", nearest)], cv=KFold(4)).fit(X, Y)
    for train, test in KFold(4).split(X):
        expected = clone(nearest).fit(X[train], Y[train]).predict(X[test])
        np.testing.assert_allclose(np.stack(model.oof_prediction_, axis=1)[test], expected)
    assert model.oof_score_["nearest"]["task_0"] == pytest.approx(r2_score(Y[:, 0], model.oof_prediction_[0]))


def test_labels_of_a_sentinel(mixed):
    X, Y = mixed
    gaps = blend().fit(X, Y)
    coded = blend(missing_label=-9).fit(X, Y.astype(object).where(Y.notna(), -9))
    assert coded.weights_ == gaps.weights_
    assert (coded.predict(X) == gaps.predict(X)).all()


@pytest.mark.parametrize("form", ["list", "polars", "object"])
def test_forms_of_y(mixed, form):
    X, Y = mixed
    expected = blend([("linear", LINEAR), ("net", MultiTaskEstimator(solver="lbfgs", max_iter=5, tol=1))]).fit(X, Y)
    if form == "polars":
        given = pytest.importorskip("polars").from_pandas(Y)
    else:
        given = Y.to_numpy(dtype=object)
        given = given.tolist() if form == "list" else given
    model = clone(expected).fit(X, given)
    names = list(Y) if form == "polars" else ["task_0", "task_1", "task_2"]
    assert list(model.weights_) == names
    assert (model.predict(X) == expected.predict(X)).all()


# X as it comes


def test_frames_with_text_go_to_the_members_as_they_are(regression):
    pd = pytest.importorskip("pandas")
    X, Y = regression
    X = pd.DataFrame(X, columns=list("abcde")).assign(e=np.where(X[:, 4] > 0, "up", "down"))
    encode = make_column_transformer((OneHotEncoder(), ["e"]), remainder="passthrough")
    model = blend([("linear", make_pipeline(encode, Ridge())), ("near", make_pipeline(encode, NEAR[0]))]).fit(X, Y)
    assert list(model.feature_names_in_) == list("abcde")
    assert model.score(X, Y) > 0.5
    with pytest.raises(ValueError, match="The feature names should match"):
        model.predict(X.rename(columns={"a": "z"}))


def test_gaps_in_X_where_all_members_take_them(regression, rng):
    X, Y = regression
    X = np.where(rng.random(X.shape) < 0.1, np.nan, X)
    takers = [("boosting", HistGradientBoostingRegressor(max_iter=5)), ("tree", DecisionTreeRegressor())]
    assert get_tags(blend(takers)).input_tags.allow_nan
    assert blend(takers).fit(X, Y).predict(X).shape == (120, 2)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        blend().fit(X, Y)


def test_sparse_X(regression):
    from scipy.sparse import csr_array

    X, Y = regression
    members = [("linear", LINEAR[0]), ("near", NEAR[0])]
    assert get_tags(blend(members)).input_tags.sparse
    assert get_tags(MultiTaskBlend()).input_tags.sparse
    assert not get_tags(blend([("near", NEAR[0]), ("trees", HistGradientBoostingRegressor())])).input_tags.sparse
    dense, sparse = (blend(members).fit(form(X), Y).predict(form(X)) for form in (np.asarray, csr_array))
    np.testing.assert_allclose(dense, sparse, rtol=1e-3)


# Folds, seeds, jobs


def test_folds_of_ones_own(regression):
    X, Y = regression
    groups = np.arange(120) // 10
    splits = list(GroupKFold(3).split(X, Y, groups))
    model = blend([("near", NEAR[0])], cv=splits).fit(X, Y)
    other = blend([("near", NEAR[0])], cv=iter(splits[:2])).fit(X, Y)
    unseen = np.isnan(other.oof_prediction_[0])
    np.testing.assert_array_equal(np.flatnonzero(unseen), splits[2][1])
    np.testing.assert_array_equal(other.oof_prediction_[0][~unseen], model.oof_prediction_[0][~unseen])
    twice = blend([("near", NEAR[0])], cv=[*splits, *splits]).fit(X, Y)
    np.testing.assert_allclose(twice.oof_prediction_[1], model.oof_prediction_[1])


def test_a_seed_decides_all(mixed):
    X, Y = mixed
    models = [blend(random_state=seed).fit(X, Y) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(models[0].predict_proba(X)[0], models[1].predict_proba(X)[0])
    assert models[0].weights_ == models[1].weights_ != models[2].weights_


def test_a_seed_of_a_member_stays():
    X = np.arange(20.0).reshape(-1, 1)
    members = [("trees", ExtraTreesRegressor(3, random_state=5)), ("other", ExtraTreesRegressor(3))]
    model = blend(members, shrinkage=0).fit(X, np.sin(X[:, 0]))
    kept = [model.named_estimators_[name] for name in ("trees", "other")]
    assert kept[0] is None or kept[0].random_state == 5
    assert kept[1] is None or kept[1].random_state is not None
    assert members[1][1].random_state is None


@pytest.mark.slow  # every process imports torch
def test_the_number_of_jobs_does_not_matter(mixed):
    X, Y = mixed
    one, two = (blend(n_jobs=n_jobs).fit(X, Y) for n_jobs in (None, 2))
    assert one.weights_ == two.weights_
    np.testing.assert_array_equal(one.predict_proba(X)[0], two.predict_proba(X)[0])


# Members that are left out


class Useless(RegressorMixin, BaseEstimator):
    """Far from any truth; it counts its fits."""

    fits = 0

    def fit(self, X, y):
        Useless.fits += 1
        return self

    def predict(self, X):
        return np.full(len(X), 1e6)


def test_a_member_of_weight_zero_is_not_fitted_to_all_rows(regression):
    X, Y = regression
    Useless.fits = 0
    model = blend([("linear", Ridge()), ("useless", Useless())]).fit(X, Y)
    assert Useless.fits == 2 * 3
    assert model.named_estimators_["useless"] is None
    assert model.estimators_ == [model.named_estimators_["linear"], None]
    assert {w["useless"] for w in model.weights_.values()} == {0.0}


def test_dropped_members(mixed):
    X, Y = mixed
    model = blend().set_params(near="drop").fit(X, Y)
    assert model.named_estimators_["near"] == "drop"
    assert len(model.estimators_) == 2
    assert list(model.weights_["price"]) == ["linear", "trees"]
    with pytest.raises(ValueError, match="has no member that is not dropped"):
        blend([("near", "drop")]).fit(X, Y)


# Parameters


def test_parameters_of_members():
    model = blend([("net", MultiTaskEstimator()), ("linear", LINEAR), ("one", (Ridge(), None))])
    found = model.get_params()
    assert found["net__alpha"] == "auto"
    assert found["linear__regressor__alpha"] == 1.0
    assert found["linear__classifier__C"] == 1.0
    assert found["one__classifier"] is None
    assert set(model.get_params(deep=False)) == {
        "estimators", "tasks", "cv", "shrinkage", "missing_label", "on_empty_task", "n_jobs", "random_state",
        "verbose",
    }  # fmt: skip
    copy = clone(model).set_params(
        cv=2, net__alpha=3, linear__regressor=DecisionTreeRegressor(), linear__regressor__max_depth=4,
        linear__classifier__C=5.0, one=Ridge(7), one__alpha=8,
    )  # fmt: skip
    (_, net), (_, (tree, logistic)), (_, one) = copy.estimators
    assert (copy.cv, net.alpha, tree.max_depth, logistic.C, one.alpha) == (2, 3, 4, 5.0, 8)
    assert LINEAR[1].C == 1.0
    assert model.estimators[0][1].alpha == "auto"
    with pytest.raises(
        ValueError, match="Invalid parameter 'linear__nonsense' for MultiTaskBlend: member 'linear' is a pair"
    ):
        model.set_params(linear__nonsense=3)


def test_a_grid_over_members_and_their_parameters(regression):
    X, Y = regression
    grid = {"linear__regressor__alpha": [0.1, 100.0], "near": ["drop", DecisionTreeRegressor(max_depth=2)]}
    search = GridSearchCV(blend([("linear", LINEAR), ("near", NEAR)], cv=2), grid, cv=2, error_score="raise").fit(X, Y)
    assert search.best_params_["linear__regressor__alpha"] == 0.1
    assert search.best_score_ > 0.3


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ([Ridge()], r"must be a list of \(name, estimator\) pairs"),
        ([("a", Ridge()), ("a", Ridge())], "not unique"),
        ([("cv", Ridge())], "conflict with constructor arguments"),
        ([("a__b", Ridge())], "must not contain __"),
        ([], "no member that is not dropped"),
    ],
)
def test_what_is_no_list_of_members(regression, members, match):
    with pytest.raises(ValueError, match=match):
        blend(members).fit(*regression)


@pytest.mark.parametrize(("name", "value"), [("shrinkage", -1), ("cv", 1), ("estimators", "all"), ("n_jobs", 0.5)])
def test_values_out_of_range(regression, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MultiTaskBlend must be|n_splits"):
        blend(**{name: value} if name != "estimators" else {"members": value}).fit(*regression)


# State


def test_an_error_leaves_the_blend_as_it_was(regression):
    X, Y = regression
    model = blend([("linear", LINEAR)])
    with pytest.raises(ValueError, match="Member 'linear' of MultiTaskBlend, task"):
        model.fit(np.full((120, 1), "a", dtype=object), Y)
    assert not [name for name in vars(model) if name.endswith("_")]
    before = model.fit(X, Y).predict(X)
    with pytest.raises(ValueError, match="0 feature"):
        model.fit(X[:, :0], Y)
    np.testing.assert_array_equal(model.predict(X), before)


class Interrupting(RegressorMixin, BaseEstimator):
    """Is stopped by hand, as a network is: it keeps what it has, and warns."""

    def fit(self, X, y):
        warnings.warn("Training interrupted by user; the network is kept as it is.", stacklevel=2)
        raise AssertionError("the warning should have ended the fit")


def test_an_interrupt_that_a_member_would_take_for_itself_ends_all(regression):
    X, Y = regression
    model = blend([("linear", Ridge())]).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(KeyboardInterrupt):
        model.set_params(estimators=[("linear", Ridge()), ("net", Interrupting())]).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), before)


def test_an_interrupt_while_a_network_trains(tmp_path):
    code = f"""
import numpy as np, os, signal, threading, warnings
from skmtl import MultiTaskBlend, MultiTaskRegressor
X = np.random.default_rng(0).normal(size=(300, 4))
net = MultiTaskRegressor(preset="mlp", max_iter=10**6, tol=0, n_iter_no_change=10**6)
model = MultiTaskBlend([("net", net)], cv=2)
threading.Timer(1.0, os.kill, [os.getpid(), {int(signal.SIGINT)}]).start()
try:
    model.fit(X, X[:, :2])
except KeyboardInterrupt:
    print("interrupted", sorted(vars(model)) == sorted(model.get_params(deep=False)))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert printed.stdout == "interrupted True\n", printed.stderr


def test_pickle_and_clone(mixed):
    X, Y = mixed
    model = blend().fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X)[0], model.predict_proba(X)[0])
    assert not hasattr(clone(model), "weights_")


def test_neither_classifier_nor_regressor():
    assert not is_classifier(blend())
    assert not is_regressor(blend())
    assert get_tags(blend()).target_tags.multi_output


def test_its_picture_in_a_notebook():
    html = blend()._repr_html_()
    assert all(name in html for name in ("near (regressor)", "Ridge", "KNeighborsClassifier"))
    assert "relu_net" in MultiTaskBlend()._repr_html_()


def test_progress(mixed, capsys):
    X, Y = mixed
    net = MultiTaskEstimator(preset="mlp", solver="lbfgs", max_iter=5, tol=1)
    blend([("linear", LINEAR), ("net", net)], verbose=True).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[MultiTaskBlend] 1/12 linear, task 'price', fold 1 of 3, ")
    assert lines[3].startswith("[MultiTaskBlend] 4/12 net, fold 1 of 3, ")
    assert any("all rows" in line for line in lines)
    assert lines[-1].startswith("[MultiTaskBlend] price: linear 0.")
    blend([("linear", LINEAR)]).fit(X, Y)
    assert not capsys.readouterr().out


# The default


def test_default_members(mixed):
    X, Y = mixed
    model = MultiTaskBlend(cv=2, random_state=0).fit(X, Y)
    assert list(model.weights_["price"]) == [name for name, _ in default_members()]
    assert model.score(X, Y) > 0.5


def test_default_members_take_categories_and_gaps(mixed):
    X, Y = mixed
    frame = pd.DataFrame(np.asarray(X)).add_prefix("x")
    frame["color"] = np.where(np.arange(len(frame)) % 3, "red", "blue")
    frame.iloc[::7, 0] = np.nan
    assert get_tags(MultiTaskBlend()).input_tags.allow_nan
    members = [(name, member) for name, member in default_members() if name in ("relu_net", "linear", "boosting")]
    model = MultiTaskBlend(members, cv=2, random_state=0).fit(frame, Y)
    assert np.isfinite(model.predict(frame.assign(color="never seen"))[:, -1].astype(float)).all()


def test_own_out_of_fold_predictions_are_for_folds_at_random_only(regression):
    X, Y = regression
    members = [("net", MultiTaskRegressor(n_members=2, max_iter=3)), ("linear", LINEAR[0])]
    by_chance = MultiTaskBlend(members, cv=2, random_state=0).fit(X, Y)
    assert_array_equal(by_chance.named_estimators_["net"].oof_prediction_.shape, np.shape(Y))
    fits = []

    class Counted(MultiTaskRegressor):
        def fit(self, X, y, sample_weight=None):
            fits.append(len(X))
            return super().fit(X, y, sample_weight)

    members[0] = ("net", Counted(n_members=2, max_iter=3))
    MultiTaskBlend(members, cv=2, random_state=0).fit(X, Y)
    assert fits == [len(X)]
    fits.clear()
    MultiTaskBlend(members, cv=KFold(3), random_state=0).fit(X, Y)  # rows that belong together, it may be
    assert fits[:3] == [80, 80, 80]


def test_one_name_for_trees_of_both_kinds(mixed):
    X, Y = mixed
    model = blend([("tree", (DecisionTreeRegressor(), DecisionTreeClassifier()))]).fit(X, Y)
    assert isinstance(model.named_estimators_["tree"]["price"], DecisionTreeRegressor)
    assert isinstance(model.named_estimators_["tree"]["level"], DecisionTreeClassifier)


def test_tasks_with_a_label_or_two_are_blended_all_the_same():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    Y = np.full((60, 30), np.nan)
    Y[np.arange(60), np.arange(60) // 2] = X[:, 0]
    Y[:40, 0] = X[:40, 0]
    network = MultiTaskEstimator(hidden_layer_sizes=4, solver="lbfgs", alpha=1.0, tol=1e-2)
    blend = MultiTaskBlend([("ridge", Ridge()), ("net", network)], cv=3, random_state=0).fit(X, Y)
    assert np.isfinite(blend.predict(X)).all()
    assert [sum(weights.values()) for weights in blend.weights_.values()] == pytest.approx([1.0] * 30)
