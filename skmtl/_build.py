"""From an architecture and the tasks to a network of the engine that fits."""

import warnings

import torch

from ._dense import DenseNetwork
from ._module import Heads, Network


def build_network(architecture, X, blocks, *, hidden_layer_sizes, head_hidden_layer_sizes, activation, dropout):
    """Initialize the trunk and put heads on it.

    Parameters
    ----------
    architecture : Architecture
        A fresh clone.
    X : tensor (m, ...)
        A few rows, to see what the trunk makes of them.
    blocks : list of Block
        What raw columns the tasks need.
    hidden_layer_sizes, head_hidden_layer_sizes : tuple of int
        Sizes of the trunk's and the heads' hidden layers.
    activation : Activation
        Activation function of both.
    dropout : float
        Share of hidden units to drop while training.

    Returns
    -------
    network : Network

    Raises
    ------
    ValueError
        If the trunk does not return ``(m, d)``, or returns NaN.
    """
    n_tasks = sum(len(block.tasks) for block in blocks)
    architecture.initialize(
        X.shape[1], n_tasks, hidden_layer_sizes=hidden_layer_sizes, activation=activation, dropout=dropout
    )
    if architecture.is_dense:
        n_features = (X.shape[1], *hidden_layer_sizes)[-1]
    else:
        architecture.to(torch.float32)
        n_features = _representation_size(architecture, X)
    heads = Heads(n_features, blocks, head_hidden_layer_sizes, activation, dropout)
    dense = architecture.is_dense and len(head_hidden_layer_sizes) < 2
    return (DenseNetwork if dense else Network)(architecture, heads, n_features)


def _representation_size(trunk, X):
    """Width of what the trunk returns, after a look at a few rows."""
    trunk.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lazy layers announce themselves
            Z = trunk(X)
    except Exception as error:
        raise ValueError(
            f"The trunk passed as 'architecture' failed on a batch of shape {tuple(X.shape)}: "
            f"{type(error).__name__}: {error}. It must take (n, ...) rows of X as float32 and return (n, d)."
        ) from error
    finally:
        trunk.train()
    if not isinstance(Z, torch.Tensor) or Z.ndim != 2 or len(Z) != len(X) or not Z.shape[1]:
        shape = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
        raise ValueError(
            f"The trunk passed as 'architecture' must return one row a sample, of shape ({len(X)}, d) for "
            f"{len(X)} rows; got {shape}. End it with nn.Flatten() or a pooling layer."
        )
    if not torch.isfinite(Z).all():
        raise ValueError(
            "The trunk passed as 'architecture' returns NaN or infinite values. Check its weights and the scale of X."
        )
    return Z.shape[1]
