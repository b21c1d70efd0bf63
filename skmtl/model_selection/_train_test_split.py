"""train_test_split: one random split, stratified over the labels of all tasks."""

import numpy as np
from sklearn.utils import _safe_indexing, indexable

from ._split import MultiTaskShuffleSplit


def train_test_split(
    *arrays,
    test_size=None,
    train_size=None,
    random_state=None,
    stratify=None,
    groups=None,
    tasks="auto",
    missing_label=np.nan,
):
    """Split arrays into training and test rows, stratified over several partly observed tasks.

    It is called as scikit-learn's function of the same name. Both parts get their share of each class and of each range
    of each task's labels; every class that has a label has one in the training rows.

    Parameters
    ----------
    *arrays : array-like, DataFrame or sparse array, each with n rows
        What to split: mostly X and y, then whatever else there is of each row, such as weights.
    test_size : float or int, default=None
        Share or number of test rows. None is what `train_size` leaves, or 0.25 where that is None too.
    train_size : float or int, default=None
        Share or number of training rows. None is what `test_size` leaves.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same split in every call.
    stratify : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks), default=None
        The labels to go by, a column a task, with gaps. None: the second of the arrays, which is y by custom, or the
        only one.
    groups : array-like of shape (n,), default=None
        Groups of rows that stay together.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        How a column is balanced, as in `MultiTaskKFold`.
    missing_label : scalar, default=np.nan
        What stands for a missing label, besides NaN, None and pd.NA.

    Returns
    -------
    parts : list of length 2 * len(arrays)
        Training and test rows of each array, in the type that it has.

    Raises
    ------
    ValueError
        If there is no array, their rows differ, or the sizes leave a part without rows.

    Warns
    -----
    UserWarning
        If a task or a class has too few labels for both parts. The warning names it.

    See Also
    --------
    MultiTaskShuffleSplit : Many such splits.
    sklearn.model_selection.train_test_split : The same for one complete column of classes, or at random.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import train_test_split
    >>> X = np.arange(40).reshape(20, 2)
    >>> y = np.full((20, 2), np.nan)
    >>> y[:12, 0] = np.arange(12) % 6 == 0
    >>> y[10:, 1] = np.linspace(0.5, 1.5, 10)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    >>> [int(np.nansum(part[:, 0])) for part in (y_train, y_test)]
    [1, 1]
    """
    if not arrays:
        raise ValueError("train_test_split needs at least one array to split.")
    arrays = indexable(*arrays)
    y = arrays[min(1, len(arrays) - 1)] if stratify is None else stratify
    if test_size is None and train_size is None:
        test_size = 0.25
    splitter = MultiTaskShuffleSplit(
        1,
        tasks=tasks,
        test_size=test_size,
        train_size=train_size,
        random_state=random_state,
        missing_label=missing_label,
    )
    sides = next(splitter.split(arrays[0], y, groups))
    return [_safe_indexing(array, rows) for array in arrays for rows in sides]
