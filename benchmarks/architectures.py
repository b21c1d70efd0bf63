"""Architectures: what each takes, and its training beside loops over tasks and experts that return the same."""

import copy
import functools
import statistics
from dataclasses import dataclass, field

import torch
from _libmtl_parts import part
from _module_lists import TRUNKS, dense, linears, networks
from _peers import regression_data
from _timing import Table, as_time, take_turns, undisturbed, verdict
from torch import nn
from torch.nn import functional

from skmtl import MultiTaskRegressor
from skmtl._activations import ACTIVATIONS
from skmtl.architectures import ARCHITECTURES, CrossStitch

N, D, BATCH, EPOCHS, HIDDEN = 2000, 20, 128, 10, (64, 64)
TASKS = (4, 16, 64)
MODULES, LIBMTL, BARE = "modules", "LibMTL", "bare loop"
GOALS = {MODULES: 0.5, LIBMTL: 0.5, BARE: 1.0}
#: Separate networks as one, in relation to fits in a row, by the sizes of their trunks.
SEPARATE = {(32,): 0.45, (64, 64): 0.45, (100,): 0.45}


@dataclass(frozen=True)
class Variant:
    """An architecture and its layers; the class of LibMTL that returns the same, and its parameters."""

    name: str
    parameters: dict = field(default_factory=dict)
    hidden: tuple = HIDDEN
    libmtl: str | None = None
    theirs: dict = field(default_factory=dict)

    def make(self):
        return ARCHITECTURES[self.name](**self.parameters)


def variants(n_tasks):
    """All architectures with their defaults, and what LibMTL has in place of these; by the name of their row."""
    same = {"hard_sharing": "HPS", "mmoe": "MMoE", "cgc": "CGC"}
    alike = CrossStitch(own=1 / n_tasks, stitch_after=(0, 1, 2)).get_params()
    return {name: Variant(name, libmtl=same.get(name)) for name in ARCHITECTURES} | {
        "dselect_k, by row": Variant(
            "dselect_k", {"per_example": True}, HIDDEN, "DSelect_k", {"num_nonzeros": 2, "kgamma": 1.0}
        ),
        "cross_stitch, 4 layers": Variant("cross_stitch", alike, (64,) * 4, "Cross_stitch"),
    }


def tables(settings):
    """What architectures take, their times for few and many tasks, and separate networks beside fits in a row."""
    numbers = TASKS[:1] if settings.quick else TASKS
    for n_tasks in numbers:
        yield sizes(n_tasks)
        yield measure(n_tasks, 2 if settings.quick else EPOCHS, settings)
    yield separate(numbers, 2 if settings.quick else EPOCHS, settings)


# What they take


def sizes(n_tasks):
    """Parameters and multiply-adds of a row, and both in relation to separate networks."""
    X, Y = regression_data(256, D, n_tasks)
    rows = []
    for name in ARCHITECTURES:
        with undisturbed():
            summary = fit(X, Y, name, HIDDEN, 1).architecture_summary_
        cells = [name]
        for counts in (summary.parameters, summary.multiply_adds):
            cells += [f"{counts['network']:,}", f"{counts['network'] / counts['separate networks']:.2f}"]
        rows.append(cells)
    title = f"architectures: what networks take, {D} inputs, {n_tasks} tasks, {HIDDEN}"
    return Table(title, ["architecture", "parameters", "/ separate", "multiply-adds", "/ separate"], rows)


# Times


def fit(X, Y, architecture, hidden, epochs):
    """Train all rows in every epoch, by Adam."""
    return MultiTaskRegressor(
        architecture=architecture,
        hidden_layer_sizes=hidden,
        preset="mlp",
        n_members=1,
        alpha=0.0,
        batch_size=BATCH,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10**6,
        random_state=0,
    ).fit(X, Y)


def measure(n_tasks, epochs, settings):
    """Fits of every architecture beside loops of the same."""
    title = f"architectures: {N} x {D}, {n_tasks} tasks, {HIDDEN}, batch {BATCH}, {epochs} epochs"
    if part("architecture") is None:
        title += " (not installed: LibMTL)"
    rows, aims = [], []
    for name, variant in variants(n_tasks).items():
        turns = take_turns(contenders(variant, n_tasks, epochs), settings.seconds)
        times = {contender: statistics.median(ts) for contender, ts in turns.items()}
        ours = times.pop("skmtl")
        ratios = {peer: ours / theirs for peer, theirs in times.items()}
        cells = [f"{ratios[peer]:.3g}" if peer in ratios else "–" for peer in GOALS]
        met = all(ratio <= GOALS[peer] for peer, ratio in ratios.items())
        verdicts = [] if settings.quick else ["yes" if met else "NO"]
        rows.append([name, as_time(ours), *cells, *verdicts])
        if not settings.quick:
            aims += [(f"{title}: {name}: {peer}", ratio, GOALS[peer]) for peer, ratio in ratios.items()]
    header = ["architecture", "skmtl", *(f"/ {peer} ({goal:g})" for peer, goal in GOALS.items())]
    return Table(title, header if settings.quick else [*header, "met"], rows, aims)


def contenders(variant, n_tasks, epochs):
    """Our public call, and the loops, which go on with networks that are made."""
    X, Y = regression_data(N, D, n_tasks)
    data = torch.from_numpy(X), torch.from_numpy(Y)
    peers = {peer: functools.partial(train, network, *data, epochs) for peer, network in made(variant, n_tasks).items()}
    return {"skmtl": lambda: fit(X, Y, variant.make(), variant.hidden, epochs)} | peers


def made(variant, n_tasks):
    """Networks of the peers, after a check that they return the same."""
    found = networks_of_peers(variant, initialized(variant, n_tasks), n_tasks)
    check(found)
    return found


def initialized(variant, n_tasks):
    """A trunk of skmtl."""
    torch.manual_seed(0)
    relu = ACTIVATIONS["relu"]
    return variant.make().initialize(D, n_tasks, hidden_layer_sizes=variant.hidden, activation=relu, dropout=0.0)


def networks_of_peers(variant, trunk, n_tasks):
    """Networks with the weights of a trunk, and the same heads."""
    heads = [nn.Linear(variant.hidden[-1], 1) for _ in range(n_tasks)]
    found = {MODULES: WithModules(TRUNKS[variant.name](trunk, n_tasks), copy.deepcopy(heads))}
    if variant.libmtl and part("architecture"):
        found[LIBMTL] = WithLibMTL(of_libmtl(variant, trunk, copy.deepcopy(heads)))
    return found | {BARE: Batched(trunk, heads)}


def check(found):
    """Raise an error unless all return the same."""
    X = torch.randn(10, D)
    expected, penalty = found[BARE](X), found[BARE].penalty()
    for network in found.values():
        torch.testing.assert_close(network(X), expected)
        if not isinstance(network, WithLibMTL):
            torch.testing.assert_close(network.penalty(), penalty)


def train(network, X, Y, epochs):
    """Train by Adam in a loop over batches: rows shuffled once an epoch and sliced."""
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=network.fused)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for x, y in zip(X[order].split(BATCH), Y[order].split(BATCH), strict=True):
            optimizer.zero_grad()
            network.differentiate(x, y)
            optimizer.step()
    return network


class WithModules(nn.Module):
    """A head a task, and a loop over the losses; Adam as it comes."""

    fused = None

    def __init__(self, trunk, heads):
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleList(heads)

    def forward(self, X):
        return torch.cat([head(z) for head, z in zip(self.heads, self.trunk(X), strict=True)], dim=1)

    def penalty(self):
        return self.trunk.penalty()

    def differentiate(self, x, y):
        total = 0.0
        for task, (head, z) in enumerate(zip(self.heads, self.trunk(x), strict=True)):
            total = total + functional.mse_loss(head(z)[:, 0], y[:, task])
        total, penalty = total / len(self.heads), self.penalty()
        (total if penalty is None else total + penalty).backward()


class Batched(nn.Module):
    """The trunk of skmtl with one matrix for all heads, trained by hand; Adam fused."""

    fused = True

    def __init__(self, trunk, heads):
        super().__init__()
        self.trunk = trunk
        self.weight = nn.Parameter(torch.cat([head.weight.detach() for head in heads]))
        self.bias = nn.Parameter(torch.cat([head.bias.detach() for head in heads]))

    def forward(self, X):
        Z = self.trunk(X)
        return functional.linear(Z, self.weight, self.bias) if Z.ndim == 2 else (Z * self.weight).sum(-1) + self.bias

    def penalty(self):
        return self.trunk.penalty()

    def differentiate(self, x, y):
        loss, penalty = functional.mse_loss(self(x), y), self.penalty()
        (loss if penalty is None else loss + penalty).backward()


class WithLibMTL(nn.Module):
    """An architecture of LibMTL with equal weights, as its trainer has it."""

    fused = None

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, X):
        self.network.eval()
        found = self.network(X)
        self.network.train()
        return torch.cat([found[task] for task in self.network.task_name], dim=1)

    def differentiate(self, x, y):
        found, losses = self.network(x), torch.zeros(y.shape[1])
        for t, task in enumerate(self.network.task_name):
            losses[t] = functional.mse_loss(found[task][:, 0], y[:, t])
        self.network.backward(losses)


# LibMTL


def of_libmtl(variant, trunk, heads):
    """Its network with the weights of our trunk."""
    names = [str(t) for t in range(len(heads))]
    kind = type(variant.libmtl, (getattr(part("architecture"), variant.libmtl), part("weighting").EW), {})
    encoders, counts = {
        "HPS": lambda: ([dense(trunk.layers)], []),
        "MMoE": lambda: (networks(trunk.experts), [trunk.n_experts]),
        "DSelect_k": lambda: (networks(trunk.experts), [trunk.n_experts]),
        "CGC": lambda: (networks_of_cgc(trunk), [trunk.n_shared_experts] + [trunk.n_task_experts] * len(heads)),
        "Cross_stitch": lambda: (four_layers(trunk), []),
    }[variant.libmtl]()
    network = kind(
        names,
        iter(encoders).__next__,
        nn.ModuleDict(dict(zip(names, heads, strict=True))),
        False,
        False,
        torch.device("cpu"),
        img_size=[D],
        num_experts=counts,
        **variant.theirs,
    )
    load = {"MMoE": load_gates, "CGC": load_gates, "DSelect_k": load_selectors, "Cross_stitch": load_mixtures}
    if variant.libmtl in load:
        load[variant.libmtl](network, trunk)
    return network


def networks_of_cgc(trunk):
    return [*networks(trunk.level.shared_experts), *networks(trunk.level.task_experts)]


def load_gates(network, trunk):
    gates = trunk.level.task_gates if hasattr(trunk, "level") else trunk.gates
    for gate, ours in zip(network.gate_specific.values(), linears(gates), strict=True):
        gate[0] = ours


def load_selectors(network, trunk):
    """Its codes, too, which it takes from strings of digits; to newer versions of NumPy these are all true."""
    n_digits = (trunk.n_experts - 1).bit_length()
    digits = [[code >> bit & 1 == 1 for bit in range(n_digits)[::-1]] for code in range(trunk.n_experts)]
    network._binary_codes = torch.tensor([digits])
    for task, ours in zip(network.task_name, linears(trunk.selectors), strict=True):
        weight, bias = ours.weight.unflatten(0, (trunk.n_selected, -1)), ours.bias.view(trunk.n_selected, -1)
        parts = {"weight": weight[:, :-1].flatten(0, 1), "bias": bias[:, :-1].flatten()}
        network._z_logits[task].load_state_dict(parts)
        network._w_logits[task].load_state_dict({"weight": weight[:, -1], "bias": bias[:, -1]})


def four_layers(trunk):
    """What LibMTL takes for residual networks: here, a beginning that does nothing and four dense layers."""
    layers = [networks(stack) for stack in trunk.layers]
    for task in range(len(layers[0])):
        encoder = nn.Module()
        encoder.conv1 = encoder.bn1 = encoder.relu = encoder.maxpool = nn.Identity()
        for number, layer in enumerate(layers, 1):
            setattr(encoder, f"layer{number}", layer[task])
        yield encoder


def load_mixtures(network, trunk):
    """One mixture for all tasks, which is what LibMTL has."""
    with torch.no_grad():
        network.encoder.cross_unit.fill_(trunk.own)


# Separate networks


def separate(numbers, epochs, settings):
    """Networks that share nothing, trained as one, in relation to fits in a row."""
    title = f"architectures: independent / a fit a task in a row, {N} x {D}, batch {BATCH}, {epochs} epochs"
    rows, aims = [], []
    for hidden, goal in SEPARATE.items():
        for n_tasks in numbers:
            X, Y = regression_data(N, D, n_tasks)
            calls = {
                "one": lambda X=X, Y=Y, hidden=hidden: fit(X, Y, "independent", hidden, epochs),
                "row": lambda X=X, Y=Y, hidden=hidden: [fit(X, y, "hard_sharing", hidden, epochs) for y in Y.T],
            }
            times = {name: statistics.median(ts) for name, ts in take_turns(calls, settings.seconds).items()}
            ratio, aim = times["one"] / times["row"], None if settings.quick else goal
            rows.append([str(hidden), str(n_tasks), as_time(times["one"]), f"{ratio:.3g}", *verdict(ratio, aim)])
            aims += [(f"{title}: {hidden}, {n_tasks} tasks", ratio, goal)] if aim else []
    return Table(title, ["trunk", "tasks", "skmtl", "ratio", "goal", "met"], rows, aims)
