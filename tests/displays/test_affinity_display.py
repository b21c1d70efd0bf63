"""AffinityDisplay: what is drawn is what was measured, neighbours do each other good."""

import numpy as np
import pytest

from skmtl import MultiTaskRegressor
from skmtl.diagnostics import TaskAffinity
from skmtl.displays import AffinityDisplay

plt = pytest.importorskip("matplotlib.pyplot")

TABLE = np.array([[1.0, -0.5, 0.8], [-0.4, 1.0, -0.6], [0.7, -0.3, 1.0]])


def drawn(display):
    return np.ma.filled(np.ma.asarray(display.ax_.images[0].get_array(), dtype=float), np.nan)


def test_tasks_that_do_each_other_good_are_neighbours():
    display = AffinityDisplay(TABLE, ["a", "b", "c"], method="gradient").plot()
    assert display.order_.tolist() == [1, 0, 2]
    expected = TABLE[np.ix_([1, 0, 2], [1, 0, 2])]
    np.fill_diagonal(expected, np.nan)
    np.testing.assert_array_equal(drawn(display), expected)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["b", "a", "c"]
    assert {text.get_text() for text in display.ax_.texts} == {f"{v:.2f}" for v in expected[~np.isnan(expected)]}


def test_the_order_of_y():
    _, ax = plt.subplots()
    affinity = TaskAffinity({"lookahead": TABLE, "gradient": -TABLE}, ["a", "b", "c"])
    display = AffinityDisplay.from_affinity(affinity, method="gradient", ordered=False, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert drawn(display)[0, 1] == 0.5


def test_zero_has_the_middle_colour():
    image = AffinityDisplay(TABLE, ["a", "b", "c"]).plot().ax_.images[0]
    assert image.norm(0.0) == pytest.approx(0.5)


def test_a_method_that_was_not_measured():
    with pytest.raises(ValueError, match=r"method must be one of \['gradient'\].*Did you mean 'gradient'"):
        AffinityDisplay.from_affinity(TaskAffinity({"gradient": TABLE}, list("abc")), method="gradients")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_estimator(regression):
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), max_iter=3, random_state=0)
    display = AffinityDisplay.from_estimator(model, *regression, method="gradient", random_state=0)
    assert drawn(display)[0, 1] == drawn(display)[1, 0] == display.matrix[0, 1]


@pytest.mark.parametrize(("n_tasks", "n_names"), [(2, 2), (60, 60), (100, 50)])
def test_as_many_names_as_fit(n_tasks, n_names):
    table = np.random.default_rng(0).normal(size=(n_tasks, n_tasks))
    display = AffinityDisplay(table, [f"task {i}" for i in range(n_tasks)]).plot()
    assert len(display.ax_.get_yticklabels()) == n_names


def test_nothing_known():
    display = AffinityDisplay(np.full((3, 3), np.nan), list("abc")).plot()
    assert np.isnan(drawn(display)).all()
