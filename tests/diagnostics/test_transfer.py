"""transfer_report: verdicts on tasks whose relation is known, what is compared, and on which rows."""

import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skmtl import MultiTaskBlend, MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from skmtl.architectures import Independent, MMoE
from skmtl.diagnostics import TransferReport, transfer_report
from skmtl.diagnostics._alone import alone
from skmtl.model_selection import MultiTaskKFold

QUICK = {"preset": "mlp", "hidden_layer_sizes": (4,), "max_iter": 3, "batch_size": 40}


def quick(kind=MultiTaskRegressor, **settings):
    return kind(**(QUICK | settings))


def report_on(estimator, X, y, **settings):
    """Report without the word on epochs, which these fits have few of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return transfer_report(estimator, X, y, **{"cv": 3, "random_state": 0} | settings)


# Verdicts on pairs with known answer


def related(rng):
    """Six noisy copies of one function of many inputs: what one task learns holds for all."""
    X = rng.normal(size=(200, 15))
    w = rng.normal(size=(15, 1))
    return X, 2 * np.tanh(X @ w / np.linalg.norm(w)) + 0.3 * rng.normal(size=(200, 6))


def unrelated(rng):
    """Each task hangs on an input of its own."""
    X = rng.normal(size=(300, 6))
    return X, np.tanh(2 * X[:, :3]) + 0.5 * rng.normal(size=(300, 3))


def known(hidden, **settings):
    learning = {"activation": "tanh", "learning_rate_init": 0.05, "max_iter": 40, "batch_size": 50}
    return quick(hidden_layer_sizes=(hidden,), **learning | settings)


def verdict(make, model, seed, **settings):
    return report_on(model, *make(np.random.default_rng(seed)), cv=5, random_state=seed, **settings)


def check_related(seed):
    report = verdict(related, known(16, max_iter=60, alpha=0), seed, n_repeats=2)
    assert report.mean_verdict == "helps"
    assert "hurts" not in report.verdicts.values()


def check_unrelated(seed):
    report = verdict(unrelated, known(64, learning_rate_init=0.02), seed)
    return [report.mean_verdict, *report.verdicts.values()]


def check_competing(seed):
    """The same tasks, in a trunk with room for one."""
    report = verdict(unrelated, known(1), seed, n_repeats=2)
    assert report.mean_verdict == "hurts"
    assert "helps" not in report.verdicts.values()
    return list(report.verdicts.values()).count("hurts")


def test_related_tasks_help_each_other(seed):
    check_related(seed)


def test_unrelated_tasks_are_no_evidence(seed):
    assert set(check_unrelated(seed)) == {"no evidence"}


def test_tasks_that_compete_for_a_narrow_trunk_hurt(seed):
    assert check_competing(seed) >= 1


@pytest.mark.slow
def test_related_tasks_help_each_other_in_eight_of_eight_seeds():
    for seed in range(8):
        check_related(seed)


@pytest.mark.slow
def test_competing_tasks_hurt_in_eight_of_eight_seeds():
    assert sum(check_competing(seed) for seed in range(8)) >= 12  # of 24


@pytest.mark.slow
def test_unrelated_tasks_are_told_from_nothing_at_the_rate_that_is_said():
    # With a rate of 5 %, three of sixteen or more come once in 28 times for the mean, and less often here.
    wrong = sum(set(check_unrelated(seed)) != {"no evidence"} for seed in range(16))
    assert wrong <= 2


# What is compared


def test_scores_are_those_of_fits_by_hand(regression):
    X, Y = regression
    folds = list(KFold(3).split(X))
    report = report_on(quick(), X, Y, cv=folds, random_state=7)
    rng = np.random.RandomState(7)
    for row, (train, test) in enumerate(folds):
        seed = rng.randint(np.iinfo(np.int32).max)
        for scores, architecture in ((report.shared_scores, "hard_sharing"), (report.alone_scores, "independent")):
            model = quick(architecture=architecture, random_state=seed)
            with pytest.warns(ConvergenceWarning):
                model.fit(X[train], Y[train])
            np.testing.assert_allclose(scores[row], list(model.score_tasks(X[test], Y[test]).values()))
    assert report.parameters["alone"] == model.architecture_summary_.parameters["network"]
    np.testing.assert_allclose(report.label_ratio, 0.5)
    np.testing.assert_allclose(report.gain, (report.shared_scores - report.alone_scores).mean(axis=0))
    np.testing.assert_allclose(report.delta_m, 100 * np.mean(report.gain / np.abs(report.alone)))


def test_alone_leaves_out_what_is_about_sharing():
    model = MultiTaskRegressor(
        architecture=MMoE(), weighting="gradnorm", task_weights=[1, 2], aggregator="pcgrad", main_task="task_0", alpha=7
    )
    changed = {"architecture": "independent", "weighting": "equal"}
    changed |= dict.fromkeys(("task_weights", "aggregator", "main_task"))
    assert alone(model, "me").get_params() == MultiTaskRegressor(alpha=7, **changed).get_params()


def test_balanced_tasks_are_compared(regression):
    report = report_on(quick(aggregator="pcgrad", main_task="task_0"), *regression)
    assert np.isfinite(report.gain).all()


def test_a_search_does_not_try_what_is_about_sharing_alone():
    grid = {"multitaskregressor__task_weights": [[1, 2]], "multitaskregressor__alpha": [0.1, 1]}
    search = GridSearchCV(make_pipeline(StandardScaler(), MultiTaskRegressor()), [grid])
    baseline = alone(search, "me")
    assert baseline.param_grid == [{"multitaskregressor__alpha": [0.1, 1]}]
    assert baseline.estimator[-1].architecture == "independent"
    assert search.param_grid == [grid]


def test_in_a_search_in_a_pipeline(regression):
    search = GridSearchCV(quick(), {"alpha": [0.1], "weighting": ["uncertainty"]}, cv=2)
    report = report_on(make_pipeline(StandardScaler(), search), *regression)
    assert np.isfinite(report.gain).all()


def test_a_trunk_of_ones_own_is_copied_for_each_task(regression):
    trunk = nn.Sequential(nn.Linear(5, 3), nn.Tanh())
    report = report_on(quick(architecture=trunk), *regression)
    assert report.parameters == {"shared": 18 + 2 * 4, "alone": 2 * (18 + 4)}


def test_a_trunk_that_tells_the_tasks_apart_is_copied(regression):
    class ByTask(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 6)

        def forward(self, X):
            return self.layer(X).reshape(-1, 2, 3)

    report = report_on(quick(architecture=ByTask), *regression)
    assert report.parameters == {"shared": 36 + 2 * 4, "alone": 2 * (36 + 4)}


def test_an_architecture_of_ones_own_is_made_for_each_task(regression):
    class Wide(MMoE):
        def penalty(self):
            return 1e-3 * sum((p**2).sum() for p in self.parameters())

    report = report_on(quick(architecture=Wide(n_experts=2)), *regression)
    one, both = 2 * (5 * 4 + 4), 2 * (4 + 1)
    assert report.parameters["shared"] > one + both
    assert report.parameters["alone"] > 2 * one + both
    assert np.isfinite(report.gain).all()


def test_several_members(regression):
    model = MultiTaskRegressor(hidden_layer_sizes=(4,), n_members=2, max_iter=2)
    report = report_on(model, *regression)
    assert report.parameters["alone"] > report.parameters["shared"]


# Rows, seeds and forms of data


def test_it_is_the_same_for_any_number_of_jobs(regression_missing):
    one, two = (report_on(quick(), *regression_missing, n_jobs=n_jobs) for n_jobs in (None, 2))
    np.testing.assert_array_equal(one.shared_scores, two.shared_scores)
    np.testing.assert_array_equal(one.alone_scores, two.alone_scores)
    other = report_on(quick(), *regression_missing, random_state=1)
    assert (one.shared_scores != other.shared_scores).all()


def test_the_estimator_is_left_as_it_was(regression):
    model = quick(random_state=3)
    before = clone(model).get_params()
    report_on(model, *regression)
    assert model.get_params() == before
    assert not hasattr(model, "net_")


def test_mixed_kinds_with_gaps_in_a_frame(mixed):
    report = report_on(quick(MultiTaskEstimator), *mixed)
    assert report.tasks == {"level": "multiclass", "passed": "binary", "price": "regression"}
    assert report.score_names == {"level": "accuracy", "passed": "accuracy", "price": "R²"}
    assert (report.n_folds == 3).all()


def test_sparse_labels(regression_missing):
    X, Y = regression_missing
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    dense, stored = (report_on(quick(), X, y) for y in (Y, sparse))
    np.testing.assert_allclose(stored.gain, dense.gain, rtol=1e-3)


def test_a_sentinel_is_a_gap(regression_missing):
    X, Y = regression_missing
    report = report_on(quick(missing_label=-999.0), X, np.where(np.isnan(Y), -999.0, Y))
    np.testing.assert_allclose(report.gain, report_on(quick(), X, Y).gain)


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        ("roc_auc", {"passed": "ROC AUC", "level": "ROC AUC"}),
        ({"price": "neg_mae"}, {"level": "accuracy", "passed": "accuracy", "price": "neg_mae"}),
        (
            {"classification": accuracy_score, "regression": "r2"},
            {"level": "accuracy_score", "passed": "accuracy_score", "price": "R²"},
        ),
    ],
)
def test_other_scores(mixed, scoring, words):
    report = report_on(quick(MultiTaskEstimator), *mixed, scoring=scoring)
    assert report.score_names == words
    assert list(report.tasks) == sorted(words)
    assert np.isfinite(report.gain).all()


def repeated(X, Y, weights, folds):
    """The same data with as many copies of a row as it weighs."""
    rows = np.repeat(np.arange(len(X)), weights)
    return X[rows], Y[rows], [tuple(np.flatnonzero(np.isin(rows, part)) for part in fold) for fold in folds]


def test_a_row_of_weight_two_is_two_rows(regression_missing, rng):
    X, Y = regression_missing
    weights, folds = rng.integers(0, 4, len(X)), list(KFold(3).split(X))
    model = quick(solver="lbfgs", max_iter=10, alpha=0)
    weighted = report_on(model, X, Y, sample_weight=weights, cv=folds)
    X, Y, folds = repeated(X, Y, weights, folds)
    copied = report_on(model, X, Y, cv=folds)
    np.testing.assert_allclose(weighted.shared_scores, copied.shared_scores, rtol=1e-6)
    np.testing.assert_allclose(weighted.alone_scores, copied.alone_scores, rtol=1e-6)
    np.testing.assert_allclose(weighted.label_ratio, copied.label_ratio)


def test_weights_are_in_fits_and_scores_of_their_rows(regression, rng):
    X, Y = regression
    weights, folds = rng.random(Y.shape), list(KFold(3).split(X))
    report = report_on(quick(), X, Y, sample_weight=weights, cv=folds, random_state=7)
    seeds = np.random.RandomState(7).randint(np.iinfo(np.int32).max, size=3)
    for row, ((train, test), seed) in enumerate(zip(folds, seeds, strict=True)):
        model = quick(random_state=int(seed))
        with pytest.warns(ConvergenceWarning):
            model.fit(X[train], Y[train], weights[train])
        parts = zip(Y[test].T, model.predict(X[test]).T, weights[test].T, strict=True)
        by_hand = [r2_score(truth, predicted, sample_weight=own) for truth, predicted, own in parts]
        np.testing.assert_allclose(report.shared_scores[row], by_hand)
        np.testing.assert_allclose(report.label_ratio[row], weights[test].sum(axis=0) / weights[train].sum(axis=0))


def test_weights_in_a_search_in_a_pipeline(regression, rng):
    weights = rng.random(120)
    search = GridSearchCV(make_pipeline(StandardScaler(), quick()), {"multitaskregressor__alpha": [0.1]}, cv=2)
    for model in (search, make_pipeline(StandardScaler(), GridSearchCV(quick(), {"alpha": [0.1]}, cv=2))):
        report = report_on(model, *regression, sample_weight=weights)
        assert (report.gain != report_on(model, *regression).gain).all()


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_weights_of_labels_that_are_those_of_the_rows(regression_missing, rng, form):
    weights = rng.integers(0, 3, 120).astype(float)
    by_row, by_label = (
        report_on(quick(), *regression_missing, sample_weight=w) for w in (weights, form(np.c_[weights, weights]))
    )
    np.testing.assert_allclose(by_row.gain, by_label.gain)
    np.testing.assert_allclose(by_row.interval, by_label.interval)


def test_weights_of_sparse_labels_and_of_skipped_columns(regression_missing, rng):
    X, Y = regression_missing
    Y, weights = np.insert(Y, 1, np.nan, axis=1), rng.random((120, 3))
    rows, columns = np.nonzero(~np.isnan(Y))
    sparse = csr_array((Y[rows, columns], (rows, columns)), shape=Y.shape)
    model = quick(on_empty_task="skip")
    with pytest.warns(UserWarning, match="leaves them out"):
        dense, stored = (report_on(model, X, y, sample_weight=weights) for y in (Y, sparse))
    assert list(dense.tasks) == ["task_0", "task_2"]
    np.testing.assert_allclose(stored.gain, dense.gain, rtol=1e-3)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(50), r"sample_weight.shape == \(50,\), expected \(120,\)"),
        (np.ones((120, 3)), r"sample_weight has shape \(120, 3\); expected \(120,\), one weight a row, or \(120, 2\)"),
        (-np.ones(120), "Negative values in data passed to `sample_weight`"),
        (np.tile([1.0, 0.0], (120, 1)), r"sample_weight leaves nothing to train task\(s\) \['task_1'\] on"),
    ],
)
def test_weights_that_cannot_be(regression, weights, message):
    with pytest.raises(ValueError, match=message):
        transfer_report(quick(), *regression, sample_weight=weights)


def test_a_metric_without_weights_is_told(regression):
    def largest_error(labels, values):
        return np.abs(labels - values).max()

    with pytest.raises(TypeError, match="the metric largest_error takes none"):
        report_on(quick(), *regression, sample_weight=np.ones(120), scoring=largest_error)


def test_groups_stay_together(regression):
    X, Y = regression
    groups = np.repeat(np.arange(6), 20)
    report = report_on(quick(), X, Y, groups=groups, cv=GroupKFold(3))
    by_hand = report_on(quick(), X, Y, cv=list(GroupKFold(3).split(X, Y, groups)))
    np.testing.assert_array_equal(report.gain, by_hand.gain)
    np.testing.assert_allclose(report_on(quick(), X, Y, groups=groups).label_ratio, 0.5)


def test_each_repeat_has_folds_of_its_own(regression):
    X, Y = regression
    for cv in (3, KFold(3, shuffle=True), MultiTaskKFold(3, shuffle=True)):
        report = report_on(quick(), X, Y, cv=cv, n_repeats=2)
        assert report.splits == list(range(6))
        assert report.folds == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_repeats_on_the_same_rows_do_not_pass_for_more(regression):
    report = report_on(quick(), *regression, cv=KFold(3), n_repeats=4)
    assert report.splits == [0, 1, 2] * 4
    table = (report.shared_scores - report.alone_scores).reshape(4, 3, 2).mean(axis=0)
    error = np.sqrt((1 / 3 + 1 / 2) * table.var(axis=0, ddof=1))
    np.testing.assert_allclose(np.ptp(report.interval, axis=1) / 2, 4.3026527 * error, rtol=1e-6)


def test_a_fold_without_test_labels_of_a_task_is_left_out(regression):
    X, Y = regression
    Y[:40, 0] = np.nan
    report = report_on(quick(), X, Y, cv=KFold(3))
    assert report.n_folds.tolist() == [2, 3]
    assert np.isnan(report.shared_scores[0, 0])
    assert report.shared[0] == pytest.approx(report.shared_scores[1:, 0].mean())


def test_a_fold_without_labels_to_learn_from_is_left_out(regression):
    X, Y = regression
    Y[40:, 0] = np.nan
    with pytest.warns(UserWarning, match=r"Task\(s\) \['task_0'\] could be compared on no fold"):
        report = report_on(quick(), X, Y, cv=KFold(3))
    assert report.n_folds.tolist() == [0, 3]
    assert report.verdicts["task_0"] == "no evidence"
    assert np.isnan(report.gain[0])
    assert np.isfinite(report.mean_gain)
    assert "nan" in repr(report)


def test_one_fold_is_no_evidence(regression):
    X, Y = regression
    report = report_on(quick(), X, Y, cv=list(KFold(3).split(X))[:1])
    assert np.isnan(report.interval).all()
    assert set(report.verdicts.values()) == {report.mean_verdict} == {"no evidence"}
    assert "1 fold" in report.summary()


def test_a_column_that_is_skipped_is_not_in_it(regression):
    X, Y = regression
    Y = np.insert(Y, 1, np.nan, axis=1)
    with pytest.warns(UserWarning, match="leaves them out"):
        report = report_on(quick(on_empty_task="skip"), X, Y)
    assert list(report.tasks) == ["task_0", "task_2"]
    np.testing.assert_array_equal(report.n_folds, 3)


def test_fits_that_did_not_end_are_told_once(regression):
    with pytest.warns(ConvergenceWarning) as told:
        transfer_report(quick(), *regression, cv=3, random_state=0)
    assert [str(warning.message).split(" before")[0] for warning in told] == ["6 of 6 fits ended at max_iter"]


# Interrupts and progress


class Interrupting(MultiTaskRegressor):
    """Is interrupted in its fit number `at`, as a network is: by a warning."""

    n_fits = at = 0

    def fit(self, X, y):
        Interrupting.n_fits += 1
        if Interrupting.n_fits == Interrupting.at:
            warnings.warn("Training interrupted by user; the network is kept as it is.", stacklevel=2)
        return super().fit(X, y)


@pytest.fixture
def interrupt_at(monkeypatch):
    def interrupt(at):
        monkeypatch.setattr(Interrupting, "at", at)
        monkeypatch.setattr(Interrupting, "n_fits", 0)
        return Interrupting(**QUICK)

    return interrupt


def test_an_interrupt_leaves_the_folds_that_are_done(regression, interrupt_at):
    with pytest.warns(UserWarning, match="transfer_report was interrupted: 2 of 3 folds are reported"):
        report = report_on(interrupt_at(6), *regression)
    whole = report_on(quick(), *regression)
    np.testing.assert_array_equal(report.shared_scores, whole.shared_scores[:2])
    assert "2 folds of 3, interrupted" in repr(report)


def test_an_interrupt_before_the_first_fold_is_one(regression, interrupt_at):
    with pytest.raises(KeyboardInterrupt):
        report_on(interrupt_at(2), *regression)


def test_progress(regression, capsys):
    report_on(quick(), *regression, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [f"[transfer_report] fold {k} of 3" for k in (1, 2, 3)]


# What cannot be


@pytest.mark.parametrize("architecture", ["independent", Independent(), Independent])
def test_nothing_shared(regression, architecture):
    with pytest.raises(ValueError, match=r"but architecture=.* shares nothing\. Set another"):
        transfer_report(quick(architecture=architecture), *regression)


@pytest.mark.parametrize("estimator", [MultiTaskBlend(), StandardScaler(), MultiTaskRegressor])
def test_no_network(regression, estimator):
    with pytest.raises(TypeError, match="must be a MultiTaskRegressor, MultiTaskClassifier or MultiTaskEstimator, or"):
        transfer_report(estimator, *regression)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"confidence": 95}, "confidence parameter of transfer_report must be between 0 and 1; got 95"),
        ({"n_repeats": 0}, "n_repeats parameter of transfer_report must be an integer of at least 1; got 0"),
        ({"scoring": "roc_auk"}, "'roc_auk' is not the name of a metric.*Did you mean 'roc_auc'"),
        ({"scoring": {"task_9": "r2"}}, "names 'task_9', which is neither a task nor a kind"),
    ],
)
def test_bad_parameters(regression, settings, message):
    with pytest.raises(ValueError, match=message):
        transfer_report(quick(), *regression, **settings)


def test_one_task(regression):
    X, Y = regression
    with pytest.raises(ValueError, match="asks what tasks do for each other, but y has one, 'task_0'"):
        transfer_report(quick(), X, Y[:, :1])


def test_rows_that_do_not_fit(regression):
    X, Y = regression
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        transfer_report(quick(), X, Y[:50])


# The report


@pytest.fixture
def report(rng):
    """Ten folds of three tasks, one that gains, one that loses and one of which nothing can be said."""
    names = ["up", "<b>down</b> & out", "level"]
    alone_scores = 0.6 + 0.05 * rng.normal(size=(10, 3))
    gains = [0.1, -0.1, 0.0] + 0.01 * rng.normal(size=(10, 3))
    gains[:, 2] += np.tile([0.2, -0.2], 5)
    return TransferReport(
        dict.fromkeys(names, "regression"),
        dict.fromkeys(names, "R²"),
        folds=[(k // 5, k % 5) for k in range(10)],
        splits=list(range(10)),
        shared_scores=alone_scores + gains,
        alone_scores=alone_scores,
        label_ratio=np.full((10, 3), 0.25),
        parameters={"shared": 1000, "alone": 2500},
        fit_seconds={"shared": 1.0, "alone": 2.0},
        model="MultiTaskRegressor(<odd>)",
    )


def test_verdicts_of_a_report(report):
    assert list(report.verdicts.values()) == ["helps", "hurts", "no evidence"]
    assert report.order().tolist() == [0, 2, 1]
    counts = "1 of 3 tasks gains, 1 loses, 1 without evidence; on average no evidence"
    assert report.summary() == f"{counts} (95 %, 10 folds)"


def test_frame(report):
    frame = report.frame()
    assert frame.index.tolist() == list(report.tasks)
    np.testing.assert_allclose(frame["gain"], frame["shared"] - frame["alone"])
    np.testing.assert_array_equal(frame[["low", "high"]], report.interval)
    assert frame["verdict"].to_dict() == report.verdicts


def test_what_is_shown_of_many_tasks(report, rng):
    names = [f"t{i}" for i in range(50)]
    scores = rng.normal(size=(4, 50))
    many = TransferReport(
        dict.fromkeys(names, "binary"),
        dict.fromkeys(names, "accuracy"),
        folds=[(0, k) for k in range(4)],
        splits=range(4),
        shared_scores=scores,
        alone_scores=np.zeros((4, 50)),
        label_ratio=np.ones((4, 50)),
        parameters=report.parameters,
        fit_seconds=report.fit_seconds,
    )
    lines = repr(many).splitlines()
    assert len(lines) == 2 + 21 + 2
    assert lines[2].split()[0] == names[np.argmax(many.gain)]
    assert lines[12] == "..."
    assert np.isnan(many.delta_m)  # the scores alone are all 0


def test_scores_of_any_size_are_written_with_three_digits(report):
    for factor, n_characters in ((1e-4, 9), (1.0, 5), (1e4, 4)):
        scaled = TransferReport(
            report.tasks,
            report.score_names,
            folds=report.folds,
            splits=report.splits,
            shared_scores=report.shared_scores * factor,
            alone_scores=report.alone_scores * factor,
            label_ratio=report.label_ratio,
            parameters=report.parameters,
            fit_seconds=report.fit_seconds,
        )
        written = scaled.texts(0)[0]
        assert len(written) == n_characters
        assert float(written) == pytest.approx(report.alone[0] * factor, rel=0.01)


def test_page(report, tmp_path):
    path = report.to_html(tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "&lt;b&gt;down&lt;/b&gt; &amp; out" in text
    assert "<b>" not in text
    assert "MultiTaskRegressor(&lt;odd&gt;)" in text
    assert text.count("<tr>") == 1 + 3
    for loaded in ("http://", "https://", "src=", "url(", "@import", "<script"):
        assert loaded not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_picture_of_the_page(report):
    from xml.etree import ElementTree

    text = report._repr_html_()
    svg = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    names = [node.text for node in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert [name for name in names if name in report.tasks] == ["up", "level", "<b>down</b> & out"]
    assert {"▲", "●", "▼"} <= set(names)
    marks = [node.get("x") for node in svg.iter("{http://www.w3.org/2000/svg}text") if node.text in {"▲", "●", "▼"}]
    assert sorted(map(float, marks), reverse=True) == [float(x) for x in marks]


def test_a_page_without_anything_compared(report):
    nothing = TransferReport(
        {"a": "binary", "b": "binary"},
        {"a": "accuracy", "b": "accuracy"},
        folds=[(0, 0)],
        splits=[0],
        shared_scores=np.full((1, 2), np.nan),
        alone_scores=np.full((1, 2), np.nan),
        label_ratio=np.ones((1, 2)),
        parameters=report.parameters,
        fit_seconds=report.fit_seconds,
    )
    assert "<svg" not in nothing._repr_html_()
    assert "nan" in repr(nothing)


def test_classifier(mixed):
    X, Y = mixed
    report = report_on(quick(MultiTaskClassifier), X, Y[["level", "passed"]])
    assert ((report.alone >= 0) & (report.alone <= 1)).all()
