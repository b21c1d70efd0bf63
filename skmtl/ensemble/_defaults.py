"""The members of a blend that was given none."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..estimators import MultiTaskEstimator
from ._encoder import InputEncoder


def default_members():
    """Return the members of ``MultiTaskBlend()``, for example to add one to them.

    Three styles of network that learn all tasks at once, which differ in activation, dropout and the scale of the
    inputs; a linear model; and two of trees. All take categories and missing numbers.

    Returns
    -------
    members : list of (str, estimator)
        What the parameter `estimators` of `MultiTaskBlend` takes.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
    >>> from skmtl.ensemble import MultiTaskBlend, default_members
    >>> neighbours = ("neighbours", (KNeighborsRegressor(), KNeighborsClassifier()))
    >>> blend = MultiTaskBlend([*default_members(), neighbours])
    >>> [name for name, member in blend.estimators]
    ['relu_net', 'silu_net', 'dropout_net', 'linear', 'extra_trees', 'boosting', 'neighbours']
    """
    alphas = np.logspace(-2, 4, 13)
    return [
        ("relu_net", MultiTaskEstimator(n_members=8)),
        ("silu_net", MultiTaskEstimator(n_members=8, activation="silu", dropout=0.1)),
        (
            "dropout_net",
            MultiTaskEstimator(
                n_members=8,
                activation="silu",
                dropout=0.3,
                learning_rate_init=0.003,
                feature_scaling="standard",
                numeric_embedding=None,
            ),
        ),
        (
            "linear",
            (
                make_pipeline(InputEncoder("standard"), RidgeCV(alphas, alpha_per_target=True)),
                make_pipeline(InputEncoder("standard"), LogisticRegression(max_iter=1000)),
            ),
        ),
        (
            "extra_trees",
            (
                make_pipeline(InputEncoder(), _on_one_scale(ExtraTreesRegressor())),
                make_pipeline(InputEncoder(), ExtraTreesClassifier()),
            ),
        ),
        (
            "boosting",
            tuple(
                make_pipeline(InputEncoder(), model())
                for model in (HistGradientBoostingRegressor, HistGradientBoostingClassifier)
            ),
        ),
    ]


def _on_one_scale(forest):
    """Trees that learn several columns split for the one with the largest numbers, unless all are of one scale."""
    return TransformedTargetRegressor(forest, transformer=StandardScaler(), check_inverse=False)
