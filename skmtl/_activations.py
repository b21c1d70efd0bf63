"""Activations: the function, and its chain rule from what the forward pass kept."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

_aten = torch.ops.aten
_SELU = (1.6732632423543772, 1.0507009873554805, 1.0)  # alpha, scale, input scale


@dataclass(frozen=True)
class Activation:
    """An activation function.

    Attributes
    ----------
    name : str
        Its key in `ACTIVATIONS`; what is pickled.
    function : callable
        Tensor to tensor, differentiable.
    forward_ : callable
        The same, free to overwrite its argument unless `keeps_input`.
    backward_ : callable
        ``(gradient, kept)``: multiplies the gradient by the derivative, in place.
    keeps_input : bool
        What `backward_` needs: the input of the function, else its output.
    gain : float
        Numerator of the squared bound of the initial weights, as in scikit-learn (Glorot).
    """

    name: str
    function: Any
    forward_: Any
    backward_: Any
    keeps_input: bool = False
    gain: float = 6.0

    def __reduce__(self):
        return _activation, (self.name,)


def _activation(name):
    return ACTIVATIONS[name]


ACTIVATIONS = {
    activation.name: activation
    for activation in (
        Activation("identity", lambda z: z, lambda z: z, lambda d, h: d),
        Activation(
            "relu", torch.relu, torch.relu_, lambda d, h: _aten.threshold_backward.grad_input(d, h, 0, grad_input=d)
        ),
        Activation(
            "logistic",
            torch.sigmoid,
            torch.sigmoid_,
            lambda d, h: _aten.sigmoid_backward.grad_input(d, h, grad_input=d),
            gain=2.0,
        ),
        Activation("tanh", torch.tanh, torch.tanh_, lambda d, h: _aten.tanh_backward.grad_input(d, h, grad_input=d)),
        Activation(
            "selu",
            torch.selu,
            torch.selu_,
            lambda d, h: _aten.elu_backward.grad_input(d, *_SELU, True, h, grad_input=d),
        ),
        Activation(
            "silu",
            functional.silu,
            functional.silu,
            lambda d, z: _aten.silu_backward.grad_input(d, z, grad_input=d),
            keeps_input=True,
        ),
        Activation(
            "gelu",
            functional.gelu,
            functional.gelu,
            lambda d, z: _aten.gelu_backward.grad_input(d, z, grad_input=d),
            keeps_input=True,
        ),
    )
}
