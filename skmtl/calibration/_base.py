"""The estimators of this package: one that is calibrated, and what it predicts of rows that it has not seen."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ShuffleSplit, check_cv
from sklearn.utils import ClassifierTags, RegressorTags, check_random_state, get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from .._columns import listing
from .._label_weights import sample_weights
from .._targets import Targets
from ..ensemble._by_task import ByTaskMixin
from ..ensemble._folds import make_folds
from ..ensemble._labels import Labels
from ..ensemble._members import Fold, core, is_pair
from ..estimators._mixed import MultiTaskEstimator
from ._held_out import Parts, by_folds, by_own, by_split, of_frozen


def _may_classify(calibrated):
    """Whether there can be a task of classes."""
    if get_tags(calibrated).estimator_type == "regressor":
        raise AttributeError("A regressor has no probabilities.")
    return True


class BaseCalibrated(ByTaskMixin, MetaEstimatorMixin, BaseEstimator):
    """Base class: fits an estimator, predicts with it, and hands held-out predictions to `_calibrate`."""

    #: It takes several columns of y with gaps, and may be a member of a blend.
    takes_missing_labels = True

    _parameter_constraints: dict = {
        "estimator": "no_validation",  # make_units says more
        "tasks": "no_validation",  # Targets says more
        "cv": ["cv_object"],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the estimator, and calibrate it on rows that it has not seen.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs, of any form that the estimator takes.
        y : array-like or DataFrame of shape (n,) or (n, T)
            Targets, one column a task; NaN, None or pd.NA where a label is missing.
        sample_weight : array-like of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label. The estimator must take them.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError, TypeError
            If the data, a parameter or the estimator is not as described. All is then as it was before.

        Warns
        -----
        UserWarning
            If a task has too few labels to be calibrated; it is named.
        """
        before = dict(self.__dict__)
        try:
            self._fit(X, y, sample_weight)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        return self

    def _fit(self, X, y, sample_weight):
        X = self._validate_X(X, reset=True)
        n, estimator = _num_samples(X), self._estimator()
        frozen = isinstance(estimator, FrozenEstimator)
        classes = _classes_of(estimator.estimator) if frozen else None
        targets, values = Targets.fit(
            y,
            tasks=self._kinds(estimator, classes),
            missing_label=_missing_label(estimator),
            owner=type(self).__name__,
            n_rows=n,
            classes=classes,
        )
        weights = None if sample_weight is None else sample_weights(sample_weight, values.shape)
        labels = Labels(targets, values, weights, y)
        rng = check_random_state(self.random_state)
        if frozen:
            self._check_frozen(labels)
            held_out = of_frozen(estimator.estimator, X, labels, self._wants_std(labels))
        else:
            labels.check()
            held_out = self._hold_out(estimator, X, y, labels, rng)
        self._targets, self.tasks_, self.n_outputs_ = targets, targets.task_types, targets.n_tasks
        self._models = held_out.models
        self._check_learned(labels)
        self._calibrate(held_out, labels, rng)

    def _hold_out(self, estimator, X, y, labels, rng):
        parts = Parts.make(estimator, labels, rng, self._wants_std(labels), self._quantiles(estimator, labels))
        _check_served(estimator, parts, labels)
        if self.method == "split":
            return by_split(parts, X, labels, self._split(X, y, labels, rng))
        keep = self.method == "cv+"
        if self.cv is None and parts.bring_own and not keep:
            return by_own(parts, X, labels)
        return by_folds(parts, X, labels, make_folds(self.cv, X, y, labels, rng), self.n_jobs, keep)

    def _split(self, X, y, labels, rng):
        if self.cv is None or isinstance(self.cv, Integral):
            # Not stratified: the labels must have no part in which rows calibrate.
            found = list(
                ShuffleSplit(1, test_size=self.calibration_fraction, random_state=_seed(rng)).split(labels.values)
            )
        else:
            found = list(check_cv(self.cv).split(X, y))
        if len(found) != 1:
            raise ValueError(
                f"method='split' needs one pair of training and calibration rows; the cv parameter gives {len(found)}. "
                "Pass [(train, calibration)], or use method='cross'."
            )
        train, test = found[0]
        return Fold(np.sort(np.asarray(train)), np.sort(np.asarray(test)), 1)

    def _check_learned(self, labels):
        """Every task must be predicted, by each of the models."""
        for models in self._models:
            learned = {task for model in models.fitted for task in model.unit.tasks}
            lost = [name for task, name in enumerate(labels.names) if task not in learned]
            if lost:
                raise ValueError(
                    f"The rows that {type(self).__name__}(method={self.method!r}) trains on have no label of task(s) "
                    f"{listing(lost)}, or those of one class only. Use method='cross', or other rows by the cv "
                    "parameter."
                )

    # What the estimator is

    def _estimator(self):
        return MultiTaskEstimator() if self.estimator is None else self.estimator

    def _kinds(self, estimator, classes):
        """Kinds of the tasks for `Targets`: as asked for, or as the estimator has them."""
        if not (isinstance(self.tasks, str) and self.tasks == "auto"):
            return self.tasks
        if classes is not None:
            return ["regression" if c is None else "classification" for c in classes]
        if is_pair(estimator):
            return "auto"
        inner = core(estimator)
        if is_regressor(inner) or is_classifier(inner):
            return "regression" if is_regressor(inner) else "classification"
        return getattr(inner, "tasks", "auto")

    def _check_frozen(self, labels):
        """Refuse what a frozen estimator cannot do."""

    def _wants_std(self, labels):
        return False

    def _quantiles(self, estimator, labels):
        return ()

    # Prediction

    def _infer(self, X):
        """List by task of values (n,) or probabilities (n, n_classes): where there are several models, their mean."""
        by_model = [models.predict(X) for models in self._models]
        result = [sum(columns) / len(by_model) for columns in zip(*by_model, strict=True)]
        return [p[:, 0] if c is None else p for p, c in zip(result, self._targets.classes, strict=True)]

    @available_if(_may_classify)
    def predict_proba(self, X):
        """Predict the probabilities of all classes.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs.

        Returns
        -------
        probabilities : list of ndarray of shape (n, n_classes), or ndarray where y had one column
            One array a task, with the classes in the order of `classes_`; None for a regression task.
        """
        found = [None if p.ndim == 1 else p for p in self._raw(X)[0]]
        return found[0] if self._targets.single else found

    @property
    def classes_(self):
        """Class labels: an array, or a list of them with several tasks (None for a regression)."""
        if not hasattr(self, "_targets"):
            raise AttributeError(f"{type(self).__name__} has no classes_ before it is fitted.")
        return self._targets.classes[0] if self._targets.single else self._targets.classes

    # What scikit-learn asks for

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.classifier_tags = ClassifierTags()
        parts = self.estimator if is_pair(self.estimator) else [self._estimator()]
        try:
            found = [get_tags(part) for part in parts if part is not None]
        except (AttributeError, TypeError, ValueError):  # the estimator is not what it should be: fit will say so
            return tags
        if len(found) == 1 and found[0].estimator_type in ("regressor", "classifier"):
            tags.estimator_type = found[0].estimator_type
            tags.regressor_tags = RegressorTags() if tags.estimator_type == "regressor" else None
            tags.classifier_tags = ClassifierTags() if tags.estimator_type == "classifier" else None
        tags.input_tags.sparse = all(tag.input_tags.sparse for tag in found)
        tags.input_tags.allow_nan = all(tag.input_tags.allow_nan for tag in found)
        return tags


def _check_served(estimator, parts, labels):
    """The estimator must be for the kinds of all tasks."""
    served = {task for unit in parts.units for task in unit.tasks}
    alone = [task for task in range(len(labels.names)) if task not in served]
    if alone:
        who = "The pair" if is_pair(estimator) else type(core(estimator)).__name__
        raise ValueError(
            f"{who} is for no {labels.kinds[alone[0]]}, which task(s) {listing(labels.names[t] for t in alone)} need. "
            "Pass a pair (regressor, classifier) or a MultiTaskEstimator, or say the kinds by the tasks parameter."
        )


def _missing_label(estimator):
    parts = estimator if is_pair(estimator) else [estimator]
    found = [getattr(core(part), "missing_label", np.nan) for part in parts if part is not None]
    return next((label for label in found if label == label), np.nan)


def _classes_of(fitted):
    """List by task of the classes that a fitted estimator knows, None for a regression; None where it knows none."""
    classes = getattr(fitted, "classes_", None)
    return classes if classes is None or isinstance(classes, list) else [classes]


def _seed(rng):
    return int(rng.randint(np.iinfo(np.int32).max))
