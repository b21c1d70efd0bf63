"""Tables of categories: looked up, differentiated as autograd does by every engine, and trained with all else."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from _callbacks import Idle
from _engine import all_parameters, backpropagate, mixed_blocks, regression_blocks, relative_error
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl._activations import ACTIVATIONS
from skmtl._build import build_network
from skmtl._dense import DenseNetwork
from skmtl._inputs import _inputs
from skmtl._members import MemberNetworks
from skmtl._module import Network
from skmtl._optim import FlatParameters
from skmtl._tables import CategoryTables
from skmtl.architectures import HardSharing
from skmtl.ensemble import InputEncoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DOUBLE = torch.float64
#: Codes of the two columns behind three columns of numbers.
CODES = (4, 2)


def batch(rng, n, n_raw, codes=CODES):
    """Rows, in which codes recur, and slopes of the raw output."""
    columns = [rng.normal(size=(n, 3)), *(rng.integers(0, k, (n, 1)) for k in codes)]
    return torch.from_numpy(np.hstack(columns)), torch.from_numpy(rng.normal(size=(n, n_raw)))


def make_network(blocks, hidden=(6, 5), heads=(), activation="tanh", dropout=0.0, seed=0, codes=CODES):
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = build_network(
            HardSharing(),
            torch.zeros(4, 3 + len(codes)),
            blocks,
            hidden_layer_sizes=hidden,
            head_hidden_layer_sizes=heads,
            activation=ACTIVATIONS[activation],
            dropout=dropout,
            n_codes=codes,
        ).to(DOUBLE)
        with torch.no_grad():
            network.tables.weight.normal_()
    return network


def autograd_twin(network):
    """The same tables, trunk and heads, differentiated by autograd."""
    return Network(network.trunk, network.heads, network.n_features, tables=network.tables)


# Looking up


def test_rows_stand_in_the_place_of_codes():
    tables = CategoryTables((2, 1), n_tasks=2)
    tables.weight.data = torch.arange(40.0).view(5, 8)
    found = tables(torch.tensor([[0.5, 1.0, 0.0], [-7.0, 2.0, 1.0]]))
    assert_array_equal(found.detach(), [[0.5, *range(8, 16), *range(24, 32)], [-7.0, *range(16, 24), *range(32, 40)]])


@pytest.mark.parametrize(("n_tasks", "width"), [(1, 8), (2, 8), (3, 12), (4, 16), (100, 16)])
def test_a_row_has_four_columns_a_task_within_limits(n_tasks, width):
    assert CategoryTables((40,), n_tasks).weight.shape == (41, width)


def test_rows_begin_small_and_those_of_unseen_labels_as_zeros():
    tables = CategoryTables((500, 300), n_tasks=4)
    weight = tables.weight.detach()
    assert not weight[[500, 801]].any()
    known = weight[[*range(500), *range(501, 801)]]
    assert known.all()
    assert known.std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("heads", [(), (5,), (5, 4)])
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_forward_inference_and_training_see_the_same(rng, hidden, heads):
    network = make_network(mixed_blocks(), hidden, heads)
    x, _ = batch(rng, 16, network.n_raw)
    looked_up = torch.cat([x[:, :3], *(network.tables.weight[i] for i in (x[:, 3].long(), x[:, 4].long() + 5))], dim=1)
    expected = network.heads(network.trunk(looked_up)).detach()
    flat = FlatParameters(network)
    assert_allclose(network(x).detach(), expected, rtol=1e-12)
    assert_allclose(network.infer(x), expected, rtol=1e-10)
    assert_allclose(network.represent(x), network.trunk(looked_up).detach(), rtol=1e-12)
    network.attach(flat)
    with torch.no_grad():
        assert_allclose(network.raw(x, torch.empty_like(expected)), expected, rtol=1e-10)


# Gradients


def central_differences(network, value, step=1e-6):
    """Slope of ``value()`` in all parameters, weights first."""
    ordered = sorted(network.parameters(), key=lambda p: p.ndim <= 1)
    slopes = []

    def moved(cells, i, to):
        cells[i] = to
        return value()

    with torch.no_grad():
        for cells in (p.data.view(-1) for p in ordered):
            for i, before in enumerate(cells.tolist()):
                above, below = (moved(cells, i, before + s) for s in (step, -step))
                cells[i] = before
                slopes.append((above - below) / (2 * step))
    return torch.tensor(slopes, dtype=DOUBLE)


@pytest.mark.parametrize("heads", [(), (3,), (4, 3)])
@pytest.mark.parametrize("hidden", [(), (6,), (5, 4)])
def test_gradients_are_the_central_differences(rng, hidden, heads):
    network = make_network(regression_blocks(2), hidden, heads)
    assert isinstance(network, DenseNetwork) == (len(hidden) > 0 and len(heads) < 2)
    x, slope = batch(rng, 9, 2)
    decay = 0.2

    def value():
        penalty = sum(p.square().sum() for p in network.parameters() if p.ndim > 1)
        return ((network(x) * slope).sum() + decay / 2 * penalty).item()

    assert relative_error(backpropagate(network, x, slope, decay), central_differences(network, value)) < 1e-7


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("heads", [(), (4,)])
def test_written_out_gradients_are_those_of_autograd(rng, heads, accumulate):
    network = make_network(mixed_blocks(), (7, 6), heads, "relu", dropout=0.4)
    x, slope = batch(rng, 11, network.n_raw)
    written, derived = (backpropagate(net, x, slope, 0.3, accumulate) for net in (network, autograd_twin(network)))
    assert relative_error(written, derived) < 1e-12


@pytest.mark.parametrize("heads", [(), (4,), (4, 3)])
@pytest.mark.parametrize("sees", [None, torch.tensor([[True] * 5, [True, False, True, True, True], [True] * 5])])
def test_the_step_of_all_members_is_that_of_each_by_autograd(rng, heads, sees):
    members = [make_network(mixed_blocks(), heads=heads, seed=seed) for seed in range(3)]
    x, slope = batch(rng, 33, members[0].n_raw)
    together = MemberNetworks(copy.deepcopy(members), sees)
    flat = FlatParameters(together)
    together.attach(flat)
    assert (together._plan is None) == (len(heads) > 0)
    with torch.no_grad():
        raw = together.raw(x, torch.empty_like(slope))
        together.backward(slope, 0.3)
    for k, (member, trained) in enumerate(zip(members, together.members, strict=True)):
        rows = slice(11 * k, 11 * (k + 1))
        leaf = member(together.shown(x[rows], k))
        penalty = sum((p**2).sum() for p in member.parameters() if p.ndim > 1) * 0.3 / 2
        wanted = torch.autograd.grad((leaf * slope[rows]).sum() + penalty, list(member.parameters()))
        assert_allclose(raw[rows], leaf.detach(), rtol=1e-10)
        for p, gradient in zip(trained.parameters(), wanted, strict=True):
            assert_allclose(p.grad, gradient, rtol=1e-9, atol=1e-13)


# What the tasks send into the tables


def by_column(network, x, slope, rows=slice(None)):
    """Gradient of each column's part of the objective in what the tasks share, a backward pass each: ``(C, P)``."""
    some = torch.zeros(len(x), 1, dtype=DOUBLE)
    some[rows] = 1.0
    found = []
    for column in range(network.heads.n_tasks):
        mine = slope * (network.heads.owner == column) * some
        found.append(torch.cat([g.flatten() for g in torch.autograd.grad(network(x), network.shared_parameters, mine)]))
    return torch.stack(found)


@pytest.fixture(params=["written out", "autograd", "no trunk"])
def engine(request):
    return request.param


def make_engine(engine):
    network = make_network(mixed_blocks(), () if engine == "no trunk" else (6, 5))
    return autograd_twin(network) if engine == "autograd" else network


@pytest.mark.parametrize("level", ["parameters", "representation"])
def test_a_step_has_the_factors_of_the_tasks(rng, engine, level):
    network = make_engine(engine)
    assert any(p is network.tables.weight for p in network.shared_parameters)
    x, slope = batch(rng, 11, network.n_raw)
    expected, decay = by_column(network, x, slope), 0.3
    flat = FlatParameters(network)
    network.attach(flat)
    penalty = torch.cat([decay * p.data.flatten() * (p.ndim > 1) for p in network.shared_parameters])
    for factors in torch.eye(network.heads.n_tasks, dtype=DOUBLE):
        with torch.no_grad():
            network.raw(x, torch.empty_like(slope))
            network.backward_heads(slope, decay)
            network.task_gradients(slope, level, decay).apply(factors)
        found = torch.cat([p.grad.flatten() for p in network.shared_parameters])
        assert_allclose(found, factors @ expected + penalty, rtol=1e-9, atol=1e-13)


def test_inner_products_of_task_gradients_count_the_tables(rng, engine):
    network = make_engine(engine)
    x, slope = batch(rng, 11, network.n_raw)
    whole, first = by_column(network, x, slope), by_column(network, x, slope, slice(5))
    flat = FlatParameters(network)
    network.attach(flat)
    with torch.no_grad():
        network.raw(x, torch.empty_like(slope))
        network.backward_heads(slope)
        gradients = network.task_gradients(slope, "parameters", halves=True)
    assert_allclose(gradients.gramian(), whole @ whole.T, rtol=1e-9, atol=1e-12)
    share = 5 / 11
    assert_allclose(gradients.cross, first @ (whole - first).T / (share * (1 - share)), rtol=1e-9, atol=1e-12)


# Estimators

N, N_LABELS = 600, 50
SETTINGS = {"hidden_layer_sizes": (16,), "random_state": 0}
PLAIN = SETTINGS | {"preset": "mlp", "max_iter": 40, "learning_rate_init": 0.02}


def shops(n=N, seed=0, n_labels=N_LABELS):
    """A table with a column of many labels, on which most of the targets depends."""
    rng = np.random.default_rng(seed)
    shop, size = rng.permutation(np.arange(n) % n_labels), rng.normal(size=n)
    level = np.random.default_rng(1).normal(size=(n_labels, 2))
    Y = level[shop] + 0.3 * size[:, None] + 0.1 * rng.normal(size=(n, 2))
    X = pd.DataFrame({"size": size, "shop": pd.Categorical([f"shop {s}" for s in shop])})
    return X, Y


def weights_of(model):
    return [m.tables.weight.detach().clone() for m in getattr(model.net_.module_, "members", [model.net_.module_])]


VARIANTS = {
    "default": {},
    "one": {"n_members": 1},
    "plain": PLAIN,
    "lbfgs": {"solver": "lbfgs", "max_iter": 100},
    "no trunk": PLAIN | {"hidden_layer_sizes": ()},
    "deep heads": PLAIN | {"head_hidden_layer_sizes": (8, 8)},
    "aggregator": PLAIN | {"aggregator": "mgda"},
    "aggregator of members": PLAIN | {"aggregator": "mgda", "n_members": 2},
    "in the representation": PLAIN | {"aggregator": "mgda", "gradient_level": "representation"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_depends_on_labels_is_learned(variant):
    X, Y = shops()
    model = MultiTaskRegressor(**SETTINGS | VARIANTS[variant]).fit(X, Y)
    later, truth = shops(seed=2)
    assert model.score(later, truth) > 0.8
    assert model._inputs.n_codes == (N_LABELS,)
    assert all(w.shape == (N_LABELS + 1, 8) for w in weights_of(model))


def test_classes_depend_on_labels_too():
    X, Y = shops()
    model = MultiTaskEstimator(tasks=["regression", "classification"], **SETTINGS)
    labels = np.where(Y[:, 1] > 0, "high", "low")
    y = pd.DataFrame({"level": Y[:, 0], "class": labels})
    later, truth = shops(seed=2)
    predicted = model.fit(X, y).predict(later)
    assert np.mean(np.asarray(predicted)[:, 1] == np.where(truth[:, 1] > 0, "high", "low")) > 0.9


@pytest.mark.parametrize("n_members", [1, 4])
def test_the_prediction_of_a_row_is_the_same_in_any_company(n_members):
    X, Y = shops()
    model = MultiTaskRegressor(n_members=n_members, **SETTINGS).fit(X, Y)
    together, alone = model.predict(X[:40]), np.vstack([model.predict(X[i : i + 1]) for i in range(40)])
    assert_array_equal(together, alone)
    assert_array_equal(model.transform(X[:7]), model.transform(X[:40])[:7])
    assert model.transform(X).shape == (N, 16 * n_members)


@pytest.mark.parametrize("n_members", [1, 4])
def test_copies_predict_the_same(n_members):
    X, Y = shops()
    model = MultiTaskRegressor(n_members=n_members, **SETTINGS).fit(X, Y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), clone(model).fit(X, Y)):
        assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize("n_members", [1, 4])
def test_skorch_stepping_gives_the_same_result(n_members):
    X, Y = shops()
    settings = PLAIN | {"n_members": n_members, "max_iter": 3}
    stepped, plain = (MultiTaskRegressor(callbacks=c, **settings).fit(X, Y) for c in ([Idle()], None))
    assert torch.equal(all_parameters(stepped), all_parameters(plain))


def test_a_warm_start_goes_on_from_the_tables():
    X, Y = shops()
    model = MultiTaskRegressor(warm_start=True, **PLAIN).fit(X, Y)
    (before,) = weights_of(model)
    model.set_params(max_iter=1, learning_rate_init=1e-9).fit(X, Y)
    assert_allclose(weights_of(model)[0], before, atol=1e-6)


@pytest.mark.parametrize("n_members", [1, 3])
def test_labels_that_were_never_seen_are_zeros_until_they_are_learned_from(n_members):
    X, Y = shops()
    settings = PLAIN | {"n_members": n_members, "max_iter": 5}
    model = MultiTaskRegressor(**settings).fit(X, Y)
    assert not any(w[-1].any() for w in weights_of(model))
    new = X.assign(shop="a new shop")
    assert_array_equal(model.predict(new), model.predict(X.assign(shop=None)))
    model.partial_fit(new, Y)
    assert all(w[-1].all() for w in weights_of(model))


def test_rare_labels_share_a_row_with_unseen_ones():
    X, Y = shops()
    rare = X.assign(shop=np.where(np.arange(N) < 3, "rare", X["shop"].astype(str)))
    model = MultiTaskRegressor(**PLAIN).fit(rare, Y)
    assert_array_equal(model.predict(X.assign(shop="rare")), model.predict(X.assign(shop="unseen")))
    assert not weights_of(model)[0][-1].any()  # which nothing needs


def test_missing_labels_have_a_row_of_their_own():
    X, Y = shops()
    gaps = np.arange(N) < 100
    Y = np.where(gaps[:, None], 5.0, Y)
    model = MultiTaskRegressor(**SETTINGS).fit(X.assign(shop=X["shop"].mask(gaps)), Y)
    assert_allclose(model.predict(X.assign(shop=None)), 5.0, atol=0.5)


def test_several_columns_and_all_columns_are_looked_up():
    X, Y = shops()
    other = shops(seed=5)[0]["shop"]
    twice = pd.DataFrame({"shop": X["shop"], "other": other})
    model = MultiTaskRegressor(**SETTINGS).fit(twice, Y)
    assert model._inputs.n_codes == (N_LABELS, N_LABELS)
    assert model._inputs.n_columns == 2
    assert model.score(twice, Y) > 0.8


@pytest.mark.parametrize("n_labels", [30, 31])
def test_tables_are_for_more_than_thirty_labels(n_labels):
    X, Y = shops(n_labels=n_labels)
    model = MultiTaskRegressor(**PLAIN | {"max_iter": 1}).fit(X, Y)
    assert model._inputs.n_columns == {30: 31, 31: 2}[n_labels]
    assert (model.net_.module_.tables is None) == (n_labels == 30)


def test_networks_that_share_nothing_share_no_table():
    X, Y = shops()
    model = MultiTaskRegressor(architecture="independent", **PLAIN).fit(X, Y)
    assert model.net_.module_.tables is None
    assert model._inputs.n_columns == 1 + N_LABELS


def test_for_other_models_there_is_a_column_for_each_label():
    X, _ = shops()
    assert InputEncoder().fit_transform(X).shape == (N, 1 + N_LABELS)


def test_tables_learn_as_well_as_a_column_for_each_label(monkeypatch):
    (X, Y), (later, truth) = shops(), shops(seed=2)
    looked_up = MultiTaskRegressor(random_state=0).fit(X, Y).score(later, truth)
    monkeypatch.setattr(_inputs, "MAX_ONE_HOT", N_LABELS)
    one_hot = MultiTaskRegressor(random_state=0).fit(X, Y).score(later, truth)
    assert looked_up > one_hot


def test_threads_go_by_what_rows_are_multiplied_by():
    network = make_network(regression_blocks(2), codes=(5000,))
    assert network.sizes == [(6, 11), (5, 6), (2, 5)]


def test_tables_are_of_the_type_of_the_network():
    network = make_network(regression_blocks(2))
    assert network.tables.weight.dtype == DOUBLE
    assert network.tables.first.dtype == torch.int64
    assert isinstance(network.tables, nn.Module)
