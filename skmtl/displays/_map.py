"""What maps of tasks by tasks have in common."""

import numpy as np

#: Names on an axis, of very many every so many.
MOST_NAMES = 60
#: Cells have their number written in them up to this number of cells.
MOST_WRITTEN = 225


def task_map(ax, table, names, *, limit, label, digits=2, cmap="PuOr"):
    """Draw tasks by tasks, from the top left: one colour above 0, another below.

    Parameters
    ----------
    ax : matplotlib Axes or None
        None makes a new figure.
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

    Returns
    -------
    ax : matplotlib Axes
    """
    import matplotlib.pyplot as plt

    if ax is None:
        size = float(np.clip(2.2 + 0.5 * len(names), 4.0, 11.0))
        _, ax = plt.subplots(figsize=(size + 1.2, size), layout="constrained")
    image = ax.imshow(table, cmap=cmap, vmin=-limit, vmax=limit, interpolation="nearest")
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.8)
    places, shown = spaced(names)
    many = len(places) > 30
    turned = {"rotation": 90} if many else {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(places, shown, fontsize="x-small" if many else None, **turned)
    ax.set_yticks(places, shown, fontsize="x-small" if many else None)
    for (row, column), value in np.ndenumerate(table) if table.size <= MOST_WRITTEN else ():
        if np.isfinite(value):
            colour = "white" if abs(value) > 0.7 * limit else "black"
            ax.text(column, row, f"{value:.{digits}f}", ha="center", va="center", color=colour, fontsize="small")
    return ax


def spaced(names):
    """Places and texts of the names that an axis has room for."""
    step = -(-len(names) // MOST_NAMES)
    places = list(range(0, len(names), step))
    return places, [str(names[place]) for place in places]
