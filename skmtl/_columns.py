"""Reading y, in any of its containers -> one float matrix, NaN where a label is missing.

Sparse y stays sparse: its stored entries are the labels, zeros too, and all else is missing. Numbers stay what they
are. Other labels (text, categories, integers too long for float64) become positions in their sorted list of labels.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csc_array, issparse
from sklearn.utils import assert_all_finite

from ._cells import equals, fits_float64, read_column, sentinel_of, union, with_gaps
from ._containers import Column, is_numeric, open_dense, open_sparse
from ._observed import column as cells_of


@dataclass
class Columns:
    """What was read from y."""

    # (n, T) float64 (float32 where y is), missing where it is NaN, or not stored; may share memory with y
    values: np.ndarray | csc_array
    labels: dict  # column -> sorted labels that its values are positions in; only columns that are not plain numbers
    dtypes: list  # per column the dtype that its labels come back in
    names: list
    named: bool  # y came with names
    single: bool

    def take(self, kept):
        """Return some of the columns."""
        if len(kept) == len(self.names):
            return self
        labels = {new: self.labels[old] for new, old in enumerate(kept) if old in self.labels}
        dtypes, names = ([each[j] for j in kept] for each in (self.dtypes, self.names))
        return Columns(self.values[:, kept], labels, dtypes, names, self.named, self.single)


def listing(names):
    """Return at most five of `names` as text, with their count if there are more."""
    names = list(names)
    return f"{names}" if len(names) <= 5 else f"[{', '.join(map(repr, names[:5]))}, ...] ({len(names)} in all)"


def read_columns(y, *, owner, missing_label=np.nan, n_rows=None, names=(), accept_sparse=False):
    """Read y of any accepted form.

    Parameters
    ----------
    y : array-like, dataframe or sparse array of shape (n,) or (n, T)
        Numbers, bools and text, a kind a column. Sparse ones are two-dimensional, in the format CSR, CSC or COO.
    owner : str
        The estimator's name, for the error texts.
    missing_label : scalar, default=nan
        What stands for a missing label, besides NaN, None and pd.NA.
    n_rows : int, default=None
        Number of rows that y must have.
    names : list of length T, default=()
        Names of the columns where y has none and is of their number; else "task_0", "task_1", ...
    accept_sparse : bool, default=False
        Whether y may be sparse.

    Returns
    -------
    columns : Columns
        With values as CSC array where y is sparse.
    """
    if y is None:
        raise ValueError(f"This {owner} estimator requires y to be passed, but the target y is None.")
    sentinel = sentinel_of(missing_label)
    if issparse(y):
        own_names, data = None, open_sparse(y, owner, accept_sparse)
    else:
        own_names, data = open_dense(y)
    if isinstance(data, np.ndarray):
        data = _two_dimensional(data)
    _check_shape(data, n_rows)
    n_tasks = len(data) if isinstance(data, list) else data.shape[1]
    if own_names is not None:
        names = own_names
    elif len(names) != n_tasks:
        names = [f"task_{j}" for j in range(n_tasks)]
    _check_unique(names)
    values, labels, dtypes = (_read_sparse if issparse(data) else _read)(data, names, sentinel)
    _check_finite(values, names)
    return Columns(values, labels, dtypes, list(names), own_names is not None, single=n_tasks == 1)


# Checks of the whole


def _two_dimensional(data):
    if data.ndim not in (1, 2):
        what = f", a {type(data.item()).__name__}" if data.ndim == 0 else ""
        raise ValueError(f"y should be 1d or 2d, one column per task; got bad input shape {data.shape}{what}.")
    return data.reshape(-1, 1) if data.ndim == 1 else data


def _check_shape(data, n_rows):
    shape = (len(data[0].array) if data else 0, len(data)) if isinstance(data, list) else data.shape
    if shape[1] == 0:
        raise ValueError(f"Found y with 0 column(s) (shape={shape}) while a minimum of 1 is required.")
    if n_rows is not None and shape[0] != n_rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: [{n_rows}, {shape[0]}]. "
            "X and y need the same rows."
        )
    if shape[0] == 0:
        raise ValueError(f"Found y with 0 sample(s) (shape={shape}) while a minimum of 1 is required.")


def _check_unique(names):
    if len(set(names)) < len(names):
        seen = set()
        twice = dict.fromkeys(name for name in names if name in seen or seen.add(name))
        raise ValueError(
            f"y has duplicate column names: {listing(twice)}. Every task needs a name of its own: rename the columns."
        )


def _check_finite(values, names):
    try:
        assert_all_finite(values.data if issparse(values) else values, allow_nan=True, input_name="y")
    except ValueError as error:
        infinite = [name for j, name in enumerate(names) if np.isinf(cells_of(values, j)).any()]
        raise ValueError(
            f"{error} It is in column(s) {listing(infinite)}; make these labels finite, or NaN where they are unknown."
        ) from None


# From columns to numbers


def _read(data, names, sentinel):
    """Return values (n, T), labels by column, dtypes."""
    if isinstance(data, np.ndarray):
        mask = np.ma.getmaskarray(data) if np.ma.isMaskedArray(data) else None
        data = np.asarray(data)
        if data.dtype == object and set(map(type, data.flat)) == {float}:
            data = data.astype(np.float64)  # a list of numbers: all columns at once
        if is_numeric(data.dtype) and fits_float64(data):
            return with_gaps(data, union(mask, equals(data, sentinel))), {}, [data.dtype] * data.shape[1]
        data = [Column(data[:, j], None if mask is None else mask[:, j]) for j in range(data.shape[1])]
    values, labels, dtypes = np.empty((len(data[0].array), len(data))), {}, []
    for j, column in enumerate(data):
        values[:, j], found, dtype = read_column(column, names[j], sentinel)
        dtypes.append(dtype)
        if found is not None:
            labels[j] = found
    return values, labels, dtypes


def _read_sparse(data, names, sentinel):
    """Return values (n, T) as CSC, labels by column, dtypes."""
    n_tasks, labels = data.shape[1], {}
    if fits_float64(data.data):
        cells = with_gaps(data.data, equals(data.data, sentinel))
    else:
        cells = np.empty(data.nnz)
        for j in range(n_tasks):
            part = slice(data.indptr[j], data.indptr[j + 1])
            cells[part], found, _ = read_column(Column(data.data[part]), names[j], sentinel)
            if found is not None:
                labels[j] = found
    dtypes, kept = [data.dtype] * n_tasks, ~np.isnan(cells)
    if kept.all():
        return csc_array((cells, data.indices, data.indptr), shape=data.shape), labels, dtypes
    indptr = np.concatenate([[0], np.cumsum(kept)])[data.indptr]
    return csc_array((cells[kept], data.indices[kept], indptr), shape=data.shape), labels, dtypes
