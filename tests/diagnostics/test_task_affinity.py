"""task_affinity: looks are right and change nothing, retraining is what it says, and the methods can be compared."""

import numpy as np
import pytest
import torch
from diagnostics._counted import HELP, Counted
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl.diagnostics import TaskAffinity, task_affinity
from skmtl.diagnostics._affinity import cluster_order, rank_agreement
from skmtl.diagnostics._probe import Probe, StepProbe

QUICK = {"preset": "mlp", "hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "max_iter": 5, "random_state": 0}
BOTH = ["lookahead", "gradient"]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def forget():
    Counted.fits.clear()


@pytest.fixture
def known(rng):
    """X whose columns are the tasks: the variance of each is 1, so that a loss is a squared error."""
    X = rng.normal(size=(30, 3))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, X.copy()


def by_hand(model, X, Y):
    """Losses of the tasks and their gradients in the trunk, by autograd, and a function of the trunk to the losses."""
    module = model.net_.module_
    x = torch.from_numpy(X).float()
    y = torch.from_numpy((Y - Y.mean(axis=0)) / Y.std(axis=0)).float()
    trunk = dict(module.trunk.named_parameters())

    def losses(parameters):
        Z = torch.func.functional_call(module.trunk, parameters, (x,))
        return (0.5 * (module.heads(Z) - y) ** 2).mean(dim=0)

    found = losses(trunk)
    gradients = [torch.autograd.grad(loss, list(trunk.values()), retain_graph=True) for loss in found]
    return found.detach(), gradients, trunk, losses


def test_looks_are_what_autograd_says(regression):
    X, Y = regression
    affinity = task_affinity(MultiTaskRegressor(**QUICK | {"max_iter": 1}), X, Y, method=BOTH, random_state=0)
    model = MultiTaskRegressor(**QUICK | {"max_iter": 1}).fit(X, Y)
    losses, gradients, trunk, after = by_hand(model, X, Y)
    rows = torch.stack([torch.cat([part.flatten() for part in gradient]) for gradient in gradients])
    gramian = (rows @ rows.t()).double().numpy()
    lengths = np.sqrt(np.diag(gramian))
    np.testing.assert_allclose(affinity.matrices["gradient"], gramian / np.outer(lengths, lengths), rtol=1e-3)
    rate = 0.01 / (np.diag(gramian) / losses.numpy()).max()
    expected = []
    for gradient in gradients:
        moved = {name: p - rate * part for (name, p), part in zip(trunk.items(), gradient, strict=True)}
        expected.append((1 - after(moved) / losses).detach().numpy())
    np.testing.assert_allclose(affinity.matrices["lookahead"], expected, rtol=1e-2, atol=1e-6)
    assert affinity.matrices["lookahead"].max() == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("extra", [{}, {"dropout": 0.2}, {"n_members": 2, "early_stopping": True}, {"update_every": 2}])
def test_looking_changes_nothing(regression_missing, extra):
    X, Y = regression_missing
    weighting = {"weighting": "gradnorm"} if "update_every" in extra else {"weighting": "uncertainty"}
    model = MultiTaskRegressor(**QUICK, **extra, **weighting)
    expected = model.fit(X, Y).predict(X)
    for probe in (Probe(looks_ahead=True, n_rows=50), StepProbe(looks_ahead=True, n_rows=50, every=1)):
        watched = MultiTaskRegressor(**QUICK, **extra, **weighting, callbacks=[probe]).fit(X, Y)
        np.testing.assert_array_equal(watched.predict(X), expected)


def test_each_member_is_looked_at_in_each_epoch(regression):
    probe = Probe()
    MultiTaskRegressor(**QUICK, n_members=2, callbacks=[probe]).fit(*regression)
    assert [record.epoch for record in probe.records] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_looks_can_count_steps(regression):
    probe = StepProbe(every=3)
    MultiTaskRegressor(**QUICK, batch_size=30, callbacks=[probe]).fit(*regression)
    assert [record.epoch for record in probe.records] == [1, 2, 3, 3, 4, 5]  # of four steps each


def test_layers_add_up(regression):
    probe = Probe(by_layer=True)
    MultiTaskRegressor(**QUICK | {"hidden_layer_sizes": (8, 4)}, callbacks=[probe]).fit(*regression)
    gramians = probe.records[0].gramians
    assert set(gramians) == {"", "layers.0", "layers.1"}
    np.testing.assert_allclose(gramians["layers.0"] + gramians["layers.1"], gramians[""], rtol=1e-6)


def test_related_tasks_are_told_from_unrelated_ones(rng):
    X = rng.normal(size=(300, 6))
    a, b = (np.tanh(X @ rng.normal(size=(6, 4)) @ rng.normal(size=(4, 1))) for _ in range(2))
    Y = np.hstack([a, a, b]) + 0.1 * rng.normal(size=(300, 3))
    model = MultiTaskRegressor(**QUICK | {"hidden_layer_sizes": (16, 16), "max_iter": 30})
    affinity = task_affinity(model, X, Y, method=BOTH, n_repeats=2, random_state=0)
    partners = affinity.best_partners()
    assert (partners["task_0"], partners["task_1"]) == ("task_1", "task_0")
    for table in affinity.matrices.values():
        assert table[0, 1] > 3 * abs(table[0, 2])
    assert affinity.agreement["lookahead", "gradient"] > 0.5


def test_gaps_kinds_and_names(mixed):
    affinity = task_affinity(MultiTaskEstimator(**QUICK), *mixed, method=BOTH, random_state=0)
    assert affinity.task_names == ["level", "passed", "price"]
    assert all(np.isfinite(table).all() for table in affinity.matrices.values())


def test_lbfgs(regression):
    model = MultiTaskRegressor(preset="mlp", solver="lbfgs", hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    expected = model.fit(*regression).predict(regression[0])
    probe = Probe(looks_ahead=True)
    watched = model.set_params(callbacks=[probe]).fit(*regression)
    np.testing.assert_array_equal(watched.predict(regression[0]), expected)
    assert len(probe.records) == watched.n_iter_


def test_a_batch_without_a_task(regression):
    X, Y = regression
    Y = Y.copy()
    Y[5:, 0] = np.nan
    probe = StepProbe(looks_ahead=True, n_rows=4, every=1)
    MultiTaskRegressor(**QUICK, callbacks=[probe]).fit(X, Y)
    seen = [np.isfinite(record.lookahead) for record in probe.records]
    assert any(not table[0].any() and table[1, 1] for table in seen)
    assert np.isfinite(task_affinity(MultiTaskRegressor(**QUICK), X, Y).matrix).all()


def test_a_task_of_weight_zero_has_no_affinity(regression):
    model = MultiTaskRegressor(**QUICK, task_weights=[1, 1, 0])
    X, Y = regression
    table = task_affinity(model, X, np.column_stack([Y, X[:, 0]]), method="gradient").matrix
    assert np.isnan(table[2]).all()
    assert np.isnan(table[:, 2]).all()
    assert np.isfinite(table[:2, :2]).all()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: make_pipeline(StandardScaler(), model),
        lambda model: GridSearchCV(model, {"alpha": [0.0, 0.1]}, cv=2),
    ],
    ids=["pipeline", "search"],
)
def test_inside_of_others(regression, wrap):
    affinity = task_affinity(wrap(MultiTaskRegressor(**QUICK)), *regression, method=BOTH)
    assert np.isfinite(affinity.matrix).all()


# Retraining


def test_retraining_is_the_fall_of_the_held_out_loss(known):
    table = task_affinity(Counted(), *known, method="retrain", random_state=0).matrix
    expected = 1.0 - (1.0 + HELP) ** 2
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(table, expected, atol=1e-12)


def test_retraining_fits_each_task_and_pair_to_each_fold(known):
    task_affinity(Counted(), *known, method="retrain", cv=5, n_repeats=2)
    groups = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]
    assert sorted(Counted.fits) == sorted([(group, 24) for group in groups] * 10)


def test_groups_stay_together(known):
    X, Y = known
    groups = np.repeat(np.arange(5), 6)
    task_affinity(Counted(), X, Y, method="retrain", cv=GroupKFold(5), groups=groups)
    assert {n for _, n in Counted.fits} == {24}
    with pytest.raises(ValueError, match="groups needs a cv that keeps them together"):
        task_affinity(Counted(), X, Y, method="retrain", groups=groups)


def test_an_interrupt_keeps_the_folds_that_are_done(known):
    with pytest.warns(UserWarning, match=r"interrupted: the result is that of the 1 fold\(s\)"):
        table = task_affinity(Counted(interrupt=9), *known, method="retrain").matrix
    np.testing.assert_allclose(table, task_affinity(Counted(), *known, method="retrain").matrix, atol=1e-12)
    Counted.fits.clear()
    with pytest.raises(KeyboardInterrupt):
        task_affinity(Counted(interrupt=4), *known, method="retrain")


def test_retraining_with_our_own_networks(mixed):
    model = MultiTaskEstimator(**QUICK, main_task="price", task_weights={"level": 2, "price": 1})
    first, second = (
        task_affinity(model, *mixed, method="retrain", cv=2, random_state=0, n_jobs=n_jobs) for n_jobs in (None, 2)
    )
    assert np.isfinite(first.matrix).all()
    np.testing.assert_array_equal(first.matrix, second.matrix)


def test_own_out_of_fold_predictions_save_the_folds(regression):
    model = MultiTaskRegressor(**QUICK, n_members=2, early_stopping=True)
    table = task_affinity(model, *regression, method="retrain", cv=None, random_state=0).matrix
    alone = [model.fit(regression[0], regression[1][:, t]).oof_prediction_ for t in range(2)]
    both = model.fit(*regression).oof_prediction_
    Y = regression[1]
    expected = [np.mean((alone[t] - Y[:, t]) ** 2 - (both[:, t] - Y[:, t]) ** 2) / Y[:, t].var() for t in range(2)]
    np.testing.assert_allclose([table[1, 0], table[0, 1]], expected, rtol=1e-6)


def test_the_seed_decides(regression):
    model = MultiTaskRegressor(**QUICK | {"random_state": None})
    first, same, other = (task_affinity(model, *regression, random_state=seed).matrix for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


# The result


def test_agreement_is_of_ranks_off_the_diagonal():
    one = np.array([[9.0, 1.0, 2.0], [3.0, 9.0, 4.0], [5.0, 6.0, 9.0]])
    assert rank_agreement(one, one**3) == pytest.approx(1)
    assert rank_agreement(one, -one) == pytest.approx(-1)
    assert np.isnan(rank_agreement(one[:2, :2], one[:2, :2]))


def test_frame_has_a_row_a_pair():
    affinity = TaskAffinity({"a": np.array([[1.0, 2.0], [3.0, 4.0]])}, ["x", "y"])
    frame = affinity.frame()
    assert frame.to_numpy().tolist() == [["x", "x", 1.0], ["x", "y", 2.0], ["y", "x", 3.0], ["y", "y", 4.0]]
    assert list(frame) == ["task", "on", "a"]


def test_a_long_table_is_cut():
    affinity = TaskAffinity({"gradient": np.eye(30)}, [f"t{i}" for i in range(30)])
    assert repr(affinity).splitlines()[-1] == "[30 tasks]"


def test_neighbours_do_each_other_good():
    table = np.zeros((4, 4))
    table[0, 2] = table[2, 0] = table[1, 3] = table[3, 1] = 1.0
    order = cluster_order(table).tolist()
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


# Errors


@pytest.mark.parametrize(
    ("estimator", "settings", "error", "text"),
    [
        (MultiTaskRegressor(**QUICK), {"method": "gradients"}, ValueError, "Did you mean 'gradient'"),
        (MultiTaskRegressor(**QUICK), {"method": []}, ValueError, "names no method"),
        (
            MultiTaskRegressor(**QUICK),
            {"every": 0},
            ValueError,
            "every parameter of task_affinity .* at least 1; got 0",
        ),
        (MultiTaskRegressor(**QUICK), {"n_rows": 1}, ValueError, "n_rows parameter of task_affinity .* at least 2"),
        (MultiTaskRegressor(**QUICK), {"every": 10_000}, ValueError, "before the first look. Decrease every=10000"),
        (MultiTaskRegressor(**QUICK, architecture="independent"), {}, ValueError, "this network shares none"),
        (Ridge(), {}, TypeError, "The estimator parameter of task_affinity must be a MultiTaskRegressor"),
        (Counted(), {"method": "retrain", "n_repeats": 0}, ValueError, "n_repeats must be an integer of at least 1"),
    ],
)
def test_errors(regression, estimator, settings, error, text):
    with pytest.raises(error, match=text):
        task_affinity(estimator, *regression, **settings)


@pytest.mark.parametrize("method", ["gradient", "retrain"])
def test_one_task_has_no_affinity(regression, method):
    X, Y = regression
    with pytest.raises(ValueError, match=r"one .*only, 'task_0'"):
        task_affinity(MultiTaskRegressor(**QUICK), X, Y[:, 0], method=method)
