"""Losses of the residual: squared, absolute, Huber and quantile. One raw column, which is the prediction itself."""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ._base import Loss

_mse_backward = torch.ops.aten.mse_loss_backward.grad_input


class SquaredError(Loss):
    r"""Squared error, for the conditional mean: ``"squared_error"``, the default for regression.

    .. math:: \ell(r, y) = (r - y)^2

    with the raw output :math:`r`, which is the prediction, and the target :math:`y`, standardised by the estimator.
    There is no factor 1/2, so that the loss of a task that always predicts its mean is 1.

    See Also
    --------
    Huber : Less sensitive to outliers.
    GaussianNLL : Predicts a variance as well.

    References
    ----------
    T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 2nd ed., Springer, 2009, section 2.4.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import SquaredError
    >>> raw, target = torch.tensor([[[0.5]], [[-1.0]]]), torch.tensor([[0.0], [1.0]])
    >>> SquaredError()(raw, target)
    tensor([[0.2500],
            [4.0000]])
    """

    def __call__(self, raw, target):
        return (raw[..., 0] - target).square()

    def slope(self, raw, target):
        return (raw[..., 0] - target).mul_(2).unsqueeze(-1)

    def weighted_slope(self, raw, target, weight, out):
        # One operation for the loss that most networks are trained with.
        _mse_backward(weight, raw, target.unsqueeze(-1), 0, grad_input=out)


class AbsoluteError(Loss):
    r"""Absolute error, for the conditional median: ``"absolute_error"``.

    .. math:: \ell(r, y) = |r - y|

    with the raw output :math:`r`, which is the prediction, and the target :math:`y`, standardised by the estimator.
    The slope where both are equal is 0.

    See Also
    --------
    Quantile : Other quantiles than the median.
    Huber : Smooth at 0.

    References
    ----------
    P. Bloomfield, W. Steiger, "Least Absolute Deviations", Birkhäuser, 1983.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import AbsoluteError
    >>> raw, target = torch.tensor([[[0.5]], [[-1.0]]]), torch.tensor([[0.0], [1.0]])
    >>> AbsoluteError()(raw, target)
    tensor([[0.5000],
            [2.0000]])
    """

    def __call__(self, raw, target):
        return (raw[..., 0] - target).abs()

    def slope(self, raw, target):
        return (raw[..., 0] - target).sign_().unsqueeze(-1)


class Huber(Loss):
    r"""Huber's loss, squared for small and absolute for large residuals: ``"huber"``.

    .. math::

        \ell(r, y) = \begin{cases}
            \frac{1}{2} (r - y)^2 & \text{if } |r - y| \le \delta \\
            \delta \left(|r - y| - \frac{1}{2} \delta\right) & \text{otherwise}
        \end{cases}

    with the raw output :math:`r`, which is the prediction, and the target :math:`y`, standardised by the estimator.

    Parameters
    ----------
    delta : float, default=1.35
        The residual at which the loss goes over from squared to absolute, in standard deviations of the task's targets.
        The default keeps 95 % of the efficiency of the squared error on normally distributed residuals of variance 1.

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics 35, 73-101, 1964.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import Huber
    >>> raw, target = torch.tensor([[[0.5]], [[-2.0]]]), torch.tensor([[0.0], [1.0]])
    >>> Huber(delta=1.0)(raw, target)
    tensor([[0.1250],
            [2.5000]])
    """

    _parameter_constraints = {"delta": [Interval(Real, 0, None, closed="neither")]}

    def __init__(self, delta=1.35):
        self.delta = delta

    def __call__(self, raw, target):
        residual = raw[..., 0] - target
        clipped = residual.clamp(-self.delta, self.delta)
        return clipped * (residual - clipped / 2)  # both cases in one expression

    def slope(self, raw, target):
        return (raw[..., 0] - target).clamp_(-self.delta, self.delta).unsqueeze(-1)


class Quantile(Loss):
    r"""Pinball loss, for a conditional quantile: ``"quantile"``.

    .. math:: \ell(r, y) = \max\left(q (y - r),\ (1 - q) (r - y)\right)

    with the raw output :math:`r`, which is the prediction, the target :math:`y`, standardised by the estimator, and the
    level :math:`q`. The slope where target and prediction are equal is :math:`1/2 - q`, midway between the two sides.

    Parameters
    ----------
    level : float, default=0.5
        The level of the quantile, between 0 and 1. At 0.5 the loss is half the absolute error.

    References
    ----------
    R. Koenker, G. Bassett, "Regression Quantiles", Econometrica 46, 33-50, 1978.

    Examples
    --------
    Too low a prediction costs nine times as much as one that is too high:

    >>> import torch
    >>> from skmtl.losses import Quantile
    >>> raw, target = torch.tensor([[[-1.0]], [[1.0]]]), torch.tensor([[0.0], [0.0]])
    >>> Quantile(level=0.9)(raw, target)
    tensor([[0.9000],
            [0.1000]])
    """

    _parameter_constraints = {"level": [Interval(Real, 0, 1, closed="neither")]}

    def __init__(self, level=0.5):
        self.level = level

    def __call__(self, raw, target):
        short = target - raw[..., 0]
        return torch.maximum(self.level * short, (self.level - 1) * short)

    def slope(self, raw, target):
        return (raw[..., 0] - target).sign_().mul_(0.5).add_(0.5 - self.level).unsqueeze(-1)
