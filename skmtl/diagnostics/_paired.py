"""Two estimators on the same folds with the same seeds: their scores by task, and what they took."""

import copy
import time
import warnings
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from .._observed import by_row
from ..ensemble._members import SKIPS, parameters_named, weight_parameter
from ..estimators._core import core
from ..estimators._seeds import draw_seed
from ..model_selection import MultiTaskKFold
from ..model_selection._folds import no_half_fits, row_numbers


@dataclass(frozen=True)
class Fold:
    """Rows to train on and to score, and the seed of all that is fitted there."""

    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray
    seed: int
    split: int  # the same for folds of the same rows


@dataclass
class FoldResult:
    """What came of a fold. A row for each estimator; `label_ratio` is test labels for each training label, by task."""

    repeat: int
    number: int
    split: int
    scores: np.ndarray  # (2, T)
    label_ratio: np.ndarray  # (T,)
    seconds: list
    parameters: list
    n_unfinished: int


def make_folds(cv, n_repeats, groups, X, y, targets, missing_label, random_state, owner):
    """Return the folds, repeat by repeat.

    Parameters
    ----------
    cv : int, splitter, iterable of pairs of rows, or None
    n_repeats : int
    groups : array-like of shape (n,) or None
    X, y : as for the network
    targets : Targets
        Says which columns are classes.
    missing_label : scalar
    random_state : int, RandomState instance or None
    owner : str
        Who asks, for the error texts.
    """
    if not isinstance(n_repeats, Integral) or isinstance(n_repeats, bool) or n_repeats < 1:
        raise ValueError(f"The n_repeats parameter of {owner} must be an integer of at least 1; got {n_repeats!r}.")
    rng = check_random_state(random_state)
    splitter, folds, splits = _splitter(5 if cv is None else cv, targets, missing_label), [], {}
    for repeat in range(n_repeats):
        for number, pair in enumerate(_split(_seeded(splitter, rng), X, y, groups)):
            train, test = map(row_numbers, pair)
            split = splits.setdefault((train.tobytes(), test.tobytes()), len(splits))
            folds.append(Fold(repeat, number, train, test, draw_seed(rng), split))
    return folds


def _splitter(cv, targets, missing_label):
    if not isinstance(cv, Integral):
        return check_cv(cv)
    tasks = dict(zip(targets.names, targets.kinds, strict=True))
    return MultiTaskKFold(int(cv), tasks=tasks, shuffle=True, missing_label=missing_label)


def _split(splitter, X, y, groups):
    """Return the pairs of rows; that a task has few labels is said by the number of its folds."""
    with warnings.catch_warnings():
        if isinstance(splitter, MultiTaskKFold):
            warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(X, y, groups))


def _seeded(splitter, rng):
    """A splitter that would draw its own seed gets one: other folds in each repeat, and the same in each call."""
    if getattr(splitter, "random_state", 0) is None and getattr(splitter, "shuffle", True):
        splitter = copy.copy(splitter)
        splitter.random_state = draw_seed(rng)
    return splitter


def run_pairs(estimators, X, y, weights, folds, *, scoring, n_jobs, verbose, owner):
    """Fit and score all estimators on all folds.

    Parameters
    ----------
    estimators : list of estimator
    X, y : all rows
    weights : ndarray of shape (n, 1) or (n, n_columns), or CSR array of the latter, or None
        Of the rows, or of the labels, in fits and in scores.
    folds : list of Fold
    scoring : TaskScoring
    n_jobs : int or None
    verbose : int
        Above 0, a line is printed after each fold.
    owner : str
        Who asks: starts that line.

    Returns
    -------
    results : list of FoldResult
        In the order of the folds; those that were done when the user interrupted, with a warning that says so.

    Raises
    ------
    KeyboardInterrupt
        If no fold was done.
    """
    y = by_row(y)
    work = (delayed(_run_fold)(estimators, (X, y, weights), fold, scoring) for fold in folds)
    done, start = [], time.perf_counter()
    results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(work)
    try:
        for result in results:
            if result is None:
                raise KeyboardInterrupt
            done.append(result)
            if verbose:
                _say(owner, len(done), len(folds), time.perf_counter() - start)
    except KeyboardInterrupt:
        results.close()
        if not done:
            raise
        warnings.warn(f"{owner} was interrupted: {len(done)} of {len(folds)} folds are reported.", stacklevel=3)
    return sorted(done, key=lambda result: (result.repeat, result.number))


def _say(owner, n_done, n_all, seconds):
    left = seconds / n_done * (n_all - n_done)
    print(f"[{owner}] fold {n_done} of {n_all}, {seconds:.0f} s, about {left:.0f} s to go", flush=True)


def _run_fold(estimators, data, fold, scoring):
    """Fit and score all estimators on a fold; None where the user interrupts."""
    train, test = (
        [None if part is None else _safe_indexing(part, rows) for part in data] for rows in (fold.train, fold.test)
    )
    try:
        fitted, seconds = zip(*(_fit(estimator, *train, fold.seed) for estimator in estimators), strict=True)
        scores = np.stack([scoring(each, *test) for each in fitted])
    except KeyboardInterrupt:
        return None
    networks = [core(each, fitted=True) for each in fitted]
    n_test, n_train = scoring.count(*test[1:]), scoring.count(*train[1:])
    return FoldResult(
        fold.repeat,
        fold.number,
        fold.split,
        scores,
        np.divide(n_test, n_train, out=np.full(len(n_test), np.nan), where=n_train > 0),
        list(seconds),
        [sum(p.numel() for p in net.net_.module_.parameters() if p.requires_grad) for net in networks],
        sum(net.net_.complaint is not None for net in networks),
    )


def _fit(estimator, X, y, weights, seed):
    """Return a fitted clone, and the seconds that it took."""
    model = clone(estimator)
    given = model.get_params()
    seeds = {name: seed for name in parameters_named("random_state", model) if given[name] is None}
    model.set_params(**seeds, **dict.fromkeys(parameters_named("on_empty_task", model), "skip"))
    core(model).set_params(random_state=seed)
    if weights is not None and weights.shape[1] == 1:
        weights = weights[:, 0]
    weighted = {} if weights is None else {weight_parameter(model): weights}
    start = time.perf_counter()
    with no_half_fits():
        warnings.filterwarnings("ignore", message=SKIPS)  # with few labels, some folds must
        warnings.simplefilter("ignore", ConvergenceWarning)  # said once, of all fits
        model.fit(X, y, **weighted)
    return model, time.perf_counter() - start
