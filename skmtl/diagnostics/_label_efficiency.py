"""Label efficiency: how many labels of its own a task is spared by the labels of the others."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._columns import listing
from ._comparison import mean_known
from ._subsets import check_repeats, read, seeded, units_of

#: Sizes that are tried unless the user says which, as far as there are so many labels.
_SIZES = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
#: Fewest labels of each class that are kept.
_LEAST = 2


class LabelEfficiency:
    """Learning curves of one task in its own number of labels: with the other tasks, and by itself.

    It is made by `label_efficiency`. Scores are 1 less the loss relative to that of a constant: R² for a regression,
    the same of the log loss for a classification.

    Parameters
    ----------
    task : str
        Name of the task.
    sizes : ndarray of shape (S,)
        Labels that it kept, in ascending order.
    shared, alone : ndarray of shape (R, S)
        Scores on test rows, a row a repeat; NaN where there was no fit.

    Attributes
    ----------
    shared_mean, alone_mean : ndarray of shape (S,)
        Means over the repeats.
    equivalent : ndarray of shape (S,)
        How many labels the task would need by itself for the mean score that it has with the others: between the sizes
        that were tried, by interpolation in the logarithm of their number. ``np.inf`` where the task does not get there
        by itself with as many as were tried, NaN where it is below what it has alone with the fewest.
    spared : ndarray of shape (S,)
        `equivalent` less `sizes`; negative where the others cost labels.

    See Also
    --------
    skmtl.displays.LabelEfficiencyDisplay : A picture of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import LabelEfficiency
    >>> shared, alone = np.array([[0.4, 0.6, 0.7]]), np.array([[0.2, 0.4, 0.6]])
    >>> efficiency = LabelEfficiency("price", np.array([10, 20, 40]), shared, alone)
    >>> efficiency
    price: score with so many labels of its own
      labels  shared  alone    gain  alone as good with
          10   0.400  0.200  +0.200                  20
          20   0.600  0.400  +0.200                  40
          40   0.700  0.600  +0.100        more than 40
    """

    def __init__(self, task, sizes, shared, alone):
        self.task, self.sizes, self.shared, self.alone = task, np.asarray(sizes), shared, alone
        self.shared_mean, self.alone_mean = mean_known(shared), mean_known(alone)
        self.equivalent = equivalent_labels(self.sizes, self.alone_mean, self.shared_mean)
        self.spared = self.equivalent - self.sizes

    def frame(self):
        """Return a row a number of labels.

        Returns
        -------
        frame : DataFrame
            With the mean scores, their difference, its standard error over the repeats (NaN for one), how many labels
            would do alone, and how many are spared. Needs pandas.
        """
        import pandas as pd

        columns = {
            "shared": self.shared_mean,
            "alone": self.alone_mean,
            "gain": mean_known(self.shared - self.alone),
            "standard error": self.gain_error(),
            "equivalent": self.equivalent,
            "spared": self.spared,
        }
        return pd.DataFrame(columns, index=pd.Index(self.sizes, name="labels"))

    def gain_error(self):
        """Standard error of the mean gain, over the repeats.

        Returns
        -------
        errors : ndarray of shape (S,)
            NaN where there are fewer than two.
        """
        gains = self.shared - self.alone
        n = (~np.isnan(gains)).sum(axis=0)
        squares = np.nansum((gains - mean_known(gains)) ** 2, axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(n > 1, np.sqrt(squares / (n - 1) / n), np.nan)

    def __repr__(self):
        lines = [
            f"{self.task}: score with so many labels of its own",
            "  labels  shared  alone    gain  alone as good with",
        ]
        for i, size in enumerate(self.sizes):
            one, other, enough = self.shared_mean[i], self.alone_mean[i], self.equivalent[i]
            text = f"{enough:.0f}" if np.isfinite(enough) else f"more than {self.sizes[-1]}"
            if np.isnan(enough):
                text = f"less than {self.sizes[0]}"
            lines.append(f"{size:>8}  {one:>6.3f} {other:>6.3f}  {one - other:>+6.3f}  {text:>18}")
        return "\n".join(lines)


def label_efficiency(
    estimator,
    X,
    y,
    *,
    task,
    sizes=None,
    n_repeats=5,
    test_size=0.25,
    sample_weight=None,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Learning curve of one task in its own number of labels: shared against alone.

    In each repeat some of its labelled rows are for testing. Of the others the task keeps so many labels, the other
    tasks keep all of theirs; the estimator is fitted to all tasks, and to this one by itself.

    Parameters
    ----------
    estimator : estimator
        One of this package, a pipeline or search that ends in one, or any other that `MultiTaskBlend` takes as a member
        and that learns several tasks with gaps.
    X : array-like, DataFrame or sparse array of shape (n, d)
        Inputs, as the estimator takes them.
    y : array-like, DataFrame or sparse array of shape (n, T)
        Targets, one column a task, of any kinds, with gaps.
    task : str
        Name of the task; "task_0", "task_1", ... where the columns of y have none.
    sizes : array-like of int, default=None
        Numbers of labels that the task keeps. None: of 10, 20, 50, 100, ... those that there are labels for.
    n_repeats : int, default=5
        How often: each with other test rows, other labels, and other seeds.
    test_size : float, default=0.25
        Share of the task's labelled rows that are for testing.
    sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
        Weights of the rows, or of every label.
    n_jobs : int or None, default=None
        Processes that fit. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the rows, and every `random_state` of the estimator that is None.
    verbose : int, default=0
        Whether to print a line a fit.

    Returns
    -------
    efficiency : LabelEfficiency
        Both curves, and what they say of the labels that are spared.

    Raises
    ------
    ValueError, TypeError
        If the data or a parameter is not as described, or the task has too few labels.

    See Also
    --------
    auxiliary_value : Which of the other tasks help.

    Notes
    -----
    A larger number of labels includes those of a smaller one. Of a classification at least 2 of each class are kept.
    Test rows have no part in training, their labels of other tasks neither. Alone, the network gets only the rows that
    have a label of the task.

    An interrupt leaves the repeats that are done, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import label_efficiency
    >>> X = np.random.default_rng(0).normal(size=(200, 5))
    >>> Y = np.column_stack([X[:, 0] + X[:, 1], X[:, 0] + X[:, 1] + 0.1 * X[:, 2]])
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), solver="lbfgs", tol=0.01)
    >>> efficiency = label_efficiency(model, X, Y, task="task_0", sizes=[10, 40], n_repeats=2, random_state=0)
    >>> efficiency.shared.shape, efficiency.sizes
    ((2, 2), array([10, 40]))
    """
    rng = check_random_state(random_state)
    tasks = read(estimator, X, y, sample_weight, "label_efficiency")
    position = tasks.position(task, "task")
    if len(tasks.names) < 2:
        raise ValueError(f"label_efficiency compares a task with and without others; y has {task!r} only.")
    check_repeats(n_repeats)
    if not isinstance(test_size, Real) or not 0 < test_size < 1:
        raise ValueError(f"test_size must be between 0 and 1; got {test_size!r}.")
    n_test = int(np.ceil(test_size * len(tasks.labels.observed(position))))
    sizes = _sizes(sizes, len(tasks.labels.observed(position)) - n_test, task)
    jobs = []
    for repeat in range(n_repeats):
        one = seeded(estimator, rng, anew=repeat > 0)
        test, known = _split(tasks.labels, position, n_test, rng)
        jobs += [(one, test, known[:size], group) for size in sizes for group in _groups(tasks, position)]
    scores = _run(tasks, X, position, jobs, 2 * len(sizes), n_jobs, verbose)
    table = np.array(scores).reshape(-1, len(sizes), 2)
    return LabelEfficiency(task, sizes, table[:, :, 0], table[:, :, 1])


def _groups(tasks, position):
    return tuple(range(len(tasks.names))), (position,)


def _sizes(sizes, most, task):
    if sizes is None:
        sizes = [size for size in _SIZES if size <= most]
    else:
        sizes = sorted({int(size) if isinstance(size, Integral) else size for size in np.asarray(sizes).tolist()})
    if not sizes or any(not isinstance(size, Integral) or not 2 <= size <= most for size in sizes):
        raise ValueError(
            f"sizes must be whole numbers from 2 to {most}, the labels of task {task!r} that testing leaves; got "
            f"{listing(sizes) if sizes else 'none'}. Decrease them, or test_size."
        )
    return np.array(sizes)


def _split(labels, task, n_test, rng):
    """Test rows, and the other labelled ones in the order in which they are kept: some of each class first."""
    rows = rng.permutation(labels.observed(task))
    if labels.kinds[task] == "regression":
        return np.sort(rows[:n_test]), rows[n_test:]
    codes = np.empty(labels.n_rows)
    codes[labels.observed(task)] = labels.of(task, labels.observed(task))
    first = np.concatenate([rows[codes[rows] == code][:_LEAST] for code in np.unique(codes[rows])])
    others = rows[~np.isin(rows, first)]
    return np.sort(others[:n_test]), np.concatenate([first, others[n_test:]])


def _run(tasks, X, position, jobs, n_each, n_jobs, verbose):
    """Scores of the jobs; where the user breaks it off, those of the repeats that are done."""
    work, scores = (delayed(_score)(tasks, X, position, *job) for job in jobs), []
    try:
        for score in Parallel(n_jobs=n_jobs, return_as="generator")(work):
            scores.append(score)
            if verbose:
                _, _, kept, group = jobs[len(scores) - 1]
                how = "alone" if len(group) == 1 else "shared"
                print(f"[label_efficiency] {len(scores)}/{len(jobs)} {len(kept)} labels, {how}: {score:.3f}")
    except KeyboardInterrupt:
        done = len(scores) // n_each
        if not done:
            raise
        warnings.warn(
            f"label_efficiency was interrupted: the result is that of the {done} repeat(s) that are done.",
            UserWarning,
            stacklevel=3,
        )
        scores = scores[: done * n_each]
    return scores


def _score(tasks, X, position, estimator, test, kept, group):
    """Score of a fit to a group in which the task has these labels only; NaN where it cannot be learned."""
    labels = tasks.part_with_fewer(group, position, kept)
    train = np.setdiff1d(np.arange(labels.n_rows), test)
    task = group.index(position)
    for unit in units_of(estimator, labels, tasks.owner):
        model = unit.fit(X, labels, train) if task in unit.tasks else None
        if model is not None and task in model.unit.tasks:
            predicted = model.predict(_safe_indexing(X, test))[model.unit.tasks.index(task)]
            weights = tasks.labels.label_weights(position, test)
            return 1 - float(np.average(tasks.losses(position, test, predicted), weights=weights))
    return np.nan


def equivalent_labels(sizes, alone, shared):
    """Labels with which a task by itself has each of the shared scores, see `LabelEfficiency`.

    The curve alone is taken to rise: each of its points is at least as high as those before.
    """
    known = ~np.isnan(alone)
    if not known.any():
        return np.full(len(shared), np.nan)
    heights, logs = np.maximum.accumulate(alone[known]), np.log(sizes[known])
    found = np.interp(shared, heights, logs)
    at = np.minimum(np.searchsorted(heights, shared), len(heights) - 1)
    # At the height of a level stretch its first point is enough.
    found = np.exp(np.where(heights[at] == shared, logs[at], found))
    found = np.where(shared > heights[-1], np.inf, found)
    return np.where((shared < heights[0]) | np.isnan(shared), np.nan, found)
