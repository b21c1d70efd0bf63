"""Members: K networks trained as one batched network, against K fits of one."""

import statistics

from _peers import regression_data
from _timing import Table, take_turns, verdict

from skmtl import MultiTaskRegressor

N, D, TASKS, BATCH, EPOCHS, K = 1000, 50, 6, 64, 20, 8
#: Ratio aimed at, by the sizes of the trunk.
GOALS = {(32,): 0.45, (100,): 0.45, (128, 128): None}


def fit(X, Y, hidden, n_members, epochs, seed):
    """Train without validation rows: the same number of steps for each network, however many there are."""
    return MultiTaskRegressor(
        hidden_layer_sizes=hidden,
        preset="mlp",
        solver="adamw",
        batch_size=BATCH,
        max_iter=epochs,
        tol=0,
        n_iter_no_change=10**6,
        n_members=n_members,
        random_state=seed,
    ).fit(X, Y)


def tables(settings):
    """One table: a row for each trunk."""
    yield measure(K, 2 if settings.quick else EPOCHS, settings)


def measure(n_members, epochs, settings):
    """Ratio of a fit of so many members to as many fits of one."""
    X, Y = regression_data(N, D, TASKS)
    title = f"members: {n_members} networks as one / {n_members} fits, {N} x {D}, {TASKS} tasks, batch {BATCH}"
    rows, aims = [], []
    for hidden, goal in GOALS.items():
        calls = {
            "one": lambda hidden=hidden: fit(X, Y, hidden, n_members, epochs, 0),
            "many": lambda hidden=hidden: [fit(X, Y, hidden, 1, epochs, seed) for seed in range(n_members)],
        }
        times = {name: statistics.median(ts) for name, ts in take_turns(calls, settings.seconds).items()}
        ratio, goal = times["one"] / times["many"], None if settings.quick else goal
        rows.append([str(hidden), f"{ratio:.3g}", *verdict(ratio, goal)])
        aims += [(f"{title}: {hidden}", ratio, goal)] if goal else []
    return Table(title, ["trunk", "ratio", "goal", "met"], rows, aims)
