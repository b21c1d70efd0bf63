"""Equal weights: the mean of the task losses."""

import torch

from ._base import Weighting


class Equal(Weighting):
    r"""Equal weights: the objective is the mean of the task losses.

    .. math:: \frac{1}{T} \sum_t L_t

    Also known as unitary or linear scalarization. With regression targets standardised, as they are inside the
    estimators, independent studies find it hard to beat [1]_.

    References
    ----------
    .. [1] Kurin, De Palma, Kostrikov, Whiteson and Kumar (2022). In defense of the unitary scalarization for deep
       multi-task learning. NeurIPS.

    Examples
    --------
    >>> import torch
    >>> from skmtl.weighting import Equal
    >>> Equal().initialize(2).weights(torch.tensor([1.0, 3.0]))
    tensor([0.5000, 0.5000])
    """

    needs_losses = False
    is_constant = True

    def initialize(self, n_tasks):
        """Make the state for `n_tasks` tasks."""
        self.register_buffer("_weights", torch.full((n_tasks,), 1.0 / n_tasks))
        return super().initialize(n_tasks)

    def forward(self, losses):
        """Return the mean of the losses."""
        return losses.mean()

    def weights(self, losses=None):
        """Return 1 / T for every task."""
        return self._weights
