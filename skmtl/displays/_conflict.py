"""ConflictDisplay: cosines of the tasks' gradients, as a map and over training."""

import numpy as np

from .._component import nearest
from ..diagnostics import gradient_conflict
from ..diagnostics._affinity import cluster_order
from ..diagnostics._comparison import mean_known
from ._base import SIZE, Display, check_kind
from ._map import map_size, task_map
from ._style import COLOURS, GREY, draw_ranges, legend_beside, open_frame

KINDS = ("map", "epochs")


class ConflictDisplay(Display):
    """Cosines of the gradients that tasks send into what they share.

    Make it with `from_conflict` or `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    conflict : GradientConflict
        What `skmtl.diagnostics.gradient_conflict` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With a map of the tasks, or epochs from the left to the right.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.diagnostics.gradient_conflict : What watches them.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import GradientConflict
    >>> from skmtl.displays import ConflictDisplay
    >>> cosines = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, -0.1], [-0.1, 1.0]]])
    >>> conflict = GradientConflict(np.array([1, 2]), cosines, np.ones((2, 2)), ["a", "b"])
    >>> display = ConflictDisplay(conflict).plot(kind="epochs")
    >>> display.ax_.get_ylabel()
    'Cosine of gradients'
    """

    def __init__(self, conflict):
        self.conflict = conflict

    @classmethod
    def from_conflict(cls, conflict, *, kind="map", layer=None, ax=None):
        """Draw a `GradientConflict`.

        Parameters
        ----------
        conflict : GradientConflict
            What `gradient_conflict` returned.
        kind, layer : str, default="map" and None
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ConflictDisplay
            Drawn.
        """
        return cls(conflict).plot(kind=kind, layer=layer, ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, kind="map", layer=None, ax=None, **settings):
        """Train a clone of an estimator, watch the gradients, and draw.

        Parameters
        ----------
        estimator : estimator
            As for `skmtl.diagnostics.gradient_conflict`.
        X : array-like, DataFrame or sparse array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n, T)
            Targets.
        kind, layer : str, default="map" and None
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **settings : dict
            Further parameters of `skmtl.diagnostics.gradient_conflict`.

        Returns
        -------
        display : ConflictDisplay
            Drawn.
        """
        cls._check_matplotlib("from_estimator")
        settings = {"by_layer": layer is not None} | settings
        return cls.from_conflict(gradient_conflict(estimator, X, y, **settings), kind=kind, layer=layer, ax=ax)

    def plot(self, *, kind="map", layer=None, ax=None):
        """Draw the cosines.

        Parameters
        ----------
        kind : {"map", "epochs"}, default="map"
            "map": their means over training, tasks by tasks, such that tasks of one direction are neighbours. "epochs":
            how they go on while training does; a line a pair up to 8 pairs, for more the median of all pairs and the
            ranges that half of them, and nine tenths, are in.
        layer : str, default=None
            The layer to look at, one of ``conflict.layers``; None: all that is shared.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ConflictDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If there is no such kind or layer.
        """
        check_kind(kind, KINDS)
        table = self._table(layer)
        if kind == "map":
            return self._drawn(lambda ax: self._draw_map(ax, table), ax, map_size(table.shape[1]))
        return self._drawn(lambda ax: self._draw_epochs(ax, table), ax, SIZE)

    def frame(self):
        """Return what was seen of each pair of tasks at each look, as the frame of the conflict does."""
        return self.conflict.frame()

    def _table(self, layer):
        conflict = self.conflict
        if layer is None:
            return conflict.cosines
        known = list(conflict.layers or {})
        if layer not in known:
            hint = nearest(layer, known) if known else " Pass by_layer=True to gradient_conflict."
            raise ValueError(f"layer must be one of {known}; got {layer!r}.{hint}")
        return conflict.layers[layer]

    def _draw_map(self, ax, table):
        mean = mean_known(table)
        order = cluster_order(mean)
        mean = mean[np.ix_(order, order)]
        np.fill_diagonal(mean, np.nan)
        names = [self.conflict.task_names[task] for task in order]
        task_map(ax, mean, names, limit=1.0, label="Cosine of gradients, mean over training")

    def _draw_epochs(self, ax, table):
        one, other = np.triu_indices(table.shape[1], 1)
        pairs, names = table[:, one, other], self.conflict.task_names
        at = np.arange(1, len(pairs) + 1) if len(set(self.conflict.epochs)) < len(pairs) else self.conflict.epochs
        if pairs.shape[1] <= len(COLOURS):
            for line, i, j, colour in zip(pairs.T, one, other, COLOURS, strict=False):
                ax.plot(at, line, color=colour, label=f"{names[i]}, {names[j]}")
        else:
            draw_ranges(ax, at, pairs.T, "pairs")
        ax.axhline(0.0, color=GREY, linewidth=0.8, zorder=0)
        ax.set(xlabel="Epoch" if at is self.conflict.epochs else "Look", ylabel="Cosine of gradients")
        open_frame(ax)
        legend_beside(ax)
