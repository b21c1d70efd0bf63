"""Batches: every row once, in the type of the network, from whatever array it comes in."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmtl import _batches
from skmtl._batches import Batches, Data


@pytest.fixture(params=["cast at once", "cast a block"])
def few_bytes(request, monkeypatch):
    """Both ways to bring X into the type of the network, with blocks of a few rows."""
    monkeypatch.setattr(_batches, "BLOCK_BYTES", 400)
    if request.param == "cast a block":
        monkeypatch.setattr(_batches, "COPY_BYTES", 0)
    return request.param


def make_data(n=53, d=4, **kwargs):
    """Rows that can be told apart: the first feature and the first target are the row's number."""
    X = np.arange(n * d, dtype=np.float32).reshape(n, d)
    return Data(X, np.column_stack([X[:, 0], X[:, 1]]), fill=np.zeros(2, dtype=np.float32), **kwargs)


def collect(batches):
    xs, ys, sizes = [], [], []
    for x, (y, _) in batches:
        assert len(x) == len(y)
        xs.append(x.numpy())
        ys.append(y.numpy())
        sizes.append(len(x))
    return np.concatenate(xs), np.concatenate(ys), sizes


@pytest.mark.parametrize("size", [1, 2, 7, 25, 26, 52, 53, 99])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("merge", [False, True])
def test_batches_cover_every_row_once(few_bytes, rng, size, shuffled, merge):
    data = make_data()
    order = rng.permutation(53)
    batches = Batches(data, size, (lambda: order) if shuffled else None, merge_single=merge)
    x, y, sizes = collect(batches)
    expected = order if shuffled else np.arange(53)
    assert_array_equal(x[:, 0] / 4, expected)
    assert_array_equal(y[:, 0] / 4, expected)
    assert len(sizes) == len(batches)
    rest = 53 % size
    if merge and rest == 1 and 1 < size < 53:
        assert sizes == [size] * (52 // size - 1) + [size + 1]
    else:
        assert sizes == [min(size, 53)] * (53 // size or 1) + [rest] * (0 < rest < 53 and size < 53)
    blocks = [(x, sizes) for x, _, _, sizes in batches.blocks()]
    assert [size for _, sizes in blocks for size in sizes] == sizes
    assert all(len(x) == sum(sizes) for x, sizes in blocks)
    if size < 20:
        assert len(blocks) > 1


@pytest.mark.parametrize("n", [1, 2])
def test_very_few_rows_make_one_batch(n):
    assert collect(Batches(make_data(n), 200, merge_single=True))[2] == [n]


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "u1", "i2", "i8", "u2", "u8", "?", ">f4", ">f8", ">i4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_numeric_type_arrives_in_the_type_of_the_network(few_bytes, rng, kind, dtype):
    X = (rng.integers(0, 100, (20, 3)) % (2 if kind == "?" else 100)).astype(kind)
    data = Data(X, dtype=dtype)
    for index in (slice(2, 9), np.array([5, 0, 19])):
        x, y, m = data.gather(index)
        assert x.dtype == dtype and y is None and m is None
        assert_array_equal(x.numpy(), X[index].astype(float))


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda X: X[::-1],
        lambda X: np.repeat(X, 2, axis=1)[:, ::2],
        sp.csr_array,
        sp.csr_matrix,
    ],
    ids=["fortran", "reversed", "strided", "csr_array", "csr_matrix"],
)
def test_any_layout_gives_the_rows(few_bytes, rng, layout):
    X = rng.normal(size=(30, 3)) * (rng.random((30, 3)) < 0.5)
    given = layout(X)
    expected = (given.toarray() if sp.issparse(given) else np.asarray(given)).astype(np.float32)
    data = Data(given)
    assert len(data) == 30
    for index in (slice(4, 11), np.array([7, 7, 29, 0])):
        x = data.gather(index)[0]
        assert x.is_contiguous()
        assert_array_equal(x.numpy(), expected[index])


def test_more_than_two_dimensions_stay(few_bytes, rng):
    X = rng.normal(size=(9, 2, 3, 4)).astype(np.float32)
    x = Data(X).gather(np.array([8, 1]))[0]
    assert_array_equal(x.numpy(), X[[8, 1]])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_read_only_memmap_is_read_and_never_written(few_bytes, tmp_path, rng, kind):
    X = rng.normal(size=(40, 3)).astype(kind)
    X.tofile(tmp_path / "X")
    mapped = np.memmap(tmp_path / "X", dtype=kind, mode="r", shape=X.shape)
    for index in (slice(0, 10), np.array([3, 1])):
        x = Data(mapped).gather(index)[0]
        assert_array_equal(x.numpy(), X[index].astype(np.float32))
        x.zero_()
    assert_array_equal(np.fromfile(tmp_path / "X", dtype=kind), X.ravel())
    found = collect(Batches(Data(mapped, np.ones((40, 1), dtype=np.float32)), 7))[0]
    assert_array_equal(found, X.astype(np.float32))


def test_large_arrays_are_not_copied(monkeypatch):
    monkeypatch.setattr(_batches, "COPY_BYTES", 100)
    for X in (np.ones((50, 4)), np.ones((50, 4), dtype=np.uint8), np.asfortranarray(np.ones((50, 4)))):
        data = Data(X)
        assert data.X is X
        assert data.subset(np.arange(5)).X is X
    X = sp.csr_array(np.eye(50))
    assert Data(X).X is X


def test_an_array_of_the_right_type_is_not_copied():
    X = np.ones((50, 4), dtype=np.float32)
    assert np.shares_memory(Data(X).X, X)


def test_a_subset_sees_its_rows_and_has_its_own_means(few_bytes):
    Y = np.array([[1, np.nan], [2, 5], [np.nan, 6], [4, np.nan], [9, np.nan], [8, 7.0]], dtype=np.float32)
    data = Data(np.arange(6.0)[:, None], Y, fill=np.array([-1, -2], dtype=np.float32))
    part = data.subset(np.array([4, 1, 2]))
    assert len(part) == 3 and len(data) == 6
    x, y, m = part.gather(slice(0, 3))
    assert_array_equal(x[:, 0], [4, 1, 2])
    assert_array_equal(y, [[9, -2], [2, 5], [-1, 6]])
    assert_array_equal(m, [[1.5, 0], [1.5, 1.5], [0, 1.5]])
    assert_array_equal(part.gather(np.array([2, 0]))[0][:, 0], [2, 4])
    assert data.observed.all() and part.observed.all()
    assert data.subset(np.array([0, 3])).observed.tolist() == [True, False]


def test_label_weights_average_to_the_task_loss(few_bytes, rng):
    Y = np.where(rng.random((40, 3)) < 0.3, np.nan, rng.normal(size=(40, 3))).astype(np.float32)
    fill = np.zeros(3, dtype=np.float32)
    losses = rng.normal(size=(40, 3)).astype(np.float32)
    seen = ~np.isnan(Y)
    for weights in (None, rng.uniform(0, 2, (40, 1)), rng.uniform(0, 2, (40, 3))):
        given = None if weights is None else weights.astype(np.float32)
        _, y, m = Data(np.zeros((40, 1)), Y, given, fill=fill).gather(slice(None))
        assert (y.numpy()[~seen] == 0).all() and (m.numpy()[~seen] == 0).all()
        w = np.broadcast_to(1.0 if weights is None else weights, Y.shape)
        expected = [np.average(losses[seen[:, t], t], weights=w[seen[:, t], t]) for t in range(3)]
        assert_allclose((m.numpy() * losses).mean(axis=0), expected, rtol=1e-4, atol=1e-6)


def test_without_gaps_and_weights_there_is_no_mask(few_bytes):
    data = make_data()
    assert data.gather(slice(None))[2] is None
    assert [m for _, (_, m) in Batches(data, 10)] == [None] * 6


def test_a_task_without_a_label_has_no_weight():
    Y = np.array([[1.0, np.nan], [2.0, np.nan]], dtype=np.float32)
    data = Data(np.zeros((2, 1)), Y, fill=np.zeros(2, dtype=np.float32))
    assert data.observed.tolist() == [True, False]
    assert_array_equal(data.gather(slice(None))[2], [[1, 0], [1, 0]])
