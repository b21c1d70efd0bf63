"""GroupingDisplay: held-out scores of all tasks, group by group, beside those of the two ends."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..diagnostics._grouping_report import ALL, FELL_BACK, NONE
from ._base import SIZE, Display
from ._style import COLOURS, legend_beside, open_frame, spaced

#: Who is drawn, from the back to the front: marker, size, colour.
_MARKS = {ALL: ("s", 22, "#999999"), NONE: ("D", 20, "#56B4E9")}


class GroupingDisplay(Display):
    """Held-out scores of a `MultiTaskGrouping`: all tasks in one network, each by itself, and as they were grouped.

    Make it with `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    report : GroupingReport
        The attribute `report_` of the grouping.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With a row a task, group by group.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.diagnostics.MultiTaskGrouping : What has the report.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import GroupingReport
    >>> from skmtl.displays import GroupingDisplay
    >>> losses = {"all in one": np.array([0.5, 0.5]), "all separate": np.array([0.6, 0.4])}
    >>> candidates = "all in one", losses, {"all in one": 1, "all separate": 2}
    >>> report = GroupingReport(["a", "b"], [["a", "b"], ["b"]], {"a": 0, "b": 1}, [(0, 1)], candidates)
    >>> display = GroupingDisplay(report).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['a', 'b (own)']
    """

    def __init__(self, report):
        self.report = report

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the report of a fitted grouping.

        Parameters
        ----------
        estimator : MultiTaskGrouping
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : GroupingDisplay
            Drawn.
        """
        check_is_fitted(estimator, "report_")
        return cls(estimator.report_).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the scores, a line a task. A ValueError says that there was one task only, with nothing to compare."""
        if self.report.best is None:
            raise ValueError(f"There is nothing to compare: {self.report.task_names[0]!r} is the only task.")
        return super().plot(ax=ax)

    def frame(self):
        """Return the scores, network and verdict of each task, as the frame of the report does."""
        return self.report.frame()

    def _size(self):
        return SIZE[0], float(np.clip(1.6 + 0.3 * len(self.report.task_names), 2.6, 13.0))

    def _draw(self, ax):
        report, order = self.report, self._order()
        places = np.arange(len(order))
        found = {name: report.scores[name][order] for name in (ALL, NONE, "chosen")}
        every = np.stack(list(found.values()))
        ax.hlines(places, np.nanmin(every, axis=0), np.nanmax(every, axis=0), color="#DDDDDD", zorder=1)
        for name, (marker, size, colour) in _MARKS.items():
            ax.scatter(found[name], places, marker=marker, s=size, color=colour, label=name, zorder=2)
        colours = [COLOURS[self._group(task) % len(COLOURS)] for task in order]
        edges = {"facecolors": "none", "edgecolors": colours, "linewidths": 1.8}
        ax.scatter(found["chosen"], places, marker="o", s=75, label=f"chosen: {report.best}", zorder=3, **edges)
        self._separate(ax, order)
        self._name(ax, order)

    def _group(self, task):
        """The group that a task was put in, also where it fell back since."""
        name = self.report.task_names[task]
        return next(number for number, group in enumerate(self._partition()) if name in group)

    def _partition(self):
        """The groups before any task fell back: the largest that each task is in, in the order of their first task."""
        largest = {name: max((g for g in self.report.groups if name in g), key=len) for name in self.report.task_names}
        return list({tuple(group): group for group in largest.values()}.values())

    def _order(self):
        """Tasks group by group."""
        return sorted(range(len(self.report.task_names)), key=self._group)

    def _separate(self, ax, order):
        groups = [self._group(task) for task in order]
        for place in range(1, len(order)):
            if groups[place] != groups[place - 1] and len(self._partition()) < len(order):
                ax.axhline(place - 0.5, color="#BBBBBB", linewidth=0.8, zorder=0)

    def _name(self, ax, order):
        names = []
        for task in order:
            name = self.report.task_names[task]
            names.append(f"{name} (own)" if self.report.verdicts[name] == FELL_BACK else str(name))
        places, shown = spaced(names)
        ax.set_yticks(places, shown)
        ax.set(ylim=(len(order) - 0.4, -0.6), xlabel="Held-out score (1: perfect, 0: a constant)")
        open_frame(ax, rows=True)
        legend_beside(ax)
