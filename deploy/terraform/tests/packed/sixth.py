"""Too far away to be packed by itself."""

NAMES = ("a",)
