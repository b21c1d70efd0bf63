"""Containers of y: arrays, lists, pandas, polars and sparse arrays -> names, and an array or a list of columns.

pandas and polars are known by their attributes and never imported.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csc_array

SPARSE_FORMATS = ("csr", "csc", "coo")  # those that store single cells, zeros too


class Column(NamedTuple):
    """One column as its container holds it."""

    array: np.ndarray
    gaps: np.ndarray | None = None  # (n,) True where the container itself says that the label is missing
    categorical: bool = False


def open_dense(y):
    """Return the column names, or None, and the data: one array, or a list of `Column`."""
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
    if len(dtypes) == 1 and isinstance(dtype := dtypes.pop(), np.dtype) and is_numeric(dtype):
        return names, frame.to_numpy()
    return names, [pandas_column(series) for _, series in frame.items()]


def _open_polars(frame):
    names, dtypes = list(frame.columns), set(frame.dtypes)
    if len(dtypes) == 1 and dtypes.pop().is_float():
        return names, frame.to_numpy()  # nulls become NaN
    return names, [polars_column(series) for series in frame.get_columns()]


def pandas_column(series):
    """Return a pandas Series as `Column`."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return Column(series.to_numpy())
    if is_numeric(dtype) and hasattr(dtype, "numpy_dtype"):  # nullable or arrow
        array, numpy_dtype = series.array, dtype.numpy_dtype
        return Column(array.to_numpy(dtype=numpy_dtype, na_value=numpy_dtype.type(0)), np.asarray(array.isna()))
    if is_numeric(dtype):  # pandas' sparse
        return Column(np.asarray(series))
    if hasattr(dtype, "categories"):  # not to_numpy, which makes floats of integers where some are missing
        cells = np.append(dtype.categories.to_numpy(dtype=object), None)
        return Column(cells[series.cat.codes], categorical=True)  # code -1, missing, takes the None
    return Column(series.to_numpy(dtype=object))


def polars_column(series):
    """Return a polars Series as `Column`."""
    is_bool = str(series.dtype) == "Boolean"
    if series.null_count() and (is_bool or series.dtype.is_integer()):
        return Column(series.fill_null(False if is_bool else 0).to_numpy(), series.is_null().to_numpy())
    return Column(series.to_numpy())


def open_sparse(y, owner, accepted):
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
    if not is_numeric(y.dtype):
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


def is_numeric(dtype):
    """Whether a dtype of numpy or pandas is one of numbers or bools."""
    return getattr(dtype, "kind", "O") in "biuf"
