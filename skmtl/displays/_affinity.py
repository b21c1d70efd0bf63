"""AffinityDisplay: what tasks do for each other, those that do each other good side by side."""

import numpy as np

from ..diagnostics import task_affinity
from ..diagnostics._affinity import cluster_order
from ._base import Display, check_kind
from ._map import map_size, task_map

#: What the colours mean.
_LABELS = {
    "lookahead": "Share of the loss that a step takes off",
    "gradient": "Cosine of gradients",
    "retrain": "Fall of the held-out loss, trained with the other",
}


class AffinityDisplay(Display):
    """A map of task affinities: what the task of the row does for that of the column.

    Make it with `from_affinity` or `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    matrix : ndarray of shape (T, T)
        The affinities; NaN where nothing is known. What a task does for itself is not shown.
    task_names : list of length T
        Names of the tasks.
    method : str, default="lookahead"
        How they were measured, which names the colours.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the map.
    figure_ : matplotlib Figure
        What the axes are in.
    order_ : ndarray of shape (T,)
        The tasks as they were drawn, by position.

    See Also
    --------
    skmtl.diagnostics.task_affinity : What measures them.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.displays import AffinityDisplay
    >>> table = np.array([[1.0, -0.5, 0.8], [-0.4, 1.0, -0.5], [0.8, -0.4, 1.0]])
    >>> display = AffinityDisplay(table, ["a", "b", "c"], method="gradient").plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['b', 'a', 'c']
    """

    def __init__(self, matrix, task_names, *, method="lookahead"):
        self.matrix = matrix
        self.task_names = task_names
        self.method = method

    @classmethod
    def from_affinity(cls, affinity, *, method=None, ordered=True, ax=None):
        """Draw a `TaskAffinity`.

        Parameters
        ----------
        affinity : TaskAffinity
            What `task_affinity` returned.
        method : str, default=None
            Which of its methods; None: the first.
        ordered : bool, default=True
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : AffinityDisplay
            Drawn.
        """
        method = affinity.method if method is None else method
        check_kind(method, affinity.matrices, parameter="method", note=", which were measured")
        return cls(affinity.matrices[method], affinity.task_names, method=method).plot(ordered=ordered, ax=ax)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, method="lookahead", ordered=True, ax=None, **settings):
        """Measure affinities, and draw them.

        Parameters
        ----------
        estimator : estimator
            As for `skmtl.diagnostics.task_affinity`.
        X : array-like, DataFrame or sparse array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n, T)
            Targets.
        method : {"lookahead", "gradient", "retrain"}, default="lookahead"
            How to measure.
        ordered : bool, default=True
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **settings : dict
            Further parameters of `skmtl.diagnostics.task_affinity`.

        Returns
        -------
        display : AffinityDisplay
            Drawn.
        """
        cls._check_matplotlib("from_estimator")
        affinity = task_affinity(estimator, X, y, method=method, **settings)
        return cls.from_affinity(affinity, ordered=ordered, ax=ax)

    def plot(self, *, ordered=True, ax=None):
        """Draw the map.

        Parameters
        ----------
        ordered : bool, default=True
            Whether tasks that do each other good are neighbours; else they are in the order of y.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : AffinityDisplay
            With `ax_`, `figure_` and `order_`.
        """
        self.order_ = cluster_order(self.matrix) if ordered else np.arange(len(self.matrix))
        return self._drawn(self._draw, ax, map_size(len(self.matrix)))

    def frame(self):
        """Return the map, in the order of y: a row a task, a column a task that it acts on."""
        import pandas as pd

        return pd.DataFrame(self.matrix, index=pd.Index(self.task_names, name="task"), columns=self.task_names)

    def _draw(self, ax):
        table = np.array(self.matrix, dtype=np.float64)[np.ix_(self.order_, self.order_)]
        np.fill_diagonal(table, np.nan)
        names = [self.task_names[task] for task in self.order_]
        known = np.abs(table[np.isfinite(table)])
        # One outlier shall not make all others pale.
        limit = float(np.quantile(known, 0.98)) if known.any() else 1.0
        label, digits = _LABELS.get(self.method, "Affinity"), 4 if limit < 0.01 else 3 if limit < 0.1 else 2
        task_map(ax, table, names, limit=limit or 1.0, label=label, digits=digits)
        ax.set(xlabel="... on this task", ylabel="Effect of this task ...")
