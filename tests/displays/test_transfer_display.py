"""TransferDisplay: what is drawn is what the report says."""

import itertools

import numpy as np
import pytest

from skmtl import MultiTaskRegressor
from skmtl.diagnostics import TransferReport
from skmtl.diagnostics._comparison import VERDICTS
from skmtl.displays import TransferDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def report_of(gains, noise=0.01, n_folds=10):
    """A report of tasks with these gains, and folds that are so far apart."""
    names = [f"task {i}" for i in range(len(gains))]
    shape = (n_folds, len(gains))
    return TransferReport(
        dict.fromkeys(names, "regression"),
        dict.fromkeys(names, "R²"),
        folds=[(0, k) for k in range(n_folds)],
        splits=range(n_folds),
        shared_scores=0.5 + np.array(gains) + noise * np.random.default_rng(0).normal(size=shape),
        alone_scores=np.full(shape, 0.5),
        label_ratio=np.full(shape, 0.25),
        parameters={"shared": 1, "alone": 2},
        fit_seconds={"shared": 1.0, "alone": 2.0},
    )


def names(display):
    return [label.get_text() for label in display.ax_.get_yticklabels()]


def test_points_and_intervals():
    report = report_of([0.1, -0.1, 0.3])
    drawn = TransferDisplay.from_report(report)
    assert names(drawn) == ["task 2", "task 0", "task 1"]
    points = np.concatenate([part.get_offsets() for part in drawn.ax_.collections if part.get_label() in VERDICTS])
    np.testing.assert_allclose(sorted(points[:, 0]), sorted(report.gain))
    helps, hurts = (part for part in drawn.ax_.collections if hasattr(part, "get_segments"))
    np.testing.assert_allclose([line[:, 0] for line in helps.get_segments()], report.interval[[2, 0]])
    np.testing.assert_allclose([line[:, 0] for line in hurts.get_segments()], report.interval[[1]])
    assert [text.get_text() for text in drawn.ax_.get_legend().get_texts()] == ["helps", "hurts"]


def test_colours_and_marks_go_by_verdict():
    drawn = TransferDisplay.from_report(report_of([0.1, -0.1, 0.0]))
    parts = [part for part in drawn.ax_.collections if part.get_label() in VERDICTS]
    assert len({tuple(part.get_facecolor()[0]) for part in parts}) == 3
    assert len({part.get_paths()[0].vertices.tobytes() for part in parts}) == 3


def test_in_axes_that_are_given():
    _, ax = plt.subplots()
    drawn = TransferDisplay(report_of([0.1, 0.2])).plot(ax=ax)
    assert drawn.ax_ is ax
    assert drawn.figure_ is ax.figure


def test_a_hundred_tasks_are_all_named():
    drawn = TransferDisplay.from_report(report_of(np.linspace(-0.1, 0.1, 100)))
    assert len(names(drawn)) == 100
    assert drawn.figure_.get_figheight() <= 15


def test_of_very_many_tasks_those_without_evidence_are_not_named():
    gains = np.zeros(400)
    gains[[3, 300]] = 0.5, -0.5
    report = report_of(gains)
    told = [task for task, verdict in report.verdicts.items() if verdict != "no evidence"]
    assert set(names(TransferDisplay.from_report(report))) == set(told) | {"task 3", "task 300"}


def test_names_do_not_lie_on_each_other():
    drawn = TransferDisplay.from_report(report_of(np.linspace(-1, 1, 400)))
    drawn.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in drawn.ax_.get_yticklabels()]
    assert len(boxes) > 50
    assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(boxes))


def test_a_task_far_out_is_cut():
    drawn = TransferDisplay.from_report(report_of([0.1, 0.2, 0.15, -0.1, -40.0]))
    low, high = drawn.ax_.get_xlim()
    assert low > -3
    assert high > 0.2
    assert names(drawn)[-1] == "task 4"


def test_without_intervals():
    drawn = TransferDisplay.from_report(report_of([0.1, -0.1], n_folds=1))
    assert [text.get_text() for text in drawn.ax_.get_legend().get_texts()] == ["no evidence"]


def test_from_estimator(regression):
    model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), solver="lbfgs", tol=0.1)
    drawn = TransferDisplay.from_estimator(model, *regression, cv=2, random_state=0)
    assert set(names(drawn)) == set(drawn.report.tasks)
