"""Cross-stitch: separate trunks whose activations are mixed after each layer, by how much is learnt."""

import itertools
from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval
from torch import nn
from torch.nn import functional

from ._base import Architecture
from ._layers import DenseStack, batched_product


class CrossStitch(Architecture):
    r"""One trunk for each task, stitched together: after a layer each goes on with a learnt mixture of all [1]_.

    .. math::
        \tilde h_t^l = \sum_s A_{ts}^l h_s^l, \qquad h_t^{l+1} = \phi(W_t^{l+1} \tilde h_t^l + b_t^{l+1})

    with :math:`h_t^l` what hidden layer l of the trunk of task t returns and :math:`A^l` a learnt T x T matrix, or one
    for each channel. With A the identity the trunks are independent; with all its entries equal they all go on with
    the same.

    Each trunk has the layers `hidden_layer_sizes` of the estimator, each followed by its `activation`, the mixture, and
    `dropout`.

    Parameters
    ----------
    own : float, default=0.9
        Weight of a trunk in its own mixture at the start, between 0 and 1. The others share the rest equally.
    stitch_after : tuple of int, default=None
        Hidden layers, counted from 0, after which the trunks are mixed; None: every one.
    by_channel : bool, default=False
        Whether each hidden unit of a layer has a matrix of its own.

    Raises
    ------
    ValueError
        When fitted, if `stitch_after` names a layer that `hidden_layer_sizes` does not have.

    Notes
    -----
    Parameters that are shared: all that lies below the last mixture, as each task reaches all trunks through it. The
    last mixture is not: each row of A belongs to one task. For a single task there is nothing to mix, and no A.

    About T times the parameters and the time of hard sharing. A is no part of the penalty `alpha`.

    The paper starts from trunks that were trained alone, and gives A larger steps than the rest; here everything
    starts at random, and learns together at one rate.

    References
    ----------
    .. [1] Misra, Shrivastava, Gupta and Hebert (2016). Cross-stitch networks for multi-task learning. CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import CrossStitch
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = CrossStitch(own=0.8)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape  # four features a task, side by side
    (40, 8)
    """

    _parameter_constraints = {
        "own": [Interval(Real, 0, 1, closed="both")],
        "stitch_after": ["array-like", None],
        "by_channel": ["boolean"],
    }

    def __init__(self, own=0.9, stitch_after=None, by_channel=False):
        self.own = own
        self.stitch_after = stitch_after
        self.by_channel = by_channel

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the trunks, and matrices near the identity."""
        self._validate_params()
        self.stitched = self._stitched(len(hidden_layer_sizes)) if n_tasks > 1 else []
        pairs = itertools.pairwise([n_features, *hidden_layer_sizes])
        self.layers = nn.ModuleList(DenseStack(n_tasks, a, (b,), activation, 0.0) for a, b in pairs)
        mixture = _mixture(n_tasks, self.own)
        # Flat, as is all that the penalty shall not shrink.
        self.stitches = nn.ParameterList(
            mixture.repeat(hidden_layer_sizes[number] if self.by_channel else 1) for number in self.stitched
        )
        self.dropout = dropout
        return self

    def _stitched(self, n_layers):
        """Numbers of the layers to mix after, in order."""
        if self.stitch_after is None:
            return list(range(n_layers))
        for layer in self.stitch_after:
            if not isinstance(layer, Integral) or not 0 <= layer < n_layers:
                raise ValueError(
                    f"The 'stitch_after' parameter of CrossStitch must name hidden layers, from 0 to below {n_layers}, "
                    f"the length of hidden_layer_sizes; got {layer!r}."
                )
        return sorted({int(layer) for layer in self.stitch_after})

    def forward(self, X):
        """Return the representation of each task ``(n, T, d)``, or X where there are no layers."""
        stitches = dict(zip(self.stitched, self.stitches, strict=True))
        for number, layer in enumerate(self.layers):
            X = layer(X)
            if number in stitches:
                X = self._mix(X, stitches[number])
            X = functional.dropout(X, self.dropout, self.training)
        return X.transpose(0, 1) if self.layers else X

    def _mix(self, H, mixture):
        """Mixtures of the activations ``(T, n, h)`` of all trunks."""
        mixtures = mixture.view(-1, len(H), len(H))
        if len(mixtures) == H.shape[2]:  # one for each channel
            return batched_product(H.permute(2, 1, 0), mixtures.transpose(1, 2)).permute(2, 1, 0).contiguous()
        return torch.mm(mixtures[0], H.flatten(1)).view_as(H)

    def shared_parameters(self):
        """Return the parameters of what lies below the last mixture."""
        layers = self.layers[: max(self.stitched, default=-1) + 1]
        return [*layers.parameters(), *self.stitches[:-1]]


def _mixture(n_tasks, own):
    """The matrix at the start, flat."""
    others = (1.0 - own) / max(n_tasks - 1, 1)
    return torch.full((n_tasks, n_tasks), others).fill_diagonal_(own).flatten()
