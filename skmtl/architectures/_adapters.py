"""Adapters: one trunk for all tasks, whose weights each task changes a little."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval
from torch import nn
from torch.nn import functional

from ._base import Architecture
from ._layers import batched_product, linear_layers


class Adapters(Architecture):
    r"""One trunk for all tasks, with a low-rank change of every layer for each task.

    .. math:: h_t^{l+1} = \phi((W^l + U_t^l V_t^l) h_t^l + b^l)

    Small modules of a task's own in a network for all [1]_, here in the form of LoRA [2]_: U has `rank` columns and V
    as many rows. U starts at zero, and with it the model as hard sharing.

    The trunk has the layers `hidden_layer_sizes` of the estimator, each followed by its `activation` and `dropout`.

    Parameters
    ----------
    rank : int, default=4
        Of the changes. 0: hard sharing. A rank as large as a layer lets a task have any weights in it.

    Notes
    -----
    W and b are shared; U and V belong to a task each: `rank` times inputs plus outputs a layer and task.

    The papers train adapters on a trunk that is fixed; here both learn together. LoRA's factor in front of U V is 1.

    References
    ----------
    .. [1] Houlsby, Giurgiu, Jastrzebski, Morrone, de Laroussilhe, Gesmundo, Attariyan and Gelly (2019).
       Parameter-efficient transfer learning for NLP. ICML.
    .. [2] Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang and Chen (2022). LoRA: low-rank adaptation of large language
       models. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import Adapters
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(architecture=Adapters(rank=2), hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape  # four features a task, side by side
    (40, 8)
    """

    _parameter_constraints = {"rank": [Interval(Integral, 0, None, closed="left")]}

    def __init__(self, rank=4):
        self.rank = rank

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the trunk, and changes of zero."""
        self._validate_params()
        self.layers = linear_layers(n_features, hidden_layer_sizes, activation.gain)
        self.adapters = nn.ModuleList(
            Adapter(n_tasks, layer.in_features, layer.out_features, self.rank, activation.gain)
            for layer in self.layers
            if self.rank
        )
        self.activation, self.dropout = activation, dropout
        return self

    def forward(self, X):
        """Return the representation: ``(n, T, d)``, or ``(n, d)`` where there is nothing to adapt."""
        for number, layer in enumerate(self.layers):
            H = layer(X)
            H = self.adapters[number](X, H) if self.adapters else H
            X = functional.dropout(self.activation.function(H), self.dropout, self.training)
        return X.transpose(0, 1) if X.ndim == 3 else X

    def shared_parameters(self):
        """Return the parameters of the trunk."""
        return list(self.layers.parameters())


class Adapter(nn.Module):
    """T low-rank linear maps, added to what a layer returns.

    Parameters
    ----------
    n_tasks : int
        T.
    n_inputs, n_outputs : int
        Shape of the layer.
    rank : int
        Of each map.
    gain : float
        Of the initial weights, as of `Activation`.
    """

    def __init__(self, n_tasks, n_inputs, n_outputs, rank, gain):
        super().__init__()
        bound = (gain / (n_inputs + rank)) ** 0.5
        self.down = nn.Parameter(torch.empty(n_tasks, rank, n_inputs).uniform_(-bound, bound))
        self.up = nn.Parameter(torch.zeros(n_tasks, n_outputs, rank))

    def forward(self, X, H):
        """From input and output of the layer, each ``(n, d)`` or ``(T, n, d)``, to ``(T, n, h)``."""
        if X.ndim == 2:
            low = functional.linear(X, self.down.flatten(0, 1)).unflatten(1, self.down.shape[:2]).transpose(0, 1)
        else:
            low = batched_product(X, self.down.transpose(1, 2))
        return batched_product(low, self.up.transpose(1, 2), H)
