"""Timing: contenders take turns in one process, so that whatever else the machine does slows them all alike."""

import contextlib
import gc
import statistics
import time
import warnings
from dataclasses import dataclass, field

#: Rounds after which a contender is known well enough.
ROUNDS = 25
#: A call that takes longer needs no warm-up: its first round counts.
SLOW = 1.0


@dataclass(frozen=True)
class Settings:
    """How long to measure a workload, and whether small versions of the workloads will do."""

    seconds: float = 12.0
    quick: bool = False


@dataclass
class Table:
    """Rows of text under a title, and what was aimed at: ``(what, ratio, goal)``, met where ratio <= goal."""

    title: str
    header: list
    rows: list
    goals: list = field(default_factory=list)

    def __str__(self):
        cells = [self.header, *self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.header))]
        lines = []
        for row in cells:
            rest = "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append(f"  {row[0]:<{widths[0]}}{rest}".rstrip())
        return "\n".join([self.title, *lines])


@contextlib.contextmanager
def undisturbed():
    """Without pauses of the garbage collector, and without warnings on the screen."""
    gc.collect()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        gc.enable()


def take_turns(contenders, seconds):
    """Time callables by turns, in alternating order; return a list of seconds for each name.

    Each runs twice at least, however long that takes, and then until all have had `ROUNDS` or the time is over.
    """
    times = {name: [] for name in contenders}
    with undisturbed():
        for name, call in contenders.items():
            took = _seconds(call)
            if took > SLOW:
                times[name].append(took)
        start, order = time.perf_counter(), list(contenders)
        for _ in range(ROUNDS):
            over = time.perf_counter() - start > seconds
            for name in order:
                if not over or len(times[name]) < 2:
                    times[name].append(_seconds(contenders[name]))
            order.reverse()
    return times


def compare(title, ours, peers, settings, goals=None, calls=1):
    """Time our callable against others and make a table of the ratios.

    Parameters
    ----------
    title : str
        The workload.
    ours : (str, callable)
    peers : dict of str to callable
    settings : Settings
    goals : dict of str to float
        By peer, the ratio ours / peer that is aimed at; small versions of the workloads are not held to it.
    calls : int
        How many calls to count as one, where one alone is too short for the clock.
    """
    name, call = ours
    contenders = {name: call} | peers
    if calls > 1:
        contenders = {name: _repeated(call, calls) for name, call in contenders.items()}
    times = {name: [t / calls for t in ts] for name, ts in take_turns(contenders, settings.seconds).items()}
    return ratios(title, times, {} if settings.quick else goals or {})


def ratios(title, times, goals):
    """Make the table of the first contender's seconds in relation to those of each other."""
    header = ["contender", "median", "min", "rounds", "skmtl /", "of minima", "goal", "met"]
    (name, ours), *others = times.items()
    rows = [[name, as_time(statistics.median(ours)), as_time(min(ours)), str(len(ours)), "", "", "", ""]]
    aims = []
    for peer, theirs in others:
        ratio = statistics.median(ours) / statistics.median(theirs)
        cells = [peer, as_time(statistics.median(theirs)), as_time(min(theirs)), str(len(theirs))]
        rows.append([*cells, f"{ratio:.3g}", f"{min(ours) / min(theirs):.3g}", *verdict(ratio, goals.get(peer))])
        if peer in goals:
            aims.append((f"{title}: {peer}", ratio, goals[peer]))
    return Table(title, header, rows, aims)


def verdict(ratio, goal):
    """Cells of a table: the goal, and whether it is met."""
    if goal is None:
        return ["", ""]
    return [f"{goal:g}", "yes" if ratio <= goal else "NO"]


def as_time(seconds):
    """Write a duration in the unit that suits it."""
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}" if seconds * factor < 1000 else f"{seconds * factor:.0f} {unit}"


def _seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _repeated(call, times):
    def repeated():
        for _ in range(times):
            call()

    return repeated
