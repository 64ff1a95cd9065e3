"""Tables that `lookup` finds rows in: keys and columns of text, loaded once with the configuration.

How a file becomes a table is in `fastxform.config.lookups`. Invariant: no key is there twice, and what a key finds does
not depend on how many rows ask at once.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

from fastxform.core import native
from fastxform.core.kernels import call, options
from fastxform.settings import kernel_is_wanted

_FEW: Final = 8
"""Without the kernel: Arrow makes its hash table of all keys for each call, 30 ns a key; so many times fewer rows ask
Python's `dict`."""

_KEY_BYTES: Final = 130
"""What a key takes in the `dict`, of text of some 15 characters: measured."""


class LookupTable:
    """A table: `keys` and each of `columns` are text, a row each.

    `only` is the column of a call that names none, where there is one; `location` is where the configuration has it.
    """

    def __init__(
        self, name: str, keys: pa.Array, columns: Mapping[str, pa.Array], only: str | None = None, location: str = ""
    ) -> None:
        self.name, self.keys, self.columns, self.only, self.location = name, keys, dict(columns), only, location
        self._set = options.SetLookupOptions(keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LookupTable) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((self.name, len(self.keys), tuple(self.columns)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what is made when it is asked for."""
        return LookupTable, (self.name, self.keys, self.columns, self.only, self.location)

    def _content(self) -> tuple[Any, ...]:
        return self.name, self.keys, self.columns, self.only

    @property
    def size_bytes(self) -> int:
        """What the table takes at most once it is in use: its arrays, and the `dict` of its keys.

        The native kernel's table takes 16 to 32 bytes a key instead.
        """
        arrays_bytes: int = sum(array.nbytes for array in (self.keys, *self.columns.values()))
        return arrays_bytes + _KEY_BYTES * len(self.keys)

    @cached_property
    def _table(self) -> native.KeyTable | None:
        """The kernel's table of the keys, where there is a kernel."""
        return native.KeyTable(self.keys) if kernel_is_wanted() and native.load() is not None else None

    @cached_property
    def _rows(self) -> dict[str, int]:
        keys: list[Any] = self.keys.to_pylist()
        return {key: row for row, key in enumerate(keys)}

    def find(self, asked: pa.Array, column: str) -> pa.Array:
        """Return the text that a column has for each key; null for one that is not there, and for null."""
        values = self.columns[column]
        if self._table is not None:
            return call("take", [values, self._table.find(asked)])
        if len(asked) * _FEW >= len(self.keys):
            return call("take", [values, call("index_in", [asked], self._set)])
        distinct = call("dictionary_encode", [asked])
        rows = pa.array(map(self._rows.get, distinct.dictionary.to_pylist()), pa.int32())
        return call("take", [call("take", [values, rows]), distinct.indices])

    def kept(self, columns: frozenset[str]) -> "LookupTable":
        """Return the table with some of its columns: what no expression asks for takes no memory."""
        wanted = {name: array for name, array in self.columns.items() if name in columns}
        return LookupTable(self.name, self.keys, wanted, self.only, self.location)
