"""Task weights to try: the points of a lattice, or drawn at random, for ``GridSearchCV`` and ``RandomizedSearchCV``."""

from collections.abc import Mapping, Sequence
from math import comb
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from .._component import nearest
from .._label_weights import static_weights

DISTRIBUTIONS = ("dirichlet", "log_uniform")
#: Of a Dirichlet distribution: below, all weights of a draw can be too small for a float.
_LEAST_CONCENTRATION = 0.02


class TaskWeightGrid(Sequence):
    r"""All task weights on a lattice: multiples of one step that have the same sum.

    With T tasks and resolution r these are the weights :math:`T k_t / r` of all whole :math:`k_t` with sum r: their
    mean is 1, as that of equal weights. It is a sequence of dicts, as a parameter grid takes it.

    Parameters
    ----------
    tasks : int, or sequence of names
        The tasks; a number stands for "task_0", "task_1", ..., the names that columns of an array get.
    resolution : int, default=None
        How many parts the sum is divided into. Above 0 everywhere, there are :math:`\binom{r - 1}{T - 1}` weights. None
        is T + 2, which makes T (T + 1) / 2.
    zeros : bool, default=False
        Whether a weight may be 0. A task of weight 0 is not trained at all.

    See Also
    --------
    TaskWeightSampler : Weights drawn at random, for many tasks.
    choose_weights : The weights to take, from what a search found.

    Notes
    -----
    Equal weights are among them where the resolution is a multiple of T. The weights are made when asked for, so that
    `len` of a large lattice costs nothing.

    Examples
    --------
    >>> from skmtl.model_selection import TaskWeightGrid
    >>> list(TaskWeightGrid(["heating", "cooling"], resolution=4))
    [{'heating': 0.5, 'cooling': 1.5}, {'heating': 1.0, 'cooling': 1.0}, {'heating': 1.5, 'cooling': 0.5}]
    >>> len(TaskWeightGrid(5, resolution=10))
    126
    """

    def __init__(self, tasks, resolution=None, *, zeros=False):
        self.task_names = _names(tasks, "TaskWeightGrid")
        n_tasks = len(self.task_names)
        self.resolution = n_tasks + 2 if resolution is None else resolution
        self.zeros = zeros
        least = 1 if zeros else n_tasks
        if not isinstance(self.resolution, Integral) or isinstance(self.resolution, bool) or self.resolution < least:
            remedy = "" if zeros else f": each of the {n_tasks} tasks needs a part, unless zeros=True"
            raise ValueError(f"resolution must be an int of at least {least}{remedy}; got {resolution!r}.")

    def __len__(self):
        return comb(self._free + len(self.task_names) - 1, len(self.task_names) - 1)

    @property
    def _free(self):
        """Parts that are left once each task has what it must have."""
        return self.resolution - (0 if self.zeros else len(self.task_names))

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = index + len(self) if index < 0 else index
        if not 0 <= k < len(self):
            raise IndexError(f"There are {len(self)} weights; got the index {index}.")
        parts = [part + (0 if self.zeros else 1) for part in _composition(k, self._free, len(self.task_names))]
        scale = len(self.task_names) / self.resolution
        return {name: part * scale for name, part in zip(self.task_names, parts, strict=True)}

    def __repr__(self):
        zeros = ", zeros=True" if self.zeros else ""
        return f"TaskWeightGrid({_shown(self.task_names)}, resolution={self.resolution}{zeros})"


class TaskWeightSampler:
    """Task weights at random, for ``RandomizedSearchCV``.

    Parameters
    ----------
    tasks : int, or sequence of names
        The tasks; a number stands for "task_0", "task_1", ..., the names that columns of an array get.
    distribution : {"dirichlet", "log_uniform"}, default="dirichlet"
        "dirichlet": evenly from all weights of one sum. "log_uniform": the logarithm of each weight evenly from its
        range, as suits weights that differ by factors; they are then scaled to the mean 1.
    concentration : float, or array-like or dict by task name, default=1.0
        Of the Dirichlet distribution, at least 0.02. Above 1 the weights are more alike; where tasks differ, the mean
        of their weights is in proportion to it.
    low, high : float, default=0.1 and 10.0
        Range of the log-uniform distribution.

    See Also
    --------
    TaskWeightGrid : The points of a lattice, for few tasks.

    Examples
    --------
    >>> from sklearn.model_selection import ParameterSampler
    >>> from skmtl.model_selection import TaskWeightSampler
    >>> sampler = TaskWeightSampler(["heating", "cooling"])
    >>> for drawn in ParameterSampler({"task_weights": sampler}, n_iter=2, random_state=0):
    ...     print({task: round(weight, 1) for task, weight in drawn["task_weights"].items()})
    {'heating': 0.8, 'cooling': 1.2}
    {'heating': 1.1, 'cooling': 0.9}
    """

    def __init__(self, tasks, distribution="dirichlet", *, concentration=1.0, low=0.1, high=10.0):
        self.task_names = _names(tasks, "TaskWeightSampler")
        self.distribution, self.concentration, self.low, self.high = distribution, concentration, low, high
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"distribution must be one of {list(DISTRIBUTIONS)}; got {distribution!r}."
                f"{nearest(distribution, DISTRIBUTIONS)}"
            )
        if not (isinstance(low, Real) and isinstance(high, Real) and 0 < low < high < np.inf):
            raise ValueError(f"low and high must be numbers with 0 < low < high; got low={low!r} and high={high!r}.")
        self._concentration = _concentration(concentration, self.task_names)

    def rvs(self, size=None, random_state=None):
        """Draw weights.

        Parameters
        ----------
        size : int, default=None
            How many to draw. None: one, not in a list.
        random_state : int, RandomState instance or None, default=None
            Pass an int for the same weights in every call.

        Returns
        -------
        weights : dict of task name to float, or list of these
            Their mean is 1.
        """
        rng = check_random_state(random_state)
        drawn = [self._draw(rng) for _ in range(1 if size is None else size)]
        return drawn[0] if size is None else drawn

    def _draw(self, rng):
        if self.distribution == "dirichlet":
            weights = rng.dirichlet(self._concentration)
        else:
            weights = np.exp(rng.uniform(np.log(self.low), np.log(self.high), len(self.task_names)))
        weights *= len(weights) / weights.sum()
        return dict(zip(self.task_names, weights.tolist(), strict=True))

    def __repr__(self):
        return f"TaskWeightSampler({_shown(self.task_names)}, {self.distribution!r})"


def listed(weights):
    """Return candidates of a search as a list."""
    if isinstance(weights, TaskWeightSampler):
        raise ValueError("weights is a TaskWeightSampler. Pass what it draws: weights.rvs(16, random_state=0).")
    if hasattr(weights, "to_dict") and hasattr(weights, "columns"):
        raise ValueError("weights is a DataFrame. Pass its rows: weights.to_dict('records').")
    is_sequence = np.iterable(weights) and not isinstance(weights, (str, Mapping))
    candidates = list(weights) if is_sequence else []
    if not is_sequence or any(np.isscalar(each) for each in candidates):
        raise ValueError(
            "weights must be a sequence of candidates, each a dict by task name, a list or None, such as a "
            f"TaskWeightGrid; got {weights!r}."
        )
    if not candidates:
        raise ValueError("weights is empty: there is nothing to try. Pass at least one candidate.")
    return candidates


def _names(tasks, owner):
    if isinstance(tasks, Integral) and not isinstance(tasks, bool):
        names = [f"task_{j}" for j in range(tasks)]
    elif isinstance(tasks, str) or not np.iterable(tasks):
        raise TypeError(f"The 'tasks' parameter of {owner} must be an int or the names of the tasks; got {tasks!r}.")
    else:
        names = list(tasks)
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"{owner} needs two tasks or more, each of a name of its own; got {tasks!r}.")
    return names


def _concentration(given, names):
    several = isinstance(given, Mapping) or np.ndim(given)
    try:
        weights = static_weights(given if several else [given] * len(names), names)
        if weights.min() >= _LEAST_CONCENTRATION:
            return weights
    except ValueError as error:
        if "all 0" not in str(error):
            raise ValueError(str(error).replace("task_weights", "concentration")) from None
    raise ValueError(f"concentration must be at least {_LEAST_CONCENTRATION}; got {given!r}.")


def _composition(k, total, n_parts):
    """Return the k-th, in lexicographic order, of the ways to write `total` as a sum of whole numbers, 0 too."""
    parts = []
    for left in range(n_parts - 1, 0, -1):
        part = 0
        while k >= (n := comb(total - part + left - 1, left - 1)):  # so many go on from here with this part
            k, part = k - n, part + 1
        parts.append(part)
        total -= part
    return [*parts, total]


def _shown(names):
    return len(names) if names == [f"task_{j}" for j in range(len(names))] else names
