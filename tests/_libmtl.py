"""LibMTL as a reference: its parts without what its package pulls in, weightings on gradients that a test chooses."""

import importlib
import importlib.util
import sys
import types

import pytest
import torch


def libmtl_weighting(name):
    """Return LibMTL's class ``LibMTL.weighting.<name>``, or skip the test where LibMTL is not installed."""
    return _libmtl_class("weighting", name)


def libmtl_architecture(name, n_tasks, encoder, n_inputs, num_experts, **parameters):
    """Return LibMTL's architecture ``LibMTL.architecture.<name>`` in evaluation mode, or skip as above.

    Parameters
    ----------
    name : str
        Of the architecture, such as ``"MMoE"``.
    n_tasks, n_inputs : int
        Numbers of tasks and of columns of X.
    encoder : callable
        Makes an expert.
    num_experts : list of int
        As LibMTL takes them: of the shared experts, then of every task's own.
    **parameters
        Of the architecture.

    Returns
    -------
    architecture : nn.Module
        Its tasks are called "0", "1", ..., their decoders return what they get.
    """
    names = [str(t) for t in range(n_tasks)]
    decoders = {name: torch.nn.Identity() for name in names}
    kind = _libmtl_class("architecture", name)
    settings = {"img_size": [n_inputs], "num_experts": num_experts} | parameters
    return kind(names, encoder, decoders, False, False, torch.device("cpu"), **settings).eval()


def _libmtl_class(package, name):
    """Import one file.

    Its packages import vision libraries that the file does not need; stand-ins for the packages let it be loaded.
    ``sys.modules`` is left as it was.
    """
    spec = importlib.util.find_spec("LibMTL")
    if spec is None:
        pytest.skip("LibMTL is not installed")
    folder = spec.submodule_search_locations[0]
    kept = {key: module for key, module in sys.modules.items() if key.partition(".")[0] == "LibMTL"}
    stand_ins = {"LibMTL": folder, f"LibMTL.{package}": f"{folder}/{package}"}
    try:
        for key in kept:
            del sys.modules[key]
        for key, path in stand_ins.items():
            sys.modules[key] = types.ModuleType(key)
            sys.modules[key].__path__ = [path]
        return getattr(importlib.import_module(f"LibMTL.{package}.{name}"), name)
    finally:
        for key in [key for key in sys.modules if key.partition(".")[0] == "LibMTL"]:
            del sys.modules[key]
        sys.modules.update(kept)


class LibMTLProblem:
    """Tasks whose losses and shared gradients are given, balanced by a weighting of LibMTL.

    Parameters
    ----------
    name : str
        Of the weighting, such as ``"PCGrad"``.
    n_tasks, n_parameters : int
        Shape of the gradients.

    Attributes
    ----------
    weighting : object of LibMTL's class
        With what its trainer would set: ``epoch`` (0 at first) and ``train_loss_buffer`` (tasks, epochs) are free to be
        changed, and ``loss_scale`` is what some learn.
    """

    def __init__(self, name, n_tasks, n_parameters):
        shared = torch.nn.Parameter(torch.zeros(n_parameters))

        class Balanced(libmtl_weighting(name)):
            def get_share_params(self):
                return [shared]

            def zero_grad_share_params(self):
                shared.grad.zero_()

        self.shared = shared
        self.weighting = Balanced()
        self.weighting.task_num, self.weighting.device = n_tasks, torch.device("cpu")
        self.weighting.rep_grad, self.weighting.epoch = False, 0
        self.weighting.init_param()

    def step(self, gradients, losses=None, **parameters):
        """Return the weights that LibMTL reports and the step of the shared parameters, a sum over tasks.

        Parameters
        ----------
        gradients : array (T, P)
            Gradient of each task loss in the shared parameters.
        losses : array (T,), default=None
            Their values; ones by default.
        **parameters
            What its ``backward`` takes.

        Returns
        -------
        weights : array (T,) or None
        step : tensor (P,)
        """
        gradients = torch.as_tensor(gradients, dtype=torch.float32)
        losses = torch.ones(len(gradients)) if losses is None else torch.as_tensor(losses, dtype=torch.float32)
        self.weighting.zero_grad()
        self.shared.grad = torch.zeros_like(self.shared)
        weights = self.weighting.backward(losses + gradients @ self.shared, **parameters)
        return weights, self.shared.grad.clone()
