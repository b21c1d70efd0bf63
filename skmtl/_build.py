"""From an architecture and the tasks to a network of the engine that fits."""

import math
import warnings

import numpy as np
import torch

from ._blocks import task_order
from ._dense import DenseNetwork
from ._heads import Heads, OwnHeads, SharedHead
from ._module import Network
from ._separate import SeparateNetwork
from ._tables import CategoryTables
from .architectures import Architecture, Independent


def build_network(
    architecture,
    X,
    blocks,
    targets=None,
    *,
    hidden_layer_sizes,
    head_hidden_layer_sizes,
    activation,
    dropout,
    n_codes=(),
):
    """Initialize the trunk and put heads on it.

    Parameters
    ----------
    architecture : Architecture
        A fresh clone.
    X : tensor (m, ...)
        A few rows, to see what the trunk makes of them.
    blocks : list of Block
        What raw columns the tasks need.
    targets : Targets, default=None
        Names of the tasks and their columns in y; None: positions.
    hidden_layer_sizes, head_hidden_layer_sizes : tuple of int
        Sizes of the trunk's and the heads' hidden layers.
    activation : Activation
        Activation function of both.
    dropout : float
        Share of hidden units to drop while training.
    n_codes : sequence of int
        Of each of the last columns of X that hold codes, how many there are: they get tables.

    Returns
    -------
    network : Network

    Raises
    ------
    ValueError
        If the trunk returns neither ``(m, d)`` nor ``(m, T, d)``, or returns NaN.
    """
    order = task_order(blocks)
    tables = CategoryTables(n_codes, len(order)) if n_codes else None
    if tables is not None:
        X = tables(X).detach()
    architecture.task_positions = tuple(int(t if targets is None else targets.kept[t]) for t in order)
    architecture.task_names = tuple(t if targets is None else targets.names[t] for t in order.tolist())
    architecture.n_columns = len(order) if targets is None else targets.n_columns
    architecture.initialize(
        X.shape[1], len(order), hidden_layer_sizes=hidden_layer_sizes, activation=activation, dropout=dropout
    )
    is_dense = architecture.is_dense and type(architecture).penalty is Architecture.penalty
    if is_dense:
        shape = (X.shape[1], *hidden_layer_sizes)[-1:]
    else:
        architecture.to(torch.float32)
        shape = _representation_shape(architecture, X, len(order))
    heads = _make_heads(architecture, shape, blocks, head_hidden_layer_sizes, activation, dropout)
    kind = Network
    # Tables without a layer behind them are written out nowhere.
    is_plain = type(heads) is Heads and (tables is None or len(hidden_layer_sizes) > 0)
    if is_plain and is_dense and len(head_hidden_layer_sizes) < 2:
        kind = DenseNetwork
    elif type(heads) is Heads and type(architecture) is Independent:
        kind = SeparateNetwork
    network = kind(architecture, heads, math.prod(shape), is_separate=len(shape) == 2, tables=tables)
    network.input_shape = tuple(X.shape[1:])
    if (np.diff(order) < 0).any():
        network.task_columns = torch.from_numpy(np.argsort(order))
    return network


def _make_heads(architecture, shape, blocks, hidden_layer_sizes, activation, dropout):
    """Make the kind of heads that the architecture asks for."""
    kind, settings = architecture.heads, (hidden_layer_sizes, activation, dropout)
    if callable(kind):
        if hidden_layer_sizes:
            raise ValueError(
                f"head_hidden_layer_sizes={hidden_layer_sizes} is for the built-in heads, but the architecture has a "
                "function that makes them. Leave one of the two out."
            )
        return OwnHeads(shape[-1], blocks, kind)
    if kind == "shared":
        if len(shape) == 1:
            raise ValueError(
                "heads='shared' needs a representation for each task, (n, T, d); this trunk has one for all tasks, "
                "which would all be predicted alike. Use heads='own'."
            )
        if len(blocks) > 1:
            raise ValueError(
                "heads='shared' needs tasks with the same loss and, if they are classifications, the same number of "
                "classes; these differ. Use heads='own'."
            )
        return SharedHead(shape[-1], blocks, *settings)
    if kind != "own":
        raise ValueError(f"heads must be 'own', 'shared' or a function that makes them; got {kind!r}.")
    return Heads(shape[-1], blocks, *settings)


def _representation_shape(trunk, X, n_tasks):
    """Shape of what the trunk returns for a row, (d,) or (T, d), after a look at a few."""
    trunk.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lazy layers announce themselves
            Z = trunk(X)
    except Exception as error:
        raise ValueError(
            f"The trunk passed as 'architecture' failed on a batch of shape {tuple(X.shape)}: "
            f"{type(error).__name__}: {error}. It must take (n, ...) rows of X as float32 and return (n, d), or "
            f"(n, {n_tasks}, d) for {n_tasks} task(s)."
        ) from error
    finally:
        trunk.train()
    fits = isinstance(Z, torch.Tensor) and Z.shape[:-1] in [(len(X),), (len(X), n_tasks)]
    if not fits or not Z.shape[-1]:
        shape = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
        raise ValueError(
            f"The trunk passed as 'architecture' must return one row a sample, of shape ({len(X)}, d) for "
            f"{len(X)} rows, or one a sample and task, ({len(X)}, {n_tasks}, d); got {shape}. End it with nn.Flatten() "
            "or a pooling layer."
        )
    if not Z.is_floating_point():
        raise ValueError(
            f"The trunk passed as 'architecture' must return floating-point numbers; got {Z.dtype}. Let it end with "
            ".float()."
        )
    if not torch.isfinite(Z).all():
        raise ValueError(
            "The trunk passed as 'architecture' returns NaN or infinite values. Check its weights and the scale of X."
        )
    return tuple(Z.shape[1:])
