"""Reading y: arrays, lists, pandas and polars columns -> one float matrix, NaN where a label is missing.

Sparse y stays sparse: its stored entries are the labels, zeros too, and all else is missing. Numbers stay what they
are. Other labels (text, categories, integers too long for float64) become positions in their
sorted list of labels. pandas and polars are known by their attributes and never imported.
"""

from dataclasses import dataclass
from decimal import Decimal
from numbers import Complex, Integral, Number, Real
from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array, issparse
from sklearn.utils import assert_all_finite

from ._observed import column as cells_of

MISSING_TYPES = {"NoneType", "NAType", "NaTType"}  # None, pd.NA, pd.NaT
LONGEST_EXACT_INTEGER = 2**53  # float64 holds every integer up to here
SPARSE_FORMATS = ("csr", "csc", "coo")  # those that store single cells, zeros too


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


class _Column(NamedTuple):
    """One column as its container holds it."""

    array: np.ndarray
    gaps: np.ndarray | None = None  # (n,) True where the container itself says that the label is missing
    categorical: bool = False


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
    sentinel = _sentinel(missing_label)
    if issparse(y):
        own_names, data = None, _open_sparse(y, owner, accept_sparse)
    else:
        own_names, data = _open(y)
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


# The containers: y -> names or None, and an array or a list of columns


def _open(y):
    """Return the column names, or None, and the data: one array, or a list of `_Column`."""
    if hasattr(y, "iloc"):  # pandas
        return _open_pandas(y) if y.ndim == 2 else (_name(y), [pandas_column(y)])
    if hasattr(y, "get_columns"):  # polars.DataFrame
        return _open_polars(y)
    if hasattr(y, "null_count") and hasattr(y, "is_null"):  # polars.Series
        return _name(y), [polars_column(y)]
    if isinstance(y, (list, tuple)):
        # As objects: numpy would turn the numbers of a mixed row into text. Rows of a matrix keep their dtype.
        rows_are_arrays = all(isinstance(row, np.ndarray) and row.ndim for row in y)
        return None, np.array(y, dtype=None if rows_are_arrays and _are_alike(y) else object)
    return None, y if np.ma.isMaskedArray(y) else np.asarray(y)


def _are_alike(rows):
    return len({(row.shape, row.dtype) for row in rows}) == 1


def _name(series):
    return None if series.name is None or (isinstance(series.name, str) and not series.name) else [series.name]


def _open_pandas(frame):
    names, dtypes = list(frame.columns), set(frame.dtypes)
    if len(dtypes) == 1 and isinstance(dtype := dtypes.pop(), np.dtype) and _is_numeric(dtype):
        return names, frame.to_numpy()
    return names, [pandas_column(series) for _, series in frame.items()]


def _open_polars(frame):
    names, dtypes = list(frame.columns), set(frame.dtypes)
    if len(dtypes) == 1 and dtypes.pop().is_float():
        return names, frame.to_numpy()  # nulls become NaN
    return names, [polars_column(series) for series in frame.get_columns()]


def pandas_column(series):
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return _Column(series.to_numpy())
    if _is_numeric(dtype) and hasattr(dtype, "numpy_dtype"):  # nullable or arrow
        array, numpy_dtype = series.array, dtype.numpy_dtype
        return _Column(array.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0)), np.asarray(array.isna()))
    if _is_numeric(dtype):  # pandas' sparse
        return _Column(np.asarray(series))
    if hasattr(dtype, "categories"):  # not to_numpy, which makes floats of integers where some are missing
        cells = np.append(dtype.categories.to_numpy(dtype=object), None)
        return _Column(cells[series.cat.codes], categorical=True)  # code -1, missing, takes the None
    return _Column(series.to_numpy(dtype=object))


def polars_column(series):
    is_bool = str(series.dtype) == "Boolean"
    if series.null_count() and (is_bool or series.dtype.is_integer()):
        return _Column(series.fill_null(False if is_bool else 0).to_numpy(), series.is_null().to_numpy())
    return _Column(series.to_numpy())


def _open_sparse(y, owner, accepted):
    """Return a sparse y as CSC, with all that it stores, cell by cell."""
    if not accepted:
        raise TypeError(
            f"Sparse data was passed for y, but dense data is required by {owner}: an array with NaN where a label is "
            "missing. y.toarray() converts it, with 0 there."
        )
    if y.format not in SPARSE_FORMATS:
        raise TypeError(
            f"y is a sparse array in the format {y.format!r}, which does not say which zeros are labels. Pass it as "
            "CSR, CSC or COO: an entry that is stored, also a zero, is a label, and all others are missing."
        )
    if y.ndim != 2:
        raise ValueError(f"A sparse y should be 2d, one column per task; got shape {y.shape}. Use y.reshape(-1, 1).")
    if not _is_numeric(y.dtype):
        if y.dtype.kind == "c":
            raise ValueError(f"Complex data not supported: y is a sparse array of {y.dtype}.")
        raise ValueError(f"Unknown label type: y is a sparse array of {y.dtype}. Its labels must be numbers or bools.")
    data = csc_array(y, copy=True)
    data.sum_duplicates()
    if data.nnz < y.nnz:
        row, column = _repeated_cell(y.tocoo())
        raise ValueError(
            f"y stores two labels for one cell: row {row}, column {column} ({y.nnz - data.nnz} such label(s) in all). "
            "Keep one of them, or their mean."
        )
    return data


def _repeated_cell(y):
    """Row and column of the first cell that is stored twice."""
    cells = y.row.astype(np.int64) * y.shape[1] + y.col
    cells.sort()
    return divmod(int(cells[:-1][cells[1:] == cells[:-1]][0]), y.shape[1])


def _is_numeric(dtype):
    return getattr(dtype, "kind", "O") in "biuf"


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


def _sentinel(missing_label):
    """`missing_label` as a Python scalar; None where it is one of the values that always are missing."""
    if isinstance(missing_label, np.generic):
        missing_label = missing_label.item()
    if type(missing_label).__name__ in MISSING_TYPES:
        return None
    if not isinstance(missing_label, (str, Number)):
        raise ValueError(f"missing_label must be one number, string, NaN or None; got {missing_label!r}.")
    return missing_label if missing_label == missing_label else None


# From columns to numbers


def _read(data, names, sentinel):
    """Return values (n, T), labels by column, dtypes."""
    if isinstance(data, np.ndarray):
        mask = np.ma.getmaskarray(data) if np.ma.isMaskedArray(data) else None
        data = np.asarray(data)
        if data.dtype == object and set(map(type, data.flat)) == {float}:
            data = data.astype(np.float64)  # a list of numbers: all columns at once
        if _is_numeric(data.dtype) and _fits_float64(data):
            return with_gaps(data, _union(mask, _equals(data, sentinel))), {}, [data.dtype] * data.shape[1]
        data = [_Column(data[:, j], None if mask is None else mask[:, j]) for j in range(data.shape[1])]
    values, labels, dtypes = np.empty((len(data[0].array), len(data))), {}, []
    for j, column in enumerate(data):
        values[:, j], found, dtype = _read_column(column, names[j], sentinel)
        dtypes.append(dtype)
        if found is not None:
            labels[j] = found
    return values, labels, dtypes


def _read_sparse(data, names, sentinel):
    """Return values (n, T) as CSC, labels by column, dtypes."""
    n_tasks, labels = data.shape[1], {}
    if _fits_float64(data.data):
        cells = with_gaps(data.data, _equals(data.data, sentinel))
    else:
        cells = np.empty(data.nnz)
        for j in range(n_tasks):
            part = slice(data.indptr[j], data.indptr[j + 1])
            cells[part], found, _ = _read_column(_Column(data.data[part]), names[j], sentinel)
            if found is not None:
                labels[j] = found
    dtypes, kept = [data.dtype] * n_tasks, ~np.isnan(cells)
    if kept.all():
        return csc_array((cells, data.indices, data.indptr), shape=data.shape), labels, dtypes
    indptr = np.concatenate([[0], np.cumsum(kept)])[data.indptr]
    return csc_array((cells[kept], data.indices[kept], indptr), shape=data.shape), labels, dtypes


def _read_column(column, name, sentinel):
    """Return values (n,), the labels that they are positions in or None, and the dtype of the labels."""
    array, gaps = column.array, column.gaps
    kind = array.dtype.kind
    if kind in "OT":  # T: numpy's own strings of variable length
        array, gaps = _narrow(array.astype(object, copy=False), gaps, name, sentinel)
    elif kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r} of y is {array.dtype}.")
    elif kind not in "biufU":
        raise _unknown_label_type(name, array.dtype)
    if array.ndim != 1:
        raise _unknown_label_type(name, "arrays")
    gaps = _union(gaps, _equals(array, sentinel))
    if array.dtype.kind in "OU" or column.categorical or not _fits_float64(array if gaps is None else array[~gaps]):
        return (*_positions(array, gaps), array.dtype)
    return with_gaps(array, gaps), None, array.dtype


def _equals(array, sentinel):
    """Mask of the cells that hold the sentinel; None where none can. True is not 1 here."""
    kind = array.dtype.kind
    fits = {str: kind == "U", bool: kind == "b"}.get(type(sentinel), kind in "iuf")
    return array == sentinel if sentinel is not None and fits else None


def _union(gaps, more):
    if gaps is None or more is None:
        return more if gaps is None else gaps
    return gaps | more


def with_gaps(array, gaps):
    """`array` in float64 with NaN in the gaps: the array itself, or float32, where nothing is to do."""
    if gaps is None or not gaps.any():
        return array if array.dtype == np.float32 else array.astype(np.float64, copy=False)
    values = array.astype(np.float64)
    values[gaps] = np.nan
    return values


def _fits_float64(array):
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or not array.size:
        return True
    return array.max() <= LONGEST_EXACT_INTEGER and array.min() >= -LONGEST_EXACT_INTEGER


def _positions(array, gaps):
    """Return float positions (n,) in the sorted labels, NaN in the gaps, and the labels."""
    cells = array.tolist()
    observed = cells if gaps is None else array[~gaps].tolist()
    labels = sorted(set(observed))
    position = {label: j for j, label in enumerate(labels)}
    values = np.full(len(array), np.nan)
    values[slice(None) if gaps is None else ~gaps] = np.fromiter(map(position.get, observed), float, len(observed))
    return values, np.array(labels, dtype=array.dtype)


def _narrow(array, gaps, name, sentinel):
    """Return an object array as bool, int64 or float64, or as it is where it holds text; and its gaps."""
    gaps = _union(gaps, _object_gaps(array, name, sentinel))
    observed = array[~gaps]
    kinds = {cell_kind(cell_type) for cell_type in set(map(type, observed))}
    if "text" in kinds:
        if len(kinds) > 1:
            text, number = (next(v for v in observed if isinstance(v, str) == is_text) for is_text in (True, False))
            raise ValueError(
                f"Column {name!r} of y mixes text and numbers, such as {text!r} and {number!r}, which have no common "
                "order. Make them all text or all numbers; if one of them stands for a missing label, name it in "
                "missing_label."
            )
        return array, gaps
    dtype = np.float64 if "float" in kinds or not kinds else np.int64 if "int" in kinds else bool
    narrowed = np.zeros(len(array), dtype=dtype)
    try:
        narrowed[~gaps] = observed.astype(dtype)
    except OverflowError:
        raise ValueError(
            f"Column {name!r} of y has an integer that does not fit into 64 bits. Pass these labels as text."
        ) from None
    return narrowed, gaps


def _object_gaps(array, name, sentinel):
    """Mask of the cells that are None, NaN, pd.NA, pd.NaT or the sentinel."""
    types = set(map(type, array))
    for cell_type in types:
        if cell_kind(cell_type) is None:
            raise _unknown_cell(name, cell_type, next(v for v in array if type(v) is cell_type))
    gaps = np.zeros(len(array), dtype=bool)
    absent = {t for t in types if cell_kind(t) == "missing"}
    if absent or any(cell_kind(t) == "float" for t in types):  # only these may differ from themselves
        gaps[:] = [type(v) in absent or v != v for v in array]
    if sentinel is not None:
        is_bool = isinstance(sentinel, bool)
        found = [v == sentinel and isinstance(v, (bool, np.bool_)) == is_bool for v in array[~gaps]]
        gaps[np.flatnonzero(~gaps)[found]] = True
    return gaps


def cell_kind(cell_type):
    """`missing`, `text`, `bool`, `int` or `float`; None for anything else."""
    if cell_type.__name__ in MISSING_TYPES:
        return "missing"
    kinds = {str: "text", bool: "bool", np.bool_: "bool", Integral: "int", Real: "float", Decimal: "float"}
    return next((kind for base, kind in kinds.items() if issubclass(cell_type, base)), None)


def _unknown_cell(name, cell_type, example):
    if issubclass(cell_type, Complex):
        return ValueError(f"Complex data not supported: column {name!r} of y holds {example!r}.")
    if issubclass(cell_type, (list, tuple, np.ndarray)):
        return ValueError(
            f"y should be 1d or 2d, with rows of equal length; column {name!r} holds the {cell_type.__name__} "
            f"{example!r}."
        )
    return _unknown_label_type(name, f"{cell_type.__name__} values such as {example!r}")


def _unknown_label_type(name, what):
    return ValueError(
        f"Unknown label type: column {name!r} of y holds {what}. Labels must be numbers, bools or text: convert the "
        "column, a date for example to a number of days, or leave it out."
    )
