"""The tables: what sharing, grouping and affinity came to, a row a set, and the report of each set."""

from collections import Counter

import numpy as np

from .._timing import Table
from .reading import ALL, GROUPED, NONE, off_diagonal

METHODS = ("lookahead", "gradient", "retrain")
PAIRS = (("lookahead", "retrain"), ("gradient", "retrain"), ("lookahead", "gradient"))


def text(readings):
    """All tables for which there are results."""
    parts = []
    for part, makers in TABLES.items():
        known = [reading for reading in readings if part in reading.parts]
        parts += [str(make(known)) for make in makers if known]
    parts += [f"{reading.name}\n{reading.transfer()}" for reading in readings if "transfer" in reading.parts]
    return "\n\n".join(parts) if parts else "There is nothing to show yet."


def transfer(readings):
    """Scores shared and alone, gain, and what can be said of it."""
    title = "Does sharing help? Mean score of the tasks, and how many gain and lose beyond doubt"
    return _transfer(title, readings, "transfer")


def members(readings):
    """The same of the default network."""
    return _transfer("The same, of the default network with all its members, on five folds", readings, "members")


def _transfer(title, readings, part):
    header = ["set", "rows", "tasks", "alone", "shared", "mean gain", "95 %", "on average", "help", "hurt", "neither"]
    body = []
    for reading in readings:
        report, about = reading.transfer(part), reading.about
        verdicts = Counter(report.verdicts.values())
        row = [reading.name, str(about["n_rows"]), str(about["n_tasks"])]
        row += [f"{np.nanmean(report.alone):.3f}", f"{np.nanmean(report.shared):.3f}"]
        row += [*gain(report), report.mean_verdict]
        body.append([*row, *(str(verdicts[name]) for name in ("helps", "hurts", "no evidence"))])
    return Table(title, header, body)


def costs(readings):
    """What separate networks cost, and all of a report."""
    header = ["set", "shared", "alone", "parameters", "seconds", "report"]
    body = []
    for reading in readings:
        report = reading.transfer()
        sizes, seconds = report.parameters, report.fit_seconds
        row = [reading.name, *(f"{sizes[name]:,}" for name in ("shared", "alone"))]
        row += [f"{table['alone'] / table['shared']:.1f}" for table in (sizes, seconds)]
        body.append([*row, cost(reading, "transfer", lambda run: run["seconds"])])
    title = (
        "Parameters of both models; parameters and seconds of the separate networks in relation to the shared one;\n"
        "what a report with five folds takes, in shared fits to all rows"
    )
    return Table(title, header, body)


def grouping(readings):
    """Scores on rows that were held out from all of it, and what was chosen."""
    header = ["set", ALL, NONE, GROUPED, f"over {ALL}", "95 %", f"over {NONE}", "95 %"]
    body = []
    for reading in readings:
        over_all, over_none = reading.grouped(ALL), reading.grouped(NONE)
        scores = [np.nanmean(score) for score in (over_all.alone, over_none.alone, over_all.shared)]
        body.append([reading.name, *(f"{score:.3f}" for score in scores), *gain(over_all), *gain(over_none)])
    return Table("Grouping: mean score on rows that it has not seen, and its gain over both ends", header, body)


def choices(readings):
    """What was chosen on each of the outer folds, and what it took."""
    header = ["set", "chosen", "fell back", "networks", "grouping", NONE]
    body = []
    for reading in readings:
        runs = reading.parts["grouping"]
        chosen = Counter(run["best"] for run in runs)
        fell = [sum(verdict.startswith("fell") for verdict in run["verdicts"].values()) for run in runs]
        row = [reading.name, ", ".join(f"{name} ({count})" for name, count in chosen.most_common())]
        row += [f"{np.mean(fell):.1f}", f"{np.mean([len(run['groups']) for run in runs]):.1f}"]
        row += [cost(reading, "grouping", lambda run, name=name: run["seconds"][name]) for name in (GROUPED, NONE)]
        body.append(row)
    title = (
        "Grouping: what it chose, and on how many of the five folds; tasks that fell back and networks in the end,\n"
        "mean over the folds; what it takes, and one network after the other for each task, in shared fits"
    )
    return Table(title, header, body)


def agreement(readings):
    """How methods agree with each other and with themselves."""
    header = ["set", "pairs", *(f"{one}, {other}" for one, other in PAIRS), *(f"{method} twice" for method in METHODS)]
    body = []
    for reading in readings:
        n = reading.about["n_tasks"]
        row = [reading.name, str(n * (n - 1)), *(number(reading.agreement(*pair)) for pair in PAIRS)]
        body.append([*row, *(number(reading.agreement_of_runs(method)) for method in METHODS)])
    title = (
        "Affinity: who is good for whom? Rank correlation over pairs of tasks, less what all partners do for a task\n"
        "on average: of two methods, and of two runs of one"
    )
    return Table(title, header, body)


def partners(readings):
    """What the partner that a method names does for a task, and what naming it takes."""
    header = ["set", "by retrain", "by lookahead", "by gradient", "any", "a look", "retrain"]
    body = []
    for reading in readings:
        worth = [reading.value_of_choice(name) for name in (METHODS[2], *METHODS[:2], None)]
        row = [reading.name, *("" if np.isnan(value) else f"{100 * value:+.2f}" for value in worth)]
        for method in ("lookahead", "retrain"):
            is_there = method in reading.affinities
            row.append(cost(reading, "affinity", lambda run, m=method: run["seconds"][m]) if is_there else "")
        body.append(row)
    title = (
        "Affinity: what training with the partner that a method names takes off the held-out loss, in per cent of the\n"
        "loss of a constant, mean over the tasks (retrain: named by one run, judged by the other; any: all partners);\n"
        "what a look and the retraining take, in shared fits"
    )
    return Table(title, header, body)


def conflict(readings):
    """Share of conflicts, and how far the gradients differ in length."""
    header = ["set", "in conflict", "lowest cosine", "highest", "lengths"]
    body = []
    for reading in readings:
        (run,) = reading.parts["conflict"]
        cosines, lengths = off_diagonal(np.array(run["mean_cosines"])), np.array(run["length_ratios"])
        row = [reading.name, f"{100 * run['share']:.0f} %", f"{np.nanmin(cosines):+.2f}", f"{np.nanmax(cosines):+.2f}"]
        body.append([*row, f"{np.nanmax(lengths):.1f}"])
    title = "Gradients: share of pairs in conflict over all epochs; mean cosines of two tasks; largest ratio of lengths"
    return Table(title, header, body)


def auxiliary(readings):
    """The main task by itself and with all others; what these add together, and who adds most and least."""
    header = ["set", "main task", "alone", "with all", "they add", "95 %", "most is added by", "", "least by", ""]
    body = []
    for reading in readings:
        found = reading.auxiliary
        order = np.argsort(-found.values[:-1])
        row = [reading.name, found.main_task, f"{found.score_alone:.3f}", f"{found.score:.3f}"]
        row += [f"{found.values[-1]:+.4f}", between(found.intervals[-1])]
        for at in (order[0], order[-1]):
            row += [found.auxiliary_tasks[at], f"{found.values[at]:+.4f}"]
        body.append(row)
    return Table("What the others add to the task with the fewest labels", header, body)


#: Tables by part.
TABLES = {
    "transfer": [transfer, costs],
    "members": [members],
    "grouping": [grouping, choices],
    "affinity": [agreement, partners],
    "conflict": [conflict],
    "auxiliary": [auxiliary],
}


# Cells


def gain(report):
    return [f"{report.mean_gain:+.4f}", between(report.mean_interval)]


def between(ends):
    return f"{ends[0]:+.4f} to {ends[1]:+.4f}"


def number(value):
    return "" if np.isnan(value) else f"{value:.2f}"


def cost(reading, part, seconds):
    """Mean over the runs of a part, in units of a shared fit to all rows."""
    if "affinity" not in reading.parts:
        return ""
    return f"{np.mean([seconds(run) for run in reading.parts[part]]) / reading.fit_seconds:.0f}"
