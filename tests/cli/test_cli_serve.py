"""`assay serve` as a process of its own: from an empty home to the end by SIGTERM."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from assay.api import server
from assay.api.scopes import HostName, is_known_host
from assay.cli.commands import serve as command
from assay.service.supervisor import Supervisor
from assay.store import Database
from assay.store.accounts import AccountStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.conftest import Assay

PLANTED = "planted-s3cr3t-of-this-test"


@dataclass
class Served:
    """A server, and how to ask it."""

    process: subprocess.Popen[str]
    url: str
    document: dict[str, Any]
    home: Path
    log: Path

    @property
    def token(self) -> str:
        return Path(self.document["token_file"]).read_text().strip()

    def get(self, path: str, token: str | None = None) -> tuple[int, str]:
        request = Request(f"{self.url}{path}")  # noqa: S310  (this test's own server)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()


def started(home: Path, *options: str) -> Served:
    """A server of a home that may be empty, ready to answer."""
    log = home / "logs" / "assay.log"
    arguments = ("serve", "--port", "0", "--json", "--log-file", str(log), "--home", str(home), *options)
    environment = {k: v for k, v in os.environ.items() if k not in ("ASSAY_DATABASE_URL", "ASSAY_TOKEN")}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "assay", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    text = ""
    while "}" not in text:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        text += line
    document = json.loads(text)
    return Served(process, document["url"], document, home, log)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = started(tmp_path_factory.mktemp("home") / "new", "--no-workers")
    yield found
    found.process.kill()
    found.process.communicate()


def test_from_an_empty_home_it_answers(served: Served) -> None:
    assert set(served.document) == {"url", "pid", "token_file"}
    assert served.document["pid"] == served.process.pid
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", served.url)
    assert (served.home / "assay.db").is_file()
    assert stat.S_IMODE(Path(served.document["token_file"]).stat().st_mode) == 0o600
    code, body = served.get("/api/health")
    assert (code, json.loads(body)["status"]) == (200, "ok")
    code, body = served.get("/api/ready")
    assert (code, json.loads(body)["error"]["field"]) == (503, "workers")
    code, body = served.get("/api/metrics", served.token)
    names = {family.name for family in text_string_to_metric_families(body)}
    assert code == 200
    assert {"assay_jobs", "assay_http_request_seconds", "process_resident_memory_bytes"} <= names


def test_a_port_that_is_taken_is_said(served: Served, assay: Assay, tmp_path: Path) -> None:
    port = served.url.rpartition(":")[2]
    ran = assay("serve", "--port", port, "--no-workers", "--home", tmp_path, "--json")
    assert ran.code == 2
    assert f"--port: is in use by another program, got {port}. Give another --port" in ran.err
    assert ran.document["error"]["field"] == "--port"
    assert not list(tmp_path.glob("token-*"))


def test_sigterm_ends_it_and_nothing_secret_was_written(served: Served) -> None:
    token = served.token
    for path in (f"/api/nope?token={PLANTED}&password={PLANTED}", f"/api/{PLANTED}", "/api/metrics"):
        served.get(path, PLANTED)
    served.process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    out, err = served.process.communicate(timeout=30)
    assert (served.process.returncode, out) == (0, "")
    assert time.monotonic() - begun < 5
    assert not list(served.home.glob("token-*"))
    # folded where COLUMNS says how wide the terminal is
    said = f"Assay answers at {served.url} (its token is in {served.document['token_file']}); Ctrl-C ends it"
    assert said in " ".join(err.split())
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    assert [line["event"] for line in lines][0 :: len(lines) - 1] == ["the server answers", "the server has ended"]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) >= 2
    assert all({"route", "method", "status", "ms", "user", "address", "request"} <= set(one) for one in requests)
    for text in (err, served.log.read_text()):
        assert token not in text
        assert PLANTED not in text


def test_the_same_home_again_with_a_chosen_token_and_ctrl_c(served: Served, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{PLANTED}\n")
    again = started(served.home, "--no-workers", "--token-file", str(tmp_path / "token"))
    try:
        assert again.document["token_file"] is None
        assert again.get("/api/metrics", PLANTED)[0] == 200
        again.process.send_signal(signal.SIGINT)
        _, err = again.process.communicate(timeout=30)
    finally:
        again.process.kill()
    assert again.process.returncode == 0
    assert PLANTED not in err + again.log.read_text()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would be served: the server's settings and what it is served with; no port is taken."""
    calls: list[dict[str, Any]] = []

    def serve(app: Any, listener: Any, serving: Any) -> bool:
        calls.append({"settings": app.state.assay.settings, "token": os.environ.get("ASSAY_TOKEN"), "at": listener})
        serving.on_ready()
        serving.on_end()
        return True

    class Quiet(Supervisor):
        def start(self, number: int | None = None) -> None:
            calls.append({"workers": self})

        def stop(self, grace_s: float = 5.0) -> None:
            calls.append({"stopped": grace_s})

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(command, "Supervisor", Quiet)
    return calls


def test_what_the_options_become(
    assay: Assay, begun: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_TOKEN", PLANTED)
    (tmp_path / "strategies").mkdir()
    options = ("--strategies", tmp_path / "strategies", "--hosts", "Assay.example.org,b", "--offline")
    more = ("--no-studio", "--requests-per-minute", 77, "--secure-cookies", "--trust-proxy", "10.0.0.0/8")
    ran = assay("serve", "--port", 0, "--workers", 2, *options, *more)
    assert ran.code == 0, ran.err
    assert "its token is that of ASSAY_TOKEN" in ran.err
    assert PLANTED not in ran.err
    workers, serving, stopped = begun
    assert stopped == {"stopped": server.DRAIN_S}
    settings = serving["settings"]
    assert (settings.token, settings.hosts, settings.offline) == (PLANTED, ("assay.example.org", "b"), True)
    assert (settings.trusted_proxies, settings.requests_per_minute) == (("10.0.0.0/8",), 77)
    assert (settings.secure_cookies, settings.strategies) == (True, (tmp_path / "strategies").resolve())
    assert serving["token"] is None, "workers inherit the environment, and run users' strategies"
    assert os.environ["ASSAY_TOKEN"] == PLANTED
    assert isinstance(workers["workers"], Supervisor)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--host", "0.0.0.0"), "--host"),  # noqa: S104  (refused)
        (("--port", 65_536), "--port"),
        (("--requests-per-minute", 0), "--requests-per-minute"),
        (("--workers", -1), "--workers"),
        (("--strategies", "nowhere"), "--strategies"),
        (("--hosts", "*"), "--hosts"),
        (("--hosts", "assay.example.org:"), "--hosts"),
        (("--trust-proxy", "*"), "--trust-proxy"),
        (("--token-file", "nowhere"), "--token-file"),
        (("--log-level", "loud"), "--log-level"),
    ],
)
def test_what_cannot_be_served_is_refused(
    assay: Assay, begun: list[dict[str, Any]], options: tuple[object, ...], field: str
) -> None:
    ran = assay("serve", "--no-studio", *options, "--json")
    assert (ran.code, ran.document["error"]["field"]) == (2, field)
    assert not begun


@pytest.mark.parametrize(
    ("host", "names"),
    [("127.0.0.2", ("127.0.0.2",)), ("fe80::1", ("[fe80::1]",)), ("localhost", ()), ("::", ()), ("0.0.0.0", ())],  # noqa: S104
)
def test_a_server_answers_by_the_address_that_it_says(host: str, names: tuple[str, ...]) -> None:
    settings = command.ServeOptions(host=host).settings(None)
    assert settings.hosts == names
    for name in names:
        assert is_known_host(HostName.of(f"{name}:8000"), settings.hosts)


def test_a_short_token_is_refused_and_not_repeated(
    assay: Assay, begun: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_TOKEN", "sh0rt")
    ran = assay("serve", "--no-workers", "--no-studio", "--port", 0)
    assert (ran.code, "at least 20" in ran.err, "sh0rt" in ran.err) == (2, True, False)
    assert not begun


def test_where_users_sign_in_there_is_no_token(
    assay: Assay, begun: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AccountStore, "is_open", lambda _: True)
    monkeypatch.setenv("ASSAY_TOKEN", PLANTED)
    assert assay("serve", "--no-workers", "--no-studio", "--port", 0, "--host", "0.0.0.0").code == 0  # noqa: S104  (nothing listens)
    assert begun[0]["settings"].token is None


def test_a_token_is_shown_to_a_terminal_alone(tmp_path: Path) -> None:
    token = command.Token.of(None, AccountStore(Database.open(tmp_path / "a.db")))
    assert token.text is not None
    assert token.text == token.lines("http://x", on_terminal=True)[-1]  # alone: easily copied
    assert token.text not in " ".join(token.lines("http://x", on_terminal=False))
    assert token.text not in str(token.where)
