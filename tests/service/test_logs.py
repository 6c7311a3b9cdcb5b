"""The log: one form for all libraries, files that several processes write, and no secret in any of it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import InputError
from assay.service.log_files import LogSettings, RotatingFile
from assay.service.logs import configured_logs, log_context
from assay.service.redaction import MAX_TEXT, Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLANTED = "s3cr3t/Pa:ss@w0rd"
"""A password of an address, with signs that an address escapes."""
ADDRESS = "postgresql://me:s3cr3t%2FPa%3Ass%40w0rd@db.example.org/assay"
OURS = "Zm9vYmFyYmF6cXV4cXV1eA-_0123"
REDACTOR = Redactor.of(ADDRESS, OURS, None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with configured_logs(LogSettings(level="debug"), REDACTOR, stream):
        yield stream


SECRETS = (
    PLANTED,
    f"cannot reach {ADDRESS}",
    "password authentication failed: postgresql+psycopg://me:other-one@host:5432/x",
    f"connect {OURS}",
    "Authorization: Bearer other-one.abc~def",
    "authorization: Token other-one",
    "Cookie: a=other-one; assay_session=other-one",
    "{'headers': [(b'cookie', b'assay_session=other-one'), (b'authorization', b'Basic b3RoZXItb25l')]}",
    'body {"password": "other-one\\" still other-one", "name": "me"}',
    'body {\\"token\\": \\"other-one\\"}',
    "GET /x?api_key=other-one&limit=3",
    "host=db user=me password=other-one dbname=x",
    "new assay_0123456789abcdef_other-one_other-one_x",
    "hash $argon2id$v=19$m=65536,t=3,p=4$other-one$other-one",
    "[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('other-one', 3)]\n(Background on this error)",
    "https://user:other-one@/path",
    "jwt eyJhbGciOi.eyJzdWIiOiJvdGhlci1vbmUifQ.other-one",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_planted_secret_is_nowhere(log: io.StringIO, secret: str) -> None:
    """In the message, its arguments, extra fields by any name, inside of lists, as bytes, and in tracebacks."""
    logger = logging.getLogger("sqlalchemy.pool")
    logger.error(secret)
    logger.error("said %s", secret)
    logger.error("x", extra={"facts": {"deep": [secret, (secret.encode(),)], secret: 1}, "one": ValueError(secret)})
    with log_context(job=secret):
        logger.error("x")
    error = RuntimeError(secret)
    error.__cause__ = ConnectionError(secret)
    logger.error("x", exc_info=error)
    text = log.getvalue()
    for part in ("other-one", "s3cr3t", "b3RoZXItb25l", OURS):
        assert part not in text
    assert "..." in text or "left out" in text
    assert [one["event"] for one in lines(log)][2:] == ["x", "x", "x"]
    assert "ConnectionError" in lines(log)[4]["exception"]


def test_fields_that_are_called_secrets_are_struck_out_and_numbers_stay(log: io.StringIO) -> None:
    facts = {"password": "a", "X-Api-Key": "b", "lease_token": 7, "csrf": None, "cookies": {"c": "d"}, "user": "me"}
    logging.getLogger("assay.x").info("x", extra={"facts": facts})
    assert lines(log)[0]["facts"] == {
        "password": "...", "X-Api-Key": "...", "lease_token": 7, "csrf": None, "cookies": "...", "user": "me",
    }  # fmt: skip


def test_what_is_no_secret_stays() -> None:
    for text in (
        "GET http://127.0.0.1:8000/api/jobs 200",
        "postgresql://me@db/assay",
        "BTC/USDT 5m: 3 of 7",
        "a@b.org",
    ):
        assert REDACTOR.text(text) == text
    assert len(REDACTOR.text("token-" * 100_000)) < MAX_TEXT + 10


def test_all_libraries_write_one_form_with_the_context(log: io.StringIO) -> None:
    with log_context(job="j", task=3):
        logging.getLogger("assay.worker").info("task begun", extra={"attempt": 1})
    logging.getLogger("uvicorn.error").warning("ended %s", "x", extra={"color_message": "colours"})
    logging.getLogger("sqlalchemy.engine").info("SELECT 1")
    first, second = lines(log)
    assert list(first)[:4] == ["timestamp", "level", "logger", "event"]
    assert (first["job"], first["task"], first["attempt"], first["level"]) == ("j", 3, 1, "info")
    assert (second["logger"], second["event"]) == ("uvicorn.error", "ended x")
    assert "color_message" not in second


def test_debug_is_for_our_own_loggers(log: io.StringIO) -> None:
    """numba says every step of compiling at debug: hundreds of thousands of lines, and minutes."""
    assert not logging.getLogger("numba.core.ssa").isEnabledFor(logging.DEBUG)
    logging.getLogger("assay.x").debug("ours")
    logging.getLogger("numba.core").info("theirs")
    assert [line["event"] for line in lines(log)] == ["ours", "theirs"]


def test_the_level_and_a_terminal() -> None:
    stream = Terminal()
    with configured_logs(LogSettings(level="warning"), REDACTOR, stream):
        logging.getLogger("assay.x").info("less")
        logging.getLogger("assay.x").warning("more", extra={"name_of": "a\x1b[2Jb"})
    assert "less" not in stream.getvalue()
    assert "more" in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()
    with pytest.raises(InputError, match="Did you mean 'warning'"):
        LogSettings(level="warnin")


def test_without_a_server_nothing_is_written() -> None:
    program = "import logging, assay.service.logs; logging.getLogger('assay.worker').error('x')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")


WRITER = """
import logging, sys, types
from pathlib import Path
sys.modules["assay"] = assay = types.ModuleType("assay"); assay.__path__ = [sys.argv[1]]
service = sys.modules["assay.service"] = types.ModuleType("s"); service.__path__ = [sys.argv[1] + "/service"]
from assay.service.log_files import RotatingFile
handler = RotatingFile(Path(sys.argv[2]), max_bytes=20_000, kept=50)
for number in range(400):
    handler.handle(logging.LogRecord("x", 20, "", 0, f"{sys.argv[3]} {number} " + "x" * 100, (), None))
"""
"""Without the package's own imports: four processes in a second."""


def test_four_processes_write_one_file_and_lose_nothing(tmp_path: Path) -> None:
    import assay

    path, package = tmp_path / "assay.log", str(assay.__path__[0])
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, package, str(path), str(number)]) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    files = [one for one in tmp_path.iterdir() if one.suffix != ".lock"]
    written = [line.split() for file in files for line in file.read_text().splitlines()]
    assert sorted((int(a), int(b)) for a, b, _ in written) == [(a, b) for a in range(4) for b in range(400)]
    assert len(files) > 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_old_files_go_and_a_file_moved_by_others_is_left(tmp_path: Path) -> None:
    path = tmp_path / "assay.log"
    handler = RotatingFile(path, max_bytes=1_000, kept=2)
    logger = logging.getLogger("assay.rotated")
    logger.addHandler(handler)
    for number in range(100):
        logger.error("%s", f"{number} " + "x" * 90)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "assay.log",
        "assay.log.1",
        "assay.log.2",
        "assay.log.lock",
    ]
    assert max(one.stat().st_size for one in tmp_path.iterdir()) < 1_100
    path.rename(tmp_path / "moved")
    logger.error("after")
    assert path.read_text() == "after\n"
    logger.removeHandler(handler)
    handler.close()


def test_a_full_disk_ends_nothing_and_a_wrong_file_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with configured_logs(LogSettings(file=tmp_path / "new" / "a.log"), REDACTOR, stream):
        monkeypatch.setattr("assay.service.log_files.os.write", _full)
        logging.getLogger("assay.x").info("one")
    assert [one["event"] for one in lines(stream)] == ["one"]
    with (
        pytest.raises(InputError, match="--log-file: cannot be written"),
        configured_logs(LogSettings(file=tmp_path), REDACTOR),
    ):
        pass


def _full(*_: object) -> int:
    raise OSError(28, "No space left on device")
