"""Soft sharing: both penalties by hand, by finite differences, and where singular values are equal or zero."""

import numpy as np
import pytest
import torch
from architectures._trunks import batch, generic, make
from numpy.testing import assert_allclose
from torch.testing import assert_close

from skmtl import MultiTaskRegressor
from skmtl.architectures import Independent, SoftSharing
from skmtl.architectures._soft_sharing import _distance_to_mean, _trace_norm


def rows(trunk):
    """Weights and biases of each layer, a row a task."""
    pairs = [(layer.weight.flatten(1), layer.bias.view(3, -1)) for layer in trunk.stack.layers]
    return [torch.cat(pair, dim=1).detach().numpy() for pair in pairs]


def gradient(norm, W):
    W = torch.as_tensor(W).requires_grad_()
    return torch.autograd.grad(norm(W), W)[0]


def test_forward_is_that_of_independent_networks():
    trunk, independent = generic(SoftSharing()), make(Independent())
    independent.load_state_dict(trunk.state_dict())
    assert torch.equal(trunk(batch()), independent(batch()))


def test_the_trunks_start_alike():
    trunk = make(SoftSharing())
    Z = trunk(batch())
    assert_close(Z, Z[:, :1].expand_as(Z))
    assert trunk.penalty().item() == pytest.approx(0, abs=1e-30)


def test_the_l2_penalty_is_the_mean_squared_distance_to_the_mean():
    trunk = generic(SoftSharing(strength=0.3))
    expected = sum(((W - W.mean(0)) ** 2).sum() / 3 for W in rows(trunk))
    assert_allclose(trunk.penalty().item(), 0.3 * expected)
    assert _distance_to_mean(torch.tensor([[1.0, 0.0], [3.0, 0.0]])) == 1.0  # one from the mean, each of the two


def test_the_trace_penalty_is_the_sum_of_singular_values():
    trunk = generic(SoftSharing(strength=0.3, norm="trace"))
    expected = sum(np.linalg.svd(W, compute_uv=False).sum() / np.sqrt(3) for W in rows(trunk))
    assert_allclose(trunk.penalty().item(), 0.3 * expected)


@pytest.mark.parametrize("n_tasks", [2, 5, 12])
def test_neither_penalty_grows_with_the_number_of_trunks_of_one_kind(n_tasks):
    w = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    assert _trace_norm(w.repeat(n_tasks, 1)).item() == pytest.approx(5.0, rel=1e-6)
    apart = torch.cat([w, -w]).repeat(n_tasks, 1)
    assert _distance_to_mean(apart).item() == pytest.approx(25.0)


@pytest.mark.parametrize("norm", ["l2", "trace"])
def test_the_gradient_of_the_penalty_agrees_with_finite_differences(norm):
    trunk = generic(SoftSharing(norm=norm), hidden=(2, 2), n_features=2)
    names, parameters = zip(*trunk.named_parameters(), strict=True)

    def penalty(*values):
        for name, value in zip(names, values, strict=True):
            owner = trunk.get_submodule(name.rpartition(".")[0])
            owner._parameters[name.rpartition(".")[2]] = value
        return trunk.penalty()

    assert torch.autograd.gradcheck(penalty, parameters)


def test_the_gradient_of_the_trace_norm_is_that_of_the_singular_values():
    W = np.random.default_rng(0).normal(size=(4, 9))
    left, _, right = np.linalg.svd(W, full_matrices=False)
    assert_allclose(gradient(_trace_norm, W), left @ right / 2, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_and_zero_singular_values_have_a_gradient(dtype):
    equal = torch.eye(3, 5, dtype=dtype)
    assert_close(gradient(_trace_norm, equal), equal / 3**0.5)
    alike = torch.ones(3, 4, dtype=dtype)  # one singular value, and two zeros
    assert_close(gradient(_trace_norm, alike), alike / 12**0.5 / 3**0.5, rtol=1e-3, atol=1e-6)
    assert torch.equal(gradient(_trace_norm, 0 * alike), 0 * alike)
    more_tasks_than_weights = torch.arange(12, dtype=dtype).view(6, 2)
    assert gradient(_trace_norm, more_tasks_than_weights).norm() <= 2**0.5 / 6**0.5 + 1e-5


def test_steps_down_the_l2_penalty_make_the_trunks_one():
    trunk = generic(SoftSharing(strength=1.0))
    before = [W.mean(0) for W in rows(trunk)]
    optimizer = torch.optim.SGD(trunk.parameters(), lr=0.5)
    for _ in range(100):
        optimizer.zero_grad()
        trunk.penalty().backward()
        optimizer.step()
    for W, mean in zip(rows(trunk), before, strict=True):
        assert_allclose(W, np.tile(mean, (3, 1)), atol=1e-10)


def test_steps_down_the_trace_norm_lower_the_rank():
    W = torch.randn(4, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    W = W + 3 * torch.ones(4, 6)
    for _ in range(400):
        W = W - 0.02 * gradient(_trace_norm, W)
    singular = torch.linalg.svdvals(W)
    assert singular[0] > 5 and (singular[1:] < 0.02).all()


def test_strength_zero_is_no_penalty_and_nothing_is_ever_shared():
    assert make(SoftSharing(strength=0)).penalty() is None
    assert make(SoftSharing(norm="trace"), n_tasks=1).penalty() is None
    assert make(SoftSharing()).shared_parameters() == []


@pytest.mark.parametrize("norm", ["l2", "trace"])
@pytest.mark.filterwarnings("ignore:.*converge:sklearn.exceptions.ConvergenceWarning")
def test_fitting_holds_the_trunks_together_by_strength(regression, norm):
    def apart(strength):
        trunk = SoftSharing(strength, norm)
        model = MultiTaskRegressor(architecture=trunk, hidden_layer_sizes=(6,), solver="lbfgs", random_state=0)
        (layer,) = model.fit(*regression).net_.module_.trunk.stack.layers
        return (layer.weight[0] - layer.weight[1]).norm().item()

    assert apart(10.0) < apart(0.1) / 3
    assert apart(0.1) < apart(0.0)
