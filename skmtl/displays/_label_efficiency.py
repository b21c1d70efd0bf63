"""LabelEfficiencyDisplay: learning curves of one task, with the others and by itself."""

import numpy as np

from ..diagnostics import label_efficiency
from ._base import Display
from ._style import COLOURS, GREY, open_frame


class LabelEfficiencyDisplay(Display):
    """Score of one task by the number of its own labels, shared and alone, and the labels that are spared.

    Lines are means, small points the repeats; an arrow goes from each number of labels to that with which the task is
    as good alone. Make it with `from_efficiency` or
    `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    efficiency : LabelEfficiency
        What `skmtl.diagnostics.label_efficiency` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With two curves over the number of labels, on a logarithmic scale.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.diagnostics.label_efficiency : What measures it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import LabelEfficiency
    >>> from skmtl.displays import LabelEfficiencyDisplay
    >>> shared, alone = np.array([[0.4, 0.6, 0.7]]), np.array([[0.2, 0.4, 0.6]])
    >>> efficiency = LabelEfficiency("price", np.array([10, 20, 40]), shared, alone)
    >>> LabelEfficiencyDisplay(efficiency).plot().ax_.get_xlabel()
    'Labels of price'
    """

    def __init__(self, efficiency):
        self.efficiency = efficiency

    @classmethod
    def from_efficiency(cls, efficiency, *, ax=None):
        """Draw a `LabelEfficiency`.

        Parameters
        ----------
        efficiency : LabelEfficiency
            What `label_efficiency` returned.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : LabelEfficiencyDisplay
            Drawn.
        """
        return cls(efficiency).plot(ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, task, ax=None, **settings):
        """Measure the curves, and draw them.

        Parameters
        ----------
        estimator : estimator
            As for `skmtl.diagnostics.label_efficiency`.
        X : array-like, DataFrame or sparse array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n, T)
            Targets.
        task : str
            Name of the task.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **settings : dict
            Further parameters of `skmtl.diagnostics.label_efficiency`.

        Returns
        -------
        display : LabelEfficiencyDisplay
            Drawn.
        """
        cls._check_matplotlib("from_estimator")
        return cls.from_efficiency(label_efficiency(estimator, X, y, task=task, **settings), ax=ax)

    def frame(self):
        """Return a row a number of labels, as the frame of the efficiency does."""
        return self.efficiency.frame()

    def _draw(self, ax):
        found = self.efficiency
        curves = {"with the other tasks": (found.shared, COLOURS[0], "o"), "alone": (found.alone, COLOURS[5], "s")}
        means = found.shared_mean, found.alone_mean
        for (label, (scores, colour, marker)), mean in zip(curves.items(), means, strict=True):
            ax.plot(found.sizes, mean, color=colour, marker=marker, label=label)
            if len(scores) > 1:
                sizes = np.broadcast_to(found.sizes, scores.shape)
                ax.scatter(sizes, scores, color=colour, marker=marker, s=9, alpha=0.4, linewidths=0)
        self._draw_spared(ax)
        ax.set_xscale("log")
        ax.set_xticks(found.sizes, [str(size) for size in found.sizes])
        ax.minorticks_off()
        ax.set(xlabel=f"Labels of {found.task}", ylabel="Test score (1: perfect, 0: a constant)")
        open_frame(ax)
        ax.legend(frameon=False)

    def _draw_spared(self, ax):
        """From each number of labels to that with which the task is as good alone."""
        found = self.efficiency
        for size, enough, score in zip(found.sizes, found.equivalent, found.shared_mean, strict=True):
            if np.isfinite(enough) and enough > size:
                ends = {"xy": (enough, score), "xytext": (size, score)}
                ax.annotate("", **ends, arrowprops={"arrowstyle": "->", "color": GREY, "linewidth": 1.0})
