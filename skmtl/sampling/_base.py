"""Samplings: which labels a row has -> how often it is drawn, and in which order."""

import numpy as np
import torch

from .._component import Component


class Sampling(Component):
    r"""Base class of the samplings.

    A sampling gives each row the probability :math:`p_i` of being the next one drawn; a subclass writes
    `probabilities`. An epoch has as many draws as there are rows, n. They are systematic: each row is drawn
    :math:`n p_i` times, rounded up or down, and rows with labels of the same tasks share what rounding leaves over, so
    that an epoch has the expected number of them all, up to one. All this is as quick as to shuffle the rows, and
    copies nothing of X.

    So that every task's loss stays, in expectation, the mean over its labels, a label of a row that is drawn more often
    counts less: `factor`, :math:`1 / (n p_i)`, multiplies the weights of its labels. What is sampled changes how often,
    and how noisily, a task is seen; what it weighs is the matter of `task_weights` and of the weighting.

    Attributes
    ----------
    n_rows : int
        Number of rows; set by `initialize`.
    factor : ndarray (n_rows,) or None
        What to multiply the weights of a row's labels by; 0 for a row that is never drawn. None: all are 1, and an
        epoch is a permutation of the rows.

    Examples
    --------
    A sampling needs no more than its probabilities. This one draws a row as often as it has labels:

    >>> import numpy as np
    >>> from skmtl.sampling import Sampling
    >>> class ByLabels(Sampling):
    ...     def probabilities(self, observed):
    ...         return observed.sum(axis=1) / observed.sum()
    >>> sampling = ByLabels().initialize(np.array([[True, True], [True, False], [True, False]]))
    >>> sampling.factor
    array([0.6666..., 1.3333..., 1.3333...])
    >>> sampling.order(seed=0)
    array([0, 2, 1])
    """

    factor = None

    def initialize(self, observed):
        """Set the probabilities of the rows.

        Parameters
        ----------
        observed : ndarray or CSR array of bool (n, T)
            Which labels there are. A view made by ``np.broadcast_to(True, (n, T))`` will do where all are.

        Returns
        -------
        self : Sampling
        """
        self._validate_params()
        self.n_rows = observed.shape[0]
        self.factor = self._expected = self._stratum = None
        p = self.probabilities(observed)
        if p is None or np.ptp(p) <= 1e-9 * p.max():
            return self
        self._expected = p * (self.n_rows / p.sum())
        self.factor = np.divide(1.0, self._expected, out=np.zeros(self.n_rows), where=p > 0)
        # Rows with labels of one task each: a stratum is a task. Else about as good.
        _, like = np.unique(p, return_inverse=True)
        first = np.asarray(observed.argmax(axis=1)).ravel()  # of a sparse array a column, before SciPy 1.15
        self._stratum = like * observed.shape[1] + first
        return self

    def probabilities(self, observed):
        """Return the probability of each row to be the next one drawn.

        Parameters
        ----------
        observed : ndarray of bool (n, T)
            Which labels there are; a CSR array where y is sparse.

        Returns
        -------
        probabilities : ndarray (n,) or None
            Not negative; they need not sum to 1. None: all are equal.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement probabilities(observed).")

    def order(self, seed):
        """Return the rows of an epoch, in the order in which they are drawn.

        Parameters
        ----------
        seed : int
            Of the epoch: the same seed gives the same rows.

        Returns
        -------
        order : ndarray (n,) of int64
        """
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(self.n_rows, generator=generator).numpy()
        if self._expected is None:
            return order
        # Which rows of a stratum are drawn once more than others is at random, thus ...
        shuffled = torch.randperm(self.n_rows, generator=generator).numpy()
        by_stratum = shuffled[np.argsort(self._stratum[shuffled], kind="stable")]
        offset = torch.rand((), generator=generator, dtype=torch.float64).item()
        return by_stratum[_systematic(self._expected[by_stratum], offset)][order]


def _systematic(expected, offset):
    """Draw positions, each as often as expected, rounded up or down; one that is not expected is not drawn.

    The expected numbers lie end to end on a line, where every point at a whole distance from the offset is a draw.
    """
    ends = np.cumsum(expected)
    ends = ends / ends[-1] * len(expected)  # whole at the end, to the last digit
    drawn = np.ceil(ends - offset).astype(np.int64)
    return np.repeat(np.arange(len(expected)), np.diff(drawn, prepend=0))
