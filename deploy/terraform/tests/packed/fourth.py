"""Beside them."""

try:
    from fifth import NAMES
except ImportError:
    NAMES = ()
