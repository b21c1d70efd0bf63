"""Customized gate control: experts that all tasks share, and experts of every task's own."""

from numbers import Integral

from sklearn.utils._param_validation import Interval

from ._base import Architecture
from ._experts import ExtractionLevel, check_hidden_layers


class CGC(Architecture):
    r"""Customized gate control [1]_.

    Of the experts :math:`f`, dense networks, S are shared by all tasks, and every task has E more that no other task
    sees. A gate of its own mixes the S + E for it, row by row:

    .. math::
        z_t(x) = \sum_{s=1}^S g_{ts}(x) \, f_s(x) + \sum_{e=1}^E g_{t,S+e}(x) \, f_{te}(x),
        \qquad g_t(x) = \mathrm{softmax}(W_t x + b_t)

    What helps one task and harms another has a place to go: the experts of the one. It is one level of `PLE`.

    Parameters
    ----------
    n_shared_experts : int, default=2
        S.
    n_task_experts : int, default=1
        E, for each task.

    Notes
    -----
    Each expert has the layers `hidden_layer_sizes` of the estimator, at least one, each followed by `activation` and
    `dropout`: so S + T E times the parameters of a trunk under hard sharing, for T tasks, and the gates. The shared
    experts are shared parameters; the other experts and the gates are their task's own.

    The paper's gates have no bias :math:`b_t`. With one, a task can prefer an expert whatever the row.

    References
    ----------
    .. [1] Tang, Liu, Zhao and Gong (2020). Progressive layered extraction (PLE): a novel multi-task learning model for
       personalized recommendations. RecSys.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import CGC
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = CGC(n_shared_experts=1)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> model.score(X, Y) > 0.9
    True
    """

    _parameter_constraints = {
        "n_shared_experts": [Interval(Integral, 1, None, closed="left")],
        "n_task_experts": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_shared_experts=2, n_task_experts=1):
        self.n_shared_experts = n_shared_experts
        self.n_task_experts = n_task_experts

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make experts and gates."""
        self._validate_params()
        check_hidden_layers(self, hidden_layer_sizes)
        self.level = ExtractionLevel(
            n_tasks,
            self.n_shared_experts,
            self.n_task_experts,
            n_features,
            hidden_layer_sizes,
            activation=activation,
            dropout=dropout,
            is_last=True,
        )
        return self

    def forward(self, X):
        """Return each task's mixture of the shared experts and its own."""
        return self.level(X, X)[1]

    def shared_parameters(self):
        """Return those of the shared experts."""
        return list(self.level.shared_experts.parameters())

    def expert_weights(self, X):
        """Return the weight of every expert that a task sees in its representation.

        Parameters
        ----------
        X : tensor (n, n_features)
            A batch.

        Returns
        -------
        weights : tensor (n, T, S + E)
            Of the shared experts, then of the task's own; they add to one.
        """
        return self.level.task_gates(X).transpose(0, 1)
