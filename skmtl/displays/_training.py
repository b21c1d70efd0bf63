"""TrainingDisplay: losses and weights of the tasks over the epochs of a fit."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._columns import listing
from .._component import nearest
from ..estimators._core import core
from ._base import Display, check_kind
from ._style import COLOURS, GREY, draw_ranges, legend_beside, open_frame

#: What can be drawn: columns of the history, and what they are called.
LABELS = {
    "train_loss": "Training loss",
    "valid_loss": "Validation loss",
    "weight": "Task weight",
    "aggregation": "Weight of the gradient in what is shared",
}


class TrainingDisplay(Display):
    """Losses, or weights, of the tasks over the epochs of a fit.

    Make it with `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    history : TrainingHistory
        The attribute `history_` of an estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the epochs from the left to the right.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    ConflictDisplay : Directions of the tasks' gradients over training.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.displays import TrainingDisplay
    >>> X = np.linspace(-1, 1, 60).reshape(-1, 1)
    >>> model = MultiTaskRegressor(weighting="uncertainty", n_members=1, random_state=0)
    >>> display = TrainingDisplay.from_estimator(model.fit(X, np.hstack([X, X**2])), kind="weight")
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['task_0', 'task_1']
    """

    def __init__(self, history):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator, *, kind="auto", tasks=None, ax=None):
        """Draw what happened in the fit of an estimator.

        Parameters
        ----------
        estimator : estimator
            One of this package, or a pipeline or search that ends in one; fitted.
        kind : {"auto", "train_loss", "valid_loss", "weight", "aggregation"}, default="auto"
            As in `plot`.
        tasks : list of str, default=None
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : TrainingDisplay
            Drawn.
        """
        check_is_fitted(estimator)
        inner = core(estimator, fitted=True)
        check_is_fitted(inner, "history_")
        return cls(inner.history_).plot(kind=kind, tasks=tasks, ax=ax)

    def plot(self, *, kind="auto", tasks=None, ax=None):
        """Draw a line a task; of more than 8 tasks their median, and the ranges that half and nine tenths are in.

        Parameters
        ----------
        kind : {"auto", "train_loss", "valid_loss", "weight", "aggregation"}, default="auto"
            "train_loss" and "valid_loss" are each task's own, whatever it weighs; "weight" is what the loss counts,
            "aggregation" what an aggregator multiplied its gradient by. "auto" is the validation loss, if there is one,
            else the training loss. With validation rows a line marks the epoch with the lowest loss.
        tasks : list of str, default=None
            Names of the tasks to draw; None: all.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : TrainingDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If the history has nothing of this kind, or no such task.
        """
        kind = self._kind(kind)
        found = self._lines(kind, tasks)
        return self._drawn(lambda ax: self._draw(ax, kind, found), ax)

    def frame(self):
        """Return the history, a row an epoch."""
        return self.history.frame()

    def _draw(self, ax, kind, found):
        if len(found) <= len(COLOURS):
            for (task, values), colour in zip(found.items(), COLOURS, strict=False):
                ax.plot(self.history["epoch"], values, color=colour, label=task)
        else:
            draw_ranges(ax, self.history["epoch"], np.stack(list(found.values())), "tasks")
        if "valid_loss" in self.history and kind.endswith("loss"):
            best = self.history["epoch"][np.nanargmin(self.history["valid_loss"])]
            ax.axvline(best, color=GREY, linewidth=0.8, linestyle=":", zorder=0, label="lowest validation loss")
        if kind.endswith("loss") and all((values[np.isfinite(values)] > 0).all() for values in found.values()):
            ax.set_yscale("log")
        ax.set(xlabel="Epoch", ylabel=LABELS[kind])
        open_frame(ax)
        legend_beside(ax)

    def _kind(self, kind):
        there = [name for name in LABELS if any(column.startswith(f"{name}__") for column in self.history)]
        if kind == "auto":
            return "valid_loss" if "valid_loss" in there else "train_loss"
        check_kind(kind, ["auto", *LABELS])
        if kind not in there:
            raise ValueError(f"kind={kind!r} was not recorded in this fit; there are {there}.")
        return kind

    def _lines(self, kind, tasks):
        """Values over the epochs, by task."""
        start = f"{kind}__"
        every = {name.removeprefix(start): self.history[name] for name in self.history if name.startswith(start)}
        if tasks is None:
            return every
        for task in tasks:
            if task not in every:
                raise ValueError(f"There is no task {task!r}; there are {listing(list(every))}.{nearest(task, every)}")
        return {task: every[task] for task in tasks}
