"""Candidates: networks that differ by the weights of their tasks alone, trained side by side on the same batches.

From the same start they see the same rows in the same order, so a batch is gathered once, and each layer of all of them
is one product. What follows from the losses (when to stop, which epoch to keep, the rate of an anneal) stays each one's
own; one that has ended leaves the stack.
"""

import math
from types import SimpleNamespace

import numpy as np
import torch

from ._batches import Batches, split
from ._dense import DenseNetwork
from ._members import DensePlan
from ._net import PREDICT_ROWS, DivergenceError, Mean, check_losses, check_parameters, only_observed
from ._optim import FlatParameters
from ._threads import numerics

#: Numbers in a layer of all networks of a stack: more do not stay in the cache, and take longer.
_STACKED = 3 << 16


def can_be_stacked(network, objective):
    """Whether networks of this shape, with such an objective, can be trained side by side."""
    is_dense = type(network) is DenseNetwork and not network.heads.hidden_weights and network.tables is None
    return is_dense and objective.is_constant and objective.balancer is None


class Candidate:
    """One of the networks, in the form in which `Stopping` asks for it.

    Parameters
    ----------
    module : DenseNetwork
        With initial weights.
    criterion : Objective
        With the static weights of this one.
    optimizer : FlatOptimizer
        For the steps that its learning rate sets apart.
    stopping : Stopping
        Of its own.

    Attributes
    ----------
    row : dict
        The record of the last epoch.
    n_epochs : int
        That it was trained for.
    error : DivergenceError or None
        Why there is nothing to use.
    """

    def __init__(self, module, criterion, optimizer, stopping):
        self.module_, self.criterion_, self.optimizer_, self.stopping = module, criterion, optimizer, stopping
        self.row, self.n_epochs, self.error = {}, 0, None

    def begin(self, n_rows, steps_per_epoch):
        """Get ready to be trained."""
        self.n_rows, self.steps_per_epoch = n_rows, steps_per_epoch
        self.flat = FlatParameters(self.module_)
        self.stopping.begin(self)

    def end_epoch(self, train_loss, train_losses, valid, task_names):
        """Record an epoch; return whether it was the last."""
        self.n_epochs += 1
        self.row = {"epoch": self.n_epochs, "train_loss": train_loss, "train_losses": train_losses}
        try:
            if valid is not None and self.stopping.is_due(self):
                losses = self._evaluate(valid)
                self.row["valid_loss"] = self.stopping.watched(self.criterion_, losses)
                self.row["valid_losses"] = self.criterion_.by_task(losses).tolist()
            check_losses(self.row, task_names)
        except DivergenceError as error:
            self.error = error
            return True
        return self.stopping.update(self)

    def _evaluate(self, data):
        """Loss of each column ``(C,)`` on rows to watch."""
        losses = Mean()
        for x, y, m, _ in Batches(data, PREDICT_ROWS).blocks():
            losses.add(self.criterion_.column_losses(self.module_.infer(x), y, m), len(x))
        return only_observed(losses.value(), data)

    def end(self):
        """Go back to the best epoch, and take the parameters out of the stack."""
        self.stopping.restore(self)
        if self.error is None:
            try:
                check_parameters(self.flat, self.n_epochs)
            except DivergenceError as error:
                self.error = error
        self.module_.attach(None)
        self.optimizer_.detach()
        self.flat.release()
        self.module_.eval()


def train_candidates(net, candidates, data, valid=None, epochs=1):
    """Train all candidates, as `MultiTaskNet.train` would one after the other.

    Parameters
    ----------
    net : MultiTaskNet
        Says how: solver, batch size, seed, order of the rows. It is not trained itself.
    candidates : list of Candidate
        From the same initial weights.
    data, valid : Data
        Rows to learn from, and rows to watch.
    epochs : int
        Passes over the rows, at the most.
    """
    size = min(net.batch_size, len(data))
    width = max([1, *(len(bias) for _, bias, _ in candidates[0].module_._layers)])
    n_stacks = min(len(candidates), math.ceil(len(candidates) * size * width / _STACKED))
    for numbers in np.array_split(np.arange(len(candidates)), n_stacks):
        _Training(net, [candidates[k] for k in numbers], data, valid).run(epochs)


class _Training:
    """The training of one stack."""

    def __init__(self, net, candidates, data, valid):
        self.net, self.candidates, self.data, self.valid = net, candidates, data, valid
        order = None
        if net.sampling is not None:
            net.sampling.initialize(data.labelled)
            order = self._order
        self.batches = Batches(data, net.batch_size, order)
        self.objective = candidates[0].criterion_  # of which losses and blocks are everybody's

    def _order(self):
        return self.net.sampling.order(self._epoch_seed)

    def run(self, epochs):
        """Train until all have ended."""
        net, module = self.net, self.candidates[0].module_
        n_rows = len(self.candidates) * self.batches.batch_size
        for candidate in self.candidates:
            candidate.begin(len(self.data), len(self.batches))
        running = list(self.candidates)
        with torch.no_grad(), torch.random.fork_rng([]), numerics(module.sizes, n_rows):
            stack = _Stack(running, net.optimizer)
            for epoch in range(1, epochs + 1):
                self._epoch_seed = net.seed + epoch
                torch.default_generator.manual_seed(self._epoch_seed)
                losses = self._run_epoch(stack)
                ended = self._end_epoch(running, losses)
                if ended:
                    stack.release()
                    running = [candidate for candidate in running if candidate not in ended]
                    if not running:
                        break
                    stack = _Stack(running, net.optimizer)
        for candidate in self.candidates:
            candidate.end()

    def _run_epoch(self, stack):
        """Train for an epoch; return the mean losses ``(K, C)``."""
        sums = torch.zeros(stack.n, self.objective.n_tasks)
        for x, y, m, sizes in self.batches.blocks():
            work = stack.workspace(x, sizes, self.objective)
            y, m = y[work.rows], None if m is None else m[work.rows]
            cells = self.objective.cells(work.views, y, m, work.sizes)
            for part, raw, slope, cell in zip(split(x, sizes), work.raws, work.slopes, cells, strict=True):
                n = len(part)
                stack.plan.forward(part, raw, True)
                self.objective.write_slope(cell, stack.factors(n, cell[0][0]))
                stack.plan.backward(slope, stack.decay / n)
                stack.step()
            sums.index_add_(0, work.owner, self.objective.cell_losses(work.raw, y, m))
        return sums / len(self.data)

    def _end_epoch(self, running, losses):
        """Let each candidate look at its losses; return those that have ended."""
        shares = torch.stack([candidate.criterion_.share for candidate in running])
        totals = (losses * shares).sum(1).tolist()
        by_task = self.objective.by_task(losses.t()).t().tolist()
        names = self.net.task_names
        return [
            candidate
            for candidate, total, each in zip(running, totals, by_task, strict=True)
            if candidate.end_epoch(total, each, self.valid, names)
        ]


class _Stack:
    """The parameters of several candidates as views of one buffer, those of the first one first, and their solver."""

    def __init__(self, candidates, make_solver):
        self.candidates, self.n = candidates, len(candidates)
        first = candidates[0].flat
        values = torch.empty(self.n, first.n_values, dtype=first.values.dtype)
        gradients = torch.zeros_like(values)
        for candidate, part, slope in zip(candidates, values, gradients, strict=True):
            candidate.flat.place(part, slope)
            candidate.module_.attach(candidate.flat, alone=False)
        self._starts = {id(p): p.storage_offset() for p in first.parameters}
        self._buffers = values, gradients
        self.plan = DensePlan(candidates[0].module_, self.n, self._stacked, same_rows=True)
        self._flat = SimpleNamespace(
            values=values.view(-1), gradients=gradients.view(-1), weights=values[:, : first.n_weights]
        )
        self._whole = self._join(make_solver())
        self.decay = self._whole.decay
        self._is_whole = True
        self._workspaces, self._factors = {}, {}

    def _stacked(self, parameter):
        start = self._starts[id(parameter)]
        columns = slice(start, start + parameter.numel())
        return tuple(buffer[:, columns].view(self.n, *parameter.shape) for buffer in self._buffers)

    def _join(self, whole):
        """Make one solver of those of the candidates, which get views of its state."""
        for candidate in self.candidates:
            candidate.optimizer_.attach(candidate.flat)
        parts = [candidate.optimizer_.state for candidate in self.candidates]
        for name in parts[0]:
            if name == "step":
                whole.state[name] = parts[0][name].clone()
                continue
            whole.state[name] = torch.cat([state[name] for state in parts])
            for state, mine in zip(parts, whole.state[name].view(self.n, -1), strict=True):
                state[name] = mine
        whole.attach(self._flat)
        return whole

    def step(self):
        """Update all parameters: at once, where the learning rates agree."""
        rates = []
        for candidate in self.candidates:
            solver = candidate.optimizer_
            group = solver.param_groups[0]
            if solver.before_step is not None:
                solver.before_step(group)
            rates.append(group["lr"])
        agree = rates.count(rates[0]) == self.n
        if agree != self._is_whole:
            self._switch(agree)
        if agree:
            self._whole.update(rates[0])
        else:
            for candidate, rate in zip(self.candidates, rates, strict=True):
                candidate.optimizer_.update(rate)

    def _switch(self, to_whole):
        """Go over from one solver to those of the candidates, or back: all have taken the same number of steps."""
        self._is_whole = to_whole
        parts = [candidate.optimizer_ for candidate in self.candidates]
        taken = (parts[0] if to_whole else self._whole).state["step"]
        for solver, flat in [(self._whole, self._flat), *((c.optimizer_, c.flat) for c in self.candidates)]:
            solver.state["step"] = taken.clone()
            solver.attach(flat)

    def release(self):
        """Leave the solvers of the candidates as far as the one of all is."""
        if self._is_whole:
            self._switch(False)

    def workspace(self, x, sizes, objective):
        """Work buffers for a block of rows that is cut into these sizes, made once.

        ``rows`` are the rows of the block as the networks see them, batch by batch, and ``owner`` whose they are.
        """
        n = len(x)
        if n not in self._workspaces:
            raw, slope = x.new_empty(2, self.n * n, self.candidates[0].module_.n_raw).unbind()
            stops = np.cumsum(sizes)
            rows = [np.tile(np.arange(stop - size, stop), self.n) for stop, size in zip(stops, sizes, strict=True)]
            owner = [np.repeat(np.arange(self.n), size) for size in sizes]
            sizes = [self.n * size for size in sizes]
            self._workspaces[n] = SimpleNamespace(
                raw=raw,
                raws=split(raw, sizes),
                slopes=split(slope, sizes),
                views=objective.views(raw, slope, sizes),
                sizes=sizes,
                rows=torch.from_numpy(np.concatenate(rows)),
                owner=torch.from_numpy(np.concatenate(owner)),
            )
        return self._workspaces[n]

    def factors(self, n, like):
        """For each block of tasks the factors ``(K n, G, 1)`` of the slopes in a batch of n rows."""
        if n not in self._factors:
            each = [candidate.criterion_.fixed_factors(n, like) for candidate in self.candidates]
            self._factors[n] = [torch.stack(block).repeat_interleave(n, 0) for block in zip(*each, strict=True)]
        return self._factors[n]
