"""Inputs: what the network gets for a number, a gap or a category, in whatever form X comes."""

import copy
import datetime
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose, assert_array_equal

from skmtl._inputs import Inputs, _encodings, _statistics
from skmtl._inputs._embeddings import MAX_COLUMNS, MIN_ROWS, N_FREQUENCIES, SIGMA

nan = np.nan
PLAIN = {"scaling": None, "embedding": None, "categorical": None, "missing": "raise"}


def fit(X, **settings):
    return Inputs.fit(X, owner="Model", **PLAIN | settings)


def encode(X, later=None, **settings):
    """Encode X, or later rows as they would be after fitting to X."""
    inputs, table = fit(X, **settings)
    return inputs.encode(table if later is None else inputs.read(later))


def column(*values):
    return np.array(values, dtype=float).reshape(-1, 1)


def frame(**columns):
    return pd.DataFrame(columns)


def smooth_clip(z):
    return z / np.sqrt(1 + (z / 3) ** 2)


# Scale


def test_robust_by_hand():
    encoded = encode(column(0, 1, 2, 3, 10), scaling="robust")
    assert encoded.dtype == np.float32
    assert_allclose(encoded, smooth_clip(column(-1, -0.5, 0, 0.5, 4)), rtol=1e-6)  # median 2, quartiles 1 and 3


def test_robust_by_half_the_range_where_the_quartiles_are_equal():
    encoded = encode(column(5, 5, 5, 5, 5, 5, 5, 2, 9), scaling="robust")
    assert_allclose(encoded[-2:], smooth_clip(column(-3, 4) / 3.5), rtol=1e-6)


def test_robust_by_the_others_where_most_values_are_equal():
    X = column(*[0.0] * 9, 10.0, 20.0, 30.0, 40.0)  # quartiles of all: 0, 0, 20 ... of the others 17.5 and 32.5
    X = np.vstack([X, np.zeros((20, 1))])
    assert_allclose(encode(X, column(0.0, 15.0), scaling="robust"), smooth_clip(column(0.0, 1.0)), rtol=1e-6)


def test_robust_is_never_beyond_three():
    later = column(-1e300, 1e9, 1e300)
    assert_allclose(encode(column(0, 1, 2, 3, 10), later, scaling="robust"), column(-3, 3, 3))


def test_standard_by_hand():
    assert_allclose(encode(column(1, 2, 6), scaling="standard"), column(-2, -1, 3) / np.sqrt(14 / 3), rtol=1e-6)
    assert encode(column(1, 2, 6), column(300), scaling="standard") > 100  # not clipped


def test_no_scaling():
    assert_array_equal(encode(column(1, 2, 6), scaling=None, missing="impute"), column(1, 2, 6))


@pytest.mark.parametrize("scaling", ["robust", "standard"])
@pytest.mark.parametrize("values", [(0, 1, 1, 0), (True, False, True, False), (0, 1, nan, 1)])
def test_zeros_and_ones_are_left_alone(scaling, values):
    X = np.c_[np.array(values), [2.0, 4, 6, 8]]
    encoded = encode(X, scaling=scaling, embedding="periodic", missing="impute")
    assert_array_equal(encoded[:, -1 - np.isnan(X).any()], np.where(np.isnan(X[:, 0]), 1, X[:, 0]))


@pytest.mark.parametrize("values", [(0, 2, 0), (1, 2, 1), (0, 0.5, 1), (-1, 0, 1)])
def test_other_pairs_are_scaled(values):
    assert_allclose(encode(column(*values), scaling="standard").std(), 1, rtol=1e-6)


@pytest.mark.parametrize("constant", [0, 1, -3.5, 1e300])
def test_constant_columns_are_left_out(constant):
    X = np.c_[np.full(5, constant), np.arange(5), np.full(5, constant)]
    inputs, _ = fit(X, scaling="standard")
    assert (inputs.n_columns, inputs.n_features) == (1, 3)
    assert_allclose(inputs.encode(X), encode(X[:, 1:2], scaling="standard"))
    assert_array_equal(inputs.encode(np.full((2, 3), 7.0))[0], inputs.encode(np.array([[-1.0, 7, 8]]))[0])


def test_what_rounding_makes_of_a_constant_is_constant():
    X = np.c_[[0.1 + 0.2, 0.3, 0.3], [1, 2, 3]]
    assert fit(X, scaling="robust")[0].n_columns == 1


@pytest.mark.parametrize("X", [column(4), column(4, 4), column(nan, nan)], ids=["one row", "constant", "only gaps"])
def test_of_nothing_that_varies_the_network_gets_zeros(X):
    inputs, table = fit(X, scaling="robust", embedding="piecewise_linear", missing="impute")
    assert_array_equal(inputs.encode(table), np.zeros((len(X), 1)))
    assert_array_equal(inputs.encode(column(nan, 8)), np.zeros((2, 1)))


def test_two_rows():
    assert_allclose(encode(column(3, 9), scaling="robust"), smooth_clip(column(-1, 1)), rtol=1e-6)
    assert_allclose(encode(column(3, 9), scaling="standard"), column(-1, 1), rtol=1e-6)


# Bins


def bins(values, edges):
    """Codes of the bins between these edges, not centred."""
    e = np.asarray(edges, dtype=float)
    codes = ((values - e[:-1]) / np.diff(e)).clip(0, 1)
    codes[:, :1] = ((values - e[0]) / (e[1] - e[0])).clip(-1, 1)
    codes[:, -1:] = ((values - e[-2]) / (e[-1] - e[-2])).clip(0, 2)
    return codes


def test_piecewise_linear_by_hand():
    X = np.arange(201.0)[:, None]  # 201 // 40 = 5 bins
    edges = [0, 40, 80, 120, 160, 200]
    later = column(100, -20, -1e6, 220, 1e6, 40)
    encoded = encode(X, later, embedding="piecewise_linear")
    assert encoded.shape == (6, 6)
    assert_array_equal(encoded[:, 0], later[:, 0])
    expected = [
        [1, 1, 0.5, 0, 0],
        [-0.5, 0, 0, 0, 0],
        [-1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1.5],
        [1, 1, 1, 1, 2],
        [1, 0, 0, 0, 0],
    ]
    assert_allclose(encoded[:, 1:], expected - bins(X, edges).mean(axis=0), atol=1e-6)


@pytest.mark.parametrize("scaling", ["robust", "standard", None])
def test_bins_are_of_the_scaled_numbers_and_centred(scaling):
    X = np.random.default_rng(0).lognormal(size=(400, 3))
    encoded = encode(X, scaling=scaling, embedding="piecewise_linear")
    assert encoded.shape == (400, 3 + 3 * 8)
    scaled = encode(X, scaling=scaling, missing="impute")
    assert_array_equal(encoded[:, :3], scaled)
    for j in range(3):
        codes = bins(scaled[:, j : j + 1], np.quantile(scaled[:, j].astype(float), np.linspace(0, 1, 9)))
        assert_allclose(encoded[:, 3 + 8 * j :][:, :8], codes - codes.mean(axis=0), atol=1e-4)
    assert_allclose(encoded[:, 3:].mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(("n", "n_bins"), [(199, 0), (200, 5), (279, 6), (320, 8), (2000, 8)])
def test_number_of_bins(n, n_bins):
    assert encode(np.arange(n)[:, None], embedding="piecewise_linear").shape == (n, 1 + n_bins)


def test_equal_edges_count_once():
    X = np.repeat([0, 1, 2], [100, 50, 50])[:, None]
    encoded = encode(X, embedding="piecewise_linear")
    assert_allclose(encoded[:, 1:], bins(X, [0, 1, 2]) - bins(X, [0, 1, 2]).mean(axis=0), atol=1e-6)


def test_where_many_values_are_equal_each_counts_once():
    X = column(*[0.0] * 380, *np.repeat(np.arange(1.0, 17.0), 2))
    inputs, _ = Inputs.fit(X, scaling=None, embedding="piecewise_linear", categorical=None, missing="raise", owner="it")
    assert inputs.n_columns == 1 + 8
    later = inputs.encode(column(3.0, 5.0)) - inputs.encode(column(0.0))
    assert_allclose(
        later[:, 1:],
        bins(column(3.0, 5.0), np.arange(0.0, 17.0, 2.0)) - bins(column(0.0), np.arange(0.0, 17.0, 2.0)),
        atol=1e-6,
    )


def test_bits_of_a_fingerprint_are_standardised():
    rng = np.random.default_rng(0)
    X = (rng.random((300, 120)) < np.linspace(0.02, 0.6, 120)).astype(float)
    share = X.mean(axis=0)
    expected = np.clip((X - share) / np.sqrt(share * (1 - share)), -4, 4)
    assert_allclose(encode(X, scaling="robust", embedding="piecewise_linear"), expected, atol=1e-5)
    assert_allclose(encode(sp.csr_array(X), scaling="robust"), expected, atol=1e-5)
    assert_array_equal(encode(X[:, :99], scaling="robust"), X[:, :99])  # too few
    assert_array_equal(encode(X, scaling=None), X)
    mixed = np.column_stack([X, rng.normal(size=300)])
    assert_array_equal(encode(mixed, scaling="robust")[:, 1:], X)  # not alone
    X[0, 0] = np.nan
    assert encode(X, scaling="robust", missing="impute")[0, 0] == 0


def test_two_edges_make_no_bin():
    X = np.c_[np.repeat([3, 5], 100), np.arange(200)]
    assert encode(X, embedding="piecewise_linear").shape == (200, 2 + 5)
    assert encode(X[:, :1], embedding="piecewise_linear").shape == (200, 1)


def test_no_bins_for_very_many_columns():
    X = np.random.default_rng(0).normal(size=(MIN_ROWS, MAX_COLUMNS + 1))
    assert encode(X, embedding="piecewise_linear").shape == X.shape
    assert encode(X[:, 1:], embedding="piecewise_linear").shape == (MIN_ROWS, 6 * MAX_COLUMNS)
    flags = np.arange(2 * MIN_ROWS).reshape(-1, 2) % 3 == 1  # these do not count
    assert encode(np.c_[X[:, 1:], flags], embedding="piecewise_linear").shape[1] == 6 * MAX_COLUMNS + 2


def test_bins_of_clusters_far_apart_stay_exact():
    X = np.r_[1e6 + np.arange(100) / 100, -1e6 + np.arange(101) / 100][:, None]
    encoded = encode(X, embedding="piecewise_linear")[:, 1:]
    edges = np.quantile(X, np.linspace(0, 1, 6))
    assert_allclose(encoded, bins(X, edges) - bins(X, edges).mean(axis=0), atol=1e-6)


# Cosines and sines


def test_periodic_by_hand():
    X = np.random.default_rng(0).normal(size=(5, 2)) * [1, 100]
    frequency = np.random.RandomState(3).normal(0, SIGMA, size=(2, N_FREQUENCIES))
    for scaling in ("standard", None):
        encoded = encode(X, scaling=scaling, embedding="periodic", rng=np.random.RandomState(3))
        scaled = (X - X.mean(0)) / X.std(0) if scaling else X
        angles = (2 * np.pi * scaled[:, :, None] * frequency).reshape(5, -1)
        assert_allclose(encoded[:, 2:], np.c_[np.cos(angles), np.sin(angles)], atol=2e-6)


def test_periodic_without_a_seed_is_always_the_same():
    X = np.random.default_rng(0).normal(size=(5, 2))
    a, b, c = (encode(X, scaling="robust", embedding="periodic", rng=rng) for rng in (None, None, 1))
    assert_array_equal(a, b)
    assert abs(a - c).max() > 0.1


# Missing numbers


def test_the_median_stands_for_a_missing_number():
    X = np.c_[[1, nan, 3, 8], [0.5, 1.5, 2.5, nan]]
    inputs, table = fit(X, missing="impute")
    assert inputs.takes_missing
    assert table is X
    assert_array_equal(inputs.encode(X), [[1, 0.5, 0, 0], [3, 1.5, 1, 0], [3, 2.5, 0, 0], [8, 1.5, 0, 1]])
    assert np.isnan(X).sum() == 2  # as before


def test_gaps_in_later_rows_only():
    assert_array_equal(encode(column(1, 2, 6), column(nan, 4), missing="impute"), column(2, 4))
    assert_array_equal(encode(column(0, 1, 1), column(nan, 0), missing="impute"), column(1, 0))


@pytest.mark.parametrize(("n_gaps", "n_columns"), [(0, 1), (2, 1), (3, 2)])
def test_a_column_tells_of_gaps_if_there_are_more_than_one_in_a_hundred(n_gaps, n_columns):
    X = np.arange(200.0)[:, None]
    X[:n_gaps] = nan
    encoded = encode(X, missing="impute", scaling="robust")
    assert encoded.shape == (200, n_columns)
    if n_columns == 2:
        assert_array_equal(encoded[:, 1], np.isnan(X[:, 0]))


def test_what_is_missing_altogether_is_left_out():
    X = np.c_[[nan, nan, nan], [1, 2, 6]]
    assert_array_equal(encode(X, missing="impute"), column(1, 2, 6))


def test_of_a_constant_with_gaps_the_gaps_stay():
    assert_array_equal(encode(column(3, nan, 3), missing="impute"), column(0, 1, 0))


def test_scale_and_bins_are_those_of_the_observed_numbers():
    observed = np.random.default_rng(0).normal(size=(400, 1))
    X = np.r_[observed, np.full((200, 1), nan)]
    for embedding in (None, "piecewise_linear", "periodic"):
        settings = {"scaling": "robust", "embedding": embedding, "missing": "impute"}
        complete = encode(observed, **settings)
        encoded = encode(X, **settings)
        shift = encoded[:400, :-1] - complete  # only the centre of the bins is another
        assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-6)
        assert_allclose(encoded[400:, 0], 0)


def test_a_gap_has_the_code_of_the_median():
    X = np.r_[np.arange(400.0), [nan] * 40][:, None]
    encoded = encode(X, np.array([[nan], [199.5]]), missing="impute", embedding="piecewise_linear")
    assert_array_equal(encoded[0, :-1], encoded[1, :-1])
    assert_array_equal(encoded[:, -1], [1, 0])


def test_the_majority_stands_for_a_missing_flag():
    X = np.c_[[0, 0, 1, nan], [0, nan, 1, 1], [0, 1, nan, nan]]
    assert_array_equal(encode(X, np.full((1, 3), nan), missing="impute")[0, :3], [0, 1, 0.5])


# Categories


def words(*counts):
    """A column of letters, so many of each."""
    return np.repeat(list("abcdefgh")[: len(counts)], counts)


def categorical(values, later=None, **settings):
    later = None if later is None else frame(x=later)
    return encode(frame(x=values), later, categorical=["x"], **settings)


def test_one_column_for_each_category():
    assert_array_equal(categorical(["b", "a", "c", "b"]), [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])


def test_rare_categories_go_together():
    values = words(50, 4, 40, 1, 5)
    encoded = categorical(values, ["a", "c", "e", "b", "d"])
    assert_array_equal(encoded, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1]])


@pytest.mark.parametrize(("n", "least"), [(20, 1), (40, 2), (100, 5), (1000, 5)])
def test_how_many_rows_make_a_category(n, least):
    values = words(n - 2 * least - 1, least, least, 1) if least > 1 else words(n - 3, 1, 1, 1)
    assert categorical(values).shape == (n, 3 + (n == 20) + (least > 1))
    fewer = words(n - 2 * least + 1, least, least - 1)
    assert categorical(fewer).shape[1] == (3 if least > 1 else 1)


def test_missing_is_a_category_of_its_own():
    encoded = categorical(["b", None, "a", "b"], [None, "a", nan])
    assert_array_equal(encoded, [[0, 0, 1], [1, 0, 0], [0, 0, 1]])


def test_what_was_not_seen_gets_nothing():
    assert_array_equal(categorical(["a", "b", "c"], ["z", None, "c"]), [[0, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_what_was_not_seen_goes_with_the_rare():
    values = words(50, 40, 2)
    assert_array_equal(categorical(values, ["z", None, "b", "c"]), [[0, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 1]])
    assert_array_equal(categorical(words(50, 2), ["a", "z", None, "b"]), column(0, 1, 1, 1))


def test_two_categories_are_one_column():
    assert_array_equal(categorical(["no", "yes", "no", "no"]), column(0, 1, 0, 0))
    assert_array_equal(categorical(["no", None, "no"]), column(0, 1, 0))
    # Neither of them: between both, as often as in training.
    assert_array_equal(categorical(["no", "yes", "no", "no"], ["maybe", None, "yes"]), column(0.25, 0.25, 1))
    assert_array_equal(categorical(["no", None, "no", None], ["yes", None]), column(0.5, 1))


@pytest.mark.filterwarnings("ignore:Column.*nothing is learned of them")
@pytest.mark.parametrize("values", [["a"] * 3, [None] * 3, [f"{i}" for i in range(100)]], ids=["one", "none", "rare"])
def test_what_tells_nothing_apart_is_left_out(values):
    X = frame(x=values, y=range(len(values)))
    inputs, table = fit(X, categorical=["x"])
    assert_array_equal(inputs.encode(table), np.arange(len(values))[:, None])
    assert inputs.categories_ == {0: slice(0, 0)}
    assert_array_equal(inputs.encode(inputs.read(frame(x=["new"], y=[3]))), [[3]])


def test_columns_of_rare_categories_only_are_named_in_a_warning():
    X = frame(size=[f"{i}.5" for i in range(100)], town=["a", "b"] * 50, of_few=["x", "y", *[None] * 98], y=range(100))
    with pytest.warns(UserWarning, match=r"Column\(s\) \['size', 'of_few'\] of X.*pandas\.to_numeric"):
        fit(X, categorical=["size", "town", "of_few"], missing="impute")


def many(n_labels, *others):
    """A column of so many labels, 5 rows of each, and then others."""
    return [f"{i:02}" for i in range(n_labels)] * 5 + list(others)


@pytest.mark.parametrize(("n_labels", "n_columns"), [(30, 30), (31, 1)])
def test_codes_for_a_network_to_look_up(n_labels, n_columns):
    X = frame(x=many(n_labels))
    inputs, table = fit(X, categorical=["x"], looks_up=True)
    assert inputs.n_columns == n_columns
    assert inputs.n_codes == ((31,) if n_columns == 1 else ())
    if n_columns == 1:
        assert_array_equal(inputs.encode(table), column(*list(range(31)) * 5))


def test_codes_of_what_is_missing_rare_or_was_not_seen():
    def codes(values, later):
        inputs, _ = fit(frame(x=values), categorical=["x"], looks_up=True)
        return *inputs.encode(inputs.read(frame(x=later))).ravel(), inputs.n_codes

    assert codes(many(31), ["30", "new", None]) == (30, 31, 31, (31,))
    assert codes(many(31, "rare"), ["30", "rare", "new", None]) == (30, 31, 31, 31, (32,))
    assert codes(many(31, None), ["30", "new", None]) == (30, 32, 31, (32,))
    assert codes(many(31, None, "rare"), ["30", "rare", "new", None]) == (30, 31, 31, 32, (33,))


def test_codes_come_last():
    labels = many(31)
    X = frame(a=labels, b=labels[::-1], c=["no", "yes"] * 77 + ["no"], d=list("qrstu") * 31, e=range(155))
    inputs, table = fit(X, categorical="from_dtype", looks_up=True)
    assert inputs.categories_ == {0: slice(7, 8), 1: slice(8, 9), 2: slice(1, 2), 3: slice(2, 7)}
    assert inputs.n_codes == (31, 31)
    assert_array_equal(inputs.encode(table)[:, 7], np.arange(155) % 31)
    assert_array_equal(inputs.encode(table)[:, 8], 30 - np.arange(155) % 31)


def test_the_codes_of_millions_of_labels_are_exact():
    rows = 2.0**24 - np.arange(4)[:, None]
    out = np.empty((4, 1), dtype=np.float32)
    _encodings.Codes([0], [2**24 + 1]).write(rows, out)
    assert_array_equal(out, rows)


def test_categories_tells_where_they_are():
    X = frame(a=["x", "y", "z"], b=[1.0, 2, 4], c=["no", "yes", "no"], d=["q", "r", "s"])
    inputs, table = fit(X, categorical="from_dtype")
    assert inputs.categories_ == {0: slice(2, 5), 2: slice(1, 2), 3: slice(5, 8)}
    encoded = inputs.encode(table)
    assert_array_equal(encoded[:, 2:5], np.eye(3))
    assert_array_equal(encoded[:, 1], [0, 1, 0])
    assert_array_equal(table[:, 1], [1, 2, 4])


@pytest.mark.parametrize(
    ("values", "order"),
    [
        ([3, 1, 2, 3], [2, 0, 1, 2]),
        ([3.0, 1.5, 2.0, 3.0], [2, 0, 1, 2]),
        ([True, False, None, True], [1, 0, 2, 1]),
        (["3", "10", "2", "3"], [2, 0, 1, 2]),
        ([2, "a", 1.5, 2], [1, 2, 0, 1]),
    ],
    ids=["int", "float", "bool", "text", "mixed"],
)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_labels_of_any_kind(values, order, dtype):
    X = frame(x=pd.Series(values, dtype=object).astype(dtype))
    assert_array_equal(encode(X, categorical=[0]), np.eye(3)[order])


def test_intervals_are_categories():
    X = frame(x=pd.cut(pd.Series([0.5, 1.5, 2.5, nan]), [0, 1, 2, 3]))
    assert_array_equal(encode(X, categorical="from_dtype"), np.eye(4))


def test_labels_without_an_order_are_categories():
    assert_array_equal(categorical([1j, 2j, 3j]).sum(axis=1), [1, 1, 1])


def test_numbers_are_the_same_label_in_every_type():
    X = frame(x=pd.Series([1, 2, 3, 1]).astype("category"))
    later = frame(x=[2.0, nan, 3.0])
    assert_array_equal(encode(X, later, categorical="from_dtype"), [[0, 1, 0], [0, 0, 0], [0, 0, 1]])


def test_the_order_of_categories_is_not_that_of_rows():
    values = ["b", "a", "c", "a", None]
    a = categorical(values)
    assert_array_equal(a, categorical(values[::-1])[::-1])
    in_other_order = pd.Series(values).astype(pd.CategoricalDtype(["c", "unused", "b", "a"]))
    assert_array_equal(a, categorical(in_other_order))


# Forms of X

TEXT = ["b", "a", None, "c", "a", "b"]
FLAGS = [True, False, None, True, True, False]
COUNTS = [1, 5, None, 2, 0, 3]


def reference():
    table = frame(text=TEXT, flags=[1, 0, nan, 1, 1, 0], counts=[1, 5, nan, 2, 0, 3], real=[0.5, 1, 2, 4, 8, 16])
    return encode(table, categorical=["text"], missing="impute", scaling="robust")


def in_pandas(text="category", flags="boolean", counts="Int64", real="float64"):
    def make():
        X = frame(text=TEXT, flags=FLAGS, counts=COUNTS, real=[0.5, 1, 2, 4, 8, 16])
        return X.astype({"text": text, "flags": flags, "counts": counts, "real": real})

    return make


def with_arrow():
    pytest.importorskip("pyarrow")
    return in_pandas("string[pyarrow]", "bool[pyarrow]", "int64[pyarrow]", "double[pyarrow]")()


def with_arrow_text():
    pyarrow = pytest.importorskip("pyarrow")
    return in_pandas(text=pd.ArrowDtype(pyarrow.string()))()


def in_polars(text):
    def make():
        polars = pytest.importorskip("polars")
        dtype = polars.Enum(["a", "b", "c", "d"]) if text == "Enum" else getattr(polars, text)
        columns = {"text": TEXT, "flags": FLAGS, "counts": COUNTS, "real": [0.5, 1, 2, 4, 8, 16]}
        return polars.DataFrame(columns).with_columns(polars.col("text").cast(dtype))

    return make


FORMS = {
    "pandas category": in_pandas(),
    "pandas str": in_pandas("str"),
    "pandas string": in_pandas("string"),
    "pandas object": in_pandas(object, "boolean", object),
    "pandas numbers as float": in_pandas(flags=float, counts=float, real="Float64"),
    "pandas arrow": with_arrow,
    "pandas arrow text": with_arrow_text,
    "polars String": in_polars("String"),
    "polars Categorical": in_polars("Categorical"),
    "polars Enum": in_polars("Enum"),
}


@pytest.mark.parametrize("form", FORMS)
def test_frames(form):
    X = FORMS[form]()
    inputs, table = fit(X, categorical="from_dtype", missing="impute", scaling="robust")
    assert table.dtype == np.float64
    assert_allclose(inputs.encode(table), reference(), rtol=1e-6)
    assert_array_equal(inputs.read(X), table)
    assert_array_equal(inputs.read(X[1:3]), table[1:3])


@pytest.mark.parametrize("form", FORMS)
def test_a_model_of_one_kind_of_frame_reads_another(form):
    inputs, table = fit(in_pandas()(), categorical="from_dtype", missing="impute")
    assert_array_equal(inputs.read(FORMS[form]()), table)


def test_polars_numbers_as_categories():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"whole": [0, None, 5], "real": [0.5, None, 0.0], "flag": [True, None, False]})
    encoded = encode(X, categorical=["whole", "real", "flag"])
    assert_array_equal(encoded, np.eye(3)[[[0, 1, 1], [2, 2, 2], [1, 0, 0]]].reshape(3, 9))


def test_bools_among_objects_are_categories():
    X = frame(x=pd.Series([True, None, False, True], dtype=object))
    assert_array_equal(encode(X, categorical="from_dtype"), [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_numbers_among_objects_are_numbers():
    X = frame(x=pd.Series([1, 2.5, None, pd.NA, 4], dtype=object), y=["a", "b", "a", "b", "a"])
    encoded = encode(X, categorical="from_dtype", missing="impute")
    assert_array_equal(encoded, [[1, 0, 0], [2.5, 1, 0], [2.5, 0, 1], [2.5, 1, 1], [4, 0, 0]])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_frame_of_numbers_is_read_as_it_is(kind, dtype):
    X = np.array([[1, 2], [3, nan], [6, 5]], dtype=dtype)
    library = pytest.importorskip(kind)
    inputs, table = fit(library.DataFrame({"a": X[:, 0], "b": X[:, 1]}), categorical="from_dtype", missing="impute")
    assert_array_equal(table, X)
    assert table.dtype == dtype
    assert_array_equal(inputs.encode(table), [[1, 2, 0], [3, 3.5, 1], [6, 5, 0]])


def test_one_dtype_for_all_columns():
    X = frame(a=np.array([1, 2, 3], dtype=np.float32), b=["x", "y", "z"])
    assert fit(X, categorical="from_dtype")[1].dtype == np.float32
    assert fit(X.astype({"a": "Float32"}), categorical="from_dtype")[1].dtype == np.float32
    assert fit(X.assign(c=1), categorical="from_dtype")[1].dtype == np.float64


def test_columns_of_the_same_name():
    X = pd.DataFrame([["a", 1.0, "x"], ["b", 2.0, "y"], ["c", 4.0, "x"]], columns=["same", "other", "same"])
    X = X.astype({"other": float})
    for categorical_features in ("from_dtype", ["same"], [0, 2]):
        assert_array_equal(
            encode(X, categorical=categorical_features), np.c_[[1, 2, 4], [0, 1, 0], np.eye(3)], strict=False
        )


# Which columns hold categories

LETTERS = frame(first=["a", "b", "c"], number=[1, 2, 4], last=["x", "x", "y"])


@pytest.mark.parametrize(
    "chosen",
    [
        "from_dtype",
        ["first", "last"],
        ("last", "first", "first"),
        np.array(["first", "last"]),
        pd.Index(["first", "last"]),
        [0, 2],
        np.array([2, 0]),
        [True, False, True],
        np.array([True, False, True]),
        pd.Series([True, False, True]),
    ],
    ids=repr,
)
def test_ways_to_name_the_categories(chosen):
    assert_array_equal(encode(LETTERS, categorical=chosen), np.c_[[1, 2, 4], [0, 0, 1], np.eye(3)])


def test_the_order_of_names_does_not_matter():
    expected = encode(LETTERS, categorical=[True, True, True])
    for chosen in (["last", "number", "first"], [2, 1, 0]):
        inputs, table = fit(LETTERS, categorical=chosen)
        assert_array_equal(inputs.encode(table), expected)
        assert inputs.categories_ == {2: slice(0, 1), 0: slice(1, 4), 1: slice(4, 7)}


def test_numbers_can_be_categories():
    encoded = encode(LETTERS, categorical=["first", "number", "last"])
    assert_array_equal(encoded, np.c_[[0, 0, 1], np.eye(3), np.eye(3)])
    encoded = encode(LETTERS[["number"]].assign(b=[3.5, nan, 1]), categorical=[False, True])
    assert_array_equal(encoded, [[1, 0, 1, 0], [2, 0, 0, 1], [4, 1, 0, 0]])


@pytest.mark.parametrize("none", [None, [], [False, False]])
def test_no_categories(none):
    X = frame(a=pd.Series([3, 5, 4], dtype="category"), b=[1.0, 2, 3])
    inputs, table = fit(X, categorical=none)
    assert_array_equal(table, [[3, 1], [5, 2], [4, 3]])
    assert inputs.is_identity


@pytest.mark.parametrize("dtype", [float, np.float32, int, object])
def test_an_array_with_a_mask(dtype):
    X = np.array([[7, 1], [9, 2], [8, 4], [9, 8]]).astype(dtype)
    inputs, table = fit(X, categorical=[True, False])
    assert_array_equal(inputs.encode(table), np.c_[[1, 2, 4, 8], np.eye(3)[[0, 2, 1, 2]]])
    assert_array_equal(inputs.encode(inputs.read(np.array([[9.0, 3], [5, 1]]))), [[3, 0, 0, 1], [1, 0, 0, 0]])
    assert X[0, 0] == 7  # as before


def test_an_array_of_numbers_with_gaps_in_categories():
    X = np.array([[nan, 1], [9, 2], [8, 4]])
    inputs, table = fit(X, categorical=[0], missing="raise")
    assert_array_equal(inputs.encode(table), np.c_[[1, 2, 4], np.eye(3)[[2, 1, 0]]])
    assert not np.isnan(table).any()


def test_an_array_of_objects():
    X = np.array([["a", 1], ["b", 2.5], [None, 4], ["c", None]], dtype=object)
    inputs, table = fit(X, categorical=[0], missing="impute")
    assert_array_equal(inputs.encode(table), np.c_[[1, 2.5, 4, 2.5], [0, 0, 0, 1], np.eye(4)[[0, 1, 3, 2]]])
    assert_array_equal(fit(X[:3, 1:], categorical="from_dtype")[1], column(1, 2.5, 4))  # text would be an error
    with pytest.raises(ValueError, match=r"Column 0 of X .*could not convert string to float"):
        fit(X, categorical="from_dtype")


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["frist"], r"names 'frist', which is no column of X: these are \['first', .*Did you mean 'first'\?"),
        ("from_dtpye", r"must be 'from_dtype', None, or .*; got 'from_dtpye'\. Did you mean 'from_dtype'\?"),
        ("first", r"got 'first'\. Did you mean \['first'\]\?"),
        ([True, False], "one bool for each of the 3 columns of X; got 2"),
        ([0, 3], r"the position 3, but X has 3 column\(s\): 0 to 2"),
        ([-1], "the position -1"),
        ([0, "last"], r"got a list of \['int', 'str'\]"),
        ([True, 1], r"got a list of \['bool', 'int'\]"),
        ([0.0], r"got a list of \['float'\]"),
        ({"first": True}, r"got a list of \['dict'\]"),
    ],
)
def test_wrong_ways_to_name_the_categories(chosen, message):
    with pytest.raises(ValueError, match=f"^categorical_features .*{message}"):
        fit(LETTERS, categorical=chosen)


def test_an_array_has_no_names():
    with pytest.raises(ValueError, match=r"names 'a', but X is no DataFrame.* Pass positions or a mask"):
        fit(column(1, 2), categorical=["a"])
    assert fit(column(1, 2), categorical="from_dtype")[0].categories_ == {}


# Sparse X


def test_sparse_columns_go_by_their_largest_value():
    X = sp.csr_array([[0, 3.0, 1, 0], [-4, 0, 1, 0], [2, 1, 0, 0]])
    inputs, table = fit(X, scaling="robust", embedding="piecewise_linear", categorical="from_dtype", missing="impute")
    assert table is X
    assert not (inputs.takes_missing or inputs.is_identity)
    expected = [[0, 1, 1, 0], [-1, 0, 1, 0], [0.5, 1 / 3, 0, 0]]
    assert_allclose(inputs.encode(X), expected, rtol=1e-6)
    assert_allclose(inputs.encode(X[1:]), expected[1:], rtol=1e-6)
    assert_array_equal(inputs.encode(inputs.read(X.toarray())), inputs.encode(X))
    assert inputs.encode(X).dtype == np.float32


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_sparse_zeros_and_ones_stay_what_they_are(dtype):
    X = sp.csr_array(np.array([[0, 1, 1], [1, 1, 0]], dtype=dtype))
    X.data[1] = 0  # all that is stored of the last column
    inputs, _ = fit(X, scaling="robust", missing="impute")
    assert inputs.is_identity
    assert_array_equal(inputs.encode(X), X.toarray())


def test_sparse_as_it_is():
    X = sp.csr_array([[0, 3.0], [-4, 0]])
    inputs, _ = fit(X, scaling=None)
    assert inputs.is_identity
    assert_array_equal(inputs.encode(X), X.toarray())


def test_a_model_of_dense_rows_reads_sparse_ones():
    X = np.array([[0, 3.0], [-4, 0], [0, 0], [1, 1]])
    inputs, _ = fit(X, scaling="robust", missing="impute")
    table = inputs.read(sp.csr_array(X))
    assert sp.issparse(table)
    assert_array_equal(inputs.encode(table), inputs.encode(X))


def test_what_a_sparse_X_cannot_have():
    with pytest.raises(ValueError, match=r"categorical_features needs a dense X.*toarray\(\)"):
        fit(sp.csr_array([[1.0]]), categorical=[0])
    with pytest.raises(ValueError, match=r"X contains NaN.* dense X only.*toarray\(\)"):
        fit(sp.csr_array([[nan, 1]]), missing="impute")
    inputs, _ = fit(column(1, 2, 4), missing="impute")
    with pytest.raises(ValueError, match="X contains NaN"):
        inputs.read(sp.csr_array([[nan]]))
    inputs, _ = fit(LETTERS, categorical="from_dtype")
    with pytest.raises(ValueError, match="Model was fitted with columns of categories"):
        inputs.read(sp.csr_array([[1.0, 2, 3]]))
    inputs, _ = fit(sp.csr_array([[2.0], [3]]), missing="impute", scaling="robust")
    with pytest.raises(ValueError, match=r"X contains NaN.*column\(s\) \[0\].*in fit too"):
        inputs.read(column(nan))


# What must stay true

SETTINGS = [
    {"scaling": "robust", "embedding": "piecewise_linear"},
    {"scaling": "standard", "embedding": "periodic"},
    {"scaling": None, "embedding": "piecewise_linear"},
]


def mixed_table(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = np.c_[
        rng.normal(size=n), rng.lognormal(2, 2, size=n), rng.integers(0, 2, n), rng.integers(0, 6, n), rng.poisson(1, n)
    ]
    X[rng.random(X.shape) < 0.05] = nan
    X[:, 3] = np.nan_to_num(X[:, 3])
    return np.round(X, 3)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_digits_of_a_row_are_the_same_in_any_company(settings):
    X = mixed_table(2000)
    inputs, table = fit(X, categorical=[3], missing="impute", **settings)
    together = inputs.encode(table)
    assert_array_equal(together, np.vstack([inputs.encode(table[i : i + 1]) for i in range(len(X))]))
    assert_array_equal(together[5:1200:7], inputs.encode(table[5:1200:7]))
    assert_array_equal(together, inputs.encode(np.asfortranarray(table)))


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_order_of_rows_does_not_matter(settings):
    X = mixed_table()
    order = np.random.default_rng(1).permutation(len(X))
    expected = encode(X, categorical=[3], missing="impute", **settings)
    assert_allclose(encode(X[order], categorical=[3], missing="impute", **settings), expected[order], atol=1e-5)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.uint8])
def test_the_dtype_does_not_matter(settings, dtype):
    X = np.random.default_rng(0).integers(0, 200, size=(300, 3))
    expected = encode(X.astype(float), **settings)
    inputs, table = fit(X.astype(dtype), **settings)
    assert table.dtype == dtype
    assert_allclose(inputs.encode(table), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_blocks_make_no_difference(settings, monkeypatch):
    X = mixed_table()
    expected = encode(X, categorical=[3], missing="impute", **settings)
    monkeypatch.setattr(_statistics, "_BLOCK_CELLS", 700)
    monkeypatch.setattr(_encodings, "_BLOCK_CELLS", 700)
    assert_allclose(encode(X, categorical=[3], missing="impute", **settings), expected, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_copies_and_pickles_encode_the_same(settings):
    X = frame(text=TEXT * 40, number=np.arange(240.0))
    inputs, table = fit(X, categorical="from_dtype", missing="impute", **settings)
    for other in (copy.deepcopy(inputs), pickle.loads(pickle.dumps(inputs))):
        assert_array_equal(other.encode(other.read(X)), inputs.encode(table))
    assert len(pickle.dumps(inputs)) < 10_000  # and hold no data


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("largest", [1e-280, 1e-200, 1e200, 1e299])
def test_huge_and_tiny_numbers(settings, largest):
    unit = np.r_[[[1, -1], [-1, 1]], np.random.default_rng(0).uniform(-1, 1, size=(300, 2))]
    encoded = encode(unit * largest, **settings)
    start = 2 if settings["scaling"] is None else 0  # float32 may not hold these as they are
    assert_allclose(encoded[:, start:], encode(unit, **settings)[:, start:], atol=1e-5)


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_the_largest_numbers_there_are(scaling):
    X = np.linspace(-1, 1, 301)[:, None] * np.finfo(float).max
    encoded = encode(X, scaling=scaling, embedding="piecewise_linear")
    assert np.isfinite(encoded).all()
    assert (np.diff(encoded[:, 0]) >= 0).all()
    assert encoded[0, 0] < encoded[150, 0] < encoded[300, 0]


@pytest.mark.parametrize("settings", SETTINGS)
def test_what_varies_by_less_than_can_be_divided_by_is_constant(settings):
    assert_array_equal(encode(np.arange(200.0)[:, None] * 1e-310, **settings), np.zeros((200, 1)))


def test_huge_later_numbers_raise_no_warning():
    inputs, _ = fit(column(0, 0.1, 0.2, 0.3), scaling="standard", embedding="periodic")
    encoded = inputs.encode(column(1.7e308, -1.7e308, 1e30))
    assert np.isposinf(encoded[0, 0])  # which the network's output tells
    assert encoded[2, 0] > 1e29


def test_many_rows_are_sampled(monkeypatch):
    X = np.random.default_rng(0).permutation(5000)[:, None] % 1250
    exact = encode(X, scaling="robust", embedding="piecewise_linear")
    monkeypatch.setattr(_statistics, "MAX_SAMPLE", 1000)
    sampled = encode(X, scaling="robust", embedding="piecewise_linear")
    assert_array_equal(sampled, encode(X, scaling="robust", embedding="piecewise_linear"))
    assert 1e-4 < abs(sampled - exact)[:, 0].max() < 0.1
    rows = _statistics.sample_rows(5000)
    assert len(set(rows.tolist())) == 1000
    assert_array_equal(np.sort(rows), rows)
    assert len(set((rows % 5).tolist())) == 5  # not each fifth


def test_a_column_that_the_sample_misses(monkeypatch):
    monkeypatch.setattr(_statistics, "MAX_SAMPLE", 10)
    X = np.c_[np.full(2000, nan), np.arange(2000)]
    X[[700, 701, 702], 0] = [1, 2, 6]
    for scaling in ("robust", "standard"):
        encoded = encode(X, scaling=scaling, embedding="piecewise_linear", missing="impute")
        assert np.isfinite(encoded).all()
        assert encoded[700, 0] < encoded[701, 0] < encoded[702, 0]


# Nothing to do


def test_a_plain_array_is_passed_on():
    X = np.array([[1.0, 2], [3, 4], [3, 8]])
    inputs, table = fit(X)
    assert inputs.is_identity
    assert table is X
    assert inputs.read(X) is X
    assert inputs.n_columns == 2
    assert_array_equal(inputs.encode(X), X)


def test_flags_are_passed_on():
    X = np.array([[0, 1], [1, 0], [1, 1]], dtype=np.uint8)
    settings = {"scaling": "robust", "embedding": "piecewise_linear"}
    inputs, table = fit(X, **settings)
    assert inputs.is_identity
    assert table is X
    assert not fit(X, missing="impute", **settings)[0].is_identity  # gaps may come
    assert not fit(np.c_[X, [0, 0, 0]], **settings)[0].is_identity
    assert not fit(X, categorical=[0])[0].is_identity


def test_reading_shares_memory_where_it_can():
    X = column(1, 2, 4)
    inputs, table = fit(X, scaling="robust", missing="impute")
    assert table is X
    assert inputs.read(X) is X


# Errors


def test_infinity_names_its_column():
    X = frame(a=[1.0, 2, 3], b=[1.0, np.inf, 3], c=["x", "y", "z"])
    for case in (X, X[["a", "b"]]):
        with pytest.raises(ValueError, match=r"Input X contains infinity.* column\(s\) \['b'\]\. Make these numbers"):
            fit(case, categorical="from_dtype", missing="impute")


def test_a_gap_that_nothing_fills_names_its_column():
    X = frame(a=[1.0, 2, 3], b=[1.0, nan, 3], c=["x", None, "z"])
    for case in (X, X[["a", "b"]]):
        with pytest.raises(ValueError, match=r"Input X contains NaN.* column\(s\) \['b'\]\. missing_features='impute'"):
            fit(case, categorical="from_dtype")
    with pytest.raises(ValueError, match=r"column\(s\) \[1\]"):
        fit(X.to_numpy(dtype=object), categorical=[2])


def test_number_of_columns():
    inputs, _ = fit(LETTERS, categorical="from_dtype")
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 3 features as input"):
        inputs.read(LETTERS[["first", "number"]])


@pytest.mark.parametrize(("X", "message"), [(LETTERS[:0], r"0 sample\(s\)"), (LETTERS[[]], r"0 feature\(s\)")])
def test_empty(X, message):
    with pytest.raises(ValueError, match=message):
        fit(X, categorical="from_dtype")


def test_one_dimension():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        fit(LETTERS["number"])


def test_text_where_numbers_are_expected():
    with pytest.raises(ValueError, match=r"Column 'first' of X .*could not convert string to float: 'a'.*from_dtype"):
        fit(LETTERS, categorical=None)
    inputs, _ = fit(LETTERS, categorical="from_dtype")
    with pytest.raises(ValueError, match="Column 'number' of X is a column of numbers, but"):
        inputs.read(LETTERS.assign(number=["one", "two", None]))


@pytest.mark.parametrize("later", [[1, 2, 3], [0.5, nan, 3]])
def test_numbers_where_there_was_text(later):
    inputs, _ = fit(LETTERS, categorical="from_dtype")
    with pytest.raises(ValueError, match=r"Column 'last' of X has values such as .*, but in fit such as 'x'"):
        inputs.read(LETTERS.assign(last=later))
    assert inputs.read(LETTERS.assign(last=[nan] * 3)).shape == (3, 3)  # these may be anything


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (pd.to_datetime(["2020-01-01", "2020-01-02"]), r"values of dtype datetime64"),
        (pd.Series([datetime.date(2020, 1, 1), None], dtype=object), "date values"),
        (pd.Series([[1], [2]], dtype=object), "list values"),
        (np.array([1j, 2j]), "values of dtype complex128"),
    ],
    ids=["datetime64", "dates", "lists", "complex"],
)
def test_neither_numbers_nor_categories(values, what):
    X = frame(number=[1, 2], when=values)
    with pytest.raises(ValueError, match=rf"Column 'when' of X holds {what}.*number of days.*categorical_features"):
        fit(X, categorical="from_dtype")


def test_polars_dates():
    polars = pytest.importorskip("polars")
    X = polars.DataFrame({"when": [datetime.date(2020, 1, 1)], "number": [1]})
    with pytest.raises(ValueError, match="Column 'when' of X holds values of dtype"):
        fit(X, categorical="from_dtype")


def test_dates_can_be_categories():
    X = frame(when=pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-01"]))
    assert_array_equal(encode(X, categorical=["when"]), column(0, 1, 0))
    with pytest.raises(ValueError, match="holds values of dtype datetime64"):
        fit(X, categorical=None)


def test_what_cannot_be_a_category():
    with pytest.raises(ValueError, match=r"Column 'x' of X has values that cannot be categories: unhashable"):
        fit(frame(x=pd.Series([[1], [2]], dtype=object)), categorical=["x"])
