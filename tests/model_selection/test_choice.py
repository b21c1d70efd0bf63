"""The best mean such that no task loses much: by hand, and as the refit of a search."""

from functools import partial

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskRegressor
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import TaskWeightGrid, choose_weights
from skmtl.model_selection._choice import candidate_weights

WEIGHTS = [{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 1.5, "b": 0.5}, {"a": 0.5}]
FOUND = {
    "params": [{"net__task_weights": weights} for weights in WEIGHTS],
    "mean_test_a": [0.99, 0.50, 0.60, 0.40],
    "mean_test_b": [0.10, 0.80, 0.79, 0.81],
    "mean_test_mean": [0.545, 0.65, 0.695, 0.605],
    "std_test_a": [9.0] * 4,
}


@pytest.mark.parametrize(
    ("settings", "chosen"),
    [
        ({}, 2),  # against equal weights, task b loses 1.25 %
        ({"max_loss": 0.01}, 1),
        ({"max_loss": 0.0}, 1),
        ({"baseline": 3, "max_loss": 0.02}, 1),  # the third loses 0.02 / 0.81
        ({"baseline": {"a": 0.5, "b": 0.1}, "max_loss": 0.02}, 2),
        ({"baseline": {"a": 0.1, "b": 0.8}, "by": "delta_m", "max_loss": 1.0}, 0),
        ({"tasks": ["b"], "max_loss": 1.0}, 3),
        ({"tasks": ["a"]}, 0),
    ],
    ids=str,
)
def test_the_choice_is_that_by_hand(settings, chosen):
    assert choose_weights(FOUND, **settings) == chosen


def test_the_baseline_is_the_first_candidate_where_none_has_equal_weights():
    found = {"params": [{"alpha": 1}, {"alpha": 2}], "mean_test_a": [1.0, 0.9], "mean_test_b": [1.0, 2.0]}
    assert choose_weights(found) == 0
    assert choose_weights(found, max_loss=0.1) == 1


def test_a_task_that_a_dict_of_weights_leaves_out_has_weight_1():
    found = {
        "params": [{"task_weights": {"a": 2.0}}, {"task_weights": {"b": 1.0}}],
        "mean_test_a": [1.0, 0.9],
        "mean_test_b": [0.7, 0.8],
    }
    assert choose_weights(found, max_loss=0.05) == 1  # the first loses 12 % of b against the second


def test_a_series_of_weights_is_read_by_its_names():
    pd = pytest.importorskip("pandas")
    assert candidate_weights({"net__task_weights": pd.Series({"b": 3.0, "a": 2.0})}, ["a", "b", "c"]).tolist() == [
        2,
        3,
        1,
    ]


def test_a_loss_of_a_negative_score_is_a_share_of_its_size():
    found = {"params": [{}, {}], "mean_test_a": [-1.0, -1.5], "mean_test_b": [-4.0, -1.0]}
    assert choose_weights(found, max_loss=0.5) == 1
    assert choose_weights(found, max_loss=0.49) == 0


def test_a_candidate_that_failed_is_no_baseline():
    scores = [float("nan"), 0.5]
    found = {"params": [{"task_weights": None}, {"task_weights": [1, 1]}], "mean_test_a": scores, "mean_test_b": scores}
    assert choose_weights(found) == 1


def test_a_task_that_nobody_has_a_score_of_does_not_count():
    assert choose_weights(FOUND | {"mean_test_c": [float("nan")] * 4}) == choose_weights(FOUND)


def test_a_frame_of_the_results_and_a_series_as_the_baseline_will_do():
    pd = pytest.importorskip("pandas")
    baseline = pd.Series({"b": 0.1, "a": 0.5})
    assert choose_weights(pd.DataFrame(FOUND), baseline=baseline) == choose_weights(FOUND, baseline=dict(baseline))


def test_a_candidate_without_a_score_is_not_chosen():
    found = {"params": [{}, {}], "mean_test_a": [0.0, 9.0], "mean_test_b": [0.0, np.nan]}
    assert choose_weights(found, max_loss=1.0) == 0


def test_where_every_candidate_loses_too_much_the_least_loss_is_taken_with_a_warning():
    with pytest.warns(
        UserWarning, match=r"Every candidate loses more than max_loss=0.02 .* 2, .* loses 0.333 in task 'a'"
    ):
        assert choose_weights(FOUND, baseline={"a": 0.9, "b": 0.9}) == 2


def test_a_search_takes_it_as_refit(regression_missing):
    X, Y = regression_missing
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(6,), solver="lbfgs", tol=0.05, random_state=0)
    search = GridSearchCV(
        model,
        {"task_weights": TaskWeightGrid(2, 4)},
        cv=2,
        scoring=make_task_scorer(average=None),
        refit=partial(choose_weights, max_loss=0.01),
    ).fit(X, Y)
    assert search.best_index_ == choose_weights(search, max_loss=0.01)
    found = np.stack([search.cv_results_[f"mean_test_task_{j}"] for j in range(2)], axis=1)
    assert (found[search.best_index_] >= 0.99 * found[1]).all()  # number 1 has equal weights
    assert search.best_estimator_.task_weights == search.cv_results_["params"][search.best_index_]["task_weights"]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"no scores by task.*make_task_scorer\('default', average=None\)"):
        choose_weights({"params": [{}], "mean_test_score": [1.0]})
    with pytest.raises(ValueError, match=r"tasks names 'c', of which there is no score"):
        choose_weights(FOUND, tasks=["c"])
    for tasks in ("a", []):
        with pytest.raises(ValueError, match="tasks must be a list of task names"):
            choose_weights(FOUND, tasks=tasks)
    with pytest.raises(TypeError, match="cv_results_ of a search, or the search; got 5"):
        choose_weights(5)
    with pytest.raises(NotFittedError):
        choose_weights(GridSearchCV(MultiTaskRegressor(), {}))
    with pytest.raises(ValueError, match="baseline's score of task 'a' is 0"):
        choose_weights(FOUND, baseline={"a": 0.0, "b": 1.0}, by="delta_m")
    with pytest.raises(ValueError, match="baseline has no score of task 'b'"):
        choose_weights(FOUND, baseline={"a": 1.0})
    with pytest.raises(ValueError, match=r"number of one of the 4 candidates or None; got 4"):
        choose_weights(FOUND, baseline=4)
    with pytest.raises(ValueError, match=r"baseline has no score \(NaN\) of task 'a'"):
        choose_weights(FOUND, baseline={"a": np.nan, "b": 1.0})
    with pytest.raises(ValueError, match="max_loss must be a number of at least 0; got -1"):
        choose_weights(FOUND, max_loss=-1)
    with pytest.raises(ValueError, match=r"by must be 'mean' or 'delta_m'; got 'man'.*Did you mean 'mean'"):
        choose_weights(FOUND, by="man")
