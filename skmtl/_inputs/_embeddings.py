"""Embeddings of numbers: one column of X -> several inputs, in which a network sees fine differences.

An embedding writes its columns beside the scaled numbers, for some rows at a time.
"""

import numpy as np

from ._encodings import row_blocks

#: Bins a column. More of them gain little.
N_BINS = 8
#: A bin takes so many training rows to learn from; two bins are the least.
_ROWS_PER_BIN = 40
#: No bins for less rows in all: there is too little in any of them ...
MIN_ROWS = 200
#: ... nor for more columns of numbers: a first layer of some thousand inputs, nearly all of them bins, overfits.
MAX_COLUMNS = 1000 // 6

#: Frequencies a column, and their standard deviation, in periods by unit of the scaled column.
N_FREQUENCIES = 8
SIGMA = 0.3

#: What differs by no more than this share is equal, but for rounding errors.
ROUNDING = 16 * np.finfo(np.float64).eps


def bin_edges(ordered):
    """Return the quantiles that bound the bins of a column; where many values are equal, those of the different values.

    Parameters
    ----------
    ordered : ndarray of shape (n,), n >= 1
        Its values, in their order.
    """
    n_bins = max(2, min(N_BINS, len(ordered) // _ROWS_PER_BIN))
    edges = quantiles(ordered, np.linspace(0, 1, n_bins + 1))
    least = ROUNDING * np.abs(edges[[0, -1]]).max()
    if not (np.diff(edges) > least).all():
        different = ordered[np.append(True, np.diff(ordered) > least)]
        edges = quantiles(different, np.linspace(0, 1, min(n_bins, max(len(different) - 1, 1)) + 1))
    return edges[np.append(True, np.diff(edges) > least)]


def quantiles(ordered, shares):
    """Return quantiles of ordered values, linear between two of them."""
    position = shares * (len(ordered) - 1)
    below = position.astype(np.intp)
    above = np.minimum(below + 1, len(ordered) - 1)
    return ordered[below] + (position - below) * (ordered[above] - ordered[below])


class PiecewiseLinear:
    """How far a number is through each of the bins of its column.

    The bin from e to f gives ``(x - e) / (f - e)``, clipped to [0, 1]. The first bin goes on below, down to -1, and the
    last one above, up to 2. The mean over the training rows is taken off.

    Parameters
    ----------
    edges : list of length d of ndarray
        Of each column; one of less than three edges adds nothing, but one of them has three.
    values : ndarray of float64 of shape (n, d)
        Training rows, scaled, for the means.

    Attributes
    ----------
    n_columns : int
        Bins of all columns.

    References
    ----------
    Gorishniy, Rubachev & Babenko, *On Embeddings for Numerical Features in Tabular Deep Learning*, NeurIPS 2022,
    https://arxiv.org/abs/2203.05556. There the first and the last bin are open without an end, and nothing is centred.
    """

    def __init__(self, edges, values):
        self._n_bins = np.array([len(e) - 1 if len(e) > 2 else 0 for e in edges])
        self.n_columns = int(self._n_bins.sum())
        bins = [_bins(e) for e in edges if len(e) > 2]
        self._start, self._slope, self._lowest, self._highest = np.concatenate(bins, axis=1)
        blocks = row_blocks(len(values), self.n_columns)
        mean = sum(self._codes(values[rows]).sum(axis=0) for rows in blocks) / len(values)
        self._start = self._start + mean / self._slope

    def _codes(self, values):
        # Each bin by itself: the digits of a matrix product would depend on the number of rows. In float64, since bins
        # may be narrow, and far from zero.
        codes = values.repeat(self._n_bins, axis=1)
        np.maximum(codes, self._lowest, out=codes)
        np.minimum(codes, self._highest, out=codes)
        codes -= self._start
        codes *= self._slope
        return codes

    def write(self, values, out):
        """Write the codes of rows.

        Parameters
        ----------
        values : ndarray of float64 of shape (m, d)
            Scaled, without gaps.
        out : ndarray of shape (m, n_columns)
            Where they go.
        """
        out[...] = self._codes(values)


def _bins(edges):
    """Start, slope and range of the bins of one column, (4, number of bins)."""
    width = np.diff(edges)
    lowest, highest = edges[:-1].copy(), edges[1:].copy()
    lowest[0] -= width[0]
    highest[-1] += width[-1]
    return np.stack([edges[:-1], 1 / width, lowest, highest])


class Periodic:
    """Cosines and sines of a number, at random frequencies that stay as they are: ``cos(2 pi f x), sin(2 pi f x)``.

    Parameters
    ----------
    n_inputs : int
        Number of columns d.
    rng : RandomState
        Draws the frequencies, of standard deviation `SIGMA`.

    Attributes
    ----------
    n_columns : int
        Columns written.

    References
    ----------
    Gorishniy, Rubachev & Babenko, *On Embeddings for Numerical Features in Tabular Deep Learning*, NeurIPS 2022,
    https://arxiv.org/abs/2203.05556. There the frequencies are trained, and each column has a linear layer of its own
    behind them; here, the network's first layer is that.
    """

    def __init__(self, n_inputs, rng):
        self._frequency = rng.normal(0.0, SIGMA, size=(n_inputs, N_FREQUENCIES))
        self.n_columns = 2 * self._frequency.size

    def write(self, values, out):
        """Write cosines and sines of rows, as `PiecewiseLinear.write` does codes."""
        turns = (values[:, :, None] * self._frequency).reshape(len(values), -1)
        turns -= np.rint(turns)
        angles = (2 * np.pi * turns).astype(np.float32)
        half = self.n_columns // 2
        out[:, :half] = np.cos(angles)
        out[:, half:] = np.sin(angles)
