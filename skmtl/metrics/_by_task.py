"""score_by_task: labels with gaps and predictions of all tasks -> one score a task, over its observed labels."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .._columns import Columns, listing, read_columns
from .._component import nearest
from .._label_weights import label_weights
from .._observed import weighted_columns
from .._task_kinds import asked_kinds, settle_kinds
from ._metrics import DEFAULT, KINDS, resolve_metric


def score_by_task(
    y_true, y_pred, metric="default", *, tasks="auto", classes=None, sample_weight=None, missing_label=np.nan
):
    """Return the score of each task, over the rows in which it has a label.

    Parameters
    ----------
    y_true : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
        Labels, a column a task; NaN, None, pd.NA or `missing_label` where there is none, and in a sparse array what is
        not stored.
    y_pred : array-like or DataFrame of shape (n,) or (n, n_tasks), or list by task
        Predictions, as `predict` returns them; a DataFrame with the names of the tasks in any order. For metrics of
        probabilities, as `predict_proba` returns them: a list by task of arrays (n, n_classes), None for a regression,
        or the array itself where there is one task. A list may mix probabilities and, for other tasks, values (n,).
    metric : str, callable, TaskMetric, or dict of these, default="default"
        A name from `TASK_METRICS`, or a function of labels and predictions. A dict by task name, or by kind,
        "regression" or "classification", names one for each; what it leaves out, and all tasks by default, goes by R²
        or accuracy. One metric that is for one kind of task leaves the tasks of the other kind out.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kinds of the tasks. "auto": a column of numbers that are not all whole is a regression.
    classes : array, or list by task of arrays, default=None
        Class labels of the columns of the probabilities, as an estimator's `classes_`. None: the sorted labels of
        `y_true`.
    sample_weight : array-like of shape (n,) or (n, n_tasks), default=None
        Weights of the rows, or of every label; a label of weight 0 is left out.
    missing_label : scalar, default=np.nan
        What stands for a missing label in `y_true`, besides NaN, None and pd.NA.

    Returns
    -------
    scores : dict of task name to float
        The higher, the better. NaN where the score is not defined: without labels, for a R² with one label, for a
        ROC AUC with one class. Rows without a prediction (NaN, None), as out-of-fold predictions may have, are left
        out, too.

    Raises
    ------
    ValueError
        If the shapes do not fit, or no task is of the metric's kind.

    See Also
    --------
    average_scores : One figure from these.
    make_task_scorer : For ``scoring=`` of searches and cross-validation.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.metrics import score_by_task
    >>> y_true = np.array([[1.5, 0], [2.5, np.nan], [np.nan, 1], [4.5, 1]])
    >>> y_pred = np.array([[1.5, 0], [3.0, 1], [9.0, 0], [4.0, 1]])
    >>> {task: round(score, 2) for task, score in score_by_task(y_true, y_pred).items()}
    {'task_0': 0.89, 'task_1': 0.67}
    >>> score_by_task(y_true, y_pred, "neg_mae")
    {'task_0': -0.3...}
    """
    owner = "score_by_task"
    read = read_columns(y_true, owner=owner, missing_label=missing_label, accept_sparse=True)
    asked = asked_kinds(tasks, read.names, owner)
    kinds = [kind_of(read, j) if kind == "auto" else kind for j, kind in enumerate(asked)]
    truth = Truth(read, kinds, label_weights(sample_weight, read.values))
    return truth.score(resolve_metrics(metric, truth), lambda _: y_pred, by_task(classes, truth))


def resolve_metrics(metric, truth):
    """Return the metric of each task, None for a task that is left out."""
    if isinstance(metric, str) and metric == "default":
        metric = {}
    if not isinstance(metric, Mapping):
        one = resolve_metric(metric)
        found = [one if one.kind in (None, kind) else None for kind in truth.kinds]
        if not any(found):
            raise ValueError(
                f"The metric {metric!r} is for {one.kind}, but no task is one: {listing(truth.names)}. Say the kinds "
                "by the tasks parameter, or take another metric."
            )
        return found
    _check_keys(metric, truth.names)
    found = []
    for name, kind in zip(truth.names, truth.kinds, strict=True):
        one = resolve_metric(metric.get(name, metric.get(kind, DEFAULT[kind])))
        if one.kind not in (None, kind):
            raise ValueError(
                f"Task {name!r} is a {kind}, but its metric {metric.get(name, metric.get(kind))!r} is not."
            )
        found.append(one)
    return found


def by_task(classes, truth):
    """Return a list by task of classes, or None."""
    if classes is None:
        return [None] * truth.n_tasks
    if truth.n_tasks == 1 and not (isinstance(classes, (list, tuple)) and len(classes) == 1):
        classes = [classes]
    if len(classes) != truth.n_tasks:
        raise ValueError(f"classes has {len(classes)} entries for the {truth.n_tasks} tasks {listing(truth.names)}.")
    if any(each is not None and np.ndim(each) == 0 for each in classes):
        raise ValueError(
            f"classes must be a list with the classes of each of the tasks {listing(truth.names)}; got {classes!r}."
        )
    return [None if each is None else np.asarray(each) for each in classes]


class Truth(NamedTuple):
    """The labels to compare with.

    Parameters
    ----------
    read : Columns
    kinds : list of {"regression", "classification"}
    weights : ndarray (n, 1) or (n, T), or CSR array of the pattern of the labels, or None
    """

    read: Columns
    kinds: list
    weights: object = None

    @property
    def names(self):
        """Names of the tasks."""
        return self.read.names

    @property
    def n_tasks(self):
        """Number of tasks."""
        return len(self.read.names)

    def score(self, metrics, respond, classes, strict=False):
        """Return the scores by task name.

        Parameters
        ----------
        metrics : list by task of TaskMetric or None
        respond : callable
            Name of a response -> what the method of that name returned.
        classes : list by task of ndarray or None
        strict : bool, default=False
            Whether a task must have predictions for all rows or none.
        """
        n = self.read.values.shape[0]
        wanted = dict.fromkeys(metric.response for metric in metrics if metric is not None)
        predicted = {response: _split(respond(response), response, self.names, n) for response in wanted}
        scores = {}
        for j, (rows, labels, weights) in enumerate(weighted_columns(self.read.values, self.weights)):
            if metrics[j] is None:
                continue
            cells = _Cells(self.names[j], rows, _in_own_terms(self.read, j, labels), weights)
            scores[self.names[j]] = cells.score(metrics[j], predicted[metrics[j].response][j], classes[j], strict)
        return scores


class _Cells(NamedTuple):
    """The labels of one task: where they are, what they are, and their weights."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None

    def score(self, metric, predicted, classes, strict):
        """Return the score; NaN without labels or predictions."""
        chances = metric.response == "predict_proba"
        if chances and predicted is not None and predicted.ndim != 2:
            raise ValueError(
                f"The metric of task {self.name!r} needs the probabilities of its classes, (n, n_classes), as "
                f"predict_proba returns them; got an array of shape {predicted.shape}."
            )
        if predicted is not None and not chances and predicted.ndim > 1:
            raise ValueError(f"The metric of task {self.name!r} compares labels, but y_pred has its probabilities.")
        if chances and predicted is not None:
            classes = self._classes(classes, predicted.shape[1])
        cells = self._counted(predicted, strict)
        if cells is None:
            return float("nan")
        predicted = predicted[cells.rows]
        if chances:
            predicted, classes = _with_new_classes(predicted, classes, cells.labels)
        elif (cells.labels.dtype.kind in "OU") != (predicted.dtype.kind in "OU"):
            raise ValueError(
                f"Task {self.name!r} has labels such as {cells.labels.tolist()[0]!r}, but predictions such "
                f"as {predicted.tolist()[0]!r}: one is text, and the other not."
            )
        return metric(cells.labels, predicted, classes=classes, sample_weight=cells.weights)

    def _counted(self, predicted, strict):
        """Return those with a weight and a prediction; None without any."""
        if predicted is None:
            return None
        there = _are_there(predicted[self.rows])
        if strict and there.any() and not there.all():
            raise ValueError(
                f"Task {self.name!r} has no prediction (NaN or None) in {len(there) - there.sum()} of the {len(there)} "
                "rows that have a label. Scoring the others only would flatter the estimator."
            )
        if self.weights is not None:
            there &= self.weights > 0
        if not there.any():
            return None
        weights = None if self.weights is None else self.weights[there]
        return _Cells(self.name, self.rows[there], self.labels[there], weights)

    def _classes(self, classes, n_columns):
        if classes is None:
            classes = np.unique(self.labels)
        if len(classes) != n_columns:
            raise ValueError(
                f"Task {self.name!r} has {len(classes)} classes, {listing(classes.tolist())}, but {n_columns} columns "
                "of probabilities. Pass the classes of the columns as classes, as of the estimator's classes_."
            )
        return classes


def kind_of(read, j):
    """Kind of a column of y, by what its labels look like."""
    return settle_kinds(read.take([j]), ["auto"], [None])[0]


def _check_keys(metric, names):
    unknown = [key for key in metric if key not in names and key not in KINDS]
    if unknown:
        raise ValueError(
            f"metric names {unknown[0]!r}, which is neither a task nor a kind; the tasks are {listing(names)}."
            f"{nearest(unknown[0], [*names, *KINDS])}"
        )


def _in_own_terms(read, j, values):
    """Return labels as the user gave them."""
    return read.labels[j][values.astype(np.intp)] if j in read.labels else values


# Predictions of all tasks -> a list by task of (n,) or (n, n_classes), None where there is none


def _split(predicted, response, names, n):
    if _is_by_task(predicted, response, len(names), n):
        parts = [None if part is None else np.asarray(part) for part in predicted]
    elif response == "predict_proba":
        parts = _split_probabilities(np.asarray(predicted), len(names))
    else:
        parts = _split_matrix(predicted, names)
    if len(parts) != len(names):
        raise ValueError(
            f"There are predictions of {len(parts)} task(s), but y_true has {len(names)}: {listing(names)}."
        )
    for name, part in zip(names, parts, strict=True):
        if part is not None and len(part) != n:
            raise ValueError(f"Task {name!r} has {len(part)} predictions for the {n} rows of y_true.")
    return parts


def _is_by_task(predicted, response, n_tasks, n):
    """Whether predictions are a list by task, and not of rows."""
    if not isinstance(predicted, (list, tuple)):
        return False
    if response == "predict_proba" or any(part is None or getattr(part, "ndim", 0) == 2 for part in predicted):
        return True
    # With as many tasks as rows there is no telling, and rows are what `predict` returns.
    return len(predicted) == n_tasks != n and all(getattr(part, "shape", None) == (n,) for part in predicted)


def _split_probabilities(predicted, n_tasks):
    if predicted.ndim != 2 or n_tasks == 1:
        return [predicted]
    return [np.stack([1 - p, p], axis=1) for p in predicted.T]  # of two classes each, as MLPClassifier has them


def _split_matrix(predicted, names):
    array = np.asarray(predicted) if isinstance(predicted, np.ndarray) else None
    if array is not None and array.dtype.kind in "biuf":
        return list(array.reshape(len(array), -1).T)
    read = read_columns(predicted, owner="score_by_task")
    return [_restored(read, j) for j in _places(read.names, names)]


def _places(given, names):
    """Return where the tasks are among the columns of the predictions: by name, where these have such names."""
    shared = set(given) & set(names)
    if not shared or len(given) != len(names):
        return range(len(given))
    if len(shared) < len(names):
        raise ValueError(
            f"The columns of y_pred are {listing(given)}, and some of these are tasks, but the tasks are "
            f"{listing(names)}. Rename the columns, or pass y_pred.to_numpy() to compare column by column."
        )
    return [given.index(name) for name in names]


def _restored(read, j):
    """Return a column as it was, with NaN or None in its gaps."""
    cells = read.values[:, j]
    if j not in read.labels:
        return cells
    gaps = np.isnan(cells)
    labels = (
        read.labels[j][np.where(gaps, 0, cells).astype(np.intp)] if not gaps.all() else np.empty(len(cells), object)
    )
    if gaps.any():
        labels = labels.astype(object)
        labels[gaps] = None
    return labels


def _are_there(predicted):
    """Mask of the rows that have a prediction."""
    if predicted.dtype.kind == "f":
        gaps = np.isnan(predicted)
        return ~(gaps.any(axis=1) if predicted.ndim == 2 else gaps)
    if predicted.dtype.kind == "O":
        return np.array([cell is not None and cell == cell for cell in predicted], dtype=bool)
    return np.ones(len(predicted), dtype=bool)


def _with_new_classes(chances, classes, labels):
    """Return probabilities and classes with those that only the labels have, which are given none."""
    known = np.union1d(classes, labels)
    if len(known) == len(classes):
        return chances, classes
    wider = np.zeros((len(chances), len(known)))
    wider[:, np.searchsorted(known, classes)] = chances
    return wider, known
