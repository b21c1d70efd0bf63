"""The candidates of a search over task weights in one fold: fitted side by side where that can be done, and scored."""

import time
from dataclasses import dataclass, field

from sklearn.base import clone
from sklearn.model_selection._validation import _score
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from ..estimators._seeds import draw_seed
from ._folds import no_half_fits


@dataclass
class Result:
    """What became of a candidate in a fold.

    Attributes
    ----------
    scores : dict
        As scikit-learn's searches keep them: "test_scores", "fit_time", ...
    tasks : dict of task name to float
        Test score of each task.
    error : Exception or None
        Why there are no scores.
    """

    scores: dict = field(default_factory=dict)
    tasks: dict = field(default_factory=dict)
    error: Exception | None = None

    def as_dict(self, like, error_score):
        """The scores; those of a failure in the form of others."""
        if self.error is None:
            return self.scores
        failed = {
            name: dict.fromkeys(value, error_score) if isinstance(value, dict) else error_score
            for name, value in like.items()
        }
        return failed | self.scores


def evaluate_fold(
    estimator,
    candidates,
    X,
    y,
    train,
    test,
    fit_params,
    score_params,
    *,
    scorer,
    task_scorer,
    return_train_score,
    error_score,
):
    """Fit all candidates to the training rows of a fold, and score them on its test rows.

    Parameters
    ----------
    estimator : estimator
        A clone.
    candidates : list of dict
        Its parameters.
    X, y : array-like
        All rows.
    train, test : ndarray of int
        Those of the fold.
    fit_params, score_params : dict
        What `fit` and the scorer get beside X and y.
    scorer : callable
        Returns a score, or a dict of several.
    task_scorer : TaskScorer
        Says what the tasks are scored by.
    return_train_score : bool
        Whether to score the training rows, too.
    error_score : "raise" or float
        Of a candidate that fails.

    Returns
    -------
    results : list of Result
    """
    _seed(estimator)
    parts = {"test": _safe_split(estimator, X, y, test, train), "train": _safe_split(estimator, X, y, train)}
    weights = {name: _check_method_params(X, score_params, rows) for name, rows in (("test", test), ("train", train))}
    if not return_train_score:
        del weights["train"]
    results = []
    fits = _fits(estimator, candidates, *parts["train"], _check_method_params(X, fit_params, train))
    for fitted, fit_time in fits:
        if isinstance(fitted, Exception):
            if error_score == "raise":
                raise fitted
            results.append(Result({"fit_time": fit_time, "score_time": 0.0}, error=fitted))
            continue
        started, result = time.perf_counter(), Result({"fit_time": fit_time})
        for name, params in weights.items():
            scores, tasks = _scores(fitted, *parts[name], scorer, task_scorer, params, error_score)
            result.scores[f"{name}_scores"] = scores
            if name == "test":
                result.scores["score_time"] = time.perf_counter() - started
                result.tasks = tasks
        results.append(result)
    return results


def _seed(estimator):
    """Give all networks of a fold the same seed, where they have none."""
    found = estimator.get_params()
    for name, value in found.items():
        if name.rpartition("__")[2] == "random_state" and value is None:
            estimator.set_params(**{name: draw_seed(check_random_state(None))})


def _scores(fitted, X, y, scorer, task_scorer, params, error_score):
    """What the scorer says, and the score of each task."""
    if scorer is task_scorer:
        try:
            tasks = scorer.score_tasks(fitted, X, y, **params)
            return scorer.figures(tasks), tasks
        except Exception:
            return _score(fitted, X, y, scorer, params, error_score), {}  # which says it as scikit-learn does
    scores = _score(fitted, X, y, scorer, params, error_score)
    own = {name: value for name, value in params.items() if name == "sample_weight"}
    return scores, task_scorer.score_tasks(fitted, X, y, **own)


def _fits(estimator, candidates, X, y, params):
    """Yield for each candidate a fitted estimator, or the error that it raised, and the seconds that it took."""
    started = time.perf_counter()
    together = _fit_together(estimator, candidates, X, y, params)
    if together is not None:
        each = (time.perf_counter() - started) / len(candidates)
        yield from ((fitted, each) for fitted in together)
        return
    for candidate in candidates:
        started = time.perf_counter()
        try:
            with no_half_fits():
                fitted = clone(estimator).set_params(**clone(candidate, safe=False)).fit(X, y, **params)
        except Exception as error:
            fitted = error
        yield fitted, time.perf_counter() - started


def _fit_together(estimator, candidates, X, y, params):
    """Fitted estimators, and errors of others; None where they cannot be fitted side by side."""
    is_pipeline = type(estimator) is Pipeline
    name, last = estimator.steps[-1] if is_pipeline else ("", estimator)
    prefix = f"{name}__" if is_pipeline else ""
    own = {key.removeprefix(prefix): value for key, value in params.items() if key.startswith(prefix)}
    if not hasattr(last, "fit_candidates") or len(own) < len(params) or not own.keys() <= {"sample_weight"}:
        return None
    before = None
    if is_pipeline and len(estimator.steps) > 1:
        before = Pipeline(clone(estimator).steps[:-1], memory=estimator.memory)
    try:
        with no_half_fits():
            X = X if before is None else before.fit_transform(X, y)
            found = last.fit_candidates(X, y, [candidate[f"{prefix}task_weights"] for candidate in candidates], **own)
    except Exception as error:
        return [error] * len(candidates)
    if found is None or before is None:
        return found
    return [model if isinstance(model, Exception) else Pipeline([*before.steps, (name, model)]) for model in found]
