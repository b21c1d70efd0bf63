"""Predict: the whole public call, for one row, a hundred and many."""

import warnings

import numpy as np
from _peers import SIZES, naive_skorch, regression_data
from _products import has_faster_kernel
from _timing import compare
from sklearn.neural_network import MLPRegressor

from skmtl import MultiTaskRegressor

SKLEARN, SKORCH = "scikit-learn MLPRegressor", "skorch, batches of 4096"
NETWORKS = [("S", (100,)), ("M", (256, 256))]
#: Rows, and how many calls count as one.
ROWS = [(1, 200), (100, 100), (100_000, 1)]


def goals(n_rows, fast):
    """Ratios aimed at."""
    if n_rows == 1:
        return {SKLEARN: 0.20, SKORCH: 0.12}
    return {SKLEARN: 0.50 if fast else 0.85} if n_rows == 100_000 else {}


def tables(settings):
    fast = has_faster_kernel()
    for size, hidden in NETWORKS:
        fitted = fit_all(size, hidden)
        for n_rows, calls in ROWS:
            if settings.quick:
                n_rows, calls = min(n_rows, 10_000), max(1, calls // 10)
            yield measure(size, hidden, fitted, n_rows, calls, fast, settings)


def fit_all(size, hidden):
    """Ours and the peers, fitted to few rows: that does not change the time of a prediction."""
    _, d, n_tasks = SIZES[size]
    X, Y = regression_data(2000, d, n_tasks)
    skorch = naive_skorch(d, hidden, n_tasks, 4096, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same = {"hidden_layer_sizes": hidden, "max_iter": 2}
        return {
            "skmtl": MultiTaskRegressor(preset="mlp", **same).fit(X, Y),
            SKLEARN: MLPRegressor(**same).fit(X, Y),
            SKORCH: skorch.fit(X, Y),
        }


def measure(size, hidden, fitted, n_rows, calls, fast, settings):
    d = SIZES[size][1]
    x = np.random.default_rng(0).standard_normal((n_rows, d), dtype=np.float32)
    contenders = {name: lambda model=model: model.predict(x) for name, model in fitted.items()}
    ours = ("skmtl", contenders.pop("skmtl"))
    title = f"predict {size}: {n_rows} row(s) x {d}, {SIZES[size][2]} tasks, {hidden}"
    return compare(title, ours, contenders, settings, goals(n_rows, fast), calls)
