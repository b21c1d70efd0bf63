"""GroupingReport: held-out scores of each task, together, apart and as grouped, and what became of it."""

import numpy as np

#: How the two candidates are called that are always there.
ALL, NONE = "all in one", "all separate"
#: What becomes of a task.
SHARES, ALONE, FELL_BACK = "shares", "by itself", "fell back to its own network"
#: More tasks than these are not printed.
_SHOWN = 20


class GroupingReport:
    """What became of each task of a `MultiTaskGrouping`, and what the held-out labels said.

    It is made by `MultiTaskGrouping.fit`. Scores are 1 less the loss relative to that of a constant: R² for a
    regression, and for a classification the same of the log loss. 1 is perfect, 0 no better than a constant.

    Parameters
    ----------
    task_names : list of length T
        Names of the tasks.
    groups : list of list
        Names of the tasks that each network was trained on.
    group_of : dict of task name to int
        The network that predicts each task.
    chosen : list of tuple of int
        The partition that was chosen, as positions of tasks, before any task fell back.
    candidates : tuple or None
        Name of the one that was chosen, losses (T,) by candidate, numbers of networks by candidate; None for one task.

    Attributes
    ----------
    scores : dict of str to ndarray of shape (T,)
        Held-out scores of the tasks in each candidate, and as "chosen" in what was made of the one that was.
    best : str or None
        The candidate that was chosen: the one with the best mean, if it is better than one network for all tasks by
        more than a standard error, else that.
    verdicts : dict of task name to {"shares", "by itself", "fell back to its own network"}
        What became of each task.

    See Also
    --------
    skmtl.displays.GroupingDisplay : A picture of it.

    Examples
    --------
    >>> import numpy as np
    >>> from skmtl.diagnostics import GroupingReport
    >>> losses = {"all in one": np.array([0.5, 0.5]), "all separate": np.array([0.6, 0.4])}
    >>> candidates = "all in one", losses, {"all in one": 1, "all separate": 2}
    >>> GroupingReport(["a", "b"], [["a", "b"], ["b"]], {"a": 0, "b": 1}, [(0, 1)], candidates)
    task  all in one  all separate  chosen
    a          0.500         0.400   0.500  shares
    b          0.500         0.600   0.600  fell back to its own network
    mean       0.500         0.500   0.550
    Chosen of 2 candidates: all in one.
    """

    def __init__(self, task_names, groups, group_of, chosen, candidates):
        self.task_names, self.groups, self.group_of = list(task_names), groups, group_of
        sizes = {self.task_names[task]: len(group) for group in chosen for task in group}
        self.verdicts = {name: self._verdict(name, sizes[name]) for name in self.task_names}
        self.best, losses, self._n_networks = candidates or (None, {}, {})
        self.scores = {name: 1 - values for name, values in losses.items()}
        if candidates:
            fell = np.array([verdict == FELL_BACK for verdict in self.verdicts.values()])
            self.scores["chosen"] = np.where(fell, self.scores[NONE], self.scores[self.best])

    def _verdict(self, name, size):
        if size == 1:
            return ALONE
        return SHARES if len(self.groups[self.group_of[name]]) > 1 else FELL_BACK

    def frame(self):
        """Return a row a task.

        Returns
        -------
        frame : DataFrame
            With the score of the task in each candidate and in what was chosen, the network that predicts it, by
            position, the tasks that this was trained on, and the verdict. Needs pandas.
        """
        import pandas as pd

        networks = [self.group_of[name] for name in self.task_names]
        about = {
            "network": networks,
            "trained on": [self.groups[network] for network in networks],
            "verdict": [self.verdicts[name] for name in self.task_names],
        }
        return pd.DataFrame(self.scores | about, index=pd.Index(self.task_names, name="task"))

    def candidates_frame(self):
        """Return a row a candidate.

        Returns
        -------
        frame : DataFrame
            With its number of networks and the mean over tasks of its score. Needs pandas.
        """
        import pandas as pd

        means = {name: np.nanmean(self.scores[name]) for name in self._n_networks}
        return pd.DataFrame({"networks": self._n_networks, "mean score": means}, index=list(self._n_networks))

    def __repr__(self):
        if self.best is None:
            return f"{self.task_names[0]}: the only task"
        shown = dict.fromkeys([ALL, NONE, self.best, "chosen"])
        names = [str(name) for name in self.task_names[:_SHOWN]]
        left = max(4, *map(len, names))
        shown = {key: max(7, len(key)) for key in shown}
        lines = [f"{'task':<{left}}" + "".join(f"  {key:>{width}}" for key, width in shown.items())]
        for task, name in enumerate(names):
            cells = "".join(f"  {self.scores[key][task]:>{width}.3f}" for key, width in shown.items())
            lines.append(f"{name:<{left}}{cells}  {self.verdicts[self.task_names[task]]}")
        if len(self.task_names) > _SHOWN:
            lines.append(f"[{len(self.task_names)} tasks]")
        means = "".join(f"  {np.nanmean(self.scores[key]):>{width}.3f}" for key, width in shown.items())
        lines.append(f"{'mean':<{left}}{means}")
        lines.append(f"Chosen of {len(self._n_networks)} candidates: {self.best}.")
        return "\n".join(lines)
