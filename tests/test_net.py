"""The net: skorch's callbacks and checkpoints on our loop, the log, and predictions row by row."""

import copy

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
import torch
from _callbacks import Idle, KillAtEnd, KillMidway
from _engine import all_parameters
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LoadInitState,
    LRScheduler,
    ProgressBar,
)
from threadpoolctl import threadpool_info
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

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


def normed_trunk():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))


# skorch's loop and ours

VARIANTS = {
    "adam": {},
    "adamw": {"solver": "adamw", "alpha": 0.1},
    "sgd": {"solver": "sgd", "learning_rate": "invscaling"},
    "dropout": {"dropout": 0.3},
    "uncertainty": {"weighting": "uncertainty"},
    "dwa": {"weighting": "dwa"},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 25},
    "adaptive": {"early_stopping": True, "n_iter_no_change": 1, "max_iter": 25, "learning_rate": "adaptive"},
    "task weights": {"task_weights": [2, 0.5]},
    "heads": {"head_hidden_layer_sizes": (4,), "dropout": 0.2},
    "deep heads": {"head_hidden_layer_sizes": (4, 3)},
    "trunk": {"architecture": normed_trunk, "early_stopping": True, "n_iter_no_change": 2, "max_iter": 12},
    "unshuffled": {"shuffle": False},
    "two layers": {"hidden_layer_sizes": (8, 6), "activation": "gelu", "dropout": 0.1},
    "default": {"preset": "tabular", "max_iter": 15},
    "default, one member": {"preset": "tabular", "n_members": 1, "max_iter": 15},
}
variants = pytest.mark.parametrize("variant", VARIANTS)


@variants
@pytest.mark.parametrize("missing", [False, True])
def test_skorch_stepping_gives_the_same_result(regression, regression_missing, variant, missing):
    X, Y = regression_missing if missing else regression
    fast, stock = (make(callbacks=callbacks, **VARIANTS[variant]).fit(X, Y) for callbacks in (None, [Idle()]))
    if (
        variant == "dwa"
    ):  # whose weights have the last digits of the recorded losses, which are added up in another order
        assert_allclose(all_parameters(fast), all_parameters(stock), rtol=1e-4, atol=1e-5)
    else:
        assert torch.equal(all_parameters(fast), all_parameters(stock))
    assert len(stock.net_.history[-1]["batches"]) >= 3
    assert list(fast.history_) == list(stock.history_)
    for name in fast.history_:
        if name != "duration":
            assert_allclose(fast.history_[name], stock.history_[name], rtol=2e-6, err_msg=name)


# Checkpoints


@pytest.mark.parametrize("kill", [KillAtEnd, KillMidway])
@pytest.mark.parametrize("when", ["in the second epoch", "in the best epoch", "in the last epoch but one"])
@variants
def test_a_killed_run_resumes_from_its_checkpoint_as_if_nothing_had_been(regression, tmp_path, variant, when, kill):
    parameters = VARIANTS[variant]

    def checkpoint():
        return Checkpoint(monitor=None, dirname=tmp_path, f_criterion="criterion.pt")

    # A killer that looks at batches switches skorch's loop on; the others are given it, too.
    loop = [Idle()] if kill is KillMidway else []
    whole = make(callbacks=loop, **parameters).fit(*regression)
    best = 1 + int(np.argmin(whole.history_["valid_loss" if "valid_loss" in whole.history_ else "train_loss"]))
    epoch = {"in the second epoch": 2, "in the best epoch": best, "in the last epoch but one": whole.n_iter_ - 1}[when]
    with pytest.raises(RuntimeError, match="killed"):
        make(callbacks=[checkpoint(), kill(epoch)], **parameters).fit(*regression)
    resumed = make(callbacks=[LoadInitState(checkpoint()), *loop], **parameters).fit(*regression)
    assert torch.equal(all_parameters(resumed), all_parameters(whole))
    assert resumed.n_iter_ == whole.n_iter_
    for name in whole.history_:
        if name != "duration":
            assert_allclose(resumed.history_[name], whole.history_[name], rtol=1e-6, err_msg=name)
    assert_array_equal(resumed.predict(regression[0]), whole.predict(regression[0]))


def test_a_checkpoint_of_the_best_epoch_is_the_network_that_is_kept(regression, tmp_path):
    model = make(
        early_stopping=True,
        n_iter_no_change=4,
        max_iter=60,
        callbacks=[Checkpoint(monitor="valid_loss_best", dirname=tmp_path)],
    ).fit(*regression)
    best = int(np.argmin(model.history_["valid_loss"]))
    assert best < model.n_iter_ - 1
    assert [bool(row["valid_loss_best"]) for row in model.net_.history][best:] == [True] + [False] * 4 + [False] * (
        model.n_iter_ - best - 5
    )
    saved = torch.load(tmp_path / "params.pt")
    for name, value in model.net_.module_.state_dict().items():
        assert torch.equal(saved[name], value), name


@pytest.mark.parametrize("callbacks", [[], [Idle()]])
def test_a_checkpoint_may_be_named_after_the_epoch(regression, tmp_path, callbacks):
    name = "params_{last_epoch[epoch]}.pt"
    checkpoint = Checkpoint(
        monitor=None, dirname=tmp_path, f_params=name, f_optimizer=None, f_criterion=None, f_history=None
    )
    make(max_iter=3, callbacks=[*callbacks, checkpoint]).fit(*regression)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"params_{i}.pt" for i in (1, 2, 3)]


# Other callbacks


def test_a_learning_rate_scheduler_sets_the_rate(regression):
    model = make(max_iter=6, callbacks=[LRScheduler(policy="StepLR", step_size=2, gamma=0.5)]).fit(*regression)
    assert model.net_.optimizer_.param_groups[0]["lr"] == 0.02 * 0.5**3
    assert not torch.equal(all_parameters(model), all_parameters(make(max_iter=6).fit(*regression)))


@pytest.mark.parametrize("more", [{}, {"architecture": normed_trunk}, {"head_hidden_layer_sizes": (3,)}])
def test_clipping_bounds_the_step(regression, more):
    X, Y = regression
    steps = []

    class Watch(Callback):
        def on_batch_begin(self, net, training, **kwargs):
            self.before = net.flat.values.clone()

        def on_batch_end(self, net, training, **kwargs):
            steps.append((net.flat.values - self.before).norm().item())

    settings = {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False, "learning_rate_init": 0.1, "alpha": 0.0}
    make(callbacks=[Watch()], max_iter=2, **settings | more).fit(X, Y)
    free = max(steps)
    steps.clear()
    make(callbacks=[GradientNormClipping(0.05), Watch()], max_iter=2, **settings | more).fit(X, Y)
    assert 0.9 * 0.005 < max(steps) < 1.01 * 0.005 < free


@pytest.mark.parametrize("early", [False, True])
def test_early_stopping_of_skorch_ends_the_run_without_a_warning(regression, early, recwarn):
    monitor = "valid_loss" if early else "train_loss"
    stop = EarlyStopping(monitor=monitor, patience=2, threshold=1e9, threshold_mode="abs", sink=lambda *_: None)
    model = make(callbacks=[stop], early_stopping=early, max_iter=20).fit(*regression)
    assert model.n_iter_ == 3
    assert not [w for w in recwarn if "interrupted" in str(w.message)]


@pytest.mark.parametrize("early", [False, True])
def test_a_progress_bar_runs(regression, early, capsys):
    pytest.importorskip("tqdm")
    model = make(callbacks=[ProgressBar(detect_notebook=False)], early_stopping=early, max_iter=3).fit(*regression)
    assert model.n_iter_ == 3
    assert "it/s" in capsys.readouterr().err


@pytest.mark.parametrize("on_train", [False, True])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("caching", [False, True])
def test_a_score_an_epoch_lands_in_the_history(regression, regression_missing, on_train, missing, caching):
    def score(net, X, y):
        return float(np.abs(net.predict(X)).mean())

    callback = EpochScoring(score, name="size", on_train=on_train, use_caching=caching)
    model = make(early_stopping=True, callbacks=[callback], max_iter=3).fit(
        *(regression_missing if missing else regression)
    )
    sizes = [row["size"] for row in model.net_.history]
    assert len(sizes) == 3 and np.isfinite(sizes).all() and len(set(sizes)) == 3
    assert "size_best" in model.net_.history[0]


def test_callbacks_may_be_named_and_are_not_changed(regression):
    callback = Idle()
    given = [("mine", callback)]
    model = make(callbacks=given, max_iter=1).fit(*regression)
    assert given == [("mine", callback)] and model.callbacks is given
    assert "mine" in dict(model.net_.callbacks_)


def test_a_copy_made_during_training_is_the_network_of_that_epoch(regression):
    copies = []

    class Copy(Callback):
        def on_epoch_end(self, net, **kwargs):
            copies.append(copy.deepcopy(net))

    X, Y = regression
    model = make(callbacks=[Copy()], max_iter=4, early_stopping=True).fit(X, Y)
    assert torch.equal(all_parameters(model), all_parameters(make(max_iter=4, early_stopping=True).fit(X, Y)))
    other = make(callbacks=[Copy()], max_iter=4, head_hidden_layer_sizes=(3,)).fit(X, Y)
    for net in copies:
        raw = net.infer_rows(X)
        net.module_.eval()
        with torch.no_grad():
            assert_allclose(raw, net.module_(torch.from_numpy(X).float()).numpy(), rtol=1e-4, atol=1e-5)
    assert len({np.asarray(net.infer_rows(X)).tobytes() for net in copies}) == 8
    assert_array_equal(copies[-1].infer_rows(X), other.net_.infer_rows(X))


# The log


def test_verbose_prints_a_line_an_epoch_with_each_task(mixed, capsys):
    X, Y = mixed
    settings = {"preset": "mlp", "hidden_layer_sizes": (4,), "max_iter": 3, "early_stopping": True}
    model = MultiTaskEstimator(verbose=True, random_state=0, **settings)
    model.fit(X, Y)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["epoch", "train_loss", "valid_loss", "level", "passed", "price"]
    assert len(rows) == 3 and {len(row) for row in rows} == {len(header)}
    for i, row in enumerate(rows):
        names = ["train_loss", "valid_loss", *(f"valid_loss__{task}" for task in Y)]
        assert_allclose([float(v) for v in row.split()], [i + 1] + [model.history_[n][i] for n in names], atol=5.1e-5)


def test_verbose_shows_the_first_of_many_tasks_and_shortens_long_names(rng, capsys):
    pd = pytest.importorskip("pandas")
    X = rng.normal(size=(30, 2))
    names = ["a" * 40, *(f"task number {i}" for i in range(8))]
    Y = pd.DataFrame(rng.normal(size=(30, 9)), columns=names)
    make(max_iter=2, verbose=True, batch_size=10).fit(X, Y)
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.endswith("task number 4  (+3 tasks)") and "task number 5" not in header
    assert "a" * 24 in header and "a" * 25 not in header
    assert len(rows) == 2 and all(len(row.split()) == 2 + 6 for row in rows)
    assert len(rows[0]) == len(header.removesuffix("  (+3 tasks)"))


def test_silence_is_the_default(regression, capsys):
    make(max_iter=2).fit(*regression)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


# Predictions row by row

ROWS = 2049


def predictions_do_not_depend_on_the_neighbours(predict, X, rng):
    whole = predict(X)
    assert len(whole) == len(X)
    for row in [0, 1, 31, 32, 33, 1000, 2047, len(X) - 1]:
        assert_array_equal(predict(X[row : row + 1]), whole[row : row + 1])
    for size in (2, 33, 100, 2047, 2048):
        start = int(rng.integers(0, len(X) - size))
        assert_array_equal(predict(X[start : start + size]), whole[start : start + size])
    order = rng.permutation(len(X))
    assert_array_equal(predict(X[order]), whole[order])
    few = rng.choice(len(X), 77)
    assert_array_equal(predict(X[few]), whole[few])


@pytest.mark.parametrize("hidden", [(100,), (256, 256)])
@pytest.mark.parametrize("n_tasks", [1, 3, 10, 20])
@pytest.mark.parametrize("d", [1, 3, 17, 50, 411])
def test_values_of_a_row_do_not_depend_on_its_neighbours(rng, d, n_tasks, hidden):
    X = rng.normal(size=(ROWS, d))
    model = make(hidden_layer_sizes=hidden, max_iter=1, batch_size=64).fit(X[:64], rng.normal(size=(64, n_tasks)))
    predictions_do_not_depend_on_the_neighbours(model.predict, X, rng)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("n_tasks", [1, 3, 10])
def test_probabilities_of_a_row_do_not_depend_on_its_neighbours(rng, n_tasks, n_classes):
    X = rng.normal(size=(ROWS, 7))
    Y = np.arange(66 * n_tasks).reshape(n_tasks, 66).T % n_classes
    model = MultiTaskClassifier(preset="mlp", hidden_layer_sizes=(30,), max_iter=1, random_state=0).fit(X[:66], Y)

    def predict(X):
        found = model.predict_proba(X)
        return found if n_tasks == 1 else np.stack(found, axis=1)

    predictions_do_not_depend_on_the_neighbours(predict, X, rng)


@pytest.mark.parametrize(
    "parameters",
    [
        {"head_hidden_layer_sizes": (10,)},
        {"head_hidden_layer_sizes": (20,), "hidden_layer_sizes": (40,)},
        {"hidden_layer_sizes": ()},
        {"hidden_layer_sizes": (3,)},
        {"hidden_layer_sizes": (17, 9)},
        {"loss": "gaussian_nll"},
        {"architecture": nn.Sequential(nn.Linear(7, 20), nn.BatchNorm1d(20), nn.GELU())},
        {"architecture": nn.Sequential(nn.Unflatten(1, (1, 7)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten())},
    ],
    ids=[
        "heads",
        "wide heads",
        "linear",
        "narrow",
        "narrowing",
        "two raw columns",
        "batch norm",
        "convolution",
    ],
)
@pytest.mark.parametrize("n_tasks", [1, 3])
def test_values_of_any_network_do_not_depend_on_the_neighbours(rng, parameters, n_tasks):
    X = rng.normal(size=(ROWS, 7))
    model = make(max_iter=1, **parameters).fit(X[:64], rng.normal(size=(64, n_tasks)))
    predictions_do_not_depend_on_the_neighbours(model.predict, X, rng)


def test_deep_heads_depend_on_the_neighbours_by_rounding_only(rng):
    # Narrow batched products, through autograd's engine: the last digit is not promised here.
    X = rng.normal(size=(ROWS, 7))
    model = make(max_iter=1, head_hidden_layer_sizes=(6, 4), hidden_layer_sizes=()).fit(
        X[:64], rng.normal(size=(64, 3))
    )
    assert_allclose(
        np.vstack([model.predict(X[i : i + 1]) for i in range(50)]), model.predict(X)[:50], rtol=1e-5, atol=1e-6
    )


def test_the_representation_of_a_row_does_not_depend_on_its_neighbours(rng):
    X = rng.normal(size=(ROWS, 7))
    model = make(max_iter=1, hidden_layer_sizes=(20, 12)).fit(X[:64], rng.normal(size=(64, 2)))
    predictions_do_not_depend_on_the_neighbours(model.transform, X, rng)


@pytest.mark.parametrize("n_tasks", [1, 4])
def test_predictions_are_the_same_for_sparse_dense_float32_and_float64(rng, n_tasks):
    X = (rng.normal(size=(150, 9)) * (rng.random((150, 9)) < 0.4)).astype(np.float32)
    model = make(max_iter=2).fit(X, rng.normal(size=(150, n_tasks)))
    expected = model.predict(X)
    assert expected.dtype == np.float64
    for other in (
        X.astype(np.float64),
        np.asfortranarray(X),
        sp.csr_array(X),
        sp.csr_matrix(X),
        sp.csc_array(X),
        X.tolist(),
    ):
        assert_array_equal(model.predict(other), expected)


def test_training_is_the_same_for_sparse_dense_float32_and_float64(rng):
    X = (rng.normal(size=(90, 9)) * (rng.random((90, 9)) < 0.4)).astype(np.float32)
    Y = rng.normal(size=(90, 2))
    expected = all_parameters(make(max_iter=3).fit(X, Y))
    for other in (X.astype(np.float64), np.asfortranarray(X), sp.csr_array(X)):
        assert torch.equal(all_parameters(make(max_iter=3).fit(other, Y)), expected)


def test_lbfgs_leaves_small_products_to_one_thread(monkeypatch):
    used, minimize = [], scipy.optimize.minimize

    def threads():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    def look(*args, **kwargs):
        used.extend(threads())
        return minimize(*args, **kwargs)

    before = threads()
    monkeypatch.setattr(scipy.optimize, "minimize", look)
    rng = np.random.RandomState(0)
    MultiTaskRegressor(preset="mlp", solver="lbfgs", max_iter=2).fit(rng.randn(20, 2), rng.randn(20, 2))
    assert set(used) == {1}
    assert threads() == before


def test_an_interrupt_between_two_epochs_is_one(monkeypatch):
    def interrupted(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("skorch.callbacks.EpochTimer.on_epoch_end", interrupted)
    rng = np.random.RandomState(0)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = MultiTaskRegressor(preset="mlp", max_iter=5).fit(rng.randn(20, 2), rng.randn(20, 2))
    assert model.n_iter_ == 2
