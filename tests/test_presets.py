"""Presets: what is left at "auto" becomes what the preset says, what is set is obeyed, and nothing is written."""

import math

import numpy as np
import pytest
import torch
from _callbacks import WatchData
from _engine import all_parameters
from numpy.testing import assert_array_equal
from sklearn.neural_network import MLPRegressor
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._annealing import Annealing
from skmtl._optim import SGD, Adam, AdamW
from skmtl._presets import LEAST_ROWS, PRESETS, resolve_settings, rows_a_batch
from skmtl.estimators import _reading

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")

TRAINING = [
    *("solver", "alpha", "learning_rate", "learning_rate_init", "max_iter", "beta_2"),
    *("early_stopping", "validation_fraction", "n_members"),
]
#: By parameter, two values that are those of no preset, and what may have to go with them.
EXPLICIT = {
    "hidden_layer_sizes": [(7,), (6, 5)],
    "solver": ["sgd", "lbfgs"],
    "alpha": [0.0, 0.37],
    "learning_rate": ["invscaling", "adaptive"],
    "learning_rate_init": [0.02, 0.3],
    "max_iter": [3, 5],
    "beta_2": [0.9, 0.95],
    "early_stopping": [True, False],
    "validation_fraction": [0.25, 0.4],
    "batch_size": [17, 40],
    "n_members": [2, 3],
    "feature_scaling": ["standard", None],
    "numeric_embedding": ["periodic", None],
    "missing_features": ["raise", "impute"],
}
#: Training of a few epochs, where it is not about that.
QUICK = {"max_iter": 2, "hidden_layer_sizes": (4,), "random_state": 0}


def trunk():
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU())


class Spy:
    """Fits an estimator, and looks at what its parts were given."""

    def __init__(self, monkeypatch, regression, **parameters):
        asked = {}
        fit = _reading.Inputs.fit

        def spied(X, **settings):
            asked.update(settings)
            return fit(X, **settings)

        monkeypatch.setattr(_reading.Inputs, "fit", spied)
        watch = WatchData()
        self.model = MultiTaskRegressor(**{**QUICK, "callbacks": [watch], **parameters}).fit(*regression)
        self.inputs, self.watch = asked, watch
        net = self.model.net_
        self.stopping, self.optimizer, self.net = net.stopping, net.optimizer_, net

    def hidden_layer_sizes(self):
        module = self.net.module_
        networks = module.members if module.n_members > 1 else [module]
        (sizes,) = {tuple(len(layer.bias) for layer in network.trunk.layers) for network in networks}
        return sizes

    def n_members(self):
        return self.net.module_.n_members

    def solver(self):
        names = {Adam: "adam", AdamW: "adamw", SGD: "sgd"}
        return "lbfgs" if self.net.max_fun else names[type(self.optimizer)]

    def alpha(self):
        return self.optimizer.alpha

    def learning_rate(self):
        return "anneal" if isinstance(self.stopping, Annealing) else self.stopping.schedule

    def learning_rate_init(self):
        return self.optimizer.defaults["lr"]

    def max_iter(self):
        if isinstance(self.stopping, Annealing):
            return self.stopping.max_epochs
        return self.model.n_iter_  # where nothing else ends it

    def beta_2(self):
        return self.optimizer.beta_2

    def early_stopping(self):
        return self.watch.valid is not None

    def validation_fraction(self):
        return len(self.watch.valid) / (len(self.watch.valid) + len(self.watch.train))

    def batch_size(self):
        return self.net.batch_size

    def feature_scaling(self):
        return self.inputs["scaling"]

    def numeric_embedding(self):
        return self.inputs["embedding"]

    def missing_features(self):
        return self.inputs["missing"]


# What is set


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("name", "value"), [(name, v) for name, values in EXPLICIT.items() for v in values])
def test_what_is_set_is_obeyed(monkeypatch, regression, preset, name, value):
    # Members watch the rows that the others do not train on, so that it is one alone that has a fraction of them.
    more = {"early_stopping": True, "n_members": 1} if name == "validation_fraction" else {}
    spy = Spy(monkeypatch, regression, preset=preset, **{name: value}, **more)
    assert getattr(spy, name)() == value


@pytest.mark.parametrize("preset", PRESETS)
def test_every_parameter_of_a_preset_can_be_auto_and_is_looked_at_here(preset):
    assert set(PRESETS[preset]) | {"batch_size"} == set(EXPLICIT)
    for estimator in (MultiTaskRegressor(), MultiTaskClassifier(), MultiTaskEstimator()):
        assert {name: getattr(estimator, name) for name in EXPLICIT} == dict.fromkeys(EXPLICIT, "auto")


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_left_at_auto_is_what_the_preset_says(monkeypatch, regression, preset):
    expected = PRESETS[preset]
    # A budget is the one thing that is said, so that it is quick.
    spy = Spy(monkeypatch, regression, preset=preset, hidden_layer_sizes="auto")
    for name in set(expected) - {"max_iter", "validation_fraction"}:
        assert getattr(spy, name)() == expected[name], name
    if expected["early_stopping"]:
        alone = Spy(monkeypatch, regression, preset=preset, n_members=1)
        assert alone.validation_fraction() == expected["validation_fraction"]


def test_the_default_needs_no_budget_and_mlp_has_that_of_scikit_learn(regression):
    model = MultiTaskRegressor(**QUICK | {"max_iter": "auto"}, n_members=1).fit(*regression)
    assert model.net_.stopping.max_epochs is None and model.n_iter_ > 20
    model = MultiTaskRegressor(**QUICK | {"max_iter": "auto"}, preset="mlp", tol=0.0, n_iter_no_change=500)
    assert model.fit(*regression).n_iter_ == 200


# Presets


def test_mlp_has_the_values_of_scikit_learn():
    theirs = MLPRegressor().get_params()
    same = {name: value for name, value in PRESETS["mlp"].items() if name in theirs}
    assert len(same) == 9
    assert {name: theirs[name] for name in same} == same
    assert theirs["batch_size"] == "auto"  # which is min(200, n)
    assert [rows_a_batch(n, "mlp") for n in (7, 200, 1000)] == [7, 200, 200]


@pytest.mark.parametrize("cls", [MultiTaskRegressor, MultiTaskClassifier])
@pytest.mark.parametrize("more", [{}, {"early_stopping": True}, {"solver": "sgd"}, {"n_members": 2}], ids=str)
def test_mlp_is_all_its_values_spelled_out(regression, cls, more):
    X, Y = regression
    if cls is MultiTaskClassifier:
        Y = (np.median(Y, axis=0) < Y).astype(int)
    settings = {"max_iter": 8, "random_state": 0} | more
    short = cls(preset="mlp", **settings).fit(X, Y)
    for preset in PRESETS:
        spelled = cls(preset=preset, **PRESETS["mlp"] | settings).fit(X, Y)
        assert torch.equal(all_parameters(spelled), all_parameters(short)), preset
        assert_array_equal(spelled.predict(X), short.predict(X))


@pytest.mark.parametrize("n", [1, 20, 32, 100, 500, 700, 1000, 3000, 10**6])
def test_a_batch_of_the_default_is_about_a_twelfth_of_the_rows(n):
    rows = rows_a_batch(n, "tabular")
    if n <= 32:
        assert rows == n
        return
    assert math.log2(rows).is_integer() and 32 <= rows <= 256
    if 32 < rows < 256:
        assert 2**-0.5 <= rows / (n / 12) <= 2**0.5
    else:
        assert (rows == 32) == (n / 12 < 32 * 2**0.5)


@pytest.mark.parametrize(
    "asked",
    [
        {"solver": "sgd"},
        {"solver": "adam"},
        {"solver": "lbfgs"},
        {"learning_rate": "constant"},
        {"learning_rate": "adaptive"},
        {"early_stopping": False},
    ],
    ids=str,
)
def test_who_says_how_to_train_gets_the_other_values_of_mlp_for_that(monkeypatch, regression, asked):
    settings = resolve_settings(MultiTaskRegressor(**asked), 1000, False)
    for name, value in PRESETS["tabular"].items():
        wanted = asked.get(name, PRESETS["mlp"][name] if name in TRAINING else value)
        assert getattr(settings, name) == wanted, name
    spy = Spy(monkeypatch, regression, **asked)
    for name in ("alpha", "learning_rate_init", *([] if spy.net.max_fun else ["solver", "learning_rate"])):
        assert getattr(spy, name)() == asked.get(name, PRESETS["mlp"][name]), name
    assert spy.batch_size() == 120 and spy.feature_scaling() == "robust"


@pytest.mark.parametrize(
    "asked",
    [
        {"solver": "adamw"},
        {"learning_rate": "anneal"},
        {"early_stopping": True},
        {"alpha": 0.01, "learning_rate_init": 0.02, "max_iter": 9, "validation_fraction": 0.3},
        {"hidden_layer_sizes": (9,), "batch_size": 5},
    ],
    ids=str,
)
def test_what_agrees_with_the_default_leaves_the_rest_as_it_is(asked):
    settings = resolve_settings(MultiTaskRegressor(**asked), 1000, False)
    for name, value in PRESETS["tabular"].items():
        assert getattr(settings, name) == asked.get(name, value), name


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("architecture", [trunk, trunk()], ids=["factory", "module"])
def test_a_trunk_of_your_own_is_trained_as_in_mlp_and_sees_x_as_it_is(regression, preset, architecture):
    X, Y = regression
    model = MultiTaskRegressor(**QUICK, preset=preset, architecture=architecture).fit(X, Y)
    assert vars(model._settings) == PRESETS["mlp"] | {"max_iter": 2, "hidden_layer_sizes": (4,)}
    assert model.net_.batch_size == 120 and type(model.net_.optimizer_) is Adam
    with torch.no_grad():
        seen = model.net_.module_.trunk(torch.from_numpy(X).float())
    np.testing.assert_allclose(model.transform(X), seen, rtol=1e-5, atol=1e-6)
    set_too = resolve_settings(MultiTaskRegressor(architecture=architecture, alpha=0.2, solver="adamw"), 1000, True)
    assert (set_too.alpha, set_too.solver, set_too.learning_rate) == (0.2, "adamw", "constant")


@pytest.mark.parametrize("n", [2, LEAST_ROWS - 1, LEAST_ROWS])
def test_few_rows_are_all_trained_on(regression, n):
    X, Y = regression
    watch = WatchData()
    model = MultiTaskRegressor(**QUICK, callbacks=[watch], n_members=1).fit(X[:n], Y[:n])
    assert (watch.valid is None) == (n < LEAST_ROWS)
    assert len(watch.train) == (n if n < LEAST_ROWS else n - 3)
    assert isinstance(model.net_.stopping, Annealing) == (n >= LEAST_ROWS)
    assert (model.net_.optimizer_.alpha == PRESETS["mlp"]["alpha"]) == (n < LEAST_ROWS)
    several = MultiTaskRegressor(**QUICK).fit(X[:n], Y[:n]).net_.module_.n_members
    assert several == PRESETS["mlp" if n < LEAST_ROWS else "tabular"]["n_members"]
    if n > 2:
        assert resolve_settings(MultiTaskRegressor(early_stopping=True), n, False).early_stopping


def test_partial_fit_watches_no_rows_and_holds_the_rate(regression):
    X, Y = regression
    model = MultiTaskRegressor(hidden_layer_sizes=(4,), random_state=0).partial_fit(X[:10], Y[:10])
    net = model.net_
    assert not net.stopping.early and not isinstance(net.stopping, Annealing) and net.batch_size == 10
    # However few rows come first.
    assert type(net.optimizer_) is AdamW and net.optimizer_.alpha == 0.1 and net.optimizer_.beta_2 == 0.99
    model.partial_fit(X, Y)
    assert model.net_ is net and net.optimizer_.param_groups[0]["lr"] == 0.005 and net.batch_size == 120
    assert model.n_iter_ == 1 and model.validation_scores_ is None and net.module_.n_members == 1
    several = MultiTaskRegressor(hidden_layer_sizes=(4,), random_state=0, n_members=2).partial_fit(X, Y)
    assert several.net_.module_.n_members == 2
    plain = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), random_state=0).partial_fit(X, Y).net_
    assert type(plain.optimizer_) is Adam and plain.optimizer_.alpha == 0.0001


def test_partial_fit_refuses_to_hold_rows_out(regression):
    model = MultiTaskRegressor(early_stopping=True)
    with pytest.raises(AttributeError, match="partial_fit"):
        model.partial_fit(*regression)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("n", [10, 120])
def test_parameters_are_never_written(regression, preset, n):
    X, Y = regression
    model = MultiTaskRegressor(preset=preset, max_iter=2, random_state=0)
    before = dict(model.get_params())
    model.fit(X[:n], Y[:n])
    assert model.get_params() == before and model.alpha == model.feature_scaling == "auto"
    model.partial_fit(X[:n], Y[:n])
    assert model.get_params() == before


def test_parameters_may_change_between_fits(regression):
    X, Y = regression
    model = MultiTaskRegressor(**QUICK).fit(X, Y)
    model.set_params(preset="mlp").fit(X, Y)
    assert type(model.net_.optimizer_) is Adam
    fresh = MultiTaskRegressor(**QUICK, preset="mlp").fit(X, Y)
    assert torch.equal(all_parameters(model), all_parameters(fresh))


# Errors


@pytest.mark.parametrize(
    ("parameters", "hint"),
    [
        ({"preset": "tabulr"}, "tabular"),
        ({"preset": "MLP"}, "mlp"),
        ({"solver": "adamm"}, "adam"),
        ({"learning_rate": "aneal"}, "anneal"),
        ({"feature_scaling": "robus"}, "robust"),
        ({"numeric_embedding": "periodical"}, "periodic"),
        ({"missing_features": "imput"}, "impute"),
        ({"early_stopping": "autoo"}, "auto"),
        ({"alpha": "auo"}, "auto"),
        ({"on_empty_task": "skp"}, "skip"),
    ],
    ids=str,
)
def test_a_typo_is_told_with_what_was_meant(regression, parameters, hint):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MultiTaskRegressor must.*Did you mean '{hint}'"):
        MultiTaskRegressor(**parameters).fit(*regression)


@pytest.mark.parametrize(
    "parameters",
    [{"max_iter": None}, {"alpha": -1.0}, {"beta_2": 1.0}, {"validation_fraction": 1.0}, {"hidden_layer_sizes": None}],
    ids=str,
)
def test_auto_is_the_only_word_for_it(regression, parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MultiTaskRegressor must be"):
        MultiTaskRegressor(**parameters).fit(*regression)


@pytest.mark.parametrize(
    ("n", "n_members", "left_out"), [(400, 8, 400), (1999, 8, 1999), (2000, 4, 1000), (2400, 4, 1200)]
)
def test_large_tables_have_fewer_members_that_keep_more_rows(rng, n, n_members, left_out):
    X = rng.normal(size=(n, 2)).astype(np.float32)
    model = MultiTaskRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0).fit(X, X)
    assert model.net_.module_.n_members == n_members
    assert np.isfinite(model.oof_prediction_).all(axis=1).sum() == left_out
    assert model.net_.batch_size == rows_a_batch(n - n // 8, "tabular")


def test_eight_members_leave_out_all_rows_of_a_large_table(rng):
    X = rng.normal(size=(2000, 2)).astype(np.float32)
    model = MultiTaskRegressor(hidden_layer_sizes=(2,), max_iter=1, n_members=8, random_state=0).fit(X, X)
    assert np.isfinite(model.oof_prediction_).all()
