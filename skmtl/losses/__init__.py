"""Losses: what a task minimises. Pass one to an estimator by its name in `LOSSES`, as an instance, or as a callable."""

from ._base import Loss
from ._callable import CallableLoss
from ._classification import Focal, LogLoss, SquaredHinge
from ._deviance import Gamma, Poisson, Tweedie
from ._likelihood import GaussianNLL
from ._regression import AbsoluteError, Huber, Quantile, SquaredError
from ._resolve import LOSSES, resolve_losses

__all__ = [
    "LOSSES",
    "AbsoluteError",
    "CallableLoss",
    "Focal",
    "Gamma",
    "GaussianNLL",
    "Huber",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredHinge",
    "Tweedie",
    "resolve_losses",
]
