"""Likelihoods of which more than the mean is predicted: the normal distribution with a variance of its own a row."""

import torch

from ._base import Loss

# Predicted standard deviations stay above exp(-7) = 0.1 % of the target's: else a label learnt by heart has no bounds.
_MIN_LOG_VARIANCE = -14.0


class GaussianNLL(Loss):
    r"""Negative log-likelihood of a normal distribution with a predicted variance: ``"gaussian_nll"``.

    .. math:: \ell(r, y) = \frac{1}{2} \left(s + (y - m)^2 e^{-s}\right), \qquad (m, s) = r

    with two raw outputs, the mean :math:`m` and the log-variance :math:`s`, and the target :math:`y`, standardised by
    the estimator. The constant :math:`\frac{1}{2} \log 2 \pi` is left out; the loss can be negative.

    `predict` gives the mean, `predict_std` the standard deviation: ``predict(X, return_std=True)`` of the estimator.

    See Also
    --------
    SquaredError : The same with a variance that does not depend on the row.

    Notes
    -----
    The log-variance is clipped at -14, a standard deviation of 0.1 % of the target's. As in torch's
    ``GaussianNLLLoss``, the slope ignores the clip, so that it can come back from beyond.

    References
    ----------
    D. A. Nix, A. S. Weigend, "Estimating the Mean and Variance of the Target Probability Distribution", ICNN 1994.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import GaussianNLL
    >>> raw, target = torch.tensor([[[0.0, 0.0]], [[0.0, 2.0]]]), torch.tensor([[2.0], [2.0]])
    >>> GaussianNLL()(raw, target)
    tensor([[2.0000],
            [1.2707]])
    >>> GaussianNLL().predict_std(raw)
    tensor([[1.0000],
            [2.7183]])
    """

    has_std = True

    def n_raw(self, n_classes=None):
        return 2

    def __call__(self, raw, target):
        log_variance = _log_variance(raw)
        return (log_variance + (raw[..., 0] - target).square() * torch.exp(-log_variance)) / 2

    def slope(self, raw, target):
        residual = raw[..., 0] - target
        in_mean = residual * _log_variance(raw).neg().exp_()
        in_log_variance = residual.mul_(in_mean).neg_().add_(1).div_(2)
        return torch.stack((in_mean, in_log_variance), 1).transpose(1, 2)

    def predict_std(self, raw):
        """Return the predicted standard deviation.

        Parameters
        ----------
        raw : Tensor of shape (n, C, 2)
            Raw outputs.

        Returns
        -------
        std : Tensor of shape (n, C)
            On the scale of the scaled targets.
        """
        return torch.exp(_log_variance(raw) / 2)


def _log_variance(raw):
    return raw[..., 1].clamp(min=_MIN_LOG_VARIANCE)
