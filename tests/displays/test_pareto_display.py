"""ParetoDisplay: points, lines or a map of the candidates, and who is not beaten."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskRegressor
from skmtl.displays import ParetoDisplay
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import TaskWeightGrid, TaskWeightSearchCV

plt = pytest.importorskip("matplotlib.pyplot")

# The third is beaten by the second.
SCORES = np.array([[0.2, 0.9], [0.6, 0.6], [0.5, 0.5], [0.8, 0.1]])
WEIGHTS = [[0.2, 1.8], [1, 1], [3, 1], [1.5, 0.5]]


class Search(BaseEstimator):
    """What a search has that is looked at."""

    def fit(self, X, y):
        raise NotImplementedError


@pytest.fixture
def search():
    """A fitted search over task weights."""
    params = [{"task_weights": {"a": row[0], "b": row[1]}} for row in ([0.2, 1.8], [1, 1], [1.5, 0.5], [1.8, 0.2])]
    found = {"params": params, "mean_test_a": SCORES[:, 0], "mean_test_b": SCORES[:, 1]}
    found |= {"std_test_a": np.zeros(4), "mean_test_mean": SCORES.mean(axis=1)}
    fitted = {"best_index_": 3, "task_names_": ["a", "b"], "pareto_front_": np.array([0, 1, 3])}
    search = Search()
    vars(search).update(fitted, cv_results_=found)
    return search


def many(n_tasks, n_candidates=20, **settings):
    scores = np.random.default_rng(0).random((n_candidates, n_tasks))
    return ParetoDisplay(scores, [f"task {t}" for t in range(n_tasks)], **settings)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def points(display, at):
    return display.ax_.collections[at].get_offsets().tolist()


def test_the_front_is_a_line_of_steps():
    display = ParetoDisplay.from_scores(SCORES[::-1], task_names=["a", "b"])
    (front,) = display.ax_.lines
    np.testing.assert_array_equal(front.get_xydata(), SCORES[[0, 1, 3]])
    # Right of a point it is as high as the next one: nothing there is beaten by the point.
    assert front.get_drawstyle() == "steps-pre"
    assert points(display, 0) == [[0.5, 0.5]]
    assert legend(display) == ["beaten by another one", "front"]


def test_the_ends_are_named_where_they_are():
    texts = ParetoDisplay(SCORES, ["a", "b"]).plot().ax_.texts
    assert {text.get_text(): text.xy for text in texts} == {
        "best in b": pytest.approx((0.2, 0.9)),
        "best in a": pytest.approx((0.8, 0.1)),
    }


def test_a_reference_may_go_by_name():
    by_name = ParetoDisplay.from_scores(SCORES, task_names=["a", "b"], reference={"b": 0.5, "a": 0.1})
    assert legend(by_name) == legend(ParetoDisplay.from_scores(SCORES, task_names=["a", "b"], reference=[0.1, 0.5]))


def test_colours_are_shares_of_the_weights():
    by_name = [{"a": 0.2, "b": 1.8}, {}, {"a": 3.0}, [1.5, 0.5]]
    display = ParetoDisplay.from_scores(SCORES, task_names=["a", "b"], weights=by_name, best=3)
    np.testing.assert_allclose(display.ax_.collections[1].get_array(), [0.9, 0.5, 0.25])
    assert points(display, 2) == [[0.6, 0.6]]
    assert points(display, 3) == [[0.8, 0.1]]
    assert legend(display)[-2:] == ["equal weights", "chosen: number 3"]


def test_equal_weights_may_be_the_choice():
    display = ParetoDisplay.from_scores(SCORES, task_names=["a", "b"], weights=WEIGHTS, best=1)
    assert legend(display)[-1] == "chosen: equal weights"


def test_the_hypervolume_is_what_the_front_covers():
    display = ParetoDisplay.from_scores(SCORES, reference=[0.0, 0.2])
    assert legend(display)[0] == "hypervolume 0.3"  # 0.2 * 0.7 + 0.4 * 0.4; the last is not above the reference
    shaded = display.ax_.collections[0].get_paths()[0]
    assert shaded.contains_points([[0.1, 0.85], [0.59, 0.25]]).all()
    assert not shaded.contains_points([[0.25, 0.7], [0.61, 0.3], [0.59, 0.1]]).any()


def test_a_search(search):
    _, ax = plt.subplots()
    display = ParetoDisplay.from_estimator(search, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    expected = pd.DataFrame(
        {
            "a": SCORES[:, 0],
            "b": SCORES[:, 1],
            "weight of a": [0.2, 1, 1.5, 1.8],
            "weight of b": [1.8, 1, 0.5, 0.2],
            "front": [True, True, False, True],
            "chosen": [False, False, False, True],
        },
        index=pd.RangeIndex(4, name="candidate"),
    )
    pd.testing.assert_frame_equal(display.frame(), expected)


def test_the_front_that_a_search_found_is_taken(search):
    search.pareto_front_ = [0, 3]
    assert ParetoDisplay.from_estimator(search).frame()["front"].to_list() == [True, False, False, True]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_grid_search(regression):
    X, Y = regression
    names = [f"task_{t}" for t in range(np.shape(Y)[1])]
    weights = list(TaskWeightGrid(names))[:3]
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    scoring = make_task_scorer("r2", ["mean", None])
    found = GridSearchCV(model, {"task_weights": weights}, cv=2, scoring=scoring, refit="mean").fit(X, Y)
    display = ParetoDisplay.from_estimator(found)
    assert list(display.task_names) == names
    np.testing.assert_array_equal(display.scores[:, 1], found.cv_results_["mean_test_task_1"])
    np.testing.assert_allclose(display.weights, [list(row.values()) for row in weights])
    assert display.best == found.best_index_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_front_and_the_choice_of_a_task_weight_search(regression):
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), max_iter=2, random_state=0)
    found = TaskWeightSearchCV(model, TaskWeightGrid(2, resolution=4), cv=2).fit(*regression)
    frame = ParetoDisplay.from_estimator(found).frame()
    np.testing.assert_array_equal(frame[found.task_names_], found.task_scores_)
    assert np.flatnonzero(frame["front"]).tolist() == found.pareto_front_.tolist()
    assert np.flatnonzero(frame["chosen"]).tolist() == [found.best_index_]


def test_a_search_for_something_else_has_no_weights(search):
    search.cv_results_["params"] = [{"alpha": alpha} for alpha in range(4)]
    display = ParetoDisplay.from_estimator(search)
    assert display.weights is None
    assert legend(display)[-1] == "chosen: number 3"


def test_weights_inside_a_pipeline(search):
    search.cv_results_["params"] = [{"model__task_weights": row} for row in (None, {"a": 3}, [2, 1], {"b": 2})]
    display = ParetoDisplay.from_estimator(search)
    np.testing.assert_array_equal(display.weights, [[1, 1], [3, 1], [2, 1], [1, 2]])


def test_lines_are_gains_over_equal_weights():
    scores = np.column_stack([SCORES, [0.3, 0.4, 0.4, 0.6]])
    weights = np.array([[1, 1, 2], [2, 2, 2], [0, 2, 1], [1, 2, 3]])
    display = ParetoDisplay.from_scores(scores, weights=weights, best=3)
    front = display.ax_.lines[1].get_ydata().reshape(-1, 4)
    np.testing.assert_allclose(front[:, :3], (scores - scores[1])[[0, 1, 3]])
    np.testing.assert_allclose(display.ax_.lines[-1].get_ydata(), [0.2, -0.5, 0.2])
    assert legend(display) == ["beaten by another one", "on the front", "equal weights", "chosen: number 3"]


def test_without_equal_weights_gains_are_over_the_mean():
    display = ParetoDisplay(SCORES, ["a", "b"]).plot(kind="lines")
    every = np.concatenate([line.get_ydata().reshape(-1, 3)[:, :2] for line in display.ax_.lines[:2]])
    np.testing.assert_allclose(every.mean(axis=0), 0, atol=1e-12)
    assert display.ax_.get_ylabel() == "Gain over the mean candidate"


@pytest.mark.parametrize(("n_tasks", "n_images", "n_lines"), [(2, 0, 1), (3, 0, 3), (8, 0, 3), (9, 1, 0), (100, 1, 0)])
def test_the_kind_goes_by_the_number_of_tasks(n_tasks, n_images, n_lines):
    ax = many(n_tasks).plot().ax_
    drawn = len(ax.images), len(ax.lines)
    assert drawn == (n_images, n_lines - (n_tasks == 8))  # of 20 rows of 8 random scores none is beaten


def test_the_map_has_the_best_mean_at_the_top():
    display = ParetoDisplay.from_scores(SCORES, weights=WEIGHTS, best=0, kind="map")
    np.testing.assert_allclose(display.ax_.images[0].get_array(), (SCORES - SCORES[1])[[1, 0, 2, 3]])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [
        "1, equal weights",
        "0, chosen",
        "2, beaten",
        "3",
    ]


def test_of_very_many_candidates_the_chosen_one_is_named():
    names = [label.get_text() for label in many(9, 400, best=13).plot().ax_.get_yticklabels()]
    assert len(names) <= 60
    assert any("chosen" in name for name in names)


def test_some_of_the_tasks_have_a_front_of_their_own():
    scores = np.column_stack([SCORES, [0.1, 0.2, 0.9, 0.3]])
    display = ParetoDisplay(scores, ["a", "b", "c"]).plot(tasks=["b", "a"])
    assert display.frame()["front"].all()
    np.testing.assert_array_equal(display.ax_.lines[0].get_xydata(), SCORES[[3, 1, 0]][:, ::-1])


def test_a_candidate_without_a_score_is_beaten_and_not_drawn():
    scores = np.vstack([SCORES, [np.nan, 0.5]])
    display = ParetoDisplay(scores, ["a", "b"]).plot()
    assert display.frame()["front"].to_list() == [True, True, False, True, False]
    drawn = ParetoDisplay(scores, ["a", "b"]).plot(kind="map").ax_.images[0].get_array()
    assert np.ma.getmaskarray(drawn)[-1].tolist() == [True, False]


def test_a_candidate_that_failed_is_not_what_others_are_compared_with():
    scores = np.vstack([np.full(3, np.nan), np.ones(3), [2.0, 1.0, 0.5]])
    display = ParetoDisplay.from_scores(scores, weights=[None, [1, 1, 1], [2, 1, 1]])
    assert display.ax_.lines[1].get_ydata()[:3].tolist() == [0.0, 0.0, 0.0]


def test_a_task_may_be_called_score(regression):
    X, Y = regression
    Y = pd.DataFrame(Y, columns=["score", "other"])
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), solver="lbfgs", tol=0.1, random_state=0)
    with pytest.warns(UserWarning, match="Task 'score' has the name of another score.*Rename the column"):
        search = TaskWeightSearchCV(model, [None, [2, 1]], cv=2, refit=False).fit(X, Y)
    frame = ParetoDisplay.from_estimator(search).frame()
    np.testing.assert_array_equal(frame[["score", "other"]], search.task_scores_)


def test_a_frame_names_the_tasks():
    frame = pd.DataFrame(SCORES, columns=["price", "size"])
    assert ParetoDisplay.from_scores(frame).ax_.get_ylabel() == "Score of size"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kind": "scatterr"}, "Did you mean 'scatter'"),
        ({"kind": "scatter"}, r"draws two tasks; got \['task 0', 'task 1', 'task 2'\]. Say which in tasks="),
        ({"tasks": ["task 0"]}, r"draws two tasks or more; got \['task 0'\]"),
        ({"tasks": ["task0", "task 1"]}, "There is no task 'task0'.*Did you mean 'task 0'"),
        ({"reference": [0, 0]}, "reference is for kind='scatter'; got kind='lines'"),
        (
            {"reference": {"task_0": 0}, "tasks": ["task 0", "task 1"]},
            "no score of task 'task 0'.*Did you mean 'task_0'",
        ),
        ({"tasks": "task 0"}, "tasks must be a list of names of tasks; got 'task 0'"),
        ({"tasks": []}, "tasks must be a list of names of tasks"),
    ],
)
def test_errors(settings, text):
    with pytest.raises(ValueError, match=text):
        many(3).plot(**settings)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"task_names": ["a"]}, "task_names has 1 names for the 2 columns"),
        ({"weights": WEIGHTS[:2]}, "weights are those of 2 candidates; scores has 4 rows"),
        ({"best": 4}, "best must be the number of one of the 4 candidates; got 4"),
        ({"best": -1}, "best must be the number of one of the 4 candidates; got -1"),
    ],
)
def test_what_does_not_agree(settings, text):
    with pytest.raises(ValueError, match=text):
        ParetoDisplay.from_scores(SCORES, **settings)


def test_scores_without_tasks():
    with pytest.raises(ValueError, match=r"a row a candidate and a column a task; got shape \(4,\)"):
        ParetoDisplay.from_scores(SCORES[:, 0])


def test_an_unfitted_search():
    with pytest.raises(ValueError, match="not fitted"):
        ParetoDisplay.from_estimator(GridSearchCV(MultiTaskRegressor(), {"alpha": [1.0]}))
