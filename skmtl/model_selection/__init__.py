"""Model selection for several partly observed tasks."""

from ._choice import choose_weights
from ._cross_val_predict import cross_val_predict
from ._cross_val_score import CrossValidatedScores, cross_val_score_tasks
from ._pareto import hypervolume, pareto_front
from ._search import TaskWeightSearchCV
from ._split import MultiTaskKFold, MultiTaskShuffleSplit
from ._task_weights import TaskWeightGrid, TaskWeightSampler
from ._train_test_split import train_test_split

__all__ = [
    "CrossValidatedScores",
    "MultiTaskKFold",
    "MultiTaskShuffleSplit",
    "TaskWeightGrid",
    "TaskWeightSampler",
    "TaskWeightSearchCV",
    "choose_weights",
    "cross_val_predict",
    "cross_val_score_tasks",
    "hypervolume",
    "pareto_front",
    "train_test_split",
]
