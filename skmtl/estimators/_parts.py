"""The parts that an estimator is put together from: resolved from its parameters, and checked against each other."""

import functools
import warnings

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler

from .._annealing import Annealing
from .._balance import Balancer, check_gradients
from .._columns import listing
from .._component import nearest, resolve
from .._optim import SGD, Adam, AdamW
from .._presets import rows_a_batch
from .._stopping import Stopping
from ..aggregation import AGGREGATORS, Aggregator, TorchJD
from ..aggregation._torchjd import is_torchjd
from ..architectures import ARCHITECTURES, Architecture, OwnTrunk
from ..sampling import SAMPLINGS, RowSampling, Sampling
from ..weighting import WEIGHTINGS

#: Parts that a user may pass by name.
_REGISTRIES = {
    "aggregator": AGGREGATORS,
    "architecture": ARCHITECTURES,
    "sampling": SAMPLINGS,
    "weighting": WEIGHTINGS,
}


class PartsMixin:
    """The part of an estimator that makes trunk, solver, schedule, sampling and balancer."""

    def set_params(self, **params):
        """Set parameters, those of a part under ``part__name``.

        Parameters
        ----------
        **params : dict
            Of the estimator, such as ``alpha``, or of a part that is an instance, as ``weighting__temperature``.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        for key in params:
            part, _, name = key.partition("__")
            value = params.get(part, getattr(self, part, None))
            if name and part in _REGISTRIES and isinstance(value, str) and value in _REGISTRIES[part]:
                kind = _REGISTRIES[part][value]
                raise ValueError(
                    f"{key!r} cannot be set, since {part}={value!r} is a name, for {kind.__name__} with its default "
                    f"parameters. Set {part}={kind.__name__}() first, of {kind.__module__.rpartition('.')[0]}."
                )
        return super().set_params(**params)

    def _trunk(self):
        architecture, owner = self.architecture, type(self).__name__
        is_class = isinstance(architecture, type) and issubclass(architecture, Architecture)
        if is_class or isinstance(architecture, Architecture | str):
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
        return functools.partial(kind, rate, alpha, beta_1=self.beta_1, beta_2=settings.beta_2, epsilon=self.epsilon)

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
        """What skorch and torch would answer in their own words, or not at all."""
        for callback in self.callbacks or ():
            part = callback[1] if isinstance(callback, tuple) and len(callback) == 2 else callback
            if isinstance(part, LRScheduler) and self._settings.learning_rate == "anneal":
                raise ValueError(
                    "learning_rate='anneal' sets the rate of every step, so that an LRScheduler among the callbacks "
                    "would change nothing. Set learning_rate='constant'."
                )
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
