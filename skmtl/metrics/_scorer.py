"""Scorers: what ``scoring=`` of a search or a cross-validation takes, for several tasks with gaps in y."""

from collections.abc import Mapping

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils.metadata_routing import MetadataRequest

from .._columns import read_columns
from .._component import nearest
from .._label_weights import by_name, label_weights
from ._averages import average_scores
from ._by_task import Truth, by_task, kind_of, resolve_metrics
from ._metrics import TASK_METRICS, TaskMetric, resolve_metric

#: Endings of the names of scorers.
ENDINGS = {"": "mean", "_mean": "mean", "_worst": "worst", "_by_task": None}


def make_task_scorer(metric="default", average="mean", *, task_weights=None, baseline=None, **settings):
    """Make a scorer for estimators of several tasks, of y with gaps.

    What it makes goes wherever scikit-learn takes ``scoring=``: ``GridSearchCV``, ``cross_validate``,
    ``permutation_importance``, ...

    Parameters
    ----------
    metric : str, callable, TaskMetric, or dict of these by task name or kind, default="default"
        What each task is scored by, as in `score_by_task`. By default R² or accuracy.
    average : {"mean", "worst", "weighted", "delta_m"}, name of a task, None, or a list of these, default="mean"
        The figure of all tasks, as in `average_scores`. None returns a dict with the score of each task, a list a dict
        with each of these figures, None in it all tasks. A search then names in ``refit`` the one that decides.
    task_weights : array-like of shape (n_tasks,) or dict by task name, default=None
        Weights of the tasks for "weighted".
    baseline : dict by task name or array-like of shape (n_tasks,), default=None
        Scores to compare with for "delta_m", by the same metric.
    **settings : dict
        For a metric that is a function: `kind`, `response` and `greater_is_better`, as in `TaskMetric`.

    Returns
    -------
    scorer : TaskScorer
        ``scorer(estimator, X, y, sample_weight=None)`` returns a float or a dict; the higher, the better.

    Raises
    ------
    ValueError, TypeError
        If a metric or an average does not exist, or lacks what it needs.

    See Also
    --------
    get_task_scorer : Scorers by name.
    score_by_task : The scores of predictions.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skmtl.metrics import make_task_scorer
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> scorer = make_task_scorer("neg_mae", ["mean", "worst", None])
    >>> search = GridSearchCV(Ridge(), {"alpha": [1, 10]}, scoring=scorer, refit="worst").fit(X, Y)
    >>> [name for name in search.cv_results_ if name.startswith("mean_test")]
    ['mean_test_mean', 'mean_test_worst', 'mean_test_Weight', 'mean_test_Waist', 'mean_test_Pulse']
    """
    return TaskScorer(metric, average, task_weights, baseline, settings)


def get_task_scorer(name):
    """Return a scorer by its name.

    Parameters
    ----------
    name : str
        "default" or the name of a metric, for the mean over tasks; with "_worst" behind it the worst task, with
        "_by_task" a dict of all. See `get_task_scorer_names`.

    Returns
    -------
    scorer : TaskScorer
        For ``scoring=``.

    Raises
    ------
    ValueError
        If there is no such scorer.

    See Also
    --------
    make_task_scorer : Other figures, and metrics of your own.

    Examples
    --------
    >>> from skmtl.metrics import get_task_scorer
    >>> get_task_scorer("roc_auc_worst")
    make_task_scorer('roc_auc', 'worst')
    """
    metrics = ["default", *TASK_METRICS]
    for ending, average in sorted(ENDINGS.items(), key=lambda item: -len(item[0])):
        if isinstance(name, str) and name.endswith(ending) and name[: len(name) - len(ending)] in metrics:
            return TaskScorer(name[: len(name) - len(ending)], average)
    names = get_task_scorer_names()
    raise ValueError(
        f"{name!r} is not the name of a task scorer.{nearest(name, names)} A metric, {sorted(metrics)}, may have "
        f"one of {[ending for ending in ENDINGS if ending]} behind it; make_task_scorer makes others."
    )


def get_task_scorer_names():
    """Return the names that `get_task_scorer` knows.

    Returns
    -------
    names : list of str
        Sorted.

    See Also
    --------
    get_task_scorer : The scorer of a name.

    Examples
    --------
    >>> from skmtl.metrics import get_task_scorer_names
    >>> "r2_worst" in get_task_scorer_names()
    True
    """
    return sorted(metric + ending for metric in ["default", *TASK_METRICS] for ending in ENDINGS)


class TaskScorer:
    """A scorer of several tasks; `make_task_scorer` makes it and says what the parameters are.

    Parameters
    ----------
    metric : str, callable, TaskMetric, or dict of these, default="default"
        What each task is scored by.
    average : str, None, or a list of these, default="mean"
        The figure of all tasks.
    task_weights : array-like of shape (n_tasks,) or dict by task name, default=None
        Weights of the tasks for "weighted".
    baseline : dict by task name or array-like of shape (n_tasks,), default=None
        Scores to compare with for "delta_m".
    settings : dict, default=None
        `kind`, `response` and `greater_is_better` of a metric that is a function.

    See Also
    --------
    make_task_scorer : How to get one.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmtl.metrics import make_task_scorer
    >>> X, Y = load_linnerud(return_X_y=True)
    >>> round(make_task_scorer("r2", "worst")(LinearRegression().fit(X, Y), X, Y), 3)
    0.075
    """

    def __init__(self, metric="default", average="mean", task_weights=None, baseline=None, settings=None):
        self.metric, self.average = metric, average
        self.task_weights, self.baseline, self.settings = task_weights, baseline, settings
        self._weight_request = None
        if settings:
            if not callable(metric) or isinstance(metric, TaskMetric):
                raise TypeError(f"{sorted(settings)} are for a metric that is a function; got metric={metric!r}.")
            self._resolved = TaskMetric(metric, **settings)
        else:
            self._resolved = metric
        self._check()

    def _check(self):
        named = self._resolved.values() if isinstance(self._resolved, Mapping) else [self._resolved]
        for metric in named:
            if not (isinstance(metric, str) and metric == "default"):
                resolve_metric(metric)
        averages = self.average if isinstance(self.average, (list, tuple)) else [self.average]
        if not averages:
            raise ValueError("average is an empty list: name at least one figure, such as 'mean'.")
        for parameter, average in (("task_weights", "weighted"), ("baseline", "delta_m")):
            if average in averages and getattr(self, parameter) is None:
                raise ValueError(f"average={average!r} needs {parameter}, a list or a dict by task name.")
            if average not in averages and getattr(self, parameter) is not None:
                raise ValueError(f"{parameter} was given, but only average={average!r} uses it; got {self.average!r}.")

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator
            Any that predicts the columns of y; with `predict_proba` for metrics of probabilities.
        X : array-like
            Inputs, as the estimator takes them.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
            Labels with gaps. A sentinel that the estimator knows as `missing_label` is a gap, too.
        sample_weight : array-like of shape (n,) or (n, n_tasks), default=None
            Weights of the rows, or of every label.

        Returns
        -------
        score : float or dict of float
            The higher, the better; NaN where no task has a score.
        """
        return self.figures(self.score_tasks(estimator, X, y, sample_weight))

    def figures(self, scores):
        """Return what `average` makes of the scores of the tasks.

        Parameters
        ----------
        scores : dict of task name to float
            As `score_tasks` returns them.

        Returns
        -------
        score : float or dict of float
            As of a call.
        """
        if not isinstance(self.average, (list, tuple)):
            return scores if self.average is None else self._figure(scores, self.average)
        figures = {}
        for average in self.average:
            figures |= scores if average is None else {average: self._figure(scores, average)}
        return figures

    def score_tasks(self, estimator, X, y, sample_weight=None):
        """Return the score of each task, whatever `average` is.

        Parameters
        ----------
        estimator : fitted estimator
            Any that predicts the columns of y.
        X : array-like
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
            Labels with gaps.
        sample_weight : array-like of shape (n,) or (n, n_tasks), default=None
            Weights of the rows, or of every label.

        Returns
        -------
        scores : dict of task name to float
            NaN for a task without a score.
        """
        read = read_columns(
            y, owner=type(estimator).__name__, missing_label=missing_label_of(estimator), accept_sparse=True
        )
        classes = _classes(estimator, len(read.names))
        kinds = _kinds(estimator, classes, read)
        truth = Truth(read, kinds, label_weights(sample_weight, read.values))
        metrics = resolve_metrics(self._resolved, truth)
        classes = by_task(classes, truth)
        return truth.score(metrics, lambda response: _respond(estimator, response, X), classes, strict=True)

    def _figure(self, scores, average):
        weights = by_name(self.task_weights) if average == "weighted" else None
        if isinstance(weights, Mapping):  # a metric of one kind leaves tasks out
            weights = {name: weight for name, weight in weights.items() if name in scores} or None
        return average_scores(scores, average, task_weights=weights, baseline=self.baseline)

    # Metadata routing

    def set_score_request(self, *, sample_weight=None):
        """Return a copy that asks a search or a cross-validation for weights, where metadata routing is enabled.

        Parameters
        ----------
        sample_weight : bool, str or None, default=None
            True: ask for `sample_weight`; a str: under this name; False: ignore it; None: it is an error to pass it.

        Returns
        -------
        scorer : TaskScorer
            A copy.
        """
        copy = TaskScorer(self.metric, self.average, self.task_weights, self.baseline, self.settings)
        copy._weight_request = sample_weight
        return copy

    def get_metadata_routing(self):
        """Return what it asks for.

        Returns
        -------
        request : MetadataRequest
            The request for `sample_weight`.
        """
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self._weight_request)
        return request

    def __repr__(self):
        given = {"task_weights": self.task_weights, "baseline": self.baseline, **(self.settings or {})}
        told = [f"{name}={value!r}" for name, value in given.items() if value is not None]
        return f"make_task_scorer({', '.join([repr(self.metric), repr(self.average), *told])})"


def missing_label_of(estimator):
    """What stands for a missing label in the y of an estimator, or of what it is made of."""
    found = estimator.get_params() if hasattr(estimator, "get_params") else {}
    labels = [value for name, value in found.items() if name.rpartition("__")[2] == "missing_label"]
    return next((label for label in labels if label == label and label is not None), np.nan)


def _classes(estimator, n_tasks):
    """What the estimator says of the classes of each task; None if nothing."""
    classes = getattr(estimator, "classes_", None)
    if n_tasks > 1 and isinstance(classes, np.ndarray) and classes.ndim == 1 and classes.dtype != object:
        return [np.array([0, 1])] * n_tasks  # these are columns of 0 and 1, as MLPClassifier has them
    return classes


def _kinds(estimator, classes, read):
    """Kinds of the tasks: what the estimator says, else what the labels look like."""
    if is_regressor(estimator):
        return ["regression"] * len(read.names)
    if is_classifier(estimator):
        return ["classification"] * len(read.names)
    if classes is None and not hasattr(estimator, "classes_"):
        return [kind_of(read, j) for j in range(len(read.names))]
    classes = classes if isinstance(classes, list) and len(classes) == len(read.names) else [classes]
    # A column without classes may be one that was skipped.
    return ["regression" if c is None and j not in read.labels else "classification" for j, c in enumerate(classes)]


def _respond(estimator, response, X):
    if not hasattr(estimator, response):
        raise AttributeError(
            f"{type(estimator).__name__} has no {response}, which the metric needs. Take a metric of labels, such as "
            "'accuracy'."
        )
    return getattr(estimator, response)(X)
