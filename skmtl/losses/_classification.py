"""Losses of class codes: log loss, focal loss, squared hinge. Two classes share one raw column, K > 2 have one each."""

from numbers import Real

import torch
import torch.nn.functional as F
from sklearn.utils._param_validation import Interval

from ._base import Loss


class LogLoss(Loss):
    r"""Log loss (cross-entropy), for class probabilities: ``"log_loss"``, the default for classification.

    .. math:: \ell(r, y) = -\log p_y, \qquad p = \operatorname{softmax}(r)

    with the raw outputs :math:`r`, one a class, and the class code :math:`y`. A task with two classes has a single raw
    output and :math:`p_1 = 1 / (1 + e^{-r})`.

    See Also
    --------
    Focal : Turns attention to what is still predicted badly.

    References
    ----------
    C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import LogLoss
    >>> raw, target = torch.tensor([[[0.0]], [[2.0]]]), torch.tensor([[0.0], [1.0]])
    >>> LogLoss()(raw, target)
    tensor([[0.6931],
            [0.1269]])
    >>> LogLoss().predict(raw)
    tensor([[[0.5000, 0.5000]],
    <BLANKLINE>
            [[0.1192, 0.8808]]])
    """

    kind = "classification"
    probabilistic = True

    def __call__(self, raw, target):
        if raw.shape[2] == 1:
            return F.binary_cross_entropy_with_logits(raw[..., 0], target, reduction="none")
        log_p = raw.transpose(1, 2).log_softmax(1)
        return log_p.gather(1, target.long().unsqueeze(1)).squeeze(1).neg()

    def slope(self, raw, target):
        if raw.shape[2] == 1:
            return raw[..., 0].sigmoid().sub_(target).unsqueeze(-1)
        return _add_at_target(raw.transpose(1, 2).softmax(1), target, -1.0).transpose(1, 2)

    def predict(self, raw):
        return probabilities(raw)


class Focal(Loss):
    r"""Focal loss, the log loss with less weight on what is predicted well already: ``"focal"``.

    .. math:: \ell(r, y) = -(1 - p_y)^\gamma \log p_y, \qquad p = \operatorname{softmax}(r)

    with the raw outputs :math:`r`, one a class, and the class code :math:`y`. A task with two classes has a single raw
    output and :math:`p_1 = 1 / (1 + e^{-r})`. Use ``class_weight`` of the estimator for the paper's :math:`\alpha`.

    Parameters
    ----------
    gamma : float, default=2.0
        How fast the weight falls, 0 or more; 0 is the log loss. The default is the paper's.

    Notes
    -----
    The loss is not proper: for `gamma` > 0 its probabilities are drawn towards 1/2. Their order is not affected;
    calibrate them if their values matter.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import Focal
    >>> raw, target = torch.tensor([[[0.0]], [[2.0]]]), torch.tensor([[0.0], [1.0]])
    >>> Focal(gamma=2.0)(raw, target)
    tensor([[0.1733],
            [0.0018]])
    """

    kind = "classification"
    probabilistic = True

    _parameter_constraints = {"gamma": [Interval(Real, 0, None, closed="left")]}

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def __call__(self, raw, target):
        if raw.shape[2] == 1:
            log_p = F.logsigmoid(_signs(target) * raw[..., 0])
        else:
            log_p = -F.cross_entropy(raw.transpose(1, 2), target.long(), reduction="none")
        return -log_p * _complement(log_p) ** self.gamma

    def slope(self, raw, target):
        if raw.shape[2] == 1:
            signs = _signs(target)
            log_p = F.logsigmoid(signs * raw[..., 0])
            return (self._slope_in_log_p(log_p) * _complement(log_p)).mul_(signs).unsqueeze(-1)
        log_p = raw.transpose(1, 2).log_softmax(1)
        outer = self._slope_in_log_p(log_p.gather(1, target.long().unsqueeze(1)))
        # d log p_y / d r_j = [j = y] - p_j
        return _add_at_target(log_p.exp_().neg_(), target, 1.0).mul_(outer).transpose(1, 2)

    def predict(self, raw):
        return probabilities(raw)

    def _slope_in_log_p(self, log_p):
        q = _complement(log_p)
        return q ** (self.gamma - 1) * (self.gamma * log_p.exp() * log_p - q)


class SquaredHinge(Loss):
    r"""Squared hinge loss, for scores with a margin as in a support vector machine: ``"squared_hinge"``.

    .. math:: \ell(r, y) = \sum_k \max(0,\ 1 - s_k r_k)^2, \qquad s_k = \begin{cases}
        +1 & \text{if } k = y \\ -1 & \text{otherwise} \end{cases}

    with the raw outputs :math:`r`, one a class (one-versus-rest), and the class code :math:`y`. A task with two classes
    has a single raw output, for class 1, and a single term. There are no probabilities: the scores are the raw outputs,
    :math:`(-r, r)` for two classes.

    References
    ----------
    Y. Tang, "Deep Learning using Linear Support Vector Machines", ICML 2013 Workshop on Challenges in Representation
    Learning.

    Examples
    --------
    >>> import torch
    >>> from skmtl.losses import SquaredHinge
    >>> raw, target = torch.tensor([[[0.5]], [[2.0]]]), torch.tensor([[0.0], [1.0]])
    >>> SquaredHinge()(raw, target)
    tensor([[2.2500],
            [0.0000]])
    """

    kind = "classification"

    def __call__(self, raw, target):
        if raw.shape[2] == 1:
            return (1 - _signs(target) * raw[..., 0]).clamp(min=0).square()
        raw = raw.transpose(1, 2)
        return (1 - _class_signs(raw, target) * raw).clamp(min=0).square().sum(1)

    def slope(self, raw, target):
        raw = raw.transpose(1, 2)
        signs = _signs(target).unsqueeze(1) if raw.shape[1] == 1 else _class_signs(raw, target)
        return (1 - signs * raw).clamp_(min=0).mul_(signs).mul_(-2).transpose(1, 2)

    def predict(self, raw):
        return torch.cat((-raw, raw), 2) if raw.shape[2] == 1 else raw


def probabilities(raw):
    """Return the class probabilities (n, C, n_classes) of raw outputs (n, C, k): sigmoid for k = 1, else softmax."""
    if raw.shape[2] == 1:
        return torch.cat((-raw, raw), 2).sigmoid_()  # unlike 1 - p, keeps the digits of a small probability
    return raw.transpose(1, 2).softmax(1).transpose(1, 2)


def _add_at_target(values, target, number):
    # In place, at the cells of each row's class; values are class-major (n, K, C).
    return values.scatter_(1, target.long().unsqueeze(1), number, reduce="add")


def _signs(target):
    return 2 * target - 1  # class codes 0 and 1 -> -1 and +1


def _class_signs(raw, target):
    return torch.full_like(raw, -1.0).scatter_(1, target.long().unsqueeze(1), 1.0)


def _complement(log_p):
    # 1 - p without cancellation; kept off 0, where a negative power of it would give 0 * inf.
    return torch.expm1(log_p).neg().clamp(min=torch.finfo(log_p.dtype).tiny)
