"""What holds for every loss: parametrised over the registry, so that a new loss is covered by being registered."""

import pickle
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.base import clone

from skmtl.losses import LOSSES, Focal, GaussianNLL, Huber, Loss, Quantile, Tweedie

CASES = [
    pytest.param(loss(), n_classes, id=name if n_classes is None else f"{name}-{n_classes}")
    for name, loss in LOSSES.items()
    for n_classes in ([None] if loss.kind == "regression" else [2, 3, 4])
]
NOT_DEFAULT = [
    pytest.param(Huber(delta=0.3), None, id="huber-0.3"),
    pytest.param(Quantile(level=0.9), None, id="quantile-0.9"),
    pytest.param(Tweedie(power=1.1), None, id="tweedie-1.1"),
    *(pytest.param(Focal(gamma=g), k, id=f"focal-{g}-{k}") for g in (0, 0.5, 1) for k in (2, 3)),
]
every_loss = pytest.mark.parametrize(("loss", "n_classes"), CASES)
every_loss_and_more = pytest.mark.parametrize(("loss", "n_classes"), CASES + NOT_DEFAULT)
class_major = pytest.mark.parametrize("class_major", [False, True])


def accepts(loss, value):
    try:
        loss.check_target(np.array([value]), "task")
    except ValueError:
        return False
    return True


def make_target(rng, loss, n_classes, shape, dtype):
    """Targets from the whole domain of the loss."""
    if n_classes is not None:
        return torch.tensor(rng.integers(n_classes, size=shape), dtype=dtype)
    values = rng.normal(size=shape) if accepts(loss, -1.0) else rng.gamma(1.0, size=shape)
    if accepts(loss, 0.0):
        values[::3] = 0.0
    return torch.tensor(values, dtype=dtype)


def make_raw(rng, shape, class_major, dtype):
    """Raw outputs (n, C, k), plain or as the view of class-major memory that the estimators pass."""
    n, C, k = shape
    if class_major:
        return torch.tensor(1.5 * rng.normal(size=(n, k * C)), dtype=dtype).view(n, k, C).transpose(1, 2)
    return torch.tensor(1.5 * rng.normal(size=shape), dtype=dtype)


def make(rng, loss, n_classes, n=7, C=5, class_major=True, dtype=torch.float64):
    raw = make_raw(rng, (n, C, loss.n_raw(n_classes)), class_major, dtype)
    return raw, make_target(rng, loss, n_classes, (n, C), dtype)


def finite_differences(loss, raw, target, step=1e-6):
    slope = torch.empty_like(raw)
    for j in range(raw.shape[2]):
        up, down = raw.clone(), raw.clone()
        up[..., j] += step
        down[..., j] -= step
        slope[..., j] = (loss(up, target) - loss(down, target)) / (2 * step)
    return slope


@every_loss_and_more
@class_major
def test_slope_is_that_of_finite_differences(rng, loss, n_classes, class_major):
    raw, target = make(rng, loss, n_classes, class_major=class_major)
    with torch.no_grad():
        torch.testing.assert_close(loss.slope(raw, target), finite_differences(loss, raw, target), rtol=1e-6, atol=1e-8)


@every_loss_and_more
@class_major
def test_slope_is_that_of_autograd(rng, loss, n_classes, class_major):
    raw, target = make(rng, loss, n_classes, class_major=class_major)
    with torch.no_grad():
        torch.testing.assert_close(loss.slope(raw, target), Loss.slope(loss, raw, target), rtol=1e-10, atol=1e-12)


@every_loss_and_more
@pytest.mark.parametrize("stride", ["every other row", "every other column", "reversed memory"])
def test_any_strides_give_the_same(rng, loss, n_classes, stride):
    raw, target = make(rng, loss, n_classes, n=8, C=6)
    if stride == "every other row":
        raw, target = raw[::2], target[::2]
    elif stride == "every other column":
        raw, target = raw[:, ::2], target[:, ::2]
    else:
        raw, target = raw.permute(2, 1, 0).contiguous().permute(2, 1, 0), target.T.contiguous().T
    plain = raw.contiguous(), target.contiguous()
    torch.testing.assert_close(loss(raw, target), loss(*plain))
    torch.testing.assert_close(loss.slope(raw, target), loss.slope(*plain))
    torch.testing.assert_close(loss.predict(raw), loss.predict(plain[0]))


@every_loss
def test_slope_of_class_major_raw_is_class_major(rng, loss, n_classes):
    slope = loss.slope(*make(rng, loss, n_classes))
    assert slope.transpose(1, 2).is_contiguous()


@every_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_and_dtypes(rng, loss, n_classes, dtype):
    raw, target = make(rng, loss, n_classes, dtype=dtype)
    prediction = loss.predict(raw)
    assert loss(raw, target).shape == target.shape
    assert loss.slope(raw, target).shape == raw.shape
    assert prediction.shape == (target.shape if n_classes is None else (*target.shape, n_classes))
    assert {loss(raw, target).dtype, loss.slope(raw, target).dtype, prediction.dtype} == {dtype}


@every_loss
def test_no_rows(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes, n=0)
    assert loss(raw, target).shape == (0, 5)
    assert loss.slope(raw, target).shape == raw.shape


@every_loss
def test_float32_agrees_with_float64(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes, n=50)
    low = raw.float(), target.float()
    torch.testing.assert_close(loss(*low).double(), loss(raw, target), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(loss.slope(*low).double(), loss.slope(raw, target), rtol=1e-4, atol=1e-6)


@every_loss_and_more
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_raw_outputs_stay_finite(rng, loss, n_classes, dtype):
    k = loss.n_raw(n_classes)
    raw = torch.tensor(list(product([-80.0, -20.0, 0.0, 20.0, 80.0], repeat=k)), dtype=dtype).unsqueeze(1)
    targets = make_target(rng, loss, n_classes, (9, 1), dtype)
    for target in targets.unique():
        target = target.expand(len(raw), 1)
        assert loss(raw, target).isfinite().all()
        assert loss.slope(raw, target).isfinite().all()
        assert Loss.slope(loss, raw, target).isfinite().all()
    assert loss.predict(raw).isfinite().all()
    if loss.has_std:
        assert loss.predict_std(raw).isfinite().all()


@every_loss
def test_filler_of_missing_labels_stays_finite(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes, dtype=torch.float32)
    filler = torch.full_like(target, 1.0 if loss.scaling == "mean" else 0.0)
    assert loss(raw, filler).isfinite().all()
    assert loss.slope(raw, filler).isfinite().all()


@every_loss
def test_permuted_columns_permute_the_results(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes)
    order = torch.tensor([3, 0, 4, 2, 1])
    torch.testing.assert_close(loss(raw[:, order], target[:, order]), loss(raw, target)[:, order])
    torch.testing.assert_close(loss.slope(raw[:, order], target[:, order]), loss.slope(raw, target)[:, order])
    torch.testing.assert_close(loss.predict(raw[:, order]), loss.predict(raw)[:, order])


@every_loss
def test_arguments_are_left_alone(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes)
    before = raw.clone(), target.clone()
    loss(raw, target)
    loss.slope(raw, target)
    loss.predict(raw)
    assert torch.equal(raw, before[0])
    assert torch.equal(target, before[1])


@every_loss
def test_descent_along_the_slope_lowers_the_loss(rng, loss, n_classes):
    raw, target = make(rng, loss, n_classes)
    lower = loss(raw - 1e-4 * loss.slope(raw, target), target)
    assert (lower <= loss(raw, target)).all()
    assert (lower < loss(raw, target)).any()


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.kind == "classification"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_descent_finds_the_class(name, n_classes):
    loss = LOSSES[name]()
    target = torch.arange(n_classes).double().unsqueeze(0)
    raw = torch.zeros(1, n_classes, loss.n_raw(n_classes), dtype=torch.float64)
    for _ in range(50):
        raw = raw - 0.2 * loss.slope(raw, target)
    assert torch.equal(loss.predict(raw).argmax(2), target.long())


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.probabilistic])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_probabilities_sum_to_one(rng, name, n_classes):
    loss = LOSSES[name]()
    proba = loss.predict(make(rng, loss, n_classes)[0])
    assert (proba >= 0).all()
    torch.testing.assert_close(proba.sum(2), torch.ones(7, 5, dtype=torch.float64))


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scaling == "mean"])
def test_deviances_are_zero_at_the_target_and_positive_elsewhere(rng, name):
    loss = LOSSES[name]()
    target = torch.tensor(rng.gamma(1.0, size=(40, 1)))
    torch.testing.assert_close(loss(target.log().unsqueeze(-1), target), torch.zeros(40, 1, dtype=torch.float64))
    torch.testing.assert_close(loss.predict(target.log().unsqueeze(-1)), target)
    assert (loss(target.log().unsqueeze(-1) + 0.1, target) > 0).all()
    assert (loss(target.log().unsqueeze(-1) - 0.1, target) > 0).all()


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.scaling == "mean"])
def test_slope_beyond_the_guard_points_back(name):
    far = torch.full((1, 1, 1), 200.0)
    slope = LOSSES[name]().slope(far, torch.ones(1, 1))
    assert slope > 0
    assert slope.square().isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_component_contract(name):
    loss = LOSSES[name]()
    assert isinstance(loss, Loss)
    assert repr(loss) == f"{type(loss).__name__}()"
    assert loss.kind in {"regression", "classification"}
    assert loss.scaling in {"standard", "mean"}
    loss._validate_params()
    for copy in (clone(loss), pickle.loads(pickle.dumps(loss))):
        assert copy is not loss
        assert copy.get_params() == loss.get_params()
        assert copy.key == loss.key
    assert set(loss._parameter_constraints) == set(loss.get_params())


def test_keys_tell_losses_apart():
    keys = {loss().key for loss in LOSSES.values()} | {Huber(delta=2.0).key, Quantile(level=0.9).key}
    assert len(keys) == len(LOSSES) + 2


def test_key_of_an_unhashable_parameter_is_that_of_the_object():
    class Weighted(Loss):
        def __init__(self, weights=None):
            self.weights = weights

    weights = [1.0, 2.0]
    assert Weighted(weights).key == Weighted(weights).key
    assert Weighted(weights).key != Weighted([1.0, 2.0]).key
    hash(Weighted(weights).key)


def test_std_is_there_where_promised(rng):
    assert [name for name, loss in LOSSES.items() if loss.has_std] == ["gaussian_nll"]
    assert all(hasattr(loss, "predict_std") == loss.has_std for loss in LOSSES.values())


def test_log_variance_beyond_the_clip_comes_back():
    raw, target = torch.tensor([[[0.0, -60.0]]]), torch.tensor([[1.0]])
    assert GaussianNLL().slope(raw, target)[..., 1] < 0
    torch.testing.assert_close(GaussianNLL().predict_std(raw), torch.tensor([[-7.0]]).exp())


def test_base_slope_needs_a_differentiable_loss():
    class Detached(Loss):
        def __call__(self, raw, target):
            return (raw.detach()[..., 0] - target).abs()

    with pytest.raises(ValueError, match=r"losses of Detached\(\) have no gradient: .* slope method"):
        Detached().slope(torch.ones(2, 1, 1), torch.ones(2, 1))


@pytest.mark.parametrize(
    ("name", "label", "wanted"),
    [
        ("poisson", -1.0, "0 or more"),
        ("tweedie", -2.5, "0 or more"),
        ("gamma", 0.0, "above 0"),
        ("gamma", -3.0, "above 0"),
    ],
)
def test_labels_outside_the_domain(name, label, wanted):
    with pytest.raises(
        ValueError, match=rf"'claims' has 1 label.* {label:g}, .*'{name}' is for labels .*{wanted}.*other"
    ):
        LOSSES[name]().check_target(np.array([1.0, label, 2.0]), "claims")


@pytest.mark.parametrize("name", LOSSES)
def test_labels_inside_the_domain(name):
    LOSSES[name]().check_target(np.array([1.0, 2.0]), "claims")
    assert accepts(LOSSES[name](), 0.0) == (name != "gamma")
