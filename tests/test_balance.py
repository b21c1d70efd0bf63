"""The balancer: heads get their task's weight, what is shared gets what weighting and aggregator make of it."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from _engine import (
    all_parameters,
    autograd_twin,
    make_data,
    make_network,
    make_objective,
    mixed_blocks,
    mixed_targets,
    slope_of,
)
from numpy.testing import assert_allclose
from skorch.callbacks import GradientNormClipping
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._balance import Balancer
from skmtl._optim import FlatParameters
from skmtl.aggregation import AGGREGATORS, Aggregator, GradDrop, MoCo, TorchJD
from skmtl.weighting import WEIGHTINGS, Weighting

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
N, DECAY = 12, 0.3
TASK_WEIGHTS = [1.0, 2.0, 1.0, 0.0, 3.0, 1.0]
TRAINED = [0, 1, 2, 4, 5]
ALPHA = np.array([1.0, -0.5, 2.0, 0.25, 3.0])
BALANCE = torch.tensor([0.1, 0.3, 0.2, 0.15, 0.25], dtype=torch.float64)


class Fixed(Weighting):
    """Given weights of five tasks."""

    def weights(self, losses):
        return BALANCE.to(losses)


class Sum(Weighting):
    def weights(self, losses):
        return torch.ones_like(losses)


class Ones(Aggregator):
    def weights(self, gramian):
        return np.ones(len(gramian))


class Alpha(Aggregator):
    """Given weights of five tasks; keeps what it saw."""

    seen = None

    def weights(self, gramian):
        type(self).seen = self.tasks.copy(), gramian.copy(), self.losses
        return ALPHA[self.tasks]


class AlphaByStep(Alpha):
    """The same, made of the gradients themselves."""

    needs_jacobian = True

    def combine(self, jacobian):
        type(self).seen = self.tasks.copy(), jacobian @ jacobian.T, self.losses
        return (ALPHA[self.tasks, None] * jacobian).mean(0)


class Step:
    """One step by hand: everything by autograd, a task at a time, in float64."""

    def __init__(self, rng, heads=(), missing=0.3, unseen=(), engine="written out", dropout=0.0):
        self.blocks = mixed_blocks()
        self.network = make_network(self.blocks, heads=heads, dtype=torch.float64, dropout=dropout)
        if engine == "autograd":
            self.network = autograd_twin(self.network)
        X, Y = rng.normal(size=(2 * N, 4)), mixed_targets(rng, 2 * N, missing)
        Y[:N, list(unseen)] = np.nan
        self.x, self.y, self.m = make_data(self.blocks, X, Y, dtype=torch.float64).gather(np.arange(N))
        # No part of the objective: each task's own loss, its slope by hand.
        plain = make_objective(self.blocks, [float(w > 0) for w in TASK_WEIGHTS], Sum(), torch.float64)
        raw = self.network(self.x)
        self.own = slope_of(plain, raw.detach(), self.y, self.m)
        column = {task: c for c, task in enumerate(t for b in self.blocks for t in b.tasks)}
        self.columns = [column[t] for t in TRAINED]
        self.jacobian, self.head_jacobian = (
            torch.stack([self.gradient(raw, c, parameters) for c in self.columns])
            for parameters in (list(self.network.trunk.parameters()), list(self.network.heads.parameters()))
        )

    def gradient(self, raw, column, parameters):
        mine = self.own * (self.network.heads.owner == column)
        parts = torch.autograd.grad(raw, parameters, mine, retain_graph=True)
        return torch.cat([p.flatten() for p in parts])

    def run(self, weighting, aggregator, level="parameters", every=1, steps=1):
        """Gradients of trunk and heads, and the objective."""
        if aggregator is not None:
            aggregator.initialize(len(TRAINED), main=1)
        balancer = Balancer(aggregator, level, every)
        objective = make_objective(self.blocks, TASK_WEIGHTS, weighting, torch.float64)
        objective.balancer = balancer
        network, flat = self.network, FlatParameters(self.network, objective.weighting)
        network.attach(flat)
        network.train()
        balancer.on_epoch_begin(0)
        with torch.no_grad():
            for _ in range(steps):
                raw, slope = self.x.new_empty(2, N, network.n_raw).unbind()
                network.raw(self.x, raw)
                cells = next(objective.cells(objective.views(raw, slope, [N]), self.y, self.m, [N]))
                objective.backward(network, cells, slope, N, DECAY)
        found = [
            torch.cat([p.grad.flatten() for p in part.parameters()]).clone() for part in (network.trunk, network.heads)
        ]
        network.attach(None)
        flat.release()
        return *found, objective

    def penalty(self, part):
        return DECAY * torch.cat(
            [(p.detach() if p.ndim > 1 else 0.0 * p.detach()).flatten() for p in part.parameters()]
        )


@pytest.mark.parametrize("heads", [(), (3,), (4, 3)], ids=["linear", "hidden", "deep"])
@pytest.mark.parametrize("level", ["parameters", "representation"])
@pytest.mark.parametrize("aggregator", [Alpha, AlphaByStep])
@pytest.mark.parametrize("engine", ["written out", "autograd"])
def test_shared_parameters_get_weight_times_weight_and_heads_the_first(rng, heads, level, aggregator, engine):
    step = Step(rng, heads, engine=engine)
    trunk, top, objective = step.run(Fixed(), aggregator(), level)
    weights = BALANCE * torch.tensor(TASK_WEIGHTS, dtype=torch.float64)[TRAINED]
    expected = (weights * torch.from_numpy(ALPHA)) @ step.jacobian + step.penalty(step.network.trunk)
    torch.testing.assert_close(trunk, expected, rtol=1e-9, atol=1e-13)
    expected = weights @ step.head_jacobian + step.penalty(step.network.heads)
    torch.testing.assert_close(top, expected, rtol=1e-9, atol=1e-13)
    # Rows are gradients as weighted, where equal weights are one.
    tasks, gramian, _ = aggregator.seen
    assert tasks.tolist() == [0, 1, 2, 3, 4]
    if level == "parameters":
        rows = 5 * weights[:, None] * step.jacobian
        assert_allclose(gramian, (rows @ rows.T).numpy(), rtol=1e-9, atol=1e-13)
    recorded = objective.aggregation_weights()
    if aggregator is AlphaByStep:
        assert recorded is None
    else:
        assert_allclose(recorded, [1.0, -0.5, 2.0, np.nan, 0.25, 3.0])


@pytest.mark.parametrize("aggregator", [Alpha, AlphaByStep])
@pytest.mark.parametrize("level", ["parameters", "representation"])
def test_a_task_without_a_label_in_the_batch_has_no_row(rng, aggregator, level):
    step = Step(rng, unseen=[1, 5])
    trunk, _, _ = step.run(Fixed(), aggregator(), level)
    assert aggregator.seen[0].tolist() == [0, 2, 3]
    weights = BALANCE * torch.tensor(TASK_WEIGHTS, dtype=torch.float64)[TRAINED]
    expected = (weights * torch.from_numpy(ALPHA)) @ step.jacobian + step.penalty(step.network.trunk)
    torch.testing.assert_close(trunk, expected, rtol=1e-9, atol=1e-13)
    assert not step.jacobian[[1, 4]].any()


def test_losses_are_means_over_the_labels_in_the_batch(rng):
    class Losses(Alpha):
        needs_losses = True

    step = Step(rng, unseen=[1])
    step.run(Fixed(), Losses())
    tasks, _, losses = Losses.seen
    assert tasks.tolist() == [0, 2, 3, 4]
    raw = step.network(step.x).detach()
    block = step.blocks[0]  # tasks 0 and 5, squared error
    seen = step.m[:, 0] > 0
    assert_allclose(losses[0], (raw[seen, block.raw.start] - step.y[seen, 0]).square().mean().item(), rtol=1e-12)


def test_a_single_task_in_the_batch_is_left_as_it_is(rng):
    step = Step(rng, unseen=[0, 1, 2, 5])
    for aggregator in (Alpha, AlphaByStep):
        trunk, _, _ = step.run(Fixed(), aggregator())
        weights = BALANCE * torch.tensor(TASK_WEIGHTS, dtype=torch.float64)[TRAINED]
        expected = weights @ step.jacobian + step.penalty(step.network.trunk)
        torch.testing.assert_close(trunk, expected, rtol=1e-9, atol=1e-13)


class ByLength(Weighting):
    """Weights by the lengths of the gradients; keeps what it saw."""

    needs_gramian = True
    seen_gradients = None

    def weights(self, losses, gradients):
        type(self).seen_gradients = gradients.clone()
        return BALANCE.to(losses)


class ByGradient(ByLength):
    needs_gramian, needs_jacobian = False, True


@pytest.mark.parametrize("weighting", [ByLength, ByGradient])
@pytest.mark.parametrize("aggregator", [None, Alpha])
@pytest.mark.parametrize("engine", ["written out", "autograd"])
@pytest.mark.parametrize("heads", [(), (3,)], ids=["linear", "hidden"])
def test_a_weighting_sees_the_gradients_of_the_unweighted_losses(rng, weighting, aggregator, engine, heads):
    step = Step(rng, heads, engine=engine)
    trunk, top, _ = step.run(weighting(), None if aggregator is None else aggregator())
    gramian = step.jacobian @ step.jacobian.t()
    seen = weighting.seen_gradients
    torch.testing.assert_close(seen @ seen.t() if weighting is ByGradient else seen, gramian, rtol=1e-9, atol=1e-13)
    weights = BALANCE * torch.tensor(TASK_WEIGHTS, dtype=torch.float64)[TRAINED]
    expected = weights @ step.head_jacobian + step.penalty(step.network.heads)
    torch.testing.assert_close(top, expected, rtol=1e-9, atol=1e-13)
    alpha = torch.ones(5, dtype=torch.float64) if aggregator is None else torch.from_numpy(ALPHA)
    expected = (weights * alpha) @ step.jacobian + step.penalty(step.network.trunk)
    torch.testing.assert_close(trunk, expected, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("level", ["parameters", "representation"])
@pytest.mark.parametrize("weighting", [Fixed, ByLength])
def test_weights_are_kept_for_some_steps(rng, level, weighting):
    class Counting(Alpha):
        calls = 0

        def weights(self, gramian):
            type(self).calls += 1
            return ALPHA

    step = Step(rng, missing=0.0)
    expected = step.run(weighting(), Alpha(), level)
    for steps, calls in ((1, 1), (3, 1), (4, 2)):
        Counting.calls = 0
        found = step.run(weighting(), Counting(), level, every=3, steps=steps)
        assert Counting.calls == calls
        for a, b in zip(found[:2], expected[:2], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-13)


# In an estimator


def make_tasks(rng, n=90, n_tasks=4, missing=0.3):
    X = rng.normal(size=(n, 5))
    Y = np.tanh(X @ rng.normal(size=(5, n_tasks))) + 0.1 * rng.normal(size=(n, n_tasks))
    Y[rng.random(Y.shape) < missing] = np.nan
    return X, Y


SETTINGS = {"preset": "mlp", "hidden_layer_sizes": (8, 6), "max_iter": 6, "learning_rate_init": 0.01, "random_state": 0}


def fit(data, kind=MultiTaskRegressor, **parameters):
    return kind(**SETTINGS | {"batch_size": 20} | parameters).fit(*data)


#: Every method, with what it needs.
METHODS = [{"weighting": name} for name in WEIGHTINGS] + [
    {"aggregator": name, "main_task": "task_1"} for name in AGGREGATORS
]
methods = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.get("aggregator") or m.get("weighting"))


def takes(method, level):
    """Whether the method works on gradients in what the trunk returns."""
    name = method.get("aggregator")
    kind = AGGREGATORS[name] if name else WEIGHTINGS[method["weighting"]]
    if level == "parameters":
        return True
    return not (kind.needs_jacobian if name is None else kind.remembers_gradients or kind.needs_halves)


@methods
@pytest.mark.parametrize("level", ["parameters", "representation"])
def test_every_method_trains_with_gaps_weights_and_any_solver(rng, method, level):
    X, Y = make_tasks(rng)
    if not takes(method, level):
        with pytest.raises(ValueError, match="Set gradient_level='parameters'"):
            fit((X, Y), gradient_level=level, **method)
        return
    rows, cells = rng.random(90) + 0.5, rng.random(Y.shape)
    for more in ({"solver": "sgd"}, {"solver": "adamw", "task_weights": [1, 2, 0, 3]}, {"head_hidden_layer_sizes": 4}):
        for weights in (rows, cells):
            model = MultiTaskRegressor(**SETTINGS, batch_size=20, gradient_level=level, **method, **more)
            model.fit(sp.csr_array(X), Y, sample_weight=weights)
            assert np.isfinite(model.predict(X)).all()
            trained = [t for t in range(4) if model.task_weights is None or model.task_weights[t]]
            assert np.isfinite([model.history_[f"weight__task_{t}"] for t in trained]).all()
            if "aggregation__task_0" in model.history_:
                assert np.isfinite([model.history_[f"aggregation__task_{t}"] for t in trained]).all()


@methods
def test_every_method_is_reproducible_and_resumes(rng, method, tmp_path):
    data = make_tasks(rng)
    whole = fit(data, **method)
    assert torch.equal(all_parameters(whole), all_parameters(fit(data, **method)))
    # Saved after three epochs, loaded into a fresh model, and on: as if never stopped.
    files = {f"f_{part}": tmp_path / f"{part}.pt" for part in ("params", "optimizer", "criterion")}
    files["f_history"] = tmp_path / "history.json"
    batch = MultiTaskRegressor(**SETTINGS | {"max_iter": 1}, batch_size=20, **method)
    for _ in range(3):
        batch.partial_fit(*data)
    batch.net_.save_params(**files)
    resumed = pickle.loads(pickle.dumps(batch))
    fresh = MultiTaskRegressor(**SETTINGS | {"max_iter": 1}, batch_size=20, **method).partial_fit(*data)
    fresh.net_.load_params(**files)
    for model in (batch, resumed, fresh):
        for _ in range(3):
            model.partial_fit(*data)
        assert torch.equal(all_parameters(model), all_parameters(whole))


@methods
def test_every_method_is_the_same_in_skorchs_own_loop(rng, method):
    data = make_tasks(rng)
    plain = fit(data, **method)
    watched = fit(data, callbacks=[GradientNormClipping(1e9)], **method)
    # Up to how the losses of an epoch are summed, which some weightings look at.
    torch.testing.assert_close(all_parameters(watched), all_parameters(plain), rtol=1e-4, atol=1e-5)


class Trunk(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))

    def forward(self, X):
        return self.layers(X)


@methods
def test_every_method_works_with_a_trunk_of_ones_own(rng, method):
    data = make_tasks(rng)
    for level in ("parameters", "representation"):
        if takes(method, level):
            assert np.isfinite(fit(data, architecture=Trunk, gradient_level=level, **method).predict(data[0])).all()


@methods
def test_every_method_takes_one_task(rng, method):
    X, Y = make_tasks(rng, n_tasks=1, missing=0.0)
    method = method | ({"main_task": "task_0"} if "main_task" in method else {})
    for more in ({}, {"main_task": None}):
        assert np.isfinite(fit((X, Y), **method | more).predict(X)).all()


@methods
def test_every_method_takes_classes_and_values(rng, method):
    X, Y = make_tasks(rng, missing=0.0)
    labels = np.column_stack([np.digitize(Y[:, 0], [-0.3, 0.3]), Y[:, 1] > 0, Y[:, 2] > 0])
    model = fit((X, labels), MultiTaskClassifier, **method)
    assert [p.shape for p in model.predict_proba(X)] == [(90, 3), (90, 2), (90, 2)]
    mixed = np.column_stack([labels[:, 0], Y[:, 1:]])
    tasks = {"task_0": "classification", "task_1": "regression", "task_2": "regression", "task_3": "regression"}
    assert fit((X, mixed), MultiTaskEstimator, tasks=tasks, **method).predict(X).shape == (90, 4)


@pytest.mark.parametrize("level", ["parameters", "representation"])
@pytest.mark.parametrize(
    "more", [{}, {"dropout": 0.3}, {"head_hidden_layer_sizes": (5,)}, {"task_weights": [1, 0, 2, 3]}]
)
def test_an_aggregator_that_changes_nothing_changes_nothing(rng, level, more):
    data = make_tasks(rng)
    plain = fit(data, solver="sgd", **more)
    found = fit(data, solver="sgd", aggregator=Ones(), gradient_level=level, **more)
    assert_allclose(found.predict(data[0]), plain.predict(data[0]), rtol=1e-4, atol=1e-5)
    assert_allclose(found.history_["aggregation__task_0"], 1.0)
    assert list(found.history_.task("task_0")) == ["epoch", "train_loss", "weight", "aggregation"]
    assert "aggregation__task_0" not in plain.history_


def test_a_method_of_torchjd_is_wrapped_and_gives_what_ours_does(rng):
    aggregation = pytest.importorskip("torchjd.aggregation")
    data = make_tasks(rng, missing=0.0)
    given = aggregation.UPGradWeighting()
    theirs = fit(data, aggregator=given, solver="sgd")
    assert isinstance(theirs.net_.criterion_.balancer.aggregator, TorchJD)
    ours = fit(data, aggregator="upgrad", solver="sgd")
    assert_allclose(theirs.predict(data[0]), ours.predict(data[0]), rtol=1e-2, atol=1e-3)
    assert theirs.aggregator is given


# Bad input


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"aggregator": "pcgard"}, r"'aggregator' parameter of MultiTaskRegressor got 'pcgard'.*Did you mean 'pcgrad'"),
        ({"aggregator": "PCGrad"}, r"Did you mean 'pcgrad'"),
        ({"aggregator": "gradnorm"}, r"'aggregator' parameter .* Did you mean weighting='gradnorm'"),
        ({"weighting": "pcgrad"}, r"'weighting' parameter .* Did you mean aggregator='pcgrad'"),
        ({"aggregator": GradDrop}, r"skmtl\.aggregation\.Aggregator; .*add parentheses"),
        ({"aggregator": 3}, r"skmtl\.aggregation\.Aggregator; got 3"),
        ({"aggregator": "pcgrad", "solver": "lbfgs"}, r"solver='lbfgs'.*aggregator='pcgrad'.*solver='adam'"),
        ({"weighting": "gradnorm", "solver": "lbfgs"}, r"solver='lbfgs'.*weighting='gradnorm'"),
        ({"sampling": "tasks", "solver": "lbfgs"}, r"solver='lbfgs'.*sampling='tasks'"),
        ({"sampling": "tasks", "shuffle": False}, r"sampling='tasks'.*shuffle=True"),
        ({"sampling": "task"}, r"'sampling' parameter .* got 'task'.*Did you mean 'tasks'"),
        (
            {"aggregator": "pcgrad", "hidden_layer_sizes": ()},
            r"aggregator='pcgrad'.*hidden_layer_sizes=\(\).*hidden layer",
        ),
        ({"weighting": "gradnorm", "hidden_layer_sizes": ()}, r"weighting='gradnorm'.*leave weighting out"),
        ({"aggregator": "pcgrad", "architecture": nn.Flatten()}, r"aggregator='pcgrad'.*no parameters"),
        ({"aggregator": "cosine_gate"}, r"aggregator='cosine_gate'.*set main_task"),
        ({"aggregator": "pcd", "update_every": 0}, r"'update_every' parameter"),
        ({"aggregator": GradDrop(), "update_every": 2}, r"aggregator=GradDrop\(\).*update_every=2.*update_every=1"),
        (
            {"aggregator": MoCo(), "gradient_level": "representation"},
            r"aggregator=MoCo\(\).*gradient_level='parameters'",
        ),
        ({"weighting": "excess_mtl", "gradient_level": "representation"}, r"weighting='excess_mtl'.*gradient_level"),
        ({"aggregator": "pcgrad", "gradient_level": "parameter"}, r"'gradient_level'.*Did you mean 'parameters'"),
    ],
)
def test_what_does_not_go_together_is_named_with_the_way_out(rng, parameters, message):
    data = make_tasks(rng)
    model = MultiTaskRegressor(**SETTINGS).fit(*data)
    before = model.predict(data[0])
    with pytest.raises((ValueError, TypeError), match=message):
        model.set_params(**parameters).fit(*data)
    assert np.array_equal(model.set_params(architecture="hard_sharing").predict(data[0]), before)
