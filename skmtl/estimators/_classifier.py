"""MultiTaskClassifier: every column of y is a classification task."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ._base import BaseMultiTask


def _is_probabilistic(estimator):
    """Whether the losses give probabilities; before fit there is nothing to say against it."""
    losses = getattr(estimator, "_losses", ())
    for loss in losses:
        if loss.kind == "classification" and not loss.probabilistic:
            raise AttributeError(f"{type(loss).__name__} gives no probabilities; use loss='log_loss' or 'focal'.")
    return True


class ProbabilityMixin:
    """Class probabilities, where there are classification tasks."""

    _parameter_constraints = {"class_weight": [dict, list, tuple, str, None]}

    @available_if(_is_probabilistic)
    def predict_proba(self, X):
        """Predict the probabilities of all classes.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        probabilities : list of ndarray of shape (n, n_classes), or ndarray where y had one column
            One array a task, with the classes in the order of `classes_`; None for a regression task.
        """
        probabilities = self._probabilities(self._raw(X))
        return probabilities[0] if self._targets.single else probabilities

    @available_if(_is_probabilistic)
    def predict_log_proba(self, X):
        """Predict the logarithms of the probabilities of all classes.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        log_probabilities : list of ndarray of shape (n, n_classes), or ndarray where y had one column
            As `predict_proba`.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            if isinstance(probabilities, list):
                return [None if p is None else np.log(p) for p in probabilities]
            return np.log(probabilities)

    @property
    def classes_(self):
        """Class labels: an array, or a list of them with several tasks (None for a regression)."""
        if not hasattr(self, "_targets"):
            raise AttributeError(f"{type(self).__name__} has no classes_ before it is fitted.")
        classes = self._targets.classes
        return classes[0] if self._targets.single else classes


class MultiTaskClassifier(ClassifierMixin, ProbabilityMixin, BaseMultiTask):
    """One network for several classification tasks."""

    _kind = "classification"
    _parameter_constraints = BaseMultiTask._parameter_constraints | ProbabilityMixin._parameter_constraints

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="auto",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dropout=0.0,
        head_hidden_layer_sizes=(),
        task_weights=None,
        class_weight=None,
        weighting="equal",
        architecture="hard_sharing",
        main_task=None,
        missing_label=np.nan,
        callbacks=None,
        device="cpu",
    ):
        super().__init__(
            loss=loss,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dropout=dropout,
            head_hidden_layer_sizes=head_hidden_layer_sizes,
            task_weights=task_weights,
            weighting=weighting,
            architecture=architecture,
            main_task=main_task,
            missing_label=missing_label,
            callbacks=callbacks,
            device=device,
        )
        self.class_weight = class_weight

    score = BaseMultiTask.score  # ClassifierMixin's refuses several tasks

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        tags.classifier_tags.multi_label = True
        return tags
