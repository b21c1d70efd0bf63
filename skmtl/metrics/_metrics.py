"""The metrics of one task: labels and predictions in, one score out, the higher the better."""

import inspect

import numpy as np
from sklearn import metrics

from .._component import nearest

KINDS = ("regression", "classification")
RESPONSES = ("predict", "predict_proba")


class TaskMetric:
    """A metric of one task: what it compares, and which way it goes.

    A name from `TASK_METRICS` stands for one of these, and a plain function becomes one with the defaults here.

    Parameters
    ----------
    function : callable
        ``function(labels, predictions)`` or ``function(labels, predictions, sample_weight=...)`` of the rows (m,) of
        one task that have a label. Predictions are labels or values (m,). With ``response="predict_proba"`` they are
        the probabilities of the second class (m,) where there are two classes, as scikit-learn's metrics take them, and
        of all classes (m, n_classes) where there are more.
    kind : {"regression", "classification"} or None, default=None
        The kind of task that it is for. None: any.
    response : {"predict", "predict_proba"}, default="predict"
        What the labels are compared with.
    greater_is_better : bool, default=True
        False for a loss: its negative is the score.

    See Also
    --------
    make_task_scorer : A metric for ``scoring=``.

    Examples
    --------
    >>> from sklearn.metrics import max_error
    >>> from skmtl.metrics import TaskMetric, score_by_task
    >>> worst_miss = TaskMetric(max_error, kind="regression", greater_is_better=False)
    >>> score_by_task([[0.5, 1.0], [1.5, None]], [[1.0, 1.0], [1.5, 7.0]], worst_miss, tasks="regression")
    {'task_0': -0.5, 'task_1': -0.0}
    """

    def __init__(self, function, *, kind=None, response="predict", greater_is_better=True):
        if not callable(function):
            raise TypeError(f"function must be callable, a metric of labels and predictions; got {function!r}.")
        for parameter, value, valid in (("kind", kind, (None, *KINDS)), ("response", response, RESPONSES)):
            if value not in valid:
                hint = nearest(value, [v for v in valid if v])
                raise ValueError(f"The {parameter!r} parameter must be one of {list(valid)}; got {value!r}.{hint}")
        self.function = function
        self.kind = kind
        self.response = response
        self.greater_is_better = greater_is_better

    def __call__(self, labels, predictions, classes=None, sample_weight=None):
        """Return the score, a float.

        Parameters
        ----------
        labels : ndarray of shape (m,)
            Labels in the user's terms.
        predictions : ndarray of shape (m,) or (m, n_classes)
            Labels or values; or the probabilities of all `classes`.
        classes : ndarray of shape (n_classes,), default=None
            Classes of the columns of probabilities. Every label is one of them.
        sample_weight : ndarray of shape (m,), default=None
            Weights of the labels.

        Returns
        -------
        score : float
            The higher, the better.
        """
        if self.response == "predict_proba" and predictions.shape[1] == 2:
            predictions = predictions[:, 1]
        given = {} if sample_weight is None else {"sample_weight": sample_weight}
        if given and not _takes_weights(self.function):
            raise TypeError(
                f"sample_weight was given, but the metric {_name(self.function)} takes none. Leave the weights out, or "
                "give it a parameter sample_weight."
            )
        value = float(self.function(labels, predictions, **given))
        return value if self.greater_is_better else -value

    def __repr__(self):
        defaults = {"kind": None, "response": "predict", "greater_is_better": True}
        told = [f"{name}={getattr(self, name)!r}" for name, value in defaults.items() if getattr(self, name) != value]
        return f"TaskMetric({', '.join([_name(self.function), *told])})"


class _OfClasses(TaskMetric):
    """A metric of class codes 0, 1, ... and probabilities (m, n_classes)."""

    def __call__(self, labels, predictions, classes=None, sample_weight=None):
        codes = np.searchsorted(classes, labels)
        return float(self.function(codes, predictions, sample_weight))


def _takes_weights(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # compiled, and does not say
        return True
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def _name(function):
    return getattr(function, "__name__", None) or repr(function)


def resolve_metric(metric):
    """Return a `TaskMetric` for a name, a function or one of these."""
    if isinstance(metric, TaskMetric):
        return metric
    if isinstance(metric, str):
        if metric not in TASK_METRICS:
            raise ValueError(
                f"{metric!r} is not the name of a metric: {sorted(TASK_METRICS)}.{nearest(metric, TASK_METRICS)} "
                "A function of labels and predictions works too."
            )
        return TASK_METRICS[metric]
    if callable(metric):
        return TaskMetric(metric)
    raise TypeError(f"metric must be a name, a function, a TaskMetric or a dict of these; got {metric!r}.")


# Regression: labels and values (m,)


def _r2(labels, values, sample_weight=None):
    return metrics.r2_score(labels, values, sample_weight=sample_weight) if len(labels) > 1 else np.nan


def _explained_variance(labels, values, sample_weight=None):
    return metrics.explained_variance_score(labels, values, sample_weight=sample_weight) if len(labels) > 1 else np.nan


def _relative_error(labels, values, sample_weight=None):
    """Root of the squared error over that of the labels' own mean."""
    return np.sqrt(1 - _r2(labels, values, sample_weight)) if np.ptp(labels) > 0 else np.nan


# Classification by labels (m,)


def _accuracy(labels, predictions, sample_weight=None):
    return np.average(labels == predictions, weights=sample_weight)


def _balanced_accuracy(labels, predictions, sample_weight=None):
    _, codes = np.unique(labels, return_inverse=True)
    weights = np.ones(len(codes)) if sample_weight is None else sample_weight
    return np.mean(np.bincount(codes, weights * (labels == predictions)) / np.bincount(codes, weights))


def _f1(average):
    def f1(labels, predictions, sample_weight=None):
        return metrics.f1_score(labels, predictions, average=average, zero_division=0.0, sample_weight=sample_weight)

    return f1


# Classification by codes (m,) and probabilities (m, n_classes)


def _log_loss(codes, chances, weights):
    own = chances[np.arange(len(codes)), codes]
    return np.average(np.log(np.clip(own, np.finfo(np.float64).eps, 1.0)), weights=weights)


def _brier(codes, chances, weights):
    off = chances - np.eye(chances.shape[1])[codes]
    # Of two classes once, as is the custom.
    return -np.average((off**2).sum(axis=1), weights=weights) / (2 if chances.shape[1] == 2 else 1)


def _one_vs_rest(function):
    """Score of the second of two classes, else the mean over the classes that some labels have and some have not."""

    def score(codes, chances, weights):
        found = np.unique(codes)
        if len(found) < 2:
            return np.nan
        classes = [1] if chances.shape[1] == 2 else found.tolist()
        return np.mean([function(codes == c, chances[:, c], sample_weight=weights) for c in classes])

    return score


def _regression(function, greater_is_better=True):
    return TaskMetric(function, kind="regression", greater_is_better=greater_is_better)


def _labels(function):
    return TaskMetric(function, kind="classification")


def _chances(function):
    return _OfClasses(function, kind="classification", response="predict_proba")


#: Metrics by name: scikit-learn's names, and short ones for three errors.
TASK_METRICS = {
    "r2": _regression(_r2),
    "explained_variance": _regression(_explained_variance),
    "neg_mean_squared_error": _regression(metrics.mean_squared_error, greater_is_better=False),
    "neg_root_mean_squared_error": _regression(metrics.root_mean_squared_error, greater_is_better=False),
    "neg_mean_absolute_error": _regression(metrics.mean_absolute_error, greater_is_better=False),
    "neg_median_absolute_error": _regression(metrics.median_absolute_error, greater_is_better=False),
    "neg_relative_rmse": _regression(_relative_error, greater_is_better=False),
    "accuracy": _labels(_accuracy),
    "balanced_accuracy": _labels(_balanced_accuracy),
    "f1_macro": _labels(_f1("macro")),
    "f1_weighted": _labels(_f1("weighted")),
    "matthews_corrcoef": _labels(metrics.matthews_corrcoef),
    "roc_auc": _chances(_one_vs_rest(metrics.roc_auc_score)),
    "average_precision": _chances(_one_vs_rest(metrics.average_precision_score)),
    "neg_log_loss": _chances(_log_loss),
    "neg_brier_score": _chances(_brier),
}
TASK_METRICS |= {
    "neg_mse": TASK_METRICS["neg_mean_squared_error"],
    "neg_rmse": TASK_METRICS["neg_root_mean_squared_error"],
    "neg_mae": TASK_METRICS["neg_mean_absolute_error"],
}
#: What a task is scored by where nothing is said, as by the estimators' `score`.
DEFAULT = {"regression": "r2", "classification": "accuracy"}
