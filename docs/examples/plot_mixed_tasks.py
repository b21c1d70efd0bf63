"""
===========================
Tasks of both kinds at once
===========================

One network predicts the cultivar of a wine, a class, and two of its measurements, numbers; a third of the labels are
missing. The history shows what each task's loss did.
"""

# %%
# The kinds are found by looking at each column. Task names are the column names. The inputs are scaled inside.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskEstimator

data = load_wine(as_frame=True)
Y = data.data[["alcohol", "color_intensity"]].assign(cultivar=data.target_names[data.target])
X = data.data.drop(columns=["alcohol", "color_intensity"])
Y = Y.mask(np.random.default_rng(0).random(Y.shape) < 1 / 3)
X_train, X_test, Y_train, Y_test = train_test_split(X, Y, random_state=0)

model = MultiTaskEstimator(random_state=0).fit(X_train, Y_train)
model.tasks_

# %%
# The score of each task on its observed test labels: R² for the numbers, accuracy for the class.
model.score_tasks(X_test, Y_test)

# %%
# Predictions have a column a task, every cell filled, in the units and labels of ``Y``.
model.predict(X_test.iloc[:3])

# %%
# Solid lines are training losses, broken ones validation losses, which are looked at ever more rarely. Where the
# former jump, training went back to its best epoch, and from there the learning rate goes to zero. The network is that
# of the epoch with the best mean validation loss, the gray line.
history = model.history_
best = history["epoch"][history["valid_loss"].argmin()]
fig, axes = plt.subplots(1, 3, sharey=True, figsize=(9, 3), layout="constrained")
for ax, task in zip(axes, model.tasks_, strict=True):
    losses = history.task(task)
    ax.plot(losses["epoch"], losses["train_loss"], label="training")
    ax.plot(losses["epoch"], losses["valid_loss"], "--", label="validation")
    ax.axvline(best, color="gray", linewidth=0.8)
    ax.set(title=task, xlabel="epoch")
axes[0].set(ylabel="loss", ylim=(0, None))
axes[-1].legend()
plt.show()
