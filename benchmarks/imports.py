"""Import and first call, each in a fresh interpreter: what a script or a worker pays before it does anything."""

import json
import subprocess
import sys

from _timing import Table, ratios, verdict

#: What is timed, without the start of the interpreter, and the goals in relation to the last of them.
IMPORTS = ("import skmtl", "from skmtl import MultiTaskRegressor", "import skorch")
PACKAGE_GOAL, CLASS_GOAL = 0.02, 1.05

_DATA = "import numpy as np; X = np.ones((200, 5), np.float32); y = X[:, :2]; "
FIRST_FIT = {
    "skmtl": (
        _DATA + "from skmtl import MultiTaskRegressor; model = MultiTaskRegressor(preset='mlp', max_iter=1)",
        "model.fit(X, y)",
    ),
    "naive skorch": (
        _DATA + "import skorch, torch; from torch import nn; "
        "model = skorch.NeuralNetRegressor(nn.Linear(5, 2), optimizer=torch.optim.Adam, max_epochs=1, verbose=0)",
        "model.fit(X, y)",
    ),
}
_COMPILER = "torch._dynamo"
_CHILD = """
import json, sys, time
{before}
start = time.perf_counter()
{statement}
took = time.perf_counter() - start
print(json.dumps([took, sum(name.startswith({module!r}) for name in sys.modules)]))
"""


def child(statement, before=""):
    """Return seconds of a statement in a fresh interpreter, and how many modules of torch's compiler it leaves."""
    code = _CHILD.format(before=before, statement=statement, module=_COMPILER)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def tables(settings):
    n = 1 if settings.quick else 5
    times = {
        name: [t for t, _ in results] for name, results in by_turns({name: (name,) for name in IMPORTS}, n).items()
    }
    package, first_use, peer = IMPORTS
    package_goal, class_goal = ({}, {}) if settings.quick else ({peer: PACKAGE_GOAL}, {peer: CLASS_GOAL})
    yield ratios("import: the package", {name: times[name] for name in (package, peer)}, package_goal)
    yield ratios("import: the first use of a class", {name: times[name] for name in (first_use, peer)}, class_goal)

    results = by_turns({name: (statement, before) for name, (before, statement) in FIRST_FIT.items()}, n)
    times = {name: [t for t, _ in pairs] for name, pairs in results.items()}
    yield ratios("first fit in a process, 1 epoch of 200 rows", times, {})
    loaded = {name: max(modules for _, modules in pairs) for name, pairs in results.items()}
    title = f"first fit in a process: modules of {_COMPILER} that it imports"
    rows = [["skmtl", str(loaded["skmtl"]), *verdict(loaded["skmtl"], 0)]]
    rows.append(["naive skorch", str(loaded["naive skorch"]), "", ""])
    yield Table(title, ["", "modules", "goal", "met"], rows, [(title, loaded["skmtl"], 0)])


def by_turns(children, n):
    """Run each child n times, given its arguments; return its results by name."""
    results = {name: [] for name in children}
    for _ in range(n):
        for name, arguments in children.items():
            results[name].append(child(*arguments))
    return results
