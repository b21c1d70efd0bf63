"""Auxiliary value: what each other task adds to the main one."""

import numpy as np
from sklearn.utils import check_random_state

from ._comparison import compare
from ._subsets import Subsets, read

#: How the comparison with no other task at all is called.
EVERY = "all of them"
_SHOWN = 20


class AuxiliaryValue:
    """What each other task adds to the main one.

    It is made by `auxiliary_value`. Values are differences of scores, which are 1 less the loss relative to that of a
    constant: R² for a regression, the same of the log loss for a classification.

    Parameters
    ----------
    main_task : str
        Name of the main task.
    auxiliary_tasks : list of length A
        Names of the others.
    score : float
        Held-out score of the main task, trained with all others.
    score_alone : float
        That by itself.
    values : ndarray of shape (A + 1,)
        What is lost without each of the others, and last without all of them; positive where they help.
    intervals : ndarray of shape (A + 1, 2)
        Confidence intervals of the values, each by itself; NaN where there are less than two folds.
    p_values : ndarray of shape (A + 1,)
        Of values that are as far from 0 if the true ones are 0, each by itself.
    confidence : float, default=0.95
        Of the intervals.

    See Also
    --------
    auxiliary_value : What makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import AuxiliaryValue
    >>> intervals, p_values = np.array([[0.05, 0.15], [0.02, 0.18]]), np.array([0.01, 0.03])
    >>> AuxiliaryValue("price", ["rent"], 0.8, 0.7, np.array([0.1, 0.1]), intervals, p_values)
    price: score 0.800 with all other tasks, 0.700 alone
    task           value       interval (95 %)  p-value
    rent         +0.1000    +0.0500 to +0.1500    0.010
    all of them  +0.1000    +0.0200 to +0.1800    0.030
    """

    def __init__(self, main_task, auxiliary_tasks, score, score_alone, values, intervals, p_values, confidence=0.95):
        self.main_task, self.auxiliary_tasks = main_task, list(auxiliary_tasks)
        self.score, self.score_alone = score, score_alone
        self.values, self.intervals, self.p_values, self.confidence = values, intervals, p_values, confidence

    def frame(self):
        """Return a row for each other task, and one for all of them.

        Returns
        -------
        frame : DataFrame
            With "value", the ends of its interval as "lower" and "upper", and "p-value". Needs pandas.
        """
        import pandas as pd

        columns = {
            "value": self.values,
            "lower": self.intervals[:, 0],
            "upper": self.intervals[:, 1],
            "p-value": self.p_values,
        }
        return pd.DataFrame(columns, index=pd.Index([*self.auxiliary_tasks, EVERY], name="without"))

    def __repr__(self):
        names = [str(name) for name in [*self.auxiliary_tasks, EVERY]]
        left = max(map(len, names))
        lines = [
            f"{self.main_task}: score {self.score:.3f} with all other tasks, {self.score_alone:.3f} alone",
            f"{'task':<{left}}  {'value':>7}  {f'interval ({100 * self.confidence:g} %)':>20}  p-value",
        ]
        order = [*np.argsort(-np.nan_to_num(self.values[:-1]), kind="stable")[:_SHOWN].tolist(), -1]
        for i in order:
            ends = "{:+.4f} to {:+.4f}".format(*self.intervals[i])
            lines.append(f"{names[i]:<{left}}  {self.values[i]:>+7.4f}  {ends:>20}  {self.p_values[i]:>7.3f}")
        if len(self.auxiliary_tasks) > _SHOWN:
            lines.append(f"[{len(self.auxiliary_tasks)} tasks; these add most]")
        return "\n".join(lines)


def auxiliary_value(
    estimator,
    X,
    y,
    *,
    main_task=None,
    sample_weight=None,
    cv=5,
    n_repeats=1,
    groups=None,
    confidence=0.95,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Measure what each other task adds to the main one, by leaving it out.

    Parameters
    ----------
    estimator : estimator
        One of this package, a pipeline or search that ends in one, or any other that `MultiTaskBlend` takes as a member
        and that learns several tasks at once.
    X : array-like, DataFrame or sparse array of shape (n, d)
        Inputs, as the estimator takes them.
    y : array-like, DataFrame or sparse array of shape (n, T)
        Targets, one column a task, of any kinds, with gaps.
    main_task : str or None, default=None
        Name of the main task; None: the `main_task` of the estimator.
    sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
        Weights of the rows, or of every label.
    cv : int, cross-validator, iterable of (train, test) or None, default=5
        Folds. An int is the number of folds of a shuffled `MultiTaskKFold`. None: the estimator's own out-of-fold
        predictions, where it makes them, else 5 folds; these have no intervals.
    n_repeats : int, default=1
        How often to go through new folds, with new seeds; more make the intervals narrower.
    groups : array-like of shape (n,), default=None
        Passed to `cv`, for splitters that keep groups together.
    confidence : float, default=0.95
        Of the intervals.
    n_jobs : int or None, default=None
        Processes that fit. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, and every `random_state` of the estimator that is None.
    verbose : int, default=0
        Whether to print a line a fit.

    Returns
    -------
    value : AuxiliaryValue
        What is lost without each of the others, with intervals.

    Raises
    ------
    ValueError, TypeError
        If the data or a parameter is not as described, or there is no main task or no other one.

    See Also
    --------
    task_affinity : What each task does for each other one, from a single fit.
    label_efficiency : What the others are worth in labels of the main task.

    Notes
    -----
    It takes T + 1 fits to each fold: with all tasks, without each of the others, and of the main task alone. Two tasks
    that say the same add little each, since the other is still there: the row for all of them says what they add
    together.

    Intervals and p-values are those of the corrected resampled t-test [1]_, which allows for the training rows that
    folds have in common. They are not corrected for the number of tasks.

    An interrupt leaves the folds that are done, with a warning.

    References
    ----------
    .. [1] Nadeau and Bengio (2003). Inference for the generalization error. Machine Learning 52.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import auxiliary_value
    >>> X = np.random.default_rng(0).normal(size=(100, 3))
    >>> Y = np.column_stack([X[:, 0], X[:, 0] + X[:, 1], X[:, 2]])
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), solver="lbfgs", tol=0.01)
    >>> value = auxiliary_value(model, X, Y, main_task="task_0", cv=3, random_state=0)
    >>> value.auxiliary_tasks, value.values.shape
    (['task_1', 'task_2'], (3,))
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1; got {confidence!r}.")
    rng = check_random_state(random_state)
    tasks = read(estimator, X, y, sample_weight, "auxiliary_value")
    main = _main(tasks, main_task)
    every = tuple(range(len(tasks.names)))
    others = [task for task in every if task != main]
    if not others:
        raise ValueError(f"auxiliary_value asks what other tasks add; y has {tasks.names[0]!r} only.")
    without = [tuple(task for task in every if task != other) for other in others] + [(main,)]
    fits = Subsets.make(tasks, X, y, cv, rng, n_repeats, groups, n_jobs, verbose)
    fits.run([every, *without], partial=True)
    means = fits.by_fold(every, main)
    lost = np.stack([fits.by_fold(group, main) - means for group in without], axis=1)
    shares = np.repeat(fits.test_shares(main)[:, None], lost.shape[1], axis=1)
    found = compare(lost, shares, confidence)
    return AuxiliaryValue(
        tasks.names[main],
        [tasks.names[task] for task in others],
        1 - fits.loss(every, main),
        1 - fits.loss((main,), main),
        found.mean,
        found.interval,
        found.p_value,
        confidence,
    )


def _main(tasks, main_task):
    name = tasks.main_task if main_task is None else main_task
    if name is None:
        raise ValueError("auxiliary_value needs to know which task the others are to help: pass main_task.")
    return tasks.position(name, "main_task")
