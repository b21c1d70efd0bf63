"""MultiTaskConformal: intervals and sets of classes that hold the truth as often as they say, task by task."""

import warnings
from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _num_samples

from .._component import resolve
from .._observed import columns
from ..ensemble._members import PAIR, is_pair
from ..estimators._seeds import draw_seed
from ._base import BaseCalibrated
from ._interval_scores import INTERVAL_SCORES, IntervalScore
from ._quantiles import at_level
from ._ranks import labels_needed
from ._score_table import ScoreTable
from ._set_scores import SET_SCORES, SetScore


class MultiTaskConformal(BaseCalibrated):
    """Intervals and sets of classes that hold the truth as often as they say, for every task.

    Conformal prediction asks of the model only that it has not seen the rows that calibrate it [1]_ [2]_: the interval
    of a regression, or the set of classes of a classification, is all that fits the prediction no worse than the share
    `confidence_level` of the held-out labels did. Each task is calibrated on the labels that it has.

    Parameters
    ----------
    estimator : estimator, pair (regressor, classifier) or None, default=None
        What predicts: whatever can be a member of `MultiTaskBlend`, and a blend too. None: `MultiTaskEstimator()`. One
        that is fitted already goes into a ``sklearn.frozen.FrozenEstimator``; then all rows that `fit` gets calibrate,
        so they must be new to it.
    method : {"cross", "cv+", "split"}, default="cross"
        Where held-out predictions come from. "cross": from folds, or from the estimator itself where it makes
        out-of-fold predictions and `cv` is None; new rows are predicted by a fit to all rows [3]_. "cv+": from folds,
        whose models also predict new rows [4]_. "split": one part of the rows trains, the other calibrates [2]_.
    confidence_level : float, default=0.9
        Share of the labels, of each task, that intervals and sets are to hold; between 0 and 1.
    interval_score : {"absolute", "normalized", "quantile"} or IntervalScore, default="absolute"
        What makes intervals: "absolute" gives all rows of a task the same width; "normalized" goes by a predicted
        standard deviation; "quantile" by two predicted quantiles, for which the estimator is fitted twice more.
    set_score : {"lac", "aps", "raps"} or SetScore, default="lac"
        What makes sets: "lac" the smallest ones; "aps" and "raps" ones that are larger where the row is hard.
    by_class : bool, default=False
        Whether each class has a threshold of its own, so that the level holds for the rows of every class and not only
        for all together: what a rare class needs. It takes as many labels of each class as else of the task.
    allow_empty : bool, default=False
        Whether a set may be empty where no class fits well enough. Else it has the most probable class at least, and
        sets of a task that is right more often than `confidence_level` hold the truth more often than that.
    tasks : {"auto", "regression", "classification"}, or list or dict by task name of these, default="auto"
        Kind of each column of y. "auto" goes by the estimator; for a pair, or where that is "auto" too, it takes
        numbers that are not all whole as regression and everything else, whole numbers too, as classification.
    cv : int, cross-validator, iterable of (train, test) or None, default=None
        Folds of "cross" and "cv+". An int is the number of folds of a shuffled `MultiTaskKFold`; None is 5, where the
        estimator brings nothing. For "split" a splitter or an iterable with one pair, instead of a random one.
    calibration_fraction : float, default=0.25
        Share of the rows that "split" calibrates on.
    n_jobs : int or None, default=None
        Processes that fit folds, as joblib takes it. The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the folds, what is random in a set, and every `random_state` of the estimator that is None. Pass an int
        for the same result each time.

    Attributes
    ----------
    conformity_scores_ : dict of task name to ndarray of shape (n_labels,)
        Scores of the held-out labels, sorted; with `by_class` a dict of class to array for a classification.
    n_calibration_ : dict of task name to int
        Number of labels that calibrate the task.
    tasks_ : dict of task name to {"regression", "binary", "multiclass"}
        The tasks, in the order of the columns of y, and what they are.
    skipped_tasks_ : list
        Names of the columns of y that are left out, see Notes.
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
    TemperatureScaling : Probabilities that are right on average.
    task_view : One task of a fitted estimator, for single-task tools.

    Notes
    -----
    What is guaranteed, if the rows that calibrate and the new ones are exchangeable, whatever the model and the data:

    - "split": a new row's label is held with a probability of at least `confidence_level`, on average over the
      calibration rows drawn; and, without ties, of at most 1 / (n + 1) more, with n calibration labels.
    - "cv+": with a probability of at least 1 - 2 alpha - sqrt(2 / n), alpha being 1 less the level, for folds of one
      size; in practice it is about 1 - alpha, or more [4]_.
    - "cross": nothing without the assumption that the fit to all rows errs like those to the folds. As a rule it errs
      less, having seen more, and the intervals are a little wide. The same holds for an estimator's own out-of-fold
      predictions: where a model that averages members predicts new rows, those of one member are worse. Those of a
      blend are a little better than they should be, since its weights were chosen by the same labels.

    It is a statement about each task for itself: all T labels of a row are held at once with a probability of at least
    1 - T alpha. It is one about all rows, not about those that look like a given one, nor about later or otherwise
    unlike rows. Rows that belong together need folds that keep them so, and then groups must be exchangeable. A label
    that is missing for a reason which has to do with its value makes the observed ones differ from the others.

    A level takes at least level / (1 - level) labels of the task, 9 for 0.9. With fewer, intervals are infinite, sets
    have all classes, and a warning says so. `sample_weight` goes to the estimator; every label of positive weight
    calibrates alike.

    What to do about a column of y without a label is up to the estimator: where it has ``on_empty_task="skip"``, the
    column is left out with a warning, and so is a task that "split" or "cv+" leave no row to train on. Predictions
    and intervals are NaN there, sets and probabilities None.

    References
    ----------
    .. [1] Vovk, Gammerman and Shafer (2005). Algorithmic Learning in a Random World. Springer.
    .. [2] Angelopoulos and Bates (2023). Conformal prediction: a gentle introduction. Foundations and Trends in Machine
       Learning 16.
    .. [3] Vovk (2015). Cross-conformal predictors. Annals of Mathematics and Artificial Intelligence 74.
    .. [4] Barber, Candès, Ramdas and Tibshirani (2021). Predictive inference with the jackknife+. Annals of Statistics
       49.

    Examples
    --------
    A length with its interval, and a species with its set:

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression, Ridge
    >>> from skmtl import MultiTaskConformal
    >>> data = load_iris(as_frame=True)
    >>> X, Y = data.data.iloc[:, :3], data.data[["petal width (cm)"]].assign(species=data.target_names[data.target])
    >>> pair = (Ridge(), LogisticRegression(max_iter=1000))
    >>> model = MultiTaskConformal(pair, confidence_level=0.95, random_state=0).fit(X, Y)
    >>> model.predict_interval(X)[70, 0].round(1)
    array([1.3, 2.1])
    >>> model.predict_set(X)[1][70]
    array([False,  True,  True])
    >>> coverage = model.coverage(X, Y)
    >>> min(coverage.values()) > 0.94
    True
    """

    _parameter_constraints = BaseCalibrated._parameter_constraints | {
        "method": [StrOptions({"cross", "cv+", "split"})],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "interval_score": "no_validation",
        "set_score": "no_validation",
        "by_class": ["boolean"],
        "allow_empty": ["boolean"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        method="cross",
        confidence_level=0.9,
        interval_score="absolute",
        set_score="lac",
        by_class=False,
        allow_empty=False,
        tasks="auto",
        cv=None,
        calibration_fraction=0.25,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.confidence_level = confidence_level
        self.interval_score = interval_score
        self.set_score = set_score
        self.by_class = by_class
        self.allow_empty = allow_empty
        self.tasks = tasks
        self.cv = cv
        self.calibration_fraction = calibration_fraction
        self.n_jobs = n_jobs
        self.random_state = random_state

    # Calibration

    def _fit(self, X, y, sample_weight):
        owner = type(self).__name__
        self._interval_score = resolve(
            self.interval_score, INTERVAL_SCORES, IntervalScore, "interval_score", owner, {"set_score": SET_SCORES}
        )
        self._set_score = resolve(
            self.set_score, SET_SCORES, SetScore, "set_score", owner, {"interval_score": INTERVAL_SCORES}
        )
        super()._fit(X, y, sample_weight)

    def _check_frozen(self, labels):
        if self._interval_score.needs_quantiles and "regression" in labels.kinds:
            raise ValueError(
                f"interval_score={self.interval_score!r} needs two more fits, but a FrozenEstimator is not fitted "
                "anew. Use interval_score='absolute' or 'normalized', or pass the estimator itself."
            )

    def _wants_std(self, labels):
        return self._interval_score.needs_std and "regression" in labels.kinds

    def _quantiles(self, estimator, labels):
        part = estimator[PAIR.index("regressor")] if is_pair(estimator) else estimator
        if part is None or not self._interval_score.needs_quantiles or "regression" not in labels.kinds:
            return ()
        alpha = 1 - self.confidence_level
        return at_level(part, alpha / 2), at_level(part, 1 - alpha / 2)

    def _calibrate(self, held_out, labels, rng):
        self._seed = draw_seed(rng)
        self._tables = [self._table(held_out, task, labels) for task in range(self._targets.n_tasks)]
        names = self._targets.names
        self.n_calibration_ = {name: table.n_labels for name, table in zip(names, self._tables, strict=True)}
        self.conformity_scores_ = {name: table.merged() for name, table in zip(names, self._tables, strict=True)}
        self._warn_if_few(self.confidence_level)

    def _table(self, held_out, task, labels):
        """Scores of the held-out labels of a task, by class where each has a threshold of its own."""
        rows, predicted = held_out.of(task)
        classes, truth = self._targets.classes[task], labels.of(task, rows)
        codes = None if classes is None else truth.astype(np.intp)
        if predicted is None:
            scores = np.empty(0)
        elif classes is None:
            scores = self._interval_score.score(predicted, truth)
        else:
            scores = self._set_score.scores(predicted, self._seed)[np.arange(len(rows)), codes]
        model = np.zeros(len(rows), dtype=np.intp) if held_out.fold is None else held_out.fold[rows]
        return ScoreTable.sort(scores, model, len(held_out.models), classes if self.by_class else None, codes)

    def _warn_if_few(self, level):
        needed = labels_needed(level)
        few = []
        for name, table in zip(self._targets.names, self._tables, strict=True):
            for label, n in zip(table.labels, table.counts, strict=True):
                if n < needed:
                    few.append(f"{'' if label is None else f'class {label!r} of '}task {name!r} ({n})")
        if few:
            more = f" and {len(few) - 5} more" if len(few) > 5 else ""
            warnings.warn(
                f"confidence_level={level} takes at least {needed} held-out labels, but there are fewer of "
                f"{', '.join(few[:5])}{more}: their intervals are infinite, and their classes in every set. Lower the "
                "level, or label more rows.",
                UserWarning,
                stacklevel=5,
            )

    # Prediction

    def predict_interval(self, X, confidence_level=None):
        """Return an interval for each regression.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs.
        confidence_level : float, default=None
            Another level than that of the constructor. Scores of the fit serve all levels, but predicted quantiles are
            those of the constructor's.

        Returns
        -------
        intervals : ndarray of shape (n, T, 2), or (n, 2) where y had one column
            Lower and upper ends in the units of y; NaN for a classification and for a task that is skipped, infinite
            where labels are too few.

        Warns
        -----
        UserWarning
            If a task has too few labels for another level.
        """
        X, level = self._rows(X), self._level(confidence_level)
        intervals = np.full((_num_samples(X), self.n_outputs_, 2), np.nan)
        by_model = [models.predict(X) for models in self._models]
        for task, classes in enumerate(self._targets.classes):
            if classes is None:
                predicted = [columns[task] for columns in by_model]
                ends = self._tables[task].ends(self._interval_score, predicted, level)
                intervals[:, self._targets.kept[task]] = np.stack(ends, axis=1)
        return intervals[:, 0] if self._targets.single else intervals

    def predict_set(self, X, confidence_level=None):
        """Return a set of classes for each classification.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs.
        confidence_level : float, default=None
            Another level than that of the constructor.

        Returns
        -------
        sets : list of ndarray of bool of shape (n, n_classes), or ndarray where y had one column
            One array a task, whether a class is in the set, in the order of `classes_`; None for a regression
            and for a task that is skipped.

        Warns
        -----
        UserWarning
            If a task has too few labels for another level.
        """
        X, level = self._rows(X), self._level(confidence_level)
        by_model = [models.predict(X) for models in self._models]
        sets = [
            None if classes is None else self._set([columns[task] for columns in by_model], self._tables[task], level)
            for task, classes in enumerate(self._targets.classes)
        ]
        sets = self._targets.restore(sets)
        return sets[0] if self._targets.single else sets

    def _set(self, predicted, table, level):
        """Membership (n, n_classes) for one task, from the probabilities of each model."""
        members = table.members((self._set_score.scores(p, self._seed) for p in predicted), level)
        if not self.allow_empty:
            members[np.arange(len(members)), sum(predicted).argmax(axis=1)] = True
        return members

    def coverage(self, X, y, confidence_level=None):
        """Return the share of the observed labels that intervals and sets hold, by task.

        Parameters
        ----------
        X : array-like, sparse array or DataFrame of shape (n, d)
            Inputs; for an honest figure, rows that `fit` has not seen.
        y : array-like, DataFrame or sparse array of shape (n,) or (n, T)
            Targets; missing labels are left out.
        confidence_level : float, default=None
            Another level than that of the constructor.

        Returns
        -------
        coverage : dict of str to float
            By task name; NaN for a task without a label in y. A class that was not there in `fit` is not held.
        """
        targets = self._targets
        found = columns(targets.encode(y, n_rows=_num_samples(X), unknown=-1.0))
        intervals = self.predict_interval(X, confidence_level) if "regression" in targets.kinds else None
        sets = self.predict_set(X, confidence_level) if "classification" in targets.kinds else None
        coverage = dict.fromkeys(targets.y_names, np.nan)
        for name, at, kind, (rows, truth) in zip(targets.names, targets.kept, targets.kinds, found, strict=True):
            if kind == "regression":
                ends = (intervals if targets.single else intervals[:, at])[rows]
                held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
            else:
                codes = truth.astype(np.intp)
                held = (sets if targets.single else sets[at])[rows, codes] & (codes >= 0)
            coverage[name] = float(held.mean()) if len(rows) else np.nan
        return coverage

    def _level(self, level):
        if level is None or level == self.confidence_level:
            return self.confidence_level
        if not (isinstance(level, Real) and 0 < level < 1):
            raise ValueError(f"confidence_level must be between 0 and 1, both not included; got {level!r}.")
        self._warn_if_few(level)
        return level
