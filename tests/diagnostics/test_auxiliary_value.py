"""auxiliary_value: what is lost without each other task, and how sure that is."""

import numpy as np
import pytest
from diagnostics._counted import HELP, Counted
from scipy import stats
from sklearn.model_selection import KFold

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl.diagnostics import AuxiliaryValue, auxiliary_value

QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 20, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def forget():
    Counted.fits.clear()


@pytest.fixture
def known(rng):
    """X whose columns are the tasks, of variance 1."""
    X = rng.normal(size=(30, 3))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, X.copy()


def test_values_by_hand(known):
    found = auxiliary_value(Counted(), *known, main_task="task_0")
    both = (1 + HELP[1, 0] + HELP[2, 0]) ** 2
    expected = [(1 + HELP[2, 0]) ** 2 - both, (1 + HELP[1, 0]) ** 2 - both, 1 - both]
    np.testing.assert_allclose(found.values, expected, atol=1e-12)
    assert (found.score, found.score_alone) == (pytest.approx(1 - both), pytest.approx(0.0))
    assert found.auxiliary_tasks == ["task_1", "task_2"]


def test_fits(known):
    auxiliary_value(Counted(), *known, main_task="task_1", cv=5, n_repeats=2)
    groups = [(0, 1, 2), (1, 2), (0, 1), (1,)]
    assert sorted(Counted.fits) == sorted([(group, 24) for group in groups] * 10)


class Noisy(Counted):
    """Its error is that of the first row to predict: another one in each fold."""

    def predict(self, X):
        return np.asarray(X, dtype=float)[:, : self.n_outputs_] + (1 + 0.1 * len(self.trained_)) * abs(X[0, 2])


def test_intervals_are_those_of_the_corrected_test(known):
    X, Y = known
    folds = [(np.setdiff1d(np.arange(30), test), test) for test in np.arange(30).reshape(5, 6)]
    found = auxiliary_value(Noisy(), X, Y, main_task="task_0", cv=folds, confidence=0.9)
    losses = np.array([[((1 + 0.1 * n) * X[test[0], 2]) ** 2 for _, test in folds] for n in (3, 2, 2, 1)])
    lost = losses[1:] - losses[0]
    np.testing.assert_allclose(found.values, lost.mean(axis=1))
    error = np.sqrt(lost.var(axis=1, ddof=1) * (1 / 5 + 6 / 24))
    reach = stats.t.ppf(0.95, 4) * error
    np.testing.assert_allclose(found.intervals, np.stack([found.values - reach, found.values + reach], axis=1))
    np.testing.assert_allclose(found.p_values, 2 * stats.t.sf(abs(found.values) / error, 4))


def test_the_main_task_of_the_estimator(mixed):
    model = MultiTaskEstimator(**QUICK, main_task="passed", class_weight={"level": "balanced"})
    found = auxiliary_value(model, *mixed, cv=2, random_state=0)
    assert (found.main_task, found.auxiliary_tasks) == ("passed", ["level", "price"])
    assert np.isfinite(found.intervals).all()
    assert auxiliary_value(model, *mixed, cv=2, main_task="price", random_state=0).main_task == "price"


def test_a_row_of_weight_two_is_two_rows(rng):
    X = rng.normal(size=(90, 3))
    Y = X @ rng.normal(size=(3, 2)) + 0.3 * rng.normal(size=(90, 2))
    weights, folds = rng.integers(0, 4, 90), list(KFold(3).split(X))
    network = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(4,), solver="lbfgs", max_iter=10, alpha=0)
    settings = {"main_task": "task_0", "random_state": 0}
    weighted = auxiliary_value(network, X, Y, sample_weight=weights, cv=folds, **settings)
    rows = np.repeat(np.arange(90), weights)
    folds = [tuple(np.flatnonzero(np.isin(rows, part)) for part in fold) for fold in folds]
    copied = auxiliary_value(network, X[rows], Y[rows], cv=folds, **settings)
    assert abs(weighted.values).min() > 0
    np.testing.assert_allclose(weighted.values, copied.values, rtol=1e-5)
    np.testing.assert_allclose(weighted.intervals, copied.intervals, rtol=1e-5)
    assert (weighted.score, weighted.score_alone) == pytest.approx((copied.score, copied.score_alone))


def test_own_out_of_fold_predictions_have_no_interval(mixed):
    model = MultiTaskEstimator(**QUICK, n_members=2, early_stopping=True)
    found = auxiliary_value(model, *mixed, main_task="price", cv=None)
    assert np.isfinite(found.values).all()
    assert np.isnan(found.intervals).all()


def test_frame_and_text():
    names = [f"t{i}" for i in range(30)]
    values = np.append(np.arange(30) / 100, 0.5)
    found = AuxiliaryValue("m", names, 0.9, 0.4, values, np.stack([values - 1, values + 1], axis=1), values)
    assert found.frame().loc["all of them"].to_list() == [0.5, -0.5, 1.5, 0.5]
    lines = repr(found).splitlines()
    assert lines[2].split()[:2] == ["t29", "+0.2900"]
    assert lines[-2].startswith("all of them")
    assert lines[-1] == "[30 tasks; these add most]"


def test_an_interrupt_keeps_the_folds_that_are_done(known):
    with pytest.warns(UserWarning, match=r"that of the 2 fold\(s\) that are done"):
        found = auxiliary_value(Counted(interrupt=10), *known, main_task="task_0")
    assert found.score == pytest.approx(1 - (1 + HELP[1, 0] + HELP[2, 0]) ** 2)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "which task the others are to help: pass main_task"),
        ({"main_task": "task_9"}, "main_task='task_9' is no task; the tasks are"),
        ({"main_task": "task_0", "confidence": 1}, "confidence must be between 0 and 1"),
    ],
)
def test_errors(known, settings, text):
    with pytest.raises(ValueError, match=text):
        auxiliary_value(Counted(), *known, **settings)


def test_one_task_has_no_others(known):
    X, Y = known
    with pytest.raises(ValueError, match="y has 'task_0' only"):
        auxiliary_value(Counted(), X, Y[:, 0], main_task="task_0")
