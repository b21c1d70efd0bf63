"""Fits to the training rows of each fold, in parallel or one after the other, with y as it is."""

import re
import time
import warnings
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import check_cv
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

from ..metrics._scorer import missing_label_of
from ._split import MultiTaskKFold

#: How networks, ours and scikit-learn's, say that they were stopped by hand.
INTERRUPTED = "Training interrupted by user"


def make_splits(cv, estimator, X, y, groups):
    """Return the pairs (train, test) of row numbers of `cv`: an int, None for 5, a splitter or an iterable of pairs."""
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        cv = MultiTaskKFold(int(cv), tasks=_kinds_of(estimator), missing_label=missing_label_of(estimator))
    splits = [(row_numbers(train), row_numbers(test)) for train, test in check_cv(cv).split(X, y, groups)]
    if not splits:
        raise ValueError(f"cv={cv!r} has no split. Pass an int, a splitter, or at least one pair of row numbers.")
    return splits


def run(work, estimator, X, y, splits, params, *, n_jobs, verbose, owner):
    """Fit to each fold, and yield what `work` makes of the fitted estimator and the test rows."""
    jobs = (delayed(_fit)(work, clone(estimator), X, y, train, test, params) for train, test in splits)
    started = time.perf_counter()
    for k, result in enumerate(Parallel(n_jobs=n_jobs, return_as="generator")(jobs), start=1):
        if verbose:
            print(f"[{owner}] fold {k} of {len(splits)}, {time.perf_counter() - started:.1f} s")
        yield result


def _fit(work, estimator, X, y, train, test, params):
    X_train, y_train = _safe_split(estimator, X, y, train)
    X_test, y_test = _safe_split(estimator, X, y, test, train)
    started = time.perf_counter()
    with no_half_fits():
        estimator.fit(X_train, y_train, **_check_method_params(X, params or {}, train))
    return work(estimator, X_test, y_test, time.perf_counter() - started)


@contextmanager
def no_half_fits():
    """Let no network take an interrupt for itself: it would stop, and the next fold begin."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=INTERRUPTED)
        try:
            yield
        except UserWarning as warning:
            if re.match(INTERRUPTED, str(warning)):
                raise KeyboardInterrupt from warning
            raise


def _kinds_of(estimator):
    """What an estimator says of the kinds of its tasks, in the form that a splitter takes."""
    if is_regressor(estimator):
        return "regression"
    if is_classifier(estimator):
        return "classification"
    found = estimator.get_params()
    names = [name for name in found if name.rpartition("__")[2] == "tasks"]
    return found[min(names, key=len)] if names else "auto"


def row_numbers(given):
    """Positions of rows, which may be given as a mask."""
    given = np.asarray(given)
    return np.flatnonzero(given) if given.dtype == bool else given
