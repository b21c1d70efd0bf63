"""Pareto front and hypervolume: which scores of several tasks no other ones beat, and how much they cover."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

#: Objectives up to which the volume is exact where nothing is said.
_MOST_EXACT = 6


def pareto_front(scores, higher_is_better=True):
    """Return which candidates no other one beats.

    A candidate beats another one that it is nowhere worse than, and somewhere better.

    Parameters
    ----------
    scores : array-like or DataFrame of shape (n_candidates, n_tasks)
        A row of scores for each candidate.
    higher_is_better : bool, or array-like of shape (n_tasks,) of bool, default=True
        Whether a higher score is the better one.

    Returns
    -------
    on_front : ndarray of shape (n_candidates,), bool
        Of equal candidates all are on the front. One that lacks a score (NaN) never is.

    Raises
    ------
    ValueError
        If `scores` is not two-dimensional.

    See Also
    --------
    hypervolume : How good a front is.
    choose_weights : One candidate of the front.

    Examples
    --------
    >>> from skmtl.model_selection import pareto_front
    >>> pareto_front([[0.9, 0.5], [0.8, 0.8], [0.8, 0.7], [0.5, 0.9]])
    array([ True,  True, False,  True])
    """
    points = _upwards(scores, higher_is_better)
    on_front = np.zeros(len(points), dtype=bool)
    complete = np.flatnonzero(~np.isnan(points).any(axis=1))
    if len(complete):
        different, which = np.unique(points[complete], axis=0, return_inverse=True)
        on_front[complete] = _not_beaten(different)[which.reshape(-1)]
    return on_front


def hypervolume(points, reference, higher_is_better=True, *, n_samples=None, random_state=0):
    r"""Return the volume of what is better than a reference and not better than all of some points.

    It measures a whole front in one number: the larger the better. A point that beats another one makes it larger, and
    so does one that fills a gap.

    Parameters
    ----------
    points : array-like or DataFrame of shape (n_points, n_tasks)
        Scores. Points that are not better than the reference in all tasks, or lack a score (NaN), add nothing.
    reference : array-like of shape (n_tasks,)
        A point that is worse than all that matter, for example the scores of a constant prediction. Volumes are
        comparable only for the same one.
    higher_is_better : bool, or array-like of shape (n_tasks,) of bool, default=True
        Whether a higher score is the better one.
    n_samples : int, default=None
        Random points for an estimate. None: exact for up to 6 tasks, and 100,000 for more.
    random_state : int, RandomState instance or None, default=0
        Draws the random points; None draws others in every call.

    Returns
    -------
    volume : float
        In the product of the units of the scores. The standard error of an estimate with a share p of N points inside
        is :math:`\sqrt{(1 - p) / (p N)}` of it.

    Raises
    ------
    ValueError
        If the reference has not one number for each task, or `n_samples` is no number above 0.

    See Also
    --------
    pareto_front : The points that count.

    Notes
    -----
    The exact volume is the sum of what each point adds to those after it, each the volume of a smaller problem [1]_.
    The time it takes can grow exponentially with the number of tasks.

    References
    ----------
    .. [1] While, Bradstreet and Barone (2012). A fast way of calculating exact hypervolumes. IEEE Transactions on
       Evolutionary Computation 16 (1).

    Examples
    --------
    Two rectangles of 2 x 1 and 1 x 2, which share a square:

    >>> from skmtl.model_selection import hypervolume
    >>> hypervolume([[2, 1], [1, 2]], reference=[0, 0])
    3.0
    """
    ups = _upwards(points, higher_is_better)
    origin = np.asarray(reference, dtype=float)
    if origin.shape != (ups.shape[1],) or not np.isfinite(origin).all():
        raise ValueError(f"reference must have one number for each of the {ups.shape[1]} tasks; got {reference!r}.")
    if n_samples is not None and (not isinstance(n_samples, Integral) or n_samples < 1):
        raise ValueError(f"n_samples must be an int of at least 1, or None; got {n_samples!r}.")
    ups = ups - _upwards(origin[None], higher_is_better)
    ups = ups[(ups > 0).all(axis=1)]  # NaN is not
    if not len(ups):
        return 0.0
    front = np.unique(ups, axis=0)
    front = front[_not_beaten(front)]
    if n_samples is None and front.shape[1] <= _MOST_EXACT:
        return float(_volume(front))
    return _estimate(front, 100_000 if n_samples is None else n_samples, check_random_state(random_state))


def _upwards(scores, higher_is_better):
    """Return the scores as an array (n, T) in which higher is better."""
    points = np.asarray(scores, dtype=float)
    if points.ndim != 2 or not points.shape[1]:
        raise ValueError(
            f"Scores must have a row for each candidate and a column for each task; got shape {points.shape}."
        )
    up = np.asarray(higher_is_better, dtype=bool)
    if up.ndim and up.shape != (points.shape[1],):
        raise ValueError(f"higher_is_better has {up.size} entries for {points.shape[1]} tasks.")
    return points * np.where(up, 1.0, -1.0)


def _not_beaten(points):
    """Mask of those of different points that no other one beats."""
    order = np.lexsort(points.T)[::-1]  # whoever beats a point comes before it
    front = np.empty((0, points.shape[1]))
    kept = np.zeros(len(points), dtype=bool)
    for k in order:
        if not (front >= points[k]).all(axis=1).any():
            front = np.vstack([front, points[k]])
            kept[k] = True
    return kept


def _volume(front):
    """Volume between 0 and the points of a front, (n, T)."""
    if front.shape[1] == 1:
        return front.max()
    if front.shape[1] == 2:
        front = front[np.argsort(-front[:, 0])]  # so the second coordinates rise
        return (front[:, 0] * np.diff(front[:, 1], prepend=0.0)).sum()
    front = front[np.argsort(-front[:, -1])]
    total = 0.0
    for k, point in enumerate(front):
        # All before it reach higher in the last task: there, they cut the point off at its own height.
        others = np.unique(np.minimum(front[:k, :-1], point[:-1]), axis=0)
        covered = _volume(others[_not_beaten(others)]) if len(others) else 0.0
        total += point[-1] * (np.prod(point[:-1]) - covered)
    return total


def _estimate(front, n_samples, rng):
    """Share of random points in the box of the front that a point of it beats, times the box."""
    box = front.max(axis=0)
    inside, left = 0, n_samples
    while left:
        samples = rng.random_sample((min(left, max(1, 2_000_000 // front.size)), front.shape[1])) * box
        inside += (front[None] >= samples[:, None]).all(axis=2).any(axis=1).sum()
        left -= len(samples)
    return float(inside / n_samples * box.prod())
