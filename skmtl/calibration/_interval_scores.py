"""Interval scores: how far a value lies from what was predicted, and which values are no farther than that."""

import numpy as np

from .._component import Component


class IntervalScore(Component):
    """Base class of the scores that make intervals: how ill a value fits a prediction, the larger the worse.

    To write one, implement both methods such that a value has at most the score s exactly if it lies in
    ``interval(predicted, s)``. Pass an instance as ``interval_score=`` to `MultiTaskConformal`.

    Attributes
    ----------
    needs_std : bool, default=False
        Whether the estimator is asked for standard deviations too, by ``predict(X, return_std=True)``.
    needs_quantiles : bool, default=False
        Whether the estimator is fitted twice more, with a quantile loss, for the lower and the upper end.

    Examples
    --------
    A relative error, for positive values:

    >>> import numpy as np
    >>> from skmtl.calibration import IntervalScore
    >>> class Relative(IntervalScore):
    ...     def score(self, predicted, y):
    ...         return abs(y / predicted[..., 0] - 1)
    ...     def interval(self, predicted, threshold):
    ...         return predicted[..., 0] * (1 - threshold), predicted[..., 0] * (1 + threshold)
    >>> predicted = np.array([[10.0], [200.0]])
    >>> Relative().score(predicted, np.array([11.0, 190.0]))
    array([0.1 , 0.05])
    >>> Relative().interval(predicted, 0.1)
    (array([  9., 180.]), array([ 11., 220.]))
    """

    needs_std = False
    needs_quantiles = False

    def score(self, predicted, y):
        """Return the score of each value.

        Parameters
        ----------
        predicted : ndarray of shape (..., k)
            What the estimator predicts of each row: the value alone (k = 1), the value and its standard deviation
            (k = 2), or the value and the lower and upper quantile (k = 3).
        y : ndarray of shape (...)
            Values.

        Returns
        -------
        scores : ndarray of shape (...)
            The larger, the farther from what was predicted.
        """
        raise NotImplementedError

    def interval(self, predicted, threshold):
        """Return the ends of the interval of all values with at most that score.

        Parameters
        ----------
        predicted : ndarray of shape (..., k)
            As in `score`.
        threshold : float or ndarray
            The largest score; of a shape that fits those of the rows.

        Returns
        -------
        lower, upper : ndarray
            Ends, of the shape of both together; infinite where the threshold is.
        """
        raise NotImplementedError


class AbsoluteResidual(IntervalScore):
    r"""Absolute residual, for intervals of one width a task: ``"absolute"``.

    .. math:: s(x, y) = |y - \hat\mu(x)|

    The interval is the prediction plus and minus the same number for every row.

    References
    ----------
    J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani, L. Wasserman, "Distribution-free predictive inference for
    regression", Journal of the American Statistical Association 113, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import AbsoluteResidual
    >>> AbsoluteResidual().score(np.array([[1.0], [2.0]]), np.array([1.5, 1.0]))
    array([0.5, 1. ])
    """

    def score(self, predicted, y):
        return np.abs(y - predicted[..., 0])

    def interval(self, predicted, threshold):
        return predicted[..., 0] - threshold, predicted[..., 0] + threshold


class NormalizedResidual(IntervalScore):
    r"""Residual in predicted standard deviations, for intervals as wide as the row asks for: ``"normalized"``.

    .. math:: s(x, y) = |y - \hat\mu(x)| / \hat\sigma(x)

    The estimator predicts :math:`\hat\sigma` by ``predict(X, return_std=True)``: the spread over members, the standard
    deviation that ``loss="gaussian_nll"`` learns, or that of a Gaussian process or a Bayesian ridge of scikit-learn.
    It need not be right, only larger where errors are.

    References
    ----------
    H. Papadopoulos, A. Gammerman, V. Vovk, "Normalized nonconformity measures for regression conformal prediction",
    AIA 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import NormalizedResidual
    >>> NormalizedResidual().interval(np.array([[1.0, 0.5], [2.0, 1.0]]), 2.0)
    (array([0., 0.]), array([2., 4.]))
    """

    needs_std = True

    def score(self, predicted, y):
        with np.errstate(over="ignore"):  # no deviation, yet an error: infinitely far
            return np.abs(y - predicted[..., 0]) / _positive(predicted[..., 1])

    def interval(self, predicted, threshold):
        reach = _positive(predicted[..., 1]) * threshold
        return predicted[..., 0] - reach, predicted[..., 0] + reach


class QuantileResidual(IntervalScore):
    r"""Distance from an interval of predicted quantiles, which need not be symmetric: ``"quantile"``.

    .. math:: s(x, y) = \max\left(\hat q_{\text{low}}(x) - y,\ y - \hat q_{\text{high}}(x)\right)

    Conformalized quantile regression. The estimator is fitted twice more, with a quantile loss of level
    :math:`\alpha / 2` and :math:`1 - \alpha / 2`, :math:`\alpha` being 1 less the `confidence_level`. All of ours have
    such a loss, and so have `HistGradientBoostingRegressor`, `GradientBoostingRegressor` and `QuantileRegressor`.

    Notes
    -----
    Where both quantiles cross so far that the corrected interval would have no inside, it is the point between its
    ends.

    References
    ----------
    Y. Romano, E. Patterson, E. Candès, "Conformalized quantile regression", NeurIPS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import QuantileResidual
    >>> predicted = np.array([[1.0, 0.0, 3.0], [1.0, 0.0, 3.0]])
    >>> QuantileResidual().score(predicted, np.array([4.0, 1.0]))
    array([ 1., -1.])
    """

    needs_quantiles = True

    def score(self, predicted, y):
        return np.maximum(predicted[..., 1] - y, y - predicted[..., 2])

    def interval(self, predicted, threshold):
        lower, upper = predicted[..., 1] - threshold, predicted[..., 2] + threshold
        crossed = lower > upper
        if crossed.any():
            middle = (predicted[..., 1] + predicted[..., 2]) / 2
            lower, upper = np.where(crossed, middle, lower), np.where(crossed, middle, upper)
        return lower, upper


def _positive(std):
    return np.maximum(std, np.finfo(np.float64).tiny)


#: The interval scores, by name.
INTERVAL_SCORES = {
    "absolute": AbsoluteResidual,
    "normalized": NormalizedResidual,
    "quantile": QuantileResidual,
}
