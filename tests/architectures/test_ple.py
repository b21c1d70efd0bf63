"""PLE: by hand, against the paper's formulas expert by expert, as CGC, and as LibMTL has its first level."""

import math

import pytest
import torch
from _libmtl import libmtl_architecture
from architectures._trunks import batch, generic, make, set_weights
from torch import nn
from torch.testing import assert_close

from skmtl.architectures import CGC, PLE


def test_two_levels_of_one_unit_by_hand():
    trunk = make(PLE(n_shared_experts=1), n_tasks=2, hidden=(1, 1), n_features=1, activation="identity")
    set_weights(
        trunk,
        levels__0__shared_experts__layers__0__weight=1.0,
        levels__0__task_experts__layers__0__weight=[[[2.0]], [[5.0]]],
        levels__0__task_gates__bias=[0.0, 0.0, math.log(3), 0.0],
        levels__0__shared_gate__bias=[0.0, 0.0, math.log(2)],
        levels__1__shared_experts__layers__0__weight=1.0,
        levels__1__shared_experts__layers__0__bias=1.0,
        levels__1__task_experts__layers__0__weight=[[[-1.0]], [[2.0]]],
    )
    X = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    # The first level: 1.5 x and 2 x, as in CGC, and for all x / 4 + 2 x / 4 + 5 x / 2 = 3.25 x.
    # The second: half of 3.25 x + 1, and half of -1.5 x and of 4 x.
    expected = [[(3.25 * x + 1 + own * x) / 2 for own in (-1.5, 4.0)] for x in (1, 2)]
    assert_close(trunk(X).squeeze(2), torch.tensor(expected, dtype=torch.float64))


def mixture(gates, t, x, experts):
    weight, bias = gates.weight[t], gates.bias.view(len(gates.weight), -1)[t]
    return sum(w.unsqueeze(1) * f for w, f in zip((x @ weight.T + bias).softmax(1).T, experts, strict=True))


def expert(stack, k, x):
    for layer in stack.layers:
        x = torch.tanh(x @ layer.weight[k].T + layer.bias.view(stack.n, -1)[k])
    return x


@pytest.mark.parametrize(("n_levels", "n_shared", "n_own"), [(None, 1, 1), (None, 2, 3), (2, 3, 2), (1, 2, 2)])
def test_levels_are_those_of_the_paper_expert_by_expert(n_levels, n_shared, n_own):
    trunk = generic(PLE(n_levels, n_shared, n_own), hidden=(5, 4, 2))
    shared, own = batch(), [batch()] * 3
    for level in trunk.levels:
        for_all = [expert(level.shared_experts, s, shared) for s in range(n_shared)]
        of_task = [[expert(level.task_experts, t * n_own + e, own[t]) for e in range(n_own)] for t in range(3)]
        own = [mixture(level.task_gates, t, own[t], for_all + of_task[t]) for t in range(3)]
        if level is not trunk.levels[-1]:
            shared = mixture(
                level.shared_gate, 0, shared, for_all + [f for own_of_task in of_task for f in own_of_task]
            )
    assert level.shared_gate is None
    assert_close(trunk(batch()), torch.stack(own, dim=1))


@pytest.mark.parametrize(
    ("n_levels", "layers"),
    [(None, [[6], [5], [4], [3]]), (1, [[6, 5, 4, 3]]), (2, [[6, 5], [4, 3]]), (3, [[6, 5], [4], [3]])],
)
def test_hidden_layers_are_dealt_out_to_the_levels(n_levels, layers):
    trunk = make(PLE(n_levels=n_levels), hidden=(6, 5, 4, 3))
    for level, sizes in zip(trunk.levels, layers, strict=True):
        for stack in (level.shared_experts, level.task_experts):
            assert [layer.weight.shape[1] for layer in stack.layers] == sizes


def test_more_levels_than_layers_are_refused():
    with pytest.raises(ValueError, match=r"n_levels=3 needs as many.*hidden_layer_sizes=\(5, 4\).*lower n_levels"):
        make(PLE(n_levels=3), hidden=(5, 4))


def test_one_level_is_cgc():
    trunk, cgc = generic(PLE(n_levels=1, n_task_experts=2)), make(CGC(n_task_experts=2))
    cgc.level.load_state_dict(trunk.levels[0].state_dict())
    assert_close(trunk(batch()), cgc(batch()))


class Encoder(nn.Module):
    """What LibMTL takes to be a ResNet: one dense layer, and levels above it that change nothing."""

    def __init__(self):
        super().__init__()
        self.conv1, self.relu = nn.Linear(3, 3), nn.Tanh()
        self.bn1 = self.maxpool = self.layer1 = self.layer2 = self.layer3 = self.layer4 = nn.Identity()


def test_one_level_is_that_of_libmtl():
    """Its levels above are not the paper's: there is no gate for what is shared."""
    trunk = generic(PLE(n_shared_experts=2, n_task_experts=2), hidden=(3,))
    other = libmtl_architecture("PLE", 3, Encoder, 3, [2, 2, 2, 2]).double()
    (level,) = trunk.levels
    experts = [*other.encoder.shared_layer["0"], *(e for t in "012" for e in other.encoder.specific_layer["0"][t])]
    weights = torch.cat([stack.layers[0].weight for stack in (level.shared_experts, level.task_experts)])
    biases = torch.cat([stack.layers[0].bias for stack in (level.shared_experts, level.task_experts)]).view(-1, 3)
    for linear, weight, bias in zip(experts, weights, biases, strict=True):
        linear[0].load_state_dict({"weight": weight, "bias": bias})
    for t in range(3):
        gate = {"weight": level.task_gates.weight[t], "bias": level.task_gates.bias.view(3, -1)[t]}
        other.encoder.gate_specific[str(t)][0][0].load_state_dict(gate)
    expected = other(batch())
    for t in range(3):
        assert_close(trunk(batch())[:, t], expected[str(t)])
