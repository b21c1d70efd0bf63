"""What holds for trunks that are separate but linked: cross-stitch, attention, soft sharing, bypass, adapters."""

import numpy as np
import pytest
import torch
from architectures._trunks import batch, generic, make, n_tasks_that_reach
from sklearn.utils._param_validation import InvalidParameterError
from torch.func import functional_call

from skmtl.architectures import Adapters, Attention, Bypass, CrossStitch, SoftSharing

VARIANTS = [
    CrossStitch(),
    CrossStitch(stitch_after=[0]),
    CrossStitch(by_channel=True),
    Attention(width=3),
    SoftSharing(),
    Bypass(),
    Bypass(sharing=0),
    Bypass(sharing=1),
    Adapters(rank=2),
    Adapters(rank=0),
]
variants = pytest.mark.parametrize("architecture", VARIANTS, ids=repr)

#: Parameters with a leading axis for the tasks.
BY_TASK = {
    CrossStitch: "layers",
    Attention: "mask",
    SoftSharing: "stack",
    Bypass: "private",
    Adapters: "adapters",
}


@variants
def test_shared_is_what_two_tasks_have_gradients_in(architecture):
    trunk = generic(architecture)
    shared = {id(p) for p in trunk.shared_parameters()}
    reached = n_tasks_that_reach(trunk, 3)
    for name, p in trunk.named_parameters():
        assert (reached[name] == 3).all() if id(p) in shared else (reached[name] == 1).all(), name


@variants
def test_permuting_the_tasks_permutes_the_output(architecture):
    trunk, X, order = generic(architecture), batch(), [2, 0, 1]
    expected = trunk(X)
    with torch.no_grad():
        for name, p in trunk.named_parameters():
            if name.startswith(BY_TASK[type(architecture)]):
                p.copy_(p.view(3, -1)[order].view_as(p).clone())
            elif name.startswith("stitches"):
                p.copy_(p.view(-1, 3, 3)[:, order][:, :, order].flatten())
    torch.testing.assert_close(trunk(X), expected[:, order] if expected.ndim == 3 else expected)


@variants
def test_a_row_has_the_same_representation_alone(architecture):
    trunk, X = generic(architecture), batch()
    torch.testing.assert_close(trunk(X[:1]), trunk(X)[:1])


@variants
@pytest.mark.parametrize("hidden", [(8, 6), (3, 2), (40, 30)])
def test_its_digits_do_not_depend_on_the_rows_beside_it(architecture, hidden):
    trunk, X = generic(architecture, hidden=hidden).float(), batch(200).float()
    with torch.no_grad():
        assert torch.equal(trunk(X[:8]), trunk(X)[:8])


@variants
def test_gradients_agree_with_finite_differences(architecture):
    trunk, X = generic(architecture, n_tasks=2, hidden=(3, 2), n_features=2), batch(3, 2).requires_grad_()
    names, parameters = zip(*trunk.named_parameters(), strict=True)
    assert torch.autograd.gradcheck(
        lambda X, *values: functional_call(trunk, dict(zip(names, values, strict=True)), (X,)), (X, *parameters)
    )


@pytest.mark.parametrize("architecture", [a for a in VARIANTS if not getattr(a, "stitch_after", None)], ids=repr)
def test_without_hidden_layers_every_task_sees_the_input(architecture):
    trunk, X = make(architecture, hidden=()), batch()
    assert not list(trunk.parameters()) and trunk.penalty() is None
    Z = trunk(X)
    assert torch.equal(Z, X.unsqueeze(1).expand_as(Z) if Z.ndim == 3 else X)


@variants
def test_one_task_has_a_trunk_of_its_own(architecture):
    trunk, X = generic(architecture, n_tasks=1), batch()
    assert trunk(X).reshape(6, -1).shape == (6, 4)
    assert trunk.penalty() is None
    assert all((n == 1).all() for n in n_tasks_that_reach(trunk, 1).values())


@variants
def test_the_activation_follows_every_layer(architecture):
    """With positive mixtures and masks, nothing below zero after ReLU; without activation, something is."""
    assert (make(architecture, activation="relu")(batch()) >= 0).all()
    assert (make(architecture, activation="identity")(batch()) < 0).any()


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (CrossStitch(own=1.1), "'own' parameter of CrossStitch"),
        (CrossStitch(stitch_after=0), "'stitch_after' parameter of CrossStitch"),
        (CrossStitch(by_channel="yes"), "'by_channel' parameter of CrossStitch"),
        (Attention(width=0), "'width' parameter of Attention"),
        (SoftSharing(strength=-1), "'strength' parameter of SoftSharing"),
        (SoftSharing(norm="l1"), "'norm' parameter of SoftSharing must be a str among"),
        (Bypass(sharing=1.5), "'sharing' parameter of Bypass"),
        (Bypass(sharing=np.nan), "'sharing' parameter of Bypass"),
        (Adapters(rank=-1), "'rank' parameter of Adapters"),
        (Adapters(rank=1.5), "'rank' parameter of Adapters"),
    ],
    ids=str,
)
def test_a_parameter_out_of_range_is_refused(architecture, message):
    with pytest.raises(InvalidParameterError, match=message):
        make(architecture)
