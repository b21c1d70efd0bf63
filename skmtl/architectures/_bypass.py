"""Bypass: of each layer's units some are shared by all tasks, the others each task has for itself."""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval
from torch import nn
from torch.nn import functional

from ._base import Architecture
from ._layers import TwoInputStack, linear_layers


class Bypass(Architecture):
    r"""A shared trunk, and beside it a private one for each task: from hard sharing to separate networks [1]_.

    .. math::
        s^{l+1} = \phi(W^l s^l + b^l), \qquad p_t^{l+1} = \phi(U_t^l s^l + V_t^l p_t^l + c_t^l)

    with :math:`s^1` X, of which every unit of the first layer reads everything. The representation of task t is
    :math:`(s, p_t)` of the last layer. Shared units read shared units; private ones read both, their own and the
    shared.

    Each layer of the estimator's `hidden_layer_sizes`, followed by its `activation` and `dropout`, is what a task sees
    of both together: of h units, `sharing` times h are shared, rounded, and the others private.

    Parameters
    ----------
    sharing : float, default=0.5
        How much is shared, from 0, independent networks, to 1, hard sharing. Between the two every layer has at least
        one unit of either kind.

    Raises
    ------
    ValueError
        When fitted, if a hidden layer has a single unit and `sharing` is neither 0 nor 1.

    Notes
    -----
    The parameters of the shared units, W and b, are shared; U, V and c belong to a task each. Each task sees a network
    of the same widths whatever `sharing` is; parameters and time grow from those of hard sharing to T times as much.

    In the paper private layers are a path of their own from X to the head. Here they also read the shared layers, so
    that `sharing` changes whose a unit is, and takes away from no unit of a task what it would read as a private one.

    References
    ----------
    .. [1] Ramsundar, Liu, Wu, Verras, Tudor, Sheridan and Pande (2017). Is multitask deep learning practical for
       pharma? Journal of Chemical Information and Modeling 57.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import Bypass
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = Bypass(sharing=0.7)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape  # four features a task, side by side
    (40, 8)

    How much to share is a hyper-parameter like any other:

    >>> from sklearn.model_selection import GridSearchCV
    >>> search = GridSearchCV(model, {"architecture__sharing": [0, 0.5, 1]}, cv=3).fit(X, Y)
    >>> sorted(search.best_params_)
    ['architecture__sharing']
    """

    _parameter_constraints = {"sharing": [Interval(Real, 0, 1, closed="both")]}

    def __init__(self, sharing=0.5):
        self.sharing = sharing

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the shared and the private units of each layer."""
        self._validate_params()
        shared = [self._n_shared(size, hidden_layer_sizes) for size in hidden_layer_sizes]
        private = [size - n for size, n in zip(hidden_layer_sizes, shared, strict=True)]
        below = [n_features, *hidden_layer_sizes]
        # At the ends the other kind has no unit in any layer.
        self.shared = linear_layers(n_features, shared, activation.gain) if any(shared) else nn.ModuleList()
        self.private = nn.ModuleList(
            TwoInputStack(n_tasks, a, b, activation.gain) for a, b in zip(below, private, strict=False) if b
        )
        self.activation, self.dropout = activation, dropout
        return self

    def _n_shared(self, size, sizes):
        """How many units of a layer are shared."""
        if self.sharing in (0, 1):
            return size * int(self.sharing)
        if size < 2:
            raise ValueError(
                f"Bypass(sharing={self.sharing!r}) splits every hidden layer into shared and private units, and "
                f"hidden_layer_sizes={tuple(sizes)} has a layer of a single unit. Make it wider, or set sharing to 0 "
                f"or 1."
            )
        return min(max(round(self.sharing * size), 1), size - 1)

    def forward(self, X):
        """Return the representation: ``(n, T, d)``, or ``(n, d)`` where everything is shared."""
        shared, private = X, None
        for number in range(max(len(self.shared), len(self.private))):
            above = self._activate(self.shared[number](shared)) if self.shared else None
            if self.private:
                private = self._activate(self.private[number](shared, private))
            shared = above
        return _join(shared, private)

    def _activate(self, H):
        return functional.dropout(self.activation.function(H), self.dropout, self.training)

    def shared_parameters(self):
        """Return the parameters of the shared units."""
        return list(self.shared.parameters())


def _join(shared, private):
    """Both kinds of units side by side; either may be None."""
    if private is None:
        return shared
    private = private.transpose(0, 1)
    if shared is None:
        return private
    return torch.cat([shared.unsqueeze(1).expand(-1, private.shape[1], -1), private], dim=-1)
