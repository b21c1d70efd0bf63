"""DenseNetwork: dense trunk and heads with the chain rule written out, on work buffers that are made once.

For networks of the size that tables need, autograd and its bookkeeping take longer than the arithmetic. Several of them
at once are computed in `_members`.
"""

import torch
from torch.nn import functional

from ._module import Network, grouped_gramian
from ._stacked import FEW_INPUTS
from ._tables import TablesInTraining
from ._task_gradients import ParameterGradients, cross_gramian

#: Narrower matrix products use another kernel for some rows, so that digits would depend on a row's position.
_NARROW = 16


class DenseNetwork(Network):
    """A dense trunk, with linear heads or heads of one hidden layer, differentiated by hand.

    All heads' hidden layers read the same input: together they are one more dense layer.
    """

    takes_single_rows = True
    writes_input = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._plans, self._task_plans = {}, {}
        self._inference = None

    @property
    def _layers(self):
        """Weight, bias and shape of the matrix of every layer but the last."""
        layers = [(layer.weight, layer.bias, layer.weight.shape) for layer in self.trunk.layers]
        for weight, bias in zip(self.heads.hidden_weights, self.heads.hidden_biases, strict=True):
            layers.append((weight, bias, (bias.numel(), weight.shape[-1])))
        return layers

    def attach(self, flat, alone=True):
        super().attach(flat, alone)
        self._plans, self._task_plans, self._inference = {}, {}, None
        self._parts, self._top, self._pulled, self._tables = None, None, None, None
        if flat is None:
            return
        self._parts = [(W.data.view(s), b.data, W.grad.view(s), b.grad) for W, b, s in self._layers]
        if self.tables is not None:
            self._tables = TablesInTraining(self.tables, self.tables.weight.data, self.tables.weight.grad)
        hidden = bool(self.heads.hidden_weights)
        self._top = (_Segments if hidden else _Matrix)(self.heads)
        # What the slope in the representation comes from: the units above it, and whose they are.
        owner = self.heads.owner
        if hidden:
            n_tasks, n_units = self.heads.hidden_weights[0].shape[:2]
            owner = torch.arange(n_tasks, device=self.device).repeat_interleave(n_units)
        self._pulled = self._parts[-1][0] if hidden else self._top.W, owner

    def _plan(self, n):
        """Work buffers for batches of n rows: what forward fills, what backward reads, from the last layer down."""
        sums = [b.new_empty(n, len(b)) for _, b, _, _ in self._parts]
        deltas = [torch.empty_like(z) for z in sums]
        forward = [(b, W.t(), z) for (W, b, _, _), z in zip(self._parts, sums, strict=True)]
        backward = []
        for level in reversed(range(len(sums))):
            above = self._parts[level + 1][0] if level + 1 < len(sums) else None
            W, _, gW, gb = self._parts[level]
            backward.append((level, deltas[level], deltas[level].t(), above, W, gW, gb))
        n_heads = len(self.heads.hidden_weights)
        return forward, backward[:n_heads], backward[n_heads:], torch.ones(n, dtype=self.dtype, device=self.device)

    def raw(self, X, out):
        n = X.shape[0]
        plan = self._plans.get(n)
        if plan is None:
            plan = self._plans[n] = self._plan(n)
        activation = self.trunk.activation
        drop = self.trunk.dropout if self.training else 0.0
        if self._tables is not None:
            X = self._tables.forward(X)
        inputs, kept, masks = [X], [], []
        for bias, weight, z in plan[0]:
            torch.addmm(bias, X, weight, out=z)
            X = activation.forward_(z)
            kept.append(z if activation.keeps_input else X)
            if drop:
                masks.append(torch.empty_like(X).bernoulli_(1 - drop).div_(1 - drop))
                X = X * masks[-1]
            inputs.append(X)
        # Past nn.Module's bookkeeping, which takes longer than a small product.
        self.__dict__["_kept"] = plan, activation, inputs, kept, masks
        return self._top.forward(X, out)

    def raw_again(self, X, out):
        return self.raw(X, out)

    def backward_heads(self, slope, decay=0.0, accumulate=False):
        (_, heads, _, ones), activation, inputs, kept, masks = self._kept
        self._top.gradients(slope, inputs[-1], ones, decay, accumulate)
        for level, delta, delta_t, _, W, gW, gb in heads:
            self._top.backward(slope, delta)
            if masks:
                delta.mul_(masks[level])
            activation.backward_(delta, kept[level])
            _gradients(delta_t, inputs[level], ones, W, gW, gb, decay, accumulate)

    def _units(self, slope):
        """Slope in the units above the representation: hidden ones of the heads, or the raw output."""
        heads = self._kept[0][1]
        return heads[0][1] if heads else slope

    def pull(self, slope, factors=None):
        trunk, (matrix, owner) = self._kept[0][2], self._pulled
        if not trunk:
            return None
        units = self._units(slope)
        if factors is not None:
            units = units * factors[owner]
        return torch.mm(units, matrix, out=trunk[0][1])

    def pull_each(self, slope):
        n, d = slope.shape[0], self.n_features
        out, units = self._task_plan(n)[-1][0], self._units(slope)
        if units is slope:
            return self.heads.pull_each(slope, out)
        matrix, n_tasks = self._pulled[0], self.heads.n_tasks
        return out.copy_(
            torch.bmm(units.view(n, n_tasks, -1).transpose(0, 1), matrix.view(n_tasks, -1, d)).transpose(0, 1)
        )

    def representation_gramian(self, slope):
        return grouped_gramian(self._units(slope), *self._pulled, self.heads.n_tasks)

    def backward_trunk(self, delta, decay=0.0, accumulate=False):
        (_, _, trunk, ones), activation, inputs, kept, masks = self._kept
        slope = delta
        for i, (level, delta, delta_t, above, W, gW, gb) in enumerate(trunk):
            if i:
                torch.mm(slope, above, out=delta)
            elif slope is not delta:
                delta.copy_(slope)
            if masks:
                delta.mul_(masks[level])
            activation.backward_(delta, kept[level])
            _gradients(delta_t, inputs[level], ones, W, gW, gb, decay, accumulate)
            slope = delta
        if self._tables is not None:
            self._tables.backward(slope, self._parts[0][0], decay, accumulate)

    def _task_plan(self, n):
        """Work buffers for the gradients of each column: of every layer of the trunk ``(n, C, h)`` and ``(C h, q)``."""
        plan = self._task_plans.get(n)
        if plan is None:
            n_tasks, plan = self.heads.n_tasks, []
            for W, b, _, _ in self._parts[: len(self.trunk.layers)]:
                h, q = W.shape
                D = W.new_empty(n, n_tasks, h)
                plan.append(
                    (
                        D,
                        D.view(n, n_tasks * h),
                        D.view(n * n_tasks, h),
                        W.new_empty(n_tasks * h, q),
                        b.new_empty(n_tasks * h),
                    )
                )
            self._task_plans[n] = plan
        return plan

    def _parameter_gradients(self, slope, decay, halves):
        (_, _, _, ones), _, inputs, _, _ = self._kept
        n, n_tasks = slope.shape[0], self.heads.n_tasks
        plan, parts, first = self._task_plan(n), [], []
        self.pull_each(slope)
        for level in reversed(range(len(plan))):
            D, by_row, by_task, J, Jb = plan[level]
            # The slope of the activation is that of all tasks. In this layout one buffer is both factors of a product:
            # (n, C h) with the layer's input, that all tasks share, and (n C, h) with its weights.
            D.mul_(self._derivative(level).unsqueeze(1))
            torch.mm(by_row.t(), inputs[level], out=J)
            torch.mv(by_row.t(), ones, out=Jb)
            W, _, gW, gb = self._parts[level]
            parts.append((J.view(n_tasks, -1), W.view(-1), decay, gW.view(-1)))
            parts.append((Jb.view(n_tasks, -1), None, 0.0, gb))
            if halves:
                some = by_row[: n // 2].t()
                first.append(torch.mm(some, inputs[level][: n // 2]).view(n_tasks, -1))
                first.append(torch.mv(some, ones[: n // 2]).view(n_tasks, -1))
            if level:
                torch.mm(by_task, W, out=plan[level - 1][2])
        if self._tables is not None:
            parts.append(self._tables.task_gradients(D, W, decay))
            if halves:
                first.append(self._tables.task_gradients(D[: n // 2], W)[0])
        cross = cross_gramian(first, [J for J, *_ in parts], n // 2 / n) if halves else None
        return ParameterGradients(parts, cross)

    def _derivative(self, level):
        """Derivative ``(n, h)`` of a layer's output in its sum."""
        _, activation, _, kept, masks = self._kept
        ones = torch.ones_like(kept[level]) if not masks else masks[level].clone()
        activation.backward_(ones, kept[level])
        return ones

    def infer(self, X):
        hidden, top, activate = self._inference or self._prepare_inference()
        if self.tables is not None:
            with torch.no_grad():
                X = self.tables(X)
        for W, b in hidden:
            X = activate(torch.addmm(b, X, W))
        return top(X)

    def _prepare_inference(self):
        """Transposed weights, padded to a width where every row gets the same kernel.

        While training goes on they stay views, which follow the weights.
        """
        least = _NARROW if self._flat is None else 0
        hidden, width = [], 0
        for W, b, shape in self._layers:
            W, b = _pad(W.detach().view(shape), b.detach(), least, width)
            hidden.append((W.t(), b))
            width = len(b)
        n_raw, units = self.n_raw, len(self._layers[-1][1]) if self._layers else 0
        if self.heads.hidden_weights:

            @torch.no_grad()
            def top(X):
                return self.heads.top(X[:, :units])

        else:
            weight, bias = _pad(self.heads.weight.detach(), self.heads.bias.detach(), least, width)
            weight = weight.t()

            def top(X):
                return torch.addmm(bias, X, weight)[:, :n_raw]

        self._inference = hidden, top, self.trunk.activation.forward_
        return self._inference

    def load_state_dict(self, *args, **kwargs):
        """As of nn.Module; what was prepared from other weights is forgotten."""
        self._inference = None
        return super().load_state_dict(*args, **kwargs)

    def _apply(self, *args, **kwargs):
        self._inference = None
        return super()._apply(*args, **kwargs)

    def __getstate__(self):
        made = {"_plans": {}, "_task_plans": {}, "_inference": None, "_parts": None, "_top": None, "_pulled": None}
        return super().__getstate__() | made | {"_tables": None}


def _pad(W, b, least, width):
    """Matrix and bias with at least so many rows, and columns for an input of this width: as they are if they fit."""
    rows, columns = max(0, least - len(b)), max(0, width - W.shape[1])
    if rows or columns:
        return functional.pad(W, (0, columns, 0, rows)), functional.pad(b, (0, rows))
    return W, b


class _Matrix:
    """Linear heads: one product."""

    def __init__(self, heads):
        self.W, self.b, self.gW, self.gb = heads.weight.data, heads.bias.data, heads.weight.grad, heads.bias.grad
        self.Wt = self.W.t()

    def forward(self, X, out):
        return torch.addmm(self.b, X, self.Wt, out=out)

    def gradients(self, slope, X, ones, decay, accumulate):
        _gradients(slope.t(), X, ones, self.W, self.gW, self.gb, decay, accumulate)

    def backward(self, slope, delta):
        torch.mm(slope, self.W, out=delta)


class _Segments(_Matrix):
    """Heads with a hidden layer: each raw column reads the units of its own task.

    Within a segment of raw columns and the columns of targets that they belong to, both run in step.
    """

    def __init__(self, heads):
        super().__init__(heads)
        self.shape = heads.hidden_weights[0].shape[:2]  # tasks, units
        self.segments = heads.segments

    def forward(self, X, out):
        units = X.view(-1, *self.shape)
        for raw, columns in self.segments:
            out[:, raw] = (units[:, columns] * self.W[raw]).sum(-1)
        return out.add_(self.b)

    def gradients(self, slope, X, ones, decay, accumulate):
        units = X.view(-1, *self.shape)
        self.gW.mul_(1.0) if accumulate else torch.mul(self.W, decay, out=self.gW)
        for raw, columns in self.segments:
            self.gW[raw].add_((units[:, columns] * slope[:, raw].unsqueeze(-1)).sum(0))
        torch.addmv(self.gb, slope.t(), ones, beta=1.0 if accumulate else 0.0, out=self.gb)

    def backward(self, slope, delta):
        units = delta.zero_().view(-1, *self.shape)
        for raw, columns in self.segments:
            units[:, columns].addcmul_(slope[:, raw].unsqueeze(-1), self.W[raw])


def _gradients(delta_t, X, ones, W, gW, gb, decay, accumulate):
    """Gradients of a dense layer; the penalty rides on the product: decay * W + delta^T @ X."""
    if X.shape[1] < FEW_INPUTS:
        product = torch.mm(X.t(), delta_t.t()).t()
        gW.add_(product) if accumulate else torch.add(product, W, alpha=decay, out=gW)
    elif accumulate:
        torch.addmm(gW, delta_t, X, out=gW)
    else:
        torch.addmm(W, delta_t, X, beta=decay, out=gW)
    torch.addmv(gb, delta_t, ones, beta=1.0 if accumulate else 0.0, out=gb)
