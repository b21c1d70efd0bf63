import numpy as np
import pytest

from skmtl.metrics import average_scores, delta_m, relative_gains

nan = float("nan")
SCORES = {"a": 0.9, "b": 0.5, "c": nan, "d": 0.1}


@pytest.mark.parametrize(
    ("average", "expected"), [("mean", 0.5), ("worst", 0.1), ("b", 0.5)], ids=["mean", "worst", "one task"]
)
def test_a_task_without_a_score_is_left_out(average, expected):
    assert average_scores(SCORES, average) == pytest.approx(expected)


def test_the_weighted_mean_goes_over_the_tasks_that_have_a_score():
    weights = {"a": 3, "c": 100, "d": 0}
    assert average_scores(SCORES, "weighted", task_weights=weights) == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert average_scores(SCORES, "weighted", task_weights=[3, 1, 100, 0]) == pytest.approx((3 * 0.9 + 0.5) / 4)


def test_a_series_is_read_by_its_names():
    pd = pytest.importorskip("pandas")
    scores, weights = pd.Series({"a": 1.0, "b": 0.5}), pd.Series({"b": 3.0, "a": 1.0})
    assert average_scores(scores) == 0.75
    assert average_scores(scores, "weighted", task_weights=weights) == (1.0 + 3 * 0.5) / 4
    assert relative_gains(scores, pd.Series({"b": 1.0, "a": 0.5})) == {"a": 100.0, "b": -50.0}
    assert relative_gains({"a": 1.0, "b": 0.5}, scores[::-1], pd.Series({"b": False})) == {"a": 0.0, "b": 0.0}


def test_the_worst_of_errors_is_the_largest():
    assert average_scores(SCORES, "worst", higher_is_better=False) == 0.9
    assert average_scores({"a": 0.9, "error": 0.5}, "worst", higher_is_better={"error": False}) == 0.5


@pytest.mark.parametrize("average", ["mean", "worst"])
def test_no_score_at_all_has_no_average(average):
    assert np.isnan(average_scores({"a": nan}, average))


def test_an_average_that_lacks_something_or_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="average='weighted' needs task_weights"):
        average_scores(SCORES, "weighted")
    with pytest.raises(ValueError, match="average='delta_m' compares with a baseline"):
        average_scores(SCORES, "delta_m")
    with pytest.raises(ValueError, match=r"average='wrost' is neither .* nor a task.*Did you mean 'worst'"):
        average_scores(SCORES, "wrost")
    with pytest.raises(ValueError, match="task_weights names 'e', which is no task"):
        average_scores(SCORES, "weighted", task_weights={"e": 1})
    with pytest.raises(TypeError, match=r"a dict or a Series by task name.*got \[0.5, 0.1\]"):
        average_scores([0.5, 0.1])


def test_delta_m_is_the_mean_of_relative_gains_signed_by_metric():
    gains = [10.0, -25.0, 50.0]  # 0.5 -> 0.55; 0.8 -> 0.6; an error of 4 -> 2
    assert delta_m([0.55, 0.6, 2.0], [0.5, 0.8, 4.0], [True, True, False]) == pytest.approx(np.mean(gains))


def test_gains_have_the_sign_of_better():
    assert relative_gains({"a": 3.0, "b": 3.0}, {"b": 2.0, "a": 2.0}, {"b": False}) == {"a": 50.0, "b": -50.0}
    assert relative_gains([-1.0], [-2.0]) == {"task_0": 50.0}  # a negated error that halves


def test_a_task_that_lacks_a_score_does_not_count_in_delta_m():
    assert delta_m([2.0, nan, 1.0], [1.0, 1.0, nan]) == 100.0
    assert np.isnan(delta_m([nan], [1.0]))


def test_scores_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"must have the same tasks; 'b' is in one of them only"):
        delta_m({"a": 1.0, "b": 1.0}, {"a": 1.0})
    with pytest.raises(ValueError, match="baseline's score of task 'task_1' is 0"):
        delta_m([1.0, 1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"baseline must have one score for each of the 2 tasks .* shape \(3,\)"):
        delta_m([1.0, 1.0], [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"higher_is_better names 'B', which is no task.*Did you mean 'b'"):
        delta_m({"b": 1.0}, {"b": 1.0}, {"B": False})
    with pytest.raises(ValueError, match="higher_is_better has 3 entries for the 2 tasks"):
        delta_m([1.0, 1.0], [1.0, 1.0], [True, True, False])
