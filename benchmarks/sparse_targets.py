"""Sparse targets: time and memory of a fit with y as CSR array, and with the same labels as a dense y with NaN.

Each fit has its own process, as in `memory`; the peak is that above what is held before, so without X and y. The real
set, 691 tasks of molecules of which one label in 200 is known, is looked for where `real_data` looks.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from _timing import Table, as_time
from memory import peak, reset_peak
from real_data import FOLDER

#: Rows, tasks and labels a row of what is made up; for the larger one a dense y would take 4 GiB.
MADE_UP = {"20,000 x 5,000": (20_000, 5_000, 3), "200,000 x 5,000": (200_000, 5_000, 3)}
QUICK = {"2,000 x 500": (2_000, 500, 3)}
REAL = "chembl5"
FORMS = ("CSR", "dense")
D, WIDTH, BATCH = 50, 64, 200


def make_up(n, n_tasks, a_row):
    """X (n, D), and Y (n, n_tasks) as CSR array with a few labels in each row, float32."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, D), dtype=np.float32)
    step = n_tasks // a_row
    tasks = rng.integers(0, step, (n, a_row)) + step * np.arange(a_row)
    weights = rng.standard_normal((D, n_tasks), dtype=np.float32)
    labels = np.concatenate([np.einsum("nd,dn->n", X, weights[:, column]) for column in tasks.T])
    rows = np.tile(np.arange(n), a_row)
    return X, sp.csr_array(sp.coo_array((labels, (rows, tasks.T.ravel())), shape=(n, n_tasks)))


def load_real():
    """Fingerprints and potencies of molecules, without the targets that have none."""
    with np.load(FOLDER / f"{REAL}.npz") as arrays:
        X = np.unpackbits(arrays["X_packed"], axis=1)[:, : int(arrays["n_bits"])]
        Y = arrays["y"]
    seen = ~np.isnan(Y)
    Y, seen = (table[:, seen.any(axis=0)] for table in (Y, seen))
    return X, sp.csr_array(sp.coo_array((Y[seen], np.nonzero(seen)), shape=Y.shape))


def as_dense(Y):
    """The same labels in an array with NaN."""
    dense = np.full(Y.shape, np.nan, dtype=Y.dtype)
    dense[np.repeat(np.arange(Y.shape[0]), np.diff(Y.indptr)), Y.indices] = Y.data
    return dense


def measure(name, form):
    """Return bytes above what was there before the fit, bytes of y, and seconds: of a fit, and of all but its epoch."""
    import time
    import warnings

    from skmtl import MultiTaskRegressor

    warnings.simplefilter("ignore")
    X, Y = load_real() if name == REAL else make_up(*(MADE_UP | QUICK)[name])
    size = Y.data.nbytes + Y.indices.nbytes + Y.indptr.nbytes
    if form == "dense":
        Y = as_dense(Y)
        size = Y.nbytes
    network = MultiTaskRegressor(
        preset="mlp",
        hidden_layer_sizes=(WIDTH,),
        batch_size=BATCH,
        max_iter=1,
        early_stopping=True,
        on_empty_task="skip",
        random_state=0,
    )
    network.fit(X[: 2 * BATCH], np.zeros((2 * BATCH, 3)))  # whatever is loaded on first use is no part of it
    before = reset_peak()
    start = time.perf_counter()
    network.fit(X, Y)
    took = time.perf_counter() - start
    epoch = network.net_.history[-1]["dur"]
    return peak() - before, size, took, took - epoch


def tables(settings):
    names = list(QUICK) if settings.quick else list(MADE_UP)
    if (FOLDER / f"{REAL}.npz").is_file() and not settings.quick:
        names.insert(0, REAL)
    yield compare(names)


def compare(names):
    """Measure both forms of y of each set and make a table."""
    title = f"sparse targets: a fit of one epoch with validation rows, ({WIDTH},), batch {BATCH}"
    header = ["y", "form", "y itself", "extra peak", "time", "but for the epoch"]
    if not Path("/proc/self/clear_refs").exists():
        return Table(title, header, [["skipped: this needs Linux", *[""] * 5]])
    rows = []
    for name in names:
        for form in FORMS:
            if form == "dense" and name == "200,000 x 5,000":
                continue
            done = subprocess.run([sys.executable, __file__, name, form], check=True, capture_output=True, text=True)
            extra, size, took, rest = json.loads(done.stdout)
            cells = [f"{size / 2**20:.1f} MiB", f"{extra / 2**20:.0f} MiB", as_time(took), as_time(rest)]
            rows.append([name, form, *cells])
    return Table(title, header, rows)


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
