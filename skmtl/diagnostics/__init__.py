"""Diagnostics: what sharing a network does to each of its tasks."""

from ._affinity import TaskAffinity, task_affinity
from ._auxiliary import AuxiliaryValue, auxiliary_value
from ._conflict import GradientConflict, gradient_conflict
from ._grouping import MultiTaskGrouping
from ._grouping_report import GroupingReport
from ._label_efficiency import LabelEfficiency, label_efficiency
from ._transfer import transfer_report
from ._transfer_result import TransferReport

__all__ = [
    "AuxiliaryValue",
    "GradientConflict",
    "GroupingReport",
    "LabelEfficiency",
    "MultiTaskGrouping",
    "TaskAffinity",
    "TransferReport",
    "auxiliary_value",
    "gradient_conflict",
    "label_efficiency",
    "task_affinity",
    "transfer_report",
]
