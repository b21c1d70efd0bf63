"""Held-out scores by task, of tasks that are known before the first fit."""

import numpy as np

from .._columns import read_columns
from .._observed import by_row, like, take_columns, weighted_columns
from ..metrics import TASK_METRICS
from ..metrics._by_task import Truth, by_task, resolve_metrics

#: How a score is called, where not by the name of its metric.
_WORDS = {"r2": "R²", "roc_auc": "ROC AUC"}


class TaskScoring:
    """A score for each task.

    Parameters
    ----------
    metric : str, callable, TaskMetric, dict of these or None
        As in `make_task_scorer`; None is "default".
    y : as the network takes it
        All labels.
    targets : Targets
        The tasks in y.

    Attributes
    ----------
    tasks : dict of str to {"regression", "binary", "multiclass"}
        Those that have a metric.
    words : dict of str to str
        What their scores are called.
    """

    def __init__(self, metric, y, targets):
        self._missing, self._names, self._columns = targets._missing_label, targets.y_names, targets.kept
        self._kinds = list(targets.kinds)
        metric = "default" if metric is None else metric
        truth = self._truth(y)
        self._metrics = resolve_metrics(metric, truth)
        self._scored = [j for j, one in enumerate(self._metrics) if one is not None]
        self.tasks = {targets.names[j]: targets.task_types[targets.names[j]] for j in self._scored}
        self.words = {targets.names[j]: _word(self._metrics[j]) for j in self._scored}

    def _truth(self, y, weights=None):
        settings = {"missing_label": self._missing, "names": self._names, "accept_sparse": True}
        read = read_columns(y, owner="scoring", **settings).take(self._columns)
        if weights is not None and weights.shape[1] > 1:
            values = by_row(read.values)
            weights = like(values, take_columns(weights, self._columns))
        return Truth(read, self._kinds, weights)

    def count(self, y, weights=None):
        """Return the number of labels of each task, (T,), each as many as its weight says."""
        truth = self._truth(y, weights)
        by_task = weighted_columns(truth.read.values, truth.weights)
        return np.array([len(rows) if own is None else own.sum() for rows, _, own in by_task])[self._scored]

    def __call__(self, estimator, X, y, weights=None):
        """Return the scores of a fitted estimator, (T,); NaN for a task that cannot be scored on these rows.

        Parameters
        ----------
        estimator : fitted estimator
        X, y : data
        weights : ndarray of shape (n, 1) or (n, n_columns), or CSR array of the latter, or None
            Of the rows, or of the labels.
        """
        truth = self._truth(y, weights)
        classes = getattr(estimator, "classes_", None)
        classes = None if classes is None else [classes[j] for j in self._columns]

        def respond(response):
            predicted = getattr(estimator, response)(X)
            if isinstance(predicted, list):
                return [predicted[j] for j in self._columns]
            return predicted[:, self._columns]

        scores = truth.score(self._metrics, respond, by_task(classes, truth), strict=True)
        return np.array(list(scores.values()))


def _word(metric):
    names = [name for name, known in TASK_METRICS.items() if known is metric]
    if names:
        return _WORDS.get(names[-1], names[-1])
    word = getattr(metric.function, "__name__", "score")
    return word if metric.greater_is_better else f"neg_{word}"
