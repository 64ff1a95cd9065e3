"""The last that is followed."""

from sixth import NAMES

__all__ = ["NAMES"]
