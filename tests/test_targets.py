"""Targets: every form of y, its encoding and the way back; scaling; and the errors for a y that cannot be used."""

import datetime
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import MultiTaskClassifier
from skmtl._targets import Targets

nan = np.nan


def fit(y, tasks="auto", missing_label=nan, n_rows=None, classes=None):
    return Targets.fit(y, tasks=tasks, missing_label=missing_label, owner="Owner", n_rows=n_rows, classes=classes)


def error(match, *args, kind=ValueError, **kwargs):
    with pytest.raises(kind, match=match):
        fit(*args, **kwargs)


# Input forms: the same five columns (int, fraction, text, bool, whole float), each with a gap, in every container

INT, FRACTION, TEXT, BOOL, WHOLE = range(5)
NAMES = ["grade", "hours", "colour", "open", "dose"]
ROWS = [
    [3, 0.5, "red", True, 1.0],
    [1, 2.0, "blue", None, 0.0],
    [None, 1.25, "red", False, None],
    [3, None, "green", True, 1.0],
    [2, 4.0, None, False, 0.0],
]
CODES = np.array([[2, 0.5, 2, 1, 1], [0, 2, 0, nan, 0], [nan, 1.25, 2, 0, nan], [2, nan, 1, 1, 1], [1, 4, nan, 0, 0]])
COLUMNS = {name: [row[j] for row in ROWS] for j, name in enumerate(NAMES)}


def as_list():
    return ROWS


def as_tuples():
    return tuple(tuple(row) for row in ROWS)


def as_object_array():
    return np.array(ROWS, dtype=object)


def as_array_like():
    class ArrayLike:
        def __array__(self, dtype=None, copy=None):
            return np.array(ROWS, dtype=object)

    return ArrayLike()


def as_pandas_object():
    return pytest.importorskip("pandas").DataFrame(COLUMNS, dtype=object)


def as_pandas_nullable():
    pd = pytest.importorskip("pandas")
    dtypes = ["Int64", "Float64", "string", "boolean", "Float64"]
    return pd.DataFrame({name: pd.array(COLUMNS[name], dtype=d) for name, d in zip(NAMES, dtypes, strict=True)})


def as_pandas_arrow():
    pd, pa = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    types = [pa.int64(), pa.float64(), pa.string(), pa.bool_(), pa.float64()]
    return pd.DataFrame(
        {name: pd.array(COLUMNS[name], dtype=pd.ArrowDtype(t)) for name, t in zip(NAMES, types, strict=True)}
    )


def as_pandas_categorical():
    pd = pytest.importorskip("pandas")
    frame = as_pandas_nullable()
    for name in ("grade", "colour", "open", "dose"):
        frame[name] = pd.Categorical(COLUMNS[name])
    return frame


def as_polars():
    return pytest.importorskip("polars").DataFrame(COLUMNS)


def as_polars_categorical():
    pl = pytest.importorskip("polars")
    return pl.DataFrame(COLUMNS).with_columns(pl.col("colour").cast(pl.Categorical))


def as_polars_enum():
    pl = pytest.importorskip("polars")
    return pl.DataFrame(COLUMNS).with_columns(pl.col("colour").cast(pl.Enum(["red", "green", "blue"])))


FORMS = [
    as_list,
    as_tuples,
    as_object_array,
    as_array_like,
    as_pandas_object,
    as_pandas_nullable,
    as_pandas_arrow,
    as_pandas_categorical,
    as_polars,
    as_polars_categorical,
    as_polars_enum,
]


@pytest.mark.parametrize("form", FORMS)
def test_mixed_columns_in_every_container(form):
    y = form()
    targets, values = fit(y, n_rows=5)
    named = hasattr(y, "columns")
    assert targets.names == (NAMES if named else [f"task_{j}" for j in range(5)])
    assert targets.kinds == ["classification", "regression", "classification", "classification", "classification"]
    assert values.dtype == np.float64
    assert_array_equal(values, CODES)
    assert targets.n_tasks == 5
    assert not targets.single
    assert [c if c is None else c.tolist() for c in targets.classes] == [
        [1, 2, 3],
        None,
        ["blue", "green", "red"],
        [False, True],
        [0.0, 1.0],
    ]
    assert [c if c is None else c.dtype for c in targets.classes] == [np.int64, None, object, bool, np.float64]
    assert list(targets.task_types) == targets.names
    assert list(targets.task_types.values()) == ["multiclass", "regression", "multiclass", "binary", "binary"]


@pytest.mark.parametrize("form", FORMS)
def test_encode_of_the_same_labels_is_what_fit_returned(form):
    targets, values = fit(form())
    assert_array_equal(targets.encode(form()), values)
    assert_array_equal(pickle.loads(pickle.dumps(targets)).encode(as_list()), values)


@pytest.mark.parametrize("form", FORMS)
def test_y_is_not_written_to(form):
    y, untouched = form(), form()
    targets, values = fit(y)
    targets.set_scale(values, ["standard"] * 5)
    targets.scale_values(values, np.float32)
    assert repr(y) == repr(untouched) or form is as_array_like


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        ([1, 2, 2], np.int64),
        ([[1], [2], [2]], np.int64),
        ([True, False, True], bool),
        ([1.0, 2.0, 2.0], np.float64),
        (["a", "b", "b"], object),
        (np.array([1, 2, 2], dtype=np.int8), np.int8),
        (np.array([1, 2, 2], dtype=np.uint16), np.uint16),
        (np.array([1, 2, 2], dtype=np.float32), np.float32),
        (np.array([True, False, True]), bool),
        (np.array(["no", "yes", "no"]), "<U3"),
        (np.array(["no", "yes", "no"], dtype=object), object),
        (np.array([1, 2, 2], dtype=object), np.int64),
        (np.array([True, False, None], dtype=object), bool),
        (np.array([2**60, 2**60 + 1, 2**60]), np.int64),
        (np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], dtype=np.uint64), np.uint64),
        ([np.array([1, 5]), np.array([2, 6]), np.array([2, 6])], np.int64),
    ],
)
def test_labels_come_back_in_the_dtype_they_had(y, dtype):
    targets, values = fit(y, tasks="classification")
    assert [classes.dtype for classes in targets.classes] == [np.dtype(dtype)] * targets.n_tasks
    rows = ~np.isnan(values).any(axis=1)
    predictions = targets.decode(values[rows])
    assert predictions.dtype == np.dtype(dtype)
    labels = np.array(y)[rows]
    assert_array_equal(predictions, labels.ravel() if targets.single else labels)


@pytest.mark.parametrize(
    ("dtype", "classes_dtype"),
    [("Int8", np.int8), ("UInt16", np.uint16), ("Float32", np.float32), ("boolean", bool), ("category", np.int64)],
)
def test_pandas_series_with_gaps(dtype, classes_dtype):
    pd = pytest.importorskip("pandas")
    targets, values = fit(pd.Series([1, 0, None, 1], dtype="Int64", name="seen").astype(dtype))
    assert targets.names == ["seen"]
    assert targets.single
    assert targets.classes[0].dtype == classes_dtype
    assert_array_equal(values, [[1], [0], [nan], [1]])


def test_series_without_a_name():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    assert fit(pd.Series([1, 2]))[0].names == fit(pl.Series([1, 2]))[0].names == ["task_0"]
    assert fit(pl.Series("a", [1, 2]))[0].names == ["a"]


def test_integers_of_polars_and_pandas_keep_every_digit():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    big = [2**60, None, 2**60 + 1]
    for y in (pd.Series(big, dtype="Int64"), pl.Series(big), big):
        targets, values = fit(y)
        assert targets.classes[0].tolist() == [2**60, 2**60 + 1]
        assert_array_equal(values[:, 0], [0, nan, 1])
    assert_array_equal(fit(big, tasks="regression")[1][:, 0], [2.0**60, nan, 2.0**60 + 1])


def test_column_names_stay_what_they_are():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({("a", 1): [0.5, 1.5], ("a", 2): [1.5, 0.5]})
    assert fit(frame)[0].names == [("a", 1), ("a", 2)]
    assert fit(pd.DataFrame(np.eye(2)))[0].names == [0, 1]


def test_pandas_sparse_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": pd.arrays.SparseArray([0.0, 2.5, nan]), "b": [1, 2, 2]})
    assert_array_equal(fit(frame)[1], [[0, 0], [2.5, 1], [nan, 1]])


def test_frame_of_floats_only():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    for frame in (pd.DataFrame({"a": [0.5, nan], "b": [1.5, 2.0]}), pl.DataFrame({"a": [0.5, None], "b": [1.5, 2.0]})):
        targets, values = fit(frame)
        assert targets.kinds == ["regression", "regression"]
        assert_array_equal(values, [[0.5, 1.5], [nan, 2.0]])


def test_masked_array():
    y = np.ma.array([[1, 2.5], [2, 9.0], [1, 1.5]], mask=[[0, 0], [0, 1], [0, 0]])
    assert_array_equal(fit(y)[1], [[0, 2.5], [1, nan], [0, 1.5]])


def test_floats_are_not_copied():
    y = np.random.default_rng(0).normal(size=(6, 2))
    targets, values = fit(y, tasks="regression")
    assert np.shares_memory(values, y)
    assert targets.scale_values(values, np.float64) is values
    y.flags.writeable = False  # as joblib's memory maps are; torch takes none of these
    assert fit(y)[0].scale_values(fit(y)[1], np.float64).flags.writeable


def test_every_cell_that_stands_for_missing():
    y = np.array([[1.5], [None], [nan], [np.float32(nan)], [2.0]], dtype=object)
    assert_array_equal(fit(y)[1].ravel(), [1.5, nan, nan, nan, 2.0])
    pd = pytest.importorskip("pandas")
    targets, values = fit(np.array(["a", pd.NA, pd.NaT, None, "b", nan], dtype=object))
    assert_array_equal(values.ravel(), [0, nan, nan, nan, 1, nan])
    assert targets.classes[0].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("y", "missing_label", "expected"),
    [
        (np.array([[-1, 1], [0, 0], [1, -1]]), -1, [[nan, 1], [0, 0], [1, nan]]),
        (np.array([[-1, 1], [0, nan], [1, 0]]), -1, [[nan, 1], [0, nan], [1, 0]]),
        (np.array([[-1, 1], [0, 0], [1, -1]]), np.int64(-1), [[nan, 1], [0, 0], [1, nan]]),
        ([["a", 1], ["?", 2], ["b", "?"]], "?", [[0, 0], [nan, 1], [1, nan]]),
        (np.array([["a", "c"], ["?", "d"], ["b", "?"]]), "?", [[0, 0], [nan, 1], [1, nan]]),
        ([["a", 2.5], ["b", -1], [None, 3.5]], -1, [[0, 2.5], [1, nan], [nan, 3.5]]),
        ([[True, 1], [False, 2], [True, 3]], 1, [[1, nan], [0, 0], [1, 1]]),
        (np.array([[1, 2], [2, 1]]), None, [[0, 1], [1, 0]]),
        (np.array([["nan", "x"], ["y", "z"]]), nan, [[0, 0], [1, 1]]),
    ],
)
def test_missing_label(y, missing_label, expected):
    targets, values = fit(y, missing_label=missing_label)
    assert_array_equal(values, expected)
    assert_array_equal(targets.encode(y), expected)


def test_missing_label_pd_na():
    pd = pytest.importorskip("pandas")
    assert_array_equal(fit(pd.Series([1, None, 2], dtype="Int64"), missing_label=pd.NA)[1].ravel(), [0, nan, 1])


# Kinds


def test_kinds_as_scikit_learn_infers_them():
    y = [[1.0, 1.5, 1, "1", True], [2.0, 2.0, 2, "2", False], [3.0, 3.0, 3, "1", False]]
    assert fit(y)[0].kinds == ["classification", "regression", "classification", "classification", "classification"]


@pytest.mark.parametrize(
    "tasks",
    [
        {"b": "regression"},
        {"a": "classification", "b": "regression", "c": "auto"},
        ["auto", "regression", "auto"],
        ["classification", "regression", "regression"],
        np.array(["auto", "regression", None], dtype=object),
    ],
)
def test_kinds_said_outright(tasks):
    pd = pytest.importorskip("pandas")
    targets, values = fit(pd.DataFrame({"a": [5, 6, 5], "b": [7, 8, 9], "c": [0.5, 1.0, 1.5]}), tasks=tasks)
    assert targets.kinds == ["classification", "regression", "regression"]
    assert_array_equal(values, [[0, 7, 0.5], [1, 8, 1.0], [0, 9, 1.5]])


def test_regression_on_bools_and_numeric_categories():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [True, False, True], "b": pd.Categorical([4, None, 3])})
    targets, values = fit(frame, tasks="regression")
    assert targets.task_types == {"a": "regression", "b": "regression"}
    assert_array_equal(values, [[1, 4], [0, nan], [1, 3]])


def test_many_inferred_classes_warn():
    y = np.column_stack([np.arange(30), np.arange(30) % 2])
    with pytest.warns(UserWarning, match=r"'task_0'.*30 classes.*30 labels.*tasks=\{'task_0': 'regression'\}"):
        fit(y)
    with pytest.warns(UserWarning, match=r"'task_0' .*Leave the column out"):
        fit(y[:, 0].astype(str))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(y, tasks="classification")
        fit(y[:20])
        fit((np.arange(60) % 30).astype(str))


def test_many_numbers_taken_as_classes_are_warned_of_however_often_they_come():
    y = np.repeat(np.arange(21.0), 10)
    with pytest.warns(UserWarning, match=r"'task_0' .*21 classes\. .*'regression'\}; .*'classification'\}"):
        fit(y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(y, tasks=["classification"])
        fit(y % 20)


# Classes named beforehand, as for partial_fit


def test_classes_named_beforehand():
    targets, values = fit([2, 1, 2], classes=[3, 1, 2])
    assert targets.classes[0].tolist() == [1, 2, 3]
    assert_array_equal(values.ravel(), [1, 0, 1])
    for classes in ([[1, 2, 3], None, ["a", "b"]], {"task_0": [1, 2, 3], "task_2": np.array(["a", "b"])}):
        targets, values = fit([[2, 0.5, "b"], [3, 1.5, None]], classes=classes)
        assert targets.kinds == ["classification", "regression", "classification"]
        assert_array_equal(values, [[1, 0.5, 1], [2, 1.5, nan]])


def test_named_classes_make_a_task_without_labels_or_with_one_class_usable():
    targets, values = fit([[1, None], [1, None]], classes=[[0, 1], ["a", "b"]])
    assert targets.task_types == {"task_0": "binary", "task_1": "binary"}
    assert_array_equal(values, [[1, nan], [1, nan]])
    assert fit([1, 1], classes=[[0, 1]])[0].classes[0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("y", "classes", "match"),
    [
        ([1, 5, 2], [1, 2], r"'task_0' has the label 5, .*\[1, 2\].*classes parameter"),
        (["a", "b"], [1, 2], r"'task_0' has the label 'a', .*\[1, 2\]"),
        ([1, 2], ["a", "b"], r"'task_0' has the label 1, .*\['a', 'b'\]"),
        ([1, 1], [1], "'task_0' has one class only"),
        ([[1, 2], [2, 1]], [1, 2], "1d array of labels for task 'task_0'.*a list with one array each"),
        ([[1, 2], [2, 1]], [[1, 2]], r"'classes' parameter of Owner needs one entry for each of the 2 task\(s\)"),
        ([1, 2], 7, "1d array of labels for task 'task_0'"),
        ([[1, 2], [2, 1]], {"task_3": [1, 2]}, "'task_3', which is no task.*Did you mean"),
    ],
)
def test_bad_classes(y, classes, match):
    error(match, y, classes=classes)


def test_classes_of_a_regression():
    error(r"'task_0' is a regression and has no classes; got \[1, 2\]", [1, 2], tasks="regression", classes=[1, 2])


# Later labels


@pytest.fixture
def frame_targets():
    pd = pytest.importorskip("pandas")
    return fit(pd.DataFrame({"a": ["x", "y", "z"], "b": [1, 2, 1], "c": [0.5, 1.5, 2.5]}))[0]


def test_encode_takes_part_of_the_classes_and_gaps(frame_targets):
    y = np.array([["z", 2.0, 1], ["x", None, None]], dtype=object)
    assert_array_equal(frame_targets.encode(y), [[2, 1, 1], [0, nan, nan]])
    assert_array_equal(frame_targets.encode([[None, None, None]]), [[nan, nan, nan]])


@pytest.mark.parametrize(
    ("row", "match"),
    [
        (["w", 1, 0.5], r"'a' has the label 'w', .*\['x', 'y', 'z'\].*partial_fit"),
        ([1, 1, 0.5], "'a' has the label 1"),
        (["x", 3, 0.5], r"'b' has the label 3, .*\[1, 2\]"),
        (["x", 1.5, 0.5], "Unknown label type: continuous.*'b'.*1.5"),
        (["x", 1, "much"], "'c' is a regression.*'much'"),
        (["x", 1], r"y has 2 column\(s\), but Owner was fitted with 3: \['a', 'b', 'c'\]"),
        (["x", 1, np.inf], r"Input y contains infinity.*\['c'\]"),
    ],
)
def test_encode_refuses_what_does_not_fit(frame_targets, row, match):
    with pytest.raises(ValueError, match=match):
        frame_targets.encode([row])


def test_encode_checks_names(frame_targets):
    pd = pytest.importorskip("pandas")
    y = pd.DataFrame({"a": ["x"], "b": [1], "c": [0.5]})
    assert_array_equal(frame_targets.encode(y), [[0, 0, 0.5]])
    with pytest.raises(ValueError, match="in another order"):
        frame_targets.encode(y[["b", "a", "c"]])
    with pytest.raises(ValueError, match=r"unknown \['d'\], absent \['c'\]"):
        frame_targets.encode(y.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[3, 1\]"):
        frame_targets.encode(y, n_rows=3)


def test_encode_of_one_task_ignores_the_name():
    pd = pytest.importorskip("pandas")
    targets, _ = fit(pd.Series([1, 2], name="a"))
    assert_array_equal(targets.encode(pd.Series([2], name="b")), [[1]])


# Predictions


@pytest.mark.parametrize(
    ("y", "dtype"),
    [
        ([[0.5, 1], [1.5, 2.5]], np.float64),
        ([[1, 3], [2, 4]], np.int64),
        ([[1, 0.5], [2, 1.5]], np.float64),
        ([[True, 0.5], [False, 1.5]], np.float64),
        ([[1, "a"], [2, "b"]], object),
        ([[1, True], [2, False]], object),
        ([[0.5, "a"], [1.5, "b"]], object),
        (np.array([["a", "long"], ["b", "longer"]]), "<U6"),
        ([["a", "b"], ["c", "d"]], object),
        (np.array([[True, False], [False, True]]), bool),
        (np.array([[1.0, 2.0], [2.0, 1.0]], dtype=np.float32), np.float32),
    ],
)
def test_predictions_have_the_labels_and_their_dtype(y, dtype):
    targets, values = fit(y)
    predictions = targets.decode(values)
    assert predictions.dtype == np.dtype(dtype)
    assert predictions.tolist() == np.asarray(y, dtype=object).tolist()


def test_common_dtype_of_columns_that_differ():
    pd = pytest.importorskip("pandas")
    ints = {"a": np.array([1, 2], dtype=np.int8), "b": np.array([1, 2], dtype=np.int32)}
    assert targets_dtype(pd.DataFrame(ints)) == np.int32
    far = {"a": np.array([-1, 2]), "b": np.array([2**64 - 1, 2], dtype=np.uint64)}
    assert targets_dtype(pd.DataFrame(far)) == np.dtype(object)


def targets_dtype(y):
    targets, values = fit(y)
    return targets.decode(values).dtype


def test_one_column_gives_one_dimension():
    for y in ([1, 2], [[1], [2]], [0.5, 1.5], [[0.5], [1.5]]):
        targets, values = fit(y)
        assert targets.single
        assert targets.decode(values).shape == (2,)


# Scale


@pytest.fixture
def gappy():
    rng = np.random.default_rng(0)
    values = rng.normal(loc=[0, 100, 1e6], scale=[1, 5, 0.1], size=(40, 3))
    values[rng.random(values.shape) < 0.3] = nan
    return values


def test_standard_scale_has_zero_mean_and_unit_variance(gappy):
    targets, values = fit(gappy)
    targets.set_scale(values, ["standard"] * 3)
    assert_allclose(targets.mean, np.nanmean(gappy, axis=0))
    assert_allclose(targets.scale, np.nanstd(gappy, axis=0), rtol=1e-9)
    scaled = targets.scale_values(values, np.float32)
    assert scaled.dtype == np.float32
    assert_array_equal(np.isnan(scaled), np.isnan(gappy))
    assert_allclose(np.nanmean(scaled, axis=0), 0, atol=1e-6)
    assert_allclose(np.nanstd(scaled, axis=0), 1, atol=1e-6)


def test_scaling_per_task_leaves_classes_alone():
    y = np.array([[1.5, 1.5, 1.5, 3], [2.5, 2.5, 2.5, 4]])
    targets, values = fit(y)
    targets.set_scale(values, ["standard", "mean", None, "standard"])
    assert_allclose(targets.mean, [2, 0, 0, 0])
    assert_allclose(targets.scale, [0.5, 2, 1, 1])
    assert_allclose(targets.scale_values(values, np.float64), [[-1, 0.75, 1.5, 0], [1, 1.25, 2.5, 1]])


def test_mean_scale_of_labels_that_are_not_positive():
    targets, values = fit([-1.5, 0.5])
    targets.set_scale(values, ["mean"])
    assert targets.scale == 1


@pytest.mark.parametrize("scaling", ["standard", "mean"])
@pytest.mark.parametrize("per_task", [False, True])
def test_a_weight_counts_as_copies_of_the_row(gappy, scaling, per_task):
    weights = np.random.default_rng(1).integers(0, 4, size=len(gappy))
    targets, values = fit(gappy)
    given = np.repeat(weights[:, None], 3, axis=1) if per_task else weights
    targets.set_scale(values, [scaling] * 3, given.astype(float))
    repeated, copies = fit(np.repeat(gappy, weights, axis=0))
    repeated.set_scale(copies, [scaling] * 3)
    assert_allclose(targets.mean, repeated.mean, rtol=1e-13)
    assert_allclose(targets.scale, repeated.scale, rtol=1e-9)


def test_rows_of_weight_zero_do_not_count():
    targets, values = fit([[0.5, 1.5], [1.5, 2.5], [1e9, -1e9]])
    targets.set_scale(values, ["standard"] * 2, np.array([1.0, 1.0, 0.0]))
    assert_allclose(targets.mean, [1, 2])
    assert_allclose(targets.scale, [0.5, 0.5])
    targets.set_scale(values, ["standard"] * 2, np.array([[1.0, 0], [1, 1], [0, 0]]))
    assert_allclose(targets.mean, [1, 2.5])
    assert_allclose(targets.scale, [0.5, 1])
    targets.set_scale(values, ["standard"] * 2, np.zeros(3))
    assert_allclose(targets.scale, 1)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9 + 0.1, -1e-200, 1e200])
def test_constant_column_has_scale_one(constant):
    targets, values = fit(np.full(1000, constant), tasks="regression")
    targets.set_scale(values, ["standard"])
    assert targets.scale == 1
    assert_allclose(targets.mean, constant, rtol=1e-12)
    assert_allclose(targets.scale_values(values, np.float64), 0, atol=abs(constant) * 1e-12)


@pytest.mark.parametrize("unit", [1e-200, 1e-3, 1e200])
def test_scale_of_labels_in_extreme_units(unit):
    targets, values = fit(np.array([1.5, 2.5]) * unit, tasks="regression")
    targets.set_scale(values, ["standard"])
    assert_allclose(targets.scale_values(values, np.float32), [[-1], [1]], rtol=1e-6)


def test_scale_is_the_same_in_blocks(gappy, monkeypatch):
    targets, values = fit(gappy)
    targets.set_scale(values, ["standard"] * 3, np.arange(40.0))
    whole = targets.mean, targets.scale, targets.scale_values(values, np.float32)
    monkeypatch.setattr("skmtl._observed.BLOCK", 50)
    targets.set_scale(values, ["standard"] * 3, np.arange(40.0))
    for once, again in zip(whole, (targets.mean, targets.scale, targets.scale_values(values, np.float32)), strict=True):
        assert_allclose(again, once, rtol=1e-12)


def test_nothing_of_y_is_kept():
    targets, values = fit(np.random.default_rng(0).normal(size=(10_000, 2)))
    targets.set_scale(values, ["standard"] * 2)
    assert len(pickle.dumps(targets)) < 2000


def test_ten_thousand_columns():
    y = np.random.default_rng(0).normal(size=(20, 10_000))
    targets, values = fit(y)
    targets.set_scale(values, ["standard"] * 10_000)
    assert targets.kinds == ["regression"] * 10_000
    assert_allclose(targets.scale_values(values, np.float64).std(axis=0), 1)
    error("no observed label in column.*'task_4', ...] \\(10000 in all\\)", np.full((20, 10_000), nan))


# Errors


@pytest.mark.parametrize(
    ("y", "kwargs", "match"),
    [
        (None, {}, "^This Owner estimator requires y to be passed, but the target y is None.$"),
        (5, {}, r"bad input shape \(\), a int"),
        ({"a": [1, 2]}, {}, r"y should be 1d or 2d.*bad input shape \(\), a dict"),
        (np.zeros((2, 2, 2)), {}, r"y should be 1d or 2d.*bad input shape \(2, 2, 2\)"),
        ([[1, 2], [3]], {}, "y should be 1d or 2d, with rows of equal length"),
        ([], {}, r"0 sample\(s\).*minimum of 1 is required"),
        (np.empty((0, 2)), {}, r"0 sample\(s\)"),
        (np.empty((3, 0)), {}, r"0 column\(s\)"),
        ([1, 2, 3], {"n_rows": 4}, r"Found input variables with inconsistent numbers of samples: \[4, 3\]"),
        ([[0.5, np.inf]] * 2, {}, r"Input y contains infinity or a value too large for dtype\('float64'\)\..*'task_1'"),
        ([[0.5, -np.inf]] * 2, {"tasks": "regression"}, r"too large for dtype\('float64'\)\..*'task_1'"),
        (np.array([1 + 1j, 2]), {}, "Complex data not supported.*'task_0'"),
        ([1j, 2], {}, "Complex data not supported.*'task_0'"),
        ([[1, nan], [2, None]], {}, r"y has no observed label in column\(s\) \['task_1'\]: every label is missing"),
        ([[1, -1], [2, -1]], {"missing_label": -1}, r"no observed label in column\(s\) \['task_1'\]"),
        ([["a", "x"], ["b", "x"]], {}, "Task 'task_1' has one class only, 'x'; classification needs at least two cl"),
        (np.ones((3, 3)), {}, r"'task_0' has one class only, 1.0 \(so have \['task_1', 'task_2'\]\)"),
        ([[1, 0.25], [2, 3]], {"tasks": "classification"}, "Unknown label type: continuous.*'task_1'.*0.25.*tasks="),
        ([0.5, 1], {"tasks": {"task_0": "classification"}}, "Unknown label type: continuous.*MultiTaskRegressor"),
        ([[1, "big"], [2, "bit"]], {"tasks": "regression"}, "'task_1' is a regression.*text: 'big'.*Classifier"),
        (["1.5", "2.5"], {"tasks": "regression"}, "'task_0' is a regression.*text: '1.5'"),
        ([1, "a", 2], {}, "'task_0' of y mixes text and numbers, such as 'a' and 1.*missing_label"),
        ([True, "a"], {"tasks": "classification"}, "mixes text and numbers"),
        ([2**70, 1], {}, "'task_0' of y has an integer that does not fit into 64 bits"),
        (np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"), {}, "Unknown label type: column 'task_0'.*datetime64"),
        ([datetime.date(2020, 1, 1)] * 2, {}, "Unknown label type: column 'task_0' of y holds date values such as"),
        ([b"a", b"b"], {}, "Unknown label type.*bytes"),
        (np.array([b"a", b"b"]), {}, r"Unknown label type.*S1"),
        ([object(), object()], {}, "Unknown label type.*object values"),
        ([0.5, 1], {"tasks": "regresion"}, "'tasks' parameter of Owner got 'regresion'.*Did you mean 'regression'"),
        ([0.5, 1], {"tasks": ["clasification"]}, "for task 'task_0'.*Did you mean 'classification'"),
        ([0.5, 1], {"tasks": {"task_1": "regression"}}, r"'task_1', which is no task.*\['task_0'\].*mean 'task_0'"),
        (
            [[0.5, 1]],
            {"tasks": ["regression"]},
            "'tasks' parameter of Owner needs one entry for each of the 2.*length 1",
        ),
        ([0.5, 1], {"tasks": None}, "'tasks' parameter of Owner needs one entry .*got None"),
        ([0.5, 1], {"missing_label": [1]}, r"missing_label must be one number, string, NaN or None; got \[1\]"),
    ],
)
def test_errors_name_column_value_and_remedy(y, kwargs, match):
    error(match, y, **kwargs)


def test_sparse_y():
    error("dense data is required.*toarray", sp.csr_array(np.eye(3)), kind=TypeError)
    error("dense data is required.*toarray", sp.csr_matrix(np.eye(3)), kind=TypeError)


def test_errors_that_only_a_frame_can_make():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    error(r"duplicate column names: \['b'\]", pd.DataFrame(np.eye(3), columns=["b", "a", "b"]))
    dates = pd.date_range("2020-01-01", periods=2)
    error("Unknown label type: column 'when'", pd.DataFrame({"a": [1, 2], "when": dates}))
    error("Unknown label type: column 'when'", pd.DataFrame({"a": [1, 2], "when": dates.tz_localize("UTC")}))
    error("Unknown label type: column 'when'", pl.DataFrame({"a": [1, 2], "when": [datetime.date(2020, 1, 1)] * 2}))
    error("Unknown label type: column 'bin'.*Interval", pd.DataFrame({"bin": pd.cut([1.0, 2.0, 3.0], 2)}))
    error(r"no observed label in column\(s\) \['b'\]", pl.DataFrame({"a": [1, 2], "b": [None, None]}))
    error("bad input shape.*LazyFrame", pl.DataFrame({"a": [1, 2]}).lazy())


def test_a_class_that_was_not_there_is_never_predicted_right():
    X = np.arange(20.0).reshape(-1, 1)
    labels = np.repeat(["a", "b"], 10)
    settings = {"hidden_layer_sizes": (4,), "solver": "lbfgs", "max_iter": 50, "random_state": 0}
    model = MultiTaskClassifier(**settings).fit(X, np.column_stack([labels, labels]))
    truth = np.column_stack([labels, labels]).astype(object)
    assert model.score(X, truth) == 1.0
    truth[:5, 1] = "never seen"
    assert model.score_tasks(X, truth) == {"task_0": 1.0, "task_1": 0.75}
