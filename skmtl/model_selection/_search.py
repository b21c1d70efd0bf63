"""TaskWeightSearchCV: the task weights that score best, from candidates that are trained side by side."""

import copy
import time
import warnings
from collections.abc import Mapping
from numbers import Real

import numpy as np
from sklearn.base import _fit_context, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import get_tags, indexable
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_method_params

from .._columns import listing
from .._component import nearest
from ._choice import in_order
from ._fold_of_candidates import evaluate_fold
from ._folds import make_splits
from ._pareto import hypervolume, pareto_front
from ._search_scorers import scorer_like, task_scorer, with_our_names
from ._task_weights import listed

#: What is there only after the best candidate was chosen, or fitted to all rows.
_OF_REFIT = ("best_index_", "best_params_", "best_score_", "best_estimator_", "refit_time_", "feature_names_in_")


class TaskWeightSearchCV(BaseSearchCV):
    """Search over task weights by cross-validation, with the candidates of a fold trained as one.

    It is used as ``GridSearchCV`` with a grid over `task_weights` is, has its attributes and finds the same scores. But
    where the networks are dense and small, those of all candidates are trained side by side on the same batches, which
    takes a fraction of the time. It looks at the score of every task, and tells which candidates are on the Pareto
    front.

    Parameters
    ----------
    estimator : estimator
        One of this package, or a pipeline or another estimator around it, in which a single parameter is, or ends in,
        `task_weights`.
    weights : sequence of dict, list or None
        The candidates: what `task_weights` is to be. A `TaskWeightGrid` is such a sequence; None are equal weights.
    scoring : str, TaskScorer, callable, list, dict or None, default=None
        What decides: a name or scorer of ``skmtl.metrics``, a list or dict of these, or whatever ``GridSearchCV``
        takes. None is the mean over tasks of R² or accuracy. The tasks themselves are scored by the metric of what
        decides where that is of ``skmtl.metrics``, and otherwise by R² or accuracy.
    n_jobs : int, default=None
        Folds that are evaluated at the same time. None is 1, -1 all cores.
    refit : bool, str or callable, default=True
        Whether, or by which score, to fit the best candidate to all rows, as in ``GridSearchCV``. A callable gets
        `cv_results_` and returns the number of a candidate: see `choose_weights`.
    cv : int, splitter, iterable of pairs of row numbers, or None, default=None
        An int means that many folds of a `MultiTaskKFold`, None five.
    verbose : int, default=0
        Above 0, a line is printed for each fold.
    error_score : "raise" or float, default=nan
        Score of a candidate that cannot be fitted. "raise" raises its error.
    return_train_score : bool, default=False
        Whether there are scores on the training rows, too.
    reference : dict or Series by task name, or array-like of shape (n_tasks,), default=None
        Scores that are worse than all that matter, which `hypervolume_` is measured from. None is, in each task, the
        lowest score of a candidate, so that volumes of different searches cannot be compared.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        As of ``GridSearchCV``. Besides, for each task, "mean_test_<task>", "std_test_<task>" and
        "split<k>_test_<task>"; the mean is over the folds that have labels of it. `mean_fit_time` is an equal share of
        what candidates that were trained together took.
    best_index_, best_params_, best_score_, best_estimator_ : int, dict, float, estimator
        The candidate that was chosen, its parameters, its score, and the estimator, fitted to all rows.
    task_names_ : list of length n_tasks
        The tasks that were scored.
    task_scores_ : ndarray of shape (n_candidates, n_tasks)
        Mean test score of each candidate in each task.
    pareto_front_ : ndarray of int
        Numbers of the candidates that no other one beats in all tasks.
    hypervolume_ : float
        Volume of what the front is better than, from `reference_` on.
    reference_ : ndarray of shape (n_tasks,)
        Scores that the volume is measured from.
    n_splits_ : int
        Folds.
    refit_time_ : float
        Seconds that the last fit took.
    scorer_ : callable or dict
        What decides.
    multimetric_ : bool
        Whether there are several scores beside those by task.

    Raises
    ------
    ValueError
        If the estimator has no such parameter or several, there are no candidates, or none of them can be fitted.

    Warns
    -----
    FitFailedWarning
        If some candidates cannot be fitted.
    UserWarning
        If it was interrupted after the first fold: the scores are then those of the folds that were finished, and
        nothing is refitted. Or if a task has the name of a score, such as "score": `cv_results_` then has the score,
        and only `task_scores_` the task's.

    See Also
    --------
    TaskWeightGrid, TaskWeightSampler : Candidates.
    choose_weights : The best mean score among the candidates that no task loses much by.
    skmtl.displays.ParetoDisplay : A picture of the front.

    Notes
    -----
    Candidates are trained side by side where the networks are dense, hard sharing with linear heads, and `weighting`
    is "equal", with one network each (`n_members=1`), on a CPU, without an aggregator, callbacks or L-BFGS. All others
    are fitted one after the other, as ``GridSearchCV`` would. The digits differ by rounding, which a long training can
    amplify. With ``random_state=None`` all candidates of a fold share one seed, so that they differ by their weights
    alone.

    References
    ----------
    .. [1] Xin, Ghorbani, Gilmer, Garg and Firat (2022). Do current multi-task optimization methods in deep learning
       even help? NeurIPS. Well searched static weights are hard to beat.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.model_selection import TaskWeightGrid, TaskWeightSearchCV
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), MultiTaskRegressor(preset="mlp", max_iter=50, tol=0.1, random_state=0))
    >>> search = TaskWeightSearchCV(model, TaskWeightGrid(list(Y), resolution=6), cv=2).fit(X, Y)
    >>> len(search.cv_results_["params"]), search.task_names_
    (10, ['Weight', 'Waist', 'Pulse'])
    >>> search.predict(X).shape
    (20, 3)
    """

    _parameter_constraints: dict = {
        **{name: rule for name, rule in BaseSearchCV._parameter_constraints.items() if name != "pre_dispatch"},
        "weights": "no_validation",  # `_candidates` says more
        "scoring": "no_validation",
        "reference": "no_validation",
        "error_score": [StrOptions({"raise"}), Real],
    }

    def __init__(
        self,
        estimator,
        weights,
        *,
        scoring=None,
        n_jobs=None,
        refit=True,
        cv=None,
        verbose=0,
        error_score=np.nan,
        return_train_score=False,
        reference=None,
    ):
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.weights = weights
        self.reference = reference

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, **params):
        """Evaluate all candidates, and fit the best one to all rows.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
            Labels with gaps; passed on as they are.
        **params : dict
            What `fit` of the estimator gets, such as `sample_weight`, which scores take into account where they can,
            and `groups` for `cv`. What has an entry a row is split, too.

        Returns
        -------
        self : TaskWeightSearchCV
            Fitted.
        """
        if y is None:
            raise ValueError("TaskWeightSearchCV requires y to be passed, but the target y is None.")
        candidates = self._candidates()
        scorers, decisive = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        splits = make_splits(self.cv, self.estimator, X, y, **{"groups": None, **routed.splitter.split})
        by_fold = self._evaluate(candidates, X, y, splits, scorers, task_scorer(scorers, decisive), routed)
        for name in _OF_REFIT:  # of an earlier search
            self.__dict__.pop(name, None)
        self.n_splits_ = len(by_fold)
        self._keep_results(candidates, by_fold)
        if self.multimetric_ and callable(scorers) and not isinstance(self.scoring, (list, tuple, Mapping)):
            self._check_refit_for_multimetric(self._score_names)  # only now it is known what they are called
            decisive = self.refit
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        if self.refit or not self.multimetric_:
            self._choose(decisive)
        if self.refit and len(by_fold) == len(splits):
            self._refit(X, y, routed.estimator.fit)
        return self

    @available_if(lambda self: hasattr(self.estimator, "transform"))
    def fit_transform(self, X, y=None, **params):
        """Search, and return the representation that the best candidate has of the rows.

        Parameters
        ----------
        X, y, **params : array-like, array-like, dict
            As of `fit`.

        Returns
        -------
        Z : ndarray of shape (n, width of the trunk)
            As of `transform`.
        """
        return self.fit(X, y, **params).transform(X)

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        tags.transformer_tags = inner.transformer_tags
        return tags

    def _candidates(self):
        """The settings to try."""
        names = [name for name in clone(self.estimator).get_params() if name.rpartition("__")[2] == "task_weights"]
        if len(names) != 1:
            found = f"there are {listing(names)}" if names else "there is none"
            raise ValueError(
                f"The estimator must have one parameter task_weights; {found} in {type(self.estimator).__name__}."
            )
        return [{names[0]: weights} for weights in listed(self.weights)]

    def _get_scorers(self):
        """As of scikit-learn's searches, with the names and the scorer of this package."""
        if self.scoring is None and hasattr(self._core, "score_tasks"):
            return scorer_like(self._core), "score"
        alike = copy.copy(self)
        alike.scoring = with_our_names(self.scoring)
        return super(TaskWeightSearchCV, alike)._get_scorers()

    def _check_refit_for_multimetric(self, scores):
        try:
            super()._check_refit_for_multimetric(scores)
        except ValueError as error:
            raise ValueError(f"{error} The scores are {listing(scores)}.{nearest(self.refit, scores)}") from None

    def score(self, X, y=None, **params):
        """Return the score that decided, of the best candidate on other rows.

        Parameters
        ----------
        X : array-like, DataFrame or CSR array of shape (n, d)
            Inputs.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, n_tasks)
            Labels with gaps.
        **params : dict
            What the scorer gets, where metadata routing is enabled.

        Returns
        -------
        score : float
            The higher, the better.

        Raises
        ------
        ValueError
            If there are several scores and a function as `refit`: none of them decided.
        """
        if callable(self.refit) and getattr(self, "multimetric_", False):
            raise ValueError(
                "refit is a function, so that none of the several scores is the one that decides. Take "
                "best_estimator_.score(X, y), or a scorer: make_task_scorer()(search, X, y)."
            )
        return super().score(X, y, **params)

    @property
    def _core(self):
        """What a pipeline ends in."""
        steps = getattr(self.estimator, "steps", None)
        return steps[-1][1] if steps else self.estimator

    def _evaluate(self, candidates, X, y, splits, scorers, task_scorer, routed):
        """Results of all candidates, a list for each fold."""
        settings = {
            "scorer": scorers,
            "task_scorer": task_scorer,
            "return_train_score": self.return_train_score,
            "error_score": self.error_score,
        }
        jobs = (
            delayed(evaluate_fold)(
                clone(self.estimator),
                candidates,
                X,
                y,
                train,
                test,
                routed.estimator.fit,
                routed.scorer.score,
                **settings,
            )
            for train, test in splits
        )
        done, started = [], time.perf_counter()
        try:
            for found in Parallel(n_jobs=self.n_jobs, return_as="generator")(jobs):
                done.append(found)
                if self.verbose:
                    took = f"{time.perf_counter() - started:.1f} s"
                    print(
                        f"[TaskWeightSearchCV] fold {len(done)} of {len(splits)}, {len(candidates)} candidates, {took}"
                    )
        except KeyboardInterrupt:
            if not done:
                raise
            warnings.warn(
                f"Interrupted: the scores are those of {len(done)} of the {len(splits)} folds, and nothing is "
                "refitted. estimator.set_params(**search.best_params_).fit(X, y) does it.",
                UserWarning,
                stacklevel=4,
            )
        self._tell_failures([result for found in done for result in found])
        return done

    def _tell_failures(self, results):
        errors = [result.error for result in results if result.error is not None]
        if not errors:
            return
        if len({repr(error) for error in errors}) == 1 and len(errors) == len(results):
            raise errors[0]
        told = f"{len(errors)} of {len(results)} fits failed"
        first = f"the first with {type(errors[0]).__name__}: {errors[0]}"
        if len(errors) == len(results):
            raise ValueError(f"{told}, {first} Set error_score='raise' to see where.") from errors[0]
        warnings.warn(
            f"{told}, {first} Their scores are error_score={self.error_score}.", FitFailedWarning, stacklevel=5
        )

    def _keep_results(self, candidates, by_fold):
        """Set `cv_results_` and what is said of the tasks."""
        by_candidate = [fold[k] for k in range(len(candidates)) for fold in by_fold]
        known = next(result for result in by_candidate if result.error is None)
        self.multimetric_ = isinstance(known.scores["test_scores"], dict)
        self._score_names = list(known.scores["test_scores"]) if self.multimetric_ else ["score"]
        out = [result.as_dict(known.scores, self.error_score) for result in by_candidate]
        self.cv_results_ = self._format_results(candidates, len(by_fold), out)
        self.task_names_ = list(dict.fromkeys(name for result in by_candidate for name in result.tasks))
        tasks = np.array([[result.tasks.get(name, np.nan) for name in self.task_names_] for result in by_candidate])
        tasks = tasks.reshape(len(candidates), len(by_fold), -1).astype(float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of a task without a score
            self.task_scores_, stds = np.nanmean(tasks, axis=1), np.nanstd(tasks, axis=1)
        for j, name in enumerate(self.task_names_):
            self._check_name(name, tasks[:, :, j])
            told = {f"split{k}_test_{name}": tasks[:, k, j] for k in range(len(by_fold))}
            told |= {f"mean_test_{name}": self.task_scores_[:, j], f"std_test_{name}": stds[:, j]}
            self.cv_results_ = told | self.cv_results_  # what the scorers say comes first
        self.reference_ = self._reference()
        scored = np.flatnonzero(~np.isnan(self.task_scores_).all(axis=0))  # a task without a score beats nothing
        self.pareto_front_, self.hypervolume_ = np.array([], dtype=np.intp), 0.0
        if len(scored):
            self.pareto_front_ = np.flatnonzero(pareto_front(self.task_scores_[:, scored]))
            self.hypervolume_ = hypervolume(self.task_scores_[:, scored], self.reference_[scored])

    def _check_name(self, name, scores):
        """Warn of a task that has the name of something else; its scores are ``(k, n_splits)``."""
        if f"split0_test_{name}" not in self.cv_results_:
            return
        others = np.stack([self.cv_results_[f"split{k}_test_{name}"] for k in range(scores.shape[1])], axis=1)
        known = np.isfinite(scores)
        if not np.allclose(scores[known], others[known]):
            warnings.warn(
                f"Task {name!r} has the name of another score, so that cv_results_ has that one and only task_scores_ "
                "the task's. Rename the column of y.",
                UserWarning,
                stacklevel=5,
            )

    def _reference(self):
        """Scores that volumes are measured from; NaN for a task that no candidate has a score of."""
        given, names = self.reference, self.task_names_
        if given is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)
                return np.nanmin(self.task_scores_, axis=0)
        reference = np.asarray(in_order(given, names, "reference"), dtype=float)
        if reference.shape != (len(names),):
            raise ValueError(
                f"reference must have one score for each of the tasks {listing(names)}; got {self.reference!r}."
            )
        return reference

    def _choose(self, decisive):
        self.best_index_ = self._select_best_index(self.refit, decisive, self.cv_results_)
        if not callable(self.refit):
            self.best_score_ = self.cv_results_[f"mean_test_{decisive}"][self.best_index_]
        self.best_params_ = self.cv_results_["params"][self.best_index_]

    def _refit(self, X, y, params):
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        started = time.perf_counter()
        self.best_estimator_ = best.fit(X, y, **params)
        self.refit_time_ = time.perf_counter() - started
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
