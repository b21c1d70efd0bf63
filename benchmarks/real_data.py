"""Real data: skmtl beside scikit-learn's per-task models on five public sets of different kinds, task by task.

One network learns all tasks; each of the others is a model per task, trained on the rows that have its label. All see
the same training rows and are scored on the same held-out labels. The sets are looked for in `../shared/data` beside
the repository, or where SKMTL_DATA says.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from _timing import Table, as_time, undisturbed
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

FOLDER = Path(os.environ.get("SKMTL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
#: The sets, and the epochs of MLPs: the default but for the large ones, so that all is done in minutes.
EPOCHS = {"enb": 200, "wq": 200, "tox21": 30, "nhanes": 200, "adult": 30}
METRICS = {"regression": "R²", "binary": "ROC-AUC", "multiclass": "accuracy"}
TEST_SHARE = 0.2


@dataclass
class DataSet:
    """A set and its split: X a DataFrame or fingerprints (n, d), Y a DataFrame with NaN, kinds of the tasks by name."""

    name: str
    X: object
    Y: pd.DataFrame
    kinds: dict
    train: np.ndarray
    test: np.ndarray


def load(name, folder=FOLDER):
    """Read a set; the split that it came with, or a random one."""
    info = json.loads((folder / "datasets.json").read_text())[name]
    if info["file"].endswith(".npz"):
        with np.load(folder / info["file"]) as arrays:
            X = np.unpackbits(arrays["X_packed"], axis=1)[:, : int(arrays["n_bits"])]
            Y = pd.DataFrame(arrays["y"], columns=arrays["task_names"].tolist())
            is_test = arrays["split_scaffold"] == 2
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        return DataSet(name, X, Y, info["task_types"], train, test)

    table = pd.read_csv(folder / info["file"])
    is_target, is_split = table.columns.str.startswith("target:"), table.columns.str.startswith(("split:", "group:"))
    X, Y = table.loc[:, ~is_target & ~is_split], table.loc[:, is_target]
    X = X.astype(dict.fromkeys(info["categorical"], "category"))
    kinds = {task.removeprefix("target:"): kind for task, kind in info["task_types"].items()}
    Y.columns = list(kinds)
    if "split:official" in table:
        is_test = (table["split:official"] == "test").to_numpy()
        train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    else:
        train, test = train_test_split(np.arange(len(X)), test_size=TEST_SHARE, random_state=0)
    return DataSet(name, X, Y, kinds, train, test)


def with_preparation(X, model):
    """Put a model behind what makes a DataFrame numbers; fingerprints need nothing."""
    if not isinstance(X, pd.DataFrame):
        return model
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False)
    is_word = make_column_selector(dtype_include="category")
    is_number = make_column_selector(dtype_exclude="category")
    return make_pipeline(ColumnTransformer([("numbers", numbers, is_number), ("words", words, is_word)]), model)


def shared_network(data, **same):
    """Return the estimator that the kinds of the tasks ask for."""
    tasks = {task: "regression" if kind == "regression" else "classification" for task, kind in data.kinds.items()}
    same["random_state"] = 0
    if set(tasks.values()) == {"regression"}:
        return MultiTaskRegressor(**same)
    if set(tasks.values()) == {"classification"}:
        return MultiTaskClassifier(**same)
    return MultiTaskEstimator(tasks=tasks, **same)


def mlp(kind, data, epochs):
    same = {"max_iter": epochs, "random_state": 0}
    if kind == "regression":
        return TransformedTargetRegressor(MLPRegressor(**same), transformer=StandardScaler())
    return MLPClassifier(**same)


def linear(kind, data, epochs):
    return Ridge() if kind == "regression" else LogisticRegression(max_iter=200)


def trees(kind, data, epochs):
    """Boosted trees; a forest for fingerprints, whose thousand columns take boosting too long."""
    if isinstance(data.X, pd.DataFrame):
        return (HistGradientBoostingRegressor if kind == "regression" else HistGradientBoostingClassifier)(
            random_state=0
        )
    return (RandomForestRegressor if kind == "regression" else RandomForestClassifier)(random_state=0)


SINGLES = {"MLP": mlp, "linear": linear, "trees": trees}


def run_shared(data, **parameters):
    """Scores by task and seconds to fit, of one network for all tasks."""
    X, Y = data.X, data.Y
    model = with_preparation(X, shared_network(data, **parameters))
    start = time.perf_counter()
    model.fit(rows(X, data.train), Y.iloc[data.train])
    seconds = time.perf_counter() - start
    X_test = rows(X, data.test)
    predicted = model.predict(X_test)
    only_regression = set(data.kinds.values()) == {"regression"}
    probabilities = [None] * Y.shape[1] if only_regression else model.predict_proba(X_test)
    scores = {}
    for t, (task, kind) in enumerate(data.kinds.items()):
        seen = Y[task].iloc[data.test].notna().to_numpy()
        given = probabilities[t][seen, 1] if kind == "binary" else predicted[seen, t]
        scores[task] = score(kind, Y[task].iloc[data.test][seen], given)
    return scores, seconds


def run_singles(data, make, epochs):
    """Scores by task and seconds to fit, of one model a task."""
    scores, seconds = {}, 0.0
    for task, kind in data.kinds.items():
        y = data.Y[task]
        train, test = (part[y.iloc[part].notna()] for part in (data.train, data.test))
        model = with_preparation(data.X, make(kind, data, epochs))
        start = time.perf_counter()
        model.fit(rows(data.X, train), y.iloc[train])
        seconds += time.perf_counter() - start
        X_test = rows(data.X, test)
        given = model.predict_proba(X_test)[:, 1] if kind == "binary" else model.predict(X_test)
        scores[task] = score(kind, y.iloc[test], given)
    return scores, seconds


def rows(X, index):
    return X.iloc[index] if isinstance(X, pd.DataFrame) else X[index]


def score(kind, truth, given):
    """R² of values, ROC-AUC of the second class's probabilities, accuracy of labels."""
    if kind == "regression":
        return r2_score(truth, np.asarray(given, dtype=float))
    if kind == "binary":
        return roc_auc_score(truth, given)
    return accuracy_score(truth.astype(str), np.asarray(given).astype(str))


def tables(settings):
    if not (FOLDER / "datasets.json").is_file():
        header = [f"skipped: no datasets.json in {FOLDER}; SKMTL_DATA names the folder that holds it"]
        yield Table("real data", header, [])
        return
    for name, epochs in EPOCHS.items():
        if not settings.quick or name == "enb":
            yield measure(load(name), min(epochs, 20) if settings.quick else epochs)


def measure(data, epochs):
    """Fit all models to a set and make a table, a row a task."""
    with undisturbed():
        results = {"skmtl": run_shared(data), "skmtl, mlp": run_shared(data, preset="mlp", max_iter=epochs)}
        results |= {name: run_singles(data, make, epochs) for name, make in SINGLES.items()}
    body = []
    for task, kind in data.kinds.items():
        labels = data.Y[task].iloc[data.train].notna().sum()
        best = max(scores[task] for scores, _ in results.values())
        cells = [f"{scores[task]:.3f}{'*' if scores[task] == best else ' '}" for scores, _ in results.values()]
        body.append([task, METRICS[kind], str(labels), *cells])
    means = [f"{np.mean(list(scores.values())):.3f} " for scores, _ in results.values()]
    body.append(["mean over tasks", "", "", *means])
    body.append(["time to fit", "", "", *(f"{as_time(seconds)} " for _, seconds in results.values())])
    return Table(title(data, epochs), ["task", "metric", "labels", *(f"{name} " for name in results)], body)


def title(data, epochs):
    trees_are = "boosted trees" if isinstance(data.X, pd.DataFrame) else "random forests"
    return (
        f"real data, {data.name}: {len(data.train)} training and {len(data.test)} test rows, {data.X.shape[1]} inputs; "
        f"skmtl is one network for all {len(data.kinds)} tasks,\nthe others a model a task "
        f'(trees: {trees_are}); at most {epochs} epochs for MLPs, ours (preset="mlp") and theirs; * best'
    )


if __name__ == "__main__":
    from run import main

    main(["--suite", "real_data"])
