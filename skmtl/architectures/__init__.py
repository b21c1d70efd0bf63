"""Architectures: what the tasks share."""

from ._adapters import Adapters
from ._attention import Attention
from ._base import Architecture, HardSharing, OwnTrunk
from ._bypass import Bypass
from ._cgc import CGC
from ._conditioned import Conditioned
from ._cross_stitch import CrossStitch
from ._dselect_k import DSelectK
from ._independent import Independent
from ._mmoe import MMoE
from ._ple import PLE
from ._soft_sharing import SoftSharing
from ._summary import ArchitectureSummary

ARCHITECTURES = {
    "hard_sharing": HardSharing,
    "independent": Independent,
    "conditioned": Conditioned,
    "cross_stitch": CrossStitch,
    "attention": Attention,
    "bypass": Bypass,
    "soft_sharing": SoftSharing,
    "adapters": Adapters,
    "mmoe": MMoE,
    "cgc": CGC,
    "ple": PLE,
    "dselect_k": DSelectK,
}

__all__ = [
    "ARCHITECTURES",
    "CGC",
    "PLE",
    "Adapters",
    "Architecture",
    "ArchitectureSummary",
    "Attention",
    "Bypass",
    "Conditioned",
    "CrossStitch",
    "DSelectK",
    "HardSharing",
    "Independent",
    "MMoE",
    "OwnTrunk",
    "SoftSharing",
]
