"""The last that is followed."""

try:
    from fifth import NAMES
except ImportError:
    NAMES = ()
