"""Networks: trunk and heads, from a batch to one raw matrix (n, R) and back.

``backward(slope)`` is the one seam between two engines that share everything else. `Network` seeds autograd with the
slope, for any trunk; `DenseNetwork`, in `_dense`, has the chain rule written out. Between heads and trunk, where the
gradients of the tasks meet, both can be stopped: ``backward_heads``, ``pull``, ``backward_trunk``.
"""

import functools

import torch
from torch import nn

from ._heads import Heads
from ._task_gradients import ParameterGradients, RepresentationGradients, cross_gramian

#: Rows are predicted in multiples of this, so that the digits of a row do not depend on the rows around it.
ROWS = 8
#: Numbers in the slopes of all tasks that are sent through the trunk at once.
_AT_ONCE = 2**24


class Network(nn.Module):
    """Trunk and heads, differentiated by autograd.

    Parameters
    ----------
    trunk : Architecture
        Initialized.
    heads : Heads, SharedHead or OwnHeads
        On top of it.
    n_features : int
        Width of the representation between the two; of all tasks together where each has one of its own.
    is_separate : bool, default=False
        Whether each task has a representation of its own ``(n, T, d)``.
    tables : CategoryTables, default=None
        In front of the trunk, where batches hold codes.

    Notes
    -----
    Where all tasks share the head it counts as the last part of the trunk: tasks then meet in the raw output.
    """

    #: Of each task in y its place on the axis of columns; None where all are in order.
    task_columns = None
    #: Networks that are trained as this one.
    n_members = 1
    #: Whether a batch of a single row is fine; layers that normalise over the batch have none.
    takes_single_rows = False
    #: Whether a layer may write into the batch that it is given.
    writes_input = True

    def __init__(self, trunk, heads, n_features, is_separate=False, tables=None):
        super().__init__()
        self.trunk, self.heads, self.n_features, self.is_separate = trunk, heads, n_features, is_separate
        self.tables = tables
        self._kept = None  # of the last `raw`, for `backward`
        self._flat, self._is_alone = None, True
        self._batches_gradients = True  # until an operation of the trunk turns out not to

    @property
    def dtype(self):
        """Floating type of the parameters."""
        return next(self.parameters()).dtype

    @property
    def device(self):
        """Device of the parameters."""
        return self.heads.owner.device

    @property
    def n_raw(self):
        """R, the number of raw columns."""
        return len(self.heads.owner)

    @functools.cached_property
    def sizes(self):
        """Shapes of the matrices that rows are multiplied by."""
        return [tuple(p.shape) for part in (self.trunk, self.heads) for p in part.parameters() if p.ndim == 2]

    def forward(self, X):
        """From a batch to the raw output ``(n, R)``."""
        return self.heads(self.trunk(self.look_up(X)))

    def look_up(self, X):
        """What the trunk gets: rows of the tables in the place of codes, all else as it is."""
        return X if self.tables is None else self.tables(X)

    @functools.cached_property
    def shared_parameters(self):
        """The parameters that two tasks or more send gradients into."""
        shared = [*self.trunk.shared_parameters(), *(self.heads.parameters() if self.heads.is_shared else ())]
        shared += [] if self.tables is None else [self.tables.weight]
        return [p for p in shared if p.requires_grad]

    @functools.cached_property
    def _inner_parameters(self):
        """The parameters before the gradients of the tasks part: those of several tasks, and those of one."""
        shared = self.shared_parameters
        known = set(map(id, shared))
        return shared, [p for p in self.trunk.parameters() if p.requires_grad and id(p) not in known]

    @functools.cached_property
    def _all_parameters(self):
        """All parameters: to look for them in the modules takes longer than a small product."""
        return list(self.parameters())

    @functools.cached_property
    def _outer_parameters(self):
        return [] if self.heads.is_shared else list(self.heads.parameters())

    def penalty(self):
        """What the trunk adds to the objective: a scalar tensor, or None."""
        return self.trunk.penalty()

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
            Z = self.trunk(self.look_up(X))
            if self.heads.is_shared:
                Z = self.heads(Z)
            leaf = Z.detach().requires_grad_()
            raw = leaf if self.heads.is_shared else self.heads(leaf)
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
        torch.autograd.backward(raw, slope, inputs=[leaf, *self._outer_parameters], retain_graph=True)

    def _begin_gradients(self, decay):
        """Set all gradients to those of the penalty; not those of the weighting, which have been set already."""
        flat = self._flat
        if self._is_alone:
            torch.mul(flat.values[: flat.n_weights], decay, out=flat.gradients[: flat.n_weights])
        for p in self._all_parameters:
            if p.ndim <= 1 and p.grad is not None:
                p.grad.zero_()
            elif p.grad is not None and not self._is_alone:
                torch.mul(p.data, decay, out=p.grad)
        self.penalize()

    def penalize(self, share=1.0):
        """Add the gradient of what the trunk adds to the objective, and return that.

        Parameters
        ----------
        share : float
            Factor of it: the share of all rows that the last batch has.

        Returns
        -------
        penalty : scalar tensor or float
            0.0 where there is none.
        """
        with torch.enable_grad():
            penalty = self.penalty()
            if penalty is None:
                return 0.0
            penalty = share * penalty
        if penalty.requires_grad:
            torch.autograd.backward(penalty)
        return penalty.detach()

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
        if self._is_linear:
            return self.heads.pull_each(slope, leaf.new_empty(len(slope), self.heads.n_tasks, leaf.shape[1]))
        (each,) = self._differentiate_each(raw, [leaf], self._by_column(slope))
        return each.view(len(each), *leaf.shape).transpose(0, 1)

    @property
    def _is_linear(self):
        """Whether every head is a matrix on what all tasks share."""
        return isinstance(self.heads, Heads) and not self.heads.hidden_weights and not self.is_separate

    def _by_column(self, slope):
        """The slope in the raw output, the part of each column: ``(C, n, R)``."""
        owner = self.heads.owner
        return slope * (owner == torch.arange(self.heads.n_tasks, device=owner.device).view(-1, 1, 1))

    def _slopes(self, slope):
        """Yield the slope of each column's loss where the tasks meet, in the shape that the trunk returns."""
        _, leaf, _ = self._kept
        if not self.is_separate:
            yield from self.pull_each(slope).transpose(0, 1)
        elif self.heads.is_shared:
            yield from self._by_column(slope)
        else:  # each loss goes into its own representation
            for column in range(self.heads.n_tasks):
                mine = torch.zeros_like(leaf)
                mine[:, column] = leaf.grad[:, column]
                yield mine

    def backward_trunk(self, delta, decay=0.0, accumulate=False):
        """Set the gradients of the trunk, given the slope in what it returns, ``(n, d)`` or ``(n, T, d)``.

        What `pull` made with factors is for the shared parameters; those of one task get its plain gradient.
        """
        Z, leaf, _ = self._kept
        shared, own = self._inner_parameters
        if own and delta is not leaf.grad:
            torch.autograd.backward(Z, leaf.grad, inputs=own, retain_graph=True)
            torch.autograd.backward(Z, delta, inputs=shared)
        elif Z.requires_grad:
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
        (Z, leaf, _), parameters, (_, own) = self._kept, self.shared_parameters, self._inner_parameters
        if own:
            torch.autograd.backward(Z, leaf.grad, inputs=own, retain_graph=True)
        gradients, cross = self._differentiate_each(Z, parameters, list(self._slopes(slope))), None
        if halves:
            middle = len(slope) // 2
            top = [torch.cat([part[:middle], 0 * part[middle:]]) for part in self._slopes(slope)]
            first = self._differentiate_each(Z, parameters, top)
            cross = cross_gramian(first, gradients, middle / len(slope))
        flat = [p.grad.view(-1) for p in parameters]  # which hold the penalty's gradients
        return ParameterGradients([(J, out, 1.0, out) for J, out in zip(gradients, flat, strict=True)], cross)

    def _differentiate_each(self, output, inputs, slopes):
        """Gradients ``(C, p)`` in each input, for every one of the slopes ``(C, ...)``."""
        settings = {"retain_graph": True, "allow_unused": True}
        if self._batches_gradients and len(slopes) * output.numel() <= _AT_ONCE:
            every = torch.stack(slopes) if isinstance(slopes, list) else slopes
            try:
                found = torch.autograd.grad(output, inputs, every, is_grads_batched=True, **settings)
                return [_rows(g, p, len(slopes)) for p, g in zip(inputs, found, strict=True)]
            except RuntimeError:  # an operation without a batching rule
                self._batches_gradients = False
        rows = [torch.autograd.grad(output, inputs, slope, **settings) for slope in slopes]
        found = [None if column[0] is None else torch.stack(column) for column in zip(*rows, strict=True)]
        return [_rows(g, p, len(slopes)) for p, g in zip(inputs, found, strict=True)]

    def representation_gramian(self, slope):
        """Inner products ``(C, C)`` of what `pull_each` returns."""
        if self._is_linear:
            return grouped_gramian(slope, self.heads.weight.detach(), self.heads.owner, self.heads.n_tasks)
        each = self.pull_each(slope).transpose(0, 1).flatten(1)
        return torch.mm(each, each.t())

    def infer(self, X):
        """Return the raw output of rows to predict, in evaluation mode."""
        with torch.no_grad():
            return self(X)

    def infer_tasks(self, X, descriptors):
        """Return the raw output ``(n, k m)`` of rows for m tasks that only their descriptors are known of."""
        with torch.no_grad():
            return self.heads(self.trunk.represent_tasks(self.look_up(X), descriptors))

    def represent(self, X):
        """Return the trunk's representation of rows, in evaluation mode; of several tasks side by side, as in y."""
        with torch.no_grad():
            Z = self.trunk(self.look_up(X))
            if not self.is_separate:
                return Z
            return (Z if self.task_columns is None else Z[:, self.task_columns]).flatten(1)

    def __getstate__(self):
        return self.__dict__ | {"_kept": None, "_flat": None}


def _rows(gradients, parameter, n):
    """Gradients as ``(C, p)``; None is none of them."""
    return parameter.new_zeros(n, parameter.numel()) if gradients is None else gradients.flatten(1)


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
