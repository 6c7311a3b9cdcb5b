"""No secret in a log: tokens, passwords in addresses, query strings and what follows a header's name are left out."""

from __future__ import annotations

import logging
import re

LEFT_OUT = "..."

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"assay_([0-9a-f]{16})_[A-Za-z0-9_-]+"), rf"assay_\1_{LEFT_OUT}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\",;]+"), rf"\1 {LEFT_OUT}"),
    (re.compile(r"(?i)([a-z][a-z0-9+.-]*://[^\s:/@]+):[^\s/@]+@"), rf"\1:{LEFT_OUT}@"),
    (
        re.compile(
            r"(?i)(authorization|cookie|x-csrf-token|assay_session|assay_token|password|passwd|secret|api[_-]?key|token)"
            r"(['\"]?\s*[=:]\s*['\"]?)(?!\.\.\.)(bearer )?[^\s'\",;&]+"
        ),
        rf"\1\2{LEFT_OUT}",
    ),
    (re.compile(r"((?:https?|wss?)://[^\s?'\"]+|(?<![\w/])/[^\s?'\"]*)\?[^\s'\"]+"), rf"\1?{LEFT_OUT}"),
)


def redacted(text: str) -> str:
    """Return a text without its secrets and query strings."""
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


class SecretFilter(logging.Filter):
    """Takes secrets out of every record: from the sentence, its arguments, and the text of an exception."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, without its secrets."""
        if record.name == "uvicorn.access":  # its formatter takes the arguments apart
            arguments = record.args if isinstance(record.args, tuple) else ()
            record.args = tuple(redacted(a) if isinstance(a, str) else a for a in arguments)
        else:
            record.msg, record.args = redacted(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redacted(record.exc_text)
        return True


def redact(*names: str) -> None:
    """Let loggers, and the handlers that they have by now, take secrets out; without names: the root's handlers."""
    secret = SecretFilter()
    for logger in [logging.getLogger(name) for name in names] or [logging.getLogger()]:
        for place in (logger, *logger.handlers):
            place.addFilter(secret)
