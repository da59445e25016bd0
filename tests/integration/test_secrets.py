"""A canary in every place where a secret may be, and a search through every byte that the bot leaves anywhere."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.house import House
from tests.waiting import until

pytestmark = pytest.mark.integration

KEY = 'CANARY-key<&>"7\\n/ü'
WORD = "CANARY-word-8e1f ${not-a-template}"
TOKEN = "CANARY-token-93b2+/=="
TYPED = "CANARY-typed-55d0"
_numbers = itertools.count(10)


@dataclass(frozen=True)
class Seen:
    """Something that the bot said or wrote."""

    where: str
    content: bytes


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it may be written."""
    yield from (secret.encode(), json.dumps(secret)[1:-1].encode())
    yield json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield quote(secret, safe="").encode()
    for shift in range(3):  # base64 of something that it stands in
        encoded = base64.b64encode(b"x" * shift + secret.encode())
        yield encoded[4 if shift else 0 : -4]


def everything(house: House) -> Iterator[Seen]:
    """Every byte in Slack, in the log, in the database, below DATA_PATH, and in Vault's audit."""
    with house.slack.workspace.lock:
        for message in house.slack.workspace.messages.values():
            yield Seen(f"message {message.ts}", repr(message).encode())
        for file in house.slack.workspace.files.values():
            yield Seen(f"file {file.name}", file.content)
        for user, stack in house.slack.workspace.views.items():
            yield Seen(f"views of {user}", repr(stack).encode())
    for call in house.slack.calls:
        yield Seen(f"call of {call.method}", repr((call.arguments, call.answer)).encode())
    for folder, _, names in os.walk(house.folder):  # which folders of a run's may leave meanwhile
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and house.labs not in path.parents and "vault" not in path.parts:
                with contextlib.suppress(FileNotFoundError):  # a run's, which has just ended
                    yield from _in_file(path)
    with house.database() as database:
        for line in database.iterdump():
            yield Seen("the database", line.encode())
    yield Seen("Vault's audit", (house.openbao.folder / "audit.log").read_bytes())


def _in_file(path: Path) -> Iterator[Seen]:
    content = path.read_bytes()
    yield Seen(str(path), content)
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield Seen(f"{path}:{name}", archive.read(name))


def leaks(house: House, *secrets: str) -> list[str]:
    found = []
    for seen in everything(house):
        for secret in secrets:
            for form in forms(secret):
                at = seen.content.find(form)
                if at >= 0:
                    found.append(f"{seen.where}: …{seen.content[max(0, at - 80) : at + len(form)]!r}")
                    break
    return found


@pytest.fixture(scope="module")
def leaky(shared_house: House) -> House:
    kv = shared_house.vault_client.secrets.kv.v2
    kv.create_or_update_secret("variables/leaky", {"api_key": KEY}, mount_point="innkeeper")
    kv.create_or_update_secret("providers/leaky", {"token": TOKEN}, mount_point="innkeeper")
    return shared_house


def asked_with_a_form(house: House, lab: str, *values: str) -> None:
    house.asks(house.riley, " ".join(["/lab up leaky", lab, *values]))
    form = house.form(house.riley)
    house.slack.submit(house.riley, form, {"word": WORD})
    house.presses(house.riley, house.card(f"{lab}: proposed"), "Approve", expect="counts for")


def test_the_search_finds_what_is_there(house: House) -> None:
    house.asks(house.riley, "/lab show CANARY-in-a-name", expect="cannot be called")
    assert leaks(house, "CANARY-in-a-name")


def test_no_secret_of_a_lab_is_found_anywhere(leaky: House, house: House) -> None:
    asked_with_a_form(house, "leaking")
    card = house.card("leaking: applied")
    house.reply(card, "is ready")
    for command in ("output", "show", "history", "logs"):
        house.asks(house.riley, f"/lab {command} leaking", expect="leaking")
    log = "".join(
        path.read_text() for path in (house.data / "logs").glob(f"{house.runs('leaking')[0]['id']}*")
    )
    assert "a word: (sensitive)" in log, "the log is there, and readable"
    assert "(sensitive)" in house.asks(house.riley, "/lab output leaking", expect="plain")
    asked_with_a_form(house, "leaking-failed", "broken=true")
    failed = house.card("leaking-failed: failed")
    house.reply(failed, "exit status 3")
    house.asks(house.riley, "/lab logs leaking-failed", expect="leaking-failed")
    house.asks(house.riley, "/lab down leaking")
    house.presses(house.riley, house.card("leaking: proposed", number=2), "Approve", expect="counts for")
    house.card("leaking: destroyed")
    house.asks(house.riley, "/lab logs leaking", expect="leaking")
    house.asks(house.sam, "/operator audit leaking", expect="Audit")
    until(house.is_tidy)
    assert leaks(house, KEY, WORD, TOKEN) == []


def test_not_even_while_terraform_works_is_a_plan_readable_by_others(leaky: House, house: House) -> None:
    house.rests()  # so that what is held, and its folder, is the one of this test
    house.hold("show")
    house.asks(house.riley, "/lab up leaky leaking-now")
    form = house.form(house.riley)
    house.slack.submit(house.riley, form, {"word": WORD})
    house.card("leaking-now: proposed")
    until(lambda: house.is_held("show"))
    in_the_clear = [
        Path(seen.where.partition(":")[0]) for seen in everything(house) if KEY.encode() in seen.content
    ]
    assert all(path.is_relative_to(house.data / "runs") for path in in_the_clear)
    folders = list((house.data / "runs").iterdir())
    assert [oct(each.stat().st_mode & 0o777) for each in folders] == [oct(0o700)]
    house.let_go()
    until(house.is_tidy)


@pytest.mark.parametrize(
    "command",
    [
        "/lab up leaky oops word={secret}",
        "/lab up leaky oops api_key='{secret} and more'",
        "/lab up leaky oops word= {secret}",
        "/lab up leaky oops word = {secret}",
        "/lab upp leaky oops word={secret}",
        "/lab up pair oops password={secret}",
        "/lab up pair oops --password={secret}",
        "/lab up leaky oops word='{secret}",
        "/lab plan oops word={secret}",
        "/operator add @ines infra token={secret}",
        "/lab down oops token={secret}",
    ],
)
def test_a_secret_typed_by_mistake_is_not_kept(leaky: House, house: House, command: str) -> None:
    secret = f"{TYPED}-{next(_numbers)}"
    house.asks(house.riley, command.format(secret=secret))
    house.rests()
    assert leaks(house, secret) == []
