"""best_partition: the best there is up to 10 tasks, and clusters above."""

import numpy as np
import pytest

from skmtl.diagnostics._partition import best_partition, value


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


def test_value_by_hand():
    table = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, np.nan], [4.0, 5.0, 9.0]])
    assert value(table, [(0, 1), (2,)]) == 1.0 + 3.0
    # On each task the mean of two others: (3 + 4) / 2, (1 + 5) / 2, (2 + 0) / 2.
    assert value(table, [(0, 1, 2)]) == 3.5 + 3.0 + 1.0


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
