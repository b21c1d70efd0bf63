"""An estimator that predicts a quantile, made from one that predicts a mean."""

from sklearn.base import clone
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from ..estimators._base import BaseMultiTask
from ..estimators._core import core
from ..losses import Quantile


def at_level(estimator, level):
    """Return a copy of a regressor, not fitted, that predicts the quantile of this level.

    Raises
    ------
    ValueError
        If it has no quantile loss that is known here.
    """
    copy, prefix = clone(estimator), _prefix(estimator)
    return copy.set_params(**{prefix + name: value for name, value in _parameters(core(copy), level).items()})


def _prefix(estimator):
    """What the names of the parameters of the innermost estimator start with."""
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_prefix(last)}"
    if isinstance(estimator, BaseSearchCV):
        return f"estimator__{_prefix(estimator.estimator)}"
    return ""


def _parameters(estimator, level):
    if isinstance(estimator, BaseMultiTask):
        return {"loss": Quantile(level)}
    names = estimator.get_params(deep=False)
    if "quantile" in names:
        return {"quantile": level} | ({"loss": "quantile"} if "loss" in names else {})
    if isinstance(estimator, GradientBoostingRegressor):
        return {"loss": "quantile", "alpha": level}
    raise ValueError(
        f"interval_score='quantile' needs an estimator with a quantile loss; {type(estimator).__name__} has none that "
        "is known here. Use an estimator of skmtl, HistGradientBoostingRegressor, GradientBoostingRegressor or "
        "QuantileRegressor, or interval_score='absolute'."
    )
