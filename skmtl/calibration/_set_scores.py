"""Set scores: how ill each class fits the predicted probabilities."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from .._component import Component

#: Probabilities that differ by less are the same to the draw of a row.
_DIGITS = 2**30


class SetScore(Component):
    """Base class of the scores that make sets of classes: how ill a class fits, the larger the worse.

    To write one, implement `scores`, and pass an instance as ``set_score=`` to `MultiTaskConformal`.

    Examples
    --------
    The margin by which a class is behind the best of the others:

    >>> import numpy as np
    >>> from skmtl.calibration import SetScore
    >>> class Margin(SetScore):
    ...     def scores(self, probabilities, seed=0):
    ...         ordered = np.sort(probabilities, axis=1)
    ...         is_best = probabilities == ordered[:, -1:]
    ...         return np.where(is_best, ordered[:, -2:-1], ordered[:, -1:]) - probabilities
    >>> Margin().scores(np.array([[0.5, 0.3, 0.2]]))
    array([[-0.2,  0.2,  0.3]])
    """

    def scores(self, probabilities, seed=0):
        """Return the score of each class.

        Parameters
        ----------
        probabilities : ndarray of shape (n, n_classes)
            As predicted.
        seed : int, default=0
            What anything random is drawn from; the score of a row must not depend on the other rows.

        Returns
        -------
        scores : ndarray of shape (n, n_classes)
            The larger, the worse the class fits.
        """
        raise NotImplementedError


class LAC(SetScore):
    r"""One less the probability of the class: ``"lac"``.

    .. math:: s(x, y) = 1 - \hat p_y(x)

    Least ambiguous set-valued classifier: no other sets are smaller on average if the probabilities are right. Rows
    that are hard are covered less often than rows that are easy.

    See Also
    --------
    APS : Sets that adapt to how hard a row is.

    References
    ----------
    M. Sadinle, J. Lei, L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", Journal of the
    American Statistical Association 114, 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import LAC
    >>> LAC().scores(np.array([[0.5, 0.25, 0.25]]))
    array([[0.5 , 0.75, 0.75]])
    """

    def scores(self, probabilities, seed=0):
        return 1.0 - probabilities


class RAPS(SetScore):
    r"""Adaptive sets, of which large ones are discouraged: ``"raps"``.

    .. math:: s(x, y) = \sum_{j=1}^{r} \hat p_{(j)}(x) - u\, \hat p_{(r)}(x) + \lambda \max(0,\ r - k)

    with the classes in the order of their probabilities, of which y is the r-th, a number :math:`u` between 0 and 1,
    a penalty :math:`\lambda` and the size :math:`k` from which on it counts.

    Parameters
    ----------
    penalty : float, default=0.05
        What each further class adds to the score.
    n_free : int, default=2
        Classes that cost nothing.
    randomized : bool, default=True
        Whether u is random. Else it is 0, by which the last class always scores 1: sets are too large then where
        classes are few.

    Notes
    -----
    The papers draw u anew for every row. Here it follows from the probabilities and the seed, by a hash: the set of a
    row is then the same whenever and with whatever other rows it is predicted. That scores are exchangeable, which is
    all that coverage needs, holds for any function of the row.

    The paper chooses penalty and k by the data; the defaults here are ours.

    References
    ----------
    A. N. Angelopoulos, S. Bates, M. Jordan, J. Malik, "Uncertainty sets for image classifiers using conformal
    prediction", ICLR 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import RAPS
    >>> score = RAPS(penalty=0.125, n_free=1, randomized=False)
    >>> score.scores(np.array([[0.5, 0.25, 0.25]]))
    array([[0.5  , 0.875, 1.25 ]])
    """

    _parameter_constraints = {
        "penalty": [Interval(Real, 0, None, closed="left")],
        "n_free": [Interval(Integral, 0, None, closed="left")],
        "randomized": ["boolean"],
    }

    def __init__(self, penalty=0.05, n_free=2, randomized=True):
        self.penalty = penalty
        self.n_free = n_free
        self.randomized = randomized

    def scores(self, probabilities, seed=0):
        scores = _ordered_mass(probabilities, self.randomized, seed)
        return scores + self.penalty * np.maximum(0, _ranks(probabilities) - self.n_free)


class APS(SetScore):
    r"""Probability of all classes from the first down to the one in question: ``"aps"``.

    .. math:: s(x, y) = \sum_{j=1}^{r} \hat p_{(j)}(x) - u\, \hat p_{(r)}(x)

    with the classes in the order of their probabilities, of which y is the r-th, and a number :math:`u` between 0 and
    1. Adaptive prediction sets are larger where the row is hard, and cover easy and hard rows more alike than `LAC`.

    Parameters
    ----------
    randomized : bool, default=True
        Whether u is random, see `RAPS`. Else it is 0.

    See Also
    --------
    LAC : The smallest sets on average.
    RAPS : With a penalty on large sets.

    References
    ----------
    Y. Romano, M. Sesia, E. Candès, "Classification with valid and adaptive coverage", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.calibration import APS
    >>> APS(randomized=False).scores(np.array([[0.25, 0.5, 0.25]]))
    array([[0.75, 0.5 , 1.  ]])
    """

    _parameter_constraints = {"randomized": ["boolean"]}

    def __init__(self, randomized=True):
        self.randomized = randomized

    def scores(self, probabilities, seed=0):
        return _ordered_mass(probabilities, self.randomized, seed)


def _order(probabilities):
    return np.argsort(-probabilities, axis=1, kind="stable")


def _ranks(probabilities):
    """Ranks of the classes, from 1 for the most probable one."""
    return np.argsort(_order(probabilities), axis=1, kind="stable") + 1


def _ordered_mass(probabilities, randomized, seed):
    order = _order(probabilities)
    ordered = np.take_along_axis(probabilities, order, axis=1)
    mass = np.cumsum(ordered, axis=1)
    if randomized:
        mass -= _draws(probabilities, seed)[:, None] * ordered
    scores = np.empty_like(mass)
    np.put_along_axis(scores, order, mass, axis=1)
    return scores


def _draws(probabilities, seed):
    """Numbers between 0 and 1 (n,), by a hash of each row: the finaliser of MurmurHash3, class by class."""
    state = np.full(len(probabilities), seed, dtype=np.uint64)
    for column in np.rint(probabilities.T * _DIGITS).astype(np.uint64):
        state = _mixed(state + column + np.uint64(0x9E3779B97F4A7C15))
    return (state >> np.uint64(11)) / 2.0**53


def _mixed(state):
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        state = (state ^ (state >> np.uint64(33))) * np.uint64(factor)
    return state ^ (state >> np.uint64(33))


#: The set scores, by name.
SET_SCORES = {"lac": LAC, "aps": APS, "raps": RAPS}
