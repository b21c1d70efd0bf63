"""What holds for every mixture of experts."""

import pytest
import torch
from architectures._trunks import batch, generic, make, n_tasks_that_reach
from sklearn.base import clone
from torch.testing import assert_close

from skmtl import MultiTaskRegressor
from skmtl.architectures import CGC, PLE, DSelectK, MMoE
from skmtl.architectures._experts import Gates

CASES = {
    "mmoe": (MMoE(n_experts=3), ["experts"]),
    "cgc": (CGC(n_shared_experts=2, n_task_experts=2), ["level.shared_experts"]),
    "ple": (
        PLE(n_shared_experts=2, n_task_experts=2),
        ["levels.0.", "levels.1.shared", "levels.1.task_experts", "levels.2.shared"],
    ),
    "ple_two_levels": (
        PLE(n_levels=2, n_shared_experts=1, n_task_experts=2),
        ["levels.0.shared", "levels.0.task_experts", "levels.1.shared"],
    ),
    # Steps so wide that no selector has settled.
    "dselect_k": (DSelectK(n_experts=3, gamma=20.0), ["experts"]),
    "dselect_k_per_example": (DSelectK(n_experts=3, gamma=20.0, per_example=True), ["experts"]),
}
HIDDEN = (5, 4, 2)


@pytest.fixture(params=CASES)
def name(request):
    return request.param


@pytest.fixture
def architecture(name):
    return clone(CASES[name][0])


def permuted(state, order, n_tasks=3):
    """A state dict with the weights of the tasks in another order."""
    found = {}
    for name, value in state.items():
        if "shared_gate" in name:  # which has weights for every expert, those of the tasks last
            rows = value.flatten(0, 1) if value.ndim == 3 else value
            n_own = n_tasks * 2
            own = rows[-n_own:].view(n_tasks, -1)[order].view_as(rows[-n_own:])
            found[name] = torch.cat([rows[:-n_own], own]).view_as(value)
        elif any(part in name for part in ("gates", "task_experts", "selectors")):
            found[name] = value.view(n_tasks, -1)[order].view_as(value)
        else:
            found[name] = value
    return found


def test_shared_is_what_two_tasks_reach(architecture, name):
    trunk, shared = generic(architecture, hidden=HIDDEN), tuple(CASES[name][1])
    listed = set(map(id, trunk.shared_parameters()))
    assert len(listed) == len(trunk.shared_parameters())
    reached = n_tasks_that_reach(trunk, 3)
    for key, p in trunk.named_parameters():
        is_shared = key.startswith(shared)
        assert (id(p) in listed) == is_shared, key
        assert (reached[key] == (3 if is_shared else 1)).all(), key


def test_tasks_in_another_order(architecture):
    trunk, order = generic(architecture, hidden=HIDDEN), [2, 0, 1]
    before = trunk(batch())
    trunk.load_state_dict(permuted(trunk.state_dict(), order))
    assert_close(trunk(batch()), before[:, order])


@pytest.mark.parametrize("n_experts", [1, 3, 6, 17])
def test_what_gates_give_a_row_is_the_same_in_any_company(n_experts):
    gates, X = Gates(16, 4, n_experts), torch.randn(72, 4)
    with torch.no_grad():
        whole = gates(X)
        for stop in (8, 16, 24, 40):
            assert torch.equal(gates(X[:stop]), whole[:, :stop])
    assert_close(whole, gates(X))  # as in training


def test_gradients_are_those_of_finite_differences(architecture):
    trunk = generic(architecture, hidden=HIDDEN)
    names, parameters = zip(
        *((n, p.detach().clone().requires_grad_()) for n, p in trunk.named_parameters()), strict=True
    )

    def forward(X, *parameters):
        return torch.func.functional_call(trunk, dict(zip(names, parameters, strict=True)), (X,))

    X = batch(2).requires_grad_()
    assert torch.autograd.gradcheck(forward, (X, *parameters))


def test_gradients_of_several_losses_are_batched(architecture):
    trunk = generic(architecture, hidden=HIDDEN)
    Z = trunk(batch())
    slopes = torch.randn(4, *Z.shape, generator=torch.Generator().manual_seed(0), dtype=Z.dtype)
    settings = {"retain_graph": True, "allow_unused": True}
    together = torch.autograd.grad(Z, list(trunk.parameters()), slopes, is_grads_batched=True, **settings)
    for k, slope in enumerate(slopes):
        alone = torch.autograd.grad(Z, list(trunk.parameters()), slope, **settings)
        for found, expected in zip(together, alone, strict=True):
            assert_close(found[k], expected)


def test_a_row_does_not_depend_on_the_others(architecture):
    trunk, X = generic(architecture, hidden=HIDDEN), batch()
    assert_close(torch.cat([trunk(x) for x in X.split(1)]), trunk(X))


@pytest.mark.parametrize("architecture", [MMoE(), CGC(3, 1), DSelectK(), DSelectK(per_example=True)], ids=repr)
def test_weights_of_experts_add_to_one(architecture):
    weights = generic(architecture).expert_weights(batch())
    assert weights.shape == (6, 3, 4)
    assert (weights >= 0).all()
    assert_close(weights.sum(-1), torch.ones(6, 3, dtype=torch.float64))


def test_without_hidden_layers_there_are_no_experts(architecture):
    name = type(architecture).__name__
    with pytest.raises(ValueError, match=rf"{name} needs a hidden layer.*hidden_layer_sizes=\(\).*hard_sharing"):
        make(architecture, hidden=())


@pytest.mark.parametrize(
    ("architecture", "parameter"),
    [
        (MMoE(n_experts=0), "n_experts"),
        (MMoE(n_experts=2.0), "n_experts"),
        (CGC(n_shared_experts=0), "n_shared_experts"),
        (CGC(n_task_experts=0), "n_task_experts"),
        (PLE(n_levels=0), "n_levels"),
        (PLE(n_shared_experts=-1), "n_shared_experts"),
        (PLE(n_task_experts="two"), "n_task_experts"),
        (DSelectK(n_experts=1), "n_experts"),
        (DSelectK(n_selected=0), "n_selected"),
        (DSelectK(gamma=0.0), "gamma"),
        (DSelectK(entropy=-0.1), "entropy"),
        (DSelectK(per_example="yes"), "per_example"),
    ],
    ids=repr,
)
def test_parameters_out_of_range_are_named(architecture, parameter):
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of {type(architecture).__name__} must be"):
        make(architecture)


@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_a_fit_trains_every_parameter(regression, architecture):
    X, Y = regression
    model = MultiTaskRegressor(preset="mlp", architecture=architecture, max_iter=2, random_state=0, tol=0.0)
    model.set_params(hidden_layer_sizes=HIDDEN, activation="tanh", n_iter_no_change=5)
    states = []
    for learning_rate in (1e-12, 1e-2):
        model.set_params(learning_rate_init=learning_rate).fit(X, Y)
        states.append(dict(model.net_.module_.trunk.named_parameters()))
    for name, before in states[0].items():
        assert (states[1][name] != before).all(), name
    assert model.transform(X).shape == (len(X), Y.shape[1] * HIDDEN[-1])
