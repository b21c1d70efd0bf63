"""Stratified splits that keep groups whole: the group with the most of any label first, to the part that lacks it."""

import numpy as np
from scipy.sparse import coo_array, csr_array, hstack

from .._observed import positions
from .._stratify import label_sets

# What it costs if a part lacks a stratum that it needs: more than any balance is worth. Training rows of a split go
# before test rows, and that a part has any row before all.
_EMPTY = 1e6
_FIRST = 1e3
_NO_ROWS = 1e6
#: Where there is chance, a group comes before one that is at most so many times as large.
_CHANCE = 4.0
#: At the end, so many groups are moved at most, and so many entries of the table looked at for it.
_MOST_MOVES, _MOST_LOOKS = 200, 5e6


def group_codes(groups, n_rows):
    """Return the groups of the rows as numbers 0, 1, ... (n,), and how many there are."""
    array = np.asarray(groups)
    if array.shape != (n_rows,):
        raise ValueError(
            f"groups must have one entry for each of the {n_rows} rows of X; got an array of shape {array.shape}."
        )
    missing = np.array([each is None or each != each for each in array.tolist()], dtype=bool)
    if missing.any():
        raise ValueError(
            f"groups has no group for row {int(missing.argmax())} ({missing.sum()} such row(s)): give every row one."
        )
    if array.dtype == object:
        number = {each: k for k, each in enumerate(dict.fromkeys(array.tolist()))}
        return np.array([number[each] for each in array.tolist()], dtype=np.intp), len(number)
    names, codes = np.unique(array, return_inverse=True)
    return codes.reshape(-1), len(names)


def assign_group_folds(Y, kinds, groups, n_splits, rng=None):
    """Divide the groups into folds that have about equal shares of the rows and of each stratum.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets, see `label_sets`.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    groups : ndarray of shape (n,), int
        Number of the group of each row, from 0.
    n_splits : int
        Number of folds, at most that of groups.
    rng : RandomState or None, default=None
        Decides between equals; None takes them in the order that they have.

    Returns
    -------
    folds : ndarray of shape (n,), int
        The fold of each row.
    """
    strata, _ = label_sets(Y, kinds)
    shares = np.full(n_splits, 1 / n_splits)
    needed = np.repeat(_n_groups(strata, groups)[:, None] >= n_splits, n_splits, axis=1).astype(float)
    return _Division(strata, groups, shares, needed, n_splits, rng).run()[groups]


def split_groups(Y, kinds, groups, sizes, rng):
    """Draw two disjoint sets of groups with about the given numbers of rows.

    Parameters
    ----------
    Y : ndarray or sparse array of shape (n, T)
        Encoded targets, see `label_sets`.
    kinds : sequence of {"classification", "regression"}
        The kind of each task.
    groups : ndarray of shape (n,), int
        Number of the group of each row, from 0; there are two at least.
    sizes : pair of int
        Rows of the first and the second set; together at most n.
    rng : RandomState
        Decides between equals.

    Returns
    -------
    first, second : ndarray of int
        Sorted row numbers. The first set has every class that there is; the second has every task that is in two
        groups, where the first can spare it.
    """
    strata, owner = label_sets(Y, kinds)
    n = Y.shape[0]
    sizes = [*sizes] if sum(sizes) == n else [*sizes, n - sum(sizes)]
    needed = np.zeros((strata.shape[1], len(sizes)))
    needed[:, 0] = _FIRST
    # A task, not each of its classes, is needed in the second set.
    whole = (owner >= len(kinds)) | (np.bincount(owner)[owner] == 1) if len(owner) else owner
    needed[:, 1] = whole & (_n_groups(strata, groups) >= 2)
    part = _Division(strata, groups, np.array(sizes) / n, needed, 2, rng).run()[groups]
    return np.flatnonzero(part == 0), np.flatnonzero(part == 1)


def _n_groups(strata, groups):
    """Return in how many groups each stratum is, ``(L,)``."""
    return np.bincount(_by_group(strata, groups).indices, minlength=strata.shape[1])


def _by_group(strata, groups):
    """Return the number of rows of each stratum in each group, a CSR array ``(G, L)``."""
    n = len(groups)
    of_rows = csr_array(coo_array((np.ones(n, dtype=np.int64), (groups, np.arange(n))), shape=(groups.max() + 1, n)))
    table = (of_rows @ strata.astype(np.int64)).tocsr()
    table.sort_indices()
    return table


class _Division:
    """Which part each group has, and how many rows of each stratum each part has and should have.

    The balance is the sum over strata and parts of (has - should have)² / (share of the part × size of the stratum), so
    that parts of unlike size fill at the same rate.

    Parameters
    ----------
    strata : CSR array of shape (n, L)
        The strata of each row.
    groups : ndarray of shape (n,), int
        The group of each row.
    shares : ndarray of shape (K,)
        Share of the rows that each part should have.
    needed : ndarray of shape (L, K)
        How bad it is if a part lacks a stratum, 0 for not at all.
    n_filled : int
        So many of the parts, from the first on, must have rows.
    rng : RandomState or None
    """

    def __init__(self, strata, groups, shares, needed, n_filled, rng):
        size = np.bincount(groups)[:, None]
        # The last stratum is that of all rows.
        self.table = hstack([_by_group(strata, groups), csr_array(size)]).tocsr()
        self.indptr, self.indices, self.amounts = self.table.indptr, self.table.indices, self.table.data
        counts = self.table.sum(axis=0)
        self.needed = _EMPTY * np.vstack([needed, _NO_ROWS * (np.arange(len(shares)) < n_filled)])
        self.weight = 1.0 / np.maximum(counts, 1)
        self.target = counts[:, None] * shares
        self.have = np.zeros(self.target.shape, dtype=np.int64)
        self.part = np.full(len(size), -1, dtype=np.intp)
        self.shares, self.rng = shares, rng

    def run(self):
        """Return the part of each group."""
        for group in self.order().tolist():
            self.choose(group)
        self.mend()
        self.polish()
        return self.part

    def order(self):
        """Groups from the one that has the largest share of a stratum on; by chance from among the larger ones."""
        share = self.table.multiply(self.weight[None, :]).tocsr().max(axis=1).toarray().ravel().round(12)
        if self.rng is not None:
            share *= _CHANCE ** self.rng.random_sample(len(share))
        return np.argsort(-share, kind="stable")

    def choose(self, group):
        """Put a group where the balance gets best; of equals into the part that has the least for its share."""
        own = slice(self.indptr[group], self.indptr[group + 1])
        strata, amounts = self.indices[own], self.amounts[own]
        has = self.have[strata]
        cost = (self.weight[strata] * amounts) @ (2 * (has - self.target[strata]) + amounts[:, None]) / self.shares
        cost -= (self.needed[strata] * (has == 0)).sum(axis=0)
        filled = (self.have[-1] / self.shares).round(9)
        part = np.lexsort((filled, cost.round(9)))[0]
        self.have[strata, part] += amounts
        self.part[group] = part

    def mend(self):
        """Give a part that lacks a stratum that it needs a group of it, unless another part then lacks as much."""
        by_stratum = self.table.tocsc()
        for part, stratum in np.argwhere(((self.needed > 0) & (self.have == 0)).T):
            groups = by_stratum.indices[by_stratum.indptr[stratum] : by_stratum.indptr[stratum + 1]]
            if len(groups) and not self.have[stratum, part]:
                cost = self.cost(groups, part)
                if cost.min() < -_EMPTY / 2:
                    self.move(groups[cost.argmin()], part)

    def polish(self):
        """Move single groups while that makes the balance better: what few groups need, and many do without."""
        groups, n_parts = np.arange(len(self.part)), len(self.shares)
        for _ in range(min(_MOST_MOVES, int(_MOST_LOOKS / (len(self.indices) * n_parts)))):
            costs = np.stack([self.cost(groups, target) for target in range(n_parts)])
            target, group = np.unravel_index(costs.round(9).argmin(), costs.shape)
            if costs[target, group] > -1e-9:
                return
            self.move(group, target)

    def cost(self, groups, target):
        """Return how much worse the balance gets if a group moves to the part `target`."""
        where, lengths = positions(self.indptr, groups)
        strata, amounts = self.indices[where], self.amounts[where]
        source = np.repeat(self.part[groups], lengths)
        has, gets = self.have[strata, source], self.have[strata, target]
        leaves = (amounts - 2 * (has - self.target[strata, source])) / self.shares[source]
        comes = (amounts + 2 * (gets - self.target[strata, target])) / self.shares[target]
        change = self.weight[strata] * amounts * (leaves + comes)
        change += self.needed[strata, source] * (has == amounts) - self.needed[strata, target] * (gets == 0)
        change[source == target] = 0.0
        return np.bincount(np.repeat(np.arange(len(groups)), lengths), weights=change, minlength=len(groups))

    def move(self, group, target):
        own = slice(self.indptr[group], self.indptr[group + 1])
        self.have[self.indices[own], self.part[group]] -= self.amounts[own]
        self.have[self.indices[own], target] += self.amounts[own]
        self.part[group] = target
