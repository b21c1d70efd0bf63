"""Callbacks of tests: some look on, some end a run."""

from skorch.callbacks import Callback


class Idle(Callback):
    """Looks at batches, and so calls for skorch's own loop, but does nothing."""

    def on_batch_end(self, net, **kwargs):
        pass


class KillAtEnd(Callback):
    """Ends the run at the end of this epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise RuntimeError("killed")


class KillMidway(Callback):
    """Ends the run after the first batches of this epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch and len(net.history[-1]["batches"]) == 3:
            raise RuntimeError("killed")


class WatchData(Callback):
    """Keeps the rows that are trained on, their folds, and the rows that are watched."""

    def on_epoch_begin(self, net, dataset_train, dataset_valid, **kwargs):
        self.train, self.valid, self.folds = dataset_train, dataset_valid, dataset_train.folds
