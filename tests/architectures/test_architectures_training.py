"""Every architecture in training: the right gradients in the right parameters, gaps, saving and going on."""

import pickle

import numpy as np
import pytest
import torch
from _engine import make_data, make_objective, mixed_blocks, mixed_targets, regression_blocks, slope_of
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skmtl import MultiTaskEstimator, MultiTaskRegressor, _batches
from skmtl._activations import ACTIVATIONS
from skmtl._balance import Balancer
from skmtl._build import build_network
from skmtl._optim import FlatParameters
from skmtl.aggregation import Aggregator
from skmtl.architectures import ARCHITECTURES, Conditioned, DSelectK, SoftSharing
from skmtl.weighting import Weighting

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
N, DECAY = 10, 0.3
ALPHA = np.array([1.0, -0.5, 2.0, 0.25, 3.0, 0.5])
BALANCE = torch.tensor([0.1, 0.3, 0.2, 0.15, 0.2, 0.05], dtype=torch.float64)
VARIANTS = {name: kind() for name, kind in ARCHITECTURES.items()}
VARIANTS["conditioned, one head"] = Conditioned("embedding", heads="shared")
every_architecture = pytest.mark.parametrize("architecture", VARIANTS.values(), ids=VARIANTS)
SHARING = {name: a for name, a in VARIANTS.items() if name not in ("independent", "soft_sharing")}
every_sharing_architecture = pytest.mark.parametrize("architecture", SHARING.values(), ids=SHARING)


class Fixed(Weighting):
    def weights(self, losses):
        return BALANCE[: len(losses)].to(losses)


class Alpha(Aggregator):
    def weights(self, gramian):
        return ALPHA[self.tasks]


class AlphaByStep(Aggregator):
    needs_jacobian = True

    def combine(self, jacobian):
        return (ALPHA[self.tasks, None] * jacobian).mean(0)


def network_of(architecture, blocks):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return build_network(
            clone(architecture),
            torch.zeros(4, 4),
            blocks,
            hidden_layer_sizes=(6, 5),
            head_hidden_layer_sizes=(3,),
            activation=ACTIVATIONS["tanh"],
            dropout=0.0,
        ).double()


def blocks_for(architecture):
    return regression_blocks(6) if architecture.heads == "shared" else mixed_blocks()


class Step:
    """A step of an architecture with six tasks, and what it is made of, a task at a time by autograd."""

    def __init__(self, rng, architecture):
        self.blocks = blocks_for(architecture)
        self.network = network_of(architecture, self.blocks)
        Y = rng.normal(size=(N, 6)) if len(self.blocks) == 1 else mixed_targets(rng, N)
        self.x, self.y, self.m = make_data(self.blocks, rng.normal(size=(N, 4)), Y, dtype=torch.float64).gather(
            np.arange(N)
        )
        self.order = [t for block in self.blocks for t in block.tasks]
        self.parameters = list(self.network.parameters())
        objective = make_objective(self.blocks, weighting=Fixed(), dtype=torch.float64)
        raw = self.network(self.x)
        slope = slope_of(objective, raw.detach(), self.y, self.m)
        self.by_column = [
            torch.autograd.grad(
                raw, self.parameters, slope * (self.network.heads.owner == c), retain_graph=True, allow_unused=True
            )
            for c in range(6)
        ]
        penalty = self.network.penalty()
        self.penalty = [None] * len(self.parameters)
        if penalty is not None:
            self.penalty = torch.autograd.grad(penalty, self.parameters, allow_unused=True)

    def expected(self, i, factors):
        """Gradient of parameter i, given a factor for each task."""
        parameter = self.parameters[i]
        total = DECAY * parameter.detach() if parameter.ndim > 1 else torch.zeros_like(parameter)
        total = total if self.penalty[i] is None else total + self.penalty[i]
        for column, gradients in enumerate(self.by_column):
            if gradients[i] is not None:
                total = total + factors[self.order[column]] * gradients[i]
        return total

    def is_shared(self, i):
        """Whether two tasks or more send gradients into the same number."""
        return bool((sum((g[i] != 0).int() for g in self.by_column if g[i] is not None) > 1).any())

    def run(self, aggregator=None, every=1, steps=1):
        network, objective = self.network, make_objective(self.blocks, weighting=Fixed(), dtype=torch.float64)
        if aggregator is not None:
            objective.balancer = Balancer(aggregator.initialize(6), "parameters", every)
            objective.balancer.on_epoch_begin(0)
        flat = FlatParameters(network, objective.weighting)
        network.attach(flat)
        network.train()
        with torch.no_grad():
            for _ in range(steps):
                raw, slope = self.x.new_empty(2, N, network.n_raw).unbind()
                network.raw(self.x, raw)
                cells = next(objective.cells(objective.views(raw, slope, [N]), self.y, self.m, [N]))
                objective.backward(network, cells, slope, N, DECAY)
        found = [p.grad.clone() for p in self.parameters]
        network.attach(None)
        flat.release()
        return found


@every_architecture
def test_gradients_are_those_of_the_objective(rng, architecture):
    step = Step(rng, architecture)
    for i, gradient in enumerate(step.run()):
        torch.testing.assert_close(gradient, step.expected(i, np.ones(6)), rtol=1e-9, atol=1e-12)


@every_architecture
def test_shared_parameters_are_those_that_several_tasks_reach(rng, architecture):
    step = Step(rng, architecture)
    reached = {id(p) for i, p in enumerate(step.parameters) if step.is_shared(i)}
    assert {id(p) for p in step.network.shared_parameters} == reached


@every_sharing_architecture
@pytest.mark.parametrize(("aggregator", "every"), [(Alpha, 1), (Alpha, 2), (AlphaByStep, 1)])
def test_an_aggregator_changes_what_is_shared_and_nothing_else(rng, architecture, aggregator, every):
    step = Step(rng, architecture)
    for i, gradient in enumerate(step.run(aggregator(), every, steps=every)):
        factors = ALPHA if step.is_shared(i) else np.ones(6)
        torch.testing.assert_close(gradient, step.expected(i, factors), rtol=1e-9, atol=1e-12)


# Through an estimator


@pytest.fixture
def table(rng):
    X = rng.normal(size=(80, 4))
    Y = np.column_stack([X[:, 0] + X[:, 1] ** 2, X[:, 0] - X[:, 2], np.sin(X[:, 1])])
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return X, Y


def small(architecture, **parameters):
    settings = {"preset": "mlp", "hidden_layer_sizes": (8, 6), "max_iter": 5, "random_state": 0}
    return MultiTaskRegressor(architecture=architecture, **settings | parameters)


@every_architecture
@pytest.mark.parametrize(
    "parameters",
    [{}, {"weighting": "uncertainty"}, {"weighting": "famo"}, {"solver": "lbfgs"}],
    ids=lambda p: " ".join(p.values()) or "adam",
)
def test_it_learns_from_labels_with_gaps(table, architecture, parameters):
    X, Y = table
    model = small(architecture, max_iter=100, learning_rate_init=0.01, **parameters).fit(X, Y)
    assert model.score(X, Y) > 0.5
    assert model.predict(X).shape == (80, 3) and np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("architecture", [DSelectK(3, per_example=True, entropy=1.0), SoftSharing(1.0), "hard_sharing"])
def test_lbfgs_goes_the_same_way_whatever_number_of_blocks_it_adds_up(table, architecture, monkeypatch):
    X, Y = table
    model = small(architecture, solver="lbfgs", max_iter=10, tol=1e-9)
    whole = model.fit(X, Y).predict(X)
    monkeypatch.setattr(_batches, "BLOCK_BYTES", 1000)
    assert_allclose(model.fit(X, Y).predict(X), whole, rtol=1e-6)


@every_sharing_architecture
@pytest.mark.parametrize("aggregator", ["pcgrad", "graddrop"])
def test_aggregators_change_the_step(table, architecture, aggregator):
    plain, model = small(architecture, max_iter=2), small(architecture, max_iter=2, aggregator=aggregator)
    found = model.fit(*table).predict(table[0])
    assert np.isfinite(found).all() and not np.array_equal(found, plain.fit(*table).predict(table[0]))


@pytest.mark.parametrize("architecture", ["independent", "soft_sharing"])
def test_aggregators_need_something_shared(table, architecture):
    with pytest.raises(ValueError, match="shares none between tasks"):
        small(architecture, aggregator="pcgrad").fit(*table)


def test_separate_representations_have_no_gradients_to_compare(table):
    with pytest.raises(ValueError, match="each task has a representation of its own"):
        small("mmoe", aggregator="pcgrad", gradient_level="representation").fit(*table)


@every_architecture
def test_it_is_saved_and_goes_on(table, architecture):
    X, Y = table
    model = small(architecture, early_stopping=False).partial_fit(X, Y)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(other.partial_fit(X, Y).predict(X), model.partial_fit(X, Y).predict(X))


@every_architecture
def test_members_are_networks_of_that_architecture(table, architecture):
    X, Y = table
    model = small(architecture, preset="tabular", n_members=2, max_iter=10).fit(X, Y)
    assert model.predict(X, return_std=True)[1].shape == (80, 3)
    assert model.transform(X).shape == (80, len(model.get_feature_names_out()))


@every_architecture
def test_a_prediction_does_not_look_at_the_rows_beside_it(table, architecture):
    X, Y = table
    model = small(architecture).fit(X, Y)
    together = model.predict(X)
    np.testing.assert_allclose(np.vstack([model.predict(row[None]) for row in X]), together, rtol=1e-4, atol=1e-5)


@every_architecture
def test_the_summary_adds_up(table, architecture):
    model = small(architecture, head_hidden_layer_sizes=(5,)).fit(*table)
    parameters, products = model.architecture_summary_.parameters, model.architecture_summary_.multiply_adds
    network = model.net_.module_
    assert parameters["network"] == sum(p.numel() for p in network.parameters())
    assert parameters["trunk"] == parameters["shared by tasks"] + parameters["of single tasks"]
    assert parameters["separate networks"] == 3 * ((4 + 1) * 8 + (8 + 1) * 6 + (6 + 1) * 5 + (5 + 1))
    assert products["separate networks"] == 3 * (4 * 8 + 8 * 6 + 6 * 5 + 5)
    assert products["network"] == products["trunk"] + products["heads"]
    frame = model.architecture_summary_.frame()
    assert frame.loc["network", "parameters"] == parameters["network"]
    assert str(parameters["network"]) in repr(model.architecture_summary_).replace(",", "")


def test_separate_networks_take_what_separate_networks_take(table):
    summary = small("independent").fit(*table).architecture_summary_
    assert summary.parameters["network"] == summary.parameters["separate networks"]
    assert summary.multiply_adds["network"] == summary.multiply_adds["separate networks"]
    assert summary.parameters["shared by tasks"] == 0


def test_parameters_of_an_architecture_are_searched(table):
    search = GridSearchCV(small(ARCHITECTURES["mmoe"]()), {"architecture__n_experts": [1, 3]}, cv=2)
    X, Y = table
    assert search.fit(X, np.nan_to_num(Y)).best_params_["architecture__n_experts"] in (1, 3)


def test_tasks_of_both_kinds_in_every_architecture(table):
    X, Y = table
    Y = np.column_stack([Y, np.digitize(X[:, 0], [-0.5, 0.5])])
    tasks = ["regression"] * 3 + ["classification"]
    for name in ARCHITECTURES:
        model = MultiTaskEstimator(tasks=tasks, architecture=name, preset="mlp", hidden_layer_sizes=(8,), max_iter=3)
        model.set_params(random_state=0).fit(X, Y)
        assert model.predict_proba(X)[3].shape == (80, 3)
