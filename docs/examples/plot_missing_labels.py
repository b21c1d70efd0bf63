"""
===========================================
Missing labels: one network, or one a task?
===========================================

Three tasks on images of digits: which digit it is, whether it is even, and whether it is above four. We hide a growing
share of the labels, each cell by itself, and compare one network for all tasks with one network for each, trained on
the images where its task has a label.
"""

# %%
# A label is hidden by setting it to NaN. The network for all tasks takes the table with its gaps. Both kinds are plain
# networks, ``preset="mlp"``, as eighty are to be fitted.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskClassifier

digits = load_digits()
X, digit = digits.data / 16, digits.target
Y = pd.DataFrame({"digit": digit, "even": digit % 2 == 0, "above four": digit > 4})
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.5, random_state=0)
network = MultiTaskClassifier(preset="mlp", learning_rate_init=0.005, tol=1e-3, random_state=0)


def shared(Y):
    return network.fit(X_train, Y).score_tasks(X_test, Y_test)


def alone(task, Y):
    seen = Y[task].notna()
    return network.fit(X_train[seen], Y.loc[seen, task]).score(X_test, Y_test[task])


# %%
# Both get the same labels. We repeat this with four patterns of gaps, each of which grows with the share.
shares = [0.0, 0.5, 0.75, 0.9, 0.95]
draws = [np.random.default_rng(seed).random(Y.shape)[: len(Y_train)] for seed in range(4)]
tables = [[Y_train.astype(object).mask(draw < share) for share in shares] for draw in draws]
together = [pd.DataFrame(map(shared, row)) for row in tables]
apart = [pd.DataFrame({task: [alone(task, Y) for Y in row] for task in Y}) for row in tables]

left = [round(len(Y_train) * (1 - share)) for share in shares]
fig, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 3.5), layout="constrained")
for ax, task in zip(axes, Y, strict=True):
    for runs, style, name in [(together, "o-", "one network for all"), (apart, "s--", "one for each task")]:
        ax.semilogx(left, np.mean([run[task] for run in runs], axis=0), style, label=name)
    ax.set(title=task, xlabel="labels that are left")
    ax.set_xticks(left, left)
    ax.minorticks_off()
axes[0].set_ylabel("test accuracy, mean of four patterns")
axes[0].legend()
plt.show()

# %%
# With all labels there is nothing to gain here. With a tenth of them or fewer, a task mostly profits from the labels of
# the others, by one or two points.
