"""What a finding is, and how the three levels differ.

    error     records will be lost or refused
    warning   it works, and probably not as it was meant, or slower than it could
    hint      something to know, which may well be meant

Nothing is judged here. Invariant: a finding is one line with its place, what is wrong and the remedy.
"""

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "hint"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; `code` is the same word for the same matter in every file."""

    level: Level
    code: str
    place: str
    message: str
