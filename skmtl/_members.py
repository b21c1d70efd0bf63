"""MemberNetworks: several networks of one shape, trained and asked as one.

A batch holds the rows of all members, those of the first member first: ``(K B, ...)``. So what is done to each row, the
losses above all, does not know that there are members. Dense members with linear heads are computed as one network with
an axis of members in front of every weight; any others one after the other. Both give the same.
"""

import itertools

import torch
from torch import nn

from ._dense import DenseNetwork
from ._tables import TablesInTraining


class MemberNetworks(nn.Module):
    """K networks side by side.

    Parameters
    ----------
    members : list of Network
        Of one shape, each with initial weights of its own.
    sees : tensor of bool (K, d), default=None
        Which inputs each member sees, the others being 0 to it; None: all.
    """

    def __init__(self, members, sees=None):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.register_buffer("sees", sees)
        self._plan = None

    def __getattr__(self, name):
        # What the members have in common: type, device, sizes, ...
        if name in _COMMON:
            return getattr(self.members[0], name)
        return super().__getattr__(name)

    @property
    def n_members(self):
        """K, the number of networks."""
        return len(self.members)

    @property
    def n_features(self):
        """Width of the representations of all members together."""
        return self.n_members * self.members[0].n_features

    @property
    def is_dense(self):
        """Whether the members can be computed as one network."""
        return all(type(m) is DenseNetwork and not m.heads.hidden_weights for m in self.members)

    def ordered_parameters(self):
        """Parameters such that those at the same place in every member are neighbours."""
        return itertools.chain.from_iterable(zip(*(m.parameters() for m in self.members), strict=True))

    def forward(self, X):
        """From a batch that all members see to the mean of their raw output ``(n, R)``: what callbacks ask for."""
        return torch.stack([member(self.shown(X, k)) for k, member in enumerate(self.members)]).mean(0)

    def shown(self, X, k):
        """What member k sees of rows ``(n, d)``."""
        return X if self.sees is None else X * self.sees[k]

    def _shown_to_each(self, X):
        """What each member sees of its own rows, in a training batch ``(K B, d)``."""
        if self.sees is None:
            return X
        return (X.view(self.n_members, -1, X.shape[1]) * self.sees.unsqueeze(1)).view(X.shape)

    # Training

    def attach(self, flat):
        """Train on these buffers from now on; None: no longer."""
        self._plan = None
        for member in self.members:
            member.attach(flat, alone=False)
        if flat is not None and self.is_dense:
            self._plan = _Plan(self.members, flat)

    def raw(self, X, out):
        """Compute the raw output ``(K B, R)`` of a training batch into `out`, and keep what `backward` needs."""
        X = self._shown_to_each(X)
        if self._plan is not None:
            return self._plan.forward(X, out, self.training)
        for member, x, part in zip(self.members, self.parts(X), self.parts(out), strict=True):
            member.raw(x, part)
        return out

    def raw_again(self, X, out):
        """Compute the raw output of a training batch as it is after the step."""
        X = self._shown_to_each(X)
        if self._plan is not None:
            return self._plan.forward(X, out, self.training)
        for member, x, part in zip(self.members, self.parts(X), self.parts(out), strict=True):
            member.raw_again(x, part)
        return out

    def backward(self, slope, decay=0.0):
        """Set the gradients, given the slope of the objective in the raw output ``(K B, R)``."""
        if self._plan is not None:
            return self._plan.backward(slope, decay)
        for member, part in zip(self.members, self.parts(slope), strict=True):
            member.backward(part, decay)
        return None

    def keep_apart(self):
        """Compute the members one after the other from now on: each is to be looked at by itself."""
        self._plan = None

    def parts(self, tensor):
        """Cut a batch into those of the members."""
        return tensor.chunk(self.n_members)

    # Prediction

    def infer(self, X):
        """Return the raw output ``(K, n, R)`` of rows to predict, in evaluation mode."""
        return torch.stack([member.infer(self.shown(X, k)) for k, member in enumerate(self.members)])

    def infer_tasks(self, X, descriptors):
        """Return the raw output ``(K, n, k m)`` of rows for m tasks that only their descriptors are known of."""
        return torch.stack([m.infer_tasks(self.shown(X, k), descriptors) for k, m in enumerate(self.members)])

    def represent(self, X):
        """Return the representations of all members side by side."""
        return torch.cat([member.represent(self.shown(X, k)) for k, member in enumerate(self.members)], dim=1)

    def load_state_dict(self, *args, **kwargs):
        """As of nn.Module; what the members prepared from other weights is forgotten."""
        for member in self.members:
            member.__dict__["_inference"] = None
        return super().load_state_dict(*args, **kwargs)

    def __getstate__(self):
        return self.__dict__ | {"_plan": None}


_COMMON = {"dtype", "device", "n_raw", "sizes", "takes_single_rows", "writes_input", "shared_parameters"}


class _Plan:
    """The step of all members at once, on views of the flat buffers that no member needs a copy for."""

    def __init__(self, members, flat):
        self.n = len(members)
        trunk = members[0].trunk
        self.activation, self.dropout = trunk.activation, trunk.dropout
        pairs = [(layer.weight, layer.bias) for layer in trunk.layers]
        pairs.append((members[0].heads.weight, members[0].heads.bias))
        self.layers = [(*self._stack(flat, weight), *self._stack(flat, bias)) for weight, bias in pairs]
        tables = members[0].tables
        self.tables = None
        if tables is not None:
            self.tables = TablesInTraining(tables, *(t.flatten(0, 1) for t in self._stack(flat, tables.weight)))
        self._buffers = {}

    def _stack(self, flat, first):
        """Values and gradients of a parameter in all members, ``(K, ...)``; `first` is that of the first member."""
        start = first.data.storage_offset()
        stop = start + self.n * first.numel()
        return tuple(buffer[start:stop].view(self.n, *first.shape) for buffer in (flat.values, flat.gradients))

    def _work(self, rows):
        """Work buffers for batches of so many rows a member."""
        if rows not in self._buffers:
            shapes = [(self.n, rows, W.shape[1]) for W, *_ in self.layers[:-1]]
            self._buffers[rows] = [(self.layers[0][0].new_empty(s), self.layers[0][0].new_empty(s)) for s in shapes]
        return self._buffers[rows]

    def forward(self, X, out, training):
        if self.tables is not None:
            X = self.tables.forward(X)
        x = X.view(self.n, -1, X.shape[1])
        drop = self.dropout if training else 0.0
        inputs, kept, masks = [x], [], []
        work = self._work(x.shape[1])
        for (W, _, b, _), (z, _) in zip(self.layers[:-1], work, strict=True):
            torch.baddbmm(b.unsqueeze(1), x, W.transpose(1, 2), out=z)
            x = self.activation.forward_(z)
            kept.append(z if self.activation.keeps_input else x)
            if drop:
                masks.append(torch.empty_like(x).bernoulli_(1 - drop).div_(1 - drop))
                x = x * masks[-1]
            inputs.append(x)
        W, _, b, _ = self.layers[-1]
        torch.baddbmm(b.unsqueeze(1), x, W.transpose(1, 2), out=out.view(self.n, -1, W.shape[1]))
        self._kept = work, inputs, kept, masks
        return out

    def backward(self, slope, decay):
        work, inputs, kept, masks = self._kept
        slope = slope.view(self.n, -1, slope.shape[1])
        for level in reversed(range(len(self.layers))):
            W, gW, _, gb = self.layers[level]
            torch.baddbmm(W, slope.transpose(1, 2), inputs[level], beta=decay, out=gW)
            torch.sum(slope, dim=1, out=gb)
            if level:
                delta = work[level - 1][1]
                torch.bmm(slope, W, out=delta)
                if masks:
                    delta.mul_(masks[level - 1])
                self.activation.backward_(delta, kept[level - 1])
                slope = delta
        if self.tables is not None:
            self.tables.backward(slope, self.layers[0][0], decay)
