"""
=======================================
A task without labels, from descriptors
=======================================

"Will the disease progress by more than 100?" is a task, and 100 is what describes it. A network that is told what is
asked learns from some thresholds, and answers for others that it was never trained on.
"""

# %%
# Seven tasks: is the progress of diabetes after a year above a threshold? Each has one descriptor, the threshold
# itself. One head serves all tasks, so that they differ by what is said of them alone.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skmtl import MultiTaskClassifier
from skmtl.architectures import Conditioned

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
thresholds = np.array([[60], [100], [140], [180], [220], [260], [300]])
trunk = Conditioned(thresholds, injection="multiply", heads="shared")
model = MultiTaskClassifier(architecture=trunk, random_state=0)
model.fit(X_train, y_train[:, None] > thresholds.T)

# %%
# Six thresholds in between are new tasks. A second model is given their labels.
new = np.array([[80], [120], [160], [200], [240], [280]])
told = model.predict_proba_new_tasks(X_test, new)
trained = MultiTaskClassifier(random_state=0).fit(X_train, y_train[:, None] > new.T).predict_proba(X_test)


def losses(probabilities):
    return [log_loss(y_test > c, p[:, 1]) for c, p in zip(new.ravel(), probabilities, strict=True)]


rates = [np.tile([(y_train <= c).mean(), (y_train > c).mean()], (len(y_test), 1)) for c in new.ravel()]
found = {
    "the same for all patients": losses(rates),
    "trained on its labels": losses(trained),
    "from its descriptor": losses(told),
}
{name: round(float(np.mean(values)), 3) for name, values in found.items()}

# %%
# Any number may be asked for, and so the answers for one patient make a curve: the probability to end above. The
# dashed lines are what came of it.
grid = np.arange(40, 325, 5).reshape(-1, 1)
patients = np.argsort(y_test)[[22, 110, 198]]
curves = np.stack([p[:, 1] for p in model.predict_proba_new_tasks(X_test[patients], grid)], axis=1)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
for (name, values), style in zip(found.items(), ["k:", "s--", "o-"], strict=True):
    left.plot(new.ravel(), values, style, label=name)
left.set(xlabel="new threshold", ylabel="log loss on test patients", ylim=(0, None))
left.legend()
for curve, patient, color in zip(curves, patients, ["C0", "C1", "C2"], strict=True):
    right.plot(grid.ravel(), curve, color=color)
    right.axvline(y_test[patient], color=color, linestyle="--", linewidth=1)
right.plot(thresholds.ravel(), np.full(len(thresholds), -0.02), "k^", markersize=5, label="trained thresholds")
right.set(xlabel="threshold", ylabel="probability to end above it", title="three test patients")
right.legend()
plt.show()
