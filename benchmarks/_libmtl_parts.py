"""LibMTL's parts, each imported alone: the package asks for torchvision, which they do not use."""

import contextlib
import functools
import importlib
import importlib.util
import sys
import types


@functools.cache
def part(name):
    """Return its module of this name, such as "weighting", or None where it is not installed."""
    before = {key: sys.modules.pop(key) for key in list(sys.modules) if _is_libmtl(key)}
    try:
        spec = importlib.util.find_spec("LibMTL")
        if spec is None:
            return None
        sys.modules["LibMTL"] = package = types.ModuleType("LibMTL")
        package.__path__ = list(spec.submodule_search_locations)
        with contextlib.suppress(ImportError):
            return importlib.import_module(f"LibMTL.{name}")
    finally:
        for key in [key for key in sys.modules if _is_libmtl(key)]:
            del sys.modules[key]
        sys.modules.update(before)


def _is_libmtl(name):
    return name.partition(".")[0] == "LibMTL"
