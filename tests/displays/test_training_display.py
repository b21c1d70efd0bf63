"""TrainingDisplay: what is drawn is what the history has."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskRegressor
from skmtl._history import TrainingHistory
from skmtl.displays import TrainingDisplay

plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 6, "random_state": 0}


def history(n_tasks=2, losses=None, **more):
    losses = np.exp(-np.arange(5))[:, None] * np.arange(1, n_tasks + 1) if losses is None else np.array(losses)
    rows = [
        {"epoch": i + 1, "train_losses": list(row), **{k: v[i] for k, v in more.items()}}
        for i, row in enumerate(losses)
    ]
    return TrainingHistory.from_rows(rows, [f"task {i}" for i in range(n_tasks)])


def names(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_a_line_a_task():
    display = TrainingDisplay(history()).plot()
    np.testing.assert_allclose(display.ax_.lines[1].get_ydata(), 2 * np.exp(-np.arange(5)))
    assert display.ax_.lines[1].get_xdata().tolist() == [1, 2, 3, 4, 5]
    assert names(display) == ["task 0", "task 1"]
    assert display.ax_.get_yscale() == "log"


def test_losses_below_zero_are_on_a_plain_scale():
    assert TrainingDisplay(history(losses=[[1.0, 2.0], [-1.0, 1.0]])).plot().ax_.get_yscale() == "linear"


def test_of_many_tasks_the_middle_is_shown():
    display = TrainingDisplay(history(101)).plot()
    np.testing.assert_allclose(display.ax_.lines[0].get_ydata(), 51 * np.exp(-np.arange(5)))
    assert names(display) == ["9 of 10 tasks", "half of the tasks", "median of 101 tasks"]


def test_some_of_many_tasks():
    assert names(TrainingDisplay(history(30)).plot(tasks=["task 7", "task 3"])) == ["task 7", "task 3"]


def test_the_best_epoch_is_marked():
    valid = {"valid_loss": [5.0, 3.0, 2.0, 4.0, 5.0], "valid_losses": [[v, v] for v in (5.0, 3.0, 2.0, 4.0, 5.0)]}
    display = TrainingDisplay(history(**valid)).plot()
    assert display.ax_.get_ylabel() == "Validation loss"
    assert display.ax_.lines[-1].get_xdata() == [3, 3]
    assert names(display)[-1] == "lowest validation loss"


def test_weights_of_a_pipeline(regression):
    _, ax = plt.subplots()
    model = make_pipeline(StandardScaler(), MultiTaskRegressor(**QUICK, weighting="uncertainty")).fit(*regression)
    display = TrainingDisplay.from_estimator(model, kind="weight", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), model[-1].history_["weight__task_0"])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kind": "weights"}, "Did you mean 'weight'"),
        ({"kind": "aggregation"}, r"kind='aggregation' was not recorded in this fit; there are \['train_loss'\]"),
        ({"tasks": ["task 5"]}, r"There is no task 'task 5'; there are \['task 0', 'task 1'\]"),
    ],
)
def test_errors(settings, text):
    with pytest.raises(ValueError, match=text):
        TrainingDisplay(history()).plot(**settings)


def test_an_unfitted_estimator():
    with pytest.raises(ValueError, match="not fitted"):
        TrainingDisplay.from_estimator(MultiTaskRegressor())
