"""
=====================================
Intervals as wide as the row asks for
=====================================

Two measurements of the worst cells in a sample are predicted from those of the average cells, each with an interval
that is to hold nine of ten labels. The error of one of them grows with the size of the cells: what do intervals do that
know of it?
"""

# %%
# A network of eight members has predictions that have not seen the row: each member leaves out a fold. They calibrate
# intervals without another fit. A width that follows the row needs a predicted spread of held-out rows, too: here that
# of the members, by a split of the training rows.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskConformal, MultiTaskRegressor

data = load_breast_cancer(as_frame=True).data
X, Y = data.iloc[:, :10], data[["worst area", "worst texture"]]
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, test_size=0.5, random_state=0)
network = MultiTaskRegressor(n_members=8)
models = {
    "one width a task": MultiTaskConformal(network, random_state=0),
    "by the members' spread": MultiTaskConformal(
        network, interval_score="normalized", method="split", calibration_fraction=0.4, random_state=0
    ),
}
intervals = {name: model.fit(X_train, Y_train).predict_interval(X_test) for name, model in models.items()}

# %%
# The rows stand in the order of the labels; a label that is outside its interval is red.
fig, axes = plt.subplots(2, 2, figsize=(10, 6), sharex=True, sharey="row", layout="constrained")
for column, (name, ends) in enumerate(intervals.items()):
    for t, task in enumerate(Y):
        ax, truth = axes[t, column], Y_test[task].to_numpy()
        order = np.argsort(truth)
        low, high = ends[order, t].T
        outside = (truth[order] < low) | (truth[order] > high)
        ax.vlines(np.arange(len(order)), low, high, color="tab:blue", alpha=0.35, linewidth=1)
        ax.scatter(np.arange(len(order)), truth[order], s=4, c=np.where(outside, "red", "black"), zorder=2)
        ax.set_title(f"{name}: {1 - outside.mean():.0%} held, mean width {np.mean(high - low):.3g}", fontsize="medium")
        axes[t, 0].set_ylabel(task)
for ax in axes[1]:
    ax.set_xlabel("test row, by its label")
plt.show()

# %%
# Both hold about what they promise, over all rows. Where the error depends on the row, as that of the area does, the
# intervals on the left are too wide for small cells and too narrow for large ones, and on average far wider. Where it
# does not, as for the texture, there is nothing to gain.
#
# The mean of eight members errs less than one of them: intervals by their own out-of-fold predictions hold a little
# more than they promise.
