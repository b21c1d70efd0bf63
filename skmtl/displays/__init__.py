"""Displays: plots of what was fitted, made and drawn as scikit-learn's are. They need matplotlib."""

from ._affinity import AffinityDisplay
from ._blend_weights import BlendWeightsDisplay
from ._conflict import ConflictDisplay
from ._grouping import GroupingDisplay
from ._label_efficiency import LabelEfficiencyDisplay
from ._pareto import ParetoDisplay
from ._training import TrainingDisplay
from ._transfer import TransferDisplay

__all__ = [
    "AffinityDisplay",
    "BlendWeightsDisplay",
    "ConflictDisplay",
    "GroupingDisplay",
    "LabelEfficiencyDisplay",
    "ParetoDisplay",
    "TrainingDisplay",
    "TransferDisplay",
]
