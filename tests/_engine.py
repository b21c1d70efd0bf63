"""The engine without an estimator around it: blocks, networks and objectives for tests of single parts."""

import numpy as np
import torch

from skmtl._activations import ACTIVATIONS
from skmtl._batches import Data
from skmtl._blocks import make_blocks, task_order
from skmtl._build import build_network
from skmtl._module import Network
from skmtl._objective import Objective
from skmtl._optim import FlatParameters
from skmtl.architectures import HardSharing
from skmtl.losses import GaussianNLL, LogLoss, SquaredError
from skmtl.weighting import Equal

#: Losses of six tasks of five kinds, of which two share a block; classes of each.
MIXED_LOSSES = [SquaredError(), LogLoss(), LogLoss(), LogLoss(), GaussianNLL(), SquaredError()]
MIXED_CLASSES = [None, 2, 3, 4, None, None]


def mixed_blocks():
    return make_blocks(MIXED_LOSSES, MIXED_CLASSES)


def mixed_targets(rng, n, missing=0.3):
    """Encoded targets (n, 6) of the mixed tasks, in task order, NaN where missing."""
    columns = [rng.normal(size=n) if k is None else rng.integers(0, k, n).astype(float) for k in MIXED_CLASSES]
    Y = np.column_stack(columns)
    Y[rng.random(Y.shape) < missing] = np.nan
    return Y


def regression_blocks(n_tasks):
    return make_blocks([SquaredError()] * n_tasks, [None] * n_tasks)


def make_network(
    blocks,
    n_features=4,
    hidden=(6, 5),
    heads=(),
    activation="tanh",
    dropout=0.0,
    dtype=torch.float32,
    architecture=HardSharing,
):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        network = build_network(
            architecture(),
            torch.zeros(4, n_features),
            blocks,
            hidden_layer_sizes=hidden,
            head_hidden_layer_sizes=heads,
            activation=ACTIVATIONS[activation],
            dropout=dropout,
        )
    return network.to(dtype)


def autograd_twin(network):
    """The same trunk and heads, differentiated by autograd."""
    return Network(network.trunk, network.heads, network.n_features, network.is_separate)


def make_objective(blocks, task_weights=None, weighting=None, dtype=torch.float32):
    n_tasks = sum(len(block.tasks) for block in blocks)
    weights = torch.ones(n_tasks) if task_weights is None else torch.as_tensor(task_weights)
    return Objective(blocks, weighting or Equal(), weights.double()).to(dtype)


def make_data(blocks, X, Y, weights=None, dtype=torch.float32, fill=0.0):
    """Data with targets (and weights) given in task order."""
    order = task_order(blocks)
    kind = np.dtype(str(dtype).removeprefix("torch."))
    if weights is not None:
        weights = weights.astype(kind)[:, order] if weights.shape[1] > 1 else weights.astype(kind)
    return Data(X, Y[:, order].astype(kind), weights, fill=np.full(len(order), fill, dtype=kind), dtype=dtype)


def slope_of(objective, raw, y, m):
    """Slope of the objective in the raw output of a batch (n, R)."""
    slope = torch.full_like(raw, torch.nan)
    with torch.no_grad():
        cells = objective.cells(objective.views(raw, slope, [len(raw)]), y, m, [len(raw)])
        objective.fill_slope(next(iter(cells)), len(raw))
    return slope


def task_columns(blocks):
    """Of each task, by position, its raw columns."""
    return {
        task: list(range(block.raw.start + i, block.raw.stop, len(block.tasks)))
        for block in blocks
        for i, task in enumerate(block.tasks)
    }


def backpropagate(network, x, slope, decay=0.0, accumulate=False, seed=0, training=True):
    """Gradients of all parameters, as one vector, for a slope (n, R) or a function of the raw output."""
    flat = FlatParameters(network)
    network.attach(flat)
    network.train(training)
    with torch.random.fork_rng([]), torch.no_grad():
        for again in (False, True) if accumulate else (False,):
            torch.manual_seed(seed)
            raw = network.raw(x, x.new_empty(len(x), network.n_raw))
            network.backward(slope(raw) if callable(slope) else slope, 0.0 if again else decay, again)
    gradients = flat.gradients.clone()
    network.attach(None)
    flat.release()
    return gradients


def gradients_of(network, objective, data, rows=slice(None)):
    """Gradients of the objective on some rows, by parameter name."""
    x, y, m = data.gather(rows)
    vector = backpropagate(network, x, lambda raw: slope_of(objective, raw, y, m))
    named = dict(network.named_parameters())
    weights_first = [k for k, p in named.items() if p.ndim > 1] + [k for k, p in named.items() if p.ndim <= 1]
    parts = vector.split([named[k].numel() for k in weights_first])
    return {k: part.view(named[k].shape) for k, part in zip(weights_first, parts, strict=True)}


def relative_error(a, b):
    return ((a - b).norm() / b.norm().clamp(min=1e-30)).item()


def all_parameters(estimator):
    """What a fitted estimator learned, parameters and buffers of network and weighting, as one vector."""
    net = estimator.net_
    values = [*net.module_.state_dict().values(), *net.criterion_.weighting.state_dict().values()]
    tensors = [t for value in values for t in (value.values() if isinstance(value, dict) else [value])]
    return torch.cat([t.double().flatten() for t in tensors if torch.is_tensor(t)])
