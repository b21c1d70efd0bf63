"""Presets: what the parameters mean that are left at "auto", and how explicit ones change that."""

from types import SimpleNamespace

import numpy as np

#: By preset, the value of each parameter that can be "auto".
PRESETS = {
    # Measured on real tables; the user guide says on which, and against what.
    "tabular": {
        "hidden_layer_sizes": (128, 128),
        "solver": "adamw",
        "alpha": 0.1,
        "learning_rate": "anneal",
        "learning_rate_init": 0.005,
        "max_iter": None,  # as many as the schedule takes
        "beta_2": 0.99,
        "early_stopping": True,
        "validation_fraction": 0.15,
        "n_members": 8,
        "feature_scaling": "robust",
        "numeric_embedding": "piecewise_linear",
        "missing_features": "impute",
    },
    # Those of scikit-learn's MLPRegressor and MLPClassifier.
    "mlp": {
        "hidden_layer_sizes": (100,),
        "solver": "adam",
        "alpha": 0.0001,
        "learning_rate": "constant",
        "learning_rate_init": 0.001,
        "max_iter": 200,
        "beta_2": 0.999,
        "early_stopping": False,
        "validation_fraction": 0.1,
        "n_members": 1,
        "feature_scaling": None,
        "numeric_embedding": None,
        "missing_features": "raise",
    },
}
#: How to train.
_TRAINING = (
    *("solver", "alpha", "learning_rate", "learning_rate_init", "max_iter", "beta_2"),
    *("early_stopping", "validation_fraction", "n_members"),
)
#: From so many rows on, "tabular" has half the members, which cost more there,
_LARGE = 2000
#: and a member leaves out such a part of the rows for its validation, or less.
_PARTS = 8
#: Fewer rows have none to spare for validation.
LEAST_ROWS = 20


def resolve_settings(estimator, n_rows, own_trunk):
    """Return the value of every parameter that can be "auto", as attributes.

    Parameters
    ----------
    estimator : BaseMultiTask
        Its parameters are read, not changed.
    n_rows : int
        Rows to train on.
    own_trunk : bool
        Whether the trunk is one that the user brought.

    Returns
    -------
    settings : SimpleNamespace
    """
    preset = PRESETS[estimator.preset]
    given = {name: getattr(estimator, name) for name in preset if not _is_auto(getattr(estimator, name))}
    values = dict(preset)
    if own_trunk:  # which knows what it wants to see, and how much it bears to be trained
        values = dict(PRESETS["mlp"])
    elif n_rows < LEAST_ROWS or _says_how_to_train(given):
        values |= {name: PRESETS["mlp"][name] for name in _TRAINING}
    elif n_rows >= _LARGE and values["n_members"] > 1:
        values["n_members"] //= 2
    return SimpleNamespace(**values | given)


def _is_auto(value):
    return isinstance(value, str) and value == "auto"


def _says_how_to_train(given):
    """Whether a parameter is set with which the schedule of "tabular" would not be what was asked for."""
    return (
        given.get("solver", "adamw") != "adamw"
        or given.get("learning_rate", "anneal") != "anneal"
        or not given.get("early_stopping", True)
    )


def n_folds(n_members, n_rows):
    """Return into how many parts to divide the rows: one for the validation of each member; all train on any others.

    A member of a large table does not need all of the rows that it could leave out, and is better for those it keeps.
    """
    return n_members if n_rows < _LARGE else max(n_members, _PARTS)


def rows_a_batch(n, preset):
    """Rows a batch for ``batch_size="auto"``.

    Parameters
    ----------
    n : int
        Rows to train on.
    preset : str
        "tabular": the power of two that is nearest to a twelfth of the rows, from 32 to 256; "mlp": 200.
    """
    if preset == "mlp":
        return min(200, n)
    return min(n, 2 ** int(np.clip(round(np.log2(max(n, 1) / 12)), 5, 8)))
