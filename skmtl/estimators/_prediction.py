"""Prediction and scores: from rows of X to values, probabilities and representations in the user's terms."""

import functools
import math

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import TransformerMixin
from sklearn.metrics import r2_score

from .._net import PREDICT_ROWS
from .._observed import column, weighted_columns, with_data


class PredictionMixin(TransformerMixin):  # set_output works where `transform` is written
    """The part of an estimator that asks the trained network."""

    def _raw(self, X):
        """Raw output (m, R) of rows as the user passes them, and their number n <= m."""
        X = self._rows(X)
        return self._infer(X), X.shape[0]

    def _infer(self, X, compute=None):
        return _finite(self.net_.infer_rows(X, compute), X)

    def _predict_values(self, raw, n):
        """Values in the user's units, or class codes: float64 (n, T)."""
        if len(self._readers) == 1:
            return self._read(raw, n, *self._readers[0])
        values = np.empty((n, self._targets.n_tasks))
        for reader in self._readers:
            values[:, list(reader[0].tasks)] = self._read(raw, n, *reader)
        return values

    @staticmethod
    def _read(raw, n, block, scale, mean):
        """Values of one block of tasks, in their order there."""
        predicted = PredictionMixin._mean_prediction(block, raw, n)
        if block.loss.kind == "regression":
            return predicted * scale + mean
        return predicted.argmax(axis=2).astype(float)

    def predict(self, X):
        """Predict all tasks.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n, T), or (n,) where y had one column
            Values in the units of y, and labels in the dtype that they had.
        """
        raw = self._raw(X)
        return self._targets.decode(self._predict_values(*raw))

    def _predict_std(self, raw, n):
        """Standard deviations (n, T), NaN where the loss of a task has none."""
        stds = np.full((n, self._targets.n_tasks), np.nan)
        has_members = raw.ndim == 3
        for block in self._blocks:
            if block.loss.kind != "regression" or not (block.loss.has_std or has_members):
                continue
            # The spread of the members, and on average over them that which the loss has learned.
            predicted = _of_members(block, raw, n, block.loss.predict)
            variance = _mean((predicted - _mean(predicted)) ** 2)
            if block.loss.has_std:
                variance = variance + _mean(_of_members(block, raw, n, block.loss.predict_std) ** 2)
            tasks = list(block.tasks)
            stds[:, tasks] = np.sqrt(variance) * self._targets.scale[tasks]
        if np.isnan(stds).all():
            losses = sorted({type(block.loss).__name__ for block in self._blocks})
            raise ValueError(
                "return_std=True needs n_members above 1, or a loss that learns a standard deviation of a regression, "
                f"as loss='gaussian_nll' does; this {type(self).__name__} was fitted with {losses}."
            )
        return stds[:, 0] if self._targets.single else self._targets.restore_columns(stds)

    def _probabilities(self, raw, n):
        """List by task of (n, n_classes), None for a regression."""
        result = [None] * self._targets.n_tasks
        for block in self._blocks:
            if block.loss.kind == "classification":
                predicted = self._mean_prediction(block, raw, n)
                for i, task in enumerate(block.tasks):
                    result[task] = np.ascontiguousarray(predicted[:, i])
        return result

    @staticmethod
    def _mean_prediction(block, raw, n):
        """Mean over the members of what they predict of a block's tasks ``(n, G, ...)``."""
        return _mean(_of_members(block, raw, n, block.loss.predict))

    def transform(self, X):
        """Return the representation that the heads stand on.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        Z : ndarray of shape (n, width of the trunk)
            Output of the trunk; of K members side by side, K times as wide. Where the architecture has a representation
            for each task, those of the T tasks side by side.
        """
        X = self._rows(X)
        Z = self._infer(X, self.net_.module_.represent).numpy()[: X.shape[0]]
        return Z.astype(np.float32, copy=False) if X.dtype == np.float32 else Z

    @property
    def _n_features_out(self):
        return self.net_.module_.n_features

    def score(self, X, y, sample_weight=None):
        """Return the mean over tasks of R² (regression) or accuracy (classification), on the observed labels.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets; missing labels are left out.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        score : float
            The higher, the better. Tasks without a label in y are left out.
        """
        scores = self.score_tasks(X, y, sample_weight)
        return float(np.nanmean(list(scores.values()))) if not all(map(np.isnan, scores.values())) else np.nan

    def score_tasks(self, X, y, sample_weight=None):
        """Return the score of each task: R² (regression) or accuracy (classification), on the observed labels.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets; missing labels are left out.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        scores : dict of str to float
            By task name; NaN for a task without a label in y, and for a regression task with only one.
        """
        X, targets = self._rows(X), self._targets
        truth = targets.encode(y, n_rows=X.shape[0], unknown=-1.0)
        weights = targets.label_weights(sample_weight, truth)
        predicted = _predict_labelled(self, X, truth)
        scores = dict.fromkeys(targets.y_names, np.nan)
        for task, (rows, labels, own) in enumerate(weighted_columns(truth, weights)):
            guesses = column(predicted, task) if sp.issparse(predicted) else predicted[rows, task]
            scores[targets.names[task]] = task_score(targets.kinds[task], labels, guesses, own)
        return scores


def _predict_labelled(estimator, X, truth):
    """Values and class codes (n, T); where the labels are sparse only of these, as a CSC array."""
    if not sp.issparse(truth):
        return estimator._predict_values(estimator._infer(X), X.shape[0])
    data, ends = np.empty(truth.nnz), truth.indptr
    for start in range(0, X.shape[0], PREDICT_ROWS):
        part = X[start : start + PREDICT_ROWS]
        stop = start + part.shape[0]
        rows = np.repeat(np.arange(stop - start), np.diff(ends[start : stop + 1]))
        labels = slice(ends[start], ends[stop])
        data[labels] = estimator._predict_values(estimator._infer(part), stop - start)[rows, truth.indices[labels]]
    return with_data(truth, data).tocsc()


def task_score(kind, truth, predicted, weights):
    """R² or accuracy; NaN without a label, for R² with one."""
    if len(truth) < (2 if kind == "regression" else 1):
        return np.nan
    if kind == "regression":
        return r2_score(truth, predicted, sample_weight=weights)
    return float(np.average(truth == predicted, weights=weights))


def _of_members(block, raw, n, predict):
    """What the members predict of a block's tasks ``(K, n, G, ...)``, from raw output ``(K, m, R)`` or ``(m, R)``."""
    view = block.view(raw.reshape(-1, raw.shape[-1]))
    # Classes in double precision: the label is that of the largest probability.
    predicted = predict(view if block.loss.kind == "regression" else view.double()).numpy()
    return predicted.reshape(-1, raw.shape[-2], *predicted.shape[1:])[:, :n]


def _mean(members):
    """Mean over the members, added up one after the other: numpy's order would depend on the number of rows."""
    return members[0] if len(members) == 1 else functools.reduce(np.add, members) / len(members)


def _finite(output, X):
    """Never a silent NaN: return what the network made of X if it is a number."""
    if not math.isfinite(output.sum()) and not torch.isfinite(output).all():
        raise ValueError(
            "The network returns NaN or infinity: Input X contains a value too large for it (the largest is "
            f"{abs(X).max():g}). Scale X as for fit, for example with a StandardScaler in a pipeline."
        )
    return output
