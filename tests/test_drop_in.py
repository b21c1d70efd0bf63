"""With one column of y the estimators stand where MLPClassifier and MLPRegressor stood: same calls, side by side."""

import inspect

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import RFE, SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor, RegressorChain
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl._presets import PRESETS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Training interrupted:UserWarning"),
]
each_preset = pytest.mark.usefixtures("preset")

CLASSIFIERS = [MLPClassifier, MultiTaskClassifier]
REGRESSORS = [MLPRegressor, MultiTaskRegressor]
PAIRS = [CLASSIFIERS, REGRESSORS]
QUICK = {"preset": "mlp", "hidden_layer_sizes": (10,), "max_iter": 30, "learning_rate_init": 0.02, "random_state": 0}

_rng = np.random.default_rng(0)
X = _rng.normal(size=(120, 4))
VALUE = X[:, 0] - 2 * X[:, 1] + 0.1 * _rng.normal(size=120)
BINARY = np.where(VALUE > 0, "yes", "no")
LEVELS = np.digitize(VALUE, [-1, 1])


def build(kind, **params):
    """One of either side; theirs knows no presets."""
    return kind(**{name: value for name, value in params.items() if name in kind().get_params()})


def quick(kind, **params):
    return build(kind, **QUICK | params)


# The signature


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_every_parameter_has_the_same_name_kind_and_place(theirs, ours):
    ours, theirs = (list(inspect.signature(kind).parameters.values()) for kind in (ours, theirs))
    assert {p.name for p in theirs} <= {p.name for p in ours}
    positional = [[p.name for p in side if p.kind is p.POSITIONAL_OR_KEYWORD] for side in (ours, theirs)]
    assert positional[0] == positional[1]


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_defaults_are_theirs_or_a_matter_of_the_preset(theirs, ours):
    ours, theirs = (inspect.signature(kind).parameters for kind in (ours, theirs))
    differing = {name for name in theirs if ours[name].default != theirs[name].default}
    assert {ours[name].default for name in differing} <= {"auto"}
    assert {name for name in differing if PRESETS["mlp"].get(name) != theirs[name].default} <= {"loss"}


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_a_call_that_says_everything_keeps_working(theirs, ours):
    everything = theirs(hidden_layer_sizes=[5, 4], solver="sgd", max_iter=7, tol=0.0, random_state=0).get_params()
    y = BINARY if theirs is MLPClassifier else VALUE
    fitted = ours(**everything).fit(X, y)
    assert fitted.n_iter_ == theirs(**everything).fit(X, y).n_iter_ == 7


def test_positional_arguments():
    assert MultiTaskClassifier((7,), "tanh", n_members=1).fit(X, BINARY).transform(X).shape == (120, 7)
    model = MultiTaskRegressor("squared_error", (7,), "tanh")
    assert (model.loss, model.hidden_layer_sizes, model.activation) == ("squared_error", (7,), "tanh")


@each_preset
@pytest.mark.parametrize("name", ["squared_error", "poisson"])
def test_losses_of_the_regressor(name):
    y = np.exp(VALUE / 3)
    for kind in REGRESSORS:
        assert quick(kind, loss=name).fit(X, y).score(X, y) > 0.5


# What is there after fit


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_fitted_attributes(theirs, ours, early_stopping):
    y = LEVELS if theirs is MLPClassifier else VALUE
    params = {"early_stopping": early_stopping, "max_iter": 5}
    frame = pd.DataFrame(X, columns=list("abcd"))
    theirs, ours = (quick(kind, **params).fit(frame, y) for kind in (theirs, ours))
    for name in ("n_iter_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_", "loss_"):
        value, like = getattr(ours, name), getattr(theirs, name)
        assert type(value) is type(like) or (np.isscalar(value) and np.isscalar(like)), name
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)
    if early_stopping:
        assert len(ours.validation_scores_) == len(theirs.validation_scores_)
        assert ours.best_validation_score_ == max(ours.validation_scores_)
    else:
        assert ours.best_loss_ == min(ours.loss_curve_)
    assert ours.n_features_in_ == theirs.n_features_in_
    assert_array_equal(ours.feature_names_in_, theirs.feature_names_in_)
    if hasattr(theirs, "classes_"):
        assert_array_equal(ours.classes_, theirs.classes_)
        assert ours.classes_.dtype == theirs.classes_.dtype
    assert ours.n_outputs_ == 1


@each_preset
@pytest.mark.parametrize("shape", [(120,), (120, 1)])
def test_one_column_gives_one_dimensional_predictions(shape):
    y = VALUE.reshape(shape)
    ours = quick(MultiTaskRegressor).fit(X, y).predict(X)
    assert (ours.shape, ours.dtype) == ((120,), np.float64)
    assert quick(MLPRegressor).fit(X, y.ravel()).predict(X).shape == ours.shape


LABELS = {
    "text": BINARY,
    "objects": BINARY.astype(object),
    "bool": VALUE > 0,
    "int": LEVELS - 1,
    "int8": LEVELS.astype(np.int8),
    "float": LEVELS.astype(float),
    "three words": np.array(["a", "b", "c"])[LEVELS],
}


@each_preset
@pytest.mark.parametrize("name", LABELS)
def test_labels_of_any_dtype(name):
    y = LABELS[name]
    theirs, ours = (quick(kind).fit(X, y) for kind in CLASSIFIERS)
    for method in ("predict", "predict_proba", "predict_log_proba"):
        assert getattr(ours, method)(X).shape == getattr(theirs, method)(X).shape
    # The dtype that the labels had, which theirs keeps too, save that it makes text of objects.
    assert ours.predict(X).dtype == ours.classes_.dtype == y.dtype
    assert theirs.predict(X).dtype == y.dtype or name == "objects"
    assert_array_equal(ours.classes_, theirs.classes_)
    assert_allclose(ours.predict_proba(X).sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(ours.classes_[ours.predict_proba(X).argmax(axis=1)], ours.predict(X))
    assert ours.score(X, y) > 0.8


@pytest.mark.parametrize(("theirs", "ours"), PAIRS)
def test_warm_start_and_partial_fit(theirs, ours):
    y, more = (LEVELS, {"classes": [0, 1, 2]}) if theirs is MLPClassifier else (VALUE, {})
    for kind in (theirs, ours):
        model = quick(kind, max_iter=3, warm_start=True).fit(X, y)
        first = model.loss_
        assert model.fit(X, y).loss_ < first
        model = quick(kind)
        for rows in np.array_split(np.arange(120), 4):
            model.partial_fit(X[rows], y[rows], **more)
        assert model.predict(X).shape == (120,)


# As good as theirs


@pytest.mark.parametrize("load", [load_breast_cancer, load_iris])
def test_as_accurate_as_MLPClassifier(load, preset):
    X, y = load(return_X_y=True)
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    settings = {"preset": preset, "max_iter": 200, "random_state": 0}
    theirs, ours = (
        cross_val_score(make_pipeline(StandardScaler(), build(kind, **settings)), X, y, cv=folds).mean()
        for kind in CLASSIFIERS
    )
    assert ours > theirs - 0.05


def test_as_accurate_as_MLPRegressor(preset):
    X, y = load_diabetes(return_X_y=True)
    folds = KFold(2, shuffle=True, random_state=0)
    settings = {"preset": preset, "max_iter": 300, "random_state": 0}
    theirs, ours = (
        cross_val_score(make_pipeline(StandardScaler(), build(kind, **settings)), X, y, cv=folds).mean()
        for kind in REGRESSORS
    )
    assert ours > theirs - 0.05


# Everything around an estimator: what works with theirs works with ours, with a score as good


def split_score(model, X, y):
    """Score on the last rows after a fit on the others."""
    return model.fit(X[:80], y[:80]).score(X[80:], y[80:])


CLASSIFIER_TOOLS = {
    "calibration": lambda m: CalibratedClassifierCV(m, cv=3),
    "isotonic calibration": lambda m: CalibratedClassifierCV(m, method="isotonic", cv=5),
    "hard voting": lambda m: VotingClassifier([("a", m), ("b", LogisticRegression())]),
    "soft voting": lambda m: VotingClassifier([("a", m), ("b", LogisticRegression())], voting="soft"),
    "stacking": lambda m: StackingClassifier([("a", m), ("b", LogisticRegression())], cv=3),
    "final estimator of a stack": lambda m: StackingClassifier([("a", LogisticRegression())], m, cv=3),
    "bagging": lambda m: BaggingClassifier(m, n_estimators=3, random_state=0),
    "bagging of columns": lambda m: BaggingClassifier(m, n_estimators=3, max_features=0.75, random_state=0),
    "one against the rest": lambda m: OneVsRestClassifier(m),
    "one against one": lambda m: OneVsOneClassifier(m),
    "pipeline": lambda m: make_pipeline(StandardScaler(), m),
    "feature selection": lambda m: make_pipeline(SequentialFeatureSelector(m, n_features_to_select=1, cv=2), m),
    "grid search": lambda m: GridSearchCV(m, {"alpha": [1e-4, 1e-2]}, cv=3),
    "search by two scores": lambda m: GridSearchCV(
        m, {"alpha": [1e-4]}, scoring={"log_loss": "neg_log_loss", "accuracy": "accuracy"}, refit="accuracy", cv=3
    ),
}


@each_preset
@pytest.mark.parametrize("labels", ["text", "int"])
@pytest.mark.parametrize("tool", CLASSIFIER_TOOLS)
def test_classifier_tools(tool, labels):
    make, y = CLASSIFIER_TOOLS[tool], LABELS[labels]
    theirs, ours = (split_score(make(quick(kind)), X, y) for kind in CLASSIFIERS)
    assert ours > theirs - 0.15


@each_preset
@pytest.mark.parametrize("scoring", ["neg_log_loss", "roc_auc", "average_precision", "f1", "neg_brier_score"])
def test_scorers_of_a_binary_task(scoring):
    y = (VALUE > 0).astype(int)
    theirs, ours = (cross_val_score(quick(kind), X, y, cv=3, scoring=scoring).mean() for kind in CLASSIFIERS)
    assert ours > theirs - 0.1


@each_preset
@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "neg_log_loss", "balanced_accuracy", "f1_macro"])
def test_scorers_of_a_multiclass_task(scoring):
    theirs, ours = (cross_val_score(quick(kind), X, LEVELS, cv=3, scoring=scoring).mean() for kind in CLASSIFIERS)
    assert ours > theirs - 0.15


@each_preset
def test_threshold():
    y = (VALUE > 1).astype(int)
    theirs, ours = (
        TunedThresholdClassifierCV(quick(kind), scoring="f1", thresholds=20, cv=3).fit(X, y) for kind in CLASSIFIERS
    )
    assert 0 <= ours.best_threshold_ <= 1
    assert ours.best_score_ > theirs.best_score_ - 0.15


@each_preset
def test_self_training():
    y = np.where(np.arange(120) % 3, (VALUE > 0).astype(int), -1)
    theirs, ours = (SelfTrainingClassifier(quick(kind)).fit(X, y).score(X, VALUE > 0) for kind in CLASSIFIERS)
    assert ours > theirs - 0.1


@each_preset
def test_several_copies_for_several_targets():
    Y = np.c_[LEVELS, VALUE > 0].astype(int)
    for wrap in (MultiOutputClassifier, lambda m: ClassifierChain(m, random_state=0)):
        predictions = [wrap(quick(kind)).fit(X, Y).predict(X) for kind in CLASSIFIERS]
        assert (predictions[0] == predictions[1]).mean() > 0.8
    Y = np.c_[VALUE, X[:, 0]]
    for wrap in (MultiOutputRegressor, RegressorChain):
        predictions = [wrap(quick(kind)).fit(X, Y).predict(X) for kind in REGRESSORS]
        assert np.corrcoef(predictions[0].ravel(), predictions[1].ravel())[0, 1] > 0.9


@each_preset
def test_probabilities_by_cross_validation():
    for y, n_classes in ((LEVELS, 3), (BINARY, 2)):
        theirs, ours = (cross_val_predict(quick(kind), X, y, cv=3, method="predict_proba") for kind in CLASSIFIERS)
        assert ours.shape == theirs.shape == (120, n_classes)
        assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.8


REGRESSOR_TOOLS = {
    "voting": lambda m: VotingRegressor([("a", m), ("b", Ridge())]),
    "stacking": lambda m: StackingRegressor([("a", m), ("b", Ridge())], cv=3),
    "bagging": lambda m: BaggingRegressor(m, n_estimators=3, random_state=0),
    "boosting": lambda m: AdaBoostRegressor(m, n_estimators=3, random_state=0),
    "transformed target": lambda m: TransformedTargetRegressor(m, transformer=StandardScaler()),
    "cube root of the target": lambda m: TransformedTargetRegressor(m, func=np.cbrt, inverse_func=lambda y: y**3),
    "pipeline": lambda m: make_pipeline(StandardScaler(), m),
    "feature selection": lambda m: make_pipeline(SequentialFeatureSelector(m, n_features_to_select=1, cv=2), m),
    "grid search": lambda m: GridSearchCV(
        m, {"alpha": [1e-4, 1e-2]}, cv=3, scoring="neg_mean_absolute_error", refit=True
    ),
}


@each_preset
@pytest.mark.parametrize("tool", REGRESSOR_TOOLS)
def test_regressor_tools(tool):
    make = REGRESSOR_TOOLS[tool]
    theirs, ours = (split_score(make(quick(kind)), X, VALUE) for kind in REGRESSORS)
    assert ours > theirs - 0.15


@each_preset
@pytest.mark.parametrize("scoring", ["r2", "neg_root_mean_squared_error", "neg_median_absolute_error"])
def test_scorers_of_a_regression(scoring):
    theirs, ours = (cross_val_score(quick(kind), X, VALUE, cv=3, scoring=scoring).mean() for kind in REGRESSORS)
    assert ours > theirs - 0.3


@each_preset
@pytest.mark.parametrize("kinds", PAIRS)
def test_partial_dependence(kinds):
    y = BINARY if kinds is CLASSIFIERS else VALUE
    theirs, ours = (partial_dependence(quick(kind).fit(X, y), X, [1], kind="both") for kind in kinds)
    assert ours["average"].shape == theirs["average"].shape
    assert ours["individual"].shape == theirs["individual"].shape
    assert np.corrcoef(ours["average"].ravel(), theirs["average"].ravel())[0, 1] > 0.9


@each_preset
@pytest.mark.parametrize("kinds", PAIRS)
def test_permutation_importance(kinds):
    y = BINARY if kinds is CLASSIFIERS else VALUE
    theirs, ours = (quick(kind).fit(X, y) for kind in kinds)
    theirs, ours = (permutation_importance(m, X, y, random_state=0).importances_mean for m in (theirs, ours))
    assert_array_equal(np.argsort(ours)[-2:], np.argsort(theirs)[-2:])


@each_preset
@pytest.mark.parametrize("kinds", PAIRS)
def test_learning_curve(kinds):
    y = BINARY if kinds is CLASSIFIERS else VALUE
    theirs, ours = (learning_curve(quick(kind), X, y, cv=3, train_sizes=[0.5, 1.0])[2] for kind in kinds)
    assert ours.shape == theirs.shape
    assert ours[-1].mean() > theirs[-1].mean() - 0.1


# What does not work with theirs, and why, is the same with ours


@each_preset
@pytest.mark.parametrize("kinds", PAIRS)
def test_elimination_by_coefficients_is_refused_alike(kinds):
    y = BINARY if kinds is CLASSIFIERS else VALUE
    texts = []
    for kind in kinds:
        with pytest.raises(ValueError, match="coef_") as caught:
            RFE(quick(kind)).fit(X, y)
        texts.append(str(caught.value).replace(kind.__name__, ""))
    assert texts[0] == texts[1]


@each_preset
def test_boosting_by_weights_works_with_both():
    for kind in CLASSIFIERS:
        model = AdaBoostClassifier(quick(kind), n_estimators=3, random_state=0)
        assert model.fit(X, LEVELS).score(X, LEVELS) > 0.7


@each_preset
def test_mixed_estimator_with_one_column():
    for y in (VALUE, BINARY):
        model = quick(MultiTaskEstimator).fit(X, y)
        assert model.predict(X).shape == (120,)
        assert model.score(X, y) > 0.8
        assert clone(model).fit(X, y).n_outputs_ == 1
    assert model.predict_proba(X).shape == (120, 2)
    assert model.predict(X).dtype == BINARY.dtype
