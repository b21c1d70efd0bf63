"""Convex weights from out-of-fold predictions: exact minimisers on the simplex, and their shrinkage to common ones."""

from dataclasses import dataclass

import numpy as np

from ..aggregation._solvers import min_norm

#: The smallest probability that a member can give: log loss stays finite.
FLOOR = 1e-6
#: Beside the curvature of the objective: members that are alike share what one of them would get.
_RIDGE = 1e-9
#: Curvature that is at least there, beside the slope.
_FLAT = 1e-6
#: Squared errors below this share of those of the worst member are none.
_SOLVED = 1e-24
#: A weight below this is rounding error.
_NOTHING = 1e-6
#: Losses are compared with the best of their task, or with this share of the trivial loss where the best is less. Of n
#: labels it is 1 / n at least: weights enough can fit a few labels without an error, which says nothing.
_PERFECT = 1e-4


@dataclass
class Objective:
    """What the weights of a task minimise: ``w @ quadratic @ w - counts @ log(table @ w)``, a weighted mean of losses.

    Attributes
    ----------
    quadratic : ndarray of shape (M, M)
        Mean products of the members' errors, for a regression; else zero.
    table : ndarray of shape (n, M)
        Probabilities of the true class, for a classification; else without rows.
    counts : ndarray of shape (n,)
        Weights of the rows of `table`.
    n_labels : float
        Labels that it was made from, by weight.
    least : float
        The loss below which the task is taken as solved; 0 where all labels are the same.
    """

    quadratic: np.ndarray
    table: np.ndarray
    counts: np.ndarray
    n_labels: float = 0.0
    least: float = 0.0

    @classmethod
    def squares(cls, truth, predicted, counts):
        """Mean squared error of combinations of ``predicted`` (n, M)."""
        errors = predicted - truth[:, None]
        total = counts.sum()
        quadratic = (errors * (counts / total)[:, None]).T @ errors
        centred = truth - np.average(truth, weights=counts)
        trivial = (counts @ centred**2) / total
        trivial *= np.sqrt(trivial) > len(truth) * np.finfo(np.float64).eps * abs(truth).max()  # else it is rounding
        return cls(quadratic, np.empty((0, predicted.shape[1])), np.empty(0), total, _solved(total) * trivial)

    @classmethod
    def logs(cls, truth, predicted, counts):
        """Mean log loss of combinations of ``predicted``, a list by member of (n, n_classes)."""
        rows = np.arange(len(truth))
        table = np.stack([p[rows, truth] for p in predicted], axis=1).clip(FLOOR, 1.0)
        total = counts.sum()
        share = np.bincount(truth, counts) / total
        share = share[share > 0]
        least = max(-_solved(total) * (share @ np.log(share)), FLOOR) if len(share) > 1 else 0.0
        return cls(np.zeros((len(predicted),) * 2), table, counts / total, total, least)

    def __call__(self, w):
        """Return the loss of the weights w."""
        return float(w @ self.quadratic @ w - self.counts @ np.log(self.table @ w))

    def minimum(self):
        """Return the weights (M,), none negative and of sum 1, of the least loss."""
        w = self._newton() if len(self.table) else _nearest_to_zero(self.quadratic)
        w = np.where(w > _NOTHING, w, 0.0)
        return w / w.sum()

    def _newton(self):
        """Go by a quadratic model, whose minimum on the simplex is exact, until it promises no more."""
        w = np.full(len(self.quadratic), 1.0 / len(self.quadratic))
        for _ in range(100):
            gain = self.table @ w
            slope = 2.0 * self.quadratic @ w - self.table.T @ (self.counts / gain)
            curvature = 2.0 * self.quadratic + (self.table * (self.counts / gain**2)[:, None]).T @ self.table
            step = _model_minimum(curvature, slope, w) - w
            fall = -slope @ step
            if fall <= 1e-12 * abs(slope).max():
                break
            w = w + self._length(w, step, fall) * step
        return w

    def _length(self, w, step, fall):
        """Halve a step until it brings some of the fall that it promises."""
        start, length = self(w), 1.0
        while length > 1e-8 and self(w + length * step) > start - 0.1 * length * fall:
            length /= 2
        return length


def _solved(n_labels):
    """Share of the trivial loss below which a task is taken as solved."""
    return max(_PERFECT, min(1.0, 1.0 / n_labels))


def _model_minimum(curvature, slope, w):
    """Return the x on the simplex that minimises ``slope @ x + (x - w) @ curvature @ (x - w) / 2``."""
    # With curvature U'U this is the point of the hull of the columns of U - c that is nearest to zero.
    # Where it is flat beside the slope it is bent a little, which shortens the step but not the way.
    slope, diagonal = slope - slope @ w, curvature.diagonal()
    bend = _FLAT * abs(slope) + _RIDGE * np.maximum(diagonal, _RIDGE * diagonal.max())
    upper = np.linalg.cholesky(curvature + np.diag(bend)).T
    centre = upper @ w - np.linalg.solve(upper.T, slope)
    columns = upper - centre[:, None]
    return _nearest_to_zero(columns.T @ columns)


def _nearest_to_zero(gramian):
    """Return the weights of the point of a hull that is nearest to zero; where corners are zero, those."""
    zero = gramian.diagonal() <= _SOLVED * gramian.diagonal().max()
    return zero / zero.sum() if zero.any() else min_norm(gramian)


def common_minimum(objectives):
    """Return the weights (M,) that minimise the mean over tasks of the loss, each relative to the best of its task."""
    scales = [1.0 / max(objective(objective.minimum()), objective.least, 1e-300) for objective in objectives]
    return Objective(
        sum(s * o.quadratic for s, o in zip(scales, objectives, strict=True)) / len(scales),
        np.concatenate([o.table for o in objectives]),
        np.concatenate([s * o.counts for s, o in zip(scales, objectives, strict=True)]) / len(scales),
    ).minimum()


def find_weights(objectives, usable, shrinkage):
    """Return the weights (T, M) of the members in each task, and the common ones (T, M).

    Parameters
    ----------
    objectives : list of length T of Objective or None
        Over the members that the task can use; None where there is no label to go by.
    usable : ndarray of bool of shape (T, M)
        Which members these are.
    shrinkage : float
        Number of labels that the common weights count as. They are common to the tasks that can use the same members.
    """
    weights, all_common = np.zeros((2, *usable.shape))
    for members in np.unique(usable, axis=0):
        tasks = np.flatnonzero((usable == members).all(axis=1))
        known = [objectives[t] for t in tasks if objectives[t] is not None]
        known = [objective for objective in known if objective.least > 0] or known
        common = common_minimum(known) if known else np.full(members.sum(), 1.0 / members.sum())
        all_common[np.ix_(tasks, members)] = common
        for t in tasks:
            n = 0.0 if objectives[t] is None else objectives[t].n_labels
            own = n / (n + shrinkage) if n else 0.0
            weights[t, members] = own * objectives[t].minimum() + (1 - own) * common if own else common
    return weights, all_common
