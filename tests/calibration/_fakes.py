"""Estimators whose predictions are known beforehand."""

import numpy as np
from sklearn.base import BaseEstimator


class Oracle(BaseEstimator):
    """Predicts the first column of X for every task, and the second as its standard deviation; counts its fits."""

    takes_missing_labels = True
    fits: list = []

    def __init__(self, own_oof=False, shift=0.0):
        self.own_oof = own_oof
        self.shift = shift

    @property
    def makes_oof_prediction(self):
        return self.own_oof

    def fit(self, X, y):
        self.fits.append(len(X))
        self.n_outputs_ = 1 if np.ndim(y) == 1 else np.shape(y)[1]
        self.tasks_ = dict.fromkeys(f"task_{t}" for t in range(self.n_outputs_))
        if self.own_oof:
            self.oof_prediction_ = self.predict(X) + self.shift
        return self

    def predict(self, X, return_std=False):
        columns = (np.tile(np.asarray(X)[:, [j]], self.n_outputs_) for j in (0, 1))
        value, std = (c[:, 0] if self.n_outputs_ == 1 else c for c in columns)
        return (value, std) if return_std else value

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.target_tags.multi_output = True
        return tags


class Chances(BaseEstimator):
    """Predicts the columns of X as the probabilities of classes 0, 1, ... of its one task."""

    def __init__(self, n_classes=3):
        self.n_classes = n_classes

    def fit(self, X, y):
        self.classes_ = np.arange(self.n_classes)
        return self

    def predict_proba(self, X):
        return np.asarray(X)[:, : self.n_classes]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "classifier"
        return tags
