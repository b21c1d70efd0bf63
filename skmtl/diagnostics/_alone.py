"""The single-task baseline of an estimator: the same network for each task by itself, all trained as one."""

import torch
from sklearn.base import clone
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from ..architectures import ARCHITECTURES, Architecture, Independent, OwnTrunk
from ..estimators._base import BaseMultiTask

#: What only means something where tasks share, and what it is where none does.
_OF_SHARING = {"weighting": "equal", "task_weights": None, "aggregator": None, "main_task": None}
#: Parameters of a search that say what it tries.
_TRIES = ("param_grid", "param_distributions")


def network_of(estimator, owner):
    """Return the estimator of this package in a pipeline or search, and the prefix of its parameters.

    Parameters
    ----------
    estimator : estimator
        Not fitted.
    owner : str
        Who asks, for the error text.

    Returns
    -------
    network : BaseMultiTask
    prefix : str
        "" for `network` itself.
    """
    inner, prefix = estimator, ""
    while isinstance(inner, (Pipeline, BaseSearchCV)):
        name, inner = inner.steps[-1] if isinstance(inner, Pipeline) else ("estimator", inner.estimator)
        prefix += f"{name}__"
    if not isinstance(inner, BaseMultiTask):
        hint = " Pass an instance, not the class: add parentheses." if isinstance(inner, type) else ""
        raise TypeError(
            f"The estimator parameter of {owner} must be a MultiTaskRegressor, MultiTaskClassifier or "
            f"MultiTaskEstimator, or a pipeline or search that ends in one; got {inner!r}.{hint}"
        )
    return inner, prefix


def alone(estimator, owner):
    """Return a clone of an estimator in which nothing is shared.

    Parameters
    ----------
    estimator : estimator
        As for `network_of`. A search goes on to try what it tries, but for what only means something where tasks share.
    owner : str
        Who asks, for the error text.

    Returns
    -------
    baseline : estimator
    """
    network, prefix = network_of(estimator, owner)
    given = network.architecture
    if (isinstance(given, str) and given == "independent") or given is Independent or isinstance(given, Independent):
        raise ValueError(
            f"{owner} compares what tasks share with separate networks, but architecture={given!r} shares nothing. "
            "Set another architecture, such as 'hard_sharing'."
        )
    baseline = clone(estimator).set_params(**{f"{prefix}architecture": _separate(given)})
    baseline.set_params(**{prefix + name: value for name, value in _OF_SHARING.items()})
    _narrow(baseline, prefix)
    return baseline


def _separate(architecture):
    if isinstance(architecture, str) or type(architecture) in ARCHITECTURES.values():
        return "independent"
    if isinstance(architecture, OwnTrunk):
        return OwnTrunks(architecture.trunk, "own" if architecture.heads == "shared" else architecture.heads)
    if isinstance(architecture, Architecture):
        return Copies(architecture)
    if isinstance(architecture, type) and issubclass(architecture, Architecture):
        return "independent"  # a fit says what is wrong with it
    return OwnTrunks(architecture)


def _narrow(estimator, prefix):
    """Let a search not try what only means something where tasks share."""
    inner, path = estimator, prefix
    while isinstance(inner, (Pipeline, BaseSearchCV)):
        step, _, path = path.partition("__")
        if isinstance(inner, Pipeline):
            inner = inner.named_steps[step]
            continue
        for name in _TRIES:
            if hasattr(inner, name):
                tried = getattr(inner, name)
                kept = [_without(table, path) for table in ([tried] if isinstance(tried, dict) else tried)]
                setattr(inner, name, kept[0] if isinstance(tried, dict) else kept)
        inner = inner.estimator


def _without(table, path):
    shared = tuple(path + name for name in ("architecture", *_OF_SHARING))
    return {key: values for key, values in table.items() if not key.startswith(shared)}


class _Separate:
    """What the two have in common: a trunk for each task."""

    def initialize(self, n_features, n_tasks, **settings):
        """Make the trunks."""
        self.trunks = torch.nn.ModuleList(self._one(task, n_features, settings) for task in range(n_tasks))
        return self

    def forward(self, X):
        """Return the representation of each task."""
        representations = []
        for task, trunk in enumerate(self.trunks):
            Z = trunk(X)
            representations.append(Z if Z.ndim == 2 else Z[:, task if Z.shape[1] > 1 else 0])
        return torch.stack(representations, dim=1)

    def shared_parameters(self):
        """Return no parameter."""
        return []


class Copies(_Separate, Architecture):
    """A trunk of the user's class for each task.

    Parameters
    ----------
    architecture : Architecture
        What is copied, as for one task.
    """

    def __init__(self, architecture):
        self.__dict__["architecture"] = architecture  # no part of the model, its copies are

    def _one(self, task, n_features, settings):
        one = clone(self.architecture)
        one.task_names, one.task_positions = (self.task_names[task],), (self.task_positions[task],)
        one.n_columns = self.n_columns
        return one.initialize(n_features, 1, **settings)

    def penalty(self):
        """Return the sum of those of the trunks."""
        terms = [term for term in (trunk.penalty() for trunk in self.trunks) if term is not None]
        return sum(terms) if terms else None

    @property
    def heads(self):
        """As of the architecture, but for one that all tasks share."""
        heads = self.architecture.heads
        return "own" if isinstance(heads, str) else heads


class OwnTrunks(_Separate, OwnTrunk):
    """A copy of a user's module for each task."""

    def _one(self, task, n_features, settings):
        return OwnTrunk(self.trunk).initialize(n_features, 1, **settings)
