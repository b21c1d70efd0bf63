"""Prediction for tasks that the network was not trained for, from what is known of them."""

import dataclasses

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from ..architectures import Architecture


def _knows_new_tasks(estimator):
    architecture = estimator.architecture
    if not (isinstance(architecture, Architecture) and architecture.can_represent_new_tasks):
        raise AttributeError(
            "New tasks can only be predicted from descriptors of the tasks, by one head for all: set "
            "architecture=Conditioned(descriptors, heads='shared')."
        )
    return True


class NewTasksMixin:
    """The part of an estimator that predicts new tasks."""

    @available_if(_knows_new_tasks)
    def predict_new_tasks(self, X, descriptors):
        """Predict tasks that had no label in fit.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        descriptors : array-like or DataFrame of shape (m, k)
            Of each of m new tasks, with the columns that the descriptors in `architecture` have.

        Returns
        -------
        y : ndarray of shape (n, m)
            Values in the units of y, which all tasks then share, or labels.

        Raises
        ------
        ValueError
            If the descriptors do not fit, or the tasks are classifications with different classes.
        """
        predicted, _ = self._predict_new_tasks(X, descriptors)
        if self._blocks[0].loss.kind == "regression":
            return predicted * self._targets.scale[0] + self._targets.mean[0]
        return self._common_classes()[predicted.argmax(axis=2)]

    @available_if(_knows_new_tasks)
    def predict_proba_new_tasks(self, X, descriptors):
        """Predict the probabilities of all classes, for tasks that had no label in fit.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        descriptors : array-like or DataFrame of shape (m, k)
            As of `predict_new_tasks`.

        Returns
        -------
        probabilities : list of length m of ndarray of shape (n, n_classes)
            One array a new task.

        Raises
        ------
        ValueError
            As `predict_new_tasks`; or if the tasks are regressions.
        """
        predicted, m = self._predict_new_tasks(X, descriptors)
        if self._blocks[0].loss.kind == "regression":
            raise ValueError("predict_proba_new_tasks is for classification; these tasks are regressions.")
        self._common_classes()
        return [np.ascontiguousarray(predicted[:, t]) for t in range(m)]

    def _predict_new_tasks(self, X, descriptors):
        """Mean prediction of the members ``(n, m, ...)``, as the loss returns it, and m."""
        check_is_fitted(self, "net_")
        X = self._rows(X)
        raw = self._infer(X, lambda rows: self.net_.module_.infer_tasks(rows, descriptors))
        block = self._blocks[0]
        m = raw.shape[-1] // block.k
        block = dataclasses.replace(block, tasks=tuple(range(m)), columns=slice(0, m), raw=slice(0, raw.shape[-1]))
        return self._mean_prediction(block, raw, X.shape[0]), m

    def _common_classes(self):
        classes = self._targets.classes
        if any(not np.array_equal(classes[0], other) for other in classes):
            raise ValueError(
                "The classes of a new task are those that all tasks have, but these differ from task to task: "
                f"{classes[0].tolist()} and others. Name them alike."
            )
        return classes[0]
