"""The estimators' parameters: their names, their defaults, and what may be passed."""

import re
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions

from .._activations import ACTIVATIONS
from .._component import nearest
from .._presets import PRESETS


class Parameters(BaseEstimator):
    """What the estimators have in common; see `MultiTaskEstimator` for what each parameter does."""

    _parameter_constraints: dict = {
        "loss": "no_validation",  # resolve_losses says more
        "hidden_layer_sizes": [StrOptions({"auto"}), "array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "preset": [StrOptions(set(PRESETS))],
        "solver": [StrOptions({"auto", "adam", "adamw", "sgd", "lbfgs"})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"auto", "anneal", "constant", "invscaling", "adaptive"})],
        "learning_rate_init": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": [StrOptions({"auto"}), "boolean"],
        "validation_fraction": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_members": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "head_hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "task_weights": "no_validation",
        "weighting": "no_validation",
        "aggregator": "no_validation",
        "gradient_level": [StrOptions({"parameters", "representation"})],
        "update_every": [Interval(Integral, 1, None, closed="left")],
        "sampling": "no_validation",
        "architecture": "no_validation",
        "main_task": "no_validation",
        "feature_scaling": [StrOptions({"auto", "robust", "standard"}), None],
        "numeric_embedding": [StrOptions({"auto", "piecewise_linear", "periodic"}), None],
        "categorical_features": "no_validation",
        "missing_features": [StrOptions({"auto", "impute", "raise"})],
        "missing_label": "no_validation",
        "on_empty_task": [StrOptions({"raise", "skip"})],
        "callbacks": [list, tuple, None],
        "device": [str, torch.device],
    }

    def __init__(
        self,
        loss="auto",
        hidden_layer_sizes="auto",
        activation="relu",
        *,
        preset="tabular",
        solver="auto",
        alpha="auto",
        batch_size="auto",
        learning_rate="auto",
        learning_rate_init="auto",
        power_t=0.5,
        max_iter="auto",
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping="auto",
        validation_fraction="auto",
        beta_1=0.9,
        beta_2="auto",
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dropout=0.0,
        n_members="auto",
        head_hidden_layer_sizes=(),
        task_weights=None,
        weighting="equal",
        aggregator=None,
        gradient_level="parameters",
        update_every=1,
        sampling="rows",
        architecture="hard_sharing",
        main_task=None,
        feature_scaling="auto",
        numeric_embedding="auto",
        categorical_features="from_dtype",
        missing_features="auto",
        missing_label=np.nan,
        on_empty_task="raise",
        callbacks=None,
        device="cpu",
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.preset = preset
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.n_members = n_members
        self.head_hidden_layer_sizes = head_hidden_layer_sizes
        self.task_weights = task_weights
        self.weighting = weighting
        self.aggregator = aggregator
        self.gradient_level = gradient_level
        self.update_every = update_every
        self.sampling = sampling
        self.architecture = architecture
        self.main_task = main_task
        self.feature_scaling = feature_scaling
        self.numeric_embedding = numeric_embedding
        self.categorical_features = categorical_features
        self.missing_features = missing_features
        self.missing_label = missing_label
        self.on_empty_task = on_empty_task
        self.callbacks = callbacks
        self.device = device

    def _validate_params(self):
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            name = re.match(r"The '(\w+)' parameter", str(error))
            options = [c.options for c in self._parameter_constraints[name[1]] if isinstance(c, StrOptions)]
            hint = nearest(getattr(self, name[1]), options[0]) if options else ""
            raise InvalidParameterError(f"{error}{hint}") from None
