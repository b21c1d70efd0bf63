"""
=================================
The worst task, and what it costs
=================================

Ten measurements of the worst cells in a sample are predicted from those of the average cells. The trunk has three
units, too few for all of them, and equal weights leave some tasks far behind. Which methods help the worst task, and at
what price?
"""

# %%
# A method is judged by two figures: the mean score of the tasks, and the score of the worst one. The networks are plain
# ones, ``preset="mlp"``: the mean of several would have more than three units.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold

from skmtl import MultiTaskRegressor
from skmtl.weighting import GroupDRO, SmoothTchebycheff

warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs
data = load_breast_cancer(as_frame=True).data
X = data.iloc[:, :20].to_numpy()
Y = data.filter(like="worst").to_numpy()
layers = {"preset": "mlp", "feature_scaling": "standard", "hidden_layer_sizes": 3, "activation": "tanh"}
training = {"learning_rate_init": 0.02, "batch_size": 100, "max_iter": 60, "n_iter_no_change": 60}


def network(seed, **method):
    return MultiTaskRegressor(random_state=seed, **layers, **training, **method)


def mean_and_worst(**method):
    found = []
    for seed in range(2):
        for train, test in KFold(4, shuffle=True, random_state=seed).split(X):
            model = network(seed, **method).fit(X[train], Y[train])
            found.append(list(model.score_tasks(X[test], Y[test]).values()))
    by_task = np.mean(found, axis=0)
    return np.array([by_task.mean(), by_task.min()])


# %%
# Three ways have a strength. Static weights can be made by hand: a power of the loss that equal weights end with.
history = network(0).fit(X, Y).history_
losses = np.array([history[f"train_loss__task_{t}"][-1] for t in range(10)])
equal = mean_and_worst()
fronts = {
    "task_weights, powers of a loss": [{"task_weights": losses**power} for power in (0.5, 1.0, 1.5)],
    "GroupDRO, step_size 0.003 to 0.1": [{"weighting": GroupDRO(step)} for step in (0.003, 0.01, 0.03, 0.1)],
    "SmoothTchebycheff, mu 1 to 0.03": [
        {"weighting": SmoothTchebycheff(mu, log=False)} for mu in (1.0, 0.3, 0.1, 0.03)
    ],
}
points = {
    "min_max": {"weighting": "min_max"},
    "uncertainty": {"weighting": "uncertainty"},
    "upgrad": {"aggregator": "upgrad"},
}

fig, ax = plt.subplots(figsize=(7, 4.8), layout="constrained")
for (name, methods), style in zip(fronts.items(), ["o-", "s--", "^:"], strict=True):
    ax.plot(*np.transpose([equal, *(mean_and_worst(**method) for method in methods)]), style, label=name)
for name, method in points.items():
    x, y = mean_and_worst(**method)
    ax.plot(x, y, "kx")
    ax.annotate(name, (x, y), xytext=(6, -4), textcoords="offset points")
ax.plot(*equal, "k*", markersize=13, label="equal")
ax.margins(0.16)
ax.set(xlabel="mean R² of the tasks", ylabel="R² of the worst task")
ax.legend(loc="lower left")
plt.show()

# %%
# Each line starts at equal weights. The first bit is nearly free: the worst task gains and the mean stays. What comes
# after it is paid for by the others, and ``"min_max"``, which looks at nothing but the worst task of a batch, pays much
# for little. Static weights by this rule turn back, since another task becomes the worst one; Group DRO, whose weights
# move on, goes furthest.
#
# Uncertainty weighting goes the other way: it favours tasks that fit well. UPGrad lets no step harm a task, which says
# nothing of who is worst in the end.
