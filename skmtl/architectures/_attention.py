"""Attention: one trunk for all tasks, of which each task sees what its masks let through."""

from numbers import Integral

import torch
from sklearn.utils._param_validation import Interval
from torch import nn
from torch.nn import functional

from ._base import Architecture
from ._layers import LinearStack, TwoInputStack, linear_layers


class Attention(Architecture):
    r"""One trunk for all tasks, and for each task and layer a soft mask on what it returns, after MTAN [1]_.

    .. math::
        m_t^l = \sigma(B_t^l \, \phi(A_t^l (s^l, z_t^{l-1}))), \qquad z_t^l = m_t^l \odot s^l

    with :math:`s^l` what hidden layer l of the trunk returns, :math:`\phi` the activation function and A, B linear with
    biases; in the first layer the mask reads :math:`s^1` alone. The representation of task t is :math:`z_t` of the last
    layer. The trunk itself knows nothing of the masks.

    The trunk has the layers `hidden_layer_sizes` of the estimator, each followed by its `activation` and `dropout`.
    Without hidden layers there is nothing to mask: the representation is X.

    Parameters
    ----------
    width : int, default=16
        Hidden units of each mask's network.

    Notes
    -----
    The parameters of the trunk are shared; those of the masks belong to a task each, about `width` times three widths
    of a layer and task.

    What differs from the paper, which has it for images: dense layers stand for blocks of convolutions, the mask reads
    the layer that it masks instead of one before it in the block, and there is neither batch normalisation nor a
    convolution between the masked features of a layer and the next mask.

    At the start a mask is about one half.

    References
    ----------
    .. [1] Liu, Johns and Davison (2019). End-to-end multi-task learning with attention. CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(architecture="attention", hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape  # four features a task, side by side
    (40, 8)
    """

    _parameter_constraints = {"width": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, width=16):
        self.width = width

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the trunk and the networks of the masks."""
        self._validate_params()
        self.layers = linear_layers(n_features, hidden_layer_sizes, activation.gain)
        below = (0, *hidden_layer_sizes)
        self.mask_inputs = nn.ModuleList(
            TwoInputStack(n_tasks, b + a, self.width, activation.gain)
            for a, b in zip(below, hidden_layer_sizes, strict=False)
        )
        self.mask_outputs = nn.ModuleList(LinearStack(n_tasks, self.width, b, 2.0) for b in hidden_layer_sizes)
        self.activation, self.dropout = activation, dropout
        return self

    def forward(self, X):
        """Return the representation of each task ``(n, T, d)``, or X where there are no layers."""
        shared, masked = X, None
        for layer, first, second in zip(self.layers, self.mask_inputs, self.mask_outputs, strict=True):
            shared = functional.dropout(self.activation.function(layer(shared)), self.dropout, self.training)
            masked = _sigmoid(second(self.activation.function(first(shared, masked)))) * shared
        return X if masked is None else masked.transpose(0, 1)

    def shared_parameters(self):
        """Return the parameters of the trunk."""
        return list(self.layers.parameters())


def _sigmoid(Z):
    """The logistic function; torch's has other last digits at the end of the memory than before."""
    return 0.5 * torch.tanh(0.5 * Z) + 0.5
