"""Reading X column by column: arrays of objects, pandas and polars frames -> numbers, or the labels of categories.

pandas and polars are known by their attributes and never imported.
"""

import numpy as np

from .._cells import MISSING_TYPES, cell_kind, with_gaps
from .._containers import pandas_column, polars_column

_NUMBERS = {"missing", "int", "float"}
_REMEDY = (
    "Convert it to numbers, a date for example to a number of days, list it in categorical_features if its values are "
    "categories, or leave it out."
)


def is_frame(X):
    """Whether X is a pandas or polars DataFrame."""
    return hasattr(X, "iloc") or hasattr(X, "get_columns")


def is_array_of_numbers(X):
    """Whether X is an array of numbers or bools."""
    return isinstance(X, np.ndarray) and X.dtype.kind in "biuf"


def open_columns(X):
    """Return the names of the columns, None of an array, and the columns: Series, or arrays."""
    if hasattr(X, "iloc"):  # pandas
        return list(X.columns), [series for _, series in X.items()]
    if hasattr(X, "get_columns"):  # polars
        return list(X.columns), X.get_columns()
    return None, list(X.T)


def whole_frame(X):
    """Return a DataFrame of numbers of one dtype as an array, in its memory if it can be; None of any other X."""
    if not is_frame(X):
        return None
    dtype, *others = set(X.dtypes)
    if others:
        return None
    in_numpy = isinstance(dtype, np.dtype) and _is_number(dtype)
    in_polars = hasattr(dtype, "is_float") and dtype.is_float()  # whose nulls become NaN
    return X.to_numpy() if in_numpy or in_polars else None


def called(name):
    """A column as error texts speak of it, by its name or its position."""
    return f"Column {name!r} of X"


def holds_categories(column, name):
    """Whether a column of a frame is one of categories: its dtype says it, or else what it holds.

    Text is, and what the frame itself calls categorical; objects are, unless all of them are numbers.

    Raises
    ------
    ValueError
        If it holds dates or the like, which are neither.
    """
    dtype = column.dtype
    if hasattr(dtype, "categories") or str(dtype) == "String":  # the latter is polars'
        return True
    if _is_number(dtype):
        return False
    cells, _ = _open(column)
    if cells.dtype.kind != "O":
        raise ValueError(f"{called(name)} holds values of dtype {dtype}. {_REMEDY}")
    kinds = {cell_kind(cell_type): cell_type for cell_type in set(map(type, cells))}
    if None in kinds:
        raise ValueError(f"{called(name)} holds {kinds[None].__name__} values. {_REMEDY}")
    return not kinds.keys() <= _NUMBERS


def _is_number(dtype):
    """Whether these are numbers or bools, by numpy's and pandas' letter or by polars' word."""
    if hasattr(dtype, "is_numeric"):
        return dtype.is_numeric() or str(dtype) == "Boolean"
    return dtype.kind in "biuf"


def _is_float32(column):
    return str(column.dtype).lower() == "float32"


def common_dtype(columns):
    """float32 where all columns hold that, else float64."""
    return np.dtype(np.float32 if all(map(_is_float32, columns)) else np.float64)


def _open(column):
    """The cells as an array, and where they are missing, if the frame says so."""
    if isinstance(column, np.ndarray):
        return column, None
    opened = pandas_column(column) if hasattr(column, "iloc") else polars_column(column)
    return opened.array, opened.gaps


def read_numbers(column, name):
    """Return the column as float64 or float32, NaN where a value is missing."""
    cells, gaps = _open(column)
    if cells.dtype.kind in "biuf":
        return with_gaps(cells, gaps)
    if cells.dtype.kind != "O":
        raise ValueError(f"{called(name)} holds values of dtype {column.dtype}. {_REMEDY}")
    try:
        return cells.astype(np.float64)
    except (TypeError, ValueError):
        pass
    absent = [type(cell).__name__ in MISSING_TYPES for cell in cells]
    try:
        return np.where(absent, np.nan, cells).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{called(name)} is a column of numbers, but not all of its values are: {error}. If they are categories, "
            "list the column in categorical_features, or pass a DataFrame and categorical_features='from_dtype'."
        ) from None


def read_labels(column, name):
    """Return for each row the position of its label, -1 where it is missing, and the labels, each of them once."""
    try:
        if hasattr(column, "iloc"):
            codes, labels = _factorize_pandas(column)
        else:
            codes, labels = _factorize(*_open(column))
    except TypeError as error:
        raise ValueError(f"{called(name)} has values that cannot be categories: {error}.") from None
    absent = [type(label).__name__ in MISSING_TYPES or label != label for label in labels]
    return (np.where(np.append(absent, False)[codes], -1, codes) if any(absent) else codes), labels


def _factorize_pandas(series):
    if hasattr(series.dtype, "categories"):
        return series.cat.codes.to_numpy(dtype=np.intp), series.dtype.categories.tolist()
    codes, labels = series.factorize()
    return codes, labels.tolist()


def _factorize(cells, gaps):
    if cells.dtype.kind == "O":
        first = {}
        codes = np.fromiter((first.setdefault(cell, len(first)) for cell in cells), np.intp, len(cells))
        labels = list(first)
    else:
        found, codes = np.unique(cells, return_inverse=True)
        labels = found.tolist()
    return (codes if gaps is None else np.where(gaps, -1, codes)), labels
