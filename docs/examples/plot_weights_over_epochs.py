"""
===================
Weights over epochs
===================

Four tasks are alike but for their noise, so that one can be learned almost fully and another hardly at all. What
weights do methods come to, and what comes of it?
"""

# %%
# Noise makes up a twentieth, a fifth, a half and nine tenths of the variance of a task. All targets have the same
# scale, as they have inside the estimators anyhow.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skmtl import MultiTaskRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(3000, 8))
signal = np.tanh(X @ rng.normal(size=(8, 4)) / 2) @ rng.normal(size=(4, 4))
noise = np.array([0.05, 0.2, 0.5, 0.9])
noisy = np.sqrt(1 - noise) * signal / signal.std(axis=0) + np.sqrt(noise) * rng.normal(size=signal.shape)
Y = pd.DataFrame(noisy, columns=[f"noise {share:.0%}" for share in noise])

# %%
# ``history_`` has the weight of each task in each epoch. What counts is how they compare, so we show shares of their
# sum. A single plain network, ``preset="mlp"``, has one line of weights to follow.
settings = {"learning_rate_init": 0.01, "early_stopping": True, "n_iter_no_change": 30, "random_state": 0}
settings["preset"] = "mlp"
methods = ["uncertainty", "geometric_mean", "famo", "dwa", "gradnorm", "group_dro"]
models = {method: MultiTaskRegressor(weighting=method, **settings).fit(X[:2000], Y[:2000]) for method in methods}

fig, axes = plt.subplots(2, 3, sharex=True, sharey=True, figsize=(9, 5), layout="constrained")
for ax, (method, model) in zip(axes.flat, models.items(), strict=True):
    history = model.history_
    weights = np.array([history[f"weight__{task}"] for task in Y])
    for task, share, style in zip(Y, weights / weights.sum(axis=0), ["-", "--", "-.", ":"], strict=True):
        ax.plot(history["epoch"], share, style, label=task)
    ax.set(title=f'"{method}"', ylim=(0, 1))
fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
fig.supxlabel("epoch")
fig.supylabel("share of the weight")
plt.show()

# %%
# Losses end near the share of noise. In the upper row are methods that come down to the reciprocal of the loss, and
# favour the task with the least noise. Group DRO follows the losses, and so favours what cannot be learned; GradNorm,
# too, has more for tasks that lag behind. DWA looks at how fast losses fall, and soon has nothing to go by.
#
# The test scores, R²:
models["equal"] = MultiTaskRegressor(**settings).fit(X[:2000], Y[:2000])
pd.DataFrame({method: model.score_tasks(X[2000:], Y[2000:]) for method, model in models.items()}).T.round(2)

# %%
# Weights that differ by a factor of ten and more, and scores that hardly differ: the trunk has room for all four tasks,
# and then it matters little which of them pulls the hardest. :ref:`sphx_glr_auto_examples_plot_worst_task.py` shows a
# trunk that has not.
