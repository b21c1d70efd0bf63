"""Estimators whose error follows from the tasks that they were trained on."""

import numpy as np
from sklearn.base import BaseEstimator

#: What is added to the true value of each task (columns), by each task that it is trained with (rows).
HELP = np.array([[0.0, -0.5, 0.5], [-0.25, 0.0, 0.25], [0.5, 0.0, 0.0]])


class Counted(BaseEstimator):
    """Predicts column t of X plus 1 for task t, plus what `HELP` says of the other tasks that it was trained with.

    The truth is meant to be column t of X. Columns of y without a label are tasks that it is not trained with. Each fit
    is counted, and the one of number `interrupt` breaks off.
    """

    takes_missing_labels = True
    fits: list = []

    def __init__(self, on_empty_task="skip", interrupt=None):
        self.on_empty_task = on_empty_task
        self.interrupt = interrupt

    def fit(self, X, y):
        y = np.asarray(y, dtype=float).reshape(len(X), -1)
        self.trained_ = np.flatnonzero(~np.isnan(y).all(axis=0)).tolist()
        self.fits.append((tuple(self.trained_), len(X)))
        if len(self.fits) == self.interrupt:
            raise KeyboardInterrupt
        self.n_outputs_ = y.shape[1]
        return self

    def predict(self, X):
        predicted = np.asarray(X, dtype=float)[:, : self.n_outputs_] + 1.0
        for task in self.trained_:
            predicted[:, task] += sum(HELP[other, task] for other in self.trained_ if other != task)
        return predicted

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.target_tags.multi_output = True
        return tags
