"""SeparateNetwork: a network a task, all computed as one, with the chain rule written out."""

from ._module import Network
from ._stacked import StackedLayers


class SeparateNetwork(Network):
    """Networks that share nothing: what `Independent` and heads of any depth make together.

    Trunks and heads are one stack of layers with an axis of tasks in front; there is nothing that two tasks send
    gradients into, so nothing stops between heads and trunk either.
    """

    takes_single_rows = True
    writes_input = False

    def attach(self, flat, alone=True):
        super().attach(flat, alone)
        self._layers = None
        if flat is None:
            return
        heads = self.heads
        weights = [layer.weight for layer in self.trunk.stack.layers] + [*heads.hidden_weights]
        biases = [layer.bias for layer in self.trunk.stack.layers] + [*heads.hidden_biases]
        layers = [
            (W.data, W.grad, b.data.view(W.shape[:2]), b.grad.view(W.shape[:2]))
            for W, b in zip(weights, biases, strict=True)
        ]
        self._layers = StackedLayers(layers, heads.activation, heads.dropout)
        self._top = [
            (raw, columns, heads.weight.data[raw].unsqueeze(1), heads.weight.grad[raw])
            for raw, columns in heads.segments
        ]

    def raw(self, X, out):
        units = self._layers.forward(X.expand(self.heads.n_tasks, *X.shape), self.training)
        for raw, columns, weight, _ in self._top:
            out[:, raw] = (units[columns] * weight).sum(-1).t()
        # Past nn.Module's bookkeeping, which takes longer than a small product.
        self.__dict__["_kept"] = units
        return out.add_(self.heads.bias.data)

    def raw_again(self, X, out):
        return self.raw(X, out)

    def backward(self, slope, decay=0.0, accumulate=False):
        units, delta, heads = self._kept, self._layers.slope(), self.heads
        W, gW, gb = heads.weight.data, heads.weight.grad, heads.bias.grad
        if not accumulate:
            gW.copy_(W).mul_(decay)
            gb.zero_()
        gb.add_(slope.sum(0))
        done = 0
        for raw, columns, weight, gradient in self._top:
            part = slope[:, raw].t().unsqueeze(-1)
            gradient.add_((units[columns] * part).sum(1))
            if delta is None:
                continue
            if columns.stop > done:  # the first class of a block
                delta[columns] = part * weight
                done = columns.stop
            else:
                delta[columns].addcmul_(part, weight)
        self._layers.backward(decay, accumulate)

    def __getstate__(self):
        return super().__getstate__() | {"_layers": None, "_top": None}
