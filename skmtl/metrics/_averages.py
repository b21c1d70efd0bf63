"""From one score a task to one figure: mean, worst task, weighted, or the gain over a baseline."""

from collections.abc import Mapping

import numpy as np

from .._columns import listing
from .._component import nearest
from .._label_weights import by_name, check_keys, static_weights

#: What a figure of all tasks can be, besides the name of a task.
AVERAGES = ("mean", "worst", "weighted", "delta_m")


def average_scores(scores, average="mean", *, task_weights=None, baseline=None, higher_is_better=True):
    """Return one figure for the scores of several tasks.

    Parameters
    ----------
    scores : dict or Series of task name to float
        NaN where a task could not be scored; it is left out.
    average : {"mean", "worst", "weighted", "delta_m"} or name of a task, default="mean"
        The mean over tasks, the worst of them, the mean with `task_weights`, the gain over a `baseline` in per cent,
        see `delta_m`; or the score of one task.
    task_weights : array-like of shape (n_tasks,) or dict by task name, default=None
        Weights of the tasks for ``average="weighted"``; a task that the dict leaves out has weight 1.
    baseline : dict by task name or array-like of shape (n_tasks,), default=None
        Scores to compare with for ``average="delta_m"``.
    higher_is_better : bool, or list or dict by task name of bool, default=True
        Which way the scores go, for "worst" and "delta_m".

    Returns
    -------
    score : float
        NaN where no task has a score.

    Raises
    ------
    ValueError, TypeError
        If `scores` have no names, `average` is none of these, or what it needs is not given or not as described.

    See Also
    --------
    score_by_task : Where the scores come from.

    Examples
    --------
    >>> from skmtl.metrics import average_scores
    >>> scores = {"heating": 0.9, "cooling": 0.7, "light": float("nan")}
    >>> average_scores(scores)
    0.8
    >>> average_scores(scores, "worst")
    0.7
    >>> average_scores(scores, "weighted", task_weights={"heating": 3})
    0.85
    """
    scores = by_name(scores)
    if not isinstance(scores, Mapping):
        raise TypeError(f"scores must be a dict or a Series by task name, as of score_by_task; got {scores!r}.")
    if average == "delta_m":
        if baseline is None:
            raise ValueError(
                "average='delta_m' compares with a baseline: pass baseline, for example the scores of one model a task."
            )
        return delta_m(scores, baseline, higher_is_better)
    if average not in AVERAGES:
        if average in scores:
            return float(scores[average])
        known = [*AVERAGES, *scores]
        raise ValueError(
            f"average={average!r} is neither one of {list(AVERAGES)} nor a task; the tasks are "
            f"{listing(scores)}.{nearest(average, known)}"
        )
    values = np.array(list(scores.values()), dtype=float)
    weights = _weights(average, task_weights, list(scores))
    counts = ~np.isnan(values) & (weights > 0)
    if not counts.any():
        return float("nan")
    if average == "worst":
        up = np.where(_directions(higher_is_better, list(scores)), 1.0, -1.0)[counts]
        values = values[counts]
        return float(values[(up * values).argmin()])
    return float(np.average(values[counts], weights=weights[counts]))


def delta_m(scores, baseline, higher_is_better=True):
    r"""Return the mean gain over a baseline, relative to the baseline's score of each task, in per cent.

    The figure of merit for several tasks of unlike metrics: 0 is as good as the baseline, mostly one model for each
    task. With score :math:`M_t` and baseline :math:`B_t`,

    .. math:: \Delta_m = \frac{100}{T} \sum_t (-1)^{l_t} \frac{M_t - B_t}{|B_t|}

    where :math:`l_t` is 1 for a task whose score is the better the lower it is.

    Parameters
    ----------
    scores : dict or Series by task name, or array-like of shape (n_tasks,)
        Scores of a multi-task model.
    baseline : dict or Series by task name, or array-like of shape (n_tasks,)
        Scores to compare with, by the same metrics.
    higher_is_better : bool, or list or dict by task name of bool, default=True
        Whether a higher score is the better one. A task that the dict leaves out counts as True.

    Returns
    -------
    delta_m : float
        In per cent. A task that lacks one of the two scores (NaN) is left out; NaN where no task has both.

    Raises
    ------
    ValueError
        If the tasks differ, or a score of the baseline is 0.

    See Also
    --------
    relative_gains : The gain of each task.

    Notes
    -----
    [1]_ has it with the baseline's score itself below the line; its absolute value, as here, is the same for the
    positive metrics there, and keeps the meaning for negative scores such as a negated error. A score near 0, such as
    the R² of a task that cannot be predicted, makes its gain as large as you like: look at the single gains, too.

    References
    ----------
    .. [1] Maninis, Radosavovic and Kokkinos (2019). Attentive single-tasking of multiple tasks. CVPR.
    .. [2] Vandenhende et al. (2022). Multi-task learning for dense prediction tasks: a survey. IEEE Transactions on
       Pattern Analysis and Machine Intelligence 44 (7).

    Examples
    --------
    An accuracy that goes from 0.8 to 0.84, and an error that goes from 2 to 1.8: 5 % and 10 %.

    >>> from skmtl.metrics import delta_m
    >>> scores, alone = {"kind": 0.84, "length": 1.8}, {"kind": 0.8, "length": 2.0}
    >>> round(delta_m(scores, alone, higher_is_better={"length": False}), 9)
    7.5
    """
    gains = np.array(list(relative_gains(scores, baseline, higher_is_better).values()))
    return float(np.nanmean(gains)) if not np.isnan(gains).all() else float("nan")


def relative_gains(scores, baseline, higher_is_better=True):
    """Return the gain of each task over a baseline, relative to the baseline's score, in per cent.

    Parameters
    ----------
    scores : dict or Series by task name, or array-like of shape (n_tasks,)
        Scores of a multi-task model.
    baseline : dict or Series by task name, or array-like of shape (n_tasks,)
        Scores to compare with, by the same metrics.
    higher_is_better : bool, or list or dict by task name of bool, default=True
        Whether a higher score is the better one. A task that the dict leaves out counts as True.

    Returns
    -------
    gains : dict of task name to float
        In per cent, positive where `scores` are better; NaN for a task that lacks one of the two scores. Where neither
        has names the tasks are called "task_0", "task_1", ...

    Raises
    ------
    ValueError
        If the tasks differ, or a score of the baseline is 0.

    See Also
    --------
    delta_m : Their mean.

    Examples
    --------
    >>> from skmtl.metrics import relative_gains
    >>> relative_gains([0.75, 0.25], [0.5, 0.5])
    {'task_0': 50.0, 'task_1': -50.0}
    """
    scores, baseline = by_name(scores), by_name(baseline)
    names = next((list(each) for each in (scores, baseline) if isinstance(each, Mapping)), None)
    names = [f"task_{j}" for j in range(len(scores))] if names is None else names
    ours, theirs = _aligned(scores, names, "scores"), _aligned(baseline, names, "baseline")
    if (theirs == 0).any():
        name = names[int((theirs == 0).argmax())]
        raise ValueError(
            f"The baseline's score of task {name!r} is 0, so there is no gain relative to it. Leave the task out, or "
            "compare the scores themselves."
        )
    up = np.where(_directions(higher_is_better, names), 1.0, -1.0)
    return dict(zip(names, (100 * up * (ours - theirs) / np.abs(theirs)).tolist(), strict=True))


def _weights(average, task_weights, names):
    if average == "weighted" and task_weights is None:
        raise ValueError("average='weighted' needs task_weights, a list or a dict by task name.")
    return static_weights(by_name(task_weights) if average == "weighted" else None, names)


def _aligned(given, names, parameter):
    """Return the scores (T,) in the order of the names."""
    if isinstance(given, Mapping):
        odd = [name for name in given if name not in names] + [name for name in names if name not in given]
        if odd:
            raise ValueError(
                f"scores and baseline must have the same tasks; {odd[0]!r} is in one of them only."
                f"{nearest(odd[0], names)}"
            )
        given = [given[name] for name in names]
    values = np.asarray(given, dtype=float)
    if values.shape != (len(names),):
        raise ValueError(
            f"{parameter} must have one score for each of the {len(names)} tasks {listing(names)}; got an array of "
            f"shape {values.shape}."
        )
    return values


def _directions(given, names):
    """Mask of the tasks whose scores are better the higher they are."""
    given = by_name(given)
    if isinstance(given, Mapping):
        check_keys(given, names, "higher_is_better")
        given = [given.get(name, True) for name in names]
    given = np.asarray(given, dtype=bool)
    if given.ndim and given.shape != (len(names),):
        raise ValueError(f"higher_is_better has {given.size} entries for the {len(names)} tasks {listing(names)}.")
    return np.broadcast_to(given, len(names))
