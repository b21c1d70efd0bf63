"""Losses against numbers worked out by hand, scikit-learn's metrics and torch's functions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics

from skmtl.losses import LOSSES, Focal, GaussianNLL, Huber, LogLoss, Quantile, SquaredHinge, Tweedie


def column(*values):
    return torch.tensor(values, dtype=torch.float64).view(-1, 1)


def by_hand(loss, raw, target):
    """Loss and slope of a single cell, as numbers."""
    raw, target = torch.tensor(raw, dtype=torch.float64).view(1, 1, -1), column(target)
    return loss(raw, target).item(), loss.slope(raw, target).flatten().tolist()


@pytest.mark.parametrize(
    ("name", "raw", "target", "loss", "slope"),
    [
        ("squared_error", [3.0], 1.0, 4.0, [4.0]),
        ("absolute_error", [-1.0], 1.0, 2.0, [-1.0]),
        ("absolute_error", [1.0], 1.0, 0.0, [0.0]),
        ("huber", [1.5], 0.5, 0.5, [1.0]),
        ("huber", [-3.0], 0.0, 1.35 * (3 - 0.675), [-1.35]),
        ("quantile", [3.0], 1.0, 1.0, [0.5]),
        ("poisson", [0.0], 0.0, 1.0, [1.0]),
        ("poisson", [math.log(2)], 3.0, 3 * math.log(1.5) - 1, [-1.0]),
        ("gamma", [math.log(2)], 1.0, math.log(2) - 0.5, [0.5]),
        ("tweedie", [math.log(4)], 1.0, 2 * (1 / 2 + 2) - 4, [1.5]),
        ("log_loss", [0.0], 1.0, math.log(2), [-0.5]),
        ("log_loss", [math.log(3)], 0.0, math.log(4), [0.75]),
        ("log_loss", [0.0, 0.0, math.log(2)], 2.0, math.log(2), [0.25, 0.25, -0.5]),
        ("focal", [0.0], 1.0, math.log(2) / 4, [-(math.log(2) + 0.5) / 4]),
        ("focal", [0.0, 0.0, math.log(2)], 2.0, math.log(2) / 4, [s * (math.log(2) + 0.5) / 4 for s in (0.5, 0.5, -1)]),
        ("squared_hinge", [0.5], 0.0, 2.25, [3.0]),
        ("squared_hinge", [1.5], 1.0, 0.0, [0.0]),
        ("squared_hinge", [0.0, -2.0, 1.0], 0.0, 1 + 0 + 4, [-2.0, 0.0, 4.0]),
        ("gaussian_nll", [1.0, math.log(4)], 3.0, (math.log(4) + 1) / 2, [-0.5, 0.0]),
    ],
)
def test_by_hand(name, raw, target, loss, slope):
    got, got_slope = by_hand(LOSSES[name](), raw, target)
    assert got == pytest.approx(loss)
    assert got_slope == pytest.approx(slope)


def test_gaussian_predicts_mean_and_standard_deviation():
    raw = torch.tensor([[[1.0, math.log(4)], [2.0, 0.0]]])
    torch.testing.assert_close(GaussianNLL().predict(raw), torch.tensor([[1.0, 2.0]]))
    torch.testing.assert_close(GaussianNLL().predict_std(raw), torch.tensor([[2.0, 1.0]]))


def test_hinge_scores():
    torch.testing.assert_close(SquaredHinge().predict(column(0.5, -2.0).unsqueeze(-1))[0, 0], column(-0.5, 0.5)[:, 0])
    raw = torch.tensor([[[0.5, 2.0, -1.0]]])
    torch.testing.assert_close(SquaredHinge().predict(raw), raw)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (LOSSES["squared_error"](), metrics.mean_squared_error),
        (LOSSES["absolute_error"](), metrics.mean_absolute_error),
        (Quantile(level=0.5), lambda y, p: metrics.mean_pinball_loss(y, p, alpha=0.5)),
        (Quantile(level=0.9), lambda y, p: metrics.mean_pinball_loss(y, p, alpha=0.9)),
        (LOSSES["poisson"](), lambda y, p: metrics.mean_poisson_deviance(y, p) / 2),
        (LOSSES["gamma"](), lambda y, p: metrics.mean_gamma_deviance(y, p) / 2),
        (Tweedie(), lambda y, p: metrics.mean_tweedie_deviance(y, p, power=1.5) / 2),
        (Tweedie(power=1.2), lambda y, p: metrics.mean_tweedie_deviance(y, p, power=1.2) / 2),
    ],
    ids=lambda value: getattr(value, "__name__", repr(value)),
)
def test_regression_losses_are_scikit_learns_metrics(rng, loss, metric):
    raw, y = rng.normal(size=100), rng.gamma(2.0, size=100)
    if not isinstance(loss, LOSSES["gamma"]):
        y[:10] = 0.0
    raw = column(*raw).unsqueeze(-1)
    assert loss(raw, column(*y)).mean().item() == pytest.approx(metric(y, loss.predict(raw).numpy()[:, 0]))


@pytest.mark.parametrize("n_classes", [2, 5])
def test_log_loss_is_scikit_learns_metric(rng, n_classes):
    loss, y = LogLoss(), rng.integers(n_classes, size=60)
    raw = torch.tensor(rng.normal(size=(60, 1, loss.n_raw(n_classes))))
    proba = loss.predict(raw)[:, 0].numpy()
    expected = metrics.log_loss(y, proba, labels=np.arange(n_classes))
    assert loss(raw, column(*y)).mean().item() == pytest.approx(expected)


@pytest.fixture
def pair(rng):
    """Raw outputs and targets (30, 4)."""
    return torch.tensor(rng.normal(size=(30, 4))), torch.tensor(rng.normal(size=(30, 4)))


def test_huber_is_torchs(pair):
    raw, target = pair
    expected = F.huber_loss(3 * raw, target, delta=0.8, reduction="none")
    torch.testing.assert_close(Huber(delta=0.8)(3 * raw.unsqueeze(-1), target), expected)


def test_poisson_is_torchs_up_to_its_constant(pair):
    raw, target = pair[0], pair[1].exp()
    expected = F.poisson_nll_loss(raw, target, reduction="none") + target * target.log() - target
    torch.testing.assert_close(LOSSES["poisson"]()(raw.unsqueeze(-1), target), expected)


def test_log_loss_is_torchs(rng, pair):
    codes = (pair[1] > 0).double()
    expected = F.binary_cross_entropy_with_logits(pair[0], codes, reduction="none")
    torch.testing.assert_close(LogLoss()(pair[0].unsqueeze(-1), codes), expected)
    raw, codes = torch.tensor(rng.normal(size=(30, 4, 3))), torch.tensor(rng.integers(3, size=(30, 4)))
    expected = F.cross_entropy(raw.reshape(120, 3), codes.flatten(), reduction="none").view(30, 4)
    torch.testing.assert_close(LogLoss()(raw, codes.double()), expected)


def test_gaussian_nll_is_torchs(rng, pair):
    raw = torch.tensor(rng.normal(size=(30, 4, 2)))
    expected = F.gaussian_nll_loss(raw[..., 0], pair[1], raw[..., 1].exp(), full=False, reduction="none")
    torch.testing.assert_close(GaussianNLL()(raw, pair[1]), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_focal_at_zero_is_log_loss(rng, n_classes):
    raw = torch.tensor(rng.normal(size=(30, 4, LogLoss().n_raw(n_classes))))
    codes = torch.tensor(rng.integers(n_classes, size=(30, 4))).double()
    torch.testing.assert_close(Focal(gamma=0)(raw, codes), LogLoss()(raw, codes))
    torch.testing.assert_close(Focal(gamma=0).slope(raw, codes), LogLoss().slope(raw, codes))


@pytest.mark.parametrize("name", ["log_loss", "focal"])
def test_one_raw_column_is_a_softmax_over_zero_and_it(rng, name):
    raw, loss = torch.tensor(rng.normal(size=(30, 4, 1))), LOSSES[name]()
    codes = torch.tensor(rng.integers(2, size=(30, 4))).double()
    both = torch.cat((torch.zeros_like(raw), raw), 2)
    torch.testing.assert_close(loss(raw, codes), loss(both, codes))
    torch.testing.assert_close(loss.slope(raw, codes), loss.slope(both, codes)[..., 1:])
    torch.testing.assert_close(loss.predict(raw), loss.predict(both))


def test_huber_goes_over_into_squared_and_absolute_error(pair):
    raw, target = pair[0].unsqueeze(-1), pair[1]
    torch.testing.assert_close(2 * Huber(delta=100.0)(raw, target), LOSSES["squared_error"]()(raw, target))
    small = Huber(delta=1e-9)(raw, target) / 1e-9
    torch.testing.assert_close(small, LOSSES["absolute_error"]()(raw, target), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize(("power", "limit"), [(1 + 1e-6, "poisson"), (2 - 1e-6, "gamma")])
def test_tweedie_goes_over_into_poisson_and_gamma(pair, power, limit):
    raw, target = pair[0].unsqueeze(-1), pair[1].exp()
    torch.testing.assert_close(Tweedie(power=power)(raw, target), LOSSES[limit]()(raw, target), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        Tweedie(power=power).slope(raw, target), LOSSES[limit]().slope(raw, target), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize(
    ("name", "best"),
    [
        ("squared_error", np.mean),
        ("absolute_error", np.median),
        ("quantile", np.median),
        ("poisson", np.mean),
        ("gamma", np.mean),
        ("tweedie", np.mean),
    ],
)
def test_best_constant(rng, name, best):
    loss, y = LOSSES[name](), rng.gamma(1.0, size=101)
    constants = np.linspace(0.02, 3, 1491)
    raw = torch.tensor(np.log(constants) if loss.scaling == "mean" else constants).view(1, -1, 1)
    losses = loss(raw.expand(len(y), -1, -1), column(*y).expand(-1, len(constants))).mean(0)
    assert constants[losses.argmin()] == pytest.approx(best(y), abs=2e-3)
