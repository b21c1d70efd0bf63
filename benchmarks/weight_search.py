"""Searches over task weights: candidates trained side by side, against GridSearchCV over the same ones."""

import statistics

import numpy as np
from _peers import regression_data
from _timing import Table, take_turns, verdict
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskRegressor
from skmtl.model_selection import MultiTaskKFold, TaskWeightSampler, TaskWeightSearchCV

N, D, TASKS, CANDIDATES, FOLDS = 1000, 20, 3, 16, 5
MLP = {"preset": "mlp", "max_iter": 30}
TWO_LAYERS = MLP | {"hidden_layer_sizes": (64, 64), "batch_size": 64}
#: What is searched: name, settings of the estimator, goal.
CASES = [
    ("mlp, (32,), batch 32", MLP | {"hidden_layer_sizes": (32,), "batch_size": 32}, 0.5),
    ("mlp, (100,), batch 200", MLP, 0.5),
    ("mlp, (64, 64), batch 64, watched", TWO_LAYERS | {"early_stopping": True}, 0.5),
    ("tabular, one network, 20 epochs", {"n_members": 1, "max_iter": 20}, None),
    ("mlp, (256, 256), batch 200", MLP | {"hidden_layer_sizes": (256, 256), "max_iter": 10}, None),
    ("tabular, 8 members, 5 epochs", {"max_iter": 5}, None),
]


def tables(settings):
    """One table: a row for each estimator."""
    X, Y = regression_data(N, D, TASKS)
    n_candidates, n_folds = (3, 2) if settings.quick else (CANDIDATES, FOLDS)
    rng = np.random.RandomState(0)
    weights = [TaskWeightSampler(TASKS).rvs(random_state=rng) for _ in range(n_candidates)]
    folds = MultiTaskKFold(n_folds, shuffle=True, random_state=0)
    title = (
        f"weight_search: TaskWeightSearchCV / GridSearchCV, {n_candidates} candidates x {n_folds} folds, {N} x {D}, "
        f"{TASKS} tasks"
    )
    rows, aims = [], []
    for name, parameters, goal in CASES:
        short = {"max_iter": 2} if settings.quick else {}
        estimator = MultiTaskRegressor(**parameters | short, random_state=0)
        searches = {
            "ours": TaskWeightSearchCV(estimator, weights, cv=folds, refit=False),
            "grid": GridSearchCV(estimator, {"task_weights": weights}, cv=folds, refit=False),
        }
        calls = {key: lambda search=search: search.fit(X, Y) for key, search in searches.items()}
        times = {key: statistics.median(ts) for key, ts in take_turns(calls, settings.seconds).items()}
        ratio, goal = times["ours"] / times["grid"], None if settings.quick else goal
        ours, theirs = (search.cv_results_["mean_test_score"] for search in searches.values())
        apart = np.abs(ours - theirs).max()
        rows.append([name, f"{times['grid']:.2f}", f"{ratio:.3g}", *verdict(ratio, goal), f"{apart:.0e}"])
        aims += [(f"{title}: {name}", ratio, goal)] if goal else []
    header = ["estimator", "grid, s", "ratio", "goal", "met", "scores apart"]
    yield Table(title, header, rows, aims)
