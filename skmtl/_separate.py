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
        self._plan = None
        if flat is not None:
            self._plan = SeparatePlan(self, 1, lambda p: (p.data.unsqueeze(0), p.grad.unsqueeze(0)))

    def raw(self, X, out):
        return self._plan.forward(X, out, self.training)

    def raw_again(self, X, out):
        return self.raw(X, out)

    def backward(self, slope, decay=0.0, accumulate=False):
        self._plan.backward(slope, decay, accumulate)

    def __getstate__(self):
        return super().__getstate__() | {"_plan": None}


class SeparatePlan:
    """The step of the networks of all tasks, of one member or of several at once: a stack of K T networks.

    Parameters
    ----------
    network : SeparateNetwork
        The first member.
    n_members : int
        K, the number of members.
    stack : callable
        From a parameter of the first member to values and gradients of that parameter in all, ``(K, ...)``.
    """

    def __init__(self, network, n_members, stack):
        trunk, heads = network.trunk.stack, network.heads
        self._shape = n_members, heads.n_tasks
        weights = [layer.weight for layer in trunk.layers] + [*heads.hidden_weights]
        biases = [layer.bias for layer in trunk.layers] + [*heads.hidden_biases]
        self._hidden = StackedLayers(
            [self._layer(stack(W), stack(b)) for W, b in zip(weights, biases, strict=True)],
            heads.activation,
            heads.dropout,
        )
        self._weight, self._bias = stack(heads.weight), stack(heads.bias)
        self._segments = heads.segments

    @staticmethod
    def _layer(weight, bias):
        (W, gW), (b, gb) = ([t.flatten(0, 1) for t in pair] for pair in (weight, bias))
        return W, gW, b.view(W.shape[:2]), gb.view(W.shape[:2])

    def forward(self, X, out, training):
        """From the rows of all members ``(K n, d)`` to the raw output ``(K n, R)``."""
        n_members, n_tasks = self._shape
        x = X.view(n_members, 1, -1, X.shape[1]).expand(-1, n_tasks, -1, -1)
        units = self._by_member(self._hidden.forward(x.reshape(n_members * n_tasks, *x.shape[2:]), training))
        raws, (W, _) = out.view(n_members, -1, out.shape[1]), self._weight
        for raw, columns in self._segments:
            raws[:, :, raw] = (units[:, columns] * W[:, raw].unsqueeze(2)).sum(-1).transpose(1, 2)
        raws.add_(self._bias[0].unsqueeze(1))
        return out

    def backward(self, slope, decay, accumulate=False):
        """Set the gradients, given the slope in the raw output."""
        (W, gW), (_, gb) = self._weight, self._bias
        slopes = slope.view(len(W), -1, slope.shape[1]).transpose(1, 2).unsqueeze(-1)  # (K, R, n, 1)
        units, delta = (None if t is None else self._by_member(t) for t in self._hidden.output_and_slope())
        if not accumulate:
            gW.copy_(W).mul_(decay)
            gb.zero_()
        gb.add_(slopes.sum(dim=(2, 3)))
        done = 0
        for raw, columns in self._segments:
            gW[:, raw].add_((units[:, columns] * slopes[:, raw]).sum(2))
            if delta is None:
                continue
            part, weight = slopes[:, raw], W[:, raw].unsqueeze(2)
            if columns.stop > done:  # the first class of a block
                delta[:, columns] = part * weight
                done = columns.stop
            else:
                delta[:, columns].addcmul_(part, weight)
        self._hidden.backward(decay, accumulate)

    def _by_member(self, stacked):
        return stacked.view(*self._shape, *stacked.shape[1:])
