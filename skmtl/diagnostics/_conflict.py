"""Gradient conflict: how the directions and lengths of the tasks' gradients compare while training goes on."""

import numpy as np
from sklearn.utils import check_random_state

from ..estimators._seeds import draw_seed
from ._comparison import mean_known
from ._probe import cosines, watch
from ._subsets import seeded

#: Pairs of tasks that are shown in text.
_SHOWN = 10


class GradientConflict:
    """Cosines and lengths of the tasks' gradients in what they share, over training.

    It is made by `gradient_conflict`.

    Parameters
    ----------
    epochs : ndarray of shape (E,)
        Epoch of each look, in ascending order.
    cosines : ndarray of shape (E, T, T)
        Cosines of the gradients; NaN where one is zero or its task has no label or is not trained.
    lengths : ndarray of shape (E, T)
        Lengths of the gradients of the task losses, before any weight.
    task_names : list of length T
        Names of the tasks.
    layers : dict of str to ndarray of shape (E, T, T), default=None
        Cosines in the parameters of each layer, if these were asked for.

    Attributes
    ----------
    mean_cosines : ndarray of shape (T, T)
        Mean over the looks.
    conflict_share : ndarray of shape (T, T)
        Share of the looks at which the cosine of two tasks is below 0.
    share : float
        Share of conflicts among all pairs of unlike tasks at all looks.
    length_ratios : ndarray of shape (T, T)
        Geometric mean over the looks of the length of the gradient of the task of the row over that of the column.

    See Also
    --------
    skmtl.displays.ConflictDisplay : A picture of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import GradientConflict
    >>> cosines = np.array([[[1.0, 0.5], [0.5, 1.0]], [[1.0, -0.1], [-0.1, 1.0]]])
    >>> conflict = GradientConflict(np.array([1, 2]), cosines, np.array([[2.0, 1.0], [8.0, 1.0]]), ["a", "b"])
    >>> conflict
    Gradients of 2 tasks at 2 looks: 50 % of the pairs of tasks in conflict
      task  with  mean cosine  in conflict  length ratio
         a     b         0.20         50 %           4.0
    """

    def __init__(self, epochs, cosines, lengths, task_names, layers=None):
        self.epochs, self.cosines, self.lengths = epochs, cosines, lengths
        self.task_names, self.layers = task_names, layers
        self.mean_cosines = mean_known(cosines)
        self.conflict_share = mean_known(np.where(np.isnan(cosines), np.nan, cosines < 0))
        off = ~np.eye(len(task_names), dtype=bool)
        seen = cosines[:, off]
        self.share = float((seen[~np.isnan(seen)] < 0).mean()) if (~np.isnan(seen)).any() else np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.log(lengths)
        logs[~np.isfinite(logs)] = np.nan
        self.length_ratios = np.exp(mean_known(logs[:, :, None] - logs[:, None, :]))

    def frame(self):
        """Return what was seen of each pair of tasks at each look.

        Returns
        -------
        frame : DataFrame
            With "epoch", "task", "with", "cosine" and "length ratio", the length of the first gradient over that of the
            second; by layer one more column "cosine, <layer>" for each. Needs pandas.
        """
        import pandas as pd

        one, other = np.triu_indices(len(self.task_names), 1)
        names, n_pairs = np.array(self.task_names, dtype=object), len(one)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = self.lengths[:, one] / self.lengths[:, other]
        columns = {
            "epoch": np.repeat(self.epochs, n_pairs),
            "task": np.tile(names[one], len(self.epochs)),
            "with": np.tile(names[other], len(self.epochs)),
            "cosine": self.cosines[:, one, other].ravel(),
            "length ratio": ratios.ravel(),
        }
        by_layer = {f"cosine, {layer}": table[:, one, other].ravel() for layer, table in (self.layers or {}).items()}
        return pd.DataFrame(columns | by_layer)

    def __repr__(self):
        n_tasks = len(self.task_names)
        lines = [
            f"Gradients of {n_tasks} tasks at {len(self.epochs)} looks: {self.share:.0%} of the pairs of tasks in "
            "conflict".replace("%", " %")
        ]
        pairs = [(i, j) for i in range(n_tasks) for j in range(i + 1, n_tasks)]
        pairs.sort(key=lambda pair: np.nan_to_num(self.mean_cosines[pair], nan=np.inf))
        names = [str(name) for name in self.task_names]
        left = max(5, *map(len, names)) + 1
        lines.append(f"{'task':>{left}} {'with':>{left}}  mean cosine  in conflict  length ratio")
        for i, j in pairs[:_SHOWN]:
            numbers = f"{self.mean_cosines[i, j]:>11.2f}  {100 * self.conflict_share[i, j]:>9.0f} %"
            lines.append(f"{names[i]:>{left}} {names[j]:>{left}}  {numbers}  {self.length_ratios[i, j]:>12.1f}")
        if len(pairs) > _SHOWN:
            lines.append(f"[{len(pairs)} pairs; these are in conflict most]")
        return "\n".join(lines)


def gradient_conflict(
    estimator, X, y, *, by_layer=False, sample_weight=None, every=None, n_rows=256, random_state=None
):
    """Watch the gradients of the tasks in what they share, while a clone of the estimator is trained.

    Parameters
    ----------
    estimator : estimator
        One of this package, or a pipeline or search that ends in one.
    X : array-like, DataFrame or sparse array of shape (n, d)
        Inputs, as the estimator takes them.
    y : array-like, DataFrame or sparse array of shape (n, T)
        Targets, one column a task, of any kinds, with gaps.
    by_layer : bool, default=False
        Whether to look at each layer by itself, too.
    sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
        Weights of the rows, or of every label.
    every : int or None, default=None
        Steps of training between two looks. None: an epoch, and after 20 of these five.
    n_rows : int, default=256
        Training rows that each look is at, others each time.
    random_state : int, RandomState instance or None, default=None
        Decides the rows that are looked at, and every `random_state` of the estimator that is None.

    Returns
    -------
    conflict : GradientConflict
        Cosines and lengths over training; of several members the mean.

    Raises
    ------
    ValueError, TypeError
        If the data or a parameter is not as described, there is one task only, or the network shares nothing.

    See Also
    --------
    task_affinity : What the tasks do for each other, in one table.
    skmtl.aggregation.PCGrad : What can be done about conflict.

    Notes
    -----
    Looking changes nothing in how the network trains: what is seen is what its `weighting` and `aggregator` made of it,
    but gradients are those of the plain task losses, on scaled targets. Units are not dropped while looking. With early
    stopping the looks end with the epoch that training goes back to.

    Gradients of batches conflict more often than those of all rows, as noise has no common direction. So the share of
    conflicts depends on `n_rows`; compare like with like. With an adaptive solver lengths may matter more than
    directions [2]_, and conflict [1]_ by itself does not say that tasks had better be apart: `transfer_report` does.

    An interrupt stops training; what was seen until then is returned, with the estimator's own warning.

    References
    ----------
    .. [1] Yu, Kumar, Gupta, Levine, Hausman and Finn (2020). Gradient surgery for multi-task learning. NeurIPS.
    .. [2] Elich, Kirchdorfer, Köhler and Schott (2024). Examining common paradigms in multi-task learning. GCPR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import gradient_conflict
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> Y = np.column_stack([X[:, 0], 10 * X[:, 0] + X[:, 1]])
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8, 4), max_iter=5, random_state=0)
    >>> conflict = gradient_conflict(model, X, Y, by_layer=True)
    >>> conflict.cosines.shape, list(conflict.layers)
    ((5, 2, 2), ['layers.0', 'layers.1'])
    """
    rng = check_random_state(random_state)
    seed = draw_seed(rng)
    settings = {"n_rows": n_rows, "seed": seed, "by_layer": by_layer, "every": every}
    records, names = watch(seeded(estimator, rng), X, y, sample_weight, "gradient_conflict", **settings)
    return _from_records(records, names)


def _from_records(records, names):
    """Make the result: looks of several members at the same time are one, their mean."""
    n_tasks, looks = len(names), {}
    for record in records:
        looks.setdefault(record.look, []).append(record)

    def cosines_of(layer):
        tables = [[record.full(cosines(record.gramians[layer]), n_tasks) for record in look] for look in parts]
        return np.stack([mean_known(np.stack(look)) for look in tables])

    parts = list(looks.values())
    lengths = [[np.sqrt(np.diag(r.full(r.gramians[""], n_tasks)).clip(0)) for r in look] for look in parts]
    layers = [layer for layer in records[0].gramians if layer]
    return GradientConflict(
        np.array([look[0].epoch for look in parts]),
        cosines_of(""),
        np.stack([mean_known(np.stack(look)) for look in lengths]),
        list(names),
        {layer: cosines_of(layer) for layer in sorted(layers)} or None,
    )
