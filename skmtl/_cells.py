"""Cells of a column, numbers or objects -> floats with NaN in the gaps, or positions among the labels."""

from decimal import Decimal
from numbers import Complex, Integral, Number, Real

import numpy as np

MISSING_TYPES = {"NoneType", "NAType", "NaTType"}  # None, pd.NA, pd.NaT
LONGEST_EXACT_INTEGER = 2**53  # float64 holds every integer up to here


def sentinel_of(missing_label):
    """`missing_label` as a Python scalar; None where it is one of the values that always are missing."""
    if isinstance(missing_label, np.generic):
        missing_label = missing_label.item()
    if type(missing_label).__name__ in MISSING_TYPES:
        return None
    if not isinstance(missing_label, (str, Number)):
        raise ValueError(f"missing_label must be one number, string, NaN or None; got {missing_label!r}.")
    return missing_label if missing_label == missing_label else None


def read_column(column, name, sentinel):
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
    gaps = union(gaps, equals(array, sentinel))
    if array.dtype.kind in "OU" or column.categorical or not fits_float64(array if gaps is None else array[~gaps]):
        return (*_positions(array, gaps), array.dtype)
    return with_gaps(array, gaps), None, array.dtype


def equals(array, sentinel):
    """Mask of the cells that hold the sentinel; None where none can. True is not 1 here."""
    kind = array.dtype.kind
    fits = {str: kind == "U", bool: kind == "b"}.get(type(sentinel), kind in "iuf")
    return array == sentinel if sentinel is not None and fits else None


def union(gaps, more):
    """Mask of the cells that are gaps by either; None where there is none."""
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


def fits_float64(array):
    """Whether float64 holds all of these numbers exactly."""
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
    gaps = union(gaps, _object_gaps(array, name, sentinel))
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
