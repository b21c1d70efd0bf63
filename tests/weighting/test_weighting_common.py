"""What holds for every weighting, those of the registry and one that a user wrote."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskRegressor
from skmtl._component import resolve
from skmtl.weighting import WEIGHTINGS, DynamicWeightAverage, Equal, Uncertainty, Weighting


class Tempered(Weighting):
    """As a user would write it: an objective with a learned temperature, and nothing else."""

    def __init__(self, start=0.5):
        self.start = start

    def initialize(self, n_tasks):
        self.temperature = nn.Parameter(torch.tensor(float(self.start)))
        return super().initialize(n_tasks)

    def forward(self, losses):
        return (losses * torch.exp(-self.temperature) + self.temperature).mean() + losses.max()


ALL = [*(make() for make in WEIGHTINGS.values()), Uncertainty(0.7), DynamicWeightAverage(0.5), Tempered(0.3)]
weightings = pytest.mark.parametrize("weighting", ALL, ids=repr)
EPOCHS = torch.tensor([[1.0, 2.0, 0.5, 4.0], [0.5, 1.9, 0.4, 3.0], [0.4, 1.0, 0.4, 1.0]])


def drive(weighting, losses):
    """Weights of each epoch, and the gradients of the parameters, over some epochs of losses."""
    found = []
    for row in losses:
        weights = weighting.weights(row).detach().clone()
        found.append((weights, [p.grad.clone() for p in weighting.parameters()]))
        with torch.no_grad():
            for p in weighting.parameters():
                p.sub_(0.1 * p.grad)
        weighting.on_epoch_end(row)
    return found


def assert_same(found, expected):
    for (weights, gradients), (other, others) in zip(found, expected, strict=True):
        assert torch.equal(weights, other)
        assert all(torch.equal(a, b) for a, b in zip(gradients, others, strict=True))


@weightings
def test_the_constructor_stores_and_does_nothing_else(weighting):
    made = {"start", "log_variance", "temperature"} & set(weighting.get_params())
    assert set(weighting.get_params()) == made
    assert not list(weighting.parameters()) and not list(weighting.buffers())
    assert not hasattr(weighting, "n_tasks")
    assert type(weighting)(**weighting.get_params()).get_params() == weighting.get_params()
    for name, value in weighting.get_params().items():
        assert clone(weighting).set_params(**{name: value + 1}).get_params()[name] == value + 1
    with pytest.raises(ValueError, match="Invalid parameter"):
        clone(weighting).set_params(nonsense=1)


@weightings
def test_a_clone_has_the_parameters_and_no_state(weighting):
    used = clone(weighting).initialize(4)
    drive(used, EPOCHS)
    fresh = clone(used)
    assert fresh.get_params() == used.get_params()
    assert not list(fresh.parameters()) and not list(fresh.buffers())
    assert repr(fresh) == repr(used) == repr(weighting)
    assert repr(weighting).startswith(type(weighting).__name__ + "(")
    assert_same(drive(fresh.initialize(4), EPOCHS), drive(clone(weighting).initialize(4), EPOCHS))


@weightings
def test_copies_and_saved_states_go_on_as_the_original(weighting):
    original = clone(weighting).initialize(4)
    drive(original, EPOCHS[:2])
    loaded = clone(weighting).initialize(4)
    loaded.load_state_dict(original.state_dict())
    others = [copy.deepcopy(original), pickle.loads(pickle.dumps(original)), loaded]
    expected = drive(original, EPOCHS)
    for other in others:
        assert_same(drive(other, EPOCHS), expected)


@weightings
def test_initialize_again_starts_afresh(weighting):
    used = clone(weighting).initialize(2)
    drive(used, EPOCHS[:, :2])
    assert used.initialize(4) is used
    assert used.n_tasks == 4
    assert_same(drive(used, EPOCHS), drive(clone(weighting).initialize(4), EPOCHS))


@weightings
@pytest.mark.parametrize("n_tasks", [1, 2, 12])
def test_weights_are_finite_and_not_negative_for_any_losses(weighting, n_tasks):
    generator = torch.Generator().manual_seed(0)
    typical = torch.rand(3, n_tasks, generator=generator)
    zero, huge = torch.zeros(3, n_tasks), torch.full((3, n_tasks), 1e30)
    mixed = torch.where(torch.rand(3, n_tasks, generator=generator) < 0.5, zero, huge)
    for losses in (typical, zero, huge, mixed, torch.cat([zero, huge]), torch.cat([huge, zero])):
        weighting = clone(weighting).initialize(n_tasks)
        for row in losses:
            weights = weighting.weights(row).detach()
            assert weights.shape == (n_tasks,) and weights.dtype == torch.float32
            assert torch.isfinite(weights).all() and (weights >= 0).all() and weights.sum() > 0
            assert all(torch.isfinite(p.grad).all() for p in weighting.parameters())
            weighting.on_epoch_end(row)


@weightings
def test_the_order_of_the_tasks_makes_no_difference(weighting):
    order = torch.tensor([2, 0, 3, 1])
    plain = drive(clone(weighting).initialize(4), EPOCHS)
    permuted = drive(clone(weighting).initialize(4), EPOCHS[:, order])
    for (a, _), (b, _) in zip(plain, permuted, strict=True):
        torch.testing.assert_close(a[order], b)


@weightings
def test_weights_are_the_gradient_of_the_objective(weighting):
    closed, derived = (clone(weighting).initialize(4) for _ in range(2))
    for row in EPOCHS:
        found = closed.weights(row).detach()
        expected = Weighting.weights(derived, row)
        torch.testing.assert_close(found, expected)
        for p, q in zip(closed.parameters(), derived.parameters(), strict=True):
            torch.testing.assert_close(p.grad, q.grad)
        for one in (closed, derived):
            with torch.no_grad():
                for p in one.parameters():
                    p.sub_(0.1 * p.grad)
            one.on_epoch_end(row)


@weightings
def test_gradients_are_written_into_the_buffers_of_the_solver(weighting):
    weighting = clone(weighting).initialize(4)
    weighting.weights(EPOCHS[0])
    before = [p.grad for p in weighting.parameters()]
    expected = [p.grad.clone() for p in weighting.parameters()]
    for gradient in before:
        gradient.fill_(7.0)
    with torch.no_grad():
        weighting.weights(EPOCHS[0])
    for p, old, value in zip(weighting.parameters(), before, expected, strict=True):
        assert p.grad is old
        assert torch.equal(p.grad, value)


@weightings
def test_losses_are_left_as_they_are(weighting):
    losses = EPOCHS.clone()
    drive(clone(weighting).initialize(4), losses)
    assert torch.equal(losses, EPOCHS) and not losses.requires_grad


def test_what_does_not_need_losses_gives_weights_without():
    for make in WEIGHTINGS.values():
        weighting = make().initialize(3)
        if not weighting.needs_losses:
            assert torch.equal(weighting.weights(None), weighting.weights(torch.tensor([1.0, 2.0, 3.0])))
    assert [name for name, make in WEIGHTINGS.items() if make.is_constant] == ["equal"]


def test_a_name_gives_the_defaults_and_an_instance_is_cloned():
    for name, kind in WEIGHTINGS.items():
        found = resolve(name, WEIGHTINGS, Weighting, "weighting", "Owner")
        assert type(found) is kind and found.get_params() == kind().get_params()
    given = Uncertainty(0.3)
    found = resolve(given, WEIGHTINGS, Weighting, "weighting", "Owner")
    assert found is not given and found.log_variance == 0.3
    with pytest.raises(ValueError, match=r"'weighting' parameter of Owner got 'uncertain'.*Did you mean 'uncertainty'"):
        resolve("uncertain", WEIGHTINGS, Weighting, "weighting", "Owner")
    with pytest.raises(TypeError, match=r"skmtl\.weighting\.Weighting; .*add parentheses"):
        resolve(Equal, WEIGHTINGS, Weighting, "weighting", "Owner")
    with pytest.raises(TypeError, match=r"skmtl\.weighting\.Weighting; got 3"):
        resolve(3, WEIGHTINGS, Weighting, "weighting", "Owner")


def test_a_weighting_without_an_objective_says_what_to_write():
    class Nothing(Weighting):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must implement forward\(losses\) or weights\(losses\)"):
        Nothing().initialize(2).weights(torch.ones(2))


# In an estimator


def fit(data, weighting, **parameters):
    settings = {"hidden_layer_sizes": (8,), "max_iter": 8, "tol": 0, "n_iter_no_change": 1, "random_state": 0}
    return MultiTaskRegressor(weighting=weighting, **settings | parameters).fit(*data)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
@weightings
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_an_estimator_leaves_the_instance_alone(regression_missing, weighting, solver):
    given = clone(weighting)
    model = fit(regression_missing, given, solver=solver, task_weights=[1, 2])
    assert not list(given.parameters()) and not list(given.buffers())
    assert np.isfinite(model.predict(regression_missing[0])).all()
    assert np.isfinite([model.history_[f"weight__task_{t}"] for t in (0, 1)]).all()


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_what_an_own_weighting_learns_is_trained_saved_and_not_penalised(regression, tmp_path, solver):
    model = fit(regression, Tempered(0.5), solver=solver)
    learned = model.net_.criterion_.weighting.temperature.item()
    assert learned != 0.5
    model.net_.save_params(f_criterion=tmp_path / "criterion.pt")
    saved = torch.load(tmp_path / "criterion.pt")
    assert saved["weighting.temperature"].item() == learned

    class Idle(Tempered):
        """Its parameter has no part in the objective beyond a slope of exactly zero."""

        def forward(self, losses):
            return losses.mean() + 0.0 * self.temperature

    idle = fit(regression, Idle(0.5), solver=solver, alpha=10.0).net_.criterion_.weighting
    assert idle.temperature.item() == 0.5
