"""CGC: by hand, where its gates leave one kind of experts alone, and as LibMTL has it."""

import math

import pytest
import torch
from _libmtl import libmtl_architecture
from architectures._experts import load_experts, load_gates
from architectures._trunks import batch, generic, make, set_weights
from torch import nn
from torch.testing import assert_close

from skmtl.architectures import CGC, MMoE


def test_one_unit_by_hand():
    trunk = make(CGC(n_shared_experts=1), n_tasks=2, hidden=(1,), n_features=1, activation="identity")
    set_weights(
        trunk,
        level__shared_experts__layers__0__weight=1.0,
        level__task_experts__layers__0__weight=[[[2.0]], [[5.0]]],
        level__task_gates__bias=[0.0, 0.0, math.log(3), 0.0],
    )
    X = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    # (1 + 2) / 2 and 3/4 + 5/4, times the input.
    assert_close(trunk(X).squeeze(2), torch.tensor([[1.5, 2.0], [3.0, 4.0]], dtype=torch.float64))
    shares = torch.tensor([[0.5, 0.5], [0.75, 0.25]], dtype=torch.float64)
    assert_close(trunk.expert_weights(X), shares.expand(2, 2, 2))


def leave_alone(trunk, experts):
    """Make every gate give nothing to these of its experts."""
    with torch.no_grad():
        trunk.level.task_gates.bias.view(3, -1)[:, experts] -= 1e6
    return trunk


def test_without_experts_of_their_own_it_is_mmoe():
    trunk = leave_alone(generic(CGC(n_shared_experts=2, n_task_experts=3)), slice(2, None))
    other = make(MMoE(n_experts=2))
    other.experts.load_state_dict(trunk.level.shared_experts.state_dict())
    gates = trunk.level.task_gates
    other.gates.load_state_dict({"weight": gates.weight[:, :2], "bias": gates.bias.view(3, 5)[:, :2].flatten()})
    assert_close(trunk(batch()), other(batch()))


def test_without_shared_experts_a_task_has_networks_to_itself():
    trunk = leave_alone(generic(CGC(n_shared_experts=2, n_task_experts=1)), slice(2))
    assert_close(trunk(batch()), trunk.level.task_experts(batch()).transpose(0, 1))


@pytest.mark.parametrize(("n_shared", "n_own"), [(1, 1), (3, 2)])
def test_forward_is_that_of_libmtl(n_shared, n_own):
    trunk = generic(CGC(n_shared_experts=n_shared, n_task_experts=n_own))

    def encoder():
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh())

    other = libmtl_architecture("CGC", 3, encoder, 3, [n_shared, n_own, n_own, n_own]).double()
    load_experts(other.experts_shared, trunk.level.shared_experts)
    for t in range(3):
        load_experts(other.experts_specific[str(t)], trunk.level.task_experts, first=t * n_own)
    load_gates(other.gate_specific, trunk.level.task_gates)
    expected = other(batch())
    for t in range(3):
        assert_close(trunk(batch())[:, t], expected[str(t)])
    assert sum(p.numel() for p in trunk.shared_parameters()) == sum(p.numel() for p in other.get_share_params())
    assert sum(p.numel() for p in trunk.parameters()) == sum(p.numel() for p in other.parameters())
