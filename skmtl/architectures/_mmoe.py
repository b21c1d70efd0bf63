"""Multi-gate mixture of experts: all tasks share the experts, each mixes them in its own way."""

from numbers import Integral

from sklearn.utils._param_validation import Interval

from ._base import Architecture
from ._experts import Gates, check_hidden_layers, mix
from ._layers import DenseStack


class MMoE(Architecture):
    r"""Multi-gate mixture of experts [1]_.

    Dense networks :math:`f_1, \dots, f_K`, the experts, are shared by all tasks. The representation of task t is a
    mixture of what they return, weighted row by row by a gate of its own:

    .. math::
        z_t(x) = \sum_{k=1}^K g_{tk}(x) \, f_k(x), \qquad g_t(x) = \mathrm{softmax}(W_t x + b_t)

    So tasks that have much in common come to use the same experts, others can keep out of each other's way.

    Parameters
    ----------
    n_experts : int, default=4
        K. With one it is hard sharing.

    Notes
    -----
    Each expert has the layers `hidden_layer_sizes` of the estimator, at least one, each followed by `activation` and
    `dropout`: so K times the parameters of a trunk under hard sharing, and a number for every input, expert and task in
    the gates. The experts are shared parameters; a gate is its task's own.

    The paper's gates have no bias :math:`b_t`. With one, a task can prefer an expert whatever the row.

    References
    ----------
    .. [1] Ma, Zhao, Yi, Chen, Hong and Chi (2018). Modeling task relationships in multi-task learning with multi-gate
       mixture-of-experts. KDD.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import MMoE
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = MMoE(n_experts=3)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> model.score(X, Y) > 0.9
    True
    """

    _parameter_constraints = {"n_experts": [Interval(Integral, 1, None, closed="left")]}

    def __init__(self, n_experts=4):
        self.n_experts = n_experts

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make experts and gates."""
        self._validate_params()
        check_hidden_layers(self, hidden_layer_sizes)
        self.experts = DenseStack(self.n_experts, n_features, hidden_layer_sizes, activation, dropout)
        self.gates = Gates(n_tasks, n_features, self.n_experts)
        return self

    def forward(self, X):
        """Return each task's mixture of the experts."""
        return mix(self.gates(X), self.experts(X))

    def shared_parameters(self):
        """Return those of the experts."""
        return list(self.experts.parameters())

    def expert_weights(self, X):
        """Return the weight of every expert in the representation of every task.

        Parameters
        ----------
        X : tensor (n, n_features)
            A batch.

        Returns
        -------
        weights : tensor (n, T, K)
            They add to one over the experts.
        """
        return self.gates(X).transpose(0, 1)
