"""Networks: trunk and heads, from a batch to one raw matrix (n, R) and back.

``backward(slope)`` is the one seam between two engines that share everything else. `Network` seeds autograd with the
slope, for any trunk; `DenseNetwork`, in `_dense`, has the chain rule written out.
"""

import functools
import itertools

import torch
from torch import nn
from torch.nn import functional

from ._blocks import raw_owner
from .architectures._base import glorot_

#: Rows are predicted in multiples of this, so that the digits of a row do not depend on the rows around it.
ROWS = 8


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

    def __init__(self, n_features, blocks, hidden_layer_sizes, activation, dropout):
        super().__init__()
        owner = raw_owner(blocks)
        n_tasks = owner.max() + 1
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
        self.register_buffer("_owner", torch.from_numpy(owner), persistent=False)
        #: Runs of raw columns, and the target columns that they belong to: one a class of each block.
        self.segments = [
            (slice(start, start + len(b.tasks)), b.columns)
            for b in blocks
            for start in range(b.raw.start, b.raw.stop, len(b.tasks))
        ]

    def forward(self, Z):
        """From the representation ``(n, d)`` to the raw output ``(n, R)``."""
        if not self.hidden_weights:
            return self.top(Z)
        hidden = None
        for weight, bias in zip(self.hidden_weights, self.hidden_biases, strict=True):
            if hidden is None:  # all tasks read the same input: one product
                hidden = functional.linear(Z, weight.flatten(0, 1)).unflatten(1, weight.shape[:2])
            else:
                hidden = torch.bmm(hidden.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)
            hidden = self.activation.function(hidden + bias.view(weight.shape[:2]))
            hidden = functional.dropout(hidden, self.dropout, self.training)
        return self.top(hidden.flatten(1))

    def top(self, hidden):
        """From what the last hidden layer returns to the raw output ``(n, R)``."""
        if not self.hidden_weights:
            return functional.linear(hidden, self.weight, self.bias)
        units = hidden.unflatten(1, (-1, self.weight.shape[1]))
        parts = [(units[:, columns] * self.weight[raw]).sum(-1) for raw, columns in self.segments]
        return torch.cat(parts, dim=1) + self.bias

    def reset_tasks(self, columns):
        """Make the heads of these target columns predict a constant: zero raw output."""
        mine = torch.isin(self._owner, torch.as_tensor(columns, device=self._owner.device))
        with torch.no_grad():
            self.weight[mine] = 0.0
            self.bias[mine] = 0.0


class Network(nn.Module):
    """Trunk and heads, differentiated by autograd.

    Parameters
    ----------
    trunk : Architecture
        Initialized.
    heads : Heads
        On top of it.
    n_features : int
        Width of the representation between the two.
    """

    #: Whether a batch of a single row is fine; layers that normalise over the batch have none.
    takes_single_rows = False
    #: Whether a layer may write into the batch that it is given.
    writes_input = True

    def __init__(self, trunk, heads, n_features):
        super().__init__()
        self.trunk, self.heads, self.n_features = trunk, heads, n_features
        self._raw = None
        self._flat = None

    @property
    def dtype(self):
        """Floating type of the parameters."""
        return self.heads.weight.dtype

    @property
    def device(self):
        """Device of the parameters."""
        return self.heads.weight.device

    @property
    def n_raw(self):
        """R, the number of raw columns."""
        return len(self.heads.bias)

    @functools.cached_property
    def sizes(self):
        """Shapes of the matrices."""
        return [tuple(p.shape) for p in self.parameters() if p.ndim == 2]

    def forward(self, X):
        """From a batch to the raw output ``(n, R)``."""
        return self.heads(self.trunk(X))

    def attach(self, flat):
        """Train on these buffers from now on; None: no longer."""
        self._flat = flat
        self._raw = None

    def raw(self, X, out):
        """Compute the raw output of a training batch into `out`, and keep what `backward` needs."""
        with torch.enable_grad():
            self.__dict__["_raw"] = raw = self(X)
        return out.copy_(raw.detach())

    def backward(self, slope, decay=0.0, accumulate=False):
        """Set the gradients, given the slope of the objective in the raw output ``(n, R)``.

        Parameters
        ----------
        slope : tensor (n, R)
            Gradient of the objective in the raw output of the last `raw`.
        decay : float
            Adds ``decay * weight`` to the gradient of every weight.
        accumulate : bool
            Whether to add to the gradients that are there.
        """
        flat, n = self._flat, self._flat.n_weights
        if not accumulate:
            # The weighting's gradients, which follow, have been set already.
            for p in self.parameters():
                if p.grad is not None:
                    p.grad.zero_()
        torch.autograd.backward(self._raw, slope)
        self._raw = None
        if decay:
            flat.gradients[:n].add_(flat.values[:n], alpha=decay)

    def infer(self, X):
        """Return the raw output of rows to predict, in evaluation mode."""
        with torch.no_grad():
            return self(X)

    def represent(self, X):
        """Return the trunk's representation of rows, in evaluation mode."""
        with torch.no_grad():
            return self.trunk(X)

    def __getstate__(self):
        return self.__dict__ | {"_raw": None, "_flat": None}
