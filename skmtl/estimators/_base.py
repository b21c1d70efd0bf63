"""The estimators' common part: the way of the data from (X, y) to a trained network."""

import warnings
from numbers import Integral

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted

from .._activations import ACTIVATIONS
from .._batches import Data
from .._blocks import make_blocks, task_order
from .._build import build_network
from .._component import resolve
from .._history import TrainingHistory
from .._label_weights import static_weights
from .._member_objectives import MemberObjectives
from .._members import MemberNetworks
from .._net import MultiTaskNet
from .._objective import Objective
from .._observed import columns
from .._presets import LEAST_ROWS, resolve_settings
from .._stopping import Stopping
from .._summary import summarize
from .._targets import Targets
from ..aggregation import AGGREGATORS
from ..losses import resolve_losses
from ..weighting import WEIGHTINGS, Weighting
from ._all_or_nothing import all_or_nothing, trained_or_as_before
from ._candidates import CandidatesMixin
from ._new_tasks import NewTasksMixin
from ._parameters import Parameters
from ._parts import PartsMixin
from ._prediction import PredictionMixin
from ._reading import ReadingMixin
from ._seeds import draw_seed
from ._training_data import TrainingDataMixin
from ._view import TaskViewMixin

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


class BaseMultiTask(
    ReadingMixin,
    TrainingDataMixin,
    PartsMixin,
    PredictionMixin,
    NewTasksMixin,
    CandidatesMixin,
    TaskViewMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    Parameters,
):
    """Base class of the estimators; see `MultiTaskEstimator` for the parameters."""

    #: Kind of all columns of y; None: `tasks` says.
    _kind: str | None = None

    # Training

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the network to all tasks at once.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
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
        X : array-like, DataFrame or CSR array of shape (n, d)
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
        with all_or_nothing(self), trained_or_as_before(self.net_ if start != "new" else None):
            train, valid = self._prepare(X, y, sample_weight, start, classes, once)
            self._train(train, valid, 1 if once else self._most_epochs)
        return self

    def _prepare(self, X, y, sample_weight, start="new", classes=None, once=False):
        """All but the training: return the rows to train on, and those to watch, which may be None."""
        goes_on = start != "new"
        if start != "where it is":
            self._settings = self._resolve_settings(LEAST_ROWS if once else _num_samples(X), once)
        if start == "warm":
            self._settings.n_members = self.net_.module_.n_members
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
        return self._split(X, values, weights, rng, is_known=start == "warm")

    @property
    def _most_epochs(self):
        """Epochs that there may be, where the schedule does not say so."""
        return self._settings.max_iter or _NO_LIMIT

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

    def _set_up(self, X, targets, values, weights, rng):
        """Learn the scale of the targets; make a network for these tasks."""
        losses = resolve_losses(targets.select(self.loss, "loss"), targets.names, targets.kinds, type(self).__name__)
        for task, (_, labels) in enumerate(columns(values)):
            if targets.kinds[task] == "regression":
                losses[task].check_target(labels, targets.names[task])
        pooled = self._trunk().can_represent_new_tasks
        targets.set_scale(values, [loss.scaling for loss in losses], weights, pooled)
        blocks = make_blocks(losses, [None if c is None else len(c) for c in targets.classes])
        task_weights = static_weights(targets.select(self.task_weights, "task_weights"), targets.names)
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(draw_seed(rng))
            networks = [self._network(X, blocks, targets) for _ in range(self._settings.n_members)]
        for network in networks:
            network.heads.reset_tasks([c for c, t in enumerate(task_order(blocks)) if task_weights[t] == 0])
        self._targets, self._blocks, self._losses = targets, blocks, losses
        self._readers = [(b, targets.scale[list(b.tasks)], targets.mean[list(b.tasks)]) for b in blocks]
        self.tasks_ = targets.task_types
        self.n_outputs_, self.skipped_tasks_ = targets.n_columns, targets.skipped
        return networks[0] if len(networks) == 1 else MemberNetworks(networks, self._seen_inputs(len(networks)))

    def _seen_inputs(self, n_members):
        """Which inputs each member sees: left to choose, only every other one sees what an embedding adds."""
        added = None if self._inputs is None else self._inputs.added
        if added is None or self.numeric_embedding != "auto":
            return None
        sees = torch.ones(n_members, self._inputs.n_columns, dtype=torch.bool)
        sees[1::2, added] = False
        return sees

    def _network(self, X, blocks, targets):
        return build_network(
            self._trunk(),
            Data(X[:_PROBE_ROWS], copies=True, inputs=self._inputs).gather(slice(None))[0],
            blocks,
            targets,
            hidden_layer_sizes=_sizes(self._settings.hidden_layer_sizes, "hidden_layer_sizes"),
            head_hidden_layer_sizes=_sizes(self.head_hidden_layer_sizes, "head_hidden_layer_sizes"),
            activation=ACTIVATIONS[self.activation],
            dropout=self.dropout,
            n_codes=() if self._inputs is None else self._inputs.n_codes,
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
            seed=draw_seed(rng),
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
        n_rows = len(train) if train.folds is None else int((train.folds != 0).sum())
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
        """Set `oof_prediction_` where each member leaves out a fold that it never saw."""
        self.__dict__.pop("oof_prediction_", None)
        if self._fold_of_row is None:
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

    @property
    def architecture_summary_(self):
        """Parameters and multiply-adds of the network, beside those of separate networks: an `ArchitectureSummary`."""
        check_is_fitted(self, "net_")
        sizes = self._settings.hidden_layer_sizes, self.head_hidden_layer_sizes
        return summarize(self.net_.module_, *map(_sizes, sizes, ("hidden_layer_sizes", "head_hidden_layer_sizes")))

    # What scikit-learn asks for

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self._takes_missing()
        tags.input_tags.categorical = not self._has_own_trunk()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _sizes(value, name):
    """Layer sizes as a tuple of positive integers."""
    sizes = (value,) if isinstance(value, Integral) else tuple(value)
    for size in sizes:
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"{name} must be positive integers; got {value!r}.")
    return tuple(int(size) for size in sizes)
