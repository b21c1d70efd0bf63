"""Half unit deviances with a log link: Poisson, gamma, Tweedie. The prediction is exp(raw), always positive.

Each is half the unit deviance with its constant, so it is 0 (up to rounding) at the target and positive elsewhere.
"""

from numbers import Real

import torch
from sklearn.utils._param_validation import Interval

from ._base import Loss


class _Deviance(Loss):
    scaling = "mean"

    def predict(self, raw):
        return _exp(raw[..., 0])


class Poisson(_Deviance):
    r"""Half Poisson deviance, for counts and rates: ``"poisson"``.

    .. math:: \ell(r, y) = y \log\frac{y}{\mu} - y + \mu, \qquad \mu = e^r

    with the raw output :math:`r`, the prediction :math:`\mu` and the target :math:`y \ge 0`, divided by the task's
    mean. A target of 0 is fine: :math:`0 \log 0 = 0`.

    See Also
    --------
    Gamma : For positive targets whose spread grows with their mean.
    Tweedie : In between: positive targets with many exact zeros.

    Notes
    -----
    The exponential stops growing at a raw output of 40; beyond it the slope still points back.

    References
    ----------
    P. McCullagh, J. A. Nelder, "Generalized Linear Models", 2nd ed., Chapman & Hall, 1989, chapter 6.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import Poisson
    >>> raw, target = torch.tensor([[[0.0]], [[0.0]]]), torch.tensor([[1.0], [2.0]])
    >>> Poisson()(raw, target)
    tensor([[0.0000],
            [0.3863]])
    >>> Poisson().predict(raw)
    tensor([[1.],
            [1.]])
    """

    def __call__(self, raw, target):
        raw = raw[..., 0]
        return _exp(raw) - target * raw + torch.xlogy(target, target) - target

    def slope(self, raw, target):
        return _exp(raw[..., 0]).sub_(target).unsqueeze(-1)

    def check_target(self, values, name):
        """Raise ValueError if a label is negative."""
        _check_domain(values, values < 0, name, "poisson", "labels of 0 or more")


class Gamma(_Deviance):
    r"""Half gamma deviance, for positive amounts whose spread grows with their mean: ``"gamma"``.

    .. math:: \ell(r, y) = \log\frac{\mu}{y} + \frac{y}{\mu} - 1, \qquad \mu = e^r

    with the raw output :math:`r`, the prediction :math:`\mu` and the target :math:`y > 0`, divided by the task's mean.
    It depends on the ratio of the two alone.

    See Also
    --------
    Tweedie : Where some targets are exactly 0.

    Notes
    -----
    The exponential stops growing where the prediction is :math:`e^{40}` times too low; beyond it the slope still points
    back.

    References
    ----------
    P. McCullagh, J. A. Nelder, "Generalized Linear Models", 2nd ed., Chapman & Hall, 1989, chapter 8.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import Gamma
    >>> raw, target = torch.tensor([[[0.0]], [[0.0]]]), torch.tensor([[1.0], [2.0]])
    >>> Gamma()(raw, target)
    tensor([[0.0000],
            [0.3069]])
    """

    def __call__(self, raw, target):
        log_ratio = target.log() - raw[..., 0]
        return _exp(log_ratio) - log_ratio - 1

    def slope(self, raw, target):
        return _exp(target.log().sub_(raw[..., 0])).neg_().add_(1).unsqueeze(-1)

    def check_target(self, values, name):
        """Raise ValueError if a label is not positive."""
        _check_domain(values, values <= 0, name, "gamma", "labels above 0")


class Tweedie(_Deviance):
    r"""Half Tweedie deviance, for positive amounts with many exact zeros, such as claims or rainfall: ``"tweedie"``.

    .. math::

        \ell(r, y) = \frac{y^{2-p}}{(1-p)(2-p)} - \frac{y \mu^{1-p}}{1-p} + \frac{\mu^{2-p}}{2-p}, \qquad \mu = e^r

    with the raw output :math:`r`, the prediction :math:`\mu`, the target :math:`y \ge 0`, divided by the task's mean,
    and the power :math:`p` of the mean in which the variance grows.

    Parameters
    ----------
    power : float, default=1.5
        Strictly between 1 and 2. Towards 1 the loss becomes `Poisson`, towards 2 it becomes `Gamma`.

    Notes
    -----
    The exponentials stop growing at an argument of 40; beyond it the slope still points back.

    References
    ----------
    B. Jørgensen, "Exponential Dispersion Models", Journal of the Royal Statistical Society B 49, 127-162, 1987.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import Tweedie
    >>> raw, target = torch.tensor([[[0.0]], [[0.0]]]), torch.tensor([[0.0], [4.0]])
    >>> Tweedie(power=1.5)(raw, target)
    tensor([[2.],
            [2.]])
    """

    _parameter_constraints = {"power": [Interval(Real, 1, 2, closed="neither")]}

    def __init__(self, power=1.5):
        self.power = power

    def __call__(self, raw, target):
        raw, a, b = raw[..., 0], 1 - self.power, 2 - self.power
        return target**b / (a * b) - target * _exp(a * raw) / a + _exp(b * raw) / b

    def slope(self, raw, target):
        raw, a, b = raw[..., 0], 1 - self.power, 2 - self.power
        return _exp(b * raw).sub_(_exp(a * raw).mul_(target)).unsqueeze(-1)

    def check_target(self, values, name):
        """Raise ValueError if a label is negative."""
        _check_domain(values, values < 0, name, "tweedie", "labels of 0 or more")


def _exp(x):
    # exp(40) squared still fits into float32, as the second moments of Adam need.
    return x.clamp(max=40).exp_()


def _check_domain(values, wrong, task, loss, wanted):
    if wrong.any():
        raise ValueError(
            f"Task {task!r} has {wrong.sum()} label(s) such as {values[wrong][0]:g}, but its loss {loss!r} is for "
            f"{wanted}. Correct the labels or choose another loss for this task, such as 'squared_error'."
        )
