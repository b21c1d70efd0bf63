"""What is measured on a set, part by part and run by run: each result is plain data, to be kept as a line of JSON."""

import numpy as np
from sklearn.base import clone

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.diagnostics import (
    MultiTaskGrouping,
    auxiliary_value,
    gradient_conflict,
    task_affinity,
    transfer_report,
)
from skmtl.metrics import make_task_scorer
from skmtl.model_selection import MultiTaskKFold

from ..accuracy.evaluate import Stopwatch
from ..accuracy.methods import has_one_label_a_row
from ..accuracy.sets import DataSet, rows

#: Changes where results are no longer comparable.
PROTOCOL = 1
#: The network of every part: the default with one member instead of eight.
NETWORK = {"n_members": 1}
#: That of the part `members`: the default.
WHOLE = {"n_members": "auto"}
#: Most rows of a set, drawn at random; a set with a label a row needs more of them for as many labels a task.
MOST_ROWS, MOST_SINGLE = 2000, 4000
#: A task with fewer labels in these rows is left out: its folds would have one or none.
LEAST_LABELS = 10
FOLDS = 5
SCORING = {"regression": "r2", "binary": "roc_auc", "multiclass": "accuracy"}
#: Where a fold has a handful of labels of a task, R² swings between -10 and 1; errors do not.
SCORING_SINGLE = {"regression": "neg_rmse"}
#: A network for each pair of so many tasks is no longer a matter of minutes.
MOST_FOR_PAIRS = 20


def reduced(data, most_rows=None):
    """The set with so many of its rows, drawn at random, and the tasks that have labels enough in these."""
    if most_rows is None:
        most_rows = MOST_SINGLE if has_one_label_a_row(data) else MOST_ROWS
    chosen = np.sort(np.random.RandomState(0).permutation(len(data.Y))[:most_rows])
    Y = data.Y.iloc[chosen]
    Y = Y.loc[:, Y.notna().sum() >= LEAST_LABELS]
    chosen, Y = chosen[Y.notna().any(axis=1)], Y.dropna(how="all").reset_index(drop=True)
    X = rows(data.X, chosen)
    X = X.reset_index(drop=True) if hasattr(X, "iloc") else X
    return DataSet(data.name, X, Y, {task: data.kinds[task] for task in Y})


def kinds(data):
    """Kinds of the tasks as estimators and splitters take them."""
    return {task: "regression" if kind == "regression" else "classification" for task, kind in data.kinds.items()}


def network(data, **settings):
    """The estimator that all parts but one are about; those that draw no seeds of their own set its `random_state`."""
    return MultiTaskEstimator(tasks=kinds(data), on_empty_task="skip", **(settings or NETWORK))


def scoring(data):
    """Metric by task."""
    metrics = SCORING_SINGLE if has_one_label_a_row(data) else SCORING
    return {task: metrics[kind] for task, kind in data.kinds.items()}


def transfer(data, run, **settings):
    """A `transfer_report` on folds and seeds of its own."""
    with Stopwatch() as watch:
        report = transfer_report(
            network(data, **settings), data.X, data.Y, cv=FOLDS, scoring=scoring(data), random_state=run
        )
    return {
        "tasks": report.tasks,
        "score_names": report.score_names,
        "shared_scores": report.shared_scores.tolist(),
        "alone_scores": report.alone_scores.tolist(),
        "label_ratio": report.label_ratio.tolist(),
        "parameters": report.parameters,
        "fit_seconds": report.fit_seconds,
        "seconds": watch.seconds["cpu"],
    }


def members(data, run):
    """The same of the default network with all its members."""
    return transfer(data, run, **WHOLE)


def affinity(data, run):
    """Affinities by each method that is within reach, and what the looks and the retraining take in shared fits."""
    with Stopwatch() as one_fit:
        network(data).set_params(random_state=run).fit(data.X, data.Y)
    seconds, matrices = {"fit": one_fit.seconds["cpu"]}, {}
    for method in ("lookahead", "gradient", "retrain")[: 3 if len(data.kinds) <= MOST_FOR_PAIRS else 2]:
        with Stopwatch() as watch:
            found = task_affinity(network(data), data.X, data.Y, method=method, random_state=run)
        seconds[method], matrices[method] = watch.seconds["cpu"], found.matrix.tolist()
    return {"tasks": list(data.kinds), "matrices": matrices, "seconds": seconds}


def grouping(data, run):
    """`MultiTaskGrouping` on rows that it has not seen, beside one network for all tasks and one after the other."""
    folds = MultiTaskKFold(FOLDS, tasks=kinds(data), shuffle=True, random_state=0)
    train, test = list(folds.split(data.X, data.Y))[run]
    X, Y, X_test, Y_test = rows(data.X, train), data.Y.iloc[train], rows(data.X, test), data.Y.iloc[test]
    metrics, base = scoring(data), network(data).set_params(random_state=run)
    score, scores, seconds = make_task_scorer(metrics, None), {}, {}

    with Stopwatch() as watch:
        shared = clone(base).fit(X, Y)
    scores["all in one"], seconds["all in one"] = score(shared, X_test, Y_test), watch.seconds["cpu"]

    with Stopwatch() as watch:
        alone = {task: _alone(X, Y[task], data.kinds[task], run) for task in Y}
    scores["all separate"], seconds["all separate"] = {}, watch.seconds["cpu"]
    for task, model in alone.items():
        scores["all separate"] |= make_task_scorer(metrics[task], None)(model, X_test, Y_test[[task]])

    with Stopwatch() as watch:
        grouped = MultiTaskGrouping(base, random_state=run).fit(X, Y)
    scores["grouped"], seconds["grouped"] = score(grouped, X_test, Y_test), watch.seconds["cpu"]
    report, observed = grouped.report_, data.Y.notna().to_numpy()
    return {
        "tasks": data.kinds,
        "scores": {name: list(values.values()) for name, values in scores.items()},
        "label_ratio": (observed[test].sum(axis=0) / np.maximum(observed[train].sum(axis=0), 1)).tolist(),
        "seconds": seconds,
        "groups": grouped.groups_,
        "group_of": grouped.group_of_,
        "best": report.best,
        "verdicts": report.verdicts,
        "held_out": {name: values.tolist() for name, values in report.scores.items()},
        "networks": report.candidates_frame()["networks"].to_dict(),
    }


def _alone(X, y, kind, seed):
    """A network for one task, fitted to the rows that have its label."""
    known = np.flatnonzero(y.notna())
    estimator = MultiTaskRegressor if kind == "regression" else MultiTaskClassifier
    return estimator(random_state=seed, **NETWORK).fit(rows(X, known), y.iloc[known].to_frame())


def conflict(data, run):
    """How the gradients of the tasks compare while the network is trained."""
    found = gradient_conflict(network(data), data.X, data.Y, random_state=run)
    return {
        "tasks": found.task_names,
        "share": found.share,
        "mean_cosines": found.mean_cosines.tolist(),
        "length_ratios": found.length_ratios.tolist(),
        "n_looks": len(found.epochs),
    }


def auxiliary(data, run):
    """What each other task adds to the one with the fewest labels."""
    main = data.Y.notna().sum().idxmin()
    with Stopwatch() as watch:
        found = auxiliary_value(network(data), data.X, data.Y, main_task=main, cv=FOLDS, n_repeats=2, random_state=run)
    return {
        "main_task": main,
        "auxiliary_tasks": found.auxiliary_tasks,
        "score": found.score,
        "score_alone": found.score_alone,
        "values": found.values.tolist(),
        "intervals": found.intervals.tolist(),
        "p_values": found.p_values.tolist(),
        "seconds": watch.seconds["cpu"],
    }


#: Parts: the function, and how many runs, each from another seed or on another fold.
PARTS = {
    "conflict": (conflict, 1),
    "transfer": (transfer, 2),
    "grouping": (grouping, FOLDS),
    "affinity": (affinity, 2),
    "auxiliary": (auxiliary, 1),
    "members": (members, 1),
}


def applies(part, data):
    """Whether a part is within reach: with many tasks, leaving out each is not, nor are members of each alone."""
    return part not in ("auxiliary", "members") or len(data.kinds) <= MOST_FOR_PAIRS
