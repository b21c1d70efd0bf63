"""Torch callables as losses: what they are given, what they may return."""

import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from sklearn.base import clone
from torch import nn

from skmtl.losses import CallableLoss, Focal, Huber, LogLoss, Loss


@pytest.fixture
def regression(rng):
    return torch.tensor(rng.normal(size=(20, 3, 1))), torch.tensor(rng.normal(size=(20, 3)))


@pytest.fixture
def multiclass(rng):
    """Class-major raw outputs (20, 3, 4) and codes."""
    raw = torch.tensor(rng.normal(size=(20, 4, 3))).transpose(1, 2)
    return raw, torch.tensor(rng.integers(4, size=(20, 3))).double()


@pytest.mark.parametrize(
    "fn",
    [
        F.huber_loss,
        partial(F.huber_loss, reduction="mean"),
        nn.HuberLoss(reduction="none"),
        lambda raw, target: F.huber_loss(raw, target, reduction="none"),
    ],
    ids=["function", "partial", "module", "lambda"],
)
def test_regression(regression, fn):
    loss, same = CallableLoss(fn), Huber(delta=1.0)
    torch.testing.assert_close(loss(*regression), same(*regression))
    with torch.no_grad():
        torch.testing.assert_close(loss.slope(*regression), same.slope(*regression))
    assert torch.equal(loss.predict(regression[0]), regression[0][..., 0])


@pytest.mark.parametrize(
    "fn", [F.binary_cross_entropy_with_logits, nn.BCEWithLogitsLoss(reduction="none")], ids=["function", "module"]
)
def test_two_classes(regression, fn):
    raw, target = regression[0], (regression[1] > 0).double()
    loss = CallableLoss(fn, "classification")
    torch.testing.assert_close(loss(raw, target), LogLoss()(raw, target))
    torch.testing.assert_close(loss.slope(raw, target), LogLoss().slope(raw, target))
    torch.testing.assert_close(loss.predict(raw), LogLoss().predict(raw))


@pytest.mark.parametrize("fn", [F.cross_entropy, nn.CrossEntropyLoss(reduction="none")], ids=["function", "module"])
def test_many_classes(multiclass, fn):
    loss = CallableLoss(fn, "classification")
    assert loss.n_raw(4) == 4
    torch.testing.assert_close(loss(*multiclass), LogLoss()(*multiclass))
    torch.testing.assert_close(loss.slope(*multiclass), LogLoss().slope(*multiclass))
    torch.testing.assert_close(loss.predict(multiclass[0]), LogLoss().predict(multiclass[0]))


def test_what_the_callable_is_given(multiclass):
    seen = []

    def record(raw, target):
        seen.append((raw.shape, raw.is_contiguous(), target.dtype))
        return raw.sum(1)

    CallableLoss(record, "classification")(*multiclass)
    assert seen == [((20, 4, 3), True, torch.int64)]


def test_autograd_slope_is_the_closed_form_of_a_loss(multiclass):
    def focal(raw, target):
        return Focal()(raw.transpose(1, 2), target)

    loss = CallableLoss(focal, "classification")
    torch.testing.assert_close(loss.slope(*multiclass), Focal().slope(*multiclass))


@pytest.mark.parametrize(
    ("fn", "name", "got"),
    [
        (nn.SmoothL1Loss(), r"SmoothL1Loss\(\)", r"shape \(\)"),
        (lambda raw, target: (raw - target).mean(0), "<lambda>", r"shape \(3,\)"),
        (lambda raw, target: 0.5, "<lambda>", "a float"),
        (lambda raw, target: (raw - target).detach().numpy(), "<lambda>", "a ndarray"),
    ],
    ids=["scalar", "row", "float", "numpy"],
)
def test_wrong_result(regression, fn, name, got):
    message = rf"The loss {name} returned {got}; .* shape \(20, 3\): .* set reduction='none'"
    with pytest.raises(ValueError, match=message):
        CallableLoss(fn)(*regression)


def test_result_without_gradient(regression):
    with pytest.raises(ValueError, match=r"have no gradient"):
        CallableLoss(lambda raw, target: (raw - target).detach()).slope(*regression)


def test_builtin_without_a_signature(regression):
    torch.testing.assert_close(CallableLoss(torch.sub)(*regression), regression[0][..., 0] - regression[1])


def test_component_contract(regression):
    loss = CallableLoss(nn.HuberLoss(reduction="none"), "regression")
    values = loss(*regression)
    assert isinstance(loss, Loss)
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss))):
        torch.testing.assert_close(copy(*regression), values)
    assert repr(CallableLoss(nn.HuberLoss(), "classification")) == "CallableLoss(fn=HuberLoss(), kind='classification')"


def test_key_is_that_of_the_function_and_the_kind():
    module = nn.HuberLoss(reduction="none")
    assert CallableLoss(F.huber_loss).key == CallableLoss(F.huber_loss).key
    assert CallableLoss(module).key == CallableLoss(module).key
    assert CallableLoss(module).key != CallableLoss(nn.HuberLoss(reduction="none")).key
    assert CallableLoss(module).key != CallableLoss(module, "classification").key
