"""cross_val_predict: out-of-fold predictions of all tasks, from a y that nobody encodes anew."""

import numpy as np
from sklearn.utils import indexable
from sklearn.utils.validation import _num_samples

from ._folds import make_splits, run

#: Methods with a column a class, and what stands there for a class that a fold has not learned.
BY_CLASS = {"predict_proba": 0.0, "predict_log_proba": -np.inf}


def cross_val_predict(estimator, X, y, *, groups=None, cv=None, n_jobs=None, verbose=0, params=None, method="predict"):
    """Predict every row by an estimator that was fitted without it.

    As scikit-learn's function of the same name, but y is passed on as it is: with gaps, text, columns of both kinds.
    (That one encodes each column for `predict_proba`, where NaN becomes one more class and a quantity a rank.)

    Parameters
    ----------
    estimator : estimator
        Any that takes this X and y, for example one of this package, or a pipeline or search around it. It is cloned.
    X : array-like, DataFrame or sparse array of shape (n, ...)
        Inputs.
    y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
        Labels with gaps.
    groups : array-like of shape (n,), default=None
        Groups of rows, for `cv`.
    cv : int, splitter, iterable of pairs of row numbers, or None, default=None
        An int means that many folds of a `MultiTaskKFold`, None five. Each row must be in one test set.
    n_jobs : int, default=None
        Folds that are fitted at the same time. None is 1, -1 all cores.
    verbose : int, default=0
        Above 0, a line is printed for each fold.
    params : dict, default=None
        What `fit` gets beside X and y, such as ``{"sample_weight": weights}``; what has an entry a row is split, too.
    method : str, default="predict"
        The method to call: "predict", "predict_proba", "predict_log_proba", or any other with a row of output for each
        row of input, such as "transform".

    Returns
    -------
    predictions : ndarray of shape (n,) or (n, n_tasks), or list by task of ndarray
        In the form of the estimator's method: of `predict_proba` a list by task of arrays (n, n_classes), None for a
        regression. The columns are the sorted classes of all folds; a class that a fold did not learn has probability
        0 there. A task that a fold did not learn is NaN there.

    Raises
    ------
    ValueError
        If the test sets do not have each row once.
    AttributeError
        If the estimator has no such method.

    See Also
    --------
    cross_val_score_tasks : Scores by fold and task.
    skmtl.metrics.score_by_task : Scores of what is returned here.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from skmtl import MultiTaskEstimator
    >>> from skmtl.metrics import score_by_task
    >>> from skmtl.model_selection import cross_val_predict
    >>> data = load_iris(as_frame=True)
    >>> X, Y = data.data.iloc[:, :3], data.data[["petal width (cm)"]].assign(kind=data.target_names[data.target])
    >>> Y.loc[::3, "kind"] = None
    >>> model = MultiTaskEstimator(preset="mlp", hidden_layer_sizes=8, solver="lbfgs", tol=0.1, random_state=0)
    >>> width, kind = cross_val_predict(model, X, Y, cv=3, method="predict_proba")
    >>> width is None, kind.shape
    (True, (150, 3))
    >>> score_by_task(Y, [width, kind], "roc_auc")
    {'kind': 0.9...}
    """
    X, y, groups = indexable(X, y, groups)
    splits, n = make_splits(cv, estimator, X, y, groups), _num_samples(X)
    order = np.concatenate([test for _, test in splits])
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise ValueError(
            f"cross_val_predict needs each of the {n} rows in one test set; those of cv={cv!r} have {len(order)} rows, "
            f"{len(np.unique(order))} different ones. Take a MultiTaskKFold or another splitter of folds."
        )
    found = run(
        _Call(method), estimator, X, y, splits, params, n_jobs=n_jobs, verbose=verbose, owner="cross_val_predict"
    )
    outputs, classes = zip(*found, strict=True)
    sizes, back = [len(test) for _, test in splits], np.argsort(order)
    if not isinstance(outputs[0], (list, tuple)):
        return _joined(outputs, classes, sizes, method)[back]
    by_task = []
    for j in range(len(outputs[0])):
        own = [None if c is None else c[j] for c in classes]
        joined = _joined([output[j] for output in outputs], own, sizes, method)
        by_task.append(None if joined is None else joined[back])
    return by_task


class _Call:
    """Calls a method of a fitted estimator."""

    def __init__(self, method):
        self.method = method

    def __call__(self, estimator, X, y, fit_time):
        return getattr(estimator, self.method)(X), getattr(estimator, "classes_", None)


def _joined(parts, classes, sizes, method):
    """Return the outputs of all folds one after the other; None where no fold has any."""
    if all(part is None for part in parts):
        return None
    if method in BY_CLASS:
        known = np.unique(np.concatenate([c for c, part in zip(classes, parts, strict=True) if part is not None]))
        rows = zip(parts, classes, sizes, strict=True)
        parts = [_with_all(part, own, known, size, BY_CLASS[method]) for part, own, size in rows]
    return np.concatenate(parts)


def _with_all(part, own, known, size, absent):
    """Return one fold's probabilities with a column for each class that is known."""
    if part is None:
        return np.full((size, len(known)), np.nan)
    if len(own) == len(known):
        return part
    wider = np.full((len(part), len(known)), absent)
    wider[:, np.searchsorted(known, own)] = part
    return wider
