"""
==========================
Task weights: who gives in
==========================

Task weights matter where tasks compete for the trunk. We predict two unrelated measurements, the worst radius and the
worst texture of cells, with trunks of 1, 2 and 8 hidden units, and search over the weight of one of the tasks.
"""

# %%
# The scorer returns a figure for each task, so ``cv_results_`` has a column for each. With ``preset="mlp"`` the network
# is one and plain, so that a trunk of one unit is no more than that.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, KFold

from skmtl import MultiTaskRegressor

data = load_breast_cancer(as_frame=True).data
X, Y = data.iloc[:, :20], data[["worst radius", "worst texture"]]
weights = 2.0 ** np.arange(-3, 4)


def by_task(estimator, X, Y):
    return estimator.score_tasks(X, Y)


def search(n_units):
    settings = {"activation": "tanh", "solver": "lbfgs", "alpha": 1.0, "tol": 1e-2, "max_iter": 500}
    plain = {"preset": "mlp", "feature_scaling": "standard"}
    network = MultiTaskRegressor(hidden_layer_sizes=n_units, random_state=0, **plain, **settings)
    grid = {"task_weights": [{"worst texture": w} for w in weights]}
    cv = KFold(3, shuffle=True, random_state=0)
    return GridSearchCV(network, grid, cv=cv, scoring=by_task, refit=False).fit(X, Y).cv_results_


# %%
# Each line is a trunk, each point a weight of the texture, from 1/8 (left, with one unit) to 8. The large markers are
# equal weights. The right panel enlarges the upper right corner of the left one.
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for n_units, marker in [(1, "o"), (2, "s"), (8, "^")]:
    results = search(n_units)
    texture, radius = results["mean_test_worst texture"], results["mean_test_worst radius"]
    for ax in axes:
        (line,) = ax.plot(texture, radius, f"{marker}-", markersize=4, label=f"hidden units: {n_units}")
        equal = weights == 1
        ax.plot(texture[equal], radius[equal], marker, markersize=11, color=line.get_color())
        ax.set(xlabel="R² of the worst texture", ylabel="R² of the worst radius")
axes[0].legend()
axes[1].set(xlim=(0.75, 0.92), ylim=(0.9, 0.97), xticks=[0.75, 0.8, 0.85, 0.9])
plt.show()

# %%
# One unit cannot serve both tasks, and the weights decide whose it is. With eight there is room for both, and weights
# matter little. Before weighting tasks against each other, try a wider trunk.
