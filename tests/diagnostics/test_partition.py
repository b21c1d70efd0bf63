"""best_partition: the best there is up to 10 tasks, and clusters above."""

import numpy as np
import pytest

from skmtl.diagnostics._partition import best_partition


def partitions(n, k):
    """All partitions of 0, ..., n - 1 into k groups."""
    if n == 0:
        if k == 0:
            yield []
        return
    for smaller in partitions(n - 1, k - 1):
        yield [*smaller, (n - 1,)]
    for smaller in partitions(n - 1, k):
        for i, group in enumerate(smaller):
            yield [*smaller[:i], (*group, n - 1), *smaller[i + 1 :]]


def value(table, groups):
    """Sum over tasks of the mean of what the others in the group do for it."""
    return sum(
        np.mean([table[other, task] for other in group if other != task])
        for group in groups
        if len(group) > 1
        for task in group
    )


def test_the_best_pair_by_hand():
    # (0, 1): 1 + 3, (0, 2): 2 + 4, (1, 2): 0 + 5, what is not known being 0; no task does anything for itself.
    table = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, np.nan], [4.0, 5.0, 9.0]])
    assert best_partition(table, 2) == [(0, 2), (1,)]


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4, 6])
def test_the_best_of_all(rng, n_groups):
    for _ in range(5):
        table = rng.normal(size=(6, 6))
        found = best_partition(table, n_groups)
        assert len(found) == n_groups
        assert sorted(task for group in found for task in group) == list(range(6))
        assert value(table, found) == pytest.approx(max(value(table, groups) for groups in partitions(6, n_groups)))


def test_clusters_of_many(rng):
    group = np.arange(30) % 3
    table = np.where(group[:, None] == group, 1.0, -1.0) + 0.1 * rng.normal(size=(30, 30))
    assert best_partition(table, 3) == [tuple(range(k, 30, 3)) for k in range(3)]


def test_what_is_not_known_is_no_reason():
    table = np.full((12, 12), np.nan)
    assert sorted(task for group in best_partition(table, 4) for task in group) == list(range(12))
