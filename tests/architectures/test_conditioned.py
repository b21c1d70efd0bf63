"""One network that is told the task: by unit vectors, learned codes, or descriptors."""

import copy
import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.metrics import r2_score
from torch.nn import functional

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl._activations import ACTIVATIONS
from skmtl.architectures import Conditioned, HardSharing

DESCRIPTORS = np.array([[1.0, 30.0], [2.0, 10.0], [4.0, 50.0]])
INJECTIONS = ["concatenate", "add", "multiply", "gate"]

injections = pytest.mark.parametrize("injection", INJECTIONS)
contexts = pytest.mark.parametrize("context", ["one_hot", "embedding", DESCRIPTORS], ids=["one_hot", "embedding", "z"])
pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


def initialize(architecture, n_tasks=3, hidden=(5, 4), n_features=2, activation="tanh", **given):
    for name, value in given.items():
        setattr(architecture, name, value)
    settings = {"hidden_layer_sizes": hidden, "activation": ACTIVATIONS[activation], "dropout": 0.0}
    architecture.initialize(n_features, n_tasks, **settings)
    return architecture


def randomize(architecture):
    """Other weights than those of the start, where the tasks are alike."""
    with torch.no_grad():
        for p in architecture.parameters():
            p.normal_()
    return architecture


def batch(n=6, n_features=2):
    return torch.randn(n, n_features, generator=torch.Generator().manual_seed(1))


def set_(**values):
    """Set parameters: name -> value."""

    def of(module):
        for name, value in values.items():
            p = module.get_parameter(name)
            p.data = torch.tensor(value).view(p.shape)
        return module

    return of


# What is computed


@pytest.mark.parametrize(
    ("injection", "weights", "expected"),
    [
        ("concatenate", {"weight": [10.0, 20.0]}, [17.0, 27.0]),  # 2 * 3 + 1, and 10 or 20
        ("add", {"shift": [10.0, 20.0]}, [27.0, 47.0]),  # 2 * (3 + 10) + 1
        ("multiply", {"scale": [1.0, -1.0], "shift": [0.0, 5.0]}, [13.0, 11.0]),  # 2 * (2 * 3) + 1, 2 * (0 * 3 + 5) + 1
        ("gate", {"gate": [np.log(3.0), 0.0]}, [10.0, 7.0]),  # 2 * (2 * 3/4 * 3) + 1, 2 * (2 * 1/2 * 3) + 1
    ],
)
def test_the_input_is_told_the_task_by_hand(injection, weights, expected):
    trunk = initialize(Conditioned(injection=injection, layers="input"), 2, (1,), 1, "identity")
    set_(**{"trunk.0.weight": [2.0], "trunk.0.bias": [1.0]})(trunk)
    set_(**{f"injections.0.{name}": np.float32(value) for name, value in weights.items()})(trunk)
    torch.testing.assert_close(trunk(torch.tensor([[3.0]])), torch.tensor([expected]).view(1, 2, 1))


@pytest.mark.parametrize(
    ("injection", "weights", "expected"),
    [
        ("concatenate", {}, [[7.0, 1.0, 0.0], [7.0, 0.0, 1.0]]),
        ("add", {"shift": [10.0, 20.0]}, [[17.0], [27.0]]),
        ("multiply", {"scale": [1.0, -1.0], "shift": [0.0, 5.0]}, [[14.0], [5.0]]),
        ("gate", {"gate": [np.log(3.0), 0.0]}, [[10.5], [7.0]]),
    ],
)
def test_the_representation_is_told_the_task_by_hand(injection, weights, expected):
    trunk = initialize(Conditioned(injection=injection, layers=(1,)), 2, (1,), 1, "identity")
    set_(**{"trunk.0.weight": [2.0], "trunk.0.bias": [1.0]})(trunk)
    set_(**{f"injections.1.{name}": np.float32(value) for name, value in weights.items()})(trunk)
    torch.testing.assert_close(trunk(torch.tensor([[3.0]])), torch.tensor([expected]))


def by_definition(trunk, X, z):
    """Representation of the task with code z ``(k,)``, as the class's formulas say."""
    h = X
    for i, site in enumerate(trunk.injections):
        maps = {name: z @ p for name, p in site.named_parameters()}
        told = len(maps) or (trunk.injection == "concatenate" and i == len(trunk.trunk))
        weight = trunk.trunk[i].weight if i < len(trunk.trunk) else None
        if told and trunk.injection == "concatenate":
            h = torch.cat([h, z.expand(len(h), -1)], dim=1)
            weight = torch.cat([weight, site.weight.T], dim=1) if weight is not None else None
        elif told and trunk.injection == "add":
            h = h + maps["shift"]
        elif told and trunk.injection == "multiply":
            h = (1 + maps["scale"]) * h + maps["shift"]
        elif told:
            h = 2 / (1 + torch.exp(-maps["gate"])) * h
        if weight is not None:
            h = torch.tanh(functional.linear(h, weight, trunk.trunk[i].bias))
    return h


@injections
@contexts
def test_the_batched_products_compute_the_definition_of_every_task(injection, context):
    trunk = randomize(initialize(Conditioned(context, injection, heads="shared", embedding_size=2))).double()
    X = batch().double()
    codes = {"one_hot": torch.eye(3), "embedding": trunk.embedding}
    codes = codes[context] if isinstance(context, str) else (DESCRIPTORS - DESCRIPTORS.mean(0)) / DESCRIPTORS.std(0)
    found = trunk(X)
    for t, z in enumerate(codes):
        expected = by_definition(trunk, X, torch.as_tensor(z).double())
        torch.testing.assert_close(found[:, t], expected, rtol=1e-6, atol=1e-6)


@injections
@contexts
def test_gradients_are_those_of_finite_differences(injection, context):
    trunk = randomize(initialize(Conditioned(context, injection, embedding_size=2), hidden=(3, 2))).double()
    names, values = zip(*trunk.named_parameters(), strict=True)
    values = [p.detach().requires_grad_() for p in values]

    def represent(X, *parameters):
        return torch.func.functional_call(trunk, dict(zip(names, parameters, strict=True)), X)

    assert torch.autograd.gradcheck(represent, (batch(3).double().requires_grad_(), *values))


# From shared to separate


@injections
@contexts
def test_training_begins_at_hard_sharing(injection, context):
    trunk = initialize(Conditioned(context, injection))
    shared = initialize(HardSharing())
    shared.layers.load_state_dict(trunk.trunk.state_dict())
    torch.testing.assert_close(trunk(batch()), shared(batch()).unsqueeze(1).expand(-1, 3, -1))


@injections
def test_tasks_with_one_code_are_one_task(injection):
    alike = randomize(initialize(Conditioned(np.ones((3, 2)), injection, heads="shared")))(batch())
    torch.testing.assert_close(alike[:, 1:], alike[:, :1].expand(-1, 2, -1))
    two = randomize(initialize(Conditioned(DESCRIPTORS[[0, 1, 0]], injection, heads="shared")))(batch())
    torch.testing.assert_close(two[:, 0], two[:, 2])
    assert not torch.isclose(two[:, 0], two[:, 1]).all()


@pytest.mark.parametrize("layers", ["all", (1, 2)])
def test_gates_on_unit_vectors_cut_the_trunk_into_separate_networks(layers):
    n_tasks, width = 3, 4
    trunk = initialize(
        Conditioned(injection="gate", layers=layers, heads="shared"), n_tasks, (12, 12), activation="relu"
    )
    randomize(trunk)
    mine = torch.eye(n_tasks).repeat_interleave(width, dim=1)  # of its units each task has four
    with torch.no_grad():
        for site in trunk.injections[1:]:
            site.gate.copy_(1e4 * (2 * mine - 1))
        if layers == "all":
            trunk.injections[0].gate.zero_()
    found = trunk(batch())
    first, second = trunk.trunk
    for t in range(n_tasks):
        own = slice(t * width, (t + 1) * width)
        h = torch.relu(functional.linear(batch(), first.weight[own], first.bias[own]))
        h = torch.relu(functional.linear(2 * h, second.weight[own, own], second.bias[own]))
        torch.testing.assert_close(found[:, t, own], 2 * h)
        assert (found[:, t, mine[t] == 0] == 0).all()


@pytest.mark.parametrize("injection", ["concatenate", "add"])
def test_the_product_of_the_first_layer_is_computed_once_for_all_tasks(injection):
    trunk, seen = initialize(Conditioned(injection=injection)), []
    trunk.trunk[0].register_forward_hook(lambda layer, inputs, output: seen.append(output.shape))
    trunk(batch())
    assert seen == [(6, 5)]


@injections
def test_below_the_first_layer_that_is_told_all_is_computed_once(injection):
    trunk, seen = initialize(Conditioned(injection=injection, layers=(2,))), []
    for layer in trunk.trunk:
        layer.register_forward_hook(lambda layer, inputs, output: seen.append(output.shape))
    assert trunk(batch()).shape[:2] == (6, 3)
    assert seen == [(6, 5), (6, 4)]


# Tasks


@injections
@contexts
def test_permuted_tasks_are_permuted_representations(injection, context):
    order = [2, 0, 1]
    # A unit vector beside the representation names the task by its place.
    trunk = randomize(initialize(Conditioned(context, injection, (0, 1) if injection == "concatenate" else (0, 1, 2))))
    other = copy.deepcopy(trunk)
    if not isinstance(context, str):
        initialize(other, task_positions=order).load_state_dict(trunk.state_dict())
    own = {id(p) for p in other.parameters()} - {id(p) for p in other.shared_parameters()}
    for p in other.parameters():
        if id(p) in own:
            p.data = p.data[order]
    torch.testing.assert_close(other(batch()), trunk(batch())[:, order])


@injections
@contexts
@pytest.mark.parametrize("layers", ["all", "input", (1,)])
def test_a_parameter_is_shared_if_two_tasks_send_gradients_into_it(injection, context, layers):
    trunk = randomize(initialize(Conditioned(context, injection, layers, embedding_size=2, heads="shared")))
    Z, shared = trunk(batch()), {id(p) for p in trunk.shared_parameters()}
    for name, p in trunk.named_parameters():
        each = [torch.autograd.grad(Z[:, t].sum(), p, retain_graph=True)[0] for t in range(3)]
        assert all(gradient.any() for gradient in each), name
        if id(p) not in shared:
            rows = torch.stack([gradient.any(dim=1) for gradient in each])
            assert torch.equal(rows, torch.eye(3, dtype=torch.bool)), name
        else:
            assert sum(gradient.bool().long() for gradient in each).max() > 1, name


@contexts
def test_codes_of_the_right_kind_are_shared(context):
    trunk = initialize(Conditioned(context, "multiply"))
    shared = {id(p) for p in trunk.shared_parameters()}
    own = {name for name, p in trunk.named_parameters() if id(p) not in shared}
    maps = {f"injections.{i}.{name}" for i, name in itertools.product((0, 1), ("scale", "shift"))}
    assert own == (set() if not isinstance(context, str) else {"embedding"} if context == "embedding" else maps)


# Parameters


@pytest.mark.parametrize(
    ("layers", "heads", "told"),
    [
        ("all", "own", {0, 1}),
        ("all", "shared", {0, 1, 2}),
        ("input", "own", {0}),
        ((2,), "own", {2}),
        ([0, 2], "own", {0, 2}),
        ((np.int64(1),), "own", {1}),
    ],
)
def test_layers_that_are_told_the_task(layers, heads, told):
    trunk = initialize(Conditioned(injection="gate", layers=layers, heads=heads))
    shapes = {name: tuple(p.shape) for name, p in trunk.named_parameters() if name.startswith("injections")}
    assert shapes == {f"injections.{i}.gate": (3, (2, 5, 4)[i]) for i in told}


def test_without_hidden_layers_a_shared_head_sees_the_input_and_the_code():
    X = batch()
    found = initialize(Conditioned(heads="shared"), 2, ())(X)
    expected = torch.stack([torch.cat([X, torch.eye(2)[t].expand(6, 2)], dim=1) for t in range(2)], dim=1)
    assert torch.equal(found, expected)
    assert torch.equal(initialize(Conditioned(), 2, ())(X), X)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"context": "onehot"},
            r"'context' parameter of Conditioned must be one of \['one_hot'.*Did you mean 'one_hot'",
        ),
        ({"context": None}, "'context' parameter of Conditioned must be"),
        ({"injection": "film"}, "'injection' parameter of Conditioned must be a str among"),
        ({"heads": "one"}, "'heads' parameter of Conditioned must be a str among"),
        ({"embedding_size": 0}, "'embedding_size' parameter of Conditioned must be an int"),
        ({"layers": "last"}, "'layers' parameter of Conditioned must be a str among"),
        ({"layers": ()}, r"layers=\(\) of Conditioned tells no layer the task"),
        ({"layers": (0, 3)}, r"layers=\(0, 3\) of Conditioned has 3, but .* 0, its input, to 2"),
        ({"layers": (-1,)}, r"layers=\(-1,\) of Conditioned has -1"),
        ({"layers": (0.5,)}, r"layers=\(0.5,\) of Conditioned has 0.5"),
    ],
)
def test_parameters_that_do_not_fit_are_explained(given, message):
    with pytest.raises(ValueError, match=message):
        initialize(Conditioned(**given))


def test_initialize_makes_the_codes_of_the_parameters_that_are_set():
    trunk = Conditioned("embedding", embedding_size=6)
    assert initialize(trunk).embedding.shape == (3, 6)
    initialize(trunk.set_params(context=DESCRIPTORS))
    assert trunk.embedding is None and trunk.injections[0].weight.shape == (2, 5)
    initialize(trunk.set_params(context="one_hot"))
    assert trunk.injections[0].weight.shape == (3, 5) and not list(trunk.buffers())


# Descriptors


def codes(context, **given):
    return initialize(Conditioned(context), **given)._codes.numpy()


def test_descriptors_are_standardised_over_the_tasks():
    z = codes(DESCRIPTORS)
    assert_allclose(z.mean(0), 0, atol=1e-6)
    assert_allclose(z.std(0), 1, rtol=1e-6)
    assert_allclose(z[:, 1], np.array([0.0, -20.0, 20.0]) / np.sqrt(800 / 3), rtol=1e-6)


def test_a_descriptor_that_is_the_same_for_all_tasks_is_ignored_for_new_ones_too():
    table = np.column_stack([DESCRIPTORS, np.full(3, 0.1)])
    trunk = randomize(initialize(Conditioned(table, heads="shared")))
    assert (trunk._codes[:, 2] == 0).all()
    new = torch.cat([trunk.represent_tasks(batch(), [[3.0, 20.0, last]]) for last in (0.1, 9.0)], dim=1)
    assert torch.equal(new[:, 0], new[:, 1])


def test_descriptors_go_by_name_or_by_place():
    table = pd.DataFrame(DESCRIPTORS, index=["a", "b", "c"])
    expected = codes(DESCRIPTORS)[[2, 0, 1]]
    given = {"task_names": ("c", "a", "b"), "task_positions": (2, 0, 1)}
    assert_allclose(codes(table, **given), expected)
    assert_allclose(codes(table.iloc[::-1], **given), expected)
    assert_allclose(codes(DESCRIPTORS.tolist(), **given), expected)
    more = pd.concat([table, pd.DataFrame([[99.0, np.nan]], index=["of no task"])])
    assert_allclose(codes(more, **given), expected)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (DESCRIPTORS[:2], r"row for each column of y: 3; it has 2"),
        (np.tile(DESCRIPTORS, (2, 1)), r"row for each column of y: 3; it has 6.*DataFrame indexed by task name"),
        (DESCRIPTORS[:, 0], r"one column a descriptor; got shape \(3,\).*reshape"),
        (DESCRIPTORS[:, :0], r"got shape \(3, 0\)"),
        ([["x"], ["y"], ["z"]], "must be numbers: .*OneHotEncoder"),
        (np.where(DESCRIPTORS == 10, np.nan, DESCRIPTORS), r"descriptors of the task\(s\) \[1\] are NaN or infinite"),
        (
            pd.DataFrame(np.where(DESCRIPTORS == 50, np.inf, DESCRIPTORS), index=["a", "b", "c"]),
            r"\['c'\] are NaN or infinite",
        ),
        (pd.DataFrame(DESCRIPTORS, index=["A", "b", "c"]), r"no row for the task\(s\) \['a'\]; .*Did you mean 'A'\?"),
        (
            pd.DataFrame(DESCRIPTORS),
            r"no row for the task\(s\) \['a', 'b', 'c'\]; its index has \[0, 1, 2\].*or pass an",
        ),
        (pd.DataFrame(DESCRIPTORS, index=["a", "b", "b"]), r"more than one row for \['b'\]"),
    ],
)
def test_descriptors_that_do_not_fit_are_explained(context, message):
    with pytest.raises(ValueError, match=message):
        codes(context, task_names=("a", "b", "c"), task_positions=(0, 1, 2))


# New tasks


@injections
def test_a_task_with_the_descriptors_of_another_is_represented_alike(injection):
    trunk = randomize(initialize(Conditioned(DESCRIPTORS, injection, heads="shared")))
    torch.testing.assert_close(trunk.represent_tasks(batch(), DESCRIPTORS), trunk(batch()))
    assert trunk.represent_tasks(batch(), np.ones((5, 2))).shape[:2] == (6, 5)


def test_columns_of_new_descriptors_go_by_name():
    columns = ["size", "age"]
    table = pd.DataFrame(DESCRIPTORS, columns=columns)
    trunk = randomize(initialize(Conditioned(table, heads="shared")))
    expected = trunk.represent_tasks(batch(), [[3.0, 20.0]])
    new = pd.DataFrame({"other": ["x"], "age": [20.0], "size": [3.0]}, index=["new"])
    assert torch.equal(trunk.represent_tasks(batch(), new), expected)
    with pytest.raises(ValueError, match=r"lack the column\(s\) \['size'\] of `context`\. Did you mean 'Size'\?"):
        trunk.represent_tasks(batch(), new.rename(columns={"size": "Size"}))
    with pytest.raises(ValueError, match=r"task\(s\) \['new'\] are NaN"):
        trunk.represent_tasks(batch(), new.replace(3.0, np.nan))


def test_new_tasks_have_as_many_descriptors_as_those_of_training():
    trunk = initialize(Conditioned(DESCRIPTORS, heads="shared"))
    with pytest.raises(ValueError, match=r"trained with 2 descriptor\(s\) each; .* shape \(1, 3\)"):
        trunk.represent_tasks(batch(), [[1.0, 2.0, 3.0]])


@pytest.mark.parametrize(
    ("context", "heads", "message"),
    [
        ("one_hot", "shared", "context='one_hot', heads='shared'"),
        (DESCRIPTORS, "own", "context=<descriptors>, heads='own'"),
    ],
)
def test_new_tasks_need_descriptors_and_a_shared_head(context, heads, message):
    trunk = initialize(Conditioned(context, heads=heads))
    assert not trunk.can_represent_new_tasks
    with pytest.raises(ValueError, match=rf"New tasks need Conditioned\(context=.*{message}"):
        trunk.represent_tasks(batch(), DESCRIPTORS)
    assert initialize(Conditioned(DESCRIPTORS, heads="shared")).can_represent_new_tasks


# In an estimator


def phases(rng, n=200, n_tasks=8):
    X, phase = rng.uniform(-np.pi, np.pi, size=(n, 1)), np.linspace(0, 3, n_tasks)
    return X, pd.DataFrame(np.sin(X + phase), columns=[f"t{i}" for i in range(n_tasks)]), phase


@injections
def test_what_descriptors_say_carries_over_to_a_task_without_labels(rng, injection):
    X, Y, phase = phases(rng)
    table = pd.DataFrame({"cos": np.cos(phase), "sin": np.sin(phase)}, index=Y.columns)
    seen = Y.drop(columns="t3")
    trunk = Conditioned(table, injection, heads="shared")
    model = MultiTaskRegressor(
        architecture=trunk, preset="mlp", hidden_layer_sizes=(32, 32), solver="lbfgs", max_iter=60, random_state=0
    )
    assert model.fit(X, seen).score(X, seen) > 0.98
    new = model.predict_new_tasks(X, table.loc[["t3"]])
    assert r2_score(Y["t3"], new[:, 0]) > 0.95


@injections
def test_a_shared_head_learns_tasks_that_unit_vectors_tell_apart(rng, injection):
    X, Y, _ = phases(rng, n_tasks=3)
    Y.iloc[::3, 1] = np.nan
    trunk = Conditioned(injection=injection, heads="shared")
    model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(16, 8), solver="lbfgs", random_state=0)
    assert model.fit(X, Y).score(X, Y) > 0.9


@pytest.mark.parametrize("heads", ["own", "shared"])
def test_gradients_of_tasks_are_balanced_in_what_they_share(rng, heads):
    X, Y, _ = phases(rng, n=60, n_tasks=3)
    trunk = Conditioned(injection="multiply", heads=heads)
    model = MultiTaskRegressor(
        architecture=trunk,
        preset="mlp",
        aggregator="upgrad",
        hidden_layer_sizes=(8,),
        max_iter=10,
        learning_rate_init=0.02,
        random_state=0,
    ).fit(X, Y)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]
    assert all((p != 0).any(1).all() for p in model.net_.module_.trunk.injections.parameters())


def test_tasks_of_several_kinds_find_their_descriptors(rng):
    X = rng.normal(size=(60, 2))
    Y = pd.DataFrame({"two": rng.integers(2, size=60), "three": rng.integers(3, size=60), "also": X[:, 0] > 0})
    table = pd.DataFrame({"n": [1.0, 2.0, 3.0]}, index=["three", "two", "also"])
    model = MultiTaskClassifier(
        architecture=Conditioned(table), preset="mlp", hidden_layer_sizes=(4,), max_iter=2, random_state=0
    )
    trunk = model.fit(X, Y).net_.module_.trunk
    order = trunk.task_names
    assert order == ("two", "also", "three")
    assert_allclose(trunk._codes[:, 0] * np.sqrt(2 / 3) + 2, [table["n"][name] for name in order], rtol=1e-6)
