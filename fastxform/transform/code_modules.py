"""The module of `map_batch` and those beside it that it imports, for any number of configurations in one process.

A module is in `sys.modules` under its name, which pickling, dataclasses and `typing.get_type_hints` need; modules of
the directory of a configuration come before installed ones, and behind the standard library. Invariant: the code of
one configuration never gets a module of another one's directory, whatever the names: when a function is called, the
modules of its configuration are those in `sys.modules`.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from threading import RLock
from types import ModuleType
from typing import Any, Final


class CodeModules:
    """A module of the user's with the modules beside it."""

    def __init__(self, directory: str, name: str) -> None:
        self.directory = directory
        self.name = name
        self.found: set[str] = set()
        """The first words of the names of its modules."""
        self.modules: dict[str, ModuleType] = {}
        """Its modules while those of another one are in `sys.modules`."""
        self.module: ModuleType | None = None

    def loaded(self) -> dict[str, ModuleType]:
        """Return its modules that are in `sys.modules`."""
        return {name: module for name, module in list(sys.modules.items()) if name.partition(".")[0] in self.found}

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Return when each file of it was written, and how large it is; of one that is gone nothing."""
        files = [module.__file__ for module in (self.loaded() | self.modules).values() if module.__file__]
        stats = {file: os.stat(file) for file in files if os.path.isfile(file)}
        return {file: (stat.st_mtime_ns, stat.st_size) for file, stat in stats.items()}


class _Finder:
    """Finds modules in the directory of the code that is current."""

    def __init__(self) -> None:
        self.current: CodeModules | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or self.current is None or fullname in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(fullname, [self.current.directory], target)
        if spec is None or spec.origin is None:  # a directory of that name alone is no package of the user's
            return None
        self.current.found.add(fullname)
        return spec


_FINDER: Final = _Finder()
_LOCK: Final = RLock()
_CODES: Final[dict[tuple[str, str], tuple[CodeModules, dict[str, tuple[int, int]]]]] = {}
_BY_FUNCTION: Final[dict[int, tuple[Any, CodeModules]]] = {}


def load(directory: str, name: str) -> ModuleType:
    """Return the module of that name in a directory; the one that was loaded before where no file of it has changed.

    Raises:
        BaseException: whatever the module raises.
    """
    place = os.path.realpath(directory)
    with _LOCK:
        known, stamps = _CODES.get((place, name), (None, {}))
        if known is not None and known.module is not None and stamps.items() <= known.stamps().items():
            _make_current(known)
            return known.module
        code = CodeModules(place, name)
        if known is not None:
            _make_current(known)
            _forget(known)
        _make_current(code)
        try:
            code.module = _imported(code)
        except BaseException:
            _forget(code)
            raise
        _CODES[place, name] = code, code.stamps()
        return code.module


def bind(function: Callable[..., Any], directory: str, name: str) -> None:
    """Note that a function is of the code of a module, so that `activate` finds it."""
    _BY_FUNCTION[id(function)] = function, _CODES[os.path.realpath(directory), name][0]


def activate(function: Callable[..., Any]) -> None:
    """Put the modules of a function's code in `sys.modules`, where those of another one have their place."""
    bound = _BY_FUNCTION.get(id(function))
    if bound is not None and bound[1] is not _FINDER.current:
        with _LOCK:
            _make_current(bound[1])


def modules_of(function: Callable[..., Any]) -> list[ModuleType]:
    """Return the modules of a function's code, for what sends them elsewhere."""
    bound = _BY_FUNCTION.get(id(function))
    if bound is None:
        return []
    activate(function)
    return list(bound[1].loaded().values())


def _imported(code: CodeModules) -> ModuleType:
    importlib.invalidate_caches()
    first = code.name.partition(".")[0]
    file = f"{os.path.join(code.directory, *code.name.split('.'))}.py"
    there = sys.modules.get(code.name)
    known = getattr(there, "__file__", None)
    if there is not None and known is not None and os.path.realpath(known) == file:
        return there  # the module of a handler, which names itself
    if first in sys.stdlib_module_names or first in sys.modules:
        # A name that is taken: by the standard library, or by a module of somebody else, which keeps it.
        from importlib.util import module_from_spec, spec_from_file_location

        spec = spec_from_file_location(code.name, file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    return importlib.import_module(code.name)


def _make_current(code: CodeModules) -> None:
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    before = _FINDER.current
    if before is code:
        return
    if before is not None:
        before.modules = before.loaded()
        for name in before.modules:
            del sys.modules[name]
    sys.modules.update(code.modules)
    code.modules = {}
    _FINDER.current = code


def _forget(code: CodeModules) -> None:
    """Take its modules out, so that they are read again."""
    for name in code.loaded():
        del sys.modules[name]
    code.modules = {}
