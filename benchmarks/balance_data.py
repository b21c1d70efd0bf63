"""Balance on real data: every registered method on four public sets, beside equal weights and a network a task.

All networks have the same settings, which are not tuned for any method, and see the same rows: a seed draws the split
and the first weights. The sets are looked for as those of `real_data` are.
"""

import time
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from _timing import Table
from real_data import FOLDER, METRICS, TEST_SHARE, load, rows, with_preparation
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskEstimator
from skmtl.aggregation import AGGREGATORS
from skmtl.weighting import WEIGHTINGS

SETS = ("enb", "wq", "tox21", "student_por")
SEEDS = (0, 1, 2)
SETTINGS = {
    "preset": "mlp",
    "hidden_layer_sizes": (100,),
    "batch_size": 64,
    "learning_rate_init": 0.003,
    "early_stopping": True,
    "n_iter_no_change": 20,
    "max_iter": 300,
}
#: Where a fit would take too long with these.
LARGER = {"tox21": {"batch_size": 200, "n_iter_no_change": 10}}
SINGLES = "single-task nets"
#: What is fitted for a look.
QUICK = ("equal", "pcgrad")


@dataclass
class Part:
    """A split of a set: inputs as the networks take them, targets and kinds by task; settings of the networks."""

    X_train: np.ndarray
    Y_train: pd.DataFrame
    X_test: np.ndarray
    Y_test: pd.DataFrame
    kinds: dict
    settings: dict


def split(data, seed):
    """Hold out rows at random; standardise the numbers in X, encode the words. Fingerprints are taken as they are."""
    train, test = train_test_split(np.arange(len(data.Y)), test_size=TEST_SHARE, random_state=seed)
    X_train, X_test = rows(data.X, train), rows(data.X, test)
    if isinstance(data.X, pd.DataFrame):
        prepare = with_preparation(data.X, "passthrough").fit(X_train)
        X_train, X_test = prepare.transform(X_train), prepare.transform(X_test)
    X_train, X_test = (np.asarray(X, dtype=np.float32) for X in (X_train, X_test))
    settings = SETTINGS | LARGER.get(data.name, {}) | {"random_state": seed}
    return Part(X_train, data.Y.iloc[train], X_test, data.Y.iloc[test], data.kinds, settings)


def methods(kinds):
    """Parameters of the estimator by method; the first task is the main one where there must be one."""
    main = {"main_task": next(iter(kinds))}
    found = {name: {"weighting": name} for name in WEIGHTINGS}
    return found | {
        name: {"aggregator": name} | (main if kind.needs_main_task else {}) for name, kind in AGGREGATORS.items()
    }


def fit(part, parameters):
    """Scores by task and seconds to fit, of one network for the tasks of a part."""
    tasks = {task: "regression" if kind == "regression" else "classification" for task, kind in part.kinds.items()}
    model = MultiTaskEstimator(tasks=tasks, **part.settings, **parameters)
    start = time.process_time()
    model.fit(part.X_train, part.Y_train)
    seconds = time.process_time() - start
    scores = model.score_tasks(part.X_test, part.Y_test)
    if "binary" in part.kinds.values():
        probabilities = model.predict_proba(part.X_test)
        for task, given in zip(part.kinds, probabilities if len(tasks) > 1 else [probabilities], strict=True):
            if part.kinds[task] == "binary":
                seen = part.Y_test[task].notna().to_numpy()
                scores[task] = roc_auc_score(part.Y_test[task][seen], given[seen, 1])
    return scores, seconds


def fit_singles(part):
    """As `fit`, of a network a task, each trained on the rows that have its label."""
    scores, seconds = {}, 0.0
    for task, kind in part.kinds.items():
        seen = part.Y_train[task].notna().to_numpy()
        data = part.X_train[seen], part.Y_train[seen][[task]], part.X_test, part.Y_test[[task]]
        score, took = fit(Part(*data, {task: kind}, part.settings), {})
        scores |= score
        seconds += took
    return scores, seconds


@dataclass
class Result:
    """Scores (S, T) by method and seconds (S,) by method, over S seeds; why a method has none (NaN)."""

    scores: dict
    seconds: dict
    failed: dict


def measure(data, chosen, seeds):
    """Fit every method, equal weights and single-task nets among them, once a seed."""
    scores = {name: np.full((len(seeds), len(data.kinds)), np.nan) for name in (SINGLES, *chosen)}
    result = Result(scores, {name: np.full(len(seeds), np.nan) for name in scores}, {})
    for i, seed in enumerate(seeds):
        part = split(data, seed)
        for name in scores:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    by_task, seconds = fit_singles(part) if name == SINGLES else fit(part, chosen[name])
            except Exception as error:  # the table says so
                result.failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            else:
                scores[name][i], result.seconds[name][i] = [by_task[task] for task in data.kinds], seconds
    return result


def as_rows(data, seeds, result):
    """All that was measured, a row a method, seed and task."""
    return [
        {"set": data.name, "method": name, "seed": seed, "task": task, "metric": METRICS[kind]}
        | {"score": scores[i, t], "seconds": result.seconds[name][i]}
        for name, scores in result.scores.items()
        for i, seed in enumerate(seeds)
        for t, (task, kind) in enumerate(data.kinds.items())
    ]


# Tables


def tables(settings, csv=None):
    """Two tables a set; `csv` names a file for all that was measured."""
    if not (FOLDER / "datasets.json").is_file():
        header = [f"skipped: no datasets.json in {FOLDER}; SKMTL_DATA names the folder that holds it"]
        yield Table("balance on real data", header, [])
        return
    seeds, measured = SEEDS[: 1 if settings.quick else None], []
    for name in SETS[: 1 if settings.quick else None]:
        data = load(name)
        chosen = methods(data.kinds)
        if settings.quick:
            chosen = {name: chosen[name] for name in QUICK}
        result = measure(data, chosen, seeds)
        measured += as_rows(data, seeds, result)
        if csv:
            pd.DataFrame(measured).to_csv(csv, index=False)
        yield summary(data, result)
        yield by_task(data, result)


def summary(data, result):
    """A row a method: the mean over tasks, beside equal weights and single-task nets, the worst task, and time."""
    body = []
    for name, scores in result.scores.items():
        ahead = scores.mean(axis=1) - result.scores["equal"].mean(axis=1)
        gains = 100 * relative_gains(scores, result.scores[SINGLES], data.kinds).mean(axis=1)
        cells = [
            spread(scores.mean(axis=1), "{:.3f}"),
            "" if name == "equal" else spread(ahead, "{:+.3f}"),
            f"{scores.min(axis=1).mean():.3f}",
            "" if name == SINGLES else spread(gains, "{:+.1f}"),
            f"{result.seconds[name].mean() / result.seconds['equal'].mean():.2f}",
        ]
        body.append([name, *cells])
    header = ["method", "mean score", "above equal", "worst task", "Δm, %", "time"]
    return Table(title(data, result), header, body)


def relative_gains(scores, base, kinds):
    """What scores (S, T) gain over `base`: in relation to it, or to what it leaves unexplained where it is R²."""
    is_r2 = np.array([kind == "regression" for kind in kinds.values()])
    return (scores - base) / np.where(is_r2, 1 - base, base)


def spread(values, form):
    """Mean and standard deviation over the seeds."""
    text = form.format(values.mean())
    return f"{text} ± {form.replace('+', '').format(values.std(ddof=1))}" if len(values) > 1 else text


def by_task(data, result):
    """A row a method, a column a task."""
    means = {name: scores.mean(axis=0) for name, scores in result.scores.items()}
    best = np.nanmax(list(means.values()), axis=0)
    body = [
        [name, *(f"{value:.3f}{'*' if value == top else ' '}" for value, top in zip(row, best, strict=True))]
        for name, row in means.items()
    ]
    metrics = ["", *(f"{METRICS[kind]} " for kind in data.kinds.values())]
    heading = f"balance on real data, {data.name}: scores by task, mean over the seeds; * best"
    return Table(heading, ["method", *(f"{task} " for task in data.kinds)], [metrics, *body])


def title(data, result):
    n, n_seeds = len(data.Y), len(result.scores[SINGLES])
    metrics = ", ".join(dict.fromkeys(METRICS[kind] for kind in data.kinds.values()))
    rule = " (where that is R²: of 1 - R²)" if "regression" in data.kinds.values() else ""
    lines = [
        f"balance on real data, {data.name}: {n - round(n * TEST_SHARE)} training rows, {len(data.kinds)} tasks "
        f"({metrics}); mean ± standard deviation over {n_seeds} seed(s), each with its own split;",
        f"Δm: mean over tasks of the relative gain over single-task nets{rule}; time: of a fit, equal weights being 1",
    ]
    mains = [name for name in result.scores if name in AGGREGATORS and AGGREGATORS[name].needs_main_task]
    if mains:
        lines.append(f"main task of {', '.join(mains)}, by whose loss they stop: {next(iter(data.kinds))}")
    lines += [f"{name} failed: {reason}" for name, reason in result.failed.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    from run import main

    main(["--suite", "balance_data", *sys.argv[1:]])
