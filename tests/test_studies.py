"""Studies go on where they were, count as the formulas say, and their pages say what their tables say."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from benchmarks.report import BEGIN, END, marks
from scipy.special import beta
from scipy.stats import binom
from studies import documents, honesty, honesty_figures, markets, rows
from studies.documents import documents_rule, documents_stage
from studies.rows import RowFile, made_by, seconds_left, work_off
from studies.shares import clopper_pearson, randomised_p, shown_share, uniformity
from studies.simulated import Terms

from assay.engine import Costs, Execution, measure
from assay.market import Timeframe, resample
from assay.search import parse_space
from assay.sources import write_bars
from assay.sources.simulated import SimulatedMarket, simulate_market
from assay.strategies.liquidity_sweep import LiquiditySweep
from assay.training import Experiment, train

if TYPE_CHECKING:
    from assay.market import Bars

ROOT = Path(__file__).resolve().parents[1]


# --- rows


@dataclass
class Counted:
    """A work that remembers what it did."""

    done: list[int]

    def __call__(self, task: int) -> dict[str, Any]:
        self.done.append(task)
        return {"square": task * task, "unknown": math.nan, "seconds": 2.0}


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    file, work = RowFile(tmp_path / "rows.jsonl", "code"), Counted([])
    tasks = {f"task {n}": n for n in range(6)}
    few = {key: n for key, n in tasks.items() if n % 2}
    first = work_off(file, few, work, 1)
    with file.path.open("a") as torn:
        torn.write('{"key": "task 0", "squ')  # a kill in the middle of a write
    whole = work_off(file, tasks, work, 1)
    assert work.done == [1, 3, 5, 0, 2, 4]
    assert [row["square"] for row in whole] == [0, 1, 4, 9, 16, 25]
    assert whole[1::2] == first
    assert whole[0]["unknown"] is None
    assert len(file.path.read_text().splitlines()) == 6
    assert work_off(file, tasks, work, 1) == whole
    assert len(work.done) == 6


def test_rows_of_other_code_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    work_off(RowFile(path, "old"), {"a": 1}, Counted([]), 1)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"rows of other code or settings \(old; now new\)"):
        work_off(RowFile(path, "new"), {"b": 2}, Counted([]), 1)
    assert path.read_bytes() == before


def test_the_mark_of_the_code_follows_settings_and_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = made_by({"days": 365}, "simulated", "documents")
    assert mark == made_by({"days": 365}, "simulated", "documents")
    assert mark != made_by({"days": 364}, "simulated", "documents")
    for name in ("simulated", "documents"):
        (tmp_path / f"{name}.py").write_text((rows.STUDIES / f"{name}.py").read_text())
    monkeypatch.setattr(rows, "STUDIES", tmp_path)
    assert mark == made_by({"days": 365}, "simulated", "documents")
    (tmp_path / "documents.py").write_text("THRESHOLD = 1\n")
    assert mark != made_by({"days": 365}, "simulated", "documents")


def test_time_left_knows_slow_groups() -> None:
    done = [{"key": "slow 1", "seconds": 30.0}, {"key": "slow 2", "seconds": 50.0}, {"key": "fast 1", "seconds": 4.0}]
    group = {"slow": "slow", "fast": "fast", "new": "new"}
    left = seconds_left(done, ["slow 3", "fast 2", "new 1"], 2, lambda key: group[key.split()[0]])
    assert left == pytest.approx((40.0 + 4.0 + 28.0) / 2)
    assert math.isnan(seconds_left([], ["slow 1"], 2, str))


SLEEPER = """
import sys, time
sys.path.insert(0, {root!r})
from pathlib import Path
from studies.rows import RowFile, work_off
if __name__ == "__main__":
    sys.path.insert(0, {folder!r})
    from sleeper_work import sleep
    work_off(RowFile(Path({folder!r}) / "rows.jsonl", "x"), {{"a": 1, "b": 2}}, sleep, 2)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_workers_end_with_a_killed_study(tmp_path: Path) -> None:
    work = (
        "import os, time\nfrom pathlib import Path\n"
        "def sleep(task):\n    Path(__file__).with_name(f'{task}.pid').write_text(str(os.getpid()))\n"
        "    time.sleep(60)\n    return {}\n"
    )
    (tmp_path / "sleeper_work.py").write_text(work)
    (tmp_path / "main.py").write_text(SLEEPER.format(root=str(ROOT), folder=str(tmp_path)))
    pids = [tmp_path / "1.pid", tmp_path / "2.pid"]
    with subprocess.Popen([sys.executable, str(tmp_path / "main.py")], stderr=subprocess.DEVNULL) as study:
        assert waited_for(lambda: all(p.exists() and p.read_text() for p in pids))
        study.kill()
    assert waited_for(lambda: not any(Path(f"/proc/{p.read_text()}").exists() for p in pids), seconds=10)


def waited_for(condition: Any, seconds: float = 30) -> bool:
    import time

    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# --- shares and luck


def test_intervals_are_exact() -> None:
    assert clopper_pearson(0, 200) == pytest.approx((0.0, 1 - 0.025 ** (1 / 200)))
    assert clopper_pearson(50, 50) == pytest.approx((0.025 ** (1 / 50), 1.0))
    assert clopper_pearson(10, 100) == pytest.approx((0.0490, 0.1762), abs=5e-5)  # as tabulated
    assert shown_share(0, 0) == "-"
    assert shown_share(10, 100) == "10.0 % (4.9-17.6)"


def test_randomised_p_has_the_law_of_the_sequential_test() -> None:
    n, h = 39, 10
    outcomes = [(b, n, 1 / (n + 1)) for b in range(h)]
    # negative binomial mixed over a uniform chance of exceeding: C(m - 1, 9) B(11, m - 9)
    outcomes += [(h, m, math.comb(m - 1, h - 1) * float(beta(h + 1, m - h + 1))) for m in range(n, h - 1, -1)]
    reached = 0.0
    for b, done, chance in outcomes:
        assert randomised_p(b, done, 0.0) == pytest.approx(reached)
        reached += chance
        assert randomised_p(b, done, 1.0) == pytest.approx(reached)
        assert (1 + b) / (1 + done) >= reached - 1e-12  # what is reported is never smaller: it is valid
    assert reached == pytest.approx(1.0)


def test_uniformity_is_refused_where_p_is_too_small() -> None:
    rng = np.random.default_rng(5)

    def ended(chances: Any) -> tuple[list[int], list[int], list[int]]:
        exceedances, done = [], []
        for chance in chances:
            worse = np.cumsum(rng.random(199) < chance)
            stop = int(np.searchsorted(worse, 10)) + 1 if worse[-1] >= 10 else 199
            exceedances.append(int(worse[stop - 1]))
            done.append(stop)
        return exceedances, done, list(range(len(done)))

    assert uniformity(*ended(rng.random(300)))[1] > 0.01
    assert uniformity(*ended(rng.random(300) ** 1.5))[1] < 0.001


# --- the documents' rule


@pytest.mark.parametrize(
    ("profit", "sharpe", "trades", "fill", "adverse", "stage"),
    [
        (-0.1, 2.0, 200, 1.0, 0.0, "PAPER"), (0.0, 0.5, 29, 0.7, 0.0, "DISCOVERY"), (1.0, 0.49, 200, 1.0, 0.0, "PAPER"),
        (1.0, 2.0, 200, 0.69, 0.0, "PAPER"), (1.0, 2.0, 30, 1.0, 0.0, "VALIDATION"),
        (1.0, 2.0, 99, 1.0, 0.0, "VALIDATION"),
        (1.0, 1.6, 100, 1.0, 0.29, "MATURE"), (1.0, 1.5, 100, 1.0, 0.0, "VALIDATION"),
        (1.0, 1.6, 100, 1.0, 0.3, "VALIDATION"),
    ],
)  # fmt: skip
def test_the_documents_stages(
    profit: float, sharpe: float, trades: int, fill: float, adverse: float, stage: str
) -> None:
    assert documents_stage(profit, sharpe, trades, fill, adverse) == stage


def slow_documents_rule(experiment: Experiment, bars: Bars) -> dict[str, Any]:
    """Every combination replayed over all bars, the best one in windows counted by hand; with its flags."""
    evaluator = experiment.evaluator(bars)
    start, day = evaluator.warmup, 288
    points = experiment.grid_space
    names = list(points.values)
    every = [
        dict(zip(names, p, strict=True))
        for p in np.stack(np.meshgrid(*points.values.values(), indexing="ij"), -1).reshape(-1, len(names)).tolist()
    ]

    def of(values: Any, begin: int, end: int) -> dict[str, float]:
        return measure(evaluator.replay(bars, values, evaluator.span(begin, end)), bars)

    sharpe = [of(v, start, len(bars))["sharpe_ratio"] for v in every]
    best = every[int(np.nanargmax(sharpe))]
    train, test = [], []
    begin = start
    while begin + 97 * day <= len(bars):
        train.append(of(best, begin, begin + 60 * day))
        test.append(of(best, begin + 67 * day, begin + 97 * day))
        begin += 30 * day
    mean = {k: (np.mean([t[k] for t in train]), np.mean([t[k] for t in test])) for k in ("sharpe_ratio", "win_rate")}
    flags = []
    if mean["sharpe_ratio"][1] < 0.7 * mean["sharpe_ratio"][0]:
        flags.append(documents.OVERFIT[0])
    if mean["win_rate"][1] < 0.8 * mean["win_rate"][0]:
        flags.append(documents.OVERFIT[1])
    profit, trades = (sum(t[name] for t in test) for name in ("net_profit_pct", "total_trades"))
    return {
        "in_sample_sharpe": np.nanmax(sharpe),
        "train_sharpe": mean["sharpe_ratio"][0], "sharpe": mean["sharpe_ratio"][1],
        "net_profit_pct": profit / len(test), "trades": trades, "windows": len(test), "flags": flags,
    }  # fmt: skip


def test_the_documents_rule_is_what_a_slow_loop_says() -> None:
    choices = {
        "volume_spike_threshold": [1.5, 2.0],
        "min_level_touches": [1],
        "reversal_candles": [1, 2],
        "atr_multiplier_sl": [1.0, 3.0],
        "risk_reward_ratio": [2.0, 4.0],
    }
    seen, refused_by_flags = set(), 0
    for seed in (1, 8, 14, 34):
        bars = simulate_market(SimulatedMarket(days=160, seed=seed))
        space = parse_space(choices, LiquiditySweep.parameters)
        experiment = Experiment(LiquiditySweep(), space, execution=Execution(costs=Costs(fee=0.0, slippage=0.0)))
        row = documents_rule(experiment, bars)
        slow = slow_documents_rule(experiment, bars)
        flags = slow.pop("flags")
        assert row["flags"] == flags
        assert {name: row[name] for name in slow} == pytest.approx(slow)
        believed = documents_stage(slow["net_profit_pct"], slow["sharpe"], slow["trades"], 1.0, 0.0)
        assert row["stage"] == ("PAPER" if flags else believed)
        refused_by_flags += bool(flags) and believed != "PAPER"
        seen |= {row["stage"], *flags}
    assert seen == {"VALIDATION", "MATURE", "PAPER", *documents.OVERFIT}
    assert refused_by_flags


# --- the studies themselves


def test_the_same_seeds_in_every_cell() -> None:
    asked = honesty.tasks(Terms(), 3, 2)
    assert next(iter(asked)) == "zero 0 10000"
    seeds: dict[tuple[str, float], list[int]] = {}
    for task in asked.values():
        seeds.setdefault((task.costs, task.edge_r), []).append(task.seed)
    assert seeds == {
        (costs, edge): [10_000, 10_001] + ([10_002] if edge == 0 else [])
        for costs in ("zero", "exchange")
        for edge in (0.0, 0.1, 0.2, 0.4)
    }
    by_default = honesty.tasks(Terms(), 200, 50)["exchange 0.4 10000"].experiment()
    bars = simulate_market(SimulatedMarket(days=1))
    assert by_default.canonical(bars) == Experiment(LiquiditySweep()).canonical(bars)
    assert by_default.grid_space.size == 18_432


def test_honesty_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"words\n{BEGIN}\n{END}\nmore\n")
    given = ["--days", "80", "--permutations", "2", "--workers", "1", "--folder", str(tmp_path), "--edge-markets", "0"]
    assert honesty.main([*given, "--markets", "1", "--markdown", str(page)]) == 0
    told = capsys.readouterr()
    assert "0 of 2 rows are there" in told.err
    assert "2 of 2 rows" in told.err
    check_honesty(page.read_text(), cells=2, complete=False)
    kept = (tmp_path / "rows.jsonl").read_bytes()
    assert honesty.main([*given, "--markets", "1"]) == 0
    assert (tmp_path / "rows.jsonl").read_bytes() == kept
    with pytest.raises(SystemExit, match="rows of other code or settings"):
        honesty.main([*given, "--permutations", "3"])


def test_markets_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bars = simulate_market(SimulatedMarket(days=100, seed=3, symbol="BTC/USDT"))
    write_bars(tmp_path / "BINANCE_BTCUSDT_5m.parquet", bars)
    page = tmp_path / "page.md"
    page.write_text(f"words\n{BEGIN}\n{END}\nmore\n")
    given = [
        "--data",
        str(tmp_path),
        "--days",
        "90",
        "--permutations",
        "2",
        "--workers",
        "1",
        "--folder",
        str(tmp_path),
    ]
    assert markets.main([*given, "--markets", "BTC", "--markdown", str(page)]) == 0
    (table,) = tables(page.read_text())
    assert [(r["timeframe"], r["costs"]) for r in table] == [
        (timeframe, costs) for timeframe in ("5m", "15m", "1h") for costs in ("exchange", "maker")
    ]
    cheap = Execution(costs=Costs(fee=0.0002, slippage=0.0001))
    hourly = resample(bars, Timeframe.parse("1h"))
    assert hourly.time[-90 * 24] == bars.time[-1] + 300_000 - 90 * 86_400_000
    evidence = train(
        Experiment(LiquiditySweep(), execution=cheap, permutations=2, start_ms=int(hourly.time[-90 * 24])), hourly
    )
    kept = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    (row,) = (r for r in kept if r["key"] == "BTC 1h maker")
    assert row["stage"] == evidence.stage
    assert row["why"] == evidence.verdict.why_not_promoted
    assert row["trades"] == evidence.metrics["total_trades"]
    assert row["parameters"] == evidence.parameters
    with pytest.raises(SystemExit):
        markets.main([*given, "--markets", "BTC,ETH"])
    assert "no BINANCE_ETHUSDT_5m.parquet" in capsys.readouterr().err


# --- the pages


def tables(page: str, name: str = "figures") -> list[list[dict[str, str]]]:
    """Every table between the marks, by heading; each row has as many cells as the head."""
    begin, end = marks(name)
    figures = page.split(begin)[1].split(end, maxsplit=1)[0]
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", figures, flags=re.MULTILINE):
        head, rule, *body = [[c.strip() for c in line.strip("|").split("|")] for line in block.splitlines()]
        assert len(rule) == len(head)
        assert set("".join(rule)) <= set("-: ")
        assert all(len(line) == len(head) for line in body)
        found.append([dict(zip(head, line, strict=True)) for line in body])
    return found


SHARE = re.compile(r"([\d.]+) % \(([\d.]+)-([\d.]+)\)")


def check_share(cell: str, n: int) -> int:
    """A share is a whole number of markets, with the interval of that number; return it."""
    match = SHARE.fullmatch(cell)
    assert match, cell
    percent, low, high = map(float, match.groups())
    hits = round(percent * n / 100)
    assert percent == pytest.approx(100 * hits / n, abs=0.051)
    assert (low, high) == pytest.approx([100 * limit for limit in clopper_pearson(hits, n)], abs=0.051)
    return hits


def check_honesty(page: str, cells: int, *, complete: bool) -> None:
    """The page's tables agree with each other and with the sentence above them."""
    shares, asked, luck = tables(page)
    assert len(shares) == cells
    what = list(honesty_figures.REACHED)
    hits: dict[tuple[str, str, str], tuple[int, int]] = {}
    for line in shares:
        n = int(line["markets"].replace(",", ""))
        for name in (*what, *(f"documents: {w}" for w in what)):
            hits[line["costs"], line["edge R"], name] = check_share(line[name], n), n
        assert hits[line["costs"], line["edge R"], "MATURE"] <= hits[line["costs"], line["edge R"], what[0]]
    measured = {(line["costs"], line["edge R"]): line for line in shares}
    met = 0
    for line in asked:
        met += line["met"] == "yes"
        if match := re.fullmatch(r"(?:no edge|edge ([\d.]+) R), (.*(?:MATURE|better|money))", line["goal"]):
            edge, name = match[1] or "0", match[2]
            assert line["measured"] == measured[line["costs"], edge][name]
            k, n = hits[line["costs"], edge, name]
            limit = float(line["asked"].split()[-2])
            # so few would be improbable if the share were the one that is asked
            believable = binom.cdf(k, n, limit / 100) >= 0.025
            holds = 100 * k <= limit * n if line["asked"].startswith("at most") else believable
            assert (line["met"] == "yes") == holds, line
        else:
            (found,) = (row for row in luck if row["costs"] == line["costs"])
            assert float(found["KS p"]) == pytest.approx(float(line["measured"]), rel=0.01, abs=0.001)
    if complete:
        assert len(asked) == 14
    sentence = page.split(BEGIN)[1].strip().splitlines()[0]
    told = re.findall(r"([\d.]+) % at (zero|exchange) costs", sentence)
    expected = [
        (SHARE.fullmatch(measured[costs, "0"][name])[1], costs)  # type: ignore[index]
        for name in (what[0], f"documents: {what[0]}")
        for costs in ("zero", "exchange")
    ]
    assert told == expected
    assert sentence.endswith(f"{met} of {len(asked)} goals are met.")


def test_the_page_of_honesty_agrees_with_itself() -> None:
    check_honesty((ROOT / "docs" / "honesty.md").read_text(), cells=8, complete=True)


def test_the_page_of_markets_is_whole() -> None:
    page = (ROOT / "docs" / "markets.md").read_text()
    (table,) = tables(page)
    assert len(table) % 6 == 0
    stages = [line["stage"] for line in table]
    sentence = page.split(BEGIN)[1].strip().splitlines()[0]
    assert sentence.startswith(f"{len(table)} trainings: ")
    counted = (part.split() for part in sentence.removesuffix(".").split(": ")[1].split(", "))
    assert {stage: int(n) for n, stage in counted} == {stage: stages.count(stage) for stage in stages}
