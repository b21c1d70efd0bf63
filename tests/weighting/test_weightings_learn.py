"""What each weighting is for, on small synthetic problems: against equal weights, and where it does not help, too."""

from functools import cache

import numpy as np
import pytest
import torch

from skmtl import MultiTaskRegressor
from skmtl.losses import CallableLoss
from skmtl.weighting import (
    COSMOS,
    ExcessMTL,
    GradNorm,
    GroupDRO,
    MinMax,
    PenaltyBoundaryIntersection,
    SmoothTchebycheff,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def first_weights():
    """Here the seeds are fixed: what is claimed is claimed of these problems."""
    torch.manual_seed(0)


def train(X, Y, weighting, n_train, **parameters):
    """R² of each task on the rows beyond `n_train`, and the last weights as shares of one."""
    settings = {
        "preset": "mlp",
        "learning_rate_init": 0.01,
        "activation": "tanh",
        "tol": 0,
        "n_iter_no_change": 10**6,
        "random_state": 0,
    }
    model = MultiTaskRegressor(weighting=weighting, **settings | parameters).fit(X[:n_train], Y[:n_train])
    rows = slice(n_train, None) if n_train < len(X) else slice(None)
    errors = np.square(model.predict(X[rows]) - Y[rows]).mean(0)
    weights = np.array([model.history_[f"weight__task_{t}"][-1] for t in range(Y.shape[1])])
    return 1 - errors / Y[rows].var(0), weights / weights.sum()


class Times:
    """Half the squared error in a unit of one's own."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, raw, target):
        return self.factor * (raw - target) ** 2 / 2


@cache
def on_unlike_scales(weighting, scales=(1.0, 100.0, 10_000.0), width=5, seed=0):
    """Alike tasks that share a narrow trunk, and losses in unlike units."""
    rng = np.random.default_rng(seed)
    X, mixing = rng.normal(size=(600, 6)), rng.normal(size=(6, 3))
    Y = np.tanh(X @ mixing)[:, : len(scales)]
    Y = Y + 0.1 * rng.normal(size=Y.shape)
    loss = [CallableLoss(Times(scale)) for scale in scales]
    return train(X, Y, weighting, 400, loss=loss, hidden_layer_sizes=(width,), max_iter=40, batch_size=50)


def test_under_equal_weights_the_task_of_the_largest_loss_has_the_trunk():
    scores, _ = on_unlike_scales("equal")
    assert scores[2] > 0.95 and scores[:2].max() < 0.6


@pytest.mark.parametrize("name", ["geometric_mean", "scale_invariant", "famo", "stch"])
def test_scales_10_000_apart_are_no_matter(name):
    """All tasks are learnt, where equal weights leave two of three behind.

    With other seeds one task in six stays behind under the geometric mean and FAMO, at an R² of about 0.8: what is
    learnt first gains weight.
    """
    scores, shares = on_unlike_scales(name)
    assert scores.min() > 0.95
    assert shares[0] > 30 * shares[1] > 900 * shares[2]


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l", "dwa", "excess_mtl", "gradnorm"])
def test_scales_10_000_apart_are_too_much(name):
    """Uncertainty and IMTL-L need some thousand steps more to learn scales so far apart; GradNorm's weights move in
    steps that are too coarse; DWA and ExcessMTL look at changes, not at scales. Nor do random weights, UW-SO, PBI and
    COSMOS mend scales.
    """
    assert on_unlike_scales(name)[0].min() < 0.7


@pytest.mark.parametrize("name", ["min_max", "group_dro"])
def test_on_unlike_scales_the_largest_is_not_the_worst(name):
    """These compare losses, which are not comparable here: the other tasks are hardly trained."""
    scores, shares = on_unlike_scales(name)
    assert scores[0] < on_unlike_scales("equal")[0][0] - 0.2 and shares[2] > 0.99


def test_gradnorm_levels_scales_that_are_thirty_apart():
    """The quiet task gains much more than the loud one gives up. Alike tasks, so alpha is small.

    With other seeds, for which equal weights do better here, there is nothing to gain.
    """
    scales = (1.0, 30.0)
    (equal, _), (scores, shares) = (on_unlike_scales(w, scales, 3, 1) for w in ("equal", GradNorm(alpha=0.12)))
    assert scores.min() > equal.min() + 0.1
    assert 0.3 < shares[0] / (30 * shares[1]) < 3


@cache
def with_a_noisy_task(weighting, n_rows=240):
    """Two tasks that can be learnt, the first with effort, and one that is noise, which a trunk can learn by heart."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows + 400, 8))
    Z = np.column_stack([X[:, 0] * X[:, 1], np.tanh(2 * X[:, 2] + X[:, 3])])
    Y = np.column_stack([Z + 0.1 * rng.normal(size=Z.shape), rng.normal(size=len(X))])
    scores, shares = train(X, Y, weighting, n_rows, hidden_layer_sizes=(8,), max_iter=100, batch_size=60)
    return scores[:2].mean(), shares[2]


@pytest.mark.parametrize("name", ["uncertainty", "imtl_l"])
def test_a_noisy_task_loses_its_weight_and_the_others_gain(name):
    score, share = with_a_noisy_task(name)
    assert share < 0.05
    assert score > with_a_noisy_task("equal")[0] + 0.02


@pytest.mark.parametrize("name", ["geometric_mean", "scale_invariant", "famo", "uw_so"])
def test_a_noisy_task_loses_its_weight_but_so_does_a_difficult_one(name):
    """Weights by the reciprocal of the loss favour whatever can be learnt easily: here the task that needs effort stays
    behind, and nothing is gained on equal weights. UW-SO at its default leaves nearly all to the easiest."""
    score, share = with_a_noisy_task(name)
    assert share < 0.2
    assert score < with_a_noisy_task("equal")[0] + 0.05


@pytest.mark.parametrize("name", ["min_max", "group_dro", "gradnorm"])
def test_a_noisy_task_starves_the_others_where_the_worst_counts(name):
    """It is the worst task, and lags behind, whatever is done for it."""
    score, share = with_a_noisy_task(name)
    assert share > 1 / 3 or name == "min_max"  # whose weights are those of one batch
    assert score < with_a_noisy_task("equal")[0] - 0.02


def test_excess_risk_is_better_than_the_loss_but_no_better_than_equal_weights():
    """The method is made for noisy tasks. But the gradient of a batch is noisy for a noisy task, and its square counts
    as excess risk: that keeps the noisy task's weight up, if not as much as its loss would."""
    equal, _ = with_a_noisy_task("equal")
    excess, share = with_a_noisy_task(ExcessMTL())
    robust, robust_share = with_a_noisy_task(GroupDRO(0.1))
    assert robust + 0.1 < excess < equal + 0.03
    assert 0.3 < share < robust_share


@cache
def with_an_odd_task(weighting):
    """Four tasks ask for one feature, the fifth for another, and the trunk is too small for both; training error."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 8))
    many, odd = X[:, 0] * X[:, 1], X[:, 2] * X[:, 3]
    Y = np.column_stack([many] * 4 + [odd]) + 0.05 * rng.normal(size=(400, 5))
    return train(X, Y, weighting, 400, hidden_layer_sizes=(5,), max_iter=100, batch_size=50)[0]


@pytest.mark.parametrize(
    "weighting",
    [MinMax(), GroupDRO(), GroupDRO(0.1), SmoothTchebycheff(0.1, log=False), SmoothTchebycheff(0.3), GradNorm()],
    ids=repr,
)
def test_the_worst_task_is_better_and_the_others_pay(weighting):
    equal, scores = with_an_odd_task("equal"), with_an_odd_task(weighting)
    assert equal.argmin() == 4
    assert scores.min() > equal.min() + 0.15
    assert scores.mean() < equal.mean()


def test_on_logarithms_a_mu_of_one_is_hardly_a_maximum():
    assert with_an_odd_task("equal").min() < with_an_odd_task(SmoothTchebycheff()).min() < 0.1


@cache
def with_a_preference(weighting, preference):
    """One direction for two tasks that ask for orthogonal ones: what one loses the other gains. Ratio of the errors."""
    X = np.random.default_rng(0).normal(size=(300, 2))
    settings = {"hidden_layer_sizes": (1,), "activation": "identity", "max_iter": 60, "batch_size": 50}
    scores, _ = train(X, X, weighting, 300, task_weights=[preference, 1], **settings)
    return (1 - scores[1]) / (1 - scores[0])


@pytest.mark.parametrize(
    "weighting",
    [MinMax(), GroupDRO(0.1), SmoothTchebycheff(0.05, log=False), PenaltyBoundaryIntersection()],
    ids=repr,
)
def test_errors_stand_in_the_ratio_of_the_preferences(weighting):
    """Where tasks compete, the only point on the ray; under fixed weights one of the tasks takes it all."""
    assert with_a_preference("equal", 1) > 5 and with_a_preference("equal", 2) > 100
    assert 0.9 < with_a_preference(weighting, 1) < 1.1
    assert 1.8 < with_a_preference(weighting, 2) < 2.3


def test_cosmos_is_drawn_towards_the_ray():
    """Its first term alone would leave the second task with nothing."""
    assert 0.9 < with_a_preference(COSMOS(1.0), 1) < 1.1
    assert 2 < with_a_preference(COSMOS(1.0), 2) < 10
