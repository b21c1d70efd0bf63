"""Several networks as one: each is the network that it would be alone, and is asked about the rows it has not seen."""

import copy
import functools
import pickle

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import torch
from _callbacks import Idle, KillAtEnd, KillMidway, WatchData
from _engine import (
    all_parameters,
    autograd_twin,
    make_data,
    make_network,
    mixed_blocks,
    mixed_targets,
    regression_blocks,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Checkpoint, EpochScoring, GradientNormClipping, LoadInitState
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._balance import Balancer
from skmtl._member_objectives import MemberObjectives
from skmtl._members import MemberNetworks
from skmtl._net import MultiTaskNet
from skmtl._objective import Objective
from skmtl._optim import AdamW, FlatParameters
from skmtl._stopping import Stopping
from skmtl.aggregation import AGGREGATORS
from skmtl.architectures import Independent
from skmtl.sampling import RowSampling, TaskSampling
from skmtl.weighting import WEIGHTINGS, Weighting

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")

K, N = 3, 24
DOUBLE = torch.float64


# The engine: one step


def make_members(blocks, n_members=K, apart=False, **settings):
    """Networks of one shape, in double precision, each with weights of its own; `apart`: differentiated by autograd."""
    members = []
    for seed in range(n_members):
        network = make_network(blocks, dtype=DOUBLE, **settings)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for p in network.parameters():
                p.add_(torch.randn(p.shape, generator=generator, dtype=DOUBLE), alpha=0.3)
        members.append(autograd_twin(network) if apart else network)
    return members


def step_of(network, x, slope, decay, seed=0):
    """Raw output of a batch, and the gradient of every parameter of every member."""
    flat = FlatParameters(network)
    network.attach(flat)
    network.train()
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(seed)
        raw = network.raw(x, x.new_empty(len(x), network.n_raw))
        network.backward(slope, decay)
    gradients = [p.grad.clone() for p in network.parameters()]
    network.attach(None)
    flat.release()
    return raw, gradients


def batch(rng, rows, n_raw, n_features=4):
    return (torch.from_numpy(rng.normal(size=(rows, n))) for n in (n_features, n_raw))


@pytest.mark.parametrize("settings", [{}, {"architecture": Independent, "heads": (3,)}], ids=["dense", "separate"])
@pytest.mark.parametrize("hidden", [(), (6,), (7, 6, 5)])
@pytest.mark.parametrize("activation", ["relu", "silu", "tanh"])
@pytest.mark.parametrize("blocks", [regression_blocks(3), mixed_blocks()], ids=["alike", "mixed"])
def test_the_step_of_all_is_that_of_each_by_autograd(rng, blocks, activation, hidden, settings):
    members = make_members(blocks, hidden=hidden, activation=activation, **settings)
    x, slope = batch(rng, K * 11, members[0].n_raw)
    for decay in (0.0, 0.3):
        together = MemberNetworks(copy.deepcopy(members))
        together.attach(FlatParameters(together))
        assert together._plan is not None
        raw, gradients = step_of(together, x, slope, decay)
        for i, member in enumerate(members):
            rows = slice(11 * i, 11 * (i + 1))
            leaf = member(x[rows])
            penalty = sum((p**2).sum() for p in member.parameters() if p.ndim > 1) * decay / 2
            expected = torch.autograd.grad((leaf * slope[rows]).sum() + penalty, list(member.parameters()))
            assert_allclose(raw[rows], leaf.detach(), rtol=1e-10, atol=1e-14)
            for found, wanted in zip(gradients[i * len(expected) :], expected, strict=False):
                assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("settings", [{}, {"heads": (4,)}, {"heads": (4, 3)}, {"apart": True}], ids=str)
def test_members_that_cannot_be_computed_as_one_take_the_same_step(rng, settings):
    blocks = mixed_blocks()
    members = make_members(blocks, **settings)
    together = MemberNetworks(copy.deepcopy(members))
    together.attach(FlatParameters(together))
    assert (together._plan is not None) == (not settings)
    together.attach(None)
    x, slope = batch(rng, K * 11, members[0].n_raw)
    raw, gradients = step_of(together, x, slope, 0.3)
    alone = [
        step_of(member, x[11 * i : 11 * (i + 1)], slope[11 * i : 11 * (i + 1)], 0.3) for i, member in enumerate(members)
    ]
    assert_allclose(raw, torch.cat([out for out, _ in alone]), rtol=1e-10)
    expected = [gradient for _, found in alone for gradient in found]
    assert len(expected) == len(gradients)
    for found, wanted in zip(gradients, expected, strict=True):
        assert_allclose(found, wanted, rtol=1e-10, atol=1e-14)


def test_members_kept_apart_take_the_same_step(rng):
    together = MemberNetworks(make_members(regression_blocks(2)))
    x, slope = batch(rng, K * 11, 2)
    expected = step_of(together, x, slope, 0.3)
    attach = together.attach
    together.attach = lambda flat: (attach(flat), together.keep_apart())
    raw, gradients = step_of(together, x, slope, 0.3)
    assert_allclose(raw, expected[0], rtol=1e-10)
    for found, wanted in zip(gradients, expected[1], strict=True):
        assert_allclose(found, wanted, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("apart", [False, True])
def test_with_dropout_a_seed_decides_the_step_and_it_can_be_seen_again(rng, apart):
    together = MemberNetworks(make_members(regression_blocks(2), hidden=(20, 20), dropout=0.5, apart=apart))
    x, slope = batch(rng, K * 11, 2)
    x[11:22] = x[:11]
    raw, gradients = step_of(together, x, slope, 0.1)
    again = step_of(together, x, slope, 0.1)
    assert torch.equal(raw, again[0]) and all(map(torch.equal, gradients, again[1]))
    assert not torch.equal(raw, step_of(together, x, slope, 0.1, seed=1)[0])
    together.attach(FlatParameters(together))
    together.train()
    with torch.random.fork_rng([]), torch.no_grad():
        torch.manual_seed(0)
        assert_allclose(together.raw_again(x, torch.empty_like(raw)), raw, rtol=1e-10)


def test_gradients_know_which_units_were_dropped(rng):
    together = MemberNetworks(make_members(regression_blocks(2), hidden=(20, 20), activation="tanh", dropout=0.5))
    x, slope = batch(rng, K * 11, 2)
    _, gradients = step_of(together, x, slope, 0.0)
    direction = [torch.from_numpy(rng.normal(size=p.shape)) for p in together.parameters()]
    values = []
    for step in (1e-5, -1e-5):
        moved = copy.deepcopy(together)
        with torch.no_grad():
            for p, d in zip(moved.parameters(), direction, strict=True):
                p.add_(d, alpha=step)
        values.append((step_of(moved, x, slope, 0.0)[0] * slope).sum())
    expected = sum((g * d).sum() for g, d in zip(gradients, direction, strict=True))
    assert_allclose((values[0] - values[1]) / 2e-5, expected, rtol=1e-6)


def test_members_drop_units_of_their_own(rng):
    member = make_network(regression_blocks(2), hidden=(20,), dropout=0.5, dtype=DOUBLE)
    x, slope = batch(rng, 11, 2)
    raw, _ = step_of(MemberNetworks([member, copy.deepcopy(member)]), x.repeat(2, 1), slope.repeat(2, 1), 0.0)
    assert not torch.isclose(raw[:11], raw[11:]).all(dim=1).any()


def test_predictions_and_representations_are_those_of_the_members(rng):
    members = make_members(mixed_blocks())
    together = MemberNetworks(members).eval()
    x, _ = batch(rng, 16, 1)
    assert_allclose(together.infer(x), torch.stack([m(x).detach() for m in members]), rtol=1e-10)
    assert_allclose(together.represent(x), torch.cat([m.trunk(x).detach() for m in members], dim=1), rtol=1e-10)
    assert_allclose(together(x).detach(), together.infer(x).mean(dim=0), rtol=1e-10)
    assert together.n_features == K * members[0].n_features
    other = MemberNetworks(make_members(mixed_blocks())[::-1]).eval()
    assert not torch.allclose(other.infer(x), together.infer(x))  # which prepares them for the old weights
    other.load_state_dict(together.state_dict())
    assert torch.equal(other.infer(x), together.infer(x))


# The engine: training


class Order(RowSampling):
    """Each epoch the rows that a member would visit: all but those of its fold."""

    def __init__(self, member=0, n_members=1):
        self.member, self.n_members = member, n_members

    def order(self, seed):
        full = copy.copy(self)
        full.n_rows = len(self.folds)
        order = RowSampling.order(full, (seed * self.n_members + self.member) % 2**31)
        return np.searchsorted(self.rows, order[self.folds[order] != self.member])


class SeededObjective(Objective):
    """With the seeds that a member would have."""

    def on_epoch_begin(self, seed):
        super().on_epoch_begin((seed * self.n_members + self.member) % 2**31)


def make_one(blocks, network, weighting="equal", aggregator=None, level="parameters", kind=Objective, main=None):
    """Objective of one network."""
    balancer, weighting = None, WEIGHTINGS[weighting]()
    n_tasks = sum(len(block.tasks) for block in blocks)
    if aggregator is not None:
        aggregator = AGGREGATORS[aggregator]()
        aggregator.initialize(n_tasks, main=main)
    if aggregator is not None or weighting.needs_gramian or weighting.needs_jacobian:
        balancer = Balancer(aggregator, level, 1)
    return kind(blocks, weighting, torch.ones(n_tasks, dtype=DOUBLE), balancer).to(DOUBLE)


def train(network, objective, data, epochs=3, sampling=None, seed=3, **settings):
    """A net that was trained in double precision, for some epochs, with batches of eight rows."""
    n_tasks = objective.n_tasks
    net = MultiTaskNet(
        network,
        objective,
        optimizer=functools.partial(AdamW, 0.02, 0.1),
        stopping=Stopping(False, 0.0, 1000),
        task_names=[f"task {t}" for t in range(n_tasks)],
        seed=seed,
        sampling=sampling or RowSampling(),
        batch_size=8,
        verbose=0,
        **settings,
    ).initialize()
    net.train(data, None, epochs)
    return net


def data_of(blocks, rng, missing=0.0, n=N, weights=None):
    return make_data(blocks, rng.normal(size=(n, 4)), mixed_targets(rng, n, missing), weights, dtype=DOUBLE)


def train_both(rng, folds=None, missing=0.0, weights=None, apart=False, **settings):
    """Members that are trained together, and each of them trained alone on the rows that it would visit."""
    blocks = mixed_blocks()
    data = data_of(blocks, rng, missing, weights=weights)
    members = make_members(blocks, hidden=(6, 5), apart=apart)
    alone = []
    rows_of_fold = np.full(N, -1) if folds is None else folds
    for i, member in enumerate(copy.deepcopy(members)):
        objective = make_one(blocks, member, kind=SeededObjective, **settings)
        objective.member, objective.n_members = i, K
        sampling = Order(i, K)
        sampling.rows, sampling.folds = np.flatnonzero(rows_of_fold != i), rows_of_fold
        alone.append(train(member, objective, data.subset(sampling.rows), sampling=sampling))
    objectives = [make_one(blocks, member, **settings) for member in members]
    shares = objectives[0].is_constant and objectives[0].balancer is None
    data.folds = folds
    together = train(MemberNetworks(members), objectives[0] if shares else MemberObjectives(objectives), data)
    return together, alone


def assert_same(together, alone, rtol=1e-8):
    for member, net in zip(together.module_.members, alone, strict=True):
        for found, wanted in zip(member.parameters(), net.module_.parameters(), strict=True):
            assert_allclose(found.detach(), wanted.detach(), rtol=rtol, atol=1e-11)
    for key in ("train_losses", "weights", "aggregation"):
        if key in alone[0].history[0]:
            for row, *rows in zip(together.history, *(net.history for net in alone), strict=True):
                assert_allclose(row[key], np.mean([r[key] for r in rows], axis=0), rtol=rtol, err_msg=key)


@pytest.mark.parametrize("apart", [False, True], ids=["written out", "autograd"])
@pytest.mark.parametrize("folds", [None, np.arange(N) % K], ids=["all rows", "folds"])
def test_a_member_is_the_network_that_it_would_be_alone(rng, folds, apart):
    together, alone = train_both(rng, folds, apart=apart)
    assert_same(together, alone)
    others = [torch.cat([p.detach().flatten() for p in m.parameters()]) for m in together.module_.members]
    assert not torch.isclose(others[0], others[1]).any()


# Not "random", which draws from one stream for all, nor "dwa", which looks at the losses of all: see below.
@pytest.mark.parametrize("weighting", ["uncertainty", "famo", "min_max", "stch", "gradnorm", "imtl_l", "group_dro"])
def test_a_member_has_the_weights_that_it_would_have_alone(rng, weighting):
    together, alone = train_both(rng, np.arange(N) % K, weighting=weighting)
    assert_same(together, alone)
    weights = np.array([net.history[-1]["weights"] for net in alone])
    assert (np.ptp(weights, axis=0) > 1e-6).any()
    for objective, wanted in zip(together.criterion_.objectives, weights, strict=True):
        assert_allclose(objective.task_weights(), wanted, rtol=1e-8)


@pytest.mark.parametrize("level", ["parameters", "representation"])
@pytest.mark.parametrize("aggregator", ["pcgrad", "mgda", "graddrop", "cagrad"])
def test_a_member_has_the_step_that_it_would_have_alone(rng, aggregator, level):
    together, alone = train_both(rng, np.arange(N) % K, aggregator=aggregator, level=level)
    assert_same(together, alone)


def test_weights_and_steps_go_together(rng):
    assert_same(*train_both(rng, np.arange(N) % K, weighting="uncertainty", aggregator="pcgrad"))


@pytest.mark.parametrize("settings", [{}, {"weighting": "famo"}, {"aggregator": "pcgrad"}], ids=str)
def test_a_member_is_the_network_alone_where_labels_are_missing(rng, settings):
    # Each sees all rows: on other rows a task has another number of labels, and so another scale.
    assert_same(*train_both(rng, missing=0.3, **settings))


@pytest.mark.parametrize("width", [1, 6])
@pytest.mark.parametrize("settings", [{}, {"weighting": "uncertainty"}, {"aggregator": "mgda"}], ids=str)
def test_a_member_is_the_network_alone_where_labels_have_weights(rng, settings, width):
    weights = rng.random((N, width))
    weights[::5] = 0.0
    assert_same(*train_both(rng, missing=0.2, weights=weights, **settings))


def test_averaged_weights_of_dwa_follow_the_losses_of_all_members(rng):
    blocks = mixed_blocks()
    members = make_members(blocks)
    objective = MemberObjectives([make_one(blocks, member, "dwa") for member in members])
    net = train(MemberNetworks(members), objective, data_of(blocks, rng), epochs=4)
    losses = np.array([row["train_losses"] for row in net.history])
    ratio = losses[2] / losses[1]
    expected = 6 * np.exp(ratio / 2) / np.exp(ratio / 2).sum()
    for one in net.criterion_.objectives:
        assert_allclose(one.task_weights(), expected, rtol=1e-6)


def test_random_weights_are_of_each_member_and_follow_from_the_seed(rng):
    blocks = mixed_blocks()
    data, members, nets = data_of(blocks, rng), make_members(blocks), []
    for seed in (3, 3, 4):
        mine = copy.deepcopy(members)
        objective = MemberObjectives([make_one(blocks, member, "random") for member in mine])
        nets.append(train(MemberNetworks(mine), objective, data, seed=seed))
    weights = [[one.task_weights().numpy() for one in net.criterion_.objectives] for net in nets]
    assert_array_equal(weights[0], weights[1])
    assert (np.abs(np.diff(weights[0], axis=0)) > 1e-6).all()
    assert (np.abs(weights[0][0] - weights[2][0]) > 1e-6).all()


# The engine: rows


class WatchOrders(MultiTaskNet):
    """Keeps the rows that the members visit."""

    def _member_orders(self):
        self.orders = [*getattr(self, "orders", []), super()._member_orders()]
        return self.orders[-1]


def visited(folds, sampling=None, epochs=4, missing=0.0, rng=None):
    blocks = mixed_blocks()
    data = data_of(blocks, np.random.default_rng(0), missing, n=len(folds))
    data.folds = np.asarray(folds)
    members = make_members(blocks)
    net = WatchOrders(
        MemberNetworks(members),
        make_one(blocks, members[0]),
        optimizer=functools.partial(AdamW, 0.02, 0.1),
        stopping=Stopping(False, 0.0, 1000),
        task_names=list("abcdef"),
        seed=0,
        sampling=sampling,
        batch_size=8,
        verbose=0,
    ).initialize()
    net.train(data, None, epochs)
    return np.array(net.orders)


def test_an_epoch_of_a_member_is_all_rows_but_its_fold():
    folds = np.array([0, 1, 2, -1] * 6)
    orders = visited(folds, RowSampling())
    assert orders.shape == (4, K, 18)
    for epoch in orders:
        for member, rows in enumerate(epoch):
            assert_array_equal(np.sort(rows), np.flatnonzero(folds != member))
    assert len({tuple(rows) for epoch in orders for rows in epoch % 4}) == 4 * K  # orders of their own
    for member, rows in enumerate(visited(folds)[0]):  # without shuffling
        assert_array_equal(rows, np.flatnonzero(folds != member))


def test_members_with_folds_of_unequal_size_visit_equally_many_rows():
    folds = np.repeat([0, 1, 2], [10, 8, 6])
    orders = visited(folds, RowSampling(), epochs=12)
    assert orders.shape == (12, K, 14)
    for member in range(K):
        rows = orders[:, member]
        assert not np.isin(rows, np.flatnonzero(folds == member)).any()
        assert {len(set(row)) for row in rows} == {14}  # none twice
        assert set(rows.ravel()) == set(np.flatnonzero(folds != member))  # none never


def test_sampling_by_tasks_leaves_the_folds_out_too():
    folds = np.arange(N) % K
    orders = visited(folds, TaskSampling(), missing=0.7)
    for member in range(K):
        assert not np.isin(orders[:, member], np.flatnonzero(folds == member)).any()
    assert max(np.bincount(rows).max() for epoch in orders for rows in epoch) > 1


@pytest.mark.parametrize("settings", [{}, {"weighting": "uncertainty"}, {"aggregator": "mgda"}], ids=str)
def test_labels_of_its_fold_do_not_move_a_member(rng, settings):
    blocks = mixed_blocks()
    data, members, nets = data_of(blocks, rng), make_members(blocks), []
    data.folds = np.arange(N) % K
    other = copy.copy(data)
    other.Y = data.Y.copy()
    numbers = [block.columns.start for block in blocks if block.loss.kind == "regression"]
    other.Y[np.ix_(data.folds == 1, numbers)] = 1e6
    for part in (data, other):
        mine = copy.deepcopy(members)
        objectives = [make_one(blocks, member, **settings) for member in mine]
        together = MemberObjectives(objectives) if settings else objectives[0]
        nets.append(train(MemberNetworks(mine), together, part))
    found, wanted = (net.infer_out_of_fold(data) for net in nets)
    assert torch.equal(found[1::K], wanted[1::K])
    for fold in (0, 2):
        assert not torch.isclose(found[fold::K], wanted[fold::K]).all(dim=1).any()


def test_a_row_is_asked_of_the_member_of_its_fold_and_no_other(rng):
    blocks = mixed_blocks()
    data = data_of(blocks, rng)
    data.folds = rng.permutation(np.array([-1, 0, 1, 2] * 6))
    members = make_members(blocks)
    net = train(MemberNetworks(members), make_one(blocks, members[0]), data)
    found = net.infer_out_of_fold(data)
    every = net.module_.infer(torch.from_numpy(data.X))
    for row, fold in enumerate(data.folds):
        if fold < 0:
            assert torch.isnan(found[row]).all()
        else:
            assert_allclose(found[row], every[fold, row], rtol=1e-10)
    losses = net.evaluate(data)
    rows = np.flatnonzero(data.folds >= 0)
    _, y, m = data.gather(rows)
    assert_allclose(losses, net.criterion_.column_losses(found[rows], y, m), rtol=1e-10)


# Estimators


def make(cls=MultiTaskRegressor, **parameters):
    settings = {"hidden_layer_sizes": (8,), "n_members": K, "max_iter": 8, "random_state": 0, "batch_size": 16}
    return cls(**settings | parameters)


def normed_trunk():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))


OWN = {"learning_rate": "anneal", "early_stopping": True, "learning_rate_init": 0.01}
VARIANTS = {
    "default": {},
    "dropout": {"dropout": 0.3},
    "mlp": {"preset": "mlp"},
    "uncertainty": {"weighting": "uncertainty"},
    "famo": {"weighting": "famo", "dropout": 0.2},
    "dwa": {"weighting": "dwa"},
    "gradnorm": {"weighting": "gradnorm"},
    "pcgrad": {"aggregator": "pcgrad"},
    "representation": {"aggregator": "graddrop", "gradient_level": "representation"},
    "heads": {"head_hidden_layer_sizes": (4,)},
    "factory": {"architecture": normed_trunk, **OWN},
    "tasks": {"sampling": "tasks"},
    "patience": {"learning_rate": "constant", "early_stopping": True, "n_iter_no_change": 2},
    "unshuffled": {"shuffle": False},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


def raw_of(model, X):
    """Raw output of every member: (K, n, R)."""
    return model._raw(X)[0][:, : len(X)]


def of_members(model, X):
    """What each member of a regressor predicts, in the user's units: (K, n, T)."""
    (block,) = model._blocks
    values = torch.stack([block.view(part)[..., 0] for part in raw_of(model, X)]).double().numpy()
    return values * model._targets.scale + model._targets.mean


@variants
def test_members_learn_together_whatever_else_is_set(regression_missing, variant):
    X, Y = regression_missing
    model = make(**VARIANTS[variant]).fit(X, Y)
    again = make(**VARIANTS[variant])
    torch.rand(3)  # whatever ran before
    assert torch.equal(all_parameters(again.fit(X, Y)), all_parameters(model))
    members = of_members(model, X)
    assert members.shape == (K, 120, 2) and np.isfinite(members).all()
    assert (np.ptp(members, axis=0) > 0).all()
    assert model.history_["train_loss"][-1] < model.history_["train_loss"][0]
    assert_allclose(model.predict(X), members.mean(axis=0), rtol=1e-5, atol=1e-6)
    assert hasattr(model, "oof_prediction_") == model.makes_oof_prediction == (variant != "mlp")


@variants
def test_skorch_stepping_gives_the_same_result(regression_missing, variant):
    fast, stock = (
        make(callbacks=callbacks, **VARIANTS[variant]).fit(*regression_missing) for callbacks in (None, [Idle()])
    )
    tolerance = {"rtol": 1e-4, "atol": 1e-5} if variant == "dwa" else {"rtol": 0}
    assert_allclose(all_parameters(fast), all_parameters(stock), **tolerance)
    assert list(fast.history_) == list(stock.history_)
    for name in fast.history_:
        if name != "duration":
            assert_allclose(fast.history_[name], stock.history_[name], rtol=2e-6, err_msg=name)


@pytest.mark.parametrize("kill", [KillAtEnd, KillMidway])
@pytest.mark.parametrize("variant", ["default", "famo", "uncertainty", "pcgrad", "factory", "tasks"])
def test_a_killed_run_resumes_from_its_checkpoint_as_if_nothing_had_been(regression, tmp_path, variant, kill):
    def checkpoint():
        return Checkpoint(monitor=None, dirname=tmp_path, f_criterion="criterion.pt")

    parameters, loop = VARIANTS[variant], [Idle()] if kill is KillMidway else []
    whole = make(callbacks=loop, **parameters).fit(*regression)
    for epoch in (2, 6):
        with pytest.raises(RuntimeError, match="killed"):
            make(callbacks=[checkpoint(), kill(epoch)], **parameters).fit(*regression)
        resumed = make(callbacks=[LoadInitState(checkpoint()), *loop], **parameters).fit(*regression)
        assert torch.equal(all_parameters(resumed), all_parameters(whole))
        assert resumed.n_iter_ == whole.n_iter_
        assert_array_equal(resumed.oof_prediction_, whole.oof_prediction_)


def test_clipping_runs(regression):
    free, clipped = (make(callbacks=callbacks).fit(*regression) for callbacks in (None, [GradientNormClipping(1e-3)]))
    assert not torch.equal(all_parameters(free), all_parameters(clipped))


@pytest.mark.parametrize("on_train", [False, True])
def test_a_score_an_epoch_is_that_of_the_mean_raw_output(regression, on_train):
    found = []

    def score(net, X, y):
        found.append((len(X), net.predict(X)))
        return float(np.abs(found[-1][1]).mean())

    X, Y = regression
    callback = EpochScoring(score, name="size", on_train=on_train, use_caching=False)
    model = make(callbacks=[callback], learning_rate="constant", early_stopping=True).fit(X, Y)
    assert [values.shape for _, values in found] == [(120, 2)] * model.n_iter_
    assert np.isfinite([row["size"] for row in model.net_.history]).all()


# Predictions


def test_the_spread_is_that_of_the_members(regression):
    X, Y = regression
    model = make().fit(X, Y)
    values, std = model.predict(X, return_std=True)
    members = of_members(model, X)
    assert_array_equal(values, model.predict(X))
    assert_allclose(std, members.std(axis=0), rtol=1e-5)
    assert std.shape == (120, 2) and (std > 0).all()
    one = make().fit(X, Y[:, 1])
    values, std = one.predict(X, return_std=True)
    assert values.shape == std.shape == (120,)
    assert_allclose(std, of_members(one, X).std(axis=0)[:, 0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"n_members above 1, or a loss that learns"):
        make(n_members=1).fit(X, Y).predict(X, return_std=True)


def test_variances_that_are_learned_and_that_of_the_members_add_up(regression):
    X, Y = regression
    model = make(loss="gaussian_nll").fit(X, Y)
    values, std = model.predict(X, return_std=True)
    members = of_members(model, X)
    assert_allclose(values, members.mean(axis=0), rtol=1e-5, atol=1e-6)
    (block,) = model._blocks
    raw = raw_of(model, X)
    learned = np.stack([block.loss.predict_std(block.view(part)).numpy() for part in raw]) * model._targets.scale
    assert_allclose(std, np.sqrt(members.var(axis=0) + (learned**2).mean(axis=0)), rtol=1e-5)


def chances(raw):
    """Probabilities (n, n_classes) of a task with as many raw columns."""
    return torch.softmax(raw.double(), dim=1).numpy()


def test_probabilities_are_averaged_not_votes_nor_raw_output(rng):
    X = rng.normal(size=(90, 4))
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    model = make(MultiTaskClassifier).fit(X, y)
    raw = raw_of(model, X)
    expected = np.mean([chances(part) for part in raw], axis=0)
    assert not np.allclose(expected, chances(raw.mean(dim=0)), rtol=1e-4)
    assert_allclose(model.predict_proba(X), expected, rtol=1e-6)
    assert_array_equal(model.predict(X), np.array(["a", "b", "c"])[expected.argmax(axis=1)])


def test_the_representations_are_side_by_side(regression):
    X, Y = regression
    model = make(hidden_layer_sizes=(8, 5)).fit(X, Y)
    Z = model.transform(X)
    assert Z.shape == (120, K * 5)
    assert_array_equal(model.get_feature_names_out(), [f"multitaskregressor{i}" for i in range(K * 5)])
    for i, member in enumerate(model.net_.module_.members):
        heads = member.heads
        raw = Z[:, 5 * i : 5 * (i + 1)] @ heads.weight.detach().numpy().T + heads.bias.detach().numpy()
        assert_allclose(raw, raw_of(model, X)[i], rtol=1e-4, atol=1e-5)


# Out of fold


def fitted_with_folds(model, X, Y, **settings):
    watch = WatchData()
    model.set_params(callbacks=[watch]).fit(X, Y, **settings)
    return model, watch.folds


@pytest.mark.parametrize("n_members", [2, 3, 5])
def test_every_row_is_predicted_by_the_one_member_that_has_not_seen_it(regression_missing, n_members):
    X, Y = regression_missing
    model, folds = fitted_with_folds(make(n_members=n_members), X, Y)
    assert_array_equal(np.bincount(folds), [120 // n_members] * n_members)
    members = of_members(model, X)
    assert_allclose(model.oof_prediction_, members[folds, np.arange(120)], rtol=1e-6)
    assert model.oof_prediction_.shape == (120, 2) and model.oof_prediction_.dtype == np.float64


def test_what_it_is_for_each_kind_of_task(mixed):
    X, Y = mixed
    one = make(MultiTaskRegressor).fit(X, Y["price"].fillna(0.0)).oof_prediction_
    assert one.shape == (120,) and one.dtype == np.float64 and np.isfinite(one).all()
    model, folds = fitted_with_folds(make(MultiTaskEstimator), X, Y)
    found = model.oof_prediction_
    assert isinstance(found, list) and [part.shape for part in found] == [(120, 3), (120, 2), (120,)]
    for part in found[:2]:
        assert_allclose(part.sum(axis=1), 1, rtol=1e-6)
        assert ((part > 0) & (part < 1)).all()
    by_member = raw_of(model, X)
    block = next(block for block in model._blocks if 2 in block.tasks)
    own = by_member[folds, np.arange(120)]
    price = block.view(own)[:, block.tasks.index(2), 0].double().numpy()
    assert_allclose(found[2], price * model._targets.scale[2] + model._targets.mean[2], rtol=1e-6)
    level = next(block for block in model._blocks if 0 in block.tasks)
    assert_allclose(found[0], chances(level.view(own)[:, level.tasks.index(0)]), rtol=1e-5)
    single = make(MultiTaskClassifier).fit(X[:90], np.arange(90) % 3).oof_prediction_
    assert isinstance(single, np.ndarray) and single.shape == (90, 3)
    both = make(MultiTaskClassifier).fit(X[:90], np.c_[np.arange(90) % 3, np.arange(90) % 2]).oof_prediction_
    assert [part.shape for part in both] == [(90, 3), (90, 2)]


def test_a_label_that_is_the_only_one_is_in_no_fold(rng):
    pd = pytest.importorskip("pandas")
    X = rng.normal(size=(60, 4))
    Y = pd.DataFrame({"letter": ["a", "b"] * 30, "size": rng.normal(size=60), "rare": np.full(60, np.nan)})
    Y.loc[7, "letter"], Y.loc[11, "rare"] = "c", 2.5
    model, folds = fitted_with_folds(make(MultiTaskEstimator), X, Y)
    assert np.flatnonzero(folds < 0).tolist() == [7, 11]
    for part in model.oof_prediction_:
        assert_array_equal(np.isnan(part), np.broadcast_to((folds < 0).reshape(60, *[1] * (part.ndim - 1)), part.shape))
    assert model.predict_proba(X)[0].shape == (60, 3)


def test_a_main_task_with_one_label_cannot_be_watched(rng):
    X, Y = rng.normal(size=(60, 4)), rng.normal(size=(60, 2))
    Y[1:, 1] = np.nan
    with pytest.raises(ValueError, match=r"no label of main_task 'task_1' to watch\. Set early_stopping=False"):
        make(main_task="task_1").fit(X, Y)
    history = make().fit(X, Y).history_
    assert np.isnan(history["valid_loss__task_1"]).all()
    assert_array_equal(history["valid_loss"], history["valid_loss__task_0"])
    with pytest.raises(ValueError, match="no label of any trained task to watch"):
        make(MultiTaskClassifier).fit(X, np.arange(60))


@pytest.mark.parametrize("variant", ["default", "tasks", "uncertainty"])
def test_the_watched_loss_is_that_of_the_rows_out_of_fold(regression_missing, variant):
    X, Y = regression_missing
    model = make(**VARIANTS[variant]).fit(X, Y)
    squares = ((model.oof_prediction_ - Y) / model._targets.scale) ** 2
    # The network that is kept is that of the best epoch.
    assert_allclose(model.history_["valid_loss"].min(), np.nanmean(squares, axis=0).mean(), rtol=1e-5)
    assert_allclose(model.best_validation_score_, -np.nanmean(squares, axis=0).mean(), rtol=1e-5)


def test_there_is_none_without_folds(regression):
    X, Y = regression
    without = [{"n_members": 1}, {"early_stopping": False}, {"preset": "mlp"}, {"solver": "sgd"}]
    for settings in [*without, {"architecture": normed_trunk}]:
        model = make(**settings)
        assert not model.makes_oof_prediction and not hasattr(model.fit(X, Y), "oof_prediction_")
    model = make(architecture=normed_trunk, early_stopping=True)
    assert model.makes_oof_prediction and model.fit(X, Y).oof_prediction_.shape == (120, 2)
    model.set_params(n_members=1).fit(X, Y)
    assert not hasattr(model, "oof_prediction_")


# What scikit-learn asks for


def test_copies_predict_the_same(regression, tmp_path):
    X, Y = regression
    model = make(weighting="uncertainty").fit(X, Y)
    joblib.dump(model, tmp_path / "model")
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), joblib.load(tmp_path / "model")):
        assert_array_equal(other.predict(X), model.predict(X))
        assert_array_equal(other.oof_prediction_, model.oof_prediction_)
        other.partial_fit(X, Y)
        assert not np.array_equal(other.predict(X), model.predict(X))
    fresh = clone(model)
    assert not hasattr(fresh, "net_") and fresh.n_members == K
    assert_array_equal(fresh.fit(X, Y).predict(X), model.predict(X))


def test_a_search_over_the_number_of_members(regression):
    X, Y = regression
    search = GridSearchCV(make(max_iter=3), {"n_members": [1, 2, 4]}, cv=KFold(2)).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.n_members == search.best_params_["n_members"]
    net = search.best_estimator_.net_
    assert net.module_.n_members == search.best_params_["n_members"]


def test_a_warm_start_goes_on_from_every_member(regression):
    X, Y = regression
    model = make(warm_start=True).fit(X, Y)
    before = model.net_.module_
    weights = all_parameters(model)
    model.set_params(learning_rate_init=1e-30, alpha=0.0).fit(X, Y)
    assert model.net_.module_ is before and torch.equal(all_parameters(model), weights)
    assert model.history_.n_epochs == 16 and model.oof_prediction_.shape == (120, 2)


@pytest.mark.parametrize("weighting", ["equal", "uncertainty"])
def test_partial_fit_trains_every_member_on_all_rows(regression, weighting):
    X, Y = regression
    model = make(weighting=weighting, early_stopping=False)
    for _ in range(4):
        model.partial_fit(X, Y)
    whole = make(weighting=weighting, early_stopping=False, max_iter=4).fit(X, Y)
    assert torch.equal(all_parameters(model), all_parameters(whole))
    assert model.history_.n_epochs == 4 and not hasattr(model, "oof_prediction_")
    assert (np.ptp(of_members(model, X), axis=0) > 0).all()


def test_partial_fit_after_fit_forgets_what_was_out_of_fold(regression):
    X, Y = regression
    model = make().fit(X, Y)
    before = of_members(model, X)
    model.partial_fit(X, Y)
    assert not hasattr(model, "oof_prediction_")
    assert (np.abs(of_members(model, X) - before) > 0).any(axis=(1, 2)).all()


# Data


def test_sparse_rows_are_those_of_the_dense_ones(rng):
    X = (rng.normal(size=(90, 9)) * (rng.random((90, 9)) < 0.4)).astype(np.float32)
    Y = rng.normal(size=(90, 2))
    plain = {"feature_scaling": None, "numeric_embedding": None}  # which may treat zeros that are not stored otherwise
    dense, sparse = (make(**plain).fit(A, Y) for A in (X, sp.csr_array(X)))
    assert torch.equal(all_parameters(dense), all_parameters(sparse))
    assert_array_equal(dense.oof_prediction_, sparse.oof_prediction_)
    assert_array_equal(sparse.predict(sp.csr_array(X)), dense.predict(X))


@pytest.mark.parametrize("architecture", [normed_trunk, normed_trunk()], ids=["factory", "module"])
def test_a_trunk_of_your_own_is_one_for_each_member(regression, architecture):
    X, Y = regression
    model = make(architecture=architecture, **OWN).fit(X, Y)
    before = None if not isinstance(architecture, nn.Module) else copy.deepcopy(architecture.state_dict())
    trunks = [member.trunk for member in model.net_.module_.members]
    assert len({id(trunk) for trunk in trunks}) == K
    first, second = (torch.cat([p.detach().flatten() for p in trunk.parameters()]) for trunk in trunks[:2])
    assert not torch.isclose(first, second).all()
    if before is not None:
        assert all(torch.equal(value, before[name]) for name, value in architecture.state_dict().items())


def test_task_weights_and_verbose(regression, capsys):
    X, Y = regression
    model = make(task_weights=[1, 0], verbose=True).fit(X, Y)
    assert_allclose(model.predict(X)[:, 1], Y[:, 1].mean())
    assert "valid_loss" in capsys.readouterr().out


# Errors


def test_lbfgs_trains_one_network(regression):
    with pytest.raises(ValueError, match=r"solver='lbfgs' trains one network; got n_members=3\. Set n_members=1"):
        make(solver="lbfgs").fit(*regression)


def test_each_member_needs_rows_to_leave_out(regression):
    X, Y = regression
    settings = {"n_members": 5, "early_stopping": True, "batch_size": "auto"}
    with pytest.raises(ValueError, match=r"n_members=5 needs at least 10 rows.* got 9\. Decrease n_members"):
        make(**settings).fit(X[:9], Y[:9])
    assert make(**settings).fit(X[:10], Y[:10]).oof_prediction_.shape == (10, 2)
    settings["early_stopping"] = "auto"  # which spares no rows where there are so few
    assert not hasattr(make(**settings).fit(X[:9], Y[:9]), "oof_prediction_")


@pytest.mark.parametrize("n_members", [0, 1.5, "many"])
def test_n_members_is_a_positive_whole_number(regression, n_members):
    with pytest.raises(ValueError, match=r"'n_members' parameter of MultiTaskRegressor must be .* \[1, inf\)"):
        make(n_members=n_members).fit(*regression)


def test_a_warm_start_keeps_the_folds_so_that_out_of_fold_stays_out_of_fold():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(120, 30)), rng.normal(size=(120, 2))
    model = MultiTaskRegressor(n_members=3, warm_start=True, alpha=0.0, max_iter=30, random_state=0).fit(X, Y)
    folds = model._fold_of_row.copy()
    model.fit(X, Y)
    assert_array_equal(model._fold_of_row, folds)
    assert (np.mean((model.oof_prediction_ - Y) ** 2, axis=0) > 0.9 * Y.var(axis=0)).all()  # nothing but noise
    model.fit(X[:90], Y[:90])  # other rows, it may be, or some of those of before
    assert not hasattr(model, "oof_prediction_")


def test_after_all_members_saw_all_rows_nothing_is_out_of_fold():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 3)), rng.normal(size=(60, 2))
    model = MultiTaskRegressor(n_members=2, warm_start=True, max_iter=2, random_state=0).fit(X, Y)
    assert model.oof_prediction_.shape == (60, 2)
    model.partial_fit(X, Y)
    assert not hasattr(model, "oof_prediction_")
    assert not hasattr(model.fit(X, Y), "oof_prediction_")
    assert model.set_params(warm_start=False).fit(X, Y).oof_prediction_.shape == (60, 2)


def test_left_to_choose_every_other_member_sees_the_bins():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(240, 3)), rng.normal(size=(240, 2))
    settings = {"n_members": 3, "max_iter": 3, "random_state": 0}
    model = MultiTaskRegressor(**settings).fit(X, Y)
    module, bins = model.net_.module_, model._inputs.added
    assert bins.start == 3 and bins.stop == model._inputs.n_columns
    assert [bool(sees[bins].any()) for sees in module.sees] == [True, False, True]
    assert module.sees[:, :3].all()
    chosen = MultiTaskRegressor(numeric_embedding="piecewise_linear", **settings).fit(X, Y)
    assert chosen.net_.module_.sees is None

    rows = torch.from_numpy(model._inputs.encode(X[:8]))
    other = rows.clone()
    other[:, bins] += 1.0
    moved = [(module.infer(rows)[k] - module.infer(other)[k]).abs().max() > 1e-3 for k in range(3)]
    assert moved == [True, False, True]
    assert_allclose(module.infer(rows).mean(0), module(rows).detach(), atol=1e-6)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict(X), model.predict(X))


def test_members_that_see_different_inputs_agree_batched_and_apart():
    def members(apart):
        rng = np.random.default_rng(0)
        X, Y = rng.normal(size=(240, 3)), rng.normal(size=(240, 2))
        model = MultiTaskRegressor(n_members=3, max_iter=4, random_state=0)
        if apart:
            model.set_params(weighting=Alike())
        return model.fit(X, Y).predict(X)

    assert_allclose(members(apart=True), members(apart=False), rtol=1e-4, atol=1e-5)


class Alike(Weighting):
    """Equal weights that look at gradients, so that no two members are computed as one."""

    needs_gramian = True

    def weights(self, losses, gramian):
        return torch.full_like(losses, 1 / len(losses))


@pytest.mark.parametrize("n_members", [4, 8, 9])
def test_a_row_of_many_members_does_not_look_at_the_others(regression, n_members):
    X, Y = regression
    model = MultiTaskRegressor(n_members=n_members, hidden_layer_sizes=(8,), max_iter=2, random_state=0).fit(X, Y)
    for together, alone in zip(
        model.predict(X, return_std=True),
        zip(*(model.predict(row[None], return_std=True) for row in X), strict=True),
        strict=True,
    ):
        assert np.array_equal(together, np.vstack(alone))
