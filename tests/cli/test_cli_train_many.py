"""`assay train` over many stored markets: a job that failures, kills and interruptions cannot harm."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from assay.cli.output import Output
from assay.cli.training_results import show_job
from assay.compiled import CACHE_DIRECTORY
from assay.market import Market, Timeframe
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.store import BarStore, Database, Registry, schema
from assay.store.bars import present
from assay.store.database import now_ms
from assay.store.jobs import JobStore
from assay.store.ledger import Ledger

if TYPE_CHECKING:
    from cli.conftest import Assay

SYMBOLS = ("AAA/USDT", "BBB/USDT", "CCC/USDT")
TRAIN = (
    "train", "--exchange", "sim", "--symbol", ",".join(SYMBOLS), "--timeframe", "15m", "--permutations", "5",
    "--train-days", "20", "--test-days", "10", "--offline",
)  # fmt: skip


def stored(path: Path) -> Database:
    """Three small markets in a database."""
    database = Database.open(path)
    store = BarStore(database)
    for seed, symbol in enumerate(SYMBOLS):
        bars = simulate_market(SimulatedMarket(days=70, timeframe="15m", seed=seed))
        store.write(replace(bars.market, exchange="sim", symbol=symbol), present(bars), source="test", at_ms=1)
    return database


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "markets.db"
    stored(path).close()
    return path


@pytest.fixture
def database_file(markets: Path, tmp_path: Path) -> Path:
    """A copy of the three markets."""
    path = tmp_path / "assay.db"
    path.write_bytes(markets.read_bytes())
    return path


def documents(path: Path) -> dict[str, str]:
    """Every configuration by its experiment, without what the time of its job decides."""
    database = Database.open(path)
    query = sa.select(schema.trained_configurations.c.config_json)
    found = database.read(lambda c: c.execute(query).scalars().all())
    database.close()
    out = {}
    for document in found:
        digest = document["provenance"]["experiment_digest"]
        assert digest not in out, "a task had two effects"
        out[digest] = json.dumps(document | {"configId": "", "createdAt": ""}, sort_keys=True)
    return out


def trials(path: Path) -> list[str]:
    database = Database.open(path)
    entries = [entry["experiment_digest"] for entry in Ledger(database).entries()]
    database.close()
    return sorted(entries)


def environment(path: Path) -> dict[str, str]:
    return {**os.environ, "ASSAY_DATABASE_URL": str(path), "NUMBA_CACHE_DIR": str(CACHE_DIRECTORY)}


def alive(parent: int) -> list[int]:
    """Processes that a command has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"--parent\0{parent}\0".encode() in command and state != "Z":
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def uninterrupted(markets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an uninterrupted job."""
    path = tmp_path_factory.mktemp("expected") / "assay.db"
    path.write_bytes(markets.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "assay", *TRAIN, "--json"], env=environment(path), check=True, stdout=subprocess.PIPE
    )
    document = json.loads(done.stdout)
    assert [t["status"] for t in document["tasks"]] == ["completed"] * 3
    assert document["status"] == "completed"
    found = documents(path)
    assert sorted(found) == trials(path) == sorted(t["experiment_digest"] for t in document["tasks"])
    return path


@pytest.fixture(scope="module")
def expected(uninterrupted: Path) -> dict[str, str]:
    """What an uninterrupted job saves; those that are killed have to save the same."""
    return documents(uninterrupted)


def test_masks_are_saved_with_the_digest_of_the_bars(uninterrupted: Path) -> None:
    database = Database.open(uninterrupted)
    c = schema.trained_configurations.c
    rows = database.read(lambda x: x.execute(sa.select(c.pair, c.data_filter_config)).all())
    for pair, kept in rows:
        bars = BarStore(database).read(Market("sim", pair, Timeframe.parse("15m"), "spot", None))
        assert (kept["data_digest"], kept["passes"], kept["override"]) == (bars.digest, True, False)
        used = slice(len(bars) - kept["report"]["expected"], None)  # the bars before it warm the indicators up
        assert 0 < used.start < len(bars) // 10
        assert kept["after"]["bars"] == int((bars.valid & ~bars.absent)[used].sum())
        assert kept["after"]["masked"] == kept["before"]["bars"] - kept["after"]["bars"] >= 0
    registry = Registry(database)
    for found in registry.find():
        drawn = registry.figures(found.config_id)
        assert drawn is not None
        assert len(drawn["trades"]["R"]) == found.document["metrics"]["total_trades"]
    database.close()


def test_every_market_is_saved_with_its_context(expected: dict[str, str]) -> None:
    contexts = [json.loads(text)["context"] for text in expected.values()]
    assert sorted(c["pair"] for c in contexts) == sorted(SYMBOLS)
    assert {(c["exchange"], c["timeframe"]) for c in contexts} == {("sim", "15m")}


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_job_goes_on_to_the_same_configurations(
    database_file: Path, expected: dict[str, str], seed: int
) -> None:
    """The command, or one of its workers, dies at a random moment."""
    rng = random.Random(seed)
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", *TRAIN, "--quiet"], env=environment(database_file), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not alive(process.pid) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    time.sleep(rng.uniform(0.0, 3.0))
    victims = alive(process.pid)
    if seed == 0 and victims:  # a worker: the command replaces it and ends well
        os.kill(victims[0], signal.SIGKILL)
        assert process.wait(timeout=120) == 0
    else:
        process.send_signal(signal.SIGKILL)
        process.wait()
        until = time.monotonic() + 20
        while alive(process.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert not alive(process.pid), "a worker outlived its command"
        before = documents(database_file)
        assert before.items() <= expected.items()
        assert sorted(before) == trials(database_file)
        command = [sys.executable, "-m", "assay", "train", "--resume", "--quiet"]
        resumed = subprocess.run(command, env=environment(database_file), check=False, stdout=subprocess.DEVNULL)
        assert resumed.returncode == (2 if len(before) == 3 else 0)
    assert documents(database_file) == expected
    assert trials(database_file) == sorted(expected)


def test_one_that_fails_does_not_stop_the_others(assay: Assay, database_file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from assay.strategies.liquidity_sweep import LiquiditySweep\n\n\nclass Broken(LiquiditySweep):\n"
        '    """Divides by nothing."""\n\n    name = "BROKEN"\n\n'
        "    def setups(self, bars, side, shape):\n        return 1 / 0\n"
    )
    ran = assay(
        *TRAIN[:3], "--symbol", "AAA/USDT,ZZZ/USDT", *TRAIN[5:], "--strategy", f"LIQUIDITY_SWEEP,{broken}:Broken",
        "--database", database_file, "--json",
    )  # fmt: skip
    assert ran.code == 1
    document = ran.document
    assert [(t["status"], t["strategy"].rpartition(":")[2]) for t in document["tasks"]] == [
        ("completed", "LIQUIDITY_SWEEP"),
        ("failed", "Broken"),
    ]
    assert "raised ZeroDivisionError" in document["tasks"][1]["error"]
    (left,) = document["left_out"]
    assert left["market"] == "ZZZ/USDT 15m on sim"
    assert "is not stored" in left["reason"]


def test_a_coarser_timeframe_is_trained_on_finer_bars(assay: Assay, database_file: Path) -> None:
    ran = assay(
        "train", "--exchange", "sim", "--symbol", "AAA/USDT", "--timeframe", "15m,1h", *TRAIN[7:], "--database",
        database_file, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.out
    assert [(t["market"], t["status"]) for t in ran.document["tasks"]] == [
        ("sim AAA/USDT 15m", "completed"),
        ("sim AAA/USDT 1h", "completed"),
    ]


def test_a_longest_run_time_keeps_what_is_done_and_the_rest_goes_on_under_another(
    assay: Assay, database_file: Path, expected: dict[str, str]
) -> None:
    ran = assay(*TRAIN, "--database", database_file, "--max-runtime", "0", "--json")
    assert ran.code == 1
    assert ran.document["status"] == "cancelled"
    assert "pending" in {t["status"] for t in ran.document["tasks"]}
    assert documents(database_file).items() < expected.items()
    ran = assay("train", "--resume", "--max-runtime", "0", "--database", database_file, "--json")
    assert ran.document["status"] == "cancelled"
    ran = assay("train", "--resume", "--database", database_file, "--json")
    assert (ran.code, ran.document["status"]) == (0, "completed")
    assert documents(database_file) == expected


def test_bars_that_changed_are_not_trained_on(assay: Assay, database_file: Path) -> None:
    """A job holds on to the bars that it was made of."""
    assert assay(*TRAIN, "--database", database_file, "--max-runtime", "0", "--quiet").code == 1
    database = Database.open(database_file)
    store, jobs = BarStore(database), JobStore(database)
    held = store.find("sim", "AAA/USDT", store.markets()[0].market.timeframe)
    assert held is not None
    bars = store.read(held)
    store.delete(held, int(bars.time[100]), int(bars.time[120]))
    job = str(database.read(lambda c: c.execute(sa.select(schema.training_jobs.c.id)).scalar()))
    free = sa.update(schema.training_tasks).values(status="pending")
    database.write(lambda c: c.execute(free))
    database.write(lambda c: c.execute(sa.update(schema.training_jobs).values(status="running", stop_at=None)))
    assert jobs.unfinished() == job
    database.close()
    ran = assay("train", "--resume", job, "--database", database_file, "--json")
    assert ran.code == 1
    errors = [t["error"] for t in ran.document["tasks"]]
    assert "its stored bars have changed since the job was made" in errors[0]
    assert errors[1:] == [None, None]


def test_a_task_of_a_machine_that_is_gone_is_begun_again_when_its_lease_ends(assay: Assay, database_file: Path) -> None:
    one = (*TRAIN[:3], "--symbol", "AAA/USDT", *TRAIN[5:], "--database", database_file)
    assert assay(*one, "--max-runtime", "0", "--quiet").code == 1
    database = Database.open(database_file)
    lease = {"status": "running", "lease_owner": "elsewhere:1", "lease_expires_at": now_ms() + 4000, "attempts": 1}
    job = {"status": "running", "stop_at": now_ms() + 90_000, "completed_at": None}
    database.write(lambda c: c.execute(sa.update(schema.training_tasks).values(**lease)))
    database.write(lambda c: c.execute(sa.update(schema.training_jobs).values(**job)))
    ran = assay("train", "--resume", "--database", database_file, "--json")
    assert ran.code == 0, ran.err
    (task,) = database.read(lambda c: c.execute(sa.select(schema.training_tasks)).all())
    assert (task.status, task.attempts) == ("completed", 2)
    assert task.started_at > lease["lease_expires_at"]
    database.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C in another way")
@pytest.mark.usefixtures("uninterrupted")  # kernels are compiled by now
def test_ctrl_c_gives_tasks_back_uncounted(database_file: Path, tmp_path: Path) -> None:
    """In a folder whose files have the names of modules that Python and NumPy import."""
    for name in ("numbers", "random", "json", "platform"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('data, not a module')\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", *TRAIN, "--evidence", "thorough"], env=environment(database_file), cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    database = Database.open(database_file)
    query = sa.select(schema.training_tasks).where(schema.training_tasks.c.status == "running")
    deadline = time.monotonic() + 60
    while not database.read(lambda c: c.execute(query).all()) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.count("interrupted") == 1
    rows = database.read(lambda c: c.execute(sa.select(schema.training_tasks)).all())
    assert {(row.status, row.attempts, row.lease_owner) for row in rows} == {("pending", 0, None)}
    database.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "exactly one of them says what to train on"),
        (("--exchange", "sim"), "are given together"),
        (("--exchange", "sim", "--symbol", "AAA/USDT,,BBB/USDT"), "separated by commas"),
        (
            ("--exchange", "sim", "--symbol", "ZZZ/USDT", "--offline"),
            "assay: --symbol: ZZZ/USDT 5m on sim: is not stored",
        ),
        (
            ("--exchange", "sim", "--symbol", "AAA/USDT", "--offline"),
            "assay: --symbol: AAA/USDT 5m on sim: is not stored; stored are 15m. Give --timeframe 15m",
        ),
        (
            ("--exchange", "sim", "--symbol", "AAA/USDT", "--timeframe", "2h", "--offline"),
            "assay: --symbol: AAA/USDT 2h on sim: timeframe: must be one of 1m, 5m, 15m, 1h, 4h, 1d to be stored",
        ),
        (("--exchange", "sim", "--symbol", "AAA/USDT", "--executor", "dsk"), "Did you mean 'dask'?"),
        (("--exchange", "sim", "--symbol", "AAA/USDT", "--executor", "dask"), "--address: must be given with"),
        (("--exchange", "sim", "--symbol", "AAA/USDT", "--address", "tcp://a:1"), "give --executor dask too"),
        (("--file", "any.csv", "--executor", "dask", "--address", "tcp://a:1"), "a file is trained by this process"),
        (("--resume",), "there is no unfinished job"),
        (("--resume", "nothing"), "there is none with this id"),
    ],
)
def test_what_cannot_be_meant_is_told(
    assay: Assay, database_file: Path, arguments: tuple[str, ...], words: str
) -> None:
    ran = assay("train", *arguments, "--database", database_file)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count(words) == ran.err.count("\n") == 1


def test_a_reason_of_several_markets_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the ids are short forms that stand for one configuration of all that are stored."""
    monkeypatch.setenv("COLUMNS", "100")
    ids = [f"LIQUIDITY_SWEEP_V3_20261130_15241{n}_1f4afc" for n in (7, 1)]
    task = {"strategy": "S", "status": "completed", "error": None, "stage": "PAPER", "why_not_promoted": "no gain."}
    tasks = [{**task, "market": "sim A"}, {**task, "market": "sim B", "config_id": ids[0]}]
    show_job(Output(), {"tasks": tasks, "tried": [], "left_out": [], "seconds": 1.0}, ids)
    lines = capsys.readouterr().out.splitlines()
    assert "sim A S, PAPER; sim B S, PAPER: no gain." in lines
    assert any(line.endswith(" 7_1f4afc") for line in lines)


def test_a_file_is_counted_in_the_ledger(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    """The second experiment on the same days is told to be the second; the same one again is not."""
    command = ("train", "--file", market_file, "--permutations", "0", "--train-days", "15", "--test-days", "5")
    options = ("--out", tmp_path / "out", "--database", tmp_path / "ledger.db", "--json")
    counts = [
        assay(*command, *more, *options).document["ledger"]["experiments"]
        for more in ((), (), ("--side", "long"), ("--seed", "1"))
    ]
    assert counts == [1, 1, 2, 3]
    registry = Registry(Database.open(tmp_path / "ledger.db"))
    assert all(registry.figures(found.config_id) for found in registry.find())
    shown = assay("ledger", "--database", tmp_path / "ledger.db", "--json").document
    assert [row["experiments_on_these_days"] for row in shown["experiments"]] == [3, 3, 3]


def test_a_sweep_and_a_stream_are_searches_too(assay: Assay, market_file: Path, tmp_path: Path) -> None:
    command = ("sweep", "--file", market_file, "--days", "20", "--database", tmp_path / "ledger.db", "--quiet")
    for more in ((), ("--threads", "1"), ("--stream", "--home", tmp_path / "home"), ("--side", "long")):
        assert assay(*command, *more).code == 0
    rows = assay("ledger", "--database", tmp_path / "ledger.db", "--json").document["experiments"]
    assert [row["combinations"] for row in rows] == [18_432, 18_432]
    assert all(row["experiments_on_these_days"] == 2 for row in rows)
