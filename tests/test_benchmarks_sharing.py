"""The sharing benchmark: its parts, its store and its reading, on made-up sets and by hand."""

import importlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[1]
#: Fits of a moment.
NETWORK = {"preset": "mlp", "hidden_layer_sizes": (4,), "max_iter": 2}
PARTS = ("conflict", "transfer", "grouping", "affinity", "auxiliary", "members")


@pytest.fixture(autouse=True)
def path(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setattr(module("measure"), "NETWORK", NETWORK)
    monkeypatch.setattr(module("measure"), "WHOLE", NETWORK)


def module(name):
    return importlib.import_module(f"benchmarks.sharing.{name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of made-up sets: three tasks of two kinds with gaps, and a label a row."""
    rng, folder, n = np.random.default_rng(0), tmp_path_factory.mktemp("sets"), 60
    x = rng.normal(size=(n, 3))
    gaps = np.where(rng.random(n) < 0.3, np.nan, x[:, 1])
    mixed = {"x": x[:, 0], "z": x[:, 1], "target:a": x[:, 0], "target:b": gaps, "target:c": (x[:, 0] > 0).astype(int)}
    pd.DataFrame(mixed).to_csv(folder / "mixed.csv.gz", index=False)
    task = np.arange(n) % 3
    single = {"group:task": task, "x": x[:, 0]}
    single |= {
        f"target:{t}": np.where((task == t) & (np.arange(n) >= 42 * (t == 2)), x[:, 0] + t, np.nan) for t in range(3)
    }
    pd.DataFrame(single).to_csv(folder / "single.csv.gz", index=False)
    kinds = {"target:a": "regression", "target:b": "regression", "target:c": "binary"}
    infos = {
        "enb": {"file": "mixed.csv.gz", "task_types": kinds, "categorical": []},
        "school": {
            "file": "single.csv.gz",
            "task_types": {f"target:{t}": "regression" for t in range(3)},
            "categorical": [],
            "group": "group:task",
        },
    }
    (folder / "datasets.json").write_text(json.dumps(infos))
    return folder


def load(name, folder):
    return module("measure").reduced(importlib.import_module("benchmarks.accuracy.sets").load(name, folder))


def run(folder, out, *options):
    return module("__main__").main(["--data", str(folder), "--out", str(out), *options])


# Parts

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_rows_are_cut_and_tasks_with_few_labels_left_out(folder):
    measure, sets = module("measure"), importlib.import_module("benchmarks.accuracy.sets")
    whole = sets.load("school", folder)
    assert whole.Y.notna().sum().tolist() == [20, 20, 6]
    kept = measure.reduced(whole)
    assert list(kept.kinds) == ["0", "1"] and len(kept.X) == len(kept.Y) == 40
    cut = measure.reduced(sets.load("enb", folder), most_rows=30)
    assert len(cut.X) == len(cut.Y) == 30 and cut.Y.index.tolist() == list(range(30))


def test_scores_suit_kinds_and_labels(folder):
    measure = module("measure")
    assert measure.scoring(load("enb", folder)) == {"a": "r2", "b": "r2", "c": "roc_auc"}
    assert measure.scoring(load("school", folder)) == {"0": "neg_rmse", "1": "neg_rmse"}


def test_grouping_is_scored_beside_one_network_and_separate_ones_on_the_same_rows(folder):
    result = module("measure").grouping(load("enb", folder), 1)
    assert set(result["scores"]) == {"all in one", "all separate", "grouped"}
    assert all(np.isfinite(scores).all() and len(scores) == 3 for scores in result["scores"].values())
    shares = [name for name, verdict in result["verdicts"].items() if verdict == "shares"]
    if result["best"] == "all in one":  # the same network, from the same seed
        at = [list(result["tasks"]).index(name) for name in shares]
        assert [result["scores"]["grouped"][t] for t in at] == [result["scores"]["all in one"][t] for t in at]


def test_a_set_with_many_tasks_has_no_networks_for_pairs(folder, monkeypatch):
    measure, data = module("measure"), load("enb", folder)
    assert set(measure.affinity(data, 0)["matrices"]) == {"lookahead", "gradient", "retrain"}
    assert measure.applies("auxiliary", data)
    monkeypatch.setattr(measure, "MOST_FOR_PAIRS", 2)
    assert set(measure.affinity(data, 0)["matrices"]) == {"lookahead", "gradient"}
    assert not measure.applies("auxiliary", data) and measure.applies("transfer", data)


# The run


@pytest.fixture
def store(folder, tmp_path, monkeypatch):
    """A file with all parts of both sets, of two runs at most."""
    measure = module("measure")
    parts = {part: (measure.PARTS[part][0], min(2, measure.PARTS[part][1])) for part in PARTS}
    monkeypatch.setattr(measure, "PARTS", parts)
    return tmp_path / "sharing.jsonl"


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_run_prints_tables_draws_pictures_and_is_gone_on_with(folder, store, capsys):
    assert run(folder, store, "--parts", "transfer", "--sets", "enb") == 0
    assert len(store.read_text().splitlines()) == 2
    run(folder, store)
    printed = capsys.readouterr().out
    lines = [json.loads(line) for line in store.read_text().splitlines()]
    kept = [(line["set"], line["split"], line["fold"]) for line in lines]
    assert len(kept) == len(set(kept)) == 2 * (1 + 2 + 2 + 2 + 1 + 1)
    assert "Does sharing help?" in printed and "What the others add" in printed
    assert {path.name for path in store.parent.glob("*.png")} == {
        "sharing_transfer.png",
        "sharing_grouping.png",
        "sharing_affinity.png",
    }
    run(folder, store, "--report")
    assert len(store.read_text().splitlines()) == len(lines)


def test_a_folder_without_sets_is_named(tmp_path, capsys):
    assert run(tmp_path, tmp_path / "out") == 0
    assert f"None of the sets is in {tmp_path}" in capsys.readouterr().out


# The reading


def record(part, run, result, name="x"):
    return {"set": name, "split": part, "fold": run, "n_rows": 100, "n_tasks": 2, "result": result}


def transfer(shared, alone):
    return {
        "tasks": {"a": "regression", "b": "regression"},
        "score_names": {"a": "R²", "b": "R²"},
        "shared_scores": shared,
        "alone_scores": alone,
        "label_ratio": np.full(np.shape(shared), 0.25).tolist(),
        "parameters": {"shared": 10, "alone": 20},
        "fit_seconds": {"shared": 1.0, "alone": 3.0},
        "seconds": 20.0,
    }


def affinity(retrain, lookahead):
    return {
        "tasks": ["a", "b", "c"],
        "matrices": {"lookahead": lookahead, "retrain": retrain},
        "seconds": {"fit": 2.0, "lookahead": 4.0, "retrain": 30.0},
    }


def read(*records):
    (reading,) = module("reading").of(list(records))
    return reading


def test_runs_of_a_report_are_folds_of_one():
    runs = [transfer([[0.5, 0.5]], [[0.4, 0.5]]), transfer([[0.7, 0.5], [0.9, 0.5]], [[0.5, 0.5], [0.6, 0.5]])]
    report = read(*(record("transfer", number, run) for number, run in enumerate(runs))).transfer()
    assert report.gain.tolist() == pytest.approx([0.2, 0.0]) and report.n_folds.tolist() == [3, 3]


def test_partners_named_by_retraining_are_judged_by_the_other_run():
    # Column: whom it acts on. Run 0 names b, c, a for a, b, c; run 1 names c, a, b.
    first, second = np.zeros((3, 3)), np.zeros((3, 3))
    first[[1, 2, 0], [0, 1, 2]] = 1.0
    second[[2, 0, 1], [0, 1, 2]] = 0.5
    looks = np.zeros((3, 3))
    looks[[1, 2, 1], [0, 1, 2]] = 1.0
    results = [affinity(first.tolist(), looks.tolist()), affinity(second.tolist(), looks.tolist())]
    reading = read(*(record("affinity", number, result) for number, result in enumerate(results)))
    assert reading.value_of_choice("retrain") == 0.0
    assert reading.value_of_choice("lookahead") == pytest.approx((0.5 + 0.5 + 0.25) / 3)
    assert reading.value_of_choice(None) == pytest.approx(0.375)
    assert reading.agreement_of_runs("lookahead") == pytest.approx(1.0)
    assert reading.agreement_of_runs("retrain") == pytest.approx(-1.0)
    assert np.isnan(reading.agreement_of_runs("gradient"))


def test_a_grouping_is_read_as_it_was_reported():
    result = {
        "tasks": {"a": "regression", "b": "regression", "c": "regression"},
        "groups": [["a", "b"], ["b"], ["c"]],
        "group_of": {"a": 0, "b": 1, "c": 2},
        "best": "2 groups",
        "verdicts": {"a": "shares", "b": "fell back to its own network", "c": "by itself"},
        "held_out": {
            "all in one": [0.5, 0.5, 0.5],
            "all separate": [0.4, 0.8, 0.6],
            "2 groups": [0.7, 0.6, 0.6],
            "chosen": [0.7, 0.8, 0.6],
        },
        "networks": {"all in one": 1, "all separate": 3, "2 groups": 2},
    }
    report = read(record("grouping", 0, result)).grouping(0)
    assert report.verdicts == result["verdicts"]
    assert {name: pytest.approx(scores) for name, scores in result["held_out"].items()} == {
        name: scores.tolist() for name, scores in report.scores.items()
    }


def test_costs_are_in_shared_fits_to_all_rows():
    flat = np.zeros((3, 3)).tolist()
    reading = read(
        record("transfer", 0, transfer([[0.5, 0.5]], [[0.4, 0.5]])), record("affinity", 0, affinity(flat, flat))
    )
    (row,) = module("report").costs([reading]).rows
    assert row[-3:] == ["2.0", "3.0", "10"]
    (row,) = module("report").partners([reading]).rows
    assert row[-2:] == ["2", "15"]
