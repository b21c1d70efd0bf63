"""DenseNetwork: dense trunk and heads with the chain rule written out, on work buffers that are made once.

For networks of the size that tables need, autograd and its bookkeeping take longer than the arithmetic. A leading axis
of members fits in front of every weight, buffer and product here.
"""

import torch
from torch.nn import functional

from ._module import Network

#: Narrower matrix products use another kernel for some rows, so that digits would depend on a row's position.
_NARROW = 16


class DenseNetwork(Network):
    """A dense trunk, with linear heads or heads of one hidden layer, differentiated by hand.

    All heads' hidden layers read the same input: together they are one more dense layer.
    """

    takes_single_rows = True
    writes_input = False

    def __init__(self, trunk, heads, n_features):
        super().__init__(trunk, heads, n_features)
        self._plans = {}
        self._inference = None

    @property
    def _layers(self):
        """Weight, bias and shape of the matrix of every layer but the last."""
        layers = [(layer.weight, layer.bias, layer.weight.shape) for layer in self.trunk.layers]
        for weight, bias in zip(self.heads.hidden_weights, self.heads.hidden_biases, strict=True):
            layers.append((weight, bias, (bias.numel(), weight.shape[-1])))
        return layers

    def attach(self, flat):
        super().attach(flat)
        self._plans, self._inference, self._parts, self._top = {}, None, None, None
        if flat is not None:
            self._parts = [(W.data.view(s), b.data, W.grad.view(s), b.grad) for W, b, s in self._layers]
            self._top = (_Segments if self.heads.hidden_weights else _Matrix)(self.heads)

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
        return forward, backward, self._top, torch.ones(n, dtype=self.dtype, device=self.device)

    def raw(self, X, out):
        n = X.shape[0]
        plan = self._plans.get(n)
        if plan is None:
            plan = self._plans[n] = self._plan(n)
        activation = self.trunk.activation
        drop = self.trunk.dropout if self.training else 0.0
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
        return plan[2].forward(X, out)

    def backward(self, slope, decay=0.0, accumulate=False):
        (_, backward, top, ones), activation, inputs, kept, masks = self._kept
        top.gradients(slope, inputs[-1], ones, decay, accumulate)
        for level, delta, delta_t, above, W, gW, gb in backward:
            if above is None:
                top.backward(slope, delta)
            else:
                torch.mm(slope, above, out=delta)
            if masks:
                delta.mul_(masks[level])
            activation.backward_(delta, kept[level])
            _gradients(delta_t, inputs[level], ones, W, gW, gb, decay, accumulate)
            slope = delta

    def infer(self, X):
        hidden, top, activate = self._inference or self._prepare_inference()
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
        made = {"_plans": {}, "_inference": None, "_parts": None, "_top": None, "_kept": None}
        return super().__getstate__() | made


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
    if accumulate:
        torch.addmm(gW, delta_t, X, out=gW)
        torch.addmv(gb, delta_t, ones, out=gb)
    else:
        torch.addmm(W, delta_t, X, beta=decay, out=gW)
        torch.addmv(gb, delta_t, ones, beta=0.0, out=gb)
