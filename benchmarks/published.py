"""Published: three sets in protocols whose results others have published or that are easy to repeat, at full size."""

import sys
import warnings
from pathlib import Path

import numpy as np
from _timing import Table, verdict
from sklearn.metrics import roc_auc_score

from skmtl import MultiTaskBlend, MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import CGC, PLE, MMoE

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy import folds, sets

#: What is aimed at; the figures that they come from are named in the README of this folder.
GOALS = {
    "adult: AUC of income": 0.920,
    "adult: AUC of never married": 0.9645,
    "tox21: AUC, scaffold split, validation part": 0.725,
    "tox21: AUC, random split, test part": 0.802,
    "school: explained variance": 0.371,
}
#: The marker of the model that `pooled` makes.
POOLED = {"pooled": True}
#: The default, twice as many members, networks and trees together, and one task for all pupils that is told the school.
MODELS = {"default": {}, "n_members=8": {"n_members": 8}, "blend": {"kind": MultiTaskBlend}, "pooled": POOLED}
#: On adult, what the published network of the same name reaches or surpasses: AUC of income and of never married.
SHARED_GOALS = (0.910, 0.9635)
#: Of the published sizes, in the schedule of the default.
SHARED = {
    "hard_sharing": {"hidden_layer_sizes": (128, 128), "head_hidden_layer_sizes": (64, 32)},
    "mmoe": {"architecture": MMoE(n_experts=8), "hidden_layer_sizes": (64, 64)},
    "cgc": {"architecture": CGC(n_shared_experts=4, n_task_experts=2), "hidden_layer_sizes": (64, 64)},
    "ple": {"architecture": PLE(n_levels=2, n_shared_experts=4, n_task_experts=2), "hidden_layer_sizes": (64, 64)},
}
SEEDS = (0, 1, 2)


def tables(settings):
    """Two tables, unless the data is not there."""
    found = sets.catalogue(sets.FOLDER)
    if not {"adult", "tox21", "school"} <= found.keys():
        print(f"published: no data in {sets.FOLDER}; SKMTL_DATA names the folder.")
        return
    most_rows = 500 if settings.quick else None
    yield measure(found, most_rows)
    yield architectures(found, most_rows)


def measure(found, most_rows=None):
    """Figures by protocol and model, beside what is aimed at."""
    figures = {name: {} for name in GOALS}
    for model, parameters in MODELS.items():
        for task in (school,) if parameters is POOLED else (adult, tox21, school):
            for name, value in task(found, parameters, most_rows).items():
                figures[name][model] = value
    rows, aims = [], []
    for name, values in figures.items():
        best = max(values.values())
        aims.append((f"published: {name}", GOALS[name] / best, 1.0))
        _, met = verdict(GOALS[name] / best, 1.0)
        cells = [f"{values[model]:.4f}" if model in values else "" for model in MODELS]
        rows.append([name, *cells, f"{GOALS[name]:g}", met])
    header = ["protocol", *MODELS, "goal", "met"]
    return Table("published: test figures, higher is better", header, rows, [] if most_rows else aims)


def architectures(found, most_rows=None, seeds=SEEDS):
    """Means over seeds of the figures of adult, by what the two tasks share, beside those published."""
    rows, aims = [], []
    for name, parameters in SHARED.items():
        parameters = {"n_members": 1} | parameters
        figures = [list(adult(found, parameters | {"random_state": s}, most_rows).values()) for s in seeds]
        met, cells = [], []
        for task, goal, values in zip(("income", "never married"), SHARED_GOALS, np.transpose(figures), strict=True):
            aims.append((f"published: adult, {name}: AUC of {task}", goal / values.mean(), 1.0))
            met.append(goal <= values.mean())
            cells += [f"{values.mean():.4f}", f"{values.std():.4f}", f"{goal:g}"]
        rows.append([name, *cells, "yes" if all(met) else "NO"])
    header = ["architecture", "income", "±", "goal", "never married", "±", "goal", "met"]
    title = f"published: adult, AUC on the test part, mean over {len(seeds)} seeds, one network each"
    return Table(title, header, rows, [] if most_rows else aims)


def fitted(data, rows, parameters, most_rows):
    """A model of these rows of a set."""
    rows = folds.cut(rows, most_rows, 0)
    kinds = {t: "regression" if kind == "regression" else "classification" for t, kind in data.kinds.items()}
    settings = {"kind": MultiTaskEstimator, "random_state": 0} | parameters
    model = settings.pop("kind")(tasks=kinds, on_empty_task="skip", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a few rows, many a task has none
        return model.fit(sets.rows(data.X, rows), data.Y.iloc[rows])


def areas(model, data, rows):
    """AUC of each task that has both classes there."""
    chances = model.predict_proba(sets.rows(data.X, rows))
    found = []
    for (_, y), p in zip(data.Y.iloc[rows].items(), chances, strict=True):
        seen = y.notna().to_numpy()
        if p is not None and y[seen].nunique() == 2:
            found.append(roc_auc_score(y[seen], p[seen, 1]))
    return found


def adult(found, parameters, most_rows):
    """The official split, hours per week as an input."""
    data = sets.load("adult", sets.FOLDER)
    train, test = folds.split(data, found["adult"], ("official", 0))
    income, never = areas(fitted(data, train, parameters, most_rows), data, test)
    return {"adult: AUC of income": income, "adult: AUC of never married": never}


def tox21(found, parameters, most_rows):
    """80 % to train on; the scaffold split's validation part, as published, and the test part of a random one."""
    data = sets.load("tox21", sets.FOLDER)
    part = data.extra["split_scaffold"]
    model = fitted(data, np.flatnonzero(part == 0), parameters, most_rows)
    scaffold = areas(model, data, np.flatnonzero(part == 1))
    train, test = folds.split(data, found["tox21"], ("random", 0))
    random = areas(fitted(data, train, parameters, most_rows), data, test)
    return {
        "tox21: AUC, scaffold split, validation part": np.mean(scaffold),
        "tox21: AUC, random split, test part": np.mean(random),
    }


def school(found, parameters, most_rows):
    """Three quarters of the pupils of each school, three times; of the variance of all test marks."""
    data, shares = sets.load("school", sets.FOLDER), []
    truth = data.Y.mean(axis=1).to_numpy()  # of each row there is one label
    task = data.Y.notna().to_numpy().argmax(axis=1)
    for i in range(3):
        train, test = folds.split(data, found["school"], ("within tasks", i))
        if parameters is POOLED:
            predicted = pooled(data, truth, task, train, test, most_rows)
        else:
            model = fitted(data, train, parameters, most_rows)
            predicted = model.predict(sets.rows(data.X, test))[np.arange(len(test)), task[test]]
        error = truth[test] - predicted
        shares.append(1 - np.nanmean(error**2) / np.var(truth[test]))
    return {"school: explained variance": np.mean(shares)}


def pooled(data, truth, task, train, test, most_rows):
    """Predictions of one task for all pupils, with the school one-hot among the inputs."""
    X = np.hstack([data.X.to_numpy(dtype=float), np.eye(data.Y.shape[1])[task]])
    train = folds.cut(train, most_rows, 0)
    return MultiTaskRegressor(random_state=0).fit(X[train], truth[train]).predict(X[test])
