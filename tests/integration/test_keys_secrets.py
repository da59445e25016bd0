"""Every secret that Vault ever gave the bot, and every one that was shown: searched for in all that the bot leaves."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.house import House
from tests.integration.keyholder import HOSTED, Keyholder, secrets_in, totp
from tests.integration.test_secrets import everything, forms

pytestmark = pytest.mark.integration

MODALS = (
    "call of views.open",
    "call of views.update",
    "views of",
)  # the one place where a secret may be shown
# What Vault answers with, by its name in its JSON.
SECRET = re.compile(
    rb'"(client_token|token|password|private_key|url|barcode|plaintext|secret_id)":"((?:[^"\\]|\\.)+)"'
)


@pytest.fixture
def heard(keyed: House) -> Iterator[House]:
    """The house, with somebody who listens to all that Vault says to the bot: logins included."""
    keyed.kill()
    keyed.front.listen()
    keyed.start()
    yield keyed
    keyed.front.overheard()


def overheard(house: House) -> dict[str, set[str]]:
    """Kind → the values that Vault has said."""
    found: dict[str, set[str]] = {}
    for match in SECRET.finditer(house.front.overheard()):
        value = match[2].decode().encode().decode("unicode_escape")
        found.setdefault(match[1].decode(), set()).add(value)
    return found


def leaks(house: House, secrets: dict[str, str], allowed: tuple[str, ...] = MODALS) -> list[str]:
    """Where which of them is. secrets: value → what it is."""
    looked_for = {form: what for value, what in secrets.items() for form in forms(value)}
    found = []
    for seen in everything(house):
        if not seen.where.startswith(allowed):
            found += [f"{what} in {seen.where}" for form, what in looked_for.items() if form in seen.content]
    return found


def test_the_search_finds_what_is_in_a_modal(keyed: House, tmp_path: Path) -> None:
    nel = Keyholder(keyed, tmp_path, "nel", "infra")
    _, password = nel.takes_database_user("store")
    found = ["a password in call of views.update"]
    keyed.wait_for(lambda: leaks(keyed, {password: "a password"}, allowed=("nowhere",)) == found)


def test_no_secret_of_any_kind_is_found_anywhere_else(heard: House, tmp_path: Path) -> None:
    house = heard
    amy = Keyholder(house, tmp_path, "amy", "infra")
    amy.enrolls()
    amy.takes_certificate(HOSTED)
    shown: dict[str, str] = {}
    amy.asks("/key db store", expect="It opens once")
    waiting = amy.answer
    shown["a password"] = amy.reveals(waiting)["Password"]
    amy.presses(waiting, "Reveal once", expect="Opened")  # once more, on what may still stand there
    amy.asks("/key tls store", expect="A certificate for `store.lab.test`")
    amy.presses(amy.answer, "With a new key", expect="It opens once")
    shown["a TLS key"] = amy.reveals(amy.answer)["Private key"]
    amy.asks("/key db store", expect="It opens once")
    shown["a wrapping token"] = amy.reveals(amy.answer, "Unwrap it myself")["Command"].rpartition(" ")[2]
    shown["a password"] = amy.reveals(amy.answer)["Password"]
    amy.asks("/key db store", expect="It opens once")  # and nobody opens it

    factor = secrets_in(amy.types("/key factor"))
    house.slack.close_view(amy.user)
    shown["an otpauth address"] = factor["Address"]
    shown["a TOTP secret"] = factor["To type"].replace(" ", "")
    shown["a TOTP secret, in fours"] = factor["To type"]
    house.asks(house.riley, "/lab up guarded canary-guarded")
    form = amy.opens(house.card("canary-guarded: proposed"), "Approve")
    code = totp(factor["Address"], time.time())
    shown["a code, as JSON has it"] = f'"{code}"'  # six digits alone may stand anywhere
    house.slack.submit(amy.user, form, {"Six digits": code})
    house.card("canary-guarded: applied")

    # What goes wrong: an answer of Vault's that is lost, and one of Slack's.
    house.front.lose("database/creds", "answer")
    amy.asks("/key db store", expect="Vault took too long")
    house.front.keep_all()
    amy.asks("/key db store", expect="It opens once")
    house.slack.refuse("views.update", "not_found")
    amy.presses(amy.answer, "Reveal once", expect="Slack did not show it")
    amy.asks("/key list", expect="Your keys")
    amy.asks("/key revoke all", expect="Your keys stay enrolled")
    amy.asks("/key list", expect="Your keys")
    house.asks(house.sam, "/operator audit @amy", expect="Audit")
    house.asks(house.ada, "/operator remove @amy", expect="is no longer an operator")

    said = overheard(house)
    assert shown["a password"] in said["password"]
    assert any(shown["a TLS key"].strip() in key for key in said["private_key"])
    assert shown["a wrapping token"] in said["token"]
    assert shown["an otpauth address"] in said["url"]
    assert len(said["client_token"]) >= 6, "the bot's own, and one for each grant"
    assert said["plaintext"], "data keys"
    secrets = {value: f"{kind} of Vault's" for kind, values in said.items() for value in values}
    secrets |= {value: what for what, value in shown.items()}
    for key in said["private_key"]:
        secrets |= dict.fromkeys(key.splitlines()[1:-1], "a line of a TLS key")
    secrets |= {
        base64.b64decode(value).decode("latin-1"): "what a data key is" for value in said["plaintext"]
    }
    assert leaks(house, secrets) == []
