"""Which columns of y there is something to learn from: those with labels, of two classes at least."""

import warnings

import numpy as np

from ._columns import listing
from ._label_weights import label_weights
from ._observed import by_row, column, counts_at_all
from ._task_kinds import settle_kinds

#: What errors add about a column that could be skipped.
_CHOICE = {None: "", "raise": ", or set on_empty_task='skip'", "skip": ""}


def check_labelled(n_labels, given, names, on_empty):
    """Every task needs a label, unless its classes are known and labels may come in a later batch."""
    empty = [name for name, n, classes in zip(names, n_labels, given, strict=True) if not n and classes is None]
    if empty:
        raise ValueError(
            f"y has no observed label in column(s) {listing(empty)}: every label is missing. "
            f"Leave such a column out of y, or label some of its rows{_CHOICE[on_empty]}."
        )


def learnable(read, asked, given, sample_weight):
    """Positions of the columns of y from which there is something to learn; warn of the others."""
    unknown = np.array([classes is None for classes in given])
    empty = unknown & ~counts_at_all(by_row(read.values), label_weights(sample_weight, read.values))
    lone = np.zeros_like(empty)
    for j in np.flatnonzero(unknown & ~empty):
        cells = column(read.values, j)
        if np.fmin.reduce(cells) == np.fmax.reduce(cells):
            lone[j] = settle_kinds(read.take([j]), [asked[j]], [None]) == ["classification"]
    kept = np.flatnonzero(~empty & ~lone)
    reasons = {"no observed label": empty, "labels of one class only": lone}
    if len(kept) == 0:
        whats = " or ".join(what for what, mask in reasons.items() if mask.any())
        raise ValueError(
            f"Every column of y has {whats}, so on_empty_task='skip' leaves nothing to train. Pass labels of at "
            "least one task."
        )
    for what, mask in reasons.items():
        if mask.any():
            names = [read.names[j] for j in np.flatnonzero(mask)]
            warnings.warn(
                f"y has {what} in column(s) {listing(names)}: on_empty_task='skip' leaves them out of training, and "
                "there is no prediction for them.",
                UserWarning,
                stacklevel=3,
            )
    return kept


def check_classes(classes, names, on_empty):
    """A classification needs two classes."""
    lone = {name: c for name, c in zip(names, classes, strict=True) if c is not None and len(c) < 2}
    if lone:
        name, labels = next(iter(lone.items()))
        others = f" (so have {listing(list(lone)[1:])})" if len(lone) > 1 else ""
        raise ValueError(
            f"Task {name!r} has one class only, {labels.tolist()[0]!r}{others}; classification needs at least two "
            f"classes. Leave the column out, or add rows with another label{_CHOICE[on_empty]}."
        )
