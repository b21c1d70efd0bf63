"""
======================
Your own trunk: digits
======================

Three tasks on images of digits share a convolutional trunk: which digit it is, whether it is even, and how much ink it
has. We compare it with the built-in dense trunk, for few and for more images.
"""

# %%
# ``X`` has four dimensions, as the trunk wants them. A function that makes the trunk draws new weights for each fit. A
# trunk of one's own is trained as ``preset="mlp"`` has it; for a fair comparison the dense one is, too.
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from skmtl import MultiTaskEstimator

digits = load_digits()
images = digits.images[:, None] / 16
digit, ink = digits.target, images.mean((1, 2, 3))
Y = pd.DataFrame({"digit": digit, "even": digit % 2 == 0, "ink": ink})
X_train, X_test, Y_train, Y_test = train_test_split(images, Y, test_size=0.5, random_state=0)


def convolutions():
    layers = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return layers.append(nn.Linear(256, 128)).append(nn.ReLU())


settings = {"preset": "mlp", "learning_rate_init": 0.005, "max_iter": 300, "tol": 5e-3, "random_state": 0}
convolutional = MultiTaskEstimator(architecture=convolutions, **settings)
dense = MultiTaskEstimator(hidden_layer_sizes=256, **settings)
sizes = [50, 100, 200, 400, 800]


# %%
# The dense trunk takes the same images as rows of 64 numbers.
def scores(model, train, test):
    return [model.fit(train[:n], Y_train[:n]).score_tasks(test, Y_test) for n in sizes]


results = {
    "convolutional": scores(convolutional, X_train, X_test),
    "dense": scores(dense, X_train.reshape(-1, 64), X_test.reshape(-1, 64)),
}

fig, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
for ax, task in zip(axes, Y, strict=True):
    for (name, rows), style in zip(results.items(), ["o-", "s--"], strict=True):
        ax.plot(sizes, [row[task] for row in rows], style, label=name)
    ax.set(title=task, xlabel="training images", ylabel="R²" if task == "ink" else "accuracy")
axes[0].legend()
plt.show()
