"""Score tables: the held-out scores of a task, and the interval or the set of classes that a level makes of them."""

import numpy as np

from ._ranks import rank, threshold

#: Cells that the ends by several models are worked out on at once.
_BLOCK = 2**22


class ScoreTable:
    """Sorted conformity scores of a task, of each model and, where classes have thresholds of their own, each class.

    Parameters
    ----------
    scores : list by model of lists by class of ndarray
        Sorted. The inner lists have one entry where all labels share a threshold.
    classes : ndarray or None
        The classes that have thresholds of their own.
    """

    def __init__(self, scores, classes=None):
        self.scores, self.several = scores, classes is not None
        self.labels = classes.tolist() if self.several else [None]
        self.counts = [sum(len(parts[c]) for parts in scores) for c in range(len(self.labels))]

    @classmethod
    def sort(cls, scores, model, n_models, classes=None, codes=None):
        """Return the table of scores (m,), each of which is by a model and of a class, in positions (m,)."""
        codes = np.zeros(len(scores)) if classes is None else codes
        n_groups = 1 if classes is None else len(classes)
        parts = [[np.sort(scores[(model == m) & (codes == c)]) for c in range(n_groups)] for m in range(n_models)]
        return cls(parts, classes)

    @property
    def n_labels(self):
        """Number of scores."""
        return sum(self.counts)

    def merged(self):
        """Return the scores whatever the model: sorted, or a dict of class to these."""
        merged = [np.sort(np.concatenate([parts[c] for parts in self.scores])) for c in range(len(self.labels))]
        return dict(zip(self.labels, merged, strict=True)) if self.several else merged[0]

    def ends(self, interval_score, predicted, level):
        """Return the ends (n,) of the intervals of a regression, from predictions (n, k) of each model."""
        scores = [parts[0] for parts in self.scores]
        if len(predicted) == 1:
            return interval_score.interval(predicted[0], threshold(scores[0], level))
        at = int(rank(self.n_labels, level))
        lower, upper = np.full((2, len(predicted[0])), np.inf)
        lower *= -1
        if at > self.n_labels:
            return lower, upper
        step = max(1, _BLOCK // self.n_labels)
        for start in range(0, len(lower), step):
            rows = slice(start, start + step)
            ends = [
                interval_score.interval(p[rows, None, :], s[None, :]) for p, s in zip(predicted, scores, strict=True)
            ]
            lows, highs = (np.concatenate(side, axis=1) for side in zip(*ends, strict=True))
            lower[rows] = np.partition(lows, self.n_labels - at, axis=1)[:, self.n_labels - at]
            upper[rows] = np.partition(highs, at - 1, axis=1)[:, at - 1]
        return np.minimum(lower, upper), np.maximum(lower, upper)

    def members(self, scores, level):
        """Return which classes are in the sets (n, n_classes), from the scores (n, n_classes) by each model."""
        worse = 0  # labels that fit less ill than the class does
        for columns, parts in zip(scores, self.scores, strict=True):
            found = [np.searchsorted(parts[c if self.several else 0], own) for c, own in enumerate(columns.T)]
            worse = worse + np.stack(found, axis=1)
        return worse < rank(np.array(self.counts), level)
