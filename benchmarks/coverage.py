"""Coverage: how often intervals and sets of classes hold the truth on real data, and how wide they are.

Every row is tested once, by a fit to the other folds. A share that is held is the mean over tasks; a width is one in
standard deviations of the task's labels. Peers with an asterisk know of no other task.
"""

import time
import warnings
from statistics import NormalDist

import numpy as np
from _timing import Table
from accuracy import inputs, sets
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import KFold, ShuffleSplit

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskConformal, MultiTaskRegressor
from skmtl.calibration import TemperatureScaling, task_view
from skmtl.losses import Quantile

LEVELS = (0.8, 0.9)
VALUES, CLASSES = ("enb", "jura", "wq", "student_por", "nhanes"), ("emotions", "student_por", "nhanes", "tox21")
FOLDS, MAX_ROWS = 3, 800
QUICK_FOLDS, QUICK_ROWS = 2, 240
#: Probabilities below this are no more to be believed.
FLOOR = 1e-6


class Part:
    """Inputs (n, d) as numbers, and labels (n, T) of the tasks of one kind, with NaN."""

    def __init__(self, name, X, Y):
        self.name, self.X, self.Y = name, X, Y


def read(name, kind, max_rows):
    """Return the part of a set that is of one kind, "regression" or "classification"; None where there is none."""
    data = sets.load(name, sets.FOLDER)
    tasks = [task for task, its in data.kinds.items() if (its == "regression") == (kind == "regression")]
    Y = data.Y[tasks]
    rows = np.flatnonzero(Y.notna().any(axis=1))
    rows = np.random.RandomState(0).permutation(rows)[:max_rows]
    X = sets.rows(data.X, rows)
    return Part(name, X, Y.iloc[rows].to_numpy()) if tasks else None


def tables(settings):
    if not sets.catalogue(sets.FOLDER):
        yield Table(f"coverage: no sets in {sets.FOLDER}; SKMTL_DATA names another folder", ["set"], [])
        return
    n_folds, max_rows = (QUICK_FOLDS, QUICK_ROWS) if settings.quick else (FOLDS, MAX_ROWS)
    n_sets = 1 if settings.quick else None
    for name in VALUES[:n_sets]:
        yield intervals(read(name, "regression", max_rows), n_folds)
    for name in CLASSES[:n_sets]:
        part = read(name, "classification", max_rows)
        yield class_sets(part, n_folds)
        yield temperatures(part, n_folds)


# Intervals: functions of X, Y, new X and levels, to a list by level of (n, T, 2)


def network(**parameters):
    return MultiTaskRegressor(random_state=0, **parameters)


def forest():
    return RandomForestRegressor(random_state=0)


def conformal(estimator, **parameters):
    def ends(X, Y, new, levels):
        model = MultiTaskConformal(estimator, confidence_level=max(levels), random_state=0, **parameters).fit(X, Y)
        return [np.reshape(model.predict_interval(new, level), (len(new), -1, 2)) for level in levels]

    return ends


def variance_head(X, Y, new, levels):
    value, std = (np.reshape(p, (len(new), -1)) for p in network(loss="gaussian_nll").fit(X, Y).predict(new, True))
    reach = [NormalDist().inv_cdf((1 + level) / 2) for level in levels]
    return [np.stack([value - z * std, value + z * std], axis=-1) for z in reach]


def quantile_heads(X, Y, new, levels):
    def quantile(level):
        return network(loss=Quantile(level)).fit(X, Y).predict(new).reshape(len(new), -1)

    return [np.stack([quantile((1 - level) / 2), quantile((1 + level) / 2)], axis=-1) for level in levels]


def a_task_each(make):
    """Intervals of all tasks from those of one, which sees the rows that have its label."""

    def ends(X, Y, new, levels):
        seen = ~np.isnan(Y)
        by_task = [make(X[seen[:, t]], Y[seen[:, t], t], new, levels) for t in range(Y.shape[1])]
        return [np.stack(found, axis=1) for found in zip(*by_task, strict=True)]

    return ends


def forest_by_hand(X, y, new, levels):
    train, held_out = next(ShuffleSplit(1, test_size=0.25, random_state=0).split(X))
    model = forest().fit(X[train], y[train])
    residuals, value = np.sort(np.abs(y[held_out] - model.predict(X[held_out]))), model.predict(new)
    reach = [residuals[int(np.ceil(level * (len(residuals) + 1))) - 1] for level in levels]
    return [np.stack([value - r, value + r], axis=1) for r in reach]


def boosted_quantiles(X, y, new, levels):
    def quantile(level):
        return HistGradientBoostingRegressor(loss="quantile", quantile=level, random_state=0).fit(X, y).predict(new)

    return [np.stack([quantile((1 - level) / 2), quantile((1 + level) / 2)], axis=1) for level in levels]


def mapie_cross(X, y, new, levels):
    from mapie.regression import CrossConformalRegressor

    model = CrossConformalRegressor(forest(), confidence_level=levels, method="plus", cv=5, random_state=0)
    return list(np.moveaxis(model.fit_conformalize(X, y).predict_interval(new)[1], 2, 0))


def mapie_on_views(X, Y, new, levels):
    from mapie.regression import SplitConformalRegressor

    train, held_out = next(ShuffleSplit(1, test_size=0.25, random_state=0).split(X))
    fitted, found = network().fit(X[train], Y[train]), []
    for t in range(Y.shape[1]):
        rows = held_out[~np.isnan(Y[held_out, t])]
        model = SplitConformalRegressor(task_view(fitted, t), confidence_level=levels, prefit=True)
        found.append(np.moveaxis(model.conformalize(X[rows], Y[rows, t]).predict_interval(new)[1], 2, 0))
    return list(np.stack(found, axis=2))


def interval_methods():
    spread = {"interval_score": "normalized", "method": "split"}
    found = {
        "variance head, as it is": variance_head,
        "variance head, normalized, split": conformal(network(loss="gaussian_nll"), **spread),
        "quantile heads, as they are": quantile_heads,
        "quantile heads, quantile, split": conformal(network(), interval_score="quantile", method="split"),
        "network, split": conformal(network(), method="split"),
        "network, cv+": conformal(network(), method="cv+"),
        "network, cross": conformal(network()),
        "8 members, their own": conformal(network(n_members=8)),
        "8 members, normalized, split": conformal(network(n_members=8), **spread),
        "forest, cross": conformal(forest()),
        "*forest, split by hand": a_task_each(forest_by_hand),
        "*boosted quantiles, as they are": a_task_each(boosted_quantiles),
    }
    if has_mapie():
        found |= {"*forest, MAPIE cross": a_task_each(mapie_cross), "views of a network, MAPIE split": mapie_on_views}
    return found


def intervals(part, n_folds, methods=None):
    """Share held and width at each level, and the seconds of a fit with its predictions."""
    scale, rows = np.nanstd(part.Y, axis=0), []
    for name, method in (methods or interval_methods()).items():
        held, width, seconds = run(part, n_folds, method, LEVELS, _held_by_interval, (len(LEVELS), *part.Y.shape))
        cells = []
        for i in range(len(LEVELS)):
            cells += [f"{100 * np.nanmean(np.nanmean(held[i], axis=0)):.1f}", f"{np.mean(width[i] / scale):.2f}"]
        rows.append([name, *cells, f"{seconds / n_folds:.1f} s"])
    header = [
        "held % and width",
        *(f"{text} {100 * level:.0f}" for level in LEVELS for text in ("held", "width")),
        "took",
    ]
    return Table(f"coverage: {describe(part, n_folds)}", header, rows)


def _held_by_interval(ends, truth):
    held = ((ends[..., 0] <= truth) & (truth <= ends[..., 1])).astype(float)
    held[np.isnan(truth)] = np.nan
    return held, ends[..., 1] - ends[..., 0]


# Sets: functions of X, Y, new X and levels, to a list by level of lists by task of (n, n_classes)


def class_network(**parameters):
    return MultiTaskClassifier(random_state=0, **parameters)


def class_forest():
    return RandomForestClassifier(random_state=0)


def conformal_sets(estimator, **parameters):
    def members(X, Y, new, levels):
        model = MultiTaskConformal(
            estimator, confidence_level=max(levels), allow_empty=True, random_state=0, **parameters
        ).fit(X, Y)
        return [as_list(model.predict_set(new, level)) for level in levels]

    return members


def most_probable(X, Y, new, levels):
    """As many classes, the most probable first, as it takes to reach the level by the probabilities themselves."""
    chances = as_list(class_network().fit(X, Y).predict_proba(new))
    return [[reaching(p, level) for p in chances] for level in levels]


def reaching(p, level):
    order = np.argsort(-p, axis=1)
    before = np.cumsum(np.take_along_axis(p, order, axis=1), axis=1) - np.take_along_axis(p, order, axis=1)
    members = np.empty(p.shape, dtype=bool)
    np.put_along_axis(members, order, before < level, axis=1)
    return members


def sets_by_hand(X, Y, new, levels):
    train, held_out = next(ShuffleSplit(1, test_size=0.25, random_state=0).split(X))
    by_task = []
    for t in range(Y.shape[1]):
        fit, known = (rows[~np.isnan(Y[rows, t])] for rows in (train, held_out))
        model = class_forest().fit(X[fit], Y[fit, t])
        column = {label: k for k, label in enumerate(model.classes_)}
        p, codes = model.predict_proba(X[known]), [column.get(y, -1) for y in Y[known, t]]
        scores = np.sort([1 - row[k] if k >= 0 else 1.0 for row, k in zip(p, codes, strict=True)])
        ranks = [int(np.ceil(level * (len(scores) + 1))) - 1 for level in levels]
        whole = np.zeros((len(new), int(np.nanmax(Y[:, t])) + 1))
        whole[:, model.classes_.astype(int)] = model.predict_proba(new)
        by_task.append([1 - whole <= scores[r] for r in ranks])
    return [list(found) for found in zip(*by_task, strict=True)]


def mapie_sets(X, Y, new, levels):
    from mapie.classification import SplitConformalClassifier

    train, held_out = next(ShuffleSplit(1, test_size=0.25, random_state=0).split(X))
    fitted, by_task = class_network().fit(X[train], Y[train]), []
    for t in range(Y.shape[1]):
        rows = held_out[np.isin(Y[held_out, t], as_list(fitted.classes_)[t])]
        model = SplitConformalClassifier(task_view(fitted, t), confidence_level=levels, prefit=True)
        members = model.conformalize(X[rows], Y[rows, t].astype(int)).predict_set(new)[1]
        by_task.append(list(np.moveaxis(members, 2, 0)))
    return [list(found) for found in zip(*by_task, strict=True)]


def set_methods():
    found = {
        "network, as it is": most_probable,
        "network, lac": conformal_sets(class_network()),
        "network, lac, split": conformal_sets(class_network(), method="split"),
        "network, lac, cv+": conformal_sets(class_network(), method="cv+"),
        "network, lac, by class": conformal_sets(class_network(), by_class=True),
        "network, aps": conformal_sets(class_network(), set_score="aps"),
        "8 members, lac, their own": conformal_sets(class_network(n_members=8)),
        "forest, lac": conformal_sets(class_forest()),
        "*forest, split by hand": sets_by_hand,
    }
    return found | ({"views of a network, MAPIE split": mapie_sets} if has_mapie() else {})


def class_sets(part, n_folds, methods=None):
    """Share held, of all labels and of those of each task's rarest class, and the number of classes in a set."""
    rarest, rows = [rarest_class(column) for column in part.Y.T], []
    for name, method in (methods or set_methods()).items():
        held, size, seconds = run(part, n_folds, method, LEVELS, _held_by_set, (len(LEVELS), *part.Y.shape))
        cells = []
        for i in range(len(LEVELS)):
            rare = [np.nanmean(held[i, part.Y[:, t] == c, t]) for t, c in enumerate(rarest)]
            cells += [f"{100 * np.mean(v):.1f}" for v in (np.nanmean(held[i], axis=0), rare)] + [
                f"{size[i].mean():.2f}"
            ]
        rows.append([name, *cells, f"{seconds / n_folds:.1f} s"])
    columns = [f"{text} {100 * level:.0f}" for level in LEVELS for text in ("held", "rarest", "size")]
    return Table(f"coverage: {describe(part, n_folds)}", ["held % and classes in a set", *columns, "took"], rows)


def _held_by_set(members, truth):
    held, size = np.full(truth.shape, np.nan), np.empty(truth.shape)
    for t, table in enumerate(members):
        seen = np.flatnonzero(~np.isnan(truth[:, t]))
        codes = truth[seen, t].astype(int)
        held[seen, t] = [code < table.shape[1] and table[row, code] for row, code in zip(seen, codes, strict=True)]
        size[:, t] = table.sum(axis=1)
    return held, size


def rarest_class(column):
    labels, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return labels[counts.argmin()]


# Temperatures


def temperatures(part, n_folds):
    """Mean log loss of the probabilities, and by how much they are too sure."""
    estimators = {"network": class_network(), "8 members": class_network(n_members=8), "forest": class_forest()}
    methods = {}
    for name, estimator in estimators.items():
        methods |= {
            f"{name}, as it is": _chances(plain(estimator)),
            f"{name}, temperature": _chances(TemperatureScaling(estimator, random_state=0)),
            f"{name}, temperature, split": _chances(TemperatureScaling(estimator, method="split", random_state=0)),
        }
    methods["8 members, temperature of their own"] = _chances(
        TemperatureScaling(estimators["8 members"], cv=None, random_state=0)
    )
    rows = []
    for name, method in methods.items():
        loss, over, seconds = run(part, n_folds, method, (None,), _probability_of_truth, (1, *part.Y.shape))
        cells = [f"{np.nanmean(np.nanmean(found, axis=1)):{form}}" for found, form in ((loss, ".3f"), (over, "+.3f"))]
        rows.append([name, *cells, f"{seconds / n_folds:.1f} s"])
    return Table(f"temperature: {describe(part, n_folds)}", ["", "log loss", "too sure by", "took"], rows)


def plain(estimator):
    """What takes gaps itself, as it is; else one fit a task where they have labels in other rows."""
    return MultiTaskBlend([("one", estimator)], cv=2) if isinstance(estimator, RandomForestClassifier) else estimator


def _chances(estimator):
    return lambda X, Y, new, levels: [as_list(clone(estimator).fit(X, Y).predict_proba(new))]


def _probability_of_truth(chances, truth):
    loss, over = np.full(truth.shape, np.nan), np.full(truth.shape, np.nan)
    for t, p in enumerate(chances):
        seen = np.flatnonzero(~np.isnan(truth[:, t]) & (truth[:, t] < p.shape[1]))
        codes = truth[seen, t].astype(int)
        loss[seen, t] = -np.log(p[seen, codes].clip(FLOOR))
        over[seen, t] = p[seen].max(axis=1) - (p[seen].argmax(axis=1) == codes)
    return loss, over


# All of them


def run(part, n_folds, method, levels, judge, shape):
    """Two figures of every label, at each level, and the seconds that it took."""
    first, second, seconds = np.full(shape, np.nan), np.full(shape, np.nan), 0.0
    for train, test in KFold(n_folds, shuffle=True, random_state=0).split(part.Y):
        transform = inputs.scaled(part.X).fit(sets.rows(part.X, train))
        X, new = (np.asarray(transform.transform(sets.rows(part.X, rows))) for rows in (train, test))
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = method(X, part.Y[train], new, levels)
        seconds += time.perf_counter() - start
        for i, predicted in enumerate(found):
            first[i, test], second[i, test] = judge(predicted, part.Y[test])
    return first, second, seconds


def describe(part, n_folds):
    n, n_tasks = part.Y.shape
    gaps = np.isnan(part.Y).mean()
    missing = f", {100 * gaps:.0f} % of the labels missing" if gaps else ""
    return f"{part.name}, {n} rows, {n_tasks} task{'s' * (n_tasks > 1)}{missing}, {n_folds} folds"


def as_list(found):
    return found if isinstance(found, list) else [found]


def has_mapie():
    try:
        import mapie  # noqa: F401
    except ImportError:
        return False
    return True
