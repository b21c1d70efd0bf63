"""
==================
A pretrained trunk
==================

A network that has learned to tell digits apart has learned something about images. We give its trunk, frozen, to three
other tasks, for which there are few labels: whether the digit has a loop, whether it is above 4, and how much ink is in
the upper half of the image.
"""

# %%
# The trunk is any module that somebody has trained. Here it takes a dozen lines of torch, on half of the images.
import copy
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from torch import nn

from skmtl import MultiTaskEstimator

digits = load_digits()
images, digit = (digits.images[:, None] / 16).astype(np.float32), digits.target


def convolutions():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 64), nn.ReLU(),
    )  # fmt: skip


torch.manual_seed(0)
trunk = convolutions()
network = nn.Sequential(trunk, nn.Linear(64, 10))
adam = torch.optim.Adam(network.parameters(), lr=0.005)
for _ in range(30):
    for rows in torch.randperm(900).split(50):
        adam.zero_grad()
        nn.functional.cross_entropy(network(torch.from_numpy(images[rows])), torch.from_numpy(digit[rows])).backward()
        adam.step()

# %%
# The new tasks, on the other half.
Y = pd.DataFrame(
    {"loop": np.isin(digit, [0, 6, 8, 9]), "above 4": digit > 4, "upper ink": images[:, 0, :4].mean((1, 2))}
)
X_train, X_test, Y_train, Y_test = train_test_split(images[900:], Y[900:], train_size=160, random_state=0)

# %%
# A module is trained from the weights that it has, on a copy. If it is frozen the tasks learn their heads, and nothing
# else. So there are three ways: the trunk frozen, the same trunk trained on, and a new one.
trunks = {
    "pretrained, frozen": copy.deepcopy(trunk).requires_grad_(False),
    "pretrained, trained on": trunk,
    "new": convolutions,
}
warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs
settings = {"learning_rate_init": 0.005, "batch_size": 20, "max_iter": 60, "n_iter_no_change": 60, "random_state": 0}
sizes = [40, 80, 160]


def scores(trunk):
    models = [MultiTaskEstimator(architecture=trunk, **settings).fit(X_train[:n], Y_train[:n]) for n in sizes]
    return pd.DataFrame([model.score_tasks(X_test, Y_test) for model in models], index=sizes)


results = {name: scores(trunk) for name, trunk in trunks.items()}

fig, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
for ax, task in zip(axes, Y, strict=True):
    for (name, table), style in zip(results.items(), ["o-", "^-.", "s--"], strict=True):
        ax.plot(table[task], style, label=name)
    ax.set(title=task, xscale="log", xlabel="labelled images", ylabel="R²" if task == "upper ink" else "accuracy")
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()

# %%
# Loop and size go with the digit, and there a pretrained trunk is worth about twice the labels. But a frozen one stands
# in the way of the ink, which nobody needs to know to name a digit: what a trunk was not trained for, it may have
# thrown away.
