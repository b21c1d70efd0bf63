"""The schedule of the default: its rates and looks step by step, and the training that follows it."""

import copy
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from _callbacks import Idle, KillAtEnd, KillMidway, WatchData
from _engine import all_parameters
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, Checkpoint, LoadInitState, LRScheduler
from torch import nn

from skmtl import MultiTaskRegressor
from skmtl._annealing import Annealing

RATE = 0.1


def run(loss, per_epoch=1, max_epochs=None):
    """Follow the schedule with a network whose one value counts its steps; `loss` is that of a value, where looked at.

    Returns
    -------
    rates : list of float, one a step
    looks : list of int, the steps after which the validation rows were looked at
    values : list of float, the value after each step
    kept : float, the value in the end
    """
    schedule = Annealing(max_epochs=max_epochs)
    group, value = {"lr": RATE}, torch.zeros(1)
    net = SimpleNamespace(
        steps_per_epoch=per_epoch,
        criterion_=SimpleNamespace(progress={}),
        optimizer_=SimpleNamespace(defaults={"lr": RATE}, param_groups=[group]),
        flat=SimpleNamespace(values=value),
        module_=nn.Module(),
    )
    rates, looks, values, last = [], [], [], False
    schedule.begin(net)
    while not last:
        assert len(rates) < 50_000, "the schedule does not end"
        for _ in range(per_epoch):
            net.optimizer_.before_step(group)
            rates.append(group["lr"])
            value += 1
            values.append(value.item())
        net.row = {"epoch": len(rates) // per_epoch, "valid_loss": None}
        if schedule.is_due(net):
            looks.append(len(rates))
            net.row["valid_loss"] = loss(value.item())
        last = schedule.update(net)
    schedule.restore(net)
    assert net.optimizer_.before_step is None and group["lr"] == RATE
    return rates, looks, values, value.item()


def rising(value):
    return value


def falling(value):
    return -value


def lowest_at(step):
    return lambda value: abs(value - step)


def anneal(length):
    """Rates of an anneal in so many steps."""
    return [RATE * 0.5 * (1 + math.cos(math.pi * i / length)) for i in range(1, length + 1)]


def warm_up(n):
    """Rates of so many steps before the anneal."""
    return [RATE * min(1, i / 20) for i in range(1, n + 1)]


# Rates and looks


def test_the_rate_is_warmed_up_held_and_annealed():
    # The lowest loss is the first one, so that the rate is held for the fewest steps and annealed in the fewest.
    rates, looks, values, kept = run(rising)
    begun = next(look for look in looks if look > 201)
    assert_allclose(rates, warm_up(begun) + anneal(60))
    assert_allclose(rates[:2], [RATE / 20, RATE / 10])
    assert rates[19] == RATE and rates[-1] == 0
    assert values[begun] == 2.0  # one step on from the best
    assert kept == 1.0


@pytest.mark.parametrize("best", [300, 800])
def test_the_rate_is_held_for_half_the_steps_to_the_best_and_annealed_in_as_many(best):
    rates, looks, values, kept = run(lowest_at(best))
    lowest = min(looks, key=lowest_at(best))
    begun = next(look for look in looks if look - lowest > max(200, 0.5 * lowest))
    assert_allclose(rates, warm_up(begun) + anneal(lowest), atol=1e-15)
    assert values[begun - 1 : begun + 1] == [begun, lowest + 1]
    assert kept == lowest


def test_looks_are_ever_rarer_and_start_again_with_the_anneal():
    rates, looks, _, _ = run(lowest_at(800))
    expected, begun = [1], None
    while len(expected) < len(looks):
        steps = expected[-1] if begun is None else len(rates) - begun
        expected.append(min(expected[-1] + max(10, int(0.08 * steps)), len(rates)))
        if begun is None and expected[-1] > 1250:
            begun = expected[-1]
    assert looks == expected
    assert looks[-1] == len(rates)  # the end is always looked at
    assert np.diff(looks).min() == 10 and np.diff(looks).max() > 80


@pytest.mark.parametrize(
    ("per_epoch", "most"), [(1, 1400), (10, 1400), (30, 2100), (50, 2800), (300, 2800), (700, 4900)]
)
def test_a_loss_that_keeps_falling_is_followed_for_so_many_steps(per_epoch, most):
    rates, looks, _, kept = run(falling, per_epoch)
    begun = -(-most // per_epoch) * per_epoch  # the end of that epoch
    assert begun in looks
    assert_allclose(rates[:begun], warm_up(begun))
    assert_allclose(rates[begun:][:begun], anneal(begun), atol=1e-15)
    assert set(rates[2 * begun :]) <= {0.0} and len(rates) < 2 * begun + per_epoch
    assert kept == len(rates)


def test_looks_are_at_the_end_of_an_epoch_only():
    _, looks, _, _ = run(lowest_at(1000), per_epoch=7)
    assert looks[0] == 7 and not [look for look in looks if look % 7]


# Budget


@pytest.mark.parametrize("loss", [rising, falling, lowest_at(40)])
@pytest.mark.parametrize("max_epochs", [1, 2, 3, 4, 7, 10, 31, 60])
def test_a_budget_is_kept(loss, max_epochs):
    rates, looks, _, _ = run(loss, per_epoch=10, max_epochs=max_epochs)
    assert len(rates) <= 10 * max_epochs
    assert looks[-1] == len(rates)


@pytest.mark.parametrize("max_epochs", [2, 3, 4, 10, 31])
def test_a_budget_that_binds_leaves_its_last_epochs_to_the_anneal(max_epochs):
    rates, *_ = run(falling, per_epoch=10, max_epochs=max_epochs)
    begun = 10 * math.ceil(0.7 * (max_epochs - 1))
    assert begun < 10 * max_epochs
    assert_allclose(rates, warm_up(begun) + anneal(10 * max_epochs - begun), atol=1e-15)


def test_a_budget_that_is_not_needed_changes_nothing():
    assert run(lowest_at(150), 10, max_epochs=1000) == run(lowest_at(150), 10)


# Best epoch


@pytest.mark.parametrize(("best", "begins", "last"), [(0, 19, 25), (5, 22, 28), (22, 19, 25), (25, 19, 25)])
def test_the_best_epoch_of_all_is_kept(best, begins, last):
    # By number of the look: after the first the loss is higher, but for one that is the lowest of all.
    losses = iter([1.0] + [2.0] * 99 if best == 0 else [1.0] + [2.0] * (best - 1) + [0.0] + [2.0] * 99)
    rates, looks, values, kept = run(lambda value: next(losses))
    assert len(looks) == last + 1
    assert rates[looks[begins] - 1] == RATE > rates[looks[begins]]  # before, in, or at the end of the anneal
    assert kept == values[looks[best] - 1]


# Training


def make(**parameters):
    return MultiTaskRegressor(**{"hidden_layer_sizes": (8,), "n_members": 1, "random_state": 0} | parameters)


def normed_trunk():
    return nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2))


ANNEALED = {"learning_rate": "anneal", "early_stopping": True}
VARIANTS = {
    "default": {},
    "budget": {"max_iter": 15},
    "sgd": {"solver": "sgd", **ANNEALED, "max_iter": 15},
    "dropout": {"dropout": 0.3, "max_iter": 15},
    "trunk": {"architecture": normed_trunk, **ANNEALED, "max_iter": 15},
    "uncertainty": {"weighting": "uncertainty", "max_iter": 15},
    "pcgrad": {"aggregator": "pcgrad", "max_iter": 10},
    "unshuffled": {"shuffle": False, "max_iter": 10},
}


class WatchRates(Callback):
    """Notes the rate of each step."""

    def __init__(self):
        self.rates = []

    def on_batch_end(self, net, training, **kwargs):
        if training:
            self.rates.append(net.optimizer_.param_groups[0]["lr"])


class CopyAt(Callback):
    """Makes a copy of the net at the end of this epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.copy = pickle.loads(pickle.dumps(net))


class WatchReturn(Callback):
    """Compares the network, and what the solver remembers, before and after the schedule goes back to the best."""

    def on_train_begin(self, net, **kwargs):
        update = net.stopping.update

        def watched(net):
            before = "begun" in net.criterion_.progress, net.flat.values.clone(), net.optimizer_.state_dict()["state"]
            last = update(net)
            if "begun" in net.criterion_.progress and not before[0]:
                best = net.criterion_.progress["best_values"]
                self.found = (before[1], best.clone(), net.flat.values.clone())
                self.state = before[2], net.optimizer_.state_dict()["state"]
            return last

        net.stopping.update = watched


def steps_per_epoch(n=120, batch_size=32):
    return math.ceil((n - round(0.15 * n)) / batch_size)


def test_training_follows_the_schedule(regression):
    watch = WatchRates()
    model = make(callbacks=[watch], max_iter=20, batch_size=32, learning_rate_init=RATE).fit(*regression)
    per_epoch = steps_per_epoch()
    assert model.n_iter_ == 20
    assert_allclose(watch.rates, warm_up(14 * per_epoch) + anneal(6 * per_epoch), atol=1e-15)


def test_going_back_takes_the_network_along_but_not_what_the_solver_remembers(regression):
    watch = WatchReturn()
    X, Y = regression
    make(callbacks=[watch], max_iter=100, hidden_layer_sizes=(30,)).fit(X, Y[::-1])  # nothing to learn
    before, best, after = watch.found
    assert torch.equal(after, best) and not torch.equal(after, before)
    for name, value in watch.state[0].items():
        assert torch.equal(watch.state[1][name], value) and value.abs().sum() > 0, name


def test_the_default_ends_by_itself_with_an_annealed_rate(regression):
    watch = WatchRates()
    model = make(callbacks=[watch]).fit(*regression)
    assert watch.rates[-1] < 1e-3 * max(watch.rates) and max(watch.rates) == 0.005
    assert model.n_iter_ < 7000
    assert len(watch.rates) == model.n_iter_ * steps_per_epoch()
    assert model.net_.complaint is None


@pytest.mark.parametrize(
    "more", [{}, {"main_task": "task_1"}, {"weighting": "uncertainty"}, {"architecture": normed_trunk} | ANNEALED]
)
def test_the_best_epoch_is_what_remains(regression_missing, more):
    watch = WatchData()
    model = make(callbacks=[watch], max_iter=40, learning_rate_init=0.1, **more).fit(*regression_missing)
    net, losses = model.net_, model.history_["valid_loss"]
    assert losses.argmin() < len(losses) - 1  # else there is nothing to go back to
    assert_allclose(net.stopping.watched(net.criterion_, net.evaluate(watch.valid)), losses.min(), rtol=1e-5)
    assert_allclose(model.best_validation_score_, -losses.min())


def test_the_main_task_is_watched(regression_missing):
    history = make(main_task="task_1", max_iter=20).fit(*regression_missing).history_
    assert_array_equal(history["valid_loss"], history["valid_loss__task_1"])
    assert (history["valid_loss"] != history["valid_loss__task_0"]).all()


def test_between_two_looks_the_last_validation_losses_stand(regression):
    model = make().fit(*regression)
    rows = model.net_.history
    looked = np.array([row["is_looked_at"] for row in rows])
    assert looked[0] and looked[-1] and 10 < looked.sum() < len(rows) / 4
    names = "valid_loss", "valid_loss__task_0", "valid_loss__task_1"
    shown = np.column_stack([model.history_[name] for name in names])
    assert shown.shape == (model.n_iter_, 3) and np.isfinite(shown).all()
    last = np.maximum.accumulate(np.where(looked, np.arange(len(looked)), 0))
    assert_array_equal(shown, shown[last])
    assert (np.diff(shown[looked, 0]) != 0).any()
    best = [row["epoch"] for row in rows if row["valid_loss_best"]]
    falls = shown[:, 0] < np.minimum.accumulate(np.r_[np.inf, shown[:-1, 0]])
    assert best == (1 + np.flatnonzero(falls)).tolist()


def test_the_log_has_a_line_for_each_look(regression, capsys):
    model = make(verbose=True, max_iter=40).fit(*regression)
    _, *lines = capsys.readouterr().out.splitlines()
    shown = [int(line.split()[0]) for line in lines]
    assert shown == [row["epoch"] for row in model.net_.history if row["is_looked_at"]]
    assert 1 < len(shown) < model.n_iter_


@pytest.mark.parametrize(("variant", "missing"), [(v, True) for v in VARIANTS] + [("budget", False)])
def test_skorch_stepping_gives_the_same_result(regression, regression_missing, variant, missing):
    X, Y = regression_missing if missing else regression
    fast, stock = (make(callbacks=callbacks, **VARIANTS[variant]).fit(X, Y) for callbacks in (None, [Idle()]))
    assert torch.equal(all_parameters(fast), all_parameters(stock))
    assert list(fast.history_) == list(stock.history_) and fast.n_iter_ == stock.n_iter_
    for name in fast.history_:
        if name != "duration":
            assert_allclose(fast.history_[name], stock.history_[name], rtol=2e-6, err_msg=name)


@pytest.mark.parametrize(
    ("variant", "kill"),
    [("default", KillAtEnd), ("default", KillMidway), ("sgd", KillAtEnd), ("trunk", KillAtEnd), ("pcgrad", KillMidway)],
)
@pytest.mark.parametrize("when", ["in the warm-up", "in the best epoch", "as the anneal begins", "in the anneal"])
def test_a_killed_run_resumes_from_its_checkpoint_as_if_nothing_had_been(regression, tmp_path, variant, when, kill):
    def checkpoint():
        return Checkpoint(monitor=None, dirname=tmp_path, f_criterion="criterion.pt")

    # A budget, to be quick: the default would take hundreds of epochs.
    parameters = VARIANTS[variant] | {"max_iter": 12}
    # A killer that looks at batches switches skorch's loop on; the others are given it, too.
    loop = [Idle()] if kill is KillMidway else []
    whole = make(callbacks=loop, **parameters).fit(*regression)
    begun = math.ceil(0.7 * parameters["max_iter"])
    best = 1 + int(np.argmin(whole.history_["valid_loss"]))
    epoch = {"in the warm-up": 2, "in the best epoch": best, "as the anneal begins": begun, "in the anneal": begun + 2}
    with pytest.raises(RuntimeError, match="killed"):
        make(callbacks=[checkpoint(), kill(epoch[when])], **parameters).fit(*regression)
    resumed = make(callbacks=[LoadInitState(checkpoint()), *loop], **parameters).fit(*regression)
    assert torch.equal(all_parameters(resumed), all_parameters(whole))
    assert resumed.n_iter_ == whole.n_iter_
    for name in whole.history_:
        if name != "duration":
            assert_allclose(resumed.history_[name], whole.history_[name], rtol=1e-6, err_msg=name)
    assert_array_equal(resumed.predict(regression[0]), whole.predict(regression[0]))


# After training


def test_after_training_the_rate_is_the_initial_one_and_a_copy_is_the_same(regression):
    model = make(max_iter=20).fit(*regression)
    net = model.net_
    assert net.optimizer_.before_step is None
    assert net.optimizer_.param_groups[0]["lr"] == net.optimizer_.defaults["lr"] == 0.005
    assert not {"best_values", "best_buffers"} & set(net.criterion_.progress)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert torch.equal(all_parameters(other), all_parameters(model))
        other.partial_fit(*regression)


def test_a_copy_made_during_training_can_be_pickled(regression):
    callback = CopyAt(15)
    make(max_iter=20, callbacks=[callback]).fit(*regression)
    assert callback.copy.criterion_.progress["step"] == 15 * steps_per_epoch()
    assert callback.copy.optimizer_.before_step is None


def test_training_that_fails_leaves_no_schedule_behind(regression):
    X, Y = regression
    model = make(max_iter=20, warm_start=True).fit(X, Y)
    before = all_parameters(model)
    model.set_params(callbacks=[KillMidway(23)])
    with pytest.raises(RuntimeError, match="killed"):
        model.fit(X, Y)
    assert torch.equal(all_parameters(model), before)
    assert model.net_.optimizer_.before_step is None


def test_a_warm_start_follows_the_schedule_from_the_start(regression):
    watch = WatchRates()
    model = make(max_iter=20, callbacks=[watch], warm_start=True).fit(*regression)
    first, rates = all_parameters(model), watch.rates.copy()
    watch.rates.clear()
    model.fit(*regression)
    assert watch.rates == rates
    assert model.n_iter_ == 20 and model.history_.n_epochs == 40
    assert not torch.equal(all_parameters(model), first)


def test_partial_fit_goes_on_with_the_initial_rate_and_watches_nothing(regression):
    X, Y = regression
    model = make(max_iter=20).fit(X, Y)
    watch = WatchRates()
    model.net_.callbacks_.append(("rates", watch))
    before, n_steps = all_parameters(model), model.net_.optimizer_.state["step"].item()
    model.partial_fit(X, Y)
    assert model.n_iter_ == 1 and model.history_.n_epochs == 21
    assert set(watch.rates) == {0.005}
    assert model.net_.optimizer_.state["step"] == n_steps + len(watch.rates)
    assert np.isnan(model.history_["valid_loss"][-1]) and model.validation_scores_ is None
    assert not torch.equal(all_parameters(model), before)


def test_the_schedule_needs_rows_to_watch(regression):
    with pytest.raises(ValueError, match=r"learning_rate='anneal' .* early_stopping=False .* Set early_stopping=True"):
        make(learning_rate="anneal", early_stopping=False).fit(*regression)
    with pytest.raises(ValueError, match="learning_rate='anneal'"):  # the preset leaves early stopping out
        make(preset="mlp", learning_rate="anneal").fit(*regression)
    make(preset="mlp", max_iter=2, **ANNEALED).fit(*regression)


def test_a_schedule_of_the_rate_beside_it_is_an_error():
    model = MultiTaskRegressor(callbacks=[LRScheduler()], random_state=0)
    with pytest.raises(ValueError, match=r"an LRScheduler among the callbacks.*Set learning_rate='constant'"):
        model.fit(np.arange(60.0).reshape(30, 2), np.arange(30.0))
