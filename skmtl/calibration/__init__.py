"""Calibration: how far a prediction can be trusted, task by task."""

from ..estimators._view import task_view
from ._conformal import MultiTaskConformal
from ._interval_scores import AbsoluteResidual, IntervalScore, NormalizedResidual, QuantileResidual
from ._set_scores import APS, LAC, RAPS, SetScore
from ._temperature import TemperatureScaling

__all__ = [
    "APS",
    "LAC",
    "RAPS",
    "AbsoluteResidual",
    "IntervalScore",
    "MultiTaskConformal",
    "NormalizedResidual",
    "QuantileResidual",
    "SetScore",
    "TemperatureScaling",
    "task_view",
]
