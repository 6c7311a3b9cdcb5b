"""Estimates while somebody types: after a pause, one at a time, and the last one wins."""

from __future__ import annotations

import asyncio

from assay.errors import AssayError, InputError
from assay.studio.training.latest import Latest


class Asked:
    """Work that takes as long as it is told, and what came of it."""

    def __init__(self, *, wait_s: float = 0.02) -> None:
        self.begun: list[str] = []
        self.shown: list[tuple[str, str | AssayError]] = []
        self.at_once = self.most_at_once = 0
        self.go_on = asyncio.Event()
        self.latest: Latest[str, str] = Latest(
            self._work, lambda question, answer: self.shown.append((question, answer)), wait_s=wait_s
        )

    async def _work(self, question: str) -> str:
        self.begun.append(question)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go_on.wait()
            if question == "wrong":
                raise InputError("pairs", "must be given")
        finally:
            self.at_once -= 1
        return question.upper()


async def settled() -> None:
    await asyncio.sleep(0.08)


def test_what_is_typed_in_one_go_is_worked_on_once() -> None:
    async def typing() -> Asked:
        asked = Asked()
        asked.go_on.set()
        for text in ("a", "ab", "abc"):
            asked.latest.ask(text)
            await asyncio.sleep(0.005)
        assert asked.latest.waiting_s is not None
        await settled()
        assert asked.latest.waiting_s is None
        return asked

    asked = asyncio.run(typing())
    assert (asked.begun, asked.shown) == (["abc"], [("abc", "ABC")])


def test_what_comes_while_another_is_worked_on_waits_and_the_last_alone_is_shown() -> None:
    async def typing() -> Asked:
        asked = Asked()
        asked.latest.ask("first", at_once=True)
        await asyncio.sleep(0.01)
        for text in ("second", "third"):
            asked.latest.ask(text)
        await settled()
        assert asked.begun == ["first"]
        asked.go_on.set()
        await settled()
        return asked

    asked = asyncio.run(typing())
    assert (asked.begun, asked.shown, asked.most_at_once) == (["first", "third"], [("third", "THIRD")], 1)


def test_what_is_dropped_is_not_shown_and_an_error_is() -> None:
    async def typing() -> Asked:
        asked = Asked()
        asked.latest.ask("dropped", at_once=True)
        await asyncio.sleep(0.01)
        asked.latest.drop()
        asked.go_on.set()
        await settled()
        assert (asked.shown, asked.latest.waiting_s) == ([], None)
        asked.latest.ask("wrong", at_once=True)
        await settled()
        asked.latest.ask("never", at_once=False)
        asked.latest.stop()
        await settled()
        return asked

    asked = asyncio.run(typing())
    [(question, answer)] = asked.shown
    assert question == "wrong"
    assert isinstance(answer, InputError)
    assert asked.begun == ["dropped", "wrong"]
