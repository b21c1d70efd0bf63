"""Tasks without a label: an error that names them, or left out of training on request."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

nan = np.nan
QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 4, "batch_size": 32, "random_state": 0}
SKIP = QUICK | {"on_empty_task": "skip"}

rng = np.random.default_rng(0)
X = rng.normal(size=(80, 4))
KEPT = [0, 2, 3]
NUMBERS = X @ rng.normal(size=(4, 4)) + 5
CODES = (NUMBERS > 5).astype(float)
NUMBERS[::3, 3] = CODES[::3, 3] = nan
NUMBERS[:, 1] = CODES[:, 1] = nan
MIXED = np.where([True, True, True, False], NUMBERS, CODES)
WORDS = np.where(np.isnan(CODES), None, np.where(CODES == 1, "yes", "no"))


def sparse(Y):
    seen = np.nonzero(~np.isnan(Y))
    return sp.csr_array(sp.coo_array((Y[seen], seen), shape=Y.shape))


def fit(model, Y, sample_weight=None, match=r"no observed label in column\(s\) \['task_1'\].*leaves them out"):
    """Fit with the warning that has to come."""
    with pytest.warns(UserWarning, match=match):
        return model.fit(X, Y, sample_weight)


# Raise


@pytest.mark.parametrize("kind", [MultiTaskRegressor, MultiTaskClassifier, MultiTaskEstimator])
def test_by_default_it_is_an_error_that_says_what_can_be_done(kind):
    with pytest.raises(ValueError, match=r"no observed label in column\(s\) \['task_1'\].*on_empty_task='skip'"):
        kind(**QUICK).fit(X, CODES)


def test_one_class_is_an_error_that_says_what_can_be_done():
    Y = CODES.copy()
    Y[:, 1] = 1
    with pytest.raises(ValueError, match=r"'task_1' has one class only.*on_empty_task='skip'"):
        MultiTaskClassifier(**QUICK).fit(X, Y)


def test_unknown_choice():
    with pytest.raises(ValueError, match=r"'on_empty_task'.*Did you mean 'skip'"):
        MultiTaskRegressor(on_empty_task="skp").fit(X, NUMBERS)


# Skip


def test_the_others_are_trained_as_if_it_were_not_there():
    model = fit(MultiTaskRegressor(**SKIP), NUMBERS)
    alone = MultiTaskRegressor(**QUICK).fit(X, NUMBERS[:, KEPT])
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))
    assert model.loss_curve_ == alone.loss_curve_
    assert np.isnan(model.predict(X)[:, 1]).all()
    assert model.predict(X).dtype == np.float64
    assert list(model.tasks_) == ["task_0", "task_2", "task_3"]
    assert model.skipped_tasks_ == ["task_1"]
    assert model.n_outputs_ == 4
    assert list(model.history_.frame().filter(like="train_loss__")) == [f"train_loss__task_{t}" for t in KEPT]


def test_nothing_is_skipped_where_every_task_has_a_label():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MultiTaskRegressor(**SKIP, solver="lbfgs", tol=10.0).fit(X, NUMBERS[:, KEPT])
    assert model.skipped_tasks_ == []
    assert list(model.tasks_) == ["task_0", "task_1", "task_2"]


def test_predictions_of_numeric_labels_are_floats_with_nan():
    model = fit(MultiTaskClassifier(**SKIP), CODES)
    labels = model.predict(X)
    assert labels.dtype == np.float64
    assert np.isnan(labels[:, 1]).all()
    assert set(labels[:, KEPT].ravel()) <= {0.0, 1.0}


def test_predictions_of_words_are_objects_with_none():
    model = fit(MultiTaskClassifier(**SKIP), WORDS)
    labels = model.predict(X)
    assert labels.dtype == object
    assert set(labels[:, 1]) == {None}
    assert set(labels[:, KEPT].ravel()) <= {"yes", "no"}
    alone = MultiTaskClassifier(**QUICK).fit(X, WORDS[:, KEPT])
    assert_array_equal(labels[:, KEPT], alone.predict(X))


def test_probabilities_and_classes_are_none():
    model = fit(MultiTaskClassifier(**SKIP), CODES)
    alone = MultiTaskClassifier(**QUICK).fit(X, CODES[:, KEPT])
    for found, expected in [
        (model.predict_proba(X), alone.predict_proba(X)),
        (model.predict_log_proba(X), alone.predict_log_proba(X)),
        (model.classes_, alone.classes_),
    ]:
        assert len(found) == 4
        assert found[1] is None
        for ours, theirs in zip([found[t] for t in KEPT], expected, strict=True):
            assert_array_equal(ours, theirs)


def test_mixed_kinds():
    model = fit(MultiTaskEstimator(**SKIP), MIXED)
    assert model.tasks_ == {"task_0": "regression", "task_2": "regression", "task_3": "binary"}
    assert np.isnan(model.predict(X)[:, 1]).all()
    assert [p is None for p in model.predict_proba(X)] == [True, True, True, False]
    Y = MIXED.astype(object)
    Y[:, 3] = WORDS[:, 3]
    labels = fit(MultiTaskEstimator(**SKIP, tasks=["regression"] * 3 + ["classification"]), Y).predict(X)
    assert labels.dtype == object
    assert set(labels[:, 1]) == {None}


def test_standard_deviations_are_nan():
    _, std = fit(MultiTaskRegressor(**SKIP, loss="gaussian_nll"), NUMBERS).predict(X, return_std=True)
    assert std.shape == (80, 4)
    assert_array_equal(np.isnan(std).all(axis=0), [False, True, False, False])


@pytest.mark.parametrize(("kind", "Y"), [(MultiTaskRegressor, NUMBERS), (MultiTaskEstimator, MIXED)])
def test_out_of_fold_predictions_have_its_column(kind, Y):
    found = fit(kind(**SKIP, n_members=2, early_stopping=True), Y).oof_prediction_
    if kind is MultiTaskRegressor:
        assert_array_equal(np.isnan(found).all(axis=0), [False, True, False, False])
    else:
        assert [None if part is None else part.shape for part in found] == [(80,), None, (80,), (80, 2)]


def test_names_of_a_frame():
    pd = pytest.importorskip("pandas")
    Y = pd.DataFrame(NUMBERS, columns=["a", "no label", "c", "d"])
    model = fit(MultiTaskRegressor(**SKIP), Y, match=r"column\(s\) \['no label'\]")
    assert model.skipped_tasks_ == ["no label"]
    assert list(model.score_tasks(X, Y)) == ["a", "no label", "c", "d"]
    with pytest.raises(ValueError, match="in another order"):
        model.score(X, Y.iloc[:, ::-1])


def test_many_names_are_cut_short():
    Y = np.hstack([NUMBERS, np.full((80, 20), nan)])
    fit(
        MultiTaskRegressor(**SKIP), Y, match=r"'task_1', 'task_4', 'task_5', 'task_6', 'task_7', \.\.\.\] \(21 in all\)"
    )


def test_sparse_labels():
    model = fit(MultiTaskRegressor(**SKIP), sparse(NUMBERS))
    assert_array_equal(model.predict(X), fit(MultiTaskRegressor(**SKIP), NUMBERS).predict(X))
    assert model.score_tasks(X, sparse(NUMBERS)) == pytest.approx(model.score_tasks(X, NUMBERS), nan_ok=True)


# Labels of weight 0


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array], ids=["dense", "sparse"])
def test_labels_of_weight_0_are_none(form):
    weights = np.ones((80, 4))
    weights[:, 2] = 0
    Y = sparse(NUMBERS) if form is sp.csr_array else NUMBERS
    model = fit(MultiTaskRegressor(**SKIP), Y, form(weights), match=r"\['task_1', 'task_2'\]")
    assert model.skipped_tasks_ == ["task_1", "task_2"]
    alone = MultiTaskRegressor(**QUICK).fit(X, NUMBERS[:, [0, 3]], weights[:, [0, 3]])
    assert_array_equal(model.predict(X)[:, [0, 3]], alone.predict(X))
    assert_array_equal(list(model.score_tasks(X, Y, form(weights)).values())[1:3], [nan, nan])


def test_rows_of_weight_0_have_no_label():
    weights = np.ones(80)
    weights[~np.isnan(NUMBERS[:, 3])] = 0
    fit(MultiTaskRegressor(**SKIP), NUMBERS, weights, match=r"\['task_1', 'task_3'\]")
    with pytest.raises(ValueError, match=r"Every label of task\(s\) \['task_2'\] has weight 0"):
        MultiTaskRegressor(**QUICK).fit(X, NUMBERS[:, KEPT], weights)


# One class


@pytest.mark.parametrize("form", [np.asarray, sparse], ids=["dense", "sparse"])
def test_a_task_of_one_class_is_skipped_too(form):
    Y = CODES.copy()
    Y[::2, 1] = 1
    model = fit(MultiTaskClassifier(**SKIP), form(Y), match=r"labels of one class only in column\(s\) \['task_1'\]")
    assert model.skipped_tasks_ == ["task_1"]
    assert np.isnan(model.score_tasks(X, form(Y))["task_1"])


def test_one_value_of_a_regression_is_no_reason():
    Y = NUMBERS.copy()
    Y[::2, 1] = 1.5
    assert MultiTaskRegressor(**SKIP).fit(X, Y).skipped_tasks_ == []
    assert MultiTaskEstimator(**SKIP, tasks="regression").fit(X, np.where(Y == 1.5, 2.0, Y)).skipped_tasks_ == []


def test_a_task_whose_classes_are_given_waits_for_its_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MultiTaskClassifier(**SKIP).partial_fit(X, CODES, classes=[[0, 1]] * 4)
    assert model.skipped_tasks_ == []
    with pytest.warns(UserWarning, match=r"\['task_1'\]"):
        model = MultiTaskClassifier(**SKIP).partial_fit(X, CODES, classes={"task_0": [0, 1]})
    assert model.skipped_tasks_ == ["task_1"]


# Nothing is left


@pytest.mark.parametrize("Y", [np.full((80, 2), nan), np.full(80, nan)], ids=["two", "one"])
def test_without_any_label_it_is_an_error(Y):
    with pytest.raises(ValueError, match=r"no observed label.*nothing to train"):
        MultiTaskRegressor(**SKIP).fit(X, Y)


def test_without_two_classes_in_any_task_it_is_an_error():
    Y = np.column_stack([np.ones(80), np.full(80, nan)])
    with pytest.raises(ValueError, match=r"no observed label or labels of one class only.*nothing to train"):
        MultiTaskClassifier(**SKIP).fit(X, Y)


# What is given for each task


PER_TASK = {
    "weights as list": ({"task_weights": [1, 5, 2, 3]}, {"task_weights": [1, 2, 3]}),
    "weights as array": ({"task_weights": np.array([1, 5, 2, 3])}, {"task_weights": [1, 2, 3]}),
    "weights by name": ({"task_weights": {"task_1": 5, "task_2": 2}}, {"task_weights": [1, 2, 1]}),
    "losses as list": (
        {"loss": ["huber", "poisson", "auto", "absolute_error"]},
        {"loss": ["huber", "auto", "absolute_error"]},
    ),
    "losses by name": ({"loss": {"task_1": "poisson", "task_2": "huber"}}, {"loss": ["auto", "huber", "auto"]}),
}


@pytest.mark.parametrize(("given", "expected"), PER_TASK.values(), ids=PER_TASK)
def test_parameters_may_speak_of_all_tasks(given, expected):
    model = fit(MultiTaskRegressor(**SKIP | given), NUMBERS)
    alone = MultiTaskRegressor(**QUICK | expected).fit(X, NUMBERS[:, KEPT])
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))


@pytest.mark.parametrize(
    "class_weight",
    ["balanced", [None, {0: 7}, "balanced", {1: 3}], {"task_1": "balanced", "task_2": "balanced", "task_3": {1: 3}}],
)
def test_class_weights_may_speak_of_all_tasks(class_weight):
    model = fit(MultiTaskClassifier(**SKIP, class_weight=class_weight), CODES)
    expected = class_weight if isinstance(class_weight, str) else [None, "balanced", {1: 3}]
    alone = MultiTaskClassifier(**QUICK, class_weight=expected).fit(X, CODES[:, KEPT])
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))


@pytest.mark.parametrize(
    "tasks", [["regression"] * 3 + ["classification"], {"task_1": "regression", "task_3": "classification"}]
)
def test_kinds_may_speak_of_all_tasks(tasks):
    model = fit(MultiTaskEstimator(**SKIP, tasks=tasks), MIXED)
    assert list(model.tasks_.values()) == ["regression", "regression", "binary"]


@pytest.mark.parametrize("given", [{"task_weights": [1, 2, 3]}, {"loss": ["huber"] * 3}])
def test_a_list_for_the_trained_tasks_only_is_an_error(given):
    name = next(iter(given))
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=f"'{name}' parameter.*3 entries for the 4 columns"):
        MultiTaskRegressor(**SKIP | given).fit(X, NUMBERS)


def test_a_main_task_must_have_labels():
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="main_task='task_1' has no label"):
        MultiTaskRegressor(**SKIP, main_task="task_1").fit(X, NUMBERS)
    assert fit(MultiTaskRegressor(**SKIP, main_task="task_2", early_stopping=True), NUMBERS).skipped_tasks_


@pytest.mark.parametrize("settings", [{"weighting": "uncertainty"}, {"aggregator": "pcgrad"}, {"sampling": "tasks"}])
def test_balancing_sees_the_trained_tasks_only(settings):
    model = fit(MultiTaskRegressor(**SKIP | settings), NUMBERS)
    alone = MultiTaskRegressor(**QUICK | settings).fit(X, NUMBERS[:, KEPT])
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))


# Later calls


def test_scores_leave_it_out():
    model = fit(MultiTaskRegressor(**SKIP), NUMBERS)
    Y = NUMBERS.copy()
    Y[:, 1] = 3.0  # labels that come too late
    scores = model.score_tasks(X, Y)
    assert list(scores) == ["task_0", "task_1", "task_2", "task_3"]
    assert np.isnan(scores["task_1"])
    assert model.score(X, Y) == pytest.approx(np.mean([scores[f"task_{t}"] for t in KEPT]))
    assert not np.isnan(model.score(X, Y, np.ones((80, 4))))


def test_one_label_has_no_variance_to_explain():
    model = MultiTaskEstimator(**QUICK).fit(X, MIXED[:, KEPT])
    Y = np.full((80, 3), nan)
    Y[1] = MIXED[1, KEPT]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = model.score_tasks(X, Y)
    assert np.isnan([scores["task_0"], scores["task_1"]]).all()
    assert scores["task_2"] in (0.0, 1.0)
    assert model.score(X, Y) == scores["task_2"]


def test_later_training_takes_all_columns_and_does_not_look_at_it():
    model = MultiTaskRegressor(**SKIP)
    with pytest.warns(UserWarning, match="task_1"):
        model.partial_fit(X, NUMBERS)
    alone = MultiTaskRegressor(**QUICK).partial_fit(X, NUMBERS[:, KEPT])
    Y = NUMBERS.copy()
    Y[:, 1] = 3.0
    model.partial_fit(X, Y)
    assert_array_equal(model.predict(X)[:, KEPT], alone.partial_fit(X, Y[:, KEPT]).predict(X))
    model.partial_fit(X, Y, sample_weight=np.ones((80, 4)))
    with pytest.raises(ValueError, match=r"y has 3 column\(s\).*fitted with 4"):
        model.partial_fit(X, Y[:, KEPT])


def test_a_warm_start_keeps_the_tasks():
    model = fit(MultiTaskRegressor(**SKIP, warm_start=True), NUMBERS)
    Y = NUMBERS.copy()
    Y[:, 1] = 3.0
    assert model.fit(X, Y).skipped_tasks_ == ["task_1"]
    assert clone(model).fit(X, Y).skipped_tasks_ == []


def test_it_is_saved_with_the_estimator():
    model = fit(MultiTaskClassifier(**SKIP), WORDS)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.predict(X))
    assert again.skipped_tasks_ == ["task_1"]
