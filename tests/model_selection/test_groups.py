"""Splits that keep groups together, and are stratified as far as that allows."""

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, cross_validate

from skmtl.model_selection import MultiTaskKFold, MultiTaskShuffleSplit

nan = np.nan
SPLITTERS = [
    MultiTaskKFold(4),
    MultiTaskKFold(4, shuffle=True, random_state=0),
    MultiTaskShuffleSplit(4, test_size=0.3, random_state=0),
]


def make(n=600, n_groups=80, n_tasks=4, seed=0):
    """Return X, Y with gaps, where how frequent a class is depends on the group, and groups of unlike size."""
    rng = np.random.RandomState(seed)
    groups = rng.choice(n_groups, size=n, p=rng.dirichlet(np.full(n_groups, 2.0)))
    rates = rng.random_sample((n_groups, n_tasks)) * np.linspace(0.1, 0.8, n_tasks)
    Y = (rng.random_sample((n, n_tasks)) < rates[groups]).astype(float)
    return np.zeros((n, 1)), np.where(rng.random_sample(Y.shape) < 0.4, nan, Y), groups


def shares(Y, test):
    """Share of each task's labels, and of its positives, that is in a test set."""
    seen = ~np.isnan(Y)
    return np.r_[seen[test].sum(axis=0) / seen.sum(axis=0), np.nansum(Y[test], axis=0) / np.nansum(Y, axis=0)]


@pytest.mark.parametrize("cv", SPLITTERS, ids=["kfold", "shuffled", "random"])
def test_no_group_is_on_both_sides(cv):
    X, Y, groups = make()
    for train, test in cv.split(X, Y, groups):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == 600


def test_folds_cover_every_row_once_and_are_about_equal():
    X, Y, groups = make()
    tests = [test for _, test in MultiTaskKFold(4).split(X, Y, groups)]
    assert_array_equal(np.sort(np.concatenate(tests)), np.arange(600))
    assert np.ptp([len(test) for test in tests]) <= 10


def test_folds_are_better_balanced_than_those_of_group_k_fold():
    ours, theirs = [], []
    for seed in range(3):
        X, Y, groups = make(seed=seed)
        for cv, found in ((MultiTaskKFold(4), ours), (GroupKFold(4), theirs)):
            found.append(np.std([shares(Y, test) for _, test in cv.split(X, Y, groups)], axis=0).mean())
    assert np.mean(ours) < 0.4 * np.mean(theirs)


def test_one_task_is_balanced_as_by_stratified_group_k_fold():
    spreads = {MultiTaskKFold: [], StratifiedGroupKFold: []}
    for seed in range(5):
        X, Y, groups = make(n_tasks=1, seed=seed)
        y = np.nan_to_num(Y[:, 0])
        for cv, found in spreads.items():
            found.append(np.std([y[test].sum() for _, test in cv(4).split(X, y, groups)]))
    assert np.mean(spreads[MultiTaskKFold]) <= 1.2 * np.mean(spreads[StratifiedGroupKFold]) + 0.5


def test_random_splits_have_the_size_and_the_shares_that_were_asked_for():
    X, Y, groups = make(n=3000, n_groups=400)
    for train, test in MultiTaskShuffleSplit(3, test_size=0.2, train_size=0.5, random_state=0).split(X, Y, groups):
        assert abs(len(test) - 600) <= 30
        assert abs(len(train) - 1500) <= 60
        assert not set(groups[train]) & set(groups[test])
        np.testing.assert_allclose(shares(Y, test), 0.2, atol=0.03)
        np.testing.assert_allclose(shares(Y, train), 0.5, atol=0.05)


def test_a_class_in_as_many_groups_as_there_are_folds_is_in_every_fold():
    X, Y, groups = make()
    Y[:, 0] = np.where(np.isnan(Y[:, 0]), nan, 0.0)
    for group in (3, 14, 15, 65):
        Y[np.flatnonzero(groups == group)[0], 0] = 1.0
    for cv in SPLITTERS[:2]:
        assert [np.nansum(Y[test, 0]) for _, test in cv.split(X, Y, groups)] == [1.0] * 4


def test_a_group_is_no_task_of_its_own_where_there_are_as_many_groups_as_rows():
    X, Y, _ = make()
    tests = [test for _, test in MultiTaskKFold(4).split(X, Y, np.arange(600))]
    assert sorted(map(len, tests)) == [150] * 4
    assert np.ptp([shares(Y, test) for test in tests], axis=0).max() < 0.05


@pytest.mark.parametrize("form", [list, lambda g: g.astype(str), lambda g: np.array([f"g{i}" for i in g], object)])
def test_groups_may_be_named_by_anything(form):
    X, Y, groups = make()
    for cv in SPLITTERS:
        for train, test in cv.split(X, Y, form(groups)):
            assert not set(groups[train]) & set(groups[test])


def test_folds_depend_on_y_groups_and_the_random_state_alone():
    X, Y, groups = make()

    def tests(**params):
        return [test.tolist() for _, test in MultiTaskKFold(3, **params).split(X, Y, groups)]

    assert tests() == tests()
    assert tests(shuffle=True, random_state=0) == tests(shuffle=True, random_state=0)
    assert tests(shuffle=True, random_state=0) != tests(shuffle=True, random_state=1)


def test_random_splits_test_every_group_now_and_then():
    X, Y, groups = make(n_groups=30)
    times = np.zeros(30)
    for _, test in MultiTaskShuffleSplit(60, test_size=0.3, random_state=0).split(X, Y, groups):
        times[np.unique(groups[test])] += 1
    assert times[np.unique(groups)].min() >= 5


def test_sparse_labels_make_the_folds_of_dense_ones():
    X, Y, groups = make()
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    for cv in SPLITTERS:
        for (_, a), (_, b) in zip(cv.split(X, Y, groups), cv.split(X, sparse, groups), strict=True):
            assert_array_equal(a, b)


@pytest.mark.parametrize("routing", [False, True])
def test_cross_validation_passes_the_groups_on(routing, regression):
    X, Y = regression
    groups = np.arange(len(X)) // 7
    with sklearn.config_context(enable_metadata_routing=routing):
        given = {"params": {"groups": groups}} if routing else {"groups": groups}
        found = cross_validate(Ridge(), X, Y, cv=MultiTaskKFold(3), return_indices=True, **given)["indices"]
        plain = cross_validate(Ridge(), X, Y, cv=MultiTaskKFold(3), return_indices=True)["indices"]
    for train, test in zip(found["train"], found["test"], strict=True):
        assert not set(groups[train]) & set(groups[test])
    assert any(set(groups[a]) & set(groups[b]) for a, b in zip(plain["train"], plain["test"], strict=True))


def test_labels_in_too_few_groups_are_named():
    y = np.array([[0, nan], [0, nan], [1, nan], [1, 0.5], [1, 2.5], [0, nan], [0, nan], [0, nan]])
    groups = [0, 0, 1, 1, 2, 3, 4, 5]
    message = (
        r"labels in fewer groups than n_splits=3, .* class 1.0 of task 'task_0' \(2 groups\), task 'task_1' \(2 gr"
    )
    with pytest.warns(UserWarning, match=message):
        folds = list(MultiTaskKFold(3).split(y, y, groups))
    assert all(len(test) for _, test in folds)
    y[3:5, 1] = nan, 0.5
    with pytest.warns(UserWarning, match=r"fewer than two groups, so training or test rows lack task 'task_1' \(1 gr"):
        next(MultiTaskShuffleSplit(test_size=0.5, random_state=0).split(y, y, groups))


@pytest.mark.parametrize("groups", [None, np.arange(8)], ids=["rows", "groups"])
def test_labels_without_room_for_all_of_them_are_named(groups):
    # Class 1 of three tasks is in two rows each, of the same three rows: two folds cannot divide all three pairs.
    y = np.zeros((8, 3))
    y[[0, 1], 0] = y[[1, 2], 1] = y[[0, 2], 2] = 1.0
    message = r"than n_splits=2 folds need where rows have .* folds lack class 1.0 of task 'task_\d' \(2 labels\)\.$"
    with pytest.warns(UserWarning, match=message):
        list(MultiTaskKFold(2).split(y, y, groups))


def test_every_fold_has_rows_where_there_are_groups_for_that():
    y = np.repeat([[0.0], [1.0]], [50, 10], axis=0)
    groups = np.repeat([0, 1, 2], [50, 5, 5])
    assert [len(test) for _, test in MultiTaskKFold(3, tasks="regression").split(y, y, groups)] == [50, 5, 5]
    train, test = next(MultiTaskShuffleSplit(random_state=0, tasks="regression").split(y, y, groups))
    assert len(train) and len(test)


def test_bad_groups_are_refused():
    X, Y, groups = make()
    with pytest.raises(ValueError, match=r"groups must have one entry for each of the 600 rows of X.*shape \(599,\)"):
        next(MultiTaskKFold(3).split(X, Y, groups[1:]))
    with pytest.raises(ValueError, match=r"groups has no group for row 2 \(1 such row\(s\)\)"):
        next(MultiTaskKFold(3).split(X, Y, np.where(np.arange(600) == 2, nan, groups)))
    with pytest.raises(ValueError, match="n_splits=3 greater than the number of groups: n_groups=2"):
        next(MultiTaskKFold(3).split(X, Y, groups > 40))
    with pytest.raises(ValueError, match="groups has one group only"):
        next(MultiTaskShuffleSplit().split(X, Y, np.zeros(600)))
