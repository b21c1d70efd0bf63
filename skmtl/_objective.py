"""The objective: raw outputs -> task losses -> weights -> slope. All of multi-task learning that is not a network."""

import functools

import torch
from torch import nn

from ._batches import split
from ._blocks import task_order


class Objective(nn.Module):
    """Mean over tasks of task weight times task loss, as the weighting balances it.

    With static task weights v and the weights w of the weighting, the slope of the objective in the loss of task t is
    ``v_t w_t``. The weighting sees the task losses as they are, and only those of tasks whose static weight is not
    zero.

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
        self._needs_losses, self.is_constant = weighting.needs_losses, weighting.is_constant
        share = torch.zeros(self.n_tasks, dtype=task_weights.dtype)
        share[position] = task_weights / self.n_active
        for name, value in {
            "_position": position,
            "_active": active,
            "_columns": position[active],
            "_static": task_weights[active],
            "_share": share,  # of each column in the mean over the trained tasks
        }.items():
            self.register_buffer(name, value, persistent=False)
        self._in_order = bool((order == torch.arange(self.n_tasks)).all())
        #: State of training beyond the parameters (the best epoch, ...): saved with the criterion.
        self.progress = {}
        self._weights = None  # of the weighting, as they were last

    @property
    def dtype(self):
        """Floating type of the losses."""
        return self._static.dtype

    @property
    def trained_tasks(self):
        """The tasks with a static weight, as positions in y."""
        return self._active.tolist()

    # Losses

    def column_losses(self, raw, y, m):
        """Loss of each column ``(C,)``: the mean over rows of the losses, weighted by m."""
        parts = [block.loss(block.view(raw), y[:, block.columns]) for block in self.blocks]
        losses = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return losses.mean(0) if m is None else (losses * m).mean(0)

    def by_task(self, columns):
        """Bring values a column ``(C,)`` into task order."""
        return columns if self._in_order else columns[self._position]

    def trained(self, columns):
        """Pick the columns of the tasks that are trained, in task order."""
        return columns[self._columns]

    def mean(self, columns):
        """Mean over the trained tasks of static weight times loss, from the column losses ``(C,)``."""
        return torch.dot(columns, self._share)

    def forward(self, raw, target):
        """Mean over the trained tasks of static weight times loss.

        Parameters
        ----------
        raw : tensor (n, R)
            Raw output.
        target : tuple of tensors
            Filled targets ``(n, C)`` and label weights ``(n, C)`` or None.
        """
        return self.mean(self.column_losses(raw, *target))

    # Slope

    def views(self, raw, slope, sizes):
        """Cut raw output and slope of some rows into batches: for each block of tasks, its views of both.

        Parameters
        ----------
        raw, slope : tensors (n, R)
            Raw output, and where its slope goes.
        sizes : list of int
            Rows of each batch.
        """
        return [[split(block.view(part), sizes) for part in (raw, slope)] for block in self.blocks]

    def cells(self, views, y, m, sizes):
        """Join the views with the targets: per batch, for each block of tasks, what `fill_slope` needs.

        Parameters
        ----------
        views : list
            What `views` returned.
        y, m : tensors (n, C)
            Filled targets and label weights; m may be None.
        sizes : list of int
            Rows of each batch.
        """
        cut = []
        for block, (raws, slopes) in zip(self.blocks, views, strict=True):
            targets = split(y[:, block.columns], sizes)
            masks = [None] * len(sizes) if m is None else split(m[:, block.columns].unsqueeze(-1), sizes)
            cut.append(zip(raws, targets, slopes, masks, strict=True))
        return zip(*cut, strict=True)

    def fill_slope(self, cells, n):
        """Write the slope of the objective in the raw output of a batch; set the gradient of what the weighting learns.

        Parameters
        ----------
        cells : tuple
            One batch of what `cells` yields.
        n : int
            Its rows.
        """
        factors = self._factors.get(n)
        if factors is None:
            losses = self._batch_losses(cells, n) if self._needs_losses else None
            self.__dict__["_weights"] = self.weighting.weights(losses)
            factors = self._by_block(n, cells[0][0])
            if not self._needs_losses:
                self._factors[n] = factors
        for block, factor, (raw, y, out, m) in zip(self.blocks, factors, cells, strict=True):
            block.loss.weighted_slope(raw, y, factor if m is None else m * factor, out)

    def _batch_losses(self, cells, n):
        """Losses of the trained tasks in a batch, in task order."""
        columns = []
        for block, (raw, y, _, m) in zip(self.blocks, cells, strict=True):
            losses = block.loss(raw, y)
            columns.append(losses.sum(0) if m is None else (losses * m.squeeze(-1)).sum(0))
        return self.trained(torch.cat(columns) / n)

    def _by_block(self, n, like):
        """Slope of the objective in each loss, ``v_t w_t / n``: ``(G, 1)`` for each block of tasks."""
        column = like.new_zeros(self.n_tasks)
        column[self._columns] = (self._weights.detach() * self._static / n).to(column.dtype)
        return [column[block.columns].unsqueeze(-1) for block in self.blocks]

    # Epochs

    def task_weights(self):
        """Weights of all tasks ``(T,)`` as they stand, such that the objective is the mean of weight times loss."""
        weights = self._static.new_zeros(self.n_tasks)
        weights[self._active] = self._weights.detach() * self._static * self.n_active
        return weights

    def on_epoch_end(self, columns):
        """Tell the weighting the mean losses ``(C,)`` of an epoch."""
        if not self.is_constant:
            self.weighting.on_epoch_end(self.trained(columns))
            self._factors.clear()

    @functools.cached_property
    def _factors(self):
        """By batch size, what `_by_block` returned; as long as the weights stay."""
        return {}

    def get_extra_state(self):
        """Part of ``state_dict``: the progress of training."""
        return dict(self.progress)

    def set_extra_state(self, state):
        """Take over a progress of training."""
        self.progress.clear()
        self.progress.update(state)
        self._factors.clear()

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "_factors"}
