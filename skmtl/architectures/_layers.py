"""Layers that architectures are made of: several dense networks side by side, computed as one."""

import itertools

import torch
from torch import nn
from torch.nn import functional


class LinearStack(nn.Module):
    """K linear layers of one shape, each with weights of its own.

    Parameters
    ----------
    n : int
        K, the number of layers.
    n_inputs, n_outputs : int
        Shape of each.
    gain : float
        Of the initial weights, as of `Activation`.
    """

    def __init__(self, n, n_inputs, n_outputs, gain):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n, n_outputs, n_inputs))
        # Flat: the penalty is on what has two dimensions and more.
        self.bias = nn.Parameter(torch.empty(n * n_outputs))
        glorot_(self.weight, self.bias, gain)

    def forward(self, X):
        """From one input for all ``(n, d)``, or one for each ``(K, n, d)``, to ``(K, n, h)``."""
        shape = self.weight.shape[:2]
        if X.ndim == 3:
            return batched_product(X, self.weight.transpose(1, 2), self.bias.view(shape).unsqueeze(1))
        wide = functional.linear(X, self.weight.flatten(0, 1), self.bias)
        return wide.unflatten(1, shape).transpose(0, 1)


class TwoInputStack(LinearStack):
    """K linear layers of one shape that read one input for all, and beside it one of their own.

    The first columns of their weights are for the input for all.
    """

    def forward(self, shared, own=None):
        """From ``(n, s)`` and ``(K, n, o)`` to ``(K, n, h)``; either may be None."""
        if shared is None or own is None:
            return super().forward(own if shared is None else shared)
        for_shared, for_own = self.weight.split([shared.shape[-1], own.shape[-1]], dim=-1)
        wide = functional.linear(shared, for_shared.flatten(0, 1), self.bias)
        return batched_product(own, for_own.transpose(1, 2), wide.unflatten(1, self.weight.shape[:2]).transpose(0, 1))


class DenseStack(nn.Module):
    """K dense networks of one shape: linear layers, each followed by activation and dropout.

    Parameters
    ----------
    n : int
        K, the number of networks.
    n_features : int
        Columns of their input.
    sizes : tuple of int
        Widths of the layers.
    activation : Activation
        After every layer.
    dropout : float
        Share of units to drop while training.
    """

    def __init__(self, n, n_features, sizes, activation, dropout):
        super().__init__()
        self.n = n
        pairs = itertools.pairwise([n_features, *sizes])
        self.layers = nn.ModuleList(LinearStack(n, a, b, activation.gain) for a, b in pairs)
        self.activation, self.dropout = activation, dropout

    def forward(self, X):
        """From one input for all ``(n, d)``, or one for each ``(K, n, d)``, to ``(K, n, h)``."""
        for layer in self.layers:
            X = functional.dropout(self.activation.function(layer(X)), self.dropout, self.training)
        return X if X.ndim == 3 else X.expand(self.n, *X.shape)


def batched_product(X, weight, added=0.0):
    """From ``(K, n, d)`` and ``(K, d, h)`` to ``(K, n, h)``, plus what is to be added.

    Without gradients by the same kernel for any eight rows and more, so that the digits of a row do not depend on their
    number: torch takes another one below 400 multiplications a product.
    """
    if not torch.is_grad_enabled() and 8 * weight.shape[1] * weight.shape[2] < 400:
        return (X.unsqueeze(-1) * weight.unsqueeze(1)).sum(2) + added
    return torch.baddbmm(added, X, weight) if isinstance(added, torch.Tensor) else torch.bmm(X, weight)


def linear_layers(n_features, sizes, gain):
    """Linear layers on top of each other, one a size."""
    layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise([n_features, *sizes]))
    for layer in layers:
        glorot_(layer.weight, layer.bias, gain)
    return layers


def glorot_(weight, bias, gain, fan_out=None):
    """Fill in place as scikit-learn's MLP does: uniform within ``sqrt(gain / (fan_in + fan_out))``, the bias too."""
    rows, fan_in = weight.shape[-2:]
    bound = (gain / (fan_in + (fan_out or rows))) ** 0.5
    nn.init.uniform_(weight, -bound, bound)
    nn.init.uniform_(bias, -bound, bound)
