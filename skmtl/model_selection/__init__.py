"""Model selection for several partly observed tasks."""

from ._split import MultiTaskKFold, MultiTaskShuffleSplit

__all__ = ["MultiTaskKFold", "MultiTaskShuffleSplit"]
