"""Members: estimators of any kind -> units that fit some of the tasks and predict a value or probabilities for each."""

import re
import warnings
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import has_fit_parameter

from .._columns import listing
from ..estimators._base import BaseMultiTask
from ..estimators._core import core
from ..estimators._seeds import draw_seed
from ..model_selection._folds import INTERRUPTED

KIND_OF = {"regressor": "regression", "classifier": "classification"}
#: What a pair is made of, in this order.
PAIR = ("regressor", "classifier")
#: How our estimators say that they leave out columns.
SKIPS = ".*on_empty_task='skip' leaves them out"


class Fold(NamedTuple):
    """Rows to train on and rows to predict; none to predict where the fit is the last one."""

    train: np.ndarray
    test: np.ndarray | None = None
    number: int | None = None


@dataclass
class Unit:
    """An estimator, not fitted, and the tasks that one fit of it learns."""

    member: str
    estimator: Any
    tasks: list
    way: str  # "gaps": all columns as they are; "joint": complete columns; "single": one column
    kinds: list
    quiet: bool = False

    @property
    def has_own_oof(self):
        """Whether a fit on all rows brings out-of-fold predictions with it."""
        return bool(getattr(core(self.estimator), "makes_oof_prediction", False))

    def fit(self, X, labels, rows):
        """Return a fitted copy, with the tasks that can be learned from these rows; None where none can."""
        tasks = labels.learnable(self.tasks, rows)
        if not tasks:
            return None
        part = replace(self, tasks=tasks, estimator=clone(self.estimator), kinds=[labels.kinds[t] for t in tasks])
        rows, columns, skips = labels.labelled(tasks, rows), labels.columns_of(tasks), False
        if self.way == "gaps":
            columns, skips = part._columns(labels, len(tasks) < len(self.tasks), self.tasks)
        y, weights = part._labels(labels, columns, rows)
        given = {} if weights is None else {weight_parameter(part.estimator): weights}
        with self.errors_named(labels.names, tasks), _Interruptible(self.quiet, skips):
            part.estimator.fit(_safe_indexing(X, rows), y, **given)
        return Fitted.of(part, labels, columns, rows)

    def _columns(self, labels, some_left_out, all_tasks):
        """Tell an estimator of several columns what they are; return them, and whether it is to skip some."""
        columns, told = labels.columns_of(self.tasks), {}
        if some_left_out or labels.targets.skipped:
            told = dict.fromkeys(parameters_named("on_empty_task", self.estimator), "skip")
        if told:  # so what it was told of all tasks, as a list or by name, goes on to fit
            columns = labels.with_skipped(all_tasks)
        self.estimator.set_params(**told, **_told_kinds(self.estimator, labels.kinds_of(columns)))
        return columns, bool(told)

    def _labels(self, labels, columns, rows):
        """Labels and weights in the form that the estimator takes."""
        if self.way == "gaps":
            sparse = _takes_sparse(self.estimator)
            return labels.table(columns, rows, sparse), labels.weights_of(columns, rows, sparse)
        weights = labels.weights_of(columns[:1], rows)
        if self.way == "single":
            return labels.column(self.tasks[0], rows), weights
        codes = labels.codes(self.tasks, rows)
        return codes[:, 0] if len(self.tasks) == 1 else codes, weights

    def errors_named(self, names, tasks):
        """Context in which an error says whose it is."""
        return _Named(self.member, [names[t] for t in tasks])


class Fitted:
    """A unit that was fitted.

    Attributes
    ----------
    unit : Unit
        With the fitted estimator, and the tasks that it learned.
    positions : list of int
        Where these tasks are in what the estimator predicts.
    rows : ndarray
        The rows that it was fitted to.
    """

    def __init__(self, unit, classes, names, positions, rows):
        self.unit, self.positions, self.rows = unit, positions, rows
        self._classes, self._names = classes, names
        self._codes = [None] * len(classes)
        with _Named(unit.member, names):
            for i, labels in self._learned_classes().items():
                known = range(len(classes[i])) if unit.way == "joint" else classes[i].tolist()
                code = {label: k for k, label in enumerate(known)}
                self._codes[i] = [code[label] for label in np.asarray(labels).tolist()]

    @classmethod
    def of(cls, unit, labels, columns, rows):
        """Return a fitted unit that predicts these columns of y."""
        classes, names = ([each[t] for t in unit.tasks] for each in (labels.targets.classes, labels.names))
        return cls(unit, classes, names, [columns.index(c) for c in labels.columns_of(unit.tasks)], rows)

    def _learned_classes(self):
        """Class labels that the estimator learned, by place of the task among those of the unit."""
        places = [i for i, c in enumerate(self._classes) if c is not None]
        if not places:
            return {}
        found = self.unit.estimator.classes_
        return {i: found[self.positions[i]] for i in places} if isinstance(found, list) else {places[0]: found}

    def predict(self, X):
        """Return a list by task of values (n,) or probabilities (n, n_classes)."""
        estimator = self.unit.estimator
        with _Named(self.unit.member, self._names):
            values = estimator.predict(X) if "regression" in self.unit.kinds else None
            chances = estimator.predict_proba(X) if "classification" in self.unit.kinds else None
            return self._by_task(values, chances)

    @property
    def has_own_oof(self):
        """Whether it brought out-of-fold predictions with it, or says that it did."""
        fitted = core(self.unit.estimator, fitted=True)
        return hasattr(fitted, "oof_prediction_") or not isinstance(fitted, BaseMultiTask)

    def own_oof(self):
        """Return the out-of-fold predictions of the rows that it was fitted to, as `predict` does."""
        with _Named(self.unit.member, self._names):
            fitted = core(self.unit.estimator, fitted=True)
            if not hasattr(fitted, "oof_prediction_"):
                raise ValueError(
                    f"{type(fitted).__name__} has makes_oof_prediction=True, but no oof_prediction_ after its fit."
                )
            found = fitted.oof_prediction_
            if isinstance(found, np.ndarray) and found.ndim == 2 and set(self.unit.kinds) == {"regression"}:
                found = list(found.T)
            found = list(found) if isinstance(found, (list, tuple)) else [found]
            for part in (found[position] for position in self.positions):
                if len(part) != len(self.rows):
                    raise ValueError(
                        f"Its oof_prediction_ has {len(part)} rows, but it was fitted to {len(self.rows)}."
                    )
            return self._by_task(found, found, gaps=True)

    def predict_labelled(self, X, labels, rows):
        """Yield each task, those of some rows that have a label of it, and what is predicted of them."""
        rows = labels.labelled(self.unit.tasks, rows)
        if len(rows):
            yield from self._labelled(labels, rows, self.predict(_safe_indexing(X, rows)))

    def own_labelled(self, labels):
        """Yield the same of the rows that it was fitted to, by its own out-of-fold predictions."""
        yield from self._labelled(labels, self.rows, self.own_oof())

    def _labelled(self, labels, rows, predicted):
        for task, values in zip(self.unit.tasks, predicted, strict=True):
            seen = labels.are_observed(task, rows)
            yield task, rows[seen], values[seen]

    def _by_task(self, values, chances, gaps=False):
        result = []
        for i, (classes, at) in enumerate(zip(self._classes, self.positions, strict=True)):
            if classes is None:
                column = values[at] if isinstance(values, list) else values if np.ndim(values) == 1 else values[:, at]
                predicted = np.asarray(column, dtype=np.float64).reshape(len(column))
            else:
                chance = np.asarray(chances[at] if isinstance(chances, list) else chances, dtype=np.float64)
                predicted = np.zeros((len(chance), len(classes)))
                predicted[:, self._codes[i]] = chance
            if not (gaps or np.isfinite(predicted).all()):
                raise ValueError(f"It predicts NaN or infinity for task {self._names[i]!r}.")
            result.append(predicted)
        return result


@dataclass(frozen=True)
class Lone:
    """Stands for the name of a member where there is one estimator only; errors call it so."""

    def __str__(self):
        return "The estimator"


NAME = Lone()


def who(member):
    """How errors call a member: by its name in the blend; who is no text says it all."""
    return f"Member {member!r} of MultiTaskBlend" if isinstance(member, str) else str(member)


class _Named:
    """Errors of the block say which member and task they are of."""

    def __init__(self, member, names):
        task = f"task {names[0]!r}" if len(names) == 1 else f"tasks {listing(names)}"
        self.who = f"{who(member)}, {task}"

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind in (ValueError, TypeError, AttributeError, NotImplementedError, RuntimeError):
            # An AttributeError would say to hasattr that there is no such method.
            kind = TypeError if kind is AttributeError else kind
            raise kind(f"{self.who}: {error}") from error
        if error is not None and isinstance(error, Exception):
            error.add_note(f"{self.who}.")


class _Interruptible(warnings.catch_warnings):
    """Let no member take an interrupt for itself: a network would stop, and all others go on; hush what it may say."""

    def __init__(self, quiet, skips):
        super().__init__()
        self._quiet, self._skips = quiet, skips

    def __enter__(self):
        super().__enter__()
        warnings.filterwarnings("error", message=INTERRUPTED)
        if self._quiet:
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message="Got batch_size")
            warnings.filterwarnings("ignore", message="invalid value encountered in divide")  # RidgeCV of one label
        if self._skips:  # the user was told of what is never learned, and can do nothing about folds
            warnings.filterwarnings("ignore", message=SKIPS)

    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        if isinstance(error, UserWarning) and re.match(INTERRUPTED, str(error)):
            raise KeyboardInterrupt from error


# What an estimator is


def _takes_gaps(estimator):
    """Whether it takes several columns of y at once, with missing labels."""
    inner = core(estimator)
    return bool(getattr(inner, "takes_missing_labels", isinstance(inner, BaseMultiTask)))


def _takes_sparse(estimator):
    """Whether it takes sparse labels, of which those that are stored are observed."""
    inner = core(estimator)
    return bool(getattr(inner, "takes_sparse_labels", isinstance(inner, BaseMultiTask)))


def weight_parameter(estimator):
    """Name of the parameter of `fit` that takes weights; None where there is none."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    if isinstance(estimator, BaseSearchCV):
        return weight_parameter(estimator.estimator)
    if isinstance(estimator, TransformedTargetRegressor):
        return weight_parameter(estimator.regressor)
    return "sample_weight" if has_fit_parameter(estimator, "sample_weight") else None


def parameters_named(name, estimator):
    """Parameters of this name, of the estimator or of what it is made of."""
    return sorted(key for key in estimator.get_params() if key.rpartition("__")[2] == name)


def _told_kinds(estimator, kinds):
    """Parameters that tell one of our estimators the kinds of the columns, where it would guess."""
    found = estimator.get_params()
    names = [name for name in parameters_named("tasks", estimator) if isinstance(found[name], str)]
    return {name: list(kinds) for name in names if found[name] == "auto"}


# From members to units


def make_units(member, estimator, labels, rng=None, quiet=False):
    """Return the units of a member, an estimator or a pair of them, for the tasks that it can do."""
    units = []
    for part, kinds in _parts(member, estimator):
        tasks = [t for t, kind in enumerate(labels.kinds) if kind in kinds]
        if not tasks:
            continue
        _check_part(member, part, [labels.kinds[t] for t in tasks], labels)
        part = set_seeds(clone(part), rng)
        way = _way(part, tasks, labels)
        groups = [[t] for t in tasks] if way == "single" else [tasks]
        units += [Unit(member, part, group, way, [labels.kinds[t] for t in group], quiet) for group in groups]
    return units


def unserved(units, labels):
    """Return in words what no unit is for, and the tasks that need it; None where all are served."""
    served = {task for unit in units for task in unit.tasks}
    alone = [task for task in range(len(labels.names)) if task not in served]
    if not alone:
        return None
    return f"{labels.kinds[alone[0]]}, which task(s) {listing([labels.names[task] for task in alone])} need"


def _parts(member, estimator):
    """Pairs of an estimator and the kinds of task that it is for."""
    if is_pair(estimator):
        parts = [(part, (KIND_OF[kind],)) for part, kind in zip(estimator, PAIR, strict=True) if part is not None]
        for part, (kind,) in parts:
            if kind not in _kinds(member, part):
                raise TypeError(
                    f"{who(member)} must be a pair (regressor, classifier), in this order; "
                    f"{type(part).__name__} is not for {kind}."
                )
        return parts
    return [(estimator, _kinds(member, estimator))]


def is_pair(estimator):
    """Whether a member is a pair (regressor, classifier)."""
    return isinstance(estimator, tuple) and len(estimator) == 2


def _kinds(member, estimator):
    if isinstance(estimator, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "get_params")):
        hint = " Pass an instance, not the class: add parentheses." if isinstance(estimator, type) else ""
        raise TypeError(
            f"{who(member)} must be an estimator, a pair (regressor, classifier) or 'drop'; got {estimator!r}.{hint}"
        )
    kind = KIND_OF.get(get_tags(estimator).estimator_type)
    if kind is not None:
        return (kind,)
    if _takes_gaps(estimator):
        return ("regression", "classification")
    raise TypeError(
        f"{who(member)}, {type(estimator).__name__}, is neither a regressor nor a classifier, "
        "and does not say that it takes several tasks with gaps (takes_missing_labels = True)."
    )


def _check_part(member, part, kinds, labels):
    if "classification" in kinds and not hasattr(part, "predict_proba"):
        raise TypeError(
            f"{who(member)}, {type(part).__name__}, has no predict_proba, which "
            f"task {labels.names[labels.kinds.index('classification')]!r} needs. Put it into a CalibratedClassifierCV."
        )
    if labels.are_weighted and weight_parameter(part) is None:
        raise TypeError(
            f"{who(member)}, {type(part).__name__}, takes no sample_weight. "
            + (f"Leave it out (set_params({member}='drop')), or fit" if isinstance(member, str) else "Fit")
            + " without sample_weight."
        )


def _way(part, tasks, labels):
    if _takes_gaps(part):
        return "gaps"
    if len(tasks) > 1 and get_tags(part).target_tags.multi_output and labels.are_alike(tasks):
        return "joint"
    return "single"


def set_seeds(estimator, rng, anew=False):
    """Give a seed to whatever has none, or, `anew`, to whatever can have one; return the estimator itself.

    Parameters
    ----------
    rng : RandomState or None
        None: all seeds are set already.
    """
    found = estimator.get_params()
    names = [name for name in parameters_named("random_state", estimator) if anew or found[name] is None]
    estimator.set_params(**{name: draw_seed(rng) for name in names})
    return estimator
