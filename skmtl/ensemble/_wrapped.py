"""What stands for one estimator of several tasks: it reads y as that would, and says of itself what that says."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, is_classifier, is_regressor
from sklearn.utils import RegressorTags, get_tags

from .._targets import Targets
from ..estimators._all_or_nothing import all_or_nothing
from ..estimators._core import core
from ..estimators._mixed import MultiTaskEstimator
from ._by_task import ByTaskMixin
from ._members import is_pair
from ._skipped import choice, without


class BaseWrapped(ByTaskMixin, MetaEstimatorMixin, BaseEstimator):
    """Base class of what fits copies of its `estimator`, or pair, and predicts with them."""

    _parameter_constraints: dict = {
        "estimator": "no_validation",  # make_units says more
        "tasks": "no_validation",  # Targets says more
        "cv": ["cv_object"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the estimator, and learn the rest from rows that it has not seen.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs, of any form that the estimator takes.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets, one column a task; NaN, None or pd.NA where a label is missing. Of a sparse array (CSR, CSC or COO)
            the stored entries are the labels, zeros too, and all others are missing.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0. The estimator must take
            them.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError, TypeError
            If the data, a parameter or the estimator is not as described. After an error, or an interrupt, all is as it
            was before.

        Warns
        -----
        UserWarning
            If a task has too few labels, or is skipped; it is named.
        """
        with all_or_nothing(self):
            self._fit(X, y, sample_weight)
        return self

    def _estimator(self):
        return MultiTaskEstimator() if self.estimator is None else self.estimator

    def _inside(self):
        """The estimators that it is made of."""
        estimator = self._estimator()
        return [part for part in estimator if part is not None] if is_pair(estimator) else [estimator]

    def _check_probabilistic(self):
        """Refuse where there can be no task of classes."""
        if get_tags(self).estimator_type == "regressor":
            raise AttributeError("A regressor has no probabilities.")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inside = self._inside()
        try:
            kind = get_tags(inside[0]).estimator_type if len(inside) == 1 else None
        except (AttributeError, TypeError, ValueError):  # the estimator is not what it should be: fit will say so
            return tags
        if kind in ("regressor", "classifier"):
            tags.estimator_type = kind
            tags.regressor_tags = RegressorTags() if kind == "regressor" else None
            tags.classifier_tags = None if kind == "regressor" else tags.classifier_tags
        return tags


def read_labels(estimator, y, sample_weight, n_rows, owner, tasks="auto", fitted=None):
    """Return what y holds, as the estimator would read it: targets, encoded labels, and their weights.

    Parameters
    ----------
    estimator : estimator, or pair (regressor, classifier)
    y, sample_weight : data
        As a fit takes them.
    n_rows : int
        Number of rows that y must have.
    owner : str
        Who asks, for error texts.
    tasks : str, list or dict, default="auto"
        Kinds of the tasks; "auto" goes by the estimator.
    fitted : estimator or None, default=None
        What was fitted before, and knows its classes and the columns that it skipped.
    """
    classes, skipped = _classes_of(fitted), _skipped_by(fitted)
    if isinstance(tasks, str) and tasks == "auto":
        tasks = _kinds(estimator) if classes is None else _kinds_by(classes, skipped)
    targets, values = Targets.fit(
        y,
        tasks=tasks,
        missing_label=_missing_label(estimator),
        owner=owner,
        n_rows=n_rows,
        classes=classes,
        on_empty=choice(estimator),
        sample_weight=sample_weight,
        accept_sparse=True,
    )
    return without(skipped, targets, values, targets.label_weights(sample_weight, values))


def _kinds(estimator):
    """Kinds of the tasks for `Targets`, as an estimator that is to be fitted has them."""
    if is_pair(estimator):
        return "auto"
    inner = core(estimator)
    if is_regressor(inner) or is_classifier(inner):
        return "regression" if is_regressor(inner) else "classification"
    return getattr(inner, "tasks", "auto")


def _kinds_by(classes, skipped):
    """The same, as one that is fitted has them."""
    kinds = ["regression" if labels is None else "classification" for labels in classes]
    return ["auto" if column in skipped else kind for column, kind in enumerate(kinds)]


def _missing_label(estimator):
    parts = estimator if is_pair(estimator) else [estimator]
    found = [getattr(core(part), "missing_label", np.nan) for part in parts if part is not None]
    return next((label for label in found if label == label), np.nan)


def _classes_of(fitted):
    """List by task of the classes that a fitted estimator knows, None for a regression; None where it knows none."""
    classes = getattr(fitted, "classes_", None)
    return classes if classes is None or isinstance(classes, list) else [classes]


def _skipped_by(fitted):
    """Positions of the columns of y that a fitted estimator skipped; of one that is none of ours, none."""
    targets = getattr(core(fitted, fitted=True), "_targets", None)
    return [] if targets is None else np.setdiff1d(np.arange(targets.n_columns), targets.kept).tolist()
