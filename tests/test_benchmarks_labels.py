"""The benchmarks of few labels and sparse targets: their parts, on data small enough for seconds."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import r2_score

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """Import a module of the benchmarks by name, as `python benchmarks/run.py` would."""
    monkeypatch.syspath_prepend(str(FOLDER))
    for path in FOLDER.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)
    yield importlib.import_module
    for path in FOLDER.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def related(bench, rng):
    """400 rows, four tasks of which three tell of the first, a quarter of their labels missing."""
    X = pd.DataFrame(rng.normal(size=(400, 6)), columns=list("abcdef"))
    signal = X.to_numpy() @ rng.normal(size=(6, 1))
    Y = pd.DataFrame(signal * [1, 2, -1, 3] + 0.1 * rng.normal(size=(400, 4)), columns=[f"t{t}" for t in range(4)])
    Y = Y.mask(rng.random(Y.shape) < 0.25)
    kinds = dict.fromkeys(Y, "regression")
    return bench("real_data").DataSet("made up", X, Y, kinds, np.arange(300), np.arange(300, 400))


def test_made_up_targets_have_their_labels_in_each_row(bench):
    suite = bench("sparse_targets")
    X, Y = suite.make_up(500, 60, 3)
    assert X.shape == (500, suite.D)
    assert Y.shape == (500, 60)
    assert_array_equal(np.diff(Y.indptr), 3)
    dense = suite.as_dense(Y)
    assert np.count_nonzero(~np.isnan(dense)) == Y.nnz
    assert_array_equal(dense[Y.nonzero()], Y.data)


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
def test_both_forms_of_y_are_measured(bench, monkeypatch):
    suite = bench("sparse_targets")
    monkeypatch.setattr(suite, "QUICK", {"small": (900, 30, 3)})
    (_, small, *seconds), (_, large, *_) = (suite.measure("small", form) for form in suite.FORMS)
    assert small < large == 900 * 30 * 4
    assert 0 < seconds[1] < seconds[0]


@pytest.mark.parametrize("kind", ["regression", "binary"])
def test_a_learning_curve_keeps_the_labels_it_says(bench, related, kind, monkeypatch):
    suite = bench("learning_curves")
    if kind == "binary":
        related.Y = (related.Y > 1).astype(float).where(related.Y.notna())
        related.kinds = dict.fromkeys(related.Y, "binary")
    monkeypatch.setattr(suite, "LABELS", (10, 50, 1000))
    given = []

    def record(data, Y, model, tasks, task, train, test):
        given.append((Y.iloc[train], Y.iloc[test][task], tasks))
        return 0.5

    monkeypatch.setattr(suite, "fit_and_score", record)
    scores = suite.measure_once(related, "t1", 3, dict.fromkeys(["shared"], suite.shared))
    assert scores == {"shared": [0.5, 0.5]}  # for 1000 there are not enough
    for (train, test, tasks), m in zip(given, (10, 50), strict=True):
        assert train["t1"].notna().sum() == m
        assert test.isna().all()
        others = train.drop(columns="t1")
        assert_array_equal(others, related.Y.loc[train.index].drop(columns="t1"))
        assert tasks == ["t0", "t1", "t2", "t3"]
        assert kind == "regression" or train["t1"].value_counts().min() >= suite.LEAST


def test_a_learning_curve_scores_the_rows_that_no_model_has_seen(bench, related):
    suite = bench("learning_curves")
    train, test, known = suite.split(related, "t2", 0)
    assert not set(train) & set(test)
    assert set(known) <= set(train)
    assert related.Y["t2"].iloc[test].notna().all()

    class Mean:
        def fit(self, X, y):
            self.rows, self.mean = X.index, y.mean()
            return self

        def predict(self, X):
            assert not set(self.rows) & set(X.index)
            return np.full(len(X), self.mean)

    found = suite.fit_and_score(related, related.Y, Mean(), ["t2"], "t2", train, test)
    truth = related.Y["t2"].iloc[test]
    assert found == r2_score(truth, np.full(len(test), related.Y["t2"].iloc[train].mean()))


def test_a_learning_curve_has_a_row_for_each_number_of_labels(bench, related, monkeypatch):
    suite = bench("learning_curves")
    monkeypatch.setattr(suite, "LABELS", (10, 40))
    monkeypatch.setattr(suite, "shared_network", lambda data: bench("real_data").shared_network(data, max_iter=60))
    table = suite.curve(related, 2, {name: suite.MODELS[name] for name in ("shared", "alone", "linear")})
    assert [row[0] for row in table.rows] == ["10", "40"]
    assert all(float(row[1].strip("* ")) > 0 for row in table.rows)
    assert table.header[-1] == "ahead"


def test_learning_curves_say_that_there_are_no_sets(bench, monkeypatch, tmp_path):
    suite, settings = bench("learning_curves"), bench("_timing").Settings(seconds=0.0, quick=True)
    monkeypatch.setattr(suite, "FOLDER", tmp_path)
    (table,) = suite.tables(settings)
    assert "skipped: no datasets.json" in str(table)
