"""Targets: y in any form -> one float matrix (n, T) with NaN for missing labels, and predictions back to labels.

Classification columns hold class codes, regression columns the user's units; `scale_values` standardises the latter.
A sparse y gives a CSR matrix of its labels. Columns of y without labels can be skipped: all else then sees the others
only, and what is given or returned a column of y passes through `select` and `restore`.
"""

import functools
import warnings
from collections.abc import Mapping

import numpy as np
from scipy.sparse import issparse

from ._columns import listing, read_columns
from ._component import nearest
from ._label_weights import sample_weights
from ._observed import blocks, column, count, counts_at_all, like, take_columns, weighted_columns, with_data

KINDS = ("regression", "classification", "auto")
#: What errors add about a column that could be skipped.
_CHOICE = {None: "", "raise": ", or set on_empty_task='skip'", "skip": ""}
FAMILIES = {"i": "int", "u": "int", "f": "float", "b": "bool", "U": "text", "O": "object"}


class Targets:
    """What is known of the tasks: names, kinds, classes and scale. It keeps no data.

    Attributes
    ----------
    names : list of length T
        Column names of y; "task_0", "task_1", ... where y has none. Without the columns that are skipped.
    skipped : list
        Names of the columns that are skipped.
    y_names : list of length n_columns
        Names of all columns of y.
    kept : ndarray of shape (T,), int
        The tasks' positions in y.
    kinds : list of {"regression", "classification"}
    classes : list of length T
        Per task the sorted class labels, in the dtype they had; None for regression.
    single : bool
        Whether y had one column, so that predictions are 1-D.
    mean, scale : ndarray of shape (T,)
        A regression label is trained on as ``(y - mean) / scale``. 0 and 1 for classification.
    """

    @classmethod
    def fit(
        cls,
        y,
        *,
        tasks,
        missing_label,
        owner,
        n_rows,
        classes=None,
        on_empty=None,
        sample_weight=None,
        accept_sparse=False,
    ):
        """Learn the tasks of y, and encode it.

        Parameters
        ----------
        y : array-like, dataframe or sparse array of shape (n,) or (n, n_columns)
        tasks : {"regression", "classification", "auto"}, or list or dict by task name of these
            Kind of the columns. "auto", which is also that of a name absent from the dict, takes a column of numbers
            that are not all whole as regression and every other one as classification.
        missing_label : scalar
            What stands for a missing label, besides NaN, None and pd.NA.
        owner : str
            The estimator's name, for the error texts.
        n_rows : int
            Number of rows that y must have.
        classes : array, or list or dict by task name of arrays, default=None
            All classes of a task, where y may lack some. None leaves them to y.
        on_empty : {"raise", "skip", None}, default=None
            What to do about a column without a label. "skip" leaves it out with a warning, and so a column of one class
            only, unless its classes are given. Else it is an error; None: the error does not speak of the choice.
        sample_weight : array-like of shape (n,) or (n, n_columns), default=None
            Weights of the rows, or of every label. With "skip" a label of weight 0 is none.
        accept_sparse : bool, default=False
            Whether y may be sparse.

        Returns
        -------
        targets : Targets
        values : ndarray or CSR array of shape (n, T), float64, or float32 where y is
            Class codes, or labels in the user's units; NaN, or not stored, where missing. May share memory with y: do
            not write to it.
        """
        read = read_columns(y, owner=owner, missing_label=missing_label, n_rows=n_rows, accept_sparse=accept_sparse)
        self = cls()
        self.y_names, self.single = read.names, read.single
        self._named, self._owner, self._missing_label = read.named, owner, missing_label
        given = _given_classes(classes, read.names, owner)
        asked = asked_kinds(tasks, read.names, owner)
        if on_empty == "skip":
            self.kept = _kept(read, asked, given, sample_weight)
        else:
            self.kept = np.arange(len(read.names))
            _check_labelled(count(read.values), given, read.names, on_empty)
        read, given, asked = read.take(self.kept), self.select(given), self.select(asked)
        self.names, self.kinds = read.names, _kinds(read, asked, given)
        self.classes = [None] * self.n_tasks
        values, found = self._encode(read)
        for j, labels in found.items():
            self.classes[j] = labels if given[j] is None else given[j]
            cells = column(values, j)
            if given[j] is not None:
                cells[:] = self._recode(j, labels, cells, "Add it to the classes parameter.")
            elif asked[j] == "auto":
                _warn_if_many(labels, np.count_nonzero(~np.isnan(cells)), self.names[j], j in read.labels)
        _check_classes(self.classes, self.names, on_empty)
        self.mean, self.scale = np.zeros(self.n_tasks), np.ones(self.n_tasks)
        return self, _by_row(values)

    @property
    def n_tasks(self):
        """Number of tasks T."""
        return len(self.names)

    @property
    def n_columns(self):
        """Number of columns of y, those that are skipped included."""
        return len(self.y_names)

    @property
    def skipped(self):
        """Names of the columns of y that are no task."""
        return [self.y_names[j] for j in np.setdiff1d(np.arange(self.n_columns), self.kept)]

    @property
    def task_types(self):
        """Dict of task name to "regression", "binary" or "multiclass"."""
        types = ("regression" if c is None else "binary" if len(c) == 2 else "multiclass" for c in self.classes)
        return dict(zip(self.names, types, strict=True))

    # Scale of the regression tasks

    def set_scale(self, values, scalings, weights=None, pooled=False):
        """Learn `mean` and `scale` from the observed labels.

        Parameters
        ----------
        values : ndarray of shape (n, T)
            As `fit` and `encode` return them, NaN-filled or sparse.
        scalings : list of length T of {"standard", "mean", None}
            "standard": zero mean and unit variance. "mean": divided by the mean, which keeps the sign of the labels.
            None: as they are. Entries of classification tasks are not looked at.
        weights : ndarray of shape (n,), (n, 1) or (n, T), default=None
            Weights of the labels. A label of weight w counts as w labels, one of weight 0 not at all.
        pooled : bool, default=False
            Whether all tasks get one scale, that of all labels together.
        """
        self.mean, self.scale = np.zeros(self.n_tasks), np.ones(self.n_tasks)
        scalings = [s if k == "regression" else None for s, k in zip(scalings, self.kinds, strict=True)]
        if not any(scalings):
            return
        weights = weights.reshape(-1, 1) if weights is not None and weights.ndim == 1 else weights
        tasks = weighted_columns(values, weights)
        if pooled:
            tasks = list(tasks)
            tasks = [(None, np.concatenate([labels for _, labels, _ in tasks]), _together(tasks))] * len(tasks)
        for task, (_, labels, own) in enumerate(tasks):
            if scalings[task] is None:
                continue
            mean, deviation = _moments(labels, own)
            if scalings[task] == "standard":
                self.mean[task], self.scale[task] = mean, deviation
            elif mean > 0:
                self.scale[task] = mean

    def scale_values(self, values, dtype):
        """Return ``(values - mean) / scale`` in `dtype`: `values` itself where that changes nothing."""
        if issparse(values):
            tasks, scaled = values.indices, np.empty(values.nnz, dtype=dtype)
            np.divide(values.data - self.mean[tasks], self.scale[tasks], out=scaled, casting="same_kind")
            return with_data(values, scaled)
        if not self.mean.any() and (self.scale == 1).all():
            # A read-only y is copied all the same: torch takes no read-only memory.
            return values.astype(dtype, copy=not values.flags.writeable)
        scaled = np.empty(values.shape, dtype=dtype)
        for rows in blocks(len(values), self.n_tasks):
            np.divide(values[rows] - self.mean, self.scale, out=scaled[rows], casting="same_kind")
        return scaled

    # Columns of y <-> tasks

    def select(self, given, parameter=None):
        """Return what `given` says of each column of y for the tasks only.

        Parameters
        ----------
        given : dict by name, list, tuple or array of length n_columns, or anything else
            Anything else is what all columns share, and returned as it is.
        parameter : str, default=None
            Name of the parameter that it is, for the error text.
        """
        if len(self.kept) == self.n_columns:
            return given
        if isinstance(given, Mapping):
            skipped = set(self.skipped)
            return {name: value for name, value in given.items() if name not in skipped}
        if not isinstance(given, (list, tuple, np.ndarray)):
            return given
        if len(given) != self.n_columns:
            raise ValueError(
                f"The {parameter!r} parameter of {self._owner} has {len(given)} entries for the {self.n_columns} "
                f"columns of y, {listing(self.y_names)}. Give one for each, also for those that are "
                "skipped, or a dict by task name."
            )
        return given[self.kept] if isinstance(given, np.ndarray) else [given[j] for j in self.kept]

    def restore(self, items, fill=None):
        """Return a list by column of y from one by task, with `fill` for a column that is skipped."""
        if len(self.kept) == self.n_columns:
            return items
        restored = [fill] * self.n_columns
        for j, item in zip(self.kept, items, strict=True):
            restored[j] = item
        return restored

    def restore_columns(self, array):
        """Return an array (n, n_columns) from one (n, T) of floats, with NaN in the columns that are skipped."""
        if len(self.kept) == self.n_columns:
            return array
        restored = np.full((len(array), self.n_columns), np.nan)
        restored[:, self.kept] = array
        return restored

    def label_weights(self, sample_weight, values):
        """Return `sample_weight` as an array (n, 1), or (n, T) of the form of `values`; None: None.

        Parameters
        ----------
        sample_weight : array-like of shape (n,) or (n, n_columns), or None
        values : ndarray or CSR array of shape (n, T)
        """
        if sample_weight is None:
            return None
        weights = sample_weights(sample_weight, (values.shape[0], self.n_columns), accept_sparse=True)
        if weights.shape[1] < self.n_columns:
            return weights
        return like(values, take_columns(weights, self.kept))

    # Labels <-> numbers

    def encode(self, y, n_rows=None, unknown=None):
        """Return later labels, of the same columns, as `fit` returns its own: (n, T), unscaled.

        A label that is none of the task's classes gets the code `unknown`; None: it is an error. Labels in columns that
        are skipped are not looked at.
        """
        read = read_columns(
            y,
            owner=self._owner,
            missing_label=self._missing_label,
            n_rows=n_rows,
            names=self.y_names,
            accept_sparse=True,
        )
        self._check_names(read)
        read = read.take(self.kept)
        for j in np.flatnonzero(_needs_whole(read, self.kinds)):
            _check_whole(column(read.values, j), self.names[j])
        values, found = self._encode(read)
        for j, labels in found.items():
            remedy = (
                "Fit on data that has every class; with partial_fit, name all classes in the classes parameter of the "
                "first call."
            )
            cells = column(values, j)
            cells[:] = self._recode(j, labels, cells, remedy, unknown)
        return _by_row(values)

    def decode(self, values):
        """Return predictions as the user gave the labels.

        Parameters
        ----------
        values : ndarray of shape (n, T)
            The user's units for regression, class codes for classification.

        Returns
        -------
        predictions : ndarray of shape (n,) if y had one column, else (n, n_columns)
            float64 if every task is a regression. The labels' own dtype if every task is a classification with labels
            of the same kind. Otherwise float64 for mixed tasks that are all numeric, else object. With columns that are
            skipped, float64 and NaN in them where all tasks are numeric, else object and None.
        """
        if "classification" not in self.kinds:
            decoded = self.restore_columns(np.asarray(values, dtype=np.float64))
        else:
            decoded = np.empty((len(values), self.n_columns), dtype=self._decoded_dtype())
            if len(self.kept) < self.n_columns:
                decoded[:] = np.nan if decoded.dtype.kind == "f" else None
            for j, classes in enumerate(self.classes):
                labels = values[:, j] if classes is None else classes[values[:, j].astype(np.intp)]
                decoded[:, self.kept[j]] = labels
        return decoded[:, 0] if self.single else decoded

    def _decoded_dtype(self):
        dtypes = {classes.dtype for classes in self.classes if classes is not None}
        families = {FAMILIES[dtype.kind] for dtype in dtypes}
        if "regression" in self.kinds or len(self.kept) < self.n_columns:
            return np.dtype(object) if families & {"text", "object"} else np.dtype(np.float64)
        common = functools.reduce(np.promote_types, dtypes) if len(families) == 1 else np.dtype(object)
        # int64 with uint64 would become float64
        return common if FAMILIES[common.kind] in families else np.dtype(object)

    def _encode(self, read):
        """Return values with positions in the column's own labels for classification, and those labels by task."""
        if "classification" not in self.kinds and not read.labels:
            return read.values, {}
        values, found = read.values.copy(), {}
        for j, kind in enumerate(self.kinds):
            if kind == "classification":
                found[j], column(values, j)[:] = _labels(read, j)
            elif j in read.labels:
                column(values, j)[:] = _numbers(read, j)
        return values, found

    def _recode(self, j, labels, positions, remedy, unknown=None):
        """Turn positions in `labels` into those in the classes of task j."""
        classes = self.classes[j]
        if np.array_equal(labels, classes):
            return positions
        code = {label: k for k, label in enumerate(classes.tolist())}
        new = [label for label in labels.tolist() if label not in code]
        if new and unknown is None:
            raise ValueError(
                f"Task {self.names[j]!r} has the label {new[0]!r}, which is not one of its classes "
                f"{listing(classes.tolist())}. {remedy}"
            )
        return _take([code.get(label, unknown) for label in labels.tolist()], positions)

    def _check_names(self, read):
        expected = self.y_names
        if len(read.names) != len(expected):
            raise ValueError(
                f"y has {len(read.names)} column(s), but {self._owner} was fitted with {len(expected)}: "
                f"{listing(expected)}. Pass the same columns; NaN where a label is missing."
            )
        if self.single or not (self._named and read.named) or read.names == expected:
            return
        unknown = [name for name in read.names if name not in expected]
        absent = [name for name in expected if name not in read.names]
        what = f"unknown {listing(unknown)}, absent {listing(absent)}" if unknown else "in another order"
        raise ValueError(
            f"The columns of y are not those that {self._owner} was fitted with: {what}. "
            f"Expected {listing(expected)}, got {listing(read.names)}; select them with y[names]."
        )


def _by_row(values):
    return values.tocsr() if issparse(values) else values


# Kinds


def _per_task(value, names, parameter, owner):
    """List by task of what a list or a dict by name says; None for a name that the dict lacks."""
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise ValueError(
                    f"The {parameter!r} parameter of {owner} names {name!r}, which is no task: the columns of y are "
                    f"{listing(names)}.{nearest(name, names)}"
                )
        return [value.get(name) for name in names]
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != len(names):
        got = f"of length {len(value)}" if isinstance(value, (list, tuple, np.ndarray)) else f"{value!r}"
        raise ValueError(
            f"The {parameter!r} parameter of {owner} needs one entry for each of the {len(names)} task(s) "
            f"{listing(names)}, as a list or as a dict by task name; got {got}."
        )
    return list(value)


def asked_kinds(tasks, names, owner):
    """List of "regression", "classification" or "auto" by task."""
    kinds = [tasks] * len(names) if isinstance(tasks, str) else _per_task(tasks, names, "tasks", owner)
    kinds = ["auto" if kind is None else kind for kind in kinds]
    for name, kind in zip(names, kinds, strict=True):
        if kind not in KINDS:
            raise ValueError(
                f"The 'tasks' parameter of {owner} got {kind!r} for task {name!r}, which is not one of {list(KINDS)}."
                f"{nearest(kind, KINDS)}"
            )
    return kinds


def _kinds(read, asked, given):
    """Kind of each task: what was asked, else what its labels look like."""
    kinds = ["classification" if k == "auto" and c is not None else k for k, c in zip(asked, given, strict=True)]
    fractional = np.zeros(len(kinds), dtype=bool)
    looked_at = _needs_whole(read, kinds)
    if looked_at.any():
        fractional[looked_at] = _has_fraction(read.values if looked_at.all() else read.values[:, looked_at])
    for j, kind in enumerate(kinds):
        if kind == "auto":
            kinds[j] = "regression" if fractional[j] else "classification"
        elif kind == "classification" and fractional[j]:
            _check_whole(column(read.values, j), read.names[j])
        elif kind == "regression" and given[j] is not None:
            raise ValueError(
                f"Task {read.names[j]!r} is a regression and has no classes; got {given[j].tolist()}. Pass None for "
                "it in the classes parameter."
            )
    return kinds


def _needs_whole(read, kinds):
    """Mask of the columns of floats that are, or may be, class labels."""
    return np.array(
        [kind != "regression" and read.dtypes[j].kind == "f" and j not in read.labels for j, kind in enumerate(kinds)]
    )


def _has_fraction(values):
    """Whether a column has a number that is not whole, by column."""
    if issparse(values):
        return np.array([_has_fraction(column(values, j)) for j in range(values.shape[1])], dtype=bool)
    return ((values != np.rint(values)) & ~np.isnan(values)).any(axis=0)


def _check_whole(cells, name):
    """Refuse fractions as class labels, in the words that scikit-learn uses."""
    if _has_fraction(cells):
        fraction = next(v for v in cells.tolist() if v == v and v != round(v))
        raise ValueError(
            f"Unknown label type: continuous. Task {name!r} is a classification, but its labels are not whole numbers, "
            f"{fraction!r} for example. Use MultiTaskRegressor, or MultiTaskEstimator with tasks={{{name!r}: "
            "'regression'}; if these are classes, pass them as text."
        )


def _check_labelled(n_labels, given, names, on_empty):
    """Every task needs a label, unless its classes are known and labels may come in a later batch."""
    empty = [name for name, n, classes in zip(names, n_labels, given, strict=True) if not n and classes is None]
    if empty:
        raise ValueError(
            f"y has no observed label in column(s) {listing(empty)}: every label is missing. "
            f"Leave such a column out of y, or label some of its rows{_CHOICE[on_empty]}."
        )


def _kept(read, asked, given, sample_weight):
    """Positions of the columns of y from which there is something to learn; warn of the others."""
    weights = None
    if sample_weight is not None:
        weights = sample_weights(sample_weight, read.values.shape, accept_sparse=True)
        weights = weights if weights.shape[1] == 1 else like(_by_row(read.values), weights)
    unknown = np.array([classes is None for classes in given])
    empty = unknown & ~counts_at_all(_by_row(read.values), weights)
    lone = np.zeros_like(empty)
    for j in np.flatnonzero(unknown & ~empty):
        cells = column(read.values, j)
        if np.fmin.reduce(cells) == np.fmax.reduce(cells):
            lone[j] = _kinds(read.take([j]), [asked[j]], [None]) == ["classification"]
    kept = np.flatnonzero(~empty & ~lone)
    reasons = {"no observed label": empty, "labels of one class only": lone}
    if len(kept) == 0:
        whats = " or ".join(what for what, mask in reasons.items() if mask.any())
        raise ValueError(
            f"Every column of y has {whats}, so on_empty_task='skip' leaves nothing to train. Pass labels of at "
            "least one task."
        )
    for what, mask in reasons.items():
        if mask.any():
            names = [read.names[j] for j in np.flatnonzero(mask)]
            warnings.warn(
                f"y has {what} in column(s) {listing(names)}: on_empty_task='skip' leaves them out of training, and "
                "there is no prediction for them.",
                UserWarning,
                stacklevel=3,
            )
    return kept


# Labels


def _numbers(read, j):
    """Return the labels of regression task j, which are kept as positions, as numbers."""
    labels = read.labels[j]
    if labels.dtype.kind in "OU":
        raise ValueError(
            f"Task {read.names[j]!r} is a regression, but its column in y holds text: {labels.tolist()[0]!r} for "
            "example. Convert the column to numbers, or use MultiTaskClassifier, or MultiTaskEstimator with "
            f"tasks={{{read.names[j]!r}: 'classification'}}."
        )
    return _take(labels, column(read.values, j))


def _take(table, positions):
    """Return the entries of `table` at `positions` as floats, NaN where the position is NaN."""
    table = np.append(np.asarray(table, dtype=np.float64), np.nan)
    return table[np.where(np.isnan(positions), -1, positions).astype(np.intp)]


def _labels(read, j):
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


def _given_classes(classes, names, owner):
    """List by task of sorted arrays of class labels, None where they are to be taken from y."""
    if classes is None:
        return [None] * len(names)
    if len(names) == 1 and not isinstance(classes, Mapping) and not _is_nested(classes):
        classes = [classes]
    entries = _per_task(classes, names, "classes", owner)
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
    return _labels(read_columns(entry, owner="classes", names=[name]), 0)[0]


def _check_classes(classes, names, on_empty):
    lone = {name: c for name, c in zip(names, classes, strict=True) if c is not None and len(c) < 2}
    if lone:
        name, labels = next(iter(lone.items()))
        others = f" (so have {listing(list(lone)[1:])})" if len(lone) > 1 else ""
        raise ValueError(
            f"Task {name!r} has one class only, {labels.tolist()[0]!r}{others}; classification needs at least two "
            f"classes. Leave the column out, or add rows with another label{_CHOICE[on_empty]}."
        )


def _warn_if_many(labels, n_labels, name, is_text):
    """Mirror of the warning in scikit-learn's type_of_target."""
    if n_labels > 20 and 2 * len(labels) > n_labels:
        remedy = (
            "Leave the column out if it is no class label."
            if is_text
            else f"If it is a number to predict, pass tasks={{{name!r}: 'regression'}}."
        )
        warnings.warn(
            f"Column {name!r} of y was taken as classification, but has {len(labels)} classes, more than half of its "
            f"{n_labels} labels. {remedy}",
            UserWarning,
            stacklevel=3,
        )


# Scale


def _together(tasks):
    """Weights of the labels of all tasks, one after the other; None where all are one."""
    if all(own is None for _, _, own in tasks):
        return None
    return np.concatenate([np.ones(len(labels)) if own is None else own for _, labels, own in tasks])


def _moments(labels, weights):
    """Weighted mean and standard deviation of the labels of a task: two passes, 1 for constant labels."""
    labels = labels.astype(np.float64, copy=False)
    weights = np.ones(len(labels)) if weights is None else weights
    if not weights.all():
        labels, weights = labels[weights > 0], weights[weights > 0]
    if not len(labels):
        return 0.0, 1.0
    total = weights.sum()
    mean = (weights * labels).sum() / total
    centred = labels - mean
    reach = np.abs(centred).max() or 1.0  # divided by before squaring, for labels such as 1e-200 or 1e200
    deviation = reach * np.sqrt((weights * (centred / reach) ** 2).sum() / total)
    # What rounding alone may make of a constant column (Chan, Golub and LeVeque, as in StandardScaler).
    noise = len(labels) * abs(mean) * np.finfo(np.float64).eps
    return mean, 1.0 if deviation <= noise else deviation
