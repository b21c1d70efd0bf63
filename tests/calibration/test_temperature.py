"""TemperatureScaling: the same as scikit-learn's for one task, and one number a task for several."""

import numpy as np
import pytest
from calibration._fakes import Chances
from sklearn.base import is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskEstimator
from skmtl.calibration import TemperatureScaling

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = {"solver": "lbfgs", "hidden_layer_sizes": (4,), "max_iter": 15, "random_state": 0}
FOLDS = StratifiedKFold(4)


def scaling(estimator, **parameters):
    return TemperatureScaling(estimator, **{"random_state": 0, **parameters})


@pytest.fixture(params=[2, 3])
def classes(rng, request):
    """X (200, 4) of which copies mislead naive Bayes, and words of two or three classes."""
    X = rng.normal(size=(200, 2))
    y = np.digitize(X[:, 0] + 0.7 * rng.normal(size=200), [0.0, 1.0][: request.param - 1])
    return np.column_stack([X, X + 0.1 * rng.normal(size=X.shape)]), np.array(["a", "b", "c"])[y]


def test_one_task_is_as_in_scikit_learn(classes):
    X, y = classes
    ours = scaling(GaussianNB(), cv=FOLDS).fit(X, y)
    theirs = CalibratedClassifierCV(GaussianNB(), method="temperature", cv=FOLDS, ensemble=False).fit(X, y)
    (calibrator,) = theirs.calibrated_classifiers_[0].calibrators
    assert ours.temperatures_["task_0"] == pytest.approx(1 / calibrator.beta_, rel=1e-6)
    assert ours.temperatures_["task_0"] > 1.2  # each column counts twice: it is too sure
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_a_frozen_classifier_is_as_in_scikit_learn(classes):
    X, y = classes
    fitted = FrozenEstimator(GaussianNB().fit(X[:100], y[:100]))
    ours = scaling(fitted).fit(X[100:], y[100:])
    theirs = CalibratedClassifierCV(fitted, method="temperature").fit(X[100:], y[100:])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_logarithms_are_those_of_the_calibrated_probabilities(mixed):
    X, Y = mixed
    model = scaling((Ridge(), LogisticRegression())).fit(X, Y)
    for logs, chances in zip(model.predict_log_proba(X), model.predict_proba(X), strict=True):
        assert (logs is None) == (chances is None)
        if logs is not None:
            np.testing.assert_array_equal(logs, np.log(chances))


def test_the_sentinel_of_a_frozen_pipeline_is_a_gap(rng):
    X, Y = rng.normal(size=(80, 2)), rng.integers(0, 2, (80, 2))
    net = MultiTaskClassifier(**NET, missing_label=9)
    frozen = FrozenEstimator(make_pipeline(StandardScaler(), net).fit(X[:40], Y[:40]))
    sentinel = np.where(rng.random((40, 2)) < 0.3, 9, Y[40:])
    gaps = np.where(sentinel == 9, np.nan, sentinel)
    by_sentinel, by_gap = (scaling(frozen).fit(X[40:], later).temperatures_ for later in (sentinel, gaps))
    assert by_sentinel == by_gap


def test_the_temperature_that_was_put_in_comes_out(rng):
    p = rng.dirichlet(np.ones(3), size=20000)
    y = (p.cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    too_sure = p**3 / (p**3).sum(axis=1, keepdims=True)
    model = scaling(FrozenEstimator(Chances().fit(p, y))).fit(too_sure, y)
    assert model.temperatures_["task_0"] == pytest.approx(3.0, rel=0.05)
    np.testing.assert_allclose(model.predict_proba(too_sure), p, atol=0.02)


def test_each_classification_has_its_own_and_a_regression_none(mixed):
    X, Y = mixed
    X, Y = X[Y.notna().any(axis=1)], Y.dropna(how="all")  # rows without a label do not reach the network
    plain = MultiTaskEstimator(**NET)
    model = scaling(plain, cv=3).fit(X, Y)
    assert list(model.temperatures_) == ["level", "passed"]
    assert len(set(model.temperatures_.values())) == 2
    whole = plain.fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), whole.predict(X))
    for task, (ours, p) in enumerate(zip(model.predict_proba(X), whole.predict_proba(X), strict=True)):
        if p is None:
            assert ours is None
            continue
        power = p ** (1 / model.temperatures_[Y.columns[task]])
        np.testing.assert_allclose(ours, power / power.sum(axis=1, keepdims=True), atol=1e-6)
        np.testing.assert_array_equal(ours.argmax(axis=1), p.argmax(axis=1))


def test_the_loss_is_that_of_the_held_out_labels(rng):
    X = rng.normal(size=(90, 3))
    Y = np.where(rng.random((90, 2)) < 0.2, np.nan, X[:, :2] + rng.normal(size=(90, 2)) > 0)
    folds = [(np.arange(60), np.arange(60, 90))]
    model = scaling(RandomForestClassifier(20, random_state=0), cv=folds).fit(X, Y)
    seen = ~np.isnan(Y[:, 1])
    train, test = (np.flatnonzero(seen & rows) for rows in (np.arange(90) < 60, np.arange(90) >= 60))
    p = RandomForestClassifier(20, random_state=0).fit(X[train], Y[train, 1]).predict_proba(X[test])
    loss = model.held_out_loss_["task_1"]
    assert loss["before"] == pytest.approx(log_loss(Y[test, 1], p.clip(1e-12, 1)), rel=1e-6)
    power = (p + 1e-12) ** (1 / model.temperatures_["task_1"])
    assert loss["after"] == pytest.approx(log_loss(Y[test, 1], power / power.sum(axis=1, keepdims=True)), rel=1e-6)
    assert loss["after"] < loss["before"]


def test_a_label_of_weight_two_counts_twice(rng):
    p = rng.dirichlet(np.ones(3), size=60)
    y = rng.integers(0, 3, 60)
    frozen = FrozenEstimator(Chances().fit(p, y))
    weights = rng.integers(0, 3, 60)
    weighted = scaling(frozen).fit(p, y, sample_weight=weights)
    repeated = scaling(frozen).fit(np.repeat(p, weights, axis=0), np.repeat(y, weights))
    assert weighted.temperatures_["task_0"] == pytest.approx(repeated.temperatures_["task_0"], rel=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [
        MultiTaskBlend([("trees", ExtraTreesClassifier(5)), ("line", LogisticRegression())], cv=2),
        (Ridge(), ExtraTreesClassifier(10)),
        MultiTaskEstimator(**NET),
    ],
    ids=["blend", "pair", "ours"],
)
@pytest.mark.parametrize("method", ["cross", "split"])
def test_whatever_a_blend_takes(mixed, estimator, method):
    X, Y = mixed
    Y = Y if not isinstance(estimator, MultiTaskBlend) else Y[["level", "passed"]]
    model = scaling(estimator, method=method, cv=None if method == "split" else 2).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert all(temperature > 0 for temperature in model.temperatures_.values())
    assert set(model.score_tasks(X, Y)) == set(Y)


class OwnChances(Chances):
    """Brings uniform probabilities as its own out-of-fold predictions."""

    makes_oof_prediction = True

    def fit(self, X, y):
        self.oof_prediction_ = np.full((len(y), self.n_classes), 1 / self.n_classes)
        return super().fit(X, y)


def test_own_predictions_are_used_where_they_are_asked_for(rng):
    p = rng.dirichlet(np.ones(3), size=90)
    y = rng.integers(0, 3, 90)
    losses = [scaling(OwnChances(), cv=cv).fit(p, y).held_out_loss_["task_0"]["before"] for cv in (3, None)]
    assert losses[0] == pytest.approx(log_loss(y, p))
    assert losses[1] == pytest.approx(np.log(3))


def test_a_task_without_held_out_labels_stays_as_it_is(rng):
    X = rng.normal(size=(60, 2))
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(float)
    Y[:20, 1] = np.nan
    cv = [(np.arange(20, 60), np.arange(20))]
    with pytest.warns(UserWarning, match=r"No held-out label of task\(s\) \['task_1'\]"):
        model = scaling(LogisticRegression(), method="split", cv=cv).fit(X, Y)
    assert model.temperatures_["task_1"] == 1.0
    expected = LogisticRegression().fit(X[20:], Y[20:, 1]).predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X)[1], expected, atol=1e-12)


def test_it_is_a_classifier_where_its_estimator_is(rng):
    X = rng.normal(size=(60, 2))
    assert is_classifier(scaling(MultiTaskClassifier()))
    assert not is_classifier(scaling(MultiTaskEstimator()))
    y = X[:, 0] + rng.normal(size=60) > 0
    scores = cross_val_score(scaling(LogisticRegression(), cv=2), X, y, scoring="neg_log_loss")
    assert scores.mean() > -np.log(2)


def test_labels_without_an_error_do_not_ask_for_more_confidence(rng):
    X = np.sign(rng.normal(size=(60, 1))) + 0.01 * rng.normal(size=(60, 1))
    model = scaling(LogisticRegression(C=0.1)).fit(X, X[:, 0] > 0)
    assert model.score(X, X[:, 0] > 0) == 1
    assert model.temperatures_["task_0"] == pytest.approx(1, abs=1e-4)


@parametrize_with_checks([TemperatureScaling(LogisticRegression(), cv=2), TemperatureScaling(GaussianNB(), cv=2)])
def test_scikit_learn(estimator, check):
    check(estimator)
