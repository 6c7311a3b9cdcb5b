"""Find a strategy by its registered name, or in a user's own file.

A file is executed on a thread of its own: no Ctrl-C arrives there, so whatever is raised, also what ends a program
elsewhere, is the file's, and is told with its line; and a file that never ends can be interrupted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sys
import traceback
from contextlib import contextmanager
from functools import partial
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from assay.errors import AssayError, ParameterError, StrategyError, described, near_name
from assay.sources.neighbours import digest_with, neighbours
from assay.strategies import Strategy, find_strategy
from assay.strategies.faults import MODULE_PREFIX, fault_in, place_of
from assay.threads import apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

T = TypeVar("T")

EXECUTED: set[str] = set()
"""Files that were executed in this process: what they began may still be running."""

_METHODS = ("setups", "warmup", "constraint")
_DECLARED = ("name", "parameters", "rules", "bracket")


def load_strategy(text: str | Path) -> Strategy:
    """Return the strategy of a registered name or of ``path.py:Class``, checked.

    Raises
    ------
    StrategyError
        When there is no such name, file or class, when the file does not run, or when the class breaks
        the contract of `Strategy`.
    """
    text = str(text) if isinstance(text, Path) else text
    if not isinstance(text, str):
        raise StrategyError("strategy", "must be a registered name or path.py:Class", text)
    if match := re.fullmatch(r"(.+\.py)(?::(\w*))?", text.strip()):
        path = Path(match[1])
        return apart(_judged, path, lambda: _checked(_from_file(path, match[2] or ""), path))
    if ":" in text:
        raise StrategyError("strategy", "must be a registered name or path.py:Class", text)
    return _checked(find_strategy(text)())


def _judged(path: Path, work: Callable[[], T]) -> T:
    """Return what a file gives, on the file's own thread; whatever it raises becomes a sentence that names its line."""
    try:
        with _process_as_it_was():
            return work()
    except AssayError:
        raise
    except BaseException as error:
        raise _explained(error, path) from error


@contextmanager
def _process_as_it_was() -> Iterator[None]:
    """Put back what belongs to the whole process, and what a file may have changed while it was executed."""
    folder, depth, streams = None, sys.getrecursionlimit(), (sys.stdout, sys.stderr)
    with contextlib.suppress(OSError):
        folder = Path.cwd()
    try:
        yield
    finally:
        sys.setrecursionlimit(depth)
        sys.stdout, sys.stderr = streams
        if folder is not None:
            with contextlib.suppress(OSError):
                os.chdir(folder)


def _checked(strategy: Strategy, path: Path | None = None) -> Strategy:
    try:
        strategy.check()
    except ParameterError as error:
        field = strategy.name if path is None else f"{path}: {strategy.name}"
        raise StrategyError(field, f"declares a parameter wrongly: {error}") from None
    except StrategyError as error:
        if path is None:
            raise
        method = error.field.rpartition(" ")[2]
        raise (
            fault_in(strategy, method, error) if method in _METHODS else StrategyError(str(path), str(error))
        ) from None
    return strategy


def _from_file(path: Path, name: str) -> Strategy:
    source, beside, module = _run(path)
    found = {
        n: value
        for n, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == module.__name__
    }
    if not name:
        raise StrategyError("strategy", f"must name its class, {path}:Class", str(path), _known(found, name))
    value = getattr(module, name, None)
    if value is None:
        raise StrategyError(str(path), "has no such class", name, _known(found, name))
    if not (isinstance(value, type) and issubclass(value, Strategy)):
        raise StrategyError(f"{path}:{name}", "must be a subclass of assay's Strategy")
    strategy = _made(value, f"{path}:{name}")
    strategy.source_digest = digest_with(source, beside)
    strategy.source_file = f"{path.resolve()}:{name}"
    strategy.made_again = partial(_once_more, path, source, beside, name)
    return strategy


def _once_more(path: Path, source: bytes, beside: dict[str, Path], name: str) -> Strategy:
    """Execute the same source as another module: its strategy shares no variable with the first one.

    Both have one name, since compiled functions that are kept on disk are found again by their module's.
    """
    known = sys.modules.get(_module_name(path))
    try:
        module = apart(_judged, path, lambda: _executed(path, source, beside, _module_name(path)))
    finally:
        if known is not None:
            sys.modules[known.__name__] = known
    return apart(_judged, path, lambda: _made(getattr(module, name), f"{path}:{name}"))


def _known(found: Mapping[str, object], name: str) -> str:
    return near_name(name, found) if found else "The file defines no Strategy"


def _made(kind: type[Strategy], where: str) -> Strategy:
    """Return an instance of a class that declares all that it must."""
    if missing := [n for n in _DECLARED if not hasattr(kind, n)]:
        raise StrategyError(where, f"must declare {', '.join(_DECLARED)}; missing: {', '.join(missing)}")
    if abstract := sorted(kind.__abstractmethods__):
        raise StrategyError(where, f"must define {', '.join(abstract)}")
    try:
        strategy: object = kind()
    except TypeError as error:
        if place_of(error) is not None:
            raise
        raise StrategyError(where, f"must be made without arguments: {error}") from None
    if not isinstance(strategy, kind):
        raise StrategyError(where, "must give an instance of itself when it is called", type(strategy).__name__)
    return strategy


class _StandardFirst(MetaPathFinder):
    """Finds modules of Python itself where Python has them, whatever lies in a folder under their names.

    Parameters
    ----------
    folder : str
        The strategy's; a ``numbers.py`` there is data or a script, not the module that NumPy needs.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the standard library; None leaves others to the finders after this one."""
        if path is not None or fullname not in sys.stdlib_module_names:
            return None
        return PathFinder.find_spec(fullname, [place for place in sys.path if place != self._folder], target)


@contextmanager
def _importing_beside(path: Path) -> Iterator[None]:
    """Let a file import its neighbours, as a script can."""
    folder = str(path.resolve().parent)
    standard = _StandardFirst(folder)
    sys.path.insert(0, folder)
    sys.meta_path.insert(0, standard)
    try:
        yield
    finally:
        sys.meta_path.remove(standard)
        with contextlib.suppress(ValueError):  # the file itself may have taken it out
            sys.path.remove(folder)


def _run(path: Path) -> tuple[bytes, dict[str, Path], ModuleType]:
    """Execute a file as a module of its own, return its source and what belongs to it too.

    Bytecode is neither read nor written.
    """
    if not path.is_file():
        raise StrategyError(str(path), "there is no such file")
    try:
        source = path.read_bytes()
        beside = neighbours(path, source)
    except OSError as error:
        raise _explained(error, path) from None
    return source, beside, _executed(path, source, beside, _module_name(path))


def _module_name(path: Path) -> str:
    return MODULE_PREFIX + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]


@contextmanager
def _anew(beside: Mapping[str, Path]) -> Iterator[None]:
    """Let modules beside a file be imported anew: as they are now, and not another folder's of the same name."""
    known = {name: sys.modules.pop(name) for name in beside if name in sys.modules}
    try:
        yield
    finally:
        for name, module in known.items():
            if Path(getattr(module, "__file__", None) or "") != beside[name]:
                sys.modules[name] = module  # of somebody else, who may still need it


def _executed(path: Path, source: bytes, beside: Mapping[str, Path], name: str) -> ModuleType:
    loader = SourceFileLoader(name, str(path))
    module = module_from_spec(ModuleSpec(name, loader, origin=str(path)))
    module.__file__ = str(path)
    if b"\0" in source:
        line = source[: source.index(b"\0")].count(b"\n") + 1
        raise StrategyError(f"{path} line {line}", "is not Python: it holds a zero byte; save it as text in UTF-8")
    sys.modules[name] = module
    EXECUTED.add(str(path))
    try:
        with _importing_beside(path), _anew(beside):
            code = loader.source_to_code(source, str(path))
            exec(code, vars(module))  # noqa: S102  (running the user's own file is what was asked for)
    except BaseException as error:  # noqa: BLE001  (a user's file may raise anything)
        sys.modules.pop(name, None)
        raise _explained(error, path) from None
    return module


def _explained(error: BaseException, path: Path) -> StrategyError:
    """Return why a user's file did not run, with the line."""
    if isinstance(error, OSError) and error.filename == str(path):
        return StrategyError(str(path), f"cannot be read: {error.strerror}")
    if isinstance(error, SyntaxError) and error.filename == str(path):
        at = f"{path} line {error.lineno}" if error.lineno else str(path)
        return StrategyError(at, f"is not Python: {error.msg}")
    if isinstance(error, AssayError):
        return StrategyError(str(path), f"breaks a rule: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f.lineno for f in frames if f.filename == str(path)]
    where = f"{path} line {lines[-1]}" if lines else str(path)
    if isinstance(error, ImportError):
        return StrategyError(where, f"cannot be imported: {described(error).partition(': ')[2]}")
    return StrategyError(where, f"cannot be run: {described(error)}{_inside(error, frames[-1:], path)}")


def _inside(error: BaseException, last: list[traceback.FrameSummary], path: Path) -> str:
    """Return where inside of it a file failed: in a file beside it, or in a function of its own."""
    if last and last[0].filename != str(path) and Path(last[0].filename).parent == path.resolve().parent:
        return f" ({Path(last[0].filename).name} line {last[0].lineno})"
    place = place_of(error)
    return f" (in {place.function})" if place is not None and place.function else ""
