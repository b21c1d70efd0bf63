"""The run: every part of every set, run by run, but for what the store has already."""

import skmtl

from ..accuracy.evaluate import circumstances, quietly
from ..accuracy.sets import load
from . import measure

SETS = ("enb", "wq", "sarcos4k", "tox21", "nhanes", "school")
#: A quick run: a small set, and few rows of it.
QUICK = {"sets": ["enb"], "rows": 120}


def cells(sets, parts):
    """Set, part and number of each result; a part of all sets before the next one is begun."""
    return [(name, part, run) for part in parts for name in sets for run in range(measure.PARTS[part][1])]


def key(name, part, run, most_rows):
    """Return what a result is found by."""
    version = f"{skmtl.__version__} p{measure.PROTOCOL}"
    return {"set": name, "split": part, "fold": run, "rows": most_rows, "method": "skmtl", "version": version}


def run(folder, plan, store, most_rows=None, say=print):
    """Append what is missing to the store."""
    known = {}
    for name, part, number in plan:
        wanted = key(name, part, number, most_rows)
        if store.find(**wanted):
            continue
        if name not in known:
            known[name] = measure.reduced(load(name, folder), most_rows)
        data = known[name]
        if measure.applies(part, data):
            with quietly():
                result = measure.PARTS[part][0](data, number)
            about = {"n_rows": len(data.Y), "n_tasks": len(data.kinds), "n_inputs": data.X.shape[1]}
            store.append(wanted | about | {"result": result} | circumstances())
            say(f"{name:<10}{part:<10}{number}")
