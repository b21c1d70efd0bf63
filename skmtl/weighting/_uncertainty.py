"""Uncertainty weighting: each task's noise level is learned."""

import math
from numbers import Real

import torch
from torch import nn

from ._base import Weighting, set_gradient


class Uncertainty(Weighting):
    r"""Weights by learned homoscedastic uncertainty [1]_.

    Each task has a log-variance :math:`s_t` that is trained with the network:

    .. math:: \frac{1}{T} \sum_t \left( \tfrac12 e^{-s_t} L_t + \tfrac12 s_t \right)

    At the optimum :math:`e^{s_t} = L_t`, so a task weighs about as the reciprocal of its loss.

    Parameters
    ----------
    log_variance : float, default=0.0
        Where every :math:`s_t` starts.

    Notes
    -----
    The objective falls below zero once losses are small: that is no error, and nothing looks at it. The task losses are
    what ``history_`` shows. All tasks, of classification too, have the factor one half, as in most implementations; the
    paper gives classification the factor one.

    References
    ----------
    .. [1] Kendall, Gal and Cipolla (2018). Multi-task learning using uncertainty to weigh losses for scene geometry and
       semantics. CVPR.

    Examples
    --------
    >>> import torch
    >>> from skmtl.weighting import Uncertainty
    >>> Uncertainty().initialize(2).weights(torch.tensor([1.0, 3.0]))
    tensor([0.2500, 0.2500])
    """

    def __init__(self, log_variance=0.0):
        self.log_variance = log_variance

    def initialize(self, n_tasks):
        """Make the log-variances of `n_tasks` tasks."""
        if not isinstance(self.log_variance, Real) or not math.isfinite(self.log_variance):
            raise ValueError(
                f"The 'log_variance' of {type(self).__name__} must be a finite number; got {self.log_variance!r}."
            )
        self.log_variances = nn.Parameter(torch.full((n_tasks,), float(self.log_variance)))
        return super().initialize(n_tasks)

    def forward(self, losses):
        """Return the objective."""
        s = self.log_variances
        return 0.5 * (torch.exp(-s) * losses + s).mean()

    def weights(self, losses):
        """Return ``exp(-s) / (2 T)``; set the gradient of the log-variances."""
        scale = 0.5 / len(self.log_variances)
        weights = torch.exp(-self.log_variances.detach()).mul_(scale)
        set_gradient(self.log_variances, scale - weights * losses)
        return weights
