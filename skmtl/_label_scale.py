"""Scale of the labels: the mean and the deviation by which those of a regression are standardised."""

import numpy as np
from scipy.sparse import issparse

from ._observed import blocks, weighted_columns, with_data


def learn_scale(values, scalings, weights=None, pooled=False):
    """Return the mean and the scale of each task, two arrays (T,); 0 and 1 where labels stay as they are.

    Parameters
    ----------
    values : ndarray with NaN, or sparse array, of shape (n, T)
    scalings : list of length T of {"standard", "mean", None}
    weights : ndarray of shape (n,), (n, 1) or (n, T), default=None
    pooled : bool, default=False
        Whether all tasks get one scale, that of all labels together.
    """
    means, scales = np.zeros(len(scalings)), np.ones(len(scalings))
    if not any(scalings):
        return means, scales
    weights = weights.reshape(-1, 1) if weights is not None and weights.ndim == 1 else weights
    tasks = weighted_columns(values, weights)
    if pooled:
        tasks = list(tasks)
        tasks = [(None, np.concatenate([labels for _, labels, _ in tasks]), _together(tasks))] * len(tasks)
    for task, (_, labels, own) in enumerate(tasks):
        if scalings[task] is None:
            continue
        mean, deviation = _moments(labels, own)
        if scalings[task] == "standard":
            means[task], scales[task] = mean, deviation
        elif mean > 0:
            scales[task] = mean
    return means, scales


def scaled(values, mean, scale, dtype):
    """Return ``(values - mean) / scale`` in `dtype`: `values` itself where that changes nothing."""
    if issparse(values):
        tasks, data = values.indices, np.empty(values.nnz, dtype=dtype)
        np.divide(values.data - mean[tasks], scale[tasks], out=data, casting="same_kind")
        return with_data(values, data)
    if not mean.any() and (scale == 1).all():
        # A read-only y is copied all the same: torch takes no read-only memory.
        return values.astype(dtype, copy=not values.flags.writeable)
    result = np.empty(values.shape, dtype=dtype)
    for rows in blocks(len(values), len(mean)):
        np.divide(values[rows] - mean, scale, out=result[rows], casting="same_kind")
    return result


def _together(tasks):
    """Weights of the labels of all tasks, one after the other; None where all are one."""
    if all(own is None for _, _, own in tasks):
        return None
    return np.concatenate([np.ones(len(labels)) if own is None else own for _, labels, own in tasks])


def _moments(labels, weights):
    """Weighted mean and standard deviation of the labels of a task: two passes, 1 for constant labels."""
    labels = labels.astype(np.float64, copy=False)
    weights = np.ones(len(labels)) if weights is None else weights
    if not weights.all():
        labels, weights = labels[weights > 0], weights[weights > 0]
    if not len(labels):
        return 0.0, 1.0
    total = weights.sum()
    mean = (weights * labels).sum() / total
    centred = labels - mean
    reach = np.abs(centred).max() or 1.0  # divided by before squaring, for labels such as 1e-200 or 1e200
    deviation = reach * np.sqrt((weights * (centred / reach) ** 2).sum() / total)
    # What rounding alone may make of a constant column (Chan, Golub and LeVeque, as in StandardScaler).
    noise = len(labels) * abs(mean) * np.finfo(np.float64).eps
    return mean, 1.0 if deviation <= noise else deviation
