"""Networks: trunk and heads, from a batch to one raw matrix (n, R) and back.

``backward(slope)`` is the one seam between two engines that share everything else. `Network` seeds autograd with the
slope, for any trunk. `DenseNetwork` writes the chain rule of the built-in trunk out, on work buffers made once.
"""

import functools
import itertools
import warnings

import torch
from torch import nn
from torch.nn import functional

from ._blocks import raw_owner
from .architectures._base import glorot_

#: Rows are predicted in multiples of this, so that the digits of a row do not depend on the rows around it.
ROWS = 8
#: Narrower matrix products use other kernels for the last rows; see `ROWS`.
_NARROW = 16


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

    def forward(self, Z):
        """From the representation ``(n, d)`` to the raw output ``(n, R)``."""
        if not self.hidden_weights:
            return functional.linear(Z, self.weight, self.bias)
        hidden = None
        for weight, bias in zip(self.hidden_weights, self.hidden_biases, strict=True):
            if hidden is None:  # all tasks read the same input: one product
                hidden = functional.linear(Z, weight.flatten(0, 1)).unflatten(1, weight.shape[:2])
            else:
                hidden = torch.bmm(hidden.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)
            hidden = self.activation.function(hidden + bias.view(weight.shape[:2]))
            hidden = functional.dropout(hidden, self.dropout, self.training)
        if len(self.weight) != hidden.shape[1]:
            hidden = hidden.index_select(1, self._owner)
        return (hidden * self.weight).sum(-1) + self.bias

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


class DenseNetwork(Network):
    """A dense trunk with linear heads, with the chain rule written out.

    Each step works on buffers that are made once for each batch size. A leading axis of members fits in front of every
    weight, buffer and product here.
    """

    takes_single_rows = True

    def __init__(self, trunk, heads, n_features):
        super().__init__(trunk, heads, n_features)
        self._plans = {}
        self._inference = None

    @property
    def _layers(self):
        return [*self.trunk.layers, self.heads]

    def attach(self, flat):
        super().attach(flat)
        self._plans, self._inference = {}, None
        if flat is not None:
            self._parts = [(x.weight.data, x.bias.data, x.weight.grad, x.bias.grad) for x in self._layers]
        else:
            self._parts = None

    def _plan(self, n):
        """Work buffers for batches of n rows: what forward fills, what backward reads."""
        make = {"dtype": self.dtype, "device": self.device}
        activation, dropout = self.trunk.activation, self.trunk.dropout
        hidden = self._parts[:-1]
        sums = [torch.empty(n, len(b), **make) for _, b, _, _ in hidden]
        forward = [(b, W.t(), z) for (W, b, _, _), z in zip(hidden, sums, strict=True)]
        W, b, gW, gb = self._parts[-1]
        backward = []
        for level in range(len(hidden) - 1, -1, -1):
            delta = torch.empty_like(sums[level])
            below, _, g_below, gb_below = self._parts[level]
            backward.append((level, delta, delta.t(), self._parts[level + 1][0], below, g_below, gb_below))
        ones = torch.ones(n, **make)
        return forward, backward, (W, W.t(), b, gW, gb), ones, activation, dropout

    def raw(self, X, out):
        n = X.shape[0]
        plan = self._plans.get(n)
        if plan is None:
            plan = self._plans[n] = self._plan(n)
        forward, _, (_, weight_t, head_bias, _, _), _, activation, dropout = plan
        drop = dropout if self.training else 0.0
        inputs, kept, masks = [X], [], []
        for bias, weight, z in forward:
            torch.addmm(bias, X, weight, out=z)
            X = activation.forward_(z)
            kept.append(z if activation.keeps_input else X)
            if drop:
                masks.append(torch.empty_like(X).bernoulli_(1 - drop).div_(1 - drop))
                X = X * masks[-1]
            inputs.append(X)
        # Past nn.Module's bookkeeping, which takes longer than a small product.
        self.__dict__["_kept"] = plan, inputs, kept, masks
        return torch.addmm(head_bias, X, weight_t, out=out)

    def backward(self, slope, decay=0.0, accumulate=False):
        (_, backward, (W, _, _, gW, gb), ones, activation, _), inputs, kept, masks = self._kept
        beta = 1.0 if accumulate else 0.0
        slope_t = slope.t()
        # The penalty rides on the product: beta * W + slope^T @ input.
        if accumulate:
            torch.addmm(gW, slope_t, inputs[-1], out=gW)
        else:
            torch.addmm(W, slope_t, inputs[-1], beta=decay, out=gW)
        torch.addmv(gb, slope_t, ones, beta=beta, out=gb)
        for level, delta, delta_t, above, W, gW, gb in backward:
            torch.mm(slope, above, out=delta)
            if masks:
                delta.mul_(masks[level])
            activation.backward_(delta, kept[level])
            if accumulate:
                torch.addmm(gW, delta_t, inputs[level], out=gW)
            else:
                torch.addmm(W, delta_t, inputs[level], beta=decay, out=gW)
            torch.addmv(gb, delta_t, ones, beta=beta, out=gb)
            slope = delta

    def infer(self, X):
        hidden, (weight, bias), activate, n_raw = self._inference or self._prepare_inference()
        for W, b in hidden:
            X = activate(torch.addmm(b, X, W))
        return torch.addmm(bias, X, weight)[:, :n_raw]

    def _prepare_inference(self):
        """Transposed weights; narrow heads padded to a width where every row gets the same kernel.

        While training goes on they stay views, which follow the weights.
        """
        prepared = []
        for layer in self._layers:
            W, b = layer.weight.detach(), layer.bias.detach()
            if self._flat is None and layer is self.heads and 1 < len(b) < _NARROW:
                W = functional.pad(W, (0, 0, 0, _NARROW - len(b)))
                b = functional.pad(b, (0, _NARROW - len(b)))
            prepared.append((W.t(), b))
        self._inference = prepared[:-1], prepared[-1], self.trunk.activation.forward_, self.n_raw
        return self._inference

    def load_state_dict(self, *args, **kwargs):
        """As of nn.Module; what was prepared from other weights is forgotten."""
        self._inference = None
        return super().load_state_dict(*args, **kwargs)

    def _apply(self, *args, **kwargs):
        self._inference = None
        return super()._apply(*args, **kwargs)

    def __getstate__(self):
        return super().__getstate__() | {"_plans": {}, "_inference": None, "_parts": None, "_kept": None}


def build_network(architecture, X, blocks, *, hidden_layer_sizes, head_hidden_layer_sizes, activation, dropout):
    """Initialize the trunk and put heads on it.

    Parameters
    ----------
    architecture : Architecture
        A fresh clone.
    X : tensor (m, ...)
        A few rows, to see what the trunk makes of them.
    blocks : list of Block
        What raw columns the tasks need.
    hidden_layer_sizes, head_hidden_layer_sizes : tuple of int
        Sizes of the trunk's and the heads' hidden layers.
    activation : Activation
        Activation function of both.
    dropout : float
        Share of hidden units to drop while training.

    Returns
    -------
    network : Network

    Raises
    ------
    ValueError
        If the trunk does not return ``(m, d)``, or returns NaN.
    """
    n_tasks = sum(len(block.tasks) for block in blocks)
    architecture.initialize(
        X.shape[1], n_tasks, hidden_layer_sizes=hidden_layer_sizes, activation=activation, dropout=dropout
    )
    if architecture.is_dense:
        n_features = (X.shape[1], *hidden_layer_sizes)[-1]
    else:
        architecture.to(torch.float32)
        n_features = _representation_size(architecture, X)
    heads = Heads(n_features, blocks, head_hidden_layer_sizes, activation, dropout)
    dense = architecture.is_dense and not head_hidden_layer_sizes
    return (DenseNetwork if dense else Network)(architecture, heads, n_features)


def _representation_size(trunk, X):
    """Width of what the trunk returns, after a look at a few rows."""
    trunk.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # lazy layers announce themselves
            Z = trunk(X)
    except Exception as error:
        raise ValueError(
            f"The trunk passed as 'architecture' failed on a batch of shape {tuple(X.shape)}: "
            f"{type(error).__name__}: {error}. It must take (n, ...) rows of X as float32 and return (n, d)."
        ) from error
    finally:
        trunk.train()
    if not isinstance(Z, torch.Tensor) or Z.ndim != 2 or len(Z) != len(X) or not Z.shape[1]:
        shape = tuple(Z.shape) if isinstance(Z, torch.Tensor) else type(Z).__name__
        raise ValueError(
            f"The trunk passed as 'architecture' must return one row a sample, of shape ({len(X)}, d) for "
            f"{len(X)} rows; got {shape}. End it with nn.Flatten() or a pooling layer."
        )
    if not torch.isfinite(Z).all():
        raise ValueError(
            "The trunk passed as 'architecture' returns NaN or infinite values. Check its weights and the scale of X."
        )
    return Z.shape[1]
