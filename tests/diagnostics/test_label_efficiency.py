"""label_efficiency: what is kept, what is compared, and how many labels are spared."""

import numpy as np
import pytest
from diagnostics._counted import Counted
from scipy import sparse
from sklearn.base import BaseEstimator

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl.diagnostics import LabelEfficiency, label_efficiency
from skmtl.diagnostics._label_efficiency import equivalent_labels

QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "learning_rate_init": 0.02, "max_iter": 20, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Labelled(BaseEstimator):
    """Predicts column t of X, plus one over the labels of its task, plus a tenth where it is trained alone."""

    takes_missing_labels = True
    seen: list = []

    def __init__(self, on_empty_task="skip"):
        self.on_empty_task = on_empty_task

    def fit(self, X, y):
        y = np.asarray(y, dtype=float).reshape(len(X), -1)
        self.counts_ = (~np.isnan(y)).sum(axis=0)
        self.seen.append((self.counts_.tolist(), np.asarray(X)[:, 0]))
        return self

    def predict(self, X):
        error = 1 / np.maximum(self.counts_, 1) + 0.1 * (np.count_nonzero(self.counts_) == 1)
        return np.asarray(X, dtype=float)[:, : len(self.counts_)] + error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        tags.target_tags.multi_output = True
        return tags


@pytest.fixture(autouse=True)
def forget():
    Labelled.seen.clear()
    Counted.fits.clear()


@pytest.fixture
def known(rng):
    """X whose columns are the tasks, of variance 1."""
    X = rng.normal(size=(80, 2))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    return X, X.copy()


def test_scores_by_hand(known):
    found = label_efficiency(Labelled(), *known, task="task_1", sizes=[20, 10], n_repeats=2, random_state=0)
    assert found.sizes.tolist() == [10, 20]
    np.testing.assert_allclose(found.shared, [[1 - 0.1**2, 1 - 0.05**2]] * 2)
    np.testing.assert_allclose(found.alone, [[1 - 0.2**2, 1 - 0.15**2]] * 2)


def test_the_task_keeps_so_many_labels_and_the_others_all(known):
    label_efficiency(Labelled(), *known, task="task_1", sizes=[10, 60], n_repeats=1)
    assert [counts for counts, _ in Labelled.seen] == [[60, 10], [0, 10], [60, 60], [0, 60]]


def test_more_labels_include_the_fewer_and_no_test_row_is_trained_on(known):
    label_efficiency(Labelled(), *known, task="task_1", sizes=[10, 60], n_repeats=1)
    ten, sixty = (set(rows.tolist()) for counts, rows in Labelled.seen if counts[0] == 0)
    shared = set(Labelled.seen[0][1].tolist())
    assert ten < sixty
    assert sixty == shared
    assert len(shared) == 60


def test_repeats_differ_in_their_rows(known):
    label_efficiency(Labelled(), *known, task="task_1", sizes=[10], n_repeats=2)
    first, second = (set(rows.tolist()) for counts, rows in Labelled.seen if counts[0] == 0)
    assert first != second


def test_default_sizes_are_those_that_there_are_labels_for(known):
    X, Y = known
    assert label_efficiency(Labelled(), X, Y, task="task_0", n_repeats=1).sizes.tolist() == [10, 20, 50]


def test_equivalent_labels_by_hand():
    sizes, alone = np.array([10, 100, 1000]), np.array([0.2, 0.4, 0.5])
    found = equivalent_labels(sizes, alone, np.array([0.2, 0.3, 0.45, 0.5, 0.6, 0.1]))
    np.testing.assert_allclose(found, [10, 10**1.5, 10**2.5, 1000, np.inf, np.nan])


def test_a_curve_that_falls_counts_as_level():
    found = equivalent_labels(np.array([10, 100, 1000]), np.array([0.3, 0.2, 0.5]), np.array([0.3, 0.4]))
    np.testing.assert_allclose(found, [10, 10**2.5])


def test_frame_and_text():
    shared, alone = np.array([[0.5, 0.6], [0.7, 0.6]]), np.array([[0.3, 0.6], [0.3, 0.6]])
    found = LabelEfficiency("a", np.array([10, 20]), shared, alone)
    np.testing.assert_allclose(found.frame().loc[10].to_numpy(), [0.6, 0.3, 0.3, 0.1, 20, 10])
    assert repr(found).splitlines()[2].split() == ["10", "0.600", "0.300", "+0.300", "20"]
    assert np.isnan(LabelEfficiency("a", np.array([10]), shared[:1, :1], alone[:1, :1]).gain_error()).all()


def test_labels_of_related_tasks_spare_labels(rng):
    X = rng.normal(size=(400, 8))
    a = np.tanh(X @ rng.normal(size=(8, 2))) @ rng.normal(size=(2, 3))
    model = MultiTaskRegressor(**QUICK | {"hidden_layer_sizes": (16,), "max_iter": 100})
    found = label_efficiency(model, X, a, task="task_0", sizes=[15, 60, 240], n_repeats=3, random_state=0)
    assert (found.shared_mean > found.alone_mean)[:2].all()
    assert (found.spared[:2] > 0).all()


def test_classes_all_have_labels(mixed):
    X, Y = mixed
    found = label_efficiency(
        MultiTaskEstimator(**QUICK), X, Y, task="level", sizes=[6, 40], n_repeats=2, random_state=0
    )
    assert np.isfinite(found.shared).all()
    assert np.isfinite(found.alone).all()


def test_sparse_labels_and_weights(regression):
    X, Y = regression
    Y = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    known = np.random.default_rng(0).random(Y.shape) < 0.8
    at = np.nonzero(known)
    stored, weights = (sparse.csr_array((v[known], at), shape=Y.shape) for v in (Y, np.full(Y.shape, 2.0)))
    settings = {"task": "task_1", "sizes": [10, 40], "n_repeats": 1, "random_state": 0}
    dense = label_efficiency(
        MultiTaskRegressor(**QUICK), X, np.where(known, Y, np.nan), sample_weight=np.full(Y.shape, 2.0), **settings
    )
    found = label_efficiency(MultiTaskRegressor(**QUICK), X, stored, sample_weight=weights, **settings)
    np.testing.assert_allclose(found.shared, dense.shared)
    np.testing.assert_allclose(found.alone, dense.alone)


def test_an_interrupt_keeps_the_repeats_that_are_done(known):
    settings = {"task": "task_0", "sizes": [10, 20], "n_repeats": 3}
    with pytest.warns(UserWarning, match=r"interrupted: the result is that of the 1 repeat\(s\)"):
        assert label_efficiency(Counted(interrupt=7), *known, **settings).shared.shape == (1, 2)
    Counted.fits.clear()
    with pytest.raises(KeyboardInterrupt):
        label_efficiency(Counted(interrupt=3), *known, **settings)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"task": "task_2"}, r"task='task_2' is no task; the tasks are"),
        ({"task": "task_0", "sizes": [100]}, r"sizes must be whole numbers from 2 to 60.*got \[100\]"),
        ({"task": "task_0", "sizes": [1]}, "from 2 to 60"),
        ({"task": "task_0", "sizes": []}, "got none"),
        ({"task": "task_0", "test_size": 1.0}, "test_size must be between 0 and 1"),
        ({"task": "task_0", "n_repeats": 0}, "n_repeats must be an integer"),
    ],
)
def test_errors(known, settings, text):
    with pytest.raises(ValueError, match=text):
        label_efficiency(Labelled(), *known, **settings)


def test_one_task_has_no_others(known):
    X, Y = known
    with pytest.raises(ValueError, match="y has 'task_0' only"):
        label_efficiency(Labelled(), X, Y[:, 0], task="task_0")
