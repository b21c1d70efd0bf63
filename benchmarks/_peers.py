"""What skmtl is compared with: the data of the workloads, and the networks that one would write without it."""

import numpy as np
import skorch
import torch
from torch import nn

#: Rows, inputs and tasks of the workloads.
SIZES = {"S": (1_000, 20, 3), "M": (20_000, 50, 5), "L": (100_000, 100, 20)}


def regression_data(n, d, n_tasks):
    """X (n, d) and related tasks Y (n, n_tasks), float32."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    W = rng.standard_normal((d, n_tasks), dtype=np.float32) / np.float32(np.sqrt(d))
    Y = np.tanh(X @ W) + np.float32(0.1) * rng.standard_normal((n, n_tasks), dtype=np.float32)
    return X, Y


def mlp(d, hidden, n_out):
    """A dense network as one writes it in torch."""
    layers, width = [], d
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, n_out))


def naive_skorch(d, hidden, n_out, batch, epochs):
    """Return skorch's regressor as it comes, with its DataLoader, but for the split: all rows are to be trained on."""
    return skorch.NeuralNetRegressor(
        mlp(d, hidden, n_out),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=batch,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def torch_loop(X, Y, hidden, batch, epochs, **adam):
    """Train by the loop that one writes in bare torch: rows shuffled once an epoch and sliced, no DataLoader."""
    X, Y = torch.from_numpy(X), torch.from_numpy(Y)
    network = mlp(X.shape[1], hidden, Y.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, **adam)
    for _ in range(epochs):
        order = torch.randperm(len(X))
        for x, y in zip(X[order].split(batch), Y[order].split(batch), strict=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(network(x), y).backward()
            optimizer.step()
    return network
