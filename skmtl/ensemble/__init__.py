"""Ensembles: several estimators, with weights of their own for every task."""

from ._blend import MultiTaskBlend
from ._defaults import default_members
from ._encoder import InputEncoder

__all__ = ["InputEncoder", "MultiTaskBlend", "default_members"]
