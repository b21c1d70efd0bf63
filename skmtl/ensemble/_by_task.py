"""What estimators have in common that predict task by task, with others inside: rows in, one array a task out."""

import contextlib

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import ClassifierTags, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from .._inputs import is_frame
from ..estimators._base import BaseMultiTask
from ..estimators._probabilities import ProbabilityMixin
from ..estimators._view import TaskViewMixin
from ._encoder import InputEncoder


class ByTaskMixin(ProbabilityMixin, TaskViewMixin):
    """Prediction and scores of an estimator whose `_infer` gives a list by task of (n,) or (n, n_classes)."""

    #: It takes several columns of y with gaps, also sparse, and may be a member of a blend.
    takes_missing_labels = True
    takes_sparse_labels = True

    def _validate_X(self, X, reset):
        """Check what can be checked of any X; the estimators inside say what they think of the rest."""
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return X
        # Also where only estimators are left that would take NaN.
        finite = not get_tags(self).input_tags.allow_nan
        return validate_data(
            self, X, reset=reset, dtype=None, accept_sparse="csr", ensure_all_finite=finite, allow_nd=True
        )

    def _set_targets(self, targets):
        """Keep what is known of the tasks."""
        self._targets, self.tasks_ = targets, targets.task_types
        self.n_outputs_, self.skipped_tasks_ = targets.n_columns, targets.skipped

    def _rows(self, X):
        check_is_fitted(self, "_models")
        return self._validate_X(X, reset=False)

    def _raw(self, X):
        X = self._rows(X)
        return self._infer(X), X.shape[0]

    def _predict_values(self, raw, n):
        """Values in the user's units, or class codes: (n, T)."""
        return np.stack([p if p.ndim == 1 else p.argmax(axis=1).astype(float) for p in raw], axis=1)

    def _probabilities(self, raw, n):
        return [None if p.ndim == 1 else p for p in raw]

    predict = BaseMultiTask.predict
    score = BaseMultiTask.score
    score_tasks = BaseMultiTask.score_tasks

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        # No estimator type, as for `MultiTaskEstimator`; but who has predict_proba must have these.
        tags.classifier_tags = ClassifierTags()
        # Where the estimators are not what they should be, fit will say so.
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            inside = [_input_tags(estimator) for estimator in self._inside()]
            for name in ("sparse", "allow_nan", "categorical"):
                setattr(tags.input_tags, name, all(getattr(each, name) for each in inside))
        return tags


def _input_tags(estimator):
    """What it takes; of what an encoder takes, which returns plain numbers, a pipeline says nothing."""
    if isinstance(estimator, Pipeline) and isinstance(estimator[0], InputEncoder):
        estimator = estimator[0]
    return get_tags(estimator).input_tags
