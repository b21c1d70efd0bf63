"""MMoE: by hand, as hard sharing, and as LibMTL has it."""

import math

import torch
from _libmtl import libmtl_architecture
from architectures._experts import load_experts, load_gates
from architectures._trunks import batch, generic, make, set_weights
from torch import nn
from torch.testing import assert_close

from skmtl._activations import ACTIVATIONS
from skmtl.architectures import HardSharing, MMoE


def test_one_unit_by_hand():
    trunk = make(MMoE(n_experts=2), n_tasks=2, hidden=(1,), n_features=1, activation="identity")
    set_weights(
        trunk,
        experts__layers__0__weight=[[[2.0]], [[-1.0]]],
        experts__layers__0__bias=[1.0, 0.0],
        gates__weight=[[[0.0], [0.0]], [[math.log(3)], [0.0]]],
        gates__bias=[0.0, 0.0, 0.0, 0.0],
    )
    X = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    # Experts: 3 and -1, 5 and -2. Gates: a half each; 3/4 and 1/4, 9/10 and 1/10.
    assert_close(trunk(X).squeeze(2), torch.tensor([[1.0, 2.0], [1.5, 4.3]], dtype=torch.float64))
    shares = [[[0.5, 0.5], [0.75, 0.25]], [[0.5, 0.5], [0.9, 0.1]]]
    assert_close(trunk.expert_weights(X), torch.tensor(shares, dtype=torch.float64))


def test_the_bias_of_a_gate_is_a_preference_whatever_the_row():
    trunk = generic(MMoE(n_experts=2))
    trunk.gates.weight.data.zero_()
    trunk.gates.bias.data = torch.tensor([0.0, 0.0, math.log(4), 0.0, -50.0, 50.0], dtype=torch.float64)
    first, second = trunk.experts(batch())
    assert_close(trunk(batch())[:, 0], (first + second) / 2)
    assert_close(trunk(batch())[:, 1], 0.8 * first + 0.2 * second)
    assert_close(trunk(batch())[:, 2], second)


def test_one_expert_is_hard_sharing():
    trunk, hard = generic(MMoE(n_experts=1)), make(HardSharing())
    for layer, stack in zip(hard.layers, trunk.experts.layers, strict=True):
        layer.load_state_dict({"weight": stack.weight[0], "bias": stack.bias})
    assert_close(trunk(batch()), hard(batch()).unsqueeze(1).expand(-1, 3, -1))


def test_dropout_is_in_the_experts():
    trunk = MMoE(n_experts=1).initialize(3, 2, hidden_layer_sizes=(400,), activation=ACTIVATIONS["tanh"], dropout=0.25)
    X = torch.ones(5, 3)
    Z = trunk(X)
    assert 0.2 < (Z == 0).float().mean() < 0.3
    assert torch.equal(Z[:, 0], Z[:, 1])  # the tasks see the same units
    assert (trunk.eval()(X) != 0).all()


def test_forward_is_that_of_libmtl():
    trunk = generic(MMoE(n_experts=3))

    def encoder():
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh())

    other = libmtl_architecture("MMoE", 3, encoder, 3, [3]).double()
    load_experts(other.experts_shared, trunk.experts)
    load_gates(other.gate_specific, trunk.gates)
    expected = other(batch())
    for t in range(3):
        assert_close(trunk(batch())[:, t], expected[str(t)])
    assert sum(p.numel() for p in trunk.shared_parameters()) == sum(p.numel() for p in other.get_share_params())
