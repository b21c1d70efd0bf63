"""Targets: y in any form -> one float matrix (n, T) with NaN for missing labels, and predictions back to labels.

Classification columns hold class codes, regression columns the user's units; `scale_values` standardises the latter.
A sparse y gives a CSR matrix of its labels. Columns of y without labels can be skipped: all else then sees the others
only, and what is given or returned a column of y passes through `select` and `restore`.
"""

import functools
from collections.abc import Mapping

import numpy as np

from ._columns import listing, read_columns
from ._label_scale import learn_scale, scaled
from ._label_weights import by_name, sample_weights
from ._learnable import check_classes, check_labelled, learnable
from ._observed import by_row, column, count, like, take_columns
from ._task_kinds import asked_kinds, check_whole, needs_whole, settle_kinds
from ._task_labels import entries_at, given_classes, labels_of, numbers, warn_if_many

_FAMILIES = {"i": "int", "u": "int", "f": "float", "b": "bool", "U": "text", "O": "object"}


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
        given = given_classes(classes, read.names, owner)
        asked = asked_kinds(tasks, read.names, owner)
        if on_empty == "skip":
            self.kept = learnable(read, asked, given, sample_weight)
        else:
            self.kept = np.arange(len(read.names))
            check_labelled(count(read.values), given, read.names, on_empty)
        read, given, asked = read.take(self.kept), self.select(given), self.select(asked)
        self.names, self.kinds = read.names, settle_kinds(read, asked, given)
        self.classes = [None] * self.n_tasks
        values, found = self._encode(read)
        for j, labels in found.items():
            self.classes[j] = labels if given[j] is None else given[j]
            cells = column(values, j)
            if given[j] is not None:
                cells[:] = self._recode(j, labels, cells, "Add it to the classes parameter.")
            elif asked[j] == "auto":
                warn_if_many(labels, np.count_nonzero(~np.isnan(cells)), self.names[j], j in read.labels)
        check_classes(self.classes, self.names, on_empty)
        self.mean, self.scale = np.zeros(self.n_tasks), np.ones(self.n_tasks)
        return self, by_row(values)

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
        scalings = [s if kind == "regression" else None for s, kind in zip(scalings, self.kinds, strict=True)]
        self.mean, self.scale = learn_scale(values, scalings, weights, pooled)

    def scale_values(self, values, dtype):
        """Return ``(values - mean) / scale`` in `dtype`: `values` itself where that changes nothing."""
        return scaled(values, self.mean, self.scale, dtype)

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
        given = by_name(given)
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
        for j in np.flatnonzero(needs_whole(read, self.kinds)):
            check_whole(column(read.values, j), self.names[j])
        values, found = self._encode(read)
        for j, labels in found.items():
            remedy = (
                "Fit on data that has every class; with partial_fit, name all classes in the classes parameter of the "
                "first call."
            )
            cells = column(values, j)
            cells[:] = self._recode(j, labels, cells, remedy, unknown)
        return by_row(values)

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
        families = {_FAMILIES[dtype.kind] for dtype in dtypes}
        if "regression" in self.kinds or len(self.kept) < self.n_columns:
            return np.dtype(object) if families & {"text", "object"} else np.dtype(np.float64)
        common = functools.reduce(np.promote_types, dtypes) if len(families) == 1 else np.dtype(object)
        # int64 with uint64 would become float64
        return common if _FAMILIES[common.kind] in families else np.dtype(object)

    def _encode(self, read):
        """Return values with positions in the column's own labels for classification, and those labels by task."""
        if "classification" not in self.kinds and not read.labels:
            return read.values, {}
        values, found = read.values.copy(), {}
        for j, kind in enumerate(self.kinds):
            if kind == "classification":
                found[j], column(values, j)[:] = labels_of(read, j)
            elif j in read.labels:
                column(values, j)[:] = numbers(read, j)
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
        return entries_at([code.get(label, unknown) for label in labels.tolist()], positions)

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
