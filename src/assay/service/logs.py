"""The log of a server and of its workers: JSON lines, or plain ones on a terminal, without secrets.

`assay serve` and `assay worker --forever` call `configured_logs` once. All other commands and the library are silent:
modules write to the standard library's loggers below ``assay``, which say nothing until then::

    LOG = logging.getLogger("assay.worker")
    with log_context(job=job, task=number):
        LOG.info("task begun", extra={"attempt": 1})

What uvicorn, SQLAlchemy and alembic log goes the same way. ``debug`` is for our own loggers:
of libraries numba says every step of compiling, which takes minutes and hides all else.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import structlog
from structlog.contextvars import bound_contextvars as log_context

from assay.errors import InputError
from assay.service.log_files import RotatingFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from structlog.typing import EventDict, Processor

    from assay.service.log_files import LogSettings
    from assay.service.redaction import Redactor

__all__ = ["configured_logs", "log_context"]

QUIETER = dict.fromkeys(
    ("alembic", "asyncio", "ccxt", "distributed", "httpcore", "httpx", "sqlalchemy", "urllib3", "websockets"),
    logging.WARNING,
)
"""Libraries that say addresses, values or every step below this level, whatever ``--log-level`` is."""

logging.getLogger("assay").addHandler(logging.NullHandler())  # else Python writes warnings to stderr by itself


@contextmanager
def configured_logs(settings: LogSettings, redactor: Redactor, stream: TextIO | None = None) -> Iterator[None]:
    """Write all logs of this process to stderr and to a file meanwhile.

    Parameters
    ----------
    redactor : Redactor
        Strikes secrets out of every line.
    stream : TextIO, optional
        In the place of stderr.

    Raises
    ------
    InputError
        When the file cannot be written.
    """
    handlers = _handlers(settings, redactor, stream or sys.stderr)
    root = logging.getLogger()
    loggers = {logging.getLogger(name): level for name, level in QUIETER.items()}
    is_debug = settings.level == "debug"
    loggers[logging.getLogger("uvicorn")] = logging.DEBUG if is_debug else logging.WARNING
    loggers[logging.getLogger("assay")] = logging.DEBUG if is_debug else logging.NOTSET
    before = {logger: logger.level for logger in (root, *loggers)}
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(logging.INFO if is_debug else settings.level.upper())
    for logger, level in loggers.items():
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in before.items():
            logger.setLevel(level)
        for handler in handlers:
            root.removeHandler(handler)
            handler.close()


def _handlers(settings: LogSettings, redactor: Redactor, stream: TextIO) -> list[logging.Handler]:
    shown = logging.StreamHandler(stream)
    shown.setFormatter(_formatter(_plain_lines() if stream.isatty() else _json_lines(), redactor))
    if settings.file is None:
        return [shown]
    try:
        settings.file.parent.mkdir(parents=True, exist_ok=True)
        written = RotatingFile(settings.file, settings.max_bytes, settings.kept)
    except OSError as error:
        raise InputError("--log-file", f"cannot be written ({error.strerror})", str(settings.file)) from None
    written.setFormatter(_formatter(_json_lines(), redactor))
    return [shown, written]


def _formatter(last: Sequence[Processor], redactor: Redactor) -> logging.Formatter:
    def redact(_: Any, __: str, event: EventDict) -> EventDict:
        found: EventDict = redactor.value(event)
        return found

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.StackInfoRenderer(),
            redact,
            *last,
        ],
    )


FIRST = ("timestamp", "level", "logger", "event")


def _json_lines() -> list[Processor]:
    def ordered(_: Any, __: str, event: EventDict) -> EventDict:
        first = {name: event[name] for name in FIRST if name in event}
        return first | {name: value for name, value in event.items() if name != "color_message"}  # uvicorn's

    return [ordered, structlog.processors.JSONRenderer()]


def _plain_lines() -> list[Processor]:
    """Return what makes lines for a person; no text of others can steer the terminal."""

    def visible(_: Any, __: str, event: EventDict) -> EventDict:
        return {name: _visible(one, keep_lines=name == "exception") for name, one in event.items()}

    return [visible, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _visible(value: Any, *, keep_lines: bool) -> Any:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(c if c.isprintable() or (keep_lines and c == "\n") else ascii(c)[1:-1] for c in value)
