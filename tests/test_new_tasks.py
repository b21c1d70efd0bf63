"""Tasks that had no label: predicted from what is known of them."""

import numpy as np
import pytest

from skmtl import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import Conditioned

PHASES = np.array([[0.0], [0.4], [0.8], [1.2], [1.6], [2.0], [2.4]])
NEW = np.array([[0.6], [1.4]])


def trunk(**parameters):
    return Conditioned(PHASES, heads="shared", **parameters)


@pytest.fixture
def X(rng):
    return rng.uniform(-3, 3, size=(300, 1))


def waves(X, phases):
    return 100 + 10 * np.sin(X + phases.T) + 20 * phases.T


def regressor(**parameters):
    settings = {"hidden_layer_sizes": (32, 16), "solver": "lbfgs", "tol": 1e-3, "random_state": 0}
    return MultiTaskRegressor(**settings | parameters)


def test_values_of_new_tasks_are_in_the_units_of_y(X):
    model = regressor(architecture=trunk()).fit(X, waves(X, PHASES))
    new = model.predict_new_tasks(X, NEW)
    assert new.shape == (300, 2)
    assert np.abs(new - waves(X, NEW)).max() < 2.0
    np.testing.assert_allclose(model.predict_new_tasks(X, PHASES), model.predict(X), rtol=1e-10)


def test_members_are_averaged(X):
    model = regressor(architecture=trunk(), solver="auto", n_members=2, max_iter=30).fit(X, waves(X, PHASES))
    np.testing.assert_allclose(model.predict_new_tasks(X, PHASES), model.predict(X), rtol=1e-5)


def test_all_labels_together_set_the_scale(X):
    Y = waves(X, PHASES)
    Y[::2, 1] = np.nan
    model = regressor(architecture=trunk(), max_iter=2, tol=10.0)
    model.fit(X, Y)
    assert (model._targets.mean == np.float64(np.nanmean(Y))).all() or np.allclose(model._targets.mean, np.nanmean(Y))
    np.testing.assert_allclose(model._targets.scale, np.nanstd(Y))
    weights = np.where(np.isnan(Y), 0.0, np.arange(1, 8.0))
    model.fit(X, Y, sample_weight=weights)
    np.testing.assert_allclose(model._targets.mean, np.average(np.nan_to_num(Y), weights=weights))


def test_probabilities_and_labels_of_new_classifications(X):
    Y = np.where(waves(X, PHASES) > waves(X, PHASES).mean(0), "up", "down")
    model = MultiTaskClassifier(architecture=trunk(), n_members=1, max_iter=200, random_state=0).fit(X, Y)
    proba = model.predict_proba_new_tasks(X, NEW)
    assert [p.shape for p in proba] == [(300, 2)] * 2
    truth = np.where(waves(X, NEW) > waves(X, NEW).mean(0), "up", "down")
    labels = model.predict_new_tasks(X, NEW)
    assert (labels == truth).mean() > 0.9
    np.testing.assert_array_equal(labels[:, 0] == "up", proba[0][:, 1] > 0.5)
    for p, own in zip(model.predict_proba_new_tasks(X, PHASES), model.predict_proba(X), strict=True):
        np.testing.assert_allclose(p, own, rtol=1e-5)


def test_classes_that_differ_are_no_classes_of_a_new_task(X):
    Y = np.where(waves(X, PHASES) > 130, 1, 0)
    Y[:, 0] = np.arange(300) % 2 + 5
    Y[:3] = [[5] + [0] * 6, [6] + [1] * 6, [5] + [0] * 6]
    model = MultiTaskClassifier(architecture=trunk(), preset="mlp", max_iter=2, solver="sgd", random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="differ from task to task"):
        model.predict_new_tasks(X, NEW)


@pytest.mark.parametrize("task", [2, 6])
def test_a_skipped_task_keeps_its_row_of_descriptors(X, task):
    Y = waves(X, PHASES)
    Y[:, task] = np.nan
    model = regressor(architecture=trunk(), on_empty_task="skip")
    with pytest.warns(UserWarning, match="no observed label in column"):
        model.fit(X, Y)
    assert np.isnan(model.predict(X)[:, task]).all()
    assert np.abs(model.predict_new_tasks(X, PHASES[[task]])[:, 0] - waves(X, PHASES)[:, task]).max() < 8.0


def test_only_descriptors_with_a_shared_head_do():
    for architecture in ("hard_sharing", Conditioned(PHASES), Conditioned(heads="shared")):
        assert not hasattr(regressor(architecture=architecture), "predict_new_tasks")
    with pytest.raises(AttributeError) as error:
        regressor().predict_new_tasks(None, None)
    assert "Conditioned(descriptors, heads='shared')" in str(error.value.__cause__ or error.value)


def test_tasks_of_two_kinds_cannot_share_a_head(X):
    Y = np.column_stack([np.sign(X), X])
    model = MultiTaskEstimator(
        tasks=["classification", "regression"], architecture=Conditioned(PHASES[:2], heads="shared")
    )
    with pytest.raises(ValueError, match="heads='shared' needs tasks with the same loss"):
        model.fit(X, Y)


def test_wrong_descriptors_are_named(X):
    model = regressor(architecture=trunk(), max_iter=2, tol=10.0).fit(X, waves(X, PHASES))
    with pytest.raises(ValueError, match=r"trained with 1 descriptor\(s\) each; those of the new tasks have shape"):
        model.predict_new_tasks(X, np.zeros((2, 3)))
