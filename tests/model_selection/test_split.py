import inspect
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import GridSearchCV, KFold, ShuffleSplit, cross_val_score, cross_validate

from skmtl.model_selection import MultiTaskKFold, MultiTaskShuffleSplit

nan = np.nan


class MostFrequent(ClassifierMixin, BaseEstimator):
    """Predicts a label of each column that is as frequent as `rank` says; y may have gaps."""

    def __init__(self, rank=0):
        self.rank = rank

    def fit(self, X, y):
        ranked = [np.unique(column[~np.isnan(column)], return_counts=True) for column in np.asarray(y).T]
        self.classes_ = [labels for labels, _ in ranked]
        self.labels_ = [labels[np.argsort(-counts)[self.rank]] for labels, counts in ranked]
        return self

    def predict(self, X):
        return np.tile(self.labels_, (len(X), 1))

    def score(self, X, y):
        y = np.asarray(y)
        return np.mean((self.predict(X) == y)[~np.isnan(y)])


def make(n=400, n_tasks=10, missing=0.5, seed=0):
    """Return partly observed binary tasks with 3 % to 40 % of positives, five at least."""
    rng = np.random.RandomState(seed)
    Y = np.where(rng.random_sample((n, n_tasks)) < missing, nan, 0.0)
    for y, rate in zip(Y.T, np.linspace(0.03, 0.4, n_tasks), strict=True):
        observed = rng.permutation(np.flatnonzero(y == 0))
        y[observed[: max(5, round(rate * len(observed)))]] = 1.0
    return np.zeros((n, 2)), Y


def positives(Y, parts):
    return np.array([np.nansum(Y[rows], axis=0) for rows in parts])


def test_cross_validation_of_a_classifier_works_where_an_integer_does_not():
    X, Y = make()
    with pytest.raises(ValueError, match="NaN"), np.errstate(invalid="ignore"):
        cross_val_score(MostFrequent(), X, Y, cv=3)
    scores = cross_val_score(MostFrequent(), X, Y, cv=MultiTaskKFold(3))
    assert scores.shape == (3,)
    assert (scores > 0.6).all()
    assert len(cross_val_score(MostFrequent(), X, Y, cv=MultiTaskShuffleSplit(4, test_size=0.3, random_state=0))) == 4


@pytest.mark.parametrize("cv", [MultiTaskKFold(3), MultiTaskShuffleSplit(3, random_state=0)], ids=["kfold", "shuffle"])
def test_a_grid_search_runs_on_labels_with_gaps(cv):
    pd = pytest.importorskip("pandas")
    X, Y = make()
    search = GridSearchCV(MostFrequent(), {"rank": [0, 1]}, cv=cv).fit(X, pd.DataFrame(Y).add_prefix("t"))
    assert search.best_params_ == {"rank": 0}
    assert search.n_splits_ == 3
    assert clone(search).cv.n_splits == 3


def test_parallel_cross_validation_gives_the_same_scores():
    X, Y = make()
    cv = MultiTaskKFold(3, shuffle=True, random_state=0)
    one, two = (cross_validate(MostFrequent(), X, Y, cv=cv, n_jobs=n)["test_score"] for n in (1, 2))
    assert_array_equal(one, two)


def test_folds_cover_every_row_once():
    X, Y = make(n=103)
    tests = []
    for train, test in MultiTaskKFold(4).split(X, Y):
        assert_array_equal(np.sort(np.r_[train, test]), np.arange(103))
        assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        tests.append(test)
    assert_array_equal(np.sort(np.concatenate(tests)), np.arange(103))
    assert sorted(map(len, tests)) == [25, 26, 26, 26]


def test_folds_of_ten_partly_observed_tasks_are_better_balanced_than_those_of_kfold():
    ours, theirs = [], []
    for seed in range(5):
        X, Y = make(seed=seed)
        for cv, spreads in ((MultiTaskKFold, ours), (KFold, theirs)):
            folds = [test for _, test in cv(5, shuffle=True, random_state=seed).split(X, Y)]
            spreads.append([positives(Y, folds).std(axis=0), positives(~np.isnan(Y), folds).std(axis=0)])
    ours, theirs = np.mean(ours, axis=(0, 2)), np.mean(theirs, axis=(0, 2))
    assert (ours < 0.7 * theirs).all()


def test_a_rare_class_is_in_every_fold():
    X, Y = make(n=300)
    assert np.nansum(Y, axis=0).min() == 5
    assert positives(Y, [test for _, test in MultiTaskKFold(5).split(X, Y)]).min() >= 1


def test_mixed_kinds_are_balanced_by_class_and_by_range():
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    y = pd.DataFrame(
        {
            "text": rng.choice(["a", "b", None], size=300, p=[0.1, 0.6, 0.3]),
            "flag": pd.array(rng.choice([True, False, None], size=300), dtype="boolean"),
            "price": np.exp(rng.standard_normal(300) * 2),
        }
    )
    y.loc[rng.choice(300, 100, replace=False), "price"] = nan
    high = y["price"] > y["price"].quantile(0.8)
    for _, test in MultiTaskKFold(5, shuffle=True, random_state=0).split(y, y):
        part = y.iloc[test]
        assert abs((part["text"] == "a").sum() - (y["text"] == "a").sum() / 5) <= 2
        assert abs(part["flag"].notna().sum() - y["flag"].notna().sum() / 5) <= 3
        assert abs(high.iloc[test].sum() - high.sum() / 5) <= 2


@pytest.mark.parametrize("splitter", [MultiTaskKFold(3), MultiTaskShuffleSplit(3, test_size=0.3, random_state=0)])
def test_the_form_of_y_does_not_matter(splitter):
    pd = pytest.importorskip("pandas")
    X, Y = make(n=90, n_tasks=3, missing=0.3)
    expected = list(splitter.split(X, Y))
    lists = [[None if v != v else v for v in row] for row in Y.tolist()]
    nullable = pd.DataFrame(Y, columns=list("abc")).astype("Int64")
    for y in (lists, nullable, np.array(lists, dtype=object), pd.DataFrame(np.where(Y == Y, Y.astype(str), None))):
        for (train, test), (train_2, test_2) in zip(expected, splitter.split(X, y), strict=True):
            assert_array_equal(train, train_2)
            assert_array_equal(test, test_2)


def test_one_column_is_split_as_evenly_as_stratified_k_fold_does():
    y = np.repeat([0, 1, 2], [50, 30, 7])
    counts = [np.bincount(y[test], minlength=3) for _, test in MultiTaskKFold(4).split(y, y)]
    assert np.ptp(counts, axis=0).max() <= 1


def test_another_sentinel_is_missing_too():
    X, Y = make(n=90, n_tasks=3)
    coded = np.where(np.isnan(Y), -1, Y)
    for (_, test), (_, test_2) in zip(
        MultiTaskKFold(3).split(X, Y), MultiTaskKFold(3, missing_label=-1).split(X, coded), strict=True
    ):
        assert_array_equal(test, test_2)


def test_whole_numbers_of_many_values_are_balanced_by_range():
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as classes they would be too rare
        y = np.random.RandomState(0).permutation(100)
        for _, test in MultiTaskKFold(5).split(y, y):
            assert 3 <= (y[test] >= 80).sum() <= 5
    with pytest.warns(UserWarning, match="fewer labels"):
        next(MultiTaskKFold(5, tasks="classification").split(y, y))


def test_folds_depend_on_y_and_the_random_state_alone():
    X, Y = make()

    def tests(**params):
        return [test.tolist() for _, test in MultiTaskKFold(3, **params).split(X, Y)]

    assert tests() == tests()
    assert tests(shuffle=True, random_state=0) == tests(shuffle=True, random_state=0)
    assert tests(shuffle=True, random_state=0) != tests(shuffle=True, random_state=1)


def test_random_splits_differ_from_each_other_and_are_repeatable():
    X, Y = make()
    cv = MultiTaskShuffleSplit(3, test_size=0.25, random_state=0)
    first, again = ([test.tolist() for _, test in cv.split(X, Y)] for _ in range(2))
    assert first == again
    assert len({tuple(test) for test in first}) == 3


@pytest.mark.parametrize(
    "sizes", [{}, {"test_size": 0.3}, {"train_size": 0.6}, {"test_size": 30, "train_size": 0.5}, {"train_size": 77}]
)
def test_sizes_mean_what_they_mean_in_shuffle_split(sizes):
    X, Y = make(n=207)
    train, test = next(MultiTaskShuffleSplit(random_state=0, **sizes).split(X, Y))
    expected = next(ShuffleSplit(random_state=0, **sizes).split(X))
    assert (len(train), len(test)) == tuple(map(len, expected))
    assert not set(train) & set(test)


def test_random_splits_are_stratified():
    X, Y = make(n=1000)
    share = [
        positives(Y, [test])[0] / np.nansum(Y, axis=0) for _, test in MultiTaskShuffleSplit(test_size=0.4).split(X, Y)
    ]
    assert np.abs(np.array(share) - 0.4).max() < 0.15


def test_scarce_labels_are_named_in_a_warning():
    pd = pytest.importorskip("pandas")
    y = pd.DataFrame(
        {"a": ["x"] * 18 + ["y"] * 2, "b": [nan] * 17 + [0.5, 0.25, 0.125], "c": [nan] * 20, "d": [1] * 20}
    )
    message = (
        r"n_splits=5, so some folds lack class 'y' of task 'a' \(2 labels\), task 'b' \(3 labels\), "
        r"task 'c' \(0 labels\)\.$"
    )
    with pytest.warns(UserWarning, match=message):
        folds = list(MultiTaskKFold(5).split(y, y))
    assert [len(test) for _, test in folds] == [4] * 5
    with pytest.warns(
        UserWarning, match=r"fewer than two labels, so training or test rows lack task 'c' \(0 labels\)\.$"
    ):
        next(MultiTaskShuffleSplit(random_state=0).split(y, y))


def test_a_task_that_training_cannot_spare_is_named_once():
    y = np.full((12, 2), nan)
    y[:2, 0] = 0, 1  # training needs both
    y[:, 1] = np.arange(12) % 2
    splits = MultiTaskShuffleSplit(3, test_size=0.5, random_state=0).split(y, y)
    with pytest.warns(UserWarning) as caught:
        tests = [test for _, test in splits]
    assert np.isnan(np.concatenate([y[test, 0] for test in tests])).all()
    found = [str(warning.message) for warning in caught]
    assert len(found) == 2
    assert "fewer than two labels, so training or test rows lack class 0.0 of task 'task_0' (1 label)" in found[0]
    assert found[1].endswith("one of them lacks task 'task_0' (2 labels).")


def test_a_long_list_of_scarce_labels_is_cut():
    y = np.full((20, 9), nan)
    with pytest.warns(UserWarning, match=r"task 'task_4' \(0 labels\) and 4 more\.$"):
        next(MultiTaskKFold(5).split(y, y))


@pytest.mark.parametrize("splitter", [MultiTaskKFold, MultiTaskShuffleSplit])
def test_bad_input_is_named(splitter):
    X, Y = make(n=20)
    with pytest.raises(ValueError, match=f"{splitter.__name__} balances the labels of y, but y is None"):
        next(splitter().split(X))
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[19, 20\]"):
        next(splitter().split(X[1:], Y))
    with pytest.raises(ValueError, match=rf"'n_splits' parameter of {splitter.__name__} must be an integer.*got 2.5"):
        next(splitter(2.5).split(X, Y))
    with pytest.raises(ValueError, match=r"'tasks' parameter.*'regresion'.*Did you mean 'regression'"):
        next(splitter(2, tasks="regresion").split(X, Y))


def test_too_many_folds_and_a_random_state_without_effect_are_refused():
    X, Y = make(n=4)
    with pytest.raises(ValueError, match="n_splits=5 greater than the number of samples: n_samples=4"):
        next(MultiTaskKFold(5).split(X, Y))
    with pytest.raises(ValueError, match="at least 2; got 1"):
        next(MultiTaskKFold(1).split(X, Y))
    with pytest.raises(ValueError, match="random_state=0 has no effect with shuffle=False"):
        next(MultiTaskKFold(2, random_state=0).split(X, Y))
    with pytest.raises(ValueError, match=r"test_size=1\.5"):
        next(MultiTaskShuffleSplit(test_size=1.5).split(X, Y))


@pytest.mark.parametrize("splitter", [MultiTaskKFold, MultiTaskShuffleSplit])
def test_splitters_follow_the_protocol(splitter):
    cv = splitter(n_splits=7)
    assert cv.get_n_splits() == cv.get_n_splits(None, None, None) == 7
    assert repr(cv).startswith(f"{splitter.__name__}(")
    assert "n_splits=7" in repr(cv)
    assert cv.get_metadata_routing().consumes("split", ["groups"])
    assert all(hasattr(cv, name) for name in inspect.signature(splitter).parameters)


@pytest.mark.parametrize("splitter", [MultiTaskKFold(2), MultiTaskShuffleSplit(2, random_state=0)])
def test_y_is_not_written(splitter):
    X, Y = make(n=60)
    before = Y.copy()
    Y.flags.writeable = False
    list(splitter.split(X, Y))
    assert_array_equal(Y, before)
