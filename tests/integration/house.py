"""A whole Innkeeper as a team would have it: a bot process of its own, real Terraform, a real Vault, a local Slack."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import hvac

from bot.playground.model import Delivery, Message, View
from bot.playground.postgresql_server import ADMIN, PASSWORD, LocalPostgreSQL
from bot.playground.server import LocalSlack
from bot.playground.tickets import Tickets
from bot.playground.vault_server import EmbeddedVault
from bot.setup import needs_of
from commands.engines.vault.database import configure_database
from commands.engines.vault.protocol import AppRole, FixedToken, HvacVault, Login, Operator
from commands.engines.vault.setup import admin_client, prepare
from state.records import Person
from state.rows import to_text
from tests.integration import blueprints
from tests.integration.bot_process import PATIENCE_SECONDS, BotProcess
from tests.integration.front import VaultFront
from tests.integration.laptop import Laptop, terraform_command

T = TypeVar("T")

_numbers = itertools.count(1)


class House(BotProcess):
    """A bot with all that it needs, and what people do and see there.

    riley asks for labs, ines is infra, sam security, ada the admin, eve nobody. answers: who → what they were answered
    last. Its Slack is patient: how soon something is there is measured in bench/, and a busy machine takes its time.
    """

    def __init__(self, folder: Path, openbao: EmbeddedVault, sealed_addr: str = "") -> None:
        folder.mkdir(parents=True)
        super().__init__(folder)
        self.labs = blueprints.write(folder / "labs")
        self.slack = LocalSlack(
            app_name="innkeeper",
            commands=("/lab", "/key", "/operator"),
            ack_limit_seconds=PATIENCE_SECONDS,
        )
        self.slack.workspace.tickets = Tickets(self.slack.workspace.lock, lambda: 0.0)  # none ever expires
        self.slack.start()
        self.answers: dict[str, Message] = {}
        self.ada, self.riley, self.ines, self.sam, self.eve = (
            self.slack.add_user(name) for name in ("ada", "riley", "ines", "sam", "eve")
        )
        self.channel = self.slack.add_channel("lab", [self.ada, self.riley, self.ines, self.sam, self.eve])
        self.namespace = f"house-{next(_numbers)}"
        root = hvac.Client(openbao.addr, token=openbao.root_token)
        root.adapter.post(f"/v1/sys/namespaces/{self.namespace}")
        self.openbao = openbao
        self.front = VaultFront(openbao.addr, sealed_addr)
        self.vault_client = hvac.Client(openbao.addr, token=openbao.root_token, namespace=self.namespace)
        self.vault = self._vault(FixedToken(openbao.root_token))
        self._prepare_vault()
        self.environment = self._environment()
        self.slack.app_url = f"{self.address}/slack/events"

    def close(self) -> None:
        """End everything that belongs to this house."""
        self.end()
        self.slack.stop()
        self.front.close()

    # What people do

    def asks(self, user: str, text: str, expect: str = "") -> str:
        """Type a command; with expect, wait for a private answer that has it in it, and give that."""
        return self.answered(user, expect, lambda: self.slack.command(user, self.channel, text))

    def presses(self, user: str, shown: Message | View, label: str, expect: str = "") -> str:
        """Press a button of a card, an answer or a modal; with expect, wait for the private answer."""
        return self.answered(user, expect, lambda: self.slack.click(user, shown, label))

    def answered(self, user: str, expect: str, act: Callable[[], Delivery]) -> str:
        """Do something; with expect, wait for a private answer that has it in it, and give that."""
        before = {message.ts: len(message.revisions) for message in self.private(user)}
        delivery = act()
        assert delivery.is_acked, f"{delivery.error} {delivery.status} {delivery.body}"
        if not expect:
            return ""

        def answer() -> Message | None:
            new = [m for m in self.private(user) if before.get(m.ts) != len(m.revisions)]
            return next((m for m in new if expect in said(m)), None)

        return self._keep_answer(user, self.wait_for(answer))

    def is_told(self, user: str, expect: str) -> str:
        """Wait for a private answer that comes by itself, and give it."""
        found = self.wait_for(lambda: [m for m in self.private(user) if expect in said(m)])
        return self._keep_answer(user, found[-1])

    def _keep_answer(self, user: str, message: Message | None) -> str:
        assert message is not None
        self.answers[user] = message
        return said(message)

    def form(self, user: str) -> View:
        """Wait for the modal that opens for somebody, and give it."""
        return self.wait_for(lambda: self.slack.views_of(user))[-1]

    def close_forms(self) -> None:
        """What others have left open is not what opens next."""
        for user in list(self.slack.workspace.views):
            self.slack.workspace.drop_view(user)

    def wait_for(self, probe: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
        """The first true answer of probe, whether Slack, the database or a file makes it so."""
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            with contextlib.suppress(TimeoutError):
                return self.slack.wait_for(probe, 0.1)  # asks after each change in Slack, and at the end
        return self.slack.wait_for(probe, 0.0)

    def private(self, user: str) -> list[Message]:
        """What the user alone sees in the channel."""
        return [m for m in self.slack.messages(self.channel, user) if m.ephemeral_to == user]

    def direct(self, user: str) -> list[str]:
        """What the user was told in direct messages, the newest last."""
        return [said(message) for message in self.slack.messages(self.slack.direct_channel(user))]

    def cards(self, lab: str) -> list[Message]:
        """The cards of a lab, one a run, the newest last."""
        return [
            message
            for message in self.slack.messages(self.channel)
            if message.text.startswith(f"{lab}: ") and not message.thread_ts and not message.ephemeral_to
        ]

    def card(self, text: str, seconds: float = PATIENCE_SECONDS, number: int | None = None) -> Message:
        """The lab's newest card, once it says `demo: proposed`. number: how many cards it has by then."""
        lab = text.partition(":")[0]

        def newest() -> Message | None:
            found = self.cards(lab)
            right = found and found[-1].text.startswith(text) and number in (None, len(found))
            return found[-1] if right else None

        return self.wait_for(newest, seconds) or self.cards(lab)[-1]

    def reply(self, card: Message, text: str) -> str:
        """Wait until somebody has said that in a card's thread, which is after the card; give the whole thread."""
        self.wait_for(lambda: text in self.thread(card))
        return self.thread(card)

    def thread(self, card: Message) -> str:
        """All that is said in a card's thread, files included."""
        replies = [m for m in self.slack.messages(self.channel) if m.thread_ts == card.ts]
        return "\n".join(said(m) + "".join(f.content.decode() for f in m.files) for m in replies)

    def approve_all(self, lab: str) -> Message:
        """Those who review approve the proposed plan: ines for infra, then sam for security. Gives its card."""
        card = self.card(f"{lab}: proposed")
        for user in (self.ines, self.sam):
            self.presses(user, card, "Approve", expect=f"Your approval of *{lab}* counts for")
        return card

    def has(self, blueprint: str, lab: str, *values: str, state: str = "applied") -> Message:
        """A lab of riley's that is there: asked for, approved by riley (a blueprint that allows it), applied."""
        self.asks(self.riley, shlex.join(["/lab", "up", blueprint, lab, *values]))
        card = self.card(f"{lab}: proposed")
        self.presses(self.riley, card, "Approve", expect="counts for")
        return self.card(f"{lab}: {state}")

    # What is remembered

    @contextlib.contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The bot's own database, opened beside it."""
        connection = sqlite3.connect(self.folder / "innkeeper.db", timeout=PATIENCE_SECONDS)
        connection.row_factory = sqlite3.Row
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with self.database() as connection:
            return [dict(row) for row in connection.execute(sql, values)]

    def runs(self, lab: str) -> list[dict[str, Any]]:
        """The runs of a lab, the oldest first."""
        return self.rows("SELECT * FROM runs WHERE lab_name = ? ORDER BY seq", lab)

    def audited(self, lab: str, action: str) -> int:
        """How often something stands in the audit of a lab."""
        sql = "SELECT COUNT(*) AS many FROM audit WHERE subject = ? AND action = ?"
        return int(self.rows(sql, lab, action)[0]["many"])

    def refused(self, asked: str) -> set[str]:
        """Who was refused just that: the users' ids."""
        found = self.rows("SELECT actor, detail FROM audit WHERE action = 'refused'")
        return {
            Person.parse(str(row["actor"])).user
            for row in found
            if json.loads(row["detail"])["asked"] == asked
        }

    def rests(self) -> None:
        """Wait until nothing is under way: every request handled, no run at work, every card and message in Slack.

        A run that is proposed or has ended may still be at work in its folder: it tells its details last.
        """
        under_way = (
            "SELECT id FROM inbox WHERE done_at IS NULL"
            " UNION ALL SELECT id FROM runs WHERE state IN ('queued', 'planning', 'approved', 'applying')"
            " UNION ALL SELECT id FROM cards WHERE dirty = 1"
            " UNION ALL SELECT id FROM outbox WHERE sent_at IS NULL AND due_at < ?"
        )
        soon = to_text(datetime.now(UTC) + timedelta(minutes=1))

        def is_quiet() -> bool:
            return not self.rows(under_way, soon)

        # Looked at before and after: what works in a folder was queued before, and is told after.
        self.wait_for(lambda: is_quiet() and not self.work_folders() and is_quiet())

    def is_tidy(self) -> bool:
        """Whether no lock, no process and no work folder of any run is left."""
        return not self.locks() and not self.terraforms() and not self.work_folders()

    def work_folders(self) -> list[Path]:
        """Those in which runs work, or have worked until a moment ago."""
        return list((self.data / "runs").glob("*"))

    def locks(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM tflocks")

    # How it is prepared

    def joins(self, name: str, team: str = "") -> str:
        """Somebody new in Slack and in the channel. Gives their id."""
        user = self.slack.add_user(name, team=team)
        members = self.slack.workspace.channels[self.channel].members
        self.slack.workspace.change_channel(self.channel, members=members | {user})
        return user

    def trust(self, user: str, *roles: str, team: str = "") -> Person:
        """Write an operator's document into Vault."""
        person = Person(team or self.slack.team, user)
        before = self.vault.operator(person)
        version = before.version if before is not None else 0
        name = self.slack.workspace.users[user].name
        self.vault.write_operator(
            Operator(person, name, roles, (), "a-test", datetime.now(UTC), version=version)
        )
        return person

    def put_database(self, lab: str, database: LocalPostgreSQL) -> None:
        """Put a database under Vault, as that of a lab."""
        client = admin_client(self.openbao.addr, self.openbao.root_token, self.namespace, "")
        configure_database(client, lab, database.vault_url, ADMIN, PASSWORD)

    def bots_vault(self) -> HvacVault:
        """Vault as the bot itself has it."""
        return self._vault(AppRole(self.environment["VAULT_ROLE_ID"], self.environment["VAULT_SECRET_ID"]))

    def _vault(self, login: Login) -> HvacVault:
        """Vault for the tests' own questions, which may take their time."""
        return HvacVault(self.openbao.addr, login, self.namespace, timeout_seconds=PATIENCE_SECONDS)

    def _prepare_vault(self) -> None:
        client = admin_client(self.openbao.addr, self.openbao.root_token, self.namespace, "")
        needs = needs_of(str(self.labs), self.folder)
        done = prepare(client, Person(self.slack.team, self.ada), "ada", datetime.now(UTC), needs)
        wrapped = hvac.Client(self.openbao.addr, token=done.wrapped_secret_id, namespace=self.namespace)
        self._login = (done.role_id, str(wrapped.sys.unwrap()["data"]["secret_id"]))
        for user, role in ((self.riley, "operator"), (self.ines, "infra"), (self.sam, "security")):
            self.trust(user, role)

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_API_URL": self.slack.api_url,
            "VAULT_ADDR": self.front.addr,
            "VAULT_NAMESPACE": self.namespace,
            "VAULT_ROLE_ID": self._login[0],
            "VAULT_SECRET_ID": self._login[1],
            "STATE_URL": f"sqlite:///{self.folder / 'innkeeper.db'}",
            "DATA_PATH": str(self.data),
            "LABS_PATH": str(self.labs),
            "PORT": str(self.port),
            "SWEEP_SECONDS": "1",
            "VAULT_SECONDS": "3",  # on a busy machine it takes more than one
            "TERRAFORM_BIN": str(self.terraform),
        }


def a_laptop(house: House, folder: Path, lab: str, blueprint: str, user: tuple[str, str]) -> Laptop:
    """Somebody's laptop, with the module of a blueprint and the lab's state at the bot's."""
    place = folder / "laptop"
    place.mkdir()
    (place / "main.tf").write_text((house.labs / blueprint / "main.tf").read_text())
    (place / "backend.tf").write_text('terraform {\n  backend "http" {}\n}\n')
    return Laptop(place, terraform_command(folder), f"{house.address}/tfstate/{lab}", user)


def said(message: Message) -> str:
    """Everything that a message shows, as one text."""
    return message.text + "\n" + "\n".join(_texts(list(message.blocks)))


def _texts(shape: Any) -> Iterator[str]:
    if isinstance(shape, dict):
        if isinstance(shape.get("text"), str):
            yield shape["text"]
        for value in shape.values():
            yield from _texts(value)
    elif isinstance(shape, list):
        for value in shape:
            yield from _texts(value)
