"""choose_weights: from the scores of a search by task to the candidate to take."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._columns import listing
from .._component import nearest
from .._label_weights import by_name
from ..metrics import delta_m
from ..metrics._averages import AVERAGES

_PREFIX = "mean_test_"


def choose_weights(cv_results, *, max_loss=0.02, baseline=None, by="mean", tasks=None):
    """Return the candidate of a search with the best mean score among those that no task loses much by.

    Parameters
    ----------
    cv_results : dict, DataFrame or fitted search
        `cv_results_` of a search with a score for each task, as by
        ``scoring=make_task_scorer("r2", average=None)``, or a DataFrame of it, or the search.
    max_loss : float, default=0.02
        How much each task may lose, as a share of the absolute value of its score in the baseline: 0.02 is 2 %.
    baseline : dict or Series by task name, int or None, default=None
        What a task loses against: given scores, for example those of one model for each task; or those of a candidate,
        by its number. None is the candidate with equal task weights (all the same, or None), or else the first.
    by : {"mean", "delta_m"}, default="mean"
        What is to be best: the mean of the scores over tasks, or, where their units differ, that of the gains over the
        baseline, see ``skmtl.metrics.delta_m``.
    tasks : list of names, default=None
        The tasks. None: those that a `TaskWeightSearchCV` scored, or else all names in "mean_test_<name>" but "score"
        and the averages, such as "mean" and "worst"; without those that have no score at all.

    Returns
    -------
    index : int
        Number of the candidate: ``cv_results["params"][index]``.

    Raises
    ------
    ValueError, TypeError
        If there are no scores by task, or a parameter is not as described.

    Warns
    -----
    UserWarning
        If every candidate loses too much in some task. The one whose largest loss is the least is returned then.

    See Also
    --------
    skmtl.metrics.make_task_scorer : The scores that this looks at.
    pareto_front : All candidates that may be taken.

    Notes
    -----
    A search takes it as ``refit``, and then has the choice in ``best_index_``, ``best_params_`` and
    ``best_estimator_``: ``refit=functools.partial(choose_weights, max_loss=0.05)``.

    Examples
    --------
    >>> from skmtl.model_selection import choose_weights
    >>> found = {
    ...     "params": [{"task_weights": None}, {"task_weights": {"a": 3}}, {"task_weights": {"a": 2}}],
    ...     "mean_test_a": [0.70, 0.90, 0.80],
    ...     "mean_test_b": [0.80, 0.70, 0.79],
    ... }
    >>> choose_weights(found)
    2
    >>> choose_weights(found, max_loss=0.2)
    1
    """
    if by not in ("mean", "delta_m"):
        raise ValueError(f"by must be 'mean' or 'delta_m'; got {by!r}.{nearest(by, ['mean', 'delta_m'])}")
    if not isinstance(max_loss, Real) or not max_loss >= 0:
        raise ValueError(f"max_loss must be a number of at least 0; got {max_loss!r}.")
    found, names, scores = task_scores(cv_results, tasks)
    scored = ~np.isnan(scores).all(axis=0)
    if tasks is None and scored.any():  # one that was not trained says nothing
        names, scores = [name for name, some in zip(names, scored, strict=True) if some], scores[:, scored]
    base = _baseline(by_name(baseline), found, names, scores)
    figures = np.array([_figure(row, base, names, by) for row in scores])
    losses = _losses(scores, base)
    loss = losses.max(axis=1)
    figures[np.isnan(scores).any(axis=1)] = -np.inf
    fits = loss <= max_loss + 1e-12
    if fits.any():
        return int(np.where(fits, figures, -np.inf).argmax())
    best = int(loss.argmin())
    warnings.warn(
        f"Every candidate loses more than max_loss={max_loss:g} in some task; number {best}, which is returned, loses "
        f"{loss[best]:.3g} in task {names[int(losses[best].argmax())]!r}.",
        UserWarning,
        stacklevel=2,
    )
    return best


def task_scores(search, tasks=None):
    """Return the results of a search, the tasks that were scored, or those of them that are named, and the scores."""
    if isinstance(tasks, str) or (tasks is not None and not len(tasks)):
        raise ValueError(f"tasks must be a list of task names; got {tasks!r}.")
    if isinstance(search, Mapping) or hasattr(search, "columns"):
        found = dict(search)
        names = _scored_tasks(found, tasks)
        return found, names, np.array([found[_PREFIX + str(name)] for name in names], dtype=float).T
    if not hasattr(search, "get_params"):
        raise TypeError(f"cv_results must be the cv_results_ of a search, or the search; got {search!r}.")
    check_is_fitted(search, "cv_results_")
    if not hasattr(search, "task_scores_"):
        return task_scores(search.cv_results_, tasks)
    known = search.task_names_
    _check_tasks(tasks or (), known)
    names = known if tasks is None else list(tasks)
    return search.cv_results_, names, search.task_scores_[:, [known.index(name) for name in names]]


def _scored_tasks(found, tasks):
    """Return the tasks that there is a score of, or those of them that are named."""
    names = [key.removeprefix(_PREFIX) for key in found if key.startswith(_PREFIX)]
    if tasks is not None:
        _check_tasks(map(str, tasks), names)
        return list(tasks)
    names = [name for name in names if name not in AVERAGES and name != "score"]
    if not names:
        raise ValueError(
            "The search has no scores by task. Give it some: scoring=make_task_scorer('default', average=None), with "
            "refit=choose_weights."
        )
    return names


def _check_tasks(tasks, known):
    unknown = [name for name in tasks if name not in known]
    if unknown:
        raise ValueError(
            f"tasks names {unknown[0]!r}, of which there is no score; there are {listing(known)}."
            f"{nearest(unknown[0], known)}"
        )


def in_order(given, names, parameter):
    """Return scores by task name as a list in the order of these names, and anything else as it is."""
    given = by_name(given)
    if not isinstance(given, Mapping):
        return given
    absent = [name for name in names if name not in given]
    if absent:
        raise ValueError(f"{parameter} has no score of task {absent[0]!r}.{nearest(absent[0], given)}")
    return [given[name] for name in names]


def _baseline(given, found, names, scores):
    """Return the scores of the baseline, (T,)."""
    if isinstance(given, Mapping):
        return _known(np.array(in_order(given, names, "baseline"), dtype=float), names)
    if given is None:
        alike = [k for k, params in enumerate(found["params"]) if _are_equal(params, names)]
        alike = [k for k in alike if not np.isnan(scores[k]).all()]
        given = alike[0] if alike else 0
    if not isinstance(given, Integral) or not -len(scores) <= given < len(scores):
        raise ValueError(
            f"baseline must be scores by task name, the number of one of the {len(scores)} candidates or None; got "
            f"{given!r}."
        )
    return _known(scores[given], names)


def _known(base, names):
    if np.isnan(base).any():
        raise ValueError(
            f"The baseline has no score (NaN) of task {names[int(np.isnan(base).argmax())]!r}. Pass another baseline, "
            "or leave the task out of tasks."
        )
    return base


def _losses(scores, base):
    """Return what each candidate loses in each task, as a share of the baseline: (n, T), infinite without a score."""
    with np.errstate(invalid="ignore", divide="ignore"):
        losses = (base - scores) / np.abs(base)
    return np.where(scores == base, 0.0, np.where(np.isnan(scores), np.inf, losses))


def _are_equal(params, names):
    """Whether these parameters have task weights, and all are the same."""
    weights = candidate_weights(params, names)
    return weights is not None and np.ptp(weights) < 1e-9


def candidate_weights(params, names):
    """Return the weights (T,) among the parameters of a candidate; None where it has none."""
    found = [value for name, value in params.items() if name.rpartition("__")[2] == "task_weights"]
    if not found:
        return None
    weights = by_name(found[0])
    if weights is None:
        return np.ones(len(names))
    if isinstance(weights, Mapping):  # a task that it leaves out has weight 1
        known = {str(name): weight for name, weight in weights.items()}
        weights = [known.get(str(name), 1.0) for name in names]
    return np.asarray(weights, dtype=float)


def _figure(row, base, names, by):
    if by == "mean":
        return row.mean()
    return delta_m(dict(zip(names, row, strict=True)), dict(zip(names, base, strict=True)))
