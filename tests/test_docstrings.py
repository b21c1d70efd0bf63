"""Public docstrings follow numpydoc: every parameter in order with its type, what is returned, an example."""

import inspect
import pkgutil
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from numpydoc.validate import get_validation_checks, validate

import skmtl

CONFIG = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
CHECKS = get_validation_checks(set(CONFIG["tool"]["numpydoc_validation"]["checks"]))
# The class shows the method in use; and an override may say in a line what is its own, where the base says the rest.
CHECKS_OF_METHODS = CHECKS - {"EX01"}
CHECKS_OF_OVERRIDES = CHECKS_OF_METHODS - {"PR01", "RT01"}


def public_modules():
    names = [m.name for m in pkgutil.iter_modules(skmtl.__path__) if not m.name.startswith("_")]
    return [skmtl, *(import_module(f"skmtl.{name}") for name in names)]


def public_objects():
    """Public classes and functions, by the name under which they are defined."""
    found = [getattr(module, name) for module in public_modules() for name in module.__all__]
    found = [obj for obj in found if inspect.isclass(obj) or inspect.isfunction(obj)]
    return {f"{obj.__module__}.{obj.__qualname__}": obj for obj in found}


def public_methods(cls):
    """Methods and properties of `cls` that this package defines and documents, with whether they are overrides."""
    for name, member in inspect.getmembers(cls):
        function = member.fget if isinstance(member, property) else member
        if name.startswith("_") or not inspect.isroutine(function) or not function.__module__.startswith("skmtl"):
            continue
        bases = [base for base in cls.__mro__ if name in vars(base) and base.__module__.startswith("skmtl")]
        if function.__doc__ or len(bases) == 1:  # an override may leave the docstring to its base
            yield f"{function.__module__}.{function.__qualname__}", len(bases) > 1


def documented():
    """Pairs of a dotted name and the checks that its docstring must pass."""
    cases = dict.fromkeys(public_objects(), CHECKS)
    for cls in filter(inspect.isclass, public_objects().values()):
        for name, overrides in public_methods(cls):
            cases.setdefault(name, CHECKS_OF_OVERRIDES if overrides else CHECKS_OF_METHODS)
    return sorted(cases.items())


@pytest.mark.parametrize(("name", "checks"), [pytest.param(*case, id=case[0]) for case in documented()])
def test_docstring(name, checks):
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in checks]
    assert not errors, "\n".join([name, *errors])


@pytest.mark.parametrize("module", public_modules(), ids=lambda module: module.__name__)
def test_all_lists_what_a_module_offers(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert set(module.__all__) <= set(dir(module))
    assert module.__doc__
