"""Class probabilities and class labels, of estimators that may have classification tasks."""

import numpy as np
from sklearn.utils.metaestimators import available_if


def _is_probabilistic(estimator):
    estimator._check_probabilistic()
    return True


class ProbabilityMixin:
    """Class probabilities, where there are classification tasks."""

    _parameter_constraints: dict = {"class_weight": [dict, list, tuple, str, None]}

    def _check_probabilistic(self):
        """Refuse losses that give no probabilities; before fit there is nothing to say against it."""
        for loss in getattr(self, "_losses", ()):
            if loss.kind == "classification" and not loss.probabilistic:
                raise AttributeError(f"{type(loss).__name__} gives no probabilities; use loss='log_loss' or 'focal'.")

    @available_if(_is_probabilistic)
    def predict_proba(self, X):
        """Predict the probabilities of all classes.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        probabilities : list of ndarray of shape (n, n_classes), or ndarray where y had one column
            One array a task, with the classes in the order of `classes_`; None for a regression task, and for one that
            is skipped.
        """
        raw = self._raw(X)
        probabilities = self._targets.restore(self._probabilities(*raw))
        return probabilities[0] if self._targets.single else probabilities

    @available_if(_is_probabilistic)
    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of all classes.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        log_probabilities : list of ndarray of shape (n, n_classes), or ndarray where y had one column
            As `predict_proba`.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            if isinstance(probabilities, list):
                return [None if p is None else np.log(p) for p in probabilities]
            return np.log(probabilities)

    @property
    def classes_(self):
        """Class labels: an array, or a list of them with several tasks (None for a regression)."""
        if not hasattr(self, "_targets"):
            raise AttributeError(f"{type(self).__name__} has no classes_ before it is fitted.")
        classes = self._targets.restore(self._targets.classes)
        return classes[0] if self._targets.single else classes
