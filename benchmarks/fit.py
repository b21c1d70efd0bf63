"""Fit: the whole public call on regression workloads, same epochs for all, against what one would use otherwise."""

from dataclasses import dataclass, replace

from _peers import SIZES, naive_skorch, regression_data, torch_loop
from _products import has_faster_kernel, multiply, rates, step_operations
from _timing import compare
from sklearn.neural_network import MLPRegressor

from skmtl import MultiTaskRegressor

SKLEARN, SKORCH = "scikit-learn MLPRegressor", "naive skorch"
LOOP, FUSED = "torch loop, sliced", "torch loop, sliced, fused Adam"
FLOOR = "the products alone, best kernel"


@dataclass(frozen=True)
class Workload:
    """A fit, and the ratios aimed at: with the faster kernel for products, and without."""

    size: str
    hidden: tuple
    batch: int
    epochs: int
    goals: dict
    slower_goals: dict | None = None
    max_rows: int = 10**9

    def shrunk(self):
        return replace(self, epochs=min(self.epochs, 10) if self.size == "S" else 1, max_rows=10_000)


WORKLOADS = [
    Workload("S", (100,), 200, 200, {SKLEARN: 0.28, SKORCH: 0.12}),
    Workload("S", (100,), 32, 40, {SKLEARN: 0.22, SKORCH: 0.12}),
    Workload("M", (100,), 200, 5, {SKLEARN: 0.36, SKORCH: 0.12, FUSED: 0.50}),
    Workload(
        "M",
        (256, 256),
        256,
        2,
        {SKLEARN: 0.45, SKORCH: 0.50, LOOP: 0.50},
        {SKLEARN: 0.65, SKORCH: 0.50, LOOP: 0.80},
    ),
    Workload(
        "L",
        (256, 256),
        1024,
        1,
        {SKLEARN: 0.45, SKORCH: 0.50, FLOOR: 1.25},
        {SKLEARN: 0.80, SKORCH: 0.50, FLOOR: 1.25},
    ),
]


def tables(settings):
    fast = has_faster_kernel()
    for workload in WORKLOADS:
        yield measure(workload.shrunk() if settings.quick else workload, fast, settings)


def measure(workload, fast, settings):
    n, d, n_tasks = SIZES[workload.size]
    n = min(n, workload.max_rows)
    hidden, batch, epochs = workload.hidden, workload.batch, workload.epochs
    X, Y = regression_data(n, d, n_tasks)
    same = {
        "hidden_layer_sizes": hidden,
        "batch_size": batch,
        "max_iter": epochs,
        "alpha": 0.0,
        # Nobody stops early.
        "tol": 0,
        "n_iter_no_change": 10**6,
    }
    peers = {
        SKLEARN: lambda: MLPRegressor(**same).fit(X, Y),
        SKORCH: lambda: naive_skorch(d, hidden, n_tasks, batch, epochs).fit(X, Y),
        LOOP: lambda: torch_loop(X, Y, hidden, batch, epochs),
        FUSED: lambda: torch_loop(X, Y, hidden, batch, epochs, fused=True),
    }
    goals = workload.goals if fast else workload.slower_goals or workload.goals
    if FLOOR in goals:
        operations = epochs * n / batch * step_operations(batch, (d, *hidden, n_tasks))
        peers[FLOOR] = lambda: multiply(operations, max(rates(), key=rates().get))
    title = f"fit {workload.size}: {n} x {d}, {n_tasks} tasks, {hidden}, batch {batch}, {epochs} epoch(s)"
    return compare(title, ("skmtl", lambda: MultiTaskRegressor(preset="mlp", **same).fit(X, Y)), peers, settings, goals)
