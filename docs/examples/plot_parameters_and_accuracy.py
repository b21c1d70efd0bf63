"""
=======================
Parameters and accuracy
=======================

Ten networks have ten times the parameters of one. Do they earn them? We fit shared networks and separate ones of
several widths to two sets of tasks, and look at the score over the size.
"""

# %%
# Five questions about a digit, such as whether it is prime; and ten measurements of the worst cells in a sample, from
# those of the average cells. ``architecture_summary_`` counts parameters.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskClassifier, MultiTaskRegressor

digits = load_digits()
digit = digits.target
questions = np.column_stack(
    [digit % 2, digit % 3 == 0, digit > 4, np.isin(digit, [0, 6, 8, 9]), np.isin(digit, [2, 3, 5, 7])]
)
cells = load_breast_cancer(as_frame=True).data
problems = {
    "five questions about digits": (MultiTaskClassifier, digits.data, questions),
    "ten measurements of cells": (MultiTaskRegressor, cells.iloc[:, :20], cells.filter(like="worst")),
}
architectures = {"hard_sharing": "o-", "bypass": "^-.", "independent": "s--"}
widths = [2, 4, 8, 16, 32]
training = {"preset": "mlp", "feature_scaling": "standard", "solver": "lbfgs", "alpha": 3.0, "tol": 5e-3}


def size_and_score(kind, X, Y, architecture, width):
    scores = []
    for seed in range(2):
        X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.5, random_state=seed)
        model = kind(architecture=architecture, hidden_layer_sizes=width, random_state=seed, **training)
        scores.append(model.fit(X_train, Y_train).score(X_test, Y_test))
    return model.architecture_summary_.parameters["network"], np.mean(scores)


# %%
# The mean score of the tasks on test rows, over two splits. From left to right a task sees 2, 4, 8, 16 and 32 units.
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for ax, (title, problem) in zip(axes, problems.items(), strict=True):
    for name, style in architectures.items():
        points = [size_and_score(*problem, name, width) for width in widths]
        ax.plot(*np.transpose(points), style, label=f'"{name}"')
    ax.set(title=title, xscale="log", xlabel="parameters")
axes[0].set_ylabel("mean accuracy")
axes[1].set_ylabel("mean R²")
axes[0].legend(loc="lower right")
plt.show()

# %%
# On the digits the shared network is ahead at any size. On the cells all three end up about equally good, the separate
# networks with several times the parameters. What is narrow and shared by all does badly, at the left end: ten
# measurements do not go through two units.
