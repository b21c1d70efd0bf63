"""Adapters: low-rank changes of a shared trunk, by hand, and where they are none or as good as free."""

import pytest
import torch
from architectures._trunks import batch, generic, make, set_weights
from torch.testing import assert_close

from skmtl.architectures import Adapters, HardSharing


def hard_sharing(trunk):
    hard = make(HardSharing())
    hard.layers.load_state_dict(trunk.layers.state_dict())
    return hard


def test_one_unit_by_hand():
    trunk = make(Adapters(rank=1), n_tasks=2, hidden=(1,), n_features=2, activation="identity")
    set_weights(
        trunk,
        layers__0__weight=[[1.0, 2.0]],
        layers__0__bias=0.5,
        adapters__0__down=[[[1.0, 0.0]], [[0.0, 1.0]]],
        adapters__0__up=[[[3.0]], [[-2.0]]],
    )
    assert trunk(torch.ones(1, 2).double()).tolist() == [[[6.5], [1.5]]]  # 3.5 + 3, and 3.5 - 2


def test_forward_is_that_of_the_changed_weights():
    trunk, X = generic(Adapters(rank=2)), batch()
    for t, found in enumerate(trunk(X).unbind(1)):
        hidden = X
        for layer, adapter in zip(trunk.layers, trunk.adapters, strict=True):
            hidden = torch.tanh(hidden @ (layer.weight + adapter.up[t] @ adapter.down[t]).T + layer.bias)
        assert_close(found, hidden)


def test_it_starts_as_hard_sharing():
    trunk = make(Adapters())
    assert_close(trunk(batch()), hard_sharing(trunk)(batch()).unsqueeze(1).expand(-1, 3, -1))


def test_and_leaves_it_at_the_first_step():
    trunk = make(Adapters())
    torch.autograd.backward(trunk(batch()).exp().sum())
    for adapter in trunk.adapters:
        assert (adapter.up.grad != 0).all() and (adapter.down.grad == 0).all()


def test_rank_zero_is_hard_sharing():
    trunk = make(Adapters(rank=0))
    assert torch.equal(trunk(batch()), hard_sharing(trunk)(batch()))
    assert len(trunk.shared_parameters()) == len(list(trunk.parameters())) == 4


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_change_of_a_task_has_the_rank(rank):
    first = generic(Adapters(rank=rank)).adapters[0]
    assert torch.linalg.matrix_rank(first.up @ first.down).tolist() == [rank] * 3


def test_a_change_of_full_rank_reaches_any_weights():
    trunk, X = make(Adapters(rank=3), hidden=(5,)), batch()
    wanted = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    adapter = trunk.adapters[0]
    adapter.down.data = torch.eye(3).double().repeat(3, 1, 1)
    adapter.up.data = wanted - trunk.layers[0].weight
    expected = torch.tanh(torch.einsum("tha,na->nth", wanted, X) + trunk.layers[0].bias)
    assert_close(trunk(X), expected)


def test_parameters_of_a_task_are_rank_times_inputs_and_outputs():
    trunk = make(Adapters(rank=2))
    assert sum(p.numel() for p in trunk.adapters.parameters()) == 3 * 2 * (3 + 5 + 5 + 4)
