"""Multi-task learning for scikit-learn: one network with a shared trunk learns all columns of ``y`` at once.

Importing this package loads neither torch nor skorch nor scikit-learn: its names are imported when first used.
"""

TYPE_CHECKING = False  # true to a type checker; importing ``typing`` would cost more than all the rest

if TYPE_CHECKING:
    from . import (
        aggregation,
        architectures,
        calibration,
        diagnostics,
        displays,
        ensemble,
        estimators,
        losses,
        metrics,
        model_selection,
        sampling,
        weighting,
    )
    from .calibration import MultiTaskConformal
    from .ensemble import MultiTaskBlend
    from .estimators import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

__version__ = "0.1.0.dev0"

__all__ = [
    "MultiTaskBlend",
    "MultiTaskClassifier",
    "MultiTaskConformal",
    "MultiTaskEstimator",
    "MultiTaskRegressor",
    "__version__",
    "aggregation",
    "architectures",
    "calibration",
    "diagnostics",
    "displays",
    "ensemble",
    "estimators",
    "losses",
    "metrics",
    "model_selection",
    "sampling",
    "weighting",
]


def __getattr__(name):
    if name not in __all__:
        from difflib import get_close_matches

        near = get_close_matches(name, __all__, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{hint}")

    from importlib import import_module

    if name.startswith("MultiTask"):
        home = {"MultiTaskBlend": ".ensemble", "MultiTaskConformal": ".calibration"}.get(name, ".estimators")
        return getattr(import_module(home, __name__), name)
    return import_module(f".{name}", __name__)


def __dir__():
    return [*{*globals(), *__all__}]
