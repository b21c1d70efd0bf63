"""choose_weights: from the scores of a search by task to the candidate to take."""

import warnings
from collections.abc import Mapping
from numbers import Integral, Real

import numpy as np

from .._columns import listing
from .._component import nearest
from ..metrics import delta_m
from ..metrics._averages import AVERAGES

_PREFIX = "mean_test_"


def choose_weights(cv_results, *, max_loss=0.02, baseline=None, by="mean", tasks=None):
    """Return the candidate of a search with the best mean score among those that no task loses much by.

    Parameters
    ----------
    cv_results : dict or fitted search
        `cv_results_` of a search with a score for each task, as by
        ``scoring=make_task_scorer("r2", average=None)``, or the search.
    max_loss : float, default=0.02
        How much each task may lose, as a share of the absolute value of its score in the baseline: 0.02 is 2 %.
    baseline : dict by task name, int or None, default=None
        What a task loses against: given scores, for example those of one model for each task; or those of a candidate,
        by its number. None is the candidate with equal task weights (all the same, or None), or else the first.
    by : {"mean", "delta_m"}, default="mean"
        What is to be best: the mean of the scores over tasks, or, where their units differ, that of the gains over the
        baseline, see ``skmtl.metrics.delta_m``.
    tasks : list of names, default=None
        The tasks. None: all names in "mean_test_<name>" that are no averages.

    Returns
    -------
    index : int
        Number of the candidate: ``cv_results["params"][index]``.

    Raises
    ------
    ValueError
        If there are no scores by task, or the baseline is not as described.

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
    if not isinstance(cv_results, Mapping) and tasks is None:
        tasks = getattr(cv_results, "task_names_", None)
    found = cv_results if isinstance(cv_results, Mapping) else cv_results.cv_results_
    names = scored_tasks(found, tasks)
    scores = np.array([found[_PREFIX + str(name)] for name in names], dtype=float).T
    base = _baseline(baseline, found, names, scores)
    figures = np.array([_figure(row, base, by) for row in scores])
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


def scored_tasks(found, tasks=None):
    """Return the tasks that the results of a search have a score of, or those of them that are named."""
    names = [key.removeprefix(_PREFIX) for key in found if key.startswith(_PREFIX)]
    if tasks is not None:
        unknown = [name for name in tasks if str(name) not in names]
        if unknown:
            raise ValueError(
                f"tasks names {unknown[0]!r}, of which there is no score; there are {listing(names)}."
                f"{nearest(unknown[0], names)}"
            )
        return list(tasks)
    names = [name for name in names if name not in AVERAGES and name != "score"]
    if not names:
        raise ValueError(
            "The search has no scores by task. Give it some: scoring=make_task_scorer('default', average=None), with "
            "refit=choose_weights."
        )
    return names


def _baseline(given, found, names, scores):
    """Return the scores of the baseline, (T,)."""
    if isinstance(given, Mapping):
        absent = [name for name in names if name not in given]
        if absent:
            raise ValueError(f"baseline has no score of task {absent[0]!r}.{nearest(absent[0], given)}")
        return _known(np.array([given[name] for name in names], dtype=float), names)
    if given is None:
        alike = [k for k, params in enumerate(found["params"]) if _are_equal(params, names)]
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
    weights = found[0]
    if weights is None:
        return np.ones(len(names))
    if isinstance(weights, Mapping):  # a task that it leaves out has weight 1
        by_name = {str(name): weight for name, weight in weights.items()}
        weights = [by_name.get(str(name), 1.0) for name in names]
    return np.asarray(weights, dtype=float)


def _figure(row, base, by):
    return row.mean() if by == "mean" else delta_m(row, base)
