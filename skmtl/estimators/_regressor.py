"""MultiTaskRegressor: every column of y is a regression task."""

from sklearn.base import RegressorMixin

from ._base import BaseMultiTask


class MultiTaskRegressor(RegressorMixin, BaseMultiTask):
    """One network for several regression tasks."""

    _kind = "regression"

    def predict(self, X, return_std=False):
        """Predict all tasks.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.
        return_std : bool, default=False
            Whether to return the predicted standard deviations too; needs ``loss="gaussian_nll"``.

        Returns
        -------
        y : ndarray of shape (n, T), or (n,) where y had one column
            Values in the units of y.
        std : ndarray of the same shape
            With `return_std` only; NaN for a task whose loss has none.
        """
        raw = self._raw(X)
        y = self._targets.decode(self._predict_values(raw))
        return (y, self._predict_std(raw)) if return_std else y

    score = BaseMultiTask.score  # RegressorMixin's refuses missing labels
