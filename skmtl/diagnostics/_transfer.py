"""transfer_report: what each task gains or loses by the network that it shares with the others."""

import warnings
from numbers import Real

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import indexable
from sklearn.utils.validation import _num_samples

from .._columns import listing
from .._label_weights import sample_weights
from ..ensemble._labels import Labels
from ..ensemble._wrapped import read_labels
from ._alone import alone, network_of
from ._paired import make_folds, run_pairs
from ._scoring import TaskScoring
from ._transfer_result import TransferReport

_OWNER = "transfer_report"


def transfer_report(
    estimator,
    X,
    y,
    *,
    sample_weight=None,
    cv=None,
    n_repeats=1,
    groups=None,
    scoring=None,
    confidence=0.95,
    n_jobs=None,
    random_state=None,
    verbose=0,
):
    """Compare each task in the shared network with the same network for that task alone.

    On every fold the estimator is fitted as it is, and once more with a network of its own for each task: the same
    layers, schedule, rows and seed, all trained as one batched model. What it costs is therefore a small multiple of as
    many shared fits as there are folds.

    Parameters
    ----------
    estimator : estimator
        A `MultiTaskRegressor`, `MultiTaskClassifier` or `MultiTaskEstimator`, or a pipeline or search that ends in one.
        Clones of it are fitted.
    X : array-like, DataFrame or CSR array of shape (n, ...)
        Inputs.
    y : array-like, DataFrame or sparse array of shape (n, T)
        Targets, two columns or more, with gaps where a label is missing.
    sample_weight : array-like or sparse array of shape (n,) or (n, T), default=None
        Weights of the rows, or of every label, in the fits and in the scores: a label of weight w counts as w labels.
    cv : int, splitter or iterable of pairs of rows, default=None
        The folds; an int is the number of those of a shuffled `MultiTaskKFold`. None is 5.
    n_repeats : int, default=1
        How often it is done anew, with other seeds, and other folds where `cv` draws them at random. More of it makes
        the intervals narrower, down to what the number of labels allows.
    groups : array-like of shape (n,), default=None
        Groups of rows that `cv` is to keep together.
    scoring : str, callable, TaskMetric, or dict of these by task name or kind, default=None
        What each task is scored by, as the metric of `make_task_scorer`; None is R² or accuracy. A metric of one kind
        of task leaves the others out of the report.
    confidence : float, default=0.95
        Confidence level of the intervals, and one minus the level of the tests.
    n_jobs : int, default=None
        Folds that run at once, as in scikit-learn. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the folds, and the seed of each: it takes the place of the network's own `random_state`. Pass an int for
        the same report in every call.
    verbose : int, default=0
        Above 0, a line is printed after each fold.

    Returns
    -------
    report : TransferReport
        Scores, gains, intervals and a verdict for each task.

    Raises
    ------
    TypeError
        If the estimator has no network of this package.
    ValueError
        If it shares nothing, `y` has one column, a parameter is not as described, or `scoring` has a metric that takes
        no weights, but there are some.
    KeyboardInterrupt
        If it is interrupted before the first fold is done.

    Warns
    -----
    UserWarning
        If it is interrupted later: the folds that are done are reported. Or if a task could be scored on no fold.
    ConvergenceWarning
        If fits ended at `max_iter`.

    See Also
    --------
    skmtl.displays.TransferDisplay : The picture of it.

    Notes
    -----
    Alone, ``architecture="independent"`` takes the place of the estimator's; a trunk of your own is copied for each
    task. What only means something where tasks share is left out: `weighting`, `task_weights`, `aggregator`,
    `main_task`, also among what a search tries. The separate networks see the same batches and validation rows, and
    stop at the same moment, by their mean validation loss.

    The interval and the p-value of a task are those of the corrected resampled t-test [1]_, which allows for the
    training rows that folds have in common. Folds of the very same rows, in several repeats, count as one, by their
    mean. The verdict goes by p-values adjusted for the number of tasks by the rule of Benjamini and Hochberg [2]_: of
    the tasks that are said to gain or lose, the expected share that does neither is at most one minus `confidence`;
    where no task does either, that is the chance of any such verdict. The rule allows for tasks that go up and down
    together. The interval stands for its task by itself: it may leave out 0 where the verdict is "no evidence".

    A task is left out of a fold where it has no test label, or nothing to learn from. With fewer than two folds there
    is no interval, and no evidence.

    References
    ----------
    .. [1] Nadeau and Bengio (2003). Inference for the generalization error. Machine Learning 52.
    .. [2] Benjamini and Hochberg (1995). Controlling the false discovery rate. Journal of the Royal Statistical Society
       B 57.

    Examples
    --------
    Three tasks that want different things of the inputs, and a trunk with room for one:

    >>> import numpy as np
    >>> from skmtl import MultiTaskRegressor
    >>> from skmtl.diagnostics import transfer_report
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> Y = X + 0.3 * rng.normal(size=X.shape)
    >>> model = MultiTaskRegressor(preset="mlp", hidden_layer_sizes=(1,), activation="tanh", solver="lbfgs", tol=0.01)
    >>> transfer_report(model, X, Y, n_repeats=2, random_state=0).mean_verdict
    'hurts'
    >>> model.set_params(hidden_layer_sizes=(16,), alpha=0.1)
    MultiTaskRegressor(...)
    >>> transfer_report(model, X, Y, n_repeats=2, random_state=0).verdicts
    {'task_0': 'no evidence', 'task_1': 'no evidence', 'task_2': 'no evidence'}
    """
    network, _ = network_of(estimator, _OWNER)
    baseline = alone(estimator, _OWNER)
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise ValueError(f"The confidence parameter of {_OWNER} must be between 0 and 1; got {confidence!r}.")
    X, y, groups = indexable(X, y, groups)
    targets = _targets(network, X, y, sample_weight)
    weights = None
    if sample_weight is not None:
        weights = sample_weights(sample_weight, (_num_samples(X), targets.n_columns), accept_sparse=True)
    scoring = TaskScoring(scoring, y, targets)
    folds = make_folds(cv, n_repeats, groups, X, y, targets, network.missing_label, random_state, _OWNER)
    pair = [estimator, baseline]
    results = run_pairs(pair, X, y, weights, folds, scoring=scoring, n_jobs=n_jobs, verbose=verbose, owner=_OWNER)
    report = _report(results, scoring, confidence, n_folds=len(folds), model=repr(estimator))
    _warn(report, results)
    return report


def _targets(network, X, y, sample_weight):
    """What the tasks are, as the network will read them."""
    targets, *labels = read_labels(network, y, sample_weight, _num_samples(X), _OWNER)
    Labels(targets, *labels, y).check()
    if targets.n_tasks < 2:
        raise ValueError(f"{_OWNER} asks what tasks do for each other, but y has one, {targets.names[0]!r}.")
    return targets


def _report(results, scoring, confidence, n_folds, model):
    return TransferReport(
        scoring.tasks,
        scoring.words,
        folds=[(result.repeat, result.number) for result in results],
        splits=[result.split for result in results],
        shared_scores=np.stack([result.scores[0] for result in results]),
        alone_scores=np.stack([result.scores[1] for result in results]),
        label_ratio=np.stack([result.label_ratio for result in results]),
        parameters=_by_model(results[-1].parameters),
        fit_seconds=_by_model(np.mean([result.seconds for result in results], axis=0).tolist()),
        confidence=confidence,
        n_planned=n_folds,
        model=model,
    )


def _by_model(values):
    return dict(zip(("shared", "alone"), values, strict=True))


def _warn(report, results):
    unfinished = sum(result.n_unfinished for result in results)
    if unfinished:
        warnings.warn(
            f"{unfinished} of {2 * len(results)} fits ended at max_iter before they had converged: what is compared is "
            "where they were. Increase max_iter, or learning_rate_init.",
            ConvergenceWarning,
            stacklevel=3,
        )
    lost = [name for name, n in zip(report.tasks, report.n_folds, strict=True) if not n]
    if lost:
        warnings.warn(
            f"Task(s) {listing(lost)} could be compared on no fold: there are no labels to learn from on one side and "
            "to score on the other.",
            stacklevel=3,
        )
