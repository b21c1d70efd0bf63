"""Trunks that the user brings: any module, or a function that makes one."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskRegressor
from skmtl.architectures import Architecture, HardSharing

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


def make(architecture, **parameters):
    settings = {"preset": "mlp", "max_iter": 5, "tol": 0, "random_state": 0, "batch_size": 32}
    return MultiTaskRegressor(architecture=architecture, **settings | parameters)


def small_trunk():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh())


def weights_of(module):
    return [p.detach().clone() for p in module.parameters()]


def test_an_instance_is_trained_on_a_copy_from_the_weights_that_it_has(regression):
    X, Y = regression
    trunk = small_trunk()
    before, state = weights_of(trunk), copy.deepcopy(trunk.state_dict())
    model = make(trunk, learning_rate_init=1e-12).fit(X, Y)
    for p, q in zip(model.net_.module_.trunk.parameters(), before, strict=True):
        assert_allclose(p.detach(), q, atol=1e-9)
    model = make(trunk).fit(X, Y)
    assert not torch.equal(next(model.net_.module_.trunk.parameters()), before[0])
    assert model.architecture is trunk and trunk.training
    for name, value in trunk.state_dict().items():
        assert torch.equal(value, state[name])
    assert all(p.grad is None and p.requires_grad for p in trunk.parameters())
    assert model.transform(X).shape == (120, 6)


def test_a_function_makes_a_fresh_trunk_for_each_fit(regression):
    X, Y = regression
    made = []

    def factory():
        made.append(small_trunk())
        return made[-1]

    model = make(factory)
    first = model.fit(X, Y).predict(X)
    assert_array_equal(model.fit(X, Y).predict(X), first)  # its weights follow from random_state
    assert len(made) == 2
    assert not (make(factory, random_state=1).fit(X, Y).predict(X) == first).any()


def test_estimators_with_a_trunk_are_cloned(regression):
    X, Y = regression
    model = make(small_trunk()).fit(X, Y)
    other = clone(model)
    assert not hasattr(other, "net_") and isinstance(other.architecture, nn.Module)
    assert_array_equal(other.fit(X, Y).predict(X), model.predict(X))


def test_the_trunk_of_a_dense_network_can_be_brought_instead(regression):
    X, Y = regression
    dense = make("hard_sharing", hidden_layer_sizes=(6,), activation="tanh", alpha=0.1).fit(X, Y)
    start = make("hard_sharing", hidden_layer_sizes=(6,), activation="tanh", learning_rate_init=1e-30, max_iter=1)
    layer = start.fit(X, Y).net_.module_.trunk.layers[0]
    trunk = small_trunk()
    trunk[0].load_state_dict(layer.state_dict())

    class Given(Architecture):
        """Draws what the dense trunk would have drawn, so that the heads are the same."""

        def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
            self.dense = HardSharing().initialize(
                n_features, n_tasks, hidden_layer_sizes=(6,), activation=activation, dropout=dropout
            )
            return self

        def forward(self, X):
            return torch.tanh(self.dense.layers[0](X))

    brought = make(Given(), activation="tanh", alpha=0.1).fit(X, Y)
    assert_allclose(brought.predict(X), dense.predict(X), rtol=1e-3, atol=1e-3)
    assert_allclose(brought.history_["train_loss"], dense.history_["train_loss"], rtol=1e-4)
    kept = make(trunk, learning_rate_init=1e-30, max_iter=1).fit(X, Y)
    assert_allclose(kept.transform(X), start.transform(X), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [40, 7, 17, 119, 120])
def test_batch_normalisation_never_sees_a_single_row(rng, size):
    n = 120 if size == 119 else size * 3 + 1 if size < 100 else 121
    X, Y = rng.normal(size=(n, 5)), rng.normal(size=(n, 2))
    seen = []

    class Watch(nn.Module):
        def forward(self, X):
            if self.training:
                seen.append(len(X))
            return X

    trunk = nn.Sequential(nn.Linear(5, 6), nn.BatchNorm1d(6), Watch(), nn.ReLU())
    model = make(trunk, batch_size=size, max_iter=2).fit(X, Y)
    assert n % size == 1
    assert min(seen) > 1 and sum(seen) == 2 * n
    assert np.isfinite(model.predict(X[:1])).all()
    mean = model.net_.module_.trunk.module[1].running_mean
    assert (mean != 0).all() and (trunk[1].running_mean == 0).all()
    assert_array_equal(model.predict(X[:1]), model.predict(X)[:1])


def test_images_of_digits_through_a_convolution():
    digits = load_digits()
    X = digits.images[:600, None] / 16.0
    Y = np.column_stack([digits.target[:600], digits.target[:600] % 2])

    def trunk():
        return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(32), nn.ReLU())

    model = MultiTaskClassifier(
        architecture=trunk, max_iter=15, batch_size=50, learning_rate_init=0.01, random_state=0, early_stopping=True
    )
    model.fit(X[:450], Y[:450])
    assert X.shape[1:] == (1, 8, 8)
    scores = model.score_tasks(X[450:], Y[450:])
    assert scores["task_0"] > 0.8 and scores["task_1"] > 0.85
    assert [p.shape for p in model.predict_proba(X[:3])] == [(3, 10), (3, 2)]
    assert model.transform(X[:3]).shape == (3, 32)


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd", "lbfgs"])
def test_a_frozen_trunk_stays_and_its_heads_are_trained(regression, solver):
    X, Y = regression
    trunk = small_trunk().requires_grad_(False)
    before = weights_of(trunk)
    model = make(trunk, solver=solver, alpha=1.0).fit(X, Y)
    found = model.net_.module_.trunk
    assert all(
        torch.equal(p, q)
        for p, q in zip(found.parameters(), [p.to(model.net_.module_.dtype) for p in before], strict=True)
    )
    assert not any(p.requires_grad for p in found.parameters())
    assert np.ptp(model.predict(X), axis=0).min() > 0
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_a_partly_frozen_trunk_trains_the_rest(regression):
    trunk = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh())
    trunk[0].requires_grad_(False)
    found = make(trunk).fit(*regression).net_.module_.trunk.module
    assert torch.equal(found[0].weight, trunk[0].weight)
    assert not torch.equal(found[2].weight, trunk[2].weight)


def test_parameters_that_the_trunk_does_not_use_do_no_harm(regression):
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(5, 4), nn.Linear(3, 2)

        def forward(self, X):
            return self.used(X)

    trunk = Spare()
    found = make(trunk, alpha=0.0).fit(*regression).net_.module_.trunk.module
    assert torch.equal(found.spare.weight, trunk.spare.weight)
    assert not torch.equal(found.used.weight, trunk.used.weight)


def test_a_trunk_without_parameters_is_a_linear_model(regression):
    model = make(nn.Identity()).fit(*regression)
    assert [p.shape for p in model.net_.module_.parameters()] == [(2, 5), (2,)]


def test_a_trunk_of_float64_or_in_evaluation_mode_is_trained(regression):
    X, Y = regression
    for trunk in (small_trunk().double(), small_trunk().eval()):
        before = weights_of(trunk)
        model = make(trunk).fit(X, Y)
        assert model.net_.module_.dtype == torch.float32
        assert np.isfinite(model.predict(X)).all()
        assert all(torch.equal(p, q) for p, q in zip(trunk.parameters(), before, strict=True))


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, X):
        return self.function(X)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda X: X[:, 0], r"must return one row a sample, of shape \(4, d\).*got \(4,\).*Flatten"),
        (lambda X: X[:, :, None], r"got \(4, 5, 1\)"),
        (lambda X: X[:2], r"got \(2, 5\)"),
        (lambda X: X[:, :0], r"got \(4, 0\)"),
        (lambda X: (X, X), "got tuple"),
        (lambda X: X * torch.nan, "returns NaN or infinite"),
        (lambda X: X.long(), "floating-point numbers; got torch.int64"),
        (lambda X: X / 0.0, "returns NaN or infinite"),
        (lambda X: X @ torch.ones(3, 2), r"failed on a batch of shape \(4, 5\): RuntimeError: .*float32.*\(n, d\)"),
    ],
)
def test_a_trunk_that_does_not_fit_is_explained(regression, function, message):
    X, Y = regression
    model = make(small_trunk()).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=f"'architecture'.*{message}"):
        model.set_params(architecture=Returns(function)).fit(X, Y)
    assert_array_equal(model.predict(X), before)


def test_a_trunk_that_turns_to_nan_in_training_is_an_error(regression):
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.calls = nn.Linear(5, 4), 0

        def forward(self, X):
            self.calls += self.training
            return self.layer(X) * (torch.nan if self.calls > 6 else 1.0)

    with pytest.raises(ValueError, match=r"task_0.*not finite.*trunk"):
        make(Late()).fit(*regression)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        (lambda: 3, r"callable passed as 'architecture' must .*return a torch\.nn\.Module.*int"),
        (3, r"'architecture' parameter of MultiTaskRegressor must be one of \['adapters'.*nn.Module.*got 3"),
    ],
)
def test_what_is_no_trunk_is_refused(regression, architecture, message):
    with pytest.raises(TypeError, match=message):
        make(architecture).fit(*regression)


def test_an_unknown_name_is_refused_with_the_nearest(regression):
    with pytest.raises(ValueError, match=r"'architecture' parameter of MultiTaskRegressor got 'hard'.*'hard_sharing'"):
        make("hard").fit(*regression)


# Own architectures


class Scaled(Architecture):
    """An architecture with a hyper-parameter, sized by the estimator's parameters."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        self.layer = nn.Linear(n_features, hidden_layer_sizes[0] * n_tasks)
        self.activation = activation
        return self

    def forward(self, X):
        return self.activation.function(self.layer(X)) * self.factor


def test_an_own_architecture_has_the_sizes_and_its_parameters(regression):
    X, Y = regression
    given = Scaled(2.0)
    model = make(given, hidden_layer_sizes=(3,), activation="tanh").fit(X, Y)
    assert model.transform(X).shape == (120, 6)
    assert 1.0 < np.abs(model.transform(X)).max() <= 2.0
    assert not list(given.parameters())
    assert model.get_params()["architecture__factor"] == 2.0
    model.set_params(architecture__factor=0.5).fit(X, Y)
    assert np.abs(model.transform(X)).max() <= 0.5


def test_an_architecture_without_forward_says_what_to_write(regression):
    class Nothing(Architecture):
        pass

    with pytest.raises(ValueError, match=r"NotImplementedError: Nothing must implement forward\(X\)"):
        make(Nothing()).fit(*regression)


def test_a_class_is_refused_where_an_instance_is_meant(regression):
    with pytest.raises(TypeError, match="Pass an instance, not the class: add parentheses"):
        make(HardSharing).fit(*regression)


@pytest.mark.parametrize(
    ("part", "name", "parameter", "kind"),
    [
        ("architecture", "mmoe", "n_experts", "skmtl.architectures"),
        ("weighting", "dwa", "temperature", "skmtl.weighting"),
        ("aggregator", "cagrad", "c", "skmtl.aggregation"),
        ("sampling", "tasks", "temperature", "skmtl.sampling"),
    ],
)
def test_parameters_of_a_part_given_by_name_are_refused_with_the_way_out(part, name, parameter, kind):
    model = MultiTaskRegressor(**{part: name})
    with pytest.raises(ValueError, match=rf"'{part}__{parameter}' cannot be set.*\(\) first, of {kind}\."):
        model.set_params(**{f"{part}__{parameter}": 1})
    with pytest.raises(ValueError, match="Invalid parameter 'architectur'"):
        model.set_params(architectur__n=1)
