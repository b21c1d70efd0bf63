"""Networks: trunk and heads, from a batch to one raw matrix (n, R) and back.

``backward(slope)`` is the one seam between two engines that share everything else. `Network` seeds autograd with the
slope, for any trunk; `DenseNetwork`, in `_dense`, has the chain rule written out. Between heads and trunk, where the
gradients of the tasks meet, both can be stopped: ``backward_heads``, ``pull``, ``backward_trunk``.
"""

import functools
import itertools

import torch
from torch import nn
from torch.nn import functional

from ._blocks import raw_owner
from ._task_gradients import ParameterGradients, RepresentationGradients, cross_gramian
from .architectures._layers import glorot_

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

    #: Networks that are trained as this one.
    n_members = 1
    #: Whether a batch of a single row is fine; layers that normalise over the batch have none.
    takes_single_rows = False
    #: Whether a layer may write into the batch that it is given.
    writes_input = True

    def __init__(self, trunk, heads, n_features):
        super().__init__()
        self.trunk, self.heads, self.n_features = trunk, heads, n_features
        self._kept = None  # of the last `raw`, for `backward`
        self._flat, self._is_alone = None, True
        self._batches_gradients = True  # until an operation of the trunk turns out not to

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

    @functools.cached_property
    def shared_parameters(self):
        """The parameters that all tasks send gradients into."""
        return [p for p in self.trunk.parameters() if p.requires_grad]

    def ordered_parameters(self):
        """Parameters in the order in which they lie side by side while training."""
        return self.parameters()

    def attach(self, flat, alone=True):
        """Train on these buffers from now on, `alone` or with other networks; None: no longer."""
        self._flat, self._is_alone = flat, alone
        self._kept = None

    def raw(self, X, out):
        """Compute the raw output of a training batch into `out`, and keep what `backward` needs."""
        with torch.enable_grad():
            Z = self.trunk(X)
            leaf = Z.detach().requires_grad_()
            raw = self.heads(leaf)
        self.__dict__["_kept"] = Z, leaf, raw
        return out.copy_(raw.detach())

    def raw_again(self, X, out):
        """Compute the raw output of a training batch as it is after the step."""
        with torch.no_grad():
            return out.copy_(self(X))

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
        self.backward_heads(slope, decay, accumulate)
        self.backward_trunk(self.pull(slope), decay, accumulate)

    def backward_heads(self, slope, decay=0.0, accumulate=False):
        """Set the gradients of the heads; arguments as of `backward`."""
        _, leaf, raw = self._kept
        if not accumulate:
            self._begin_gradients(decay)
        leaf.grad = None
        torch.autograd.backward(raw, slope, inputs=[leaf, *self.heads.parameters()], retain_graph=True)

    def _begin_gradients(self, decay):
        """Set all gradients to those of the penalty; not those of the weighting, which have been set already."""
        flat = self._flat
        if self._is_alone:
            torch.mul(flat.values[: flat.n_weights], decay, out=flat.gradients[: flat.n_weights])
        for p in self.parameters():
            if p.ndim <= 1 and p.grad is not None:
                p.grad.zero_()
            elif p.grad is not None and not self._is_alone:
                torch.mul(p.data, decay, out=p.grad)

    def pull(self, slope, factors=None):
        """Slope of the objective in the representation ``(n, d)``, after `backward_heads`.

        Parameters
        ----------
        slope : tensor (n, R)
            As `backward_heads` got it.
        factors : tensor (C,), default=None
            Of each column's part in it.
        """
        _, leaf, raw = self._kept
        if factors is None:
            return leaf.grad
        return torch.autograd.grad(raw, leaf, slope * factors[self.heads.owner], retain_graph=True)[0]

    def pull_each(self, slope):
        """Slope of the objective in the representation, the part of each column: ``(n, C, d)``."""
        _, leaf, raw = self._kept
        if not self.heads.hidden_weights:
            return self.heads.pull_each(slope, leaf.new_empty(len(slope), self.heads.n_tasks, leaf.shape[1]))
        owner = self.heads.owner
        mine = owner == torch.arange(self.heads.n_tasks, device=owner.device).view(-1, 1, 1)
        (each,) = self._differentiate_each(raw, [leaf], slope * mine)
        return each.view(len(each), *leaf.shape).transpose(0, 1)

    def backward_trunk(self, delta, decay=0.0, accumulate=False):
        """Set the gradients of the trunk, given the slope in the representation ``(n, d)``."""
        Z, _, _ = self._kept
        if Z.requires_grad:
            torch.autograd.backward(Z, delta)
        self._kept = None

    def task_gradients(self, slope, level, decay=0.0, halves=False):
        """Gradient of each column's part of the objective in what the tasks share, after `backward_heads`.

        Parameters
        ----------
        slope : tensor (n, R)
            As `backward_heads` got it.
        level : {"parameters", "representation"}
            In what.
        decay : float
            As of `backward`.
        halves : bool
            Whether inner products between the halves of the batch are wanted.

        Returns
        -------
        gradients : ParameterGradients or RepresentationGradients
        """
        if level == "representation":
            return RepresentationGradients(self, slope, decay)
        return self._parameter_gradients(slope, decay, halves)

    def _parameter_gradients(self, slope, decay, halves):
        Z, parameters = self._kept[0], self.shared_parameters
        each = self.pull_each(slope).transpose(0, 1)
        gradients, cross = self._differentiate_each(Z, parameters, each), None
        if halves:
            middle = len(slope) // 2
            first = self._differentiate_each(Z, parameters, torch.cat([each[:, :middle], 0 * each[:, middle:]], dim=1))
            cross = cross_gramian(first, gradients, middle / len(slope))
        flat = [p.grad.view(-1) for p in parameters]  # which hold the penalty's gradients
        return ParameterGradients([(J, out, 1.0, out) for J, out in zip(gradients, flat, strict=True)], cross)

    def _differentiate_each(self, output, inputs, slopes):
        """Gradients ``(C, p)`` in each input, for every one of the slopes ``(C, ...)``."""
        settings = {"retain_graph": True, "allow_unused": True}
        if self._batches_gradients:
            try:
                found = torch.autograd.grad(output, inputs, slopes, is_grads_batched=True, **settings)
            except RuntimeError:  # an operation without a batching rule
                self._batches_gradients = False
        if not self._batches_gradients:
            rows = [torch.autograd.grad(output, inputs, slope, **settings) for slope in slopes]
            found = [None if column[0] is None else torch.stack(column) for column in zip(*rows, strict=True)]
        n = len(slopes)
        return [p.new_zeros(n, p.numel()) if g is None else g.flatten(1) for p, g in zip(inputs, found, strict=True)]

    def representation_gramian(self, slope):
        """Inner products ``(C, C)`` of what `pull_each` returns."""
        if not self.heads.hidden_weights:
            return grouped_gramian(slope, self.heads.weight.detach(), self.heads.owner, self.heads.n_tasks)
        each = self.pull_each(slope).transpose(0, 1).flatten(1)
        return torch.mm(each, each.t())

    def infer(self, X):
        """Return the raw output of rows to predict, in evaluation mode."""
        with torch.no_grad():
            return self(X)

    def represent(self, X):
        """Return the trunk's representation of rows, in evaluation mode."""
        with torch.no_grad():
            return self.trunk(X)

    def __getstate__(self):
        return self.__dict__ | {"_kept": None, "_flat": None}


def grouped_gramian(slope, weight, owner, n_columns):
    """Inner products ``(C, C)`` of the matrices ``slope[:, c] @ weight[c]``, of which none is made.

    Parameters
    ----------
    slope : tensor (n, U)
        Slope in some units.
    weight : tensor (U, d)
        Of the units.
    owner : tensor (U,)
        Column that each unit belongs to.
    n_columns : int
        C, the number of columns.
    """
    products = torch.mm(slope.t(), slope).mul_(torch.mm(weight, weight.t()))
    if n_columns == len(owner):  # a unit a column, in order
        return products
    rows = products.new_zeros(n_columns, len(owner)).index_add_(0, owner, products)
    return rows.new_zeros(n_columns, n_columns).index_add_(1, owner, rows)
