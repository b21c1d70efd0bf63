"""ConflictDisplay: cosines of the tasks' gradients, as a map and over training."""

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support

from .._component import nearest
from ..diagnostics import gradient_conflict
from ..diagnostics._affinity import cluster_order, mean_known
from ._blend_weights import COLOURS
from ._map import task_map

KINDS = ("map", "epochs")


class ConflictDisplay:
    """Cosines of the gradients that tasks send into what they share.

    Make it with `from_conflict` or `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    conflict : GradientConflict
        What `skmtl.diagnostics.gradient_conflict` returned.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of these axes.

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
        kind : {"map", "epochs"}, default="map"
            As in `plot`.
        layer : str, default=None
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
        kind : {"map", "epochs"}, default="map"
            As in `plot`.
        layer : str, default=None
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
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}; got {kind!r}.{nearest(kind, KINDS)}")
        table = self._table(layer)
        self.ax_ = (self._draw_map if kind == "map" else self._draw_epochs)(ax, table)
        self.figure_ = self.ax_.figure
        return self

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
        return task_map(ax, mean, names, limit=1.0, label="Cosine of gradients, mean over training")

    def _draw_epochs(self, ax, table):
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
        one, other = np.triu_indices(table.shape[1], 1)
        pairs, names = table[:, one, other], self.conflict.task_names
        at = np.arange(1, len(pairs) + 1) if len(set(self.conflict.epochs)) < len(pairs) else self.conflict.epochs
        if pairs.shape[1] <= len(COLOURS):
            for line, i, j, colour in zip(pairs.T, one, other, COLOURS, strict=False):
                ax.plot(at, line, color=colour, label=f"{names[i]}, {names[j]}")
        else:
            lines = np.nanquantile(pairs, [0.05, 0.25, 0.5, 0.75, 0.95], axis=1)
            ax.fill_between(at, lines[0], lines[4], color=COLOURS[4], alpha=0.3, linewidth=0, label="9 of 10 pairs")
            ax.fill_between(at, lines[1], lines[3], color=COLOURS[4], alpha=0.6, linewidth=0, label="half of the pairs")
            ax.plot(at, lines[2], color=COLOURS[0], label=f"median of {pairs.shape[1]} pairs")
        ax.axhline(0.0, color="#888888", linewidth=0.8, zorder=0)
        ax.set(xlabel="Epoch" if at is self.conflict.epochs else "Look", ylabel="Cosine of gradients")
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0)
        return ax
