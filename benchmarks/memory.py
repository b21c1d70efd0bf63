"""Memory: the peak of a fit above what the process held before, input included, in relation to the input's size.

Each fit has its own process, which resets the kernel's record of its peak (Linux only) after it has made its input.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from _timing import Table, as_time, verdict

ROWS, D, N_TASKS, BATCH, WIDTH = 1_000_000, 100, 5, 1024, 64
INPUTS = ("float32", "float64", "CSR, 5 % filled")
#: Extra memory in relation to X.
GOALS = dict(zip(INPUTS, (0.15, 0.20, 1.2), strict=True))
MODELS = ("skmtl", "scikit-learn MLPRegressor")


def make_input(kind, n):
    """X (n, D), built a part at a time, and Y (n, N_TASKS) of the same type."""
    rng = np.random.default_rng(0)
    dtype = "float64" if kind == "float64" else "float32"
    if kind.startswith("CSR"):
        filled = D // 20
        columns = rng.integers(0, 20, (n, filled), dtype=np.int32) + 20 * np.arange(filled, dtype=np.int32)
        values = rng.standard_normal(n * filled, dtype=np.float32)
        X = sp.csr_array((values, columns.ravel(), np.arange(0, n * filled + 1, filled, dtype=np.int32)), (n, D))
    else:
        X = np.empty((n, D), dtype)
        for part in np.array_split(X, max(1, n // 50_000)):
            part[:] = rng.standard_normal(part.shape, dtype=np.float32)
    return X, rng.standard_normal((n, N_TASKS), dtype=np.float32).astype(dtype)


def measure(model, kind, n):
    """Return bytes above what was there before the fit, bytes of X, and seconds."""
    import time
    import warnings

    from sklearn.neural_network import MLPRegressor

    from skmtl import MultiTaskRegressor

    warnings.simplefilter("ignore")
    X, Y = make_input(kind, n)
    same = {"hidden_layer_sizes": (WIDTH,), "batch_size": BATCH, "max_iter": 1, "alpha": 0.0}
    network = MultiTaskRegressor(preset="mlp", **same) if model == "skmtl" else MLPRegressor(**same)
    network.fit(X[: 2 * BATCH], Y[: 2 * BATCH])  # whatever is loaded on first use is no part of it
    before = reset_peak()
    start = time.perf_counter()
    network.fit(X, Y)
    took = time.perf_counter() - start
    size = X.data.nbytes + X.indices.nbytes + X.indptr.nbytes if sp.issparse(X) else X.nbytes
    return peak() - before, size, took


def reset_peak():
    """Set the record of the peak to what is held now, and return that in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def tables(settings):
    if settings.quick:
        yield compare_models("float32", 200_000, {})
        return
    for kind in INPUTS:
        yield compare_models(kind, ROWS, GOALS)


def compare_models(kind, n, goals):
    """Measure all models on one input and make a table."""
    title = f"memory: fit of {n} x {D} {kind}, {N_TASKS} tasks, ({WIDTH},), batch {BATCH}, 1 epoch"
    header = ["model", "input", "extra peak", "extra / input", "time", "goal", "met"]
    if not Path("/proc/self/clear_refs").exists():
        return Table(title, header, [["skipped: this needs Linux", *[""] * 6]])
    rows, aims = [], []
    for model in MODELS:
        done = subprocess.run(
            [sys.executable, __file__, model, kind, str(n)], check=True, capture_output=True, text=True
        )
        extra, size, took = json.loads(done.stdout)
        goal = goals.get(kind) if model == "skmtl" else None
        cells = [model, f"{size / 2**20:.0f} MiB", f"{extra / 2**20:.0f} MiB", f"{extra / size:.3f}", as_time(took)]
        rows.append([*cells, *verdict(extra / size, goal)])
        if goal:
            aims.append((title, extra / size, goal))
    return Table(title, header, rows, aims)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
