"""The main job on real data: a diagnosis and three measurements at once, with a third of the labels missing.

From the mean and error measurements of 569 tumours (scikit-learn's breast-cancer data) it learns the diagnosis (a
classification) and the worst radius, area and concavity (three regressions). It prints a comparison with one MLP
per task, then a grid search over task weights and weighting, and saves a plot. Run it with `make demo`.
"""

import time
import warnings
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskEstimator
from skmtl.model_selection import MultiTaskKFold

matplotlib.use("Agg")  # the plot goes to a file

PLOT = Path(__file__).with_suffix(".png")
TASKS = ["diagnosis", "worst radius", "worst area", "worst concavity"]
# Okabe and Ito's colours, and a dash each: to be told apart by everyone, and in black and white.
STYLES = dict(zip(TASKS, [("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":")], strict=True))
SHARED, SINGLE = "#0072B2", "#E69F00"
MLP = {"max_iter": 500, "random_state": 0}
GRID = {
    "task_weights": [None, {"diagnosis": 2}, {"worst concavity": 2}],
    "weighting": ["equal", "uncertainty"],
}


def load_tasks():
    """Inputs X, a DataFrame (569, 20), and the four tasks Y, a DataFrame of a text and three number columns."""
    data = load_breast_cancer(as_frame=True)
    is_input = ~data.data.columns.str.startswith("worst")
    diagnosis = pd.Series(data.target_names[data.target], name="diagnosis", dtype=object)
    return data.data.loc[:, is_input], pd.concat([diagnosis, data.data[TASKS[1:]]], axis=1)


def split(X, Y, seed):
    """Training and test rows; a third of the training labels is hidden, of all tasks alike."""
    X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.3, stratify=Y["diagnosis"], random_state=seed)
    hidden = np.random.default_rng(seed).random(Y_train.shape) < 1 / 3
    return X_train, X_test, Y_train.mask(hidden), Y_test


def shared_network():
    """Return what learns all tasks: the default, which scales the inputs itself."""
    return MultiTaskEstimator(random_state=0)


def single_network(task):
    """Return scikit-learn's network for one task."""
    if task == "diagnosis":
        return make_pipeline(StandardScaler(), MLPClassifier(**MLP))
    regressor = TransformedTargetRegressor(MLPRegressor(**MLP), transformer=StandardScaler())
    return make_pipeline(StandardScaler(), regressor)


def compare(X, Y, n_splits):
    """Scores and seconds of both ways: two DataFrames with a row a split, two lists; and the last shared network."""
    scores, seconds = {"shared": [], "single": []}, {"shared": [], "single": []}
    for seed in range(n_splits):
        X_train, X_test, Y_train, Y_test = split(X, Y, seed)
        start = time.perf_counter()
        network = shared_network().fit(X_train, Y_train)
        seconds["shared"].append(time.perf_counter() - start)
        scores["shared"].append(network.score_tasks(X_test, Y_test))

        start, singles = time.perf_counter(), {}
        for task in Y:
            labelled = Y_train[task].notna()
            singles[task] = single_network(task).fit(X_train[labelled], Y_train.loc[labelled, task])
        seconds["single"].append(time.perf_counter() - start)
        scores["single"].append({task: single.score(X_test, Y_test[task]) for task, single in singles.items()})
    return {way: pd.DataFrame(rows) for way, rows in scores.items()}, seconds, network


def search(X_train, Y_train, n_folds=3):
    """Grid search over task weights and weighting; the folds are balanced over all tasks, gaps and all."""
    folds = MultiTaskKFold(n_folds, shuffle=True, random_state=0)
    return GridSearchCV(shared_network(), GRID, cv=folds).fit(X_train, Y_train)


def comparison_table(scores, seconds):
    table = pd.DataFrame(
        {"score": "R²", "skmtl, all at once": scores["shared"].mean(), "one MLP a task": scores["single"].mean()}
    )
    table.loc["diagnosis", "score"] = "accuracy"
    means = table.mean(numeric_only=True)
    table.loc["mean of the tasks"] = ["", *means]
    table.loc["seconds to fit"] = ["", np.mean(seconds["shared"]), np.mean(seconds["single"])]
    return table.to_string(float_format="{:.3f}".format)


def search_table(results, n_best):
    """Render the best candidates of a search."""
    results = pd.DataFrame(results).sort_values("rank_test_score", kind="stable").head(n_best)
    weights = [
        "all 1" if given is None else ", ".join(f"{task}: {weight}" for task, weight in given.items())
        for given in results["param_task_weights"]
    ]
    table = pd.DataFrame(
        {
            "rank": results["rank_test_score"].to_numpy(),
            "mean score": results["mean_test_score"].to_numpy(),
            "± over folds": results["std_test_score"].to_numpy(),
            "weighting": results["param_weighting"].to_numpy(),
            "task weights": weights,
        }
    )
    return table.to_string(index=False, float_format="{:.3f}".format)


def plot(history, scores, path):
    """Draw the training loss of each task by epoch, and the test scores of both ways side by side."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=[1.15, 1])
    for task, (colour, dash) in STYLES.items():
        left.plot(history["epoch"], history[f"train_loss__{task}"], dash, color=colour, lw=2, label=task)
    left.set(yscale="log", xlabel="epoch", ylabel="training loss (log scale)", title="Four tasks are learned at once")
    left.legend(title="task", frameon=False)

    ways = [
        ("shared", "skmtl, all tasks at once", SHARED, "o", -0.15, 7),
        ("single", "one MLP a task", SINGLE, "s", 0.15, -14),
    ]
    for way, label, colour, marker, offset, above in ways:
        mean, low, high = (getattr(scores[way], f)().to_numpy() for f in ("mean", "min", "max"))
        height = np.arange(len(mean)) + offset
        right.hlines(height, low, high, color=colour, lw=2, alpha=0.5)
        right.plot(mean, height, marker, color=colour, ms=8, label=label)
        for x, y in zip(mean, height, strict=True):
            right.annotate(f"{x:.3f}", (x, y), (0, above), textcoords="offset points", ha="center", fontsize=8)
    names = [f"{task}\n({'accuracy' if task == 'diagnosis' else 'R²'})" for task in scores["shared"]]
    right.set_yticks(range(len(names)), names)
    right.invert_yaxis()
    right.margins(y=0.12)
    n_splits = len(scores["shared"])
    right.set(xlabel=f"score on test rows: mean and range of {n_splits} splits", title="Test scores, higher is better")
    right.grid(axis="x", alpha=0.3)
    right.legend(frameon=False, loc="lower right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main(n_splits=3):
    start = time.perf_counter()
    # Some of the MLPs would still gain from more epochs.
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, Y = load_tasks()
    print(f"Breast cancer: {X.shape[0]} tumours, {X.shape[1]} inputs, {Y.shape[1]} tasks.")
    print("A third of the training labels is hidden:")
    X_train, X_test, Y_train, Y_test = split(X, Y, seed=0)
    print(Y_train.head(4).to_string(), end="\n\n")

    print(
        f"All tasks at once, by default, against one MLP a task; means over {n_splits} random splits, 30 % test rows:"
    )
    scores, seconds, network = compare(X, Y, n_splits)
    print(comparison_table(scores, seconds), end="\n\n")

    found = search(X_train, Y_train)
    n_candidates = len(found.cv_results_["params"])
    print(f"Grid search over task weights and weighting: {n_candidates} candidates, the best four")
    print("(mean of the tasks' scores over 3 folds of the training rows):")
    print(search_table(found.cv_results_, n_best=4))
    best = found.best_estimator_.score_tasks(X_test, Y_test)
    print(
        "The best one on the test rows: " + ", ".join(f"{task} {score:.3f}" for task, score in best.items()), end="\n\n"
    )

    plot(network.history_, scores, PLOT)
    print(f"Plot saved to {PLOT}")
    print(f"Done in {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
