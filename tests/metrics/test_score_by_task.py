"""Scores of predictions, beside scikit-learn's metrics on the labelled rows."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import metrics

from skmtl.metrics import TASK_METRICS, TaskMetric, score_by_task

nan = np.nan


@pytest.fixture
def table(rng):
    """Truth and predictions (60, 2) of numbers, with gaps in the truth, and the mask of the labels."""
    truth = rng.normal(size=(60, 2))
    predicted = truth + 0.5 * rng.normal(size=truth.shape)
    seen = rng.random(truth.shape) < 0.7
    return np.where(seen, truth, nan), predicted, seen


@pytest.fixture
def chances(rng):
    """Codes (80, 2) with gaps, of two and of four classes, and probabilities of each."""
    probabilities = [rng.dirichlet(np.ones(k), size=80) for k in (2, 4)]
    codes = np.stack([[rng.choice(len(p), p=p) for p in each] for each in probabilities], axis=1).astype(float)
    return np.where(rng.random(codes.shape) < 0.2, nan, codes), probabilities


REFERENCES = {
    "r2": metrics.r2_score,
    "explained_variance": metrics.explained_variance_score,
    "neg_mean_squared_error": lambda y, p, **w: -metrics.mean_squared_error(y, p, **w),
    "neg_root_mean_squared_error": lambda y, p, **w: -metrics.root_mean_squared_error(y, p, **w),
    "neg_mean_absolute_error": lambda y, p, **w: -metrics.mean_absolute_error(y, p, **w),
    "neg_median_absolute_error": lambda y, p, **w: -metrics.median_absolute_error(y, p, **w),
    "neg_relative_rmse": lambda y, p, **w: -np.sqrt(1 - metrics.r2_score(y, p, **w)),
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "f1_macro": lambda y, p, **w: metrics.f1_score(y, p, average="macro", **w),
    "f1_weighted": lambda y, p, **w: metrics.f1_score(y, p, average="weighted", **w),
    "matthews_corrcoef": metrics.matthews_corrcoef,
    "roc_auc": lambda y, p, **w: metrics.roc_auc_score(y, p[:, 1] if p.shape[1] == 2 else p, multi_class="ovr", **w),
    "average_precision": lambda y, p, **w: metrics.average_precision_score(y, p[:, 1] if p.shape[1] == 2 else p, **w),
    "neg_log_loss": lambda y, p, **w: -metrics.log_loss(y, p, **w),
    "neg_brier_score": lambda y, p, **w: -metrics.brier_score_loss(y, p, **w),
}
SHORT = {
    "neg_mse": "neg_mean_squared_error",
    "neg_rmse": "neg_root_mean_squared_error",
    "neg_mae": "neg_mean_absolute_error",
}


def test_every_metric_has_a_reference():
    assert REFERENCES.keys() | SHORT.keys() == TASK_METRICS.keys()


@pytest.mark.parametrize("short", SHORT)
def test_a_short_name_is_the_same_metric(short):
    assert TASK_METRICS[short] is TASK_METRICS[SHORT[short]]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", REFERENCES)
def test_a_metric_is_that_of_scikit_learn_on_the_labelled_rows(name, weighted, table, chances, rng):
    metric = TASK_METRICS[name]
    if metric.kind == "regression":
        truth, predicted, _ = table
        parts = list(predicted.T)
    else:
        truth, parts = chances
        predicted = parts
        if metric.response == "predict":
            parts = [p.argmax(axis=1) for p in parts]
            predicted = np.stack(parts, axis=1)
    weights = rng.random(truth.shape) if weighted else None
    scores = score_by_task(truth, predicted, name, tasks=metric.kind, sample_weight=weights)
    for j, score in enumerate(scores.values()):
        rows = ~np.isnan(truth[:, j])
        given = {"sample_weight": weights[rows, j]} if weighted else {}
        assert score == pytest.approx(REFERENCES[name](truth[rows, j], parts[j][rows], **given)), j


def test_by_default_a_regression_is_scored_by_r2_and_a_classification_by_accuracy():
    truth = [[1.5, "x"], [2.5, None], [None, "y"], [4.0, "y"]]
    predicted = np.array([[1.5, "x"], [2.0, "x"], [0.0, "x"], [4.0, "y"]], dtype=object)
    scores = score_by_task(truth, predicted)
    assert scores == {
        "task_0": pytest.approx(metrics.r2_score([1.5, 2.5, 4.0], [1.5, 2.0, 4.0])),
        "task_1": pytest.approx(2 / 3),
    }


def test_names_are_those_of_the_columns():
    pd = pytest.importorskip("pandas")
    truth = pd.DataFrame({"length": [1.5, None, 2.5], "kind": pd.array([1, 2, None], dtype="Int64")})
    assert score_by_task(truth, truth.fillna(1)) == {"length": 1.0, "kind": 1.0}


def test_predictions_with_names_are_compared_by_name():
    pd = pytest.importorskip("pandas")
    truth = pd.DataFrame({"length": [1.5, 0.5, 2.5], "kind": ["a", "b", "a"]})
    assert score_by_task(truth, truth[["kind", "length"]]) == {"length": 1.0, "kind": 1.0}
    assert score_by_task(truth, truth.set_axis(["x", "y"], axis=1)) == {"length": 1.0, "kind": 1.0}
    with pytest.raises(ValueError, match=r"columns of y_pred are \['length', 'sort'\].*y_pred.to_numpy"):
        score_by_task(truth, truth.rename(columns={"kind": "sort"}))


def test_a_list_of_columns_is_one_by_task():
    truth = np.array([[0.5, 0], [1.5, 1], [2.5, 1]])
    assert score_by_task(truth, list(truth.T)) == {"task_0": 1.0, "task_1": 1.0}
    assert score_by_task(truth, truth.tolist()) == score_by_task(truth, list(truth)) == score_by_task(truth, truth)


def test_a_metric_for_one_kind_leaves_the_others_out():
    truth = np.array([[0.5, 0], [1.5, 1], [2.5, 1]])
    assert score_by_task(truth, truth, "r2") == {"task_0": 1.0}
    assert score_by_task(truth, truth, "accuracy") == {"task_1": 1.0}


def test_metrics_by_kind_and_by_task():
    truth = np.array([[0.5, 0, 1.5], [1.5, 1, 0.5]])
    predicted = [truth[:, 0] + 1, np.array([[0.5, 0.5], [0.0, 1.0]]), truth[:, 2] + 2]
    metric = {"regression": "neg_mae", "task_2": "neg_mse", "classification": "neg_log_loss"}
    scores = score_by_task(truth, predicted, metric)
    assert scores == {"task_0": -1.0, "task_1": pytest.approx(-np.log(2) / 2), "task_2": -4.0}


def test_a_function_sees_the_labels_as_they_are():
    truth, predicted = [["b"], ["a"], [None]], [["b"], ["b"], ["a"]]
    assert score_by_task(truth, predicted, lambda y, p: float((y[0], p[1]) == ("b", "b"))) == {"task_0": 1.0}


def test_a_function_of_probabilities_sees_those_of_the_second_of_two_classes(chances):
    truth, probabilities = chances
    metric = TaskMetric(metrics.roc_auc_score, kind="classification", response="predict_proba")
    binary, own = truth[:, :1], score_by_task(truth[:, 0], probabilities[0], "roc_auc")
    assert score_by_task(binary, probabilities[0], metric) == own


def test_probabilities_of_the_second_class_in_one_matrix_are_understood(chances, rng):
    truth, chance = np.array([[0, 1], [1, 0], [0, nan], [1, 1]]), rng.random((4, 2))
    both = [np.stack([1 - p, p], axis=1) for p in chance.T]
    assert score_by_task(truth, chance, "neg_log_loss") == score_by_task(truth, both, "neg_log_loss")


def test_classes_say_what_the_columns_of_probabilities_are():
    chance = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    scores = score_by_task(["x", "z"], chance, "neg_log_loss", classes=np.array(["x", "y", "z"]))
    assert scores == {"task_0": pytest.approx(np.log(0.5) / 2)}
    with pytest.raises(ValueError, match=r"Task 'task_0' has 2 classes, \['x', 'z'\], but 3 columns of probabilities"):
        score_by_task(["x", "z"], chance, "neg_log_loss")


def test_a_class_that_was_never_learned_has_probability_0():
    chance = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    scores = score_by_task(["x", "y", "new"], chance, "neg_log_loss", classes=np.array(["x", "y"]))
    assert scores["task_0"] == pytest.approx(np.log(np.finfo(float).eps) / 3)


def test_a_score_that_is_not_defined_is_nan():
    truth = np.array([[nan, 1.5, 0], [nan, nan, 0]])
    scores = score_by_task(truth, np.zeros((2, 3)), "r2", tasks="regression")
    assert np.isnan(scores["task_0"]) and np.isnan(scores["task_1"])
    ones = [np.array([[0.4, 0.6], [0.3, 0.7]])] * 3
    classes = [np.array([0, 1])] * 3
    scores = score_by_task(truth, ones, "roc_auc", tasks="classification", classes=classes)
    assert all(map(np.isnan, scores.values()))


def test_rows_without_a_prediction_are_left_out():
    assert score_by_task([0, 1, 1], [0.0, nan, 1.0], "accuracy") == {"task_0": 1.0}
    assert np.isnan(score_by_task([0, 1], [nan, nan], "accuracy")["task_0"])
    assert score_by_task(["a", "b"], np.array(["a", None], dtype=object)) == {"task_0": 1.0}


def test_a_label_of_weight_0_is_none(table):
    truth, predicted, seen = table
    weights = seen * np.repeat([1.0, 0.0], 30)[:, None]
    weights[:, 1] = 1.0
    half = score_by_task(truth[:30], predicted[:30])["task_0"]
    scores = score_by_task(truth, predicted, sample_weight=weights)
    assert scores["task_0"] == pytest.approx(half)
    assert scores["task_1"] == pytest.approx(score_by_task(truth, predicted)["task_1"])


def test_sparse_labels_give_the_scores_of_dense_ones(table, rng):
    truth, predicted, seen = table
    rows, columns = np.nonzero(seen)
    sparse = csr_array((truth[seen], (rows, columns)), shape=truth.shape)
    assert score_by_task(sparse, predicted) == pytest.approx(score_by_task(truth, predicted))
    weights = rng.random(truth.shape)
    dense = score_by_task(truth, predicted, sample_weight=weights)
    assert score_by_task(sparse, predicted, sample_weight=weights) == pytest.approx(dense)


def test_another_sentinel_is_missing():
    assert score_by_task([[0], [1], [-1]], [[0], [1], [1]], "accuracy", missing_label=-1) == {"task_0": 1.0}


def test_no_array_is_written(table):
    truth, predicted, _ = table
    truth.flags.writeable = predicted.flags.writeable = False
    assert len(score_by_task(truth, predicted)) == 2


def test_what_does_not_fit_is_named(table):
    truth, predicted, _ = table
    with pytest.raises(ValueError, match=r"predictions of 1 task\(s\), but y_true has 2"):
        score_by_task(truth, predicted[:, 0])
    with pytest.raises(ValueError, match=r"Task 'task_0' has 59 predictions for the 60 rows"):
        score_by_task(truth, predicted[1:])
    with pytest.raises(ValueError, match=r"'rr2' is not the name of a metric.*Did you mean 'r2'"):
        score_by_task(truth, predicted, "rr2")
    with pytest.raises(ValueError, match="metric 'roc_auc' is for classification, but no task is one"):
        score_by_task(truth, predicted, "roc_auc")
    with pytest.raises(ValueError, match=r"metric names 'task_9', which is neither a task nor a kind"):
        score_by_task(truth, predicted, {"task_9": "r2"})
    with pytest.raises(ValueError, match=r"Task 'task_0' is a regression, but its metric 'accuracy' is not"):
        score_by_task(truth, predicted, {"task_0": "accuracy"})
    with pytest.raises(ValueError, match=r"Task 'task_0' has labels such as 'a', but predictions such as 1"):
        score_by_task(["a"], [1])
    with pytest.raises(ValueError, match=r"needs the probabilities of its classes.*shape \(2,\)"):
        score_by_task([0, 1], np.array([0.5, 0.5]), "neg_log_loss")
    with pytest.raises(ValueError, match=r"compares labels, but y_pred has its probabilities"):
        score_by_task([[0, 1], [1, 0]], [np.eye(2), np.eye(2)], "accuracy")
    with pytest.raises(ValueError, match="classes must be a list with the classes of each of the tasks"):
        score_by_task([[0, 1], [1, 0]], [np.eye(2), np.eye(2)], "roc_auc", classes=np.array([0, 1]))


def test_a_metric_that_takes_no_weights_says_so(table):
    truth, predicted, _ = table
    with pytest.raises(TypeError, match="sample_weight was given, but the metric max_error takes none"):
        score_by_task(truth, predicted, metrics.max_error, sample_weight=np.ones(60))


def test_bad_metrics_are_refused():
    with pytest.raises(TypeError, match=r"function must be callable.*got 'r2'"):
        TaskMetric("r2")
    with pytest.raises(ValueError, match=r"'kind' parameter.*'regresion'.*Did you mean 'regression'"):
        TaskMetric(metrics.r2_score, kind="regresion")
    with pytest.raises(ValueError, match=r"'response' parameter.*'predict_prob'.*Did you mean 'predict_proba'"):
        TaskMetric(metrics.r2_score, response="predict_prob")
    with pytest.raises(TypeError, match="metric must be a name, a function, a TaskMetric or a dict of these; got 3"):
        score_by_task([0.5], [0.5], 3)
