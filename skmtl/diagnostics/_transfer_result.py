"""TransferReport: scores of each task in both models, what follows from them, and how it is told."""

import numpy as np

from ..metrics import delta_m
from ._comparison import VERDICTS, adjust, compare, judge, mean_known
from ._report_html import fragment, page

#: More tasks than these are shown by the ends of their list.
_SHOWN = 20


class TransferReport:
    """What `transfer_report` found: each task in the shared network, beside the same network for it alone.

    It is made by `transfer_report`.

    Parameters
    ----------
    tasks : dict of task name to {"regression", "binary", "multiclass"}
        The T tasks.
    score_names : dict of task name to str
        What the scores of a task are.
    folds : list of (int, int)
        Repeat and number of the J folds that were done.
    splits : list of int
        The same for folds of the same rows.
    shared_scores, alone_scores : ndarray of shape (J, T)
        Held-out scores; NaN where a task could not be scored.
    label_ratio : ndarray of shape (J, T)
        Test labels for each training label; a label of weight w counts as w of them.
    parameters : dict of {"shared", "alone"} to int
        Trained numbers of both models.
    fit_seconds : dict of {"shared", "alone"} to float
        Mean duration of a fit of both.
    confidence : float
        Confidence level.
    n_planned : int
        Number of folds that were asked for.
    model : str
        The estimator, as it is written.

    Attributes
    ----------
    shared, alone : ndarray of shape (T,)
        Mean held-out score of each task, over the folds in which both models have one.
    gain : ndarray of shape (T,)
        What sharing adds to the score: `shared` less `alone`.
    interval : ndarray of shape (T, 2)
        Confidence interval of each gain; NaN where there is none.
    p_value : ndarray of shape (T,)
        Of the gain of each task by itself, two-sided.
    p_adjusted : ndarray of shape (T,)
        The same, adjusted for the number of tasks.
    verdicts : dict of task name to {"helps", "no evidence", "hurts"}
        What sharing does to each task, as far as these data tell.
    n_folds : ndarray of shape (T,)
        Number of folds in which each task was compared.
    mean_gain : float
        Mean gain over all tasks.
    mean_interval : ndarray of shape (2,)
        Confidence interval of it.
    mean_p_value : float
        The p-value of it.
    mean_verdict : {"helps", "no evidence", "hurts"}
        What sharing does on average. It takes fewer labels to tell than what it does to any one task.
    delta_m : float
        Mean over the tasks of the gain as a share of the score alone, in per cent. A score near 0 makes it large: see
        then `mean_gain`. Tasks with a score of 0 alone are left out.

    See Also
    --------
    transfer_report : What makes it, with an example.
    TransferReport.frame : The table as a pandas DataFrame.
    TransferReport.to_html : A page for a colleague.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import TransferReport
    >>> report = TransferReport(
    ...     {"heating": "regression", "cooling": "regression"},
    ...     {"heating": "R²", "cooling": "R²"},
    ...     folds=[(0, 0), (0, 1), (0, 2)],
    ...     splits=[0, 1, 2],
    ...     shared_scores=np.array([[0.9, 0.5], [0.92, 0.8], [0.91, 0.65]]),
    ...     alone_scores=np.array([[0.8, 0.6], [0.83, 0.7], [0.81, 0.64]]),
    ...     label_ratio=np.full((3, 2), 0.5),
    ...     parameters={"shared": 100, "alone": 180},
    ...     fit_seconds={"shared": 0.5, "alone": 0.75},
    ... )
    >>> report.gain
    array([0.0967, 0.0033])
    >>> report
    Does sharing help? 1 of 2 tasks gains, 0 lose, 1 without evidence; on average no evidence (95 %, 3 folds)
             alone  shared    gain      95 % interval      p  verdict
    heating  0.813   0.910  +0.097  +0.074 ... +0.119  0.006  helps
    cooling  0.647   0.650  +0.003  -0.390 ... +0.397  0.974  no evidence
    mean gain +0.050 (-0.137 ... +0.237), delta_m +6.2 %
    parameters: shared 100, alone 180; seconds a fit: shared 0.50, alone 0.75
    """

    def __init__(
        self,
        tasks,
        score_names,
        *,
        folds,
        splits,
        shared_scores,
        alone_scores,
        label_ratio,
        parameters,
        fit_seconds,
        confidence=0.95,
        n_planned=None,
        model="",
    ):
        self.tasks, self.score_names = dict(tasks), dict(score_names)
        self.folds, self.splits = list(folds), list(splits)
        self.shared_scores, self.alone_scores = shared_scores, alone_scores
        self.label_ratio = label_ratio
        self.parameters, self.fit_seconds = parameters, fit_seconds
        self.confidence, self.model = confidence, model
        self.n_planned = len(self.folds) if n_planned is None else n_planned
        self._compare()

    def _compare(self):
        differences = self.shared_scores - self.alone_scores
        known = ~np.isnan(differences)
        self.n_folds = known.sum(axis=0)
        tables = (self.shared_scores, self.alone_scores, differences, self.label_ratio)
        shared, alone, differences, ratio = (self._by_split(np.where(known, table, np.nan)) for table in tables)
        self.shared, self.alone = mean_known(shared), mean_known(alone)
        found = compare(differences, ratio, self.confidence)
        self.gain, self.interval, self.p_value = self.shared - self.alone, found.interval, found.p_value
        self.p_adjusted = adjust(self.p_value)
        self.verdicts = dict(zip(self.tasks, judge(self.gain, self.p_adjusted, self.confidence), strict=True))
        whole = compare(mean_known(differences, 1)[:, None], mean_known(ratio, 1)[:, None], self.confidence)
        self.mean_gain, self.mean_interval = float(whole.mean[0]), whole.interval[0]
        self.mean_p_value = float(whole.p_value[0])
        (self.mean_verdict,) = judge(whole.mean, whole.p_value, self.confidence)
        self.delta_m = delta_m(self.shared, np.where(self.alone == 0, np.nan, self.alone))

    def _by_split(self, table):
        """Means over the folds of the same rows: (J, T) -> (number of splits, T)."""
        splits = np.array(self.splits)
        return np.stack([mean_known(table[splits == split]) for split in dict.fromkeys(self.splits)])

    def frame(self):
        """Return the table as a pandas DataFrame, a row a task.

        Returns
        -------
        frame : DataFrame
            Columns "score" (its name), "alone", "shared", "gain", "low" and "high" (the interval), "p_value",
            "p_adjusted", "verdict" and "n_folds"; needs pandas.
        """
        import pandas as pd

        columns = {
            "score": list(self.score_names.values()),
            "alone": self.alone,
            "shared": self.shared,
            "gain": self.gain,
            "low": self.interval[:, 0],
            "high": self.interval[:, 1],
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "verdict": list(self.verdicts.values()),
            "n_folds": self.n_folds,
        }
        return pd.DataFrame(columns, index=pd.Index(list(self.tasks), name="task"))

    def to_html(self, path):
        """Write one page, with picture and table, that needs no other file and no network.

        Parameters
        ----------
        path : str or path-like
            Where; a file that is there is replaced.

        Returns
        -------
        path : str or path-like
            As given.
        """
        with open(path, "w", encoding="utf-8") as file:
            file.write(page(self))
        return path

    def order(self):
        """Return the positions of the tasks from the largest gain to the largest loss.

        Returns
        -------
        positions : ndarray of shape (T,)
            Tasks that could not be compared come last.
        """
        return np.argsort(-self.gain, kind="stable")

    def summary(self):
        """Return the outcome in a sentence.

        Returns
        -------
        text : str
            How many tasks gain and lose, and what sharing does on average.
        """
        helps, unsaid, hurts = (list(self.verdicts.values()).count(verdict) for verdict in VERDICTS)
        mean = self.mean_verdict if self.mean_verdict == VERDICTS[1] else f"it {self.mean_verdict}"
        done = len(self.folds)
        folds = f"{done} fold{'s' * (done != 1)}" + (f" of {self.n_planned}, interrupted" * (done < self.n_planned))
        return (
            f"{helps} of {len(self.tasks)} tasks gain{'s' * (helps == 1)}, {hurts} lose{'s' * (hurts == 1)}, "
            f"{unsaid} without evidence; on average {mean} ({100 * self.confidence:g} %, {folds})"
        )

    def __repr__(self):
        order = self.order().tolist()
        names, words = list(self.tasks), list(self.verdicts.values())
        rows = [["", "alone", "shared", "gain", f"{100 * self.confidence:g} % interval", "p", "verdict"]]
        if len(order) > _SHOWN:
            order = [*order[: _SHOWN // 2], None, *order[-_SHOWN // 2 :]]
        for t in order:
            rows.append(["..."] + [""] * 6 if t is None else [str(names[t]), *self.texts(t), words[t]])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"Does sharing help? {self.summary()}"]
        for row in rows:
            cells = [text.rjust(width) for text, width in zip(row, widths, strict=True)]
            cells[0], cells[-1] = row[0].ljust(widths[0]), row[-1]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([*lines, *self.totals()])

    def texts(self, task):
        """Return what is written of a task.

        Parameters
        ----------
        task : int
            Position of the task.

        Returns
        -------
        texts : list of str
            Score alone, score shared, gain, interval, adjusted p-value.
        """
        low, high = self.interval[task]
        digits = _digits(max(abs(self.alone[task]), abs(self.shared[task])))
        scores = [f"{score:.{digits}f}" for score in (self.alone[task], self.shared[task])]
        if high > low:  # a narrow interval needs more of them
            digits = int(np.clip(1 - np.floor(np.log10(high - low)), digits, digits + 3))
        return [
            *scores,
            f"{self.gain[task]:+.{digits}f}",
            "-" if np.isnan(low) else f"{low:+.{digits}f} ... {high:+.{digits}f}",
            "-" if np.isnan(self.p_adjusted[task]) else f"{self.p_adjusted[task]:.3f}",
        ]

    def totals(self):
        """Return two lines on all tasks together.

        Returns
        -------
        lines : list of str
            Mean gain and `delta_m`; parameters and seconds of both models.
        """
        low, high = self.mean_interval
        between = "" if np.isnan(low) else f" ({low:+.3f} ... {high:+.3f})"
        size = ", ".join(f"{name} {count:,}" for name, count in self.parameters.items())
        time = ", ".join(f"{name} {seconds:.2f}" for name, seconds in self.fit_seconds.items())
        return [
            f"mean gain {self.mean_gain:+.3f}{between}, delta_m {self.delta_m:+.1f} %",
            f"parameters: {size}; seconds a fit: {time}",
        ]

    def _repr_html_(self):
        return fragment(self)


def _digits(score):
    """Digits behind the point, three in all at least; three behind it for the scores from 0 to 1."""
    if not 0 < score < np.inf or 0.01 <= score < 10:
        return 3
    return max(0, 2 - int(np.floor(np.log10(score))))
