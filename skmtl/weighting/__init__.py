"""Weightings: how the task losses become one objective."""

from ._base import Weighting
from ._dwa import DynamicWeightAverage
from ._equal import Equal
from ._uncertainty import Uncertainty

WEIGHTINGS = {"equal": Equal, "uncertainty": Uncertainty, "dwa": DynamicWeightAverage}

__all__ = ["WEIGHTINGS", "DynamicWeightAverage", "Equal", "Uncertainty", "Weighting"]
