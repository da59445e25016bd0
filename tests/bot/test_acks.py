"""Acknowledgements: together when many wait, none before its request is on the disk, none held up by a form."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from slack_bolt import BoltRequest, BoltResponse

from bot.acks import Acks
from state import inbox
from tests.inn import REQUESTER, Inn

FORM = b'payload={"type":"view_submission"}'


class Listening:
    """In Bolt's place: it answers with the request's own words, and the disk may be full."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.held_up = threading.Event()
        self.disk_is_full = False

    def dispatch(self, request: BoltRequest) -> BoltResponse:
        if request.raw_body.encode() == FORM:
            assert self.held_up.wait(30)
        elif self.batches:
            self.batches[-1].append(request.raw_body)
        return BoltResponse(status=200, body=request.raw_body)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        self.batches.append([])
        yield
        if self.disk_is_full:
            raise OSError("the disk is full")


async def ask(acks: Acks, *bodies: bytes) -> list[BoltResponse | BaseException]:
    asked = (acks.answer(BoltRequest(body=body.decode()), body) for body in bodies)
    return await asyncio.gather(*asked, return_exceptions=True)


def test_each_gets_its_own_answer_and_those_that_wait_share_a_commit() -> None:
    app = Listening()
    answers = asyncio.run(ask(Acks(app, app.gathered), b"a=1", b"a=2", b"a=3"))  # type: ignore[arg-type]
    assert [answer.body for answer in answers if isinstance(answer, BoltResponse)] == ["a=1", "a=2", "a=3"]
    assert app.batches == [["a=1", "a=2", "a=3"]]


def test_what_comes_later_is_answered_as_well() -> None:
    app = Listening()

    async def twice() -> None:
        acks = Acks(app, app.gathered)  # type: ignore[arg-type]
        await ask(acks, b"a=1")
        await ask(acks, b"a=2")

    asyncio.run(twice())
    assert app.batches == [["a=1"], ["a=2"]]


def test_what_is_not_on_the_disk_is_not_acknowledged_and_the_next_is() -> None:
    app = Listening()

    async def once_more() -> tuple[list[BoltResponse | BaseException], list[BoltResponse | BaseException]]:
        acks = Acks(app, app.gathered)  # type: ignore[arg-type]
        app.disk_is_full = True
        lost = await ask(acks, b"a=1", b"a=2")
        app.disk_is_full = False
        return lost, await ask(acks, b"a=3")

    lost, kept = asyncio.run(once_more())
    assert [type(answer) for answer in lost] == [OSError, OSError]
    assert [type(answer) for answer in kept] == [BoltResponse]


def test_a_form_that_waits_for_vault_holds_nobody_up() -> None:
    app = Listening()

    async def beside_a_form() -> tuple[bool, list[BoltResponse | BaseException]]:
        acks = Acks(app, app.gathered)  # type: ignore[arg-type]
        form = asyncio.create_task(ask(acks, FORM))
        await ask(acks, b"a=1")
        waits = not form.done()
        app.held_up.set()
        return waits, await form

    waits, answers = asyncio.run(beside_a_form())
    assert waits
    assert [type(answer) for answer in answers] == [BoltResponse]


def test_what_is_taken_together_is_on_the_disk_when_that_ends(inn: Inn) -> None:
    entries = [inn.command(REQUESTER, f"/lab show demo-{number}") for number in range(3)]
    with inn.intake.gathered():
        for entry in entries:
            inn.intake.take(entry)
        assert inbox.pending(inn.database) == []
    assert [entry.id for entry in inbox.pending(inn.database)] == [entry.id for entry in entries]


def test_nothing_is_recorded_of_what_broke_before_its_end(inn: Inn) -> None:
    def breaks_on_the_way() -> None:
        with inn.intake.gathered():
            inn.intake.take(inn.command(REQUESTER, "/lab list"))
            raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        breaks_on_the_way()
    assert inbox.pending(inn.database) == []
    inn.intake.take(inn.command(REQUESTER, "/lab list"))
    assert len(inbox.pending(inn.database)) == 1
