import itertools

import numpy as np
import pytest

from skmtl.model_selection import hypervolume, pareto_front

nan = np.nan


def beats(a, b):
    return (a >= b).all() and (a > b).any()


def by_inclusion_and_exclusion(points):
    """Volume of the union of the boxes from 0 to each point."""
    return sum(
        (-1) ** (k + 1) * np.prod(np.min(some, axis=0))
        for k in range(1, len(points) + 1)
        for some in itertools.combinations(points, k)
    )


@pytest.mark.parametrize("n_tasks", [1, 2, 3, 5])
def test_the_front_is_what_no_other_candidate_beats(n_tasks, rng):
    scores = rng.integers(0, 5, size=(60, n_tasks)).astype(float)  # with ties, and equal candidates
    expected = [not any(beats(other, one) for other in scores) for one in scores]
    assert pareto_front(scores).tolist() == expected


def test_an_error_is_better_the_lower_it_is(rng):
    scores = rng.normal(size=(30, 2))
    assert pareto_front(scores, [True, False]).tolist() == pareto_front(scores * [1, -1]).tolist()
    assert pareto_front(-scores, False).tolist() == pareto_front(scores).tolist()


def test_a_candidate_without_a_score_is_never_on_the_front():
    assert pareto_front([[1.0, nan], [0.0, 0.0]]).tolist() == [False, True]
    assert pareto_front([[nan, nan]]).tolist() == [False]


def test_hand_values_of_the_volume():
    assert hypervolume([[3.0]], [1.0]) == 2.0
    assert hypervolume([[1, 4], [3, 3], [4, 1]], [0, 0]) == 1 * 1 + 3 * 2 + 4 * 1
    # Three boxes of 2 x 2 x 1 in three directions: 12, less three common parts of 2 x 1 x 1, more the unit cube.
    assert hypervolume([[2, 2, 1], [2, 1, 2], [1, 2, 2]], [0, 0, 0]) == 12 - 3 * 2 + 1


@pytest.mark.parametrize("n_tasks", [2, 3, 4, 5, 6])
def test_the_volume_is_that_of_the_union_of_boxes(n_tasks, rng):
    points = rng.random((8, n_tasks))
    assert hypervolume(points, np.zeros(n_tasks)) == pytest.approx(by_inclusion_and_exclusion(points))


@pytest.mark.parametrize("n_tasks", [3, 8])
def test_an_estimate_is_within_its_error(n_tasks, rng):
    points = rng.random((10, n_tasks))
    exact = by_inclusion_and_exclusion(points)
    share = exact / points.max(axis=0).prod()
    error = exact * np.sqrt((1 - share) / share / 20_000)
    found = hypervolume(points, np.zeros(n_tasks), n_samples=20_000)
    assert abs(found - exact) < 4 * error
    assert found == hypervolume(points, np.zeros(n_tasks), n_samples=20_000)
    assert found != hypervolume(points, np.zeros(n_tasks), n_samples=20_000, random_state=1)


def test_points_that_do_not_beat_the_reference_add_nothing(rng):
    points = rng.random((6, 3))
    more = np.vstack([points, [[2.0, 2.0, 0.0], [2.0, 2.0, -1.0], [5.0, nan, 5.0]], points[:1] / 2])
    assert hypervolume(more, np.zeros(3)) == pytest.approx(hypervolume(points, np.zeros(3)))
    assert hypervolume(-points, np.zeros(3)) == 0.0


def test_the_volume_depends_on_the_units_and_directions_alone(rng):
    points, scale, shift = rng.random((6, 3)), np.array([2.0, -5.0, 0.1]), rng.normal(size=3)
    moved = hypervolume(points * scale + shift, shift, higher_is_better=scale > 0)
    assert moved == pytest.approx(hypervolume(points, np.zeros(3)))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"row for each candidate and a column for each task; got shape \(2,\)"):
        pareto_front([1, 2])
    with pytest.raises(ValueError, match="higher_is_better has 3 entries for 2 tasks"):
        pareto_front([[1, 2]], [True] * 3)
    with pytest.raises(ValueError, match="reference must have one number for each of the 2 tasks; got 0"):
        hypervolume([[1, 2]], 0)
    with pytest.raises(ValueError, match="n_samples must be an int of at least 1, or None; got 0"):
        hypervolume([[1, 2]], [0, 0], n_samples=0)
