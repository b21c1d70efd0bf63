"""DSelect-k: every task selects a few of the shared experts, by gates that are smooth and become sparse."""

from numbers import Integral, Real

import torch
from sklearn.utils._param_validation import Interval
from torch import nn

from ._base import Architecture
from ._experts import check_hidden_layers, mix
from ._layers import DenseStack, LinearStack

#: Keeps logarithm and reciprocal finite.
EPSILON = 1e-6


class DSelectK(Architecture):
    r"""DSelect-k: a mixture of at most k of n shared experts for each task [1]_.

    The experts are dense networks that all tasks share. Each task has k selectors, which each come to choose one of
    them. A selector holds m numbers :math:`z_1, \dots, z_m`, with :math:`m = \lceil \log_2 n \rceil`; a smooth step S
    makes each of them a soft binary digit, and expert i, in binary digits :math:`b_{i1} \dots b_{im}`, gets

    .. math::
        r_i(z) = \prod_{j : b_{ij} = 1} S(z_j) \prod_{j : b_{ij} = 0} (1 - S(z_j)), \qquad
        S(z) = -\tfrac{2}{\gamma^3} z^3 + \tfrac{3}{2 \gamma} z + \tfrac12 \quad \text{for } |z| \le \tfrac{\gamma}{2}

    with S exactly 0 below and 1 above: there a selector has chosen one expert, and all others get exactly 0. The weight
    of expert i is :math:`\sum_{s=1}^k \mathrm{softmax}(a)_s \, r_i(z^{(s)})`, with k more numbers :math:`a` a task.

    Parameters
    ----------
    n_experts : int, default=4
        Number of experts n, two or more.
    n_selected : int, default=2
        Number of selectors k of each task, at most `n_experts`.
    per_example : bool, default=False
        Whether :math:`z` and :math:`a` are linear functions of the input, so that every row has a selection of its own,
        rather than the same numbers for all rows.
    gamma : float, default=1.0
        :math:`\gamma`, the width of the step.
    entropy : float, default=0.01
        Weight of the entropy of the selectors in the objective: the larger, the sooner each of them settles on one
        expert.

    Notes
    -----
    Each expert has the layers `hidden_layer_sizes` of the estimator, at least one, each followed by `activation` and
    `dropout`: so n times the parameters of a trunk under hard sharing. The experts are shared parameters; the selectors
    are their task's own, k (m + 1) numbers, or per example as many for every input.

    The objective gets the mean over tasks, and rows if per example, of the sum over selectors of `entropy` times the
    entropy :math:`-\sum_i r_i \log r_i`. Where n is no power of two, some codes belong to no expert; as in the authors'
    implementation :math:`1 / \sum_i r_i` is added for each selector, here less 1, its value once an expert is chosen.
    Initial values are theirs too. The numbers of a selection for all rows are not shrunk by `alpha`, which would draw
    them back to undecided.

    References
    ----------
    .. [1] Hazimeh, Zhao, Chowdhery, Sathiamoorthy, Chen, Mazumder, Hong and Chi (2021). DSelect-k: differentiable
       selection in the mixture of experts with applications to multi-task learning. NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import DSelectK
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = DSelectK(n_selected=1)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> model.score(X, Y) > 0.9
    True
    """

    _parameter_constraints = {
        "n_experts": [Interval(Integral, 2, None, closed="left")],
        "n_selected": [Interval(Integral, 1, None, closed="left")],
        "per_example": ["boolean"],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "entropy": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, n_experts=4, n_selected=2, per_example=False, gamma=1.0, entropy=0.01):
        self.n_experts = n_experts
        self.n_selected = n_selected
        self.per_example = per_example
        self.gamma = gamma
        self.entropy = entropy

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make experts and selectors."""
        self._validate_params()
        check_hidden_layers(self, hidden_layer_sizes)
        if self.n_selected > self.n_experts:
            raise ValueError(
                f"n_selected={self.n_selected} of n_experts={self.n_experts} cannot be selected. Lower n_selected, or "
                "raise n_experts."
            )
        self.experts = DenseStack(self.n_experts, n_features, hidden_layer_sizes, activation, dropout)
        self._make_selectors(n_features, n_tasks)
        self._rows = None
        return self

    def _make_selectors(self, n_features, n_tasks):
        """Make the numbers of every task's selectors ``(T, k, m + 1)``, or the layers that return them for a row."""
        shape = (n_tasks, self.n_selected, (self.n_experts - 1).bit_length() + 1)
        if self.per_example:
            self.selectors = LinearStack(n_tasks, n_features, shape[1] * shape[2], gain=1.0)
            self._draw(self.selectors.weight.data.view(*shape, n_features).transpose(2, 3))
            self._draw(self.selectors.bias.data.view(shape))
        else:
            self.selectors = nn.Parameter(torch.empty(shape).flatten())  # flat, as biases are: no weight decay
            self._draw(self.selectors.data.view(shape))

    def _draw(self, numbers):
        digits, logits = numbers[..., :-1], numbers[..., -1]
        nn.init.uniform_(digits, -self.gamma / 100, self.gamma / 100)
        nn.init.uniform_(logits, -0.05, 0.05)

    def forward(self, X):
        """Return each task's mixture of the experts that it selects."""
        self._rows = X.detach() if self.training and self.per_example else None
        weights = self._weights(*self._select(X))
        return mix(weights.expand(-1, len(X), -1), self.experts(X))

    def _select(self, X):
        """Return what each selector gives to the experts ``(T, n, k, K)``, and its logit; n is 1 if all rows agree."""
        if self.per_example:
            numbers = self.selectors(X).unflatten(2, (self.n_selected, -1))
        else:
            n_digits = (self.n_experts - 1).bit_length()
            numbers = self.selectors.view(-1, 1, self.n_selected, n_digits + 1)
        digits = smooth_step(numbers[..., :-1], self.gamma)
        return weights_of_codes(digits)[..., : self.n_experts], numbers[..., -1]

    @staticmethod
    def _weights(selected, logits):
        return (logits.softmax(-1).unsqueeze(-1) * selected).sum(-2)

    def shared_parameters(self):
        """Return those of the experts."""
        return list(self.experts.parameters())

    def penalty(self):
        """Return the penalty on selectors that have not settled on one expert, None where there is none.

        Per example it is that of the rows of the last batch in training mode.
        """
        has_gaps = self.n_experts & (self.n_experts - 1) > 0
        if (self.per_example and self._rows is None) or not (self.entropy or has_gaps):
            return None
        selected, _ = self._select(self._rows)  # anew: the batch's own graph may be gone
        cost = -self.entropy * (selected * torch.log(selected + EPSILON)).sum(-1)
        if has_gaps:
            cost = cost + 1 / (selected.sum(-1) + EPSILON) - 1
        return cost.sum(-1).mean()

    def expert_weights(self, X):
        """Return the weight of every expert in the representation of every task.

        Parameters
        ----------
        X : tensor (n, n_features)
            A batch.

        Returns
        -------
        weights : tensor (n, T, n_experts)
            Of which `n_selected` at most are above zero once the selectors have settled; they then add to one.
        """
        return self._weights(*self._select(X)).expand(-1, len(X), -1).transpose(0, 1)

    def __getstate__(self):
        return super().__getstate__() | {"_rows": None}


def smooth_step(z, gamma):
    """From numbers to soft binary digits: 0 below ``-gamma / 2``, 1 above ``gamma / 2``, a cubic between."""
    z = z.clamp(-gamma / 2, gamma / 2) / gamma
    return 0.5 + z * (1.5 - 2 * z * z)


def weights_of_codes(digits):
    """From soft binary digits ``(..., m)``, the first the highest, to the weight of every number ``(..., 2**m)``."""
    weights = torch.ones_like(digits[..., :1])
    for digit in digits.split(1, dim=-1):
        weights = torch.stack([weights * (1 - digit), weights * digit], dim=-1).flatten(-2)
    return weights
