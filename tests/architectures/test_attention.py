"""Attention: masks on shared features, by hand and by a loop over tasks."""

import torch
from architectures._trunks import batch, generic, make, set_weights
from torch.testing import assert_close

from skmtl.architectures import Attention, HardSharing


def test_forward_by_a_loop_over_tasks():
    trunk, X = generic(Attention(width=3)), batch()

    def linear(stack, t, X):
        return X @ stack.weight[t].T + stack.bias.view(3, -1)[t]

    for t, found in enumerate(trunk(X).unbind(1)):
        shared, masked = X, torch.empty(6, 0).double()
        for layer, first, second in zip(trunk.layers, trunk.mask_inputs, trunk.mask_outputs, strict=True):
            shared = torch.tanh(layer(shared))
            hidden = torch.tanh(linear(first, t, torch.cat([shared, masked], dim=1)))
            masked = torch.sigmoid(linear(second, t, hidden)) * shared
        assert_close(found, masked)


def test_one_unit_by_hand():
    trunk = make(Attention(width=1), n_tasks=2, hidden=(1,), n_features=1, activation="identity")
    set_weights(
        trunk,
        layers__0__weight=2.0,
        mask_inputs__0__weight=[[[1.0]], [[0.0]]],
        mask_outputs__0__weight=[[[0.5]], [[1.0]]],
    )
    expected = torch.tensor([[[6 / (1 + torch.e**-3)], [3.0]]]).double()  # 6 times sigmoid(6 / 2), and times a half
    assert_close(trunk(torch.tensor([[3.0]]).double()), expected)


def test_open_masks_are_hard_sharing():
    trunk, hard = generic(Attention()), make(HardSharing())
    hard.layers.load_state_dict(trunk.layers.state_dict())
    for second in trunk.mask_outputs:
        second.weight.data.zero_()
        second.bias.data.fill_(100.0)
    assert_close(trunk(batch()), hard(batch()).unsqueeze(1).expand(-1, 3, -1))


def test_masks_never_add_and_never_turn_the_sign():
    trunk, hard = generic(Attention()), make(HardSharing())
    hard.layers.load_state_dict(trunk.layers.state_dict())
    ratio = trunk(batch()) / hard(batch()).unsqueeze(1)
    assert (ratio > 0).all() and (ratio < 1).all()


def test_width_is_that_of_the_masks_networks():
    trunk = make(Attention(width=7))
    assert [tuple(p.weight.shape) for p in trunk.mask_inputs] == [(3, 7, 5), (3, 7, 4 + 5)]
    assert [tuple(p.weight.shape) for p in trunk.mask_outputs] == [(3, 5, 7), (3, 4, 7)]
