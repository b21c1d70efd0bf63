"""MultiTaskBlend: members of any kind, with convex weights of their own for every task."""

import time
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _num_samples

from .._targets import Targets
from ..estimators._all_or_nothing import all_or_nothing
from ._by_task import ByTaskMixin
from ._folds import make_folds
from ._labels import Labels
from ._members import Fold, make_units, unserved
from ._named_members import NamedMembers, is_dropped
from ._out_of_fold import OutOfFold
from ._weights import find_weights


class MultiTaskBlend(ByTaskMixin, NamedMembers):
    """Several estimators, blended with weights of their own for every task.

    Each member predicts every training row out of fold: from a fit that has not seen it. For every task the weights,
    none negative and of sum 1, are those with which the blend of these predictions has the least squared error, or log
    loss for classes [1]_ [2]_. The fewer labels a task has, the more they are drawn to weights common to all tasks.
    Then the members are fitted to all rows. Columns of y may be of both kinds, and labels may be missing.

    Parameters
    ----------
    estimators : list of (str, estimator) or None, default=None
        The members, by name. Any estimator of scikit-learn can be one; it serves the tasks of its kind. A pair
        ``(regressor, classifier)`` serves tasks of both kinds, and so does one that takes mixed columns, such as
        `MultiTaskEstimator`. Classifiers need `predict_proba`. "drop" leaves a member out. None: three styles of
        network, a linear model and two of trees, see `skmtl.ensemble.default_members`.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kind of each column of y. "auto", which is also that of a task absent from the dict, takes numbers that are not
        all whole as regression and everything else, whole numbers too, as classification.
    cv : int, cross-validator or iterable of (train, test), default=5
        Folds of the out-of-fold predictions. An int is the number of folds of a shuffled `MultiTaskKFold`. Rows that
        belong together, or follow each other in time, need folds that keep them so, such as ``KFold(5)`` or
        ``list(GroupKFold(5).split(X, y, groups))``.
    shrinkage : float, default=500
        Number of labels that the common weights count as: a task with n labels has the weights ``(n * own + shrinkage *
        common) / (n + shrinkage)``. 0: weights of its own; ``np.inf``: the common ones.
    missing_label : scalar, default=np.nan
        What stands for a missing label in y, besides NaN, None and pd.NA, which always do.
    on_empty_task : {"raise", "skip"}, default="raise"
        What to do about a column of y of which there is nothing to learn: without a label, or every label of weight 0.
        "skip" also means columns with labels of one class only. It says so in a warning and leaves them out, as
        `MultiTaskEstimator` does: predictions hold NaN there where all labels are numbers, else None.
    n_jobs : int or None, default=None
        Processes that fit members, as joblib takes it. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, and every `random_state` of a member that is None. Pass an int for the same result each time.
    verbose : bool or int, default=False
        Whether to print a line a fit, and the weights at the end.

    Attributes
    ----------
    weights_ : dict of task name to dict of member name to float
        Weights of the members in each task; 0 for members that do not serve it, and NaN in a task that is skipped.
    common_weights_ : dict of task name to dict of member name to float
        What `weights_` were drawn to. They are common to all tasks that the same members serve.
    oof_score_ : dict of member name to dict of task name to float
        R² or accuracy of the out-of-fold predictions of each member.
    oof_loss_ : dict of member name to dict of task name to float
        Their mean squared error or log loss, which the weights minimise.
    oof_prediction_ : ndarray, or list by task of ndarray of shape (n,) or (n, n_classes)
        Out-of-fold predictions of the blend: values, or probabilities. NaN in rows without a label, or in no fold. The
        weights are chosen by the same labels, so that they flatter the blend a little. None for a task that is skipped.
    named_estimators_ : Bunch
        By member name what was fitted to all rows: an estimator, or a dict of estimators by task name where there are
        several; None where all its weights are 0, and "drop" for a member that was dropped.
    estimators_ : list
        The same as a list, without the dropped ones.
    tasks_ : dict of task name to {"regression", "binary", "multiclass"}
        The tasks, in the order of the columns of y, and what they are.
    skipped_tasks_ : list
        Names of the columns of y that `on_empty_task` left out.
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
    MultiTaskEstimator : One network for tasks of both kinds.
    sklearn.ensemble.StackingRegressor : For one task; another model combines the predictions.

    Notes
    -----
    How often a member is fitted, for each fold and once to all rows, depends on what it takes. One of ours is fitted
    once to all of its columns, gaps included. An estimator that takes several columns, such as a forest, is fitted once
    where its tasks have their labels in the same rows. All others are fitted once a task, to the rows that have the
    label. A pipeline or a search is as its last step or its estimator. A member that has weight 0 in all of its
    tasks is not fitted to all rows.

    A task of which a fold leaves no label to train on, or one class only, is not predicted there; these rows take no
    part in the choice of its weights.

    Weights common to several tasks minimise the mean over tasks of the loss, relative to the least loss of the task. Of
    n labels that is taken to be at least 1 / n of the loss of a constant; tasks whose labels are all the same have no
    say. A label of weight w counts as w labels.

    X is passed on as it is: data frames with text, missing values and sparse arrays are fine if all members take them.
    An estimator that takes several columns with gaps but is none of ours says so by an attribute ``takes_missing_labels
    = True``. Of a sparse y it gets a table with NaN, or with ``takes_sparse_labels = True`` a CSR array. One that makes
    out-of-fold predictions while it is fitted, such as the out-of-bag ones of a forest, can save the folds: it has an
    attribute ``makes_oof_prediction = True``, and after `fit` an `oof_prediction_` as above, NaN where it has none.

    References
    ----------
    .. [1] Breiman (1996). Stacked regressions. Machine Learning 24.
    .. [2] van der Laan, Polley and Hubbard (2007). Super learner. Statistical Applications in Genetics and Molecular
       Biology 6.

    Examples
    --------
    A quantity and a species, blended from a linear model and neighbours:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    >>> from skmtl import MultiTaskBlend
    >>> data = load_iris(as_frame=True)
    >>> X, Y = data.data.iloc[:, :3], data.data[["petal width (cm)"]].assign(species=data.target_names[data.target])
    >>> linear = (Ridge(), LogisticRegression(max_iter=1000))
    >>> near = (KNeighborsRegressor(), KNeighborsClassifier())
    >>> blend = MultiTaskBlend([("linear", linear), ("near", near)], random_state=0).fit(X, Y)
    >>> for task, weights in blend.weights_.items():
    ...     print(task, {name: round(weight, 1) for name, weight in weights.items()})
    petal width (cm) {'linear': 0.3, 'near': 0.7}
    species {'linear': 0.3, 'near': 0.7}
    >>> blend.predict(X.iloc[[0, 149]])
    array([[0.2..., 'setosa'],
           [1.9..., 'virginica']], dtype=object)
    """

    _parameter_constraints = {
        "estimators": [list, tuple, None],
        "tasks": "no_validation",  # Targets says more
        "cv": ["cv_object"],
        "shrinkage": [Interval(Real, 0, None, closed="both")],
        "missing_label": "no_validation",
        "on_empty_task": [StrOptions({"raise", "skip"})],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimators=None,
        *,
        tasks="auto",
        cv=5,
        shrinkage=500,
        missing_label=np.nan,
        on_empty_task="raise",
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        self.estimators = estimators
        self.tasks = tasks
        self.cv = cv
        self.shrinkage = shrinkage
        self.missing_label = missing_label
        self.on_empty_task = on_empty_task
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Find the weights from out-of-fold predictions, and fit the members to all rows.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs, of any form that all members take.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets, one column a task; NaN, None, pd.NA or `missing_label` where a label is missing. Of a sparse array
            (CSR, CSC or COO) the stored entries are the labels, zeros too, and all others are missing.
        sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
            Weights of the rows, or of every label; what a sparse array does not store is 0. All members must take them.

        Returns
        -------
        self : MultiTaskBlend
            Fitted.

        Raises
        ------
        ValueError, TypeError
            If the data, a parameter or a member is not as described. The error names the member and the task. After an
            error, or an interrupt, the blend is as it was before.
        """
        with all_or_nothing(self):
            self._fit(X, y, sample_weight)
        return self

    def _fit(self, X, y, sample_weight):
        X = self._validate_X(X, reset=True)
        n = _num_samples(X)
        targets, values = Targets.fit(
            y,
            tasks=self.tasks,
            missing_label=self.missing_label,
            owner=type(self).__name__,
            n_rows=n,
            on_empty=self.on_empty_task,
            sample_weight=sample_weight,
            accept_sparse=True,
        )
        labels = Labels(targets, values, targets.label_weights(sample_weight, values), y)
        labels.check()
        rng = check_random_state(self.random_state)
        splits = make_folds(self.cv, X, y, labels, rng, type(self).__name__)
        names, units = self._units(labels, rng)
        oof, fitted = self._predict_out_of_fold(units, X, labels, splits)
        self._set_targets(targets)
        self._find_weights(oof, names, units, labels)
        wanted = [unit for unit in units if self._weights[unit.tasks, names.index(unit.member)].any()]
        left = [unit for unit in wanted if id(unit) not in fitted]
        models = self._run([(unit, Fold(np.arange(n))) for unit in left], X, labels, "all rows")
        fitted |= {id(unit): model for unit, model in zip(left, models, strict=True)}
        self._keep([fitted[id(unit)] for unit in wanted], names)
        if self.verbose:
            self._print_weights()

    # Members

    def _units(self, labels, rng):
        """Names of the members, and all that is to be fitted, in their order."""
        members, quiet = self._members(), self.estimators is None
        units = [unit for name, member in members for unit in make_units(name, member, labels, rng, quiet)]
        lost = unserved(units, labels)
        if lost:
            raise ValueError(
                f"No member of {type(self).__name__} is for {lost}. Add one to estimators, for example as a pair "
                "(regressor, classifier), or say the kinds by the tasks parameter."
            )
        return [name for name, _ in members], units

    # Out of fold

    def _predict_out_of_fold(self, units, X, labels, splits):
        """Return the predictions, and by id of the unit what was fitted to all rows for them."""
        oof, fitted = OutOfFold(labels), {}
        # Theirs are of folds at random, which those that the user gave may be there to avoid.
        own = [unit for unit in units if unit.has_own_oof] if isinstance(self.cv, Integral | None) else []
        models = self._run([(unit, Fold(np.arange(_num_samples(X)))) for unit in own], X, labels, "all rows")
        for unit, model in zip(own, models, strict=True):
            if model is None or not model.has_own_oof:  # for lack of rows
                continue
            fitted[id(unit)] = model
            for part in model.own_labelled(labels):
                oof.add(unit.member, *part)
        jobs = [(unit, fold) for fold in splits for unit in units if id(unit) not in fitted]
        for (unit, _), parts in zip(jobs, self._run(jobs, X, labels, f"of {len(splits)}"), strict=True):
            for part in parts:
                oof.add(unit.member, *part)
        return oof, fitted

    def _run(self, jobs, X, labels, what):
        """Fit units to folds, and return what `_work` makes of each."""
        started, results = time.perf_counter(), []
        work = (delayed(_work)(unit, X, labels, fold) for unit, fold in jobs)
        done = Parallel(n_jobs=self.n_jobs, return_as="generator")(work) if jobs else ()
        for (unit, fold), result in zip(jobs, done, strict=True):
            results.append(result)
            if self.verbose:
                task = f", task {labels.names[unit.tasks[0]]!r}" if len(unit.tasks) == 1 < len(labels.names) else ""
                where = what if fold.number is None else f"fold {fold.number} {what}"
                took = time.perf_counter() - started
                print(f"[{type(self).__name__}] {len(results)}/{len(jobs)} {unit.member}{task}, {where}, {took:.1f} s")
        return results

    # Weights

    def _find_weights(self, oof, names, units, labels):
        usable = np.zeros((labels.targets.n_tasks, len(names)), dtype=bool)
        for unit in units:
            usable[unit.tasks, names.index(unit.member)] = True
        members = [np.flatnonzero(row) for row in usable]
        found = [oof.of(t, [names[m] for m in members[t]]) for t in range(len(usable))]
        objectives = [labels.objective(t, rows, predicted) for t, (rows, predicted) in enumerate(found)]
        self._weights, common = find_weights(objectives, usable, float(self.shrinkage))
        self.weights_, self.common_weights_ = (
            _by_name(table, labels.targets, names) for table in (self._weights, common)
        )
        self.oof_score_, self.oof_loss_ = ({name: {} for name in names} for _ in range(2))
        blended = []
        for t, (rows, predicted) in enumerate(found):
            for i, m in enumerate(members[t]):
                alone = np.eye(len(members[t]))[i]
                self.oof_score_[names[m]][labels.names[t]] = labels.score(t, rows, predicted[i] if predicted else None)
                self.oof_loss_[names[m]][labels.names[t]] = objectives[t](alone) if objectives[t] else np.nan
            blended.append((rows, _combined(predicted, self._weights[t, members[t]])))
        self._blended, self._n_rows = blended, labels.n_rows

    @property
    def oof_prediction_(self):
        """Out-of-fold predictions of the blend, by task; kept as those of the labelled rows only."""
        if not hasattr(self, "_blended"):
            raise AttributeError(f"{type(self).__name__} has no oof_prediction_ before it is fitted.")
        classes = self._targets.classes
        found = [_spread(self._n_rows, *part, c) for part, c in zip(self._blended, classes, strict=True)]
        found = self._targets.restore(found)
        return found[0] if self._targets.single else found

    def _keep(self, models, names):
        """Keep what was fitted to all rows, also by name of the member."""
        self._models = [(model, names.index(model.unit.member)) for model in models]
        by_name = {name: {} for name in names}
        for model in models:
            by_name[model.unit.member] |= {self._targets.names[t]: model.unit.estimator for t in model.unit.tasks}
        by_name = {name: _as_one(by_task) for name, by_task in by_name.items()}
        self.estimators_ = list(by_name.values())
        dropped = {name: "drop" for name, member in self.estimators or () if is_dropped(member)}
        self.named_estimators_ = Bunch(**by_name, **dropped)

    def _print_weights(self):
        for task in self.tasks_:
            weights = self.weights_[task]
            text = ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items())
            print(f"[{type(self).__name__}] {task}: {text}")

    # Prediction

    def _infer(self, X):
        """List by task of the blended values (n,) or probabilities (n, n_classes)."""
        result = [0.0] * self._targets.n_tasks
        for model, member in self._models:
            for task, predicted in zip(model.unit.tasks, model.predict(X), strict=True):
                weight = self._weights[task, member]
                if weight:
                    result[task] = result[task] + weight * predicted
        return result

    # What scikit-learn asks for

    def _inside(self):
        return [estimator for _, estimator in self._estimators()]


def _work(unit, X, labels, fold):
    """Fit a unit to all rows, and return it; or to a fold, and return its predictions: (task, rows, predicted)."""
    model = unit.fit(X, labels, fold.train)
    if fold.number is None:
        return model
    return [] if model is None else list(model.predict_labelled(X, labels, fold.test))


def _combined(predicted, weights):
    return sum(w * p for w, p in zip(weights, predicted, strict=True)) if predicted else None


def _spread(n, rows, predicted, classes):
    """Predictions of some rows as an array for all, with NaN in the others."""
    spread = np.full((n, *(() if classes is None else (len(classes),))), np.nan)
    if len(rows):
        spread[rows] = predicted
    return spread


def _by_name(table, targets, members):
    rows = targets.restore(table.tolist(), [np.nan] * len(members))
    return {task: dict(zip(members, row, strict=True)) for task, row in zip(targets.y_names, rows, strict=True)}


def _as_one(by_task):
    """The estimator where all tasks have the same, None where there is none, else all by task."""
    if len({id(estimator) for estimator in by_task.values()}) > 1:
        return by_task
    return next(iter(by_task.values()), None)
