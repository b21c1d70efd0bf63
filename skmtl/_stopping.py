"""When training ends, and which epoch is kept."""

import math

import torch


class Stopping:
    """Stop when the watched loss no longer falls; with validation rows, go back to the best epoch.

    All that it remembers is in ``objective.progress``, which is saved with the network: a resumed run stops where it
    would have stopped.

    Parameters
    ----------
    early : bool
        Whether to watch the validation loss, and keep the best epoch; else the training loss is watched.
    tol : float
        By how much a loss must fall to count.
    patience : int
        Epochs without such a fall after which training stops.
    main_task : int, default=None
        Task whose validation loss is watched; None: the unweighted mean of all that are trained.
    schedule : {"constant", "invscaling", "adaptive"}
        Learning rate over the epochs, as in scikit-learn's MLP.
    power_t : float
        Exponent of "invscaling".
    """

    def __init__(self, early, tol, patience, main_task=None, schedule="constant", power_t=0.5):
        self.early, self.tol, self.patience, self.main_task = early, tol, patience, main_task
        self.schedule, self.power_t = schedule, power_t

    def watched(self, objective, losses):
        """Validation loss to watch, from the column losses ``(C,)``, unweighted: a moving objective is no measure."""
        if self.main_task is not None:
            return objective.by_task(losses)[self.main_task].item()
        return objective.trained(losses).nanmean().item()

    def update(self, net):
        """Look at the epoch that has just ended; return whether it was the last."""
        row, progress = net.row, net.criterion_.progress
        loss, best = row["valid_loss" if self.early else "train_loss"], progress.get("best_loss", math.inf)
        progress["waited"] = 0 if loss < best - self.tol else progress.get("waited", 0) + 1
        if loss < best:
            progress["best_loss"], progress["best_epoch"] = loss, row["epoch"]
            if self.early:
                remember(net)
        group = net.optimizer_.param_groups[0]
        if self.schedule == "invscaling":
            progress["t"] = progress.get("t", 0) + net.n_rows
            group["lr"] = net.optimizer_.defaults["lr"] / (progress["t"] + 1) ** self.power_t
        if not self.is_patience_spent(net):
            return False
        if self.schedule == "adaptive" and group["lr"] > 1e-6:
            group["lr"] /= 5.0
            progress["waited"] = 0
            return False
        return True

    def is_patience_spent(self, net):
        """Whether the loss has not fallen for longer than it may."""
        return net.criterion_.progress.get("waited", 0) > self.patience

    def begin(self, net):
        """Get ready for a call of `train`: nothing to do here."""

    def is_due(self, net):
        """Whether the validation rows are looked at after this epoch."""
        return True

    def restore(self, net):
        """Go back to the best epoch, where one was kept."""
        go_back(net)
        for name in ("best_values", "best_buffers"):
            net.criterion_.progress.pop(name, None)


def remember(net):
    """Keep the network as it is now."""
    progress = net.criterion_.progress
    progress["best_values"] = net.flat.values.clone()
    progress["best_buffers"] = {name: b.clone() for name, b in net.module_.named_buffers()}


def go_back(net):
    """Make the network what it was when `remember` was last called, if it was."""
    progress = net.criterion_.progress
    if "best_values" not in progress:
        return
    net.flat.values.copy_(progress["best_values"])
    with torch.no_grad():
        for name, buffer in net.module_.named_buffers():
            buffer.copy_(progress["best_buffers"][name])
