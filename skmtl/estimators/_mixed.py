"""MultiTaskEstimator: columns of y of both kinds."""

import numpy as np
from sklearn.utils import ClassifierTags

from ._base import BaseMultiTask
from ._classifier import ProbabilityMixin
from ._regressor import MultiTaskRegressor


class MultiTaskEstimator(ProbabilityMixin, BaseMultiTask):
    """One network for tasks of both kinds."""

    _parameter_constraints = (
        BaseMultiTask._parameter_constraints
        | ProbabilityMixin._parameter_constraints
        | {"tasks": "no_validation"}  # Targets says more
    )

    def __init__(
        self,
        loss="auto",
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
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
        tasks="auto",
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
        self.tasks = tasks
        self.class_weight = class_weight

    predict = MultiTaskRegressor.predict

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # No estimator type: scikit-learn would treat every column alike. But who has predict_proba must have these.
        tags.classifier_tags = ClassifierTags()
        return tags
