"""Beside it too."""

from fourth import NAMES

__all__ = ["NAMES"]
