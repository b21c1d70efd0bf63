"""A user's own torch function or module as a loss; its slope comes from automatic differentiation."""

from functools import cached_property
from inspect import signature

import torch
from sklearn.utils._param_validation import StrOptions

from ._base import Loss
from ._classification import probabilities


class CallableLoss(Loss):
    """A plain torch function or module such as ``torch.nn.SmoothL1Loss(reduction="none")`` as a loss.

    The estimators wrap a callable that is passed as ``loss=`` in this class; it need not be used directly. Write a
    `Loss` instead where the slope has a closed form (faster), where targets should be scaled by their mean, or where
    predictions are not the plain raw outputs, sigmoid or softmax.

    Parameters
    ----------
    fn : callable
        Called as ``fn(raw, target)`` with floating point `raw` and `target` of shape `(n, C)` for regression
        (standardised targets) and for two classes (codes 0 and 1; `raw` is the log-odds); for `K` > 2 classes with
        `raw` of shape `(n, K, C)` and integer codes `(n, C)`, torch's convention for ``cross_entropy``. Must return
        unreduced losses `(n, C)`. If it takes an argument `reduction`, it is passed ``reduction="none"``.
    kind : {"regression", "classification"}, default="regression"
        The kind of task it is for.

    References
    ----------
    `Loss functions of torch <https://docs.pytorch.org/docs/stable/nn.functional.html#loss-functions>`_.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import CallableLoss
    >>> loss = CallableLoss(torch.nn.functional.smooth_l1_loss)
    >>> raw, target = torch.tensor([[[0.5]], [[3.0]]]), torch.tensor([[0.0], [1.0]])
    >>> loss(raw, target)
    tensor([[0.1250],
            [1.5000]])
    >>> loss.slope(raw, target).squeeze(-1)
    tensor([[0.5000],
            [1.0000]])
    """

    probabilistic = True

    _parameter_constraints = {
        "fn": [callable],
        "kind": [StrOptions({"regression", "classification"})],
    }

    def __init__(self, fn, kind="regression"):
        self.fn = fn
        self.kind = kind

    def __call__(self, raw, target):
        if raw.shape[2] == 1:
            losses = self.fn(raw[..., 0], target, **self._options)
        else:
            losses = self.fn(raw.transpose(1, 2), target.long(), **self._options)
        is_tensor = isinstance(losses, torch.Tensor)
        if not is_tensor or losses.shape != target.shape:
            got = f"shape {tuple(losses.shape)}" if is_tensor else f"a {type(losses).__name__}"
            raise ValueError(
                f"The loss {_name(self.fn)} returned {got}; wanted is a tensor with one loss a row and task, shape "
                f"{tuple(target.shape)}: neither averaged nor summed. Where it has the option, set reduction='none'."
            )
        return losses

    def predict(self, raw):
        return raw[..., 0] if self.kind == "regression" else probabilities(raw)

    @cached_property
    def _options(self):
        try:
            takes_reduction = "reduction" in signature(self.fn).parameters
        except (TypeError, ValueError):  # some builtins have no signature
            takes_reduction = False
        return {"reduction": "none"} if takes_reduction else {}


def _name(fn):
    return getattr(fn, "__name__", None) or repr(fn)
