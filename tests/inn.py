"""A whole Innkeeper out of fakes, driven by hand: nothing runs in the background, and no time passes by itself.

card = inn.says(REQUESTER, "/lab up web demo").card()
inn.clicks(INFRA, card, "Approve")
assert inn.told(INFRA) == "Your approval of *demo* counts for *infra*. Waiting for *security*."
"""

from __future__ import annotations

import hashlib
import itertools
import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from bot import requests, scheduler
from bot.home_watch import HomeWatch
from bot.intake import Intake
from bot.notifier import Notifier
from bot.playground import fields as form_fields
from bot.views.message import Message
from bot.worker import Worker
from commands import drift, offers
from commands.authorise import Standing, StandingUnknown
from commands.blueprints.git_catalogue import opened
from commands.checks import health
from commands.costs import budgeting
from commands.costs import report as cost_report
from commands.deps import Deps
from commands.engines.terraform.engine import Access
from commands.engines.vault.protocol import VaultError
from commands.grants import rekeying, tidying
from commands.lifetime import activity
from commands.people import leaving
from commands.request import Refused
from commands.steps.step import StepModule
from state import audit, cards, inbox, labs, outbox, runs, tfstate
from state.database import Database
from state.records import InboxEntry, Lab, Person, Run, StateLock, StepName
from state.transitions import RunState
from tests.bot.views.reading import Seen, seen
from tests.databases import open_quickly
from tests.fakes.clock import FakeClock
from tests.fakes.slack import FakeSlack, Said
from tests.fakes.terraform import FakeTerraform
from tests.fakes.vault import FakeVault
from tests.waiting import until

TEAM, CHANNEL = "T1", "C1"
REQUESTER, COLLEAGUE = Person(TEAM, "U1"), Person(TEAM, "U2")
INFRA, INFRA_TOO = Person(TEAM, "U3"), Person(TEAM, "U4")
SECURITY, BOTH = Person(TEAM, "U5"), Person(TEAM, "U6")
ADMIN, STRANGER = Person(TEAM, "U7"), Person(TEAM, "U8")

ROLES = {
    REQUESTER: ("operator",),
    COLLEAGUE: ("operator",),
    INFRA: ("infra",),
    INFRA_TOO: ("infra", "operator"),
    SECURITY: ("security",),
    BOTH: ("infra", "security"),
    ADMIN: ("admin",),
}

BLUEPRINTS = {
    "web": """
        variables:
          size: {default: small, choices: [small, large], help: How much machine}
          title: {default: Welcome, help: What it says}
        cost: {per_hour: 0.02, currency: USD}
        lifetime: {ttl: 8h, max: 3d}
        approvals: {infra: 1, security: 1}""",
    "region": "variables: {region: {pattern: '[a-z]+-[0-9]', help: 'such as paris-1'}}",
    "solo": "approvals: {infra: 1, self: true}",
    "open": "approvals: {operator: 1, self: true}",
    "wide": "approvals: {infra: 2}",
    "three": "approvals: {admin: 1, infra: 1, security: 1}",
    "form": "variables: {password: {sensitive: true, pattern: '.{8,}', help: At least eight}}",
    "cloud": """
        variables: {licence: {vault: "innkeeper/licences#web", sensitive: true}}
        credentials: {CLOUD_TOKEN: "innkeeper/providers/cloud#token"}
        approvals: {operator: 1, self: true}""",
}
# What the commands of keys are about; not in the catalogue until it is asked for.
KEYED = {
    "locked": """
        approvals: {operator: 1, self: true}
        secure: {ssh: {user: root, ttl: 30m}, tls: {domain: lab.test}, database: {role: readonly, ttl: 1h}}""",
    "rooted": "approvals: {infra: 1} # its module takes trusted_ssh_keys",
    "guarded": """
        approvals: {infra: 1, security: 1}
        second_factor: true""",
}
TORN = "variabels: {size: {default: small}}"


@dataclass(frozen=True)
class Shown:
    """A message as a person sees it now."""

    said: Said

    @property
    def text(self) -> str:
        return self.said.text

    @property
    def seen(self) -> Seen:
        return seen(Message(self.said.text, self.said.blocks))

    @property
    def all(self) -> str:
        """Everything that stands on it."""
        return self.seen.all

    @property
    def buttons(self) -> list[str]:
        return list(self.seen.buttons)


@dataclass(frozen=True)
class View:
    """A window that shows something, as a person sees it."""

    view: dict[str, Any] = field(repr=False)

    @property
    def texts(self) -> list[str]:
        """What stands in it, from above to below; what is there to be copied without its frame."""
        shown = [block["text"]["text"] for block in self.view["blocks"] if block["type"] == "section"]
        return [unescape(each.removeprefix("```\n").removesuffix("\n```")) for each in shown]

    @property
    def all(self) -> str:
        return "\n".join(self.texts)

    def after(self, label: str) -> str:
        """What stands below a label."""
        return self.texts[self.texts.index(f"*{label}*") + 1]

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """Label → button, of several with one label the first."""
        rows = [block["elements"] for block in self.view["blocks"] if block["type"] == "actions"]
        beside = [[block["accessory"]] for block in self.view["blocks"] if "accessory" in block]
        return {each["text"]["text"]: each for row in (*rows, *beside)[::-1] for each in row}


@dataclass(frozen=True)
class Asked:
    """What somebody asked, and what came of it."""

    inn: Inn
    entry: InboxEntry
    did: str

    def card(self) -> Shown:
        """The card that came with it, as it is now."""
        return self.inn.newest_card()


class Backend:
    """/tfstate as a run's Terraform reaches it, without the HTTP."""

    def __init__(self, inn: Inn) -> None:
        self._inn = inn

    def _run(self, access: Access) -> Run:
        run = runs.get(self._inn.database_of_states, access.username.removeprefix("run-"))
        assert run is not None
        assert run.token_sha256 == hashlib.sha256(access.password.encode()).hexdigest(), "the token is dead"
        return run

    def lock(self, access: Access) -> bool:
        run = self._run(access)
        held = StateLock(run.lab_id, f"lock-{run.id}", f"run:{run.id}", {}, self._inn.clock())
        return tfstate.lock(self._inn.database_of_states, held) is None

    def write(self, access: Access, serial: int, resources: Sequence[str]) -> None:
        run = self._run(access)
        clear = {name: {"value": value} for name, value in self._inn.terraform.outputs.items()}
        secret = {
            name: {"value": value, "sensitive": True} for name, value in self._inn.secret_outputs.items()
        }
        body = a_state(serial, run.lab_id, resources, clear | secret, self._inn.check_blocks)
        new = tfstate.sealed(run.lab_id, body, self._inn.vault, f"run:{run.id}", self._inn.clock())
        tfstate.put(self._inn.database_of_states, new, f"lock-{run.id}")

    def unlock(self, access: Access) -> None:
        run_id = access.username.removeprefix("run-")
        tfstate.release_of_run(self._inn.database_of_states, run_id)


def a_state(
    serial: int,
    lineage: str,
    resources: Sequence[str],
    outputs: Mapping[str, Any] | None = None,
    check_blocks: Mapping[str, str] | None = None,
) -> bytes:
    """A Terraform state that holds these. check_blocks: name → why one fails, empty where it does not."""
    instances = [{"mode": "managed", "name": each, "instances": [{}]} for each in resources]
    told = {
        "version": 4,
        "serial": serial,
        "lineage": lineage,
        "outputs": outputs or {},
        "resources": instances,
        "check_results": [
            {
                "object_kind": "check",
                "config_addr": f"check.{name}",
                "status": "fail" if why else "pass",
                "objects": [{"failure_messages": [why] if why else []}],
            }
            for name, why in (check_blocks or {}).items()
        ],
    }
    return json.dumps(told).encode()


class Inn:
    """What outlives a process (database file, vault, slack, terraform, clock), and the process that kills() ends."""

    def __init__(
        self,
        folder: Path,
        open_engine: Callable[[str], Any] = open_quickly,
    ) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.vault = FakeVault(self.clock)
        self.slack = FakeSlack(self.clock)
        self.terraform = FakeTerraform(folder / "data", state=Backend(self))
        self.allowed_channels: tuple[str, ...] = ()
        self.labs_path = str(folder / "labs")  # or a repository; starts() opens it
        self.secret_outputs: dict[str, str] = {}  # what only Terraform's state has
        self.steps: dict[StepName, StepModule] = {}  # those after provision; without one it is skipped
        self.slack_tells_who_is_who = True
        self.check_blocks: dict[
            str, str
        ] = {}  # of every module: name → why it fails, empty where it does not
        self.unknown: Person | None = None  # to Slack
        self.standings = {person: Standing(person, person.user.lower()) for person in (*ROLES, STRANGER)}
        self._open_engine = open_engine
        self._numbers = itertools.count(1)
        for person, roles in ROLES.items():
            self.vault.add(person, *roles)
        self.vault.fields = {
            "innkeeper/licences#web": "licence-canary",
            "innkeeper/providers/cloud#token": "token-canary",
        }
        self.offers("web", BLUEPRINTS["web"])
        self.starts()

    # The process

    def starts(self) -> None:
        """Build the bot's objects, as a process that starts does, and take up what an earlier one left."""
        self.database = Database(self._open_engine(str(self.folder / "state.db")))
        self.database.migrate()
        self.deps = Deps(
            database=self.database,
            vault=self.vault,
            terraform=self.terraform,  # type: ignore[arg-type]  # same methods, held to them by a contract test
            catalogue=opened(self.labs_path, self.folder / "data"),
            standing=self.standing,
            now=self.clock,
            base_url="http://inn.test",
            data_path=self.folder / "data",
            plan_ttl_seconds=24 * 3600,
            allowed_channels=self.allowed_channels,
            steps=self.steps,
            pause=lambda stopping, seconds: self.clock.passes(seconds),
        )
        offered = partial(offers.offers_of, self.deps)
        self.notifier = Notifier(self.slack, self.database, self.clock, self._reviewers, offered)  # type: ignore[arg-type]
        self.intake = Intake(self.deps, self.notifier)
        self.home_watch = HomeWatch(self.deps, self.notifier.home_tab)
        # A pid that no process has, so that the next one sees that this one is gone.
        self.worker = Worker(self.deps, 1, f"{socket.gethostname()}:{10**8 + next(self._numbers)}:1")

    @property
    def database_of_states(self) -> Database:
        """Where /tfstate keeps what Terraform writes."""
        return self.database

    def kills(self) -> None:
        """End the process where it stands, and start another one: it recovers what this one left."""
        self.ends()
        self.starts()
        self.worker.recover(self.clock())
        for entry in inbox.pending(self.database):
            self.intake.work(entry, self.clock())

    def ends(self) -> None:
        self.worker.stop(30)
        self.database.close()

    def works(self) -> None:
        """Do everything that is to do; where something waits for its time, let that time pass."""
        for _ in range(200):
            did = self.worker.plan_once(self.clock()), self.worker.apply_once(self.clock())
            self.follows()
            cards_said, cards_again = self.notifier.send_cards(self.clock())
            replies_said, replies_again = self.notifier.send_replies(self.clock())
            while self.notifier.pictures.show_next():
                pass
            again = [moment for moment in (cards_again, replies_again) if moment is not None]
            if again:
                self.clock.until(min(again))
            elif did == (None, None) and (cards_said, replies_said) == ("showed 0 cards", "sent 0 replies"):
                soon = outbox.due(self.database, self.clock() + timedelta(minutes=1))
                if not soon:
                    return
                self.clock.until(min(each.due_at for each in soon))
        raise AssertionError("there is always something left to do")

    def follows(self) -> None:
        """Wait until every Terraform that has ended is recorded; those that a test holds go on."""

        def is_recorded() -> bool:
            return all(
                (child := self.terraform.attach(self.terraform.work(run.id))) is not None and child.alive()
                for run in runs.in_state(self.database, RunState.APPLYING)
            ) and (self.terraform.holding or not _followers())

        until(is_recorded)

    def sweeps(self) -> list[str]:
        """What the scheduler's jobs do, once each; lifetimes end only where a test is about that."""
        now = self.clock()
        return [
            scheduler.expire_proposals(self.deps, now),
            scheduler.release_locks(self.deps, now),
            scheduler.take_in_states(self.deps, now),
            self.worker.recover(now),
            activity.probe(self.deps, now),
            health.sweep(self.deps, now),
            budgeting.sweep(self.deps, now),
            cost_report.send_weekly(self.deps, now),
            tidying.sweep(self.deps, now),
            tidying.remind(self.deps, now),
            rekeying.sweep(self.deps, now),
            drift.sweep(self.deps, now),
            leaving.sweep(self.deps, now),
            leaving.look_for_leavers(self.deps, now),
        ]

    # What people do

    def says(self, person: Person, typed: str, channel: str = CHANNEL, trigger: str = "") -> Asked:
        """Type a slash command, and let the bot do all that follows from it."""
        return self.asks(self.command(person, typed, channel, trigger))

    def command(self, person: Person, typed: str, channel: str = CHANNEL, trigger: str = "") -> InboxEntry:
        """What is recorded when Slack delivers a slash command."""
        offered = BLUEPRINTS | KEYED  # each is written when it is first asked for: it is faster
        for asked in offered.keys() & typed.split():
            if not (self.folder / "labs" / asked).exists():
                self.offers(asked, offered[asked])
        word, _, text = typed.partition(" ")
        body = {
            "command": word,
            "text": text,
            "team_id": person.team,
            "user_id": person.user,
            "channel_id": channel,
            "trigger_id": trigger or self.slack.new_trigger(),
            "response_url": self.slack.new_response_url(channel, person.user),
        }
        return requests.from_command(body, self.clock(), self.intake.blueprint_of)

    def mentions(self, person: Person, typed: str, thread_ts: str = "") -> Asked:
        """Say it to the bot in a thread: `@innkeeper show demo`."""
        event = {
            "user": person.user,
            "team": person.team,
            "channel": CHANNEL,
            "text": f"<@U0> {typed}",
            "ts": "1.1",
            "thread_ts": thread_ts or None,
        }
        body = {"event": event, "event_id": f"Ev{next(self._numbers)}", "team_id": TEAM}
        return self.asks(requests.from_mention(body, self.clock(), self.intake.blueprint_of))

    def clicks(self, person: Person, shown: Shown, label: str) -> Asked:
        """Press a button on a message as the person sees it."""
        return self.asks(self.click(person, shown, label))

    def click(self, person: Person, shown: Shown, label: str) -> InboxEntry:
        """What is recorded when Slack delivers a click."""
        button = shown.seen.buttons[label]
        block = next(
            each
            for each in shown.said.blocks
            if button in each.get("elements", []) or button == each.get("accessory")
        )
        block_id = str(block.get("block_id", ""))
        return self.presses(person, button["action_id"], button["value"], shown.said.ts, block_id=block_id)

    def presses(
        self,
        person: Person,
        action: str,
        value: str,
        ts: str = "",
        channel: str = CHANNEL,
        block_id: str = "",
    ) -> InboxEntry:
        """A click whose payload anybody could have made up."""
        body = {
            "user": {"id": person.user, "team_id": person.team},
            "channel": {"id": channel},
            "trigger_id": self.slack.new_trigger(),
            "response_url": self.slack.new_response_url(channel, person.user, ts),
            "actions": [{"action_id": action, "value": value, "block_id": block_id}],
        }
        return requests.from_click(body, self.clock())

    def opens_home(self, person: Person) -> View:
        """Open the Home tab, and see what stands there."""
        event = {"type": "app_home_opened", "user": person.user, "tab": "home"}
        body = {"event": event, "event_id": f"Ev{next(self._numbers)}", "team_id": person.team}
        self.asks(requests.from_home(body, self.clock()))
        return self.home(person)

    def home(self, person: Person) -> View:
        """What stands in the Home tab."""
        return View(self.slack.homes[person.user])

    def clicks_home(self, person: Person, label: str) -> View:
        """Press a button there (the first of that name), and see what stands there then."""
        home = self.home(person)
        button = home.buttons[label]
        body = {
            "user": {"id": person.user, "team_id": person.team},
            "view": home.view,
            "trigger_id": self.slack.new_trigger(),
            "actions": [{"action_id": button["action_id"], "value": button["value"]}],
        }
        self.asks(requests.from_click(body, self.clock()))
        return self.home(person)

    def submits(self, person: Person, **fields: str) -> Asked:
        """Fill in the form that was opened last, and send it. Raises WrongFields where it stays open."""
        body = self._form_body(person, fields)
        entry = requests.from_submission(body, self.clock(), self.intake.seal, self.intake.wrong_fields)
        self.slack.views.pop()
        return self.asks(entry)

    def chooses(self, person: Person, **fields: str) -> View:
        """Choose something in the form that was opened last, and see how it looks then."""
        body = {**self._form_body(person, fields), "actions": [{"action_id": "value"}]}
        self.asks(requests.from_click(body, self.clock()))
        return self.view()

    def uses(self, person: Person, shortcut: str, message_ts: str = "") -> View:
        """Use a shortcut, of the menu or of a message, and see what opens."""
        body: dict[str, Any] = {
            "user": {"id": person.user, "team_id": person.team},
            "trigger_id": self.slack.new_trigger(),
            "callback_id": shortcut,
        }
        if message_ts:
            text = next((said.text for said in self.slack.messages if said.ts == message_ts), "")
            body |= {"channel": {"id": CHANNEL}, "message": {"ts": message_ts, "text": text}}
        self.asks(requests.from_shortcut(body, self.clock(), self.intake.told_in))
        return self.view()

    def _form_body(self, person: Person, given: Mapping[str, str]) -> dict[str, Any]:
        """What Slack sends of a form; fields by the last part of their name: `size` for `web/size`."""
        view = self.slack.views[-1]
        names = {
            block["block_id"].removeprefix("secret:").rpartition("/")[2].strip("="): block["block_id"]
            for block in view["blocks"]
            if "element" in block
        }
        chosen = {names[name]: value for name, value in given.items()}
        values, _ = form_fields.filled(view["blocks"], chosen)
        return {
            "user": {"id": person.user, "team_id": person.team},
            "trigger_id": self.slack.new_trigger(),
            "view": {**view, "state": {"values": values}},
        }

    def opens(self, person: Person, label: str) -> View:
        """Press a button of what the person was told last, and see what opens."""
        self.clicks(person, self.private(person), label)
        return self.view()

    def asks(self, entry: InboxEntry) -> Asked:
        """Deliver a request, work on it, and do all that follows."""
        self.intake.take(entry)
        did = self.intake.work(entry, self.clock())
        self.works()
        return Asked(self, entry, did)

    # What people see

    def told(self, person: Person) -> str:
        """The last thing that this person alone was told."""
        return self.slack.private(person.user)[-1].text

    def sees_out(self, admin: Person, mention: str) -> None:
        """Remove an operator; where they hold something, say yes to the question."""
        self.says(admin, f"/operator remove {mention}")
        if "Remove" in self.private(admin).buttons:
            self.clicks(admin, self.private(admin), "Remove")

    def private(self, person: Person) -> Shown:
        """The same, with its buttons."""
        return Shown(self.slack.private(person.user)[-1])

    def view(self) -> View:
        """The window that was opened last."""
        return View(self.slack.views[-1])

    def cards(self, channel: str = CHANNEL) -> list[Shown]:
        """Every card in the channel, the oldest first."""
        return [Shown(said) for said in self.slack.public(channel)]

    def newest_card(self) -> Shown:
        return self.cards()[-1]

    def card(self, shown: Shown) -> Shown:
        """A card that somebody saw before, as it is now."""
        return next(each for each in self.cards() if each.said.ts == shown.said.ts)

    def replies(self, shown: Shown) -> list[str]:
        """What stands in the card's thread; a file by its name."""
        return [said.file or said.text for said in self.slack.thread(shown.said.ts)]

    # What is so

    def lab(self, name: str = "demo") -> Lab:
        lab = labs.living(self.database, name) or labs.last_gone(self.database, name)
        assert lab is not None
        return lab

    def run(self, name: str = "demo") -> Run:
        """The lab's newest run."""
        run = runs.latest_of(self.database, self.lab(name).id)
        assert run is not None
        return run

    def runs(self, name: str = "demo") -> list[str]:
        """The states of a lab's runs, the oldest first."""
        found = [
            run
            for lab in labs.with_name(self.database, name)
            for run in runs.of_lab(self.database, lab.id, 100)
        ]
        return [run.state.value for run in reversed(found)]

    def audited(self, *actions: str) -> list[tuple[str, str, str]]:
        """Who did what to what, the oldest first; only those actions, if any are named."""
        found = reversed(audit.entries(self.database, limit=1000))
        return [
            (each.actor, each.action, each.subject) for each in found if not actions or each.action in actions
        ]

    def holds(self, secret: str) -> list[str]:
        """Where a text is found: in which files below the folder, in Slack, in the environment of Terraform."""
        places = [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes()
        ]
        heard = json.dumps([[each.text, each.blocks, each.body] for each in self.slack.messages])
        return [*places, *(["slack"] if secret in heard else [])]

    # What happens to them

    def offers(self, name: str, text: str) -> Path:
        """Put a blueprint in the catalogue."""
        folder = self.folder / "labs" / name
        folder.mkdir(parents=True, exist_ok=True)
        lines = [line.removeprefix("        ") for line in text.strip("\n").splitlines()]
        rest = "\n".join(lines)
        (folder / "blueprint.yaml").write_text(f"name: {name}\nsummary: A {name}\nterraform: .\n{rest}\n")
        module = folder / "main.tf"
        known = ("size", "title", "region", "password", "licence", "trusted_ssh_keys")
        declared = [word for word in known if word in text]
        module.write_text("".join(f'variable "{each}" {{}}\n' for each in ("lab", *declared)))
        return module

    def standing(self, person: Person) -> Standing:
        if not self.slack_tells_who_is_who:
            raise StandingUnknown("ratelimited")
        if person == self.unknown:
            raise Refused("Slack does not tell me who you are (`user_not_found`).")
        return self.standings.get(person) or Standing(person, person.user.lower())

    def has(self, name: str = "demo", blueprint: str = "web") -> Shown:
        """A lab that was asked for, approved and applied."""
        card = self.says(REQUESTER, f"/lab up {blueprint} {name}").card()
        self.approved(card)
        return self.card(card)

    def approved(self, card: Shown) -> None:
        """Both reviewers approve; or the requester, where that is enough."""
        for person in (INFRA, SECURITY) if "*infra*" in card.all else (REQUESTER,):
            self.clicks(person, card, "Approve")

    def somebody_applies_by_hand(self, name: str = "demo") -> None:
        """An operator changes the lab with their own terraform, so that its state moves."""
        lab = self.lab(name)
        address = f"http://inn.test/tfstate/{name}"
        serial = self.terraform.serials[address] = self.terraform.serials.get(address, 0) + 1
        who = INFRA.key
        tfstate.lock(self.database, StateLock(lab.id, "by-hand", who, {}, self.clock()))
        body = a_state(serial, lab.id, ["terraform_data.a", "by.hand"])
        tfstate.put(self.database, tfstate.sealed(lab.id, body, self.vault, who, self.clock()), "by-hand")
        tfstate.unlock(self.database, lab.id, "by-hand", who)

    def is_tidy(self) -> None:
        """Every card shows what its run is, nothing waits to be said, no state is locked, no file of a run is left."""
        assert cards.dirty(self.database) == []
        assert self.database.rows("SELECT id FROM outbox WHERE sent_at IS NULL") == []
        assert inbox.pending(self.database) == []
        assert tfstate.locks(self.database) == []
        assert audit.verify(self.database) is None

    def _reviewers(self, roles: frozenset[str]) -> list[Person]:
        try:
            return [each.person for each in self.vault.operators() if roles & set(each.roles)]
        except VaultError:
            return []


def _followers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("follow-")]
