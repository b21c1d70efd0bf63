"""Inputs: X as the user passes it -> the numbers that the network gets."""

from ._features import is_frame, read_numbers
from ._inputs import Inputs

__all__ = ["Inputs", "is_frame", "read_numbers"]
