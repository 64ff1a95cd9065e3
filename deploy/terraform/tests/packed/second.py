"""Beside the module."""

from third import NAMES

__all__ = ["NAMES"]
