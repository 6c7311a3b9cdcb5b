"""What is deployed: units, containers and proxies name commands and options that exist, and say what they must."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from assay.api.server import DRAIN_S
from assay.cli.main import make_app

ROOT = Path(__file__).parents[1]
DEPLOY, PAGE = ROOT / "deploy", (ROOT / "docs" / "deploy.md").read_text()
UNITS = sorted(DEPLOY.glob("*.service"))
COMPOSE: dict[str, Any] = import_module("yaml").safe_load((DEPLOY / "compose.yaml").read_text())


class Unit(configparser.ConfigParser):
    """A unit of systemd, whose names keep their case."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(path: Path) -> Unit:
    found = Unit(strict=False, interpolation=None)
    found.read(path)
    return found


def commands() -> dict[str, list[str]]:
    """Every command of units, containers and the page, by where it stands."""
    found = {path.name: shlex.split(unit(path)["Service"]["ExecStart"])[1:] for path in UNITS}
    found |= {f"compose {n}": s["command"] for n, s in COMPOSE["services"].items() if "command" in s}
    blocks = "\n".join(re.findall(r"^    (.*)$", PAGE, flags=re.MULTILINE))
    lines = re.findall(r"^assay .*$", blocks, re.MULTILINE)
    found |= {f"page {line}": shlex.split(line, comments=True)[1:] for line in lines}
    return found


@pytest.mark.parametrize(("place", "arguments"), commands().items(), ids=lambda value: str(value)[:60])
def test_every_command_and_option_exists(place: str, arguments: list[str]) -> None:
    """The parser takes them; nothing is run."""
    command, context = make_app(), None
    rest = list(arguments)
    while hasattr(command, "commands") and rest:
        context = command.make_context("assay", [], resilient_parsing=True)
        _, command, rest = command.resolve_command(context, rest)
    command.make_context(place, rest, parent=context)


def test_the_page_shows_the_files_that_are_deployed() -> None:
    for path in DEPLOY.iterdir():
        assert f"`deploy/{path.name}`" in PAGE, path.name


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one_and_gives_the_server_time_to_end(path: Path, tmp_path: Path) -> None:
    service = unit(path)["Service"]
    assert int(service["TimeoutStopSec"]) > DRAIN_S
    assert service["KillMode"] == "mixed", "SIGTERM goes to the main process, which tells its own"
    assert "PASSWORD" not in path.read_text().upper().replace("WITH ITS PASSWORD", "")
    hardened = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes"}
    assert {name: service[name] for name in hardened} == hardened
    if (program := shutil.which("systemd-analyze")) is None:
        return  # the parser above has read it
    (tmp_path / path.name).write_text(path.read_text().replace("/opt/assay/bin/assay", "/bin/true"))
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / path.name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


SERVICE = {
    "build", "cap_drop", "command", "depends_on", "deploy", "environment", "healthcheck", "image", "logging",
    "mem_limit", "ports", "read_only", "restart", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "volumes",
}  # fmt: skip
"""Keys of the compose specification that the file uses."""


def test_the_compose_file_holds_together() -> None:
    services = COMPOSE["services"]
    assert set(COMPOSE) == {"name", "x-assay", "services", "volumes"}
    for name, service in services.items():
        assert set(service) <= SERVICE, name
        assert set(service.get("depends_on", {})) <= set(services), name
        named = {volume.partition(":")[0] for volume in service.get("volumes", ())}
        assert named <= set(COMPOSE["volumes"]), name
    assert services["server"]["ports"] == ["127.0.0.1:8000:8000"], "reached through a proxy of this machine"
    for name in ("server", "worker"):
        assert services[name]["depends_on"] == {"upgrade": {"condition": "service_completed_successfully"}}
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > DRAIN_S
        assert services[name]["read_only"]
        assert ":?" in services[name]["environment"]["ASSAY_DATABASE_URL"], "no password stands in the file"
    docker = (DEPLOY / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (.*) \S+$", docker, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    assert re.search(r"^USER assay$", docker, re.MULTILINE)


def test_proxies_hand_events_on_at_once() -> None:
    nginx, caddy = (DEPLOY / "nginx.conf").read_text(), (DEPLOY / "Caddyfile").read_text()
    assert nginx.count("{") == nginx.count("}")
    assert "proxy_buffering off;" in nginx
    assert "flush_interval -1" in caddy
    for text in (nginx, caddy):
        assert re.search(r"X-Forwarded-For (\$remote_addr|{remote_host})", text), "a client names no address itself"
