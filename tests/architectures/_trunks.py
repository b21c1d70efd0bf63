"""Small trunks in double precision, and what tasks reach in them."""

import torch

from skmtl._activations import ACTIVATIONS


def make(architecture, n_tasks=3, hidden=(5, 4), n_features=3, activation="tanh", seed=0):
    """The trunk, initialized, in float64 and evaluation mode."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        architecture.initialize(
            n_features, n_tasks, hidden_layer_sizes=hidden, activation=ACTIVATIONS[activation], dropout=0.0
        )
    return architecture.double().eval()


def generic(architecture, **settings):
    """The trunk with random weights all over, also where it starts from zeros or from the like."""
    architecture, generator = make(architecture, **settings), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in architecture.parameters():
            p.add_(0.5 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
    return architecture


def batch(n=6, n_features=3):
    return torch.randn(n, n_features, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def set_weights(architecture, **weights):
    """Set parameters by name, with ``__`` for dots; the others to zero."""
    with torch.no_grad():
        for name, p in architecture.named_parameters():
            p.copy_(torch.as_tensor(weights.pop(name.replace(".", "__"), 0.0), dtype=p.dtype).expand_as(p))
    assert not weights
    return architecture


def n_tasks_that_reach(architecture, n_tasks):
    """By parameter name, the number of tasks with a gradient in each element."""
    Z = architecture(batch())
    Z = Z if Z.ndim == 3 else Z.unsqueeze(1).expand(-1, n_tasks, -1)
    names, parameters = zip(*architecture.named_parameters(), strict=True)
    rows = [
        torch.autograd.grad(Z[:, t].exp().sum(), parameters, retain_graph=True, allow_unused=True)
        for t in range(n_tasks)
    ]
    counts = [sum(g.ne(0).int() for g in column if g is not None) for column in zip(*rows, strict=True)]
    return dict(zip(names, counts, strict=True))
