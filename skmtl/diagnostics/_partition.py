"""Partitions: tasks -> groups of tasks that do each other good."""

import numpy as np
from scipy.cluster.hierarchy import cut_tree

from ._affinity import tree

#: Up to so many tasks the best partition is found; above, tasks are clustered.
EXACT = 10


def best_partition(affinity, n_groups):
    """Return the groups, tuples of positions, in the order of their first task.

    The value of a partition is the sum over tasks of the mean of what the others in its group do for it; 0 for a task
    by itself.

    Parameters
    ----------
    affinity : ndarray of shape (T, T)
        What the task of the row does for that of the column; NaN, and the diagonal, count as 0.
    n_groups : int
        From 1 to T.
    """
    table = np.nan_to_num(affinity, nan=0.0).astype(np.float64)
    np.fill_diagonal(table, 0.0)
    groups = _exact(table, n_groups) if len(table) <= EXACT else _clustered(table, n_groups)
    return sorted(groups)


def _exact(table, n_groups):
    """By dynamic programming over sets of tasks: the best k groups of a set are one with its first task, and k - 1."""
    n_tasks = len(table)
    sets = np.arange(1 << n_tasks)
    members = (sets[:, None] >> np.arange(n_tasks)) & 1
    sizes = members.sum(axis=1)
    values = np.einsum("si,ij,sj->s", members, table, members) / np.maximum(sizes - 1, 1)
    best = [np.where(sets == 0, 0.0, -np.inf)]
    chosen = []
    for _ in range(n_groups):
        totals, picks = np.full(len(sets), -np.inf), np.zeros(len(sets), dtype=np.intp)
        for whole in range(1, len(sets)):
            parts = _with_first(whole)
            found = values[parts] + best[-1][whole ^ parts]
            top = int(found.argmax())
            totals[whole], picks[whole] = found[top], parts[top]
        best.append(totals)
        chosen.append(picks)
    groups, rest = [], len(sets) - 1
    for picks in reversed(chosen):
        groups.append(tuple(np.flatnonzero(members[picks[rest]]).tolist()))
        rest ^= int(picks[rest])
    return groups


def _with_first(whole):
    """All subsets of a set, as bits, that have its first element."""
    first = whole & -whole
    parts = np.zeros(1, dtype=np.intp)
    rest = whole ^ first
    while rest:
        low = rest & -rest
        parts = np.concatenate([parts, parts | low])
        rest ^= low
    return parts | first


def _clustered(table, n_groups):
    labels = cut_tree(tree(table), n_clusters=n_groups)[:, 0]
    return [tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
