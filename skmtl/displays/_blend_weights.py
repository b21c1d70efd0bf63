"""BlendWeightsDisplay: what each member weighs in each task of a blend."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._base import SIZE, Display, check_kind
from ._map import name_columns, write_numbers
from ._style import COLOURS, legend_beside, open_frame, spaced

#: More tasks than these, or members than there are colours, are shown as a map.
MOST_BARS = 20
KINDS = ("auto", "bar", "map")


class BlendWeightsDisplay(Display):
    """The weights of a `MultiTaskBlend`, by task and member.

    Make it with `from_estimator`; `plot` draws it again.

    Parameters
    ----------
    weights : ndarray of shape (n_tasks, n_members)
        The weights; each row sums to 1.
    task_names : list of length n_tasks
        Names of the tasks.
    member_names : list of length n_members
        Names of the members.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the bars, or the map.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.MultiTaskBlend : What has the weights.

    Examples
    --------
    >>> from sklearn.datasets import load_linnerud
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skmtl import MultiTaskBlend
    >>> from skmtl.displays import BlendWeightsDisplay
    >>> X, Y = load_linnerud(return_X_y=True, as_frame=True)
    >>> members = [("ridge", Ridge()), ("near", KNeighborsRegressor())]
    >>> blend = MultiTaskBlend(members, tasks="regression", random_state=0).fit(X, Y)
    >>> display = BlendWeightsDisplay.from_estimator(blend)
    >>> display.ax_.get_xlabel()
    'Weight'
    """

    def __init__(self, weights, *, task_names, member_names):
        self.weights = weights
        self.task_names = task_names
        self.member_names = member_names

    @classmethod
    def from_estimator(cls, estimator, *, kind="auto", ax=None):
        """Draw the weights of a fitted blend.

        Parameters
        ----------
        estimator : MultiTaskBlend
            Fitted.
        kind : {"auto", "bar", "map"}, default="auto"
            A bar for each task, with a part for each member, or a map of tasks by members. "auto" is bars for up to 20
            tasks and 8 members.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : BlendWeightsDisplay
            Drawn.
        """
        check_is_fitted(estimator, "weights_")
        tasks = list(estimator.weights_)
        members = list(estimator.weights_[tasks[0]])
        weights = np.array([[estimator.weights_[task][member] for member in members] for task in tasks])
        return cls(weights, task_names=tasks, member_names=members).plot(kind=kind, ax=ax)

    def plot(self, *, kind="auto", ax=None):
        """Draw the weights.

        Parameters
        ----------
        kind : {"auto", "bar", "map"}, default="auto"
            As in `from_estimator`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : BlendWeightsDisplay
            With `ax_` and `figure_`.
        """
        check_kind(kind, KINDS)
        n_tasks, n_members = np.shape(self.weights)
        if kind == "auto":
            kind = "bar" if n_tasks <= MOST_BARS and n_members <= len(COLOURS) else "map"
        width = SIZE[0] if kind == "bar" else min(3.0 + 0.8 * n_members, 12.0)
        draw = self._draw_bars if kind == "bar" else self._draw_map
        return self._drawn(draw, ax, (width, min(1.2 + 0.35 * n_tasks, 12.0)))

    def frame(self):
        """Return the weights, a row a task, a column a member."""
        import pandas as pd

        return pd.DataFrame(self.weights, index=pd.Index(self.task_names, name="task"), columns=self.member_names)

    def _draw_bars(self, ax):
        """One bar a task, from the first at the top; members as they are, from the left."""
        weights = np.asarray(self.weights)
        ends = np.cumsum(weights, axis=1)
        places = np.arange(len(weights))
        for m, name in enumerate(self.member_names):
            ax.barh(
                places,
                weights[:, m],
                left=ends[:, m] - weights[:, m],
                height=0.7,
                color=COLOURS[m % len(COLOURS)],  # more members than colours are hatched
                hatch="//" * (m // len(COLOURS)),
                edgecolor="white",
                label=name,
            )
        ax.set(xlim=(0, 1), ylim=(len(weights) - 0.5, -0.5), xlabel="Weight")
        ax.set_yticks(*spaced(self.task_names))
        open_frame(ax, rows=True)
        legend_beside(ax)

    def _draw_map(self, ax):
        """Tasks from the top, members from the left."""
        weights = np.asarray(self.weights)
        image = ax.imshow(weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
        ax.figure.colorbar(image, ax=ax, label="Weight")
        name_columns(ax, self.member_names)
        ax.set_yticks(*spaced(self.task_names))
        # What is next to nothing stays empty.
        seen = np.where(weights >= 0.005, weights, np.nan)
        write_numbers(ax, seen, digits=2, dark=weights > 0.5)
