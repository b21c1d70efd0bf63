"""
=================
How much to share
=================

Between one network for all tasks and a network for each lies :class:`~skmtl.architectures.Bypass`: of each layer's
units a share belongs to all tasks, the rest to one each. We search that share for four tasks of the diabetes data:
three blood values and the progress of the disease, predicted from the seven columns that remain.
"""

# %%
# The share is a number, and so a parameter for a grid. Every task sees two layers of 32 and 16 units, whatever it is.
# The scorer returns the score of each task beside the mean, by which the search decides.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, RepeatedKFold

from skmtl import MultiTaskRegressor
from skmtl.architectures import Bypass

data = load_diabetes(as_frame=True).frame
X, Y = data[["age", "sex", "bmi", "bp", "s1", "s2", "s3"]], data[["s4", "s5", "s6", "target"]]


def scores(model, X, Y):
    return model.score_tasks(X, Y) | {"mean": model.score(X, Y)}


training = {"preset": "mlp", "feature_scaling": "standard", "solver": "lbfgs", "alpha": 3.0, "tol": 1e-2}
network = MultiTaskRegressor(architecture=Bypass(), hidden_layer_sizes=(32, 16), random_state=0, **training)
grid = {"architecture__sharing": [0, 0.25, 0.5, 0.75, 1]}
cv = RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)
search = GridSearchCV(network, grid, cv=cv, scoring=scores, refit="mean").fit(X, Y)
search.best_params_, round(float(search.best_score_), 3)

# %%
# Splits differ more than candidates do, so we look at the gain over separate networks split by split: its mean, and the
# standard error of that.
results = search.cv_results_
sharing = grid["architecture__sharing"]
fig, axes = plt.subplots(1, 5, sharey=True, figsize=(10, 3), layout="constrained")
for ax, name in zip(axes, ["mean", *Y], strict=True):
    found = np.array([results[f"split{i}_test_{name}"] for i in range(search.n_splits_)])
    gains = found - found[:, :1]
    ax.errorbar(sharing, gains.mean(0), yerr=gains.std(0, ddof=1) / np.sqrt(len(gains)), fmt="o-", capsize=3)
    ax.axhline(0, color="gray", linewidth=0.8)
    ax.set(title="mean of the tasks" if name == "mean" else name, xlabel="sharing")
axes[0].set_ylabel("gain in R² over separate networks")
plt.show()

# %%
# The mean says that most should be shared, not all. The tasks do not agree: ``target``, which is half noise, gains from
# the others, while ``s4``, which follows from the inputs with little noise, is better off nearly alone. All of it is
# small beside what differs from split to split.
