"""Categories in X: which columns have them, and the code that each label gets."""

from numbers import Integral, Number

import numpy as np

from .._columns import listing
from .._component import nearest
from ._features import called, holds_categories

#: Labels of fewer training rows than this, and than this share of them, go together: they say too little each.
MIN_FREQUENCY = 5
_MIN_SHARE = 0.05

PARAMETER = "categorical_features"


class Categories:
    """The labels of one column, and the codes 0, ..., n_codes - 1 that they get.

    First come the frequent labels in their order, then all rare ones together, then a missing value; the latter two if
    there were any.

    Parameters
    ----------
    positions : ndarray of int of shape (n,)
        Position in `labels` of each training row, -1 where the value is missing.
    labels : list
    name : str or int
        Name of the column, for the error texts.

    Attributes
    ----------
    n_codes : int
    tells_nothing : bool
        Whether there are several labels, and all of them are rare.
    unseen : float
        What a label gets that was not among the training rows, and a missing value if none was: the code of the rare
        ones. Where none were rare -1, or, of two codes, the share that the second had: it is between both.
    """

    def __init__(self, positions, labels, name):
        self._name = name
        n_missing, *counts = np.bincount(positions + 1, minlength=len(labels) + 1).tolist()
        counts = {label: count for label, count in zip(labels, counts, strict=True) if count}
        enough = min(MIN_FREQUENCY, np.ceil(_MIN_SHARE * len(positions)))
        frequent = _in_order(label for label, count in counts.items() if count >= enough)
        rare = float(len(frequent)) if len(frequent) < len(counts) else -1.0
        self.n_codes = len(frequent) + (rare >= 0)
        self.tells_nothing = len(counts) > 1 and not frequent
        self._code = dict.fromkeys(counts, rare) | {label: float(code) for code, label in enumerate(frequent)}
        self._families = set(map(_family, counts))
        self.unseen = self._missing = rare
        if n_missing:
            self._missing = float(self.n_codes)
            self.n_codes += 1
        if self.n_codes == 2 and rare < 0:
            self.unseen = float(np.mean(self.read(positions, labels)))
            self._missing = self._missing if n_missing else self.unseen

    def read(self, positions, labels):
        """Return the codes (n,) of rows, given as those of `fit`.

        Raises
        ------
        ValueError
            If there were numbers in the training rows and here is text only, or the other way round.
        """
        families = set(map(_family, labels))
        if families and self._families and not families & self._families:
            raise ValueError(
                f"{called(self._name)} has values such as {labels[0]!r}, but in fit such as "
                f"{next(iter(self._code))!r}. Pass categories as in fit: numbers or text."
            )
        return np.array([*(self._code.get(label, self.unseen) for label in labels), self._missing])[positions]


def _family(label):
    if isinstance(label, (Number, np.bool_)):
        return "number"
    return "text" if isinstance(label, str) else type(label).__name__


def _in_order(labels):
    """Labels in an order of their own, not that of rows: where they have none, in that of their texts."""
    labels = list(labels)
    try:
        return sorted(labels)
    except TypeError:
        return sorted(labels, key=str)


# Which columns


def categorical_columns(asked, names, columns):
    """Return the positions of the columns of categories, in their order.

    Parameters
    ----------
    asked : None, "from_dtype", or array-like of bool, int or str
        No column, those that the dtypes of a DataFrame say, or a mask, positions or names.
    names : list of length d, or None
        Names of the columns of X; None where it is an array.
    columns : list of length d
        The columns.

    Returns
    -------
    positions : ndarray of int

    Raises
    ------
    ValueError
        If the parameter names no column of X, or is of another form.
    """
    if asked is None:
        return np.empty(0, dtype=np.intp)
    if isinstance(asked, str):
        if asked != "from_dtype":
            is_name = names is not None and asked in names
            hint = f" Did you mean [{asked!r}]?" if is_name else nearest(asked, ["from_dtype"])
            raise ValueError(_another_form(repr(asked)) + hint)
        held = [] if names is None else map(holds_categories, columns, names)
        return np.flatnonzero(list(held))
    return np.unique(np.array(_positions(asked, names, len(columns)), dtype=np.intp))


def _positions(asked, names, n_columns):
    items = np.asarray(asked, dtype=object).reshape(-1).tolist()
    if all(isinstance(item, (bool, np.bool_)) for item in items):
        return _of_mask(items, n_columns)
    if all(isinstance(item, str) for item in items):
        return [j for name in items for j in _of_name(name, names)]
    if all(isinstance(item, Integral) and not isinstance(item, (bool, np.bool_)) for item in items):
        return [_of_position(item, n_columns) for item in items]
    raise ValueError(_another_form(f"a list of {sorted({type(item).__name__ for item in items})}"))


def _of_mask(mask, n_columns):
    if mask and len(mask) != n_columns:
        raise ValueError(
            f"{PARAMETER} as a mask needs one bool for each of the {n_columns} columns of X; got {len(mask)}."
        )
    return np.flatnonzero(mask)


def _of_name(name, names):
    if names is None:
        raise ValueError(
            f"{PARAMETER} names {name!r}, but X is no DataFrame: its columns have no names. Pass positions or a mask."
        )
    if name not in names:
        raise ValueError(
            f"{PARAMETER} names {name!r}, which is no column of X: these are {listing(names)}.{nearest(name, names)}"
        )
    return [j for j, other in enumerate(names) if other == name]


def _of_position(position, n_columns):
    if not 0 <= position < n_columns:
        raise ValueError(
            f"{PARAMETER} has the position {position}, but X has {n_columns} column(s): 0 to {n_columns - 1}."
        )
    return position


def _another_form(got):
    return f"{PARAMETER} must be 'from_dtype', None, or a list of bools, positions or names; got {got}."
