"""A fit that fails, or is interrupted, leaves all as it was: what was fitted before still predicts."""

import copy
from contextlib import contextmanager


@contextmanager
def all_or_nothing(estimator):
    """Give an estimator its attributes back where the block fails."""
    before = dict(estimator.__dict__)
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


@contextmanager
def trained_or_as_before(net):
    """Give a trained network, which the block trains on, its weights and its history back where that fails.

    Parameters
    ----------
    net : MultiTaskNet or None
        None: there is none.
    """
    parts = [] if net is None else [net.module_, net.optimizer_, net.criterion_]
    states = [copy.deepcopy(part.state_dict()) for part in parts]
    n_epochs = 0 if net is None else len(net.history)
    try:
        yield
    except BaseException:
        if net is not None:
            net.module_.to(net.criterion_.dtype)
            for part, state in zip(parts, states, strict=True):
                part.load_state_dict(state)
            del net.history[n_epochs:]
        raise
