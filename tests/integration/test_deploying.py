"""A lab with a web application on its hosts, deployed over ssh by the bot, again and again."""

from __future__ import annotations

import json
import re
import urllib.request

import psutil
import pytest

from commands.engines import openssh
from tests.conftest import cannot_be_had
from tests.integration.house import House, said
from tests.integration.keyholder import HOSTED
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def hosted(keyed: House) -> House:
    if not openssh.has_client():
        cannot_be_had("OpenSSH's client")
    return keyed


def outputs(house: House) -> dict[str, list[str]]:
    (row,) = house.rows(
        "SELECT runs.outputs FROM runs JOIN labs ON labs.id = runs.lab_id "
        "WHERE labs.name = ? AND runs.outputs IS NOT NULL ORDER BY runs.created_at DESC LIMIT 1",
        HOSTED,
    )
    found: dict[str, list[str]] = json.loads(row["outputs"])
    return found


def test_what_the_blueprint_deploys_is_there_and_is_deployed_again(hosted: House) -> None:
    assert re.search(r"✓ deploy \d+ changed", said(hosted.cards(HOSTED)[0]))
    for address in outputs(hosted)["app_urls"]:
        with urllib.request.urlopen(address, timeout=30) as answer:
            page = answer.read().decode()
        assert "<h1>Welcome</h1>" in page
        assert f"<p>{HOSTED}, on {HOSTED}-" in page
    log = "".join(path.read_text() for path in hosted.data.glob(f"home/.sandbox/{HOSTED}-*.log"))
    assert f'"key_id": "innkeeper:{HOSTED}:' in log

    before = len(hosted.cards(HOSTED))
    hosted.asks(hosted.ines, f"/lab deploy {HOSTED} check=yes")
    card = hosted.card(f"{HOSTED}: applied", number=before + 1)
    assert "✓ deploy nothing would change" in said(card)
    hosted.reply(card, "TASK [put the guestbook there]")
    until(lambda: list((hosted.data / "steps").iterdir()) == [])

    def left() -> list[str]:
        """Each process of a deployment names its folder; those of other labs' are other tests'."""
        lines = (" ".join(each.info["cmdline"] or []) for each in psutil.process_iter(["cmdline"]))
        return [line for line in lines if str(hosted.data / "steps") in line]

    until(lambda: left() == [])
