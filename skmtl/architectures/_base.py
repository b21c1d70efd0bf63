"""Architectures: what is shared. An architecture is the trunk; the heads, one a task, stand on what it returns."""

import copy
from typing import Any

import torch
from torch import nn

from .._component import TorchComponent
from ._layers import linear_layers


class Architecture(TorchComponent):
    """Base class of the trunks.

    A subclass makes its layers in `initialize` and returns the representation of a batch from `forward`: one that all
    tasks share, or one for each task.

    Attributes
    ----------
    is_dense : bool, default=False
        Whether the trunk is nothing but `layers` (``nn.Linear``) with one activation function between them, so that its
        chain rule can be written out; any other trunk is differentiated by autograd.
    heads : {"own", "shared"} or callable, default="own"
        Whether each task has a head of its own, or all tasks one, which takes a representation for each task and tasks
        of one kind; or a function ``head(n_features, n_outputs)`` that makes the module of each task.
    can_represent_new_tasks : bool, default=False
        Whether there is a method ``represent_tasks(X, descriptors)`` for tasks that were not trained. The regression
        targets of all tasks are then standardised alike.
    task_names : tuple of length T
        Names of the tasks, in the order of the representation's task axis. Set before `initialize`.
    task_positions : tuple of int of length T
        Their positions among the columns of y. Set before `initialize`.
    n_columns : int
        Number of columns of y, those of tasks that are skipped included. Set before `initialize`.

    Examples
    --------
    >>> import torch
    >>> from skmtl.architectures import Architecture
    >>> class Squares(Architecture):
    ...     def forward(self, X):
    ...         return torch.cat([X, X**2], dim=1)
    >>> Squares()(torch.tensor([[1.0, 2.0]]))
    tensor([[1., 2., 1., 4.]])
    """

    is_dense = False
    heads: Any = "own"
    can_represent_new_tasks = False
    task_names: tuple = ()
    task_positions: tuple = ()
    n_columns: int | None = None

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the layers.

        Parameters
        ----------
        n_features : int
            Columns of X.
        n_tasks : int
            Number of tasks.
        hidden_layer_sizes : tuple of int
            The estimator's parameter.
        activation : Activation
            The estimator's activation function.
        dropout : float
            The estimator's share of hidden units to drop.

        Returns
        -------
        self : Architecture
        """
        return self

    def forward(self, X):
        """Return the representation.

        Parameters
        ----------
        X : tensor (n, n_features)
            A batch.

        Returns
        -------
        Z : tensor (n, d) or (n, T, d)
            What all tasks share, or one representation for each task.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward(X).")

    def shared_parameters(self):
        """Return the parameters that two tasks or more send gradients into; by default, all.

        An aggregator works on the gradients in these; any other parameter belongs to one task, as a head does.

        Returns
        -------
        parameters : list of nn.Parameter
        """
        return list(self.parameters())

    def penalty(self):
        """Return what is added to the objective in every step; by default nothing.

        Returns
        -------
        penalty : scalar tensor or None
        """
        return None


class HardSharing(Architecture):
    """One dense trunk for all tasks [1]_.

    The layers have the sizes `hidden_layer_sizes` of the estimator, each followed by its `activation` and `dropout`.

    References
    ----------
    .. [1] Caruana (1997). Multitask learning. Machine Learning 28.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(architecture="hard_sharing", hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape
    (40, 4)
    """

    is_dense = True

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the layers."""
        self.layers = linear_layers(n_features, hidden_layer_sizes, activation.gain)
        self.activation = activation
        self.dropout = dropout
        return self

    def forward(self, X):
        """Return the representation."""
        for layer in self.layers:
            X = nn.functional.dropout(self.activation.function(layer(X)), self.dropout, self.training)
        return X


class OwnTrunk(Architecture):
    """A trunk that the user brought: any module from a batch to ``(n, d)``, or to ``(n, T, d)`` in the order of y.

    Parameters
    ----------
    trunk : nn.Module or callable
        A module, trained from the weights that it has, on a copy; or a function without arguments that makes one.
    heads : {"own", "shared"} or callable, default="own"
        As of `Architecture`.

    Examples
    --------
    What ``architecture=module`` of an estimator becomes:

    >>> import torch
    >>> from skmtl.architectures import OwnTrunk
    >>> trunk = OwnTrunk(torch.nn.Flatten()).initialize(1, 1, hidden_layer_sizes=(), activation=None, dropout=0.0)
    >>> trunk(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, trunk, heads="own"):
        # Past nn.Module's bookkeeping: the original is no part of the model, its copy is.
        self.__dict__["trunk"] = trunk
        self.__dict__["heads"] = heads

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Copy the module, or make it."""
        if isinstance(self.trunk, nn.Module):
            self.module = copy.deepcopy(self.trunk)
        else:
            needs = "A callable passed as 'architecture' must take no arguments, and return a torch.nn.Module"
            try:
                module = self.trunk()
            except TypeError as error:
                raise TypeError(f"{needs}; {self.trunk!r} called without arguments fails: {error}") from error
            if not isinstance(module, nn.Module):
                raise TypeError(f"{needs}; {self.trunk!r} returns {type(module).__name__}.")
            self.module = module
        self.__dict__["trunk"] = None  # so that the model is saved once, not twice
        ranks = sorted(range(len(self.task_positions)), key=self.task_positions.__getitem__)
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        is_sorted = order == list(range(len(order)))
        #: Of each place on the task axis, the task's place in y.
        self.register_buffer("_order", None if is_sorted else torch.tensor(order), persistent=False)
        return self

    def forward(self, X):
        """Return the representation."""
        Z = self.module(X)
        if self._order is None or not isinstance(Z, torch.Tensor) or Z.ndim != 3 or Z.shape[1] != len(self._order):
            return Z
        return Z[:, self._order]
