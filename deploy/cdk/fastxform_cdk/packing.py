"""The code of the function: the configuration and the files that it names, in a directory of their own.

Invariant: nothing that lies outside of the directory of the configuration is packed, but what the caller names.
"""

import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

from fastxform.config.files import is_below, named_files

CONFIG = "fastxform.toml"
"""The name of the configuration in the function."""


def pack(config: str | Path, extra_files: Mapping[str, str]) -> str:
    """Copy what the function holds into a new directory and return it.

    Args:
        config: the configuration; the files of its lookups and the module or package of its `map_batch` lie beside it.
        extra_files: further files, by their names in the function.

    Raises:
        ValueError: the configuration cannot be read, or names a file that is not there or lies elsewhere.
    """
    path = Path(config)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ValueError(f"{config}: {err}") from err
    target = Path(mkdtemp(prefix="fastxform-cdk-"))
    shutil.copyfile(path, target / CONFIG)
    for name in named_files(document, path.parent):
        source = path.parent / name
        if not is_below(name) or not source.is_file():
            raise ValueError(f"{config}: names {name}, which is no file below {path.parent}; put it there")
        _copy(source, target / name)
    for name, source_name in extra_files.items():
        if name == CONFIG:
            raise ValueError(f"extra_files: {CONFIG} is the configuration's name; give it as config")
        _copy(Path(source_name), target / name)
    return str(target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
