"""MultiTaskGrouping: candidates, choice, guard, and an estimator like any other."""

import numpy as np
import pytest
from diagnostics._counted import HELP, Counted
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import Conditioned
from skmtl.diagnostics import MultiTaskGrouping

QUICK = {"preset": "mlp", "hidden_layer_sizes": (16,), "learning_rate_init": 0.02, "batch_size": 16, "max_iter": 30}

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got batch_size=16:UserWarning"),
]


@pytest.fixture(autouse=True)
def forget():
    Counted.fits.clear()


@pytest.fixture
def known(rng):
    """X whose columns are the tasks: the variance of each is 1, so that a loss is a squared error."""
    X = rng.normal(size=(30, 3))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, X.copy()


def losses(group):
    """What `Counted` loses on the tasks of a group."""
    return {task: (1 + sum(HELP[other, task] for other in group if other != task)) ** 2 for task in group}


# What is chosen


def test_every_candidate_has_its_held_out_score(known):
    report = MultiTaskGrouping(Counted(), method="retrain").fit(*known).report_
    together = losses((0, 1, 2))
    np.testing.assert_allclose(report.scores["all in one"], [1 - together[t] for t in range(3)])
    np.testing.assert_allclose(report.scores["all separate"], 0.0, atol=1e-12)
    pair = losses((0, 1)) | losses((2,))
    np.testing.assert_allclose(report.scores["2 groups"], [1 - pair[t] for t in range(3)], atol=1e-12)


def test_the_best_partition_is_fitted(known):
    model = MultiTaskGrouping(Counted(), method="retrain").fit(*known)
    assert model.report_.best == "2 groups"
    assert model.groups_ == [["task_0", "task_1"], ["task_2"]]
    assert model.group_of_ == {"task_0": 0, "task_1": 0, "task_2": 1}
    assert [fitted.trained_ for fitted in model.estimators_] == [[0, 1], [2]]
    predicted = model.predict(known[0])
    np.testing.assert_allclose(predicted - known[0], [[0.75, 0.5, 1.0]] * 30)


def test_affinities_of_ones_own_nominate(known):
    table = np.zeros((3, 3))
    table[1, 2] = 1.0
    report = MultiTaskGrouping(Counted(), 2, method=table, guard=None).fit(*known).report_
    pair = losses((1, 2)) | losses((0,))
    np.testing.assert_allclose(report.scores["2 groups"], [1 - pair[t] for t in range(3)], atol=1e-12)
    assert report.best == "all separate"  # as the pair loses more than both ends


def hurt(guard):
    """Tasks 0 and 1, of which the one helps the other more than it is hurt by it."""
    model = MultiTaskGrouping(Hurt(), guard=guard)
    X = np.random.default_rng(0).normal(size=(30, 2))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return model.fit(X, X.copy()), X


class Hurt(Counted):
    """Task 0 takes 0.75 off the error of task 1, which adds 0.1 to that of task 0."""

    def predict(self, X):
        predicted = np.asarray(X, dtype=float)[:, : self.n_outputs_] + 1.0
        if len(self.trained_) == 2:
            predicted += [0.1, -0.75]
        return predicted


def test_the_guard():
    model, X = hurt("validation")
    assert model.groups_ == [["task_0"], ["task_0", "task_1"]]
    assert model.group_of_ == {"task_0": 0, "task_1": 1}
    assert model.report_.verdicts == {"task_0": "fell back to its own network", "task_1": "shares"}
    np.testing.assert_allclose(model.report_.scores["chosen"], [0.0, 1 - 0.25**2], atol=1e-12)
    np.testing.assert_allclose(model.predict(X) - X, [[1.0, 0.25]] * 30)
    assert "fell back" in repr(model.report_)


def test_without_a_guard():
    model, X = hurt(None)
    assert model.groups_ == [["task_0", "task_1"]]
    np.testing.assert_allclose(model.predict(X) - X, [[1.1, 0.25]] * 30)


@pytest.mark.parametrize("seed", range(3))
def test_never_worse_than_both_ends_beyond_noise(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(90, 4))
    Y = np.column_stack([X[:, 0], X[:, 0] + X[:, 1], -X[:, 2], rng.normal(size=90)]) + 0.2 * rng.normal(size=(90, 4))
    report = MultiTaskGrouping(MultiTaskRegressor(**QUICK), random_state=seed).fit(X, Y).report_
    means = {name: scores.mean() for name, scores in report.scores.items()}
    assert means["chosen"] >= means[report.best] >= means["all in one"]
    assert report.best in ("all in one", max(means, key=lambda name: means[name] - (name == "chosen")))


class Clearly(Counted):
    """A network for one task has an error of 0.9 in every row, one for more of 1."""

    def predict(self, X):
        return np.asarray(X, dtype=float)[:, : self.n_outputs_] + (0.9 if len(self.trained_) == 1 else 1.0)


class Uncertain(Counted):
    """A network for one task is better in every other row, and nearly as much worse in the rest."""

    def predict(self, X):
        errors = (1.0, 1.5) if len(self.trained_) == 1 else (1.55, 1.0)
        return np.asarray(X, dtype=float)[:, : self.n_outputs_] + np.resize(errors, len(X))[:, None]


@pytest.mark.parametrize(("estimator", "best"), [(Clearly(), "all separate"), (Uncertain(), "all in one")])
def test_one_network_unless_another_partition_is_better_beyond_noise(known, estimator, best):
    report = MultiTaskGrouping(estimator, 1, guard=None).fit(*known).report_
    assert report.scores["all separate"].mean() > report.scores["all in one"].mean()
    assert report.best == best


def test_networks_are_fitted_once_to_each_fold_and_then_to_all_rows(known):
    MultiTaskGrouping(Counted(), method="retrain", cv=3).fit(*known)
    groups = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    last = [((0, 1), 30), ((2,), 30)]
    assert sorted(Counted.fits) == sorted([(group, 20) for group in groups] * 3 + last)


def test_an_interrupt_leaves_all_as_it_was(known):
    model = MultiTaskGrouping(Counted(), method="retrain").fit(*known)
    before = model.predict(known[0])
    Counted.fits.clear()
    with pytest.raises(KeyboardInterrupt):
        model.set_params(estimator__interrupt=5).fit(*known)
    np.testing.assert_array_equal(model.predict(known[0]), before)


# As an estimator


@pytest.mark.parametrize("method", ["lookahead", "gradient", "retrain"])
def test_mixed_kinds_with_gaps(mixed, method):
    X, Y = mixed
    model = MultiTaskGrouping(MultiTaskEstimator(**QUICK), method=method, cv=2, random_state=0).fit(X, Y)
    assert model.tasks_ == {"level": "multiclass", "passed": "binary", "price": "regression"}
    level, passed, price = model.predict_proba(X)
    assert (level.shape, passed.shape, price) == ((120, 3), (120, 2), None)
    predicted = model.predict(X)
    assert predicted.shape == (120, 3)
    assert set(predicted[:, 0]) <= {"high", "low", "middle"}
    assert all(score > 0.3 for score in model.score_tasks(X, Y).values())
    assert model.affinity_.method == method
    assert len(model.report_.frame()) == 3
    assert set(model.report_.candidates_frame().index) == {"all in one", "all separate", "2 groups"}


def test_parameters_by_task_reach_every_group(mixed):
    X, Y = mixed
    network = MultiTaskEstimator(**QUICK, task_weights=[1, 2, 3], main_task="price", class_weight={"level": "balanced"})
    model = MultiTaskGrouping(network, cv=2, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.3


def test_tasks_keep_their_descriptors(regression):
    X, Y = regression
    Y = np.column_stack([Y, X[:, 0]])
    told = Conditioned([[0.0], [0.1], [9.0]])
    network = MultiTaskRegressor(**QUICK, architecture=told, random_state=0)
    model = MultiTaskGrouping(network, 2, method=[[0, 1, 0], [1, 0, 0], [0, 0, 0]], random_state=0).fit(X, Y)
    for fitted, names in zip(model.estimators_, model.groups_, strict=True):
        assert fitted.net_.module_.trunk.task_positions == tuple(int(name[-1]) for name in names)


def test_what_it_does_is_told(known, capsys):
    MultiTaskGrouping(Counted(), 1, cv=2, verbose=1).fit(*known)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[MultiTaskGrouping] 1/8 tasks ['task_0', 'task_1', 'task_2'], fold 1, ")
    assert lines[-1].startswith("Chosen of 2 candidates")


def test_sparse_labels(regression):
    X, Y = regression
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    known = np.random.default_rng(0).random(Y.shape) < 0.7
    rows, columns = np.nonzero(known)
    stored = sparse.csr_array((Y[known], (rows, columns)), shape=Y.shape)
    network = MultiTaskGrouping(MultiTaskRegressor(**QUICK), random_state=0)
    dense = clone(network).fit(X, np.where(known, Y, np.nan)).predict(X)
    np.testing.assert_allclose(network.fit(X, stored).predict(X), dense)


def test_own_out_of_fold_predictions_save_the_folds(regression):
    network = MultiTaskRegressor(**QUICK, n_members=2, early_stopping=True, random_state=0)
    model = MultiTaskGrouping(network, cv=None, random_state=0).fit(*regression)
    X, Y = regression
    oof = network.fit(X, Y).oof_prediction_
    np.testing.assert_allclose(model.report_.scores["all in one"], 1 - ((oof - Y) ** 2).mean(axis=0) / Y.var(axis=0))


def test_inside_of_others(regression):
    inner = make_pipeline(StandardScaler(), MultiTaskRegressor(**QUICK))
    search = GridSearchCV(MultiTaskGrouping(inner, random_state=0), {"guard": ["validation", None]}, cv=2)
    assert search.fit(*regression).predict(regression[0]).shape == (120, 2)


def test_any_estimator_that_takes_several_tasks(regression):
    X, Y = regression
    model = MultiTaskGrouping(ExtraTreesRegressor(10, random_state=0), method="retrain", cv=2, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.5


def test_weights_of_labels(regression):
    X, Y = regression
    model = MultiTaskGrouping(MultiTaskRegressor(**QUICK), random_state=0)
    weighted = clone(model).fit(X, Y, np.full(Y.shape, 2.0))
    np.testing.assert_allclose(
        weighted.report_.scores["all in one"], model.fit(X, Y).report_.scores["all in one"], rtol=1e-3
    )


def test_one_task_is_one_network(regression):
    X, Y = regression
    model = MultiTaskGrouping(MultiTaskRegressor(**QUICK, random_state=0)).fit(X, Y[:, 0])
    expected = MultiTaskRegressor(**QUICK, random_state=0).fit(X, Y[:, 0]).predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)
    assert model.groups_ == [["task_0"]]
    assert repr(model.report_) == "task_0: the only task"


def test_empty_tasks_are_left_out(regression):
    X, Y = regression
    Y = np.column_stack([Y, np.full(120, np.nan)])
    model = MultiTaskGrouping(MultiTaskRegressor(**QUICK, on_empty_task="skip"), random_state=0)
    with pytest.warns(UserWarning, match="on_empty_task='skip' leaves them out"):
        model.fit(X, Y)
    assert model.skipped_tasks_ == ["task_2"]
    assert np.isnan(model.predict(X)[:, 2]).all()


# Errors


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"n_groups": 3}, r"n_groups=3 is more than the 2 task\(s\)"),
        ({"n_groups": 0}, "The 'n_groups' parameter"),
        ({"method": "look"}, "The 'method' parameter"),
        ({"guard": "test"}, "The 'guard' parameter"),
        ({"estimator": MultiTaskRegressor(**QUICK, main_task="price")}, "main_task='price' is no task"),
    ],
)
def test_errors(regression, settings, text):
    with pytest.raises(ValueError, match=text):
        MultiTaskGrouping(MultiTaskRegressor(**QUICK)).set_params(**settings).fit(*regression)


def test_affinities_of_another_shape(known):
    with pytest.raises(ValueError, match=r"have the shape \(2, 2\); 3 tasks"):
        MultiTaskGrouping(Counted(), method=np.eye(2)).fit(*known)


# What scikit-learn asks for


@parametrize_with_checks(
    [
        MultiTaskGrouping(MultiTaskEstimator(**QUICK), cv=2),
        MultiTaskGrouping(MultiTaskRegressor(**QUICK), cv=2),
        MultiTaskGrouping(MultiTaskClassifier(**QUICK), cv=2),
    ],
    expected_failed_checks=lambda estimator: dict.fromkeys(
        [f"check_sample_weight_equivalence_on_{data}_data" for data in ("dense", "sparse")],
        "equivalent up to the batches and the rounding of a stochastic solver",
    ),
)
def test_scikit_learn(estimator, check):
    check(estimator)
