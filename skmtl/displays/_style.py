"""What pictures share: colours, legends, names on an axis, lines that stand for many."""

import numpy as np

#: Colours that can be told apart by everyone (Okabe and Ito, 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
#: For what is there to compare with.
GREY = "#888888"
#: Names on an axis, of very many every so many.
MOST_NAMES = 60


def legend_beside(ax):
    """Put the legend to the right of the axes, where it hides nothing."""
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0.0)


def open_frame(ax, *, rows=False):
    """Take away the frame on top and on the right; of rows, which have names, that on the left as well."""
    ax.spines[["top", "right"]].set_visible(False)
    if rows:
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)


def spaced(names):
    """Places and texts of the names that an axis has room for."""
    step = -(-len(names) // MOST_NAMES)
    places = list(range(0, len(names), step))
    return places, [str(names[place]) for place in places]


def draw_ranges(ax, at, values, what):
    """Draw many lines, (n_lines, n_points), as their median and the ranges that half and nine tenths of them are in."""
    lines = np.nanquantile(values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    shade = {"color": COLOURS[4], "linewidth": 0}
    ax.fill_between(at, lines[0], lines[4], alpha=0.3, label=f"9 of 10 {what}", **shade)
    ax.fill_between(at, lines[1], lines[3], alpha=0.6, label=f"half of the {what}", **shade)
    ax.plot(at, lines[2], color=COLOURS[0], label=f"median of {len(values)} {what}")
