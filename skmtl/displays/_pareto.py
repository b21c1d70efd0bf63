"""ParetoDisplay: scores of candidates by task, and which of them no other one beats."""

from dataclasses import dataclass

import numpy as np

from .._columns import listing
from .._component import nearest
from .._label_weights import static_weights
from ..diagnostics._comparison import mean_known
from ..model_selection import hypervolume, pareto_front
from ..model_selection._choice import candidate_weights, in_order, task_scores
from ._base import Display, check_kind
from ._map import MOST_WRITTEN, name_columns, write_numbers
from ._style import COLOURS, GREY, legend_beside, open_frame, spaced

KINDS = ("auto", "scatter", "lines", "map")
#: More tasks than these are shown as a map.
MOST_LINES = 8
_CHOSEN, _BEATEN = COLOURS[5], "#C4C4C4"


@dataclass
class _Candidates:
    """What is drawn: all tasks, or some of them."""

    scores: np.ndarray  # (k, T)
    names: list
    front: np.ndarray  # (k,), bool
    best: int | None
    equal: int | None  # that with equal weights
    shares: np.ndarray | None  # (k, T), of the task weights

    @property
    def gains(self):
        """Scores less those with equal weights, or less the mean of all candidates where none has these."""
        return self.scores - (mean_known(self.scores) if self.equal is None else self.scores[self.equal])

    @property
    def gain_label(self):
        return f"Gain over {'the mean candidate' if self.equal is None else 'equal weights'}"


class ParetoDisplay(Display):
    """Scores of candidates by task, such as those of a search over task weights, with the Pareto front.

    On the front is who is not beaten: no other candidate is nowhere worse and somewhere better. Two tasks are the axes
    of a plane. Of up to 8 tasks each candidate is a line of its gains over equal task weights, of more a row in a map
    of them. Make it with `from_estimator` or `from_scores`; `plot` draws it again.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, T)
        The higher the better; NaN where there is none.
    task_names : list of length T
        Names of the tasks.
    front : array-like of int, default=None
        Numbers of the candidates on the front; None: as `skmtl.model_selection.pareto_front` finds it.
    best : int, default=None
        Number of the candidate that was chosen.
    weights : ndarray of shape (n_candidates, T), default=None
        Task weights of the candidates; NaN where they are not known.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the points, lines or map.
    figure_ : matplotlib Figure
        What the axes are in.

    See Also
    --------
    skmtl.model_selection.pareto_front : Who is on the front.
    skmtl.model_selection.choose_weights : Whom to choose.

    Notes
    -----
    Scores of a few folds are noisy, and so is a front: of candidates that are about as good as each other some are
    beaten by luck.

    Examples
    --------
    >>> from skmtl.displays import ParetoDisplay
    >>> from skmtl.model_selection import TaskWeightGrid
    >>> scores = [[0.60, 0.90], [0.80, 0.80], [0.75, 0.78]]
    >>> weights = TaskWeightGrid(["heating", "cooling"], resolution=4)
    >>> display = ParetoDisplay.from_scores(scores, task_names=["heating", "cooling"], weights=weights, best=1)
    >>> display.ax_.get_xlabel()
    'Score of heating'
    >>> display.frame()["front"].to_list()
    [True, True, False]
    """

    def __init__(self, scores, task_names, *, front=None, best=None, weights=None):
        self.scores = scores
        self.task_names = task_names
        self.front = front
        self.best = best
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator, *, kind="auto", tasks=None, reference=None, ax=None):
        """Draw what a search found.

        Parameters
        ----------
        estimator : TaskWeightSearchCV, GridSearchCV or the like
            Fitted, with a score for each task, as by ``scoring=make_task_scorer("r2", average=None)``. Averages of
            tasks are left out. `best_index_` is marked, where there is one.
        kind, tasks, reference : str, list and array-like or dict, default="auto", None and None
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ParetoDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the search has no scores by task.
        """
        found, names, scores = task_scores(estimator)
        display = cls(
            scores,
            names,
            front=getattr(estimator, "pareto_front_", None),
            best=getattr(estimator, "best_index_", None),
            weights=_searched_weights(found["params"], names),
        )
        return display.plot(kind=kind, tasks=tasks, reference=reference, ax=ax)

    @classmethod
    def from_scores(
        cls, scores, *, task_names=None, weights=None, best=None, kind="auto", tasks=None, reference=None, ax=None
    ):
        """Draw a table of scores.

        Parameters
        ----------
        scores : array-like or DataFrame of shape (n_candidates, T)
            A row a candidate; the higher the better.
        task_names : list of length T, default=None
            Names of the tasks. None: the columns of a DataFrame, or else "task_0", "task_1", ...
        weights : list of length n_candidates, default=None
            Task weights of the candidates, each a dict by task name or a number for each task; a `TaskWeightGrid`.
        best : int, default=None
            Number of the candidate to mark.
        kind, tasks, reference : str, list and array-like, default="auto", None and None
            As in `plot`.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ParetoDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the numbers of scores, names and weights do not agree.
        """
        table = np.asarray(scores, dtype=float)
        if table.ndim != 2:
            raise ValueError(f"scores must have a row a candidate and a column a task; got shape {table.shape}.")
        if task_names is None:
            task_names = getattr(scores, "columns", [f"task_{t}" for t in range(table.shape[1])])
        names = list(task_names)
        if len(names) != table.shape[1]:
            raise ValueError(f"task_names has {len(names)} names for the {table.shape[1]} columns of scores.")
        if weights is not None:
            if len(weights) != len(table):
                raise ValueError(f"weights are those of {len(weights)} candidates; scores has {len(table)} rows.")
            weights = np.array([static_weights(row, names) for row in weights])
        return cls(table, names, best=best, weights=weights).plot(kind=kind, tasks=tasks, reference=reference, ax=ax)

    def plot(self, *, kind="auto", tasks=None, reference=None, ax=None):
        """Draw the candidates.

        Parameters
        ----------
        kind : {"auto", "scatter", "lines", "map"}, default="auto"
            "scatter": two tasks as axes, a point a candidate, the front a line of steps; its colours are the weights,
            where these are known. "lines": what each candidate gains over equal task weights, a line each. "map": the
            same, a row a candidate, those with the best mean at the top, and a column a task. "auto": by the number of
            tasks, "lines" from 3 to 8.
        tasks : list, default=None
            Names of the tasks to draw, with the front that there is among them; None: all.
        reference : dict by task name or array-like of length 2, default=None
            For "scatter": scores worse than all that matter. What the front covers above them is shaded, and the
            legend has its area, the hypervolume.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : ParetoDisplay
            With `ax_` and `figure_`.

        Raises
        ------
        ValueError
            If there is no such kind, task or candidate, or not the number of tasks that the kind needs.
        """
        check_kind(kind, KINDS)
        found = self._candidates(tasks)
        n_candidates, n_tasks = found.scores.shape
        if kind == "auto":
            kind = "scatter" if n_tasks == 2 else "lines" if n_tasks <= MOST_LINES else "map"
        if n_tasks < 2 or (kind == "scatter" and n_tasks > 2):
            needed = "two tasks" if kind == "scatter" else "two tasks or more"
            raise ValueError(f"kind={kind!r} draws {needed}; got {listing(found.names)}. Say which in tasks=[...].")
        if reference is not None and kind != "scatter":
            raise ValueError(f"reference is for kind='scatter'; got kind={kind!r}. Say which two tasks in tasks=[...].")
        reference = in_order(reference, found.names, "reference")
        if kind == "scatter":
            return self._drawn(lambda ax: _draw_scatter(ax, found, reference), ax, (6.4, 4.6))
        if kind == "lines":
            return self._drawn(lambda ax: _draw_lines(ax, found), ax, (4.0 + 0.6 * n_tasks, 4.4))
        size = np.clip(2.5 + 0.4 * n_tasks, 5.0, 13.0), np.clip(1.8 + 0.22 * n_candidates, 3.0, 12.0)
        return self._drawn(lambda ax: _draw_map(ax, found), ax, size)

    def frame(self):
        """Return a row a candidate: a score a task, the weights ("weight of <task>"), "front" and "chosen"."""
        import pandas as pd

        scores, found = np.asarray(self.scores, dtype=float), self._candidates(None)
        weights = {} if self.weights is None else dict(zip(self.task_names, np.transpose(self.weights), strict=True))
        columns = dict(zip(self.task_names, scores.T, strict=True))
        columns |= {f"weight of {name}": values for name, values in weights.items()}
        columns |= {"front": found.front, "chosen": np.arange(len(scores)) == self.best}
        return pd.DataFrame(columns, index=pd.RangeIndex(len(scores), name="candidate"))

    def _candidates(self, tasks):
        """Look at some tasks only, unless that is None."""
        names = list(self.task_names)
        if isinstance(tasks, str) or (tasks is not None and not len(tasks)):
            raise ValueError(f"tasks must be a list of names of tasks; got {tasks!r}.")
        for task in tasks or ():
            if task not in names:
                raise ValueError(f"There is no task {task!r}; there are {listing(names)}.{nearest(task, names)}")
        taken = list(range(len(names))) if tasks is None else [names.index(task) for task in tasks]
        scores = np.asarray(self.scores, dtype=float)
        if self.best is not None and self.best not in range(len(scores)):
            raise ValueError(f"best must be the number of one of the {len(scores)} candidates; got {self.best!r}.")
        if tasks is None and self.front is not None:
            front = np.isin(np.arange(len(scores)), self.front)
        else:
            front = pareto_front(scores[:, taken])
        equal, shares = None, None
        if self.weights is not None:
            weights = np.asarray(self.weights, dtype=float)
            alike = np.flatnonzero((np.ptp(weights, axis=1) < 1e-9) & ~np.isnan(scores).all(axis=1))
            equal = int(alike[0]) if len(alike) else None
            with np.errstate(invalid="ignore"):  # where both tasks have weight 0
                shares = weights[:, taken] / weights[:, taken].sum(axis=1, keepdims=True)
        return _Candidates(scores[:, taken], [names[t] for t in taken], front, self.best, equal, shares)


def _searched_weights(params, names):
    """Task weights of the candidates of a search, (k, T), or None where it does not search for them."""
    rows = [candidate_weights(candidate, names) for candidate in params]
    return None if any(row is None for row in rows) else np.array(rows)


def _chosen_label(found):
    return f"chosen: {'equal weights' if found.best == found.equal else f'number {found.best}'}"


def _draw_scatter(ax, found, reference):
    x, y = found.scores.T
    one, other = found.names
    if reference is not None:
        _shade(ax, found, reference)
    if not found.front.all():
        ax.scatter(x[~found.front], y[~found.front], s=20, color=_BEATEN, label="beaten by another one", zorder=2)
    on = np.flatnonzero(found.front)
    on = on[np.argsort(x[on])]
    # From one point down and on to the next: the border of what the front beats.
    ax.plot(x[on], y[on], drawstyle="steps-pre", color=GREY, linewidth=1.0, label="front", zorder=2)
    if found.shares is None or np.isnan(found.shares[on]).any():
        ax.scatter(x[on], y[on], s=36, color=COLOURS[0], zorder=3)
    else:
        points = ax.scatter(x[on], y[on], s=36, c=found.shares[on, 1], cmap="viridis", zorder=3)
        ax.figure.colorbar(points, ax=ax, label=f"Share of {other} in the weights", shrink=0.9)
    for index, marker, size, colour, label in (
        (found.equal, "s", 80, "black", "equal weights"),
        (found.best, "o", 140, _CHOSEN, _chosen_label(found)),
    ):
        if index is not None:
            rim = {"facecolors": "none", "edgecolors": colour, "linewidths": 1.8}
            ax.scatter(x[index], y[index], s=size, marker=marker, label=label, zorder=4, **rim)
    _name_ends(ax, found, on)
    ax.margins(0.08)
    ax.set(xlabel=f"Score of {one}", ylabel=f"Score of {other}")
    open_frame(ax)
    ax.legend(frameon=False, fontsize="small", labelspacing=0.7)


def _name_ends(ax, found, on):
    """Name the ends of the front, each the best in one of the two tasks."""
    if len(on) < 2:
        return
    styles = {"textcoords": "offset points", "fontsize": "small", "color": "#555555"}
    ax.annotate(f"best in {found.names[1]}", found.scores[on[0]], (9, 2), **styles)
    ax.annotate(f"best in {found.names[0]}", found.scores[on[-1]], (6, -10), ha="right", va="top", **styles)


def _shade(ax, found, reference):
    """Shade what the front covers above the reference."""
    low = np.asarray(reference, dtype=float)
    area = hypervolume(found.scores, low)
    above = found.scores[found.front & (found.scores > low).all(axis=1)]
    above = above[np.argsort(above[:, 0])]
    steps = np.vstack([[low[0], above[:, 1].max(initial=low[1])], above])
    label = f"hypervolume {area:.3g}"
    ax.fill_between(*steps.T, low[1], step="pre", color=COLOURS[4], alpha=0.2, linewidth=0, label=label, zorder=1)


def _draw_lines(ax, found):
    gains, places = found.gains, np.arange(len(found.names))
    for mask, colour, width, label in (
        (~found.front, _BEATEN, 0.7, "beaten by another one"),
        (found.front, COLOURS[4], 1.0, "on the front"),
    ):
        # Lines of NaN between the candidates make one line of many.
        parts = np.column_stack([gains[mask], np.full(mask.sum(), np.nan)]).ravel()
        at = np.tile(np.append(places, np.nan), mask.sum())
        if mask.any():
            ax.plot(at, parts, color=colour, linewidth=width, marker=".", markersize=4, label=label)
    ax.axhline(0.0, color="black", linewidth=1.0, linestyle="--", label=found.gain_label.removeprefix("Gain over "))
    if found.best is not None:
        label = _chosen_label(found)
        ax.plot(places, gains[found.best], color=_CHOSEN, linewidth=2.4, marker="o", label=label, zorder=4)
    name_columns(ax, found.names)
    ax.set(xlim=(-0.3, len(places) - 0.7), ylabel=found.gain_label)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    open_frame(ax)
    legend_beside(ax)


def _draw_map(ax, found):
    order = np.argsort(-found.gains.mean(axis=1), kind="stable")  # NaN comes last
    gains = found.gains[order]
    known = np.abs(gains[np.isfinite(gains)])
    limit = float(np.quantile(known, 0.98)) if known.any() else 1.0
    image = ax.imshow(gains, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=found.gain_label, shrink=0.8)
    name_columns(ax, found.names)
    names = [_row_name(found, k) for k in order]
    told = [row for row, k in enumerate(order) if k in (found.best, found.equal)]
    places = sorted({*spaced(names)[0], *told})
    ax.set_yticks(places, [names[place] for place in places], fontsize="small")
    if gains.size <= MOST_WRITTEN:
        write_numbers(ax, gains, digits=2, dark=np.abs(gains) > 0.7 * limit)
    ax.set(ylabel="Candidate")


def _row_name(found, k):
    notes = {"equal weights": k == found.equal, "chosen": k == found.best, "beaten": not found.front[k]}
    return ", ".join([str(k), *(note for note, holds in notes.items() if holds)])
