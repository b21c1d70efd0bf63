"""Imports only point down: what a module may use is decided by the layer of its part."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

import skmtl

PACKAGE = Path(__file__).resolve().parents[1] / "skmtl"

LAYERS = (
    "_component",
    "losses weighting architectures aggregation sampling metrics datasets "
    "_activations _annealing _batches _blocks _cells _columns _containers _history _inputs _label_scale _label_weights "
    "_learnable _observed _optim _presets _stopping _stratify _tables _targets _task_gradients _task_kinds "
    "_task_labels _threads",
    "_module _dense _heads _separate _stacked _summary _members _build _objective _member_objectives _balance",
    "_net _candidates",
    "estimators",
    "model_selection diagnostics ensemble calibration",
    "displays",
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts.split()}

# Dotted name -> file; a package goes by its own name. The package itself only forwards names, to any layer.
FILES = {
    ".".join(["skmtl", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = sorted(FILES.keys() - {"skmtl"})


def part(module):
    return module.split(".")[1]


def imports(module):
    """Names of the modules of this package that `module` imports, wherever in the file it does."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            submodules = {f"{source}.{alias.name}" for alias in node.names}
            # ``from .losses import Loss, _base``: the package for the one, its module for the other.
            found |= submodules & FILES.keys()
            found |= {source} if submodules - FILES.keys() else set()
    return {name for name in found if name.split(".")[0] == "skmtl"}


def test_every_part_has_a_layer():
    assert {part(module) for module in MODULES} <= LAYER.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    used = imports(module)
    assert "skmtl" not in used, "import from the part that defines the name, not from the package"
    assert {name for name in used if LAYER[part(name)] > LAYER[part(module)]} == set()


def test_imports_make_no_circle():
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()  # its CycleError names the circle


def test_import_loads_nothing_heavy():
    code = "import sys, skmtl; print(*{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=PACKAGE.parent, text=True)
    assert "skmtl" in printed.split()
    assert {"numpy", "pandas", "scipy", "sklearn", "skorch", "torch"}.isdisjoint(printed.split())


@pytest.mark.parametrize("name", skmtl.__all__)
def test_every_public_name_is_there_when_asked_for(name):
    assert getattr(skmtl, name) is getattr(skmtl, name)
    assert name in dir(skmtl)


def test_every_public_package_is_named():
    packages = {path.parent.name for path in PACKAGE.glob("[a-z]*/__init__.py")}
    assert packages <= set(skmtl.__all__)


def test_an_unknown_name_gets_the_nearest_one():
    with pytest.raises(AttributeError, match=r"no attribute 'MultiTaskRegresor'\. Did you mean 'MultiTaskRegressor'\?"):
        skmtl.MultiTaskRegresor  # noqa: B018
    assert not hasattr(skmtl, "numpy")
