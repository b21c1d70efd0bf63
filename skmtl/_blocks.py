"""Blocks: tasks of the same loss and the same number of raw columns, computed as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Block:
    """Neighbouring columns of the encoded targets that share a loss.

    Attributes
    ----------
    loss : Loss
        The loss of all of them.
    tasks : tuple of int
        Which tasks, as positions in the user's y.
    columns : slice
        Their columns in the encoded targets.
    raw : slice
        Their columns in the raw output, class-major: all first classes, then all second ones, ...
    k : int
        Raw columns a task.
    """

    loss: Callable
    tasks: tuple[int, ...]
    columns: slice
    raw: slice
    k: int

    def view(self, raw):
        """View the raw output of a batch ``(n, R)`` as this block's ``(n, G, k)``."""
        mine = raw if self.raw.stop - self.raw.start == raw.shape[1] else raw[:, self.raw]
        if self.k == 1:
            return mine.unsqueeze(-1)
        return mine.unflatten(1, (self.k, len(self.tasks))).transpose(1, 2)


def make_blocks(losses: Sequence, n_classes: Sequence) -> list[Block]:
    """Group the tasks into blocks.

    Parameters
    ----------
    losses : list of Loss
        The loss of each task.
    n_classes : list of int or None
        Classes of each task, None for regression.
    """
    groups: dict[tuple, list[int]] = {}
    for task, (loss, n) in enumerate(zip(losses, n_classes, strict=True)):
        groups.setdefault((loss.key, loss.n_raw(n)), []).append(task)
    blocks, column, start = [], 0, 0
    for (_, k), tasks in groups.items():
        stop, end = column + len(tasks), start + k * len(tasks)
        blocks.append(Block(losses[tasks[0]], tuple(tasks), slice(column, stop), slice(start, end), k))
        column, start = stop, end
    return blocks


def task_order(blocks: Sequence[Block]) -> np.ndarray:
    """Task of each column of the encoded targets."""
    return np.array([task for block in blocks for task in block.tasks])


def raw_owner(blocks: Sequence[Block]) -> np.ndarray:
    """Column of the encoded targets that each raw column belongs to."""
    return np.concatenate([np.tile(np.arange(b.columns.start, b.columns.stop), b.k) for b in blocks])
