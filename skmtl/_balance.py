"""The balancer: what becomes of the gradients that the tasks send into what they share."""

import numpy as np
import torch


class Balancer:
    """Computes the gradients of the tasks, asks weighting and aggregator what to make of them, and sets the sum.

    Parameters
    ----------
    aggregator : Aggregator or None
        A fresh clone, initialized; None where only the weighting looks at gradients.
    level : {"parameters", "representation"}
        Gradients in what.
    every : int
        Steps for which weights are kept.
    """

    def __init__(self, aggregator, level, every):
        self.aggregator, self.level, self.every = aggregator, level, every
        self._halves = aggregator is not None and aggregator.needs_halves
        self._forget()

    def _forget(self):
        self._steps, self._factors, self._scale = 0, None, None
        self._sum, self._count = 0.0, 0

    def on_epoch_begin(self, seed):
        """Start an epoch; weights are not kept from one to the next, so that a resumed run goes on as it would have."""
        self._forget()
        if self.aggregator is not None:
            self.aggregator.rng = np.random.default_rng(seed)

    def backward(self, objective, network, cells, slope, n, decay):
        """As `Objective.backward`."""
        due, weighting = self._steps % self.every == 0, objective.weighting
        self._steps += 1
        if not (weighting.needs_gramian or weighting.needs_jacobian):
            objective.fill_slope(cells, n)
            network.backward_heads(slope, decay)
        else:
            objective.fill_plain_slope(cells, n)
            if due:
                network.backward_heads(slope, decay)
                gradients = network.task_gradients(slope, self.level, decay, self._halves)
                self._weigh(objective, cells, gradients)
            slope.mul_(self._scale[network.heads.owner])
            network.backward_heads(slope, decay)
        if self.aggregator is None:
            network.backward_trunk(network.pull(slope), decay)
        elif due:
            self._aggregate(objective, network, cells, slope, decay)
        else:
            network.backward_trunk(network.pull(slope, self._factors), decay)

    def _weigh(self, objective, cells, gradients):
        """Ask a weighting that looks at gradients; keep the weights a column."""
        weighting = objective.weighting
        losses = objective.observe(cells)
        if weighting.needs_jacobian:
            looked_at = objective.trained(gradients.jacobian())
        else:
            looked_at = objective.trained(objective.trained(gradients.gramian()).t())
        weights = objective.set_weights(weighting.weights(losses, looked_at))
        self._scale = objective.by_column(weights.to(cells[0][0].dtype))

    def _aggregate(self, objective, network, cells, slope, decay):
        """Ask the aggregator, and set the gradients of what the tasks share."""
        aggregator, n_tasks = self.aggregator, objective.n_active
        gradients = network.task_gradients(slope, self.level, decay, self._halves)
        seen = objective.seen(cells)
        aggregator.tasks = np.arange(n_tasks) if seen is None else np.flatnonzero(seen.numpy(force=True))
        if aggregator.needs_losses:
            losses, _ = objective.batch_losses(cells)
            aggregator.losses = losses.double().numpy(force=True)[aggregator.tasks]
        if aggregator.needs_jacobian:
            rows = objective.trained(gradients.jacobian()).numpy(force=True)
            gradients.apply_step(torch.from_numpy(self._step(rows)).to(slope))
            return
        products = gradients.cross if self._halves else gradients.gramian()
        products = objective.trained(objective.trained(products).t()).t()
        weights = self._weights(products.double().numpy(force=True))
        self._sum, self._count = self._sum + weights, self._count + 1
        self._factors = objective.by_column(torch.from_numpy(weights).to(slope))
        gradients.apply(self._factors)

    def _weights(self, products):
        """Weights of the trained tasks, 1 where no label is in the batch; given the inner products of their gradients.

        Rows are scaled such that equal weights of the tasks are 1. What is not finite is reported at the epoch's end.
        """
        n_tasks, tasks = len(products), self.aggregator.tasks
        weights = np.ones(n_tasks)
        if len(tasks) > 1 and np.isfinite(products).all():
            if len(tasks) < n_tasks:
                products = products[np.ix_(tasks, tasks)]
            weights[tasks] = self.aggregator.weights(products * n_tasks**2)
        return weights

    def _step(self, rows):
        """Step that is made of the gradients of the trained tasks, with the same scale."""
        n_tasks, tasks = len(rows), self.aggregator.tasks
        if len(tasks) < 2 or not np.isfinite(rows).all():
            return rows.sum(0)
        return self.aggregator.combine(rows[tasks] * n_tasks) * (len(tasks) / n_tasks)

    def mean_weights(self):
        """Mean over the epoch of the weights ``(T,)`` of the trained tasks; None where the aggregator has none."""
        return self._sum / self._count if self._count else None

    def state(self):
        """What the aggregator remembers, as tensors."""
        return {} if self.aggregator is None else {k: torch.tensor(v) for k, v in self.aggregator.state.items()}

    def load_state(self, state):
        """Make the aggregator remember."""
        if self.aggregator is not None:
            self.aggregator.state = {name: value.clone().numpy(force=True) for name, value in state.items()}


def check_gradients(settings, network, weighting, aggregator, main_task):
    """Raise a ValueError where a method needs what network or settings do not have.

    Parameters
    ----------
    settings : estimator
        Its parameters.
    network : Network
        Trunk and heads.
    weighting : Weighting
        Resolved.
    aggregator : Aggregator or None
        Resolved.
    main_task : int or None
        Position of the main task.
    """
    if weighting.needs_gramian or weighting.needs_jacobian:
        _check_network(settings, network, "weighting", weighting.needs_jacobian)
    if aggregator is None:
        return
    _check_network(settings, network, "aggregator", aggregator.remembers_gradients or aggregator.needs_halves)
    name = f"aggregator={settings.aggregator!r}"
    if aggregator.needs_main_task and main_task is None:
        raise ValueError(f"{name} needs to know which task the others shall help: set main_task.")
    if aggregator.needs_jacobian and settings.update_every > 1:
        raise ValueError(
            f"{name} has no weights for update_every={settings.update_every} steps to share. Set update_every=1."
        )


def _check_network(settings, network, who, compares):
    """There must be shared parameters; and what compares batches, or halves of one, does so in these."""
    name = f"{who}={getattr(settings, who)!r}"
    if not network.shared_parameters:
        has_none = not any(p.requires_grad for p in network.trunk.parameters())
        why = f"has no parameters to train (hidden_layer_sizes={settings.hidden_layer_sizes!r}). Give it a hidden layer"
        other = f"of architecture={settings.architecture!r} shares none between tasks. Use another one"
        raise ValueError(
            f"{name} works on the gradients that tasks send into what they share, but the trunk "
            f"{why if has_none else other}, or leave {who} out."
        )
    if network.is_separate and settings.gradient_level == "representation":
        raise ValueError(
            f"{name} compares gradients in what the tasks share, but with architecture={settings.architecture!r} each "
            "task has a representation of its own. Set gradient_level='parameters'."
        )
    if compares and settings.gradient_level == "representation":
        raise ValueError(
            f"{name} compares the gradients of several rows or batches, which those in a representation, one for each "
            "row, do not allow. Set gradient_level='parameters'."
        )
