"""The estimators of this package: one that is calibrated, and what it predicts of rows that it has not seen."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import ClassifierTags, RegressorTags, check_random_state, get_tags
from sklearn.utils._param_validation import Interval
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples

from .._columns import listing
from .._targets import Targets
from ..ensemble._by_task import ByTaskMixin
from ..ensemble._folds import make_folds, pairs
from ..ensemble._labels import Labels
from ..ensemble._members import Fold, core, is_pair
from ..estimators._mixed import MultiTaskEstimator
from ._held_out import Parts, by_folds, by_own, by_split, of_frozen
from ._skipped import choice, lost_in, without


def _may_classify(calibrated):
    """Whether there can be a task of classes."""
    if get_tags(calibrated).estimator_type == "regressor":
        raise AttributeError("A regressor has no probabilities.")
    return True


class BaseCalibrated(ByTaskMixin, MetaEstimatorMixin, BaseEstimator):
    """Base class: fits an estimator, predicts with it, and hands held-out predictions to `_calibrate`."""

    #: It takes several columns of y with gaps, also sparse, and may be a member of a blend.
    takes_missing_labels = True
    takes_sparse_labels = True

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
            If the data, a parameter or the estimator is not as described. All is then as it was before.

        Warns
        -----
        UserWarning
            If a task has too few labels to be calibrated, or is skipped; it is named.
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
        fitted = estimator.estimator if frozen else None
        classes, skipped = _classes_of(fitted), _skipped_by(fitted)
        targets, values = Targets.fit(
            y,
            tasks=self._kinds(estimator, classes, skipped),
            missing_label=_missing_label(estimator),
            owner=type(self).__name__,
            n_rows=n,
            classes=classes,
            on_empty=choice(estimator),
            sample_weight=sample_weight,
            accept_sparse=True,
        )
        weights = targets.label_weights(sample_weight, values)
        targets, values, weights = without(skipped, targets, values, weights)
        labels = Labels(targets, values, weights, y)
        rng = check_random_state(self.random_state)
        if frozen:
            self._check_frozen(labels)
            held_out = of_frozen(fitted, X, labels, self._wants_std(labels))
        else:
            labels.check()
            parts, folds = self._parts(estimator, labels, rng), self._folds(X, y, labels, rng)
            lost = lost_in(folds or (), labels)
            if lost:
                self._complain(lost, targets, estimator)
                targets, values, weights = without(lost, targets, values, weights)
                labels = Labels(targets, values, weights, y)
                parts = self._parts(estimator, labels, rng)
            held_out = self._hold_out(parts, X, y, labels, rng, folds)
        self._targets, self.tasks_ = targets, targets.task_types
        self.n_outputs_, self.skipped_tasks_ = targets.n_columns, targets.skipped
        self._models = held_out.models
        self._calibrate(held_out, labels, rng)

    def _folds(self, X, y, labels, rng):
        """Folds whose models are kept, so that each must learn every task; None where one is fitted to all rows."""
        if self.method == "split":
            return [self._split(X, y, labels, rng)]
        return make_folds(self.cv, X, y, labels, rng, type(self).__name__) if self.method == "cv+" else None

    def _parts(self, estimator, labels, rng):
        parts = Parts.make(estimator, labels, rng, self._wants_std(labels), self._quantiles(estimator, labels))
        _check_served(estimator, parts, labels)
        return parts

    def _hold_out(self, parts, X, y, labels, rng, folds):
        if self.method == "split":
            return by_split(parts, X, labels, *folds)
        if folds is None and self.cv is None and parts.bring_own:
            return by_own(parts, X, labels)
        keep = folds is not None
        folds = folds if keep else make_folds(self.cv, X, y, labels, rng, type(self).__name__)
        return by_folds(parts, X, labels, folds, self.n_jobs, keep)

    def _split(self, X, y, labels, rng):
        if self.cv is None or isinstance(self.cv, Integral):
            # Not stratified: the labels must have no part in which rows calibrate.
            splitter = ShuffleSplit(1, test_size=self.calibration_fraction, random_state=_seed(rng))
            found = list(splitter.split(np.empty(labels.n_rows)))
        else:
            found = pairs(self.cv, X, y, type(self).__name__)
        if len(found) != 1:
            raise ValueError(
                f"method='split' needs one pair of training and calibration rows; the cv parameter gives {len(found)}. "
                "Pass [(train, calibration)], or use method='cross'."
            )
        train, test = found[0]
        return Fold(np.sort(np.asarray(train)), np.sort(np.asarray(test)), 1)

    def _complain(self, lost, targets, estimator):
        """Refuse, or warn of, tasks of which the rows to train on have nothing."""
        names = [targets.y_names[column] for column in lost]
        text = (
            f"The rows that {type(self).__name__}(method={self.method!r}) trains on have no label of task(s) "
            f"{listing(names)}, or those of one class only"
        )
        if choice(estimator) != "skip" or len(lost) == targets.n_tasks:
            raise ValueError(f"{text}. Use method='cross', or other rows by the cv parameter.")
        warnings.warn(
            f"{text}: on_empty_task='skip' leaves them out, and there is no prediction for them. method='cross' would "
            "train on all rows.",
            UserWarning,
            stacklevel=5,
        )

    # What the estimator is

    def _estimator(self):
        return MultiTaskEstimator() if self.estimator is None else self.estimator

    def _kinds(self, estimator, classes, skipped):
        """Kinds of the tasks for `Targets`: as asked for, or as the estimator has them."""
        if not (isinstance(self.tasks, str) and self.tasks == "auto"):
            return self.tasks
        if classes is not None:
            kinds = ["regression" if c is None else "classification" for c in classes]
            return ["auto" if column in skipped else kind for column, kind in enumerate(kinds)]
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
            One array a task, with the classes in the order of `classes_`; None for a regression task, and for one that
            is skipped.
        """
        raw, _ = self._raw(X)
        found = self._targets.restore([None if p.ndim == 1 else p for p in raw])
        return found[0] if self._targets.single else found

    @property
    def classes_(self):
        """Class labels: an array, or a list of them with several tasks (None for a regression)."""
        if not hasattr(self, "_targets"):
            raise AttributeError(f"{type(self).__name__} has no classes_ before it is fitted.")
        classes = self._targets.restore(self._targets.classes)
        return classes[0] if self._targets.single else classes

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


def _skipped_by(fitted):
    """Positions of the columns of y that a fitted estimator skipped; of one that is none of ours, none."""
    targets = getattr(core(fitted, fitted=True), "_targets", None)
    return [] if targets is None else np.setdiff1d(np.arange(targets.n_columns), targets.kept).tolist()


def _seed(rng):
    return int(rng.randint(np.iinfo(np.int32).max))
