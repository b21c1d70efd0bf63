"""Heads: from the representation, one for all tasks or one for each, to one matrix of raw output (n, R)."""

import itertools

import torch
from torch import nn
from torch.nn import functional

from ._blocks import raw_owner
from .architectures._layers import batched_product, glorot_


class Heads(nn.Module):
    """The heads of all tasks: one matrix, or small networks side by side.

    Parameters
    ----------
    n_features : int
        Width of the representation.
    blocks : list of Block
        What raw columns there are.
    hidden_layer_sizes : tuple of int
        Hidden layers of each task's head.
    activation : Activation
        Activation function of the hidden layers.
    dropout : float
        Share of hidden units to drop while training.
    """

    #: Whether two tasks or more send gradients into the parameters.
    is_shared = False

    def __init__(self, n_features, blocks, hidden_layer_sizes, activation, dropout):
        super().__init__()
        owner = raw_owner(blocks)
        self.n_tasks = n_tasks = int(owner.max()) + 1
        self.activation, self.dropout = activation, dropout
        sizes = [n_features, *hidden_layer_sizes]
        self.hidden_weights, self.hidden_biases = nn.ParameterList(), nn.ParameterList()
        for a, b in itertools.pairwise(sizes):
            weight, bias = nn.Parameter(torch.empty(n_tasks, b, a)), nn.Parameter(torch.empty(n_tasks * b))
            glorot_(weight, bias, activation.gain)
            self.hidden_weights.append(weight)
            self.hidden_biases.append(bias)
        self.weight = nn.Parameter(torch.empty(len(owner), sizes[-1]))
        self.bias = nn.Parameter(torch.empty(len(owner)))
        for block in blocks:
            glorot_(self.weight.data[block.raw], self.bias.data[block.raw], activation.gain, fan_out=block.k)
        #: Column of the targets that each raw column belongs to.
        self.register_buffer("owner", torch.from_numpy(owner), persistent=False)
        #: Runs of raw columns, and the target columns that they belong to: one a class of each block.
        self.segments = [
            (slice(start, start + len(b.tasks)), b.columns)
            for b in blocks
            for start in range(b.raw.start, b.raw.stop, len(b.tasks))
        ]

    @property
    def n_products(self):
        """Multiply-adds a row."""
        return self.weight.numel() + sum(weight.numel() for weight in self.hidden_weights)

    def forward(self, Z):
        """From the representation, ``(n, d)`` or of each task ``(n, T, d)``, to the raw output ``(n, R)``."""
        hidden = Z if Z.ndim == 3 else None
        for weight, bias in zip(self.hidden_weights, self.hidden_biases, strict=True):
            if hidden is None:  # all tasks read the same input: one product
                hidden = functional.linear(Z, weight.flatten(0, 1)).unflatten(1, weight.shape[:2])
            else:
                hidden = batched_product(hidden.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)
            hidden = self.activation.function(hidden + bias.view(weight.shape[:2]))
            hidden = functional.dropout(hidden, self.dropout, self.training)
        return self.top(Z if hidden is None else hidden)

    def top(self, hidden):
        """From what the last hidden layer returns, ``(n, T, h)`` or ``(n, T h)``, to the raw output ``(n, R)``."""
        if hidden.ndim == 2:
            if not self.hidden_weights:
                return functional.linear(hidden, self.weight, self.bias)
            hidden = hidden.unflatten(1, (-1, self.weight.shape[1]))
        if len(self.segments) == 1:  # all columns: the gradient of a slice would be a copy
            return (hidden * self.weight).sum(-1) + self.bias
        parts = [(hidden[:, columns] * self.weight[raw]).sum(-1) for raw, columns in self.segments]
        return torch.cat(parts, dim=1) + self.bias

    def pull_each(self, slope, out):
        """From the slope in the raw output of linear heads to that of each column in their input ``(n, C, d)``."""
        done = 0
        for raw, columns in self.segments:
            part, weight = slope[:, raw].unsqueeze(-1), self.weight.detach()[raw]
            if columns.stop > done:  # the first class of a block
                torch.mul(part, weight, out=out[:, columns])
                done = columns.stop
            else:
                out[:, columns].addcmul_(part, weight)
        return out

    def reset_tasks(self, columns):
        """Make the heads of these target columns predict a constant: zero raw output."""
        mine = torch.isin(self.owner, torch.as_tensor(columns, device=self.owner.device))
        with torch.no_grad():
            self.weight[mine] = 0.0
            self.bias[mine] = 0.0


class SharedHead(nn.Module):
    """One head for all tasks, which differ by their representations alone.

    Parameters
    ----------
    n_features, blocks, hidden_layer_sizes, activation, dropout
        As of `Heads`; a single block.
    """

    is_shared = True

    def __init__(self, n_features, blocks, hidden_layer_sizes, activation, dropout):
        super().__init__()
        owner, k = raw_owner(blocks), blocks[0].k
        self.n_tasks = len(blocks[0].tasks)
        self.activation, self.dropout = activation, dropout
        sizes = [n_features, *hidden_layer_sizes]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise([*sizes, k]))
        for layer in self.layers:
            glorot_(layer.weight, layer.bias, activation.gain)
        self.register_buffer("owner", torch.from_numpy(owner), persistent=False)

    @property
    def n_products(self):
        """Multiply-adds a row."""
        return self.n_tasks * sum(layer.weight.numel() for layer in self.layers)

    def forward(self, Z):
        """From the representations ``(n, m, d)`` to the raw output ``(n, k m)``, all tasks' first classes first."""
        *hidden, last = self.layers
        for layer in hidden:
            Z = functional.dropout(self.activation.function(layer(Z)), self.dropout, self.training)
        return last(Z).transpose(1, 2).flatten(1)

    def reset_tasks(self, columns):
        """Do nothing: a task that is not trained is predicted by what the others have learned."""


class OwnHeads(nn.Module):
    """Heads that the user's function makes, one a task.

    Parameters
    ----------
    n_features : int
        Width of the representation.
    blocks : list of Block
        What raw columns there are.
    make : callable
        ``make(n_features, n_outputs)`` returns a module from ``(n, n_features)`` to ``(n, n_outputs)``.
    """

    is_shared = False

    def __init__(self, n_features, blocks, make):
        super().__init__()
        owner = raw_owner(blocks)
        self.n_tasks = int(owner.max()) + 1
        self.register_buffer("owner", torch.from_numpy(owner), persistent=False)
        # The heads' outputs lie task by task, the raw ones class by class.
        self.register_buffer("_order", torch.argsort(torch.argsort(self.owner, stable=True)), persistent=False)
        counts = torch.bincount(self.owner).tolist()
        self.heads = nn.ModuleList(self._made(make, n_features, n) for n in counts)

    @staticmethod
    def _made(make, n_features, n_outputs):
        wanted = f"head(n_features={n_features}, n_outputs={n_outputs})"
        head = make(n_features, n_outputs)
        if not isinstance(head, nn.Module):
            raise TypeError(f"{wanted} must return a torch.nn.Module; got {type(head).__name__}.")
        with torch.no_grad():
            shape = tuple(head.eval()(torch.zeros(2, n_features)).shape)
        if shape != (2, n_outputs):
            raise ValueError(f"The module of {wanted} must map (n, {n_features}) to (n, {n_outputs}); 2 rows: {shape}.")
        return head.train()

    @property
    def n_products(self):
        """Multiply-adds a row, if every weight is used once."""
        return sum(p.numel() for p in self.parameters() if p.ndim > 1)

    def forward(self, Z):
        """From the representation, ``(n, d)`` or of each task ``(n, T, d)``, to the raw output ``(n, R)``."""
        inputs = Z.unbind(1) if Z.ndim == 3 else itertools.repeat(Z)
        parts = [head(z) for head, z in zip(self.heads, inputs, strict=Z.ndim == 3)]
        return torch.cat(parts, dim=1)[:, self._order]

    def reset_tasks(self, columns):
        """Make the heads of these target columns predict a constant."""
        with torch.no_grad():
            for column in columns:
                for p in self.heads[column].parameters():
                    p.zero_()
