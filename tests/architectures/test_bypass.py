"""Bypass: by hand, the units that are shared, and both ends of the degree of sharing."""

import pytest
import torch
from architectures._trunks import batch, generic, make, set_weights
from torch.testing import assert_close

from skmtl.architectures import Bypass, HardSharing, Independent


def test_forward_by_hand():
    trunk = make(Bypass(sharing=0.5), n_tasks=2, hidden=(2, 2), n_features=1, activation="identity")
    set_weights(
        trunk,
        shared__0__weight=2.0,  # of the input 1: 2
        private__0__weight=[[[1.0]], [[5.0]]],  # 1, and 5
        shared__1__weight=3.0,  # 6: reads the shared unit alone
        private__1__weight=[[[1.0, 10.0]], [[-1.0, 1.0]]],  # 2 + 10, and -2 + 5
        private__1__bias=[0.0, 0.5],
    )
    assert trunk(torch.ones(1, 1).double()).tolist() == [[[6.0, 12.0], [6.0, 3.5]]]


def test_forward_by_a_loop_over_tasks():
    trunk, X = generic(Bypass(sharing=0.4)), batch()
    for t, found in enumerate(trunk(X).unbind(1)):
        shared, private = X, torch.empty(6, 0).double()
        for common, own in zip(trunk.shared, trunk.private, strict=True):
            both = torch.cat([shared, private], dim=1)
            private = torch.tanh(both @ own.weight[t].T + own.bias.view(3, -1)[t])
            shared = torch.tanh(common(shared))
        assert_close(found, torch.cat([shared, private], dim=1))


def test_all_shared_is_hard_sharing():
    trunk, hard = make(Bypass(sharing=1)), make(HardSharing())
    assert [p.shape for p in trunk.parameters()] == [p.shape for p in hard.parameters()]
    hard.layers.load_state_dict(trunk.shared.state_dict())
    assert torch.equal(trunk(batch()), hard(batch()))


def test_nothing_shared_is_separate_networks():
    trunk, separate = generic(Bypass(sharing=0)), make(Independent())
    assert [p.shape for p in trunk.parameters()] == [p.shape for p in separate.parameters()]
    separate.stack.layers.load_state_dict(trunk.private.state_dict())
    assert torch.equal(trunk(batch()), separate(batch()))
    assert trunk.shared_parameters() == []


@pytest.mark.parametrize("sharing", [0, 0.01, 0.25, 0.5, 0.99, 1.0])
def test_a_task_sees_a_network_of_the_same_width(sharing):
    trunk = make(Bypass(sharing=sharing), hidden=(20, 10))
    assert trunk(batch()).shape[-1] == 10


@pytest.mark.parametrize(("sharing", "n_shared"), [(0.01, 1), (0.24, 2), (0.26, 3), (0.5, 5), (0.99, 9)])
def test_sharing_is_the_share_of_units_in_common_and_leaves_one_of_either_kind(sharing, n_shared):
    trunk = make(Bypass(sharing=sharing), hidden=(10, 10))
    assert [layer.out_features for layer in trunk.shared] == [n_shared] * 2
    assert [tuple(layer.weight.shape) for layer in trunk.private] == [(3, 10 - n_shared, 3), (3, 10 - n_shared, 10)]
    Z = trunk(batch())
    assert_close(Z[:, 0, :n_shared], Z[:, 2, :n_shared])
    assert (Z[:, 0, n_shared:] != Z[:, 2, n_shared:]).all()


def test_parameters_fall_from_separate_networks_to_one():
    counts = [sum(p.numel() for p in make(Bypass(sharing=s), hidden=(20, 20)).parameters()) for s in (0, 0.3, 0.6, 1)]
    assert counts == sorted(counts, reverse=True) and counts[0] == 3 * counts[-1]


def test_a_layer_of_one_unit_cannot_be_split():
    message = r"Bypass\(sharing=0\.5\).*hidden_layer_sizes=\(4, 1\).*wider, or set sharing to 0 or 1"
    with pytest.raises(ValueError, match=message):
        make(Bypass(), hidden=[4, 1])
    for end in (0, 1):
        assert make(Bypass(sharing=end), hidden=[4, 1])(batch()).shape[-1] == 1
