"""The estimators as parts of scikit-learn: pipelines, searches, routing, copies, displays, workers."""

import ast
import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    validation_curve,
)
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr
from torch import nn

import skmtl
from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import HardSharing
from skmtl.losses import Huber, SquaredError
from skmtl.model_selection import MultiTaskKFold
from skmtl.weighting import DynamicWeightAverage, Equal, Uncertainty

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
each_preset = pytest.mark.usefixtures("preset")

nan = np.nan
QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
KINDS = [MultiTaskRegressor, MultiTaskClassifier, MultiTaskEstimator]

_rng = np.random.default_rng(0)
X = _rng.normal(size=(90, 4))
FRAME = pd.DataFrame(X, columns=["width", "height", "depth", "mass"])
NUMBERS = pd.DataFrame({"heating": X[:, 0] - X[:, 1] + 0.1, "cooling": 100 * X[:, 2] * X[:, 3]})
CLASSES = pd.DataFrame({"level": np.digitize(X[:, 0], [-0.5, 0.5]), "passed": np.where(X[:, 1] > 0, "yes", "no")})
MIXED = pd.DataFrame({"heating": NUMBERS["heating"], "passed": CLASSES["passed"]})
GOOD = {MultiTaskRegressor: NUMBERS, MultiTaskClassifier: CLASSES, MultiTaskEstimator: MIXED}


def with_gaps(frame, share=0.3):
    return frame.mask(np.random.default_rng(1).random(frame.shape) < share)


def regressor(**params):
    return MultiTaskRegressor(**QUICK | params)


def classifier(**params):
    return MultiTaskClassifier(**QUICK | params)


# Parameters, copies, displays


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_stored_as_it_is_and_fit_writes_none(kind, preset):
    given = {name: object() for name in kind().get_params()}
    assert all(getattr(kind(**given), name) is value for name, value in given.items())
    estimator = kind(**QUICK, weighting=DynamicWeightAverage(1.0), architecture=HardSharing())
    before = estimator.get_params(deep=False)
    estimator.fit(X, GOOD[kind])
    after = estimator.get_params(deep=False)
    assert before.keys() == after.keys()
    assert all(after[name] is value for name, value in before.items())


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_parts_that_were_passed_learn_nothing(kind):
    weighting, architecture = Uncertainty(), HardSharing()
    trunk = nn.Linear(4, 6)
    weight = trunk.weight.detach().clone()
    kind(**QUICK, weighting=weighting, architecture=architecture).fit(X, GOOD[kind])
    kind(**QUICK, architecture=trunk).fit(X, GOOD[kind])
    assert not list(weighting.parameters())
    assert not list(architecture.parameters())
    assert torch.equal(trunk.weight, weight)
    assert trunk.weight.grad is None


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_clone_is_unfitted_and_fits_the_same(kind):
    estimator = kind(**QUICK, weighting=DynamicWeightAverage(temperature=3.0), task_weights=[2, 1]).fit(X, GOOD[kind])
    copy = clone(estimator)
    assert not hasattr(copy, "net_")
    assert copy.get_params()["weighting__temperature"] == 3.0
    assert copy.weighting is not estimator.weighting
    assert_array_equal(copy.fit(X, GOOD[kind]).predict(X), estimator.predict(X))


@each_preset
def test_set_params_reaches_into_parts():
    estimator = regressor(weighting=DynamicWeightAverage(), architecture=HardSharing(), loss=Huber(), n_members=1)
    estimator.set_params(
        weighting__temperature=7.0, loss__delta=2.0, hidden_layer_sizes=(3,), architecture="hard_sharing"
    )
    assert (estimator.weighting.temperature, estimator.loss.delta, estimator.architecture) == (7.0, 2.0, "hard_sharing")
    assert estimator.fit(X, NUMBERS).transform(X).shape == (90, 3)
    assert estimator.net_.criterion_.weighting.temperature == 7.0
    estimator.set_params(weighting="equal", architecture=nn.Linear(4, 5))
    assert estimator.fit(X, NUMBERS).transform(X).shape == (90, 5)


def test_repr_shows_what_was_changed():
    estimator = MultiTaskRegressor(task_weights={"heating": 2}, weighting=DynamicWeightAverage(temperature=3.0))
    text = repr(estimator)
    assert "MultiTaskRegressor(" in text
    assert "task_weights={'heating': 2}" in text
    assert "DynamicWeightAverage(temperature=3.0)" in text
    assert "solver" not in text
    assert repr(MultiTaskClassifier()) == "MultiTaskClassifier()"
    assert text == repr(estimator.set_params(max_iter="auto"))


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_html_repr(kind):
    estimator = make_pipeline(StandardScaler(), kind(**QUICK, weighting=Uncertainty()))
    assert kind.__name__ in estimator_html_repr(estimator)
    html = estimator.fit(X, GOOD[kind])._repr_html_()
    assert kind.__name__ in html
    assert "Uncertainty" in html


@each_preset
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "params", [{}, {"architecture": nn.Sequential(nn.Linear(4, 8), nn.ReLU())}, {"solver": "lbfgs"}]
)
def test_pickle_and_joblib(kind, params):
    estimator = kind(**QUICK | params, weighting=Equal()).fit(X, GOOD[kind])
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    for copy in (pickle.loads(pickle.dumps(estimator)), joblib.load(file)):
        assert_array_equal(copy.predict(X), estimator.predict(X))
        assert copy.history_["train_loss"].tolist() == estimator.history_["train_loss"].tolist()
    if not params.get("solver"):
        assert_array_equal(copy.partial_fit(X, GOOD[kind]).predict(X), estimator.partial_fit(X, GOOD[kind]).predict(X))


def test_types_that_scikit_learn_sees():
    assert is_regressor(MultiTaskRegressor())
    assert is_classifier(MultiTaskClassifier())
    assert not is_regressor(MultiTaskEstimator())
    assert not is_classifier(MultiTaskEstimator())


# Pipelines and columns


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_pipeline_with_column_transformer(kind):
    frame = FRAME.assign(colour=np.resize(["red", "green", "blue"], 90))
    columns = ColumnTransformer([("numbers", StandardScaler(), list(FRAME)), ("words", OneHotEncoder(), ["colour"])])
    y = with_gaps(GOOD[kind])
    model = Pipeline([("columns", columns), ("learn", kind(**QUICK))]).fit(frame, y)
    assert model.predict(frame).shape == (90, 2)
    assert np.isfinite(model.score(frame, y))
    assert model["learn"].n_features_in_ == 7
    assert list(model.named_steps["learn"].tasks_) == list(y.columns)


@each_preset
def test_pipeline_with_sparse_features():
    words = np.resize(np.array(["red", "green", "blue"], dtype=object), (90, 1))
    model = make_pipeline(OneHotEncoder(sparse_output=True), regressor()).fit(words, NUMBERS)
    dense = make_pipeline(OneHotEncoder(sparse_output=False), regressor()).fit(words, NUMBERS)
    assert_allclose(model.predict(words), dense.predict(words), rtol=1e-5)


@each_preset
def test_feature_extractor_before_another_model():
    other = np.sin(2 * X[:, 0]) + X[:, 1]
    params = {"max_iter": 200, "learning_rate_init": 0.01, "activation": "tanh", "n_members": 1}
    trunk = regressor(hidden_layer_sizes=(20, 6), **params)
    model = make_pipeline(StandardScaler(), trunk, Ridge(1e-3)).fit(X, other)
    assert model[:-1].transform(X).shape == (90, 6)
    assert model.score(X, other) > 0.9
    union = FeatureUnion([("trunk", trunk), ("as_is", "passthrough")]).fit(X, NUMBERS)
    assert union.transform(X).shape == (90, 10)


@each_preset
def test_feature_extractor_with_classes():
    y = CLASSES["level"]
    model = make_pipeline(classifier(max_iter=100, learning_rate_init=0.02), LogisticRegression()).fit(X, y)
    assert model.score(X, y) > 0.9


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_names_of_the_representation(kind):
    estimator = kind(**QUICK, n_members=2).fit(FRAME, GOOD[kind])
    assert_array_equal(estimator.get_feature_names_out(), [f"{kind.__name__.lower()}{i}" for i in range(16)])
    estimator.set_params(n_members=1).fit(FRAME, GOOD[kind])
    assert_array_equal(estimator.get_feature_names_out(), [f"{kind.__name__.lower()}{i}" for i in range(8)])
    assert_array_equal(estimator.feature_names_in_, list(FRAME))


@each_preset
def test_set_output():
    estimator = regressor().fit(FRAME, NUMBERS)
    expected = estimator.transform(FRAME)
    frame = estimator.set_output(transform="pandas").transform(FRAME)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == list(estimator.get_feature_names_out())
    assert_array_equal(frame.to_numpy(), expected)
    polars = pytest.importorskip("polars")
    frame = estimator.set_output(transform="polars").transform(FRAME)
    assert isinstance(frame, polars.DataFrame)
    assert_array_equal(frame.to_numpy(), expected)


@each_preset
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float32_stays_float32_in_transform(dtype, solver):
    Z = regressor(solver=solver).fit(X.astype(dtype), NUMBERS).transform(X.astype(dtype))
    assert Z.dtype == np.float32 or dtype == np.float64


# Searches

SEARCHES = {
    "task_weights, dicts": {"task_weights": [{"heating": 1, "cooling": w} for w in (0.5, 4)] + [None]},
    "task_weights, lists": {"task_weights": [[1, 0.5], [1, 4], np.array([2.0, 1.0])]},
    "weighting, names and instances": {"weighting": ["equal", "uncertainty", DynamicWeightAverage(temperature=0.5)]},
    "loss": {"loss": ["huber", SquaredError(), {"heating": "absolute_error"}, ["huber", Huber(delta=0.5)]]},
    "sizes": {"hidden_layer_sizes": [(4,), (8, 4), 5], "head_hidden_layer_sizes": [(), (3,)]},
}


def search_of(grid, n_jobs, **params):
    return GridSearchCV(regressor(**params), grid, cv=KFold(3), n_jobs=n_jobs).fit(X, with_gaps(NUMBERS))


@each_preset
@pytest.mark.parametrize("name", SEARCHES)
def test_grid_search(name):
    search = search_of(SEARCHES[name], n_jobs=1)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) == len(scores)  # each candidate trains in its own way
    assert search.best_estimator_.predict(X).shape == (90, 2)


def test_grid_search_gives_the_same_with_two_workers():
    one, two = (search_of(list(SEARCHES.values()), n_jobs=n_jobs) for n_jobs in (1, 2))
    for key in ("split0_test_score", "split1_test_score", "split2_test_score"):
        assert_array_equal(one.cv_results_[key], two.cv_results_[key])
    assert_array_equal(one.predict(X), two.predict(X))


@each_preset
def test_grid_search_over_the_parameters_of_a_part():
    grid = {"weighting__temperature": [0.1, 10.0], "loss__delta": [0.2, 2.0]}
    search = search_of(grid, n_jobs=1, weighting=DynamicWeightAverage(), loss=Huber(), max_iter=20)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 4
    assert search.best_estimator_.weighting.temperature in (0.1, 10.0)


@each_preset
def test_grid_search_in_a_pipeline():
    model = make_pipeline(StandardScaler(), regressor())
    grid = {"multitaskregressor__task_weights": [{"cooling": w} for w in (0.5, 1, 2)]}
    search = GridSearchCV(model, grid, cv=3).fit(FRAME, with_gaps(NUMBERS))
    assert len(search.cv_results_["params"]) == 3


@each_preset
def test_randomized_search_over_task_weights():
    class Simplex:
        def rvs(self, random_state=None):
            return random_state.dirichlet([1.0, 1.0])

    search = RandomizedSearchCV(regressor(), {"task_weights": Simplex()}, n_iter=3, cv=3, random_state=0)
    search.fit(X, NUMBERS)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 3
    assert search.best_params_["task_weights"].sum() == pytest.approx(1)


@each_preset
def test_search_with_a_score_for_each_task():
    def by_task(estimator, X, y):
        return estimator.score_tasks(X, y)

    search = GridSearchCV(regressor(), {"alpha": [0, 1.0]}, scoring=by_task, refit="cooling", cv=3)
    search.fit(X, with_gaps(NUMBERS))
    assert {"mean_test_heating", "mean_test_cooling"} <= search.cv_results_.keys()


@each_preset
def test_classifier_search_with_missing_labels():
    y = with_gaps(CLASSES)
    grid = {"task_weights": [None, {"level": 3}], "class_weight": [None, "balanced"]}
    search = GridSearchCV(classifier(), grid, cv=MultiTaskKFold(3)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with pytest.raises((ValueError, TypeError)):
        GridSearchCV(classifier(), grid, cv=3).fit(X, y)  # scikit-learn's own limit, which MultiTaskKFold lifts


@each_preset
def test_mixed_search_with_missing_labels():
    search = GridSearchCV(MultiTaskEstimator(**QUICK), {"alpha": [0, 1.0]}, cv=MultiTaskKFold(3))
    assert np.isfinite(search.fit(X, with_gaps(MIXED)).cv_results_["mean_test_score"]).all()


# Cross-validation, curves, importance


@each_preset
def test_cross_val_score_with_missing_labels():
    scores = cross_val_score(regressor(max_iter=100, learning_rate_init=0.02), X, with_gaps(NUMBERS[["heating"]]), cv=3)
    assert scores.min() > 0.5
    scores = cross_val_score(
        classifier(max_iter=50, learning_rate_init=0.02), X, with_gaps(CLASSES), cv=MultiTaskKFold(3)
    )
    assert scores.min() > 0.5
    scores = cross_val_score(MultiTaskEstimator(**QUICK), X, with_gaps(MIXED), cv=MultiTaskKFold(3))
    assert np.isfinite(scores).all()


@each_preset
def test_cross_val_predict():
    predicted = cross_val_predict(regressor(), X, with_gaps(NUMBERS), cv=3)
    assert predicted.shape == (90, 2)
    assert np.isfinite(predicted).all()
    probabilities = cross_val_predict(
        classifier(), X, np.c_[CLASSES["level"], X[:, 1] > 0], cv=3, method="predict_proba"
    )
    assert [p.shape for p in probabilities] == [(90, 3), (90, 2)]


@each_preset
def test_fitted_folds_are_returned_whole():
    result = cross_validate(regressor(), X, NUMBERS, cv=3, return_estimator=True, return_train_score=True, n_jobs=2)
    assert all(e.history_.n_epochs == 5 for e in result["estimator"])


@each_preset
def test_learning_curve():
    sizes, train, test = learning_curve(regressor(), X, with_gaps(NUMBERS), cv=3, train_sizes=[0.3, 1.0])
    assert sizes.tolist() == [18, 60]
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()


@each_preset
def test_learning_curve_by_partial_fit():
    _, train, _ = learning_curve(
        regressor(), X, NUMBERS, cv=3, train_sizes=[0.3, 0.6, 1.0], exploit_incremental_learning=True
    )
    assert np.isfinite(train).all()


@each_preset
def test_validation_curve():
    train, _ = validation_curve(
        regressor(), X, NUMBERS, param_name="max_iter", param_range=[1, 50], cv=ShuffleSplit(2, random_state=0)
    )
    assert (train[1] > train[0]).all()


@each_preset
def test_permutation_importance():
    y = NUMBERS.assign(cooling=X[:, 1] + X[:, 0])
    model = regressor(max_iter=200, learning_rate_init=0.02).fit(X, y)
    importance = permutation_importance(model, X, with_gaps(y), n_repeats=3, random_state=0).importances_mean
    assert importance[:2].min() > 0.3
    assert np.abs(importance[2:]).max() < 0.1


# Metadata routing


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@each_preset
@pytest.mark.parametrize("shape", [(90,), (90, 2)])
def test_sample_weight_is_routed_through_a_search(routing, shape):
    weight = np.ones(shape)
    weight[45:] = 0.0
    learner = regressor().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), learner)
    folds = [(np.arange(10, 80), np.r_[0:10, 80:90])]
    grid = {"multitaskregressor__alpha": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=folds).fit(X, NUMBERS, sample_weight=weight)
    rows, test = folds[0]
    scaled = StandardScaler().fit(X[rows])
    train, held_out = scaled.transform(X[rows]), scaled.transform(X[test])
    by_hand = regressor(alpha=0.0).fit(train, NUMBERS.iloc[rows], sample_weight=weight[rows])
    score = by_hand.score(held_out, NUMBERS.iloc[test], sample_weight=weight[test])
    assert search.cv_results_["mean_test_score"][0] == score
    assert score != by_hand.score(held_out, NUMBERS.iloc[test])
    assert score != by_hand.fit(train, NUMBERS.iloc[rows]).score(
        held_out, NUMBERS.iloc[test], sample_weight=weight[test]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_requests_exist_for_all_that_takes_weights(routing, kind):
    estimator = kind().set_fit_request(sample_weight=True).set_partial_fit_request(sample_weight=True, classes=True)
    requests = estimator.get_metadata_routing()
    assert requests.fit.requests["sample_weight"] is True
    assert requests.partial_fit.requests == {"sample_weight": True, "classes": True}
    assert "sample_weight" in requests.score.requests


@each_preset
@pytest.mark.parametrize("shape", [(90,), (90, 2)])
def test_sample_weight_without_routing(shape):
    weight = np.random.default_rng(0).random(shape)
    search = GridSearchCV(regressor(), {"alpha": [0.0, 0.1]}, cv=3).fit(X, NUMBERS, sample_weight=weight)
    assert_array_equal(
        search.predict(X), regressor(**search.best_params_).fit(X, NUMBERS, sample_weight=weight).predict(X)
    )
    model = make_pipeline(StandardScaler(), regressor()).fit(X, NUMBERS, multitaskregressor__sample_weight=weight)
    assert not np.array_equal(model.predict(X), make_pipeline(StandardScaler(), regressor()).fit(X, NUMBERS).predict(X))


# Workers: same digits, no more threads than cores, no global state


IN_A_NEW_PROCESS = """
import joblib, numpy as np, torch, warnings
from skorch.callbacks import Callback
from skmtl import MultiTaskRegressor

class CountThreads(Callback):
    def on_epoch_end(self, net, **kwargs):
        net.history.record("threads", torch.get_num_threads())

def threads(hidden):
    rows = np.random.default_rng(0).normal(size=(300, 50))
    model = MultiTaskRegressor(hidden_layer_sizes=hidden, max_iter=2, tol=0, callbacks=[CountThreads()], random_state=0)
    before = torch.get_num_threads()
    warnings.simplefilter("ignore")
    model.fit(rows, rows[:, :3])
    return [row["threads"] for row in model.net_.history], before, torch.get_num_threads()

if __name__ == "__main__":
    print(joblib.Parallel(n_jobs=2)(joblib.delayed(threads)(hidden) for hidden in [(8,), (512, 512)]))
"""


def test_workers_do_not_use_more_threads_than_there_are_cores():
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(skmtl.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    run = subprocess.run(
        [sys.executable, "-c", IN_A_NEW_PROCESS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for during, before, after in ast.literal_eval(run.stdout):
        assert len(during) == 2
        assert max(during) <= max(1, joblib.cpu_count() // 2)
        assert before == after


@each_preset
@pytest.mark.parametrize("params", [{}, {"dropout": 0.3}, {"early_stopping": True}, {"architecture": nn.Linear(4, 8)}])
@pytest.mark.parametrize("kind", KINDS)
def test_result_depends_on_random_state_alone(kind, params):
    def fit(seed):
        np.random.seed(seed)  # noqa: NPY002 (the global state is what must not matter)
        torch.manual_seed(seed)
        return kind(**QUICK | params).fit(X, with_gaps(GOOD[kind])).transform(X)

    here = [fit(seed) for seed in (1, 2)]
    there = joblib.Parallel(n_jobs=2)(joblib.delayed(fit)(seed) for seed in (3, 4))
    for result in [*here[1:], *there]:
        assert_array_equal(result, here[0])


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_no_global_state_is_touched(kind):
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    threads, dtype, precision = torch.get_num_threads(), torch.get_default_dtype(), torch.get_float32_matmul_precision()
    estimator = kind(**QUICK, dropout=0.2, early_stopping=True).fit(X, GOOD[kind])
    estimator.predict(X), estimator.score(X, GOOD[kind]), estimator.transform(X)
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert threads == torch.get_num_threads()
    assert dtype == torch.get_default_dtype()
    assert precision == torch.get_float32_matmul_precision()
    assert torch.is_grad_enabled()


@each_preset
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("params", [{}, {"head_hidden_layer_sizes": (4,)}, {"solver": "lbfgs"}])
def test_rows_are_predicted_independently(kind, params):
    estimator = kind(**QUICK | params | {"hidden_layer_sizes": (30, 20)}).fit(X, GOOD[kind])
    whole = estimator.transform(X)
    assert_array_equal(np.concatenate([estimator.transform(X[i : i + 1]) for i in range(90)]), whole)
    assert_array_equal(np.concatenate([estimator.predict(X[i : i + 7]) for i in range(0, 90, 7)]), estimator.predict(X))
    order = np.random.default_rng(0).permutation(90)
    assert_array_equal(estimator.predict(X[order]), estimator.predict(X)[order])


@each_preset
@pytest.mark.parametrize("kind", KINDS)
def test_arguments_are_not_written_to(kind):
    rows, y, weight = X.copy(), with_gaps(GOOD[kind]), np.full((90, 2), 0.5)
    kept = rows.copy(), y.copy(), weight.copy()
    for array in (rows, weight):
        array.flags.writeable = False
    estimator = kind(**QUICK).fit(rows, y, sample_weight=weight)
    estimator.partial_fit(rows, y), estimator.score(rows, y, sample_weight=weight), estimator.predict(rows)
    assert_array_equal(rows, kept[0])
    pd.testing.assert_frame_equal(y, kept[1])
    assert_array_equal(weight, kept[2])
