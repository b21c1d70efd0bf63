"""What a search over task weights scores by: names of this package and of scikit-learn -> scorers."""

from collections.abc import Mapping

from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.metadata_routing import get_routing_for_object

from .._component import nearest
from ..metrics import TaskScorer, get_task_scorer, get_task_scorer_names


def scorer_like(estimator):
    """Return the mean over tasks of R² or accuracy, with the weights that the estimator's own `score` asks for."""
    asked = getattr(get_routing_for_object(estimator), "score", None)
    weight = None if asked is None else asked.requests.get("sample_weight")
    return TaskScorer().set_score_request(sample_weight=weight)


def with_our_names(scoring):
    """Put scorers for names, of this package first; what scikit-learn refuses stays as it is."""
    if isinstance(scoring, str):
        return _scorer(scoring)
    if isinstance(scoring, (list, tuple, set)) and all(isinstance(name, str) for name in scoring):
        return {name: _scorer(name) for name in scoring} if len(set(scoring)) == len(scoring) else scoring
    if isinstance(scoring, Mapping):
        return {key: _scorer(value) if isinstance(value, str) else value for key, value in scoring.items()}
    return scoring


def _scorer(name):
    """A scorer by its name."""
    ours, theirs = get_task_scorer_names(), get_scorer_names()
    if name in ours:
        return get_task_scorer(name)
    if name not in theirs:
        raise ValueError(
            f"scoring={name!r} is not the name of a scorer.{nearest(name, [*ours, *theirs])} See "
            "skmtl.metrics.get_task_scorer_names() and sklearn.metrics.get_scorer_names()."
        )
    return get_scorer(name)


def task_scorer(scorers, decisive):
    """What the tasks are scored by: what decides, where it can."""
    several = getattr(scorers, "_scorers", None)
    chosen = several.get(decisive) if several and isinstance(decisive, str) else scorers
    return chosen if isinstance(chosen, TaskScorer) else TaskScorer()
