"""StackedLayers: the hidden layers of several dense networks side by side, with the chain rule written out."""

import torch

#: With fewer inputs, x^T @ delta and a copy take a third to a half of the time of delta^T @ x.
FEW_INPUTS = 16


class StackedLayers:
    """Hidden layers of K networks of one shape, every weight with an axis of networks in front.

    Parameters
    ----------
    layers : list of (W, gW, b, gb)
        Weights ``(K, h, q)`` and biases ``(K, h)`` from the first layer on, each with where its gradient goes.
    activation : Activation
        After every layer.
    dropout : float
        Share of units to drop while training.
    alike : bool, default=False
        Whether all networks drop the same units.
    """

    def __init__(self, layers, activation, dropout, alike=False):
        self.layers, self.activation, self.dropout, self.alike = layers, activation, dropout, alike
        self._buffers = {}

    def _work(self, rows):
        """Work buffers for so many rows, made once: of each layer its output and its slope."""
        if rows not in self._buffers:
            shapes = [(len(W), rows, W.shape[1]) for W, *_ in self.layers]
            self._buffers[rows] = [(self.layers[0][0].new_empty(s), self.layers[0][0].new_empty(s)) for s in shapes]
        return self._buffers[rows]

    def forward(self, x, training):
        """From the inputs ``(K, n, q)`` to what the last layer returns ``(K, n, h)``; keep what `backward` needs."""
        drop = self.dropout if training else 0.0
        work = self._work(x.shape[1]) if self.layers else []
        inputs, kept, masks = [x], [], []
        for (W, _, b, _), (z, _) in zip(self.layers, work, strict=True):
            torch.baddbmm(b.unsqueeze(1), x, W.transpose(1, 2), out=z)
            x = self.activation.forward_(z)
            kept.append(z if self.activation.keeps_input else x)
            if drop:
                masks.append(torch.empty_like(x[:1] if self.alike else x).bernoulli_(1 - drop).div_(1 - drop))
                x = x * masks[-1]
            inputs.append(x)
        self._kept = work, inputs, kept, masks
        return x

    def output_and_slope(self):
        """What `forward` returned, and where the slope in it goes, None without a layer: both ``(K, n, h)``."""
        work, inputs, _, _ = self._kept
        return inputs[-1], work[-1][1] if work else None

    def backward(self, decay, accumulate=False):
        """Set the gradients, given the slope in the output; return that in the sums of the first layer."""
        delta = None
        work, inputs, kept, masks = self._kept
        for level in reversed(range(len(self.layers))):
            W, gW, _, gb = self.layers[level]
            delta = work[level][1]
            if masks:
                delta.mul_(masks[level])
            self.activation.backward_(delta, kept[level])
            stacked_gradients(delta, inputs[level], W, gW, gb, decay, accumulate)
            if level:
                torch.bmm(delta, W, out=work[level - 1][1])
        return delta


def stacked_gradients(delta, x, W, gW, gb, decay, accumulate=False):
    """Gradients of a stack of linear layers: decay * W + delta^T @ x, and the sums of delta."""
    if x.shape[2] < FEW_INPUTS:
        product = torch.bmm(x.transpose(1, 2), delta).transpose(1, 2)
        gW.add_(product) if accumulate else torch.add(product, W, alpha=decay, out=gW)
    elif accumulate:
        torch.baddbmm(gW, delta.transpose(1, 2), x, out=gW)
    else:
        torch.baddbmm(W, delta.transpose(1, 2), x, beta=decay, out=gW)
    if accumulate:
        gb.add_(delta.sum(dim=1))
    else:
        torch.sum(delta, dim=1, out=gb)
