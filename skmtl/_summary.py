"""What a network takes: its parameters, and the multiply-adds of a row."""

import itertools

import torch

from .architectures import ArchitectureSummary, OwnTrunk


def summarize(network, hidden_layer_sizes, head_hidden_layer_sizes):
    """Count parameters and multiply-adds of a network, and of separate networks for its tasks.

    Parameters
    ----------
    network : Network or MemberNetworks
        Trained or not.
    hidden_layer_sizes, head_hidden_layer_sizes : tuple of int
        Hidden layers that each separate network would have; with a trunk of the user's, it would have that.

    Returns
    -------
    summary : ArchitectureSummary
    """
    members = [network] if network.n_members == 1 else list(network.members)
    one, n = members[0], len(members)
    trunk, heads = one.trunk, one.heads
    in_shared = set(map(id, trunk.shared_parameters()))
    shared = _tables(one) + _size(p for p in trunk.parameters() if id(p) in in_shared)
    own = _size(p for p in trunk.parameters() if id(p) not in in_shared)
    if heads.n_tasks == 1:
        shared, own = 0, shared + own
    through_trunk = _products(trunk, one.input_shape, one)
    size = shared + own + _size(heads.parameters())
    apart = _separate(one, hidden_layer_sizes, head_hidden_layer_sizes, through_trunk)
    parameters = {
        "shared by tasks": shared,
        "of single tasks": own,
        "trunk": shared + own,
        "heads": _size(heads.parameters()),
        "network": size,
        "separate networks": apart[0],
    }
    products = {
        "trunk": through_trunk,
        "heads": heads.n_products,
        "network": through_trunk + heads.n_products,
        "separate networks": apart[1],
    }
    return ArchitectureSummary(*({part: n * count for part, count in c.items()} for c in (parameters, products)))


def _size(parameters):
    return sum(p.numel() for p in parameters if p.requires_grad)


def _tables(network):
    """Numbers in the tables of categories, which cost no multiply-adds."""
    return 0 if network.tables is None else _size(network.tables.parameters())


def _products(trunk, shape, network):
    """Multiply-adds of a row through a trunk."""
    # Imported where used: counting loads parts of torch that take a second.
    from torch.utils.flop_counter import FlopCounterMode

    was_training = trunk.training
    row = torch.zeros(1, *shape, dtype=network.dtype, device=network.device)
    try:
        # With gradients, as in training: without, small products may be no products of matrices.
        with FlopCounterMode(display=False) as counter, torch.enable_grad():
            trunk.eval()(row)
    finally:
        trunk.train(was_training)
    return counter.get_total_flops() // 2


def _separate(network, hidden_layer_sizes, head_hidden_layer_sizes, through_trunk):
    """Parameters and multiply-adds of T networks, each with a trunk of its own and the head of its task."""
    trunk, heads = network.trunk, network.heads
    if isinstance(trunk, OwnTrunk):
        size = heads.n_tasks * _size(trunk.parameters()) + _size(heads.parameters())
        return size, heads.n_tasks * through_trunk + heads.n_products
    sizes = [*network.input_shape, *hidden_layer_sizes, *head_hidden_layer_sizes]
    weights = heads.n_tasks * sum(a * b for a, b in itertools.pairwise(sizes)) + network.n_raw * sizes[-1]
    return weights + heads.n_tasks * (sum(sizes[1:]) + _tables(network)) + network.n_raw, weights
