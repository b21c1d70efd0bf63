"""The estimators' common part: parameters, the way of the data from (X, y) to a trained network, and back."""

import contextlib
import copy
import functools
import math
import re
import warnings
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data
from skorch.callbacks import Callback

from .._activations import ACTIVATIONS
from .._annealing import Annealing
from .._balance import Balancer, check_gradients
from .._batches import Data
from .._blocks import make_blocks, task_order
from .._build import build_network
from .._columns import listing
from .._component import nearest, resolve
from .._history import TrainingHistory
from .._inputs import Inputs, is_frame
from .._label_weights import class_factors, static_weights
from .._member_objectives import MemberObjectives
from .._members import MemberNetworks
from .._net import PREDICT_ROWS, MultiTaskNet
from .._objective import Objective
from .._observed import column, columns, counts_at_all, take_columns, times, weighted_columns, with_data
from .._optim import SGD, Adam, AdamW
from .._presets import LEAST_ROWS, PRESETS, resolve_settings, rows_a_batch
from .._stopping import Stopping
from .._stratify import assign_folds, holdout, label_sets
from .._targets import Targets
from ..aggregation import AGGREGATORS, Aggregator, TorchJD
from ..aggregation._torchjd import is_torchjd
from ..architectures import ARCHITECTURES, Architecture, OwnTrunk
from ..losses import resolve_losses
from ..sampling import SAMPLINGS, RowSampling, Sampling
from ..weighting import WEIGHTINGS, Weighting

#: Rows that a user's trunk is tried on.
_PROBE_ROWS = 4
#: Epochs, where a schedule ends training.
_NO_LIMIT = 1_000_000


def _goes_by_batches(estimator):
    """Whether there is a `partial_fit`."""
    if estimator.early_stopping is True:
        raise AttributeError("partial_fit holds out no rows to watch. Set early_stopping=False, or use fit.")
    if estimator.solver == "lbfgs":
        raise AttributeError("solver='lbfgs' looks at all rows at once. Use solver='adam', 'adamw' or 'sgd', or fit.")
    return True


class BaseMultiTask(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Base class of the estimators; see `MultiTaskEstimator` for the parameters."""

    #: Kind of all columns of y; None: `tasks` says.
    _kind: str | None = None

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

    # Training

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network to all tasks at once.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs; with a trunk of your own, of any shape ``(n, ...)``.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets, one column a task; NaN, None, pd.NA or `missing_label` where a label is missing. Of a sparse array
            (CSR, CSC or COO) the stored entries are the labels, zeros too, and all others are missing.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError
            If the data or a parameter is not as described. The estimator is then as it was before.
        """
        start = "warm" if self.warm_start and hasattr(self, "net_") else "new"
        return self._fit(X, y, sample_weight, start=start)

    @available_if(_goes_by_batches)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Go through the data once more, from where the network is.

        The first call sets up the tasks, their classes and, from these rows, the scale of the regression targets.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets, as in `fit`.
        classes : array, list of arrays or dict, default=None
            Classes of the task, or of each task (None for a regression), in the first call; later ones may lack some.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        self : estimator
            Fitted.

        Raises
        ------
        ValueError
            If the data or a parameter is not as described, or there is a class that was not named in the first call.
        """
        start = "where it is" if hasattr(self, "net_") else "new"
        return self._fit(X, y, sample_weight, start=start, classes=classes, once=True)

    def _fit(self, X, y, sample_weight, *, start, classes=None, once=False):
        """Train: a new network, a trained one with a new solver ("warm"), or all as it is; `once`: for one epoch."""
        goes_on = start != "new"
        with self._all_or_nothing(goes_on):
            if start != "where it is":
                self._settings = self._resolve_settings(LEAST_ROWS if once else _num_samples(X), once)
            rng = check_random_state(self.random_state)
            X = self._read_X(X) if goes_on else self._learn_inputs(X, rng)
            if goes_on:
                targets = self._targets
                values = targets.encode(y, n_rows=X.shape[0])
            else:
                targets, values = Targets.fit(
                    y,
                    tasks=self._kind or self.tasks,
                    missing_label=self.missing_label,
                    owner=type(self).__name__,
                    n_rows=X.shape[0],
                    classes=classes,
                    on_empty=self.on_empty_task,
                    sample_weight=sample_weight,
                    accept_sparse=True,
                )
            weights = self._label_weights(targets, values, sample_weight)
            self._check_labels(targets, values, weights, all_tasks=not goes_on)
            if start == "new":
                self.net_ = self._assemble(self._set_up(X, targets, values, weights, rng), rng)
            elif start == "warm":
                self.net_ = self._assemble(self.net_.module_, rng, self.net_.history)
            elif self.net_.stopping.early:  # of an earlier fit; there is nothing to watch now
                self.net_.stopping = Stopping(False, self.tol, self.n_iter_no_change)
            train, valid = self._split(X, values, weights, rng)
            self._train(train, valid, 1 if once else self._settings.max_iter or _NO_LIMIT)
        return self

    def _resolve_settings(self, n_rows, once):
        """The values of the parameters that can be "auto"."""
        settings = resolve_settings(self, n_rows, self._has_own_trunk())
        if once:  # no rows are held out of those that are passed, and there is no telling how many will come
            settings.early_stopping = False
            settings.n_members = 1 if self.n_members == "auto" else self.n_members
            if settings.learning_rate == "anneal":
                settings.learning_rate = "constant"
        if settings.learning_rate == "anneal" and not settings.early_stopping:
            raise ValueError(
                "learning_rate='anneal' follows the validation loss, which early_stopping=False leaves out. Set "
                "early_stopping=True, or another learning_rate."
            )
        return settings

    def _has_own_trunk(self):
        return isinstance(self.architecture, OwnTrunk) or not isinstance(self.architecture, Architecture | str)

    @contextlib.contextmanager
    def _all_or_nothing(self, goes_on):
        """Take everything back where the block fails: what was fitted before still predicts."""
        before = dict(self.__dict__)
        saved = self._network_state() if goes_on else None
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            if saved is not None:
                self._restore_network(saved)
            raise

    def _network_state(self):
        net = self.net_
        parts = [net.module_, net.optimizer_, net.criterion_]
        copies = [copy.deepcopy(part.state_dict()) for part in parts]
        return copies, len(net.history)

    def _restore_network(self, saved):
        copies, n_epochs = saved
        net = self.net_
        net.module_.to(net.criterion_.dtype)
        for part, state in zip([net.module_, net.optimizer_, net.criterion_], copies, strict=True):
            part.load_state_dict(state)
        del net.history[n_epochs:]

    def _learn_inputs(self, X, rng):
        """Learn how X is encoded; return it as one table of numbers."""
        settings = self._settings
        X = self._validate_X(X, reset=True)
        self._inputs = self._reader = None
        if self._has_own_trunk():
            return X
        inputs, X = Inputs.fit(
            X,
            scaling=settings.feature_scaling,
            embedding=settings.numeric_embedding,
            categorical=self.categorical_features,
            missing=settings.missing_features,
            owner=type(self).__name__,
            rng=rng,
        )
        self._inputs = None if inputs.is_identity else inputs
        self._reader = inputs
        return X

    def _read_X(self, X):
        """Check X, and return it as the table of numbers that the encoding, or the network, takes."""
        X = self._validate_X(X, reset=False)
        return X if self._reader is None else self._reader.read(X)

    def _names_categories(self):
        chosen = self.categorical_features
        return chosen is not None and not (isinstance(chosen, str) and chosen == "from_dtype")

    def _is_read_by_column(self, X):
        """Whether X may hold more than numbers: a frame, or an array of objects of which categories are named."""
        return is_frame(X) or (self._names_categories() and getattr(X, "dtype", None) == np.dtype(object))

    def _may_have_gaps(self):
        """Whether numbers in X, or the categories among them, may be missing; `Inputs` looks at the rest."""
        return self._takes_missing() or (self._names_categories() and not self._has_own_trunk())

    def _takes_missing(self):
        """Whether numbers in X may be missing."""
        asked = self.missing_features
        if asked == "auto":
            asked = "raise" if self._has_own_trunk() else PRESETS[self.preset]["missing_features"]
        return asked == "impute"

    def _validate_X(self, X, reset):
        """Check X, and copy nothing that need not be."""
        own_trunk = self._has_own_trunk()
        if not own_trunk and self._is_read_by_column(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        X = validate_data(
            self,
            X,
            reset=reset,
            dtype="numeric",
            accept_sparse="csr",
            allow_nd=own_trunk,
            ensure_all_finite="allow-nan" if self._may_have_gaps() and not sp.issparse(X) else True,
        )
        if X.dtype.kind == "c" or (X.dtype.kind == "f" and X.dtype.itemsize > 8):
            X = X.astype(np.float64)
        return X

    def _set_up(self, X, targets, values, weights, rng):
        """Learn the scale of the targets; make a network for these tasks."""
        losses = resolve_losses(targets.select(self.loss, "loss"), targets.names, targets.kinds, type(self).__name__)
        for task, (_, labels) in enumerate(columns(values)):
            if targets.kinds[task] == "regression":
                losses[task].check_target(labels, targets.names[task])
        targets.set_scale(values, [loss.scaling for loss in losses], weights)
        blocks = make_blocks(losses, [None if c is None else len(c) for c in targets.classes])
        task_weights = static_weights(targets.select(self.task_weights, "task_weights"), targets.names)
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(_seed(rng))
            networks = [self._network(X, blocks) for _ in range(self._settings.n_members)]
        for network in networks:
            network.heads.reset_tasks([c for c, t in enumerate(task_order(blocks)) if task_weights[t] == 0])
        self._targets, self._blocks, self._losses = targets, blocks, losses
        self._readers = [(b, targets.scale[list(b.tasks)], targets.mean[list(b.tasks)]) for b in blocks]
        self.tasks_ = targets.task_types
        self.n_outputs_, self.skipped_tasks_ = targets.n_columns, targets.skipped
        return networks[0] if len(networks) == 1 else MemberNetworks(networks)

    def _network(self, X, blocks):
        return build_network(
            self._trunk(),
            Data(X[:_PROBE_ROWS], copies=True, inputs=self._inputs).gather(slice(None))[0],
            blocks,
            hidden_layer_sizes=_sizes(self._settings.hidden_layer_sizes, "hidden_layer_sizes"),
            head_hidden_layer_sizes=_sizes(self.head_hidden_layer_sizes, "head_hidden_layer_sizes"),
            activation=ACTIVATIONS[self.activation],
            dropout=self.dropout,
        )

    def _assemble(self, network, rng, history=()):
        """Put objective, solver and loop around a network, new or trained before."""
        targets, lbfgs = self._targets, self._settings.solver == "lbfgs"
        task_weights = static_weights(targets.select(self.task_weights, "task_weights"), targets.names)
        main_task = self._main_task(targets, task_weights)
        sampling = self._sampling()
        self._check_loop()
        members = network.members if network.n_members > 1 else [network]
        objectives = [self._objective(member, task_weights, main_task) for member in members]
        objective = objectives[0]
        if lbfgs:
            self._check_lbfgs(objective.weighting, sampling)
        elif len(objectives) > 1 and not (objective.is_constant and objective.balancer is None):
            objective = MemberObjectives(objectives)
        dtype = torch.float64 if lbfgs else torch.float32
        if network.dtype != dtype:
            network.to(dtype)
        objective.to(dtype)
        net = MultiTaskNet(
            network,
            objective,
            optimizer=self._solver(),
            stopping=self._stopping(main_task),
            task_names=targets.names,
            seed=_seed(rng),
            inputs=self._inputs,
            sampling=sampling if self.shuffle else None,
            max_fun=self.max_fun if lbfgs else None,
            callbacks=None if self.callbacks is None else list(self.callbacks),
            verbose=int(self.verbose),
            device=str(self.device),
        ).initialize()
        net.history.extend(history)
        return net

    def _objective(self, network, task_weights, main_task):
        """What one network minimises."""
        owner, aggregators = type(self).__name__, {"aggregator": AGGREGATORS}
        weighting = resolve(self.weighting, WEIGHTINGS, Weighting, "weighting", owner, aggregators)
        balancer = self._balancer(network, weighting, np.flatnonzero(task_weights), main_task)
        return Objective(self._blocks, weighting, torch.from_numpy(task_weights), balancer)

    def _train(self, train, valid, epochs):
        net, known = self.net_, len(self.net_.history)
        n_rows = len(train) if train.folds is None else len(train) - len(train) // self._settings.n_members
        net.batch_size = self._batch_rows(n_rows)
        if not net.train(train, valid, epochs):
            warnings.warn("Training interrupted by user; the network is kept as it is.", stacklevel=5)
        rows = net.history
        self.n_iter_ = len(rows) - known
        is_cut_off = net.max_fun is None and self.n_iter_ == epochs == self._settings.max_iter
        if is_cut_off and not net.stopping.is_patience_spent(net):
            net.complaint = (
                f"Stochastic Optimizer: Maximum iterations ({epochs}) reached and the optimization hasn't "
                "converged yet. Increase max_iter, or learning_rate_init."
            )
        if net.complaint:
            warnings.warn(net.complaint, ConvergenceWarning, stacklevel=5)
        names = [str(name) for name in self._targets.names]
        self.history_ = TrainingHistory.from_rows(rows, names)
        self.loss_curve_ = [row["train_loss"] for row in rows]
        self.loss_ = self.loss_curve_[-1] if rows else np.nan
        self.best_loss_ = None if valid is not None else min(self.loss_curve_, default=np.nan)
        scores = [-row["valid_loss"] for row in rows if "valid_loss" in row]
        self.validation_scores_ = scores if valid is not None else None
        self.best_validation_score_ = max(scores, default=None) if valid is not None else None
        self._set_oof(train)

    def _set_oof(self, data):
        """Set `oof_prediction_` where each member leaves out a fold."""
        self.__dict__.pop("oof_prediction_", None)
        if data.folds is None:
            return
        raw, n = self.net_.infer_out_of_fold(data), len(data)
        if all(kind == "regression" for kind in self._targets.kinds):
            self.oof_prediction_ = self._targets.decode(self._predict_values(raw, n))
            return
        found = self._probabilities(raw, n)
        if any(part is None for part in found):
            values = self._predict_values(raw, n)
            found = [values[:, t] if part is None else part for t, part in enumerate(found)]
        self.oof_prediction_ = found[0] if self._targets.single else self._targets.restore(found)

    @property
    def makes_oof_prediction(self):
        """Whether `fit` leaves an `oof_prediction_`: each member is asked about the rows that it did not train on."""
        settings = resolve_settings(self, LEAST_ROWS, self._has_own_trunk())
        return settings.n_members > 1 and settings.early_stopping and settings.solver != "lbfgs"

    # The parts

    def _trunk(self):
        architecture, owner = self.architecture, type(self).__name__
        if isinstance(architecture, Architecture | str):
            return resolve(architecture, ARCHITECTURES, Architecture, "architecture", owner)
        if isinstance(architecture, torch.nn.Module) or callable(architecture):
            return OwnTrunk(architecture)
        raise TypeError(
            f"The 'architecture' parameter of {owner} must be one of {sorted(ARCHITECTURES)}, an Architecture, or a "
            f"torch.nn.Module (or a function that makes one) that maps (n, ...) to (n, d); got {architecture!r}."
        )

    def _solver(self):
        settings = self._settings
        rate, alpha = settings.learning_rate_init, settings.alpha
        if settings.solver == "sgd":
            return functools.partial(SGD, rate, alpha, momentum=self.momentum, nesterov=self.nesterovs_momentum)
        kind = AdamW if settings.solver == "adamw" else Adam
        return functools.partial(
            kind, rate, alpha, beta_1=self.beta_1, beta_2=settings.beta_2, epsilon=self.epsilon
        )

    def _stopping(self, main_task):
        settings = self._settings
        if settings.learning_rate == "anneal":
            return Annealing(main_task, settings.max_iter)
        early = settings.early_stopping and settings.solver != "lbfgs"
        return Stopping(early, self.tol, self.n_iter_no_change, main_task, settings.learning_rate, self.power_t)

    def _sampling(self):
        sampling = resolve(self.sampling, SAMPLINGS, Sampling, "sampling", type(self).__name__)
        if not self.shuffle and not isinstance(sampling, RowSampling):
            raise ValueError(
                f"sampling={self.sampling!r} draws rows at random, which shuffle=False forbids. Set shuffle=True, or "
                "sampling='rows'."
            )
        return sampling

    def _balancer(self, network, weighting, trained, main_task):
        """What works on the gradients of the tasks, where anything does."""
        aggregator = self._aggregator()
        by_gradient = weighting.needs_gramian or weighting.needs_jacobian
        if aggregator is None and not by_gradient:
            return None
        check_gradients(self, network, weighting, aggregator, main_task if len(trained) > 1 else trained[0])
        if len(trained) == 1:  # nothing to balance
            aggregator = None
        if aggregator is not None:
            main = None if main_task is None else int(np.searchsorted(trained, main_task))
            aggregator.initialize(len(trained), main=main)
        elif not by_gradient:
            return None
        return Balancer(aggregator, self.gradient_level, self.update_every)

    def _aggregator(self):
        if self.aggregator is None:
            return None
        given = TorchJD(self.aggregator) if is_torchjd(self.aggregator) else self.aggregator
        return resolve(given, AGGREGATORS, Aggregator, "aggregator", type(self).__name__, {"weighting": WEIGHTINGS})

    def _check_lbfgs(self, weighting, sampling):
        if not weighting.is_constant:
            raise ValueError(
                f"solver='lbfgs' minimises one fixed objective, but the weights of weighting={self.weighting!r} move. "
                "Use weighting='equal' with task_weights, or solver='adam'."
            )
        plain = {"aggregator": self.aggregator is None, "sampling": isinstance(sampling, RowSampling)}
        for name, is_plain in plain.items():
            if not is_plain:
                raise ValueError(
                    f"solver='lbfgs' minimises one fixed objective on all rows, which {name}={getattr(self, name)!r} "
                    f"is not made for. Leave {name} as it is by default, or use solver='adam'."
                )
        if self._settings.n_members > 1:
            raise ValueError(
                f"solver='lbfgs' trains one network; got n_members={self._settings.n_members}. Set n_members=1, or use "
                "solver='adamw'."
            )
        if self.dropout:
            raise ValueError(
                f"solver='lbfgs' cannot follow an objective that is random: dropout={self.dropout}. Set dropout=0, or "
                "use solver='adam'."
            )

    def _check_loop(self):
        """What skorch and torch would answer in their own words."""
        for callback in self.callbacks or ():
            part = callback[1] if isinstance(callback, tuple) and len(callback) == 2 else callback
            if not isinstance(part, Callback) and not (isinstance(part, type) and issubclass(part, Callback)):
                raise TypeError(
                    "The 'callbacks' parameter must be a list of skorch callbacks (skorch.callbacks.Callback), or of "
                    f"(name, callback) pairs; got {callback!r} in it."
                )
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(
                f"The 'device' parameter is {self.device!r}, which torch cannot use here: {error}. Use device='cpu'."
            ) from error

    def _batch_rows(self, n):
        if self.batch_size == "auto":
            return rows_a_batch(n, "tabular" if self._settings.learning_rate == "anneal" else "mlp")
        if self.batch_size > n:
            warnings.warn(
                f"Got batch_size={self.batch_size}, which is larger than the number of training rows {n}. It is going "
                "to be clipped.",
                stacklevel=4,
            )
        return min(self.batch_size, n)

    def _main_task(self, targets, task_weights):
        """Position of the main task, or None."""
        name, names = self.main_task, targets.names
        if name is None:
            return None
        if name in targets.skipped:
            raise ValueError(f"main_task={name!r} has no label to learn from, and on_empty_task='skip' leaves it out.")
        if name not in names:
            raise ValueError(f"main_task={name!r} is no task; the tasks are {listing(names)}.{nearest(name, names)}")
        position = names.index(name)
        if task_weights[position] == 0:
            raise ValueError(f"main_task={name!r} has task weight 0: it would not be trained.")
        return position

    # Labels and their weights

    def _label_weights(self, targets, values, sample_weight):
        """Sample and class weights as one array (n, 1) or (n, T); None where all are one."""
        weights = targets.label_weights(sample_weight, values)
        class_weight = targets.select(getattr(self, "class_weight", None), "class_weight")
        if class_weight is None:
            return weights
        factors = class_factors(class_weight, values, targets.names, targets.classes)
        return factors if weights is None else times(weights, factors)

    def _check_labels(self, targets, values, weights, all_tasks):
        """Every task needs a label that counts; with `all_tasks` False (partial_fit), the batch needs one at all."""
        if weights is None and all_tasks:
            return  # Targets.fit has seen to it
        labelled = counts_at_all(values, weights)
        if all_tasks and not labelled.all():
            empty = [name for name, some in zip(targets.names, labelled, strict=True) if not some]
            raise ValueError(
                f"Every label of task(s) {listing(empty)} has weight 0: sample_weight leaves nothing to train them on."
            )
        if not labelled.any():
            raise ValueError("y has no observed label: every one is missing, or has weight 0.")

    def _split(self, X, values, weights, rng):
        """Data to train on and, with early stopping, rows to watch."""
        targets, net = self._targets, self.net_
        order = task_order(self._blocks)
        dtype = np.float64 if net.module_.dtype == torch.float64 else np.float32
        Y = take_columns(targets.scale_values(values, dtype), order)
        if weights is not None:
            weights = take_columns(weights.astype(dtype), order) if weights.shape[1] > 1 else weights.astype(dtype)
        fill = np.array([1.0 if self._losses[t].scaling == "mean" else 0.0 for t in order], dtype=dtype)
        fill[[targets.classes[t] is not None for t in order]] = 0.0
        module = net.module_
        settings = {"dtype": module.dtype, "device": net.device, "copies": module.writes_input, "inputs": self._inputs}
        data = Data(X, Y, weights, fill=fill, **settings)
        if not net.stopping.early:
            return data, None
        if self._settings.n_members > 1:
            data.folds = self._folds(values, targets.kinds, rng)
            rows = np.flatnonzero(data.folds >= 0)
            watched = data.subset(rows)
            watched.folds = data.folds[rows]
            self._check_split(targets, order, data, watched)
            return data, watched
        trained, watched = holdout(values, targets.kinds, self._settings.validation_fraction, rng)
        train, valid = data.subset(trained), data.subset(watched)
        self._check_split(targets, order, train, valid)
        return train, valid

    def _folds(self, values, kinds, rng):
        """Fold of each row, the rows that one member does not train on; -1 for all train on it."""
        n = self._settings.n_members
        if values.shape[0] < 2 * n:
            raise ValueError(
                f"n_members={n} needs at least {2 * n} rows, of which each member leaves out its own share; got "
                f"{values.shape[0]}. Decrease n_members, or set early_stopping=False."
            )
        folds = assign_folds(values, kinds, n, rng)
        strata = label_sets(values, kinds)[0].tocsc()
        is_single = np.diff(strata.indptr) == 1  # of a class, or of a task: no member can do without it
        folds[strata[:, is_single].indices] = -1
        return folds

    def _check_split(self, targets, order, train, valid):
        """The split must leave something to learn from and something to watch."""
        net = self.net_
        lost = [targets.names[t] for t, some in zip(order, train.observed, strict=True) if not some]
        if lost:
            raise ValueError(
                f"The validation split leaves task(s) {listing(lost)} without a label to train on. Decrease "
                f"validation_fraction={self._settings.validation_fraction}, or set early_stopping=False."
            )
        seen = {t for t, some in zip(order, valid.observed, strict=True) if some}
        main = net.stopping.main_task
        if (main is not None and main not in seen) or seen.isdisjoint(net.criterion_.trained_tasks):
            who = f"main_task {targets.names[main]!r}" if main is not None else "any trained task"
            more = f"Increase validation_fraction={self._settings.validation_fraction}, or set"
            how = more if self._settings.n_members == 1 else "Set"
            raise ValueError(f"The validation split has no label of {who} to watch. {how} early_stopping=False.")

    # Prediction

    def _rows(self, X):
        """Validate rows to predict; what can be seen to be fine at a glance skips scikit-learn's longer look."""
        if "net_" not in self.__dict__:
            check_is_fitted(self, "net_")
        plain = type(X) is np.ndarray and X.dtype.char in "fd" and X.ndim == 2 and len(X)
        plain = plain and X.shape[1] == self.n_features_in_ and not hasattr(self, "feature_names_in_")
        plain = plain and (self._reader is None or not self._reader.categories_)
        with np.errstate(over="ignore", invalid="ignore"):
            return X if plain and math.isfinite(X.sum()) else self._read_X(X)

    def _raw(self, X):
        """Raw output (m, R) of rows as the user passes them, and their number n <= m."""
        X = self._rows(X)
        return self._infer(X), X.shape[0]

    def _infer(self, X, represent=False):
        return _finite(self.net_.infer_rows(X, represent), X)

    def _predict_values(self, raw, n):
        """Values in the user's units, or class codes: float64 (n, T)."""
        if len(self._readers) == 1:
            return self._read(raw, n, *self._readers[0])
        values = np.empty((n, self._targets.n_tasks))
        for reader in self._readers:
            values[:, list(reader[0].tasks)] = self._read(raw, n, *reader)
        return values

    @staticmethod
    def _read(raw, n, block, scale, mean):
        """Values of one block of tasks, in their order there."""
        predicted = _mean_prediction(block, raw, n)
        if block.loss.kind == "regression":
            return predicted * scale + mean
        return predicted.argmax(axis=2).astype(float)

    def predict(self, X):
        """Predict all tasks.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n, T), or (n,) where y had one column
            Values in the units of y, and labels in the dtype that they had.
        """
        raw = self._raw(X)
        return self._targets.decode(self._predict_values(*raw))

    def _predict_std(self, raw, n):
        """Standard deviations (n, T), NaN where the loss of a task has none."""
        stds = np.full((n, self._targets.n_tasks), np.nan)
        has_members = raw.ndim == 3
        for block in self._blocks:
            if block.loss.kind != "regression" or not (block.loss.has_std or has_members):
                continue
            # The spread of the members, and on average over them that which the loss has learned.
            variance = _of_members(block, raw, n, block.loss.predict).var(axis=0)
            if block.loss.has_std:
                variance += (_of_members(block, raw, n, block.loss.predict_std) ** 2).mean(axis=0)
            tasks = list(block.tasks)
            stds[:, tasks] = np.sqrt(variance) * self._targets.scale[tasks]
        if np.isnan(stds).all():
            losses = sorted({type(block.loss).__name__ for block in self._blocks})
            raise ValueError(
                "return_std=True needs n_members above 1, or a loss that learns a standard deviation of a regression, "
                f"as loss='gaussian_nll' does; this {type(self).__name__} was fitted with {losses}."
            )
        return stds[:, 0] if self._targets.single else self._targets.restore_columns(stds)

    def _probabilities(self, raw, n):
        """List by task of (n, n_classes), None for a regression."""
        result = [None] * self._targets.n_tasks
        for block in self._blocks:
            if block.loss.kind == "classification":
                predicted = _mean_prediction(block, raw, n)
                for i, task in enumerate(block.tasks):
                    result[task] = np.ascontiguousarray(predicted[:, i])
        return result

    def transform(self, X):
        """Return the representation that all tasks share.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.

        Returns
        -------
        Z : ndarray of shape (n, width of the trunk)
            Output of the trunk.
        """
        X = self._rows(X)
        Z = self._infer(X, represent=True).numpy()[: X.shape[0]]
        return Z.astype(np.float32, copy=False) if X.dtype == np.float32 else Z

    @property
    def _n_features_out(self):
        return self.net_.module_.n_features

    # Scores

    def score(self, X, y, sample_weight=None):
        """Return the mean over tasks of R² (regression) or accuracy (classification), on the observed labels.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets; missing labels are left out.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        score : float
            The higher, the better. Tasks without a label in y are left out.
        """
        scores = self.score_tasks(X, y, sample_weight)
        return float(np.nanmean(list(scores.values()))) if not all(map(np.isnan, scores.values())) else np.nan

    def score_tasks(self, X, y, sample_weight=None):
        """Return the score of each task: R² (regression) or accuracy (classification), on the observed labels.

        Parameters
        ----------
        X : array-like or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets; missing labels are left out.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0.

        Returns
        -------
        scores : dict of str to float
            By task name; NaN for a task without a label in y, and for a regression task with only one.
        """
        X, targets = self._rows(X), self._targets
        truth = targets.encode(y, n_rows=X.shape[0], unknown=-1.0)
        weights = targets.label_weights(sample_weight, truth)
        predicted = _predict_labelled(self, X, truth)
        scores = dict.fromkeys(targets.y_names, np.nan)
        for task, (rows, labels, own) in enumerate(weighted_columns(truth, weights)):
            guesses = column(predicted, task) if sp.issparse(predicted) else predicted[rows, task]
            scores[targets.names[task]] = _score(targets.kinds[task], labels, guesses, own)
        return scores

    # What scikit-learn asks for

    def _validate_params(self):
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            name = re.match(r"The '(\w+)' parameter", str(error))
            options = [c.options for c in self._parameter_constraints[name[1]] if isinstance(c, StrOptions)]
            hint = nearest(getattr(self, name[1]), options[0]) if options else ""
            raise InvalidParameterError(f"{error}{hint}") from None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_missing()
        tags.input_tags.categorical = not self._has_own_trunk()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _predict_labelled(estimator, X, truth):
    """Values and class codes (n, T); where the labels are sparse only of these, as a CSC array."""
    if not sp.issparse(truth):
        return estimator._predict_values(estimator._infer(X), X.shape[0])
    data, ends = np.empty(truth.nnz), truth.indptr
    for start in range(0, X.shape[0], PREDICT_ROWS):
        part = X[start : start + PREDICT_ROWS]
        stop = start + part.shape[0]
        rows = np.repeat(np.arange(stop - start), np.diff(ends[start : stop + 1]))
        labels = slice(ends[start], ends[stop])
        data[labels] = estimator._predict_values(estimator._infer(part), stop - start)[rows, truth.indices[labels]]
    return with_data(truth, data).tocsc()


def _score(kind, truth, predicted, weights):
    """R² or accuracy; NaN without a label, for R² with one."""
    if len(truth) < (2 if kind == "regression" else 1):
        return np.nan
    if kind == "regression":
        return r2_score(truth, predicted, sample_weight=weights)
    return float(np.average(truth == predicted, weights=weights))


def _of_members(block, raw, n, predict):
    """What the members predict of a block's tasks ``(K, n, G, ...)``, from raw output ``(K, m, R)`` or ``(m, R)``."""
    view = block.view(raw.reshape(-1, raw.shape[-1]))
    # Classes in double precision: the label is that of the largest probability.
    predicted = predict(view if block.loss.kind == "regression" else view.double()).numpy()
    return predicted.reshape(-1, raw.shape[-2], *predicted.shape[1:])[:, :n]


def _mean_prediction(block, raw, n):
    """Mean over the members of what they predict."""
    predicted = _of_members(block, raw, n, block.loss.predict)
    return predicted[0] if len(predicted) == 1 else predicted.mean(axis=0)


def _finite(output, X):
    """Never a silent NaN: return what the network made of X if it is a number."""
    if not math.isfinite(output.sum()) and not torch.isfinite(output).all():
        raise ValueError(
            "The network returns NaN or infinity: Input X contains a value too large for it (the largest is "
            f"{abs(X).max():g}). Scale X as for fit, for example with a StandardScaler in a pipeline."
        )
    return output


def _seed(rng):
    return int(rng.randint(np.iinfo(np.int32).max))


def _sizes(value, name):
    """Layer sizes as a tuple of positive integers."""
    sizes = (value,) if isinstance(value, Integral) else tuple(value)
    for size in sizes:
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name} must be positive integers; got {value!r}.")
    return tuple(int(size) for size in sizes)
