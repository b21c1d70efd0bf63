"""Splitters for a y with several tasks and missing labels: the `cv=` that stratifies over all of them."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state

from .._stratify import assign_folds, split_off
from ._coded import Coded, warn_of
from ._groups import assign_group_folds, group_codes, split_groups


class MultiTaskKFold(BaseCrossValidator):
    """K-fold cross-validator that stratifies over several partly observed tasks, and keeps groups together.

    Every fold gets its share of each class of each classification task, of each range of each regression task's
    labels, and of each task's number of labels. It takes the y that scikit-learn's own ``cv=5`` refuses for a
    classifier: NaN, several columns of classes, mixed kinds. With `groups` the rows of a group are in one fold.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        How a column is balanced: by class, or by up to five equally frequent ranges of its labels. "auto" goes by
        class where a column holds text, bools, or whole numbers that are at most 20 different ones or occur ten times
        each on average.
    shuffle : bool, default=False
        Whether the rows of a class or range are shuffled before they are dealt to the folds. Without, the same y
        always gives the same folds.
    random_state : int, RandomState instance or None, default=None
        What `shuffle` uses. Pass an int for the same folds in every call.
    missing_label : scalar, default=np.nan
        What stands for a missing label in y, besides NaN, None and pd.NA.

    See Also
    --------
    MultiTaskShuffleSplit : Random splits of a chosen size.
    sklearn.model_selection.StratifiedKFold : The same for one complete column of classes.

    Notes
    -----
    The rarest class or range is dealt first, each time to the folds that lack it most, as in [1]_; here all of its
    rows at once, in an order in which rows with the same other labels follow each other. Fold sizes differ by one row
    unless a fold would lose its last label of a class by that. A class or a task with at least `n_splits` labels is
    in every fold, save for rare cases in which its rows are those of other rare classes too; a warning names it then.

    Groups are taken whole, the one that has the largest share of any class or range first, each to the fold that its
    labels suit best. Fold sizes are then as equal as the groups allow.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas and I. Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskKFold
    >>> X = np.arange(12).reshape(6, 2)
    >>> y = np.array([[0, 0.5], [1, np.nan], [0, 1.5], [np.nan, 2.5], [1, np.nan], [np.nan, 0.1]])
    >>> cv = MultiTaskKFold(n_splits=2)
    >>> for train, test in cv.split(X, y):
    ...     print(test, (~np.isnan(y[test])).sum(axis=0))
    [2 3 4] [2 2]
    [0 1 5] [2 2]
    """

    #: For metadata routing: `split` takes groups where they are passed.
    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits=5, *, tasks="auto", shuffle=False, random_state=None, missing_label=np.nan):
        self.n_splits = n_splits
        self.tasks = tasks
        self.shuffle = shuffle
        self.random_state = random_state
        self.missing_label = missing_label

    def split(self, X, y=None, groups=None):
        """Generate the indices of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only its number of rows is used.
        y : array-like, dataframe or sparse array of shape (n_samples,) or (n_samples, n_tasks)
            The labels, a column a task, with gaps; of a sparse array, what is stored.
        groups : array-like of shape (n_samples,), default=None
            Groups of rows that stay together, such as the rows of one person: none has rows on both sides of a split.

        Yields
        ------
        train : ndarray of int
            The training rows of that split, sorted.
        test : ndarray of int
            The test rows of that split, sorted.

        Raises
        ------
        ValueError
            If y is None or has another number of rows than X, or if there are fewer rows, or groups, than folds.

        Warns
        -----
        UserWarning
            If a task or a class has labels in fewer rows, or groups, than there are folds, or for another reason is
            not in every fold. The warning names it.
        """
        _check_n_splits(self, at_least=2)
        if not self.shuffle and self.random_state is not None:
            raise ValueError(
                f"random_state={self.random_state!r} has no effect with shuffle=False: set shuffle=True, or leave "
                "random_state at None."
            )
        coded, groups, n_units = _read(self, X, y, groups)
        if self.n_splits > n_units:
            what = "samples: n_samples" if groups is None else "groups: n_groups"
            raise ValueError(f"Cannot have n_splits={self.n_splits} greater than the number of {what}={n_units}.")
        scarce = coded.scarce(self.n_splits, groups)
        few = "fewer labels" if groups is None else "labels in fewer groups"
        warn_of(scarce, f"y has {few} than n_splits={self.n_splits}, so some folds lack", grouped=groups is not None)
        rng = check_random_state(self.random_state) if self.shuffle else None
        if groups is None:
            folds = assign_folds(coded.values, coded.kinds, self.n_splits, rng)
        else:
            folds = assign_group_folds(coded.values, coded.kinds, groups, self.n_splits, rng)
        spread = coded.spread(folds, self.n_splits, scarce)
        lost = {name: counts.sum() for name, _, counts in spread if not counts.all()}
        text = f"y has fewer labels than n_splits={self.n_splits} folds need where rows have several rare ones"
        warn_of(lost, f"{text}, so some folds lack")
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object
            Always ignored, exist for API compatibility.

        Returns
        -------
        n_splits : int
            The number of folds.
        """
        return self.n_splits


class MultiTaskShuffleSplit(BaseShuffleSplit):
    """Random splits that stratify over several partly observed tasks, and keep groups together.

    Each split is drawn anew; training and test rows both get their share of each class of each classification task
    and of each range of each regression task's labels. Every class that has a label keeps one in the training rows,
    and every task with two labels or more has one in the test rows where training can spare it.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        How a column is balanced, as in `MultiTaskKFold`.
    test_size : float or int, default=None
        Share or number of test rows. None is what `train_size` leaves, or 0.1 where that is None too.
    train_size : float or int, default=None
        Share or number of training rows. None is what `test_size` leaves.
    random_state : int, RandomState instance or None, default=None
        Pass an int for the same splits in every call.
    missing_label : scalar, default=np.nan
        What stands for a missing label in y, besides NaN, None and pd.NA.

    See Also
    --------
    MultiTaskKFold : Folds that cover all rows once.
    sklearn.model_selection.StratifiedShuffleSplit : The same for one complete column of classes.

    Notes
    -----
    The sizes can be off by a few rows in small data where every other row holds the last label of a class. With groups
    they are shares of the rows, and as near as the groups allow.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.model_selection import MultiTaskShuffleSplit
    >>> X = np.zeros((100, 1))
    >>> y = np.full((100, 2), np.nan)
    >>> y[:60, 0] = np.arange(60) % 10 == 0
    >>> y[50:, 1] = np.linspace(0, 1, 50)
    >>> train, test = next(MultiTaskShuffleSplit(test_size=0.5, random_state=0).split(X, y))
    >>> [int(np.nansum(y[rows, 0])) for rows in (train, test)]
    [3, 3]
    """

    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits=10,
        *,
        tasks="auto",
        test_size=None,
        train_size=None,
        random_state=None,
        missing_label=np.nan,
    ):
        super().__init__(n_splits, test_size=test_size, train_size=train_size, random_state=random_state)
        self.tasks = tasks
        self.missing_label = missing_label

    def split(self, X, y=None, groups=None):
        """Generate the indices of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only its number of rows is used.
        y : array-like, dataframe or sparse array of shape (n_samples,) or (n_samples, n_tasks)
            The labels, a column a task, with gaps; of a sparse array, what is stored.
        groups : array-like of shape (n_samples,), default=None
            Groups of rows that stay together, such as the rows of one person: none has rows on both sides of a split.

        Yields
        ------
        train : ndarray of int
            The training rows of that split, sorted.
        test : ndarray of int
            The test rows of that split, sorted.

        Raises
        ------
        ValueError
            If y is None or has another number of rows than X, or if the sizes leave a part without rows, or all rows
            are in one group.

        Warns
        -----
        UserWarning
            If a task or a class has labels in fewer than two rows, or groups, or for another reason training rows lack
            a class or test rows a task. The warning names it.
        """
        _check_n_splits(self, at_least=1)
        coded, groups, n_units = _read(self, X, y, groups)
        if groups is not None and n_units < 2:
            raise ValueError("groups has one group only, which cannot be in training and test rows both.")
        sizes = ShuffleSplit(1, test_size=self.test_size, train_size=self.train_size, random_state=0)
        sizes = [len(rows) for rows in next(sizes.split(coded.values))]
        known = coded.scarce(2, groups)
        few = "fewer than two labels" if groups is None else "labels in fewer than two groups"
        warn_of(known, f"y has {few}, so training or test rows lack", grouped=groups is not None)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            if groups is None:
                train, test = split_off(coded.values, coded.kinds, sizes, rng)
            else:
                train, test = split_groups(coded.values, coded.kinds, groups, sizes, rng)
            part = np.full(coded.n_rows, -1)
            part[train], part[test] = 0, 1
            # Training needs every class, a test set every task.
            spread = coded.spread(part, 2, known)
            lost = {name: a + b for name, is_class, (a, b) in spread if not (a and (b or is_class))}
            warn_of(
                lost, "y has fewer labels than both parts need where rows have several rare ones; one of them lacks"
            )
            known |= lost  # said once
            yield train, test


def _check_n_splits(splitter, at_least):
    n_splits = splitter.n_splits
    if not isinstance(n_splits, Integral) or isinstance(n_splits, bool) or n_splits < at_least:
        raise ValueError(
            f"The 'n_splits' parameter of {type(splitter).__name__} must be an integer of at least {at_least}; "
            f"got {n_splits!r}."
        )


def _read(splitter, X, y, groups):
    """Return y as codes, the groups as numbers, or None, and how many groups there are, or rows."""
    coded = Coded.of(splitter, X, y)
    if groups is None:
        return coded, None, coded.n_rows
    return coded, *group_codes(groups, coded.n_rows)
