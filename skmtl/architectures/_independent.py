"""Independent: a network of its own for each task."""

from ._base import Architecture
from ._layers import DenseStack


class Independent(Architecture):
    """Separate networks, one a task, trained as one: nothing is shared.

    Each has the layers `hidden_layer_sizes` of the estimator, with its `activation` and `dropout`. It is the other end
    of `HardSharing`, and what a shared network has to beat: the single-task baseline, under the same schedule.

    Notes
    -----
    The networks share batches, validation rows and the moment at which training stops, but no parameter; so an
    `aggregator` has nothing to work on. There are T times the parameters and multiply-adds of one network. They are
    computed as batched products, which for narrow layers take a fraction of the time of T networks one after the other.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(architecture="independent", hidden_layer_sizes=(8,), solver="lbfgs", random_state=0)
    >>> model.fit(X, Y).score(X, Y) > 0.9
    True

    Their representations stand side by side:

    >>> model.transform(X).shape
    (40, 16)
    """

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the layers."""
        self.stack = DenseStack(n_tasks, n_features, hidden_layer_sizes, activation, dropout)
        return self

    def forward(self, X):
        """Return the representation of each task."""
        return self.stack(X).transpose(0, 1)

    def shared_parameters(self):
        """Return no parameter."""
        return []
