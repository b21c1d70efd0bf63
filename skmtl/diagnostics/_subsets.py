"""Subsets: an estimator trained on some of the tasks at a time, and the losses of each fit on rows held out."""

import time
import warnings
from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from .._columns import listing
from .._component import nearest
from ..ensemble._folds import make_folds
from ..ensemble._labels import Labels
from ..ensemble._members import NAME, Fold, is_pair, make_units, parameters_named, set_seeds, unserved
from ..ensemble._skipped import without
from ..ensemble._wrapped import read_labels

#: Probabilities below this count as this.
_FLOOR = 1e-12


class Tasks:
    """What y holds, and the estimator that is to learn any part of it.

    Parameters
    ----------
    estimator : estimator, or pair (regressor, classifier)
        Not fitted.
    y, sample_weight : data
        As a fit takes them.
    n_rows : int
    owner : str
        Who asks, for error texts.
    tasks : str, list or dict, default="auto"
        Kinds of the tasks; "auto" goes by the estimator.

    Attributes
    ----------
    targets : Targets
    labels : Labels
        Of all tasks.
    names : list of length T
    bases : ndarray (T,)
        Loss of a constant: variance of the labels, or entropy of the classes.
    main_task : str or None
        What the estimator has as its main task.
    """

    def __init__(self, estimator, y, sample_weight, n_rows, owner, tasks="auto"):
        self.estimator, self.owner, self._y = estimator, owner, y
        self.targets, self._values, self._weights = read_labels(estimator, y, sample_weight, n_rows, owner, tasks)
        self.labels = Labels(self.targets, self._values, self._weights, y)
        self.labels.check()
        # A fit to some of the tasks could not tell a wrong name from one that is left out.
        self.main_task = _main_task(estimator)
        if self.main_task is not None:
            self.position(self.main_task, "main_task")
        self.bases = np.array([self._base(task) for task in range(len(self.names))])

    @property
    def names(self):
        """Names of the tasks."""
        return self.targets.names

    def position(self, name, parameter):
        """Position of a task that a parameter names."""
        if name not in self.names:
            raise ValueError(
                f"{self.owner}: {parameter}={name!r} is no task; the tasks are {listing(self.names)}."
                f"{nearest(name, self.names)}"
            )
        return self.names.index(name)

    def _base(self, task):
        rows = self.labels.observed(task)
        truth, weights = self.labels.of(task, rows), self.labels.label_weights(task, rows)
        if self.labels.kinds[task] == "regression":
            mean = np.average(truth, weights=weights)
            base = np.average((truth - mean) ** 2, weights=weights)
        else:
            shares = np.bincount(truth.astype(np.intp), weights=weights)
            shares = shares[shares > 0] / shares.sum()
            base = -(shares * np.log(shares)).sum()
        return base if base > 0 else 1.0

    def losses(self, task, rows, predicted):
        """Losses of labelled rows, relative to that of a constant."""
        truth = self.labels.of(task, rows)
        if predicted.ndim == 1:
            return (truth - predicted) ** 2 / self.bases[task]
        chance = predicted[np.arange(len(rows)), truth.astype(np.intp)]
        return -np.log(np.maximum(chance, _FLOOR)) / self.bases[task]

    def part(self, group):
        """Labels of some tasks; all other columns of y count as skipped."""
        return self._part(group, self._values, self._weights)

    def part_with_fewer(self, group, task, rows):
        """Labels of some tasks, of which one has labels in these rows only."""
        gone = np.setdiff1d(self.labels.observed(task), rows)
        if issparse(self._values):
            return self._part(group, *_without_cells(self._values, self._weights, gone, task))
        values = self._values.copy()
        values[gone, task] = np.nan
        return self._part(group, values, self._weights)

    def _part(self, group, values, weights):
        others = np.setdiff1d(self.targets.kept, self.targets.kept[list(group)]).tolist()
        targets, values, weights = without(others, self.targets, values, weights)
        if issparse(weights) and weights.shape[1] == 1:  # one task: its labels' weights are those of the rows
            weights = weights.toarray()
        return Labels(targets, values, weights, self._y)


class Subsets:
    """Held-out losses of fits to some of the tasks, each fit done once.

    Parameters
    ----------
    tasks : Tasks
    X : data
    folds : list by repeat of list of Fold
        Of each repeat; a single one without rows to predict: the estimator's own out-of-fold predictions.
    estimators : list of estimator
        One a repeat, with all seeds set, so that fits to unlike groups differ in nothing else.
    n_jobs, verbose : int
        As in joblib; how much to print.
    """

    def __init__(self, tasks, X, folds, estimators, n_jobs=None, verbose=0):
        self.tasks, self.X, self.n_jobs, self.verbose = tasks, X, n_jobs, verbose
        self.estimators = estimators
        self.folds = [(repeat, fold) for repeat, parts in enumerate(folds) for fold in parts]
        self._found = {}  # (number of fold, group) -> list of (task, rows, losses)

    @classmethod
    def make(cls, tasks, X, y, cv, rng, n_repeats=1, groups=None, n_jobs=None, verbose=0):
        """Make folds and seeds.

        Parameters
        ----------
        tasks : Tasks
        X, y : data
        cv : int, splitter, iterable or None
            None: the estimator's own out-of-fold predictions where it makes them, else 5 folds.
        rng : RandomState
        n_repeats : int
        groups : array-like or None
            For splitters that keep groups together.
        n_jobs, verbose : int
        """
        check_repeats(n_repeats)
        if groups is not None:
            if cv is None or isinstance(cv, Integral):
                raise ValueError("groups needs a cv that keeps them together, such as cv=GroupKFold(5).")
            cv = list(check_cv(cv).split(X, y, groups))
        estimators = [seeded(tasks.estimator, rng, anew=repeat > 0) for repeat in range(n_repeats)]
        parts = [make_units(NAME, estimators[0], tasks.labels, None)[0]] if cv is None else []
        if parts and all(unit.has_own_oof for unit in parts):
            folds = [[Fold(np.arange(tasks.labels.n_rows))]] * n_repeats
        else:
            folds = [make_folds(cv, X, y, tasks.labels, rng, tasks.owner) for _ in range(n_repeats)]
        return cls(tasks, X, folds, estimators, n_jobs, verbose)

    def run(self, groups, partial=False):
        """Fit to all folds of all groups what has not been fitted yet.

        Parameters
        ----------
        groups : iterable of tuple of int
            Positions of the tasks of each group, ascending.
        partial : bool
            Whether to keep, where the user breaks it off, the folds that are done for all groups.
        """
        groups = list(dict.fromkeys(groups))
        jobs = [(k, group) for k in range(len(self.folds)) for group in groups if (k, group) not in self._found]
        started, parts = time.perf_counter(), {group: self.tasks.part(group) for _, group in jobs}
        work = (delayed(_held_out)(self.tasks.owner, *self._job(k, group), parts[group], self.X) for k, group in jobs)
        try:
            done = Parallel(n_jobs=self.n_jobs, return_as="generator")(work) if jobs else ()
            for count, ((k, group), found) in enumerate(zip(jobs, done, strict=True), start=1):
                self._found[k, group] = [
                    (task, rows, self.tasks.losses(task, rows, predicted)) for task, rows, predicted in found
                ]
                if self.verbose:
                    names = listing([self.tasks.names[task] for task in group])
                    took = time.perf_counter() - started
                    print(f"[{self.tasks.owner}] {count}/{len(jobs)} tasks {names}, fold {k + 1}, {took:.1f} s")
        except KeyboardInterrupt:
            whole = [k for k in range(len(self.folds)) if all((k, group) in self._found for group in groups)]
            if not (partial and whole):
                raise
            self.folds = [self.folds[k] for k in whole]
            self._found = {(whole.index(k), g): found for (k, g), found in self._found.items() if k in whole}
            warnings.warn(
                f"{self.tasks.owner} was interrupted: the result is that of the {len(whole)} fold(s) that are done.",
                UserWarning,
                stacklevel=4,
            )

    def _job(self, k, group):
        repeat, fold = self.folds[k]
        return self.estimators[repeat], group, fold

    def rows_and_losses(self, group, task):
        """Yield for each fold the held-out rows of a task, ascending, and their losses; empty where there are none."""
        for k in range(len(self.folds)):
            found = [(rows, losses) for t, rows, losses in self._found[k, group] if t == task]
            yield found[0] if found else (np.empty(0, dtype=np.intp), np.empty(0))

    def by_fold(self, group, task):
        """Mean losses ``(J,)`` of a task in each fold; NaN where it has none."""
        return np.array([self._mean(task, *part) for part in self.rows_and_losses(group, task)])

    def loss(self, group, task):
        """Mean loss of a task over all held-out labels; NaN without any."""
        parts = list(zip(*self.rows_and_losses(group, task), strict=True))
        return self._mean(task, *map(np.concatenate, parts))

    def losses(self, group):
        """Mean losses of the tasks of a group, in their order."""
        return np.array([self.loss(group, task) for task in group])

    def _mean(self, task, rows, losses):
        if not len(rows):
            return np.nan
        return float(np.average(losses, weights=self.tasks.labels.label_weights(task, rows)))

    def test_shares(self, task):
        """Test labels for each training label, ``(J,)``, each as many as its weight says; NaN without one."""
        parts = [(fold.test if fold.test is not None else fold.train, fold.train) for _, fold in self.folds]
        counts = np.array([[self._count(task, rows) for rows in part] for part in parts])
        return np.divide(counts[:, 0], counts[:, 1], out=np.full(len(counts), np.nan), where=counts[:, 1] > 0)

    def _count(self, task, rows):
        labels = self.tasks.labels
        rows = rows[labels.are_observed(task, rows)]
        weights = labels.label_weights(task, rows)
        return float(len(rows)) if weights is None else weights.sum()

    def difference(self, one, other, task):
        """Mean of the first group's loss less the other's over all held-out labels of a task, and its standard error.

        The error is that of a mean over labels, each with its mean difference over the repeats.
        """
        return _mean_and_error(self._contributions(one, other, task))

    def mean_difference(self, ones, others):
        """Mean over tasks of the same, for two groups a task, with the error of a sum over rows."""
        found = [self._contributions(*pair, task) for task, pair in enumerate(zip(ones, others, strict=True))]
        return _mean_and_error(np.sum(np.nan_to_num(found), axis=0) / len(found))

    def _contributions(self, one, other, task):
        """What each row contributes to the mean difference of a task ``(n,)``; NaN without a held-out label."""
        n = self.tasks.labels.n_rows
        total, times = np.zeros(n), np.zeros(n)
        pairs = zip(self.rows_and_losses(one, task), self.rows_and_losses(other, task), strict=True)
        for (rows, losses), (other_rows, other_losses) in pairs:
            both, at, other_at = np.intersect1d(rows, other_rows, return_indices=True)
            total[both] += losses[at] - other_losses[other_at]
            times[both] += 1
        rows = np.flatnonzero(times)
        weights = self.tasks.labels.label_weights(task, rows)
        shares = np.full(len(rows), 1 / max(len(rows), 1)) if weights is None else weights / weights.sum()
        contributions = np.full(n, np.nan)
        contributions[rows] = shares * total[rows] / times[rows]
        return contributions


def _mean_and_error(contributions):
    """Sum of what rows contribute to a mean, and its standard error; NaN where there are less than two."""
    known = contributions[~np.isnan(contributions)]
    n = len(known)
    if n < 2:
        return np.nan, np.nan
    mean = known.sum()
    return float(mean), float(np.sqrt(((known - mean / n) ** 2).sum() * n / (n - 1)))


def check_repeats(n_repeats):
    """Return the number of repeats."""
    if not isinstance(n_repeats, Integral) or n_repeats < 1:
        raise ValueError(f"n_repeats must be an integer of at least 1; got {n_repeats!r}.")
    return n_repeats


def seeded(estimator, rng, anew=False):
    """Return a clone with a seed wherever there is none; `anew`: wherever there can be one."""
    if is_pair(estimator):
        return tuple(None if part is None else seeded(part, rng, anew) for part in estimator)
    return set_seeds(clone(estimator), rng, anew)


def units_of(estimator, labels, owner, quiet=True):
    """Return what is fitted to the labels of some tasks: units that are for all of them, together."""
    units = [unit for unit in make_units(NAME, _for_tasks(estimator, labels.names), labels, None, quiet) if unit.tasks]
    lost = unserved(units, labels)
    if lost:
        raise ValueError(
            f"The estimator of {owner} is for no {lost}. Use a MultiTaskEstimator, or say the kinds of tasks by "
            "the tasks parameter."
        )
    return units


def _held_out(owner, estimator, group, fold, labels, X):
    """Fit some tasks, and predict rows that were not seen: (task, rows, predicted) of each task that was learned."""
    parts = []
    for unit in units_of(estimator, labels, owner):
        model = unit.fit(X, labels, fold.train)
        if model is None:
            continue
        found = model.own_labelled(labels) if fold.test is None else model.predict_labelled(X, labels, fold.test)
        for task, rows, predicted in found:
            known = np.isfinite(predicted).all(axis=tuple(range(1, predicted.ndim)))
            parts.append((group[task], rows[known], predicted[known]))
    return parts


def _for_tasks(estimator, names):
    """The estimator without a main task that is not among these."""
    parts = estimator if is_pair(estimator) else (estimator,)
    changed = []
    for part in parts:
        found = {} if part is None else part.get_params()
        named = [] if part is None else parameters_named("main_task", part)
        lost = {name: None for name in named if found[name] is not None and found[name] not in names}
        changed.append(clone(part).set_params(**lost) if lost else part)
    return tuple(changed) if is_pair(estimator) else changed[0]


def _main_task(estimator):
    parts = [part for part in (estimator if is_pair(estimator) else [estimator]) if part is not None]
    found = [part.get_params()[name] for part in parts for name in parameters_named("main_task", part)]
    return next((task for task in found if task is not None), None)


def _without_cells(values, weights, rows, column):
    """CSR values, and weights of their pattern or by row, without what is stored in some rows of a column."""
    is_gone = np.zeros(values.shape[0], dtype=bool)
    is_gone[rows] = True
    kept = ~np.repeat(is_gone, np.diff(values.indptr)) | (values.indices != column)
    ends = np.concatenate([[0], np.cumsum(kept)])[values.indptr]

    def fewer(array):
        return csr_array((array.data[kept], values.indices[kept], ends), shape=values.shape)

    return fewer(values), fewer(weights) if issparse(weights) else weights


def read(estimator, X, y, sample_weight, owner):
    """Return the tasks of a diagnostic."""
    return Tasks(estimator, y, sample_weight, _num_samples(X), owner)
