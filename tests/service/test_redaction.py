"""No secret reaches a log."""

from __future__ import annotations

import hashlib
import io
import logging

import pytest

from assay.errors import StoreError
from assay.service.redaction import SecretFilter, redacted

TOKEN = f"assay_{hashlib.sha256(b'a').hexdigest()[:16]}_{hashlib.sha256(b'b').hexdigest()[:43]}"
"""In the form of a real one, and the same in every process that collects these tests."""


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("{'authorization': 'Bearer printed-secret', 'x': 1}", "printed-secret"),
        ("Cookie: assay_session=abc-def; other=1", "abc-def"),
        ("X-CSRF-Token: 0123abcd", "0123abcd"),
        ("cannot reach postgresql+psycopg://user:hunter2@host:5432/name", "hunter2"),
        ("GET /api/bars?token=secret-value&x=1 HTTP/1.1", "secret-value"),
        ("http://127.0.0.1:8000/?token=secret-value", "secret-value"),
        ("ASSAY_TOKEN=printed-secret assay worker", "printed-secret"),
        ('{"name": "ada", "password": "hunter2 x"}', "hunter2"),
        (f"somewhere {TOKEN} in a sentence", TOKEN.split("_", 2)[2][:30]),
        ("TOPSTEPX_API_KEY=abcdef0123", "abcdef0123"),
    ],
)
def test_what_is_secret_is_left_out(text: str, gone: str) -> None:
    assert gone not in redacted(text)
    assert "..." in redacted(text)
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/bars 200",
        "postgresql://user@host/name cannot be reached",
        "12 tasks, 3 failed",
        "is it there?",
        "a: b",
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_records_lose_their_secrets() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(SecretFilter())
    logger = logging.Logger("of this test")  # noqa: LOG001  (of this test alone)
    logger.addHandler(handler)
    logger.info("token=%s %d", "in an argument", 3)
    logger.error("%s", StoreError("db", "refused: postgresql://u:in-an-error@h/n"))
    logger.info("%(a)s", {"a": f"Bearer {TOKEN}"})
    try:
        int(f"password={TOKEN}")
    except ValueError:
        logger.exception("incident")
    text = stream.getvalue()
    assert text.count("...") >= 4
    for secret in ("in-an-error", TOKEN, TOKEN.split("_", 2)[2]):
        assert secret not in text
    assert "ValueError" in text


def test_the_lines_of_the_server_keep_their_form() -> None:
    from uvicorn.logging import AccessFormatter

    record = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d',
        ("127.0.0.1:5", "GET", "/api/bars?token=secret-value", "1.1", 200), None,
    )  # fmt: skip
    SecretFilter().filter(record)
    line = AccessFormatter("%(client_addr)s %(request_line)s %(status_code)s", use_colors=False).format(record)
    assert line == "127.0.0.1:5 GET /api/bars?... HTTP/1.1 200 OK"
