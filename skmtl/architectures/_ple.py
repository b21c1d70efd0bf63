"""Progressive layered extraction: levels of shared and own experts, one on top of the other."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval
from torch import nn

from ._base import Architecture
from ._experts import ExtractionLevel, check_hidden_layers


class PLE(Architecture):
    r"""Progressive layered extraction [1]_.

    Levels of `CGC`, one on top of the other. Level j has shared experts, which read what is shared of the level below,
    :math:`s^{j-1}`, and experts of every task t, which read the task's own, :math:`z_t^{j-1}`; the first level reads
    the input. Gates, softmax of a linear function of what the experts of their kind read, mix them:

    .. math::
        z_t^j = \text{mixture of the shared experts and those of task } t, \qquad
        s^j = \text{mixture of all experts}

    The last level makes :math:`z_t` alone, the representation of task t. So tasks part by and by, rather than at once.

    Parameters
    ----------
    n_levels : int or None, default=None
        Number of levels, at most the number of hidden layers. None: a level for every hidden layer.
    n_shared_experts : int, default=2
        S, in every level.
    n_task_experts : int, default=1
        E, for each task in every level.

    Notes
    -----
    `hidden_layer_sizes` of the estimator is what a row passes through from input to heads, as it is everywhere: the
    layers are dealt out to the levels in order, the first levels having one more where it does not come out even. So
    (64, 32) is two levels whose experts have one layer, or with ``n_levels=1`` the `CGC` whose experts have two. At
    least one layer is needed. The experts have about S + T E times the parameters of a trunk under hard sharing, for T
    tasks.

    All but the last levels' experts are shared parameters, those of a task too: the tasks meet in the mixture of all
    experts, which the shared experts of the next level read. A task's own are its experts in the last level, and its
    gates in the last two.

    The paper's gates have no bias. With one, a task can prefer an expert whatever the row.

    References
    ----------
    .. [1] Tang, Liu, Zhao and Gong (2020). Progressive layered extraction (PLE): a novel multi-task learning model for
       personalized recommendations. RecSys.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import PLE
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> trunk = PLE(n_shared_experts=1)
    >>> model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01).fit(X, Y)
    >>> model.score(X, Y) > 0.9
    True
    """

    _parameter_constraints = {
        "n_levels": [Interval(Integral, 1, None, closed="left"), None],
        "n_shared_experts": [Interval(Integral, 1, None, closed="left")],
        "n_task_experts": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, n_levels=None, n_shared_experts=2, n_task_experts=1):
        self.n_levels = n_levels
        self.n_shared_experts = n_shared_experts
        self.n_task_experts = n_task_experts

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the levels."""
        self._validate_params()
        check_hidden_layers(self, hidden_layer_sizes)
        self.levels = nn.ModuleList()
        parts = self._sizes_of_levels(hidden_layer_sizes)
        for sizes in parts:
            self.levels.append(
                ExtractionLevel(
                    n_tasks,
                    self.n_shared_experts,
                    self.n_task_experts,
                    n_features,
                    sizes,
                    activation=activation,
                    dropout=dropout,
                    is_last=len(self.levels) == len(parts) - 1,
                )
            )
            n_features = sizes[-1]
        return self

    def _sizes_of_levels(self, sizes):
        n_levels = len(sizes) if self.n_levels is None else self.n_levels
        if n_levels > len(sizes):
            raise ValueError(
                f"PLE gives every level a hidden layer or more, so n_levels={n_levels} needs as many of them; got "
                f"hidden_layer_sizes={tuple(sizes)}. Add layers, or lower n_levels; None is a level for every layer."
            )
        return [part.tolist() for part in np.array_split(sizes, n_levels)]

    def forward(self, X):
        """Return each task's mixture of the last level's experts."""
        shared, own = X, X
        for level in self.levels:
            shared, own = level(shared, own.transpose(0, 1) if own.ndim == 3 else own)
        return own

    def shared_parameters(self):
        """Return those of all shared experts and gates, and of the tasks' own below where they meet last."""
        modules = [level.shared_experts for level in self.levels]
        modules += [module for level in self.levels[:-1] for module in (level.shared_gate, level.task_experts)]
        modules += [level.task_gates for level in self.levels[:-2]]
        return [p for module in modules for p in module.parameters()]
