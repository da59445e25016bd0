"""A lab that nobody uses: asked about in Slack, destroyed by real Terraform, whatever becomes of the bot meanwhile."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.playground.model import Message
from tests.integration.blueprints import OWN_WORD
from tests.integration.bot_process import free_port
from tests.integration.house import House, said

pytestmark = pytest.mark.integration

BRIEF = "lifetime: {ttl: 2h, max: 1d, idle: 4s, remind_every: 3s, grace: 5s}"
OFFICE = 'lifetime: {ttl: 9d, max: 9d}\noffice_hours: {days: mon-fri, up: "00:00", down: "24:00"}'


def offers(house: House, name: str, more: str) -> None:
    """A blueprint of one thing, as its requester alone approves it."""
    place = house.labs / name
    place.mkdir()
    (place / "blueprint.yaml").write_text(f"name: {name}\nsummary: One thing\n{OWN_WORD}\n{more}\n")
    (place / "main.tf").write_text('resource "terraform_data" "thing" {}\n')


def reminders(house: House, channel: str, lab: str) -> list[Message]:
    return [each for each in house.slack.messages(channel) if f"Nobody has used *{lab}* for" in each.text]


def with_days(house: House, lab: str, days: list[int]) -> None:
    """The office hours of a lab that is there, from now on: 0 is Monday."""
    (row,) = house.rows("SELECT lifetime FROM labs WHERE name = ?", lab)
    known: dict[str, Any] = json.loads(row["lifetime"])
    known["office_hours"]["days"] = days
    with house.database() as database:
        sql = "UPDATE labs SET lifetime = ?, look_at = created_at WHERE name = ?"
        database.execute(sql, (json.dumps(known), lab))


def test_two_bots_one_of_them_killed_and_its_blueprint_removed(own_house: House) -> None:
    house = own_house
    offers(house, "brief", BRIEF)
    house.start()
    house.has("brief", "demo")
    direct = house.slack.direct_channel(house.riley)
    house.wait_for(lambda: reminders(house, direct, "demo") and reminders(house, house.channel, "demo"))
    house.kill()
    shutil.rmtree(house.labs / "brief")

    house.spawn("serve", PORT=str(free_port()))
    house.start()
    card = house.card(
        "demo: destroyed", 90, number=2
    )  # where one was killed at it, the other tries a minute later
    assert f"By its lifetime · <@{house.riley}>'s lab" in said(card)
    house.reply(card, "*demo* is gone: 1 resource destroyed")
    house.rests()
    assert house.thread(card).count("*demo* is gone") == 1
    assert [(run["kind"], run["state"]) for run in house.runs("demo")] == [
        ("apply", "applied"),
        ("destroy", "applied"),
    ]
    sent = house.audited("demo", "reminded")
    assert 1 <= sent <= 3
    assert len(reminders(house, direct, "demo")) == len(reminders(house, house.channel, "demo")) == sent
    assert {len(each.blocks[-1]["elements"]) for each in reminders(house, direct, "demo")} == {3}


def test_it_sleeps_out_of_office_hours_and_comes_back_by_itself(house: House) -> None:
    offers(house, "daily", OFFICE)
    house.has("daily", "office")
    far = (datetime.now(UTC).weekday() + 3) % 7  # neither today nor tomorrow, in whatever zone
    with_days(house, "office", [far])
    asleep = house.card("office: destroyed", number=2)
    house.reply(asleep, "*office* is down. It sleeps until")
    house.asks(house.riley, "/lab list mine", expect="asleep until")
    with_days(house, "office", list(range(7)))
    back = house.card("office: applied", number=3)
    house.reply(back, "*office* is back.")
    assert house.runs("office")[-1]["approvals_needed"] == "{}"
