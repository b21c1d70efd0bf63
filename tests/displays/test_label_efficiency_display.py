"""LabelEfficiencyDisplay: the curves that were measured, and arrows for the labels that are spared."""

import numpy as np
import pytest

from skmtl import MultiTaskRegressor
from skmtl.diagnostics import LabelEfficiency
from skmtl.displays import LabelEfficiencyDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def test_curves_and_arrows():
    shared, alone = np.array([[0.3, 0.6, 0.7], [0.5, 0.6, 0.7]]), np.array([[0.2, 0.4, 0.6]] * 2)
    _, ax = plt.subplots()
    display = LabelEfficiencyDisplay.from_efficiency(LabelEfficiency("a", np.array([10, 20, 40]), shared, alone), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[0.4, 0.6, 0.7], [0.2, 0.4, 0.6]])
    np.testing.assert_allclose([(t.xyann[0], t.xy[0]) for t in ax.texts], [(10, 20), (20, 40)])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["with the other tasks", "alone"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["10", "20", "40"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_from_estimator(regression):
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), max_iter=5)
    settings = {"task": "task_1", "sizes": [10, 20], "n_repeats": 1, "random_state": 0}
    display = LabelEfficiencyDisplay.from_estimator(model, *regression, **settings)
    np.testing.assert_allclose(display.ax_.lines[0].get_ydata(), display.efficiency.shared_mean)
