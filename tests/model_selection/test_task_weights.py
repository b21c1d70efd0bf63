"""Task weights to try, and how they go into scikit-learn's searches."""

import itertools
import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, ParameterGrid, ParameterSampler, RandomizedSearchCV

from skmtl import MultiTaskRegressor
from skmtl.model_selection import TaskWeightGrid, TaskWeightSampler

QUICK = {"preset": "mlp", "hidden_layer_sizes": (6,), "solver": "lbfgs", "tol": 0.05, "random_state": 0}


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("n_tasks", "resolution"), [(2, 2), (2, 5), (3, 3), (3, 6), (5, 7)])
def test_a_grid_has_every_composition_once_in_order(n_tasks, resolution, zeros):
    least = 0 if zeros else 1
    every = [
        parts for parts in itertools.product(range(least, resolution + 1), repeat=n_tasks) if sum(parts) == resolution
    ]
    expected = np.array(every) * n_tasks / resolution
    grid = TaskWeightGrid(n_tasks, resolution, zeros=zeros)
    np.testing.assert_allclose([list(weights.values()) for weights in grid], expected)
    assert len(grid) == len(every)


def test_weights_have_the_mean_of_equal_ones():
    for weights in [*TaskWeightGrid(list("abc"), 7), *TaskWeightSampler(list("abc"), "log_uniform").rvs(20, 0)]:
        assert list(weights) == list("abc")
        assert np.mean(list(weights.values())) == pytest.approx(1.0)


def test_a_grid_has_few_weights_by_default():
    assert [len(TaskWeightGrid(n)) for n in (2, 3, 4, 10)] == [3, 6, 10, 55]


def test_a_large_grid_costs_nothing_until_it_is_read():
    grid = TaskWeightGrid(20, 60)
    assert len(grid) > 10**15
    assert grid[0]["task_0"] == pytest.approx(20 / 60)
    assert grid[-1] == grid[len(grid) - 1]
    assert list(grid[-1].values()) == pytest.approx([20 * 41 / 60] + [20 / 60] * 19)


def test_a_grid_is_a_sequence():
    grid = TaskWeightGrid(2, 4)
    assert grid[1:] == list(grid)[1:]
    assert {"task_0": 1.0, "task_1": 1.0} in grid
    with pytest.raises(IndexError, match="There are 3 weights; got the index 3"):
        grid[3]
    assert repr(grid) == "TaskWeightGrid(2, resolution=4)"
    assert repr(TaskWeightGrid(["a", "b"], 4, zeros=True)) == "TaskWeightGrid(['a', 'b'], resolution=4, zeros=True)"
    assert list(pickle.loads(pickle.dumps(grid))) == list(grid)


def test_a_grid_goes_into_a_grid_search(regression_missing):
    X, Y = regression_missing
    grid = {"task_weights": TaskWeightGrid(2, 3), "alpha": [0.0, 0.1]}
    assert len(ParameterGrid(grid)) == 4
    search = GridSearchCV(MultiTaskRegressor(**QUICK), clone(grid, safe=False), cv=2).fit(X, Y)
    assert search.best_params_["task_weights"] in list(TaskWeightGrid(2, 3))


def test_a_sampler_goes_into_a_randomized_search(regression_missing):
    X, Y = regression_missing
    space = {"task_weights": TaskWeightSampler(2)}
    search = RandomizedSearchCV(MultiTaskRegressor(**QUICK), space, n_iter=3, cv=2, random_state=0).fit(X, Y)
    drawn = [params["task_weights"] for params in search.cv_results_["params"]]
    assert drawn == [p["task_weights"] for p in ParameterSampler(space, 3, random_state=0)]
    assert len({weights["task_0"] for weights in drawn}) == 3


def test_dirichlet_weights_are_even_on_the_simplex():
    first = [weights["task_0"] / 3 for weights in TaskWeightSampler(3).rvs(2000, random_state=0)]
    assert stats.kstest(first, stats.beta(1, 2).cdf).pvalue > 0.01


def test_concentration_sets_the_mean_and_the_spread():
    weights = TaskWeightSampler(["a", "b"], concentration={"a": 30, "b": 10}).rvs(2000, random_state=0)
    shares = np.array([each["a"] / 2 for each in weights])
    assert shares.mean() == pytest.approx(0.75, abs=0.01)
    assert shares.std() == pytest.approx(stats.beta(30, 10).std(), rel=0.1)


def test_logarithms_of_log_uniform_weights_are_even():
    drawn = TaskWeightSampler(2, "log_uniform", low=0.1, high=10).rvs(2000, random_state=0)
    logs = [np.log10(weights["task_0"] / weights["task_1"]) for weights in drawn]  # a difference of two even ones
    assert stats.kstest(logs, stats.triang(0.5, loc=-2, scale=4).cdf).pvalue > 0.01


def test_draws_depend_on_the_random_state_alone():
    sampler = TaskWeightSampler(3)
    assert sampler.rvs(2, random_state=1) == sampler.rvs(2, random_state=1)
    assert sampler.rvs(random_state=1) == sampler.rvs(2, random_state=1)[0]
    assert sampler.rvs(random_state=1) != sampler.rvs(random_state=2)


@pytest.mark.parametrize("cls", [TaskWeightGrid, TaskWeightSampler])
def test_bad_tasks_are_refused(cls):
    with pytest.raises(TypeError, match=f"'tasks' parameter of {cls.__name__} must be an int or the names.*got 'ab'"):
        cls("ab")
    with pytest.raises(ValueError, match="needs two tasks or more, each of a name of its own"):
        cls(["a", "a"])
    with pytest.raises(ValueError, match="needs two tasks or more"):
        cls(1)


def test_bad_settings_are_refused():
    with pytest.raises(ValueError, match="resolution must be an int of at least 3: each of the 3 tasks needs a part"):
        TaskWeightGrid(3, 2)
    with pytest.raises(ValueError, match=r"distribution must be one of .* got 'dirichlett'.*Did you mean 'dirichlet'"):
        TaskWeightSampler(2, "dirichlett")
    with pytest.raises(ValueError, match="0 < low < high; got low=2 and high=1"):
        TaskWeightSampler(2, low=2, high=1)
    with pytest.raises(ValueError, match="concentration names 'c', which is no task"):
        TaskWeightSampler(["a", "b"], concentration={"c": 1})
    with pytest.raises(ValueError, match=r"concentration must be at least 0.02; got \[0, 1\]"):
        TaskWeightSampler(["a", "b"], concentration=[0, 1])
