"""What columns of numbers are like: gaps, range, centre and spread, bins. In float64, whatever they hold."""

import numpy as np

from ._embeddings import ROUNDING, bin_edges, quantiles

#: More rows than these add nothing to a quantile.
MAX_SAMPLE = 100_000
#: What is larger counts as this: differences stay finite.
_HUGE = 1e300
#: What is smaller counts as nothing: one can be divided by all else.
_TINY = 1e-290
#: The smooth clip is flat long before, in float32.
_FLAT = 1e8
#: Cells looked at at once, so that no temporary grows with X.
_BLOCK_CELLS = 2**21


class Range:
    """Range and gaps of columns, from all rows.

    Parameters
    ----------
    table : ndarray of shape (n, d)
        Numbers, NaN where one is missing.
    columns : ndarray of int of shape (c,)
        Which of them.

    Attributes
    ----------
    lowest, highest : ndarray of shape (c,)
        NaN for a column of gaps.
    n_gaps : ndarray of int of shape (c,)
    varies : ndarray of bool of shape (c,)
        By more than rounding errors.
    is_flag : ndarray of bool of shape (c,)
        Whether 0 and 1 are all that there is.
    majority : ndarray of shape (c,)
        The median of a flag: 0 or 1, 0.5 if there are as many of both; NaN of other columns.
    """

    def __init__(self, table, columns):
        self.lowest, self.highest, self.majority = np.full((3, len(columns)), np.nan)
        self.n_gaps = np.zeros(len(columns), dtype=np.intp)
        self.is_flag = np.zeros(len(columns), dtype=bool)
        for some in _column_blocks(len(columns), len(table)):
            values = floats(table, columns[some])
            self.n_gaps[some] = np.isnan(values).sum(axis=1)
            self.lowest[some], self.highest[some] = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
            self._look_for_flags(values, some)
        largest = np.maximum(np.abs(self.lowest), np.abs(self.highest))
        self.varies = self.highest - self.lowest > np.maximum(ROUNDING * largest, _TINY)

    def _look_for_flags(self, values, some):
        unit = np.flatnonzero((self.lowest[some] == 0) & (self.highest[some] == 1))
        if not len(unit):
            return
        values = values if len(unit) == len(values) else values[unit]
        ones = np.count_nonzero(values == 1, axis=1)
        zeros = np.count_nonzero(values == 0, axis=1)
        at = some.start + unit
        self.is_flag[at] = ones + zeros + self.n_gaps[at] == values.shape[1]
        self.majority[at] = np.where(self.is_flag[at], (1 + np.sign(ones - zeros)) / 2, np.nan)


class Spread:
    """Where the values of columns that vary are, and how far apart; and the scale that makes all of them alike.

    Parameters
    ----------
    table : ndarray of shape (n, d)
    columns : ndarray of int of shape (c,)
    lowest, highest : ndarray of shape (c,)
        Their range.
    scaling : {"robust", "standard", None}
    binned : bool
        Whether there will be bins.

    Attributes
    ----------
    centre, width : ndarray of shape (c,)
        Median and interquartile range (where that is 0, of the values other than the median; where that is 0 too, half
        the range); mean and standard deviation; 0 and 1.
    median : ndarray of shape (c,)
    edges : list of length c of ndarray
        Of the bins of scaled columns.
    """

    def __init__(self, table, columns, lowest, highest, scaling, binned):
        self.centre, self.width = np.zeros(len(columns)), np.ones(len(columns))
        self.median, self.edges = np.empty(len(columns)), []
        self._smooth_clip = scaling == "robust"
        rows = sample_rows(len(table))
        for some in _column_blocks(len(columns), len(table)):
            values = floats(table, columns[some])
            ordered = [_ordered(column, rows) for column in values]
            quartiles = np.array([quantiles(column, np.array([0.25, 0.5, 0.75])) for column in ordered])
            self.median[some] = quartiles[:, 1]
            if scaling == "robust":
                self.centre[some] = quartiles[:, 1]
                self.width[some] = _robust_width(ordered, quartiles, lowest[some], highest[some])
            elif scaling == "standard":
                self.centre[some], self.width[some] = _moments(values, lowest[some], highest[some])
            if binned:
                self.edges += [bin_edges(self.scale(column, j)) for j, column in enumerate(ordered, some.start)]

    def scale(self, values, columns=slice(None)):
        """Return values (..., c) on their scale; `columns` names those that they are of."""
        scaled = (values - self.centre[columns]) / self.width[columns]
        if self._smooth_clip:
            np.maximum(scaled, -_FLAT, out=scaled)  # np.clip takes its time for a single row
            np.minimum(scaled, _FLAT, out=scaled)
            scaled /= np.sqrt(1 + (scaled / 3) ** 2)
        return scaled


def _ordered(column, rows):
    """The values of a column in these rows in their order, or of all rows if these have none."""
    some = column[rows]
    some = some[~np.isnan(some)]
    return np.sort(some if len(some) else column[~np.isnan(column)])


def _robust_width(ordered, quartiles, lowest, highest):
    between = quartiles[:, 2] - quartiles[:, 0]
    least = np.maximum(ROUNDING * np.maximum(np.abs(lowest), np.abs(highest)), _TINY)
    for j in np.flatnonzero(between <= least):  # most values are equal, as in a column of amounts that are mostly 0
        others = ordered[j][np.abs(ordered[j] - quartiles[j, 1]) > least[j]]
        between[j] = np.subtract(*quantiles(others, np.array([0.75, 0.25]))) if len(others) else 0.0
    return np.where(between > least, between, highest / 2 - lowest / 2)


def _moments(values, lowest, highest):
    width = highest - lowest
    unit = (values - lowest[:, None]) / width[:, None]  # in [0, 1]: no square is too large, or lost
    return lowest + width * np.nanmean(unit, axis=1), width * np.nanstd(unit, axis=1)


def floats(table, columns):
    """Return columns as rows: (c, n), float64, finite but for NaN. A copy."""
    values = np.array(table[:, columns].T, dtype=np.float64, order="C")
    return np.clip(values, -_HUGE, _HUGE, out=values)


def _column_blocks(n_columns, n_rows):
    """Return slices of columns of so many rows, of no more cells than are looked at at once."""
    size = max(1, _BLOCK_CELLS // max(n_rows, 1))
    return [slice(start, start + size) for start in range(0, n_columns, size)]


def sample_rows(n):
    """Return the rows that quantiles are taken from: all, or one at random of each of so many stretches."""
    if n <= MAX_SAMPLE:
        return slice(None)
    # Not each k-th row: what recurs, by the day or by the week, might fall on always the same time.
    within = np.random.RandomState(0).random_sample(MAX_SAMPLE)
    return ((np.arange(MAX_SAMPLE) + within) * (n / MAX_SAMPLE)).astype(np.intp)
