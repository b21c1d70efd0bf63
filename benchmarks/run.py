"""Measure skmtl against its alternatives and print ratios beside the goals: `make bench`.

For example `python benchmarks/run.py --suite fit predict --seconds 30`, or `--quick` for a look at everything.
"""

import argparse
import importlib
import os
import platform
import sys
import time

#: What can be measured: a module of this folder each.
SUITES = {
    "fit": "fit",
    "heads": "heads",
    "members": "members",
    "weight_search": "weight_search",
    "architectures": "architectures",
    "predict": "predict",
    "import": "imports",
    "memory": "memory",
    "sparse_targets": "sparse_targets",
    "published": "published",
    "real_data": "real_data",
    "balance": "balance",
    "balance_data": "balance_data",
    "learning_curves": "learning_curves",
    "coverage": "coverage",
}


def one_thread():
    """All contenders alike get one thread. Only works before numpy and torch are imported."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def parse(arguments):
    parser = argparse.ArgumentParser(description="Measure skmtl against its alternatives.")
    parser.add_argument("--suite", nargs="+", choices=SUITES, default=list(SUITES), help="what to measure (all)")
    parser.add_argument("--quick", action="store_true", help="small workloads, to see that everything runs")
    parser.add_argument("--seconds", type=float, help="time for each workload (12, or 1 with --quick)")
    parser.add_argument("--csv", help="file for all scores of balance_data")
    return parser.parse_args(arguments)


def describe():
    """What the figures depend on."""
    import numpy
    import sklearn
    import skorch
    import torch
    from _products import rates

    import skmtl

    packages = [skmtl, sklearn, skorch, torch, numpy]
    versions = ", ".join(f"{package.__name__} {package.__version__}" for package in packages)
    kernels = ", ".join(
        f"{rate / 1e9:.0f} GFLOP/s {name}" for name, rate in zip(("MKL", "oneDNN"), rates().values(), strict=True)
    )
    return (
        f"{versions}; Python {platform.python_version()}\n"
        f"{torch.get_num_threads()} thread; load {load()}; float32 products: {kernels}"
    )


def load():
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def summary(goals):
    """How many goals are met, and by how much the others are missed."""
    if not goals:
        return "No goals here."
    missed = [(what, ratio, goal) for what, ratio, goal in goals if ratio > goal]
    lines = [f"{len(goals) - len(missed)} of {len(goals)} goals met."]
    return "\n".join(lines + [f"  missed: {what}: {ratio:.3g}, goal {goal:g}" for what, ratio, goal in missed])


def main(arguments=None):
    options = parse(arguments)
    one_thread()
    from _timing import Settings

    settings = Settings(options.seconds or (1.0 if options.quick else 12.0), options.quick)
    start, goals = time.perf_counter(), []
    print(describe())
    if options.quick:
        print("Quick: small workloads, which are not held to the goals.")
    for suite in options.suite:
        extra = {"csv": options.csv} if suite == "balance_data" else {}
        for table in importlib.import_module(SUITES[suite]).tables(settings, **extra):
            print(f"\n{table}", flush=True)
            goals += table.goals
    print(f"\n{summary(goals)}\nDone in {time.perf_counter() - start:.0f} s; load {load()}.")


if __name__ == "__main__":
    sys.exit(main())
