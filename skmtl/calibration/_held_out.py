"""What is predicted of rows that the fit has not seen: by folds, by one split, or by the estimator itself."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from ..ensemble._members import NAME, Fitted, Fold, Unit, make_units
from ..ensemble._out_of_fold import OutOfFold


@dataclass
class Parts:
    """What is fitted: the estimator, and where a score needs them, quantiles of the regressions.

    Attributes
    ----------
    units : list of Unit
        In the order in which their predictions stand beside each other.
    with_std : bool
        Whether the regressions have standard deviations beside their values.
    n_tasks : int
    """

    units: list
    with_std: bool
    n_tasks: int

    @classmethod
    def make(cls, estimator, labels, rng, with_std=False, quantiles=()):
        """Return the parts for an estimator, or a pair, and the estimators of its quantiles."""
        units = make_units(NAME, estimator, labels, rng)
        for part in quantiles:
            units += [_of_kind(unit, "regression") for unit in make_units(NAME, part, labels, rng)]
        return cls([unit for unit in units if unit.tasks], with_std, len(labels.names))

    @property
    def bring_own(self):
        """Whether a fit to all rows brings predictions that have not seen the row, of all that is asked for."""
        return not self.with_std and all(unit.has_own_oof for unit in self.units)

    def fit(self, X, labels, rows):
        """Return what was fitted to these rows."""
        fitted = [unit.fit(X, labels, rows) for unit in self.units]
        return Models([model for model in fitted if model is not None], self.with_std, self.n_tasks)


@dataclass
class Models:
    """Fitted parts, which together predict every task."""

    fitted: list
    with_std: bool
    n_tasks: int

    def predict(self, X):
        """Return a list by task of (n, k): probabilities, or values and what else was asked for; None: not learned."""
        columns = [[] for _ in range(self.n_tasks)]
        for model in self.fitted:
            for task, predicted in zip(model.unit.tasks, model.predict(X), strict=True):
                columns[task].append(predicted if predicted.ndim == 2 else predicted[:, None])
            if self.with_std and "regression" in model.unit.kinds:
                for task, deviation in _deviations(model, X):
                    columns[task].append(deviation[:, None])
        return [np.concatenate(parts, axis=1) if parts else None for parts in columns]

    def own_oof(self):
        """Return triples of task, rows and their predictions, as the estimators themselves made them."""
        found = {}
        for model in self.fitted:
            for task, predicted in zip(model.unit.tasks, model.own_oof(), strict=True):
                found.setdefault(task, []).append(predicted if predicted.ndim == 2 else predicted[:, None])
        rows = {task: model.rows for model in self.fitted for task in model.unit.tasks}
        return [(task, rows[task], np.concatenate(parts, axis=1)) for task, parts in found.items()]


class HeldOut:
    """Predictions of labelled rows by fits that have not seen them.

    Attributes
    ----------
    models : list of Models
        One that predicts new rows; or those of the folds, of which each row has the one that left it out.
    fold : ndarray of shape (n,), or None
        Position among `models` of the one that left a row out, where there are several.
    """

    def __init__(self, labels, models=(), fold=None):
        self.models, self.fold = list(models), fold
        self._oof = OutOfFold(labels)

    def add(self, labels, task, rows, predicted):
        """Add predictions of rows; those without a label are left out."""
        seen = labels.are_observed(task, rows)
        self._oof.add(NAME, task, rows[seen], predicted[seen])

    def of(self, task):
        """Return the rows of a task that have a label and a prediction, and the predictions (m, k)."""
        rows, predicted = self._oof.of(task, [NAME])
        return rows, predicted[0] if predicted else None


def by_own(parts, X, labels):
    """Fit to all rows, and take the predictions that come with it."""
    models = parts.fit(X, labels, np.arange(_num_samples(X)))
    held_out = HeldOut(labels, [models])
    for task, rows, predicted in models.own_oof():
        held_out.add(labels, task, rows, predicted)
    return held_out


def by_folds(parts, X, labels, splits, n_jobs, keep=False):
    """Fit to all folds and, unless their models are to be kept, to all rows."""
    last = [] if keep else [Fold(np.arange(_num_samples(X)))]
    work = (delayed(_fit_fold)(parts, X, labels, fold, keep or fold.test is None) for fold in [*splits, *last])
    done = Parallel(n_jobs=n_jobs)(work)
    held_out = HeldOut(labels, [models for models, _, _ in done if models is not None])
    for _, rows, predicted in done:
        for task, found in enumerate(predicted):
            if found is not None:
                held_out.add(labels, task, rows, found)
    if keep:
        held_out.fold = _fold_of_rows(splits, _num_samples(X))
    return held_out


def by_split(parts, X, labels, fold):
    """Fit to some rows, and predict the others."""
    return by_folds(parts, X, labels, [fold], None, keep=True)


def of_frozen(estimator, X, labels, with_std):
    """Predict all rows by an estimator that was fitted before, to other ones."""
    tasks = list(range(len(labels.names)))
    unit = Unit(NAME, estimator, tasks, "gaps", list(labels.kinds))
    rows = np.arange(_num_samples(X))
    columns = list(range(labels.targets.n_columns))
    models = Models([Fitted.of(unit, labels, columns, rows)], with_std, len(tasks))
    held_out = HeldOut(labels, [models])
    for task, predicted in enumerate(models.predict(X)):
        held_out.add(labels, task, rows, predicted)
    return held_out


def _fit_fold(parts, X, labels, fold, keep):
    models = parts.fit(X, labels, fold.train)
    rows = np.empty(0, dtype=np.intp) if fold.test is None else labels.labelled(range(parts.n_tasks), fold.test)
    predicted = models.predict(_safe_indexing(X, rows)) if len(rows) else []
    return models if keep else None, rows, predicted


def _fold_of_rows(splits, n):
    """Position of the fold that tests a row; -1 where none does."""
    fold = np.full(n, -1)
    for k, split in enumerate(splits):
        if (fold[split.test] >= 0).any():
            raise ValueError(
                "method='cv+' needs folds that test each row at most once; these of the cv parameter overlap. Use an "
                "int or a KFold, or method='cross'."
            )
        fold[split.test] = k
    return fold


def _of_kind(unit, kind):
    tasks = [task for task, its in zip(unit.tasks, unit.kinds, strict=True) if its == kind]
    return replace(unit, tasks=tasks, kinds=[kind] * len(tasks))


def _deviations(model, X):
    """Pairs of a regression task and its predicted standard deviations (n,)."""
    estimator = model.unit.estimator
    try:
        _, deviations = estimator.predict(X, return_std=True)
    except TypeError as error:
        raise TypeError(
            f"{type(estimator).__name__} predicts no standard deviation: predict(X, return_std=True) fails. "
            "interval_score='normalized' needs one; 'absolute' does not."
        ) from error
    table = deviations[:, None] if np.ndim(deviations) == 1 else deviations
    for task, kind, at in zip(model.unit.tasks, model.unit.kinds, model.positions, strict=True):
        if kind == "regression":
            deviation = np.asarray(table[:, at], dtype=np.float64)
            if np.isnan(deviation).any():
                raise ValueError(
                    f"{type(estimator).__name__} predicts no standard deviation of regression {at + 1} of its "
                    f"{table.shape[1]} task(s). Give it a loss that has one, as loss='gaussian_nll', or use "
                    "interval_score='absolute'."
                )
            yield task, deviation
