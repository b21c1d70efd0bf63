"""What the networks do to their inputs, as a transformer in front of members that take numbers only."""

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._inputs import Inputs, is_frame


class InputEncoder(TransformerMixin, BaseEstimator):
    """Turn columns of a DataFrame, or an array with gaps, into numbers without any.

    Categories become columns of 0 and 1, rare ones together; the median stands for a missing number, beside a column
    that tells where. It is what `MultiTaskEstimator` does for itself.

    Parameters
    ----------
    scaling : {"robust", "standard", None}, default=None
        What is done to numbers; columns of 0 and 1 are left alone.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmtl.ensemble import InputEncoder
    >>> X = pd.DataFrame({"size": [1.0, None, 3.0], "color": pd.Categorical(["red", "blue", "red"])})
    >>> InputEncoder().fit_transform(X)
    array([[1., 0., 1.],
           [2., 1., 0.],
           [3., 0., 1.]], dtype=float32)
    """

    def __init__(self, scaling=None):
        self.scaling = scaling

    def fit(self, X, y=None):
        """Learn the columns.

        Parameters
        ----------
        X : array-like, CSR array or DataFrame of shape (n, d)
            Inputs.
        y : None
            Ignored.

        Returns
        -------
        self : InputEncoder
        """
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None):
        """Learn the columns, and encode the rows.

        Parameters
        ----------
        X : array-like, CSR array or DataFrame of shape (n, d)
            Inputs.
        y : None
            Ignored.

        Returns
        -------
        Z : ndarray of shape (n, n_columns), float32
        """
        X = self._validate(X, reset=True)
        self.inputs_, table = Inputs.fit(
            X,
            scaling=self.scaling,
            embedding=None,
            categorical="from_dtype",
            missing="impute",
            owner=type(self).__name__,
        )
        return self.inputs_.encode(table)

    def transform(self, X):
        """Encode rows.

        Parameters
        ----------
        X : array-like, CSR array or DataFrame of shape (n, d)
            Inputs.

        Returns
        -------
        Z : ndarray of shape (n, n_columns), float32
        """
        check_is_fitted(self)
        return self.inputs_.encode(self.inputs_.read(self._validate(X, reset=False)))

    def _validate(self, X, reset):
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        sparse = hasattr(X, "tocsr")
        return validate_data(
            self,
            X,
            reset=reset,
            dtype="numeric",
            accept_sparse="csr",
            ensure_all_finite=True if sparse else "allow-nan",
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
