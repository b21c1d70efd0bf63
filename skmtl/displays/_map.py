"""Maps: tables in colours, with the numbers where there is room for them."""

import numpy as np

from ._style import spaced

#: Cells have their number written in them up to this number of cells.
MOST_WRITTEN = 225


def map_size(n_tasks):
    """Width and height in inches of a map of tasks by tasks."""
    size = float(np.clip(2.2 + 0.5 * n_tasks, 4.0, 11.0))
    return size + 1.2, size


def task_map(ax, table, names, *, limit, label, digits=2, cmap="PuOr"):
    """Draw tasks by tasks, from the top left: one colour above 0, another below.

    Parameters
    ----------
    ax : matplotlib Axes
    table : ndarray of shape (T, T)
    names : list of length T
    limit : float
        The number that has the full colour.
    label : str
        Of the colours.
    digits : int
        Behind the point.
    cmap : str
        Name of a map of colours; the middle is 0.
    """
    image = ax.imshow(table, cmap=cmap, vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.8)
    name_columns(ax, names)
    places, shown = spaced(names)
    ax.set_yticks(places, shown, fontsize="x-small" if len(places) > 30 else None)
    write_numbers(ax, table, digits=digits, dark=np.abs(table) > 0.7 * limit)


def name_columns(ax, names):
    """Name what is side by side, aslant; many upright and small."""
    places, shown = spaced(names)
    many = {"rotation": 90, "fontsize": "x-small"}
    few = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(places, shown, **(many if len(places) > 30 else few))


def write_numbers(ax, table, *, digits, dark):
    """Write the numbers into the cells, where these are few; white where they are dark. NaN stays empty."""
    if table.size > MOST_WRITTEN:
        return
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if dark[row, column] else "black"
            ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=colour, fontsize="small")
