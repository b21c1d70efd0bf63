"""Injections: how a layer is told the task, by its code z.

Every one begins by changing nothing, so that the network starts out as one trunk for all tasks. Codes are one row a
task, ``(T, k)``; None stands for the unit matrix, whose products need not be computed.
"""

import torch
from torch import nn
from torch.nn import functional


class Untold(nn.Module):
    """Units as they are; base class of the injections.

    Parameters
    ----------
    n_codes : int
        k, the size of a code.
    n_units : int
        d, the number of units.
    n_next : int or None
        Units of the layer above; None where the heads are above.
    """

    def __init__(self, n_codes, n_units, n_next):
        super().__init__()

    def forward(self, H, z):
        """From units ``(n, d)`` or ``(n, T, d)`` to those that each task sees: ``(n, T, d)``."""
        return H

    def sums(self, H, z, layer):
        """Sums of the layer above: what `layer` makes of `forward`."""
        return layer(self(H, z))


class Concatenate(Untold):
    """The code beside the units: ``[h, z]``."""

    def __init__(self, n_codes, n_units, n_next):
        super().__init__(n_codes, n_units, n_next)
        self.n_codes = n_codes
        if n_next is not None:
            self.weight = nn.Parameter(torch.zeros(n_codes, n_next))

    def forward(self, H, z):
        """Beside each other."""
        H = _by_task(H)
        z = torch.eye(self.n_codes, dtype=H.dtype, device=H.device) if z is None else z
        return torch.cat([H.expand(-1, len(z), -1), z.expand(len(H), -1, -1)], dim=-1)

    def sums(self, H, z, layer):
        """The layer's sums, once if all tasks have the same units, and what the columns for z add to them."""
        return _by_task(layer(H)) + _product(z, self.weight)


class Add(Untold):
    """A linear map of the code on top: ``h + A z``."""

    def __init__(self, n_codes, n_units, n_next):
        super().__init__(n_codes, n_units, n_next)
        self.shift = nn.Parameter(torch.zeros(n_codes, n_units))

    def forward(self, H, z):
        """On top of the units."""
        return _by_task(H) + _product(z, self.shift)

    def sums(self, H, z, layer):
        """The layer's sums, once if all tasks have the same units, and what it makes of the shift."""
        return _by_task(layer(H)) + functional.linear(_product(z, self.shift), layer.weight)


class Multiply(Untold):
    """Scale and shift, as FiLM has them: ``(1 + S z) * h + A z``."""

    def __init__(self, n_codes, n_units, n_next):
        super().__init__(n_codes, n_units, n_next)
        self.scale = nn.Parameter(torch.zeros(n_codes, n_units))
        self.shift = nn.Parameter(torch.zeros(n_codes, n_units))

    def forward(self, H, z):
        """Scaled and shifted."""
        return torch.addcmul(_product(z, self.shift), _by_task(H), 1 + _product(z, self.scale))


class Gate(Untold):
    """A gate for each unit, shut at 0 and wide open at 2: ``2 sigmoid(G z) * h``."""

    def __init__(self, n_codes, n_units, n_next):
        super().__init__(n_codes, n_units, n_next)
        self.gate = nn.Parameter(torch.zeros(n_codes, n_units))

    def forward(self, H, z):
        """As far as the gates let them through."""
        return _by_task(H) * (2 * torch.sigmoid(_product(z, self.gate)))


INJECTIONS = {"concatenate": Concatenate, "add": Add, "multiply": Multiply, "gate": Gate}


def _by_task(H):
    """An axis for the tasks, of length 1 where they are still alike."""
    return H if H.ndim == 3 else H.unsqueeze(1)


def _product(z, weight):
    return weight if z is None else z @ weight
