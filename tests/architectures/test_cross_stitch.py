"""Cross-stitch networks: by hand, against separate networks, and against LibMTL's."""

import numpy as np
import pytest
import torch
from _libmtl import libmtl_architecture
from architectures._trunks import batch, generic, make, set_weights
from torch import nn
from torch.testing import assert_close

from skmtl import MultiTaskRegressor
from skmtl.architectures import CrossStitch, Independent


def separate(trunk):
    """Trunks of the same weights that know nothing of each other."""
    other = make(Independent())
    for theirs, ours in zip(other.parameters(), trunk.layers.parameters(), strict=True):
        theirs.data = ours.data
    return other


def test_forward_by_hand():
    trunk = make(CrossStitch(), n_tasks=2, hidden=(1, 1), n_features=1, activation="identity")
    set_weights(
        trunk,
        layers__0__layers__0__weight=[[[2.0]], [[3.0]]],
        layers__1__layers__0__weight=[[[1.0]], [[-1.0]]],
        layers__1__layers__0__bias=[0.0, 10.0],
        stitches__0=[0.5, 0.5, 0.0, 1.0],  # by row: (2 + 3) / 2 = 2.5, and 3
        stitches__1=[1.0, 1.0, 0.0, 2.0],  # of 2.5 and 10 - 3
    )
    assert trunk(torch.ones(1, 1).double()).tolist() == [[[9.5], [14.0]]]


def test_a_matrix_a_channel_by_hand():
    trunk = make(CrossStitch(by_channel=True), n_tasks=2, hidden=(2,), n_features=1, activation="identity")
    set_weights(
        trunk,
        layers__0__layers__0__weight=[[[1.0], [2.0]], [[3.0], [4.0]]],
        stitches__0=[1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.5, 0.0],  # the first unit's matrix, the second's
    )
    assert trunk(torch.ones(1, 1).double()).tolist() == [[[4.0, 4.0], [3.0, 1.0]]]


def test_like_matrices_for_all_channels_are_one_matrix():
    one, many = generic(CrossStitch()), generic(CrossStitch(by_channel=True))
    many.layers.load_state_dict(one.layers.state_dict())
    for single, by_channel in zip(one.stitches, many.stitches, strict=True):
        by_channel.data = single.data.repeat(len(by_channel) // 9)
    assert_close(many(batch()), one(batch()))


def test_the_identity_makes_independent_trunks():
    trunk = make(CrossStitch(own=1.0))
    assert_close(trunk(batch()), separate(trunk)(batch()))


def test_equal_weights_make_all_tasks_alike():
    Z = make(CrossStitch(own=1 / 3))(batch())
    assert_close(Z[:, 0], Z[:, 1])
    assert_close(Z[:, 0], Z[:, 2])


@pytest.mark.parametrize(("n_tasks", "others"), [(2, 0.1), (3, 0.05), (11, 0.01)])
def test_a_trunk_starts_with_nine_tenths_of_its_own(n_tasks, others):
    first, second = make(CrossStitch(), n_tasks=n_tasks).stitches
    expected = np.full((n_tasks, n_tasks), others) + np.eye(n_tasks) * (0.9 - others)
    assert_close(first.data.view(n_tasks, n_tasks).numpy(), expected, rtol=1e-6, atol=0)
    assert torch.equal(first, second)


def test_trunks_are_stitched_only_where_asked_for():
    trunk = generic(CrossStitch(stitch_after=(1, 1)))
    assert trunk.stitched == [1] and len(trunk.stitches) == 1
    mixed = torch.einsum("ts,nsh->nth", trunk.stitches[0].view(3, 3), separate(trunk)(batch()))
    assert_close(trunk(batch()), mixed)
    assert {id(p) for p in trunk.shared_parameters()} == {id(p) for p in trunk.layers.parameters()}


def test_without_stitches_nothing_is_shared():
    for trunk in (make(CrossStitch(stitch_after=[])), make(CrossStitch(), n_tasks=1)):
        assert len(trunk.stitches) == 0
        assert trunk.shared_parameters() == []


def test_with_many_layers_the_last_is_the_last():
    trunk = generic(CrossStitch(), hidden=(2,) * 12)
    specific = {id(p) for p in trunk.parameters()} - {id(p) for p in trunk.shared_parameters()}
    assert specific == {id(trunk.stitches[11])}


@pytest.mark.parametrize("layers", [[2], [0, -1], [0.5], ["0"]])
def test_a_layer_that_does_not_exist_is_refused(layers):
    with pytest.raises(ValueError, match=rf"'stitch_after'.*from 0 to below 2.*hidden_layer_sizes; got {layers[-1]!r}"):
        make(CrossStitch(stitch_after=layers))


def test_mixtures_are_not_penalised_and_weights_are():
    trunk = make(CrossStitch(by_channel=True))
    assert {p.ndim for p in trunk.stitches} == {1}
    assert {layer.layers[0].weight.ndim for layer in trunk.layers} == {3}


class Encoder(nn.Module):
    """What LibMTL takes for a residual network: four layers after a beginning, which here does nothing."""

    def __init__(self):
        super().__init__()
        self.conv1 = self.bn1 = self.relu = self.maxpool = nn.Identity()
        for number, (a, b) in enumerate([(3, 5), (5, 4), (4, 4), (4, 2)]):
            setattr(self, f"layer{number + 1}", nn.Sequential(nn.Linear(a, b), nn.Tanh()))


def test_with_one_mixture_for_all_tasks_it_is_libmtls():
    """LibMTL's tasks all go on with the same mixture, where the paper has one for each; it has none at the end."""
    theirs = libmtl_architecture("Cross_stitch", 3, Encoder, 3, []).double()
    trunk = make(CrossStitch(stitch_after=[0, 1, 2]), hidden=(5, 4, 4, 2))
    with torch.no_grad():
        for number, layer in enumerate(trunk.layers):
            linear = [block[0] for block in theirs.encoder.resnet_layer[str(number)]]
            layer.layers[0].weight.copy_(torch.stack([one.weight for one in linear]))
            layer.layers[0].bias.copy_(torch.cat([one.bias for one in linear]))
        theirs.encoder.cross_unit.uniform_(-1, 1)
        for stitch, row in zip(trunk.stitches, theirs.encoder.cross_unit[:3], strict=True):
            stitch.copy_(row.repeat(3))
    for found, expected in zip(trunk(batch()).unbind(1), theirs(batch()).values(), strict=True):
        assert_close(found, expected)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_a_row_is_predicted_the_same_alone(regression):
    X, Y = regression
    model = MultiTaskRegressor(architecture=CrossStitch(by_channel=True), hidden_layer_sizes=(8, 6), max_iter=2)
    predicted = model.fit(X, Y).predict(X)
    for n in (1, 9, 50):
        assert np.array_equal(model.predict(X[:n]), predicted[:n])
