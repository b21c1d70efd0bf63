"""Drawings of the architectures, one SVG each, beside this script: python docs/user_guide/architectures/draw.py.

Rows go from bottom to top. What is blue is shared, what is orange or green belongs to the first or the second task.
"""

from math import nan
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

FILL = {"shared": "#d3e3f5", "one": "#fcdcbc", "two": "#cdead2", "input": "#ececec"}
EDGE = {"shared": "#2f66a3", "one": "#c0631a", "two": "#2f8a4b", "input": "#6d6d6d"}
TASKS = {"one": "1", "two": "2"}
INWARDS = {"one": 0.45, "two": -0.45}  # from the middle of a task's box towards that of the picture
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "skmtl", "font.family": "sans-serif", "font.size": 8}


class Node:
    """Something with a middle and an extent, that lines end at."""

    def __init__(self, x, y, width, height, kind):
        self.x, self.y, self.width, self.height, self.kind = x, y, width, height, kind

    @property
    def top(self):
        """Point in the middle of the upper edge."""
        return self.x, self.y + self.height / 2

    @property
    def bottom(self):
        """Point in the middle of the lower edge."""
        return self.x, self.y - self.height / 2

    def side_towards(self, other):
        """Point in the middle of the edge, left or right, that is next to another node."""
        return self.x + self.width / 2 * (1 if other.x > self.x else -1), self.y


class Drawing:
    """A canvas in units of half an inch, with boxes, dots and arrows of one style.

    Parameters
    ----------
    width, height : float
        Of the canvas.
    """

    def __init__(self, width=6.0, height=5.4):
        self.figure = Figure(figsize=(0.5 * width, 0.5 * height))
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(0, height))
        self.axes.set_axis_off()

    def box(self, x, y, label="", kind="shared", *, width=1.5, height=0.62):
        """Draw layers, in the middle of which is (x, y)."""
        corner = (x - width / 2, y - height / 2)
        style = {"boxstyle": "round,pad=0,rounding_size=0.1", "facecolor": FILL[kind], "edgecolor": EDGE[kind]}
        self.axes.add_patch(FancyBboxPatch(corner, width, height, linewidth=0.9, zorder=2, **style))
        self.text(x, y, label)
        return Node(x, y, width, height, kind)

    def dot(self, x, y, label, kind="shared", *, radius=0.24):
        """Draw an operation."""
        style = {"facecolor": "white", "edgecolor": EDGE[kind]}
        self.axes.add_patch(Circle((x, y), radius, linewidth=0.9, zorder=2, **style))
        self.text(x, y, label)
        return Node(x, y, 2 * radius, 2 * radius, kind)

    def text(self, x, y, label, **style):
        """Write a label."""
        self.axes.text(x, y, label, **{"ha": "center", "va": "center", "zorder": 3} | style)

    def arrow(self, start, end, kind="input", **style):
        """Draw an arrow from one node to another above it, or between two points."""
        start = start.top if isinstance(start, Node) else start
        end = end.bottom if isinstance(end, Node) else end
        style = {"linewidth": 0.9, "arrowstyle": "-|>", "mutation_scale": 6, "shrinkA": 0, "shrinkB": 0} | style
        self.axes.add_patch(FancyArrowPatch(start, end, color=EDGE[kind], zorder=1, **style))

    def across(self, start, end, kind="input", **style):
        """Draw an arrow from one node to another beside it."""
        self.arrow(start.side_towards(end), end.side_towards(start), kind, **style)

    def input(self, x=3.0, width=1.5):
        """Draw the input, at the bottom."""
        return self.box(x, 0.4, "x", "input", width=width, height=0.5)

    def heads(self, below, xs=(1.3, 4.7), y=4.7):
        """Draw the two heads, and an arrow to each from what is below it."""
        for node, x, kind in zip(below, xs, TASKS, strict=True):
            head = self.box(x, y, f"head {TASKS[kind]}", kind, width=1.35)
            self.arrow(node, head, kind if node.kind != "shared" else "shared")

    def save(self, name):
        """Write the file, the same whenever it is written."""
        self.figure.savefig(Path(__file__).with_name(f"{name}.svg"), metadata={"Date": None, "Creator": None})


def hard_sharing():
    """One trunk."""
    d = Drawing()
    x = d.input()
    lower, upper = d.box(3, 1.7, "layer", width=2.4), d.box(3, 3.0, "layer", width=2.4)
    d.arrow(x, lower)
    d.arrow(lower, upper, "shared")
    d.heads([upper, upper])
    return d


def independent():
    """Two trunks."""
    d = Drawing()
    x = d.input(width=4.9)
    tops = []
    for middle, kind in ((1.3, "one"), (4.7, "two")):
        lower, upper = d.box(middle, 1.7, "layer", kind), d.box(middle, 3.0, "layer", kind)
        d.arrow((middle, x.top[1]), lower)
        d.arrow(lower, upper, kind)
        tops.append(upper)
    d.heads(tops)
    return d


def conditioned():
    """One trunk, told the task."""
    d = Drawing()
    x = d.input()
    lower, upper = d.box(3, 1.7, "layer", width=2.4), d.box(3, 3.0, "layer", width=2.4)
    d.arrow(x, lower)
    d.arrow(lower, upper, "shared")
    for y, kind in ((1.7, "one"), (3.0, "one"), (1.7, "two"), (3.0, "two")):
        code = d.dot(0.7 if kind == "one" else 5.3, y, f"$z_{TASKS[kind]}$", kind, radius=0.3)
        d.across(code, lower if y < 2 else upper, kind)
    d.heads([upper, upper])
    return d


def soft_sharing():
    """Two trunks, with springs between them."""
    d = independent()
    for y in (1.7, 3.0):
        turns = 9
        xs = [2.05, *(2.25 + 1.5 * i / turns for i in range(turns + 1)), 3.95]
        ys = [y, *(y + 0.17 * (-1) ** i * (0 < i < turns) for i in range(turns + 1)), y]
        d.axes.plot(xs, ys, color=EDGE["shared"], linewidth=0.9)
    return d


def cross_stitch():
    """Two trunks, mixed after each layer."""
    d = Drawing(height=6.6)
    x = d.input(width=4.9)
    places = {"one": 1.3, "two": 4.7}
    below = dict.fromkeys(places)
    for y in (1.5, 3.65):
        layers = {kind: d.box(middle, y, "layer", kind) for kind, middle in places.items()}
        mixed = {kind: d.dot(middle, y + 1.15, "$+$", kind) for kind, middle in places.items()}
        for kind, layer in layers.items():
            d.arrow(below[kind] or (layer.x, x.top[1]), layer, kind if below[kind] else "input")
            for other, mixture in mixed.items():
                end = mixture.bottom if other == kind else mixture.side_towards(layer)
                d.arrow(layer, end, kind, linestyle="-" if other == kind else (0, (3, 2)))
        below = mixed
    d.heads(below.values(), y=5.95)
    return d


def attention():
    """One trunk, and masks on its layers."""
    d = Drawing(width=6.6)
    x = d.input(3.3)
    below, masked = x, {}
    for y in (1.5, 3.1):
        layer = d.box(3.3, y, "layer", width=1.5)
        d.arrow(below, layer, below.kind)
        for kind, middle in (("one", 1.0), ("two", 5.6)):
            mask = d.box(middle, y, "mask", kind, width=1.1)
            product = d.dot(middle, y + 0.8, "×", kind)
            d.across(layer, mask, "shared")
            d.arrow(mask, product, kind)
            d.arrow(layer, product.side_towards(layer), "shared")
            if kind in masked:
                d.arrow(masked[kind], mask, kind)
            masked[kind] = product
        below = layer
    d.heads(masked.values(), xs=(1.0, 5.6), y=4.85)
    return d


def bypass():
    """A shared trunk, and a private one beside it for each task."""
    d = Drawing(width=6.6)
    x = d.input(3.3, width=5.6)
    below = {}
    for y in (1.6, 3.1):
        layers = {"shared": d.box(3.3, y, "shared", width=1.4)}
        layers |= {kind: d.box(m, y, "private", kind, width=1.35) for kind, m in (("one", 1.0), ("two", 5.6))}
        for kind, layer in layers.items():
            d.arrow(below.get(kind) or (layer.x, x.top[1]), layer, kind if below else "input")
            if below and kind != "shared":
                d.arrow(below["shared"], (layer.x + INWARDS[kind], layer.bottom[1]), "shared")
        below = layers
    for kind, middle in (("one", 1.0), ("two", 5.6)):
        head = d.box(middle, 4.75, f"head {TASKS[kind]}", kind, width=1.35)
        d.arrow(below[kind], head, kind)
        d.arrow(below["shared"], (head.x + INWARDS[kind], head.bottom[1]), "shared")
    return d


def adapters():
    """One trunk, whose layers each task changes."""
    d = Drawing(width=6.6)
    x = d.input(3.3)
    below = dict.fromkeys(TASKS, x)
    for y in (1.7, 3.3):
        layer = d.box(3.3, y, "layer", width=1.7)
        small = {
            kind: d.box(m, y, f"$U_{TASKS[kind]} V_{TASKS[kind]}$", kind, width=1.0, height=0.42)
            for kind, m in (("one", 1.0), ("two", 5.6))
        }
        for kind, change in small.items():
            first = below[kind] is x
            start = below[kind].top
            d.arrow(start, change, "input" if first else kind)
            if not first:
                d.arrow(start, (layer.x - INWARDS[kind], layer.bottom[1]), kind)
            total = d.dot(change.x, y + 0.75, "$+$", kind)
            d.arrow(change, total, kind)
            d.arrow((layer.x - INWARDS[kind], layer.top[1]), total.side_towards(layer), "shared")
            below[kind] = total
        if y < 2:
            d.arrow(x, layer)
    d.heads(below.values(), xs=(1.0, 5.6), y=4.95)
    return d


def _mixtures(d, xs, y, radius=0.24):
    return {kind: d.dot(x, y, "$+$", kind, radius=radius) for kind, x in zip(TASKS, xs, strict=True)}


def mmoe():
    """Experts, and a gate for each task."""
    d = Drawing(width=6.6)
    x = d.input(3.3, width=5.9)
    experts = [d.box(m, 1.75, "expert", width=1.2) for m in (1.85, 3.3, 4.75)]
    mixed = _mixtures(d, (1.85, 4.75), 3.4)
    for expert in experts:
        d.arrow((expert.x, x.top[1]), expert)
        for mixture in mixed.values():
            d.arrow(expert, mixture, "shared")
    _gates(d, x, mixed, (0.6, 6.0), 1.75)
    d.heads(mixed.values(), xs=(1.85, 4.75), y=4.75)
    return d


def _gates(d, x, mixed, xs, y):
    for (kind, mixture), middle in zip(mixed.items(), xs, strict=True):
        gate = d.box(middle, y, "gate", kind, width=0.9, height=0.5)
        d.arrow((middle, x.top[1]), gate)
        d.arrow(gate, mixture.side_towards(gate), kind, linestyle=(0, (3, 2)))


def cgc():
    """Shared experts, experts of each task, and gates."""
    d = Drawing(width=7.6)
    x = d.input(3.8, width=6.9)
    places = {"one": (1.9,), "shared": (3.2, 4.4), "two": (5.7,)}
    experts = [d.box(m, 1.75, "expert", kind, width=1.12) for kind, xs in places.items() for m in xs]
    mixed = _mixtures(d, (1.9, 5.7), 3.4)
    for expert in experts:
        d.arrow((expert.x, x.top[1]), expert)
        for kind, mixture in mixed.items():
            if expert.kind in ("shared", kind):
                d.arrow(expert, mixture, expert.kind)
    _gates(d, x, mixed, (0.6, 7.0), 1.75)
    d.heads(mixed.values(), xs=(1.9, 5.7), y=4.75)
    return d


def ple():
    """Levels of shared experts and of each task's own; gates are left out."""
    d = Drawing(width=6.6, height=7.4)
    x = d.input(3.3, width=5.6)
    places = {"one": 1.2, "shared": 3.3, "two": 5.4}
    below = {}
    for y, uppers in ((1.55, ("one", "shared", "two")), (4.05, ("one", "two"))):
        experts = {kind: d.box(m, y, "experts", kind, width=1.45) for kind, m in places.items()}
        mixed = {kind: d.dot(places[kind], y + 1.4, "$+$", kind) for kind in uppers}
        for kind, expert in experts.items():
            d.arrow(below.get(kind) or (expert.x, x.top[1]), expert, kind if below else "input")
            for other, mixture in mixed.items():
                if "shared" in (kind, other) or kind == other:
                    end = mixture.bottom if kind == other else mixture.side_towards(expert)
                    d.arrow(expert, end, kind)
        below = mixed
    d.heads(below.values(), xs=(1.2, 5.4), y=6.75)
    return d


def dselect_k():
    """Experts, of which each task has chosen two."""
    d = Drawing(width=6.6)
    x = d.input(3.3, width=5.9)
    experts = [d.box(m, 1.75, "expert", width=1.12) for m in (1.2, 2.6, 4.0, 5.4)]
    mixed = _mixtures(d, (1.9, 4.7), 3.4)
    for number, expert in enumerate(experts):
        d.arrow((expert.x, x.top[1]), expert)
        for kind, chosen in (("one", (0, 2)), ("two", (2, 3))):
            if number in chosen:
                d.arrow(expert, mixed[kind], kind)
            else:
                d.arrow(expert, mixed[kind], "input", linestyle=":", alpha=0.35, arrowstyle="-")
    d.heads(mixed.values(), xs=(1.9, 4.7), y=4.75)
    return d


def degree():
    """Networks that share nothing, half of the units of each layer, or all of them."""
    d = Drawing(width=13.2, height=4.0)
    for left, n_shared in ((0.3, 0), (4.7, 2), (9.1, 4)):
        n_own = 4 - n_shared
        kinds = ["one"] * n_own + ["shared"] * n_shared + ["two"] * n_own
        xs = [left + 1.9 + 0.475 * (i - (len(kinds) - 1) / 2) for i in range(len(kinds))]
        units = list(zip(xs, kinds, strict=True))
        heads = [(left + m, kind) for kind, m in (("one", 0.9), ("two", 2.9))]
        for x, kind in heads:
            d.box(x, 3.5, f"head {TASKS[kind]}", kind)
        _read(d, units, 1.52, units, 2.18)
        _read(d, units, 2.52, heads, 3.19)
        for x, kind in units:
            for y in (1.35, 2.35):
                style = {"facecolor": FILL[kind], "edgecolor": EDGE[kind], "linewidth": 0.9}
                d.axes.add_patch(Circle((x, y), 0.17, **style))
        d.text(left + 1.9, 0.5, f"sharing={n_shared / 4:g}", fontsize=10)
    return d


def _read(d, below, bottom, above, top):
    """Draw lines from what is below to what reads it: one path of each kind."""
    for kind in FILL:
        xs, ys = [], []
        for x, mine in below:
            for end, reader in above:
                if mine == kind and kind in ("shared", reader):
                    xs += [x, end, nan]
                    ys += [bottom, top, nan]
        d.axes.plot(xs, ys, color=EDGE[kind], linewidth=0.5, zorder=0)


PICTURES = [
    hard_sharing,
    independent,
    conditioned,
    soft_sharing,
    cross_stitch,
    attention,
    bypass,
    adapters,
    mmoe,
    cgc,
    ple,
    dselect_k,
    degree,
]

if __name__ == "__main__":
    with mpl.rc_context(STYLE):
        for picture in PICTURES:
            picture().save(picture.__name__)
