"""The labels that members are fitted to: of any tasks and rows, in the form that a member takes."""

import numpy as np

from .._columns import listing
from ..estimators._prediction import _score
from ._weights import Objective

_LONGEST_EXACT_INTEGER = 2**53


class Labels:
    """What is known of y, by task.

    Attributes
    ----------
    targets : Targets
    values : ndarray of shape (n, T)
        Values and class codes; NaN where a label is missing or has weight 0.
    weights : ndarray of shape (n, 1) or (n, T), or None
    """

    def __init__(self, targets, values, weights, y):
        self.targets, self.weights = targets, weights
        self.values = values if weights is None else np.where(weights > 0, values, np.nan)
        self._observed = ~np.isnan(self.values)
        # A member gets a frame where y is one: what it was told by task name, it finds.
        self._frame = type(y) if getattr(y, "ndim", 0) == 2 or hasattr(y, "get_columns") else None
        self._frame = self._frame if targets._named else None

    @property
    def names(self):
        """Names of the tasks."""
        return self.targets.names

    @property
    def kinds(self):
        """Kinds of the tasks."""
        return self.targets.kinds

    def check(self):
        """Refuse weights that leave a task with nothing to learn."""
        learnable = self.learnable(range(len(self.names)), slice(None))
        if len(learnable) < len(self.names):
            empty = [name for t, name in enumerate(self.names) if t not in learnable]
            raise ValueError(
                f"sample_weight leaves nothing to train task(s) {listing(empty)} on: every label, or every one but "
                "those of one class, has weight 0."
            )

    @property
    def n_labelled(self):
        """Number of rows with a label of any task."""
        return int(self._observed.any(axis=1).sum())

    def observed(self, task):
        """Rows that have a label of a task."""
        return np.flatnonzero(self._observed[:, task])

    def are_observed(self, task, rows):
        """Mask of the rows that have a label of a task."""
        return self._observed[rows, task]

    def labelled(self, tasks, rows):
        """Those of the rows that have a label of one of the tasks."""
        return rows[self._observed[np.ix_(rows, tasks)].any(axis=1)]

    def learnable(self, tasks, rows):
        """Those of the tasks of which the rows have a label; two different ones for a classification."""
        return [t for t in tasks if self._is_learnable(self.values[rows, t], t)]

    def _is_learnable(self, column, task):
        column = column[~np.isnan(column)]
        return len(column) > 0 and (self.kinds[task] == "regression" or (column != column[0]).any())

    def are_alike(self, tasks):
        """Whether the tasks have labels in the same rows, with the same weights: all of them or none in a row."""
        observed = self._observed[:, tasks]
        same = (observed == observed[:, :1]).all()
        if not same or self.weights is None or self.weights.shape[1] == 1:
            return bool(same)
        weights = self.weights[:, tasks]
        return bool((weights == weights[:, :1]).all())

    def column(self, task, rows):
        """Labels of one task as the user gave them; a gap is NaN among numbers, else None."""
        column, classes = self.values[rows, task], self.targets.classes[task]
        if classes is None:
            return column.astype(np.float64, copy=False)
        gaps = np.isnan(column)
        labels = classes[np.where(gaps, 0, column).astype(np.intp)]
        if not gaps.any():
            return labels
        is_number = classes.dtype.kind in "iuf" and abs(classes).max() <= _LONGEST_EXACT_INTEGER
        labels = labels.astype(np.float64 if is_number else object)
        labels[gaps] = np.nan if is_number else None
        return labels

    def codes(self, tasks, rows):
        """Values and class codes of complete tasks."""
        values = self.values[np.ix_(rows, tasks)]
        return values.astype(np.intp) if self.kinds[tasks[0]] == "classification" else values

    def table(self, tasks, rows):
        """Labels of several tasks as the user gave them: a frame where y was one, else an array."""
        columns = {self.names[t]: self.column(t, rows) for t in tasks}
        if self._frame is not None:
            return self._frame(columns)
        if len(tasks) == 1:
            return columns[self.names[tasks[0]]]
        return np.stack([c if c.dtype.kind in "biuf" else c.astype(object) for c in columns.values()], axis=1)

    def weights_of(self, tasks, rows):
        """Weights of the rows (n,), or of the labels (n, n_tasks) where they differ by task; None: all are 1."""
        if self.weights is None:
            return None
        weights = self.weights[rows] if self.weights.shape[1] == 1 else self.weights[np.ix_(rows, tasks)]
        return weights[:, 0] if weights.shape[1] == 1 else weights

    # Predictions of these labels

    def objective(self, task, rows, predicted):
        """Return the loss of combinations of predictions of these rows, a list by member; None without rows."""
        if not len(rows):
            return None
        truth, weights = self.values[rows, task].astype(np.float64), self.weights_of([task], rows)
        counts = np.ones(len(rows)) if weights is None else weights
        if self.kinds[task] == "regression":
            return Objective.squares(truth, np.stack(predicted, axis=1), counts)
        return Objective.logs(truth.astype(np.intp), predicted, counts)

    def score(self, task, rows, predicted):
        """Return R² or accuracy; NaN without rows."""
        if predicted is not None and predicted.ndim == 2:
            predicted = predicted.argmax(axis=1)
        return _score(self.kinds[task], self.values[rows, task], predicted, self.weights_of([task], rows))

    def spread(self, task, rows, predicted):
        """Return predictions of these rows as an array for all rows, with NaN in the others."""
        classes = self.targets.classes[task]
        spread = np.full((len(self.values), *(() if classes is None else (len(classes),))), np.nan)
        if len(rows):
            spread[rows] = predicted
        return spread
