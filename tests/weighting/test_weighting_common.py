"""What holds for every weighting, those of the registry and one that a user wrote."""

import copy
import pickle

import numpy as np
import pytest
import torch
from _weightings import arguments, drive, gradients_of, step
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskRegressor
from skmtl._component import resolve
from skmtl.weighting import (
    COSMOS,
    FAMO,
    IMTLL,
    WEIGHTINGS,
    DynamicWeightAverage,
    Equal,
    ExcessMTL,
    GradNorm,
    GroupDRO,
    PenaltyBoundaryIntersection,
    RandomLossWeighting,
    ScaleInvariant,
    SmoothTchebycheff,
    SoftOptimalUncertainty,
    Uncertainty,
    Weighting,
)


class Tempered(Weighting):
    """As a user would write it: an objective with a learned temperature, and nothing else."""

    def __init__(self, start=0.5):
        self.start = start

    def initialize(self, n_tasks):
        self.temperature = nn.Parameter(torch.tensor(float(self.start)))
        return super().initialize(n_tasks)

    def forward(self, losses):
        return (losses * torch.exp(-self.temperature) + self.temperature).mean() + losses.max()


VARIANTS = [
    Uncertainty(0.7),
    SoftOptimalUncertainty(1.0),
    DynamicWeightAverage(0.5),
    FAMO(0.1, 0.01, -0.5),
    SmoothTchebycheff(0.3, log=False),
    SmoothTchebycheff(0.5, warmup_epochs=1),
    GroupDRO(0.5),
    ExcessMTL(0.5, warmup_epochs=0),
    ExcessMTL(0.5, warmup_epochs=1),
    GradNorm(0.12, 0.1),
    PenaltyBoundaryIntersection(0.5),
    COSMOS(1.0),
]
OURS = [*(make() for make in WEIGHTINGS.values()), *VARIANTS]
ALL = [*OURS, Tempered(0.3)]


def every(weightings):
    return pytest.mark.parametrize("weighting", weightings, ids=repr)


weightings, our_weightings = every(ALL), every(OURS)
# Weights that follow from losses, and weights that are the gradient of something.
deterministic = every([w for w in ALL if not isinstance(w, RandomLossWeighting)])
objectives = every([w for w in ALL if type(w).forward is not Weighting.forward])
# Here the weight of a task does not depend on its own loss but through those of others.
RELATIVE = [w for w in OURS if not isinstance(w, Uncertainty | IMTLL | ScaleInvariant) and not getattr(w, "log", False)]
EPOCHS = torch.tensor([[1.0, 2.0, 0.5, 4.0], [0.5, 1.9, 0.4, 3.0], [0.4, 1.0, 0.4, 1.0]])


def assert_same(found, expected):
    for (weights, gradients), (other, others) in zip(found, expected, strict=True):
        assert torch.equal(weights, other)
        assert all(torch.equal(a, b) for a, b in zip(gradients, others, strict=True))


def state_of(weighting):
    """Everything that is saved, by name."""
    state = dict(weighting.state_dict())
    extra = state.pop("_extra_state", {})
    return {name: value.clone() for name, value in (state | extra).items() if value is not None}


# As a component


@weightings
def test_the_constructor_stores_and_does_nothing_else(weighting):
    assert not list(weighting.parameters()) and not list(weighting.buffers())
    assert not hasattr(weighting, "n_tasks")
    assert type(weighting)(**weighting.get_params()).get_params() == weighting.get_params()
    for name in weighting.get_params():
        assert clone(weighting).set_params(**{name: "other"}).get_params()[name] == "other"
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
@pytest.mark.parametrize("n_epochs", [1, 2])
def test_copies_and_saved_states_go_on_as_the_original(weighting, n_epochs, tmp_path):
    original = clone(weighting).initialize(4)
    drive(original, EPOCHS[:n_epochs])
    step(original, EPOCHS[1])  # in the middle of an epoch
    loaded, reopened = (clone(weighting).initialize(4) for _ in range(2))
    loaded.load_state_dict(original.state_dict())
    torch.save(original.state_dict(), tmp_path / "state.pt")
    reopened.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    others = [copy.deepcopy(original), pickle.loads(pickle.dumps(original)), loaded, reopened]
    expected = drive(original, EPOCHS)
    for other in others:
        assert_same(drive(other, EPOCHS), expected)


@weightings
def test_a_loaded_state_is_a_copy(weighting):
    original, loaded = (clone(weighting).initialize(4) for _ in range(2))
    drive(original, EPOCHS[:2])
    loaded.load_state_dict(original.state_dict())
    before = state_of(loaded)
    drive(original, EPOCHS)
    for name, value in state_of(loaded).items():
        assert torch.equal(value, before[name]), name


@weightings
def test_initialize_again_starts_afresh(weighting):
    used = clone(weighting).initialize(2)
    drive(used, EPOCHS[:, :2])
    assert used.initialize(4) is used
    assert used.n_tasks == 4
    assert_same(drive(used, EPOCHS), drive(clone(weighting).initialize(4), EPOCHS))


@weightings
def test_the_same_seed_gives_the_same_weights(weighting):
    first, second = (drive(clone(weighting).initialize(4), EPOCHS, seed=3) for _ in range(2))
    assert_same(first, second)


@our_weightings
def test_a_bad_value_of_every_parameter_raises_by_name(weighting):
    kind = type(weighting)
    for name in weighting.get_params():
        for bad in ("three", None, float("nan"), float("inf"), [1.0]):
            with pytest.raises(ValueError, match=rf"^The '{name}' parameter of {kind.__name__} must be .*\. Got "):
                kind(**{name: bad}).initialize(2)


# Each parameter that has a bound, and a value beyond it.
BOUNDS = [
    (SoftOptimalUncertainty, "temperature", 0),
    (DynamicWeightAverage, "temperature", 0),
    (FAMO, "lr", -0.1),
    (FAMO, "weight_decay", -1e-9),
    (SmoothTchebycheff, "mu", 0.0),
    (SmoothTchebycheff, "log", 2),
    (SmoothTchebycheff, "warmup_epochs", -1),
    (SmoothTchebycheff, "warmup_epochs", 1.5),
    (GroupDRO, "step_size", -1),
    (ExcessMTL, "step_size", -1),
    (ExcessMTL, "warmup_epochs", -1),
    (ExcessMTL, "warmup_epochs", 0.5),
    (GradNorm, "alpha", -0.5),
    (GradNorm, "lr", -1),
    (PenaltyBoundaryIntersection, "theta", -2),
    (COSMOS, "penalty", -2),
]


@pytest.mark.parametrize(("kind", "name", "value"), BOUNDS)
def test_a_value_out_of_bounds_raises_by_name(kind, name, value):
    says = rf"^The '{name}' parameter of {kind.__name__} must be .*\. Got {value} instead"
    with pytest.raises(ValueError, match=says):
        kind(**{name: value}).initialize(2)


def test_a_bad_value_raises_at_fit(regression):
    with pytest.raises(ValueError, match=r"^The 'mu' parameter of SmoothTchebycheff must be .*\. Got -1 instead"):
        MultiTaskRegressor(weighting=SmoothTchebycheff(mu=-1)).fit(*regression)


@our_weightings
def test_all_that_is_remembered_moves_with_the_model(weighting):
    """It is parameters and buffers, here and in what the weighting is made of; no tensors elsewhere."""
    weighting = clone(weighting).initialize(4)
    drive(weighting, EPOCHS)
    for module in weighting.modules():
        assert not [name for name, value in vars(module).items() if isinstance(value, torch.Tensor)]


# Values


@weightings
@pytest.mark.parametrize("n_tasks", [1, 2, 12])
def test_weights_are_finite_and_not_negative_where_promised_for_any_losses(weighting, n_tasks):
    generator = torch.Generator().manual_seed(0)
    typical = torch.rand(3, n_tasks, generator=generator)
    zero, tiny, huge = (torch.full((3, n_tasks), value) for value in (0.0, 1e-30, 1e30))
    coin = torch.rand(3, n_tasks, generator=generator) < 0.5
    mixed, extreme = torch.where(coin, zero, huge), torch.where(coin, tiny, typical)
    for losses in (typical, zero, tiny, huge, mixed, extreme, torch.cat([zero, huge]), torch.cat([huge, zero])):
        weighting = clone(weighting).initialize(n_tasks)
        for row in losses:
            for _ in range(2):
                weights = weighting.weights(*arguments(weighting, row)).detach()
                assert weights.shape == (n_tasks,) and weights.dtype == torch.float32
                assert torch.isfinite(weights).all()
                if weighting.is_nonnegative:
                    assert (weights >= 0).all() and weights.sum() > 0
                assert all(torch.isfinite(p.grad).all() for p in weighting.parameters())
                if weighting.looks_after_step:
                    weighting.after_step(row)
            weighting.on_epoch_end(row)


@our_weightings
def test_weights_stay_finite_for_negative_losses(weighting):
    weighting = clone(weighting).initialize(3)
    for row in torch.tensor([[1.0, -0.5, 0.2], [-1.0, -2.0, -3.0], [0.5, 1.0, -1e30]]):
        for _ in range(2):
            assert torch.isfinite(step(weighting, row)[0]).all()
        weighting.on_epoch_end(row)


@every(RELATIVE)
def test_a_single_task_has_all_of_the_weight(weighting):
    for weights, _ in drive(clone(weighting).initialize(1), EPOCHS[:, 1:2]):
        torch.testing.assert_close(weights, torch.ones(1))


@deterministic
def test_alike_tasks_have_the_same_weight(weighting):
    for weights, _ in drive(clone(weighting).initialize(3), EPOCHS[:, 1:2].expand(3, 3)):
        torch.testing.assert_close(weights, weights.mean().expand(3), rtol=1e-5, atol=0)


@every([w for w in OURS if not isinstance(w, RandomLossWeighting)])
def test_the_first_weights_of_alike_losses_of_one_are_one_share_each(weighting):
    """Learning rates mean the same, whatever the weighting: only the factor one half of uncertainty is the paper's."""
    share = 0.5 * np.exp(-weighting.log_variance) if isinstance(weighting, Uncertainty) else 1.0
    weights = clone(weighting).initialize(4).weights(*arguments(weighting, torch.ones(4))).detach()
    torch.testing.assert_close(weights, torch.full((4,), share / 4), rtol=1e-4, atol=0)


@deterministic
def test_the_order_of_the_tasks_makes_no_difference(weighting):
    order = torch.tensor([2, 0, 3, 1])
    plain = drive(clone(weighting).initialize(4), EPOCHS)
    permuted = drive(clone(weighting).initialize(4), EPOCHS[:, order])
    for (a, _), (b, _) in zip(plain, permuted, strict=True):
        torch.testing.assert_close(a[order], b)


@objectives
def test_weights_are_the_gradient_of_the_objective(weighting):
    weighting = clone(weighting).initialize(4)
    for row in EPOCHS:
        for batch in (row, 0.8 * row):
            derived = copy.deepcopy(weighting)
            torch.manual_seed(0)
            expected = Weighting.weights(derived, batch)
            torch.manual_seed(0)
            found, _ = step(weighting, batch)
            torch.testing.assert_close(found, expected)
            for p, q in zip(weighting.parameters(), derived.parameters(), strict=True):
                torch.testing.assert_close(p.grad, q.grad)
        weighting.on_epoch_end(row)


@weightings
def test_gradients_are_written_into_the_buffers_of_the_solver(weighting):
    weighting = clone(weighting).initialize(4)
    given = arguments(weighting, EPOCHS[0])
    weighting.weights(*given)
    before = [p.grad for p in weighting.parameters()]
    expected = [p.grad.clone() for p in weighting.parameters()]
    for gradient in before:
        gradient.fill_(7.0)
    with torch.no_grad():
        weighting.weights(*given)
    for p, old, value in zip(weighting.parameters(), before, expected, strict=True):
        assert p.grad is old
        assert torch.equal(p.grad, value)


@weightings
def test_what_is_passed_in_is_left_as_it_is(weighting):
    weighting = clone(weighting).initialize(4)
    given = arguments(weighting, EPOCHS[0].clone())
    kept = [value.clone() for value in given]
    for _ in range(3):
        weighting.weights(*given)
        weighting.after_step(given[0])
        weighting.on_epoch_end(given[0])
    assert all(torch.equal(a, b) for a, b in zip(given, kept, strict=True))
    assert not given[0].requires_grad


@weightings
def test_weights_that_were_returned_do_not_change_later(weighting):
    weighting = clone(weighting).initialize(4)
    returned = weighting.weights(*arguments(weighting, EPOCHS[0])).detach()
    kept = returned.clone()
    drive(weighting, EPOCHS)
    assert torch.equal(returned, kept)


def test_what_does_not_need_losses_gives_weights_without():
    for make in WEIGHTINGS.values():
        weighting = make().initialize(3)
        if not weighting.needs_losses:
            assert torch.equal(weighting.weights(None), weighting.weights(torch.tensor([1.0, 2.0, 3.0])))
    assert [name for name, make in WEIGHTINGS.items() if make.is_constant] == ["equal"]


def test_what_the_methods_need_and_promise():
    """The table of the docs is made from these."""
    for flag, names in {
        "needs_gramian": {"gradnorm"},
        "needs_jacobian": {"excess_mtl"},
        "looks_after_step": {"famo"},
        "takes_preference": {"stch", "min_max", "group_dro", "pbi", "cosmos"},
        "is_nonnegative": WEIGHTINGS.keys() - {"pbi", "cosmos"},
        "needs_losses": WEIGHTINGS.keys() - {"equal", "dwa"},
    }.items():
        assert {name for name, make in WEIGHTINGS.items() if getattr(make, flag)} == names, flag


# Tasks without a label in the batch

LAST = torch.tensor([1.0, 2.0, 0.5, 4.0])
SEEN = torch.tensor([True, False, True, True])


def after_a_partial_batch(weighting, unseen_loss, seen=SEEN):
    """A weighting of four tasks after some batches, of which the last has no label of the second task."""
    weighting = clone(weighting).initialize(4)
    drive(weighting, EPOCHS[:2])
    before = state_of(weighting)
    losses = torch.where(seen, LAST, unseen_loss)
    jacobian = gradients_of(LAST) * seen.unsqueeze(1)
    weighting.seen = seen
    torch.manual_seed(0)
    weights = weighting.weights(*arguments(weighting, losses, jacobian)).detach()
    if weighting.looks_after_step:
        weighting.after_step(torch.where(seen, 0.7 * LAST, unseen_loss))
    return weighting, before, weights


def of_task(value, task):
    """The part of a state that belongs to one task: what has four of anything is by task."""
    axes = [axis for axis, size in enumerate(value.shape) if size == 4]
    return value.select(axes[0], task) if axes else None


@our_weightings
def test_a_task_that_is_not_seen_learns_nothing(weighting):
    weighting, before, weights = after_a_partial_batch(weighting, 3.0)
    assert torch.isfinite(weights).all()
    for p in weighting.parameters():
        assert p.grad[1] == 0 and p.grad[0] != 0
    for name, value in state_of(weighting).items():
        if of_task(value, 1) is not None:
            assert torch.equal(of_task(value, 1), of_task(before[name], 1)), name


@our_weightings
def test_the_loss_of_a_task_that_is_not_seen_teaches_the_others_nothing(weighting):
    one, _, _ = after_a_partial_batch(weighting, 0.1)
    other, _, _ = after_a_partial_batch(weighting, 50.0)
    for name, value in state_of(one).items():
        assert torch.equal(value, state_of(other)[name]), name
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


@our_weightings
def test_the_tasks_that_are_seen_learn(weighting):
    weighting, before, _ = after_a_partial_batch(weighting, 3.0)
    learns = {"FAMO", "GroupDRO", "GradNorm", "ExcessMTL"}
    after = state_of(weighting)
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert bool(changed) == (type(weighting).__name__ in learns)


@our_weightings
def test_a_batch_without_any_label_changes_nothing(weighting):
    weighting, before, weights = after_a_partial_batch(weighting, 3.0, torch.zeros(4, dtype=torch.bool))
    assert torch.isfinite(weights).all()
    for name, value in state_of(weighting).items():
        assert torch.equal(value, before[name]), name
    assert all((p.grad == 0).all() for p in weighting.parameters())


@our_weightings
def test_a_mask_that_is_all_true_is_as_no_mask(weighting):
    plain, masked = (clone(weighting).initialize(4) for _ in range(2))
    masked.seen = torch.ones(4, dtype=torch.bool)
    for (a, _), (b, _) in zip(drive(plain, EPOCHS), drive(masked, EPOCHS), strict=True):
        torch.testing.assert_close(a, b)


# Preference

PREFERENCE = torch.tensor([0.4, 2.0, 1.0, 0.6])
PREFERRING = [w for w in OURS if w.takes_preference]
with_preference = every(PREFERRING)


def preferring(weighting, preference=PREFERENCE):
    weighting = clone(weighting)
    weighting.preference = preference
    return weighting.initialize(len(preference))


@with_preference
def test_a_preference_of_ones_is_none(weighting):
    assert_same(drive(preferring(weighting, torch.ones(4)), EPOCHS), drive(clone(weighting).initialize(4), EPOCHS))


@with_preference
def test_with_a_preference_weights_are_finite_and_follow_the_order_of_the_tasks(weighting):
    order = torch.tensor([2, 0, 3, 1])
    plain = drive(preferring(weighting), EPOCHS)
    permuted = drive(preferring(weighting, PREFERENCE[order]), EPOCHS[:, order])
    for (a, _), (b, _) in zip(plain, permuted, strict=True):
        assert torch.isfinite(a).all()
        torch.testing.assert_close(a[order], b)


@every([w for w in PREFERRING if type(w).forward is not Weighting.forward])
def test_with_a_preference_weights_are_the_gradient_of_the_objective(weighting):
    weighting = preferring(weighting)
    for row in EPOCHS:
        torch.testing.assert_close(weighting.weights(row), Weighting.weights(weighting, row))
        weighting.on_epoch_end(row)


# Under a small penalty the term along the ray, of PBI, weighs more.
@every([w for w in PREFERRING if getattr(w, "theta", 5.0) >= 1])
def test_at_one_loss_a_preferred_task_weighs_more(weighting):
    weighting = preferring(weighting)
    for _ in range(weighting.get_params().get("warmup_epochs", 0)):
        weighting.on_epoch_end(torch.ones(4))
    weights = weighting.weights(torch.ones(4))
    assert (weights[torch.argsort(PREFERENCE)].diff() >= 0).all() and weights[1] > weights[0]


@with_preference
def test_a_preference_is_that_of_the_clone_only(weighting):
    given = preferring(weighting)
    assert clone(given).preference is None
    assert given.get_params() == weighting.get_params()


# As a parameter


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
    settings = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 8, "tol": 0, "n_iter_no_change": 1}
    return MultiTaskRegressor(weighting=weighting, random_state=0, **settings | parameters).fit(*data)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
@weightings
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
def test_an_estimator_leaves_the_instance_alone(regression_missing, weighting, solver):
    given = clone(weighting)
    model = fit(regression_missing, given, solver=solver, task_weights=[1, 2])
    assert not list(given.parameters()) and not list(given.buffers())
    assert given.preference is None and given.seen is None
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
