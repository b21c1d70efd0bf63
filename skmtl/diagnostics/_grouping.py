"""MultiTaskGrouping: a shared network for each group of tasks that do each other good."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples

from .._columns import listing
from ..ensemble._wrapped import BaseWrapped
from ._affinity import METHODS, TaskAffinity, look, probed_affinities, retrained_affinity
from ._grouping_report import ALL, NONE, GroupingReport
from ._partition import best_partition
from ._subsets import Subsets, Tasks, seeded, units_of

#: Groups that "auto" tries, besides one for all and one a task.
_TRIED = (2, 3, 4, 5)


class MultiTaskGrouping(BaseWrapped):
    """Groups of tasks that do each other good, with a network for each.

    Which tasks go together is nominated by their affinity, and decided by held-out losses: candidates are one network
    for all tasks, one for each task, and between the two the partitions with the greatest affinity [1]_ [2]_. One
    network for all it is, unless the best of the others is better by more than a standard error. A task that does worse
    in its group than by itself falls back to a network of its own.

    Parameters
    ----------
    estimator : estimator or None, default=None
        What is fitted to each group: one of this package, or a pipeline or search that ends in one. With
        ``method="retrain"`` also any other that can be a member of `MultiTaskBlend`. None: `MultiTaskEstimator()`.
    n_groups : "auto" or int, default="auto"
        Number of groups of the partition that is tried besides the two ends; "auto" tries 2 to 5, each below the number
        of tasks.
    method : {"lookahead", "gradient", "retrain"} or array-like of shape (T, T), default="lookahead"
        How affinity is measured, see `task_affinity`; or affinities of your own, what the task of the row does for that
        of the column.
    guard : {"validation"} or None, default="validation"
        "validation": a task whose held-out loss by its own network is lower than in its group by more than a standard
        error falls back to that. Its group is trained as it was, with it. None: all stay.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kind of each column of y. "auto" goes by the estimator; where that is "auto" too, it takes numbers that are not
        all whole as regression and everything else, whole numbers too, as classification.
    cv : int, cross-validator, iterable of (train, test) or None, default=3
        Folds of the held-out losses. An int is the number of folds of a shuffled `MultiTaskKFold`. Rows that belong
        together need folds that keep them so, such as ``list(GroupKFold(5).split(X, y, groups))``. None: the
        estimator's own out-of-fold predictions, where it makes them, else 5 folds. That saves the fits to folds, but
        flatters networks for single tasks, each of which stops when its own task is at its best on just these rows.
    n_jobs : int or None, default=None
        Processes that fit folds, as joblib takes it. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, and every `random_state` of the estimator that is None. Pass an int for the same result each
        time.
    verbose : int, default=0
        Whether to print a line a fit, and the report at the end.

    Attributes
    ----------
    groups_ : list of list
        Names of the tasks that each network was trained on. A task that fell back is in two: its group, which it goes
        on to help, and its own, which predicts it.
    group_of_ : dict of task name to int
        The network that predicts each task, by position in `groups_`.
    estimators_ : list
        What was fitted to each group, to all rows.
    report_ : GroupingReport
        Held-out scores of each task in the candidates, and what became of it.
    affinity_ : TaskAffinity or None
        What nominated the partitions; None where there are fewer than three tasks.
    tasks_ : dict of task name to {"regression", "binary", "multiclass"}
        The tasks, in the order of the columns of y, and what they are.
    skipped_tasks_ : list
        Names of the columns of y that the estimator's `on_empty_task` left out.
    classes_ : ndarray or None, or list of these
        Class labels of each task, None for a regression and for one that is skipped; no list where y had one column.
    n_outputs_ : int
        Number of columns of y and of predictions: the tasks T, and those that are skipped.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str of shape (`n_features_in_`,)
        Names of the columns of X, where all are strings.

    See Also
    --------
    task_affinity : The affinities alone.
    MultiTaskBlend : Networks of several styles, and other models, with weights for every task.
    skmtl.displays.GroupingDisplay : A picture of the report.

    Notes
    -----
    Held-out losses are squared errors or log losses, relative to those of a constant, and their mean over tasks decides
    between candidates. Their standard errors are over rows, of paired differences; how much another run of training
    would differ is not in them. So what is chosen is on the held-out labels no worse than either end, but for
    differences within a standard error. The labels that decide are those that the report shows, so that it flatters a
    little.

    The value of a partition is the sum over tasks of the mean affinity of the others in the group to the task. Up to 10
    tasks the best partition into a number of groups is found exactly, by dynamic programming over sets of tasks; more
    are clustered by average linkage.

    A fit takes T + 1 networks for the two ends, up to 14 more for the partitions between, each on every fold, and then
    those that are chosen on all rows; "retrain" adds one for each pair of tasks.

    References
    ----------
    .. [1] Standley, Zamir, Chen, Guibas, Malik and Savarese (2020). Which tasks should be learned together in
       multi-task learning? ICML.
    .. [2] Fifty, Amid, Zhao, Yu, Anil and Finn (2021). Efficiently identifying task groupings for multi-task learning.
       NeurIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import MultiTaskGrouping
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(120, 3))
    >>> Y = np.column_stack([X[:, 0], X[:, 0] + X[:, 1], X[:, 2]]) + 0.1 * rng.normal(size=(120, 3))
    >>> network = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(8,), solver="lbfgs", tol=0.01)
    >>> model = MultiTaskGrouping(network, method="retrain", random_state=0).fit(X, Y)
    >>> model.predict(X).shape
    (120, 3)
    >>> sorted(model.group_of_)
    ['task_0', 'task_1', 'task_2']
    """

    _parameter_constraints = BaseWrapped._parameter_constraints | {
        "n_groups": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions(set(METHODS)), "array-like"],
        "guard": [StrOptions({"validation"}), None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        n_groups="auto",
        *,
        method="lookahead",
        guard="validation",
        tasks="auto",
        cv=3,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.n_groups = n_groups
        self.method = method
        self.guard = guard
        self.tasks = tasks
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _fit(self, X, y, sample_weight):
        X = self._validate_X(X, reset=True)
        rng = check_random_state(self.random_state)
        estimator = seeded(self._estimator(), rng)
        tasks = Tasks(estimator, y, sample_weight, _num_samples(X), type(self).__name__, self.tasks)
        n_tasks, self.affinity_ = len(tasks.names), None
        numbers = self._numbers(tasks.names)
        if n_tasks == 1:
            chosen, served, report = [(0,)], [(0,)], None
        else:
            fits = Subsets.make(tasks, X, y, self.cv, rng, n_jobs=self.n_jobs, verbose=self.verbose)
            if numbers:
                self.affinity_ = self._measure(estimator, fits, X, y, sample_weight, rng)
            chosen, served, report = self._choose(fits, numbers)
        self._keep(estimator, tasks, X, served)
        self.report_ = GroupingReport(tasks.names, self.groups_, self.group_of_, chosen, report)
        if self.verbose:
            print(self.report_)

    def _numbers(self, names):
        """Numbers of groups that are tried between one and one a task."""
        n_tasks = len(names)
        if isinstance(self.n_groups, str):
            return [k for k in _TRIED if k < n_tasks]
        if self.n_groups > n_tasks:
            raise ValueError(f"n_groups={self.n_groups} is more than the {n_tasks} task(s) {listing(names)}.")
        return [self.n_groups] if 1 < self.n_groups < n_tasks else []

    def _measure(self, estimator, fits, X, y, sample_weight, rng):
        """Affinity of the tasks, by the method or as given."""
        names = fits.tasks.names
        if not isinstance(self.method, str):
            given = np.asarray(self.method, dtype=np.float64)
            if given.shape != (len(names), len(names)):
                raise ValueError(
                    f"The affinities that method gives have the shape {given.shape}; {len(names)} tasks, "
                    f"{listing(names)}, need {(len(names), len(names))}."
                )
            return TaskAffinity({"given": given}, list(names))
        if self.method == "retrain":
            return TaskAffinity({"retrain": retrained_affinity(fits)}, list(names))
        records, _ = look(estimator, X, y, sample_weight, type(self).__name__, [self.method], rng=rng)
        return TaskAffinity(probed_affinities(records, len(names), [self.method]), list(names))

    def _choose(self, fits, numbers):
        """Return the candidate that wins, the group that serves each task, and the losses of all candidates."""
        n_tasks = len(fits.tasks.names)
        candidates = {ALL: [tuple(range(n_tasks))], NONE: [(task,) for task in range(n_tasks)]}
        for k in numbers:
            candidates[f"{k} groups"] = best_partition(self.affinity_.matrix, k)
        fits.run(group for groups in candidates.values() for group in groups)
        losses = {}
        for name, groups in candidates.items():
            losses[name] = np.empty(n_tasks)
            for group in groups:
                losses[name][list(group)] = fits.losses(group)
        served = {name: _by_task(groups, n_tasks) for name, groups in candidates.items()}
        best = min(candidates, key=lambda name: np.nan_to_num(np.nanmean(losses[name]), nan=np.inf))
        gain, error = fits.mean_difference(served[ALL], served[best])
        if not gain > error:
            best = ALL
        served = served[best]
        if self.guard is not None:
            served = [self._guarded(fits, group, task) for task, group in enumerate(served)]
        return candidates[best], served, (best, losses, {name: len(groups) for name, groups in candidates.items()})

    def _guarded(self, fits, group, task):
        """The group, or the task by itself where it is hurt."""
        if len(group) == 1:
            return group
        loss, error = fits.difference(group, (task,), task)
        return (task,) if loss > error else group

    def _keep(self, estimator, tasks, X, served):
        """Fit the groups that serve a task to all rows."""
        used = sorted(set(served))
        rows = np.arange(tasks.labels.n_rows)
        self._models, self.estimators_ = [], []
        for group in used:
            labels = tasks.part(group)
            models = [unit.fit(X, labels, rows) for unit in units_of(estimator, labels, tasks.owner, quiet=False)]
            own = {group[task]: (m, at) for m, model in enumerate(models) for at, task in enumerate(model.unit.tasks)}
            self._models.append((models, {task: own[task] for task in group if served[task] == group}))
            fitted = [model.unit.estimator for model in models]
            self.estimators_.append(fitted[0] if len(fitted) == 1 else fitted)
        names = tasks.names
        self._set_targets(tasks.targets)
        self.groups_ = [[names[task] for task in group] for group in used]
        self.group_of_ = {names[task]: used.index(group) for task, group in enumerate(served)}

    def _infer(self, X):
        """List by task of values (n,) or probabilities (n, n_classes)."""
        found = [None] * self._targets.n_tasks
        for models, served in self._models:
            predicted = [model.predict(X) for model in models]
            for task, (model, at) in served.items():
                found[task] = predicted[model][at]
        return found


def _by_task(groups, n_tasks):
    """The group of each task."""
    found = {task: group for group in groups for task in group}
    return [found[task] for task in range(n_tasks)]
