"""gradient_conflict: cosines and lengths over training, by layer, and what is made of them."""

import numpy as np
import pytest
import torch

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import OwnTrunk
from skmtl.diagnostics import GradientConflict, gradient_conflict

QUICK = {"preset": "mlp", "hidden_layer_sizes": (8, 4), "learning_rate_init": 0.01, "max_iter": 4, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def made(cosines, lengths=None):
    """A result of two tasks with these cosines."""
    table = np.ones((len(cosines), 2, 2))
    table[:, 0, 1] = table[:, 1, 0] = cosines
    lengths = np.ones((len(cosines), 2)) if lengths is None else np.array(lengths)
    return GradientConflict(np.arange(1, len(cosines) + 1), table, lengths, ["a", "b"])


def test_numbers_by_hand():
    conflict = made([0.5, -0.25, -0.25, np.nan], [[2.0, 1.0], [8.0, 1.0], [4.0, 1.0], [0.0, 1.0]])
    assert conflict.mean_cosines[0, 1] == pytest.approx(0.0)
    assert conflict.conflict_share[0, 1] == pytest.approx(2 / 3)
    assert conflict.share == pytest.approx(2 / 3)
    assert conflict.length_ratios[0, 1] == pytest.approx(4.0)
    assert conflict.length_ratios[1, 0] == pytest.approx(0.25)


def test_frame_has_a_row_a_pair_and_look():
    frame = made([0.5, -0.25], [[2.0, 1.0], [8.0, 1.0]]).frame()
    assert frame.to_numpy().tolist() == [[1, "a", "b", 0.5, 2.0], [2, "a", "b", -0.25, 8.0]]


def test_the_pairs_that_are_in_conflict_most_are_shown():
    table = np.tile(np.eye(6), (1, 1, 1))
    table[0, 4, 5] = table[0, 5, 4] = -0.9
    lines = repr(GradientConflict(np.array([1]), table, np.ones((1, 6)), list("abcdef"))).splitlines()
    assert lines[2].split()[:3] == ["e", "f", "-0.90"]
    assert lines[-1] == "[15 pairs; these are in conflict most]"


def test_a_look_an_epoch(regression_missing):
    conflict = gradient_conflict(MultiTaskRegressor(**QUICK), *regression_missing)
    assert conflict.epochs.tolist() == [1, 2, 3, 4]
    assert (conflict.cosines.shape, conflict.lengths.shape) == ((4, 2, 2), (4, 2))
    np.testing.assert_allclose(conflict.cosines, conflict.cosines.transpose(0, 2, 1))
    np.testing.assert_allclose(conflict.cosines[:, [0, 1], [0, 1]], 1.0, rtol=1e-6)
    assert conflict.layers is None


def test_every_so_many_steps(regression):
    conflict = gradient_conflict(MultiTaskRegressor(**QUICK, batch_size=30), *regression, every=2)
    assert conflict.epochs.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_members_are_one_look(regression):
    conflict = gradient_conflict(MultiTaskRegressor(**QUICK, n_members=3), *regression, n_rows=50)
    assert conflict.epochs.tolist() == [1, 2, 3, 4]


def test_layers_of_a_trunk_of_ones_own(regression):
    trunk = torch.nn.Sequential(torch.nn.Linear(5, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
    conflict = gradient_conflict(MultiTaskRegressor(**QUICK, architecture=trunk), *regression, by_layer=True)
    assert list(conflict.layers) == ["module.0", "module.2"]
    assert list(conflict.frame())[-2:] == ["cosine, module.0", "cosine, module.2"]


def test_opposed_tasks_are_in_conflict(regression):
    X, Y = regression
    model = MultiTaskRegressor(**QUICK | {"max_iter": 1}, architecture=OwnTrunk(Same(), heads="shared"))
    conflict = gradient_conflict(model, X, np.column_stack([Y[:, 0], Y[:, 0], -Y[:, 0]]))
    assert conflict.mean_cosines[0, 1] == pytest.approx(1.0)
    assert conflict.mean_cosines[0, 2] < 0
    assert conflict.conflict_share.tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]


class Same(torch.nn.Linear):
    """The same representation for each of three tasks."""

    def __init__(self):
        super().__init__(5, 4)

    def forward(self, X):
        return super().forward(X).unsqueeze(1).expand(-1, 3, -1)


def test_mixed_kinds(mixed):
    conflict = gradient_conflict(MultiTaskEstimator(**QUICK), *mixed, random_state=0)
    assert conflict.task_names == ["level", "passed", "price"]
    assert 0 <= conflict.share <= 1


def test_the_looks_end_where_training_goes_back_to(regression):
    model = MultiTaskRegressor(**QUICK | {"max_iter": 60, "learning_rate_init": 0.1}, early_stopping=True)
    fitted = model.fit(*regression)
    best = 1 + int(np.argmax(fitted.validation_scores_))
    assert best < fitted.n_iter_
    assert gradient_conflict(model, *regression).epochs.tolist() == [
        e for e in range(1, best + 1) if e <= 20 or e % 5 == 0
    ]


def test_nothing_shared(regression):
    with pytest.raises(ValueError, match="this network shares none"):
        gradient_conflict(MultiTaskRegressor(**QUICK, architecture="independent"), *regression)
