"""The schedule of the default: hold the rate until the validation loss no longer falls, go back to the best, anneal."""

import math

from ._stopping import Stopping, go_back, remember

#: Steps in which the rate rises from next to nothing.
_WARM_UP = 20
#: The validation loss is looked at again after this share of the steps so far, at least so many.
_INTERVAL, _LEAST_INTERVAL = 0.08, 10
#: Without a better loss the rate is held for this share of the steps to the best one, at least so many.
_PATIENCE, _LEAST_PATIENCE = 0.5, 200
#: The fewest steps of the anneal.
_LEAST_ANNEAL = 60
#: Steps to hold the rate for, at the most: by epochs, but within these limits, and never fewer epochs than these.
_MOST_EPOCHS, _LEAST_STEPS, _MOST_STEPS, _LEAST_EPOCHS = 70, 1400, 2800, 7
#: Share of a budget of epochs, but for the last one, after which the anneal begins.
_SHARE = 0.7


class Annealing(Stopping):
    """Hold the learning rate, go back to the best epoch, then anneal; nothing of it needs to be known beforehand.

    How many steps a table needs differs by a factor of a hundred, and too many are as bad as too few. So the rate is
    held, after a short warm-up, until the validation loss has not fallen for half the steps that it took to its lowest
    value; from there the rate goes to zero, along a cosine, in as many steps as it took to get there. The epoch with
    the lowest validation loss of all is kept. It is looked at ever more rarely, at the end of an epoch.

    As in `Stopping`, all that it remembers is in ``objective.progress``.

    Parameters
    ----------
    main_task : int, default=None
        Task whose validation loss is watched; None: the unweighted mean of all that are trained.
    max_epochs : int, default=None
        Epochs that all must be done in; None: as many as it takes.
    """

    def __init__(self, main_task=None, max_epochs=None):
        super().__init__(True, 0.0, 0, main_task)
        self.max_epochs = max_epochs

    def begin(self, net):
        """Get ready for a call of `train`."""
        per_epoch = net.steps_per_epoch
        most = max(min(max(_MOST_EPOCHS * per_epoch, _LEAST_STEPS), _MOST_STEPS), _LEAST_EPOCHS * per_epoch)
        budget = math.inf if self.max_epochs is None else self.max_epochs * per_epoch
        progress = net.criterion_.progress
        progress.setdefault("step", 0)
        progress.setdefault("next_look", 0)
        progress.setdefault("most", min(most, _SHARE * (budget - per_epoch)))
        progress.setdefault("budget", budget)
        rate = net.optimizer_.defaults["lr"]

        def set_rate(group):
            group["lr"] = rate * _factor(progress)
            progress["step"] += 1

        net.optimizer_.before_step = set_rate

    def is_due(self, net):
        """Whether the validation rows are looked at after this epoch."""
        progress = net.criterion_.progress
        return progress["step"] >= min(progress["next_look"], _end(progress), progress["most"])

    def update(self, net):
        """Look at the epoch that has just ended; return whether it was the last."""
        if not self.is_due(net):
            return False
        row, progress = net.row, net.criterion_.progress
        step, loss = progress["step"], row["valid_loss"]
        if loss < progress.get("best_loss", math.inf):
            progress["best_loss"], progress["best_epoch"], progress["best_step"] = loss, row["epoch"], step
            remember(net)
        if "begun" in progress:
            progress["next_look"] = step + max(_LEAST_INTERVAL, int(_INTERVAL * progress["length"]))
            return step >= _end(progress)
        best = progress["best_step"]
        if step >= progress["most"] or step - best > max(_LEAST_PATIENCE, _PATIENCE * best):
            go_back(net)
            length = min(max(_LEAST_ANNEAL, best), progress["budget"] - step)
            progress["begun"], progress["length"] = step, length
            progress["most"] = math.inf
            progress["next_look"] = step + max(_LEAST_INTERVAL, int(_INTERVAL * length))
            return length <= 0
        progress["next_look"] = step + max(_LEAST_INTERVAL, int(_INTERVAL * step))
        return False

    def is_patience_spent(self, net):
        """Whether training is done: its end is part of the schedule."""
        return True

    def restore(self, net):
        """Go back to the best epoch, with the rate that training began with."""
        super().restore(net)
        net.optimizer_.before_step = None
        net.optimizer_.param_groups[0]["lr"] = net.optimizer_.defaults["lr"]


def _end(progress):
    """Step at which the anneal is over; infinity before it has begun."""
    return progress["begun"] + progress["length"] if "begun" in progress else math.inf


def _factor(progress):
    """Of the learning rate, for the next step."""
    step = progress["step"]
    if "begun" not in progress:
        return min(1.0, (step + 1) / _WARM_UP)
    share = min(1.0, (step - progress["begun"] + 1) / progress["length"])
    return 0.5 * (1.0 + math.cos(math.pi * share))
