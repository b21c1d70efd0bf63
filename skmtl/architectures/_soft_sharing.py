"""Soft sharing: separate trunks, held together by a penalty."""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval, StrOptions

from ._independent import Independent


class SoftSharing(Independent):
    r"""One trunk for each task, and a penalty on how much they differ.

    The penalty is `strength` times the sum over the layers of one of

    .. math::
        \text{"l2"}: \ \frac{1}{T} \sum_t \|w_t - \bar w\|^2, \qquad
        \text{"trace"}: \ \frac{1}{\sqrt T} \|(w_1, \ldots, w_T)\|_*

    with :math:`w_t` the weights and biases of the layer in the trunk of task t, as a row, and :math:`\bar w` their mean
    over tasks [1]_ [2]_. The trace norm, the sum of the singular values, is small where the trunks are combinations of
    a few [3]_. With strength 0 the trunks are independent; a large one makes them, under ``"l2"``, all the same.

    Each trunk has the layers `hidden_layer_sizes` of the estimator, each followed by its `activation` and `dropout`.
    All start from the same weights.

    Parameters
    ----------
    strength : float, default=0.1
        Factor of the penalty, beside an objective that is, with ``weighting="equal"``, the mean over tasks of their
        losses.
    norm : {"l2", "trace"}, default="l2"
        The penalty. ``"trace"`` shrinks all weights, also those that the tasks have in common; ``"l2"`` only what
        differs, so that it bears a strength ten times as large.

    Notes
    -----
    No parameter is shared: only the loss of its own task is differentiated in a trunk, so there is nothing for an
    `aggregator` to work on. T times the parameters and the time of hard sharing, and the penalty; that of the trace
    norm takes the eigenvalues of a T x T matrix a layer and step.

    The factors in T are not the papers'. With them the penalty of T trunks of one kind does not grow with T, nor does
    the mean over tasks of their losses.

    Singular values are smoothed at the scale of rounding errors, so that the trace norm has a gradient everywhere:
    :math:`\sigma` counts as :math:`\sqrt{\sigma^2 + \epsilon \sum_i \sigma_i^2}`, with :math:`\epsilon` the resolution
    of the floating type.

    References
    ----------
    .. [1] Evgeniou and Pontil (2004). Regularized multi-task learning. KDD.
    .. [2] Duong, Cohn, Bird and Cook (2015). Low resource dependency parsing: cross-lingual parameter sharing in a
       neural network parser. ACL.
    .. [3] Yang and Hospedales (2017). Trace norm regularised deep multi-task learning. ICLR workshop.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.architectures import SoftSharing
    >>> X = np.linspace(-1, 1, 40).reshape(-1, 1)
    >>> Y = np.hstack([X, X**2])
    >>> model = MultiTaskRegressor(architecture=SoftSharing(0.01), hidden_layer_sizes=(8, 4), solver="lbfgs", tol=0.01)
    >>> model.fit(X, Y).transform(X).shape  # four features a task, side by side
    (40, 8)
    """

    _parameter_constraints = {
        "strength": [Interval(Real, 0, None, closed="left")],
        "norm": [StrOptions({"l2", "trace"})],
    }

    def __init__(self, strength=0.1, norm="l2"):
        self.strength = strength
        self.norm = norm

    def initialize(self, n_features, n_tasks, *, hidden_layer_sizes, activation, dropout):
        """Make the trunks, all alike."""
        self._validate_params()
        super().initialize(
            n_features, n_tasks, hidden_layer_sizes=hidden_layer_sizes, activation=activation, dropout=dropout
        )
        with torch.no_grad():
            for layer in self.stack.layers:
                for each in _by_task(layer):
                    each[:] = each[0].clone()
        return self

    def penalty(self):
        """Return `strength` times the sum of the layers' norms; None where there is nothing to link."""
        if self.strength == 0 or self.stack.n == 1 or not self.stack.layers:
            return None
        norm = {"l2": _distance_to_mean, "trace": _trace_norm}[self.norm]
        return self.strength * sum(norm(*_by_task(layer)) for layer in self.stack.layers)


def _by_task(layer):
    """Weights and biases of a layer, each as ``(T, p)``."""
    return [layer.weight.flatten(1), layer.bias.view(len(layer.weight), -1)]


def _distance_to_mean(*parts):
    """Mean of the rows' squared distances to their mean; the rows in parts, side by side."""
    return sum((W - W.mean(0)).square().sum() / len(W) for W in parts)


def _trace_norm(*parts):
    """Sum of the singular values, smoothed, over the root of the number of rows; the rows in parts, side by side."""
    gramian = sum(W @ W.t() for W in parts)
    squares = torch.linalg.eigvalsh(gramian)  # whose gradient, unlike that of vectors, minds no equal values
    resolution = torch.finfo(gramian.dtype)
    floor = resolution.eps * gramian.detach().trace() + resolution.tiny
    return (squares.clamp_min(0) + floor).sqrt().sum() / len(gramian) ** 0.5
