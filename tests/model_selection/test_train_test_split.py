import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.sparse import coo_array, csr_array
from sklearn import model_selection

from skmtl.model_selection import MultiTaskShuffleSplit, train_test_split

nan = np.nan


@pytest.fixture
def data(rng):
    """X (200, 2), Y (200, 3) with half of the labels missing, the first task with 4 positives."""
    Y = np.where(rng.random((200, 3)) < 0.5, nan, rng.normal(size=(200, 3)))
    Y[:, 0] = np.where(np.isnan(Y[:, 0]), nan, 0.0)
    Y[np.flatnonzero(Y[:, 0] == 0)[:4], 0] = 1.0
    return np.arange(400.0).reshape(200, 2), Y


@pytest.mark.parametrize("sizes", [{}, {"test_size": 0.4}, {"train_size": 50}, {"test_size": 20, "train_size": 0.5}])
def test_sizes_are_those_of_scikit_learn(sizes, data):
    ours = train_test_split(*data, random_state=0, **sizes)
    theirs = model_selection.train_test_split(*data, random_state=0, **sizes)
    assert [part.shape for part in ours] == [part.shape for part in theirs]


def test_rows_of_all_arrays_stay_together(data):
    X, Y = data
    weights = list(range(200))
    X_train, X_test, Y_train, Y_test, w_train, w_test = train_test_split(X, Y, weights, random_state=0)
    for part_X, part_Y, part_w in ((X_train, Y_train, w_train), (X_test, Y_test, w_test)):
        assert_array_equal(part_X[:, 0] / 2, part_w)
        assert_array_equal(part_Y, Y[part_w])
    assert sorted(w_train + w_test) == weights


def test_it_is_the_split_of_the_splitter(data):
    X, Y = data
    _, test = next(MultiTaskShuffleSplit(1, test_size=0.3, random_state=5).split(X, Y))
    assert_array_equal(train_test_split(X, Y, test_size=0.3, random_state=5)[1], X[test])


def test_a_rare_class_gets_its_share_in_both_parts(data):
    for seed in range(5):
        _, _, Y_train, Y_test = train_test_split(*data, test_size=0.5, random_state=seed)
        assert np.nansum(Y_train[:, 0]) == np.nansum(Y_test[:, 0]) == 2


def test_one_array_is_stratified_by_itself():
    y = np.repeat([0, 1], [90, 10])
    _, test = train_test_split(y, test_size=0.5, random_state=0)
    assert test.sum() == 5


def test_other_labels_may_decide(data):
    X, _ = data
    rare = np.arange(200) < 4
    X_train, X_test = train_test_split(X, stratify=rare, test_size=0.5, random_state=0)
    assert (X_train[:, 0] < 8).sum() == (X_test[:, 0] < 8).sum() == 2


def test_groups_stay_together(data):
    groups = np.arange(200) % 25
    X_train, X_test, *_ = train_test_split(*data, groups=groups, random_state=0)
    assert not set(X_train[:, 0] // 2 % 25) & set(X_test[:, 0] // 2 % 25)


def test_parts_have_the_type_of_the_array(data):
    pd = pytest.importorskip("pandas")
    X, Y = data
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = coo_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    frame, series = pd.DataFrame(Y, columns=list("abc")), pd.Series(range(200))
    parts = train_test_split(X, frame, series, sparse, X.tolist(), random_state=0)
    for part, kind in zip(parts[::2], (np.ndarray, pd.DataFrame, pd.Series, csr_array, list), strict=True):
        assert isinstance(part, kind)
    assert_array_equal(parts[2].index, parts[4].index)
    assert_array_equal(train_test_split(X, sparse, random_state=0)[0], parts[0])


def test_too_few_labels_are_named(data):
    X, Y = data
    Y[:, 2] = nan
    with pytest.warns(UserWarning, match=r"fewer than two labels, so training or test rows lack task 'task_2' \(0 lab"):
        train_test_split(X, Y)


def test_bad_calls_are_refused(data):
    X, Y = data
    with pytest.raises(ValueError, match="needs at least one array"):
        train_test_split()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[200, 199\]"):
        train_test_split(X, Y[1:])
    with pytest.raises(TypeError, match="shuffle"):
        train_test_split(X, Y, shuffle=False)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[200, 100\]"):
        train_test_split(X, Y, stratify=Y[:100])
