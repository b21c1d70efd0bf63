"""The pictures: the package's displays of several sets, side by side."""

import numpy as np

from skmtl.displays import AffinityDisplay, GroupingDisplay, TransferDisplay

#: Sets with more tasks need more room, and are left out where each task needs its name.
MOST_NAMED = 20


def draw(readings, folder):
    """Write those for which there are results into a folder; return their paths."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    paths = []
    for part, make in (("transfer", gains), ("grouping", groupings), ("affinity", affinities)):
        figure = make(plt, [reading for reading in readings if part in reading.parts])
        if figure is not None:
            paths.append(folder / f"sharing_{part}.png")
            figure.savefig(paths[-1], dpi=110, bbox_inches="tight")
            plt.close(figure)
    return paths


def gains(plt, readings):
    """Gain of each task by sharing, with one legend for all sets."""
    if not readings:
        return None
    figure, axes = _panels(plt, readings)
    handles = {}
    for ax, reading in zip(axes, readings, strict=True):
        report = TransferDisplay.from_report(reading.transfer(), ax=ax).report
        ax.set_title(f"{ax.get_title()}: {report.mean_gain:+.4f} on average, {report.mean_verdict}", fontsize="medium")
        ax.set_xlabel(ax.get_xlabel().split(", with")[0])
        ax.locator_params(axis="x", nbins=5)
        handles |= _take_legend(ax)
    return _with_legend(figure, handles)


def groupings(plt, readings):
    """Held-out scores of the candidates, on the first of the outer folds."""
    readings = [reading for reading in readings if not _is_large(reading)]
    if not readings:
        return None
    figure, axes = _panels(plt, readings)
    handles = {}
    for ax, reading in zip(axes, readings, strict=True):
        GroupingDisplay(reading.grouping(0)).plot(ax=ax)
        ax.set_title(f"{ax.get_title()}: {reading.grouping(0).best}", fontsize="medium")
        handles |= {name.split(":")[0]: handle for name, handle in _take_legend(ax).items()}
    return _with_legend(figure, handles)


def affinities(plt, readings):
    """What a look says and what retraining says, with the tasks in the same order."""
    known = [reading for reading in readings if "retrain" in reading.affinities and reading.about["n_tasks"] > 2]
    if not known:
        return None
    figure, axes = plt.subplots(len(known), 2, figsize=(11.0, 4.3 * len(known)), layout="constrained", squeeze=False)
    for (left, right), reading in zip(axes, known, strict=True):
        order = AffinityDisplay.from_affinity(reading.affinity, method="lookahead", ax=left).order_
        truth = reading.affinity.matrices["retrain"][np.ix_(order, order)]
        names = [reading.affinity.task_names[task] for task in order]
        AffinityDisplay(truth, names, method="retrain").plot(ordered=False, ax=right)
        for ax, method in ((left, "lookahead"), (right, "retrain")):
            ax.set_title(f"{reading.name}: {method}")
            for number in list(ax.texts):  # there is no room for them
                number.remove()
    return figure


def _panels(plt, readings):
    """Axes for each set, in two rows; a set with many tasks has a column to itself."""
    small = [reading.name for reading in readings if not _is_large(reading)]
    large = [reading.name for reading in readings if _is_large(reading)]
    n_columns = -(-len(small) // 2)
    slots = small + ["."] * (2 * n_columns - len(small))
    mosaic = [slots[:n_columns] + large, slots[n_columns:] + large]
    size = (3.6 * (n_columns + len(large)), 7.0)
    figure, axes = plt.subplot_mosaic(mosaic, figsize=size, layout="constrained")
    for name, ax in axes.items():
        ax.set_title(name, fontsize="medium")
    return figure, [axes[reading.name] for reading in readings]


def _is_large(reading):
    return reading.about["n_tasks"] > MOST_NAMED


def _take_legend(ax):
    """Remove the legend of the axes; return its handles by name."""
    legend = ax.get_legend()
    legend.remove()
    names = [text.get_text() for text in legend.get_texts()]
    return dict(zip(names, legend.legend_handles, strict=True))


def _with_legend(figure, handles):
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure
