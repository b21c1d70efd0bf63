"""
===================
A grid over methods
===================

How to balance tasks is a parameter, and so is found as others are: by a search. Four tasks of the diabetes data, three
blood values and the progress of the disease, are predicted from seven columns that remain.
"""

# %%
# A grid takes the names of weightings and aggregators. All candidates see the same splits. With ``preset="mlp"`` they
# are plain networks, one each: there are a hundred to fit.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, RepeatedKFold, cross_val_score

from skmtl import MultiTaskRegressor

data = load_diabetes(as_frame=True).frame
X, Y = data[["age", "sex", "bmi", "bp", "s1", "s2", "s3"]], data[["s4", "s5", "s6", "target"]]
settings = {"learning_rate_init": 0.01, "early_stopping": True, "validation_fraction": 0.2, "n_iter_no_change": 20}
network = MultiTaskRegressor(preset="mlp", feature_scaling="standard", random_state=0, **settings)
grid = {
    "weighting": ["equal", "uncertainty", "geometric_mean", "group_dro"],
    "aggregator": [None, "upgrad", "nash"],
}
cv = RepeatedKFold(n_splits=4, n_repeats=2, random_state=0)
search = GridSearchCV(network, grid, cv=cv).fit(X, Y)
search.best_params_, round(float(search.best_score_), 3)

# %%
# Splits differ far more than methods do, so we look at the gain over equal weights split by split: its mean, and the
# standard error of that.
results = search.cv_results_
scores = np.array([results[f"split{i}_test_score"] for i in range(search.n_splits_)])
names = list(zip(results["param_weighting"], results["param_aggregator"], strict=True))
gains = scores - scores[:, [names.index(("equal", None))]]
mean, error = gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(len(gains))

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for shift, aggregator, marker in zip([-0.2, 0, 0.2], grid["aggregator"], "osD", strict=True):
    mine = [names.index((weighting, aggregator)) for weighting in grid["weighting"]]
    rows = np.arange(len(mine)) + shift
    ax.errorbar(mean[mine], rows, xerr=error[mine], fmt=marker, capsize=3, label=aggregator or "no aggregator")
ax.axvline(0, color="gray", linewidth=0.8)
ax.set_yticks(range(len(grid["weighting"])), grid["weighting"])
ax.invert_yaxis()
ax.set_xlabel("gain in mean R² over equal weights without an aggregator")
ax.legend()
plt.show()

# %%
# The geometric mean gives the larger weights to tasks that fit well. Here ``s4`` and ``s5`` follow nearly without noise
# from the other blood values, while half and more of the other two is noise, which suits them. UPGrad matters less, and
# Nash-MTL brings gradients to lengths of its own, which undoes the weights.
#
# Not all of it is balance, though. Another solver and a stronger penalty alone take equal weights nearly as far:
network.set_params(solver="lbfgs", alpha=3.0, tol=1e-2, early_stopping=False)
round(float(cross_val_score(network, X, Y, cv=cv).mean()), 3)
