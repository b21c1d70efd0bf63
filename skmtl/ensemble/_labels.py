"""The labels that members are fitted to: of any tasks and rows, in the form that a member takes."""

import numpy as np
from scipy.sparse import csc_array, issparse

from .._cells import fits_float64
from .._columns import listing
from .._observed import weighted_columns
from ..estimators._prediction import task_score
from ._weights import Objective


class Labels:
    """What is known of y, by task; in memory in proportion to the labels.

    Parameters
    ----------
    targets : Targets
    values : ndarray with NaN, or CSR array, of shape (n, T)
        Values and class codes.
    weights : ndarray (n, 1), or of the form of `values`, or None
        A label of weight 0 is none.
    y : array-like, DataFrame or sparse array
        What the user gave, which decides the form that members get.

    Attributes
    ----------
    values : CSC array of shape (n, T)
        What is stored is observed.
    """

    def __init__(self, targets, values, weights, y):
        self.targets, self.n_rows = targets, values.shape[0]
        self.values, self._weights = _by_task(values, weights)
        has_row_weights = weights is not None and weights.shape[1] == 1 and not issparse(weights)
        self._row_weights = weights[:, 0] if has_row_weights else None
        self._sparse = issparse(values)
        # A member gets a frame where y is one: what it was told by task name, it finds.
        self._frame = type(y) if getattr(y, "ndim", 0) == 2 or hasattr(y, "get_columns") else None
        self._frame = self._frame if targets._named else None
        self._task_of = {column: task for task, column in enumerate(targets.kept.tolist())}

    @property
    def names(self):
        """Names of the tasks."""
        return self.targets.names

    @property
    def kinds(self):
        """Kinds of the tasks."""
        return self.targets.kinds

    @property
    def are_weighted(self):
        """Whether there are weights."""
        return self._weights is not None

    def check(self):
        """Refuse weights that leave a task with nothing to learn."""
        learnable = self.learnable(range(len(self.names)), slice(None))
        if len(learnable) < len(self.names):
            empty = [name for t, name in enumerate(self.names) if t not in learnable]
            raise ValueError(
                f"sample_weight leaves nothing to train task(s) {listing(empty)} on: every label, or every one but "
                "those of one class, has weight 0."
            )

    # Where there are labels

    def _part(self, task):
        """Where the labels of a task are stored."""
        return slice(self.values.indptr[task], self.values.indptr[task + 1])

    def observed(self, task):
        """Rows that have a label of a task, ascending."""
        return self.values.indices[self._part(task)]

    def are_observed(self, task, rows):
        """Mask of the rows that have a label of a task."""
        return self._mask(self.observed(task))[rows]

    def labelled(self, tasks, rows):
        """Those of the rows that have a label of one of the tasks."""
        mask = np.zeros(self.n_rows, dtype=bool)
        for task in tasks:
            mask[self.observed(task)] = True
        return rows[mask[rows]]

    def learnable(self, tasks, rows):
        """Those of the tasks of which the rows have a label; two different ones for a classification."""
        mask = self._mask(rows)
        return [t for t in tasks if self._is_learnable(self.values.data[self._part(t)][mask[self.observed(t)]], t)]

    def _is_learnable(self, labels, task):
        return len(labels) > 0 and (self.kinds[task] == "regression" or (labels != labels[0]).any())

    def are_alike(self, tasks):
        """Whether the tasks have labels in the same rows, with the same weights: all of them or none in a row."""
        first = tasks[0]
        if not all(np.array_equal(self.observed(task), self.observed(first)) for task in tasks[1:]):
            return False
        if not self.are_weighted or self._row_weights is not None:
            return True
        weights = [self._weights[self._part(task)] for task in tasks]
        return all(np.array_equal(own, weights[0]) for own in weights[1:])

    def _mask(self, rows):
        mask = np.zeros(self.n_rows, dtype=bool)
        mask[rows] = True
        return mask

    # What they are

    def of(self, task, rows):
        """Values or class codes of rows that have a label of the task, in double precision."""
        return self.values.data[self._places(task, rows)].astype(np.float64, copy=False)

    def _places(self, task, rows):
        """Where the labels of rows that have one of the task are stored."""
        return self.values.indptr[task] + np.searchsorted(self.observed(task), rows)

    def column(self, task, rows):
        """Labels of one task as the user gave them; a gap is NaN among numbers, else None."""
        cells = np.full(self.n_rows, np.nan)
        cells[self.observed(task)] = self.values.data[self._part(task)]
        column, classes = cells[rows], self.targets.classes[task]
        if classes is None:
            return column
        gaps = np.isnan(column)
        labels = classes[np.where(gaps, 0, column).astype(np.intp)]
        if not gaps.any():
            return labels
        exact = classes.dtype.kind in "iuf" and fits_float64(classes)
        labels = labels.astype(np.float64 if exact else object)
        labels[gaps] = np.nan if exact else None
        return labels

    def codes(self, tasks, rows):
        """Values and class codes of complete tasks."""
        values = np.stack([self.values.data[self._places(task, rows)] for task in tasks], axis=1)
        return values.astype(np.intp) if self.kinds[tasks[0]] == "classification" else values

    # Columns of y, those that are skipped too

    def columns_of(self, tasks):
        """Positions in y of some tasks."""
        return self.targets.kept[tasks].tolist()

    def with_skipped(self, tasks):
        """Positions in y of some tasks and of all columns that are skipped."""
        others = set(range(self.targets.n_columns)) - self._task_of.keys()
        return sorted(others.union(self.columns_of(tasks)))

    def kinds_of(self, columns):
        """Kinds of columns of y, "auto" for those that are skipped."""
        return [self.kinds[self._task_of[column]] if column in self._task_of else "auto" for column in columns]

    def table(self, columns, rows, accept_sparse=False):
        """Labels of several columns of y as the user gave them: a frame or sparse where y was, else an array."""
        if self._sparse and accept_sparse:
            return self._sparse_table(columns, rows)
        labels = {}
        for column in columns:
            task = self._task_of.get(column)
            name = self.targets.y_names[column]
            labels[name] = np.full(len(rows), np.nan) if task is None else self.column(task, rows)
        if self._frame is not None:
            return self._frame(labels)
        labels = list(labels.values())
        if len(labels) == 1:
            return labels[0]
        return np.stack([c if c.dtype.kind in "biuf" else c.astype(object) for c in labels], axis=1)

    def _sparse_table(self, columns, rows):
        classes = [c for c in self.targets.classes if c is not None]
        exact = all(map(fits_float64, classes))
        dtype = np.dtype(np.float64) if exact else np.result_type(*classes)

        def labels(task):
            cells = self.values.data[self._part(task)]
            return cells if self.targets.classes[task] is None else self.targets.classes[task][cells.astype(np.intp)]

        return self._sparse_columns(columns, rows, lambda task: labels(task).astype(dtype, copy=False), dtype)

    def _sparse_columns(self, columns, rows, data_of, dtype):
        """Return a CSR array (rows, columns) that has what `data_of` gives of a task where there is a label."""
        tasks = [self._task_of.get(column) for column in columns]
        data = [np.empty(0, dtype) if task is None else data_of(task) for task in tasks]
        indices = [np.empty(0, np.int32) if task is None else self.observed(task) for task in tasks]
        indptr = np.cumsum([0, *map(len, data)])
        shape = self.n_rows, len(columns)
        return csc_array((np.concatenate(data), np.concatenate(indices), indptr), shape=shape).tocsr()[rows]

    def weights_of(self, columns, rows, accept_sparse=False):
        """Weights of the rows (n,), or of the labels (n, n_columns) where they differ by task; None: all are 1."""
        if not self.are_weighted:
            return None
        if self._row_weights is not None:
            return self._row_weights[rows]
        weights = self._sparse_columns(columns, rows, lambda task: self._weights[self._part(task)], np.float64)
        if self._sparse and accept_sparse:
            return weights
        return weights.toarray()[:, 0] if len(columns) == 1 else weights.toarray()

    # Predictions of these labels

    def label_weights(self, task, rows):
        """Weights of rows that have a label of the task; None: all are 1."""
        return self._weights[self._places(task, rows)] if self.are_weighted else None

    def objective(self, task, rows, predicted):
        """Return the loss of combinations of predictions of these rows, a list by member; None without rows."""
        if not len(rows):
            return None
        truth, weights = self.of(task, rows), self.label_weights(task, rows)
        counts = np.ones(len(rows)) if weights is None else weights
        if self.kinds[task] == "regression":
            return Objective.squares(truth, np.stack(predicted, axis=1), counts)
        return Objective.logs(truth.astype(np.intp), predicted, counts)

    def score(self, task, rows, predicted):
        """Return R² or accuracy; NaN without rows."""
        if predicted is not None and predicted.ndim == 2:
            predicted = predicted.argmax(axis=1)
        return task_score(self.kinds[task], self.of(task, rows), predicted, self.label_weights(task, rows))


def _by_task(values, weights):
    """Return the labels that count as a CSC array, and their weights in the order in which it stores them, or None."""
    rows, labels, own = [], [], []
    for where, cells, heavy in weighted_columns(values, weights):
        counts = slice(None) if heavy is None else heavy > 0
        rows.append(where[counts])
        labels.append(cells[counts])
        own.append(None if heavy is None else heavy[counts])
    indptr = np.cumsum([0, *map(len, rows)])
    by_task = csc_array((np.concatenate(labels), np.concatenate(rows), indptr), shape=values.shape)
    return by_task, None if weights is None else np.concatenate(own)
