"""Convex weights: the optimality conditions of the simplex, edge cases, and how they are drawn to the common ones."""

import numpy as np
import pytest

from skmtl.ensemble._weights import FLOOR, Objective, common_minimum, find_weights


def squares(rng, n=60, n_members=4, scale=1.0):
    truth = rng.normal(size=n)
    predicted = truth[:, None] * rng.uniform(0.3, 1, n_members) + rng.normal(size=(n, n_members))
    return Objective.squares(scale * truth, scale * predicted, np.ones(n))


def chances(rng, truth, skill, n_classes=3):
    raw = rng.normal(size=(len(truth), n_classes))
    raw[np.arange(len(truth)), truth] += skill
    return np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)


def logs(rng, n=60, skills=(0.5, 1.0, 2.0, 2.0)):
    truth = rng.integers(0, 3, n)
    return Objective.logs(truth, [chances(rng, truth, skill) for skill in skills], np.ones(n))


def slope(objective, w):
    gain = objective.table @ w
    return 2 * objective.quadratic @ w - objective.table.T @ (objective.counts / gain)


@pytest.mark.parametrize("make", [squares, logs])
@pytest.mark.parametrize("n", [5, 60, 1000])
def test_the_minimum_meets_the_conditions_of_an_optimum(rng, make, n):
    for _ in range(10):
        objective = make(rng, n=n)
        w = objective.minimum()
        assert w.min() >= 0
        assert w.sum() == pytest.approx(1)
        # A convex loss: by its slope at w no corner of the simplex promises anything.
        assert slope(objective, w) @ w - slope(objective, w).min() < 1e-4 * objective(np.full(4, 0.25))


@pytest.mark.parametrize("make", [squares, logs])
def test_no_point_of_a_grid_is_better(rng, make):
    objective = make(rng)
    grid = rng.dirichlet(np.ones(4) / 2, size=5000)
    assert objective(objective.minimum()) <= min(map(objective, grid)) + 1e-9


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_units_of_y_do_not_matter(seed, scale):
    plain, scaled = (squares(np.random.default_rng(seed), scale=s) for s in (1.0, scale))
    np.testing.assert_allclose(scaled.minimum(), plain.minimum(), atol=1e-6)


def test_members_that_are_alike_share(rng):
    truth = rng.normal(size=50)
    one, other = truth + rng.normal(size=(2, 50))
    w = Objective.squares(truth, np.stack([one, other, one], axis=1), np.ones(50)).minimum()
    assert w[0] == pytest.approx(w[2], abs=1e-3)
    classes = rng.integers(0, 3, 50)
    one, other = (chances(rng, classes, 1.0) for _ in range(2))
    w = Objective.logs(classes, [one, other, one], np.ones(50)).minimum()
    assert w[0] == pytest.approx(w[2], abs=1e-3)


def test_a_member_without_error_gets_all(rng):
    truth = rng.normal(size=50)
    w = Objective.squares(truth, np.stack([truth, truth + 1, truth], axis=1), np.ones(50)).minimum()
    np.testing.assert_array_equal(w, [0.5, 0, 0.5])


def test_a_member_that_has_gone_astray_gets_nothing(rng):
    truth = rng.normal(size=50)
    w = Objective.squares(truth, np.stack([truth + 1e-6, truth + 1e9 * rng.normal(size=50)], axis=1), np.ones(50))
    np.testing.assert_array_equal(w.minimum(), [1, 0])


def test_a_member_that_is_sure_and_wrong_gets_nothing():
    classes = np.array([0, 1, 2] * 10)
    wrong, ignorant = np.eye(3)[(classes + 1) % 3], np.full((30, 3), 1 / 3)
    objective = Objective.logs(classes, [wrong, ignorant, wrong], np.ones(30))
    np.testing.assert_allclose(objective.minimum(), [0, 1, 0], atol=1e-4)
    assert objective(np.array([1.0, 0, 0])) == pytest.approx(-np.log(FLOOR))


@pytest.mark.parametrize("make", [squares, logs])
def test_a_label_of_weight_two_is_two_labels(rng, make):
    truth = rng.integers(0, 3, 40)
    counts = rng.integers(0, 3, 40).astype(float)
    again = np.repeat(np.arange(40), counts.astype(int))
    if make is squares:
        predicted = truth[:, None] + rng.normal(size=(40, 3))
        weighted = Objective.squares(truth.astype(float), predicted, counts)
        repeated = Objective.squares(truth[again].astype(float), predicted[again], np.ones(len(again)))
    else:
        predicted = [chances(rng, truth, skill) for skill in (0, 1, 2)]
        weighted = Objective.logs(truth, predicted, counts)
        repeated = Objective.logs(truth[again], [p[again] for p in predicted], np.ones(len(again)))
    assert weighted.n_labels == repeated.n_labels
    np.testing.assert_allclose(weighted.minimum(), repeated.minimum(), atol=1e-6)


def test_common_weights_minimise_the_mean_of_the_relative_losses(rng):
    objectives = [squares(rng, scale=1000.0), logs(rng), squares(rng)]
    best = [objective(objective.minimum()) for objective in objectives]

    def mean(w):
        return np.mean([objective(w) / b for objective, b in zip(objectives, best, strict=True)])

    w = common_minimum(objectives)
    assert mean(w) <= min(map(mean, rng.dirichlet(np.ones(4), size=5000))) + 1e-7


def test_weights_are_drawn_to_the_common_ones_by_the_number_of_labels(rng):
    objectives = [squares(rng, n=100), squares(rng, n=400)]
    usable = np.ones((2, 4), dtype=bool)
    own, common = find_weights(objectives, usable, 0.0)
    np.testing.assert_allclose(own, [o.minimum() for o in objectives])
    weights, _ = find_weights(objectives, usable, 100.0)
    np.testing.assert_allclose(weights, [(own[0] + common[0]) / 2, 0.8 * own[1] + 0.2 * common[1]])
    weights, _ = find_weights(objectives, usable, np.inf)
    np.testing.assert_array_equal(weights, common)
    np.testing.assert_array_equal(common[0], common[1])


def test_weights_are_common_to_tasks_that_the_same_members_serve(rng):
    usable = np.array([[1, 1, 1, 1, 0], [0, 1, 1, 1, 1], [1, 1, 1, 1, 0]], dtype=bool)
    objectives = [squares(rng), logs(rng), squares(rng)]
    weights, common = find_weights(objectives, usable, 500)
    assert not weights[~usable].any()
    np.testing.assert_array_equal(common[0], common[2])
    np.testing.assert_allclose(common[0, :4], common_minimum([objectives[0], objectives[2]]))
    np.testing.assert_allclose(weights[1, 1:], objectives[1].minimum())


def test_a_task_without_predictions_gets_the_common_weights(rng):
    objective = squares(rng)
    usable = np.ones((2, 4), dtype=bool)
    weights, common = find_weights([objective, None], usable, 500)
    np.testing.assert_array_equal(weights[1], common[0])
    np.testing.assert_array_equal(find_weights([None, None], usable, 0)[0], np.full((2, 4), 0.25))


def test_two_labels_without_an_error_do_not_decide_the_common_weights(rng):
    # The last two members are poor ones, whose errors cancel at the two labels of the second task.
    truth, pair = rng.normal(size=1000), np.array([-1.0, 1.0])
    many = Objective.squares(truth, truth[:, None] + [0.5, 0.5, 2.0, 2.0] * rng.normal(size=(1000, 4)), np.ones(1000))
    few = Objective.squares(pair, pair[:, None] + [0.5, 0.5, 1.0, -1.0], np.ones(2))
    assert few(few.minimum()) == pytest.approx(0, abs=1e-12)
    assert many(common_minimum([many, few])) < 1.2 * many(many.minimum())


@pytest.mark.parametrize("truth", [np.zeros(20), np.full(20, 0.1), np.full(20, 1e9)])
def test_labels_that_are_all_the_same_have_no_say_in_the_common_weights(rng, truth):
    constant = Objective.squares(truth, truth[:, None] * [1.0, 1.1, 0.9, 2.0] + 1e-9, np.ones(20))
    lone = Objective.logs(np.zeros(20, dtype=int), [chances(rng, np.zeros(20, dtype=int), 1.0)] * 4, np.ones(20))
    objective = squares(rng)
    assert constant.least == lone.least == 0
    _, common = find_weights([objective, constant, lone], np.ones((3, 4), dtype=bool), 500)
    np.testing.assert_array_equal(common[0], common_minimum([objective]))
    weights, _ = find_weights([lone], np.ones((1, 4), dtype=bool), 500)  # where there is nothing else to go by
    np.testing.assert_allclose(weights[0], lone.minimum())
