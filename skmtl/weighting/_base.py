"""Weightings: task losses (T,) -> one objective. The task weights are its gradient."""

import torch

from .._component import TorchComponent


class Weighting(TorchComponent):
    """Base class of the weightings.

    A weighting says how the task losses become one objective. A subclass writes `forward`, and has its weights by
    differentiation; or it writes `weights`, where they have a closed form. What it learns lives in parameters and
    buffers made in `initialize`: parameters are trained by the solver of the network, at its learning rate, without
    penalty.

    Attributes
    ----------
    needs_losses : bool, default=True
        Whether the weights depend on the losses of the batch. Where they change from epoch to epoch only, False spares
        computing the losses in every step.
    is_constant : bool, default=False
        Whether the weights never change, which L-BFGS needs.

    Examples
    --------
    A weighting needs no more than its objective. This one follows the largest loss:

    >>> import torch
    >>> from skmtl.weighting import Weighting
    >>> class Largest(Weighting):
    ...     def forward(self, losses):
    ...         return losses.max()
    >>> Largest().initialize(2).weights(torch.tensor([1.0, 3.0]))
    tensor([0., 1.])
    """

    needs_losses = True
    is_constant = False

    def initialize(self, n_tasks):
        """Make the state for `n_tasks` tasks.

        Parameters
        ----------
        n_tasks : int
            Number of tasks that are trained.

        Returns
        -------
        self : Weighting
        """
        self.n_tasks = n_tasks
        return self

    def forward(self, losses):
        """Return the objective.

        Parameters
        ----------
        losses : tensor (T,)
            Task losses.

        Returns
        -------
        objective : tensor, scalar
        """
        raise NotImplementedError(f"{type(self).__name__} must implement forward(losses) or weights(losses).")

    def weights(self, losses):
        """Return the gradient of the objective in the losses; set the gradient of own parameters.

        Parameters
        ----------
        losses : tensor (T,)
            Task losses of the batch; without meaning where `needs_losses` is False.

        Returns
        -------
        weights : tensor (T,)
        """
        parameters = list(self.parameters())
        with torch.enable_grad():
            losses = losses.detach().requires_grad_()
            weights, *gradients = torch.autograd.grad(self(losses), [losses, *parameters])
        for parameter, gradient in zip(parameters, gradients, strict=True):
            set_gradient(parameter, gradient)
        return weights

    def on_epoch_end(self, losses):
        """Look at the mean task losses of an epoch.

        Parameters
        ----------
        losses : tensor (T,)
            Mean training loss of each task over the epoch.
        """


def set_gradient(parameter, gradient):
    """Set ``parameter.grad``, in place where it is a view of the solver's buffer."""
    if parameter.grad is None:
        parameter.grad = gradient.clone()
    else:
        parameter.grad.copy_(gradient)
