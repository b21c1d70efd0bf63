"""TemperatureScaling: one number a task that makes probabilities right on average."""

import warnings

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.utils._param_validation import StrOptions

from .._columns import listing
from ._base import BaseCalibrated

#: Logarithm of the smallest and of the largest inverse temperature, as in scikit-learn.
_BOUNDS = (-10.0, 10.0)
#: What is added to a probability, so that its logarithm is finite; as in scikit-learn.
_FLOOR = 1e-12


class TemperatureScaling(BaseCalibrated):
    r"""Probabilities that are right on average: one temperature for each classification task.

    .. math:: p_k(x) \propto \hat p_k(x)^{1 / \tau}

    The temperature :math:`\tau` of a task minimises the log loss of its labels on rows that the estimator has not seen.
    Above 1 it takes back confidence that is too great, below 1 it adds some. The order of the classes does not change,
    and neither do the predicted labels. Regressions stay as they are.

    Parameters
    ----------
    estimator : estimator, pair (regressor, classifier) or None, default=None
        What predicts: whatever can be a member of `MultiTaskBlend`, and a blend too; its classifiers need
        `predict_proba`. None: `MultiTaskEstimator()`. One that is fitted already goes into a
        ``sklearn.frozen.FrozenEstimator``; then all rows that `fit` gets calibrate, so they must be new to it.
    method : {"cross", "split"}, default="cross"
        Where held-out predictions come from. "cross": from folds; new rows are predicted by a fit to all rows. "split":
        one part of the rows trains, the other calibrates.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kind of each column of y. "auto" goes by the estimator; for a pair, or where that is "auto" too, it takes
        numbers that are not all whole as regression and everything else, whole numbers too, as classification.
    cv : int, cross-validator, iterable of (train, test) or None, default=5
        Folds of "cross". An int is the number of folds of a shuffled `MultiTaskKFold`. None: the estimator's own
        out-of-fold predictions, where it makes them, else 5. For "split" a splitter or an iterable with one pair,
        instead of a random one.
    calibration_fraction : float, default=0.25
        Share of the rows that "split" calibrates on.
    n_jobs : int or None, default=None
        Processes that fit folds, as joblib takes it. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, and every `random_state` of the estimator that is None. Pass an int for the same result each
        time.

    Attributes
    ----------
    temperatures_ : dict of task name to float
        Temperature of each classification; 1 for one that has no held-out label.
    held_out_loss_ : dict of task name to dict of {"before", "after"} to float
        Log loss of the held-out labels without and with the temperature.
    tasks_ : dict of task name to {"regression", "binary", "multiclass"}
        The tasks, in the order of the columns of y, and what they are.
    skipped_tasks_ : list
        Names of the columns of y that are left out, see Notes.
    classes_ : ndarray or None, or list of these
        Class labels of each task, None for a regression and for one that is skipped; no list where y had one column.
    n_outputs_ : int
        Number of columns of y and of predictions: the tasks T, and those that are skipped.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    MultiTaskConformal : Sets of classes that hold the truth as often as they say.
    sklearn.calibration.CalibratedClassifierCV : For one task; with ``method="temperature"`` the same.

    Notes
    -----
    One number cannot mend everything: probabilities that are too high for one class and too low for another stay so.

    In "cross" the temperature is that of the fits to the folds, which saw fewer rows than the last one. Out-of-fold
    predictions that a network with `n_members` brings are of one member each, and more confident than the mean over
    members is: their temperature takes back too much. With ``cv=None`` they are used all the same; it suits a blend,
    whose out-of-fold predictions are blended too.

    Where every held-out label is predicted right, the temperature does not fall below 1, though the loss would go on
    falling with it. A label of weight w counts as w labels.

    What to do about a column of y without a label is up to the estimator: where it has ``on_empty_task="skip"``, the
    column is left out with a warning, and so is a task that "split" leaves no row to train on. Predictions are NaN
    there, probabilities None.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    A forest whose trees are grown to the end:

    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from skmtl.calibration import TemperatureScaling
    >>> data = load_breast_cancer(as_frame=True)
    >>> Y = data.frame[["target"]].assign(large=data.data["worst area"] > 700)
    >>> forest = ExtraTreesClassifier(30, random_state=0)
    >>> model = TemperatureScaling(forest, random_state=0).fit(data.data.iloc[:, :10], Y)
    >>> {task: round(temperature, 1) for task, temperature in model.temperatures_.items()}
    {'target': ..., 'large': ...}
    >>> all(loss["after"] <= loss["before"] for loss in model.held_out_loss_.values())
    True
    """

    _parameter_constraints = BaseCalibrated._parameter_constraints | {"method": [StrOptions({"cross", "split"})]}

    def __init__(
        self,
        estimator=None,
        *,
        method="cross",
        tasks="auto",
        cv=5,
        calibration_fraction=0.25,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.tasks = tasks
        self.cv = cv
        self.calibration_fraction = calibration_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _calibrate(self, held_out, labels, rng):
        self.temperatures_, self.held_out_loss_, alone = {}, {}, []
        for task, name in enumerate(labels.names):
            if labels.kinds[task] == "regression":
                continue
            rows, predicted = held_out.of(task)
            if predicted is None or not len(rows):
                alone.append(name)
                self.temperatures_[name] = 1.0
                self.held_out_loss_[name] = {"before": np.nan, "after": np.nan}
                continue
            codes = labels.of(task, rows).astype(np.intp)
            loss = _loss(predicted, codes, labels.label_weights(task, rows))
            # Without an error among them, labels ask for ever more confidence than they can vouch for.
            highest = _BOUNDS[1] if (predicted.argmax(axis=1) != codes).any() else 0.0
            best = minimize_scalar(loss, bounds=(_BOUNDS[0], highest), options={"xatol": 1e-8}).x
            best = min(best, 0.0, key=loss)
            self.temperatures_[name] = float(np.exp(-best))
            self.held_out_loss_[name] = {"before": loss(0.0), "after": loss(best)}
        if alone:
            warnings.warn(
                f"No held-out label of task(s) {listing(alone)} to calibrate on: their probabilities stay as they are. "
                "Label more rows, or use method='cross'.",
                UserWarning,
                stacklevel=5,
            )

    def _infer(self, X):
        """List by task of values (n,) or calibrated probabilities (n, n_classes)."""
        found = super()._infer(X)
        for task, name in enumerate(self._targets.names):
            if name in self.temperatures_:
                found[task] = softmax(_logits(found[task]) / self.temperatures_[name], axis=1)
        return found


def _loss(probabilities, codes, weights):
    """Mean log loss as a function of the logarithm of the inverse temperature."""
    logits, rows = _logits(probabilities), np.arange(len(codes))

    def loss(log_beta):
        return float(-np.average(log_softmax(np.exp(log_beta) * logits, axis=1)[rows, codes], weights=weights))

    return loss


def _logits(probabilities):
    return np.log(probabilities + _FLOOR)
