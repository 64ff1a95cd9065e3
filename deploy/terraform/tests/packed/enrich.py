"""Stands for code of one's own, and what it imports."""

from second import NAMES

# import unused


def count() -> int:
    """Return a number, in which an import is too."""
    import third

    return len(NAMES) + len(third.NAMES)
