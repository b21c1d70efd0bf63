"""The benchmark of coverage runs, on data small enough for seconds."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def coverage(monkeypatch):
    """Import the suite as `python benchmarks/run.py` would."""
    monkeypatch.syspath_prepend(str(FOLDER))
    own = ("coverage", "_timing", "accuracy", "accuracy.inputs", "accuracy.sets")
    for name in own:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("coverage")
    for name in own:
        sys.modules.pop(name, None)


@pytest.fixture
def part(coverage, rng):
    """Two tasks with gaps, which are lines with noise."""
    X = rng.normal(size=(150, 3))
    Y = X[:, :2] + rng.normal(size=(150, 2))
    return coverage.Part("made up", X, np.where(rng.random(Y.shape) < 0.1, np.nan, Y))


def test_intervals_of_every_method_are_judged_by_labels(coverage, part):
    methods = {
        "ours": coverage.conformal(Ridge()),
        "by hand": coverage.a_task_each(coverage.forest_by_hand),
        "everything": lambda X, Y, new, levels: [np.tile([-np.inf, np.inf], (len(new), 2, 1))] * 2,
        "nothing": lambda X, Y, new, levels: [np.zeros((len(new), 2, 2))] * 2,
    }
    table = coverage.intervals(part, 2, methods)
    held = {row[0]: [float(row[1]), float(row[3])] for row in table.rows}
    widths = {row[0]: [float(row[2]), float(row[4])] for row in table.rows}
    np.testing.assert_allclose(held["ours"], [80, 90], atol=10)
    assert held["everything"] == [100, 100]
    assert held["nothing"] == [0, 0]
    assert 1 < widths["ours"][0] < widths["ours"][1] < widths["by hand"][1] + 1
    assert widths["nothing"] == [0, 0]


def test_sets_of_every_method_are_judged_by_labels(coverage, part):
    part.Y = np.where(np.isnan(part.Y), np.nan, np.digitize(part.Y, [-1.0, 1.0]))
    methods = {
        "ours": coverage.conformal_sets(LogisticRegression()),
        "by hand": coverage.sets_by_hand,
        "everything": lambda X, Y, new, levels: [[np.ones((len(new), 3), dtype=bool)] * 2] * 2,
    }
    table = coverage.class_sets(part, 2, methods)
    assert [float(cell) for cell in table.rows[2][1:4]] == [100, 100, 3]
    for row, off in zip(table.rows[:2], (10, 20), strict=True):  # by hand 17 labels calibrate
        np.testing.assert_allclose([float(row[1]), float(row[4])], [80, 90], atol=off)
        assert 0.8 < float(row[3]) < float(row[6]) < 3


def test_sets_by_the_probabilities_alone(coverage):
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])
    np.testing.assert_array_equal(coverage.reaching(p, 0.7), [[True, True, False], [False, True, False]])


def test_log_loss_and_confidence_by_hand(coverage):
    p = np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]])
    loss, over = coverage._probability_of_truth([p], np.array([[1.0], [np.nan], [1.0]]))
    np.testing.assert_allclose(loss[:, 0], [np.log(2), np.nan, -np.log(coverage.FLOOR)])
    np.testing.assert_allclose(over[:, 0], [0.5, np.nan, 1.0])


def test_it_says_that_it_has_no_sets(coverage, monkeypatch, tmp_path):
    monkeypatch.setattr(coverage.sets, "FOLDER", tmp_path)
    (table,) = coverage.tables(None)
    assert "SKMTL_DATA" in table.title


@pytest.mark.parametrize("name, kind", [("student_por", "regression"), ("student_por", "classification")])
def test_a_set_is_split_by_the_kinds_of_its_tasks(coverage, data_folder, monkeypatch, name, kind):
    monkeypatch.setattr(coverage.sets, "FOLDER", data_folder)
    part = coverage.read(name, kind, 50)
    assert len(part.X) == len(part.Y) == 50
    assert part.Y.shape[1] >= 1
    assert coverage.describe(part, 2).startswith(f"{name}, 50 rows")
