"""Tasks: one with few labels is seen as often as one with many, or in between."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from ._base import Sampling


class TaskSampling(Sampling):
    r"""Rows by the tasks whose labels they have: ``"tasks"``.

    A draw is of task t with probability :math:`q_t \propto n_t^a`, where :math:`n_t` is its number of labels, and then
    of one of the rows with a label of t:

    .. math:: p_i = \sum_{t \text{ observed in } i} \frac{q_t}{n_t}

    With a power a of 0 every task is drawn as often; with 1/2, ``"sqrt"``, it is in between [1]_; with 1 a row
    is drawn as often as it has labels.

    Parameters
    ----------
    power : float, default=0.0
        The power a, between 0 and 1.

    See Also
    --------
    SqrtSampling : Power 1/2.
    RowSampling : Each row once.

    Notes
    -----
    A row counts with the labels of all its tasks, whichever it was drawn for. Where every row has a label of every task
    this is `RowSampling`. Rows without a label are never drawn. A task of a single label in a thousand rows with ten
    tasks has that row drawn a hundred times an epoch: it is seen more often, and learned by heart as soon.

    Each task's loss remains the mean over its labels, as `Sampling` says, so a rare task does not gain weight: it is in
    more of the batches, with as much less in each. Its gradient is less noisy for that, those of common tasks more so;
    and an aggregator, which sees a task only in batches that have it, sees it more often.

    References
    ----------
    .. [1] Stickland and Murray (2019). BERT and PALs: projected attention layers for efficient adaptation in multi-task
       learning. ICML.

    Examples
    --------
    The second task has one label in four rows. Its row is drawn half of the time, and weighs half as much:

    >>> import numpy as np
    >>> from skmtl.sampling import TaskSampling
    >>> observed = np.array([[True, False], [True, False], [True, False], [False, True]])
    >>> sampling = TaskSampling().initialize(observed)
    >>> int((sampling.order(seed=0) == 3).sum())
    2
    >>> sampling.factor
    array([1.5, 1.5, 1.5, 0.5])
    """

    _parameter_constraints = {"power": [Interval(Real, 0, 1, closed="both")]}

    def __init__(self, power=0.0):
        self.power = power

    def probabilities(self, observed):
        counts = observed.sum(axis=0)
        share = np.zeros(len(counts))
        seen = counts > 0
        share[seen] = counts[seen] ** float(self.power)
        per_label = np.divide(share / max(share.sum(), 1.0), counts, out=np.zeros(len(counts)), where=seen)
        rows, tasks = observed.nonzero()
        return np.bincount(rows, weights=per_label[tasks], minlength=observed.shape[0])


class SqrtSampling(TaskSampling):
    """Rows by tasks, each by the square root of its number of labels: ``"sqrt"``.

    This is ``TaskSampling(power=0.5)``.

    See Also
    --------
    TaskSampling : Any power.

    References
    ----------
    Stickland and Murray (2019). BERT and PALs: projected attention layers for efficient adaptation in multi-task
    learning. ICML.

    Examples
    --------
    Of 82 rows one has a label of the second task: one in ten draws is that row.

    >>> import numpy as np
    >>> from skmtl.sampling import SqrtSampling
    >>> observed = np.zeros((82, 2), dtype=bool)
    >>> observed[:81, 0] = observed[81:, 1] = True
    >>> order = SqrtSampling().initialize(observed).order(seed=0)
    >>> int((order == 81).sum())
    8
    """

    power = 0.5

    def __init__(self):
        pass
