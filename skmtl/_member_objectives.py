"""MemberObjectives: what the members minimise where each needs weights, or looks at gradients, of its own."""

import math

import torch
from torch import nn


class MemberObjectives(nn.Module):
    """One objective a member, each with a weighting and an aggregator of its own, on batches of all members.

    What does not depend on weights (losses, blocks) is that of the first one.

    Parameters
    ----------
    objectives : list of Objective
        Alike, but for what they will learn.
    """

    def __init__(self, objectives):
        super().__init__()
        self.objectives = nn.ModuleList(objectives)
        #: State of training beyond the parameters, of all members: saved with the criterion.
        self.progress = {}

    def __getattr__(self, name):
        if name in _COMMON:
            return getattr(self.objectives[0], name)
        return super().__getattr__(name)

    @property
    def weighting(self):
        """The weightings of the members, as one module."""
        return nn.ModuleList(objective.weighting for objective in self.objectives)

    @property
    def keeps_apart(self):
        """Whether the members are to be computed one after the other, as each one's gradients are looked at."""
        return self.objectives[0].balancer is not None

    def forward(self, raw, target):
        """Mean over the trained tasks, and the members, of static weight times loss."""
        return self.objectives[0](raw, target)

    def backward(self, network, cells, slope, n, decay):
        """Set the gradients, as of `Objective`, for a batch of n rows of each member."""
        parts = zip(self.objectives, network.members, self._by_member(cells), network.parts(slope), strict=True)
        for objective, member, mine, part in parts:
            if self.keeps_apart:
                objective.backward(member, mine, part, n, decay)
            else:
                objective.fill_slope(mine, n)
        if not self.keeps_apart:
            network.backward(slope, decay)

    def _by_member(self, cells):
        """The cells of each member."""
        n = len(self.objectives)
        blocks = [zip(*([None] * n if t is None else t.chunk(n) for t in block), strict=True) for block in cells]
        return zip(*blocks, strict=True)

    def after_step(self, cells):
        """Show each weighting the losses of its member's batch after the step."""
        for objective, mine in zip(self.objectives, self._by_member(cells), strict=True):
            objective.after_step(mine)

    def on_epoch_begin(self, seed):
        """Start an epoch."""
        for i, objective in enumerate(self.objectives):
            objective.on_epoch_begin((seed * len(self.objectives) + i) % 2**31)

    def on_epoch_end(self, columns):
        """Tell the weightings the mean losses ``(C,)`` of an epoch, those of all members."""
        for objective in self.objectives:
            objective.on_epoch_end(columns)

    def task_weights(self):
        """Weights of all tasks ``(T,)``, the mean over epoch and members."""
        return torch.stack([objective.task_weights() for objective in self.objectives]).mean(0)

    def aggregation_weights(self):
        """Mean over epoch and members of what the aggregator made of each task's gradient; None without."""
        found = [objective.aggregation_weights() for objective in self.objectives]
        if found[0] is None:
            return None
        return [math.fsum(values) / len(found) for values in zip(*found, strict=True)]

    def get_extra_state(self):
        """Part of ``state_dict``: the progress of training."""
        return dict(self.progress)

    def set_extra_state(self, state):
        """Take over a progress of training."""
        self.progress.clear()
        self.progress.update(state)


_COMMON = {
    *("blocks", "n_tasks", "n_active", "dtype", "trained_tasks", "is_constant", "looks_after_step", "balancer"),
    *("column_losses", "by_task", "trained", "trained_columns", "mean", "views", "cells"),
}
