"""What the page of jobs says of a job, a worker, a line of a log and an estimate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from assay.api.models.training import JobStatusBody, LogLine, TaskProgress, TaskRow
from assay.market import Market, Timeframe
from assay.service.estimate_parts import DataHeld, Estimate, TaskEstimate, total_of
from assay.store.schema import JobStatus
from assay.studio.job_cards import share_done
from assay.studio.jobs.detail import has_something_left, line_words, ran_s
from assay.studio.jobs.queue import QueueFilter
from assay.studio.jobs.workers import seen_words
from assay.studio.training.estimate_box import MOST_SENTENCES, sentences
from assay.training.train import STAGES_OF_WORK

MARKET = Market("binance", "BTC/USDT", Timeframe.parse("5m"))


def task(number: int, status: JobStatus, progress: TaskProgress | None = None) -> TaskRow:
    return TaskRow(
        number=number, work="train", market="m", strategy="S", status=status, attempts=1, worker=None,
        progress=progress, config_id=None, error=None, started_at=None, completed_at=None,
    )  # fmt: skip


def job(tasks: list[TaskRow], **terms: Any) -> JobStatusBody:
    counted = {
        f"{name}_combinations": sum(one.status == name for one in tasks) for name in ("completed", "failed")
    }  # fmt: skip
    fields: dict[str, Any] = {
        "id": "j", "user": "ann", "strategy_name": "S", "status": JobStatus.RUNNING, "priority": 0, "parent_id": None,
        "total_combinations": len(tasks), "configurations_created": 0, "best_net_profit": None, "created_at": 1,
        "started_at": None, "completed_at": None, "stop_at": None, "error_message": None, "request": None,
        "max_runtime": None, "left_out": [], "rate": None, "eta_s": None, "tasks": tasks,
    }  # fmt: skip
    return JobStatusBody(**(fields | counted | terms))


def test_the_bar_of_a_job_never_goes_back_while_its_stages_pass() -> None:
    shares = []
    for stage in ("fetching bars", *STAGES_OF_WORK):
        for done in range(4):
            progress = TaskProgress(stage=stage, done=done, total=3, rate=None)
            shares.append(share_done(job([task(0, JobStatus.COMPLETED), task(1, JobStatus.RUNNING, progress)])))
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.5, 1.0)
    assert share_done(job([])) == 0.0


def test_what_can_be_taken_up_is_what_is_not_completed() -> None:
    assert not has_something_left(job([task(0, JobStatus.COMPLETED)]))
    for status in (JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.PENDING):
        assert has_something_left(job([task(0, JobStatus.COMPLETED), task(1, status)]))


@pytest.mark.parametrize(
    ("started", "completed", "seconds"),
    [(None, None, None), (2_000, None, 8.0), (2_000, 5_000, 3.0), (20_000, None, 0.0)],
)
def test_a_job_runs_from_its_first_task_to_its_end(
    started: int | None, completed: int | None, seconds: float | None
) -> None:
    assert ran_s(job([], started_at=started, completed_at=completed), 10_000) == seconds


def test_a_line_says_when_how_bad_and_of_which_task() -> None:
    at = 1_767_323_045_000  # 2026-01-02T03:04:05Z
    plain = LogLine(id=1, at=at, level="info", message="said", task=None)
    assert line_words(plain) == "2026-01-02 03:04:05: said"
    assert (
        line_words(plain.model_copy(update={"level": "error", "task": 3})) == "2026-01-02 03:04:05 ERROR task 3: said"
    )


@pytest.mark.parametrize(
    ("ago", "words"),
    [(0, "just now"), (-500, "just now"), (34_000, "30 s ago"), (119_000, "1 min ago"), (7_500_000, "2 h ago")],
)
def test_a_worker_was_seen_so_long_ago(ago: int, words: str) -> None:
    assert seen_words(10**12 - ago, 10**12) == words


def test_a_filter_of_an_address_takes_what_it_knows() -> None:
    known = QueueFilter.of("running", "LIQUIDITY_SWEEP", "mine")
    assert known.query() == {"state": "running", "strategy": "LIQUIDITY_SWEEP", "owner": "mine"}
    assert set(QueueFilter.of("dancing", None, "hers").query().values()) == {None}


def test_an_estimate_says_each_sentence_once_and_of_which_market_where_they_differ() -> None:
    one = TaskEstimate(MARKET, "S", DataHeld(days=365.0, missing_days=30.0), 10, windows=9, notes=("gap raised",))
    other = replace(one, market=replace(MARKET, symbol="ETH/USDT"))
    said = sentences(estimate(one, other))
    assert [kind for text, kind in said if "never fetched" in text] == ["muted"]
    assert [text for text, _ in said].count("gap raised") == 1
    assert not [text for text, _ in said if "validation window" in text], "it stands at its field"
    shorter = replace(other, data=DataHeld(days=180.0), windows=3)
    windows = [text for text, _ in sentences(estimate(one, shorter)) if "validation window" in text]
    assert len(windows) == 2
    assert windows[0].startswith("\N{INFORMATION SOURCE} BTC/USDT 5m · binance: With 12 months of data, this creates 9")


def test_what_differs_by_strategy_names_the_strategy() -> None:
    one = TaskEstimate(MARKET, "S", DataHeld(days=365.0), 10, windows=9)
    other = replace(one, market=replace(MARKET, symbol="ETH/USDT"))
    tasks = [
        replace(task, strategy=name, windows=count) for task in (one, other) for name, count in (("S", 9), ("T", 8))
    ]
    windows = [text.split(":")[0] for text, _ in sentences(estimate(*tasks))]
    assert windows == ["\N{INFORMATION SOURCE} S", "\N{INFORMATION SOURCE} T"]


def test_many_that_are_left_out_are_counted() -> None:
    refused = TaskEstimate(MARKET, "S", DataHeld(), 10, refused="is not stored. Give --timeframe 1h")
    many = [replace(refused, market=replace(MARKET, symbol=f"COIN{number}/USDT")) for number in range(20)]
    said = sentences(estimate(*many))
    assert len(said) == MOST_SENTENCES + 1
    assert said[0] == ("COIN0/USDT 5m · binance is left out: is not stored. Choose the timeframe 1h", "warn")
    assert said[-1][0] == f"and {20 - MOST_SENTENCES} more: see each training below"


def estimate(*tasks: TaskEstimate) -> Estimate:
    return Estimate(tasks, total_of(tasks, 1))
