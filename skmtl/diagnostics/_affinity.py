"""Task affinity: what training on one task does for another."""

import itertools

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import spearmanr
from sklearn.utils import check_random_state

from .._component import nearest
from ..estimators._seeds import draw_seed
from ._comparison import mean_known
from ._probe import cosines, watch
from ._subsets import Subsets, check_repeats, read, seeded

METHODS = ("lookahead", "gradient", "retrain")
#: Tasks that are shown in text.
_SHOWN = 8


class TaskAffinity:
    """What training on each task does for each other one, by one or several methods.

    It is made by `task_affinity`.

    Parameters
    ----------
    matrices : dict of str to ndarray of shape (T, T)
        By method; what the task of the row does for that of the column. NaN where nothing is known.
    task_names : list of length T
        Names of the tasks.

    Attributes
    ----------
    matrix : ndarray of shape (T, T)
        That of the first method.
    method : str
        The first method.
    agreement : dict of (str, str) to float
        For each pair of methods the rank correlation (Spearman's) of their affinities between unlike tasks; NaN with
        fewer than three such pairs.

    See Also
    --------
    skmtl.displays.AffinityDisplay : A map of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import TaskAffinity
    >>> table = np.array([[1.0, 0.8, -0.5], [0.8, 1.0, -0.4], [-0.5, -0.4, 1.0]])
    >>> affinity = TaskAffinity({"gradient": table}, ["a", "b", "c"])
    >>> affinity
    gradient: what the task of the row does for that of the column
           a      b      c
    a   1.00   0.80  -0.50
    b   0.80   1.00  -0.40
    c  -0.50  -0.40   1.00
    >>> affinity.best_partners()
    {'a': 'b', 'b': 'a', 'c': None}
    """

    def __init__(self, matrices, task_names):
        self.matrices = matrices
        self.task_names = task_names
        self.method = next(iter(matrices))
        self.matrix = matrices[self.method]
        self.agreement = {
            pair: rank_agreement(*(matrices[method] for method in pair)) for pair in itertools.combinations(matrices, 2)
        }

    def best_partners(self):
        """Return for each task the one that does most for it by the first method; None where none does any good.

        Returns
        -------
        partners : dict of task name to task name or None
            By task.
        """
        partners = {}
        for column, name in enumerate(self.task_names):
            others = self.matrix[:, column].copy()
            others[column] = np.nan
            good = np.nan_to_num(others, nan=-np.inf)
            best = int(good.argmax())
            partners[name] = self.task_names[best] if good[best] > 0 else None
        return partners

    def frame(self):
        """Return all affinities as a table.

        Returns
        -------
        frame : DataFrame
            A row for each ordered pair of tasks: "task", what is trained on; "on", whom it acts on; and a column a
            method. Needs pandas.
        """
        import pandas as pd

        sources, targets = np.meshgrid(np.arange(len(self.task_names)), np.arange(len(self.task_names)), indexing="ij")
        names = np.array(self.task_names, dtype=object)
        columns = {"task": names[sources.ravel()], "on": names[targets.ravel()]}
        return pd.DataFrame(columns | {method: table.ravel() for method, table in self.matrices.items()})

    def __repr__(self):
        lines = [f"{self.method}: what the task of the row does for that of the column"]
        shown = [str(name) for name in self.task_names[:_SHOWN]]
        left, width = max(map(len, shown)), max(6, *map(len, shown))
        digits = 2 if self.method != "lookahead" else 4
        lines.append(" " * left + "".join(f" {name:>{width}}" for name in shown))
        for name, row in zip(shown, self.matrix, strict=False):
            lines.append(f"{name:<{left}}" + "".join(f" {value:>{width}.{digits}f}" for value in row[:_SHOWN]))
        if len(self.task_names) > _SHOWN:
            lines.append(f"[{len(self.task_names)} tasks]")
        lines += [f"agreement of {one} and {other}: {r:.2f}" for (one, other), r in self.agreement.items()]
        return "\n".join(lines)


def task_affinity(
    estimator,
    X,
    y,
    *,
    method="lookahead",
    sample_weight=None,
    every=None,
    n_rows=256,
    cv=3,
    n_repeats=1,
    groups=None,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Measure what training on each task does for each other one.

    Parameters
    ----------
    estimator : estimator
        One of this package, or a pipeline or search that ends in one; it is cloned. For "retrain" any that
        `MultiTaskBlend` takes as a member.
    X : array-like, DataFrame or sparse array of shape (n, d)
        Inputs, as the estimator takes them.
    y : array-like, DataFrame or sparse array of shape (n, T)
        Targets, one column a task, of any kinds, with gaps.
    method : {"lookahead", "gradient", "retrain"} or list of these, default="lookahead"
        "lookahead" [1]_: while all tasks are trained, by which share of it the loss of each falls where what they share
        takes a step for one of them only. "gradient": the cosine of the gradients of two tasks in what they share.
        "retrain": a network for each pair of tasks, against one for each task alone: how much lower the held-out loss
        is, as a share of the loss of a constant. It is what the other two try to foretell, and takes a fit to each fold
        for each pair of tasks and each task. The first two take the time of two or three fits, together.
    sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
        Weights of the rows, or of every label.
    every : int or None, default=None
        Steps of training between two looks, for "lookahead" and "gradient". None: an epoch, and after 20 of these five.
    n_rows : int, default=256
        Training rows that each look is at, others each time.
    cv : int, cross-validator, iterable of (train, test) or None, default=3
        Folds of "retrain". An int is the number of folds of a shuffled `MultiTaskKFold`. None: the estimator's own
        out-of-fold predictions, where it makes them, else 5 folds.
    n_repeats : int, default=1
        How often all of it is done, with new seeds and, for "retrain", new folds. Where two heads happen to start out
        alike, so are the gradients of their tasks: a mean over several fits, or members, says more.
    groups : array-like of shape (n,), default=None
        Passed to `cv`, for splitters that keep groups together.
    n_jobs : int or None, default=None
        Processes that fit, for "retrain". The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, the rows that are looked at, and every `random_state` of the estimator that is None.
    verbose : int, default=0
        Whether to print a line a fit of "retrain".

    Returns
    -------
    affinity : TaskAffinity
        With a matrix for each method, and how well they agree.

    Raises
    ------
    ValueError, TypeError
        If the data or a parameter is not as described, there is one task only, or the network shares nothing.

    See Also
    --------
    MultiTaskGrouping : Fits a network to each group of tasks that do each other good.
    gradient_conflict : How the cosines change while training goes on.

    Notes
    -----
    The step of the lookahead is one along the gradient, and heads stay as they are, as in the paper. Its rate is the
    same for all tasks, and at each look such that the loss that falls fastest falls by 1 % under its own step: the rate
    of an adaptive solver says little about a single step. Losses are relative to their size before the step, also those
    that may be negative.

    Affinities are means over all looks up to the epoch that training goes back to, and over members if there are
    several. Looking changes nothing in how the network trains. A task of weight 0 has no gradient: its rows and columns
    are NaN. Tasks without a row in common are compared like all others: it is gradients that are compared, not labels.

    An interrupt while "retrain" is fitting leaves the folds that are done for all pairs, with a warning.

    References
    ----------
    .. [1] Fifty, Amid, Zhao, Yu, Anil and Finn (2021). Efficiently identifying task groupings for multi-task learning.
       NeurIPS.

    Examples
    --------
    Two tasks that go up with the same input, and one that goes down:

    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import task_affinity
    >>> X = np.random.default_rng(0).normal(size=(200, 3))
    >>> Y = X[:, [0]] * [1.0, 2.0, -1.0] + 0.1 * X[:, 1:2]
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), max_iter=10, random_state=0)
    >>> affinity = task_affinity(model, X, Y, method=["lookahead", "gradient"])
    >>> affinity.matrices["gradient"].shape
    (3, 3)
    >>> list(affinity.agreement)
    [('lookahead', 'gradient')]
    """
    methods = _check_methods(method, "task_affinity")
    rng, found, records = check_random_state(random_state), {}, []
    network = seeded(estimator, rng)
    probed = [name for name in methods if name != "retrain"]
    for repeat in range(check_repeats(n_repeats) if probed else 0):
        one = seeded(network, rng, anew=repeat > 0)
        seen, names = look(one, X, y, sample_weight, "task_affinity", probed, every, n_rows, rng)
        records += seen
    if probed:
        found |= probed_affinities(records, len(names), probed)
    if "retrain" in methods:
        tasks = read(network, X, y, sample_weight, "task_affinity")
        names = tasks.names
        if len(names) < 2:
            raise ValueError(f"task_affinity compares tasks; y has one only, {names[0]!r}.")
        fits = Subsets.make(tasks, X, y, cv, rng, n_repeats, groups, n_jobs, verbose)
        found["retrain"] = retrained_affinity(fits, partial=True)
    return TaskAffinity({name: found[name] for name in methods}, list(names))


def _check_methods(method, owner):
    """Return the methods as a list."""
    methods = [method] if isinstance(method, str) else list(method)
    for name in methods:
        if name not in METHODS:
            raise ValueError(
                f"The method parameter of {owner} must be among {list(METHODS)}; got {name!r}.{nearest(name, METHODS)}"
            )
    if not methods:
        raise ValueError(f"The method parameter of {owner} names no method; take some of {list(METHODS)}.")
    return list(dict.fromkeys(methods))


def look(network, X, y, sample_weight, owner, methods, every=None, n_rows=256, rng=None):
    """Fit with a probe that sees what the methods need."""
    return watch(
        network,
        X,
        y,
        sample_weight,
        owner,
        n_rows=n_rows,
        seed=draw_seed(rng),
        looks_ahead="lookahead" in methods,
        every=every,
    )


def probed_affinities(records, n_tasks, methods):
    """Means over all looks, by method."""
    tables = {
        "lookahead": lambda record: record.lookahead,
        "gradient": lambda record: cosines(record.gramians[""]),
    }
    return {
        method: mean_known(np.stack([record.full(tables[method](record), n_tasks) for record in records]))
        for method in methods
    }


def retrained_affinity(fits, partial=False):
    """How much lower the held-out loss of a task (columns) is where another (rows) is trained with it."""
    n_tasks = len(fits.tasks.names)
    pairs = list(itertools.combinations(range(n_tasks), 2))
    fits.run([*((task,) for task in range(n_tasks)), *pairs], partial)
    affinity = np.zeros((n_tasks, n_tasks))
    for pair in pairs:
        for task, other in (pair, pair[::-1]):
            affinity[other, task] = fits.difference((task,), pair, task)[0]
    return affinity


def rank_agreement(one, other):
    """Spearman's rank correlation of two affinities off their diagonals; NaN where there are less than three pairs."""
    off = ~np.eye(len(one), dtype=bool) & ~np.isnan(one) & ~np.isnan(other)
    if off.sum() < 3 or np.ptp(one[off]) == 0 or np.ptp(other[off]) == 0:
        return np.nan
    return float(spearmanr(one[off], other[off]).statistic)


def tree(affinity):
    """Average linkage of tasks by what they do for each other."""
    both = np.nan_to_num((affinity + affinity.T) / 2)
    np.fill_diagonal(both, 0.0)
    apart = both.max() - both
    np.fill_diagonal(apart, 0.0)
    return linkage(squareform(apart, checks=False), "average")


def cluster_order(affinity):
    """Order of the tasks in which those that do each other good are neighbours."""
    return leaves_list(tree(affinity)) if len(affinity) > 2 else np.arange(len(affinity))
