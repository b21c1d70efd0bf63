"""
=========================================
Do tasks conflict, and what do they save?
=========================================

Six questions about a handwritten digit, one network. We look at the directions in which the questions pull what they
share, and count the labels that one of them is spared by the labels of the others.
"""

# %%
# Each question is a set of digits. Some have a lot in common: hardly any prime has a loop.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

from skmtl import MultiTaskClassifier
from skmtl.displays import ConflictDisplay, LabelEfficiencyDisplay

X, digit = load_digits(return_X_y=True)
questions = {
    "even": [0, 2, 4, 6, 8],
    "above 4": [5, 6, 7, 8, 9],
    "loop": [0, 6, 8, 9],
    "prime": [2, 3, 5, 7],
    "straight": [1, 4, 7],
    "power of 2": [1, 2, 4, 8],
}
Y = pd.DataFrame({name: np.isin(digit, members) for name, members in questions.items()})
model = MultiTaskClassifier(n_members=1, hidden_layer_sizes=64, max_iter=40, random_state=0)

# %%
# A clone is trained, and the gradients are looked at after each epoch. The map has their cosines, on average over
# training, with tasks of one direction side by side. Over the epochs 15 pairs are too many lines, so we see the middle
# of them.
fig, axes = plt.subplots(1, 2, figsize=(11.5, 4.6), layout="constrained")
conflict = ConflictDisplay.from_estimator(model, X, Y, random_state=0, ax=axes[0]).conflict
ConflictDisplay.from_conflict(conflict, kind="epochs", ax=axes[1])
plt.show()

# %%
# On average no pair is in conflict to speak of, and most do not care about each other. Those that do have digits in
# common, or hardly any: to tell loops from the rest is nearly to tell primes from the rest, with opposite answers, so
# the network is asked for the same. Opposed labels are no conflict.
conflict

# %%
# Now suppose that only few images were labelled for loops, and all others for the other questions. Arrows go from the
# number of labels to that which the task would need by itself.
sizes = [20, 50, 100, 200, 500]
display = LabelEfficiencyDisplay.from_estimator(model, X, Y, task="loop", sizes=sizes, n_repeats=3, random_state=0)
plt.show()

# %%
# Once there are some, the task does with fewer than half of the labels when it has the others beside it. Small points
# are the repeats, other labels and rows each: three of them show the direction, not the second digit.
display.frame().round(2)
