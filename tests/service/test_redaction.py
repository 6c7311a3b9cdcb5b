"""What has the form of a secret is struck out without being known; what reaches a log is tested in test_logs."""

from __future__ import annotations

import hashlib

import pytest

from assay.service.redaction import Redactor

redacted = Redactor().text

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
