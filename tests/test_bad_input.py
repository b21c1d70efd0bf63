"""Bad input: the error names parameter or column, value and remedy, and leaves the estimator as it was."""

import re
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback
from torch import nn

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.losses import Huber, SquaredError
from skmtl.weighting import DynamicWeightAverage, Equal, Uncertainty

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("preset"),
]

nan = np.nan
QUICK = {"preset": "mlp", "hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
KINDS = [MultiTaskRegressor, MultiTaskClassifier, MultiTaskEstimator]

rng = np.random.default_rng(0)
X = ROWS = rng.normal(size=(60, 4))
NUMBERS = pd.DataFrame({"heating": 10 * X[:, 0] + 0.5, "cooling": X[:, 1]})
CLASSES = (NUMBERS > 0).astype(int)
MIXED = pd.DataFrame({"heating": NUMBERS["heating"], "passed": CLASSES["cooling"]})
GOOD = {MultiTaskRegressor: NUMBERS, MultiTaskClassifier: CLASSES, MultiTaskEstimator: MIXED}


def changed(array, at, value):
    array = np.array(array, dtype=float)
    array[at] = value
    return array


def error(*words, call, kind=ValueError):
    """The call fails, in a text that has all of these words."""
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    assert all(word in text for word in words), text
    return text


def same_state(estimator, before):
    """Every attribute is the very object that it was."""
    assert vars(estimator).keys() == before.keys()
    assert all(value is before[name] for name, value in vars(estimator).items())


def refused(estimator, *words, X=ROWS, y=None, sample_weight=None, kind=ValueError):
    """Fit fails in these words, before it ever worked and after; nothing changes; what was fitted predicts on."""
    good = GOOD[type(estimator)]
    y = good if y is None else y

    before = dict(vars(estimator))
    text = error(*words, kind=kind, call=lambda: estimator.fit(X, y, sample_weight=sample_weight))
    same_state(estimator, before)

    fitted = type(estimator)(**QUICK).fit(ROWS, good)
    expected = fitted.predict(ROWS)
    fitted.set_params(**estimator.get_params(deep=False))
    before = dict(vars(fitted))
    assert error(*words, kind=kind, call=lambda: fitted.fit(X, y, sample_weight=sample_weight)) == text
    same_state(fitted, before)
    assert_array_equal(fitted.predict(ROWS), expected)
    return text


def regressor(**params):
    return MultiTaskRegressor(**QUICK | params)


def classifier(**params):
    return MultiTaskClassifier(**QUICK | params)


def mixed(**params):
    return MultiTaskEstimator(**QUICK | params)


# Unknown names, with the nearest valid one


@pytest.mark.parametrize(
    ("parameter", "value", "nearest"),
    [
        ("solver", "adamm", "adam"),
        ("activation", "rely", "relu"),
        ("weighting", "dwaa", "dwa"),
        ("loss", "squared_eror", "squared_error"),
        ("architecture", "hard_sharin", "hard_sharing"),
        ("learning_rate", "adaptiv", "adaptive"),
        ("batch_size", "aut", "auto"),
        ("task_weights", {"heatin": 2}, "heating"),
        ("loss", {"heatin": "huber"}, "heating"),
        ("main_task", "heatin", "heating"),
    ],
)
def test_unknown_name(parameter, value, nearest):
    name = next(iter(value)) if isinstance(value, dict) else value
    refused(regressor(**{parameter: value}), parameter, repr(name), f"Did you mean {nearest!r}?")


def test_unknown_name_in_tasks():
    refused(mixed(tasks="regresion"), "'tasks'", "'regresion'", "Did you mean 'regression'?")
    refused(mixed(tasks={"heating": "regresion"}), "'tasks'", "'heating'", "'regresion'", "Did you mean 'regression'?")
    refused(mixed(tasks={"heatin": "regression"}), "'tasks'", "'heatin'", "Did you mean 'heating'?")


def test_unknown_parameter():
    error("hidden_layers", kind=TypeError, call=lambda: MultiTaskRegressor(hidden_layers=3))
    error("'weightingg'", "'weighting'", call=lambda: regressor().set_params(weightingg="equal"))


# Parameters out of range


@pytest.mark.parametrize("parameter", ["hidden_layer_sizes", "head_hidden_layer_sizes"])
@pytest.mark.parametrize("value", [(0,), (-1,), "abc", (1.5,), 0, None, [8, "a"]])
def test_layer_sizes(parameter, value):
    refused(regressor(**{parameter: value}), parameter, repr(value))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("alpha", -1),
        ("dropout", 1.0),
        ("max_iter", 0),
        ("batch_size", 0),
        ("learning_rate_init", 0.0),
        ("validation_fraction", 1.0),
        ("n_iter_no_change", 0),
        ("tol", -1.0),
        ("momentum", 1.5),
        ("callbacks", "abc"),
        ("device", 3),
        ("class_weight", 3),
    ],
)
def test_out_of_range(parameter, value):
    estimator = (classifier if parameter == "class_weight" else regressor)(**{parameter: value})
    refused(
        estimator, f"'{parameter}' parameter of {type(estimator).__name__}", repr(value), kind=InvalidParameterError
    )


def test_class_instead_of_instance():
    refused(regressor(weighting=Equal), "'weighting'", "Equal", "instance, not the class", kind=TypeError)
    refused(regressor(loss=SquaredError), "'loss'", "SquaredError", "instance, not the class")


@pytest.mark.parametrize("parameter", ["weighting", "architecture", "loss"])
def test_neither_name_nor_component(parameter):
    refused(regressor(**{parameter: 3}), f"'{parameter}'", "3", kind=(TypeError, ValueError))


def test_parameter_of_a_component():
    refused(regressor(weighting=DynamicWeightAverage(temperature=0)), "'temperature'", "DynamicWeightAverage", "0")
    refused(regressor(weighting=DynamicWeightAverage(temperature="a")), "temperature", "DynamicWeightAverage", "'a'")
    refused(regressor(weighting=Uncertainty(log_variance="a")), "log_variance", "Uncertainty", "'a'")
    refused(regressor(loss=Huber(delta=-1)), "'delta'", "Huber", "-1")


def test_device_that_is_none():
    refused(regressor(device="nonsense"), "'device'", "'nonsense'", "cpu", kind=(ValueError, RuntimeError))


@pytest.mark.skipif(torch.cuda.is_available(), reason="for machines without a GPU")
def test_device_that_is_not_here():
    refused(regressor(device="cuda"), "'device'", "'cuda'", "cpu", kind=(ValueError, RuntimeError))


@pytest.mark.parametrize("callbacks", [[1], [("stop", 2)], ["EarlyStopping"]])
def test_callbacks_of_another_type(callbacks):
    refused(regressor(callbacks=callbacks), "'callbacks'", "skorch", kind=(TypeError, ValueError))


# Weights of tasks, labels, classes


@pytest.mark.parametrize("value", [[1], [1, 2, 3], 3.0, [[1, 2]]])
def test_wrong_number_of_task_weights(value):
    refused(regressor(task_weights=value), "task_weights", "2 tasks", "heating", "cooling")


def test_task_weight_that_is_no_number():
    refused(regressor(task_weights={"heating": "a"}), "task_weights", "numbers", "'a'")


@pytest.mark.parametrize("value", [-1.0, nan, np.inf])
def test_task_weight_out_of_range(value):
    refused(regressor(task_weights={"cooling": value}), "task_weights", "'cooling'", str(value), "not negative")


def test_task_weights_all_zero():
    refused(regressor(task_weights={"heating": 0, "cooling": 0}), "task_weights", "all 0", "at least one")


@pytest.mark.parametrize("shape", [(3,), (60, 3), (2, 60), (60, 1), (60, 2, 1)])
def test_sample_weight_of_another_shape(shape):
    refused(regressor(), "sample_weight", str(shape), "(60,)", sample_weight=np.ones(shape))


@pytest.mark.parametrize("value", [-1.0, nan, np.inf])
@pytest.mark.parametrize("shape", [(60,), (60, 2)])
def test_sample_weight_out_of_range(value, shape):
    refused(regressor(), "sample_weight", sample_weight=changed(np.ones(shape), 7, value))


def test_sample_weight_that_leaves_a_task_nothing():
    refused(regressor(), "'cooling'", "weight 0", "sample_weight", sample_weight=np.tile([1.0, 0.0], (60, 1)))
    refused(regressor(), "non-zero", sample_weight=np.zeros(60))


def test_class_weight_of_an_unknown_class():
    refused(classifier(class_weight={"heating": {0: 1, 7: 2}}), "class_weight", "'heating'", "7", "[0, 1]")
    single = CLASSES["heating"]
    refused(classifier(class_weight={0: 1, 7: 2}), "class_weight", "7", "[0, 1]", y=single)


def test_class_weight_of_an_unknown_task():
    refused(classifier(class_weight={"heatin": {0: 1}}), "class_weight", "'heatin'", "Did you mean 'heating'?")
    refused(classifier(class_weight={0: 1, 1: 2}), "class_weight", "dict by task name of dicts by class")


def test_class_weight_in_the_wrong_type_of_label():
    text = refused(classifier(class_weight={"heating": {"0": 1}}), "class_weight", "'heating'", "'0'", "[0, 1]")
    assert "Did you mean '0'" not in text


def test_class_weight_that_is_no_number():
    refused(classifier(class_weight={"heating": 3}), "class_weight", "'heating'", "3", "balanced")
    refused(classifier(class_weight="balancd"), "class_weight", "'balancd'", "'balanced'")
    refused(classifier(class_weight=["balanced"]), "class_weight", "1 entries", "2 tasks")
    refused(classifier(class_weight={"heating": {0: "much"}}), "class_weight", "'heating'", "'much'")


@pytest.mark.parametrize("value", [-1.0, nan, np.inf])
def test_class_weight_out_of_range(value):
    refused(classifier(class_weight={"heating": {0: value}}), "class_weight", "'heating'", str(value))


def test_class_weights_all_zero():
    refused(classifier(class_weight={"heating": {0: 0, 1: 0}}), "'heating'", "weight 0", "class_weight")


def test_main_task_that_is_not_trained():
    estimator = regressor(main_task="heating", task_weights={"heating": 0})
    refused(estimator, "main_task='heating'", "task weight 0")


# Labels


@pytest.mark.parametrize("kind", KINDS)
def test_task_without_a_label(kind):
    y = GOOD[kind].astype(float).assign(empty=nan)
    refused(kind(**QUICK), "'empty'", "no observed label", "Leave such a column out", y=y)


@pytest.mark.parametrize("make", [classifier, mixed])
def test_single_class(make):
    refused(make(), "'passed'", "one class", "1", y=CLASSES.assign(passed=1))
    refused(make(), "'passed'", "one class", "'no'", "Leave the column out", y=CLASSES.assign(passed="no"))


@pytest.mark.parametrize("y", [NUMBERS.assign(colour="red"), np.full((60, 2), "red")], ids=["frame", "array"])
def test_regression_on_text(y):
    name = "colour" if hasattr(y, "columns") else "task_0"
    for estimator in (regressor(), mixed(tasks={name: "regression"})):
        text = refused(estimator, f"'{name}'", "text", "'red'", "MultiTaskClassifier", y=y)
        assert "np.str_" not in text


def test_classification_of_fractions():
    refused(classifier(), "Unknown label type: continuous", "'heating'", "MultiTaskRegressor", y=NUMBERS)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_infinite_label(kind, value):
    y = GOOD[kind].astype(float)
    y.iloc[5, 0] = value
    refused(kind(**QUICK), "y contains infinity", "'heating'", "finite, or NaN", y=y)


def test_duplicate_task_names():
    y = NUMBERS.set_axis(["a", "a"], axis=1)
    refused(regressor(), "duplicate", "'a'", "rename", y=y)


def test_dates_as_labels():
    y = NUMBERS.assign(day=pd.date_range("2020-01-01", periods=60))
    refused(regressor(), "'day'", "number of days", y=y)


def test_loss_outside_its_domain():
    refused(regressor(loss="poisson"), "'heating'", "'poisson'", "choose another loss")


def test_loss_for_the_other_kind_of_task():
    refused(regressor(loss="log_loss"), "'heating'", "log_loss", "'squared_error'")
    refused(classifier(loss="huber"), "'heating'", "huber", "'log_loss'")


def test_loss_that_reduces():
    refused(regressor(loss=lambda raw, y: (raw - y).square().mean()), "one loss a row and task", "neither averaged")


def test_loss_without_a_gradient():
    refused(regressor(loss=lambda raw, y: (raw - y).square().detach()), "no gradient", "detach()")


# X and shapes


@pytest.mark.parametrize("kind", KINDS)
def test_nan_in_X_points_to_imputation(kind):
    estimator = kind(missing_features="raise", **QUICK)
    said = ("Input X contains NaN", kind.__name__, "missing_features='impute'", "imputer")
    refused(estimator, *said, X=changed(X, (3, 2), nan))
    fitted = estimator.fit(X, GOOD[kind])
    error(*said, call=lambda: fitted.predict(changed(X, (3, 2), nan)))


def test_nan_where_nothing_is_imputed():
    gappy = changed(X, (3, 2), nan)
    refused(regressor(), "Input X contains NaN", "imputed in a dense X only", "toarray()", X=sp.csr_array(gappy))
    refused(regressor(architecture=nn.Linear(4, 3)), "Input X contains NaN", "a trunk of your own", X=gappy)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_in_X(value):
    refused(regressor(), "Input X contains infinity", X=changed(X, (3, 2), value))
    fitted = regressor().fit(X, NUMBERS)
    for method in (fitted.predict, fitted.transform):
        error("Input X contains infinity", call=lambda method=method: method(changed(X, (3, 2), value)))


def test_infinities_that_cancel_out():
    fitted = regressor().fit(X, NUMBERS)
    rows = changed(changed(X, (3, 2), np.inf), (4, 1), -np.inf)
    error("Input X contains", call=lambda: fitted.predict(rows))


def test_shapes_that_disagree():
    refused(regressor(), "[60, 50]", "same rows", y=NUMBERS[:50])
    refused(regressor(), "(60, 2, 1)", "one column per task", y=NUMBERS.to_numpy()[:, :, None])
    refused(regressor(), "Expected 2D array", "reshape", X=X[:, 0])
    refused(regressor(), "dim 3", X=X[:, :, None])


def test_empty_X():
    refused(regressor(), "0 sample(s)", "(0, 4)", X=X[:0], y=NUMBERS[:0])
    refused(regressor(), "0 feature(s)", "(60, 0)", X=X[:, :0])
    fitted = regressor().fit(X, NUMBERS)
    error("0 sample(s)", call=lambda: fitted.predict(X[:0]))


def test_empty_y():
    refused(regressor(), "y with 0 column(s)", y=NUMBERS[[]])
    error("requires y", "None", call=lambda: regressor().fit(X, None))


def test_text_in_X():
    for kind in (str, object):
        refused(
            regressor(), "Column 0", "'a'", "list the column in categorical_features", X=np.full((60, 4), "a", kind)
        )
    words = pd.DataFrame({"a": ["red", "blue"] * 30})
    refused(regressor(categorical_features=None), "'red'", X=words)
    refused(regressor(architecture=nn.Linear(1, 3)), "'red'", "a trunk of your own", X=words)


def test_wrong_number_of_features_in_predict():
    fitted = regressor().fit(X, NUMBERS)
    for method in (fitted.predict, fitted.transform, lambda X: fitted.score(X, NUMBERS)):
        error("3 features", "expecting 4", call=lambda method=method: method(X[:, :3]))


def test_renamed_features():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = regressor().fit(frame, NUMBERS)
    error("feature names", "z", "a", call=lambda: fitted.predict(frame.rename(columns={"a": "z"})))
    error("feature names", "order", call=lambda: fitted.predict(frame[["b", "a", "c", "d"]]))
    before, expected = dict(vars(fitted)), fitted.predict(frame)
    error("feature names", "z", call=lambda: fitted.partial_fit(frame.rename(columns={"a": "z"}), NUMBERS))
    same_state(fitted, before)
    assert_array_equal(fitted.predict(frame), expected)


def test_tasks_renamed_or_in_another_order_in_score():
    fitted = regressor().fit(X, NUMBERS)
    error("unknown ['hot']", "heating", call=lambda: fitted.score(X, NUMBERS.rename(columns={"heating": "hot"})))
    error("another order", "heating", call=lambda: fitted.score(X, NUMBERS[["cooling", "heating"]]))
    error("1 column(s)", "fitted with 2", call=lambda: fitted.score(X, NUMBERS[["heating"]]))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("make", [regressor, classifier])
def test_ten_thousand_columns_are_learned_quickly(make, early_stopping):
    y = np.random.default_rng(0).normal(size=(60, 10_000))
    y = (y > 0).astype(int) if make is classifier else y
    start = time.perf_counter()
    fitted = make(early_stopping=early_stopping).fit(X, y)
    assert fitted.predict(X).shape == y.shape
    assert time.perf_counter() - start < 20  # takes half a second
    assert len(repr(fitted)) < 1000


# Combinations that exclude each other


@pytest.mark.parametrize(
    ("params", "remedy"), [({"solver": "lbfgs"}, "'adam'"), ({"early_stopping": True}, "early_stopping=False")]
)
def test_partial_fit_where_there_can_be_none(params, remedy):
    # Absent, as MLPRegressor's is: scikit-learn's checks call every partial_fit that they see.
    assert not hasattr(regressor(**params), "partial_fit")
    with pytest.raises(AttributeError) as caught:
        regressor(**params).partial_fit(X, NUMBERS)
    assert remedy in f"{caught.value} {caught.value.__cause__}"


def test_lbfgs_with_what_is_random_or_moves():
    refused(regressor(solver="lbfgs", dropout=0.1), "'lbfgs'", "dropout=0.1", "solver='adam'")
    for weighting in ("uncertainty", "dwa"):
        refused(regressor(solver="lbfgs", weighting=weighting), "'lbfgs'", f"{weighting!r}", "weighting='equal'")


def test_return_std_without_a_loss_that_learns_it():
    fitted = regressor(n_members=1).fit(X, NUMBERS)
    error("return_std", "'gaussian_nll'", "SquaredError", call=lambda: fitted.predict(X, return_std=True))


def test_probabilities_of_a_loss_that_has_none():
    fitted = classifier(loss="squared_hinge").fit(X, CLASSES)
    for method in ("predict_proba", "predict_log_proba"):
        assert not hasattr(fitted, method)
        with pytest.raises(AttributeError) as caught:
            getattr(fitted, method)
        assert "'log_loss'" in f"{caught.value} {caught.value.__cause__}"


# Before fit, and after a fit that went otherwise


@pytest.mark.parametrize("kind", KINDS)
def test_not_fitted(kind):
    estimator = kind(**QUICK)
    for method in ("predict", "transform", "predict_proba"):
        if hasattr(estimator, method):
            error(kind.__name__, "fit", kind=NotFittedError, call=lambda m=method: getattr(estimator, m)(X))
    error(kind.__name__, kind=NotFittedError, call=lambda: estimator.score(X, GOOD[kind]))
    error(kind.__name__, kind=NotFittedError, call=estimator.get_feature_names_out)
    assert not hasattr(estimator, "classes_")


@pytest.mark.parametrize("make", [classifier, mixed])
def test_new_class_in_partial_fit(make):
    fitted = make().partial_fit(X, CLASSES)
    before, expected = dict(vars(fitted)), fitted.predict(X)
    y = CLASSES.replace({"heating": {1: 2}})
    error("'heating'", "2", "[0, 1]", "first call", call=lambda: fitted.partial_fit(X, y))
    same_state(fitted, before)
    assert_array_equal(fitted.predict(X), expected)


def test_class_that_the_first_partial_fit_does_not_name():
    error("'heating'", "1", "[0, 2]", call=lambda: classifier().partial_fit(X, CLASSES, classes=[[0, 2], [0, 1]]))
    error("classes", "2 task", call=lambda: classifier().partial_fit(X, CLASSES, classes=[[0, 1]]))


def test_classes_of_a_regression():
    error("'heating'", "no classes", call=lambda: mixed(tasks="regression").partial_fit(X, CLASSES, [[0, 1], [0, 1]]))


def test_other_tasks_in_a_warm_start():
    fitted = regressor(warm_start=True).fit(X, NUMBERS)
    before, expected = dict(vars(fitted)), fitted.predict(X)
    error("1 column(s)", "fitted with 2", call=lambda: fitted.fit(X, NUMBERS["heating"]))
    error("3 features", call=lambda: fitted.fit(X[:, :3], NUMBERS))
    same_state(fitted, before)
    assert_array_equal(fitted.predict(X), expected)


# A trunk that does not do what it should


class Trunk(nn.Module):
    """Passes the output of a linear layer through a function."""

    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(4, 4), function

    def forward(self, X):
        return self.function(self.layer(X))


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda z: z[:, :, None], "(4, 4, 1)"),
        (lambda z: z[:, 0], "(4,)"),
        (lambda z: z[:1], "(1, 4)"),
        (lambda z: (z, z), "tuple"),
    ],
)
def test_trunk_with_output_of_another_shape(function, shape):
    refused(regressor(architecture=Trunk(function)), "'architecture'", "(4, d)", shape, "nn.Flatten()")


def test_trunk_that_returns_nan():
    refused(regressor(architecture=Trunk(lambda z: z * nan)), "'architecture'", "NaN", "scale of X")


def test_trunk_that_fails():
    refused(regressor(architecture=nn.Linear(5, 3)), "'architecture'", "(4, 4)", "4x4 and 5x3", "must take")


def test_callable_that_makes_no_trunk():
    error = (TypeError, ValueError)
    refused(regressor(architecture=lambda: "text"), "'architecture'", "nn.Module", "str", kind=error)
    refused(regressor(architecture=lambda X: X), "'architecture'", "without arguments", kind=error)
    refused(regressor(architecture=nn.Linear), "'architecture'", "without arguments", "Linear", kind=error)


def test_trunk_that_returns_nan_in_training():
    refused(regressor(architecture=NanWhileTraining()), "not finite", "epoch 1", "'heating'", "trunk")


class NanWhileTraining(nn.Module):
    """Passes its test, and then does not keep its word."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, X):
        return self.layer(X) * (nan if self.training else 1.0)


# Training that diverges: never silent NaN


@pytest.mark.parametrize("learning_rate_init", [1e3, 1e10])
@pytest.mark.parametrize("make", [regressor, classifier, mixed])
def test_diverging_training(make, learning_rate_init):
    estimator = make(solver="sgd", learning_rate_init=learning_rate_init, max_iter=50, activation="identity", alpha=1.0)
    refused(estimator, "not finite", "diverged", "learning_rate_init")


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("scale", [1e15, 1e20, 1e30, 1e300])
def test_huge_X_fails_in_words_or_gives_finite_predictions(solver, scale):
    estimator = regressor(solver=solver)
    try:
        estimator.fit(X * scale, NUMBERS)
    except ValueError as error:
        assert re.search("scale X|too large", str(error))
    else:
        assert np.isfinite(estimator.predict(X * scale)).all()


@pytest.mark.parametrize("scale", [1e38, 1e39, 1e300])
def test_huge_X_in_predict_fails_in_words(scale):
    fitted = regressor().fit(X, NUMBERS)
    try:
        predicted = fitted.predict(X * scale)
    except ValueError as error:
        assert "X" in str(error)
    else:
        assert np.isfinite(predicted).all()


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_labels_of_any_scale_are_learned(scale):
    predicted = regressor(max_iter=200, learning_rate_init=0.02).fit(X, NUMBERS * scale).predict(X) / scale
    assert np.corrcoef(predicted[:, 0], NUMBERS["heating"])[0, 1] > 0.9


class Fuse:
    """A loss that works until it blows."""

    factor = 1.0

    def __call__(self, raw, target):
        return (raw - target).square() * self.factor


@pytest.mark.parametrize("method", ["partial_fit", "fit"])
def test_divergence_after_the_first_fit_leaves_the_network_as_it_was(method):
    loss = Fuse()
    fitted = regressor(loss=loss, warm_start=True).fit(X, NUMBERS)
    before, expected, epochs = dict(vars(fitted)), fitted.predict(X), len(fitted.net_.history)
    loss.factor = nan
    error("not finite", "'heating'", call=lambda: getattr(fitted, method)(X, NUMBERS))
    same_state(fitted, before)
    assert len(fitted.net_.history) == epochs
    assert_array_equal(fitted.predict(X), expected)
    loss.factor = 1.0
    getattr(fitted, method)(X, NUMBERS)
    assert not np.array_equal(fitted.predict(X), expected)


# Interrupts


class Interrupt(Callback):
    """Control-C in a certain epoch, once."""

    def __init__(self, hook, epoch):
        self.hook, self.epoch, self.done = hook, epoch, False

    def _maybe(self, net, hook):
        if hook == self.hook and len(net.history) == self.epoch and not self.done:
            self.done = True
            raise KeyboardInterrupt

    def on_epoch_begin(self, net, **kwargs):
        self._maybe(net, "on_epoch_begin")

    def on_batch_end(self, net, **kwargs):
        self._maybe(net, "on_batch_end")


@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_end"])
@pytest.mark.parametrize("kind", KINDS)
def test_interrupt_keeps_the_model_so_far(kind, hook):
    estimator = kind(**QUICK | {"max_iter": 20, "batch_size": 10, "callbacks": [Interrupt(hook, 3)]})
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(X, GOOD[kind])
    assert 2 <= estimator.n_iter_ <= 3
    assert len(estimator.loss_curve_) == estimator.n_iter_
    assert np.isfinite(estimator.loss_)
    assert estimator.predict(X).shape == (60, 2)
    assert estimator.partial_fit(X, GOOD[kind]) is estimator


class InterruptingLoss:
    """Control-C in the middle of a step."""

    calls = 0

    def __call__(self, raw, target):
        self.calls += 1
        if self.calls > 20:
            raise KeyboardInterrupt
        return (raw - target).square()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_interrupt_in_a_step_keeps_the_model_so_far(solver):
    estimator = regressor(loss=InterruptingLoss(), max_iter=50, solver=solver)
    with pytest.warns(UserWarning, match="interrupted"):
        estimator.fit(X, NUMBERS)
    assert 0 < estimator.n_iter_ < 50
    assert np.isfinite(estimator.predict(X)).all()


# Early stopping with few labels


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_labels", [1, 2, 3])
def test_validation_split_without_a_label_of_a_task(n_labels, seed):
    y = NUMBERS.assign(rare=nan)
    y.iloc[10 : 10 + n_labels, 2] = [1.0, 2.0, 3.0][:n_labels]
    fitted = regressor(early_stopping=True, random_state=seed).fit(X, y)
    assert np.isfinite(fitted.history_["valid_loss"]).all()
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize("seed", range(5))
def test_validation_split_without_a_label_of_a_class(seed):
    y = CLASSES.astype(float).assign(rare=nan)
    y.iloc[:6, 2] = [0, 0, 0, 0, 1, 2]
    fitted = classifier(early_stopping=True, random_state=seed).fit(X, y)
    assert np.isfinite(fitted.history_["valid_loss"]).all()
    assert [len(classes) for classes in fitted.classes_] == [2, 2, 3]
    assert all(np.isfinite(p).all() for p in fitted.predict_proba(X))


def test_main_task_without_a_label_to_watch():
    y = NUMBERS.assign(rare=nan)
    y.iloc[10, 2] = 1.0
    refused(regressor(early_stopping=True, main_task="rare"), "main_task 'rare'", "early_stopping=False", y=y)


@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_with_two_rows(kind):
    y = GOOD[kind].iloc[[0, 1]].copy()
    y.iloc[0], y.iloc[1] = 0, 1
    estimator = kind(early_stopping=True, **QUICK)
    try:
        estimator.fit(X[:2], y)
    except ValueError as error:
        assert "early_stopping=False" in str(error)
    else:
        assert estimator.predict(X[:2]).shape == (2, 2)


def test_early_stopping_with_one_row():
    text = refused(regressor(early_stopping=True), "early_stopping=False", X=X[:1], y=NUMBERS[:1])
    assert re.search("1 sample|n_samples ?= ?1|one sample", text)  # scikit-learn's words
