"""Tasks of a job: one effect each, however often they are begun and by whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from assay.errors import ConflictError, NotFoundError
from assay.service.leases import SilentLeases
from assay.service.versions import CODE_VERSION, may_run
from assay.store import Database, schema
from assay.store.events import EventKind, EventStore
from assay.store.job_numbers import PREPARE
from assay.store.jobs import JobStore, NewJob
from assay.store.queue import TaskQueue
from assay.store.queue_terms import LEASE_MS, MAX_ATTEMPTS
from assay.store.reaping import Reaper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from assay.store.tasks import Task

NEW = NewJob(id="job", config={}, digest="d", strategy="S", user="me", seed=1, created_ms=10)


class Queue:
    """Jobs and their queue, whose clock a test sets."""

    def __init__(self, database: Database, specs: Sequence[dict[str, Any]], new: NewJob = NEW) -> None:
        self.database, self.now = database, 100
        self.jobs, self.queue = JobStore(database, self.clock), TaskQueue(database, self.clock)
        self.reaper, self.events = Reaper(database, self.clock), EventStore(database, self.clock)
        self.jobs.create(new, specs)

    def clock(self, _: Connection) -> int:
        return self.now

    def at(self, now: int) -> TaskQueue:
        self.now = now
        return self.queue

    def claimed(self, owner: str = "me", now: int | None = None) -> Task:
        task = self.at(self.now if now is None else now).claim(owner)
        assert task is not None
        return task

    def row(self, number: int = 0) -> dict[str, Any]:
        return self.jobs.tasks("job")[number]


@pytest.fixture
def q(database: Database) -> Queue:
    return Queue(database, [{"number": i} for i in range(5)])


def mark(number: int) -> dict[str, object]:
    return {"job_id": "job", "at": number, "kind": "log", "body": {"effect": number}}


def effects(q: Queue) -> list[int]:
    return [e.body["effect"] for e in q.events.after("job", 0) if "effect" in e.body]


def states(q: Queue) -> list[str]:
    return [e.body["status"] for e in q.events.after("job", 0, kinds=[EventKind.STATE])]


def test_tasks_are_taken_in_order_and_once(q: Queue) -> None:
    assert [q.claimed(f"worker {i}").number for i in range(5)] == [0, 1, 2, 3, 4]
    assert q.queue.claim("another") is None
    assert q.jobs.state("job").status == "running"
    assert states(q) == ["pending", "running"]


def test_two_workers_never_share_a_task(q: Queue) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda i: q.claimed(f"worker {i}").number, range(5)))
    assert sorted(taken) == [0, 1, 2, 3, 4]


def test_a_worker_whose_answer_was_lost_gets_its_task_again(q: Queue) -> None:
    """And does not leave the first one behind; a worker started anew is another one, whatever it is called."""
    first = q.claimed("start 1 of worker a", 100)
    again = q.claimed("start 1 of worker a", 200)
    assert (again.number, again.token, again.attempts) == (first.number, first.token, 1)
    assert q.claimed("start 2 of worker a", 300).number == 1


def test_the_most_urgent_job_is_first(q: Queue) -> None:
    for i, (priority, at) in enumerate(((0, 5), (3, 30), (3, 20))):
        q.jobs.create(replace(NEW, id=f"other {i}", priority=priority, created_ms=at), [{}])
    assert [q.claimed(f"w{i}").job for i in range(5)] == ["other 2", "other 1", "other 0", "job", "job"]


def test_a_key_makes_one_job(q: Queue) -> None:
    new = replace(NEW, id="a", key="k")
    assert q.jobs.create(new, [{}]) == "a"
    assert q.jobs.create(replace(new, id="b"), [{}, {}]) == "a"
    assert q.jobs.state("a").total == 1
    assert q.jobs.create(replace(new, id="c", user="you"), [{}]) == "c"
    assert q.jobs.with_key("me", "k") == "a"
    assert q.jobs.with_key("me", "other") is None


def test_a_result_and_its_effects_are_written_together(q: Queue) -> None:
    task = q.claimed()

    def broken(c: Connection) -> None:
        c.execute(sa.insert(schema.training_events).values(**mark(task.number)))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        q.queue.complete(task, {"x": 1}, broken)
    assert effects(q) == []
    assert q.row()["status"] == "running"
    result = {"net_profit": 5.0, "config_id": "C"}
    for _ in range(2):  # the second time as if the answer to the first commit had been lost
        assert q.queue.complete(
            task, result, lambda c: c.execute(sa.insert(schema.training_events).values(**mark(task.number)))
        )
    assert effects(q) == [0]
    state = q.jobs.state("job")
    assert (state.over, state.configurations, state.best_net_profit) == (1, 1, 5.0)
    for profit, best in ((7.0, 7.0), (-1.0, 7.0), (None, 7.0)):
        q.queue.complete(q.claimed(), {"net_profit": profit})
        assert q.jobs.state("job").best_net_profit == best


def test_a_lost_lease_writes_nothing(q: Queue) -> None:
    slow = q.claimed("slow", 100)
    assert q.at(200).renew(slow)
    fast = q.claimed("fast", 200 + LEASE_MS + 1)
    assert (fast.number, fast.attempts) == (slow.number, 2)
    late = q.queue
    assert not late.renew(slow)
    assert not late.goes_on(slow)
    assert not late.progress(slow, {"stage": "search"})
    assert not late.complete(slow, {}, lambda c: c.execute(sa.insert(schema.training_events).values(**mark(1))))
    assert not late.fail(slow, "late")
    assert not late.leave(slow)
    assert not late.expand(slow, [{}], {})
    assert effects(q) == []
    assert q.row()["progress"] is None
    assert q.queue.complete(fast, {})
    assert not q.queue.complete(slow, {})


def test_a_task_that_kills_its_workers_is_given_up_with_their_last_words(q: Queue) -> None:
    for i in range(MAX_ATTEMPTS):
        assert q.claimed(f"worker {i}").number == 0
        assert q.queue.release([f"worker {i}"], "was ended by signal 9 (SIGKILL)") == 1
    assert q.claimed("another").number == 1
    assert q.reaper.reap() == []
    first = q.row()
    why = f"the worker died {MAX_ATTEMPTS} times on this task, the last time it was ended by signal 9 (SIGKILL)"
    assert (first["status"], first["error_message"]) == ("failed", why)
    (told,) = q.events.after("job", 0, kinds=[EventKind.LOG])
    assert (told.task, told.body) == (0, {"level": "error", "message": why})
    assert q.jobs.state("job").counts == {"failed": 1, "running": 1, "pending": 3}


def test_a_job_whose_last_task_killed_its_workers_ends(database: Database) -> None:
    """By whoever looks: nobody has to ask for a task of it."""
    q = Queue(database, [{}])
    for i in range(MAX_ATTEMPTS):
        q.claimed(f"w{i}", 100 + i * (LEASE_MS + 1))
    q.at(10**7)
    q.reaper.reap()
    assert (q.jobs.state("job").status, states(q)[-1]) == ("failed", "failed")


def test_who_is_interrupted_gives_its_task_back_uncounted(q: Queue) -> None:
    """Interrupted more often than a worker may die on a task, it is still begun again, and by a later lease."""
    other = q.claimed("other")
    for i in range(MAX_ATTEMPTS + 1):
        task = q.claimed("me", 100 + i)
        assert (task.number, task.attempts, task.token) == (1, 1, i + 1)
        assert q.queue.leave(task) if i % 2 else q.queue.give_back(["me"]) == 1
    assert q.queue.give_back(["me"]) == q.queue.give_back([]) == 0
    assert not q.queue.complete(task, {})
    row = q.row(1)
    assert (row["status"], row["attempts"], row["lease_owner"], row["lease_expires_at"]) == ("pending", 0, None, None)
    assert q.queue.renew(other)


def test_the_file_of_a_task_that_kills_its_workers_is_named(database: Database) -> None:
    q = Queue(database, [{"strategy": "mine.py:Mine"}])
    for _ in range(MAX_ATTEMPTS):
        q.claimed()
        q.queue.release(["me"])
    assert q.queue.claim("me") is None
    q.reaper.reap()
    assert "on this task: mine.py:Mine ends the process that it runs in" in q.row()["error_message"]


def test_a_lease_that_nobody_renews_is_freed_whatever_the_clock_says(database: Database) -> None:
    """Here the clock of the database jumps back by an hour after the lease was written."""
    q, clock = Queue(database, [{}]), [0.0]
    task = q.claimed("elsewhere", 3_700_000)
    q.at(100)
    seen: list[str] = []
    leases = SilentLeases(q.queue, lambda: clock[0], on_new=lambda lease: seen.append(lease.owner))
    leases.watch()
    clock[0] = 50.0
    assert q.at(50_000).renew(task)
    q.at(100)
    for clock[0] in (60.0, 100.0, 124.0):
        assert leases.watch() == 0
        assert not q.queue.claimable("job")
    clock[0] = 126.0
    assert leases.watch() == 1
    assert q.queue.claimable("job") == 1
    assert q.row()["attempts"] == 1  # its worker died
    assert seen == ["elsewhere"]


def test_a_task_is_claimable_until_it_is_leased_and_again_when_its_worker_has_been_silent_for_too_long(
    q: Queue,
) -> None:
    assert q.queue.claimable("job") == 5
    task = q.claimed("of a machine that is gone", 100)
    assert q.at(100 + LEASE_MS).claimable("job") == 4
    assert q.at(101 + LEASE_MS).claimable("job") == 5
    assert q.at(200).renew(task)
    assert q.at(101 + LEASE_MS).claimable("job") == 4
    assert q.at(300).complete(task, {})
    assert q.at(301 + 2 * LEASE_MS).claimable("job") == 4
    assert q.queue.claimable("other") == 0


def test_a_failure_does_not_stop_the_others(q: Queue) -> None:
    q.queue.fail(q.claimed(), "no bars")
    while (task := q.queue.claim("me")) is not None:
        q.queue.complete(task, {})
    state = q.jobs.state("job")
    assert (state.status, state.counts) == ("completed", {"completed": 4, "failed": 1})
    assert q.jobs.unfinished() is None
    assert states(q) == ["pending", "running", "completed"]


def test_a_cancelled_job_keeps_what_is_done_and_stops_what_runs(q: Queue) -> None:
    q.queue.complete(q.claimed(), {})
    running, held = q.claimed("one"), q.claimed("dead")
    assert q.jobs.unfinished() == "job"
    q.jobs.cancel("job")
    assert q.jobs.state("job").counts == {"completed": 1, "running": 2, "cancelled": 2}
    assert not q.queue.goes_on(running)
    assert not q.queue.renew(running)
    assert q.queue.claim("me") is None
    assert q.queue.claim("one") is None
    assert q.queue.leave(running)
    q.at(q.now + LEASE_MS + 1)
    q.reaper.reap()  # in the place of the dead one
    assert not q.queue.complete(held, {})
    state = q.jobs.state("job")
    assert (state.status, state.counts, state.was_stopped) == ("cancelled", {"completed": 1, "cancelled": 4}, False)
    with pytest.raises(ConflictError, match="job: is over: it is cancelled"):
        q.jobs.cancel("job")


def test_a_result_that_comes_while_its_job_is_cancelled_is_kept(q: Queue) -> None:
    task = q.claimed()
    q.jobs.cancel("job")
    assert q.queue.complete(task, {"config_id": "C"})
    state = q.jobs.state("job")
    assert (state.status, state.configurations, state.counts) == ("cancelled", 1, {"completed": 1, "cancelled": 4})


def test_a_longest_run_time_begins_with_the_first_task_and_what_is_left_goes_on_under_a_new_one(
    database: Database,
) -> None:
    q = Queue(database, [{"number": i} for i in range(3)], replace(NEW, max_runtime_ms=1_000))
    q.queue.complete(q.claimed("w", 50_000), {})
    running = q.claimed("w", 50_999)
    assert q.queue.goes_on(running)
    q.at(51_000)
    assert not q.queue.goes_on(running)
    assert q.queue.claim("other") is None
    assert q.reaper.reap() == ["job"]
    assert q.reaper.reap() == []
    assert q.queue.leave(running)
    state = q.jobs.state("job")
    assert (state.status, state.was_stopped) == ("cancelled", True)
    assert state.counts == {"completed": 1, "pending": 2}
    assert "longest run time is over" in str(state.error)
    assert q.jobs.unfinished() == "job"
    assert q.jobs.reopen("job", max_runtime_ms=500, failed=False) == 2
    assert q.claimed("w", 90_000).attempts == 1
    assert q.at(90_499).claim("other") is not None
    assert q.jobs.state("job").stop_ms == 90_500


def test_failed_tasks_are_begun_again_where_that_is_asked(q: Queue) -> None:
    q.queue.fail(q.claimed(), "no bars")
    while (task := q.queue.claim("me")) is not None:
        q.queue.complete(task, {})
    assert q.jobs.reopen("job", failed=False) == 0
    assert q.jobs.state("job").status == "completed"
    assert q.jobs.reopen("job") == 1
    task = q.claimed()
    assert (task.number, task.attempts) == (0, 1)
    q.queue.complete(task, {})
    assert q.jobs.state("job").counts == {"completed": 5}
    with pytest.raises(NotFoundError):
        q.jobs.reopen("other")


def test_an_older_worker_leaves_the_job_of_newer_code_alone(q: Queue) -> None:
    version, _, procedure = CODE_VERSION.partition(" procedure ")
    newer = f"{version} procedure {int(procedure) + 1}"
    assert [may_run(v) for v in (CODE_VERSION, newer, f"99.0 procedure {procedure}", "0.0.1 procedure 1", None)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    q.jobs.create(replace(NEW, id="new", priority=9, made_by=newer), [{}])
    task = q.queue.claim("old", may_run=may_run)
    assert task is not None
    assert task.job == "job"
    assert q.claimed("newer").job == "new"


def test_a_task_becomes_others_all_or_none(q: Queue) -> None:
    task = q.claimed()
    assert q.queue.expand(task, [{"number": 10}, {"number": 11}], {"bars": 5})
    assert [t["spec"]["number"] for t in q.jobs.tasks("job")] == [0, 1, 2, 3, 4, 10, 11]
    assert q.jobs.state("job").total == 7


@pytest.mark.parametrize("how", ["cancelled", "out of time"])
def test_nothing_is_added_to_a_job_that_is_over(q: Queue, how: str) -> None:
    """Neither tasks nor what is written with them: whoever makes them may hear of the end too late."""
    q.jobs.reopen("job", max_runtime_ms=1_000)
    task = q.claimed()
    if how == "cancelled":
        q.jobs.cancel("job")
    else:
        q.at(q.now + 1_000)

    def made(c: Connection) -> list[dict[str, Any]]:
        c.execute(sa.insert(schema.training_events).values(**mark(7)))
        return [{"number": 10}]

    assert not q.queue.expand(task, made, {"bars": 5})
    assert (effects(q), q.jobs.state("job").total, q.row()["status"]) == ([], 5, "running")
    assert q.queue.leave(task)
    assert q.row()["status"] == ("cancelled" if how == "cancelled" else "pending")


def test_tasks_are_made_with_their_job_or_not_at_all(q: Queue) -> None:
    def made(c: Connection) -> list[dict[str, Any]]:
        c.execute(sa.insert(schema.training_events).values(**mark(7)))
        return [{"number": 10}, {"number": 11}]

    keyed = replace(NEW, id="keyed", key="k")
    assert q.jobs.create(keyed, made) == "keyed"
    assert (effects(q), q.jobs.state("keyed").total) == ([7], 2)
    assert q.jobs.create(replace(keyed, id="again"), made) == "keyed"
    assert effects(q) == [7]  # a second job of the same key begins nothing


def test_progress_is_told_twice_a_second_whoever_tells_it(q: Queue) -> None:
    one, two = q.claimed("one", 10_000), q.claimed("two", 10_000)
    for now in range(10_000, 13_000, 100):
        q.at(now)
        assert q.queue.progress(one, {"stage": "search", "done": now})
        assert q.queue.progress(two, {"stage": "search", "done": -now})
    told = q.events.after("job", 0, kinds=[EventKind.PROGRESS])
    assert [e.at_ms for e in told] == list(range(10_000, 13_000, 500))
    assert [t["task"] for t in told[-1].body["tasks"]] == [0, 1]
    assert told[-1].body["tasks"][1]["done"] == -12_400
    q.at(5_000)  # a clock that jumps back does not silence it
    q.queue.progress(one, {})
    assert q.events.after("job", told[-1].id)[-1].at_ms == 5_000


def test_a_job_says_how_fast_it_is(q: Queue) -> None:
    first = q.claimed("one", 10_000)
    q.at(12_000).complete(first, {})
    q.queue.progress(q.claimed("one"), {})
    (told,) = q.events.after("job", 0, kinds=[EventKind.PROGRESS])
    assert (told.body["done"], told.body["total"], told.body["rate"], told.body["eta_s"]) == (1, 5, 0.5, 8.0)


def test_the_time_of_making_the_trainings_is_not_taken_for_theirs(database: Database) -> None:
    q = Queue(database, [{"work": PREPARE}])
    made = q.claimed("one", 10_000)
    q.at(40_000).expand(made, [{"number": n} for n in range(4)], {})
    first, second = q.claimed("one"), q.claimed("two")
    q.queue.progress(first, {})
    q.at(42_000).complete(first, {})
    q.queue.progress(second, {})
    before, after = (e.body for e in q.events.after("job", 0, kinds=[EventKind.PROGRESS]))
    assert (before["done"], before["rate"], before["eta_s"]) == (1, None, None)
    assert (after["done"], after["rate"], after["eta_s"]) == (2, 0.5, 6.0)


def test_events_are_pruned_from_the_oldest_and_states_stay(q: Queue) -> None:
    for i in range(10):
        q.events.log("job", f"line {i}")
    q.events.log("other", "nobody's")
    assert q.events.prune("job", 4) == 6
    kept = q.events.after("job", 0)
    assert [e.body.get("message", e.kind) for e in kept] == ["state", *(f"line {i}" for i in range(6, 10))]
    assert q.events.oldest("job") == kept[0].id
    assert q.events.newest(["job", "other"]) == {"job": kept[-1].id}
    assert q.events.prune("job", 4) == 0


def test_jobs_are_listed_page_by_page(q: Queue) -> None:
    for i in range(6):
        made = replace(NEW, id=f"j{i}", created_ms=20 + i // 2, user="you" if i == 5 else "me", strategy="S,T")
        q.jobs.create(made, [{}])
    found, place = [], None
    while page := q.jobs.find(limit=2, place=place):
        found += [job.id for job in page]
        place = page[-1].created_ms, page[-1].id
    assert found == ["j5", "j4", "j3", "j2", "j1", "j0", "job"]
    assert [job.id for job in q.jobs.find(limit=9, user="you")] == ["j5"]
    assert [job.id for job in q.jobs.find(limit=9, strategy="T")] == ["j5", "j4", "j3", "j2", "j1", "j0"]
    assert [job.id for job in q.jobs.find(limit=9, strategy="%")] == []
    q.jobs.cancel("j3")
    assert [job.id for job in q.jobs.find(limit=9, statuses=[schema.JobStatus.CANCELLED])] == ["j3"]


def test_an_unknown_job_is_named(q: Queue) -> None:
    with pytest.raises(NotFoundError, match="job: there is none with this id, got 'other'"):
        q.jobs.state("other")
    with pytest.raises(NotFoundError):
        q.jobs.cancel("other")
