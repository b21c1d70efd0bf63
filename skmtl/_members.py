"""MemberNetworks: several networks of one shape, trained and asked as one.

A batch holds the rows of all members, those of the first member first: ``(K B, ...)``. So what is done to each row, the
losses above all, does not know that there are members. Dense members with linear heads, and separate networks, are
computed as one network with an axis of members in front of every weight; any others one after the other. Both give the
same.
"""

import functools
import itertools

import torch
from torch import nn

from ._dense import DenseNetwork
from ._separate import SeparateNetwork, SeparatePlan
from ._stacked import StackedLayers, stacked_gradients
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
    def _plan_kind(self):
        """How the members are computed as one network; None if they cannot be."""
        first = self.members[0]
        if type(first) is SeparateNetwork:
            return SeparatePlan
        return DensePlan if type(first) is DenseNetwork and not first.heads.hidden_weights else None

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
        kind = None if flat is None else self._plan_kind
        if kind is not None:
            self._plan = kind(self.members[0], self.n_members, functools.partial(_stacked, flat, self.n_members))

    def raw(self, X, out):
        """Compute the raw output ``(K B, R)`` of a training batch into `out`, and keep what `backward` needs."""
        return self._raw(X, out, "raw")

    def raw_again(self, X, out):
        """Compute the raw output of a training batch as it is after the step."""
        return self._raw(X, out, "raw_again")

    def _raw(self, X, out, method):
        X = self._shown_to_each(X)
        if self._plan is not None:
            return self._plan.forward(X, out, self.training)
        for member, x, part in zip(self.members, self.parts(X), self.parts(out), strict=True):
            getattr(member, method)(x, part)
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


def _stacked(flat, n, first):
    """Values and gradients of a parameter in all n members, ``(K, ...)``; `first` is that of the first member."""
    start = first.data.storage_offset()
    stop = start + n * first.numel()
    return tuple(buffer[start:stop].view(n, *first.shape) for buffer in (flat.values, flat.gradients))


class DensePlan:
    """The step of all members at once, on views of the flat buffers that no member needs a copy for.

    Parameters
    ----------
    network : DenseNetwork
        The first member.
    n_members : int
        K, the number of members.
    stack : callable
        From a parameter of the first member to values and gradients of that parameter in all, ``(K, ...)``.
    same_rows : bool, default=False
        Whether all members see the same rows, ``(n, d)``, and drop the same units; else each its own, ``(K n, d)``.
    """

    def __init__(self, network, n_members, stack, same_rows=False):
        trunk, heads = network.trunk, network.heads
        self._n, self._same_rows = n_members, same_rows
        layers = [(*stack(layer.weight), *stack(layer.bias)) for layer in trunk.layers]
        self._hidden = StackedLayers(layers, trunk.activation, trunk.dropout, alike=same_rows)
        self._top = *stack(heads.weight), *stack(heads.bias)
        self._tables = None
        if network.tables is not None:
            values = (t.flatten(0, 1) for t in stack(network.tables.weight))
            self._tables = TablesInTraining(network.tables, *values)

    def forward(self, X, out, training):
        if self._tables is not None:
            X = self._tables.forward(X)
        X = X.expand(self._n, *X.shape) if self._same_rows else X.view(self._n, -1, X.shape[1])
        x = self._hidden.forward(X, training)
        W, _, b, _ = self._top
        torch.baddbmm(b.unsqueeze(1), x, W.transpose(1, 2), out=out.view(self._n, -1, W.shape[1]))
        return out

    def backward(self, slope, decay):
        slope = slope.view(self._n, -1, slope.shape[1])
        x, delta = self._hidden.output_and_slope()
        W, gW, _, gb = self._top
        stacked_gradients(slope, x, W, gW, gb, decay)
        if delta is None:
            return
        torch.bmm(slope, W, out=delta)
        delta = self._hidden.backward(decay)
        if self._tables is not None:
            self._tables.backward(delta, self._hidden.layers[0][0], decay)
