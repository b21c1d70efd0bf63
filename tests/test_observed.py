"""Observed labels: what is said of dense targets with NaN and of sparse ones is the same."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal

from skmtl import _observed

nan = np.nan


@pytest.fixture
def both(rng):
    """Targets (50, 4) of which one column and one row have no label, dense and as CSR array; weights of either form."""
    dense = np.where(rng.random((50, 4)) < 0.4, nan, rng.normal(size=(50, 4)))
    dense[:, 2] = dense[7] = nan
    seen = ~np.isnan(dense)
    given = sp.csr_array(sp.coo_array((dense[seen], np.nonzero(seen)), shape=dense.shape))
    weights = rng.uniform(0, 2, dense.shape)
    weights[:, 0] = 0
    return dense, given, weights


def test_columns_are_the_rows_and_labels_of_each_task(both):
    dense, given, _ = both
    for form in (dense, given, given.tocsc(), np.asfortranarray(dense)):
        found = list(_observed.columns(form))
        assert len(found) == 4
        for (rows, labels), cells in zip(found, dense.T, strict=True):
            assert_array_equal(rows, np.flatnonzero(~np.isnan(cells)))
            assert_array_equal(labels, cells[~np.isnan(cells)])


def test_weights_come_with_their_labels(both):
    dense, given, weights = both
    for each in (weights, weights[:, :1]):
        sparse_form = _observed.like(given, each) if each.shape[1] > 1 else each
        pairs = zip(
            _observed.weighted_columns(dense, each), _observed.weighted_columns(given, sparse_form), strict=True
        )
        for task, ((rows, _, own), (_, _, theirs)) in enumerate(pairs):
            assert_array_equal(own, each[rows, task if each.shape[1] > 1 else 0])
            assert_array_equal(own, theirs)
    assert {own for _, _, own in _observed.weighted_columns(dense)} == {None}


def test_totals_are_the_same_to_the_last_bit_in_any_blocks(both, monkeypatch):
    dense, given, weights = both
    for each in (weights, weights[:, 1:2]):
        sparse_form = _observed.like(given, each) if each.shape[1] > 1 else each
        expected = _observed.totals(given, sparse_form)
        np.testing.assert_allclose(expected, np.where(np.isnan(dense), 0, each).sum(axis=0))
        for cells in (2**20, 12):
            monkeypatch.setattr(_observed, "BLOCK", cells)
            assert_array_equal(_observed.totals(dense, each), expected)
            assert_array_equal(_observed.totals(np.asfortranarray(dense), each), expected)
    assert_array_equal(_observed.totals(given), _observed.totals(dense))
    assert_array_equal(_observed.counts_at_all(given), [True, True, False, True])
    assert_array_equal(_observed.counts_at_all(given, _observed.like(given, weights)), [False, True, False, True])
    assert_array_equal(_observed.counts_at_all(dense, weights), [False, True, False, True])


def test_products_keep_the_pattern(both):
    _, given, weights = both
    factors = _observed.with_data(given, np.arange(given.nnz, dtype=float))
    for each in (weights, weights[:, :1]):
        found = _observed.times(_observed.like(given, each) if each.shape[1] > 1 else each, factors)
        assert found.nnz == given.nnz  # zeros too
        assert_array_equal(found.toarray(), factors.toarray() * each)


def test_columns_are_taken_in_order(both):
    dense, given, _ = both
    assert _observed.take_columns(given, [0, 1, 2, 3]) is given
    assert _observed.take_columns(dense, np.arange(4)) is dense
    taken = _observed.take_columns(given, [3, 0, 1])
    assert taken.has_sorted_indices
    assert taken.nnz == np.count_nonzero(~np.isnan(dense[:, [3, 0, 1]]))
    assert_array_equal(taken.toarray(), np.nan_to_num(dense[:, [3, 0, 1]]))
    assert_array_equal(_observed.take_columns(dense, [3, 0, 1]), dense[:, [3, 0, 1]])


@pytest.mark.parametrize(
    "rows", [slice(None), slice(3, 9), slice(40, 99), slice(5, 5), np.array([8, 7, 7, 49]), np.array([], dtype=int)]
)
def test_entries_of_rows_are_where_scipy_has_them(both, rows):
    _, given, _ = both
    where, lengths = _observed.positions(given.indptr, rows)
    expected = given[rows]
    assert_array_equal(given.data[where], expected.data)
    assert_array_equal(given.indices[where], expected.indices)
    assert_array_equal(lengths, np.diff(expected.indptr))
