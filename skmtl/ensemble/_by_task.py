"""What estimators have in common that predict task by task, with others inside: rows in, one array a task out."""

import numpy as np
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from .._inputs import is_frame
from ..estimators._base import BaseMultiTask


class ByTaskMixin:
    """Prediction and scores of an estimator whose `_infer` gives a list by task of (n,) or (n, n_classes)."""

    def _validate_X(self, X, reset):
        """Check what can be checked of any X; the estimators inside say what they think of the rest."""
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        # Also where only estimators are left that would take NaN.
        finite = not get_tags(self).input_tags.allow_nan
        return validate_data(
            self, X, reset=reset, dtype=None, accept_sparse="csr", ensure_all_finite=finite, allow_nd=True
        )

    def _rows(self, X):
        check_is_fitted(self, "_models")
        return self._validate_X(X, reset=False)

    def _raw(self, X):
        X = self._rows(X)
        return self._infer(X), X.shape[0]

    def _predict_values(self, raw, n):
        """Values in the user's units, or class codes: (n, T)."""
        return np.stack([p if p.ndim == 1 else p.argmax(axis=1).astype(float) for p in raw], axis=1)

    predict = BaseMultiTask.predict
    score = BaseMultiTask.score
    score_tasks = BaseMultiTask.score_tasks
