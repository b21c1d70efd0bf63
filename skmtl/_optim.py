"""Solvers on one flat buffer: all learnable parameters side by side, updated by one call a step.

They are ``torch.optim.Optimizer`` to every callback and learning-rate schedule, but never run its constructor: that
imports torch's compiler, which costs a second and more in each process.
"""

from collections import defaultdict

import torch


class FlatParameters:
    """The learnable parameters of some modules as views of one buffer, their gradients as views of another.

    Weights (two dimensions and more) come first, so that a penalty on them is one operation on ``values[:n_weights]``.

    Parameters
    ----------
    *modules : nn.Module
        Whose parameters to lay out. Those of the first module, a network, are penalised, those of the others are not.

    Attributes
    ----------
    values, gradients : tensors (P,)
    n_values, n_weights : int
        P, and how many of the leading values the penalty is on.
    """

    def __init__(self, *modules):
        first, *others = modules
        ordered = [first.ordered_parameters(), *(module.parameters() for module in others)]
        trained = [[p for p in parameters if p.requires_grad] for parameters in ordered]
        weights = [p for p in trained[0] if p.ndim > 1]
        self.parameters = weights + [p for p in trained[0] if p.ndim <= 1] + [p for ps in trained[1:] for p in ps]
        self.n_weights = sum(p.numel() for p in weights)
        first = self.parameters[0]
        self.n_values = sum(p.numel() for p in self.parameters)
        values = torch.empty(self.n_values, dtype=first.dtype, device=first.device)
        self.place(values, torch.zeros_like(values))

    def place(self, values, gradients):
        """Lay the parameters out in these buffers ``(P,)``, with the values that they have."""
        self.values, self.gradients = values, gradients
        start = 0
        for p in self.parameters:
            stop = start + p.numel()
            self.values[start:stop] = p.detach().reshape(-1)
            p.data = self.values[start:stop].view(p.shape)
            p.grad = self.gradients[start:stop].view(p.shape)
            start = stop

    @property
    def weights(self):
        """The values that the penalty is on."""
        return self.values[: self.n_weights]

    def release(self):
        """Give every parameter its own memory again: views would pickle the whole buffer, once each."""
        for p in self.parameters:
            p.data = p.data.clone()
            p.grad = None


class FlatOptimizer(torch.optim.Optimizer):
    """Base of the solvers: the part of torch's optimizer protocol that callbacks and schedules use.

    Parameters
    ----------
    lr : float
        Learning rate.
    alpha : float
        Strength of the L2 penalty; see `decoupled`.
    """

    #: Whether `alpha` shrinks the weights outside of the gradient (AdamW) instead of being part of the objective.
    decoupled = False
    #: Called with the parameter group before each step, where a schedule changes the rate within an epoch.
    before_step = None

    def __init__(self, lr, alpha=0.0):
        self.defaults = {"lr": lr}
        self.state = defaultdict(dict)
        self.alpha = alpha
        self.flat = None
        self.param_groups = [{"params": [], "lr": lr}]

    def attach(self, flat):
        """Work on `flat` from now on; state from an earlier fit is kept where it fits."""
        self.flat = flat
        self.param_groups[0]["params"] = [flat.values]
        buffers = self._state_buffers()
        if not self.state or any(self.state[name].shape != flat.values.shape for name in buffers):
            self.state.clear()
            for name in buffers:
                self.state[name] = torch.zeros_like(flat.values)
            self.state["step"] = torch.zeros((), device=flat.values.device)
        for name, value in self.state.items():
            kind = torch.float32 if name == "step" else flat.values.dtype
            self.state[name] = value.to(device=flat.values.device, dtype=kind)

    def detach(self):
        """Forget the buffers, keep the state."""
        self.flat = None
        self.param_groups[0]["params"] = []

    @property
    def decay(self):
        """The factor of the penalty's gradient, ``alpha`` unless it is applied outside of the gradient."""
        return 0.0 if self.decoupled else self.alpha

    def zero_grad(self, set_to_none=True):
        """Set all gradients to zero; they are views, so never to None."""
        if self.flat is not None:
            self.flat.gradients.zero_()

    def step(self, closure=None):
        """Update the parameters once.

        Parameters
        ----------
        closure : callable, default=None
            Called first; computes the gradients.

        Returns
        -------
        loss : what `closure` returned.
        """
        loss = None if closure is None else closure()
        group = self.param_groups[0]
        if self.before_step is not None:
            self.before_step(group)
        self.update(group["lr"])
        return loss

    def state_dict(self):
        """Return the state: learning rate and buffers."""
        groups = {key: value for key, value in self.param_groups[0].items() if key != "params"}
        return {"state": {name: value.clone() for name, value in self.state.items()}, "group": groups}

    def load_state_dict(self, state_dict):
        """Take over a state that `state_dict` returned."""
        self.state.clear()
        self.state.update({name: value.clone() for name, value in state_dict["state"].items()})
        self.param_groups[0].update(state_dict["group"])
        if self.flat is not None:
            self.attach(self.flat)

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "before_step"} | {"flat": None}

    def __setstate__(self, state):
        self.__dict__.update(state)

    def __repr__(self):
        return f"{type(self).__name__}(lr={self.param_groups[0]['lr']}, alpha={self.alpha})"


class Adam(FlatOptimizer):
    """Adam [1]_.

    References
    ----------
    .. [1] Kingma and Ba (2015). Adam: a method for stochastic optimization. ICLR.
    """

    def __init__(self, lr, alpha=0.0, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(lr, alpha)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def _state_buffers(self):
        return ("mean", "square")

    def attach(self, flat):
        super().attach(flat)
        state = self.state
        self._lists = [flat.values], [flat.gradients], [state["mean"]], [state["square"]], [], [state["step"]]
        self._counts = iter(())

    def detach(self):
        super().detach()
        if "step" in self.state:  # not of L-BFGS, which takes no steps here
            self.state["step"] = self.state["step"].clone()
        self._lists = self._counts = None

    def __getstate__(self):
        return super().__getstate__() | {"_lists": None, "_counts": None}

    def update(self, lr):
        self.state["step"] = self._lists[5][0] = self._next_count()
        fused_adam(*self._lists, lr=lr, beta1=self.beta_1, beta2=self.beta_2, eps=self.epsilon)

    def _next_count(self):
        """Number of this step: made many at a time, as counting one by one takes as long as the update."""
        count = next(self._counts, None)
        if count is None:
            step = self.state["step"]
            self._counts = iter(torch.arange(1, 257, dtype=step.dtype, device=step.device).add_(step).unbind())
            count = next(self._counts)
        return count


class AdamW(Adam):
    """Adam with decoupled weight decay [1]_: weights shrink by ``lr * alpha`` a step.

    References
    ----------
    .. [1] Loshchilov and Hutter (2019). Decoupled weight decay regularization. ICLR.
    """

    decoupled = True

    def update(self, lr):
        if self.alpha:
            self.flat.weights.mul_(1 - lr * self.alpha)
        super().update(lr)


class SGD(FlatOptimizer):
    """Stochastic gradient descent with (Nesterov's) momentum."""

    def __init__(self, lr, alpha=0.0, momentum=0.9, nesterov=True):
        super().__init__(lr, alpha)
        self.momentum, self.nesterov = momentum, nesterov

    def _state_buffers(self):
        return ("velocity",)

    def update(self, lr):
        velocity, gradients = self.state["velocity"], self.flat.gradients
        velocity.mul_(self.momentum).sub_(gradients, alpha=lr)
        if self.nesterov:
            self.flat.values.add_(velocity, alpha=self.momentum).sub_(gradients, alpha=lr)
        else:
            self.flat.values.add_(velocity)


def _fused_adam(values, gradients, means, squares, _, steps, *, lr, beta1, beta2, eps):
    """All of Adam's arithmetic in one pass over the buffers."""
    torch._fused_adam_(
        values, gradients, means, squares, [], steps,
        lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=0.0, amsgrad=False, maximize=False,
    )  # fmt: skip


def _plain_adam(values, gradients, means, squares, _, steps, *, lr, beta1, beta2, eps):
    """The same in public operations, for a torch without the fused one."""
    (value,), (gradient,), (mean,), (square,), step = values, gradients, means, squares, steps[0].item()
    mean.lerp_(gradient, 1 - beta1)
    square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
    root = (square / (1 - beta2**step)).sqrt_().add_(eps)
    value.addcdiv_(mean, root, value=-lr / (1 - beta1**step))


fused_adam = _fused_adam if hasattr(torch, "_fused_adam_") else _plain_adam
