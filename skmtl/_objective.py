"""The objective: raw outputs -> task losses -> weights -> slope. All of multi-task learning that is not a network."""

import torch
from torch import nn

from ._blocks import raw_owner, task_order


class Objective(nn.Module):
    """Mean over tasks of task weight times task loss, as the weighting balances it.

    With static task weights v and the weights w of the weighting, the slope of the objective in the loss of task t is
    ``v_t w_t``. The weighting sees the task losses as they are, and only those of tasks whose static weight is not zero.

    Parameters
    ----------
    blocks : list of Block
        The tasks and their losses.
    weighting : Weighting
        A fresh clone.
    task_weights : tensor (T,)
        Static weights, in task order.
    """

    def __init__(self, blocks, weighting, task_weights):
        super().__init__()
        self.blocks = blocks
        order = torch.from_numpy(task_order(blocks))
        position = torch.argsort(order)  # column of each task
        active = torch.nonzero(task_weights).squeeze(1)
        self.n_tasks, self.n_active = len(order), len(active)
        self.weighting = weighting.initialize(self.n_active)
        self.register_buffer("_active", active, persistent=False)
        self.register_buffer("_columns", position[active], persistent=False)
        self.register_buffer("_position", position, persistent=False)
        self.register_buffer("_static", task_weights[active].float(), persistent=False)
        self.register_buffer("_owner", torch.from_numpy(raw_owner(blocks)), persistent=False)
        #: State of training beyond the parameters (the best epoch, ...): saved with the criterion.
        self.progress = {}
        self._constant = {}

    def cell_losses(self, raw, y):
        """Losses of all labels ``(n, C)``, columns in block order."""
        parts = [block.loss(block.view(raw), y[:, block.columns]) for block in self.blocks]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def column_losses(self, raw, y, m):
        """Loss of each column ``(C,)``: the mean over rows, weighted by m."""
        losses = self.cell_losses(raw, y)
        return losses.mean(0) if m is None else torch.einsum("ij,ij->j", losses, m) / len(losses)

    def by_task(self, columns):
        """Bring values a column ``(C,)`` into task order."""
        return columns[self._position]

    def forward(self, raw, target):
        """Mean over the trained tasks of static weight times loss: what training stops by.

        Parameters
        ----------
        raw : tensor (n, R)
            Raw output.
        target : tuple of tensors
            Filled targets ``(n, C)`` and label weights ``(n, C)`` or None.
        """
        return self.mean(self.column_losses(raw, *target))

    def trained(self, columns):
        """Pick the columns of the tasks that are trained, in task order."""
        return columns[self._columns]

    def mean(self, columns):
        """Mean over the trained tasks of static weight times these losses ``(C,)``."""
        return (columns[self._columns] * self._static).mean()

    def task_weights(self):
        """Weights of all tasks ``(T,)`` as they stand, such that the objective is the mean of weight times loss."""
        weights = self._static.new_zeros(self.n_tasks)
        latest = self._latest if self.weighting.needs_losses else self.weighting.weights(None)
        weights[self._active] = latest.detach() * self._static * self.n_active
        return weights

    def slope(self, raw, y, m):
        """Slope of the objective in the raw output ``(n, R)``; sets the gradient of the weighting's parameters."""
        n = len(raw)
        if self.weighting.needs_losses:
            losses = self.column_losses(raw, y, m)[self._columns]
            self.__dict__["_latest"] = weights = self.weighting.weights(losses)
            column = self._expand(weights, n, raw)
        else:
            column = self._constant.get(n)
            if column is None:
                column = self._constant[n] = self._expand(self.weighting.weights(None), n, raw)
        factor = column if m is None else m * column
        parts = []
        for block in self.blocks:
            slope = block.loss.slope(block.view(raw), y[:, block.columns])
            weighted = slope * factor[..., block.columns].unsqueeze(-1)
            parts.append(weighted.transpose(1, 2).flatten(1))
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)

    def _expand(self, weights, n, raw):
        """Weights of the trained tasks -> of all columns ``(C,)``, divided by the number of rows."""
        column = torch.zeros(self.n_tasks, dtype=raw.dtype, device=raw.device)
        column[self._columns] = (weights.detach() * self._static / n).to(raw.dtype)
        return column

    def on_epoch_end(self, columns):
        """Tell the weighting the mean losses ``(C,)`` of an epoch."""
        self.weighting.on_epoch_end(columns[self._columns])
        self._constant.clear()

    def get_extra_state(self):
        """Part of ``state_dict``: the progress of training."""
        return self.progress

    def set_extra_state(self, state):
        """Take over a progress of training."""
        self.progress.clear()
        self.progress.update(state)
        self._constant.clear()

    def __getstate__(self):
        return self.__dict__ | {"_constant": {}}
