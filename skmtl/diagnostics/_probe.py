"""Probes: callbacks that look, while a network trains, at the gradients that its tasks send into what they share."""

import warnings
from numbers import Integral

import numpy as np
import torch
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from ..ensemble._members import weight_parameter
from ..estimators._core import core
from ._alone import network_of

#: By which share of it a step on a task makes that task's loss fall, to first order; for other tasks less.
_FALL = 0.01
#: Up to this epoch each is looked at, later ones so many apart.
_EACH, _FEWER = 20, 5


class Probe(Callback):
    """Records inner products of task gradients, and what a step on each task does to all, at the end of each epoch.

    It changes nothing: the network that it looks at trains as it would have.

    Parameters
    ----------
    n_rows : int
        Training rows that it looks at, others each time.
    seed : int
        Decides which.
    looks_ahead : bool
        Whether to take a step on each task, and take it back.
    by_layer : bool
        Whether to keep the inner products of each layer apart.
    every : int or None
        Steps between two looks; None: an epoch, and after many of these several.

    Attributes
    ----------
    records : list of Record
        One a look, and member of the ensemble that is trained.
    """

    def __init__(self, n_rows=256, seed=0, looks_ahead=False, by_layer=False, every=None):
        self.n_rows = n_rows
        self.seed = seed
        self.looks_ahead = looks_ahead
        self.by_layer = by_layer
        self.every = every

    def initialize(self):
        """Forget what was seen."""
        self.records, self._steps, self._looks = [], 0, 0
        return self

    def on_train_begin(self, net, **kwargs):
        """Refuse what has nothing to look at."""
        module = net.module_
        network = module if module.n_members == 1 else module.members[0]
        if not network.shared_parameters:
            raise ValueError(
                "The gradients of tasks meet in the parameters that they share, but this network shares none. Use an "
                "architecture that does, such as 'hard_sharing', with a hidden layer."
            )

    def on_epoch_end(self, net, dataset_train=None, **kwargs):
        """Look, unless it is steps that are counted, or many epochs have been looked at."""
        epoch = len(net.history)
        if self.every is None and (epoch <= _EACH or epoch % _FEWER == 0):
            self._look(net, dataset_train, epoch)

    def _look(self, net, data, epoch):
        self._looks += 1
        rng = np.random.RandomState((self.seed + self._looks) % 2**32)
        rows = np.arange(len(data)) if len(data) <= self.n_rows else rng.choice(len(data), self.n_rows, replace=False)
        x, y, m = data.gather(np.sort(rows))
        module, is_training = net.module_, net.module_.training
        members = [module] if module.n_members == 1 else module.members
        objectives = getattr(net.criterion_, "objectives", [net.criterion_] * len(members))
        module.eval()  # no unit is dropped, and nothing random drawn that training would miss
        try:
            with torch.no_grad():
                for k, (network, objective) in enumerate(zip(members, objectives, strict=True)):
                    seen = x if len(members) == 1 else module.shown(x, k)
                    settings = epoch, self._looks, self.looks_ahead, self.by_layer
                    self.records.append(Record.of(network, objective, seen, y, m, *settings))
        finally:
            module.train(is_training)


class StepProbe(Probe):
    """A probe that looks every so many steps."""

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        """Remember the rows."""
        self._data = dataset_train

    def on_batch_end(self, net, training=False, **kwargs):
        """Look, if it is time."""
        if training:
            self._steps += 1
            if self._steps % self.every == 0:
                self._look(net, self._data, len(net.history))

    def on_train_end(self, net, **kwargs):
        """Let go of the rows."""
        self._data = None


class Record:
    """What was seen once, of the tasks that are trained, in the order of y.

    Attributes
    ----------
    epoch : int
    look : int
        Number of the look, the same for all members.
    tasks : list of int
        The tasks, by position.
    gramians : dict of str to ndarray (T, T), float64
        Inner products of the gradients of the task losses, by layer; under "" those in all shared parameters.
    lookahead : ndarray (T, T) or None
        Relative fall of the loss of each task (columns) by a step on each task (rows).
    """

    def __init__(self, epoch, look, tasks, gramians, lookahead):
        self.epoch, self.look, self.tasks = epoch, look, tasks
        self.gramians, self.lookahead = gramians, lookahead

    @classmethod
    def of(cls, network, objective, x, y, m, epoch, look, looks_ahead, by_layer):
        """Look at a network on some rows."""
        n = x.shape[0]
        raw, slope = x.new_empty(2, n, network.n_raw).unbind()
        (cells,) = objective.cells(objective.views(raw, slope, [n]), y, m, [n])
        network.raw(x, raw)
        before, seen = objective.batch_losses(cells)
        objective.fill_plain_slope(cells, n)
        network.backward_heads(slope)
        gradients = network.task_gradients(slope, "parameters")
        parameters = {p.grad.data_ptr(): (name, p) for name, p in network.named_parameters() if p.grad is not None}
        parts = [(*parameters[out.data_ptr()], objective.trained(J)) for J, _, _, out in gradients.parts]
        gramians = {"": 0.0}
        for name, _, J in parts:
            product = torch.mm(J, J.t()).double().numpy(force=True)
            gramians[""] = gramians[""] + product
            if by_layer:
                layer = name.rpartition(".")[0].removeprefix("trunk.")
                gramians[layer] = gramians.get(layer, 0.0) + product
        lookahead = None
        if looks_ahead:
            lookahead = _look_ahead(network, objective, x, raw, cells, before, parts, gramians[""])
        if seen is not None:
            absent = ~seen.numpy(force=True)
            for table in [*gramians.values(), *([] if lookahead is None else [lookahead])]:
                table[absent], table[:, absent] = np.nan, np.nan
        return cls(epoch, look, objective.trained_tasks, gramians, lookahead)

    def full(self, table, n_tasks):
        """Return a table of the trained tasks as one of all tasks, NaN for the others."""
        every = np.full((n_tasks, n_tasks), np.nan)
        every[np.ix_(self.tasks, self.tasks)] = table
        return every


def _look_ahead(network, objective, x, raw, cells, before, parts, gramian):
    """Relative fall ``(T, T)`` of all losses by a gradient step on each task, in what they share only."""
    losses = before.double().abs().clamp_min(1e-12)
    steepest = np.nanmax(np.diag(gramian) / losses.numpy(force=True))
    rate = _FALL / max(steepest, 1e-300)
    values = [p.data.view(-1) for _, p, _ in parts]
    kept, falls = [value.clone() for value in values], []
    for task in range(len(before)):
        for value, (_, _, J) in zip(values, parts, strict=True):
            value.sub_(J[task], alpha=rate)
        network.raw_again(x, raw)
        after, _ = objective.batch_losses(cells)
        falls.append((before - after).double() / losses)
        for value, old in zip(values, kept, strict=True):
            value.copy_(old)
    return torch.stack(falls).numpy(force=True)


def watch(estimator, X, y, sample_weight, owner, **settings):
    """Fit a clone with a probe.

    Parameters
    ----------
    estimator : estimator
        Of this package, or a pipeline or search that ends in one.
    X, y, sample_weight : data
        As for its `fit`.
    owner : str
        Who asks, for error texts.
    **settings : dict
        Of the probe.

    Returns
    -------
    records : list of Record
    names : list
        Names of the tasks.
    """
    network, prefix = network_of(estimator, owner)
    for name, least in (("n_rows", 2), ("every", 1)):
        value = settings.get(name)
        if value is not None and (not isinstance(value, Integral) or value < least):
            raise ValueError(f"The {name} parameter of {owner} must be an integer of at least {least}; got {value!r}.")
    probe = (Probe if settings.get("every") is None else StepProbe)(**settings)
    callbacks = [*(network.callbacks or ()), probe]
    fitted = clone(estimator).set_params(**{f"{prefix}callbacks": callbacks})
    given = {} if sample_weight is None else {weight_parameter(estimator): sample_weight}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted.fit(X, y, **given)
    net = core(fitted, fitted=True).net_
    names = list(net.task_names)
    if len(names) < 2:
        raise ValueError(f"{owner} looks at what tasks do to each other; y has one task only, {names[0]!r}.")
    (found,) = [callback for _, callback in net.callbacks_ if isinstance(callback, Probe)]
    if not found.records:
        raise ValueError(
            f"{owner} saw nothing: training ended before the first look. Decrease every={settings.get('every')}."
        )
    best = max((row["epoch"] for row in net.history if row.get("valid_loss_best")), default=len(net.history))
    # What came after the best epoch is not part of the network that predicts.
    return [record for record in found.records if record.epoch <= best] or found.records, names


def cosines(gramian):
    """Cosines ``(T, T)`` from inner products; NaN where a gradient is zero."""
    lengths = np.sqrt(np.clip(np.diag(gramian), 0, None))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(gramian / np.outer(lengths, lengths), -1, 1)
