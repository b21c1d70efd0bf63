"""Folds for out-of-fold predictions: at random and stratified, or as the user says."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import check_cv

from ..model_selection import MultiTaskKFold
from ._members import Fold


def make_folds(cv, X, y, labels, rng):
    """Return the folds of `cv`: an int, None for 5, or a splitter or iterable of pairs."""
    cv = 5 if cv is None else cv
    if not isinstance(cv, Integral):
        found = check_cv(cv).split(X, y)
    else:
        seed = int(rng.randint(np.iinfo(np.int32).max))
        cv = MultiTaskKFold(int(cv), tasks=list(labels.kinds), shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            # Nothing to be done about it: the rows that a fold cannot predict are left out.
            warnings.filterwarnings("ignore", message="y has fewer labels than n_splits", category=UserWarning)
            found = list(cv.split(labels.values, labels.values))
    return [Fold(np.asarray(a), np.sort(np.asarray(b)), k) for k, (a, b) in enumerate(found, start=1)]
