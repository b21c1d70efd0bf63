"""TransferDisplay: what each task gains by sharing, and how sure that is."""

import numpy as np

from ..diagnostics import transfer_report
from ..diagnostics._comparison import VERDICTS, limits
from ._base import SIZE, Display
from ._style import legend_beside, open_frame

#: Colours that can be told apart (Okabe and Ito, 2008), and marks that can be without them.
COLOURS = {"helps": "#0072B2", "no evidence": "#767676", "hurts": "#D55E00"}
_MARKS = {"helps": "^", "no evidence": "o", "hurts": "v"}
_ROW, _HIGHEST = 0.3, 15.0
#: Points; names that would be smaller are left out, those of tasks without evidence first.
_LARGEST, _SMALLEST = 10.0, 5.5


class TransferDisplay(Display):
    """Gain of each task by sharing, with its confidence interval: the best at the top, coloured by verdict.

    Make it with `from_report` or `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    report : TransferReport
        What `transfer_report` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With a row a task, the largest gain at the top.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.diagnostics.transfer_report : What is drawn, and how it is found.

    Notes
    -----
    Tasks that could not be compared are left out. Where a few gains are far from all others the axis is cut; an
    interval that goes on behind the edge ends in an arrow.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import transfer_report
    >>> from skmtl.displays import TransferDisplay
    >>> X = np.random.default_rng(0).normal(size=(60, 3))
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), solver="lbfgs", tol=0.01)
    >>> report = transfer_report(model, X, np.tanh(X[:, :2]), cv=3, random_state=0)
    >>> display = TransferDisplay.from_report(report)
    >>> display.ax_.get_xlabel()
    'Gain in R² by sharing, with 95 % interval'
    """

    def __init__(self, report):
        self.report = report

    @classmethod
    def from_report(cls, report, *, ax=None):
        """Draw a report.

        Parameters
        ----------
        report : TransferReport
            What `transfer_report` returned.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : TransferDisplay
            Drawn.
        """
        return cls(report).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **settings):
        """Make a report and draw it.

        Parameters
        ----------
        estimator : estimator
            As in `transfer_report`; clones of it are fitted.
        X : array-like, DataFrame or CSR array of shape (n, ...)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n, T)
            Targets.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **settings : dict
            Other parameters of `transfer_report`, such as `cv` and `random_state`.

        Returns
        -------
        display : TransferDisplay
            Drawn, with the `report`.
        """
        cls._check_matplotlib("from_estimator")
        return cls.from_report(transfer_report(estimator, X, y, **settings), ax=ax)

    def frame(self):
        """Return the table of the report, a row a task."""
        return self.report.frame()

    def _size(self):
        return SIZE[0], min(1.2 + _ROW * len(self._tasks()), _HIGHEST)

    def _tasks(self):
        """Positions of the tasks that could be compared, the best first."""
        return [t for t in self.report.order().tolist() if not np.isnan(self.report.gain[t])]

    def _draw(self, ax):
        tasks = self._tasks()
        low, high = limits(self.report.gain, self.report.interval)
        ax.axvline(0.0, color="black", linewidth=0.8, zorder=1)
        self._draw_gains(ax, tasks, low, high)
        self._name_tasks(ax, tasks)
        ax.set(xlim=(low, high), ylim=(len(tasks) - 0.5, -0.5), xlabel=self._label())
        ax.grid(axis="x", color="0.9")
        ax.set_axisbelow(True)
        open_frame(ax, rows=True)
        ax.tick_params(axis="y", pad=8)  # clear of marks on the edge
        legend_beside(ax)

    def _draw_gains(self, ax, tasks, low, high):
        """Points and intervals, verdict by verdict; arrows where they go on behind the edge."""
        report = self.report
        verdicts = list(report.verdicts.values())
        thin = min(1.0, 100 / max(len(tasks), 1))
        for verdict in VERDICTS:
            rows = [row for row, t in enumerate(tasks) if verdicts[t] == verdict]
            if not rows:
                continue
            gains = np.clip([report.gain[tasks[row]] for row in rows], low, high)
            ends = np.array([report.interval[tasks[row]] for row in rows])
            ends = np.where(np.isnan(ends), gains[:, None], ends)
            colour = COLOURS[verdict]
            ax.hlines(rows, *ends.clip(low, high).T, color=colour, linewidth=2.0 * thin, zorder=2)
            ax.scatter(
                gains, rows, color=colour, marker=_MARKS[verdict], s=36 * thin, zorder=3, clip_on=False, label=verdict
            )
            for edge, mark, beyond in ((low, "<", ends[:, 0] < low), (high, ">", ends[:, 1] > high)):
                at = np.array(rows)[beyond]
                ax.scatter(np.full(len(at), edge), at, color=colour, marker=mark, s=16, zorder=3, clip_on=False)

    def _name_tasks(self, ax, tasks):
        """Name the tasks, in letters that fit; where none do, only those of which something can be said."""
        names, verdicts = list(self.report.tasks), list(self.report.verdicts.values())
        height = 72 * ax.get_figure().get_figheight() * ax.get_position().height
        size = 0.75 * height / max(len(tasks), 1)
        rows = list(range(len(tasks)))
        if size < _SMALLEST:
            told = [row for row in rows if verdicts[tasks[row]] != VERDICTS[1]]
            rows, size = _apart(told or rows, _SMALLEST / size), _SMALLEST
        ax.set_yticks(rows, [str(names[tasks[row]]) for row in rows], fontsize=min(size, _LARGEST))

    def _label(self):
        words = set(self.report.score_names.values())
        score = f" in {words.pop()}" if len(words) == 1 else ""
        return f"Gain{score} by sharing, with {100 * self.report.confidence:g} % interval"


def _apart(rows, distance):
    """Those rows, from the first, that are so far from the one before."""
    kept = rows[:1]
    for row in rows:
        if row - kept[-1] >= distance:
            kept.append(row)
    return kept
