"""Stratified splits of several partly observed tasks: every part gets its share of each task's labels.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas, 2011), a stratum at a time instead of a row at a time: the
rarest stratum first, its rows are dealt to the parts that lack it most.
"""

import numpy as np

N_BINS = 5
MIN_PER_BIN = 10
# What it costs if a part lacks a stratum that it needs: more than any balance is worth. The first of two sets, that a
# model is trained on, goes before the second.
_EMPTY = 1e6
_FIRST = 1e3
# Rows that are looked at to find one that can move.
_CANDIDATES = 256


def label_sets(Y, kinds, n_bins=N_BINS):
    """Return the strata to balance: a class of a task, or a quantile bin of a regression task.

    A task that misses labels and has more than one stratum gets one more, "has a label", so that its number of labels
    is balanced too. A regression task with m labels has ``min(n_bins, m // 10)`` bins, at least one.

    Parameters
    ----------
    Y : ndarray of shape (n, T)
        Encoded targets: class codes 0, 1, ... or numbers, NaN where there is no label.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    n_bins : int, default=5
        The most bins that a regression task gets.

    Returns
    -------
    codes : ndarray of shape (n, C), C >= T, int32
        The strata of each row, numbered through over all columns; column t < T is task t. A missing label is -1.
    counts : ndarray of shape (L,)
        The number of rows of each stratum.
    owner : ndarray of shape (L,)
        The column of `codes` that each stratum belongs to.
    """
    columns, sizes = [], []
    observed = ~np.isnan(Y)
    for y, seen, kind in zip(Y.T, observed.T, kinds, strict=True):
        columns.append(_strata_of(y, seen, kind, n_bins))
        sizes.append(columns[-1].max(initial=-1) + 1)
    for t, seen in enumerate(observed.T):
        if sizes[t] > 1 and not seen.all():
            columns.append(seen.astype(np.int32) - 1)
            sizes.append(1)
    first = np.cumsum([0, *sizes])
    codes = np.empty((len(columns), len(Y)), dtype=np.int32)
    for c, column in enumerate(columns):
        codes[c] = np.where(column < 0, -1, column + first[c])
    codes = np.ascontiguousarray(codes.T)
    counts = np.bincount(codes.ravel() + 1, minlength=first[-1] + 1)[1:]
    return codes, counts, np.repeat(np.arange(len(sizes)), sizes)


def _strata_of(y, seen, kind, n_bins):
    """Return the stratum of each row in one task, from 0; -1 where there is no label."""
    strata = np.full(len(y), -1, dtype=np.int32)
    labels = y[seen]
    if kind == "classification":
        strata[seen] = labels
        return strata
    n_bins = max(1, min(n_bins, len(labels) // MIN_PER_BIN))
    cuts = np.arange(1, n_bins) * len(labels) // n_bins
    edges = np.partition(labels, cuts)[cuts] if n_bins > 1 else labels[:0]
    strata[seen] = np.searchsorted(edges, labels, side="right")
    return strata


def assign_folds(Y, kinds, n_splits, rng=None):
    """Divide the rows into folds of equal size that have equal shares of each stratum.

    Parameters
    ----------
    Y : ndarray of shape (n, T)
        Encoded targets with NaN, see `label_sets`.
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
    n = len(Y)
    codes, counts, _ = label_sets(Y, kinds)
    sizes = np.full(n_splits, n // n_splits)
    sizes[: n % n_splits] += 1
    needed = np.repeat((counts >= n_splits)[:, None], n_splits, axis=1).astype(float)
    return _partition(codes, counts, sizes, needed, rng)


def holdout(Y, kinds, fraction, rng=None):
    """Hold out about ``fraction * n`` rows, at least one, with their share of each stratum.

    Parameters
    ----------
    Y : ndarray of shape (n, T)
        Encoded targets with NaN, see `label_sets`.
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
    n = len(Y)
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
    Y : ndarray of shape (n, T)
        Encoded targets with NaN, see `label_sets`.
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
    codes, counts, owner = label_sets(Y, kinds)
    rest = len(Y) - sum(sizes)
    sizes = np.array([*sizes, rest] if rest else sizes)
    needed = np.zeros((len(counts), len(sizes)))
    needed[:, 0] = _FIRST
    # A task, not each of its classes, is needed in the second set.
    whole = (owner >= len(kinds)) | (np.bincount(owner, minlength=codes.shape[1])[owner] == 1)
    needed[:, 1] = whole & (counts >= 2)
    part = _partition(codes, counts, sizes, needed, rng)
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def _partition(codes, counts, sizes, needed, rng):
    """Return the part of each row; `needed` (L, K) says how bad it is if a part lacks a stratum, 0 for not at all."""
    order = np.arange(len(codes)) if rng is None else rng.permutation(len(codes))
    order = order[np.argsort(_signature(codes[order], counts), kind="stable")]
    parts = _Parts(codes[order], counts, sizes, needed, np.random.RandomState(0) if rng is None else rng)
    parts.fill()
    parts.mend()
    parts.level()
    part = np.empty(len(codes), dtype=np.intp)
    part[order] = parts.part
    return part


def _signature(codes, counts):
    """Return one number a row that sorts rows with the same rare strata next to each other."""
    n_strata = len(counts)
    rank = np.empty(n_strata + 1, dtype=np.int32)
    rank[np.argsort(counts, kind="stable")] = np.arange(n_strata)
    rank[-1] = n_strata  # where code -1, no label, points to
    ranks = np.sort(rank[codes], axis=1)
    depth = min(ranks.shape[1], int(62 / np.log2(n_strata + 2)))
    key = np.zeros(len(codes), dtype=np.int64)
    for column in ranks[:, :depth].T:
        key = key * (n_strata + 1) + column
    return key


class _Parts:
    """Which part each row has, and how many rows of each stratum each part has and should have."""

    def __init__(self, codes, counts, sizes, needed, rng):
        n, self.n_parts = len(codes), len(sizes)
        self.codes, self.sizes, self.counts, self.rng = codes, sizes, counts, rng
        # Code -1, no label, points to one more stratum, the last, that weighs nothing and that nobody needs.
        self.needed = np.vstack([needed, np.zeros(self.n_parts)])
        self.weight = np.append(1.0 / np.maximum(counts, 1), 0.0)
        self.target = np.append(counts, n)[:, None] * (sizes / n)
        self.have = np.zeros((len(counts) + 1, self.n_parts), dtype=np.int64)
        self.size = np.zeros(self.n_parts, dtype=np.int64)
        self.part = np.full(n, -1, dtype=np.intp)
        self.by_stratum = np.argsort(codes, axis=None, kind="stable") // codes.shape[1]
        self.end = np.cumsum(counts) + np.count_nonzero(codes < 0)

    def rows_of(self, stratum):
        return self.by_stratum[self.end[stratum] - self.counts[stratum] : self.end[stratum]]

    def put(self, rows, parts):
        """Add many rows at once."""
        cells = self.codes[rows] % len(self.have) * self.n_parts + parts[:, None]
        np.add.at(self.have.reshape(-1), cells.ravel(), 1)
        self.size += np.bincount(parts, minlength=self.n_parts)
        self.part[rows] = parts

    def add(self, row, part, step=1):
        """Add one row, or take it out again (``step=-1``)."""
        self.have[self.codes[row], part] += step
        self.size[part] += step
        self.part[row] = part

    def fill(self):
        """Give every row a part: the rarest stratum first."""
        while len(self.counts):
            left = self.counts - self.have[:-1].sum(axis=1)
            stratum = np.where(left > 0, left, len(self.part) + 1).argmin()
            if left[stratum] <= 0:
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
            codes = self.codes[row]
            others = self.weight[codes] @ (self.target[codes] - self.have[codes])
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
        gets = self.have[:, target, None]
        surplus = self.have - gets - self.target + self.target[:, target, None]
        change = self.weight[:, None] * (1.0 - surplus)
        change += _EMPTY * (self.needed * (self.have == 1) - self.needed[:, target, None] * (gets == 0))
        return change[self.codes[rows], self.part[rows][:, None]].sum(axis=1)

    def move(self, row, target):
        self.add(row, self.part[row], step=-1)
        self.add(row, target)

    def mend(self):
        """Give a part that lacks a stratum that it needs a row of it, unless that makes another part lack as much."""
        for target, stratum in np.argwhere(((self.needed > 0) & (self.have == 0)).T):
            rows = self.rows_of(stratum)
            if len(rows) and not self.have[stratum, target]:
                cost = self.cost(rows, target)
                if cost.min() < -_EMPTY / 2:
                    self.move(rows[cost.argmin()], target)

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
