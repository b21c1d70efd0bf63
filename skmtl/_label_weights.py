"""Weights as the user gives them -> arrays: of tasks, of rows or labels, of classes."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight

from ._columns import listing
from ._component import nearest
from ._observed import by_row, column, like, with_data


def by_name(given):
    """Return a pandas Series as a dict by its index, or as a list where that only counts; anything else as it is."""
    if not (hasattr(given, "iloc") and hasattr(given, "to_dict") and given.ndim == 1):
        return given
    return given.to_list() if list(given.index) == list(range(len(given))) else given.to_dict()


def static_weights(given, names):
    """Return the `task_weights` parameter as an array ``(T,)``.

    Parameters
    ----------
    given : None, array-like of length T, or dict or Series of task name to float
        A task that the dict leaves out has weight 1.
    names : list
        The tasks.
    """
    if given is None:
        return np.ones(len(names))
    values = given = by_name(given)
    if isinstance(given, Mapping):
        check_keys(given, names, "task_weights")
        values = [given.get(name, 1.0) for name in names]
    try:
        weights = np.array(values, dtype=float)  # a copy: a tensor will share its memory
    except (TypeError, ValueError):
        raise ValueError(
            f"task_weights must be numbers, as a list or a dict by task name for the tasks {listing(names)}; "
            f"got {given!r}."
        ) from None
    if weights.shape != (len(names),):
        got = f"{weights.size} weight(s)" if weights.ndim == 1 else f"an array of shape {weights.shape}"
        raise ValueError(
            f"task_weights must have one weight for each of the {len(names)} tasks {listing(names)}; got {got}."
        )
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        first = int(bad.argmax())
        raise ValueError(f"task_weights must be finite and not negative; that of {names[first]!r} is {weights[first]}.")
    if not weights.any():
        raise ValueError("task_weights are all 0: there is nothing to train. Give at least one task a weight.")
    return weights


def sample_weights(given, shape, accept_sparse=False):
    """Return `sample_weight` as an array ``(n, 1)`` or ``(n, T)``, a sparse one as CSR array.

    Parameters
    ----------
    given : array-like of shape (n,) or (n, T), or sparse array of shape (n, T)
        Not negative. Of a sparse one, what is not stored is 0.
    shape : (n, T)
        Shape of the encoded targets.
    accept_sparse : bool, default=False
        Whether it may be sparse.
    """
    if issparse(given):
        if not accept_sparse:
            raise TypeError(
                "sample_weight is sparse, but dense weights are required here: pass sample_weight.toarray()."
            )
        array = given.tocsr()
        numbers = array.data
    else:
        array = numbers = np.asarray(given)
    if array.ndim < 2:
        rows = np.empty((shape[0], 0))
        array = _check_sample_weight(given, rows, dtype=np.float64, ensure_non_negative=True).reshape(-1, 1)
        numbers = array
    elif array.shape != tuple(shape):
        raise ValueError(
            f"sample_weight has shape {array.shape}; expected ({shape[0]},), one weight a row, or {tuple(shape)}, "
            "one a label."
        )
    numbers = numbers.astype(np.float64, copy=False)
    if not np.isfinite(numbers).all() or (numbers < 0).any():
        raise ValueError("sample_weight must be finite and not negative.")
    if not numbers.any():
        raise ValueError("sample_weight must have at least one non-zero weight; all are 0.")
    return with_data(array, numbers) if issparse(array) else numbers


def label_weights(given, values):
    """Return `sample_weight` as an array ``(n, 1)``, or ``(n, T)`` in the form of the labels; None: None.

    Parameters
    ----------
    given : array-like of shape (n,) or (n, T), sparse array of shape (n, T), or None
        As for `sample_weights`.
    values : ndarray with NaN, or sparse array, of shape (n, T)
        The labels.
    """
    if given is None:
        return None
    weights = sample_weights(given, values.shape, accept_sparse=True)
    return weights if weights.shape[1] < values.shape[1] else like(by_row(values), weights)


def class_factors(given, values, names, classes):
    """Return the weight of every label by its class, ``(n, T)``, in the form of `values`.

    Parameters
    ----------
    given : "balanced", dict, or list or dict by task of these
        With one task a dict is by class; with several it is by task name.
    values : ndarray or CSR array (n, T)
        Encoded targets: class codes; NaN, or not stored, where missing.
    names : list
        The tasks.
    classes : list of ndarray or None
        Class labels of each task, None for a regression.
    """
    if issparse(values):
        values = values.tocsc()
        factors = values.copy()
        factors.data = np.ones(values.nnz)
    else:
        factors = np.ones(values.shape)
    for task, (name, weight) in enumerate(_by_task(given, names).items()):
        if weight is None or classes[task] is None:
            continue
        cells = column(values, task)
        observed = ~np.isnan(cells)
        codes = cells[observed].astype(np.intp)
        column(factors, task)[observed] = _class_table(weight, classes[task], codes, name)[codes]
    return by_row(factors)


def _by_task(given, names):
    """What is said of each task, by name."""
    if isinstance(given, str):
        return dict.fromkeys(names, given)
    if isinstance(given, Mapping):
        if len(names) == 1 and list(given) != names:
            return {names[0]: given}
        check_keys(given, names, "class_weight", " With several tasks it is a dict by task name of dicts by class.")
        return {name: given.get(name) for name in names}
    if len(given) != len(names):
        raise ValueError(f"class_weight has {len(given)} entries for the {len(names)} tasks {listing(names)}.")
    return dict(zip(names, given, strict=True))


def _class_table(weight, classes, codes, name):
    """Weight of each class of a task."""
    if isinstance(weight, Mapping):
        check_keys(weight, classes.tolist(), f"class_weight of task {name!r}", what="class")
        for label, value in weight.items():
            if not isinstance(value, Real) or not np.isfinite(value) or value < 0:
                raise ValueError(
                    f"class_weight of task {name!r} must be finite and not negative; that of class {label!r} is "
                    f"{value!r}."
                )
        if not any(weight.get(label, 1) for label in classes.tolist()):
            raise ValueError(f"class_weight gives weight 0 to all classes of task {name!r}: nothing would be learned.")
    elif weight != "balanced":
        raise ValueError(f"class_weight of task {name!r} must be 'balanced', a dict by class or None; got {weight!r}.")
    table = np.ones(len(classes))
    present = np.unique(codes)
    table[present] = compute_class_weight(
        weight if isinstance(weight, str) else dict(weight), classes=classes[present], y=classes[codes]
    )
    return table


def check_keys(given, valid, parameter, more="", what="task"):
    """Refuse a dict that names what there is not.

    Parameters
    ----------
    given : dict
    valid : list
        The names that there are.
    parameter : str
        Its name, for the error text.
    more : str, default=""
        What the error adds.
    what : str, default="task"
        What the keys name.
    """
    unknown = [key for key in given if key not in valid]
    if unknown:
        raise ValueError(
            f"{parameter} names {unknown[0]!r}, which is no {what}; there are {listing(valid)}."
            f"{nearest(unknown[0], valid)}{more}"
        )
