"""The `loss` parameter of an estimator, in all its forms -> one loss a task."""

from sklearn.base import clone

from .._component import nearest
from ._base import Loss
from ._callable import CallableLoss
from ._classification import Focal, LogLoss, SquaredHinge
from ._deviance import Gamma, Poisson, Tweedie
from ._likelihood import GaussianNLL
from ._regression import AbsoluteError, Huber, Quantile, SquaredError

LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
    "tweedie": Tweedie,
    "log_loss": LogLoss,
    "focal": Focal,
    "squared_hinge": SquaredHinge,
    "gaussian_nll": GaussianNLL,
}

_AUTO = {"regression": "squared_error", "classification": "log_loss"}


def resolve_losses(loss, task_names, kinds, owner):
    """Return a loss for each task.

    Parameters
    ----------
    loss : str, Loss, callable, list or dict
        A name in `LOSSES`, "auto" (squared error for regression, log loss for classification), an instance of `Loss`
        (which is cloned) or a torch callable (see `CallableLoss`), for all tasks; or a list of these with one entry a
        task; or a dict of them by task name, where a task left out gets "auto".
    task_names : list of length n_tasks
        The names of the tasks.
    kinds : list of {"regression", "classification"} of length n_tasks
        Their kinds.
    owner : str
        The estimator's name, for the error text.

    Returns
    -------
    losses : list of Loss of length n_tasks
        Tasks whose losses have equal `Loss.key` can be computed as one block.

    Raises
    ------
    ValueError
        If a name is unknown, the list has the wrong length, a dict key is not a task, a loss is for the other kind of
        task, an entry is none of the above, or a hyper-parameter is out of its range.

    Examples
    --------
    >>> from skmtl.losses import Huber, resolve_losses
    >>> resolve_losses("auto", ["income", "hours"], ["classification", "regression"], "MultiTaskEstimator")
    [LogLoss(), SquaredError()]
    >>> resolve_losses({"hours": Huber(delta=2.0)}, ["age", "hours"], ["regression"] * 2, "MultiTaskRegressor")
    [SquaredError(), Huber(delta=2.0)]
    """
    made = {}  # one loss for each distinct entry: tasks that share an entry share its key

    def make(spec, kind):
        at = kind, spec if isinstance(spec, str) else id(spec)
        if at not in made:
            made[at] = _make(spec, kind, owner)
        return made[at]

    specs = _one_per_task(loss, task_names, owner)
    losses = [make(spec, kind) for spec, kind in zip(specs, kinds, strict=True)]
    for spec, task, kind, resolved in zip(specs, task_names, kinds, losses, strict=True):
        if resolved.kind != kind:
            raise ValueError(
                f"The 'loss' parameter of {owner}: task {task!r} is {kind}; {spec} is for {resolved.kind}. Losses for "
                f"{kind}: {_names_for(kind)}.{_dict_hint(loss, task_names, kinds, resolved)}"
            )
    return losses


def _one_per_task(loss, task_names, owner):
    if isinstance(loss, dict):
        for name in loss:
            if name not in task_names:
                raise ValueError(
                    f"The 'loss' parameter of {owner} has an entry for {name!r}, which is not a task."
                    f"{nearest(name, task_names)} The tasks are {_shortened(task_names)}."
                )
        return [loss.get(name, "auto") for name in task_names]
    if isinstance(loss, list | tuple):
        if len(loss) != len(task_names):
            raise ValueError(
                f"The 'loss' parameter of {owner} has {len(loss)} entries for {len(task_names)} tasks. Give one a "
                "task, one for all, or a dict by task name."
            )
        return list(loss)
    return [loss] * len(task_names)


def _make(spec, kind, owner):
    if isinstance(spec, str):
        name = _AUTO[kind] if spec == "auto" else spec
        if name not in LOSSES:
            raise ValueError(
                f"The 'loss' parameter of {owner} got {spec!r}, which is not one of {sorted(LOSSES)} or 'auto'."
                f"{nearest(spec, [*LOSSES, 'auto'])}"
            )
        return LOSSES[name]()
    if isinstance(spec, Loss):
        loss = clone(spec)
        loss._validate_params()
        return loss
    if callable(spec) and not isinstance(spec, type):
        return CallableLoss(spec, kind)
    hint = f" Pass an instance, not the class: {spec.__name__}(...)." if isinstance(spec, type) else ""
    raise ValueError(
        f"The 'loss' parameter of {owner} must be 'auto', one of {sorted(LOSSES)}, an instance of skmtl.losses.Loss, "
        f"a torch callable, or a list or dict of these by task; got {spec!r}.{hint}"
    )


def _names_for(kind):
    return [name for name, loss in LOSSES.items() if loss.kind == kind]


def _dict_hint(loss, task_names, kinds, resolved):
    # Only where one loss was given for all tasks of a mixed estimator.
    if isinstance(loss, dict | list | tuple) or resolved.kind not in kinds:
        return ""
    task = task_names[kinds.index(resolved.kind)]
    return f" For one loss a task pass a dict, loss={{{task!r}: {loss!r}, ...}}; a task left out gets 'auto'."


def _shortened(names):
    return f"{list(names)}" if len(names) <= 10 else f"{list(names[:10])} and {len(names) - 10} more"
