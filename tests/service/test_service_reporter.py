"""Who hears of work: one piece of it per stage of a training, and nothing where nobody listens."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from assay.cli.output import Output
from assay.service.reporter import Reporter, Silent, StageProgress
from assay.training import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Heard:
    """A reporter that remembers."""

    events: list[tuple[object, ...]] = field(default_factory=list)

    @contextmanager
    def progress(self, title: str, total: int, done: int = 0) -> Iterator[Callable[[int], None]]:
        self.events.append(("begin", title, total, done))
        yield lambda n: self.events.append(("advance", n))
        self.events.append(("end", title))

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        self.events.append(("working", title))
        yield

    def note(self, sentence: str) -> None:
        self.events.append(("note", sentence))

    def warn(self, sentence: str) -> None:
        self.events.append(("warn", sentence))


def test_every_stage_of_a_training_is_a_piece_of_work() -> None:
    heard = Heard()
    with StageProgress(heard, "A: ") as progress:
        for stage, done, total in (("search", 2, 5), ("search", 5, 5), ("walk-forward", 1, 3)):
            assert progress(Progress(stage, done, total)) is False
    assert heard.events == [
        ("begin", "A: searching", 5, 0),
        ("advance", 2),
        ("advance", 3),
        ("end", "A: searching"),
        ("begin", "A: searching again in every window", 3, 0),
        ("advance", 1),
        ("end", "A: searching again in every window"),
    ]


def test_a_stage_is_left_where_a_training_fails() -> None:
    heard = Heard()

    def fail() -> None:
        with StageProgress(heard) as progress:
            progress(Progress("search", 1, 2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert heard.events[-1] == ("end", "searching")


@pytest.mark.parametrize("reporter", [Silent(), Output(quiet=True)], ids=["silent", "quiet"])
def test_nobody_hears_of_silent_work(reporter: Reporter, capsys: pytest.CaptureFixture[str]) -> None:
    with reporter.progress("work", 3) as advance, reporter.working("more"):
        advance(3)
    reporter.note("done")
    reporter.warn("not all")
    assert capsys.readouterr() == ("", "")


def test_the_command_line_is_a_reporter(capsys: pytest.CaptureFixture[str]) -> None:
    reporter: Reporter = Output()
    reporter.note("a note")
    reporter.warn("a warning")
    assert capsys.readouterr() == ("", "a note\na warning\n")
