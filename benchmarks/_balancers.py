"""What balancing is compared with: the plain step in bare torch, TorchJD and LibMTL, as far as they are installed.

All train the same network with the same fused Adam, so that they differ by what they do about balance. TorchJD and
LibMTL ask for a module a head.
"""

import contextlib
import functools
import importlib
from dataclasses import dataclass

import torch
from _libmtl_parts import part
from _peers import mlp
from torch import nn
from torch.nn import functional

#: What TorchJD asks for, where it has no default.
TORCHJD_OPTIONS = {"CAGrad": {"c": 0.5}, "FairGrad": {"alpha": 2.0}}
#: What LibMTL's `backward` asks for.
LIBMTL_OPTIONS = {"CAGrad": {"calpha": 0.5, "rescale": 1}, "MGDA": {"mgda_gn": "none"}}


@dataclass(frozen=True)
class Work:
    """Data and network: X (n, d), Y (n, T), both float32 arrays, widths of the trunk and rows of a batch."""

    X: object
    Y: object
    hidden: tuple
    batch: int

    @property
    def n_tasks(self):
        return self.Y.shape[1]

    @property
    def n_batches(self):
        return -(-len(self.X) // self.batch)

    def batches(self, steps):
        """Rows shuffled once an epoch and sliced."""
        X, Y, parts = torch.from_numpy(self.X), torch.from_numpy(self.Y), []
        for _ in range(steps):
            if not parts:
                order = torch.randperm(len(X))
                parts = list(zip(X[order].split(self.batch), Y[order].split(self.batch), strict=True))
            yield parts.pop()

    def trunk(self):
        return nn.Sequential(mlp(self.X.shape[1], self.hidden[:-1], self.hidden[-1]), nn.ReLU())

    def heads(self):
        return [nn.Linear(self.hidden[-1], 1) for _ in range(self.n_tasks)]


def adam(*modules):
    return torch.optim.Adam([p for module in modules for p in module.parameters()], lr=1e-3, fused=True)


def plain_torch(work, steps):
    """Train on the mean of the task losses with one matrix for all heads: no balancing."""
    network = mlp(work.X.shape[1], work.hidden, work.n_tasks)
    optimizer = adam(network)
    for x, y in work.batches(steps):
        optimizer.zero_grad()
        functional.mse_loss(network(x), y).backward()
        optimizer.step()


# TorchJD


@functools.cache
def torchjd():
    """Its module of aggregators, or None."""
    with contextlib.suppress(ImportError):
        return importlib.import_module("torchjd.aggregation")


def torchjd_options(name, n_tasks):
    return {"n_tasks": n_tasks} if name == "NashMTL" else TORCHJD_OPTIONS.get(name, {})


def torchjd_ways(name):
    """Both ways that its documentation shows, where it has the method: which is faster depends on the workload."""
    ways = {}
    if name and hasattr(torchjd(), name):
        ways["TorchJD, mtl_backward"] = functools.partial(jacobian_descent, name=name)
    if name and hasattr(torchjd(), f"{name}Weighting"):
        ways["TorchJD, autogram"] = functools.partial(gramian_descent, name=name)
    return ways


def jacobian_descent(work, steps, name):
    """TorchJD by the gradients of the tasks."""
    from torchjd.autojac import jac_to_grad, mtl_backward

    trunk, heads = work.trunk(), work.heads()
    optimizer = adam(trunk, *heads)
    aggregator = getattr(torchjd(), name)(**torchjd_options(name, work.n_tasks))
    for x, y in work.batches(steps):
        features = trunk(x)
        losses = [functional.mse_loss(head(features)[:, 0], y[:, task]) for task, head in enumerate(heads)]
        mtl_backward(losses, features=features)
        jac_to_grad(trunk.parameters(), aggregator)
        optimizer.step()
        optimizer.zero_grad()


def gramian_descent(work, steps, name):
    """TorchJD by their inner products, which lets it have one matrix for all heads."""
    from torchjd.autogram import Engine

    trunk, head = work.trunk(), nn.Linear(work.hidden[-1], work.n_tasks)
    optimizer = adam(trunk, head)
    weighting = getattr(torchjd(), f"{name}Weighting")(**torchjd_options(name, work.n_tasks))
    engine = Engine(trunk, batch_dim=None)
    for x, y in work.batches(steps):
        losses = ((head(trunk(x)) - y) ** 2).mean(dim=0)
        losses.backward(weighting(engine.compute_gramian(losses)))
        optimizer.step()
        optimizer.zero_grad()


# LibMTL


def libmtl():
    """Its weightings, or None."""
    return part("weighting")


class _Network:
    """What LibMTL's weightings expect of the network that they are mixed into."""

    def __init__(self, work):
        super().__init__()
        self.task_num, self.rep_grad, self.device = work.n_tasks, False, torch.device("cpu")
        self.encoder, self.decoders = work.trunk(), nn.ModuleList(work.heads())

    def get_share_params(self):
        return self.encoder.parameters()

    def zero_grad_share_params(self):
        # 1.1.5 writes into gradients that torch, since 2.0, would have set to None.
        self.encoder.zero_grad(set_to_none=False)


def libmtl_ways(name):
    return {"LibMTL": functools.partial(libmtl_descent, name=name)} if hasattr(libmtl(), name) else {}


def libmtl_descent(work, steps, name):
    """LibMTL, as its trainer calls it."""
    network = type(name, (_Network, getattr(libmtl(), name)), {})(work)
    optimizer = adam(network)
    for x, y in work.batches(steps):
        features, losses = network.encoder(x), torch.zeros(work.n_tasks)
        for task, head in enumerate(network.decoders):
            losses[task] = functional.mse_loss(head(features)[:, 0], y[:, task])
        optimizer.zero_grad(set_to_none=False)
        network.backward(losses, **LIBMTL_OPTIONS.get(name, {}))
        optimizer.step()
