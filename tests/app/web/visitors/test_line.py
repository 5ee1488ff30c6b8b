"""The line: order, places, what is dropped, what fails, what hangs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from app.web.visitors import line as module
from app.web.visitors.line import DroppedError, Errand, Line, LineFullError, Place, TookTooLongError


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(20):
            await main()

    asyncio.run(limited())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.005)


class Gate:
    """Work that goes on when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.left_off = threading.Event()

    def work(self) -> Iterator[str]:
        self.begun.set()
        yield "first"
        assert self.open.wait(10)
        yield "second"

    def leave_off(self) -> None:
        self.left_off.set()
        self.open.set()


async def all_of(errand: Errand[str]) -> list[object]:
    return [piece async for piece in errand]


def test_pieces_come_in_order_after_the_place() -> None:
    async def main() -> None:
        assert await all_of(Line().enter(lambda: iter("abc"))) == [Place(0), "a", "b", "c"]

    run(main)


def test_one_computes_and_the_others_know_their_place() -> None:
    async def main() -> None:
        line, gate, order = Line(), Gate(), []
        first = asyncio.create_task(all_of(line.enter(gate.work)))
        await until(gate.begun.is_set)

        def note(name: str) -> Iterator[str]:
            order.append(name)
            yield name

        others = [asyncio.create_task(all_of(line.enter(lambda name=name: note(name)))) for name in "bcd"]
        await until(lambda: len(line) == 4)
        await asyncio.sleep(0.05)
        assert order == []  # nobody has overtaken
        gate.open.set()
        assert await first == [Place(0), "first", "second"]
        results = [await other for other in others]
        assert order == ["b", "c", "d"]
        assert results[2][0] == Place(3)
        places = [[piece.before for piece in result if isinstance(piece, Place)] for result in results]
        assert all(each == sorted(each, reverse=True) and each[-1] == 0 for each in places)
        await until(lambda: len(line) == 0)

    run(main)


def test_a_head_start_goes_before_those_who_came_a_moment_ago_but_not_before_what_has_begun() -> None:
    async def main() -> None:
        line, gate, order = Line(), Gate(), []

        def note(name: str) -> Iterator[str]:
            order.append(name)
            yield name

        first = asyncio.create_task(all_of(line.enter(gate.work)))
        await until(gate.begun.is_set)
        others = [
            asyncio.create_task(all_of(line.enter(lambda name=name: note(name), head_start=start)))
            for name, start in (("b", 0.0), ("c", 5.0), ("d", 0.0), ("e", 5.0))
        ]
        await until(lambda: len(line) == 5)
        gate.open.set()
        for task in (first, *others):
            await task
        assert order == ["c", "e", "b", "d"]

    run(main)


def test_a_full_line_says_so() -> None:
    async def main() -> None:
        line = Line(most=1)
        line.enter(lambda: iter(()))
        with pytest.raises(LineFullError):
            line.enter(lambda: iter(()))

    run(main)


def test_what_the_work_raises_is_raised_and_the_next_one_begins() -> None:
    def broken() -> Iterator[str]:
        yield "one"
        raise ValueError("broken")

    async def main() -> None:
        line = Line()
        with pytest.raises(ValueError, match="broken"):
            await all_of(line.enter(broken))
        assert await all_of(line.enter(lambda: iter("x"))) == [Place(0), "x"]

    run(main)


def test_dropped_while_waiting_it_is_never_begun() -> None:
    async def main() -> None:
        line, gate, begun = Line(), Gate(), []
        first = asyncio.create_task(all_of(line.enter(gate.work)))
        await until(gate.begun.is_set)
        errand = line.enter(lambda: iter([str(begun.append(1))]))
        second = asyncio.create_task(all_of(errand))
        await asyncio.sleep(0)
        errand.drop()
        with pytest.raises(DroppedError):
            await second
        assert len(line) == 1
        gate.open.set()
        await first
        assert begun == []

    run(main)


def test_dropped_while_computing_it_is_told_to_leave_off_and_keeps_its_place_until_it_has() -> None:
    async def main() -> None:
        line, gate = Line(), Gate()
        errand = line.enter(gate.work, gate.leave_off)
        task = asyncio.create_task(all_of(errand))
        await until(gate.begun.is_set)
        errand.drop()
        with pytest.raises(DroppedError):
            await task
        assert gate.left_off.is_set()
        await until(lambda: len(line) == 0)

    run(main)


def test_one_that_is_done_makes_nobody_leave_off_however_late_its_pieces_are_read() -> None:
    async def main() -> None:
        line, gate, other = Line(), Gate(), Gate()
        gate.open.set()
        pieces = aiter(line.enter(gate.work, other.leave_off))
        assert await anext(pieces) == Place(0)
        await until(lambda: len(line) == 0)
        next_one = asyncio.create_task(all_of(line.enter(other.work)))
        await until(other.begun.is_set)
        assert [piece async for piece in pieces] == ["first", "second"]
        assert not other.left_off.is_set()
        other.open.set()
        assert await next_one == [Place(0), "first", "second"]

    run(main)


def test_who_leaves_early_drops_it() -> None:
    async def main() -> None:
        line, gate = Line(), Gate()
        task = asyncio.create_task(all_of(line.enter(gate.work, gate.leave_off)))
        await until(gate.begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: gate.left_off.is_set() and len(line) == 0)

    run(main)


def test_a_thread_that_hangs_holds_the_line_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT_SECONDS", 0.1)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.1)

    async def main() -> None:
        line, gate = Line(), Gate()
        with pytest.raises(TookTooLongError):
            await all_of(line.enter(gate.work))
        assert (await all_of(line.enter(lambda: iter("x"))))[-2:] == [Place(0), "x"]
        gate.open.set()

    run(main)
