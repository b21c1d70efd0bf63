"""What the calibrators have in common: they fit an estimator, and ask it for rows that it has not seen."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import ShuffleSplit
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _num_samples

from .._columns import listing
from ..ensemble._folds import make_folds, pairs
from ..ensemble._labels import Labels
from ..ensemble._members import Fold, is_pair, unserved
from ..ensemble._skipped import choice, lost_in, without
from ..ensemble._wrapped import BaseWrapped, read_labels
from ..estimators._core import core
from ..estimators._seeds import draw_seed
from ._held_out import Parts, by_folds, by_own, by_split, of_frozen


class BaseCalibrated(BaseWrapped):
    """Base class: fits an estimator, predicts with it, and hands held-out predictions to `_calibrate`."""

    _parameter_constraints: dict = BaseWrapped._parameter_constraints | {
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")]
    }

    def _fit(self, X, y, sample_weight):
        X = self._validate_X(X, reset=True)
        n, estimator = _num_samples(X), self._estimator()
        frozen = isinstance(estimator, FrozenEstimator)
        fitted = estimator.estimator if frozen else None
        owner = type(self).__name__
        targets, values, weights = read_labels(estimator, y, sample_weight, n, owner, self.tasks, fitted)
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
        self._set_targets(targets)
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
            splitter = ShuffleSplit(1, test_size=self.calibration_fraction, random_state=draw_seed(rng))
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


def _check_served(estimator, parts, labels):
    """The estimator must be for the kinds of all tasks."""
    lost = unserved(parts.units, labels)
    if lost:
        who = "The pair" if is_pair(estimator) else type(core(estimator)).__name__
        raise ValueError(
            f"{who} is for no {lost}. Pass a pair (regressor, classifier) or a MultiTaskEstimator, or say the kinds by "
            "the tasks parameter."
        )
