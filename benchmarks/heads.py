"""Heads: many tasks of three kinds with 30 % of the labels missing, against a loop over modules and one fused head."""

import statistics

import numpy as np
import torch
from _timing import Table, compare, take_turns, verdict
from torch import nn
from torch.nn import functional

from skmtl import MultiTaskEstimator

N, D, WIDTH, BATCH, EPOCHS = 1000, 50, 100, 200, 10
MODULES, FUSED = "ModuleList, loop over losses", "one head, masked losses, fused Adam"
GOALS = {10: {}, 100: {MODULES: 0.05, FUSED: 0.6}, 1000: {MODULES: 0.05, FUSED: 0.6}}
#: The time of 1000 tasks in relation to that of one.
GROWTH = 30.0
KINDS = ("regression", "binary", "three classes")


def mixed_data(n_tasks, n=N):
    """X (n, D), Y (n, n_tasks) with NaN, and the kind of each column, by turns."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, D), dtype=np.float32)
    kinds = [KINDS[t % 3] for t in range(n_tasks)]
    draw = {
        "regression": lambda: rng.standard_normal(n),
        "binary": lambda: rng.integers(0, 2, n),
        "three classes": lambda: rng.integers(0, 3, n),
    }
    Y = np.column_stack([draw[kind]() for kind in kinds]).astype(np.float32)
    Y[rng.random(Y.shape) < 0.3] = np.nan
    return X, Y, kinds


def ours(X, Y, kinds, epochs):
    """The public call."""
    tasks = ["regression" if kind == "regression" else "classification" for kind in kinds]
    same = {"preset": "mlp", "hidden_layer_sizes": (WIDTH,), "batch_size": BATCH, "max_iter": epochs, "alpha": 0.0}
    return MultiTaskEstimator(tasks=tasks, **same, tol=0, n_iter_no_change=10**6).fit(X, Y)


def batches(arrays, epochs):
    """Rows shuffled once an epoch and sliced."""
    for _ in range(epochs):
        order = torch.randperm(len(arrays[0]))
        yield from zip(*(a[order].split(BATCH) for a in arrays), strict=True)


def module_list(X, Y, kinds, epochs):
    """A head and a loss of its own for each task, as most would write it."""
    X, Y = torch.from_numpy(X), torch.from_numpy(Y)
    trunk = nn.Sequential(nn.Linear(D, WIDTH), nn.ReLU())
    heads = nn.ModuleList(nn.Linear(WIDTH, 3 if kind == "three classes" else 1) for kind in kinds)
    optimizer = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-3)
    for x, y in batches((X, Y), epochs):
        optimizer.zero_grad()
        Z, total = trunk(x), 0.0
        for task, (kind, head) in enumerate(zip(kinds, heads, strict=True)):
            observed = ~torch.isnan(y[:, task])
            raw, target = head(Z)[observed], y[observed, task]
            if kind == "regression":
                loss = functional.mse_loss(raw[:, 0], target)
            elif kind == "binary":
                loss = functional.binary_cross_entropy_with_logits(raw[:, 0], target)
            else:
                loss = functional.cross_entropy(raw, target.long())
            total = total + loss
        (total / len(kinds)).backward()
        optimizer.step()


def fused_head(X, Y, kinds, epochs):
    """One matrix for all heads, one masked loss a kind, class-major softmax: the best that autograd does."""
    kinds = np.asarray(kinds)
    order = np.concatenate([np.flatnonzero(kinds == kind) for kind in KINDS])
    a, b, c = ((kinds == kind).sum() for kind in KINDS)
    Y = torch.from_numpy(Y[:, order])
    mask = (~torch.isnan(Y)).float()
    Y = torch.nan_to_num(Y)
    one_hot = functional.one_hot(Y[:, a + b :].long(), 3).transpose(1, 2).float()
    X = torch.from_numpy(X)
    trunk, head = nn.Sequential(nn.Linear(D, WIDTH), nn.ReLU()), nn.Linear(WIDTH, int(a + b + 3 * c))
    optimizer = torch.optim.Adam([*trunk.parameters(), *head.parameters()], lr=1e-3, fused=True)
    for x, y, m, classes in batches((X, Y, mask, one_hot), epochs):
        optimizer.zero_grad()
        raw = head(trunk(x))
        w = m / m.sum(0).clamp_min(1)
        total = (w[:, :a] * (raw[:, :a] - y[:, :a]) ** 2).sum()
        if b:
            loss = functional.binary_cross_entropy_with_logits(raw[:, a : a + b], y[:, a : a + b], reduction="none")
            total = total + (w[:, a : a + b] * loss).sum()
        if c:
            logp = torch.log_softmax(raw[:, a + b :].unflatten(1, (3, int(c))), dim=1)
            total = total - (w[:, None, a + b :] * logp * classes).sum()
        (total / len(kinds)).backward()
        optimizer.step()


def tables(settings):
    epochs = 2 if settings.quick else EPOCHS
    for n_tasks in (10, 100) if settings.quick else (10, 100, 1000):
        yield measure(n_tasks, epochs, settings)
    yield growth(100 if settings.quick else 1000, epochs, settings)


def measure(n_tasks, epochs, settings):
    data = mixed_data(n_tasks)
    peers = {MODULES: lambda: module_list(*data, epochs), FUSED: lambda: fused_head(*data, epochs)}
    title = f"heads: {N} x {D}, {n_tasks} mixed tasks, 30 % missing, ({WIDTH},), batch {BATCH}, {epochs} epochs"
    return compare(title, ("skmtl", lambda: ours(*data, epochs)), peers, settings, GOALS.get(n_tasks))


def growth(n_tasks, epochs, settings):
    """How much longer many tasks take than one."""
    few, many = mixed_data(1), mixed_data(n_tasks)
    calls = {"many": lambda: ours(*many, epochs), "one": lambda: ours(*few, epochs)}
    times = {name: statistics.median(ts) for name, ts in take_turns(calls, settings.seconds / 2).items()}
    ratio, goal = times["many"] / times["one"], GROWTH if n_tasks == 1000 else None
    title = f"heads: fit of skmtl with {n_tasks} tasks in relation to one task"
    row = [f"{n_tasks} tasks / 1 task", f"{ratio:.3g}", *verdict(ratio, goal)]
    return Table(title, ["", "ratio", "goal", "met"], [row], [(title, ratio, goal)] if goal else [])
