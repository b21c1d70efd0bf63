"""Labels of a task: positions <-> what they stand for, and the classes that the user names."""

import warnings
from collections.abc import Mapping

import numpy as np

from ._columns import read_columns
from ._observed import column
from ._task_kinds import per_task


def numbers(read, j):
    """Return the labels of regression task j, which are kept as positions, as numbers."""
    labels = read.labels[j]
    if labels.dtype.kind in "OU":
        raise ValueError(
            f"Task {read.names[j]!r} is a regression, but its column in y holds text: {labels.tolist()[0]!r} for "
            "example. Convert the column to numbers, or use MultiTaskClassifier, or MultiTaskEstimator with "
            f"tasks={{{read.names[j]!r}: 'classification'}}."
        )
    return entries_at(labels, column(read.values, j))


def entries_at(table, positions):
    """Return the entries of `table` at `positions` as floats, NaN where the position is NaN."""
    table = np.append(np.asarray(table, dtype=np.float64), np.nan)
    return table[np.where(np.isnan(positions), -1, positions).astype(np.intp)]


def labels_of(read, j):
    """Sorted labels of column j in their own dtype, and the positions of its cells in them, NaN where missing."""
    cells = np.ascontiguousarray(column(read.values, j))
    if j in read.labels:
        return read.labels[j], cells
    missing = np.isnan(cells)
    low, high = np.fmin.reduce(cells, initial=np.nan), np.fmax.reduce(cells, initial=np.nan)
    is_high = cells == high
    if low < high and np.all(is_high | (cells == low) | missing):  # two labels need no sorting
        labels, positions = np.array([low, high]), is_high.astype(np.float64)
    else:
        labels = np.unique(cells[~missing])
        positions = np.searchsorted(labels, cells).astype(np.float64)
    positions[missing] = np.nan
    return labels.astype(read.dtypes[j]), positions


def given_classes(classes, names, owner):
    """List by task of sorted arrays of class labels, None where they are to be taken from y."""
    if classes is None:
        return [None] * len(names)
    if len(names) == 1 and not isinstance(classes, Mapping) and not _is_nested(classes):
        classes = [classes]
    entries = per_task(classes, names, "classes", owner)
    return [None if entry is None else _class_labels(entry, name) for entry, name in zip(entries, names, strict=True)]


def _is_nested(classes):
    """Whether `classes` is a list with one entry, which is None or itself a list of labels."""
    return (
        hasattr(classes, "__len__")
        and len(classes) == 1
        and (classes[0] is None or (hasattr(classes[0], "__len__") and np.ndim(classes[0])))
    )


def _class_labels(entry, name):
    if np.ndim(entry) != 1:
        raise ValueError(
            f"The classes parameter needs a 1d array of labels for task {name!r}, and with several tasks a list with "
            f"one array each; got {entry!r}."
        )
    return labels_of(read_columns(entry, owner="classes", names=[name]), 0)[0]


#: Classes from which on numbers may well be no labels.
_MANY = 20


def warn_if_many(labels, n_labels, name, is_text):
    """Warn of a column that was taken for classes though nobody said so: numbers, or nearly as many as there are rows.

    The second is the mirror of the warning in scikit-learn's type_of_target.
    """
    n_classes = len(labels)
    if n_labels <= _MANY or n_classes <= _MANY or (is_text and 2 * n_classes <= n_labels):
        return
    share = f", more than half of its {n_labels} labels" if 2 * n_classes > n_labels else ""
    remedy = "Leave the column out if it is no class label."
    if not is_text:
        kinds = [f"tasks={{{name!r}: {kind!r}}}" for kind in ("regression", "classification")]
        remedy = f"If it is a number to predict, pass {kinds[0]}; if these are classes, {kinds[1]}."
    warnings.warn(
        f"Column {name!r} of y was taken as classification, but has {n_classes} classes{share}. {remedy}",
        UserWarning,
        stacklevel=7,
    )
