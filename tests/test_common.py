"""scikit-learn's own checks, for each estimator in its default and in configurations that take other paths."""

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

pytestmark = [
    # The checks ask for answers, not for convergence, and some have fewer rows than a batch.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got batch_size=16:UserWarning"),
]

KINDS = [MultiTaskRegressor, MultiTaskClassifier, MultiTaskEstimator]

#: Small and quick, yet accurate enough for the checks that ask for a good fit.
QUICK = {"preset": "mlp", "hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "batch_size": 16, "max_iter": 50}

SAMPLE_WEIGHT_CHECKS = [f"check_sample_weight_equivalence_on_{data}_data" for data in ("dense", "sparse")]


class Trunk(nn.Sequential):
    """What a user brings: it learns the width of X from the first batch. Passed as a class, which makes new ones."""

    def __init__(self):
        super().__init__(nn.LazyLinear(16), nn.SiLU())


def configurations(kind):
    """The default, and some that share little with it or with each other."""
    balanced = {} if kind is MultiTaskRegressor else {"class_weight": "balanced"}
    return [
        kind(),
        kind(n_members=3, max_iter=20),
        kind(feature_scaling="standard", numeric_embedding="periodic", max_iter=20),
        kind(preset="mlp", learning_rate_init=0.01),
        kind(architecture=Trunk, learning_rate_init=0.02, max_iter=40),
        kind(preset="mlp", solver="lbfgs", hidden_layer_sizes=(10,), max_iter=50),
        kind(solver="sgd", activation="tanh", learning_rate="adaptive", **QUICK),
        kind(weighting="uncertainty", solver="adamw", head_hidden_layer_sizes=(8,), **balanced, **QUICK),
        kind(early_stopping=True, **QUICK),
        kind(weighting="famo", aggregator="upgrad", sampling="tasks", **QUICK | {"preset": "tabular"}),
        kind(weighting="gradnorm", aggregator="pcgrad", gradient_level="representation", update_every=3, **QUICK),
    ]


def blends():
    """Of members fitted a task at a time; of these and a network. The default has a test of its own, a slow one."""
    linear = ("linear", (Ridge(), LogisticRegression()))
    tree = ("tree", (DecisionTreeRegressor(max_depth=4), DecisionTreeClassifier(max_depth=4)))
    return [
        MultiTaskBlend([linear, tree], cv=3),
        MultiTaskBlend([linear, ("net", MultiTaskEstimator(**QUICK))], cv=2, shrinkage=0),
    ]


def expected_failures(estimator):
    """A row of weight two is two rows, to all digits, only where training sees all rows at once, in float64.

    scikit-learn lists these checks as expected failures of its stochastic estimators, SGDClassifier for example, and
    runs them on MLPClassifier with solver="lbfgs"; see sklearn/utils/_test_common/instance_generator.py.
    """
    if isinstance(estimator, MultiTaskBlend):
        return {} if "net" not in dict(estimator.estimators) else expected_failures(MultiTaskEstimator())
    if estimator.solver == "lbfgs":
        return {}
    return dict.fromkeys(SAMPLE_WEIGHT_CHECKS, "equivalent up to the batches and the rounding of a stochastic solver")


@parametrize_with_checks(
    [*(estimator for kind in KINDS for estimator in configurations(kind)), *blends()],
    expected_failed_checks=expected_failures,
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([MultiTaskBlend(cv=2)])
def test_scikit_learn_on_the_default_blend(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_sample_weights_of_stochastic_solvers_may_fail(kind):
    expected = {e.solver: set(expected_failures(e)) for e in configurations(kind)}
    assert expected.pop("lbfgs") == set()
    assert all(names == set(SAMPLE_WEIGHT_CHECKS) for names in expected.values())
