import time

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.model_selection import KFold

from skmtl._stratify import assign_folds, holdout, label_sets, split_off

nan = np.nan


def make(n, n_tasks, missing=0.4, seed=0):
    """Return correlated targets, every other column a class with rare values, with gaps."""
    rng = np.random.RandomState(seed)
    latent = rng.standard_normal((n, 3))
    Y = latent @ rng.standard_normal((3, n_tasks)) + rng.standard_normal((n, n_tasks))
    kinds = ["regression" if t % 2 else "classification" for t in range(n_tasks)]
    for t in range(0, n_tasks, 2):
        Y[:, t] = np.searchsorted(np.quantile(Y[:, t], [0.6, 0.9, 0.98]), Y[:, t])
    Y[rng.random_sample(Y.shape) < missing] = nan
    return Y, kinds


def make_small(seed):
    """Return a small, awkward data set: few rows, rare classes, many gaps."""
    rng = np.random.RandomState(seed)
    n, n_tasks, n_classes = rng.randint(2, 60), rng.randint(1, 8), rng.randint(1, 7)
    Y = rng.choice(n_classes, p=rng.dirichlet(np.full(n_classes, 0.7)), size=(n, n_tasks)).astype(float)
    Y[rng.random_sample(Y.shape) < rng.choice([0, 0.3, 0.8, 1.0])] = nan
    return Y, rng.choice(["classification", "classification", "regression"], size=n_tasks).tolist()


def table(Y, kinds, part, n_parts):
    """Return how many rows of each stratum are in each part, (n_parts, L)."""
    members, _ = label_sets(Y, kinds)
    return np.array([members[part == k].sum(axis=0, dtype=int) for k in range(n_parts)])


def kfold(Y, n_splits, seed):
    part = np.empty(len(Y), dtype=int)
    for k, (_, test) in enumerate(KFold(n_splits, shuffle=True, random_state=seed).split(Y)):
        part[test] = k
    return part


# Strata


def test_a_class_is_a_stratum_and_a_missing_label_is_in_none():
    Y = np.array([[0, 1], [1, 1], [nan, 0], [1, 1]])
    members, owner = label_sets(Y, ["classification", "classification"])
    # The first task misses a label: the last stratum says who has one.
    assert_array_equal(members.toarray(), [[1, 0, 0, 1, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0], [0, 1, 0, 1, 1]])
    assert_array_equal(owner, [0, 0, 1, 1, 2])


@pytest.mark.parametrize(("n", "n_bins"), [(0, 0), (1, 1), (19, 1), (20, 2), (35, 3), (50, 5), (1000, 5)])
def test_a_regression_task_has_a_bin_per_ten_labels_up_to_five(n, n_bins):
    Y = np.full((1001, 1), nan)
    Y[:n, 0] = np.random.RandomState(0).permutation(n)
    members, owner = label_sets(Y, ["regression"])
    counts = members.sum(axis=0, dtype=int)[owner == 0]
    assert len(counts) == n_bins
    assert np.ptp(counts, axis=0) <= 1 if n_bins else True
    assert counts.sum() == n


def test_bins_are_ranges_of_the_labels():
    y = np.random.RandomState(0).standard_normal(100)
    members, _ = label_sets(y[:, None], ["regression"])
    assert_array_equal(np.diff(members.indptr), 1)
    assert (np.diff(members.indices[np.argsort(y)]) >= 0).all()


def test_equal_labels_share_a_bin():
    y = np.r_[np.zeros(80), np.arange(1, 21)]
    members, _ = label_sets(y[:, None], ["regression"])
    assert len(set(members.indices[:80])) == 1
    assert members.nnz == 100


# Folds


def test_every_row_is_in_one_fold_and_folds_are_equally_large():
    Y, kinds = make(1003, 6)
    folds = assign_folds(Y, kinds, 5, np.random.RandomState(0))
    assert folds.shape == (1003,)
    assert_array_equal(np.sort(np.bincount(folds, minlength=5)), [200, 200, 201, 201, 201])


@pytest.mark.parametrize("shape", [(200, 10), (1000, 10), (2000, 4), (600, 30)])
def test_folds_are_better_balanced_than_those_of_kfold(shape):
    ours, theirs = [], []
    for seed in range(3):
        Y, kinds = make(*shape, seed=seed)
        ours.append(table(Y, kinds, assign_folds(Y, kinds, 5, np.random.RandomState(seed)), 5).std(axis=0).mean())
        theirs.append(table(Y, kinds, kfold(Y, 5, seed), 5).std(axis=0).mean())
    assert np.mean(ours) < (0.85 if shape[1] > 10 else 0.6) * np.mean(theirs)


def test_one_complete_task_is_split_as_evenly_as_can_be():
    y = np.repeat([0.0, 1.0, 2.0], [83, 14, 6])
    spread = np.ptp(table(y[:, None], ["classification"], assign_folds(y[:, None], ["classification"], 5), 5), axis=0)
    assert spread.max() <= 1


def test_a_rare_class_is_in_every_fold_if_it_has_enough_labels():
    rng = np.random.RandomState(0)
    for seed in range(10):
        Y = (rng.random_sample((300, 8)) < 0.02).astype(float)
        Y[rng.random_sample(Y.shape) < 0.2] = nan
        Y[:5, 0] = 1.0  # five labels at least
        counts = table(Y, ["classification"] * 8, assign_folds(Y, ["classification"] * 8, 5), 5)
        enough = counts.sum(axis=0) >= 5
        assert enough.any(), seed
        assert (counts[:, enough] > 0).all(), seed


def test_awkward_data_leave_next_to_no_fold_without_a_class_that_has_enough_labels():
    lacking = possible = 0
    for seed in range(150):
        Y, kinds = make_small(seed)
        n_splits = min(4, len(Y))
        folds = assign_folds(Y, kinds, n_splits, np.random.RandomState(seed))
        assert np.ptp(np.bincount(folds, minlength=n_splits)) <= 2
        counts = table(Y, kinds, folds, n_splits)
        enough = counts.sum(axis=0) >= n_splits
        lacking += (counts[:, enough] == 0).sum()
        possible += enough.sum() * n_splits
    assert lacking <= 0.005 * possible


def test_rows_without_any_label_are_spread_evenly():
    Y = np.full((100, 2), nan)
    Y[:20] = np.arange(40).reshape(20, 2) % 2
    folds = assign_folds(Y, ["classification"] * 2, 4, np.random.RandomState(0))
    assert np.ptp(np.bincount(folds[20:], minlength=4)) <= 1
    folds = assign_folds(np.full((10, 1), nan), ["regression"], 5)
    assert_array_equal(np.bincount(folds), [2] * 5)


def test_folds_depend_on_the_random_state_alone():
    Y, kinds = make(300, 4)
    first, again, other = (assign_folds(Y, kinds, 5, np.random.RandomState(seed)) for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert (first != other).any()
    assert_array_equal(assign_folds(Y, kinds, 5), assign_folds(Y, kinds, 5))


def test_folds_of_many_rows_take_seconds():
    Y, kinds = make(100_000, 20)
    start = time.perf_counter()
    assign_folds(Y, kinds, 5, np.random.RandomState(0))
    assert time.perf_counter() - start < 10  # under one second, on an idle machine


# Hold-out


def test_holdout_has_its_share_of_rows_and_of_every_stratum():
    Y, kinds = make(2000, 6)
    train, valid = holdout(Y, kinds, 0.1, np.random.RandomState(0))
    assert len(valid) == 200
    assert_array_equal(np.sort(np.r_[train, valid]), np.arange(2000))
    assert (np.diff(train) > 0).all()
    assert (np.diff(valid) > 0).all()
    part = np.zeros(2000, dtype=int)
    part[valid] = 1
    counts = table(Y, kinds, part, 2)
    assert np.abs(counts[1] - 0.1 * counts.sum(axis=0)).max() < 4


def test_holdout_keeps_every_class_in_training():
    for seed in range(150):
        Y, kinds = make_small(seed)
        train, valid = holdout(Y, kinds, 0.3, np.random.RandomState(seed))
        if len(valid) == 1:
            continue  # one row must be held out, whatever is lost by it
        for y, kind in zip(Y.T, kinds, strict=True):
            if kind == "classification":
                assert set(y[train][~np.isnan(y[train])]) == set(y[~np.isnan(y)]), seed
            assert np.isnan(y).all() or not np.isnan(y[train]).all()


def test_holdout_gives_validation_a_label_of_every_task_that_can_spare_one():
    for seed in range(150):
        Y, kinds = make_small(seed)
        train, valid = holdout(Y, kinds, 0.1, np.random.RandomState(seed))
        members = label_sets(Y, kinds)[0].toarray()
        last = members[:, members[train].sum(axis=0) == 1].any(axis=1)  # training would lose a class or a task
        for y in Y.T:
            seen = ~np.isnan(y)
            assert seen[valid].any() or seen.sum() < 2 or last[train][seen[train]].all(), seed


def test_both_parts_of_a_holdout_have_rows():
    for n in (2, 3, 5):
        for fraction in (0.01, 0.99):
            train, valid = holdout(np.arange(n, dtype=float)[:, None], ["classification"], fraction)
            assert len(train) and len(valid)
    with pytest.raises(ValueError, match="n_samples=1"):
        holdout(np.zeros((1, 1)), ["regression"], 0.1)


def test_holdout_depends_on_the_random_state_alone():
    Y, kinds = make(300, 4)
    first, again, other = (holdout(Y, kinds, 0.2, np.random.RandomState(seed))[1] for seed in (0, 0, 1))
    assert_array_equal(first, again)
    assert set(first) != set(other)


def test_two_sets_may_leave_rows_out():
    Y, kinds = make(500, 4)
    first, second = split_off(Y, kinds, (200, 100), np.random.RandomState(0))
    assert (len(first), len(second)) == (200, 100)
    assert not set(first) & set(second)


def test_no_input_is_written():
    Y, kinds = make(100, 4)
    before = Y.copy()
    Y.flags.writeable = False
    assign_folds(Y, kinds, 3, np.random.RandomState(0))
    holdout(Y, kinds, 0.2, np.random.RandomState(0))
    assert_array_equal(Y, before)
