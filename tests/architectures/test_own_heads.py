"""Heads that the user's function makes, and own trunks with a representation for each task."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from skmtl import MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import OwnTrunk

pytestmark = pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")


def trunk():
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh())


def deep_head(n_features, n_outputs):
    return nn.Sequential(nn.Linear(n_features, 4), nn.Tanh(), nn.Linear(4, n_outputs))


def make(architecture, kind=MultiTaskRegressor, **parameters):
    return kind(architecture=architecture, max_iter=3, random_state=0, **parameters)


class EachItsHalf(nn.Module):
    """Two tasks, of which each sees features of its own."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 4)

    def forward(self, X):
        return torch.relu(self.layer(X)).unflatten(1, (2, 2))


def test_every_task_gets_a_head_with_as_many_outputs_as_it_needs(rng):
    X = rng.normal(size=(60, 5))
    Y = np.column_stack([X[:, 0], np.arange(60) % 3, X[:, 1] > 0])
    asked = []

    def head(n_features, n_outputs):
        asked.append((n_features, n_outputs))
        return deep_head(n_features, n_outputs)

    tasks = ["regression", "classification", "classification"]
    model = make(OwnTrunk(trunk, heads=head), MultiTaskEstimator, tasks=tasks).fit(X, Y)
    assert sorted(asked) == [(6, 1), (6, 1), (6, 3)]
    assert model.predict_proba(X)[1].shape == (60, 3)


def test_outputs_of_own_heads_are_those_of_their_modules(rng):
    X = rng.normal(size=(60, 5)).astype(np.float32)
    Y = np.column_stack([np.arange(60) % 3, np.arange(60) % 4, np.arange(60) % 3])
    model = make(OwnTrunk(trunk, heads=deep_head), MultiTaskEstimator, tasks="classification").fit(X, Y)
    network = model.net_.module_
    Z = network.trunk(torch.from_numpy(X))
    # Tasks with as many classes are neighbours: the heads are those of tasks 0, 2, 1.
    for head, task in zip(network.heads.heads, (0, 2, 1), strict=True):
        expected = torch.softmax(head(Z).double(), dim=1).detach().numpy()
        assert_allclose(model.predict_proba(X)[task], expected, rtol=1e-5)


def test_own_heads_are_cloned_saved_and_balanced(regression):
    X, Y = regression
    model = make(OwnTrunk(trunk, heads=deep_head), aggregator="pcgrad")
    fitted = clone(model).fit(X, Y)
    assert_array_equal(fitted.predict(X), model.fit(X, Y).predict(X))
    assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict(X), fitted.predict(X))


def test_a_task_of_weight_zero_predicts_its_mean(regression):
    X, Y = regression
    weights = [1.0] * (Y.shape[1] - 1) + [0.0]
    model = make(OwnTrunk(trunk, heads=deep_head), task_weights=weights).fit(X, Y)
    assert_allclose(model.predict(X)[:, -1], Y[:, -1].mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("heads", "error", "message"),
    [
        (lambda d, k: nn.Linear(d, k + 1), ValueError, r"must map \(n, 6\) to \(n, 1\); 2 rows: \(2, 2\)"),
        (
            lambda d, k: None,
            TypeError,
            r"head\(n_features=6, n_outputs=1\) must return a torch\.nn\.Module; got None",
        ),
        ("shard", ValueError, "heads must be 'own', 'shared' or a function that makes them; got 'shard'"),
        ("shared", ValueError, "needs a representation for each task"),
    ],
)
def test_heads_that_do_not_fit_are_explained(regression, heads, error, message):
    with pytest.raises(error, match=message):
        make(OwnTrunk(trunk, heads=heads)).fit(*regression)


def test_own_heads_have_no_built_in_layers(regression):
    with pytest.raises(ValueError, match=r"head_hidden_layer_sizes=\(3,\) is for the built-in heads"):
        make(OwnTrunk(trunk, heads=deep_head), head_hidden_layer_sizes=(3,)).fit(*regression)


def test_an_own_trunk_may_have_a_representation_for_each_task(rng):
    X = rng.normal(size=(80, 5))
    Y = np.column_stack([X[:, 0], X[:, 1]])
    model = make(EachItsHalf, learning_rate_init=0.01).set_params(max_iter=150).fit(X, Y)
    assert model.score(X, Y) > 0.5
    assert model.transform(X).shape == (80, 4)
    network = model.net_.module_
    with torch.no_grad():
        network.trunk.module.layer.weight[:2] = 0.0
    changed = model.predict(X)
    assert np.ptp(changed[:, 0]) < 1e-6 < np.ptp(changed[:, 1])


class Marks(nn.Module):
    """The representation of task t is t, whatever X is."""

    def forward(self, X):
        return torch.arange(4.0).view(1, 4, 1).expand(len(X), 4, 1)


@pytest.mark.parametrize("skipped", [(), (1,)])
def test_representations_of_tasks_are_in_the_order_of_y(rng, skipped):
    X = rng.normal(size=(40, 5))
    kinds = ["regression", "classification", "regression", "classification", "regression"][: 4 + len(skipped)]
    Y = np.column_stack([np.arange(40.0) % 2] * len(kinds))
    Y[:, list(skipped)] = np.nan
    model = make(Marks, MultiTaskEstimator, tasks=kinds, on_empty_task="skip" if skipped else "raise")
    if skipped:
        with pytest.warns(UserWarning, match="no observed label"):
            model.fit(X, Y)
    else:
        model.fit(X, Y)
    assert model.transform(X[:1]).tolist() == [[0.0, 1.0, 2.0, 3.0]]
    trained = [t for t in range(len(kinds)) if t not in skipped]
    network = model.net_.module_
    seen = network.trunk(torch.zeros(1, 5)).flatten().int().tolist()
    assert [trained[t] for t in seen] == list(network.trunk.task_positions)


def test_a_trunk_for_two_tasks_does_not_fit_three(rng):
    X = rng.normal(size=(30, 5))
    with pytest.raises(ValueError, match=r"or one a sample and task, \(4, 3, d\); got \(4, 2, 2\)"):
        make(EachItsHalf).fit(X, X[:, :3])


def test_one_head_for_all_tasks_of_an_own_trunk(rng):
    X = rng.normal(size=(40, 5))
    model = make(OwnTrunk(EachItsHalf, heads="shared")).fit(X, X[:, :2])
    Z = model.transform(X.astype(np.float32)).reshape(40, 2, 2)
    (layer,) = model.net_.module_.heads.layers
    expected = (torch.from_numpy(Z) @ layer.weight[0].detach() + layer.bias.detach()).numpy()
    assert_allclose((model.predict(X) - X[:, :2].mean(0)) / X[:, :2].std(0), expected, rtol=1e-4, atol=1e-5)


def test_the_summary_counts_a_trunk_of_one_s_own(regression):
    X, Y = regression
    summary = make(OwnTrunk(trunk, heads=deep_head)).fit(X, Y).architecture_summary_
    n_tasks, head = Y.shape[1], 6 * 4 + 4 + 4 + 1
    assert summary.parameters["trunk"] == summary.parameters["shared by tasks"] == 36
    assert summary.parameters["heads"] == n_tasks * head
    assert summary.parameters["separate networks"] == n_tasks * (36 + head)
    assert summary.multiply_adds["separate networks"] == n_tasks * (30 + 28)
