"""The objective: raw outputs -> task losses -> weights -> slope. All of multi-task learning that is not a network."""

import functools

import numpy as np
import torch
from torch import nn

from ._batches import split
from ._blocks import task_order

#: Steps whose weights are kept before they are added up.
_KEPT = 256


class Objective(nn.Module):
    """Mean over tasks of task weight times task loss, as the weighting balances it.

    With static task weights v and the weights w of the weighting, the slope of the objective in the loss of task t is
    ``v_t w_t``. The weighting sees the task losses as they are, each a mean over the labels in the batch, and only
    those of tasks whose static weight is not zero.

    Parameters
    ----------
    blocks : list of Block
        The tasks and their losses.
    weighting : Weighting
        A fresh clone.
    task_weights : tensor (T,)
        Static weights, in task order.
    balancer : Balancer, default=None
        What is done with the gradients of the tasks in what they share; None: they add up.
    """

    #: Whether members are to be computed one after the other; those that share an objective never are.
    keeps_apart = False

    def __init__(self, blocks, weighting, task_weights, balancer=None):
        super().__init__()
        self.blocks = blocks
        order = torch.from_numpy(task_order(blocks))
        position = torch.argsort(order)  # column of each task
        active = torch.nonzero(task_weights).squeeze(1)
        self.n_tasks, self.n_active = len(order), len(active)
        static = task_weights[active]
        if weighting.takes_preference:
            weighting.preference = static / static.mean()
            static = torch.ones_like(static)
        self.weighting = weighting.initialize(self.n_active)
        self._needs_losses, self.is_constant = weighting.needs_losses, weighting.is_constant
        self.looks_after_step = weighting.looks_after_step
        self.balancer = balancer
        share = torch.zeros(self.n_tasks, dtype=task_weights.dtype)
        share[position] = task_weights / self.n_active
        for name, value in {
            "_position": position,
            "_active": active,
            "_columns": position[active],
            "_static": static,
            "_share": share,  # of each column in the mean over the trained tasks
        }.items():
            self.register_buffer(name, value, persistent=False)
        # Of each trained task, for batches without a label of it.
        self.register_buffer("_last_losses", torch.full_like(static, torch.nan))
        self._in_order = bool((order == torch.arange(self.n_tasks)).all())
        # All that most models need: every column is a trained task, at its place.
        self._is_plain = self._in_order and self.n_active == self.n_tasks
        self._has_static = bool((static != 1).any())
        #: State of training beyond the parameters (the best epoch, ...): saved with the criterion.
        self.progress = {}
        self._weights = None  # of the weighting, as they were last
        self._every = []  # those of the epoch, where each step has its own: a few of them as they are ...
        self._sum, self._steps = 0.0, 0  # ... and the sum of those before
        self._guess = None  # losses of the last batch in which a task had no label

    @property
    def dtype(self):
        """Floating type of the losses."""
        return self._static.dtype

    @property
    def share(self):
        """Of each column ``(C,)`` in the mean over the trained tasks."""
        return self._share

    @property
    def trained_tasks(self):
        """The tasks with a static weight, as positions in y."""
        return self._active.tolist()

    # Losses

    def column_losses(self, raw, y, m):
        """Loss of each column ``(C,)``: the mean over rows of the losses, weighted by m."""
        return self.cell_losses(raw, y, m).mean(0)

    def cell_losses(self, raw, y, m):
        """Loss of each label ``(n, C)``, weighted by m."""
        parts = [block.loss(block.view(raw), y[:, block.columns]) for block in self.blocks]
        losses = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return losses if m is None else losses * m

    def by_task(self, columns):
        """Bring values a column ``(C,)`` into task order."""
        return columns if self._in_order else columns[self._position]

    def trained(self, columns):
        """Pick the columns of the tasks that are trained, in task order."""
        return columns if self._is_plain else columns[self._columns]

    def trained_columns(self, table):
        """Pick the columns of the tasks that are trained from an array ``(n, C)``."""
        return table if self.n_active == self.n_tasks else table[:, self._columns.numpy(force=True)]

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

    def backward(self, network, cells, slope, n, decay):
        """Set the gradients of the network and of what the weighting learns, after ``network.raw``.

        Parameters
        ----------
        network : Network
            What computed the raw output.
        cells : tuple
            One batch of what `cells` yields.
        slope : tensor (n, R)
            Work buffer that the cells are views of.
        n : int
            Rows of the batch.
        decay : float
            Factor of the penalty's gradient.
        """
        if self.balancer is None:
            self.fill_slope(cells, n)
            network.backward(slope, decay)
        else:
            self.balancer.backward(self, network, cells, slope, n, decay)

    def fill_slope(self, cells, n):
        """Write the slope of the objective in the raw output of a batch; set the gradient of what the weighting learns.

        Parameters
        ----------
        cells : tuple
            One batch of what `cells` yields.
        n : int
            Its rows.
        """
        if not self._needs_losses:
            factors = self.fixed_factors(n, cells[0][0])
        else:
            factors = self._by_block(self.set_weights(self.weighting.weights(self.observe(cells))), n, cells[0][0])
        self.write_slope(cells, factors)

    def fixed_factors(self, n, like):
        """Factors ``(G, 1)`` of the slopes of each block, for n rows, where the weights do not depend on the losses."""
        factors = self._factors.get(n)
        if factors is None:
            factors = self._factors[n] = self._by_block(self.set_weights(self.weighting.weights(None)), n, like)
        return factors

    def fill_plain_slope(self, cells, n):
        """Write the slope of each trained task's own loss in the raw output of a batch, unweighted."""
        self.write_slope(cells, self._by_block(torch.ones_like(self._static), n, cells[0][0]))

    def write_slope(self, cells, factors):
        """Write the slope of each label's loss, times the factor of its task, as `fill_slope` does."""
        for block, factor, (raw, y, out, m) in zip(self.blocks, factors, cells, strict=True):
            block.loss.weighted_slope(raw, y, factor if m is None else m * factor, out)

    def set_weights(self, weights):
        """Take over the weights ``(T,)`` that the weighting says; return the slope of the objective in each loss."""
        state = self.__dict__
        state["_weights"] = weights = weights.detach()
        if self._needs_losses:
            state["_every"].append(weights)
            if len(state["_every"]) == _KEPT:
                self._add_up()
        return weights * self._static if self._has_static else weights

    def _add_up(self):
        # Many at once: one by one it would take as long as to find the weights.
        if self._every:
            self._sum = self._sum + torch.stack(self._every).sum(0)
            self._steps += len(self._every)
            self._every.clear()

    def observe(self, cells):
        """Losses of the trained tasks in a batch, in task order; tell the weighting which of them have a label."""
        losses, seen = self.batch_losses(cells)
        self.weighting.__dict__["seen"] = seen
        if cells[0][-1] is None:
            return losses
        last = self._last_losses
        if seen is None:
            last.copy_(losses)
            return losses
        # Of a task that was never seen the others are the best guess.
        guess = last.nan_to_num(nan=losses.nanmean().nan_to_num().item())
        self._guess = torch.where(seen, losses, guess)
        last.copy_(torch.where(seen, losses, last))
        return self._guess

    def batch_losses(self, cells):
        """Mean losses of the trained tasks over their labels in a batch, and which have any: None for all of them."""
        every = [block.loss(raw, y) for block, (raw, y, _, _) in zip(self.blocks, cells, strict=True)]
        if cells[0][-1] is None:
            means = [losses.mean(0) for losses in every]
            return self.trained(means[0] if len(means) == 1 else torch.cat(means)), None
        masks = [m.squeeze(-1) for *_, m in cells]
        sums = torch.cat([(losses * m).sum(0) for losses, m in zip(every, masks, strict=True)])
        counts = self.trained(torch.cat([m.sum(0) for m in masks]))
        seen = counts > 0
        return self.trained(sums) / counts, None if seen.all() else seen

    def seen(self, cells):
        """Which of the trained tasks have a label in a batch, in task order; None for all of them."""
        if cells[0][-1] is None:
            return None
        counts = self.trained(torch.cat([m.squeeze(-1).sum(0) for *_, m in cells]))
        return None if counts.all() else counts > 0

    def _by_block(self, weights, n, like):
        """Slope in each loss, of the trained tasks in task order, divided by n: ``(G, 1)`` for each block of tasks."""
        column = self.by_column((weights / n).to(like.dtype)).unsqueeze(-1)
        return [column] if len(self.blocks) == 1 else [column[block.columns] for block in self.blocks]

    def by_column(self, values):
        """Values of the trained tasks, in task order, as values a column ``(C,)``; 0 for the others."""
        if self._is_plain:
            return values
        column = values.new_zeros(self.n_tasks)
        column[self._columns] = values
        return column

    def after_step(self, cells):
        """Show the weighting the losses of the same batch after the step.

        Parameters
        ----------
        cells : tuple
            One batch of what `cells` yields, with the new raw output.
        """
        losses, seen = self.batch_losses(cells)
        self.weighting.after_step(losses if seen is None else torch.where(seen, losses, self._guess))

    # Epochs

    def on_epoch_begin(self, seed):
        """Start an epoch: what is random in it follows from the seed."""
        self._every, self._sum, self._steps = [], 0.0, 0
        if self.balancer is not None:
            self.balancer.on_epoch_begin(seed)

    def task_weights(self):
        """Weights of all tasks ``(T,)``, the mean over the epoch; the objective is the mean of weight times loss."""
        self._add_up()
        mean = self._sum / self._steps if self._steps else self._weights
        mean = mean * (self._static * self.n_active)
        if self.n_active == self.n_tasks:
            return mean
        weights = mean.new_zeros(self.n_tasks)
        weights[self._active] = mean
        return weights

    def aggregation_weights(self):
        """Mean over the epoch of what the aggregator made of each task's gradient, a list by task; None without."""
        weights = None if self.balancer is None else self.balancer.mean_weights()
        if weights is None:
            return None
        every = np.full(self.n_tasks, np.nan)
        every[self.trained_tasks] = weights
        return every.tolist()

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
        """Part of ``state_dict``: the progress of training, and what the aggregator remembers."""
        remembered = {} if self.balancer is None else {"aggregator": self.balancer.state()}
        return dict(self.progress) | remembered

    def set_extra_state(self, state):
        """Take over a progress of training."""
        state = dict(state)
        remembered = state.pop("aggregator", {})
        if self.balancer is not None:
            self.balancer.load_state(remembered)
        self.progress.clear()
        self.progress.update(state)
        self._factors.clear()

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "_factors"}
