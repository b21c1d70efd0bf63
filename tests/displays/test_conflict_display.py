"""ConflictDisplay: cosines as a map, and over training."""

import numpy as np
import pytest

from skmtl import MultiTaskRegressor
from skmtl.diagnostics import GradientConflict
from skmtl.displays import ConflictDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def conflict(n_tasks, n_looks=5):
    B = np.random.default_rng(0).normal(size=(n_looks, n_tasks, 4))
    B /= np.linalg.norm(B, axis=2, keepdims=True)
    names = [f"task {i}" for i in range(n_tasks)]
    return GradientConflict(np.arange(1, n_looks + 1), B @ B.transpose(0, 2, 1), np.ones((n_looks, n_tasks)), names)


def test_the_map_is_the_mean_over_training():
    seen = conflict(2)
    display = ConflictDisplay.from_conflict(seen)
    assert display.ax_.images[0].get_array()[0, 1] == pytest.approx(seen.mean_cosines[0, 1])
    assert display.ax_.images[0].get_clim() == (-1.0, 1.0)


def test_a_line_a_pair():
    seen = conflict(3)
    ax = ConflictDisplay(seen).plot(kind="epochs").ax_
    np.testing.assert_allclose(ax.lines[1].get_ydata(), seen.cosines[:, 0, 2])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "task 0, task 1",
        "task 0, task 2",
        "task 1, task 2",
    ]


def test_of_many_pairs_the_middle_is_shown():
    seen = conflict(100)
    ax = ConflictDisplay(seen).plot(kind="epochs").ax_
    one, other = np.triu_indices(100, 1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(seen.cosines[:, one, other], axis=1))
    assert len(ax.collections) == 2


def test_looks_within_epochs_are_counted():
    seen = conflict(2, 4)
    seen.epochs = np.array([1, 1, 2, 2])
    ax = ConflictDisplay(seen).plot(kind="epochs").ax_
    assert ax.get_xlabel() == "Look"
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_layer(regression):
    _, ax = plt.subplots()
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8, 4), max_iter=3, random_state=0)
    display = ConflictDisplay.from_estimator(model, *regression, layer="layers.1", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    mean = display.conflict.layers["layers.1"].mean(axis=0)
    assert ax.images[0].get_array()[0, 1] == pytest.approx(mean[0, 1])
    with pytest.raises(ValueError, match=r"layer must be one of .* Did you mean 'layers.1'"):
        display.plot(layer="layer.1")


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"kind": "mapp"}, "Did you mean 'map'"), ({"layer": "layers.0"}, "Pass by_layer=True to gradient_conflict")],
)
def test_errors(settings, text):
    with pytest.raises(ValueError, match=text):
        ConflictDisplay(conflict(2)).plot(**settings)
