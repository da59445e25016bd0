"""The tour: a lab is asked for, planned, reviewed, applied, used and destroyed, by people in a Slack workspace."""

from __future__ import annotations

import re
import time
from typing import Any

import requests

from bot.playground.consumer import Consumer
from bot.playground.guide import Guide
from bot.playground.laptop import Laptop
from bot.playground.model import View
from bot.playground.postgresql_server import LocalPostgreSQL
from bot.playground.server import LocalSlack
from bot.playground.tour_acts import PATIENCE_SECONDS, Acting, Cast, TourFailed, found
from bot.playground.transcript import Transcript


class Tour(Acting):
    """Plays through the workspace alone: what people type and press, and what they then see."""

    def __init__(
        self,
        slack: LocalSlack,
        cast: Cast,
        stage: Transcript | Guide,
        laptop: Laptop,
        database: LocalPostgreSQL | None = None,
    ) -> None:
        super().__init__(slack, cast, stage)
        self._laptop = laptop  # the leaver's
        self._database = database  # the lab's; None where there is no PostgreSQL on this machine
        self._session: Any = None
        self._consumer: Consumer | None = None  # a program that uses the lab

    def play(self) -> float:
        """Play it from beginning to end. Returns how many seconds it took. Raises TourFailed."""
        started = time.monotonic()
        for scene in (
            self._trust,
            self._stranger,
            self._ask,
            self._review,
            self._use,
            self._connect,
            self._take_keys,
            self._stop_a_service,
            self._look_at_data,
            self._hear_of_it,
            self._leave,
            self._recover,
            self._destroy,
            self._cut_off,
            self._forget,
            self._look_back,
        ):
            try:
                scene()
            except (TimeoutError, LookupError, requests.RequestException) as problem:
                raise TourFailed(f"in the scene `{scene.__name__.strip('_')}`: {problem}") from problem
        return time.monotonic() - started

    def _trust(self) -> None:
        self._caption("The admin says who is trusted. It is written to Vault, and nowhere else.")
        for person, role in (
            ("requester", "operator"),
            ("infra", "infra"),
            ("security", "security"),
            ("leaver", "infra"),
        ):
            user = getattr(self._cast, person)
            name = self._slack.workspace.users[user].name
            self._type(self._cast.admin, f"/operator add @{name} {role}", expect=f"<@{user}>")

    def _stranger(self) -> None:
        self._caption("A stranger asks for a lab, and is refused.")
        self._type(self._cast.stranger, "/lab up sandbox theirs", expect="not a trusted operator")

    def _ask(self) -> None:
        self._caption("A trusted operator asks. The plan comes before anything is made.")
        self._type(self._cast.requester, "/lab up sandbox demo message=Hello ttl=8h")
        card = self._card("demo: proposed")
        self._caption("Whoever asked cannot approve it alone.")
        self._press(self._cast.requester, card, "Approve", expect="You asked for this plan")

    def _review(self) -> None:
        self._approved("demo: applied")

    def _use(self) -> None:
        self._caption("The lab is there. Anybody on this machine can use it.")
        self._type(self._cast.requester, "/lab output demo", expect="Outputs of demo")
        self._transcript.say(f"GET {self._address} → {requests.get(self._address, timeout=5).text.strip()}")

    def _connect(self) -> None:
        user = self._cast.requester
        self._caption("A program is to use the lab. It gets its own way into Vault, shown once.")
        waiting = self._answer(user, "/lab connect demo", "One consumer of")
        self._transcript.does(user, "presses  ( Reveal once )")
        self._slack.click(user, waiting, "Reveal once")
        modals = self._slack.wait_for(lambda: self._modals_with(user, "Secret ID"), PATIENCE_SECONDS)
        secret_id = self._shown_in(modals[0], "Secret ID")
        self._transcript.say("a modal shows the secret id, to them alone")
        self._slack.close_view(user)
        direct = self._slack.direct_channel(user)
        files = self._slack.wait_for(
            lambda: [each for said in self._slack.messages(direct) for each in said.files], PATIENCE_SECONDS
        )
        self._consumer = Consumer(files[-1].content.decode(), secret_id)
        published = self._consumer.read()
        if published is None:
            raise TourFailed("Vault does not let the lab's consumer in")
        self._transcript.say(
            f"the program reads innkeeper/labs/demo → {published['urls'][0]}, and a password"
        )

    def _cut_off(self) -> None:
        if self._consumer is not None and self._consumer.read() is not None:
            raise TourFailed("the consumer of a lab that is gone still reads what that published")
        self._transcript.say("the program reads innkeeper/labs/demo → refused")

    def _take_keys(self) -> None:
        user = self._cast.leaver
        self._caption(
            "An infra person enrolls an ssh key, takes a certificate for the lab, and logs in with it."
        )
        self._type(user, f"/key enroll {self._laptop.public_key}", expect="SHA256:")
        self._type(user, "/key ssh demo", expect="Certificate for root")
        certificate = found(r"\bssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+", self._told(user))
        self._type(user, "/lab output demo", expect="known_hosts")
        self._ssh_address = found(r"ssh://root@127\.0\.0\.1:\d+", self._told(user))
        hosts = re.findall(r"\[127\.0\.0\.1\]:\d+ ssh-ed25519 [A-Za-z0-9+/=]+", self._told(user))
        self._laptop.save(certificate, hosts)
        said = self._laptop.run(self._ssh_address, "echo welcome, $(whoami)")
        if said is None:
            raise TourFailed("the certificate does not log in")
        self._transcript.say(f"ssh {self._ssh_address} → {said.strip()}")

    def _stop_a_service(self) -> None:
        if not self._is_deployed:
            return
        self._caption("On one host the guestbook is stopped. The bot looks at its labs from outside, too.")
        self._laptop.run(self._ssh_address, "touch service/down")
        self._transcript.say(f"ssh {self._ssh_address} touch service/down")

    def _hear_of_it(self) -> None:
        if not self._is_deployed:
            return
        self._caption("The second look in a row that fails is told to its owner, and stands on the card.")
        self._told_in_channel("is unhealthy since")
        self._laptop.run(self._ssh_address, "rm service/down")
        self._transcript.say(f"ssh {self._ssh_address} rm service/down")
        before = self._card("demo: applied")
        self._type(self._cast.requester, "/lab test demo")
        self._card("demo: applied", before.ts)

    def _recover(self) -> None:
        if self._is_deployed:
            self._caption("That it is well again is told, too.")
            self._told_in_channel("is healthy again")

    @property
    def _is_deployed(self) -> bool:
        """Whether this machine has what it takes to deploy something."""
        return any("✓ deploy" in str(message.blocks) for message in self._slack.messages(self._cast.channel))

    def _told_in_channel(self, words: str) -> None:
        self._slack.wait_for(
            lambda: [each for each in self._slack.messages(self._cast.channel) if words in each.text],
            PATIENCE_SECONDS,
        )
        self._transcript.catch_up()

    def _look_at_data(self) -> None:
        if self._database is None:
            return
        user = self._cast.leaver
        self._caption(
            "The lab's database gives a user of its own to each person. Its password is shown once."
        )
        waiting = self._answer(user, "/key db demo", "Reveal once")
        self._transcript.does(user, "presses  ( Reveal once )")
        self._slack.click(user, waiting, "Reveal once")
        modals = self._slack.wait_for(lambda: self._modals_with(user, "Password"), PATIENCE_SECONDS)
        name, password = self._shown_in(modals[0], "User"), self._shown_in(modals[0], "Password")
        self._transcript.say(f"a modal shows {name} and the password, to them alone")
        self._slack.close_view(user)
        self._session = self._database.connect(name, password)
        visits = self._session.execute("SELECT count(*) FROM visits").fetchone()
        self._transcript.say(f"{name} counts {visits[0]} visits in the database")
        self._caption("A second look is refused.")
        self._press(user, waiting, "Reveal once", expect="Opened")

    def _leave(self) -> None:
        user = self._cast.leaver
        name = self._slack.workspace.users[user].name
        self._caption("They leave. One button ends everything that they held.")
        asked = self._answer(self._cast.admin, f"/operator remove @{name}", "Nothing has happened yet")
        self._press(self._cast.admin, asked, "Remove", expect="no longer an operator")
        if self._laptop.run(self._ssh_address, "echo still here") is not None:
            raise TourFailed("a revoked certificate still logs in")
        self._transcript.say(f"ssh {self._ssh_address} → refused")
        if self._database is not None:
            self._session_must_be_over(self._database)
        self._type(user, "/key ssh demo", expect="not a trusted operator")

    def _session_must_be_over(self, database: LocalPostgreSQL) -> None:
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while database.users() and time.monotonic() < ends_at:
            self._wait_for_change(self._slack.workspace.version, 0.1)
        try:
            self._session.execute("SELECT 1")
        except database.SessionEnded:
            self._transcript.say("SELECT 1 → the database has ended the session")
        else:
            raise TourFailed("the database session of somebody who left goes on")

    def _modals_with(self, user: str, label: str) -> list[View]:
        return [view for view in self._slack.views_of(user) if label in str(view.blocks)]

    def _shown_in(self, view: View, label: str) -> str:
        """The value that stands in a modal under a label."""
        text = "\n".join(str(block.get("text", {}).get("text", "")) for block in view.blocks)
        return found(rf"\*{label}\*\s*`+\n?([^`\n]+)", text)

    def _destroy(self) -> None:
        address = self._address
        self._caption("When it is not needed any more, it goes the same way: a plan, two approvals, gone.")
        self._type(self._cast.requester, "/lab down demo")
        self._card("demo: proposed")
        self._approved("demo: destroyed")
        try:
            requests.get(address, timeout=1)
        except requests.ConnectionError:
            self._transcript.say(f"GET {address} → nobody answers any more")
        else:
            raise TourFailed(f"{address} still answers after the destruction")

    def _forget(self) -> None:
        self._caption(
            "A lab that nobody uses is asked about, and goes by itself: after hours in life, seconds here."
        )
        user = self._cast.requester
        self._type(user, "/lab up fleeting forgotten")
        card = self._card("forgotten: proposed")
        self._press(user, card, "Approve", expect="Your approval of *forgotten* counts")
        self._card("forgotten: applied")
        direct = self._slack.direct_channel(user)
        reminders = self._slack.wait_for(
            lambda: [each for each in self._slack.messages(direct) if "Nobody has used" in each.text],
            PATIENCE_SECONDS,
        )
        name = self._slack.workspace.users[user].name
        told = reminders[-1].text.partition(" (last")[0]
        self._transcript.say(f"{name} is told directly, too: {told}.")
        self._caption("Nobody answers, so it is destroyed. Your wallet will thank you.")
        self._card("forgotten: destroyed")

    def _look_back(self) -> None:
        self._caption("Nothing is left but its history, and the audit.")
        self._type(self._cast.requester, "/lab list", expect="0 labs")
        self._type(self._cast.requester, "/lab history demo", expect="History of demo")
        self._type(self._cast.security, "/operator audit demo", expect="Audit")

    @property
    def _address(self) -> str:
        """A host's, as /lab output tells it to the requester: its `urls` come last."""
        told = "\n".join(str(message.blocks) for message in self._seen_by(self._cast.requester))
        return found(r"http://127\.0\.0\.1:\d+/", told)

    def _approved(self, end: str) -> None:
        card = self._card("demo: proposed")
        self._caption("An infra person and a security person approve exactly this plan.")
        for user in (self._cast.infra, self._cast.security):
            self._press(user, card, "Approve", expect="Your approval of *demo* counts")
        names = [self._slack.workspace.users[user].name for user in (self._cast.infra, self._cast.security)]
        self._transcript.say(f"demo: approved by {names[0]} and {names[1]}")
        self._card(end)
