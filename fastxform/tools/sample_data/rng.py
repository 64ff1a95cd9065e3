"""Choices that are the same on every machine and every Python.

A `Rng` is one record's supply of choices, made by hashing the seed and the number of the record; `random.Random`
is not used, since only its `random()` is promised to stay. Nothing here knows what is being made. Invariant: the
same seed and index give the same choices in the same order, whatever was chosen for other records.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, TypeVar

T = TypeVar("T")

_REFILL_BELOW: Final = 1 << 64


class Rng:
    """Deterministic choices for the record `index` of the burst `seed`."""

    __slots__ = ("_bits", "_fills", "_name")

    def __init__(self, seed: int, index: int) -> None:
        self._name = f"{seed}/{index}"
        self._fills = 0
        self._bits = 0

    def below(self, bound: int) -> int:
        """Return a whole number from 0 to `bound` - 1; the bias is less than 2**-32 for bounds up to 2**32."""
        if self._bits < _REFILL_BELOW:
            self._bits = int.from_bytes(blake2b(f"{self._name}/{self._fills}".encode(), digest_size=64).digest(), "big")
            self._fills += 1
        self._bits, choice = divmod(self._bits, bound)
        return choice

    def one(self, choices: Sequence[T]) -> T:
        """Return one of the choices, each as likely as the other."""
        return choices[self.below(len(choices))]

    def hex(self, digits: int) -> str:
        """Return that many lower-case hexadecimal digits (at most 16 a call)."""
        return f"{self.below(16**digits):0{digits}x}"

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        return f"{self.hex(8)}-{self.hex(4)}-4{self.hex(3)}-{'89ab'[self.below(4)]}{self.hex(3)}-{self.hex(12)}"
