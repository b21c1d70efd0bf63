"""Mixtures of experts: dense networks side by side, of which every task's gate makes a mixture of its own."""

import functools

import torch
from torch import nn

from ._layers import DenseStack, LinearStack

#: Of the gates' initial weights, as of `Activation`: that of the logistic function, which a gate of two experts is.
GATE_GAIN = 2.0


def check_hidden_layers(architecture, sizes):
    """Refuse experts without a layer.

    Parameters
    ----------
    architecture : Architecture
        Whose experts they are, for the error text.
    sizes : tuple of int
        The estimator's `hidden_layer_sizes`.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not len(sizes):
        raise ValueError(
            f"{type(architecture).__name__} needs a hidden layer or more, or its experts would all be the same; got "
            "hidden_layer_sizes=(). Set hidden_layer_sizes=(32,), say, or use architecture='hard_sharing'."
        )


def mix(weights, experts):
    """From gates ``(T, n, K)`` and experts ``(K, n, h)`` to mixtures ``(n, T, h)``."""
    return torch.bmm(weights.transpose(0, 1), experts.transpose(0, 1))


class Gates(LinearStack):
    """Softmax gates: the weights, adding to one, that each task gives to the experts.

    Parameters
    ----------
    n : int
        T, the number of gates.
    n_inputs : int
        Columns of their input.
    n_experts : int
        K, the number of experts.
    """

    def __init__(self, n, n_inputs, n_experts):
        super().__init__(n, n_inputs, n_experts, GATE_GAIN)

    def forward(self, X):
        """From one input for all ``(n, d)``, or one for each ``(T, n, d)``, to ``(T, n, K)``."""
        # Over a few neighbours torch's softmax takes several times as long as over rows apart.
        logits = super().forward(X).transpose(1, 2).contiguous()
        weights = logits.softmax(1) if torch.is_grad_enabled() else _softmax(logits)
        return weights.permute(2, 0, 1).contiguous().transpose(0, 1)


def _softmax(logits):
    """Softmax over the second axis, in digits that do not depend on the number of rows, as those of torch's do."""
    weights = (logits - logits.amax(1, keepdim=True)).exp_()
    return weights.div_(functools.reduce(torch.add, weights.unbind(1)).unsqueeze(1))


class ExtractionLevel(nn.Module):
    """Shared experts, experts of every task, and gates: a task mixes the shared ones and its own.

    Parameters
    ----------
    n_tasks, n_shared_experts, n_task_experts : int
        T, S and, for every task, E.
    n_inputs : int
        Columns of the input.
    sizes : tuple of int
        Layers of each expert.
    activation, dropout : Activation, float
        After every layer.
    is_last : bool
        Whether nothing shared is asked of it: else it has one gate more, which mixes all experts.
    """

    def __init__(self, n_tasks, n_shared_experts, n_task_experts, n_inputs, sizes, *, activation, dropout, is_last):
        super().__init__()
        self.n_shared, self.n_own = n_shared_experts, n_task_experts
        n_all_own = n_tasks * n_task_experts
        self.shared_experts = DenseStack(n_shared_experts, n_inputs, sizes, activation, dropout)
        self.task_experts = DenseStack(n_all_own, n_inputs, sizes, activation, dropout)
        self.task_gates = Gates(n_tasks, n_inputs, n_shared_experts + n_task_experts)
        self.shared_gate = None if is_last else Gates(1, n_inputs, n_shared_experts + n_all_own)

    def forward(self, shared, own):
        """Mix the experts.

        Parameters
        ----------
        shared : tensor (n, d)
            What the shared experts and their gate read.
        own : tensor (T, n, d) or (n, d)
            What each task's experts and gate read.

        Returns
        -------
        shared : tensor (n, h) or None
            Mixture of all experts; None in the last level.
        own : tensor (n, T, h)
            Mixture of the shared experts and the task's own, for each task.
        """
        shared_experts = self.shared_experts(shared)
        task_experts = self.task_experts(own.repeat_interleave(self.n_own, 0) if own.ndim == 3 else own)
        weights = self.task_gates(own)
        of_shared, of_own = weights.split([self.n_shared, self.n_own], dim=2)
        each = task_experts.unflatten(0, (-1, self.n_own))
        private = (of_own.transpose(1, 2).unsqueeze(-1) * each).sum(1)
        own = torch.baddbmm(private.transpose(0, 1), of_shared.transpose(0, 1), shared_experts.transpose(0, 1))
        if self.shared_gate is None:
            return None, own
        of_shared, of_own = self.shared_gate(shared).split([self.n_shared, len(task_experts)], dim=2)
        return (mix(of_shared, shared_experts) + mix(of_own, task_experts)).squeeze(1), own
