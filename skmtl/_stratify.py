"""Stratified splits of several partly observed tasks: every part gets its share of each task's labels.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas, 2011), a stratum at a time instead of a row at a time: the
rarest stratum first, its rows are dealt to the parts that lack it most. Time and memory go with the number of labels.
"""

import numpy as np
from scipy.sparse import csc_array

from ._observed import columns, positions

N_BINS = 5
MIN_PER_BIN = 10
# What it costs if a part lacks a stratum that it needs: more than any balance is worth. The first of two sets, that a
# model is trained on, goes before the second.
_EMPTY = 1e6
_FIRST = 1e3
# Rows that are looked at to find one that can move.
_CANDIDATES = 256
# Strata that no row could be found for, after which no more are tried.
_MOST_FAILURES = 200


def label_sets(Y, kinds, n_bins=N_BINS):
    """Return the strata to balance: a class of a task, or a quantile bin of a regression task.

    A task that misses labels and has more than one stratum gets one more, "has a label", so that its number of labels
    is balanced too. A regression task with m labels has ``min(n_bins, m // 10)`` bins, at least one.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets: class codes 0, 1, ... or numbers; NaN, or not stored, where there is no label.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    n_bins : int, default=5
        The most bins that a regression task gets.

    Returns
    -------
    members : CSR array of shape (n, L)
        The strata of each row, ascending: what is stored. They are numbered through, task by task, then those of who
        has a label.
    owner : ndarray of shape (L,)
        The task t < T that each stratum belongs to; T or more, a number each, for those of who has a label.
    """
    n = Y.shape[0]
    rows, sizes, partly = [], [], []
    for (seen, labels), kind in zip(columns(Y), kinds, strict=True):
        strata = labels.astype(np.int64) if kind == "classification" else _bins(labels, n_bins)
        counts = np.bincount(strata)
        rows.append(seen[np.argsort(strata, kind="stable")])
        sizes.append(counts)
        if len(counts) > 1 and len(seen) < n:
            partly.append(seen)
    owner = np.repeat(np.arange(len(sizes)), [len(counts) for counts in sizes])
    owner = np.concatenate([owner, len(sizes) + np.arange(len(partly))])
    indptr = np.cumsum(np.concatenate([[0], *sizes, [len(seen) for seen in partly]])).astype(np.int64)
    indices = np.concatenate([*rows, *partly]) if rows else np.empty(0, dtype=np.int64)
    by_stratum = csc_array((np.ones(len(indices), dtype=bool), indices, indptr), shape=(n, len(owner)))
    return by_stratum.tocsr(), owner


def _bins(labels, n_bins):
    """Return the range that each label of a task is in, from 0."""
    n_bins = max(1, min(n_bins, len(labels) // MIN_PER_BIN))
    cuts = np.arange(1, n_bins) * len(labels) // n_bins
    edges = np.partition(labels, cuts)[cuts] if n_bins > 1 else labels[:0]
    return np.searchsorted(edges, labels, side="right")


def assign_folds(Y, kinds, n_splits, rng=None):
    """Divide the rows into folds of equal size that have equal shares of each stratum.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets, see `label_sets`.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    n_splits : int
        Number of folds.
    rng : RandomState or None, default=None
        Shuffles the rows of a stratum; None takes them in the order that they have.

    Returns
    -------
    folds : ndarray of shape (n,), int
        The fold of each row. Sizes differ by one row wherever a task does not lose its last label in a fold by that.
    """
    n = Y.shape[0]
    members, _ = label_sets(Y, kinds)
    sizes = np.full(n_splits, n // n_splits)
    sizes[: n % n_splits] += 1
    counts = _counts(members)
    needed = np.repeat((counts >= n_splits)[:, None], n_splits, axis=1).astype(float)
    return _partition(members, counts, sizes, needed, rng)


def holdout(Y, kinds, fraction, rng=None):
    """Hold out about ``fraction * n`` rows, at least one, with their share of each stratum.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets, see `label_sets`.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    fraction : float
        Share of the rows to hold out, in (0, 1).
    rng : RandomState or None, default=None
        Shuffles the rows of a stratum; None takes them in the order that they have.

    Returns
    -------
    train, valid : ndarray of int
        Sorted row numbers. Every class that has a label keeps one in `train`; a task with two labels or more has one
        in `valid` too, if no class goes without a label in `train` for it.

    Raises
    ------
    ValueError
        If there are fewer than two rows.
    """
    n = Y.shape[0]
    if n < 2:
        raise ValueError(
            f"Cannot hold out validation rows of n_samples={n}: at least 2 are needed. Set early_stopping=False."
        )
    n_valid = min(max(round(fraction * n), 1), n - 1)
    return split_off(Y, kinds, (n - n_valid, n_valid), rng)


def split_off(Y, kinds, sizes, rng=None):
    """Draw two disjoint sets of rows, of about the given sizes, as `holdout` does.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets, see `label_sets`.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    sizes : tuple of int
        Rows of the first and the second set; together at most n.
    rng : RandomState or None, default=None
        Shuffles the rows of a stratum.

    Returns
    -------
    first, second : ndarray of int
        Sorted row numbers.
    """
    members, owner = label_sets(Y, kinds)
    counts = _counts(members)
    rest = Y.shape[0] - sum(sizes)
    sizes = np.array([*sizes, rest] if rest else sizes)
    needed = np.zeros((len(counts), len(sizes)))
    needed[:, 0] = _FIRST
    # A task, not each of its classes, is needed in the second set.
    whole = (owner >= len(kinds)) | (np.bincount(owner)[owner] == 1)
    needed[:, 1] = whole & (counts >= 2)
    part = _partition(members, counts, sizes, needed, rng)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def _counts(members):
    """Return the number of rows of each stratum, ``(L,)``."""
    return np.bincount(members.indices, minlength=members.shape[1])


def _partition(members, counts, sizes, needed, rng):
    """Return the part of each row; `needed` (L, K) says how bad it is if a part lacks a stratum, 0 for not at all."""
    n = members.shape[0]
    order = np.arange(n) if rng is None else rng.permutation(n)
    order = order[np.argsort(_signature(members, counts)[order], kind="stable")]
    parts = _Parts(members[order], counts, sizes, needed, np.random.RandomState(0) if rng is None else rng)
    parts.fill()
    parts.mend()
    parts.level()
    part = np.empty(n, dtype=np.intp)
    part[order] = parts.part
    return part


def _signature(members, counts):
    """Return one number a row that sorts rows with the same rare strata next to each other."""
    n_strata = len(counts)
    rank = np.empty(n_strata, dtype=members.indices.dtype)
    rank[np.argsort(counts, kind="stable")] = np.arange(n_strata)
    ranked = members.copy()
    ranked.indices[:] = rank[members.indices]
    ranked.has_sorted_indices = False
    ranked.sort_indices()
    first, lengths = ranked.indptr[:-1], np.diff(ranked.indptr)
    key = np.zeros(members.shape[0], dtype=np.int64)
    for depth in range(min(lengths.max(initial=0), int(62 / np.log2(n_strata + 2)))):
        deep = lengths > depth
        digit = np.full(len(key), n_strata)
        digit[deep] = ranked.indices[first[deep] + depth]
        key = key * (n_strata + 1) + digit
    return key


class _Parts:
    """Which part each row has, and how many rows of each stratum each part has and should have."""

    def __init__(self, members, counts, sizes, needed, rng):
        n, self.n_parts = members.shape[0], len(sizes)
        self.indptr, self.indices, self.sizes, self.counts, self.rng = (
            members.indptr,
            members.indices,
            sizes,
            counts,
            rng,
        )
        self.needed = needed
        self.weight = 1.0 / np.maximum(counts, 1)
        self.target = counts[:, None] * (sizes / n)
        self.have = np.zeros((len(counts), self.n_parts), dtype=np.int64)
        self.left = counts.copy()  # rows of each stratum that have no part yet
        self.size = np.zeros(self.n_parts, dtype=np.int64)
        self.part = np.full(n, -1, dtype=np.intp)
        self.by_stratum = members.tocsc()

    def rows_of(self, stratum):
        """Rows of a stratum, ascending."""
        return self.by_stratum.indices[self.by_stratum.indptr[stratum] : self.by_stratum.indptr[stratum + 1]]

    def strata_of(self, row):
        """Strata of a row, ascending."""
        return self.indices[self.indptr[row] : self.indptr[row + 1]]

    def put(self, rows, parts):
        """Add many rows at once."""
        where, lengths = positions(self.indptr, rows)
        strata = self.indices[where]
        np.add.at(self.have, (strata, np.repeat(parts, lengths)), 1)
        np.subtract.at(self.left, strata, 1)
        self.size += np.bincount(parts, minlength=self.n_parts)
        self.part[rows] = parts

    def add(self, row, part, step=1):
        """Add one row, or take it out again (``step=-1``)."""
        strata = self.strata_of(row)
        self.have[strata, part] += step
        self.left[strata] -= step
        self.size[part] += step
        self.part[row] = part

    def fill(self):
        """Give every row a part: the rarest stratum first."""
        while len(self.counts):
            stratum = np.where(self.left > 0, self.left, len(self.part) + 1).argmin()
            if self.left[stratum] <= 0:
                break
            rows = self.rows_of(stratum)
            rows = rows[self.part[rows] < 0]
            if len(rows) <= 2 * self.n_parts:
                self.choose(rows, stratum)
            else:
                self.put(rows, self.deal(len(rows), self.target[stratum] - self.have[stratum]))
        rows = np.flatnonzero(self.part < 0)
        self.put(rows, self.deal(len(rows), self.sizes - self.size))

    def choose(self, rows, stratum):
        """Give each row to the part that wants its stratum most; then its other strata, then any row."""
        for row, ties in zip(rows, self.rng.random_sample((len(rows), self.n_parts)), strict=True):
            strata = self.strata_of(row)
            others = self.weight[strata] @ (self.target[strata] - self.have[strata])
            demand = self.target[stratum] - self.have[stratum]
            keys = np.array([others, demand]).round(9)  # equal up to rounding is a tie
            self.add(row, np.lexsort((ties, self.sizes - self.size, *keys))[-1])

    def deal(self, n, demand):
        """Return the parts of n successive rows: in proportion to the demand, and each evenly spread over the rows."""
        demand = np.maximum(demand, 0.0)
        if demand.sum() == 0.0:
            demand = np.ones(self.n_parts)
        exact = (demand * (n / demand.sum())).round(9)
        quota = exact.astype(np.int64)
        ties = self.rng.permutation(self.n_parts)
        first = np.lexsort((ties, self.sizes - self.size - quota, exact - quota))[::-1]
        quota[first[: n - quota.sum()]] += 1
        parts = np.repeat(np.arange(self.n_parts), quota)
        nth = np.arange(n) - np.repeat(np.cumsum(quota) - quota, quota)
        return parts[np.argsort((nth + (ties[parts] + 0.5) / self.n_parts) / quota[parts], kind="stable")]

    def cost(self, rows, target):
        """Return how much worse the balance gets, in the sum of squared errors, if a row moves to the part `target`."""
        where, lengths = positions(self.indptr, rows)
        strata, source = self.indices[where], np.repeat(self.part[rows], lengths)
        has, gets = self.have[strata, source], self.have[strata, target]
        surplus = has - gets - self.target[strata, source] + self.target[strata, target]
        change = self.weight[strata] * (1.0 - surplus)
        change += _EMPTY * (self.needed[strata, source] * (has == 1) - self.needed[strata, target] * (gets == 0))
        return np.bincount(np.repeat(np.arange(len(rows)), lengths), weights=change, minlength=len(rows))

    def move(self, row, target):
        self.add(row, self.part[row], step=-1)
        self.add(row, target)

    def mend(self):
        """Give a part that lacks a stratum that it needs a row of it, unless that makes another part lack as much."""
        n_failed = 0
        for target, stratum in np.argwhere(((self.needed > 0) & (self.have == 0)).T):
            rows = self.rows_of(stratum)
            if len(rows) and not self.have[stratum, target]:
                cost = self.cost(rows, target)
                if cost.min() < -_EMPTY / 2:
                    self.move(rows[cost.argmin()], target)
                    continue
                n_failed += 1
                if n_failed == _MOST_FAILURES:  # more strata than rows: no division has room for all of them
                    return

    def level(self):
        """Move rows until no part has more than its size, or no row is left that its part can do without."""
        while True:
            room = self.sizes - self.size
            source, target = room.argmin(), room.argmax()
            if room[target] - room[source] <= 1:
                return
            rows = np.flatnonzero(self.part == source)
            if len(rows) > _CANDIDATES:
                rows = self.rng.choice(rows, _CANDIDATES, replace=False)
            cost = self.cost(rows, target)
            if cost.min() > _EMPTY / 2 and self.size[target]:
                return
            self.move(rows[cost.argmin()], target)
