"""Find out on real data whether tasks should share, and print and draw what comes out: `make bench-sharing`.

For example `python -m benchmarks.sharing --quick`, or `--sets enb wq --parts transfer affinity --pictures folder`.
"""

import argparse
import sys
from pathlib import Path

from ..accuracy.__main__ import RESULTS, one_thread


def parse(arguments):
    from .measure import PARTS
    from .run import SETS

    parser = argparse.ArgumentParser(prog="python -m benchmarks.sharing", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--quick", action="store_true", help="a small set and few rows, to see that everything runs")
    add("--sets", nargs="+", choices=SETS, help="some of the sets")
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="some of the parts")
    add("--rows", type=int, help="most rows of a set")
    add("--report", action="store_true", help="only show what is there")
    add("--pictures", type=Path, help="folder for the pictures (that of the results)")
    add("--out", type=Path, help="file of the results, to which new ones are appended")
    add("--data", type=Path, help="folder of the sets ($SKMTL_DATA, or ../shared/data beside the repository)")
    return parser.parse_args(arguments)


def main(arguments=None):
    one_thread()
    options = parse(arguments)
    from ..accuracy.sets import FOLDER, catalogue
    from ..accuracy.store import Store
    from . import pictures, reading, report, run

    if options.quick:
        options.sets, options.rows = options.sets or run.QUICK["sets"], options.rows or run.QUICK["rows"]
    folder = options.data or FOLDER
    infos = catalogue(folder)
    plan = run.cells([name for name in options.sets or run.SETS if name in infos], options.parts)
    if not plan:
        print(f"None of the sets is in {folder}: SKMTL_DATA, or --data, names the folder that holds them.")
        return 0
    store = Store(options.out or RESULTS / f"sharing{'_quick' * options.quick}.jsonl")
    print(f"{len(plan)} results of {len({name for name, *_ in plan})} sets, to be kept in {store.path}")
    try:
        if not options.report:
            run.run(folder, plan, store, options.rows, say=_say)
    except KeyboardInterrupt:
        print("\nStopped; the same command goes on from here.")
    asked = {name for name, *_ in plan}
    readings = reading.of([each for each in store.records if each["set"] in asked and each["rows"] == options.rows])
    print(f"\n{report.text(readings)}\n")
    for path in pictures.draw(readings, options.pictures or store.path.parent):
        print(f"A picture is in {path}.")
    return 0


def _say(text):
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
