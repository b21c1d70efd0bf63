"""What holds for every architecture of the registry."""

import copy
import pickle

import pytest
import torch
from sklearn.base import clone

from skmtl._activations import ACTIVATIONS
from skmtl.architectures import ARCHITECTURES

architectures = pytest.mark.parametrize("kind", ARCHITECTURES.values(), ids=list(ARCHITECTURES))


def initialize(architecture, n_tasks=3, hidden=(7, 6), dropout=0.0, n_features=4):
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return architecture.initialize(
            n_features, n_tasks, hidden_layer_sizes=hidden, activation=ACTIVATIONS["tanh"], dropout=dropout
        )


@architectures
def test_the_constructor_stores_and_does_nothing_else(kind):
    architecture = kind()
    assert not list(architecture.parameters())
    assert repr(architecture).startswith(kind.__name__ + "(")
    assert kind(**architecture.get_params()).get_params() == architecture.get_params()


@architectures
@pytest.mark.parametrize("n_tasks", [1, 2, 12])
def test_the_representation_has_a_row_a_sample(kind, n_tasks):
    architecture = initialize(kind(), n_tasks)
    for n in (1, 5):
        Z = architecture(torch.zeros(n, 4))
        assert len(Z) == n and torch.isfinite(Z).all()


@architectures
def test_copies_clones_and_saved_states(kind):
    X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    architecture = initialize(kind()).eval()
    expected = architecture(X)
    for other in (copy.deepcopy(architecture), pickle.loads(pickle.dumps(architecture))):
        assert torch.equal(other(X), expected)
    fresh = clone(architecture)
    assert not list(fresh.parameters())
    assert torch.equal(initialize(fresh).eval()(X), expected)
    torch.manual_seed(1)
    other = kind().initialize(4, 3, hidden_layer_sizes=(7, 6), activation=ACTIVATIONS["tanh"], dropout=0.0).eval()
    assert not torch.equal(other(X), expected)
    other.load_state_dict(architecture.state_dict())
    assert torch.equal(other(X), expected)


@architectures
def test_initialize_again_starts_afresh(kind):
    architecture = initialize(kind(), hidden=(9,))
    assert initialize(architecture) is architecture
    shapes = {name: p.shape for name, p in architecture.named_parameters()}
    assert shapes == {name: p.shape for name, p in initialize(kind()).named_parameters()}


@architectures
def test_dropout_is_for_training_alone(kind):
    architecture = initialize(kind(), dropout=0.5, hidden=(200,))
    X = torch.ones(3, 4)  # rows that are alike
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        Z = architecture.train()(X)
        assert not torch.equal(Z[0], Z[1])
        Z = architecture.eval()(X)
        assert torch.equal(Z, architecture(X))
        torch.testing.assert_close(Z[0], Z[1])
        assert (Z != 0).all()


def test_hard_sharing_is_the_dense_trunk_by_hand():
    architecture = initialize(ARCHITECTURES["hard_sharing"]())
    X = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    first, second = architecture.layers
    expected = torch.tanh(torch.tanh(X @ first.weight.T + first.bias) @ second.weight.T + second.bias)
    torch.testing.assert_close(architecture(X), expected)
    assert torch.equal(initialize(ARCHITECTURES["hard_sharing"](), hidden=())(X), X)
