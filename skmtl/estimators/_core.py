"""What a pipeline, a search or a frozen estimator is about."""

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline


def core(estimator, fitted=False):
    """Return the estimator inside: the last step, what is searched for, what is frozen; else itself.

    Parameters
    ----------
    estimator : estimator
    fitted : bool, default=False
        Whether to return what was fitted: of a search the best one.
    """
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, BaseSearchCV):
            estimator = estimator.best_estimator_ if fitted else estimator.estimator
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        else:
            return estimator
