"""One task of a fitted estimator, as an estimator that single-task tools take."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._columns import listing, read_columns
from .._component import nearest
from ._core import core


def task_view(estimator, task):
    """Return one task of a fitted estimator, as a fitted estimator of its own.

    It is a regressor or a classifier for a 1-D y, and so fits into what is made for one task: permutation importance,
    partial dependence, curves of scikit-learn's displays, calibration, thresholds, votes, conformal prediction of other
    packages. It shares the estimator and its network; each prediction is one of all tasks.

    Parameters
    ----------
    estimator : fitted estimator
        One of this package, which has this as its method `task_view` too; a pipeline or search around it; or any other
        with several outputs, such as a forest.
    task : str or int
        Name of the task, or its position among the columns of y.

    Returns
    -------
    view : estimator
        With `predict` (n,), `score`, and for a classification `classes_` and, where the estimator has it,
        `predict_proba` (n, n_classes). `score` leaves missing labels out.

    Raises
    ------
    ValueError
        If there is no such task.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    MultiTaskConformal : Intervals and sets for all tasks at once.

    Notes
    -----
    A view is frozen, as a ``sklearn.frozen.FrozenEstimator`` is: its `fit` changes nothing, its clone is itself, and
    its parameters cannot be set. A tool for one task that fits what it is given can thus not train the network anew,
    and spoil the other tasks. What such a tool learns beside it, or measures by cross-validation, is only as honest as
    the rows are new to the estimator: pass rows that it was not trained on.

    Examples
    --------
    Which inputs does one of the tasks go by?

    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.inspection import permutation_importance
    >>> from sklearn.linear_model import LinearRegression
    >>> from skmtl.calibration import task_view
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = LinearRegression().fit(X, Y)
    >>> view = task_view(model, 1)
    >>> view.predict(X).shape
    (20,)
    >>> importance = permutation_importance(view, X, Y["Waist"], random_state=0)
    >>> X.columns[importance.importances_mean.argmax()]
    'Situps'
    """
    check_is_fitted(estimator)
    position = _position(estimator, task)
    classes = getattr(estimator, "classes_", None)
    is_classification = (classes[position] if isinstance(classes, list) else classes) is not None
    return (ClassifierView if is_classification else RegressorView)(estimator, position)


class TaskViewMixin:
    """An estimator of several tasks that shows each of them by itself."""

    def task_view(self, task):
        """Return one task as a fitted single-task estimator, for tools that are made for one.

        Parameters
        ----------
        task : str or int
            Name of the task, or its position among the columns of y.

        Returns
        -------
        view : estimator
            A regressor or classifier for a 1-D y that shares the network and is not trained anew, see
            `skmtl.calibration.task_view`.

        Raises
        ------
        ValueError
            If there is no such task.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.

        Examples
        --------
        One of two tasks, said only where the network is sure:

        >>> from sklearn.datasets import load_iris
        >>> from sklearn.model_selection import FixedThresholdClassifier
        >>> from skmtl import MultiTaskClassifier
        >>> data = load_iris(as_frame=True)
        >>> X, width = data.data.iloc[:, :3], data.data["petal width (cm)"]
        >>> Y = data.frame[["target"]].assign(wide=width > 1.5)
        >>> model = MultiTaskClassifier(preset="mlp", solver="lbfgs", alpha=1.0, tol=0.01, random_state=0).fit(X, Y)
        >>> wide = model.task_view("wide")
        >>> sure = FixedThresholdClassifier(wide, threshold=0.9).fit(X, Y["wide"])
        >>> bool(sure.predict(X).sum() < wide.predict(X).sum())
        True
        """
        return task_view(self, task)


class View(BaseEstimator):
    """What views of both kinds have in common. `task` is a position."""

    def __init__(self, estimator, task):
        self.estimator = estimator
        self.task = task

    def __sklearn_clone__(self):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def n_features_in_(self):
        return self.estimator.n_features_in_

    @property
    def feature_names_in_(self):
        return self.estimator.feature_names_in_

    def fit(self, X, y=None, **params):
        """Change nothing: it is fitted already."""
        return self

    def set_params(self, **params):
        """Refuse: it would change nothing, since there is no fit."""
        if params:
            raise ValueError(
                f"A task view is fitted already, so that its parameters cannot be set; got {', '.join(params)}. Set "
                "those of the estimator itself, fit it, and take a view of that."
            )
        return self

    def predict(self, X):
        """Predict the task.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs, as the estimator takes them.

        Returns
        -------
        y : ndarray of shape (n,)
            Values or labels.
        """
        predicted = np.asarray(self.estimator.predict(X))
        return (predicted if predicted.ndim == 1 else predicted[:, self.task]).astype(self._dtype, copy=False)

    def score(self, X, y, sample_weight=None):
        """Return R² or accuracy on the labels that are not missing.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            The higher, the better.
        """
        targets = getattr(core(self.estimator, fitted=True), "_targets", None)
        missing_label = np.nan if targets is None else targets._missing_label
        seen = ~np.isnan(read_columns(y, owner="task_view", missing_label=missing_label).values[:, 0])
        weights = None if sample_weight is None else np.asarray(sample_weight)[seen]
        truth = np.asarray(y).ravel()[seen].astype(self._dtype)
        return self._metric(truth, self.predict(X)[seen], sample_weight=weights)

    def __sklearn_tags__(self):
        tags, whole = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags = whole.input_tags
        return tags


class RegressorView(RegressorMixin, View):
    """A task that is a regression."""

    _dtype = np.float64
    _metric = staticmethod(r2_score)
    score = View.score


def _has_probabilities(view):
    return hasattr(view.estimator, "predict_proba")


class ClassifierView(ClassifierMixin, View):
    """A task that is a classification."""

    _metric = staticmethod(accuracy_score)
    score = View.score

    @property
    def classes_(self):
        """Class labels of the task."""
        classes = self.estimator.classes_
        return classes[self.task] if isinstance(classes, list) else classes

    @property
    def _dtype(self):
        return self.classes_.dtype

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Predict the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n, d)
            Inputs, as the estimator takes them.

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            In the order of `classes_`.
        """
        probabilities = self.estimator.predict_proba(X)
        return probabilities[self.task] if isinstance(probabilities, list) else probabilities


def _position(estimator, task):
    """Position of a task among those of a fitted estimator."""
    inner = core(estimator, fitted=True)
    targets = getattr(inner, "_targets", None)
    names = list(getattr(inner, "tasks_", ())) if targets is None else list(targets.y_names)
    if task in names:
        return _trained(inner, names.index(task), names)
    if not isinstance(task, Integral):
        known = f"; the tasks are {listing(names)}.{nearest(task, names)}" if names else ": pass the position of one."
        raise ValueError(f"{type(inner).__name__} has no task {task!r}{known}")
    n_tasks = _n_tasks(inner, names)
    if n_tasks is not None and not -n_tasks <= task < n_tasks:
        raise ValueError(f"task={task} is no position among the {n_tasks} task(s) of {type(inner).__name__}.")
    return _trained(inner, int(task) % n_tasks if n_tasks else int(task), names)


def _trained(inner, position, names):
    """The position, if its task was trained."""
    if names and names[position] in getattr(inner, "skipped_tasks_", ()):
        raise ValueError(f"Task {names[position]!r} had no label in fit and was skipped: there is nothing to view.")
    return position


def _n_tasks(inner, names):
    """Number of tasks of a fitted estimator; None where it does not say."""
    if names:
        return len(names)
    if isinstance(getattr(inner, "classes_", None), list):
        return len(inner.classes_)
    return getattr(inner, "n_outputs_", None)
