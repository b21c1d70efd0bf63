"""Sparse y: what is stored is observed. Results are those of a dense y with NaN, to the last bit, from less memory."""

import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, train_test_split

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._batches import Data
from skmtl._label_weights import class_factors
from skmtl._stratify import assign_folds, holdout
from skmtl._targets import Targets
from skmtl.model_selection import MultiTaskKFold, MultiTaskShuffleSplit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

nan = np.nan
FORMATS = [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.csc_matrix, sp.coo_matrix]
QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 4, "batch_size": 32, "random_state": 0}


def sparse(Y, kind=sp.csr_array):
    """Y with what is not NaN stored, zeros too."""
    rows, columns = np.nonzero(~np.isnan(Y))
    return kind(sp.coo_array((Y[rows, columns], (rows, columns)), shape=Y.shape))


rng = np.random.default_rng(0)
N = 150
X = rng.normal(size=(N, 5))
NUMBERS = X @ rng.normal(size=(5, 4)) * [1, 100, 1e-3, 1] + 0.3 * rng.normal(size=(N, 4))
CODES = np.digitize(X @ rng.normal(size=(5, 4)), [-1.0, 0.5]).astype(float)
GAPS = rng.random((N, 4)) < 0.5
GAPS[:7] = True  # rows without any label
NUMBERS[GAPS] = CODES[GAPS] = nan
MIXED = np.where([True, False, True, False], NUMBERS, CODES)
ROW_WEIGHTS = rng.uniform(0.2, 3, N)
LABEL_WEIGHTS = rng.uniform(0.2, 3, (N, 4))
LABEL_WEIGHTS[8:20] = 0
ESTIMATORS = [(MultiTaskRegressor, NUMBERS), (MultiTaskClassifier, CODES), (MultiTaskEstimator, MIXED)]


def same(first, second):
    """Two fitted estimators are the same: what they predict, and how they came to it."""
    assert_array_equal(first.predict(X), second.predict(X))
    if hasattr(first, "predict_proba"):
        for ours, theirs in zip(first.predict_proba(X), second.predict_proba(X), strict=True):
            assert_array_equal(ours, theirs)
    assert first.loss_curve_ == second.loss_curve_
    assert first.validation_scores_ == second.validation_scores_
    assert first.tasks_ == second.tasks_


# A fit

SETTINGS = {
    "as it comes": {},
    "early stopping": {"early_stopping": True, "validation_fraction": 0.2},
    "uncertainty": {"weighting": "uncertainty"},
    "famo": {"weighting": "famo"},
    "dwa, early stopping": {"weighting": "dwa", "early_stopping": True},
    "pcgrad": {"aggregator": "pcgrad"},
    "mgda, representation": {"aggregator": "mgda", "gradient_level": "representation"},
    "lbfgs": {"solver": "lbfgs"},
    "tasks": {"sampling": "tasks"},
    "no shuffle": {"shuffle": False},
    "no task of weight 0": {"task_weights": [1, 0, 2, 3]},
    "members": {"n_members": 2, "early_stopping": True},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize(("kind", "Y"), ESTIMATORS, ids=["regressor", "classifier", "estimator"])
def test_a_fit_is_the_same_to_the_last_bit(kind, Y, settings):
    model = kind(**QUICK | settings)
    dense, given = clone(model).fit(X, Y), clone(model).fit(X, sparse(Y))
    same(dense, given)
    assert dense.score_tasks(X, Y) == given.score_tasks(X, sparse(Y))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("weights", [None, ROW_WEIGHTS, LABEL_WEIGHTS], ids=["no", "row", "label"])
@pytest.mark.parametrize(("kind", "Y"), ESTIMATORS, ids=["regressor", "classifier", "estimator"])
def test_a_weighted_fit_is_the_same_to_the_last_bit(kind, Y, weights, class_weight, early_stopping, solver):
    settings = {"early_stopping": early_stopping, "solver": solver}
    if kind is not MultiTaskRegressor:
        settings["class_weight"] = class_weight
    model = kind(**QUICK | settings)
    dense, given = (clone(model).fit(X, y, sample_weight=weights) for y in (Y, sparse(Y)))
    same(dense, given)
    assert dense.score_tasks(X, Y, weights) == given.score_tasks(X, sparse(Y), weights)


def test_the_default_fit_is_the_same_to_the_last_bit():
    model = MultiTaskEstimator(max_iter=20, random_state=0)
    same(clone(model).fit(X, MIXED), clone(model).fit(X, sparse(MIXED)))


def test_float32_labels_give_the_same_fit():
    Y = NUMBERS.astype(np.float32)
    same(MultiTaskRegressor(**QUICK).fit(X, Y), MultiTaskRegressor(**QUICK).fit(X, sparse(Y)))


def test_weights_may_be_sparse_and_what_they_lack_is_0():
    model = MultiTaskRegressor(**QUICK)
    weights = sp.csr_array(LABEL_WEIGHTS)  # without the zeros
    assert weights.nnz < LABEL_WEIGHTS.size
    same(clone(model).fit(X, NUMBERS, LABEL_WEIGHTS), clone(model).fit(X, sparse(NUMBERS), weights))
    same(clone(model).fit(X, NUMBERS, weights), clone(model).fit(X, sparse(NUMBERS), LABEL_WEIGHTS))


@pytest.mark.parametrize(("kind", "Y"), ESTIMATORS, ids=["regressor", "classifier", "estimator"])
def test_a_partial_fit_is_the_same_to_the_last_bit(kind, Y):
    classes = {
        MultiTaskRegressor: {},
        MultiTaskClassifier: {"classes": [[0, 1, 2]] * 4},
        MultiTaskEstimator: {"classes": [None, [0, 1, 2], None, [0, 1, 2]]},
    }[kind]
    dense, given = kind(**QUICK), kind(**QUICK)
    for rows in np.array_split(np.arange(N), 3):
        dense.partial_fit(X[rows], Y[rows], **classes)
        given.partial_fit(X[rows], sparse(Y)[rows], **classes)
    same(dense, given)
    # Either form goes on from the other.
    same(dense.partial_fit(X, sparse(Y)), given.partial_fit(X, Y))


def test_a_warm_start_may_change_the_form():
    model = MultiTaskRegressor(**QUICK, warm_start=True)
    expected = clone(model).fit(X, NUMBERS).fit(X, NUMBERS)
    same(clone(model).fit(X, NUMBERS).fit(X, sparse(NUMBERS)), expected)
    same(clone(model).fit(X, sparse(NUMBERS)).fit(X, NUMBERS), expected)


# Forms


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_and_none_is_written(kind):
    Y = sparse(MIXED, kind)
    before = Y.copy()
    model = MultiTaskEstimator(**QUICK, class_weight="balanced", early_stopping=True).fit(X, Y)
    same(model, MultiTaskEstimator(**QUICK, class_weight="balanced", early_stopping=True).fit(X, sparse(MIXED)))
    assert_array_equal(Y.data, before.data)
    assert_array_equal(Y.tocsr().toarray(), before.tocsr().toarray())


def test_unsorted_entries_are_read_and_left_unsorted():
    Y = sparse(NUMBERS)
    shuffled = Y.copy()
    for start, stop in zip(Y.indptr[:-1], Y.indptr[1:], strict=True):
        for array in (shuffled.indices, shuffled.data):
            array[start:stop] = array[start:stop][::-1].copy()
    shuffled.has_sorted_indices = False
    before = shuffled.indices.copy()
    same(MultiTaskRegressor(**QUICK).fit(X, shuffled), MultiTaskRegressor(**QUICK).fit(X, Y))
    assert_array_equal(shuffled.indices, before)


def read(y, tasks="auto", missing_label=nan, classes=None, n_rows=None):
    return Targets.fit(
        y, tasks=tasks, missing_label=missing_label, owner="Owner", n_rows=n_rows, classes=classes, accept_sparse=True
    )


def as_dense(values):
    full = np.full(values.shape, nan)
    entries = values.tocoo()
    full[entries.row, entries.col] = entries.data
    return full


def test_a_stored_zero_is_a_label():
    y = sp.coo_array(([0, 0, 2, 0, 2, 1], ([0, 1, 2, 3, 4, 4], [0, 0, 0, 1, 1, 0])), shape=(6, 2))
    targets, values = read(y, tasks="classification")
    assert values.format == "csr"
    assert_array_equal(as_dense(values), [[0, nan], [0, nan], [2, nan], [nan, 0], [1, 1], [nan, nan]])
    assert [c.tolist() for c in targets.classes] == [[0, 1, 2], [0, 2]]
    assert targets.names == ["task_0", "task_1"]
    assert not targets.single


def test_a_stored_nan_is_missing():
    y = sp.coo_array(([nan, 0.5, 1.5, nan], ([0, 1, 2, 3], [0, 0, 1, 1])), shape=(4, 2))
    _, values = read(y)
    assert values.nnz == 2
    assert_array_equal(as_dense(values), [[nan, nan], [0.5, nan], [nan, 1.5], [nan, nan]])


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_a_stored_sentinel_is_missing(dtype):
    y = sp.coo_array((np.array([-1, 0, 1, -1, 0, 1], dtype), ([0, 1, 2, 3, 1, 2], [0, 0, 0, 1, 1, 1])), shape=(4, 2))
    targets, values = read(y, missing_label=-1)
    assert_array_equal(as_dense(values), [[nan, nan], [0, 0], [1, 1], [nan, nan]])
    assert [c.dtype for c in targets.classes] == [dtype, dtype]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint16, np.int64, np.float32])
def test_labels_come_back_in_the_dtype_they_had(dtype):
    Y = sp.coo_array(((CODES[~GAPS] > 0).astype(dtype), np.nonzero(~GAPS)), shape=CODES.shape)
    model = MultiTaskClassifier(**QUICK).fit(X, Y)
    assert model.predict(X).dtype == dtype
    assert [c.dtype for c in model.classes_] == [dtype] * 4


def test_integers_too_long_for_a_float_stay_apart():
    long = 2**60
    y = sp.coo_array(([long, long + 1, long, 3, 4], ([0, 1, 2, 0, 1], [0, 0, 0, 1, 1])), shape=(3, 2))
    targets, values = read(y, tasks="classification")
    assert_array_equal(as_dense(values), [[0, 0], [1, 1], [0, nan]])
    assert targets.classes[0].tolist() == [long, long + 1]


def test_one_column_gives_one_dimension():
    y = sparse(NUMBERS[:, :1])
    model = MultiTaskRegressor(**QUICK).fit(X, y)
    assert model.predict(X).shape == (N,)
    dense = MultiTaskRegressor(**QUICK).fit(X, NUMBERS[:, 0])
    assert_array_equal(model.predict(X), dense.predict(X))
    assert model.score(X, y) == dense.score(X, NUMBERS[:, 0])


def test_names_of_a_frame_go_with_columns_of_a_later_sparse_y():
    pd = pytest.importorskip("pandas")
    model = MultiTaskRegressor(**QUICK).fit(X, pd.DataFrame(NUMBERS, columns=list("abcd")))
    assert list(model.score_tasks(X, sparse(NUMBERS))) == list("abcd")


def test_a_class_that_was_not_there_is_never_predicted_right():
    model = MultiTaskClassifier(**QUICK).fit(X, sparse(CODES))
    Y = CODES.copy()
    Y[~GAPS] = 7
    assert set(model.score_tasks(X, sparse(Y)).values()) == {0.0}
    with pytest.raises(ValueError, match="'task_0' has the label 7"):
        model.partial_fit(X, sparse(Y))


def test_scores_are_of_the_rows_they_belong_to(monkeypatch):
    model = MultiTaskRegressor(**QUICK).fit(X, NUMBERS)
    expected = model.score_tasks(X, NUMBERS)
    monkeypatch.setattr("skmtl.estimators._prediction.PREDICT_ROWS", 16)
    assert model.score_tasks(X, sparse(NUMBERS)) == expected


# Errors


def refused(y, *words, kind=ValueError, **params):
    with pytest.raises(kind) as caught:
        MultiTaskRegressor(**QUICK | params).fit(X[: y.shape[0]], y)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_two_labels_for_one_cell():
    cells = ([1.0, 2.0, 3.5], ([0, 2, 2], [1, 1, 1]))
    refused(sp.coo_array(cells, shape=(3, 2)), "two labels for one cell", "row 2, column 1", "Keep one")
    repeated = sp.csr_array((np.ones(3), [1, 1, 1], [0, 1, 1, 3]), shape=(3, 2))
    refused(repeated, "two labels for one cell", "row 2, column 1")
    assert repeated.nnz == 3


@pytest.mark.parametrize("kind", [sp.lil_array, sp.dok_array, sp.dia_array, sp.bsr_array])
def test_formats_that_do_not_say_what_is_observed(kind):
    refused(kind(np.eye(3)), kind(np.eye(3)).format, "CSR, CSC or COO", kind=TypeError)


def test_what_cannot_be_labels():
    refused(sp.csr_array(1j * np.eye(3)), "Complex data not supported")
    refused(sp.csr_array([[1.0, np.inf], [2.0, 1.0]]), "infinity", "'task_1'")
    refused(sp.csr_array((3, 2)), "no observed label", "'task_0', 'task_1'")


def test_wrong_number_of_rows_or_columns():
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[150, 149\]"):
        MultiTaskRegressor(**QUICK).fit(X, sparse(NUMBERS)[:-1])
    model = MultiTaskRegressor(**QUICK).fit(X, sparse(NUMBERS))
    with pytest.raises(ValueError, match=r"y has 3 column\(s\).*fitted with 4"):
        model.score(X, sparse(NUMBERS)[:, :3])


def test_fractions_are_no_classes():
    with pytest.raises(ValueError, match=r"Unknown label type: continuous. Task 'task_2'"):
        MultiTaskClassifier(**QUICK).fit(X, sparse(MIXED)[:, [1, 3, 0]])


def test_weights_of_another_shape():
    with pytest.raises(ValueError, match=r"sample_weight has shape \(150, 3\)"):
        MultiTaskRegressor(**QUICK).fit(X, sparse(NUMBERS), sp.csr_array(LABEL_WEIGHTS[:, :3]))
    with pytest.raises(ValueError, match="finite and not negative"):
        MultiTaskRegressor(**QUICK).fit(X, sparse(NUMBERS), sp.csr_array(-LABEL_WEIGHTS))


# Splits, and what scikit-learn does with y


@pytest.mark.parametrize("splitter", [MultiTaskKFold(4, shuffle=True, random_state=0), MultiTaskKFold(3)])
@pytest.mark.parametrize("Y", [NUMBERS, CODES, MIXED], ids=["numbers", "classes", "mixed"])
@pytest.mark.parametrize("kind", FORMATS[:3])
def test_folds_are_the_same(splitter, Y, kind):
    dense, given = splitter.split(X, Y), splitter.split(X, sparse(Y, kind))
    for ours, theirs in zip(given, dense, strict=True):
        for rows, others in zip(ours, theirs, strict=True):
            assert_array_equal(rows, others)


def test_random_splits_are_the_same():
    splitter = MultiTaskShuffleSplit(5, test_size=0.3, random_state=0)
    for ours, theirs in zip(splitter.split(X, sparse(MIXED)), splitter.split(X, MIXED), strict=True):
        for rows, others in zip(ours, theirs, strict=True):
            assert_array_equal(rows, others)


def test_scarce_labels_are_named():
    Y = NUMBERS.copy()
    Y[9:, 2] = nan
    Y[:7, 2] = nan
    with pytest.warns(UserWarning, match="fewer labels than n_splits=4.*'task_2'"):
        next(MultiTaskKFold(4).split(X, sparse(Y)))


def test_strata_of_sparse_targets_are_those_of_dense_ones():
    for seed in range(40):
        random = np.random.RandomState(seed)
        n, n_tasks = random.randint(2, 80), random.randint(1, 9)
        Y = random.randint(0, 4, (n, n_tasks)).astype(float)
        Y[random.random_sample(Y.shape) < random.choice([0, 0.5, 0.95])] = nan
        kinds = random.choice(["classification", "regression"], n_tasks).tolist()
        folds = [assign_folds(y, kinds, min(4, n), np.random.RandomState(1)) for y in (Y, sparse(Y))]
        assert_array_equal(*folds)
        for ours, theirs in zip(
            *(holdout(y, kinds, 0.2, np.random.RandomState(1)) for y in (Y, sparse(Y))), strict=True
        ):
            assert_array_equal(ours, theirs)


def test_scikit_learn_splits_and_searches():
    # cross_val_score takes no sparse y, of any estimator.
    cv, grid = MultiTaskKFold(3, shuffle=True, random_state=0), {"alpha": [0.0, 1.0]}
    searches = [
        GridSearchCV(MultiTaskRegressor(**QUICK), grid, cv=cv, error_score="raise").fit(X, y)
        for y in (NUMBERS, sparse(NUMBERS))
    ]
    assert_array_equal(*(search.cv_results_["mean_test_score"] for search in searches))
    Y_train, Y_test = train_test_split(sparse(CODES), random_state=0)
    assert Y_train.nnz + Y_test.nnz == np.count_nonzero(~GAPS)


# In proportion to the labels


def test_no_step_makes_a_dense_table():
    n, n_tasks, a_row = 20_000, 2_000, 2
    random = np.random.default_rng(0)
    tasks = random.integers(0, n_tasks // a_row, (n, a_row)) + np.arange(a_row) * (n_tasks // a_row)
    Y = sp.csr_array((random.normal(size=n * a_row), tasks.ravel(), np.arange(0, n * a_row + 1, a_row)), (n, n_tasks))
    weights = random.uniform(size=n)
    tracemalloc.start()
    try:
        targets, values = read(Y, tasks="regression")
        targets.set_scale(values, ["standard"] * n_tasks, weights)
        scaled = targets.scale_values(values, np.float32)
        holdout(values, targets.kinds, 0.1, np.random.RandomState(0))
        _, codes = read(Y > 0, tasks="classification", classes=[[False, True]] * n_tasks)
        class_factors("balanced", codes, targets.names, [np.array([False, True])] * n_tasks)
        data = Data(np.zeros((n, 1), np.float32), scaled, weights[:, None], fill=np.zeros(n_tasks, np.float32))
        data.subset(np.arange(n // 2)).gather(np.arange(100))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n * n_tasks  # a byte a cell
