"""The architectures with a module for each task and expert, and loops over them, as most would write them.

Each is made from a trunk of skmtl and has its weights, so that both return the same.
"""

import torch
from torch import nn
from torch.nn import functional

# Parts


def linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def linears(stack):
    """The layers of a stack, one by one."""
    return [linear(W, b) for W, b in zip(stack.weight, stack.bias.view(len(stack.weight), -1), strict=True)]


def dense(layers):
    return nn.Sequential(*(part for layer in layers for part in (linear(layer.weight, layer.bias), nn.ReLU())))


def networks(stack):
    """The dense networks of a stack, one by one."""
    return nn.ModuleList(dense(layers) for layers in zip(*map(linears, stack.layers), strict=True))


def copies(tensors):
    return nn.ParameterList(nn.Parameter(tensor.detach().clone()) for tensor in tensors)


def outputs(modules, X):
    return torch.stack([module(X) for module in modules])


def mix(gate, X, experts):
    """From experts ``(K, n, h)`` to their mixture ``(n, h)``."""
    return torch.einsum("nk,knh->nh", gate(X).softmax(-1), experts)


class Trunk(nn.Module):
    """From a batch to a list of the representations of the tasks."""

    def penalty(self):
        return None


# One trunk


class HardSharing(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.n_tasks, self.trunk = n_tasks, dense(trunk.layers)

    def forward(self, X):
        return [self.trunk(X)] * self.n_tasks


class Conditioned(Trunk):
    """Told the task by its unit vector beside the input of every layer."""

    def __init__(self, trunk, n_tasks):
        super().__init__()
        told = zip(trunk.trunk, trunk.injections, strict=False)
        self.layers = nn.ModuleList(linear(torch.cat([a.weight, b.weight.t()], 1), a.bias) for a, b in told)
        self.register_buffer("codes", torch.eye(n_tasks))

    def forward(self, X):
        return [self.told(X, code.expand(len(X), -1)) for code in self.codes]

    def told(self, H, code):
        for layer in self.layers:
            H = layer(torch.cat([H, code], dim=1)).relu()
        return H


class Adapters(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.layers = nn.ModuleList(linear(layer.weight, layer.bias) for layer in trunk.layers)
        self.down = nn.ModuleList(copies(a.down[t] for a in trunk.adapters) for t in range(n_tasks))
        self.up = nn.ModuleList(copies(a.up[t] for a in trunk.adapters) for t in range(n_tasks))

    def forward(self, X):
        return [self.adapted(X, *both) for both in zip(self.down, self.up, strict=True)]

    def adapted(self, H, down, up):
        for layer, V, U in zip(self.layers, down, up, strict=True):
            H = (layer(H) + functional.linear(functional.linear(H, V), U)).relu()
        return H


class Attention(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.trunk = nn.ModuleList(dense([layer]) for layer in trunk.layers)
        self.masks = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(a, nn.ReLU(), b, nn.Sigmoid()) for a, b in zip(*map(linears, both), strict=True)
            )
            for both in zip(trunk.mask_inputs, trunk.mask_outputs, strict=True)
        )

    def forward(self, X):
        masked = None
        for layer, masks in zip(self.trunk, self.masks, strict=True):
            X = layer(X)
            below = [X] * len(masks) if masked is None else [torch.cat([X, z], dim=1) for z in masked]
            masked = [mask(b) * X for mask, b in zip(masks, below, strict=True)]
        return masked


class Bypass(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.shared = nn.ModuleList(dense([layer]) for layer in trunk.shared)
        self.private = nn.ModuleList(nn.ModuleList(map(_with_relu, linears(stack))) for stack in trunk.private)

    def forward(self, X):
        below = None
        for layer, privates in zip(self.shared, self.private, strict=True):
            below = [X] * len(privates) if below is None else below
            own = [private(b) for private, b in zip(privates, below, strict=True)]
            X = layer(X)
            below = [torch.cat([X, p], dim=1) for p in own]
        return below


def _with_relu(layer):
    return nn.Sequential(layer, nn.ReLU())


# One trunk a task


class Independent(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.trunks = networks(trunk.stack)

    def forward(self, X):
        return [trunk(X) for trunk in self.trunks]


class SoftSharing(Independent):
    def __init__(self, trunk, n_tasks):
        super().__init__(trunk, n_tasks)
        self.strength = trunk.strength

    def penalty(self):
        n, total = len(self.trunks), 0.0
        for same in zip(*(trunk.parameters() for trunk in self.trunks), strict=True):
            mean = sum(same) / n
            total = total + sum(((p - mean) ** 2).sum() for p in same) / n
        return self.strength * total


class CrossStitch(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.layers = nn.ModuleList(networks(stack) for stack in trunk.layers)
        self.stitches = copies(stitch.view(n_tasks, n_tasks) for stitch in trunk.stitches)

    def forward(self, X):
        units = [X] * len(self.layers[0])
        for number, layers in enumerate(self.layers):
            units = [layer(u) for layer, u in zip(layers, units, strict=True)]
            if number < len(self.stitches):
                together = torch.stack(units)
                units = [torch.tensordot(row, together, dims=1) for row in self.stitches[number]]
        return units


# Experts


class MMoE(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.experts, self.gates = networks(trunk.experts), nn.ModuleList(linears(trunk.gates))

    def forward(self, X):
        experts = outputs(self.experts, X)
        return [mix(gate, X, experts) for gate in self.gates]


class Level(nn.Module):
    """Of an extraction network: from what is shared, and of each task, to the same."""

    def __init__(self, level, n_tasks):
        super().__init__()
        self.shared, own = networks(level.shared_experts), list(networks(level.task_experts))
        self.own = nn.ModuleList(nn.ModuleList(own[t * level.n_own : (t + 1) * level.n_own]) for t in range(n_tasks))
        self.gates = nn.ModuleList(linears(level.task_gates))
        self.shared_gate = linears(level.shared_gate)[0] if level.shared_gate is not None else None

    def forward(self, shared, own):
        of_all = outputs(self.shared, shared)
        of_each = [outputs(experts, z) for experts, z in zip(self.own, own, strict=True)]
        seen = zip(self.gates, own, of_each, strict=True)
        mixtures = [mix(gate, z, torch.cat([of_all, mine])) for gate, z, mine in seen]
        if self.shared_gate is None:
            return None, mixtures
        return mix(self.shared_gate, shared, torch.cat([of_all, *of_each])), mixtures


class PLE(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.n_tasks, self.levels = n_tasks, nn.ModuleList(Level(level, n_tasks) for level in trunk.levels)

    def forward(self, X):
        shared, own = X, [X] * self.n_tasks
        for level in self.levels:
            shared, own = level(shared, own)
        return own


class CGC(Trunk):
    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.n_tasks, self.level = n_tasks, Level(trunk.level, n_tasks)

    def forward(self, X):
        return self.level(X, [X] * self.n_tasks)[1]


class DSelectK(Trunk):
    """With as many experts as a power of two: every code is that of an expert."""

    def __init__(self, trunk, n_tasks):
        super().__init__()
        self.experts, self.gamma, self.entropy = networks(trunk.experts), trunk.gamma, trunk.entropy
        n, self.k, self.by_row = trunk.n_experts, trunk.n_selected, trunk.per_example
        if self.by_row:
            self.selectors = nn.ModuleList(linears(trunk.selectors))
        else:
            self.selectors = copies(trunk.selectors.view(n_tasks, -1))
        bits = range((n - 1).bit_length())[::-1]
        self.register_buffer("codes", torch.tensor([[bool(number >> bit & 1) for bit in bits] for number in range(n)]))

    def forward(self, X):
        experts, self.selected, mixtures = outputs(self.experts, X), [], []
        for selector in self.selectors:
            numbers = (selector(X) if self.by_row else selector.view(1, -1)).unflatten(1, (self.k, -1))
            selected = self.shares(numbers[..., :-1])
            weights = (numbers[..., -1:].softmax(1) * selected).sum(1)
            mixtures.append(torch.einsum("nk,knh->nh", weights.expand(len(X), -1), experts))
            self.selected.append(selected)
        return mixtures

    def shares(self, z):
        """Of every selector in every expert ``(n, k, K)``."""
        cubic = -2 / self.gamma**3 * z**3 + 3 / (2 * self.gamma) * z + 0.5
        digits = torch.where(z <= -self.gamma / 2, 0.0, torch.where(z >= self.gamma / 2, 1.0, cubic)).unsqueeze(2)
        return torch.where(self.codes, digits, 1 - digits).prod(-1)

    def penalty(self):
        costs = [-(s * torch.log(s + 1e-6)).sum((1, 2)).mean() for s in self.selected]
        return self.entropy * sum(costs) / len(costs)


#: By the name that skmtl has for it.
TRUNKS = {
    "hard_sharing": HardSharing,
    "independent": Independent,
    "conditioned": Conditioned,
    "cross_stitch": CrossStitch,
    "attention": Attention,
    "bypass": Bypass,
    "soft_sharing": SoftSharing,
    "adapters": Adapters,
    "mmoe": MMoE,
    "cgc": CGC,
    "ple": PLE,
    "dselect_k": DSelectK,
}
