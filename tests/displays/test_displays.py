"""What all displays have in common."""

import builtins
import sys

import numpy as np
import pandas as pd
import pytest

from skmtl import displays
from skmtl._history import TrainingHistory
from skmtl.diagnostics import GradientConflict, GroupingReport, LabelEfficiency, TransferReport
from skmtl.displays import (
    AffinityDisplay,
    BlendWeightsDisplay,
    ConflictDisplay,
    GroupingDisplay,
    LabelEfficiencyDisplay,
    ParetoDisplay,
    TrainingDisplay,
    TransferDisplay,
)

NAMES = ["a", "b"]
TABLE = np.array([[1.0, 0.5], [0.25, 1.0]])


def conflict():
    return GradientConflict(np.array([1, 2]), np.stack([TABLE, TABLE]), np.ones((2, 2)), NAMES)


def efficiency():
    return LabelEfficiency("a", np.array([10, 20]), TABLE[:1], TABLE[1:])


def grouping():
    losses = {name: np.array([0.5, 0.4]) for name in ("all in one", "all separate")}
    chosen = "all in one", losses, dict.fromkeys(losses, 1)
    return GroupingReport(NAMES, [NAMES], dict.fromkeys(NAMES, 0), [(0, 1)], chosen)


def history():
    return TrainingHistory.from_rows([{"epoch": e, "train_losses": [1 / e, 2 / e]} for e in (1, 2, 3)], NAMES)


def transfer():
    scores = np.random.default_rng(0).random((4, 2))
    about = {
        "folds": [(0, k) for k in range(4)],
        "splits": range(4),
        "label_ratio": np.full((4, 2), 0.3),
        "parameters": {"shared": 1, "alone": 2},
        "fit_seconds": {"shared": 1.0, "alone": 2.0},
    }
    kinds, metrics = dict.fromkeys(NAMES, "regression"), dict.fromkeys(NAMES, "R²")
    return TransferReport(kinds, metrics, shared_scores=scores, alone_scores=scores / 2, **about)


# Each with what its frame must be.
EVERY = {
    "AffinityDisplay": lambda: (
        AffinityDisplay(TABLE, NAMES),
        pd.DataFrame(TABLE, index=pd.Index(NAMES, name="task"), columns=NAMES),
    ),
    "BlendWeightsDisplay": lambda: (
        BlendWeightsDisplay(TABLE, task_names=NAMES, member_names=["x", "y"]),
        pd.DataFrame(TABLE, index=pd.Index(NAMES, name="task"), columns=["x", "y"]),
    ),
    "ConflictDisplay": lambda: (ConflictDisplay(conflict()), conflict().frame()),
    "GroupingDisplay": lambda: (GroupingDisplay(grouping()), grouping().frame()),
    "LabelEfficiencyDisplay": lambda: (LabelEfficiencyDisplay(efficiency()), efficiency().frame()),
    "ParetoDisplay": lambda: (
        ParetoDisplay(TABLE, NAMES),
        pd.DataFrame(TABLE, columns=NAMES, index=pd.RangeIndex(2, name="candidate")).assign(front=True, chosen=False),
    ),
    "TrainingDisplay": lambda: (TrainingDisplay(history()), history().frame()),
    "TransferDisplay": lambda: (TransferDisplay(transfer()), transfer().frame()),
}


def test_every_display_is_looked_at():
    assert set(displays.__all__) == EVERY.keys()


@pytest.mark.parametrize("name", EVERY)
def test_a_frame_has_the_numbers_behind_the_picture(name):
    display, expected = EVERY[name]()
    pd.testing.assert_frame_equal(display.frame(), expected)


@pytest.mark.parametrize("name", EVERY)
def test_it_draws_on_given_axes_and_on_a_figure_of_its_own(name):
    plt = pytest.importorskip("matplotlib.pyplot")
    figure, ax = plt.subplots()
    display, _ = EVERY[name]()
    assert display.plot(ax=ax) is display
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.plot().figure_ is not figure
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("name", EVERY)
def test_without_matplotlib_it_says_what_to_install(name, monkeypatch):
    found = builtins.__import__

    def without(module, *args, **settings):
        if module.partition(".")[0] == "matplotlib":
            raise ImportError(module)
        return found(module, *args, **settings)

    for module in [module for module in sys.modules if module.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", without)
    display, _ = EVERY[name]()
    with pytest.raises(ImportError, match=rf"{name}.plot requires matplotlib"):
        display.plot()


@pytest.mark.parametrize("name", ["AffinityDisplay", "ConflictDisplay", "LabelEfficiencyDisplay", "TransferDisplay"])
def test_matplotlib_is_looked_for_before_the_work(name, monkeypatch):
    def absent(caller):
        raise ImportError(caller)

    monkeypatch.setattr("skmtl.displays._base.check_matplotlib_support", absent)
    settings = {"task": "a"} if name == "LabelEfficiencyDisplay" else {}
    with pytest.raises(ImportError, match=f"{name}.from_estimator"):
        getattr(displays, name).from_estimator("no estimator", None, None, **settings)
