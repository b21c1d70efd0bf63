"""A blend of sparse labels, of tasks without any, and of labels that are few, constant, in groups or in time."""

import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_array_equal, assert_equal
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskConformal, MultiTaskEstimator, MultiTaskRegressor
from skmtl.ensemble import default_members

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

nan = np.nan
LINEAR = (Ridge(), LogisticRegression())
TREES = (DecisionTreeRegressor(max_depth=2), DecisionTreeClassifier(max_depth=2))
NET = {"solver": "lbfgs", "hidden_layer_sizes": (4,), "max_iter": 15, "alpha": 0.1, "random_state": 0}

rng = np.random.default_rng(0)
N = 90
X = rng.normal(size=(N, 4))
NUMBERS = X @ rng.normal(size=(4, 4)) + 0.3 * rng.normal(size=(N, 4)) + 5
CODES = np.digitize(NUMBERS, [4.0, 6.0]).astype(float)
GAPS = rng.random((N, 4)) < 0.4
GAPS[:5] = True
NUMBERS[GAPS] = CODES[GAPS] = nan
MIXED = np.where([True, False, True, False], NUMBERS, CODES)
ROW_WEIGHTS, LABEL_WEIGHTS = rng.uniform(0.2, 3, N), rng.uniform(0.2, 3, (N, 4))
LABEL_WEIGHTS[8:20] = 0


def sparse(Y, kind=sp.csr_array):
    """Y with what is not NaN stored, zeros too."""
    seen = np.nonzero(~np.isnan(Y))
    return kind(sp.coo_array((Y[seen], seen), shape=Y.shape))


def blend(*members, **parameters):
    names = [(f"m{i}", member) for i, member in enumerate(members)]
    return MultiTaskBlend(names, **{"cv": 3, "random_state": 0, **parameters})


def same(first, second):
    """Two blends predict the same, and have the same to say."""
    assert_array_equal(first.predict(X), second.predict(X))
    assert_equal(first.predict_proba(X), second.predict_proba(X))
    assert_equal(first.oof_prediction_, second.oof_prediction_)
    for name in ("weights_", "common_weights_", "oof_score_", "oof_loss_", "tasks_", "skipped_tasks_"):
        assert_equal(getattr(first, name), getattr(second, name))


# Sparse labels

MEMBERS = {
    "ours": [MultiTaskEstimator(**NET), MultiTaskEstimator(**NET | {"alpha": 10.0})],
    "a network with its own out of fold": [MultiTaskEstimator(n_members=2, max_iter=3), LINEAR],
    "one task each": [LINEAR, TREES],
    "pipeline and search": [
        make_pipeline(StandardScaler(), MultiTaskEstimator(**NET)),
        GridSearchCV(MultiTaskEstimator(**NET), {"alpha": [0.1, 10.0]}, cv=2),
    ],
    "a blend, and what is calibrated": [blend(LINEAR, cv=2), MultiTaskConformal(LINEAR, cv=2, random_state=0)],
    "by kind": [MultiTaskRegressor(**NET), MultiTaskClassifier(**NET), TREES],
}


@pytest.mark.filterwarnings("ignore:confidence_level=0.9 takes at least 9")
@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
def test_a_fit_is_the_same_to_the_last_bit(members):
    dense, given = blend(*members).fit(X, MIXED), blend(*members).fit(X, sparse(MIXED))
    same(dense, given)
    assert dense.score_tasks(X, MIXED) == given.score_tasks(X, sparse(MIXED))


@pytest.mark.parametrize(
    "weights", [ROW_WEIGHTS, LABEL_WEIGHTS, sp.csr_array(LABEL_WEIGHTS)], ids=["row", "label", "sp"]
)
def test_a_weighted_fit_is_the_same_to_the_last_bit(weights):
    model = blend(LINEAR, MultiTaskEstimator(**NET))
    same(clone(model).fit(X, MIXED, weights), clone(model).fit(X, sparse(MIXED), weights))


@pytest.mark.parametrize("kind", [sp.csc_array, sp.coo_array, sp.csr_matrix])
def test_every_format_is_read(kind):
    same(blend(LINEAR).fit(X, sparse(MIXED, kind)), blend(LINEAR).fit(X, MIXED))


def test_complete_columns_go_to_a_forest_at_once():
    Y = X[:, :3] + 1.0
    members = (ExtraTreesRegressor(5), ExtraTreesClassifier(5))
    model = blend(members).fit(X, sparse(Y))
    assert isinstance(model.named_estimators_["m0"], ExtraTreesRegressor)
    same(model, blend(members).fit(X, Y))


@pytest.mark.parametrize("member", [LINEAR, MultiTaskEstimator(**NET)], ids=["foreign", "ours"])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_labels_come_back_in_the_dtype_they_had(dtype, member):
    Y = sp.coo_array(((CODES[~GAPS] > 0).astype(dtype), np.nonzero(~GAPS)), shape=CODES.shape)
    model = blend(member).fit(X, Y)
    assert model.predict(X).dtype == dtype
    assert [c.dtype for c in model.classes_] == [dtype] * 4


@pytest.mark.parametrize("member", [LINEAR, MultiTaskEstimator(**NET)], ids=["foreign", "ours"])
def test_integers_too_long_for_a_float_stay_apart(member):
    long = 2**60
    Y = sp.coo_array(((CODES[~GAPS] > 1).astype(np.int64) + long, np.nonzero(~GAPS)), shape=CODES.shape)
    model = blend(member).fit(X, Y)
    assert set(model.predict(X).ravel().tolist()) == {long, long + 1}
    assert model.score(X, Y) > 0.6


class TakesGaps(RegressorMixin, BaseEstimator):
    """The mean of each column, gaps left out; keeps what it was given."""

    takes_missing_labels = True

    def fit(self, X, y):
        self.y_, self.mean_ = y, np.nanmean(y, axis=0)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))


class TakesSparse(TakesGaps):
    takes_sparse_labels = True

    def fit(self, X, y):
        self.y_, self.mean_ = y, y.sum(axis=0) / y.count_nonzero(axis=0)
        return self


def test_an_estimator_gets_sparse_labels_if_it_says_that_it_takes_them():
    rows = np.flatnonzero(~GAPS.all(axis=1))
    dense = blend(TakesGaps()).fit(X, sparse(NUMBERS)).named_estimators_["m0"].y_
    assert_array_equal(dense, NUMBERS[rows])
    given = blend(TakesSparse()).fit(X, sparse(NUMBERS)).named_estimators_["m0"].y_
    assert given.format == "csr"
    assert_array_equal(given.toarray(), np.nan_to_num(NUMBERS[rows]))
    assert given.nnz == np.count_nonzero(~GAPS)


class Zeros(TakesGaps):
    """Takes no memory for what it predicts."""

    takes_sparse_labels = True

    def fit(self, X, y):
        self.n_tasks_ = y.shape[1]
        return self

    def predict(self, X):
        return np.broadcast_to(0.0, (len(X), self.n_tasks_))


def test_memory_goes_with_the_labels():
    n, n_tasks = 20_000, 400
    random = np.random.default_rng(0)
    Y = sp.coo_array((random.normal(size=n), (np.arange(n), random.integers(0, n_tasks, n))), shape=(n, n_tasks))
    tracemalloc.start()
    try:
        model = blend(Zeros(), cv=2).fit(np.zeros((n, 1)), Y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n * n_tasks  # a byte a cell
    assert len(pickle.dumps(model)) < n * n_tasks / 10


# Tasks without a label


EMPTY = MIXED.copy()
EMPTY[:, 1] = nan
KEPT = [0, 2, 3]
SKIPS = r"no observed label in column\(s\) \['task_1'\].*on_empty_task='skip' leaves them out"


def skip(*members, **parameters):
    return blend(*members, on_empty_task="skip", **parameters)


def fit_with_warning(model, Y, sample_weight=None, match=SKIPS):
    with pytest.warns(UserWarning, match=match) as caught:
        model.fit(X, Y, sample_weight)
    assert len(said(caught)) == 1
    return model


def said(caught):
    """Warnings but those of convergence."""
    return [warning for warning in caught if not issubclass(warning.category, ConvergenceWarning)]


def test_by_default_it_is_an_error_that_says_what_can_be_done():
    with pytest.raises(ValueError, match=r"no observed label in column\(s\) \['task_1'\].*on_empty_task='skip'"):
        blend(LINEAR).fit(X, EMPTY)


@pytest.mark.parametrize("form", [np.asarray, sparse], ids=["dense", "sparse"])
def test_the_others_are_blended_as_if_it_were_not_there(form):
    model = fit_with_warning(skip(LINEAR, MultiTaskEstimator(**NET)), form(EMPTY))
    alone = blend(LINEAR, MultiTaskEstimator(**NET)).fit(X, EMPTY[:, KEPT])
    predicted = model.predict(X)
    assert predicted.dtype == np.float64
    assert_array_equal(predicted[:, KEPT], alone.predict(X))
    assert np.isnan(predicted[:, 1]).all()
    assert model.skipped_tasks_ == ["task_1"]
    assert model.n_outputs_ == 4
    assert model.tasks_ == {"task_0": "regression", "task_2": "regression", "task_3": "multiclass"}
    assert list(model.weights_) == list(model.common_weights_) == [f"task_{t}" for t in range(4)]
    assert_equal(model.weights_["task_1"], {"m0": nan, "m1": nan})
    assert_equal([model.weights_[f"task_{t}"] for t in KEPT], list(alone.weights_.values()))
    assert list(model.oof_loss_["m0"]) == list(model.tasks_)


def test_probabilities_classes_and_predictions_out_of_fold_are_none():
    Y = CODES.copy()
    Y[:, 1] = nan
    model = fit_with_warning(skip(LINEAR), Y)
    for found in (model.predict_proba(X), model.predict_log_proba(X), model.classes_, model.oof_prediction_):
        assert [part is None for part in found] == [False, True, False, False]
    words = np.where(np.isnan(Y), None, np.where(Y == 1, "one", "other"))
    assert set(fit_with_warning(skip(LINEAR), words).predict(X)[:, 1]) == {None}


def test_scores_and_later_labels_leave_it_out():
    model = fit_with_warning(skip(LINEAR), EMPTY)
    scores = model.score_tasks(X, MIXED)
    assert list(scores) == [f"task_{t}" for t in range(4)]
    assert np.isnan(scores["task_1"])
    assert model.score(X, MIXED) == pytest.approx(np.mean([scores[f"task_{t}"] for t in KEPT]))


def test_labels_of_weight_0_are_none():
    weights = np.ones((N, 4))
    weights[:, 1] = 0
    model = fit_with_warning(skip(LINEAR), MIXED, weights)
    alone = blend(LINEAR).fit(X, MIXED[:, KEPT], weights[:, KEPT])
    assert_array_equal(model.predict(X)[:, KEPT], alone.predict(X))


def test_a_task_of_one_class_is_skipped_too():
    Y = MIXED.copy()
    Y[:, 1] = np.where(np.isnan(Y[:, 1]), nan, 2.0)
    model = fit_with_warning(skip(LINEAR), Y, match=r"labels of one class only in column\(s\) \['task_1'\]")
    assert model.skipped_tasks_ == ["task_1"]


def test_names_of_a_frame_and_its_picture():
    pd, plt = pytest.importorskip("pandas"), pytest.importorskip("matplotlib.pyplot")
    from skmtl.displays import BlendWeightsDisplay

    Y = pd.DataFrame(EMPTY, columns=["a", "nothing", "c", "d"])
    model = fit_with_warning(skip(LINEAR, TREES), Y, match=r"\['nothing'\]")
    assert model.skipped_tasks_ == ["nothing"]
    assert np.isnan(pd.DataFrame(model.weights_)["nothing"]).all()
    for kind in ("bar", "map"):
        BlendWeightsDisplay.from_estimator(model, kind=kind).figure_.canvas.draw()
    plt.close("all")


def test_progress_leaves_it_out(capsys):
    fit_with_warning(skip(LINEAR, verbose=True), EMPTY)
    assert "task_1" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "given",
    [{"task_weights": [1, 5, 2, 3]}, {"task_weights": {"task_1": 5, "task_2": 2}}, {"loss": {"task_1": "focal"}}],
    ids=["a list", "by name", "a loss"],
)
def test_a_member_may_have_been_told_of_all_tasks(given):
    model = fit_with_warning(skip(MultiTaskEstimator(**NET, **given)), EMPTY)
    rows = ~np.isnan(EMPTY).all(axis=1)  # the others do not reach it
    with pytest.warns(UserWarning, match=SKIPS):
        alone = MultiTaskEstimator(**NET, **given, on_empty_task="skip").fit(X[rows], EMPTY[rows])
    assert_array_equal(model.predict(X), alone.predict(X))


def test_a_member_is_told_of_a_task_that_a_fold_lacks():
    Y = MIXED[:, KEPT].copy()
    Y[6:, 0] = nan
    Y[5, 0] = 1.5  # the only label
    told = [{"task_weights": [5, 1, 1]}, {"task_weights": {"task_0": 5}}, {"class_weight": {"task_2": "balanced"}}]
    for given in told:
        model = blend(MultiTaskEstimator(**NET, **given), cv=5).fit(X, Y)
        assert model.named_estimators_["m0"].skipped_tasks_ == []
        assert np.isnan(model.oof_prediction_[0]).all()
        assert not np.isnan(model.predict(X)).any()


def test_nothing_is_left():
    with pytest.raises(ValueError, match="nothing to train"):
        skip(LINEAR).fit(X, np.full((N, 2), nan))
    with pytest.raises(ValueError, match=r"'on_empty_task'.*MultiTaskBlend"):
        blend(LINEAR, on_empty_task="skp").fit(X, EMPTY)


# Few labels, as of molecules in assays


def assays(n=150, n_tasks=60):
    """Tasks of none, two, three, ... labels, half of them classes."""
    random = np.random.default_rng(1)
    inputs = random.normal(size=(n, 6))
    Y = np.full((n, n_tasks), nan)
    for task in range(n_tasks):
        rows = random.choice(n, 0 if task % 20 == 7 else 2 + task % 6, replace=False)
        Y[rows, task] = inputs[rows] @ random.normal(size=6) + 0.1 * random.normal(size=len(rows))
        if task % 2:
            Y[rows, task] = np.arange(len(rows)) % 2
    return inputs, Y


@pytest.mark.parametrize(
    "members",
    [[LINEAR, TREES], [MultiTaskEstimator(max_iter=2), LINEAR], [MultiTaskEstimator(**NET), blend(LINEAR, cv=2)]],
    ids=["foreign", "members", "lbfgs and a blend"],
)
def test_many_tasks_of_few_labels(members):
    inputs, Y = assays()
    models = []
    for form in (np.asarray, sparse):
        with pytest.warns(UserWarning, match=r"\['task_7', 'task_27', 'task_47'\]") as caught:
            models.append(skip(*members).fit(inputs, form(Y)))
        assert len(said(caught)) == 1
    assert_equal(*(model.weights_ for model in models))
    predicted = models[0].predict(inputs)
    assert_array_equal(predicted, models[1].predict(inputs))
    assert_array_equal(np.flatnonzero(np.isnan(predicted).any(axis=0)), [7, 27, 47])
    sums = [sum(models[0].weights_[task].values()) for task in models[0].tasks_]
    assert sums == pytest.approx([1.0] * 57)


def test_default_members_are_quiet_about_a_single_label(monkeypatch):
    linear = [member for member in default_members() if member[0] == "linear"]
    monkeypatch.setattr("skmtl.ensemble._named_members.default_members", lambda: linear)
    Y = NUMBERS[:, :2].copy()
    Y[6:, 1] = nan
    Y[5] = 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = MultiTaskBlend(cv=2, random_state=0).fit(X, Y)
    np.testing.assert_allclose(model.predict(X)[:, 1], 1.5)


def test_constant_labels_do_not_decide_the_common_weights():
    Y = np.column_stack([NUMBERS[:, 0], np.full(N, 0.1)])
    members = Ridge(), DecisionTreeRegressor(max_depth=2)
    model = blend(*members, tasks="regression").fit(X, Y)
    assert model.common_weights_["task_1"] == model.common_weights_["task_0"]
    assert model.common_weights_["task_0"] == pytest.approx(model.weights_["task_0"])
    np.testing.assert_allclose(model.predict(X)[:, 1], 0.1)


def test_a_class_with_a_single_row():
    y = np.where(X[:, 0] > 0, "a", "b").astype(object)
    y[7] = "c"
    model = blend(LINEAR, TREES, MultiTaskEstimator(**NET), MultiTaskEstimator(max_iter=2)).fit(X, y)
    assert list(model.classes_) == ["a", "b", "c"]
    assert model.predict_proba(X).shape == (N, 3)
    assert model.score(X, y) > 0.8


# Folds of one's own


def test_folds_in_time_leave_the_first_rows_out():
    Y = X[:, :2] + 0.1 * X[:, 2:]
    model = blend(LinearRegression(), TREES, cv=TimeSeriesSplit(4)).fit(X, Y)
    first = len(next(TimeSeriesSplit(4).split(X))[0])
    for predicted in model.oof_prediction_:
        assert_array_equal(np.flatnonzero(np.isnan(predicted)), np.arange(first))
    assert model.weights_["task_0"]["m0"] > 0.9


def test_groups_without_groups_are_an_error_that_says_how():
    with pytest.raises(ValueError, match=r"cv parameter of MultiTaskBlend, GroupKFold.*cv=list\(GroupKFold\(5\)"):
        blend(LINEAR, cv=GroupKFold(3)).fit(X, MIXED)
    with pytest.raises(ValueError, match=r"cv parameter of MultiTaskBlend, StratifiedKFold.*list\(StratifiedKFold"):
        blend(LINEAR, cv=StratifiedKFold(3)).fit(X, CODES[:, KEPT])


def test_folds_may_be_masks():
    halves = np.arange(N) % 2 == 0
    masks, rows = [(halves, ~halves), (~halves, halves)], np.flatnonzero
    by_masks = blend(LINEAR, cv=masks).fit(X, MIXED)
    same(by_masks, blend(LINEAR, cv=[(rows(a), rows(b)) for a, b in masks]).fit(X, MIXED))


def test_folds_without_rows_of_a_task_leave_its_weights_common():
    Y = np.column_stack([NUMBERS[:, 0], NUMBERS[:, 0]])
    Y[45:, 1] = nan  # no row to train on, then none to predict
    cv = [(np.arange(45, 90), np.arange(45)), (np.arange(45), np.arange(45, 90))]
    model = blend(Ridge(), DecisionTreeRegressor(), cv=cv).fit(X, Y)
    assert model.weights_["task_1"] == model.common_weights_["task_1"]


# A member that fails


class FailsOn(RegressorMixin, BaseEstimator):
    """Cannot do with labels above 1000."""

    def __init__(self, where="fit"):
        self.where = where

    def fit(self, X, y):
        self.fails_ = y.max() > 1000
        if self.fails_ and self.where == "fit":
            raise RuntimeError("Too large.")
        return self

    def predict(self, X):
        if self.fails_:
            raise ArithmeticError("Too large.")
        return np.zeros(len(X))


def test_a_member_that_fails_on_one_task_is_named_with_the_task():
    Y = NUMBERS * [1, 1, 1000, 1]
    with pytest.raises(RuntimeError, match=r"^Member 'm1' of MultiTaskBlend, task 'task_2': Too large\.$"):
        blend(Ridge(), FailsOn()).fit(X, Y)
    with pytest.raises(ArithmeticError, match="Too large") as caught:
        blend(Ridge(), FailsOn("predict")).fit(X, Y)
    assert caught.value.__notes__ == ["Member 'm1' of MultiTaskBlend, task 'task_2'."]


def test_sparse_weights_of_a_single_sparse_task():
    y, seen = NUMBERS[:, [0]], ~np.isnan(NUMBERS[:, 0])
    rows = np.flatnonzero(seen)
    labels = sp.csr_array((y[rows, 0], (rows, np.zeros_like(rows))), shape=(N, 1))
    weights = sp.csr_array((ROW_WEIGHTS[rows], (rows, np.zeros_like(rows))), shape=(N, 1))
    model = MultiTaskBlend([("ridge", Ridge()), ("mean", LinearRegression())], tasks="regression", random_state=0)
    sparse, dense = clone(model).fit(X, labels, weights), clone(model).fit(X, y, ROW_WEIGHTS)
    assert_array_equal(sparse.predict(X).ravel(), dense.predict(X).ravel())
