"""Columns of y that are no tasks: those without a label, and those that a fitted estimator does not predict."""

import copy

from .._observed import take_columns
from ..estimators._core import core
from ._members import is_pair


def choice(estimator):
    """Return `on_empty_task` of an estimator or pair: "skip" where a part of it says so, None where none has it."""
    parts = [core(part) for part in (estimator if is_pair(estimator) else [estimator])]
    found = {getattr(part, "on_empty_task", None) for part in parts} - {None}
    return "skip" if "skip" in found else "raise" if found else None


def lost_in(folds, labels):
    """Return the positions in y of the tasks that cannot be learned from the training rows of one of the folds."""
    tasks = range(len(labels.names))
    learned = set(tasks).intersection(*(labels.learnable(tasks, fold.train) for fold in folds))
    return labels.columns_of([task for task in tasks if task not in learned])


def without(columns, targets, values, weights):
    """Return targets, encoded labels and their weights without some columns of y, which are skipped from then on."""
    tasks = [task for task, column in enumerate(targets.kept.tolist()) if column not in columns]
    if len(tasks) == targets.n_tasks:
        return targets, values, weights
    fewer = copy.copy(targets)
    fewer.kept, fewer.mean, fewer.scale = targets.kept[tasks], targets.mean[tasks], targets.scale[tasks]
    fewer.names, fewer.kinds, fewer.classes = (
        [each[task] for task in tasks] for each in (targets.names, targets.kinds, targets.classes)
    )
    if weights is not None and weights.shape[1] > 1:
        weights = take_columns(weights, tasks)
    return fewer, take_columns(values, tasks), weights
