"""GroupingDisplay: the scores of the report, group by group."""

import numpy as np
import pytest

from skmtl.diagnostics import GroupingReport, MultiTaskGrouping
from skmtl.displays import GroupingDisplay

plt = pytest.importorskip("matplotlib.pyplot")


def report(n_tasks=4):
    """Every other task is in the same group; the last has fallen back."""
    names = [f"task {i}" for i in range(n_tasks)]
    groups = [tuple(range(0, n_tasks, 2)), tuple(range(1, n_tasks, 2))]
    losses = {
        "all in one": np.full(n_tasks, 0.5),
        "all separate": np.full(n_tasks, 0.4),
        "2 groups": np.full(n_tasks, 0.3),
    }
    group_of = {name: i % 2 for i, name in enumerate(names)} | {names[-1]: 2}
    by_name = [[names[task] for task in group] for group in groups] + [[names[-1]]]
    return GroupingReport(names, by_name, group_of, groups, ("2 groups", losses, {"2 groups": 2}))


def test_scores_are_drawn_group_by_group():
    display = GroupingDisplay(report()).plot()
    every, separate, chosen = display.ax_.collections[1:]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [
        "task 0",
        "task 2",
        "task 1",
        "task 3 (own)",
    ]
    np.testing.assert_allclose(every.get_offsets()[:, 0], 0.5)
    np.testing.assert_allclose(separate.get_offsets()[:, 0], 0.6)
    np.testing.assert_allclose(chosen.get_offsets()[:, 0], [0.7, 0.7, 0.7, 0.6])
    assert len({tuple(colour) for colour in chosen.get_edgecolors()}) == 2
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()][-1] == "chosen: 2 groups"


def test_many_tasks_are_not_all_named():
    assert len(GroupingDisplay(report(100)).plot().ax_.get_yticklabels()) == 50


def test_on_axes_of_ones_own():
    _, ax = plt.subplots()
    display = GroupingDisplay(report()).plot(ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_one_task_has_nothing_to_compare():
    with pytest.raises(ValueError, match="'a' is the only task"):
        GroupingDisplay(GroupingReport(["a"], [["a"]], {"a": 0}, [(0,)], None)).plot()


def test_an_unfitted_grouping():
    with pytest.raises(ValueError, match="not fitted"):
        GroupingDisplay.from_estimator(MultiTaskGrouping())
