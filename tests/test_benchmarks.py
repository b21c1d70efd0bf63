"""The benchmarks and the demo run: their parts, on data small enough for seconds."""

import importlib
import importlib.util
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from torch.nn import functional

from skmtl.architectures import ARCHITECTURES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "benchmarks"


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
def at_once(bench):
    return bench("_timing").Settings(seconds=0.0, quick=True)


@pytest.fixture
def demo():
    spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Timing


def test_contenders_take_turns_in_alternating_order(bench):
    calls = []
    times = bench("_timing").take_turns({name: lambda name=name: calls.append(name) for name in "abc"}, seconds=0.0)
    assert "".join(calls) == "abc" + "abc" + "cba"  # a warm-up, then two rounds
    assert {name: len(ts) for name, ts in times.items()} == {"a": 2, "b": 2, "c": 2}


def test_ratio_is_of_medians_and_judged_by_its_goal(bench):
    times = {"ours": [1.0, 2.0, 9.0], "slow": [4.0, 8.0, 5.0], "fast": [1.0, 1.0, 1.0]}
    table = bench("_timing").ratios("work", times, {"slow": 0.5, "fast": 1.5})
    assert [row[4] for row in table.rows] == ["", "0.4", "2"]
    assert [row[-1] for row in table.rows] == ["", "yes", "NO"]
    assert table.goals == [("work: slow", 0.4, 0.5), ("work: fast", 2.0, 1.5)]


@pytest.mark.parametrize("seconds, text", [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (4.2e-5, "42 µs"), (4e-8, "0.04 µs")])
def test_durations_have_the_unit_that_suits_them(bench, seconds, text):
    assert bench("_timing").as_time(seconds) == text


def test_operations_of_a_step_are_those_of_its_products(bench):
    # (4, 3) -> 5 -> 2: forward 60 + 40 multiply-adds, weights 60 + 40, back to the hidden layer 40.
    assert bench("_products").step_operations(4, (3, 5, 2)) == 2 * (60 + 40 + 60 + 40 + 40)


# Suites


def test_every_suite_is_a_module_with_tables(bench):
    for name in bench("run").SUITES.values():
        assert callable(bench(name).tables)


def test_main_prints_tables_and_what_was_missed(bench, monkeypatch, capsys):
    run, timing = bench("run"), bench("_timing")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # put back what main sets
    table = timing.Table("a title", ["contender", "ratio"], [["peer", "0.7"]], [("a title: peer", 0.7, 0.5)])
    stub = types.SimpleNamespace(tables=lambda settings: [table])
    monkeypatch.setitem(sys.modules, "fit", stub)
    run.main(["--suite", "fit", "--seconds", "1"])
    printed = capsys.readouterr().out
    assert "a title\n  contender  ratio\n  peer         0.7\n" in printed
    assert "0 of 1 goals met.\n  missed: a title: peer: 0.7, goal 0.5" in printed


def test_fit_times_all_contenders(bench, at_once):
    fit = bench("fit")
    workload = fit.Workload("S", (8,), 50, 1, {fit.SKLEARN: 1.0, fit.FLOOR: 2.0}, max_rows=200)
    table = fit.measure(workload, True, at_once)
    assert [row[0] for row in table.rows] == ["skmtl", fit.SKLEARN, fit.SKORCH, fit.LOOP, fit.FUSED, fit.FLOOR]
    assert table.goals == []  # small workloads are not held to them


def test_bare_torch_loop_learns(bench):
    peers = bench("_peers")
    X, Y = peers.regression_data(400, 4, 2)
    network = peers.torch_loop(X, Y, (16,), 50, 60, fused=True)
    left = Y - network(peers.torch.from_numpy(X)).detach().numpy()
    assert (left.var(axis=0) < 0.3 * Y.var(axis=0)).all()


def test_heads_times_all_contenders(bench, at_once):
    heads = bench("heads")
    table = heads.measure(4, 1, at_once)
    assert [row[0] for row in table.rows] == ["skmtl", heads.MODULES, heads.FUSED]
    _, Y, kinds = heads.mixed_data(4)
    assert kinds == ["regression", "binary", "three classes", "regression"]
    assert 0.25 < np.isnan(Y).mean() < 0.35
    assert set(np.unique(Y[~np.isnan(Y[:, 2]), 2])) == {0, 1, 2}


def test_predict_times_all_contenders(bench, at_once):
    predict = bench("predict")
    table = predict.measure("S", (8,), predict.fit_all("S", (8,)), 3, 2, True, at_once)
    assert [row[0] for row in table.rows] == ["skmtl", predict.SKLEARN, predict.SKORCH]


def test_child_interpreter_reports_time_and_modules_of_the_compiler(bench):
    imports = bench("imports")
    seconds, modules = imports.child("import skmtl")
    assert 0 < seconds < 5
    assert modules == 0
    fake = f"import sys, types; sys.modules['{imports._COMPILER}'] = types.ModuleType('x')"
    assert imports.child("pass", before=fake)[1] == 1


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the kernel's record of the peak: Linux only")
@pytest.mark.parametrize("kind", ["float32", "float64", "CSR, 5 % filled"])
def test_memory_is_measured_above_the_input(bench, kind):
    memory = bench("memory")
    X, Y = memory.make_input(kind, 3000)
    assert X.shape == (3000, memory.D)
    assert X.dtype == Y.dtype == ("float64" if kind == "float64" else "float32")
    if kind.startswith("CSR"):
        assert X.nnz == 3000 * memory.D // 20
        assert X.has_canonical_format
    extra, size, seconds = memory.measure("skmtl", kind, 3000)
    assert size >= X.data.nbytes
    assert 0 <= extra < 200 * 2**20
    assert seconds > 0


def test_peak_counts_memory_that_was_given_back():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("Linux only")
    # In a process of its own: one that has run other tests may have memory to spare.
    code = (
        "import memory, numpy as np; before = memory.reset_peak(); np.ones(8 * 2**20).sum(); "
        "print(memory.peak() - before)"
    )
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=FOLDER, text=True)
    assert 60 * 2**20 < int(printed) < 100 * 2**20  # 64 MiB


# Real data


@pytest.fixture
def mixed_set(bench, rng):
    """A set with words and gaps in X, and tasks of all three kinds with gaps."""
    n = 200
    X = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n), "word": rng.choice(["x", "y", "z"], n)})
    Y = pd.DataFrame(
        {
            "amount": X["a"] + 0.1 * rng.normal(size=n),
            "passed": (X["b"] > 0).astype(float),
            "grade": np.where(X["a"] > 0.5, "good", np.where(X["a"] < -0.5, "bad", "fair")),
        }
    )
    X = X.astype({"word": "category"})
    X.loc[::9, "b"] = np.nan
    Y = Y.mask(rng.random(Y.shape) < 0.2)
    kinds = {"amount": "regression", "passed": "binary", "grade": "multiclass"}
    return bench("real_data").DataSet("made up", X, Y, kinds, np.arange(150), np.arange(150, 200))


def test_real_data_scores_every_task_by_every_model(bench, mixed_set):
    real_data = bench("real_data")
    table = real_data.measure(mixed_set, epochs=150)
    assert [row[:2] for row in table.rows[:3]] == [["amount", "R²"], ["passed", "ROC-AUC"], ["grade", "accuracy"]]
    assert [row[2] for row in table.rows[:3]] == [str(n) for n in mixed_set.Y.iloc[:150].notna().sum()]
    scores = np.array([[float(cell.rstrip("* ")) for cell in row[3:]] for row in table.rows[:3]])
    assert scores.shape == (3, 5)
    assert (scores > 0.5).all()
    assert all("*" in "".join(row[3:]) for row in table.rows[:3])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_real_data_takes_fingerprints_as_they_are(bench, rng):
    real_data = bench("real_data")
    X = rng.integers(0, 2, (120, 16)).astype(np.uint8)
    Y = pd.DataFrame({"t0": X[:, 0] * 1.0, "t1": X[:, 1] * 1.0}).mask(rng.random((120, 2)) < 0.2)
    kinds = dict.fromkeys(Y, "binary")
    data = real_data.DataSet("bits", X, Y, kinds, np.arange(80), np.arange(80, 120))
    for parameters in ({}, {"preset": "mlp", "max_iter": 100}):
        scores, _ = real_data.run_shared(data, **parameters)
        assert list(scores) == ["t0", "t1"]
        assert min(scores.values()) > 0.9


def test_real_data_says_that_it_has_no_sets(bench, at_once, monkeypatch, tmp_path):
    real_data = bench("real_data")
    monkeypatch.setattr(real_data, "FOLDER", tmp_path)
    (table,) = real_data.tables(at_once)
    assert "skipped: no datasets.json" in str(table)
    assert "SKMTL_DATA" in str(table)


@pytest.mark.parametrize("name", ["enb", "wq", "tox21", "nhanes", "adult"])
def test_sets_load_with_their_split(bench, data_folder, name):
    data = bench("real_data").load(name, data_folder)
    assert len(data.X) == len(data.Y) == len(np.union1d(data.train, data.test))
    assert not np.intersect1d(data.train, data.test).size
    assert list(data.kinds) == list(data.Y)
    assert data.Y.iloc[data.train].notna().any().all()
    assert data.Y.iloc[data.test].notna().any().all()


# Architectures


def test_peers_of_every_architecture_return_what_it_returns(bench):
    """With weights that are not those of the start, where some matrices are zero and some trunks alike."""
    suite = bench("architectures")
    assert set(suite.ARCHITECTURES) == set(suite.TRUNKS)
    for variant in suite.variants(3).values():
        trunk = suite.initialized(variant, 3)
        with torch.no_grad():
            for p in trunk.parameters():
                p.add_(0.1 * torch.randn_like(p))
        found = suite.networks_of_peers(variant, trunk, 3)
        X = torch.randn(5, suite.D)
        if variant.libmtl == "Cross_stitch":  # where the mixtures of the tasks are the same
            found.pop(suite.LIBMTL, None)
        expected = found[suite.BARE](X)
        assert (expected[:, 0] != expected[:, 1]).all()
        for network in found.values():
            torch.testing.assert_close(network(X), expected)


def test_peers_that_return_something_else_are_refused(bench):
    suite = bench("architectures")
    found = suite.made(suite.Variant("mmoe"), 3)
    suite.check(found)
    with torch.no_grad():
        found[suite.MODULES].trunk.gates[1].bias[0] += 1
    with pytest.raises(AssertionError, match="not close"):
        suite.check(found)


def test_peers_of_every_architecture_learn(bench):
    suite = bench("architectures")
    X, Y = map(torch.from_numpy, bench("_peers").regression_data(400, suite.D, 2))
    with bench("_timing").undisturbed():
        for name, variant in suite.variants(2).items():
            for peer, network in suite.made(variant, 2).items():
                before = functional.mse_loss(network(X), Y).item()
                suite.train(network, X, Y, epochs=2)
                assert functional.mse_loss(network(X), Y).item() < before, (name, peer)


def test_architectures_are_timed_beside_their_peers(bench, at_once, monkeypatch):
    suite = bench("architectures")
    chosen = {name: suite.Variant(name, libmtl=libmtl) for name, libmtl in [("mmoe", "MMoE"), ("attention", None)]}
    monkeypatch.setattr(suite, "variants", lambda n_tasks: chosen)
    monkeypatch.setattr(suite, "N", 200)
    table = suite.measure(3, 1, at_once)
    assert [row[0] for row in table.rows] == ["mmoe", "attention"]
    assert (table.rows[0][3] == "–") == (suite.part("architecture") is None)
    assert table.rows[1][3] == "–"
    assert all(float(row[2]) > 0 and float(row[4]) > 0 for row in table.rows)
    assert table.goals == []
    table = suite.separate((3,), 1, at_once)
    assert [row[:2] for row in table.rows] == [[str(hidden), "3"] for hidden in suite.SEPARATE]


def test_architectures_say_that_libmtl_is_absent(bench, monkeypatch):
    suite = bench("architectures")
    monkeypatch.setattr(suite, "part", lambda name: None)
    assert list(suite.made(suite.variants(2)["mmoe"], 2)) == [suite.MODULES, suite.BARE]


def test_architectures_show_what_networks_take(bench):
    suite = bench("architectures")
    table = suite.sizes(3)
    rows = {row[0]: row[1:] for row in table.rows}
    assert list(rows) == list(suite.ARCHITECTURES)
    assert rows["independent"] == ["16,707", "1.00", "16,320", "1.00"]  # 3 (20 x 64 + 64 x 64 + 64) products


# Balance


@pytest.fixture
def work(bench):
    """Three tasks, which is what LibMTL's CAGrad is written for."""
    return bench("_balancers").Work(*bench("_peers").regression_data(40, 4, 3), (8,), 20)


@pytest.mark.parametrize("method", ["equal", "pcgrad", "mgda", "cagrad", "upgrad", "nash"])
def test_peers_train(bench, work, method):
    balance, peers = bench("balance"), bench("_balancers")
    in_torchjd, in_libmtl = balance.METHODS[method]
    ways = {"plain": peers.plain_torch} | peers.torchjd_ways(in_torchjd) | peers.libmtl_ways(in_libmtl)
    with bench("_timing").undisturbed():
        for way in ways.values():
            way(work, 3)  # more than an epoch
    if method != "equal" and peers.torchjd():
        assert sum("TorchJD" in name for name in ways) == (1 if method == "nash" else 2)


def test_libmtl_leaves_nothing_half_imported(bench):
    peers = bench("_balancers")
    if peers.libmtl() is None:
        pytest.skip("needs LibMTL")
    assert not [name for name in sys.modules if name.partition(".")[0] == "LibMTL"]


def test_contender_takes_as_many_steps_as_there_is_time_for(bench, monkeypatch):
    balance, asked = bench("balance"), []
    monkeypatch.setattr(balance, "CALL", 0.1)
    slow = balance.Contender(lambda steps: asked.append(steps) or time.sleep(0.02), most=100, least=2)
    slow.limit()
    assert asked == [2, 2]
    assert 2 <= slow.steps <= 8
    assert slow.steps % 2 == 0
    fast = balance.Contender(lambda steps: None, most=100, least=2)
    fast.limit()
    assert fast.steps == 100


def test_contender_that_fails_lets_the_others_go_on(bench):
    balance, calls = bench("balance"), []

    def train(steps):
        calls.append(steps)
        raise ValueError

    contenders = {
        "ours": balance.Contender(lambda steps: None, 4, 2),
        "peer": balance.Contender(train, 4, 2, Exception),
    }
    times = balance.step_times(contenders, 0.0)
    assert times["ours"] > 0
    assert times["peer"] is None
    assert len(calls) == 1
    with pytest.raises(ValueError):
        balance.step_times({"ours": balance.Contender(train, 4, 2)}, 0.0)


def test_balance_is_judged_by_the_faster_way_and_the_faster_peer(bench):
    balance = bench("balance")
    times = {"ours": 1.0, "equal": 0.5, "plain torch": 2.0, "TorchJD, one way": 10.0, "TorchJD, other": 8.0}
    cells, goals = balance.peers_cells(times | {"LibMTL": 4.0}, "work", {"TorchJD": 0.2, balance.BEST: 0.2})
    assert cells == ["1 s", "2", "0.5", "0.125", "0.25", "0.2 TorchJD, 0.2 best peer", "NO"]
    assert goals == [("balance: work: TorchJD", 0.125, 0.2), ("balance: work: best peer", 0.25, 0.2)]
    cells, goals = balance.peers_cells(times | {"LibMTL": None}, "work", {"LibMTL": 0.2, balance.BEST: 0.2})
    assert cells == ["1 s", "2", "0.5", "0.125", "fails", "0.2 LibMTL, 0.2 best peer", "yes"]
    assert goals == [("balance: work: best peer", 0.125, 0.2)]


def test_balance_says_which_peers_are_absent(bench, at_once, monkeypatch):
    balance = bench("balance")
    monkeypatch.setattr(balance, "PEERS", {"TorchJD": lambda: None, "LibMTL": lambda: None})
    monkeypatch.setattr(balance, "torchjd_ways", lambda name: {})
    monkeypatch.setattr(balance, "libmtl_ways", lambda name: {})
    table = balance.against_peers(balance.Trunk(4, (8,), 20, {}, 1.0), at_once)
    assert "(not installed: TorchJD, LibMTL)" in table.title
    assert [row[:2] for row in table.rows] == [["equal", "5"], ["pcgrad", "5"], ["nash", "5"]]
    assert all(row[5:7] == ["–", "–"] for row in table.rows)
    assert table.goals == []


def test_balance_times_the_cheaper_ways_and_every_method(bench, at_once):
    balance = bench("balance")
    trunk = balance.Trunk(4, (8,), 20, {}, 1.0)
    table = balance.shortcuts(trunk, at_once)
    assert [row[0] for row in table.rows] == ["pcgrad, representation", "pcgrad, every 4 steps"]
    table = balance.every_method(trunk, 3, at_once)
    assert table.rows[0][0] == "equal"
    assert table.rows[0][2] == "1"
    assert len(table.rows) == 5


def test_balance_times_solvers_beside_those_of_torchjd(bench, at_once):
    balance = bench("balance")
    table = balance.solvers(at_once)
    assert [row[0] for row in table.rows] == ["pcgrad", "mgda"]
    assert table.header == ["method", "5 tasks", "/ TorchJD"]


def test_solvers_are_those_of_both_sides(bench):
    balance, torchjd = bench("balance"), bench("_balancers").torchjd()
    assert set(balance.SOLVERS) <= set(balance.AGGREGATORS)
    if torchjd is None:
        pytest.skip("needs TorchJD")
    with bench("_timing").undisturbed():
        for name in balance.SOLVERS.values():
            solve, tensors = balance.torchjd_solver(name, [np.eye(3) + 0.1] * 2)
            assert solve(tensors[0]).ndim == 1


# Balance on real data


@pytest.fixture
def balance_data(bench, monkeypatch):
    module = bench("balance_data")
    monkeypatch.setattr(module, "SETTINGS", {"preset": "mlp", "max_iter": 10, "early_stopping": True})
    return module


def test_every_method_is_scored_on_real_data(balance_data):
    found = balance_data.methods({"first": "regression", "second": "binary"})
    assert list(found) == [*balance_data.WEIGHTINGS, *balance_data.AGGREGATORS]
    assert found["equal"] == {"weighting": "equal"}
    for name, kind in balance_data.AGGREGATORS.items():
        assert found[name].get("main_task") == ("first" if kind.needs_main_task else None)


def test_methods_are_scored_beside_single_task_nets(balance_data, mixed_set):
    chosen = {"equal": {"weighting": "equal"}, "pcgrad": {"aggregator": "pcgrad"}, "wrong": {"weighting": "wrong"}}
    result = balance_data.measure(mixed_set, chosen, (0, 1))
    assert list(result.scores) == [balance_data.SINGLES, *chosen]
    assert all(scores.shape == (2, 3) for scores in result.scores.values())
    assert np.isnan(result.scores.pop("wrong")).all()
    assert all(np.isfinite(scores).all() for scores in result.scores.values())
    assert (result.scores["equal"][0] != result.scores["equal"][1]).any()  # another split, other weights

    table = balance_data.summary(mixed_set, result)
    assert [row[0] for row in table.rows] == list(result.scores)
    assert table.rows[1][2] == ""  # equal weights beside themselves
    assert table.rows[0][4] == ""  # single-task nets beside themselves
    assert "wrong failed: ValueError" in table.title
    table = balance_data.by_task(mixed_set, result)
    assert table.rows[0] == ["", "R² ", "ROC-AUC ", "accuracy "]
    for column in range(1, 4):
        assert any(row[column].endswith("*") for row in table.rows[1:])

    rows = pd.DataFrame(balance_data.as_rows(mixed_set, (0, 1), result))
    assert len(rows) == 3 * 2 * 3
    assert rows.loc[5, ["method", "seed", "task"]].tolist() == [balance_data.SINGLES, 1, "grade"]
    assert rows.loc[5, "score"] == result.scores[balance_data.SINGLES][1, 2]


def test_gains_are_in_relation_to_what_is_left_of_r2(balance_data):
    gains = balance_data.relative_gains(
        np.array([[0.9, 0.9]]), np.array([[0.8, 0.75]]), {"a": "regression", "b": "binary"}
    )
    np.testing.assert_allclose(gains, [[0.5, 0.2]])


def test_balance_data_writes_all_scores(balance_data, at_once, mixed_set, monkeypatch, tmp_path):
    (tmp_path / "datasets.json").write_text("{}")
    monkeypatch.setattr(balance_data, "FOLDER", tmp_path)
    monkeypatch.setattr(balance_data, "load", lambda name: mixed_set)
    tables = list(balance_data.tables(at_once, tmp_path / "scores.csv"))
    assert len(tables) == 2
    assert len(pd.read_csv(tmp_path / "scores.csv")) == 3 * 3  # single-task nets, equal and pcgrad; three tasks


def test_balance_data_says_that_it_has_no_sets(balance_data, at_once, monkeypatch, tmp_path):
    monkeypatch.setattr(balance_data, "FOLDER", tmp_path)
    (table,) = balance_data.tables(at_once)
    assert "skipped: no datasets.json" in str(table)


# The demo


def test_demo_hides_a_third_of_the_training_labels_only(demo):
    X, Y = demo.load_tasks()
    assert X.shape == (569, 20)
    assert list(Y) == demo.TASKS
    _, _, Y_train, Y_test = demo.split(X, Y, seed=0)
    assert Y_train.isna().mean().between(0.28, 0.38).all()
    assert Y_test.notna().all().all()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_demo_runs(demo, monkeypatch, capsys, tmp_path):
    X, Y = demo.load_tasks()
    monkeypatch.setattr(demo, "load_tasks", lambda: (X[:160], Y[:160]))
    monkeypatch.setattr(demo, "MLP", {"max_iter": 30, "random_state": 0})
    monkeypatch.setattr(demo, "GRID", {"task_weights": [None, {"diagnosis": 2}], "weighting": ["equal"]})
    monkeypatch.setattr(demo, "PLOT", tmp_path / "demo.png")
    demo.main(n_splits=1)
    printed = capsys.readouterr()
    assert all(task in printed.out for task in demo.TASKS)
    assert "2 candidates" in printed.out
    assert "diagnosis: 2" in printed.out
    assert ConvergenceWarning.__name__ not in printed.err
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")


def test_weight_search_compares_the_times_and_the_scores(bench, at_once, monkeypatch):
    search = bench("weight_search")
    monkeypatch.setattr(search, "N", 60)
    monkeypatch.setattr(search, "CASES", search.CASES[:1])
    (table,) = search.tables(at_once)
    assert table.header == ["estimator", "grid, s", "ratio", "goal", "met", "scores apart"]
    assert float(table.rows[0][-1]) < 1e-4
    assert float(table.rows[0][2]) > 0


def test_members_compares_one_fit_with_as_many_fits(bench, at_once):
    members = bench("members")
    table = members.measure(2, 1, at_once)
    assert [row[0] for row in table.rows] == [str(hidden) for hidden in members.GOALS]
    assert all(float(row[1]) > 0 for row in table.rows)


def test_published_figures_of_a_few_rows(bench, monkeypatch):
    published = bench("published")
    found = published.sets.catalogue(published.sets.FOLDER)
    if not {"adult", "tox21", "school"} <= found.keys():
        pytest.skip(f"the sets are not in {published.sets.FOLDER}")
    monkeypatch.setattr(published, "MODELS", {name: published.MODELS[name] for name in ("default", "pooled")})
    table = published.measure(found, 300)
    assert [row[0] for row in table.rows] == list(published.GOALS)
    assert table.goals == []
    income = next(row for row in table.rows if row[0] == "adult: AUC of income")
    assert 0.6 < float(income[1]) < 1


def test_published_networks_of_adult_are_scored_over_seeds(bench, monkeypatch):
    published, asked = bench("published"), []

    def adult(found, parameters, most_rows):
        asked.append(parameters)
        return {"income": 0.5 + 0.1 * parameters["random_state"], "never": 0.97}

    monkeypatch.setattr(published, "adult", adult)
    table = published.architectures({}, seeds=(1, 3))
    assert [row[0] for row in table.rows] == ["hard_sharing", "mmoe", "cgc", "ple"]
    assert table.rows[0][1:] == ["0.7000", "0.1000", "0.91", "0.9700", "0.0000", "0.9635", "NO"]
    assert table.goals[:2] == [
        ("published: adult, hard_sharing: AUC of income", 0.91 / 0.7, 1.0),
        ("published: adult, hard_sharing: AUC of never married", 0.9635 / 0.97, 1.0),
    ]
    assert {parameters["n_members"] for parameters in asked} == {1}


@pytest.mark.parametrize("name", ["hard_sharing", "mmoe", "cgc", "ple"])
def test_published_networks_of_adult_train(bench, name):
    published = bench("published")
    found = published.sets.catalogue(published.sets.FOLDER)
    if "adult" not in found:
        pytest.skip(f"the set is not in {published.sets.FOLDER}")
    data = published.sets.load("adult", published.sets.FOLDER)
    model = published.fitted(data, np.arange(300), published.SHARED[name] | {"n_members": 1, "max_iter": 3}, None)
    assert model.net_.module_.trunk.__class__ is ARCHITECTURES[name]
