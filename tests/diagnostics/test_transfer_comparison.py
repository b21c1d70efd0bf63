"""The statistics of a comparison on folds: numbers by hand, scipy's tests, and the rate of error."""

import numpy as np
import pytest
from scipy import stats

from skmtl.diagnostics._comparison import adjust, compare, judge, limits, mean_known


def column(*values):
    return np.array(values, dtype=float)[:, None]


def test_by_hand():
    # Mean 0.2, variance 0.01; with 3 folds and half as many test labels: error sqrt(0.01 * (1/3 + 1/2)) = 0.0912871.
    found = compare(column(0.1, 0.2, 0.3), column(0.5, 0.5, 0.5), 0.95)
    np.testing.assert_allclose(found.mean, [0.2])
    np.testing.assert_allclose(found.interval, [[0.2 - 4.3026527 * 0.0912871, 0.2 + 4.3026527 * 0.0912871]], rtol=1e-6)
    np.testing.assert_allclose(found.p_value, [2 * stats.t.sf(0.2 / 0.0912871, 2)], rtol=1e-6)


def test_without_overlap_it_is_the_t_test_of_pairs(rng):
    differences = rng.normal(0.3, size=(12, 4))
    found = compare(differences, np.zeros((12, 4)), 0.9)
    expected = stats.ttest_1samp(differences, 0.0)
    np.testing.assert_allclose(found.p_value, expected.pvalue)
    interval = expected.confidence_interval(0.9)
    np.testing.assert_allclose(found.interval, np.stack([interval.low, interval.high], axis=1))


def test_a_fold_without_a_difference_does_not_count():
    with_gap = compare(column(0.1, np.nan, 0.4, 0.3), column(0.25, np.nan, 0.25, 0.25), 0.95)
    without = compare(column(0.1, 0.4, 0.3), column(0.25, 0.25, 0.25), 0.95)
    np.testing.assert_array_equal(with_gap.interval, without.interval)
    assert with_gap.n == 3


@pytest.mark.parametrize("values", [(0.1,), (0.1, np.nan), (0.1, 0.1, 0.1), (np.nan, np.nan)])
def test_what_does_not_vary_says_nothing(values):
    found = compare(column(*values), column(*np.full(len(values), 0.25)), 0.95)
    assert np.isnan(found.interval).all()
    assert np.isnan(found.p_value).all()
    assert judge(found.mean, found.p_value, 0.95) == ["no evidence"]


def test_two_models_that_are_the_same():
    found = compare(column(0.0, 0.0, 0.0), column(0.25, 0.25, 0.25), 0.95)
    assert found.p_value == 1
    np.testing.assert_array_equal(found.interval, [[0.0, 0.0]])


def test_it_is_wrong_at_the_rate_that_it_says(rng):
    # Folds whose differences have the correlation that the test supposes: test rows over all rows.
    n_folds, n_trials, shared = 10, 20000, 0.2
    noise = rng.normal(size=(n_folds, n_trials)), rng.normal(size=n_trials)
    differences = np.sqrt(1 - shared) * noise[0] + np.sqrt(shared) * noise[1]
    ratio = np.full_like(differences, shared / (1 - shared))
    rejected = compare(differences, ratio, 0.95).p_value < 0.05
    assert rejected.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / n_trials))
    naive = stats.ttest_1samp(differences, 0.0).pvalue < 0.05
    assert naive.mean() > 0.2


def test_adjusted_by_hand():
    # Sorted 0.01, 0.02, 0.04: times 3/1, 3/2, 3/3, and never above a later one.
    np.testing.assert_allclose(adjust(np.array([0.04, 0.01, np.nan, 0.02])), [0.04, 0.03, np.nan, 0.03])


def test_nothing_to_adjust():
    assert np.isnan(adjust(np.array([np.nan, np.nan]))).all()


def test_verdicts():
    assert judge([0.1, 0.1, -0.1, -0.1], [0.04, 0.06, 0.04, np.nan], 0.95) == [
        "helps",
        "no evidence",
        "hurts",
        "no evidence",
    ]


def test_the_picture_shows_all_intervals_and_zero():
    low, high = limits(np.array([0.1, 0.2]), np.array([[0.05, 0.15], [0.1, 0.3]]))
    assert low < 0
    assert high > 0.3


def test_the_picture_is_cut_where_one_task_is_far_out():
    low, _ = limits(np.array([0.1, 0.2, -0.1, 0.0, -50.0]), np.full((5, 2), np.nan))
    assert -2 < low < -0.1


@pytest.mark.parametrize("mean", [[np.nan], [0.0]])
def test_the_picture_has_a_width(mean):
    low, high = limits(np.array(mean), np.full((1, 2), np.nan))
    assert low < 0 < high


def test_mean_known():
    np.testing.assert_array_equal(mean_known(np.array([[1.0, np.nan], [3.0, np.nan]])), [2.0, np.nan])
