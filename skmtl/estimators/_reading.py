"""Reading X: what is checked, how its columns are learned, and the table of numbers that becomes of it."""

import math

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted, validate_data

from .._inputs import Inputs, is_frame, read_numbers
from .._presets import PRESETS
from ..architectures import Architecture, Independent, OwnTrunk


class ReadingMixin:
    """The part of an estimator that sees X first."""

    def _has_own_trunk(self):
        return isinstance(self.architecture, OwnTrunk) or not isinstance(self.architecture, Architecture | str)

    def _learn_inputs(self, X, rng):
        """Learn how X is encoded; return it as one table of numbers."""
        settings = self._settings
        X = self._validate_X(X, reset=True)
        self._inputs = self._reader = None
        if self._has_own_trunk():
            return X
        inputs, X = Inputs.fit(
            X,
            scaling=settings.feature_scaling,
            embedding=settings.numeric_embedding,
            categorical=self.categorical_features,
            missing=settings.missing_features,
            owner=type(self).__name__,
            rng=rng,
            # Networks that share nothing share no table either.
            looks_up=not isinstance(self._trunk(), Independent),
        )
        self._inputs = None if inputs.is_identity else inputs
        self._reader = inputs
        return X

    def _read_X(self, X):
        """Check X, and return it as the table of numbers that the encoding, or the network, takes."""
        X = self._validate_X(X, reset=False)
        return X if self._reader is None else self._reader.read(X)

    def _names_categories(self):
        chosen = self.categorical_features
        return chosen is not None and not (isinstance(chosen, str) and chosen == "from_dtype")

    def _is_read_by_column(self, X, reset):
        """Whether X may hold more than numbers: a frame, or an array of objects with categories."""
        has_categories = self._names_categories() if reset else self._reader is not None and self._reader.categories_
        return is_frame(X) or (bool(has_categories) and getattr(X, "dtype", None) == np.dtype(object))

    def _may_have_gaps(self):
        """Whether numbers in X, or the categories among them, may be missing; `Inputs` looks at the rest."""
        return self._takes_missing() or (self._names_categories() and not self._has_own_trunk())

    def _takes_missing(self):
        """Whether numbers in X may be missing."""
        asked = self.missing_features
        if asked == "auto":
            asked = "raise" if self._has_own_trunk() else PRESETS[self.preset]["missing_features"]
        return asked == "impute"

    def _validate_X(self, X, reset):
        """Check X, and copy nothing that need not be."""
        own_trunk = self._has_own_trunk()
        if self._names_categories() and not own_trunk and _holds_text(X):
            X = np.asarray(X, dtype=object)
        if not own_trunk and self._is_read_by_column(X, reset):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        try:
            X = validate_data(
                self,
                X,
                reset=reset,
                dtype="numeric",
                accept_sparse="csr",
                allow_nd=own_trunk,
                ensure_all_finite="allow-nan" if self._may_have_gaps() and not sp.issparse(X) else True,
            )
        except ValueError as error:
            self._say_what_helps(str(error), X)
            raise
        if X.dtype.kind == "c" or (X.dtype.kind == "f" and X.dtype.itemsize > 8):
            X = X.astype(np.float64)
        return X

    def _say_what_helps(self, error, X):
        """Raise what scikit-learn says about X anew, where there is a way out that it does not know of."""
        own_trunk, owner = self._has_own_trunk(), type(self).__name__
        if "contains NaN" in error:
            remedy = "set missing_features='impute', or"
            if own_trunk:
                remedy = "a trunk of your own gets X as it is:"
            elif sp.issparse(X):
                remedy = "missing numbers are imputed in a dense X only: use X.toarray(), or"
            what = error.partition("\n")[0].rstrip(".")
            raise ValueError(f"{what}, which this {owner} does not take; {remedy} put an imputer in front.") from None
        if "string" not in error:
            return
        if own_trunk:
            raise ValueError(f"{error}: a trunk of your own gets X as it is. Encode text as numbers first.") from None
        for position, column in enumerate(np.asarray(X, dtype=object).T):
            read_numbers(column, position)

    def _rows(self, X):
        """Validate rows to predict; what can be seen to be fine at a glance skips scikit-learn's longer look."""
        if "net_" not in self.__dict__:
            check_is_fitted(self, "net_")
        plain = type(X) is np.ndarray and X.dtype.char in "fd" and X.ndim == 2 and len(X)
        plain = plain and X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_")
        plain = plain and (self._reader is None or not self._reader.categories_)
        with np.errstate(over="ignore", invalid="ignore"):
            return X if plain and math.isfinite(X.sum()) else self._read_X(X)


def _holds_text(X):
    """Whether X is a list, or an array of text, in which numbers may stand beside categories."""
    return isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.dtype.kind in "US")
