"""Splitters for a y with several tasks and missing labels: the `cv=` that stratifies over all of them."""

import warnings
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state

from .._columns import read_columns
from .._observed import column
from .._stratify import assign_folds, split_off
from .._targets import asked_kinds

# A column of whole numbers is one of classes if it has no more than this many, or each ten times on average.
FEW_CLASSES = 20


class MultiTaskKFold(BaseCrossValidator):
    """K-fold cross-validator that stratifies over several partly observed tasks.

    Every fold gets its share of each class of each classification task, of each range of each regression task's
    labels, and of each task's number of labels. It takes the y that scikit-learn's own ``cv=5`` refuses for a
    classifier: NaN, several columns of classes, mixed kinds.

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
    in every fold, save for rare cases in which its rows are those of other rare classes too.

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
        groups : object
            Always ignored, exists for API compatibility.

        Yields
        ------
        train : ndarray of int
            The training rows of that split, sorted.
        test : ndarray of int
            The test rows of that split, sorted.

        Raises
        ------
        ValueError
            If y is None or has another number of rows than X, or if there are fewer rows than folds.

        Warns
        -----
        UserWarning
            If a task or a class has fewer labels than there are folds, so that some folds lack it.
        """
        _check_n_splits(self, at_least=2)
        if not self.shuffle and self.random_state is not None:
            raise ValueError(
                f"random_state={self.random_state!r} has no effect with shuffle=False: set shuffle=True, or leave "
                "random_state at None."
            )
        values, kinds, scarce = _read(self, X, y, groups, enough=self.n_splits)
        n = values.shape[0]
        if self.n_splits > n:
            raise ValueError(f"Cannot have n_splits={self.n_splits} greater than the number of samples: n_samples={n}.")
        _warn_if_scarce(scarce, f"fewer labels than n_splits={self.n_splits}, so some folds lack")
        rng = check_random_state(self.random_state) if self.shuffle else None
        folds = assign_folds(values, kinds, self.n_splits, rng)
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
    """Random splits that stratify over several partly observed tasks.

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
    The sizes can be off by a few rows in small data where every other row holds the last label of a class.

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
        groups : object
            Always ignored, exists for API compatibility.

        Yields
        ------
        train : ndarray of int
            The training rows of that split, sorted.
        test : ndarray of int
            The test rows of that split, sorted.

        Raises
        ------
        ValueError
            If y is None or has another number of rows than X, or if the sizes leave a part without rows.

        Warns
        -----
        UserWarning
            If a task or a class has fewer than two labels, so that no test set has it.
        """
        _check_n_splits(self, at_least=1)
        values, kinds, scarce = _read(self, X, y, groups, enough=2)
        sizes = ShuffleSplit(1, test_size=self.test_size, train_size=self.train_size, random_state=0)
        sizes = [len(rows) for rows in next(sizes.split(values))]
        _warn_if_scarce(scarce, "fewer than two labels, so training or test rows lack")
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            yield split_off(values, kinds, sizes, rng)


def _check_n_splits(splitter, at_least):
    n_splits = splitter.n_splits
    if not isinstance(n_splits, Integral) or isinstance(n_splits, bool) or n_splits < at_least:
        raise ValueError(
            f"The 'n_splits' parameter of {type(splitter).__name__} must be an integer of at least {at_least}; "
            f"got {n_splits!r}."
        )


def _read(splitter, X, y, groups, enough):
    """Return y as codes and numbers (n, T), with NaN or sparse, the kinds, and the names of what has too few labels.

    Unlike an estimator it takes a task without labels or with one class: there is nothing to balance then.
    """
    owner = type(splitter).__name__
    if groups is not None:
        warnings.warn(f"The groups parameter is ignored by {owner}.", UserWarning, stacklevel=3)
    if y is None:
        raise ValueError(f"{owner} balances the labels of y, but y is None: pass y, or use KFold or ShuffleSplit.")
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    columns = read_columns(y, owner=owner, missing_label=splitter.missing_label, n_rows=n_rows, accept_sparse=True)
    kinds = asked_kinds(splitter.tasks, columns.names, owner)
    values, scarce = columns.values.copy(), {}
    for j, name in enumerate(columns.names):
        cells = column(values, j)
        observed = ~np.isnan(cells)
        labels, codes, counts = np.unique(cells[observed], return_inverse=True, return_counts=True)
        if kinds[j] == "auto":
            kinds[j] = "classification" if j in columns.labels or _are_classes(labels, len(codes)) else "regression"
        if len(codes) < enough:
            scarce[f"task {name!r}"] = len(codes)
        elif kinds[j] == "classification":
            labels = columns.labels.get(j, labels.astype(columns.dtypes[j])).tolist()
            few = ((label, n) for label, n in zip(labels, counts.tolist(), strict=True) if n < enough)
            scarce.update((f"class {label!r} of task {name!r}", n) for label, n in few)
        if kinds[j] == "classification":
            cells[observed] = codes
    return values, kinds, scarce


def _are_classes(labels, n_labels):
    whole = (labels == np.rint(labels)).all()
    return whole and (len(labels) <= FEW_CLASSES or 10 * len(labels) <= n_labels)


def _warn_if_scarce(scarce, text):
    if scarce:
        items = [f"{name} ({n} label{'s' * (n != 1)})" for name, n in scarce.items()]
        more = f" and {len(items) - 5} more" if len(items) > 5 else ""
        warnings.warn(f"y has {text} {', '.join(items[:5])}{more}.", UserWarning, stacklevel=3)
