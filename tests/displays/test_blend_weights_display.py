"""BlendWeightsDisplay: what is drawn is what the blend weighs."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from skmtl import MultiTaskBlend
from skmtl.displays import BlendWeightsDisplay

plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture
def blend(mixed):
    members = [
        ("linear", (Ridge(), LogisticRegression(max_iter=1000))),
        ("near", (KNeighborsRegressor(), KNeighborsClassifier())),
    ]
    return MultiTaskBlend(members, cv=2, random_state=0).fit(*mixed)


def display(n_tasks, n_members):
    weights = np.random.default_rng(0).dirichlet(np.ones(n_members), size=n_tasks)
    names = ([f"{what} {i}" for i in range(n)] for what, n in (("task", n_tasks), ("member", n_members)))
    return BlendWeightsDisplay(weights, task_names=next(names), member_names=next(names))


def test_bars(blend):
    drawn = BlendWeightsDisplay.from_estimator(blend)
    for bars, name in zip(drawn.ax_.containers, ("linear", "near"), strict=True):
        np.testing.assert_allclose([bar.get_width() for bar in bars], [w[name] for w in blend.weights_.values()])
    ends = [bar.get_x() + bar.get_width() for bar in drawn.ax_.containers[-1]]
    np.testing.assert_allclose(ends, 1)
    assert [label.get_text() for label in drawn.ax_.get_yticklabels()] == ["level", "passed", "price"]
    assert [text.get_text() for text in drawn.ax_.get_legend().get_texts()] == ["linear", "near"]


def test_map(blend):
    _, ax = plt.subplots()
    drawn = BlendWeightsDisplay.from_estimator(blend, kind="map", ax=ax)
    assert drawn.ax_ is ax
    assert drawn.figure_ is ax.figure
    np.testing.assert_array_equal(ax.images[0].get_array(), drawn.weights)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["linear", "near"]
    assert {text.get_text() for text in ax.texts} == {f"{w:.2f}" for w in drawn.weights.ravel() if w >= 0.005}


@pytest.mark.parametrize(("n_tasks", "n_members", "is_map"), [(20, 8, False), (21, 8, True), (2, 9, True)])
def test_many_are_shown_as_a_map(n_tasks, n_members, is_map):
    assert bool(display(n_tasks, n_members).plot().ax_.images) == is_map


def test_very_many_tasks_are_not_all_named():
    labels = display(300, 3).plot().ax_.get_yticklabels()
    assert len(labels) == 60
    assert labels[1].get_text() == "task 5"


def test_more_members_than_colours():
    bars = display(3, 10).plot(kind="bar").ax_.containers
    assert len({(b[0].get_facecolor(), b[0].get_hatch()) for b in bars}) == 10


def test_kinds():
    with pytest.raises(
        ValueError, match=r"kind must be one of \['auto', 'bar', 'map'\]; got 'bars'. Did you mean 'bar'"
    ):
        display(2, 2).plot(kind="bars")


def test_an_unfitted_blend():
    with pytest.raises(ValueError, match="not fitted"):
        BlendWeightsDisplay.from_estimator(MultiTaskBlend())
