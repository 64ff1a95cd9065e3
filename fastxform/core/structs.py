"""The base of classes that hold named fields and little else: `msgspec.Struct` in the place of dataclasses.

Classes of wire shapes and everything else of `msgspec` are other modules'. Invariant: a class made here costs a cold
start a twentieth of what a dataclass costs, whose methods are written as text and compiled when it is made.
"""

from msgspec import Struct, field
from msgspec.structs import astuple, replace

__all__ = ["Struct", "astuple", "field", "replace"]
