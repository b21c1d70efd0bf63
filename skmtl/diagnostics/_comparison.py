"""Two models on the same folds: how far apart they are, how sure that is, what may be said of many tasks at once."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

#: What may be said of a task, from good to bad.
VERDICTS = ("helps", "no evidence", "hurts")


@dataclass
class Comparison:
    """Means of differences, with what is known of them.

    Attributes
    ----------
    mean : ndarray of shape (T,)
        Mean difference; NaN without one.
    interval : ndarray of shape (T, 2)
        Ends of the confidence interval, each task by itself.
    p_value : ndarray of shape (T,)
        Of a mean that is as far from 0 as that if the true one is 0, in either direction.
    n : ndarray of shape (T,), int
        Number of differences.
    """

    mean: np.ndarray
    interval: np.ndarray
    p_value: np.ndarray
    n: np.ndarray


def compare(differences, test_shares, confidence):
    """Compare by the corrected resampled t-test of Nadeau and Bengio (2003).

    Training rows of two folds overlap, so that their differences are no independent draws. The test therefore takes the
    variance of a mean of J differences to be (1/J + m/n) times their own, where m and n are the numbers of test and
    training labels.

    Parameters
    ----------
    differences : ndarray of shape (J, T)
        A row a fold; NaN where a fold has none of a task.
    test_shares : ndarray of shape (J, T)
        Test labels for each training label, m/n.
    confidence : float
        Of the intervals.

    Returns
    -------
    comparison : Comparison
        With NaN for interval and p-value where there are less than two differences, or all are the same but not 0:
        these do not say how much they vary.
    """
    known = ~np.isnan(differences)
    n = known.sum(axis=0)
    mean = mean_known(differences)
    squares = np.where(known, (differences - mean) ** 2, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = np.where(n > 1, squares / (n - 1), np.nan)
        error = np.sqrt(variance * (1 / n + mean_known(np.where(known, test_shares, np.nan))))
        t = mean / error
    # Rounding leaves some 1e-17 of differences that are all the same.
    unsaid = ~(error > 1e-12 * np.abs(mean)) & (mean != 0)
    p_value = np.where((error == 0) & (mean == 0), 1.0, 2 * stats.t.sf(np.abs(t), np.maximum(n - 1, 1)))
    reach = stats.t.ppf((1 + confidence) / 2, np.maximum(n - 1, 1)) * error
    reach[unsaid] = p_value[unsaid] = np.nan
    return Comparison(mean, np.stack([mean - reach, mean + reach], axis=1), p_value, n)


def adjust(p_values):
    """Adjust p-values by the rule of Benjamini and Hochberg (1995), for many tasks at once.

    Where those below a level are taken for true, the expected share of wrong ones among them is below that level.

    Parameters
    ----------
    p_values : ndarray of shape (T,)
        NaN where there was no test; these do not count.

    Returns
    -------
    adjusted : ndarray of shape (T,)
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    adjusted[tested] = stats.false_discovery_control(p_values[tested]) if len(tested) else np.nan
    return adjusted


def judge(mean, p_value, confidence):
    """Return one of `VERDICTS` a task.

    Parameters
    ----------
    mean, p_value : ndarray of shape (T,)
        Gain, and p-value adjusted for the number of tasks.
    confidence : float
        One minus the level.

    Returns
    -------
    verdicts : list of str
    """
    # A p-value that is NaN is below nothing.
    told = np.asarray(p_value) < 1 - confidence
    return [VERDICTS[1] if not sure else VERDICTS[0 if gain > 0 else 2] for gain, sure in zip(mean, told, strict=True)]


def limits(mean, interval):
    """Return where a picture of means and intervals ends, so that a few that are far out do not hide the others.

    Parameters
    ----------
    mean : ndarray of shape (T,)
    interval : ndarray of shape (T, 2)

    Returns
    -------
    low, high : float
        With 0 between them.
    """
    mean, interval = (np.asarray(part)[~np.isnan(mean)] for part in (mean, interval))
    if not len(mean):
        return -1.0, 1.0
    ends = np.where(np.isnan(interval), mean[:, None], interval)
    reach = 5 * np.quantile(np.abs(mean), 0.75, method="higher") + 2 * np.median(ends[:, 1] - mean)
    low, high = max(min(ends.min(), 0), -reach), min(max(ends.max(), 0), reach)
    room = 0.05 * (high - low) or 1.0
    return float(low - room), float(high + room)


def mean_known(table, axis=0):
    """Mean of what is not NaN; NaN, and no warning, where nothing is."""
    known = ~np.isnan(table)
    n = known.sum(axis=axis)
    return np.where(n > 0, np.where(known, table, 0.0).sum(axis=axis) / np.maximum(n, 1), np.nan)
