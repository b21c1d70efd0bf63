"""The observed labels of encoded targets, in either form: dense with NaN in the gaps, or sparse.

Sparse targets are a CSR array whose pattern says what is observed: a stored entry, also a stored zero, is a label, all
else is missing. What only concerns labels goes through here, and takes time and memory in proportion to them. Weights
of the labels are ``(n, 1)``, one a row, or of the form of the targets: sparse ones have their very pattern.
"""

import itertools

import numpy as np
import scipy.sparse as sp

BLOCK = 2**20  # cells worked on at once, so that no temporary grows with y


def blocks(n, width):
    """Slices of range(n) that make blocks of about `BLOCK` cells, each of the n being `width` cells wide."""
    step = max(1, BLOCK // max(1, width))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def column(values, task):
    """View of the cells of one task: a column with its gaps, or the stored entries of a CSC array."""
    return values.data[values.indptr[task] : values.indptr[task + 1]] if sp.issparse(values) else values[:, task]


def by_row(values):
    """Return sparse values as CSR array, dense ones as they are."""
    return values.tocsr() if sp.issparse(values) else values


def columns(values):
    """Yield ``(rows, labels)`` of each task: the rows that have a label, ascending, and the labels.

    Parameters
    ----------
    values : ndarray with NaN, or sparse array, of shape (n, T)
    """
    if sp.issparse(values):
        values = values.tocsc()
        for start, stop in itertools.pairwise(values.indptr.tolist()):
            yield values.indices[start:stop], values.data[start:stop]
        return
    n, n_tasks = values.shape
    for block in blocks(n_tasks, n):
        for cells in np.ascontiguousarray(values[:, block].T):
            rows = np.flatnonzero(~np.isnan(cells))
            yield rows, cells[rows]


def weighted_columns(values, weights=None):
    """Yield ``(rows, labels, weights)`` of each task, as `columns`; the weights are None where all are 1.

    Parameters
    ----------
    values : ndarray with NaN, or sparse array, of shape (n, T)
    weights : ndarray (n, 1), or of the form of `values`, default=None
    """
    by_task = weights.tocsc() if sp.issparse(weights) else weights
    for task, (rows, labels) in enumerate(columns(values)):
        if by_task is None:
            yield rows, labels, None
        elif sp.issparse(by_task):
            yield rows, labels, column(by_task, task)
        else:
            yield rows, labels, by_task[rows, task if by_task.shape[1] > 1 else 0]


def count(values):
    """Return the number of labels of each task, ``(T,)``."""
    if sp.issparse(values):
        return np.bincount(values.tocsr().indices, minlength=values.shape[1])
    return np.count_nonzero(~np.isnan(values), axis=0)


def totals(values, weights=None):
    """Return the total weight of the labels of each task, ``(T,)`` of float.

    Parameters
    ----------
    values : ndarray with NaN, or CSR array, of shape (n, T)
    weights : ndarray (n, 1), or of the form of `values`, default=None
        None: all are 1.
    """
    if weights is None:
        return count(values).astype(float)
    if sp.issparse(values):
        data = weights.data if sp.issparse(weights) else np.repeat(weights[:, 0], np.diff(values.indptr))
        return np.bincount(values.indices, weights=data, minlength=values.shape[1])
    result = np.zeros(values.shape[1])
    for part in blocks(*values.shape):  # label by label, as for sparse targets: the same sum to the last digit
        rows, tasks = np.nonzero(~np.isnan(values[part]))
        data = weights[part][rows, tasks if weights.shape[1] > 1 else 0]
        own = np.arange(len(result))
        result = np.bincount(np.concatenate([own, tasks]), weights=np.concatenate([result, data]))
    return result


def counts_at_all(values, weights=None):
    """Return which tasks have a label of a weight above zero, ``(T,)`` of bool."""
    return (totals(values, weights) > 0) if weights is not None else count(values) > 0


def like(values, array):
    """Return what `array` (n, T) holds, in the form of `values`: for sparse ones a CSR array of their pattern.

    Parameters
    ----------
    values : ndarray or CSR array of shape (n, T)
    array : ndarray or CSR array of shape (n, T)
        Of a sparse one, what is not stored is 0.
    """
    if not sp.issparse(values):
        return array.toarray() if sp.issparse(array) else array
    data = np.asarray(array[_row_numbers(values), values.indices]).ravel()
    return with_data(values, data)


def with_data(values, data):
    """Return a CSR array of the pattern of `values` that holds `data`."""
    return sp.csr_array((data, values.indices, values.indptr), shape=values.shape)


def times(weights, factors):
    """Return the product of weights ``(n, 1)`` or ``(n, T)`` and factors ``(n, T)`` of the labels.

    Parameters
    ----------
    weights : ndarray, or CSR array of the pattern of `factors`
    factors : ndarray or CSR array
    """
    if not sp.issparse(factors):
        return weights * factors
    data = weights.data if sp.issparse(weights) else np.repeat(weights[:, 0], np.diff(factors.indptr))
    return with_data(factors, data * factors.data)


def take_columns(array, order):
    """Return the columns of an array ``(n, T)`` in this order; the array itself where that is the order they have."""
    if len(order) == array.shape[1] and (np.asarray(order) == np.arange(len(order))).all():
        return array
    if not sp.issparse(array):
        return np.ascontiguousarray(array[:, order])
    taken = array[:, order]
    taken.sort_indices()
    return taken


def positions(indptr, rows):
    """Where the entries of some rows of a CSR array are stored, and how many each row has.

    Parameters
    ----------
    indptr : ndarray (n + 1,)
    rows : slice or ndarray of int

    Returns
    -------
    positions : ndarray of int, or slice where the rows are successive
    lengths : ndarray of int, (rows,)
    """
    if isinstance(rows, slice):
        start, stop, _ = rows.indices(len(indptr) - 1)
        return slice(indptr[start], indptr[max(start, stop)]), np.diff(indptr[start : stop + 1])
    first = indptr[rows]
    lengths = indptr[1:][rows] - first
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - lengths), lengths), lengths


def _row_numbers(values):
    return np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))
