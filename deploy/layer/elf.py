"""ELF files: what they need, and the same without what only a debugger reads.

Stripping is done here and not by binutils, so that a layer is the same whatever tools a machine has, for every
architecture alike. Invariant: no byte that a segment loads is changed.
"""

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from deploy.layer import LayerError

_MAGIC: Final = b"\x7fELF\x02\x01"  # 64 bits, little endian: both architectures
_OFFSET_OF_TABLE: Final = 0x28
_HEADER: Final = struct.Struct("<IIQQQQIIQQ")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the loader looks at."""

    machine: str
    needed: tuple[str, ...]
    run_path: tuple[str, ...]
    glibc: tuple[int, ...]
    """The newest version of the C library of which it needs a symbol."""


def facts(path: Path) -> Facts:
    """Read a shared library.

    Raises:
        LayerError: it is none.
    """
    with path.open("rb") as stream:
        try:
            return _facts(ELFFile(stream))
        except ELFError:
            raise LayerError(f"{path.name}: not a shared library, or a broken one") from None


def _facts(elf: ELFFile) -> Facts:
    needed: list[str] = []
    run_path: list[str] = []
    glibc: tuple[int, ...] = (0,)
    for segment in elf.iter_segments():
        if isinstance(segment, DynamicSegment):
            for tag in segment.iter_tags():
                kind = tag.entry.d_tag.removeprefix("DT_").lower()
                if kind == "needed":
                    needed.append(getattr(tag, kind))
                elif kind in ("runpath", "rpath"):
                    run_path += getattr(tag, kind).split(":")
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for _, versions in section.iter_versions():
                found = [re.fullmatch(r"GLIBC_([0-9.]+)", version.name) for version in versions]
                glibc = max([glibc, *(tuple(map(int, match[1].split("."))) for match in found if match)])
    return Facts(elf["e_machine"], tuple(needed), tuple(run_path), glibc)


def stripped(data: bytes) -> bytes:
    """Return a shared library without the sections that are not loaded: symbol tables, debug information, comments.

    The file ends after its last segment; then come the names and the table of sections, in which what went is a null
    entry, so that the numbers of the others stay what symbols say.

    Raises:
        LayerError: it is none, or a section that is loaded lies behind the segments.
    """
    if not data.startswith(_MAGIC):
        raise LayerError("a file that ends in .so is not an ELF file of 64 bits")
    elf = ELFFile(io.BytesIO(data))
    end: int = max(segment["p_offset"] + segment["p_filesz"] for segment in elf.iter_segments())
    names = elf.get_section(elf["e_shstrndx"]).data()
    table = bytearray()
    for number, section in enumerate(elf.iter_sections()):
        header = section.header
        start = header["sh_offset"]
        if number == elf["e_shstrndx"]:
            start = end
        elif not header["sh_flags"] & SH_FLAGS.SHF_ALLOC:
            table += bytes(_HEADER.size)
            continue
        elif header["sh_type"] != "SHT_NOBITS" and start + header["sh_size"] > end:
            raise LayerError(f"section {section.name} is loaded and lies behind the segments")
        original = elf["e_shoff"] + number * elf["e_shentsize"]
        fields = list(_HEADER.unpack_from(data, original))
        fields[4] = start
        table += _HEADER.pack(*fields)
    body = data[:end] + names
    body += bytes(-len(body) % 8)
    return body[:_OFFSET_OF_TABLE] + struct.pack("<Q", len(body)) + body[_OFFSET_OF_TABLE + 8 :] + table
