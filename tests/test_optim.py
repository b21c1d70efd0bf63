"""Solvers on one flat buffer against those of torch, and the operations that they and the activations stand on."""

import copy
import pickle
import subprocess
import sys

import pytest
import torch
from torch import nn

from skmtl import _optim
from skmtl._activations import ACTIVATIONS
from skmtl._optim import SGD, Adam, AdamW, FlatParameters

SOLVERS = {
    "adam": lambda: Adam(0.01, 0.1, 0.8, 0.95, 1e-6),
    "adamw": lambda: AdamW(0.01, 0.1, 0.8, 0.95, 1e-6),
    "sgd": lambda: SGD(0.01, 0.1, momentum=0.0, nesterov=False),
    "momentum": lambda: SGD(0.01, 0.1, momentum=0.9, nesterov=False),
    "nesterov": lambda: SGD(0.01, 0.1, momentum=0.9, nesterov=True),
}


def torch_solver(name, module):
    """The like of `SOLVERS` in torch; the penalty of "adamw" is on the weights alone."""
    weights = [p for p in module.parameters() if p.ndim > 1]
    biases = [p for p in module.parameters() if p.ndim <= 1]
    if name == "adam":
        return torch.optim.Adam(module.parameters(), 0.01, (0.8, 0.95), 1e-6)
    if name == "adamw":
        groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
        return torch.optim.AdamW(groups, 0.01, (0.8, 0.95), 1e-6)
    momentum = 0.0 if name == "sgd" else 0.9
    return torch.optim.SGD(module.parameters(), 0.01, momentum=momentum, nesterov=name == "nesterov")


class Chain(nn.Sequential):
    """Says in which order its parameters lie, as a network does."""

    def ordered_parameters(self):
        return self.parameters()


def make_module():
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return Chain(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def train(module, solver, steps, zero_grad, start=0):
    """Some steps on batches that only their number determines."""
    for i in range(start, start + steps):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(i))
        zero_grad()
        (module(x).square().sum() + module(x).sum()).backward()
        solver.step()


def vector(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def attached(name, module):
    solver = SOLVERS[name]()
    solver.attach(FlatParameters(module))
    return solver


@pytest.mark.parametrize("name", SOLVERS)
def test_steps_are_those_of_torch(name):
    ours, theirs = make_module(), make_module()
    solver, reference = attached(name, ours), torch_solver(name, theirs)
    train(ours, solver, 20, solver.zero_grad)
    train(theirs, reference, 20, reference.zero_grad)
    assert (vector(make_module()) - vector(ours)).abs().max() > 0.01
    torch.testing.assert_close(vector(ours), vector(theirs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_plain_and_fused_adam_agree(name, monkeypatch):
    found = []
    for function in (_optim._plain_adam, _optim._fused_adam):
        monkeypatch.setattr(_optim, "fused_adam", function)
        module = make_module()
        solver = attached(name, module)
        train(module, solver, 20, solver.zero_grad)
        found.append(vector(module))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("attach_first", [False, True])
def test_a_solver_goes_on_from_its_state_dict(name, attach_first):
    module = make_module()
    solver = attached(name, module)
    train(module, solver, 5, solver.zero_grad)
    solver.param_groups[0]["lr"] = 0.02
    state, twin = copy.deepcopy(solver.state_dict()), copy.deepcopy(module)
    train(module, solver, 5, solver.zero_grad, start=5)

    other = SOLVERS[name]()
    flat = FlatParameters(twin)
    if attach_first:
        other.attach(flat)
        other.load_state_dict(state)
    else:
        other.load_state_dict(state)
        other.attach(flat)
    train(twin, other, 5, other.zero_grad, start=5)
    assert torch.equal(vector(twin), vector(module))


@pytest.mark.parametrize("name", SOLVERS)
def test_a_detached_or_pickled_solver_keeps_its_state(name):
    module = make_module()
    solver = attached(name, module)
    train(module, solver, 5, solver.zero_grad)
    solver.flat.release()
    solver.detach()
    assert solver.param_groups[0]["params"] == [] and all(p.grad is None for p in module.parameters())
    found = []
    for other in (solver, copy.deepcopy(solver), pickle.loads(pickle.dumps(solver))):
        twin = copy.deepcopy(module)
        other.attach(FlatParameters(twin))
        train(twin, other, 3, other.zero_grad, start=5)
        found.append(vector(twin))
    assert torch.equal(found[0], found[1]) and torch.equal(found[0], found[2])


def test_state_of_another_size_or_type_is_not_kept():
    solver = attached("adam", make_module())
    solver.state["mean"].fill_(1.0)
    solver.attach(FlatParameters(Chain(nn.Linear(2, 2))))
    assert solver.state["mean"].shape == (6,) and (solver.state["mean"] == 0).all()
    solver.state["mean"].fill_(1.0)
    solver.attach(FlatParameters(Chain(nn.Linear(2, 2)).double()))
    assert solver.state["mean"].dtype == torch.float64 and (solver.state["mean"] == 1).all()


@pytest.mark.filterwarnings("error")
def test_a_schedule_of_torch_drives_the_learning_rate():
    module = make_module()
    solver = attached("adam", module)
    schedule = torch.optim.lr_scheduler.StepLR(solver, step_size=2, gamma=0.5)
    rates = []
    for i in range(4):
        train(module, solver, 1, solver.zero_grad, start=i)
        schedule.step()
        rates.append(solver.param_groups[0]["lr"])
    assert rates == [0.01, 0.005, 0.005, 0.0025]
    before = vector(module).clone()
    solver.param_groups[0]["lr"] = 0.0
    train(module, solver, 1, solver.zero_grad)
    assert torch.equal(vector(module), before)


def test_step_returns_what_the_closure_returned():
    module = make_module()
    solver = attached("sgd", module)

    def closure():
        solver.flat.gradients.fill_(1.0)
        return 7.0

    before = vector(module).clone()
    assert solver.step(closure) == 7.0
    torch.testing.assert_close(vector(module), before - 0.01)


def test_the_penalty_is_part_of_the_gradient_except_for_adamw():
    assert {name: make().decay for name, make in SOLVERS.items()} == {
        "adam": 0.1, "adamw": 0.0, "sgd": 0.1, "momentum": 0.1, "nesterov": 0.1
    }  # fmt: skip


def test_parameters_and_gradients_are_views_of_the_flat_buffers():
    first, second = make_module(), nn.Linear(2, 3)
    first[0].weight.requires_grad_(False)
    frozen, before = first[0].weight.clone(), [vector(first), vector(second)]
    flat = FlatParameters(first, second)
    assert [torch.equal(vector(m), v) for m, v in zip((first, second), before, strict=True)] == [True, True]
    assert flat.n_weights == 10  # the penalty is on the first module's weights that are trained
    assert len(flat.values) == 5 + 10 + 2 + 9
    flat.values.fill_(2.0)
    flat.gradients.fill_(3.0)
    trained = [p for m in (first, second) for p in m.parameters() if p.requires_grad]
    assert all((p == 2).all() and (p.grad == 3).all() for p in trained)
    assert torch.equal(first[0].weight, frozen) and first[0].weight.grad is None
    flat.release()
    assert all((p == 2).all() and p.grad is None for p in trained)
    assert len({p.untyped_storage().data_ptr() for p in trained}) == len(trained)
    assert all(p.untyped_storage().nbytes() == p.numel() * 4 for p in trained)


def test_the_operations_beyond_the_public_torch_are_there():
    # Should torch drop one: Adam falls back by itself, an activation needs its derivative written out.
    assert _optim.fused_adam is _optim._fused_adam and hasattr(torch, "_fused_adam_")
    for name in ("threshold", "sigmoid", "tanh", "elu", "silu", "gelu"):
        assert hasattr(getattr(torch.ops.aten, f"{name}_backward"), "grad_input"), name
    for activation in ACTIVATIONS.values():
        z = torch.linspace(-2, 2, 8)
        kept = z.clone() if activation.keeps_input else activation.forward_(z.clone())
        delta = torch.ones(8)
        activation.backward_(delta, kept)
        leaf = z.clone().requires_grad_()
        activation.function(leaf).sum().backward()
        torch.testing.assert_close(delta, leaf.grad)
        assert pickle.loads(pickle.dumps(activation)) is activation


def test_neither_import_nor_fit_loads_the_compiler_of_torch():
    code = """
import sys, warnings
import numpy as np
import skmtl
assert "torch" not in sys.modules and "sklearn" not in sys.modules, "import skmtl loads torch or scikit-learn"
from skmtl import MultiTaskRegressor
X = np.random.default_rng(0).normal(size=(50, 3))
warnings.simplefilter("ignore")
for solver in ("adam", "adamw", "sgd", "lbfgs"):
    MultiTaskRegressor(hidden_layer_sizes=(5,), solver=solver, max_iter=2).fit(X, X[:, :2]).predict(X)
assert "torch._dynamo" not in sys.modules, "fit imports torch._dynamo"
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
