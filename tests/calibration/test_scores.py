"""Scores of values and classes, by hand, and the rank that a level asks for."""

import numpy as np
import pytest

from skmtl.calibration import APS, LAC, RAPS
from skmtl.calibration._interval_scores import INTERVAL_SCORES
from skmtl.calibration._ranks import labels_needed, rank, threshold
from skmtl.calibration._set_scores import SET_SCORES


@pytest.mark.parametrize("level, n", [(0.9, 9), (0.8, 4), (0.95, 19), (0.99, 99), (0.5, 1), (0.7, 3)])
def test_labels_needed_are_those_with_which_the_largest_score_is_the_bound(level, n):
    assert labels_needed(level) == n
    assert rank(n, level) == n
    assert rank(n - 1, level) == n
    assert threshold(np.arange(n), level) == n - 1
    assert threshold(np.arange(n - 1), level) == np.inf


def test_rank_is_exact_where_the_level_is_no_binary_fraction():
    n = np.arange(1, 2000)
    for percent in range(1, 100):
        exact = -(-(n + 1) * percent // 100)
        np.testing.assert_array_equal(rank(n, percent / 100), exact)


@pytest.mark.parametrize("name", INTERVAL_SCORES)
def test_a_value_scores_at_most_the_threshold_exactly_inside_the_interval(name, rng):
    score = INTERVAL_SCORES[name]()
    predicted = np.abs(rng.normal(size=(500, 3)))
    predicted[:, 2] += 1
    y = 2 * rng.normal(size=500)
    for limit in (0.3, 1.0, 2.5):
        lower, upper = score.interval(predicted, limit)
        np.testing.assert_array_equal((lower <= y) & (y <= upper), score.score(predicted, y) <= limit)
        assert 0 < (score.score(predicted, y) <= limit).mean() < 1


@pytest.mark.parametrize("name", INTERVAL_SCORES)
def test_intervals_of_several_thresholds_a_row(name, rng):
    score, predicted = INTERVAL_SCORES[name](), np.sort(rng.random((4, 3)), axis=1)
    limits = rng.random(5)
    for end, table in enumerate(score.interval(predicted[:, None], limits[None])):
        expected = [[score.interval(row, limit)[end] for limit in limits] for row in predicted]
        np.testing.assert_allclose(table, expected)


def test_no_deviation_and_an_error_is_infinitely_far():
    score = INTERVAL_SCORES["normalized"]()
    predicted = np.array([[1.0, 0.0], [1.0, 0.0]])
    found = score.score(predicted, np.array([1.0, 2.0]))
    assert found[0] == 0
    assert found[1] > 1e300
    assert not np.isnan(score.interval(predicted, np.inf)).any()


def test_crossed_quantiles_make_a_point():
    score = INTERVAL_SCORES["quantile"]()
    lower, upper = score.interval(np.array([[0.0, 1.0, 2.0], [0.0, 1.0, 4.0]]), -1.0)
    np.testing.assert_array_equal([lower, upper], [[1.5, 2.0], [1.5, 3.0]])


def test_adaptive_scores_by_hand():
    p = np.array([[0.2, 0.5, 0.3]])
    np.testing.assert_allclose(LAC().scores(p), [[0.8, 0.5, 0.7]])
    np.testing.assert_allclose(APS(randomized=False).scores(p), [[1.0, 0.5, 0.8]])
    np.testing.assert_allclose(RAPS(0.1, 1, randomized=False).scores(p), [[1.2, 0.5, 0.9]])
    np.testing.assert_allclose(RAPS(0.1, 3, randomized=False).scores(p), APS(randomized=False).scores(p))


@pytest.mark.parametrize("name", ["aps", "raps"])
def test_a_draw_takes_off_at_most_the_class_itself(name, rng):
    p = rng.dirichlet(np.ones(4), size=1000)
    drawn = SET_SCORES[name]().scores(p, seed=3)
    upper = SET_SCORES[name](randomized=False).scores(p)
    assert (drawn <= upper).all()
    assert (drawn >= upper - p).all()
    u = ((upper - drawn) / p)[:, 0]
    # Uniform: the Kolmogorov distance of 1000 draws exceeds 0.05 once in a hundred times.
    assert np.abs(np.sort(u) - (np.arange(1000) + 0.5) / 1000).max() < 0.05
    assert abs(np.corrcoef(u, p[:, 0])[0, 1]) < 0.1


@pytest.mark.parametrize("name", SET_SCORES)
def test_the_score_of_a_row_does_not_depend_on_the_others(name, rng):
    score, p = SET_SCORES[name](), rng.dirichlet(np.ones(5), size=50)
    whole = score.scores(p, seed=7)
    np.testing.assert_array_equal(score.scores(p[20:21], seed=7), whole[20:21])
    np.testing.assert_array_equal(score.scores(p[::-1], seed=7)[::-1], whole)
    if name != "lac":
        assert (score.scores(p, seed=8) != whole).any()
