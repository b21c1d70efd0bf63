"""Balance: what a training step costs under every method, against TorchJD, LibMTL and the plain step in bare torch."""

import functools
import itertools
import statistics
import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from _balancers import Work, libmtl, libmtl_ways, plain_torch, torchjd, torchjd_options, torchjd_ways
from _peers import regression_data
from _products import has_faster_kernel
from _timing import Table, as_time, take_turns

from skmtl import MultiTaskRegressor
from skmtl.aggregation import AGGREGATORS
from skmtl.weighting import WEIGHTINGS

TASKS = (2, 5, 10, 20, 40)
#: Batches of an epoch and epochs of a fit; those that are slow take fewer, for as long as `CALL` seconds.
BATCHES, EPOCHS, CALL = 10, 20, 0.1
OURS, EQUAL, PLAIN = "ours", "equal", "plain torch"
PEERS = {"TorchJD": torchjd, "LibMTL": libmtl}
#: The faster of the peers.
BEST = "best peer"
#: What is compared with the peers: its names in TorchJD and LibMTL.
METHODS = {
    "equal": ("", "EW"),
    "pcgrad": ("PCGrad", "PCGrad"),
    "mgda": ("MGDA", "MGDA"),
    "cagrad": ("CAGrad", "CAGrad"),
    "upgrad": ("UPGrad", "UPGrad"),
    "nash": ("NashMTL", "Nash_MTL"),
}
#: Methods that see the Gramian alone, so that their solvers can be timed alone: names in TorchJD.
SOLVERS = {name: peers[0] for name, peers in METHODS.items() if name != "equal"} | {
    "dualproj": "DualProj",
    "imtl_g": "IMTLG",
    "aligned_mtl": "AlignedMTL",
    "fairgrad": "FairGrad",
    "gradvac": "GradVac",
}
#: Tasks that have goals in the first table.
GOAL_TASKS = 10
SHORTCUTS = {
    "pcgrad, representation": {"aggregator": "pcgrad", "gradient_level": "representation"},
    "mgda, representation": {"aggregator": "mgda", "gradient_level": "representation"},
    "upgrad, representation": {"aggregator": "upgrad", "gradient_level": "representation"},
    "pcgrad, every 4 steps": {"aggregator": "pcgrad", "update_every": 4},
    "mgda, every 4 steps": {"aggregator": "mgda", "update_every": 4},
}
#: Steps at the level of the representation, and under weights of the losses, in relation to those under equal weights.
CHEAP = 1.1


@dataclass(frozen=True)
class Trunk:
    """A shared network, its batches, and the ratios aimed at."""

    d: int
    hidden: tuple
    batch: int
    #: By method, then by peer.
    goals: dict
    #: Of update_every=4 to the plain torch step.
    stale_goal: float

    def work(self, n_tasks, settings):
        n = self.batch * (2 if settings.quick else BATCHES)
        return Work(*regression_data(n, self.d, n_tasks), self.hidden, self.batch)

    def __str__(self):
        return f"{self.d} inputs, {self.hidden}, batch {self.batch}"


def trunks():
    small = {method: {BEST: 0.25} for method in ("mgda", "cagrad", "upgrad")}
    small |= {"pcgrad": {"TorchJD": 0.18, "LibMTL": 0.12, PLAIN: 2.0}, "nash": {BEST: 0.03}}
    large = {name: {BEST: 0.45 if has_faster_kernel() else 0.70} for name in small}
    return [Trunk(50, (100,), 200, small, 1.0), Trunk(100, (256, 256), 256, large, 2.2)]


def tables(settings):
    small, large = trunks()
    for trunk in (small,) if settings.quick else (small, large):
        yield against_peers(trunk, settings)
        yield shortcuts(trunk, settings)
    for trunk, n_tasks in ((small, 5),) if settings.quick else ((small, 10), (large, 10), (small, 40)):
        yield every_method(trunk, n_tasks, settings)
    yield solvers(settings)


# Time of a step


def ours(work, steps, **parameters):
    """The public call; main-task methods take the first task for the main one."""
    epochs = steps // work.n_batches
    same = {"hidden_layer_sizes": work.hidden, "batch_size": work.batch, "max_iter": epochs, "alpha": 0.0}
    same |= {"preset": "mlp", "tol": 0, "n_iter_no_change": 10**6}
    model = MultiTaskRegressor(**same, main_task="task_0", **parameters)
    return model.fit(work.X, work.Y)


class Contender:
    """Training for as many steps as the clock allows, a multiple of `least`.

    One that fails by an error of the kind `forgiven` takes no more time, so that the others go on.
    """

    def __init__(self, train, most, least, forgiven=()):
        self.train, self.most, self.least, self.forgiven = train, most, least, forgiven
        self.steps, self.failed = least, False

    def __call__(self):
        if not self.failed:
            try:
                self.train(self.steps)
            except self.forgiven:
                self.failed = True

    def limit(self):
        """Find out how many steps there is time for."""
        self()  # what only the first steps cost
        start = time.perf_counter()
        self()
        affordable = int(CALL / (time.perf_counter() - start))
        self.steps = min(self.most, self.least * max(1, affordable))


def contenders_of(work, methods, settings, forgiven=()):
    """Our fits, by name, of parameters by name."""
    most = work.n_batches * (1 if settings.quick else EPOCHS)
    return {
        name: Contender(functools.partial(ours, work, **parameters), most, work.n_batches, forgiven)
        for name, parameters in methods.items()
    }


def peers_of(work, ways, settings):
    """Their training, by name."""
    most = work.n_batches * (1 if settings.quick else EPOCHS)
    return {name: Contender(functools.partial(way, work), most, 2, Exception) for name, way in ways.items()}


def step_times(contenders, seconds):
    """Medians of the seconds for a step, by name; None for one that fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for contender in contenders.values():
            contender.limit()
    times = take_turns(contenders, seconds)
    return {name: None if c.failed else statistics.median(times[name]) / c.steps for name, c in contenders.items()}


def judged(what, ratios, aims):
    """Cells of a table, and goals: what is aimed at by peer, and whether it is met."""
    goals = [(f"balance: {what}: {peer}", ratios[peer], aim) for peer, aim in aims.items() if peer in ratios]
    met = "" if not goals else "yes" if all(ratio <= aim for _, ratio, aim in goals) else "NO"
    return [", ".join(f"{aim:g} {peer}" for peer, aim in aims.items()), met], goals


# Against the peers


def against_peers(trunk, settings):
    """A row a method and number of tasks."""
    rows, goals = [], []
    for method in ("equal", "pcgrad", "nash") if settings.quick else METHODS:
        for n_tasks in (5,) if settings.quick else TASKS:
            times = peers_times(trunk.work(n_tasks, settings), method, settings)
            aims = {} if settings.quick or n_tasks != GOAL_TASKS else trunk.goals.get(method, {})
            cells, aimed = peers_cells(times, f"{method}, {n_tasks} tasks, {trunk.hidden}", aims)
            rows.append([method, str(n_tasks), *cells])
            goals += aimed
    absent = [peer for peer, module in PEERS.items() if module() is None]
    note = f" (not installed: {', '.join(absent)})" if absent else ""
    header = ["method", "tasks", "a step", *(f"/ {peer}" for peer in (EQUAL, PLAIN, *PEERS)), "goals", "met"]
    return Table(f"balance: a step of fit, {trunk}; ratios of skmtl to its peers{note}", header, rows, goals)


def peers_times(work, method, settings):
    """Seconds for a step by contender."""
    in_torchjd, in_libmtl = METHODS[method]
    fits = {OURS: {"weighting" if method == "equal" else "aggregator": method}, EQUAL: {}}
    ways = {PLAIN: plain_torch} | torchjd_ways(in_torchjd) | libmtl_ways(in_libmtl)
    contenders = contenders_of(work, fits, settings) | peers_of(work, ways, settings)
    return step_times(contenders, settings.seconds / 6)


def peers_cells(times, what, aims):
    """Cells of a table, and goals. A peer with two ways is known by the faster."""
    known = {peer: [t for name, t in times.items() if name.startswith(peer)] for peer in (EQUAL, PLAIN, *PEERS)}
    ratios = {peer: times[OURS] / min(filter(None, ts)) for peer, ts in known.items() if any(ts)}
    cells = [f"{ratios[peer]:.3g}" if peer in ratios else "fails" if ts else "–" for peer, ts in known.items()]
    rivals = [ratios[peer] for peer in PEERS if peer in ratios]
    if rivals:
        ratios[BEST] = max(rivals)
    verdict, goals = judged(what, ratios, aims)
    return [as_time(times[OURS]), *cells, *verdict], goals


# Cheaper ways


def shortcuts(trunk, settings):
    """Weights from the shared representation, or reused for some steps."""
    rows, goals = [], []
    chosen = dict(list(SHORTCUTS.items())[:: 3 if settings.quick else 1])
    for n_tasks in (5,) if settings.quick else TASKS:
        work = trunk.work(n_tasks, settings)
        fits = contenders_of(work, {EQUAL: {}} | chosen, settings)
        times = step_times(fits | peers_of(work, {PLAIN: plain_torch}, settings), settings.seconds)
        for name in chosen:
            ratios = {peer: times[name] / times[peer] for peer in (EQUAL, PLAIN)}
            aims = {} if settings.quick else _shortcut_goals(trunk, name, n_tasks)
            verdict, aimed = judged(f"{name}, {n_tasks} tasks, {trunk.hidden}", ratios, aims)
            goals += aimed
            cells = [as_time(times[name]), *(f"{ratio:.3g}" for ratio in ratios.values())]
            rows.append([name, str(n_tasks), *cells, *verdict])
    header = ["method", "tasks", "a step", f"/ {EQUAL}", f"/ {PLAIN}", "goals", "met"]
    return Table(f"balance: cheaper ways to task gradients, {trunk}", header, rows, goals)


def _shortcut_goals(trunk, name, n_tasks):
    if "representation" in name:
        return {EQUAL: CHEAP, PLAIN: CHEAP}
    return {PLAIN: trunk.stale_goal} if n_tasks == GOAL_TASKS else {}


# Every method


def every_method(trunk, n_tasks, settings):
    """All that is registered, beside equal weights."""
    work = trunk.work(n_tasks, settings)
    weightings = list(WEIGHTINGS)[: 3 if settings.quick else None]
    aggregators = list(AGGREGATORS)[: 2 if settings.quick else None]
    fits = {name: {"weighting": name} for name in weightings} | {name: {"aggregator": name} for name in aggregators}
    shared = {(name, "Z"): {"aggregator": name, "gradient_level": "representation"} for name in aggregators}
    # Methods that remember gradients refuse those in the representation.
    contenders = contenders_of(work, fits, settings) | contenders_of(work, shared, settings, ValueError)
    times = step_times(contenders, 3 * settings.seconds)
    rows, goals = [], []
    for name in [*weightings, *aggregators]:
        cells = [cell for key in (name, (name, "Z")) for cell in _beside(times.get(key), times["equal"])]
        aims = {EQUAL: CHEAP} if name != "equal" and _is_cheap(name) and not settings.quick else {}
        ratios = {EQUAL: times[name] / times["equal"]}
        verdict, aimed = judged(f"{name}, {n_tasks} tasks, {trunk.hidden}", ratios, aims)
        goals += aimed
        rows.append([name, *cells, *verdict])
    header = ["method", "a step", "/ equal", "representation", "/ equal", "goal", "met"]
    return Table(f"balance: every method, {n_tasks} tasks, {trunk}", header, rows, goals)


def _beside(seconds, equal):
    """Cells: a step, and its ratio to that under equal weights."""
    return ["", ""] if seconds is None else [as_time(seconds), f"{seconds / equal:.3g}"]


def _is_cheap(name):
    """Whether a method is a weighting that looks at the losses alone."""
    return name in WEIGHTINGS and not (WEIGHTINGS[name].needs_gramian or WEIGHTINGS[name].needs_jacobian)


# Solvers


def solvers(settings):
    """From inner products to weights, without the network."""
    n_tasks = (5,) if settings.quick else (5, 10, 20, 40)
    names = [name for name in SOLVERS if name in AGGREGATORS][: 2 if settings.quick else None]
    rows = [[name, *(cell for T in n_tasks for cell in solver_cells(name, T, settings))] for name in names]
    header = ["method", *(text for T in n_tasks for text in (f"{T} tasks", "/ TorchJD"))]
    note = "" if torchjd() else " (not installed: TorchJD)"
    return Table(f"balance: the solvers alone, from inner products of task gradients to weights{note}", header, rows)


def solver_cells(name, n_tasks, settings):
    """Seconds of ours, and their ratio to TorchJD's."""
    rng = np.random.default_rng(n_tasks)
    # Several, since some solvers start from what they found before; with a mean, so that tasks agree a little.
    jacobians = [rng.standard_normal((n_tasks, 64)) + 0.3 for _ in range(4)]
    most, aggregator = 4 if settings.quick else 400, AGGREGATORS[name]().initialize(n_tasks)
    contenders = {OURS: Contender(repeated(aggregator.weights, [J @ J.T for J in jacobians]), most, 4)}
    if torchjd():
        theirs = repeated(*torchjd_solver(SOLVERS[name], jacobians))
        contenders["TorchJD"] = Contender(theirs, most, 4, forgiven=Exception)
    times = step_times(contenders, settings.seconds / 12)
    theirs = times.get("TorchJD")
    return as_time(times[OURS]), f"{times[OURS] / theirs:.3g}" if theirs else "fails" if torchjd() else "–"


def repeated(solve, inputs):
    """Solve by turns for each of the inputs, as many times as asked."""

    def solve_some(times):
        for given in itertools.islice(itertools.cycle(inputs), times):
            solve(given)

    return solve_some


def torchjd_solver(name, jacobians):
    """TorchJD's solver, and what it takes: gradients themselves in the case of Nash."""
    options = torchjd_options(name, len(jacobians[0]))
    tensors = [torch.from_numpy(J).float() for J in jacobians]
    if weighting := getattr(torchjd(), f"{name}Weighting", None):
        return weighting(**options), [J @ J.T for J in tensors]
    return getattr(torchjd(), name)(**options), tensors


if __name__ == "__main__":
    from run import main

    main(["--suite", "balance"])
