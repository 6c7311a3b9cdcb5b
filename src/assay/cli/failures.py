"""What the command line says when something goes wrong, and with which exit code."""

from __future__ import annotations

import errno
import json
import os
import traceback
from dataclasses import dataclass
from typing import Any

import typer

from assay.cli.first import INTERRUPTED
from assay.cli.output import Output, to_json
from assay.cli.tables import folded
from assay.cli.terminal import drawable, table_width, visible
from assay.cli.user_code import results, strategy_fault, words
from assay.errors import AssayError, ConflictError, InputError, Interrupted, NotFoundError, described, shortened, shown

USAGE = 2

ClickError: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Base of the parser's errors, wherever this version of typer keeps it."""


_OF_THE_NAME = (errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of the system that say that a name which was given cannot be one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One sentence, its facts and the exit code.

    Attributes
    ----------
    is_bug : bool
        In Assay or in a user's strategy: a traceback helps whoever mends it.
    """

    code: int
    type: str
    message: str
    field: str | None = None
    rule: str | None = None
    value: Any = None
    is_bug: bool = False

    def document(self) -> dict[str, Any]:
        """Return the error as a JSON document."""
        names = ("type", "field", "rule", "value", "message")
        return {"error": {name: getattr(self, name) for name in names} | {"value": _plain(self.value)}}


def _plain(value: Any) -> Any:
    """Return a value as JSON can hold it: of one that is too deep or too long, a few words."""
    try:
        plain = to_json(value)
        json.dumps(plain)
    except (ValueError, RecursionError):
        return shown(value)
    return plain


def explain(error: BaseException) -> Failure:
    """Return what to say about an error."""
    kind = type(error).__name__
    if isinstance(error, (NotFoundError, ConflictError)):
        kind = InputError.__name__  # as documents of before name it, and programs expect it
    if isinstance(error, AssayError):
        field, rule, value = (getattr(error, name, None) for name in ("field", "rule", "value"))
        return Failure(error.exit_code, kind, str(error), field, rule, value)
    if isinstance(error, ClickError):
        return _usage(error)
    fault = None if isinstance(error, Interrupted) else strategy_fault(error)
    if fault is not None:
        return Failure(USAGE, "StrategyError", str(fault), fault.field, fault.rule, is_bug=True)
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return Failure(INTERRUPTED, "Interrupted", "interrupted; no file was left half-written")
    if isinstance(error, OSError) and error.strerror:
        where = str(error.filename) if error.filename is not None else "the system"
        code = USAGE if error.errno in _OF_THE_NAME else 1
        return Failure(code, kind, f"{shortened(where)}: {error.strerror}", where, error.strerror)
    if isinstance(error, UnicodeEncodeError) and "surrogates" in error.reason:  # a name that is no UTF-8
        rule, value = f"cannot be written in {error.encoding}", str(error.object)
        return Failure(USAGE, kind, f"{shown(value)} {rule}; name it otherwise", value, rule, value)
    if isinstance(error, MemoryError):
        return Failure(1, kind, "there is not enough memory; use a coarser grid or fewer days")
    message = (
        f"this is a bug in Assay ({described(error)}); please report it with the command and what it prints "
        "under ASSAY_DEBUG=1"
    )
    return Failure(1, kind, message, is_bug=True)


def _usage(error: Any) -> Failure:
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    command = context.command_path if context is not None else "assay"
    rule = " ".join(error.format_message().split()).rstrip(".")
    field = getattr(error, "option_name", None) or (parameter.opts[0] if parameter is not None else None)
    value = _given(error)
    got = "" if value is None else f", got {shown(value)}"
    return Failure(USAGE, "UsageError", f"{shortened(rule)}{got}; see '{command} --help'", field, rule, value)


def _given(error: BaseException) -> Any:
    """Return the value that the parser refused, where its message leaves it out."""
    details = getattr(error.__cause__ or error.__context__, "errors", None)
    return details()[0].get("input") if callable(details) else None


def report(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong, one sentence on stderr; return the exit code."""
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    failure = explain(error)
    if failure.is_bug and os.environ.get("ASSAY_DEBUG") == "1":
        words().write(visible("".join(traceback.format_exception(error)), keep_lines=True))
    text, width = drawable(visible(f"assay: {failure.message}"), words()), table_width(words())
    words().write("\n".join([text] if width is None else folded(text, width)) + "\n")
    if as_json:
        Output(json=True).document(failure.document())
    return failure.code


def _reader_left() -> int:
    """Leave quietly: whoever read stdout wanted no more (``assay ... | head``)."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), results().fileno())
    return 1
