"""What may be a member of a blend, how often it is fitted, and to what."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LINEAR = (Ridge(), LogisticRegression(max_iter=1000))
NET = {"solver": "lbfgs", "hidden_layer_sizes": (4,), "max_iter": 15}


class Seen:
    """What the fits of `Spy` were given; a list, emptied by the fixture."""

    fits: list = []


@pytest.fixture(autouse=True)
def seen():
    Seen.fits = []
    return Seen.fits


class Spy(RegressorMixin, BaseEstimator):
    """Predicts a mean, and keeps what it was fitted to."""

    def __init__(self, several=False):
        self.several = several

    def fit(self, X, y, sample_weight=None):
        Seen.fits.append((np.asarray(X), y, sample_weight))
        self.mean_ = np.average(y, axis=0, weights=sample_weight)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), *[1] * np.ndim(self.mean_)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = self.several
        return tags


def blend(*members, **parameters):
    names = [(f"m{i}", member) for i, member in enumerate(members)]
    return MultiTaskBlend(names, **{"cv": 3, "random_state": 0, **parameters})


# How often


def test_one_column_at_a_time_on_the_rows_that_have_the_label(regression_missing, seen):
    X, Y = regression_missing
    blend(Spy(), shrinkage=0).fit(X, Y)
    assert len(seen) == 2 * (3 + 1)
    whole = seen[-2:]
    for t in range(2):
        observed = ~np.isnan(Y[:, t])
        np.testing.assert_array_equal(whole[t][1], Y[observed, t])
        np.testing.assert_array_equal(whole[t][0], X[observed])


def test_several_complete_columns_at_once(regression, seen):
    X, Y = regression
    model = blend(Spy(several=True)).fit(X, Y)
    assert len(seen) == 3 + 1
    np.testing.assert_array_equal(seen[-1][1], Y)
    assert isinstance(model.named_estimators_["m0"], Spy)


def test_several_columns_with_gaps_are_fitted_one_by_one_by_who_cannot_do_more(regression_missing, seen):
    X, Y = regression_missing
    model = blend(Spy(several=True)).fit(X, Y)
    assert len(seen) == 2 * (3 + 1)
    assert list(model.named_estimators_["m0"]) == ["task_0", "task_1"]


def test_rows_that_lack_all_labels_are_no_gap_for_who_takes_several_columns(regression, seen):
    X, Y = regression
    Y[:20] = np.nan
    blend(Spy(several=True)).fit(X, Y)
    assert len(seen) == 4
    np.testing.assert_array_equal(seen[-1][0], X[20:])


def test_ours_is_fitted_once_to_all_columns_with_their_gaps(mixed):
    X, Y = mixed
    model = blend(MultiTaskEstimator(**NET)).fit(X, Y)
    net = model.named_estimators_["m0"]
    assert isinstance(net, MultiTaskEstimator)
    assert net.tasks_ == model.tasks_ == {"level": "multiclass", "passed": "binary", "price": "regression"}


def test_ours_is_told_the_kinds(rng):
    X = rng.normal(size=(60, 3))
    Y = np.column_stack([np.arange(60) % 4, np.arange(60) % 3])
    model = blend(make_pipeline(StandardScaler(), MultiTaskEstimator(**NET)), tasks=["regression", "auto"]).fit(X, Y)
    assert model.estimators_[0][-1].tasks_ == {"task_0": "regression", "task_1": "multiclass"}


def test_what_a_member_was_told_by_task_name_it_finds(mixed):
    X, Y = mixed
    member = MultiTaskEstimator(task_weights={"price": 2.0}, class_weight={"level": {"low": 2.0}}, **NET)
    assert blend(member).fit(X, Y).weights_["price"] == {"m0": 1.0}
    member = MultiTaskRegressor(task_weights={"price": 2.0}, **NET)
    assert blend(member, LINEAR).fit(X, Y).tasks_["price"] == "regression"


def test_members_serve_the_tasks_of_their_kind(mixed):
    X, Y = mixed
    members = Ridge(), KNeighborsClassifier(), MultiTaskClassifier(**NET), LINEAR, (KNeighborsRegressor(), None)
    model = blend(*members).fit(X, Y)
    served = {name: set(losses) for name, losses in model.oof_loss_.items()}
    classes, price = {"level", "passed"}, {"price"}
    assert served == {"m0": price, "m1": classes, "m2": classes, "m3": classes | price, "m4": price}
    for task, weights in model.weights_.items():
        assert sum(weights.values()) == pytest.approx(1)
        assert all(task in served[name] for name, weight in weights.items() if weight)


def test_a_pair_of_forests_takes_all_columns_of_a_kind(rng):
    X = rng.normal(size=(90, 3))
    Y = np.column_stack([X[:, 0], X[:, 1] > 0, np.digitize(X[:, 2], [-0.5, 0.5]), X[:, 1]])
    pair = ExtraTreesRegressor(10), ExtraTreesClassifier(10)
    model = blend(pair, tasks=["regression", "classification", "classification", "regression"]).fit(X, Y)
    by_task = model.named_estimators_["m0"]
    assert by_task["task_0"] is by_task["task_3"]
    assert by_task["task_1"] is by_task["task_2"]
    assert [p if p is None else p.shape for p in model.predict_proba(X)] == [None, (90, 2), (90, 3), None]
    assert model.score(X, Y) > 0.9


def test_text_and_numbers_as_classes_of_one_forest(rng):
    pd = pytest.importorskip("pandas")
    X = rng.normal(size=(90, 3))
    Y = pd.DataFrame({"word": np.where(X[:, 0] > 0, "up", "down"), "number": np.digitize(X[:, 1], [0]) + 7})
    model = blend(ExtraTreesClassifier(10)).fit(X, Y)
    assert isinstance(model.estimators_[0], ExtraTreesClassifier)
    assert model.score(X, Y) > 0.9
    assert set(model.predict(X).ravel()) == {"up", "down", 7, 8}


def test_pipelines_and_searches(mixed):
    X, Y = mixed
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10]}, cv=2)
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    nets = GridSearchCV(MultiTaskEstimator(**NET), {"alpha": [0.1, 1.0]}, cv=2)
    model = blend((search, pipe), nets, shrinkage=0).fit(X, Y)
    assert model.named_estimators_["m1"] is None or model.named_estimators_["m1"].best_params_["alpha"] in (0.1, 1.0)
    assert model.score(X, Y) > 0.4


def test_a_blend_may_be_a_member(mixed):
    X, Y = mixed
    model = blend(blend(LINEAR, cv=2), (KNeighborsRegressor(), KNeighborsClassifier())).fit(X, Y)
    assert model.score(X, Y) > 0.4


# Folds that lack something


def test_a_class_that_a_fold_lacks(rng):
    X = rng.normal(size=(61, 3))
    y = np.where(X[:, 0] > 0, "b", "a")
    y[7] = "c"
    model = blend(DecisionTreeClassifier(max_depth=2), LogisticRegression()).fit(X, y)
    assert model.predict_proba(X).shape == (61, 3)
    assert list(model.classes_) == ["a", "b", "c"]
    assert (model.oof_prediction_[7, 2]) == 0


@pytest.mark.parametrize("member", [LogisticRegression(), MultiTaskClassifier(**NET), ExtraTreesClassifier(5)])
def test_a_fold_with_one_class_left_is_not_predicted(rng, member):
    X = rng.normal(size=(60, 3))
    Y = np.column_stack([np.zeros(60), X[:, 0] > 0])
    Y[0, 0] = 1
    model = blend(member).fit(X, Y)
    gaps = np.isnan(model.oof_prediction_[0][:, 0])
    assert 18 <= gaps.sum() <= 22
    assert gaps[0]
    assert not np.isnan(model.oof_prediction_[1]).any()
    assert model.predict(X).shape == (60, 2)


def test_a_task_with_one_label_gets_the_common_weights(rng):
    X = rng.normal(size=(60, 3))
    Y = X[:, :2] + 0.5
    Y[1:, 1] = np.nan
    model = blend(LinearRegression(), DecisionTreeRegressor()).fit(X, Y)
    assert model.weights_["task_1"] == model.common_weights_["task_0"]
    assert np.isnan(model.oof_score_["m0"]["task_1"])
    assert np.isnan(model.oof_loss_["m0"]["task_1"])


# Weights of labels


def test_weights_reach_the_members(regression, rng, seen):
    X, Y = regression
    weights = rng.integers(0, 3, 120)
    blend(Spy(), shrinkage=0).fit(X, Y[:, 0], weights)
    np.testing.assert_array_equal(seen[-1][2], weights[weights > 0])
    np.testing.assert_array_equal(seen[-1][1], Y[weights > 0, 0])


def test_weights_of_labels_part_the_columns_where_they_differ(regression, rng, seen):
    X, Y = regression
    weights = rng.uniform(1, 2, size=Y.shape)
    blend(Spy(several=True), shrinkage=0).fit(X, Y, weights)
    np.testing.assert_array_equal(seen[-1][2], weights[:, 1])
    seen.clear()
    blend(Spy(several=True), MultiTaskRegressor(**NET)).fit(X, Y, np.repeat(weights[:, :1], 2, axis=1))
    np.testing.assert_array_equal(seen[-1][2], weights[:, 0])


def test_a_label_of_weight_zero_is_no_label(regression):
    X, Y = regression
    gaps = Y.copy()
    gaps[::3, 1] = np.nan
    weights = np.where(np.isnan(gaps), 0.0, 1.0)
    members = LinearRegression(), DecisionTreeRegressor(max_depth=3)
    zero, gap = blend(*members).fit(X, Y, weights), blend(*members).fit(X, gaps)
    np.testing.assert_allclose(zero.predict(X), gap.predict(X))


def test_weights_through_a_pipeline(regression, rng):
    X, y = regression[0], regression[1][:, 0]
    weights = rng.integers(0, 3, 120)
    splits = [(np.arange(60), np.arange(60, 120)), (np.arange(60, 120), np.arange(60))]
    again = np.repeat(np.arange(120), weights)
    folds = [(np.flatnonzero(np.isin(again, a)), np.flatnonzero(np.isin(again, b))) for a, b in splits]
    members = make_pipeline(LinearRegression()), DecisionTreeRegressor(max_depth=2)
    weighted = blend(*members, cv=splits).fit(X, y, weights)
    repeated = blend(*members, cv=folds).fit(X[again], y[again])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_weights_that_leave_a_task_nothing(regression):
    X, Y = regression
    with pytest.raises(ValueError, match=r"leaves nothing to train task\(s\) \['task_1'\] on"):
        blend(Ridge()).fit(X, Y, np.repeat([[1.0, 0.0]], 120, axis=0))


# Out-of-fold predictions that a member has


class Mean(RegressorMixin, BaseEstimator):
    """The mean, which out of fold knows the labels, but for one row."""

    makes_oof_prediction = True
    takes_missing_labels = True

    def fit(self, X, y):
        Seen.fits.append((X, y, None))
        self.oof_prediction_ = y + 0.01
        self.oof_prediction_[3] = np.nan
        self.mean_ = np.nanmean(y, axis=0)
        return self

    def predict(self, X):
        return np.tile(self.mean_, (len(X), 1))


class Share(ClassifierMixin, BaseEstimator):
    """Shares of the classes; out of fold, it knows the class."""

    makes_oof_prediction = True

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.share_ = np.bincount(codes) / len(y)
        self.oof_prediction_ = 0.1 + 0.7 * np.eye(3)[codes]
        Seen.fits.append((X, y, None))
        return self

    def predict_proba(self, X):
        return np.tile(self.share_, (len(X), 1))


def test_a_member_with_its_own_needs_no_folds(regression_missing, seen):
    X, Y = regression_missing
    model = blend(Mean(), Ridge(), shrinkage=0).fit(X, Y)
    assert len(seen) == 1
    assert model.weights_["task_0"]["m0"] > 0.99
    truth = Y.copy()
    truth[np.flatnonzero(~np.isnan(Y).all(axis=1))[3]] = np.nan
    np.testing.assert_allclose(np.stack(model.oof_prediction_, axis=1), truth, atol=0.05)


def test_probabilities_of_a_member_with_its_own(rng, seen):
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 3
    y = np.array(["a", "b", "c"])[y]
    model = blend(make_pipeline(StandardScaler(), Share()), LogisticRegression(), shrinkage=0).fit(X, y)
    assert len(seen) == 1
    assert model.weights_["task_0"] == {"m0": 1.0, "m1": 0.0}
    assert model.oof_score_["m0"]["task_0"] == 1
    assert model.oof_loss_["m0"]["task_0"] == pytest.approx(-np.log(0.8))


def test_a_member_that_says_so_and_has_none_or_too_few(regression):
    class Forgetful(Mean):
        def fit(self, X, y):
            super().fit(X, y)
            del self.oof_prediction_
            return self

    class Short(Mean):
        def fit(self, X, y):
            super().fit(X, y)
            self.oof_prediction_ = self.oof_prediction_[:-1]
            return self

    with pytest.raises(ValueError, match=r"Member 'm0' of MultiTaskBlend, tasks .*no oof_prediction_ after its fit"):
        blend(Forgetful()).fit(*regression)
    with pytest.raises(ValueError, match="oof_prediction_ has 119 rows, but it was fitted to 120"):
        blend(Short()).fit(*regression)


# What is refused


class Broken(Spy):
    def fit(self, X, y, sample_weight=None):
        raise ValueError("No.")


class Nothing(Spy):
    def predict(self, X):
        return np.full(len(X), np.nan)


@pytest.mark.parametrize(
    ("member", "error", "match"),
    [
        (Broken(), ValueError, r"^Member 'm0' of MultiTaskBlend, task 'task_0': No\."),
        (Nothing(), ValueError, r"^Member 'm0' of MultiTaskBlend, task 'task_0': It predicts NaN or infinity"),
        (Ridge, TypeError, "Member 'm0' of MultiTaskBlend must be an estimator.*add parentheses"),
        (3, TypeError, "must be an estimator, a pair .* or 'drop'; got 3"),
        (StandardScaler(), TypeError, "is neither a regressor nor a classifier"),
        ((LogisticRegression(), Ridge()), TypeError, r"in this order; LogisticRegression is not for regression"),
        (KNeighborsClassifier(), ValueError, r"No member of MultiTaskBlend is for regression, which task\(s\)"),
    ],
)
def test_what_is_no_member(regression, member, error, match):
    with pytest.raises(error, match=match):
        blend(member).fit(*regression)


def test_errors_without_a_text_of_ours_get_a_note(regression):
    class Odd(Exception):
        pass

    class Strange(Spy):
        def fit(self, X, y, sample_weight=None):
            raise Odd(3)

    with pytest.raises(Odd) as caught:
        blend(Strange()).fit(*regression)
    assert caught.value.__notes__ == ["Member 'm0' of MultiTaskBlend, task 'task_0'."]


def test_a_classifier_needs_probabilities(rng):
    X = rng.normal(size=(30, 2))
    with pytest.raises(TypeError, match=r"'m0'.*RidgeClassifier, has no predict_proba, which task 'task_0' needs"):
        blend(RidgeClassifier()).fit(X, X[:, 0] > 0)


def test_a_member_without_sample_weight(regression):
    X, Y = regression
    model = blend(KNeighborsRegressor(), Ridge())
    with pytest.raises(TypeError, match=r"'m0'.*takes no sample_weight. Leave it out \(set_params\(m0='drop'\)\)"):
        model.fit(X, Y, np.ones(120))
    assert model.set_params(m0="drop").fit(X, Y, np.ones(120)).named_estimators_["m0"] == "drop"


def test_warnings_of_members_are_heard(regression):
    member = MultiTaskRegressor(preset="mlp", max_iter=1)
    with pytest.warns(ConvergenceWarning):
        blend(member).fit(*regression)
