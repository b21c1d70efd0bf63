"""Kinds of the tasks: what the user says of each column of y, and else what its labels look like."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import issparse

from ._columns import listing
from ._component import nearest
from ._observed import column

KINDS = ("regression", "classification", "auto")


def per_task(value, names, parameter, owner):
    """List by task of what a list or a dict by name says; None for a name that the dict lacks."""
    if isinstance(value, Mapping):
        for name in value:
            if name not in names:
                raise ValueError(
                    f"The {parameter!r} parameter of {owner} names {name!r}, which is no task: the columns of y are "
                    f"{listing(names)}.{nearest(name, names)}"
                )
        return [value.get(name) for name in names]
    if not isinstance(value, (list, tuple, np.ndarray)) or len(value) != len(names):
        got = f"of length {len(value)}" if isinstance(value, (list, tuple, np.ndarray)) else f"{value!r}"
        raise ValueError(
            f"The {parameter!r} parameter of {owner} needs one entry for each of the {len(names)} task(s) "
            f"{listing(names)}, as a list or as a dict by task name; got {got}."
        )
    return list(value)


def asked_kinds(tasks, names, owner):
    """List of "regression", "classification" or "auto" by task."""
    kinds = [tasks] * len(names) if isinstance(tasks, str) else per_task(tasks, names, "tasks", owner)
    kinds = ["auto" if kind is None else kind for kind in kinds]
    for name, kind in zip(names, kinds, strict=True):
        if kind not in KINDS:
            raise ValueError(
                f"The 'tasks' parameter of {owner} got {kind!r} for task {name!r}, which is not one of {list(KINDS)}."
                f"{nearest(kind, KINDS)}"
            )
    return kinds


def settle_kinds(read, asked, given):
    """Kind of each task: what was asked, else what its labels look like."""
    kinds = ["classification" if k == "auto" and c is not None else k for k, c in zip(asked, given, strict=True)]
    fractional = np.zeros(len(kinds), dtype=bool)
    looked_at = needs_whole(read, kinds)
    if looked_at.any():
        fractional[looked_at] = _has_fraction(read.values if looked_at.all() else read.values[:, looked_at])
    for j, kind in enumerate(kinds):
        if kind == "auto":
            kinds[j] = "regression" if fractional[j] else "classification"
        elif kind == "classification" and fractional[j]:
            check_whole(column(read.values, j), read.names[j])
        elif kind == "regression" and given[j] is not None:
            raise ValueError(
                f"Task {read.names[j]!r} is a regression and has no classes; got {given[j].tolist()}. Pass None for "
                "it in the classes parameter."
            )
    return kinds


def needs_whole(read, kinds):
    """Mask of the columns of floats that are, or may be, class labels."""
    return np.array(
        [kind != "regression" and read.dtypes[j].kind == "f" and j not in read.labels for j, kind in enumerate(kinds)]
    )


def _has_fraction(values):
    """Whether a column has a number that is not whole, by column."""
    if issparse(values):
        return np.array([_has_fraction(column(values, j)) for j in range(values.shape[1])], dtype=bool)
    return ((values != np.rint(values)) & ~np.isnan(values)).any(axis=0)


def check_whole(cells, name):
    """Refuse fractions as class labels, in the words that scikit-learn uses."""
    if _has_fraction(cells):
        fraction = next(v for v in cells.tolist() if v == v and v != round(v))
        raise ValueError(
            f"Unknown label type: continuous. Task {name!r} is a classification, but its labels are not whole numbers, "
            f"{fraction!r} for example. Use MultiTaskRegressor, or MultiTaskEstimator with tasks={{{name!r}: "
            "'regression'}; if these are classes, pass them as text."
        )
