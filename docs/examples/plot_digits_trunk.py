"""
=======================================
Four unlike tasks on a trunk for images
=======================================

A small convolutional trunk looks at handwritten digits for four tasks at once: which digit it is, one of ten classes;
whether it is odd; how much ink there is in the upper half, a number; and whether the digit has a loop. Beside it, the
same trunk for each task alone.
"""

# %%
# The kinds of the tasks are found by looking at the columns of ``Y``. The trunk is a function that makes a module, so
# that each fit starts anew; the heads are put on top. ``X`` has four dimensions, as convolutions want it.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skmtl import MultiTaskEstimator

digits = load_digits()
X = digits.images[:, None] / 16
digit = digits.target
Y = pd.DataFrame(
    {
        "digit": digit,
        "odd": digit % 2 == 1,
        "upper ink": X[:, 0, :4].mean((1, 2)),
        "loop": np.isin(digit, [0, 6, 8, 9]),
    }
)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, train_size=300, random_state=0)


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 64), nn.ReLU(),
    )  # fmt: skip


def network():
    return MultiTaskEstimator(
        architecture=convolutions, learning_rate_init=0.003, batch_size=32, max_iter=80, tol=1e-3, random_state=0
    )


model = network().fit(X_train, Y_train)
model.tasks_

# %%
# One trunk for all is a quarter of the parameters, and of the work of a prediction.
model.architecture_summary_

# %%
# Scores on 1497 test images: accuracy, and R² for the ink. Here each trunk alone is a little better: the price of a
# network that is a quarter in size.
alone = {task: network().fit(X_train, Y_train[[task]]).score(X_test, Y_test[[task]]) for task in Y}
pd.DataFrame({"one trunk": model.score_tasks(X_test, Y_test), "each alone": alone}).round(3)

# %%
# What the model says of some images; the first row has those on whose digit it errs.
found = pd.DataFrame(model.predict(X_test), columns=list(Y))
wrong = np.flatnonzero(found["digit"] != Y_test["digit"].to_numpy())[:7]
shown = [*wrong, *range(14 - len(wrong))]
fig, axes = plt.subplots(2, 7, figsize=(10, 4.4), layout="constrained")
for ax, row in zip(axes.flat, shown, strict=True):
    says, truth = found.iloc[row], Y_test.iloc[row]
    ax.imshow(X_test[row, 0], cmap="gray_r")
    ax.axis("off")
    facts = f"{'odd' if says['odd'] else 'even'}, {'loop' if says['loop'] else 'no loop'}"
    ink = f"ink {says['upper ink']:.2f} ({truth['upper ink']:.2f})"
    color = "C3" if says["digit"] != truth["digit"] else "black"
    ax.set_title(f"{says['digit']:.0f} (is {truth['digit']:.0f})\n{facts}\n{ink}", fontsize=8, color=color)
plt.show()
