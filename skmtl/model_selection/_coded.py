"""What a splitter knows of y: codes and numbers with gaps, and which labels are too rare to be everywhere."""

import warnings

import numpy as np
from scipy.sparse import issparse

from .._columns import read_columns
from .._observed import column
from .._task_kinds import asked_kinds

# A column of whole numbers is one of classes if it has no more than this many, or each ten times on average.
FEW_CLASSES = 20
#: Names that a warning lists.
_MOST_NAMES = 5


class Coded:
    """y as codes and numbers.

    Attributes
    ----------
    values : ndarray with NaN, or CSC array, of shape (n, T)
    kinds : list of {"regression", "classification"}
    names : list
        Names of the tasks.
    classes : list of list or None
        Labels of each classification task, by code.
    """

    def __init__(self, y, *, tasks, missing_label, owner, n_rows):
        # Unlike an estimator it takes a task without labels or with one class: there is nothing to balance then.
        read = read_columns(y, owner=owner, missing_label=missing_label, n_rows=n_rows, accept_sparse=True)
        self.kinds = asked_kinds(tasks, read.names, owner)
        self.values, self.names = read.values.copy(), read.names
        self.classes = [None] * len(read.names)
        for j in range(len(read.names)):
            cells = column(self.values, j)
            observed = ~np.isnan(cells)
            labels, codes = np.unique(cells[observed], return_inverse=True)
            if self.kinds[j] == "auto":
                is_class = j in read.labels or _are_classes(labels, len(codes))
                self.kinds[j] = "classification" if is_class else "regression"
            if self.kinds[j] == "classification":
                cells[observed] = codes
                self.classes[j] = read.labels.get(j, labels.astype(read.dtypes[j])).tolist()

    @classmethod
    def of(cls, splitter, X, y):
        """Return what a splitter was given."""
        owner = type(splitter).__name__
        if y is None:
            raise ValueError(f"{owner} balances the labels of y, but y is None: pass y, or use KFold or ShuffleSplit.")
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return cls(y, tasks=splitter.tasks, missing_label=splitter.missing_label, owner=owner, n_rows=n_rows)

    @property
    def n_rows(self):
        """Number of rows."""
        return self.values.shape[0]

    def spread(self, part, n_parts, known):
        """Yield for each task and class what it is, whether a class, and its labels by part: (name, bool, (n_parts,)).

        Parameters
        ----------
        part : ndarray of shape (n,), int
            The part of each row, or -1.
        n_parts : int
        known : container of str
            Names that are left out; with a task all of its classes.
        """
        for j, name in enumerate(self.names):
            if f"task {name!r}" in known:
                continue
            rows, cells = _labelled(self.values, j)
            own = part[rows]
            yield f"task {name!r}", False, np.bincount(own[own >= 0], minlength=n_parts)
            if self.kinds[j] == "regression":
                continue
            flat = cells[own >= 0].astype(np.intp) * n_parts + own[own >= 0]
            table = np.bincount(flat, minlength=n_parts * len(self.classes[j])).reshape(-1, n_parts)
            for label, counts in zip(self.classes[j], table, strict=True):
                if (what := f"class {label!r} of task {name!r}") not in known:
                    yield what, True, counts

    def scarce(self, enough, units):
        """Return the names of what has labels in fewer than `enough` units, groups or rows, and in how many.

        Parameters
        ----------
        enough : int
        units : ndarray of shape (n,), int, or None
            The group of each row; None: each is one of its own.
        """
        found = {}
        for j, name in enumerate(self.names):
            rows, cells = _labelled(self.values, j)
            own = rows if units is None else units[rows]
            if (n := _distinct(own, units)) < enough:
                found[f"task {name!r}"] = n
            elif self.kinds[j] == "classification":
                counts = _distinct_by_code(cells.astype(np.intp), own, units, len(self.classes[j]))
                few = ((label, n) for label, n in zip(self.classes[j], counts.tolist(), strict=True) if n < enough)
                found.update((f"class {label!r} of task {name!r}", n) for label, n in few)
        return found


def warn_of(found, text, grouped=False):
    """Warn of what is too rare; `found` has a number of labels, or groups, for each name."""
    if found:
        unit = "group" if grouped else "label"
        items = [f"{name} ({n} {unit if n == 1 else unit + 's'})" for name, n in found.items()]
        more = f" and {len(items) - _MOST_NAMES} more" if len(items) > _MOST_NAMES else ""
        warnings.warn(f"{text} {', '.join(items[:_MOST_NAMES])}{more}.", UserWarning, stacklevel=3)


def _are_classes(labels, n_labels):
    whole = (labels == np.rint(labels)).all()
    return whole and (len(labels) <= FEW_CLASSES or 10 * len(labels) <= n_labels)


def _labelled(values, j):
    """Return the rows that have a label of a task, and the codes or numbers there."""
    cells = column(values, j)
    if issparse(values):
        return values.indices[values.indptr[j] : values.indptr[j + 1]], cells
    rows = np.flatnonzero(~np.isnan(cells))
    return rows, cells[rows]


def _distinct(own, units):
    return len(own) if units is None else len(np.unique(own))


def _distinct_by_code(codes, own, units, n_codes):
    if units is not None:
        n_units = int(own.max(initial=0)) + 1
        codes = np.unique(codes * n_units + own) // n_units
    return np.bincount(codes, minlength=n_codes)
