"""Metrics for several partly observed tasks: a score a task, what becomes of them, and scorers for ``scoring=``."""

from ._averages import average_scores, delta_m, relative_gains
from ._by_task import score_by_task
from ._metrics import TASK_METRICS, TaskMetric
from ._scorer import TaskScorer, get_task_scorer, get_task_scorer_names, make_task_scorer

__all__ = [
    "TASK_METRICS",
    "TaskMetric",
    "TaskScorer",
    "average_scores",
    "delta_m",
    "get_task_scorer",
    "get_task_scorer_names",
    "make_task_scorer",
    "relative_gains",
    "score_by_task",
]
