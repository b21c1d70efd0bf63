"""Encodings: columns of the table of X -> columns of what the network gets. Each writes some rows at a time."""

import numpy as np

#: Cells made at once, which stay in the processor's cache.
_BLOCK_CELLS = 2**16
#: Where the standard score of a bit is clipped.
_MOST_DEVIATIONS = 4.0


def row_blocks(n_rows, n_columns):
    """Return slices of rows, of which so many columns are made at once."""
    size = max(_BLOCK_CELLS // n_columns, 16)
    return [slice(start, start + size) for start in range(0, n_rows, size)]


def selection(columns):
    """Return columns in the form in which numpy picks them fastest: without a copy, if they are neighbours."""
    columns = np.asarray(columns, dtype=np.intp)
    if len(columns) and (np.diff(columns) == 1).all():
        return slice(int(columns[0]), int(columns[-1]) + 1)
    return columns


class Scaled:
    """Numbers on a common scale, and what an embedding makes of them.

    Parameters
    ----------
    columns : ndarray of int of shape (c,)
        Their positions in the table.
    spread : Spread
        Of these columns.
    impute : bool
        Whether the median stands for NaN.
    """

    embedding = None

    def __init__(self, columns, spread, impute):
        self._columns, self._n_scaled = selection(columns), len(columns)
        self._spread, self._fill = spread, spread.median if impute else None

    @property
    def n_columns(self):
        """Columns written."""
        return self._n_scaled + (0 if self.embedding is None else self.embedding.n_columns)

    def scaled(self, rows):
        """Return the numbers of rows of the table, float64 (m, c), without gaps."""
        values = rows[:, self._columns].astype(np.float64, copy=False)
        return self._spread.scale(_filled(values, self._fill))

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        scaled = self.scaled(rows)
        out[:, : self._n_scaled] = scaled
        if self.embedding is not None:
            self.embedding.write(scaled, out[:, self._n_scaled :])


class AsTheyAre:
    """Numbers as they are.

    Parameters
    ----------
    columns : ndarray of int of shape (c,)
        Their positions in the table.
    fill : ndarray of shape (c,), or None
        What stands for NaN; None where there is none.
    """

    def __init__(self, columns, fill):
        self._columns, self._fill, self.n_columns = selection(columns), fill, len(columns)

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        out[...] = _filled(rows[:, self._columns], self._fill)


class Bits:
    """Standard scores of columns of 0 and 1, clipped: a bit that hardly ever is 1 says more where it is.

    Parameters
    ----------
    columns : ndarray of int of shape (c,)
        Their positions in the table.
    share : ndarray of shape (c,)
        Share of ones, of the values that are not missing.
    """

    def __init__(self, columns, share):
        self._columns, self.n_columns = selection(columns), len(columns)
        self._share, self._deviation = share, np.sqrt(share * (1 - share))

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        values = _filled(rows[:, self._columns], self._share)
        np.clip((values - self._share) / self._deviation, -_MOST_DEVIATIONS, _MOST_DEVIATIONS, out=out)


class Gaps:
    """1 where a number is missing, else 0; of the columns at these positions in the table."""

    def __init__(self, columns):
        self._columns, self.n_columns = selection(columns), len(columns)

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        out[...] = np.isnan(rows[:, self._columns])


class OneHot:
    """A column for each code, 1 where a row has it; none of them where the code is -1.

    Parameters
    ----------
    columns : ndarray of int of shape (c,)
        Positions of the codes in the table.
    n_codes : list of int of length c
    """

    def __init__(self, columns, n_codes):
        self._columns, self.n_columns = selection(columns), sum(n_codes)
        self._first = np.cumsum([0, *n_codes[:-1]])

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        codes = rows[:, self._columns].astype(np.intp)
        out[...] = 0
        # Without a code, the first column gets the 0 that it has.
        out[np.arange(len(rows))[:, None], self._first + np.maximum(codes, 0)] = codes >= 0


class Codes:
    """Codes as they are, and one more than the last of them where there is none: -1.

    Parameters
    ----------
    columns : ndarray of int of shape (c,)
        Positions of the codes in the table.
    n_codes : list of int of length c
    """

    def __init__(self, columns, n_codes):
        self._columns, self.n_columns = selection(columns), len(columns)
        self._n_codes = np.array(n_codes, dtype=np.float32)

    def write(self, rows, out):
        """Write the columns of rows of the table to `out`, (m, n_columns)."""
        codes = rows[:, self._columns]
        out[...] = np.where(codes < 0, self._n_codes, codes)


class ByLargest:
    """Columns of a sparse X, by their largest absolute value: zeros stay zeros.

    Parameters
    ----------
    X : CSR array of shape (n, d)
        Columns of 0 and 1 are left alone.
    """

    def __init__(self, X):
        self.n_columns = X.shape[1]
        self._largest = np.ones(self.n_columns)
        scaled = np.unique(X.indices[(X.data != 0) & (X.data != 1)])
        if len(scaled):
            self._largest[scaled] = abs(X).max(axis=0).toarray().reshape(-1)[scaled]

    @property
    def changes_nothing(self):
        """Whether all is divided by 1."""
        return bool((self._largest == 1).all())

    def write(self, rows, out):
        """Write the columns of rows of X to `out`, (m, n_columns)."""
        np.divide(rows, self._largest, out=out, casting="same_kind")


class Nothing:
    """A column of zeros: a network has at least one input."""

    n_columns = 1

    def write(self, rows, out):
        """Write it to `out`, (m, 1)."""
        out[...] = 0


def _filled(values, fill):
    if fill is None or not (gaps := np.isnan(values)).any():
        return values
    return np.where(gaps, fill, values)
