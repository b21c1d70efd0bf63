"""Ranks: which of n sorted conformity scores a level asks for, and how many labels it takes at least."""

import numpy as np

#: Levels such as 0.9 are no binary fractions: what misses a whole number by less is that number.
_ROUNDING = 1e-9


def rank(n, level):
    """Return the rank, from 1, of the score that bounds a share `level` of n + 1 exchangeable ones; n + 1: none does.

    Works on arrays of n.
    """
    return np.ceil((np.asarray(n) + 1) * level - _ROUNDING).astype(np.intp)


def labels_needed(level):
    """Return the least n for which one of n scores is the bound."""
    return int(np.ceil(level / (1 - level) - _ROUNDING))


def threshold(scores, level):
    """Return the bound of sorted scores; infinity where there are too few."""
    at = int(rank(len(scores), level))
    return float(scores[at - 1]) if at <= len(scores) else np.inf
