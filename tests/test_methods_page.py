"""The page of all methods says of each what holds: what it is, where it is from, what it costs."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from skmtl import MultiTaskRegressor

SOURCE = Path(__file__).resolve().parents[1] / "docs" / "_ext" / "methods.py"
SPEC = importlib.util.spec_from_file_location("methods", SOURCE)
methods = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(methods)

METHODS = [(package, name) for package, registry in methods.REGISTRIES.items() for name in registry]
N_TASKS = 3
#: What the page writes for a number of passes.
COUNTS = {"1": 1, "2": 2, "T": N_TASKS, "(T + 1)": N_TASKS + 1, "2T": 2 * N_TASKS}


def cells(package, name):
    columns = methods.COLUMNS[package]
    return dict(zip(columns, methods.cells(name, methods.REGISTRIES[package][name], columns), strict=True))


@pytest.mark.parametrize("package", methods.REGISTRIES)
def test_the_page_has_every_registry(package):
    page = SOURCE.parents[1] / "user_guide" / "methods.rst"
    assert f".. methods:: {package}\n" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(("package", "name"), METHODS)
def test_method_has_name_class_defaults_rule_and_paper(package, name):
    cls, found = methods.REGISTRIES[package][name], cells(package, name)
    assert f'``"{name}"``' in found["method"]
    assert f"skmtl.{package}.{cls.__name__}`" in found["method"]
    assert all(f"``{parameter}=" in found["method"] for parameter in cls().get_params())
    rule, *paper = found["rule"].split("\n\n")
    assert rule.endswith(".")
    assert name == "rows" or paper[0].endswith(".*")
    assert found.get("looks at") != ""


class Counting(torch.autograd.Function):
    """The identity, counting how often it is passed; backward, it does not take several gradients at a time."""

    @staticmethod
    def forward(ctx, x, count):
        count["forward"] += 1
        ctx.count = count
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        slope.sum().item()
        ctx.count["backward"] += 1
        return slope, None


class Trunk(torch.nn.Module):
    def __init__(self, count):
        super().__init__()
        self.layer, self.count = torch.nn.Linear(4, 3), count

    def forward(self, X):
        return Counting.apply(self.layer(X), self.count)


def passes(epochs, **parameters):
    """Passes through the trunk in a training of one step an epoch."""
    count = {"forward": 0, "backward": 0}
    X = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    settings = {"preset": "mlp", "architecture": lambda: Trunk(count), "max_iter": epochs, "tol": 0, "random_state": 0}
    model = MultiTaskRegressor(main_task="task_0", **settings, **parameters)
    with pytest.warns(match="max_iter|reached"):
        model.fit(X, X[:, :N_TASKS] + X[:, 1:])
    return np.array([count["forward"], count["backward"]])


@pytest.mark.parametrize(("package", "name"), [method for method in METHODS if method[0] != "sampling"])
def test_passes_are_those_of_a_step(package, name):
    parameter = {"weighting": "weighting", "aggregation": "aggregator"}[package]
    step = (passes(6, **{parameter: name}) - passes(4, **{parameter: name})) / 2
    forward, backward = cells(package, name)["passes"].split(" + ", 1)
    assert step.tolist() == [COUNTS[forward], COUNTS[backward]]


def test_passes_are_those_of_a_plain_step_at_the_representation():
    settings = {"aggregator": "upgrad", "gradient_level": "representation"}
    assert ((passes(6, **settings) - passes(4, **settings)) / 2).tolist() == [1, 1]
