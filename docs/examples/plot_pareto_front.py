"""
==================================
Choosing from the front of weights
==================================

Which task weights to take is not for the data alone to say. A search over weights has a front: candidates that no other
one beats in all tasks. We draw it, for two tasks and for four, and choose from it by a rule.
"""

# %%
# Two measurements of cells that have little in common, and a network of one hidden unit that cannot serve both. The
# candidates of a fold are trained side by side. As ``refit``, ``choose_weights`` takes the best mean such that no task
# loses more than 5 % against equal weights.
from functools import partial

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import KFold

from skmtl import MultiTaskRegressor
from skmtl.displays import ParetoDisplay
from skmtl.model_selection import TaskWeightGrid, TaskWeightSearchCV, choose_weights

data = load_breast_cancer(as_frame=True).data
X = data.iloc[:, :20]


def search(tasks, n_units, resolution):
    network = MultiTaskRegressor(
        preset="mlp",
        hidden_layer_sizes=n_units,
        activation="tanh",
        alpha=1.0,
        batch_size=32,
        learning_rate_init=0.01,
        max_iter=200,
        feature_scaling="standard",
        random_state=0,
    )
    weights = TaskWeightGrid(tasks, resolution)
    folds = KFold(3, shuffle=True, random_state=0)
    return TaskWeightSearchCV(network, weights, cv=folds, refit=partial(choose_weights, max_loss=0.05)).fit(
        X, data[tasks]
    )


# %%
# Colours are weights, from all for the radius to all for the texture. What the front covers above the scores of a
# constant, 0 for R², is its hypervolume.
narrow = search(["worst radius", "worst texture"], n_units=1, resolution=16)
ParetoDisplay.from_estimator(narrow, reference=[0, 0])
plt.show()

# %%
# No candidate is beaten: each gives to one task what it takes from the other, and all weights but equal ones take more
# than 5 %. So the rule stays with these.
#
# Of more tasks a candidate is a line, of what it gains over equal weights. Here are four, and four hidden units.
tasks = ["worst radius", "worst texture", "worst smoothness", "worst symmetry"]
wide = search(tasks, n_units=4, resolution=8)
display = ParetoDisplay.from_estimator(wide)
plt.show()

# %%
# Of four tasks there is nearly always one that a candidate is ahead in, so nearly all are on the front: that alone is
# not a choice yet. A few hundredths can be won in a task, and more are lost in others; no candidate has a better mean
# without a task that loses more than 5 %. The numbers of the front, the best mean first:
frame = display.frame().query("front")
frame.loc[frame[tasks].mean(axis=1).sort_values(ascending=False).index].head().round(2)
