"""Inputs: X as the user passes it -> the numbers that the network gets.

`Inputs.read` makes a table of numbers of any X, with codes for its categories: X itself, where that is one.
`Inputs.encode` turns some rows of the table into what the network gets: batch by batch in training, block by block in
predict, so that a large X need never be there in its encoded form.
"""

import warnings
from itertools import pairwise

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_random_state

from .._columns import listing
from ._categories import PARAMETER, Categories, categorical_columns
from ._embeddings import MAX_COLUMNS, MIN_ROWS, Periodic, PiecewiseLinear
from ._encodings import AsTheyAre, Bits, ByLargest, Codes, Gaps, Nothing, OneHot, Scaled, row_blocks
from ._features import common_dtype, is_array_of_numbers, open_columns, read_labels, read_numbers, whole_frame
from ._statistics import Range, Spread, sample_rows

#: Of a column of which more than this share is missing, the network is told where.
MIN_GAPS = 0.01
#: So many columns of 0 and 1, and none of another kind, are taken as one thing, such as the fingerprint of a molecule.
LEAST_BITS = 100

#: Of a column of more categories than this, a network that can look them up in a table gets the codes. These are exact
#: in float32 up to 2**24, for which there would have to be 80 million rows.
MAX_ONE_HOT = 30

#: By `missing`, what to do about a number that is missing all the same.
_REMEDY = {
    "raise": "missing_features='impute' takes them.",
    "impute": "Missing numbers are imputed in a dense X only, in fit too: use X.toarray().",
}


class Inputs:
    """From X as the user passes it to the numbers that the network gets.

    Attributes
    ----------
    n_features : int
        Columns of X.
    n_columns : int
        Columns that `encode` returns.
    is_identity : bool
        Whether the network may get the table as it is.
    takes_missing : bool
        Whether numbers may be missing. Categories always may.
    added : slice or None
        The columns of these that an embedding adds.
    categories_ : dict of int to slice
        For each column of X that holds categories, its columns among those that `encode` returns: none where there was
        only one category, one for two of them and for codes, else one for each.
    n_codes : tuple of int
        Of each of the last columns that `encode` returns, if these hold codes, how many there are. In such a column the
        next integer is for what was not among the training rows, where none were rare.
    """

    @classmethod
    def fit(cls, X, *, scaling, embedding, categorical, missing, owner, rng=None, looks_up=False):
        """Learn how to encode X.

        Columns that are constant are left out.

        Parameters
        ----------
        X : ndarray, CSR array or DataFrame of shape (n, d)
            An array of numbers is taken as checked: finite, or NaN where `missing` allows it. An array of objects, or a
            DataFrame of pandas or polars, is checked here.
        scaling : {"robust", "standard", None}
            "robust": ``z = (x - median) / IQR``, and then the smooth clip ``z / sqrt(1 + (z / 3)**2)``. Where the
            interquartile range is 0, it is that of the values other than the median; where that is 0 too, half the
            range. "standard": zero mean, unit variance. Columns of 0 and 1 stay as they are; but `LEAST_BITS` of them
            and more, without any other column, get their standard score, clipped at 4. Other columns of a sparse X are
            divided by their largest absolute value, whichever it is.
        embedding : {"piecewise_linear", "periodic", None}
            What is added to each column of numbers but those of 0 and 1. Bins are for `MIN_ROWS` rows and more, and
            for up to `MAX_COLUMNS` such columns.
        categorical : "from_dtype", None, or array-like of bool, int or str
            Which columns hold categories: those that the dtypes of a DataFrame say, none, or a mask, positions, names.
        missing : {"impute", "raise"}
            "impute": the median stands for a missing number; a column tells where, if more than `MIN_GAPS` are missing.
        owner : str
            The estimator's name, for the error texts.
        rng : int or RandomState, default=None
            Draws the frequencies of "periodic". None: always the same ones.
        looks_up : bool, default=False
            Whether the codes of columns of more than `MAX_ONE_HOT` are passed on, for a network to look them up.

        Returns
        -------
        inputs : Inputs
        table : ndarray or CSR array of shape (n, d)
            As `read` returns it.

        Raises
        ------
        ValueError
            If `categorical` names no column, or one cannot be read.
        """
        self = cls()
        self._owner, self._scaling, self._embedding, self._missing = owner, scaling, embedding, missing
        self._parts, self._categories, self.categories_, self.n_columns = [], {}, {}, 0
        self.added, self.n_codes = None, ()
        self.n_features = _check_shape(X)
        self.takes_missing = missing == "impute" and not issparse(X)
        if issparse(X):
            self._fit_sparse(X, categorical)
            return self, X
        names, columns = open_columns(X)
        chosen = categorical_columns(categorical, names, columns).tolist()
        labels = {j: read_labels(columns[j], _name(names, j)) for j in chosen}
        self._categories = {j: Categories(*labels[j], _name(names, j)) for j in chosen}
        self._warn_of_lost(names)
        table = self._table(X, labels)
        self._fit_dense(table, check_random_state(0 if rng is None else rng), MAX_ONE_HOT if looks_up else np.inf)
        return self, table

    def _warn_of_lost(self, names):
        lost = [_name(names, j) for j, categories in self._categories.items() if categories.tells_nothing]
        if lost:
            warnings.warn(
                f"Column(s) {listing(lost)} of X hold categories, each in so few rows that nothing is learned of them. "
                "Numbers that came as text must be converted, with pandas.to_numeric for example; a column that only "
                "tells rows apart may be left out.",
                stacklevel=8,
            )

    # Which columns the network gets

    def _fit_sparse(self, X, categorical):
        if categorical is not None and not (isinstance(categorical, str) and categorical == "from_dtype"):
            raise ValueError(f"{PARAMETER} needs a dense X, but X is sparse. Use X.toarray(), or {PARAMETER}=None.")
        self._check_sparse(X)
        by_largest = ByLargest(X)
        if self._scaling is not None and by_largest.changes_nothing and self._is_fingerprint(share := _shares(X)):
            self.is_identity = False
            self._add_bits(np.arange(self.n_features), share)
            return
        self.is_identity = self._scaling is None or by_largest.changes_nothing
        self._add(AsTheyAre(np.arange(self.n_features), None) if self.is_identity else by_largest)

    def _fit_dense(self, table, rng, most_one_hot):
        has_numbers_only = not (self.takes_missing or self._categories)
        if has_numbers_only and self._scaling is None and self._embedding is None:
            self.is_identity = True
            self._add(AsTheyAre(np.arange(self.n_features), None))
            return
        numbers = np.array([j for j in range(self.n_features) if j not in self._categories], dtype=np.intp)
        found = Range(table, numbers)
        flags, real = found.is_flag, found.varies & ~found.is_flag
        share = None if real.any() or self._categories or self._scaling is None else _shares(table)
        is_fingerprint = share is not None and self._is_fingerprint(share)
        self.is_identity = has_numbers_only and bool(flags.all()) and not is_fingerprint
        if real.any():
            self._add_scaled(table, numbers[real], found.lowest[real], found.highest[real], rng)
        if is_fingerprint:
            self._add_bits(numbers, share)
        else:
            self._add_flags(numbers[flags], found.majority[flags])
        if self.takes_missing:
            telling = (found.n_gaps > MIN_GAPS * len(table)) & (found.n_gaps < len(table))
            self._add(Gaps(numbers[telling]))
        self._add_categories(most_one_hot)
        if not self._parts:
            self._add(Nothing())

    def _add(self, part):
        """Give a part of the encoding its columns, and return the first of them."""
        start, self.n_columns = self.n_columns, self.n_columns + part.n_columns
        if part.n_columns:
            self._parts.append((part, slice(start, self.n_columns)))
        return start

    def _add_scaled(self, table, columns, lowest, highest, rng):
        binned = self._embedding == "piecewise_linear" and len(table) >= MIN_ROWS and len(columns) <= MAX_COLUMNS
        spread = Spread(table, columns, lowest, highest, self._scaling, binned)
        part = Scaled(columns, spread, self.takes_missing)
        if any(len(edges) > 2 for edges in spread.edges):
            part.embedding = PiecewiseLinear(spread.edges, part.scaled(table[sample_rows(len(table))]))
        elif self._embedding == "periodic":
            part.embedding = Periodic(len(columns), rng)
        start = self._add(part)
        if part.embedding is not None:
            self.added = slice(start + len(columns), self.n_columns)

    @staticmethod
    def _is_fingerprint(share):
        """Whether columns that all are of 0 and 1, or constant, are the bits of something."""
        return np.count_nonzero((share > 0) & (share < 1)) >= LEAST_BITS

    def _add_bits(self, columns, share):
        varies = (share > 0) & (share < 1)
        self._add(Bits(columns[varies], share[varies]))

    def _add_flags(self, flags, majority):
        """Add what is 0 or 1 in the table: numbers, and the codes of categories that have but two."""
        pairs = [j for j, categories in self._categories.items() if categories.n_codes == 2]
        fill = np.append(majority, np.zeros(len(pairs))) if self.takes_missing else None
        start = self._add(AsTheyAre(np.append(flags, pairs).astype(np.intp), fill)) + len(flags)
        self.categories_ |= {j: slice(start + i, start + i + 1) for i, j in enumerate(pairs)}

    def _add_categories(self, most_one_hot):
        """Add the categories of more than two codes: a column for each, or the codes as they are, as the last ones."""
        n_codes = {j: categories.n_codes for j, categories in self._categories.items() if categories.n_codes > 2}
        few = {j: n for j, n in n_codes.items() if n <= most_one_hot}
        many = {j: n for j, n in n_codes.items() if n > most_one_hot}
        for kind, chosen, widths in ((OneHot, few, few.values()), (Codes, many, [1] * len(many))):
            start = self._add(kind(np.array([*chosen], dtype=np.intp), [*chosen.values()]))
            stops = start + np.cumsum([0, *widths])
            self.categories_ |= {j: slice(*map(int, pair)) for j, pair in zip(chosen, pairwise(stops), strict=True)}
        self.n_codes = tuple(many.values())
        self.categories_ |= {j: slice(0, 0) for j in self._categories.keys() - self.categories_.keys()}

    # X -> table

    def read(self, X):
        """Make a table of numbers of later X.

        Parameters
        ----------
        X : ndarray, CSR array or DataFrame of shape (m, d)
            In any of the forms that `fit` takes, with the columns of `fit`.

        Returns
        -------
        table : ndarray or CSR array of shape (m, d)
            An array of numbers, or CSR array, itself, unless it has columns of categories. Else float64, or float32
            where that is what all columns of numbers are. Columns of categories hold codes, which are never NaN.

        Raises
        ------
        ValueError
            If there are not as many columns as in `fit`, or one of them cannot be read.
        """
        n_features = _check_shape(X)
        if n_features != self.n_features:
            raise ValueError(
                f"X has {n_features} features, but {self._owner} is expecting {self.n_features} features as input."
            )
        if issparse(X):
            self._check_sparse(X)
            return X
        return self._table(X)

    def _table(self, X, labels=None):
        """Return X as numbers; `labels` is what has been read of the columns of categories."""
        if is_array_of_numbers(X) and not self._categories:
            if self._missing == "impute" and not self.takes_missing:  # fitted with a sparse X
                self._check_finite(X, X)
            return X
        whole = None if self._categories else whole_frame(X)
        table = self._column_by_column(X, labels or {}) if whole is None else whole
        self._check_finite(table, X)
        return table

    def _column_by_column(self, X, labels):
        names, columns = open_columns(X)
        dtype = common_dtype([column for j, column in enumerate(columns) if j not in self._categories])
        table = np.empty((len(columns[0]), len(columns)), dtype=dtype)
        for j, column in enumerate(columns):
            name = _name(names, j)
            if j in self._categories:
                table[:, j] = self._categories[j].read(*(labels[j] if j in labels else read_labels(column, name)))
            else:
                table[:, j] = read_numbers(column, name)
        return table

    def _check_finite(self, table, X):
        """Refuse infinity, and gaps that nothing fills."""
        try:
            assert_all_finite(table, allow_nan=self.takes_missing, input_name="X")
        except ValueError as error:
            is_infinite = np.isinf(table).any()
            wrong = (np.isinf(table) if is_infinite else np.isnan(table)).any(axis=0)
            names = open_columns(X)[0]
            columns = listing([_name(names, j) for j in np.flatnonzero(wrong).tolist()])
            remedy = "Make these numbers finite." if is_infinite else _REMEDY[self._missing]
            raise ValueError(f"{error} It is in column(s) {columns}. {remedy}") from None

    def _check_sparse(self, X):
        if self._categories:
            raise ValueError(f"{self._owner} was fitted with columns of categories, which a sparse X has not.")
        if self._missing == "impute" and np.isnan(X.data).any():
            raise ValueError(f"Input X contains NaN. {_REMEDY['impute']}")

    # Table -> what the network gets

    def encode(self, table):
        """Return rows of the table as the network gets them.

        Parameters
        ----------
        table : ndarray or CSR array of shape (m, d)
            Rows of what `read` returned.

        Returns
        -------
        encoded : ndarray of float32 of shape (m, n_columns)
            The digits of a row are the same in any company.
        """
        encoded = np.empty((table.shape[0], self.n_columns), dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large for float32 becomes infinity
            for block in row_blocks(*encoded.shape):
                rows = table[block].toarray() if issparse(table) else table[block]
                for part, columns in self._parts:
                    part.write(rows, encoded[block, columns])
        return encoded


def _name(names, j):
    return j if names is None else names[j]


def _check_shape(X):
    """Return the number of columns of X."""
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D array, got {len(X.shape)}D array instead: X has one row a sample.")
    for length, what in zip(X.shape, ("sample(s)", "feature(s)"), strict=True):
        if not length:
            raise ValueError(f"Found array with 0 {what} (shape={tuple(X.shape)}) while a minimum of 1 is required.")
    return X.shape[1]


def _shares(table):
    """Mean of each column, of what is not missing; 0 where all is."""
    if issparse(table):
        return np.asarray(table.mean(axis=0)).reshape(-1)
    seen = ~np.isnan(table)
    return np.divide(
        np.where(seen, table, 0).sum(axis=0), seen.sum(axis=0), out=np.zeros(table.shape[1]), where=seen.any(axis=0)
    )
