"""Folds for out-of-fold predictions: at random and stratified, or as the user says."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from ..estimators._seeds import draw_seed
from ..model_selection import MultiTaskKFold
from ..model_selection._folds import row_numbers
from ._members import Fold


def make_folds(cv, X, y, labels, rng, owner):
    """Return the folds of `cv`: an int, None for 5, or a splitter or iterable of pairs."""
    cv = 5 if cv is None else cv
    if not isinstance(cv, Integral):
        return [_fold(train, test, k) for k, (train, test) in enumerate(pairs(cv, X, y, owner), start=1)]
    cv = MultiTaskKFold(int(cv), tasks=list(labels.kinds), shuffle=True, random_state=draw_seed(rng))
    with warnings.catch_warnings():
        # Nothing to be done about it: the rows that a fold cannot predict are left out.
        warnings.filterwarnings("ignore", message="y has fewer labels than n_splits", category=UserWarning)
        found = list(cv.split(labels.values, labels.values))
    return [_fold(train, test, k) for k, (train, test) in enumerate(found, start=1)]


def pairs(cv, X, y, owner):
    """Return the pairs (train, test) of a splitter or iterable, as positions of rows."""
    try:
        return [(row_numbers(train), row_numbers(test)) for train, test in check_cv(cv).split(X, y)]
    except ValueError as error:
        raise ValueError(
            f"The cv parameter of {owner}, {cv!r}, makes no folds of these data: {error} Pass the folds themselves: "
            "with groups cv=list(GroupKFold(5).split(X, y, groups)), by the classes of one task "
            "cv=list(StratifiedKFold(5).split(X, classes))."
        ) from error


def _fold(train, test, number):
    return Fold(train, np.sort(test), number)
