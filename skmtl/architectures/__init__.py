"""Architectures: what the tasks share."""

from ._base import Architecture, HardSharing, OwnTrunk

ARCHITECTURES = {"hard_sharing": HardSharing}

__all__ = ["ARCHITECTURES", "Architecture", "HardSharing", "OwnTrunk"]
