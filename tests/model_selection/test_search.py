"""TaskWeightSearchCV: the results of GridSearchCV, with candidates trained side by side."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.datasets import load_linnerud
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import (
    MultiTaskKFold,
    TaskWeightGrid,
    TaskWeightSampler,
    TaskWeightSearchCV,
    choose_weights,
    cross_val_score_tasks,
    hypervolume,
    pareto_front,
)

WEIGHTS = [None, {"a": 2.0, "b": 0.5}, {"a": 0.2}]
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def _model(**settings):
    return MultiTaskRegressor(
        **{"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 8, "random_state": 0, **settings}
    )


def _data(n=60, gaps=0.0):
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    X = rng.randn(n, 3)
    Y = X @ rng.randn(3, 2) + 0.1 * rng.randn(n, 2)
    Y[rng.rand(n, 2) < gaps] = np.nan
    return X, pd.DataFrame(Y, columns=["a", "b"])


def _fitted(X, Y, estimator=None, weights=WEIGHTS, **settings):
    settings = {"cv": KFold(3), **settings}
    return TaskWeightSearchCV(_model() if estimator is None else estimator, weights, **settings).fit(X, Y)


def _grid(X, Y, estimator, parameter="task_weights", **settings):
    return GridSearchCV(estimator, {parameter: WEIGHTS}, cv=KFold(3), **settings).fit(X, Y)


def _agree(search, grid):
    """Every figure of the grid search is in the other one, but for the times."""
    for name, values in grid.cv_results_.items():
        if name == "params":
            assert search.cv_results_[name] == values
        elif name.startswith("param_"):
            assert search.cv_results_[name].tolist() == values.tolist()
        elif "time" in name:
            assert search.cv_results_[name].shape == values.shape
        else:
            np.testing.assert_allclose(search.cv_results_[name], values, atol=1e-5, err_msg=name)
    assert search.best_index_ == grid.best_index_
    assert search.best_params_ == grid.best_params_


@pytest.mark.parametrize("settings", [{}, {"weighting": "uncertainty"}], ids=["side by side", "one by one"])
def test_results_of_grid_search(settings):
    X, Y = _data(gaps=0.2)
    search = _fitted(X, Y, _model(**settings), return_train_score=True)
    grid = _grid(X, Y, _model(**settings), return_train_score=True)
    _agree(search, grid)
    assert search.best_score_ == pytest.approx(grid.best_score_, abs=1e-5)
    np.testing.assert_allclose(search.predict(X), grid.predict(X))
    assert search.score(X, Y) == pytest.approx(grid.score(X, Y))


def test_in_a_pipeline():
    X, Y = _data()
    search = _fitted(X, Y, make_pipeline(StandardScaler(), _model()))
    _agree(search, _grid(X, Y, make_pipeline(StandardScaler(), _model()), "multitaskregressor__task_weights"))
    assert list(search.best_params_) == ["multitaskregressor__task_weights"]


def test_in_a_pipeline_that_remembers(tmp_path):
    X, Y = _data()
    search = _fitted(X, Y, make_pipeline(StandardScaler(), _model(), memory=str(tmp_path)))
    _agree(search, _grid(X, Y, make_pipeline(StandardScaler(), _model()), "multitaskregressor__task_weights"))


def test_several_scores_and_the_one_that_decides():
    X, Y = _data(gaps=0.2)
    settings = {"scoring": make_task_scorer("neg_mae", ["mean", "worst"]), "refit": "worst"}
    search, grid = _fitted(X, Y, **settings), _grid(X, Y, _model(), **settings)
    _agree(search, grid)
    assert search.multimetric_
    np.testing.assert_allclose(
        np.minimum(search.cv_results_["split0_test_a"], search.cv_results_["split0_test_b"]),
        search.cv_results_["split0_test_worst"],
    )


def test_scores_of_scikit_learn():
    X, Y = _data()
    for scoring, refit in [("neg_mean_squared_error", True), (["r2", "neg_mean_squared_error"], "r2")]:
        _agree(_fitted(X, Y, scoring=scoring, refit=refit), _grid(X, Y, _model(), scoring=scoring, refit=refit))


def test_several_names_of_task_scorers():
    X, Y = _data(gaps=0.2)
    search = _fitted(X, Y, scoring=["r2", "neg_mae"], refit="neg_mae")
    scorers = {name: make_task_scorer(name) for name in ("r2", "neg_mae")}
    _agree(search, _grid(X, Y, _model(), scoring=scorers, refit="neg_mae"))
    np.testing.assert_allclose(search.cv_results_["mean_test_neg_mae"], search.task_scores_.mean(1), atol=1e-6)
    X, Y = _data()
    search = _fitted(X, Y, scoring={"share": "neg_mean_absolute_percentage_error", "r2": "r2"}, refit="r2")
    assert list(search.scorer_) == ["share", "r2"]  # the first is scikit-learn's


def test_a_choice_by_several_scores_has_no_score_of_its_own():
    X, Y = _data()
    search = _fitted(X, Y, scoring="r2_by_task", refit=choose_weights)
    with pytest.raises(ValueError, match="none of the several scores is the one that decides"):
        search.score(X, Y)
    assert make_task_scorer()(search, X, Y) == search.best_estimator_.score(X, Y)


def test_by_default_weights_are_scored_where_the_estimator_asks_for_them():
    X, Y = _data()
    weight = np.random.RandomState(1).rand(len(X))
    with config_context(enable_metadata_routing=True):
        model = _model().set_fit_request(sample_weight=True)
        for asks in (True, False):
            model.set_score_request(sample_weight=asks)
            search = TaskWeightSearchCV(model, WEIGHTS, cv=KFold(3)).fit(X, Y, sample_weight=weight)
            grid = GridSearchCV(model, {"task_weights": WEIGHTS}, cv=KFold(3)).fit(X, Y, sample_weight=weight)
            _agree(search, grid)


def test_a_parameter_of_fit_that_there_is_not_is_named_as_by_fit():
    X, Y = _data()
    with pytest.raises(TypeError, match=r"\.fit\(\) got an unexpected keyword argument 'sample_wight'"):
        TaskWeightSearchCV(_model(), WEIGHTS, cv=2).fit(X, Y, sample_wight=np.ones(len(X)))


def test_a_second_search_forgets_the_first():
    X, Y = _data()
    search = TaskWeightSearchCV(_model(), WEIGHTS, cv=2).fit(Y.rename(columns={"a": "x", "b": "y"}), Y)
    assert hasattr(search, "feature_names_in_")
    search.set_params(scoring="r2_by_task", refit=False).fit(X, Y)
    for name in ("best_index_", "best_params_", "best_score_", "best_estimator_", "refit_time_", "feature_names_in_"):
        assert not hasattr(search, name)


def test_names_of_task_scorers():
    X, Y = _data(gaps=0.2)
    search = _fitted(X, Y, scoring="r2_worst")
    np.testing.assert_allclose(search.cv_results_["split1_test_score"], search_worst(search, 1))


def search_worst(search, k):
    """The lower of the two scores of each candidate in a fold."""
    return np.minimum(search.cv_results_[f"split{k}_test_a"], search.cv_results_[f"split{k}_test_b"])


def test_tasks_have_the_scores_that_cross_validation_gives():
    X, Y = _data(gaps=0.2)
    search = _fitted(X, Y)
    scores = cross_val_score_tasks(_model(task_weights=WEIGHTS[1]), X, Y, cv=KFold(3))
    assert search.task_names_ == ["a", "b"]
    for j, name in enumerate(search.task_names_):
        assert search.cv_results_[f"mean_test_{name}"][1] == pytest.approx(scores.mean[name], abs=1e-5)
        assert search.task_scores_[1, j] == search.cv_results_[f"mean_test_{name}"][1]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], search.task_scores_.mean(1), atol=1e-6)


def test_front_and_volume():
    X, Y = _data()
    search = _fitted(X, Y)
    assert search.pareto_front_.tolist() == np.flatnonzero(pareto_front(search.task_scores_)).tolist()
    np.testing.assert_array_equal(search.reference_, search.task_scores_.min(0))
    given = _fitted(X, Y, reference={"b": -1.0, "a": -2.0})
    assert given.reference_.tolist() == [-2.0, -1.0]
    assert given.hypervolume_ == hypervolume(search.task_scores_, [-2.0, -1.0])


def test_a_chooser_decides():
    X, Y = _data()
    search = _fitted(X, Y, refit=choose_weights)
    assert search.best_index_ == choose_weights(search)
    assert search.best_estimator_.task_weights == WEIGHTS[search.best_index_]
    assert not hasattr(search, "best_score_")


def test_a_task_that_folds_have_no_label_of():
    X, Y = _data()
    Y.loc[:19, "b"] = np.nan
    search = _fitted(X, Y, weights=[None])
    assert np.isnan(search.cv_results_["split0_test_b"]).all()
    others = [search.cv_results_[f"split{k}_test_b"] for k in (1, 2)]
    np.testing.assert_allclose(search.cv_results_["mean_test_b"], np.mean(others, axis=0))


def test_weights_and_groups_go_where_they_belong():
    X, Y = _data(gaps=0.2)
    weight, groups = np.random.RandomState(1).rand(len(X)), np.arange(len(X)) % 5
    search = TaskWeightSearchCV(_model(), WEIGHTS, cv=GroupKFold(3)).fit(X, Y, sample_weight=weight, groups=groups)
    grid = GridSearchCV(_model(), {"task_weights": WEIGHTS}, cv=GroupKFold(3), scoring=make_task_scorer())
    grid.fit(X, Y, sample_weight=weight, groups=groups)
    _agree(search, grid)


def test_a_candidate_that_fails_does_so_alone():
    X, Y = _data()
    with pytest.warns(FitFailedWarning, match="3 of 6 fits failed.*Did you mean 'a'"), pytest.warns(UserWarning):
        search = _fitted(X, Y, weights=[{"aa": 1.0}, None], error_score=-5.0)
    assert search.cv_results_["mean_test_score"][0] == -5.0
    assert np.isnan(search.task_scores_[0]).all()
    assert search.best_index_ == 1
    with pytest.raises(ValueError, match="Did you mean 'a'"):
        _fitted(X, Y, weights=[{"aa": 1.0}, None], error_score="raise")


@pytest.mark.parametrize("settings", [{}, {"weighting": "uncertainty"}], ids=["side by side", "one by one"])
def test_if_all_fail_the_error_says_why(settings):
    X, Y = _data()
    with pytest.raises(ValueError, match="Did you mean 'relu'"):
        _fitted(X, Y, _model(activation="rellu", **settings), weights=[None, None])


def test_several_jobs_give_the_same():
    X, Y = _data()
    one, two = _fitted(X, Y), _fitted(X, Y, n_jobs=2)
    np.testing.assert_array_equal(one.task_scores_, two.task_scores_)


def test_without_a_seed_candidates_share_one():
    X, Y = _data()
    for settings in ({}, {"weighting": "dwa"}):
        search = _fitted(X, Y, _model(random_state=None, **settings), weights=[None, None, [1, 1]])
        np.testing.assert_allclose(search.task_scores_, search.task_scores_[[0, 0, 0]], atol=1e-6)
        assert search.estimator.random_state is None


class _Stops(RegressorMixin, BaseEstimator):
    """Is interrupted in its third fit."""

    fits = 0

    def __init__(self, task_weights=None):
        self.task_weights = task_weights

    def fit(self, X, y):
        type(self).fits += 1
        if self.fits == 3:
            raise KeyboardInterrupt
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)


def test_an_interrupt_keeps_the_folds_that_are_done():
    X, Y = load_linnerud(return_X_y=True)
    search = TaskWeightSearchCV(_Stops(), [None, None], cv=KFold(3))
    _Stops.fits = 0
    with pytest.warns(UserWarning, match="1 of the 3 folds"):
        search.fit(X, Y)
    assert search.n_splits_ == 1
    assert "split0_test_score" in search.cv_results_
    assert "split1_test_score" not in search.cv_results_
    assert search.best_params_ == {"task_weights": None}
    assert not hasattr(search, "best_estimator_")
    _Stops.fits = 2
    with pytest.raises(KeyboardInterrupt):
        clone(search).fit(X, Y)


def test_folds_by_default_are_those_of_the_package():
    X, Y = _data(gaps=0.5)
    found = TaskWeightSearchCV(_model(), [None], cv=3).fit(X, Y)
    same = TaskWeightSearchCV(_model(), [None], cv=MultiTaskKFold(3)).fit(X, Y)
    np.testing.assert_array_equal(found.task_scores_, same.task_scores_)


def test_a_line_a_fold(capsys):
    X, Y = _data()
    _fitted(X, Y, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"[TaskWeightSearchCV] fold {k} of 3" for k in (1, 2, 3)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": []}, "weights is empty"),
        ({"weights": {"a": 1}}, "sequence of candidates"),
        ({"weights": None}, "sequence of candidates"),
        ({"weights": [1.0, 2.0]}, "sequence of candidates"),
        ({"weights": TaskWeightSampler(2)}, r"Pass what it draws: weights.rvs\(16"),
        ({"weights": _data(3)[1]}, r"Pass its rows: weights.to_dict\('records'\)"),
        ({"cv": []}, r"cv=\[\] has no split"),
        ({"scoring": ["r2", "neg_meen_absolute_error"]}, "Did you mean 'neg_mean_absolute_error'"),
        ({"scoring": ["r2", "neg_mae"], "refit": "neg_mea"}, "The scores are.*Did you mean 'neg_mae'"),
        ({"estimator": Ridge()}, "there is none in Ridge"),
        ({"scoring": "r2_wurst"}, "r2_worst"),
        ({"reference": {"a": 1}}, "reference has no score of task 'b'"),
        ({"reference": [1.0]}, "one score for each of the tasks"),
        ({"error_score": "rise"}, "error_score"),
    ],
)
def test_errors_say_what_to_do(settings, message):
    X, Y = _data(n=30)
    with pytest.raises(ValueError, match=message):
        _fitted(X, Y, **settings)


def test_a_class_is_no_estimator():
    X, Y = _data(n=30)
    with pytest.raises(TypeError, match="instance of scikit-learn estimator instead of a class"):
        _fitted(X, Y, MultiTaskRegressor)


def test_two_places_for_the_weights_are_one_too_many():
    X, Y = _data()
    both = make_pipeline(MultiOutputRegressor(_model()), _model())
    with pytest.raises(ValueError, match=r"there are.*multioutputregressor"):
        _fitted(X, Y, both)


def test_lattices_are_candidates():
    X, Y = _data()
    search = _fitted(X, Y, weights=TaskWeightGrid(["a", "b"], resolution=4))
    assert [params["task_weights"]["a"] for params in search.cv_results_["params"]] == [0.5, 1.0, 1.5]


_CHECKED = {"preset": "mlp", "hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "max_iter": 100, "tol": 1e-3}


@pytest.mark.filterwarnings("ignore:y has fewer labels", "ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore:Scoring failed", "ignore:.*fits failed")
@parametrize_with_checks(
    [
        TaskWeightSearchCV(kind(**_CHECKED, random_state=0), [None, None], cv=2)
        for kind in (MultiTaskRegressor, MultiTaskClassifier)
    ]
)
def test_scikit_learn(estimator, check):
    check(estimator)
