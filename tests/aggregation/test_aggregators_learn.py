"""What aggregators are for, where the trunk is too narrow for all tasks; equal weights are the yardstick."""

import functools

import numpy as np
import pytest

from skmtl import MultiTaskRegressor
from skmtl.aggregation import PCD
from skmtl.losses import SquaredError

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
SEEDS = range(3)


class Scaled(SquaredError):
    """The squared error on another scale."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, raw, target):
        return self.factor * super().__call__(raw, target)

    def weighted_slope(self, raw, target, weight, out):
        return super().weighted_slope(raw, target, self.factor * weight, out)


def narrow(n_tasks, width, seed, **parameters):
    """Scores by task, where each needs a direction of its own and the trunk has fewer units than there are tasks."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 6))
    Y = X @ np.linalg.qr(rng.normal(size=(6, n_tasks)))[0] + 0.1 * rng.normal(size=(400, n_tasks))
    settings = {"preset": "mlp", "activation": "identity", "max_iter": 60, "tol": 0, "batch_size": 50, "alpha": 0}
    model = MultiTaskRegressor(
        hidden_layer_sizes=(width,), learning_rate_init=0.01, random_state=seed, **settings, **parameters
    )
    return list(model.fit(X, Y).score_tasks(X, Y).values())


@functools.cache
def quiet_tasks(aggregator):
    """Mean score of two tasks whose losses are a hundredth of those of the other two."""
    losses = [Scaled(1.0), Scaled(1.0), Scaled(100.0), Scaled(100.0)]
    return np.mean([narrow(4, 2, seed, loss=losses, aggregator=aggregator)[:2] for seed in SEEDS])


@pytest.mark.parametrize(
    "aggregator", ["mgda", "imtl_g", "nash", "fairgrad", "upgrad", "dualproj", "config", "moco", "db_mtl"]
)
def test_a_task_with_a_small_gradient_is_heard(aggregator):
    assert quiet_tasks(None) < 0.05
    assert quiet_tasks(aggregator) > 0.1


@pytest.mark.parametrize("aggregator", ["gradvac", "cagrad", "sdmgrad", "graddrop"])
def test_some_methods_do_not_make_up_for_scales(aggregator):
    """They stay near the mean gradient, or average it with the rest: the loud tasks go on as with equal weights."""
    assert quiet_tasks(aggregator) < 0.1


def test_of_all_the_bargain_is_the_most_even():
    """Nash's solution does not depend on the lengths of the gradients, here apart by a hundred."""
    losses = [Scaled(1.0), Scaled(1.0), Scaled(100.0), Scaled(100.0)]
    worst = {
        aggregator: np.mean([min(narrow(4, 2, seed, loss=losses, aggregator=aggregator)) for seed in SEEDS])
        for aggregator in (None, "pcgrad", "mgda", "nash")
    }
    assert worst["nash"] > 0.25 > max(worst[name] for name in (None, "pcgrad", "mgda"))


@functools.cache
def main_score(aggregator):
    """Score of the main task, beside an auxiliary one that weighs five times as much and needs the only unit."""
    scores = [narrow(2, 1, s, task_weights=[1, 5], main_task="task_0", aggregator=aggregator)[0] for s in range(4)]
    return np.mean(scores)


def test_an_auxiliary_task_in_the_way_is_held_off():
    assert main_score(None) < 0.05
    for aggregator in ("cosine_gate", "pcgrad", "upgrad"):
        assert main_score(aggregator) > 0.3


def test_pcd_holds_it_off_only_where_it_asks_for_no_progress_of_it():
    """With its default it wants some of every task in each step: near the main task's best that is all there is."""
    tolerant = np.mean(
        [narrow(2, 1, s, task_weights=[1, 5], main_task="task_0", aggregator=PCD(tau=0.0))[0] for s in range(4)]
    )
    assert tolerant > 0.5
    assert main_score("pcd") < 0.3
