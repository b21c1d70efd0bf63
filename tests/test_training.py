"""Training as a user sees it: when it ends, what it goes on from, what it leaves as it was."""

import copy
import pickle

import numpy as np
import pytest
import torch
from _engine import all_parameters
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from skorch.callbacks import Callback
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._net import DivergenceError

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


def make(**parameters):
    settings = {
        "preset": "mlp",
        "hidden_layer_sizes": (8,),
        "batch_size": 32,
        "learning_rate_init": 0.02,
        "max_iter": 8,
        "tol": 0,
        "random_state": 0,
    }
    return MultiTaskRegressor(**settings | parameters)


class Watch(Callback):
    """Notes the learning rate of each epoch, and keeps the rows that are watched."""

    def __init__(self):
        self.rates = []

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
        self.rates.append(net.optimizer_.param_groups[0]["lr"])
        self.train, self.valid = dataset_train, dataset_valid


class Interrupt(Callback):
    """What the user does with Ctrl-C, once, in the third batch of this epoch."""

    def __init__(self, epoch):
        self.epoch, self.over = epoch, False

    def on_batch_end(self, net, **kwargs):
        if not self.over and len(net.history) == self.epoch and len(net.history[-1]["batches"]) == 3:
            self.over = True
            raise KeyboardInterrupt


# Early stopping


def normed_trunk():
    return nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU())


def watched_loss(model, watch):
    """Validation losses of the network as it is now."""
    net = model.net_
    return net.stopping.watched(net.criterion_, net.evaluate(watch.valid))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"weighting": "uncertainty"},
        {"main_task": "task_1"},
        {"architecture": normed_trunk},
        {"head_hidden_layer_sizes": (5,)},
        {"hidden_layer_sizes": (30, 30), "dropout": 0.3},
        {"solver": "sgd", "learning_rate": "adaptive"},
    ],
)
def test_early_stopping_keeps_the_best_epoch(regression_missing, parameters):
    watch = Watch()
    settings = {"early_stopping": True, "max_iter": 100, "n_iter_no_change": 5, "learning_rate_init": 0.05}
    model = make(callbacks=[watch], **settings | parameters).fit(*regression_missing)
    losses = model.history_["valid_loss"]
    assert losses.argmin() < len(losses) - 1  # else there is nothing to go back to
    assert_allclose(watched_loss(model, watch), losses.min(), rtol=1e-5)
    assert_allclose(model.best_validation_score_, -losses.min())


def test_recorded_validation_losses_are_those_of_the_network_of_the_epoch(regression_missing):
    found = []

    class Recompute(Callback):
        def on_epoch_end(self, net, dataset_valid, **kwargs):
            x, y, m = dataset_valid.gather(slice(None))
            net.module_.eval()
            with torch.no_grad():
                found.append(net.criterion_.by_task(net.criterion_.column_losses(net.module_(x), y, m)).tolist())

    model = make(early_stopping=True, callbacks=[Recompute()]).fit(*regression_missing)
    shown = np.column_stack([model.history_[f"valid_loss__task_{t}"] for t in (0, 1)])
    assert_allclose(shown, found, rtol=1e-5)
    assert_allclose(model.history_["valid_loss"], np.mean(found, axis=1), rtol=1e-5)


def test_the_watched_loss_is_unweighted_and_of_trained_tasks_or_the_main_task(regression):
    X, Y = regression
    Y = np.column_stack([Y, Y[::-1, 0]])
    settings = {"early_stopping": True, "task_weights": {"task_0": 7.0, "task_2": 0.0}}
    plain = make(**settings).fit(X, Y).history_
    assert_allclose(plain["valid_loss"], (plain["valid_loss__task_0"] + plain["valid_loss__task_1"]) / 2, rtol=1e-6)
    main = make(main_task="task_1", **settings).fit(X, Y).history_
    assert_array_equal(main["valid_loss"], main["valid_loss__task_1"])


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("early", [False, True])
def test_patience_is_that_of_scikit_learn(regression, patience, early):
    X, Y = regression
    settings = {"tol": 1e9, "n_iter_no_change": patience, "max_iter": 30, "early_stopping": early, "random_state": 0}
    model = MultiTaskRegressor(hidden_layer_sizes=(5,), preset="mlp", **settings).fit(X, Y)
    reference = MLPRegressor(hidden_layer_sizes=(5,), **settings).fit(X, Y[:, 0])
    assert model.n_iter_ == reference.n_iter_ == patience + 2


def test_reaching_max_iter_is_told(regression):
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(2\) reached.*max_iter"):
        make(max_iter=2).fit(*regression)


# Learning rate


def test_invscaling_is_that_of_scikit_learn(regression):
    X, Y = regression
    watch = Watch()
    settings = {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "power_t": 0.3, "tol": 0}
    make(callbacks=[watch], max_iter=5, **settings).fit(X, Y)
    expected = [0.1]
    for k in range(1, 5):
        reference = MLPRegressor(hidden_layer_sizes=(5,), batch_size=32, max_iter=k, **settings).fit(X, Y[:, 0] / 100)
        expected.append(reference._optimizer.learning_rate)
    assert_allclose(watch.rates, expected)


def test_adaptive_is_that_of_scikit_learn(regression):
    X, Y = regression
    watch = Watch()
    settings = {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.01, "tol": 1e9}
    settings |= {"n_iter_no_change": 2, "max_iter": 100}
    model = make(callbacks=[watch], **settings).fit(X, Y)
    reference = MLPRegressor(hidden_layer_sizes=(5,), batch_size=32, **settings).fit(X, Y[:, 0])
    assert model.n_iter_ == reference.n_iter_ < 100
    assert_allclose(watch.rates[-1], reference._optimizer.learning_rate)
    assert_allclose(watch.rates[:9], [0.01] * 4 + [0.002] * 3 + [0.0004] * 2)


# Going on


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("more", [{}, {"weighting": "dwa"}, {"weighting": "uncertainty", "dropout": 0.2}])
def test_partial_fit_goes_on_where_training_was(regression, solver, more):
    settings = {"solver": solver, "learning_rate": "invscaling", **more}
    whole = make(max_iter=6, **settings).fit(*regression)
    stepwise = make(**settings)
    for _ in range(3):
        stepwise.partial_fit(*regression)
    stepwise = pickle.loads(pickle.dumps(stepwise))
    for _ in range(3):
        stepwise.partial_fit(*regression)
    assert stepwise.n_iter_ == 1 and len(stepwise.loss_curve_) == 6
    assert torch.equal(all_parameters(stepwise), all_parameters(whole))
    assert_array_equal(stepwise.history_["train_loss"], whole.history_["train_loss"])
    assert stepwise.history_["epoch"].tolist() == [1, 2, 3, 4, 5, 6]


def network_parameters(model):
    return torch.cat([t.flatten() for t in model.net_.module_.state_dict().values()])


def test_a_warm_start_goes_on_from_the_network_with_the_parameters_as_they_are_now(regression):
    model = make(max_iter=3, warm_start=True).fit(*regression)
    before, losses = network_parameters(model), model.loss_curve_
    model.set_params(learning_rate_init=1e-30, alpha=0.0, max_iter=2).fit(*regression)
    assert torch.equal(network_parameters(model), before)
    assert model.n_iter_ == 2 and model.history_["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert model.loss_curve_[:3] == losses and max(model.loss_curve_[3:]) < losses[-1]
    model.set_params(learning_rate_init=0.02).fit(*regression)
    assert not torch.equal(network_parameters(model), before)


def test_fit_starts_anew_without_warm_start(regression):
    model = make().fit(*regression)
    first, net = all_parameters(model), model.net_
    assert torch.equal(all_parameters(model.fit(*regression)), first)
    assert model.net_ is not net and model.history_.n_epochs == 8


def test_a_warm_start_with_early_stopping_keeps_the_best_epoch(regression_missing):
    watch = Watch()
    settings = {"early_stopping": True, "max_iter": 60, "n_iter_no_change": 5, "learning_rate_init": 0.05}
    model = make(callbacks=[watch], warm_start=True, **settings).fit(*regression_missing)
    first = model.n_iter_
    model.fit(*regression_missing)
    losses = model.history_["valid_loss"]
    # It may go back to an epoch of the earlier fit, but never end with a worse one than its own best.
    assert watched_loss(model, watch) <= losses[first:].min() * (1 + 1e-5)


# History


def test_the_history_has_a_column_for_each_task(mixed):
    X, Y = mixed
    settings = {"preset": "mlp", "hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
    model = MultiTaskEstimator(early_stopping=True, **settings).fit(X, Y)
    parts = [f"{part}__{task}" for part in ("train_loss", "valid_loss", "weight") for task in Y]
    assert list(model.history_) == ["epoch", "duration", "train_loss", "valid_loss", *parts]
    assert model.history_.n_epochs == model.n_iter_ == 3
    assert all(np.isfinite(column).all() for column in model.history_.values())
    assert_array_equal(model.history_["weight__level"], np.ones(3))
    means = np.mean([model.history_[f"train_loss__{task}"] for task in Y], axis=0)
    assert_allclose(model.history_["train_loss"], means, rtol=1e-6)
    plain = MultiTaskEstimator(**settings).fit(X, Y)
    assert not [name for name in plain.history_ if name.startswith("valid")]


def test_the_shown_loss_is_the_mean_of_weight_times_loss(regression):
    model = make(task_weights=[0.5, 3.0]).fit(*regression)
    h = model.history_
    assert_array_equal(h["weight__task_0"], np.full(8, 0.5))
    assert_allclose(h["train_loss"], (0.5 * h["train_loss__task_0"] + 3 * h["train_loss__task_1"]) / 2, rtol=1e-6)
    assert model.loss_curve_ == h["train_loss"].tolist() and model.loss_ == h["train_loss"][-1]


# Interrupts and failures


@pytest.mark.parametrize("more", [{}, {"early_stopping": True}, {"architecture": normed_trunk}])
@pytest.mark.parametrize("epoch", [1, 4])
def test_an_interrupt_keeps_the_model_so_far(regression, more, epoch):
    X, Y = regression
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = make(callbacks=[Interrupt(epoch)], **more).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    assert epoch - 1 <= len(model.loss_curve_) <= epoch
    assert np.isfinite(model.loss_curve_).all()
    if epoch > 1 and not more:
        assert not torch.equal(all_parameters(model), all_parameters(make(max_iter=3).fit(X, Y)))
    model.set_params(callbacks=None, early_stopping=False)
    if not more:
        model.partial_fit(X, Y)
    pickle.loads(pickle.dumps(model)).predict(X)


class Faulty(nn.Module):
    """A trunk that fails after so many batches of training."""

    def __init__(self, error, after=10):
        super().__init__()
        self.layer, self.error, self.left = nn.Linear(5, 6), error, after

    def forward(self, X):
        if self.training:
            self.left -= 1
            if self.left < 0:
                raise self.error
        return torch.relu(self.layer(X))


def test_an_interrupt_in_the_fast_loop_keeps_the_model_so_far(regression):
    X, Y = regression
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = make(architecture=Faulty(KeyboardInterrupt())).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
    assert len(model.loss_curve_) in (2, 3)


def test_a_failing_fit_leaves_nothing_behind(regression):
    model = make(architecture=Faulty(RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(*regression)
    assert not [name for name in vars(model) if name.endswith("_")]
    with pytest.raises(Exception, match="not fitted"):
        model.predict(regression[0])


def test_divergence_is_an_error_that_names_the_task(regression):
    X, Y = regression
    X = X.copy()
    X[:, 0] *= 1e30
    with pytest.raises(DivergenceError, match=r"task_0.*not finite in epoch \d+.*learning_rate_init.*StandardScaler"):
        make(solver="sgd", learning_rate_init=10.0).fit(X, Y)


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("call", ["fit", "warm fit", "partial_fit"])
@pytest.mark.parametrize("weighting", ["equal", "uncertainty", "dwa"])
def test_after_a_failing_fit_the_estimator_is_as_it_was(regression, call, solver, learning_rate, weighting):
    X, Y = regression
    model = make(
        solver=solver, learning_rate=learning_rate, weighting=weighting, warm_start=call == "warm fit", max_iter=4
    ).fit(X, Y)
    twin = copy.deepcopy(model)
    bad = X.copy()
    bad[5:] *= 1e30
    with pytest.raises(DivergenceError):
        (model.partial_fit if call == "partial_fit" else model.fit)(bad, Y)
    assert_array_equal(model.predict(X), twin.predict(X))
    assert_array_equal(model.history_.frame(), twin.history_.frame())
    assert model.n_iter_ == twin.n_iter_ and len(model.net_.history) == 4
    for _ in range(2):
        model.partial_fit(X, Y)
        twin.partial_fit(X, Y)
    assert torch.equal(all_parameters(model), all_parameters(twin))


# Global state, seeds


def global_state():
    return {
        "torch seed": torch.get_rng_state().numpy().tobytes(),
        "numpy seed": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "numpy errors": np.geterr(),
    }


@pytest.fixture(params=["plain", "unusual"])
def surroundings(request):
    """The state around an estimator, as it is by default or otherwise; put back afterwards."""
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    if request.param == "unusual":
        torch.set_num_threads(2)
        torch.set_float32_matmul_precision("high")
    with torch.random.fork_rng([]):
        yield request.param
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.2, "early_stopping": True},
        {"hidden_layer_sizes": (200, 200), "batch_size": 120, "max_iter": 2},
        {"architecture": normed_trunk},
        {"solver": "lbfgs"},
        {"random_state": np.random.RandomState(0)},
    ],
    ids=["dense", "wide", "trunk", "lbfgs", "RandomState"],
)
def test_no_global_state_is_touched(regression, surroundings, parameters):
    X, Y = regression
    before = global_state()
    model = make(**parameters).fit(X, Y)
    assert global_state() == before
    model.predict(X), model.transform(X), model.score(X, Y)
    assert global_state() == before
    if model.solver != "lbfgs" and not model.early_stopping:
        model.partial_fit(X, Y)
        assert global_state() == before


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_no_global_state_is_touched_by_a_failing_fit(regression, surroundings, error):
    X, Y = regression
    model = make(architecture=Faulty(error))
    before = global_state()
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError, match="broken"):
            model.fit(X, Y)
    else:
        model.fit(X, Y)
    assert global_state() == before
    with pytest.raises(DivergenceError):
        make(solver="sgd", hidden_layer_sizes=(200, 200)).fit(X * 1e30, Y)
    assert global_state() == before


@pytest.mark.parametrize(
    "parameters",
    [
        {"dropout": 0.3},
        {"architecture": normed_trunk, "early_stopping": True},
        {"head_hidden_layer_sizes": (3,), "weighting": "uncertainty"},
        {"solver": "lbfgs"},
    ],
    ids=["dense", "trunk", "heads", "lbfgs"],
)
def test_the_result_follows_from_random_state_whatever_ran_before(regression, parameters):
    X, Y = regression
    first = all_parameters(make(**parameters).fit(X, Y))
    with torch.random.fork_rng([]):
        torch.manual_seed(12345)
        torch.rand(7)
        make(random_state=3, activation="tanh").fit(X[:50], Y[:50]).predict(X)
        assert torch.equal(all_parameters(make(**parameters).fit(X, Y)), first)
    assert not torch.equal(all_parameters(make(**parameters | {"random_state": 1}).fit(X, Y)), first)
    by_instance = [
        all_parameters(make(**parameters | {"random_state": np.random.RandomState(5)}).fit(X, Y)) for _ in "ab"
    ]
    assert torch.equal(*by_instance)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"architecture": normed_trunk, "early_stopping": True},
        {"head_hidden_layer_sizes": (3,)},
        {"weighting": "uncertainty"},
        {"weighting": "dwa"},
        {"solver": "lbfgs"},
    ],
    ids=["dense", "trunk", "heads", "uncertainty", "dwa", "lbfgs"],
)
def test_another_default_type_of_torch_is_no_obstacle(regression, parameters):
    X, Y = regression
    torch.set_default_dtype(torch.float64)
    try:
        model = make(**parameters).fit(X, Y)
        if model.solver != "lbfgs":
            assert model.net_.module_.dtype == torch.float32
        assert np.isfinite(model.predict(X)).all()
        assert model.loss_curve_[-1] < model.loss_curve_[0]
    finally:
        torch.set_default_dtype(torch.float32)
    assert np.isfinite(model.predict(X)).all()


# What is given stays as it is


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_arguments_are_not_changed(regression_missing, shuffle, kind, solver):
    X, Y = regression_missing[0].astype(kind), regression_missing[1]
    weights = np.linspace(1, 2, 120)
    given = copy.deepcopy((X, Y, weights))
    # In-place layers at the front write into what they are given.
    trunk = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(5, 4), nn.ReLU(inplace=True))
    for more in ({"architecture": trunk}, {}, {"head_hidden_layer_sizes": (3,), "hidden_layer_sizes": ()}):
        model = make(solver=solver, shuffle=shuffle, **more)
        parameters = model.get_params()
        model.fit(X, Y, weights)
        model.predict(X)
        assert model.get_params() == parameters
        for array, before in zip((X, Y, weights), given, strict=True):
            assert_array_equal(array, before)


def test_an_in_place_layer_sees_the_same_rows_each_epoch(regression):
    """Unshuffled rows need no copy for a batch; what the trunk does to them must not be there in the next epoch."""
    X, Y = regression[0].astype(np.float32), regression[1]

    class Negate(nn.Module):
        def __init__(self, in_place):
            super().__init__()
            self.in_place = in_place

        def forward(self, X):
            return X.neg_() if self.in_place else -X

    def fit(in_place):
        return make(architecture=Negate(in_place), shuffle=False).fit(X.copy(), Y)

    assert torch.equal(all_parameters(fit(True)), all_parameters(fit(False)))


# Copies


@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"weighting": "uncertainty", "dropout": 0.2},
        {"weighting": "dwa"},
        {"architecture": normed_trunk},
        {"head_hidden_layer_sizes": (3,)},
    ],
    ids=["dense", "uncertainty", "dwa", "trunk", "heads"],
)
def test_copies_predict_and_go_on_as_the_original(regression, solver, parameters):
    X, Y = regression
    model = make(solver=solver, **parameters).fit(X, Y)
    model.predict(X)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    expected = model.predict(X)
    model.partial_fit(X, Y)
    for other in copies:
        assert_array_equal(other.predict(X), expected)
        other.partial_fit(X, Y)
        assert torch.equal(all_parameters(other), all_parameters(model))
        assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize(
    ("solver", "buffers", "width"), [("adam", 3, 4), ("adamw", 3, 4), ("sgd", 2, 4), ("lbfgs", 1, 8)]
)
@pytest.mark.parametrize("early", [False, True])
def test_a_pickle_holds_each_number_once(regression, solver, buffers, width, early):
    X, Y = regression
    model = make(solver=solver, hidden_layer_sizes=(150, 150), max_iter=2, early_stopping=early).fit(X, Y)
    model.predict(X)
    n = sum(p.numel() for p in model.net_.module_.parameters())
    assert n * width * buffers <= len(pickle.dumps(model)) < n * width * buffers + 40_000


def test_a_classifier_is_copied_too(mixed):
    X, Y = mixed
    model = MultiTaskClassifier(hidden_layer_sizes=(5,), max_iter=3, random_state=0).fit(X, Y[["level", "passed"]])
    other = pickle.loads(pickle.dumps(model))
    for a, b in zip(model.predict_proba(X), other.predict_proba(X), strict=True):
        assert_array_equal(a, b)
