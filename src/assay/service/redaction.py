"""Texts without secrets: passwords of addresses, tokens, keys and cookies are struck out wherever they stand.

Two nets, one behind the other: values that this process knows to be secret (`Redactor.known`) are removed literally, in
every spelling in which an address may hold them; and whatever has the form of a secret is removed without being known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

STRUCK_OUT = "..."

MIN_SECRET = 6
"""Characters of a known secret, at least: a shorter one would strike out words of every sentence."""

MAX_DEPTH = 8
"""Of values inside values: what lies deeper is left out."""

MAX_TEXT = 20_000
"""Characters of a text that are written."""

_NAMES = (
    r"(?:password|passwd|pwd|secret|token|api[-_]?key|private[-_]?key|authorization|cookie|csrf|credential"
    r"|assay_session)[\w-]{0,40}"
)
_FORMS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\[parameters: [^\n]*"), "[parameters left out]"),  # SQLAlchemy's, which may be anything
    (re.compile(r"(://[^\s:/@\"'<>]{0,300}):[^\s\"'<>]{0,500}@"), rf"\1:{STRUCK_OUT}@"),
    (re.compile(r"(?i)\b(bearer|basic|negotiate|digest)\s+[\w.~+/=-]{6,}"), rf"\1 {STRUCK_OUT}"),
    (re.compile(r"(?i)\b(authorization|cookie)(\s*[=:]\s*)[^\n\"',}\]]+"), rf"\1\2{STRUCK_OUT}"),
    (
        re.compile(r"\bassay_([0-9a-f]{6,})_[\w-]{6,}"),
        rf"assay_\1_{STRUCK_OUT}",
    ),  # a user's token: its number is public
    (re.compile(r"\$argon2\w*\$[^\s\"']+"), STRUCK_OUT),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), STRUCK_OUT),  # a JSON web token
    (  # "name": "value" and ('name', b'value'), also quoted once more inside another text
        re.compile(rf"(?i)({_NAMES}(?:\\?[\"']\s*[=:,]|\s*[=:])\s*b?)(\\?[\"'])((?:\\.|[^\\])*?)\2"),
        rf"\1\2{STRUCK_OUT}\2",
    ),
    (  # name=value&...
        re.compile(rf"(?i)({_NAMES}(?:\\?[\"'])?\s*[=:]\s*)(?![\"'\\]|b[\"']|\.\.\.)[^\s&,;\"')}}\]]+"),
        rf"\1{STRUCK_OUT}",
    ),
    (  # the query of an address or path
        re.compile(r"((?:https?|wss?)://[^\s?'\"]+|(?<![\w/])/[^\s?'\"]*)\?[^\s'\"]+"),
        rf"\1?{STRUCK_OUT}",
    ),
)
"""What a secret looks like, and what is left of it."""

_SENSITIVE = re.compile(rf"(?i){_NAMES}")


@dataclass(frozen=True)
class Redactor:
    """Strikes secrets out of values that are about to be written.

    Attributes
    ----------
    known : frozenset of str
        Secrets of this process, in every spelling.
    """

    known: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *secrets: str | None) -> Redactor:
        """Return one that knows some secrets, of an address (``postgresql://me:password@server``) its password."""
        plain = [_password(secret) if "://" in secret else secret for secret in secrets if secret]
        spellings = {form(one) for one in plain if one for form in (str, quote, quote_plus, unquote, _as_in_repr)}
        return cls(frozenset(one for one in spellings if len(one) >= MIN_SECRET))

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for secret in self.known:
            text = text.replace(secret, STRUCK_OUT)
        text = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ..."
        for pattern, left in _FORMS:
            text = pattern.sub(left, text)
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """Return a value as JSON holds it, without secrets; what has no form of its own there is its text."""
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return self.text(value)
        if depth >= MAX_DEPTH:
            return "..."
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._named(str(name), one, depth) for name, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(one, depth + 1) for one in value]
        if isinstance(value, (bytes, bytearray)):
            return self.text(bytes(value).decode("utf-8", "backslashreplace"))
        return self.text(_text_of(value))

    def _named(self, name: str, value: Any, depth: int) -> Any:
        """Return a named value; whatever is called a secret is one, unless it is a number or a truth."""
        if _SENSITIVE.search(name) and not (value is None or isinstance(value, (bool, int, float))):
            return STRUCK_OUT
        return self.value(value, depth + 1)


def _text_of(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  (somebody's class may do anything, and a log has no use for its error)
        return f"{type(value).__name__} that cannot say what it is ({type(error).__name__})"


def _as_in_repr(text: str) -> str:
    return repr(text)[1:-1]


def _password(address: str) -> str | None:
    try:
        found = urlsplit(address).password
    except ValueError:
        found = None
    if found is None:  # an address that only the database's driver understands
        matched = re.search(r"://[^:/@]*:(.*)@", address)
        found = matched[1] if matched else None
    return found
