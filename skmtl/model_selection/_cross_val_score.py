"""cross_val_score_tasks: the score of each task in each fold."""

import time
import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.utils import indexable

from ..metrics import TaskMetric, TaskScorer
from ._folds import make_splits, run


def cross_val_score_tasks(
    estimator, X, y, *, groups=None, cv=None, scoring="default", n_jobs=None, verbose=0, params=None
):
    """Score each task in each fold, by an estimator that was fitted to the other folds.

    Parameters
    ----------
    estimator : estimator
        Any that takes this X and y, for example one of this package, or a pipeline or search around it. It is cloned.
    X : array-like, DataFrame or sparse array of shape (n, ...)
        Inputs.
    y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
        Labels with gaps; passed on as they are.
    groups : array-like of shape (n,), default=None
        Groups of rows, for `cv`.
    cv : int, splitter, iterable of pairs of row numbers, or None, default=None
        An int means that many folds of a `MultiTaskKFold`, None five.
    scoring : str, TaskMetric, dict of these by task name or kind, TaskScorer or callable, default="default"
        What each task is scored by, as the metric of ``skmtl.metrics.score_by_task``: by default R² or accuracy. A
        callable is a scorer, ``scoring(estimator, X, y)``, that returns a dict by task name.
    n_jobs : int, default=None
        Folds that are fitted at the same time. None is 1, -1 all cores.
    verbose : int, default=0
        Above 0, a line is printed for each fold.
    params : dict, default=None
        What `fit` gets beside X and y, such as ``{"sample_weight": weights}``; what has an entry a row is split, too.

    Returns
    -------
    scores : CrossValidatedScores
        With `frame()`, and means and standard deviations by task. After an interrupt, with the folds that were
        finished.

    Warns
    -----
    UserWarning
        If it was interrupted after the first fold.

    See Also
    --------
    cross_val_predict : The predictions themselves.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.linear_model import Ridge
    >>> from skmtl.model_selection import cross_val_score_tasks
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> cross_val_score_tasks(Ridge(), X, Y, cv=2, scoring="neg_mae")
                mean       std  folds
    Weight    -16.56     7.554      2
    Waist     -1.702    0.5783      2
    Pulse     -6.589    0.2605      2
    mean      -8.284     2.624
    """
    X, y, groups = indexable(X, y, groups)
    splits = make_splits(cv, estimator, X, y, groups)
    work = _Score(_scorer(scoring))
    done = []
    try:
        settings = {"n_jobs": n_jobs, "verbose": verbose, "owner": "cross_val_score_tasks"}
        for result in run(work, estimator, X, y, splits, params, **settings):
            done.append(result)
    except KeyboardInterrupt:
        if not done:
            raise
        warnings.warn(
            f"Interrupted: the scores are those of {len(done)} of the {len(splits)} folds.", UserWarning, stacklevel=2
        )
    return CrossValidatedScores(*zip(*done, strict=True))


class CrossValidatedScores:
    """Scores of each task in each fold; `cross_val_score_tasks` makes it.

    Parameters
    ----------
    scores : sequence of dict of task name to float
        One for each fold; what a fold lacks is NaN.
    fit_times, score_times : sequence of float
        Seconds that each fold took.

    Attributes
    ----------
    task_names : list of length n_tasks
        Names of the tasks that were scored.
    scores : ndarray of shape (n_folds, n_tasks)
        The higher, the better; NaN where a task could not be scored.
    mean, std : dict of task name to float
        Mean over the folds, and standard deviation (of n - 1), which says how much folds differ, not how well the mean
        is known: folds share their training rows. NaN where there are no scores, or of the deviation less than two.
    fit_times, score_times : ndarray of shape (n_folds,)
        Seconds.

    See Also
    --------
    cross_val_score_tasks : Where it comes from.

    Examples
    --------
    >>> from skmtl.model_selection import CrossValidatedScores
    >>> scores = CrossValidatedScores([{"a": 0.5, "b": 1.0}, {"a": 0.7}], [1.0, 1.0], [0.0, 0.0])
    >>> scores.mean
    {'a': 0.6, 'b': 1.0}
    """

    def __init__(self, scores, fit_times, score_times):
        self.task_names = list(dict.fromkeys(name for fold in scores for name in fold))
        self.scores = np.array([[fold.get(name, np.nan) for name in self.task_names] for fold in scores], dtype=float)
        self.fit_times, self.score_times = np.array(fit_times), np.array(score_times)
        self.mean = dict(zip(self.task_names, map(_mean, self.scores.T), strict=True))
        self.std = dict(zip(self.task_names, map(_std, self.scores.T), strict=True))

    def frame(self):
        """Return the scores as a DataFrame.

        Returns
        -------
        frame : DataFrame of shape (n_folds, n_tasks)
            A row a fold, a column a task; needs pandas.
        """
        import pandas as pd

        return pd.DataFrame(self.scores.copy(), columns=self.task_names).rename_axis(index="fold")

    def __repr__(self):
        width = max(4, *(len(str(name)) for name in self.task_names))
        lines = [f"{'':<{width}}  {'mean':>8}  {'std':>8}  folds"]
        for j, name in enumerate(self.task_names):
            n = np.count_nonzero(~np.isnan(self.scores[:, j]))
            lines.append(f"{name!s:<{width}}  {self.mean[name]:8.4g}  {self.std[name]:8.4g}  {n:>5}")
        if len(self.task_names) > 1:
            means = np.array([_mean(fold) for fold in self.scores])
            lines.append(f"{'mean':<{width}}  {_mean(means):8.4g}  {_std(means):8.4g}")
        return "\n".join(lines)


class _Score:
    """Scores a fitted estimator."""

    def __init__(self, scorer):
        self.scorer = scorer

    def __call__(self, estimator, X, y, fit_time):
        started = time.perf_counter()
        scores = self.scorer(estimator, X, y)
        if not isinstance(scores, Mapping):
            raise TypeError(f"scoring must return a dict by task name; {self.scorer!r} returned {scores!r}.")
        return scores, fit_time, time.perf_counter() - started


def _scorer(scoring):
    if isinstance(scoring, TaskScorer):
        return scoring.score_tasks
    if callable(scoring) and not isinstance(scoring, TaskMetric):
        return scoring
    return TaskScorer(scoring, None)


def _mean(values):
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else np.nan


def _std(values):
    values = values[~np.isnan(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan
