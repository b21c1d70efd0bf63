"""Weights as the user gives them: of tasks, of rows and labels, of classes."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from skmtl._label_weights import class_factors, sample_weights, static_weights

NAMES = ["heating", "cooling", "cost"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, [1, 1, 1]),
        ([1, 2, 0], [1, 2, 0]),
        ((0.5, 0.5, 0.5), [0.5, 0.5, 0.5]),
        (np.array([3, 4, 5]), [3, 4, 5]),
        ({"cost": 2, "heating": 0}, [0, 1, 2]),
        ({}, [1, 1, 1]),
    ],
)
def test_task_weights_in_every_form(given, expected):
    weights = static_weights(given, NAMES)
    assert weights.dtype == float
    assert_array_equal(weights, expected)


def test_task_weights_as_a_series_go_by_its_index():
    pd = pytest.importorskip("pandas")
    assert_array_equal(static_weights(pd.Series({"cost": 2, "heating": 0}), NAMES), [0, 1, 2])
    assert_array_equal(static_weights(pd.Series([3, 4, 5]), NAMES), [3, 4, 5])
    with pytest.raises(ValueError, match="Did you mean 'heating'"):
        static_weights(pd.Series({"heatin": 1}), NAMES)


def test_task_weights_share_no_memory_with_the_users():
    given = np.array([1.0, 2.0, 3.0])
    assert not np.shares_memory(static_weights(given, NAMES), given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], r"for each of the 3 tasks .*heating.*; got 2 weight"),
        ([[1, 2, 3]], r"got an array of shape \(1, 3\)"),
        (2.0, r"got an array of shape \(\)"),
        ({"heatin": 1}, r"'heatin', which is no task.*Did you mean 'heating'\?"),
        ({"cost": -1}, r"not negative; that of 'cost' is -1"),
        ([1, np.nan, 1], r"finite.*'cooling' is nan"),
        ([1, np.inf, 1], r"finite.*'cooling' is inf"),
        ([0, 0, 0], "all 0"),
        ({"heating": 0, "cooling": 0, "cost": 0.0}, "all 0"),
        ("balanced", "must be numbers.*'balanced'"),
        ({"cost": "much"}, "must be numbers.*much"),
    ],
)
def test_bad_task_weights_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        static_weights(given, NAMES)


def test_sample_weights_are_a_column_or_one_a_label():
    assert_array_equal(sample_weights([1, 2, 3], (3, 2)), [[1], [2], [3]])
    each = np.arange(6).reshape(3, 2)
    found = sample_weights(each, (3, 2))
    assert found.dtype == np.float64
    assert_array_equal(found, each)
    assert_array_equal(sample_weights([[1], [2]], (2, 1)), [[1], [2]])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1, 2], "sample_weight"),
        ([1, -2, 3], "[Nn]egative"),
        ([1, np.nan, 3], "NaN"),
        (np.ones((3, 3)), r"shape \(3, 3\); expected \(3,\).*\(3, 2\)"),
        (np.ones((2, 2)), r"shape \(2, 2\)"),
        (np.ones((3, 2, 1)), r"shape \(3, 2, 1\)"),
        (np.full((3, 2), -1.0), "not negative"),
        (np.full((3, 2), np.nan), "finite"),
        (np.full((3, 2), np.inf), "finite"),
    ],
)
def test_bad_sample_weights_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        sample_weights(given, (3, 2))


CLASSES = [np.array(["a", "b", "c"]), None, np.array([10, 20])]
VALUES = np.array([[0, 1.5, 1], [0, 2.5, np.nan], [1, 0.5, 0], [np.nan, 1.0, 0], [2, np.nan, 0], [0, 3.0, 0.0]])


def test_balanced_classes_are_those_of_scikit_learn():
    factors = class_factors("balanced", VALUES, NAMES, CLASSES)
    for task in (0, 2):
        seen = ~np.isnan(VALUES[:, task])
        labels = CLASSES[task][VALUES[seen, task].astype(int)]
        assert_allclose(factors[seen, task], compute_sample_weight("balanced", labels))
        table = compute_class_weight("balanced", classes=CLASSES[task], y=labels)
        assert_allclose(factors[seen, task], table[VALUES[seen, task].astype(int)])
    assert (factors[:, 1] == 1).all()
    assert np.isfinite(factors).all()


@pytest.mark.parametrize(
    ("given", "first", "last"),
    [
        ({"heating": {"a": 2, "b": 3}}, [2, 2, 3, None, 1, 2], None),
        ([{"c": 4}, None, {10: 5, 20: 6}], [1, 1, 1, None, 4, 1], [6, None, 5, 5, 5, 5]),
        (
            {"cost": {20: 0.5}, "heating": "balanced"},
            [5 / 9, 5 / 9, 5 / 3, None, 5 / 3, 5 / 9],
            [0.5, None, 1, 1, 1, 1],
        ),
        ([None, None, None], None, None),
    ],
)
def test_class_weights_by_task(given, first, last):
    factors = class_factors(given, VALUES, NAMES, CLASSES)
    for task, expected in ((0, first), (2, last)):
        seen = ~np.isnan(VALUES[:, task])
        expected = np.ones(6) if expected is None else np.array(expected, dtype=float)
        assert_allclose(factors[seen, task], expected[seen])


def test_with_one_task_a_dict_is_by_class():
    values = np.array([[0.0], [1.0], [np.nan]])
    for given in ({"a": 3}, {"y": {"a": 3}}, [{"a": 3}]):
        factors = class_factors(given, values, ["y"], [np.array(["a", "b"])])
        assert_array_equal(factors[:2, 0], [3, 1])


def test_a_class_without_a_label_needs_no_weight():
    factors = class_factors("balanced", np.array([[0.0], [0.0], [2.0]]), ["y"], [np.array(["a", "b", "c"])])
    assert_allclose(factors[:, 0], [0.75, 0.75, 1.5])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("balance", "class_weight of task 'heating' must be 'balanced'.*'balance'"),
        ({"heatin": "balanced"}, "class_weight names 'heatin'.*Did you mean 'heating'.*dict by task name"),
        ({"a": 2}, "class_weight names 'a'.*dict by task name"),
        ({"heating": {"d": 2}}, "class_weight of task 'heating' names 'd', which is no class"),
        (["balanced"], "1 entries for the 3 tasks"),
    ],
)
def test_bad_class_weights_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        class_factors(given, VALUES, NAMES, CLASSES)
