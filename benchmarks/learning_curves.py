"""Learning curves in the labels of one task: what the labels of the others are worth, shared against alone.

One task keeps m labels of the training rows, the other tasks keep all of theirs. A network for all tasks is compared
on that task's test labels with the same network for that task alone, and with single-task models that are good with
few labels. Each seed takes another task, and other rows. Real sets are looked for where `real_data` looks.
"""

import warnings

import numpy as np
import pandas as pd
from _timing import Table
from real_data import FOLDER, DataSet, load, rows, score, shared_network, with_preparation
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, train_test_split

#: Labels that the one task keeps.
LABELS = (10, 20, 50, 100, 200)
SETS = ("sarcos4k", "wq", "tox21")
SEEDS = 8
TEST_SHARE = 0.25
#: Of a binary task, the fewest labels of each class that are kept.
LEAST = 2


def shared(data, task):
    """One network for all tasks."""
    return shared_network(data), data.Y.columns.tolist()


def alone(data, task):
    """The same network for the one task."""
    return shared_network(_only(data, task)), [task]


def linear(data, task):
    """A linear model, its penalty chosen by cross-validation."""
    penalties = np.logspace(-3, 3, 7)
    if data.kinds[task] == "regression":
        return RidgeCV(penalties), [task]
    logistic = LogisticRegression(max_iter=500)
    return GridSearchCV(logistic, {"C": penalties}, cv=LEAST, scoring="neg_log_loss"), [task]


def forest(data, task):
    """A random forest."""
    kind = RandomForestRegressor if data.kinds[task] == "regression" else RandomForestClassifier
    return kind(random_state=0), [task]


MODELS = {"shared": shared, "alone": alone, "linear": linear, "forest": forest}


def _only(data, task):
    return DataSet(data.name, data.X, data.Y[[task]], {task: data.kinds[task]}, data.train, data.test)


def split(data, task, seed):
    """Training and test rows, the latter all with a label of the task; and its labelled training rows, shuffled."""
    labelled = np.flatnonzero(data.Y[task].notna())
    classes = data.Y[task].iloc[labelled] if data.kinds[task] != "regression" else None
    known, test = train_test_split(labelled, test_size=TEST_SHARE, random_state=seed, stratify=classes)
    train = np.setdiff1d(np.arange(len(data.Y)), test)
    return train, test, np.random.RandomState(seed).permutation(known)


def first_labels(y, m, kind):
    """The first m of shuffled labels; of classes, with at least `LEAST` labels of each among them."""
    if kind == "regression":
        return y.index[:m]
    rare = pd.concat([y[y == label].iloc[:LEAST] for label in y.unique()]).index
    return rare.append(y.index.drop(rare))[:m]


def measure_once(data, task, seed, models):
    """Scores of each model with each number of labels of the task, ``{model: [score, ...]}``."""
    train, test, known = split(data, task, seed)
    y = pd.Series(data.Y[task].to_numpy()[known], index=known)
    kind, scores = data.kinds[task], {name: [] for name in models}
    for m in LABELS:
        if m > len(known):
            break
        kept = first_labels(y, m, kind)
        Y = data.Y.reset_index(drop=True).copy()
        Y.loc[Y.index.difference(kept), task] = np.nan
        for name, make in models.items():
            model, tasks = make(data, task)
            scores[name].append(fit_and_score(data, Y, with_preparation(data.X, model), tasks, task, train, test))
    return scores


def fit_and_score(data, Y, model, tasks, task, train, test):
    """Fit to the rows that have a label of the tasks, and score the one task on its test rows."""
    used = train[Y.iloc[train][tasks].notna().any(axis=1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(rows(data.X, used), Y.iloc[used][tasks if len(tasks) > 1 else task])
        X_test = rows(data.X, test)
        if data.kinds[task] == "binary":
            given = model.predict_proba(X_test)
            given = (given[tasks.index(task)] if isinstance(given, list) else given)[:, 1]
        else:
            given = model.predict(X_test)
            given = given[:, tasks.index(task)] if given.ndim == 2 else given
    return score(data.kinds[task], data.Y[task].iloc[test], given)


def tables(settings):
    if not (FOLDER / "datasets.json").is_file():
        yield Table("learning curves", [f"skipped: no datasets.json in {FOLDER}; SKMTL_DATA names its folder"], [])
        return
    for name in SETS[1:2] if settings.quick else SETS:
        yield curve(load(name), 1 if settings.quick else SEEDS, MODELS)


def curve(data, seeds, models):
    """Make a table: medians over seeds for each number of labels, and how often sharing is ahead of being alone."""
    tasks = list(data.kinds)
    results = [measure_once(data, tasks[seed % len(tasks)], seed, models) for seed in range(seeds)]
    body = []
    for i, m in enumerate(LABELS):
        measured = [result for result in results if len(result["shared"]) > i]
        if not measured:
            break
        medians = {name: np.median([result[name][i] for result in measured]) for name in models}
        best = max(medians.values())
        cells = [f"{value:.3f}{'*' if value == best else ' '}" for value in medians.values()]
        gains = np.array([result["shared"][i] - result["alone"][i] for result in measured])
        body.append([str(m), *cells, f"{np.median(gains):+.3f}", f"{(gains > 0).sum()} of {len(gains)}"])
    metric = "R²" if "regression" in data.kinds.values() else "ROC-AUC"
    title = (
        f"learning curves, {data.name}: {metric} of one of {len(tasks)} tasks that keeps so many labels; the others "
        f"keep all of theirs,\n{len(data.Y)} rows; median of {seeds} seeds, each with another task; * best"
    )
    return Table(title, ["labels", *(f"{name} " for name in models), "shared - alone", "ahead"], body)


if __name__ == "__main__":
    from run import main

    main(["--suite", "learning_curves"])
