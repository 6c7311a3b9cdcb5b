"""Find a strategy by its registered name, or in a user's own file."""

from __future__ import annotations

import hashlib
import re
import sys
import traceback
from contextlib import contextmanager
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import AssayError, ParameterError, StrategyError, near_name
from assay.sources.neighbours import digest_with, neighbours
from assay.strategies import Strategy, find_strategy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

MODULE_PREFIX = "assay_user_strategy_"
"""Names of modules made from users' files begin so."""

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
        strategy = _from_file(Path(match[1]), match[2] or "")
    elif ":" in text:
        raise StrategyError("strategy", "must be a registered name or path.py:Class", text)
    else:
        strategy = find_strategy(text)()
    try:
        strategy.check()
    except ParameterError as error:
        raise StrategyError(strategy.name, f"declares a parameter wrongly: {error}") from None
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
        module = _executed(path, source, beside, _module_name(path))
    finally:
        if known is not None:
            sys.modules[known.__name__] = known
    return _made(getattr(module, name), f"{path}:{name}")


def _known(found: Mapping[str, object], name: str) -> str:
    return near_name(name, found) if found else "The file defines no Strategy"


def _made(kind: type[Strategy], where: str) -> Strategy:
    """Return an instance of a class that declares all that it must."""
    if missing := [n for n in _DECLARED if not hasattr(kind, n)]:
        raise StrategyError(where, f"must declare {', '.join(_DECLARED)}; missing: {', '.join(missing)}")
    if abstract := sorted(kind.__abstractmethods__):
        raise StrategyError(where, f"must define {', '.join(abstract)}")
    try:
        return kind()
    except TypeError as error:
        raise StrategyError(where, f"must be made without arguments: {error}") from None


@contextmanager
def _importing_beside(path: Path) -> Iterator[None]:
    """Let a file import its neighbours, as a script can."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
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
    sys.modules[name] = module
    try:
        with _importing_beside(path), _anew(beside):
            code = loader.source_to_code(source, str(path))
            exec(code, vars(module))  # noqa: S102  (running the user's own file is what was asked for)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (a user's file may raise anything)
        del sys.modules[name]
        raise _explained(error, path) from None
    return module


def _explained(error: BaseException, path: Path) -> StrategyError:
    """Return why a user's file did not run, with the line."""
    if isinstance(error, OSError) and error.filename == str(path):
        return StrategyError(str(path), f"cannot be read: {error.strerror}")
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return StrategyError(f"{path} line {error.lineno}", f"is not Python: {error.msg}")
    if isinstance(error, AssayError):
        return StrategyError(str(path), f"breaks a rule: {error}")
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    where = f"{path} line {lines[-1]}" if lines else str(path)
    if isinstance(error, ImportError):
        return StrategyError(where, f"cannot be imported: {error}")
    return StrategyError(where, f"cannot be run: {type(error).__name__}: {error}")
