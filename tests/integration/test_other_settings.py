"""The same story in other settings: Socket Mode, a worker of its own, and no Terraform on PATH."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.integration.bot_process import PATIENCE_SECONDS
from tests.integration.house import House, said
from tests.waiting import until

pytestmark = pytest.mark.integration


def test_through_socket_mode_it_is_the_same_story(own_house: House) -> None:
    house = own_house
    house.slack.app_url = ""
    house.start(SLACK_APP_TOKEN=house.slack.app_token, SLACK_SIGNING_SECRET="")
    house.wait_for(lambda: house.slack.sockets)
    assert house.get("/slack/events").status_code == 404
    house.asks(house.eve, "/lab up pair theirs", expect="not a trusted operator")
    house.asks(house.riley, "/lab up pair demo size=large")
    card = house.card("demo: proposed")
    house.presses(house.riley, card, "Approve", expect="You asked for this plan")
    house.approve_all("demo")
    house.card("demo: applied")
    house.slack.close_sockets()  # as Slack does every few hours
    house.wait_for(lambda: house.slack.sockets)
    house.asks(house.riley, "/lab down demo")
    card = house.card("demo: proposed", number=2)
    house.presses(house.ines, card, "Reject")
    form = house.form(house.ines)
    house.slack.submit(house.ines, form, {"reason": "it is still used"})
    assert "it is still used" in said(house.card("demo: rejected", number=2))
    house.slack.mention(house.riley, house.channel, "down demo")
    house.card("demo: proposed", number=3)
    house.approve_all("demo")
    house.card("demo: destroyed")
    assert house.stop() == 0


def test_a_worker_beside_a_bot_that_does_no_work_itself(own_house: House, tmp_path: Path) -> None:
    house = own_house
    house.start(WORKERS="0")
    house.asks(house.riley, f"/lab up slow demo gate={tmp_path}")
    house.card("demo: queued")
    worker = house.spawn("worker", WORKERS="1")
    card = house.card("demo: proposed")
    house.presses(house.riley, card, "Approve", expect="counts for")
    until(lambda: (tmp_path / "applied").exists())
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    began = house.log.count('"event": "ready"')
    another = house.spawn("worker", WORKERS="1")
    until(lambda: house.log.count('"event": "ready"') > began)
    (tmp_path / "go").touch()
    house.card("demo: applied")
    assert (tmp_path / "applied").read_text() == "started\n"
    assert house.audited("demo", "applied") == 1
    assert len(house.cards("demo")) == 1
    another.send_signal(signal.SIGTERM)
    assert another.wait(PATIENCE_SECONDS) == 0
    assert until(house.is_tidy)


def test_without_terraform_on_path_the_librarys_is_used(own_house: House, tmp_path: Path) -> None:
    house = own_house
    for name in ("sh", "mv", "sleep", "git"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    assert shutil.which("terraform", path=str(tmp_path)) is None
    house.start(PATH=str(tmp_path), TERRAFORM_BIN="terraform", HOME=os.environ["HOME"])
    house.has("solo", "demo", "number=7")
    assert "`7`" in house.asks(house.riley, "/lab output demo", expect="Outputs of demo")
    house.asks(house.riley, "/lab down demo")
    house.presses(house.riley, house.card("demo: proposed", number=2), "Approve", expect="counts for")
    house.card("demo: destroyed")
    assert '"terraform": "terraform"' in house.log
    assert until(house.is_tidy)
