"""The reading: results of a set, made into what the package's own functions return, and what is compared further."""

from functools import cached_property

import numpy as np
from scipy.stats import spearmanr

from skmtl.diagnostics import AuxiliaryValue, GroupingReport, TaskAffinity, TransferReport

ALL, NONE, GROUPED = "all in one", "all separate", "grouped"
ALONE = "by itself"


class Reading:
    """What is known about a set.

    Parameters
    ----------
    records : list of dict
        Results of one set, of any parts.

    Attributes
    ----------
    name : str
    parts : dict by part of list of dict
        Results in the order of their runs.
    """

    def __init__(self, records):
        ordered = sorted(records, key=lambda record: record["fold"])
        self.name, self.about = ordered[0]["set"], ordered[0]
        self.parts = {}
        for record in ordered:
            self.parts.setdefault(record["split"], []).append(record["result"])

    def transfer(self, part="transfer"):
        """The `TransferReport` of all runs of a part."""
        runs = self.parts[part]
        tables = {
            name: np.concatenate([run[name] for run in runs])
            for name in ("shared_scores", "alone_scores", "label_ratio")
        }
        seconds = {name: np.mean([run["fit_seconds"][name] for run in runs]) for name in ("shared", "alone")}
        return _report(runs[0], tables, runs[0]["parameters"], seconds)

    def grouped(self, other):
        """`MultiTaskGrouping` compared with one network for all tasks, or one for each, as a `TransferReport`."""
        runs = self.parts["grouping"]
        mine, others = ([run["scores"][name] for run in runs] for name in (GROUPED, other))
        tables = {"shared_scores": mine, "alone_scores": others, "label_ratio": [run["label_ratio"] for run in runs]}
        nothing = {"shared": 0, "alone": 0}
        return _report(runs[0], {name: np.array(table) for name, table in tables.items()}, nothing, nothing)

    def grouping(self, run):
        """The `GroupingReport` of one run."""
        result = self.parts["grouping"][run]
        names = list(result["tasks"])
        shared = tuple(task for task, name in enumerate(names) if result["verdicts"][name] != ALONE)
        chosen = [(task,) for task in range(len(names)) if task not in shared] + [shared] * bool(shared)
        losses = {
            name: 1 - np.array(scores) for name, scores in result["held_out"].items() if name in result["networks"]
        }
        return GroupingReport(
            names, result["groups"], result["group_of"], chosen, (result["best"], losses, result["networks"])
        )

    @cached_property
    def affinities(self):
        """Matrices (runs, T, T) by method."""
        runs = self.parts["affinity"]
        return {method: np.array([run["matrices"][method] for run in runs]) for method in runs[0]["matrices"]}

    @cached_property
    def affinity(self):
        """The `TaskAffinity` of the mean over the runs."""
        means = {method: found.mean(axis=0) for method, found in self.affinities.items()}
        return TaskAffinity(means, self.parts["affinity"][0]["tasks"])

    def agreement(self, one, other):
        """Rank correlation of two methods on who is good for whom, NaN where one was not measured."""
        if not {one, other} <= set(self.affinities):
            return np.nan
        return _agreement(*(self.affinity.matrices[method] for method in (one, other)))

    def agreement_of_runs(self, method):
        """The same of the first two runs of a method."""
        runs = self.affinities.get(method, ())
        return _agreement(*runs[:2]) if len(runs) > 1 else np.nan

    def value_of_choice(self, method):
        """What retraining says of the partner that a method names for each task, mean over tasks.

        Partners that retraining names itself are judged by the other run: by its own, noise would look like skill.
        `method` None: any partner.
        """
        truth = self.affinities.get("retrain", ())
        is_known = method is None or method in self.affinities
        if not len(truth) or not is_known or (method == "retrain" and len(truth) < 2):
            return np.nan
        if method is None:
            return float(np.mean(off_diagonal(truth.mean(axis=0))))
        if method == "retrain":
            return float(np.mean([_of_best(one, other) for one, other in (truth[:2], truth[1::-1])]))
        return _of_best(self.affinities[method].mean(axis=0), truth.mean(axis=0))

    @cached_property
    def auxiliary(self):
        """The `AuxiliaryValue`."""
        (run,) = self.parts["auxiliary"]
        tables = (np.array(run[name]) for name in ("values", "intervals", "p_values"))
        return AuxiliaryValue(run["main_task"], run["auxiliary_tasks"], run["score"], run["score_alone"], *tables)

    @property
    def fit_seconds(self):
        """Seconds of the processor of one shared fit to all rows, mean over the runs."""
        return np.mean([run["seconds"]["fit"] for run in self.parts["affinity"]])


def of(records):
    """A reading of each set, in the order in which they came."""
    names = dict.fromkeys(record["set"] for record in records)
    return [Reading([record for record in records if record["set"] == name]) for name in names]


def _report(run, tables, parameters, seconds):
    n = len(tables["shared_scores"])
    names = run.get("score_names") or dict.fromkeys(run["tasks"], "score")
    folds = [(0, fold) for fold in range(n)]
    return TransferReport(
        run["tasks"], names, folds=folds, splits=list(range(n)), parameters=parameters, fit_seconds=seconds, **tables
    )


def off_diagonal(table):
    return table[~np.eye(len(table), dtype=bool)]


def _agreement(one, other):
    """Rank correlation over the partners of all tasks.

    The mean of what all do for a task is taken off first: it says that the task gains from anyone, not from whom.
    """
    if len(one) < 3:
        return np.nan
    found = spearmanr(*(off_diagonal(_centred(table)) for table in (one, other)), nan_policy="omit")
    return float(found.statistic)


def _centred(table):
    known = ~np.isnan(table) & ~np.eye(len(table), dtype=bool)
    sums = np.where(known, table, 0.0).sum(axis=0)
    return table - sums / np.maximum(known.sum(axis=0), 1)


def _of_best(chooser, truth):
    choice = np.array(chooser)
    np.fill_diagonal(choice, -np.inf)
    return float(truth[choice.argmax(axis=0), np.arange(len(truth))].mean())
