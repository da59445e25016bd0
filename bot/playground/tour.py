"""The tour: a lab is asked for, planned, reviewed, applied, used and destroyed, by people in a Slack workspace."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import requests

from bot.playground.consumer import Consumer
from bot.playground.guide import Stage, TourEnded
from bot.playground.laptop import Laptop
from bot.playground.model import View
from bot.playground.postgresql_server import LocalPostgreSQL
from bot.playground.server import LocalSlack
from bot.playground.tour_acts import Acting, Cast, TourFailed, found, text_of


class Tour(Acting):
    """Plays through the workspace alone: what people type and press, and what they then see.

    lab and fleeting: what its two labs are called.
    """

    def __init__(
        self,
        slack: LocalSlack,
        cast: Cast,
        stage: Stage,
        laptop: Laptop,
        lab: str,
        fleeting: str,
        database: LocalPostgreSQL | None = None,
    ) -> None:
        super().__init__(slack, cast, stage)
        self._laptop = laptop  # the leaver's
        self.lab = lab
        self.fleeting = fleeting
        self._database = database  # the lab's; None where there is no PostgreSQL on this machine
        self._session: Any = None
        self._address = self._ssh_address = ""
        self._consumer: Consumer | None = None  # a program that uses the lab

    def play(self) -> str:
        """Play it to its end. Gives why it ended before that, and what is left; else nothing. Raises TourFailed."""
        try:
            self._play()
        except TourEnded as end:
            with suppress(TourEnded):  # the workspace is closing
                self._stage.ending(str(end))
                self._stage.go_on()
                return f"{end} {self._tidied()}".strip()
            return str(end)
        return ""

    def _play(self) -> None:
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
            except (
                TimeoutError,
                LookupError,
                requests.RequestException,
                LocalPostgreSQL.SessionEnded,
            ) as problem:
                raise TourFailed(f"in the scene `{scene.__name__.strip('_')}`: {problem}") from problem

    def _trust(self) -> None:
        self._stage.caption("The admin says who is trusted. It is written to Vault, and nowhere else.")
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
        self._stage.caption("A stranger asks for a lab, and is refused.")
        self._type(self._cast.stranger, "/lab up sandbox theirs", expect="not a trusted operator")

    def _ask(self) -> None:
        self._stage.caption("A trusted operator asks. The plan comes before anything is made.")
        self._labs.append(self.lab)
        self._type(self._cast.requester, f"/lab up sandbox {self.lab} message=Hello ttl=8h")
        card = self._card(f"{self.lab}: proposed")
        self._stage.caption("Whoever asked cannot approve it alone.")
        self._approve(self._cast.requester, card, expect="You asked for this plan")

    def _review(self) -> None:
        self._approved("applied")

    def _use(self) -> None:
        self._stage.caption("The lab is there. Anybody on this machine can use it.")
        told = self._outputs(self._cast.requester)
        self._address = found(r"http://127\.0\.0\.1:\d+/", told)  # its `urls` come last
        self._stage.say(f"GET {self._address} → {requests.get(self._address, timeout=30).text.strip()}")

    def _connect(self) -> None:
        user, lab = self._cast.requester, self.lab
        self._stage.caption("A program is to use the lab. It gets its own way into Vault, shown once.")
        secret_id = self._revealed(user, f"/lab connect {lab}", f"One consumer of *{lab}*", "Secret ID")[0]
        self._stage.say("a modal shows the secret id, to them alone")
        self._consumer = Consumer(self._wait_for(self._how_to), secret_id)
        published = self._consumer.read()
        if published is None:
            raise TourFailed("Vault does not let the lab's consumer in")
        self._stage.say(f"the program reads innkeeper/labs/{lab} → {published['urls'][0]}, and a password")

    def _how_to(self) -> str | None:
        """The file that `/lab connect` sends to whoever asked."""
        direct = self._slack.direct_channel(self._cast.requester)
        files = [each.content.decode() for said in self._slack.messages(direct) for each in said.files]
        ours = [each for each in files if re.search(rf"labs/{self.lab}\b(?!-)", each)]
        return ours[-1] if ours else None

    def _cut_off(self) -> None:
        if self._consumer is not None and self._consumer.read() is not None:
            raise TourFailed("the consumer of a lab that is gone still reads what that published")
        self._stage.say(f"the program reads innkeeper/labs/{self.lab} → refused")

    def _take_keys(self) -> None:
        user, lab = self._cast.leaver, self.lab
        self._stage.caption(
            "An infra person enrolls an ssh key, takes a certificate for the lab, and logs in with it."
        )
        self._type(user, f"/key enroll {self._laptop.public_key}", expect="SHA256:")
        issued = text_of(self._answer(user, f"/key ssh {lab}", "Certificate for root"))
        certificate = found(r"\bssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+", issued)
        told = self._outputs(user)
        self._ssh_address = found(r"ssh://root@127\.0\.0\.1:\d+", told)
        self._laptop.save(certificate, re.findall(r"\[127\.0\.0\.1\]:\d+ ssh-ed25519 [A-Za-z0-9+/=]+", told))
        said = self._laptop.run(self._ssh_address, "echo welcome, $(whoami)")
        if said is None:
            raise TourFailed("the certificate does not log in")
        self._stage.say(f"ssh {self._ssh_address} → {said.strip()}")

    def _stop_a_service(self) -> None:
        if not self._is_deployed:
            return
        self._stage.caption(
            "On one host the guestbook is stopped. The bot looks at its labs from outside, too."
        )
        self._laptop.run(self._ssh_address, "touch service/down")
        self._stage.say(f"ssh {self._ssh_address} touch service/down")

    def _hear_of_it(self) -> None:
        if not self._is_deployed:
            return
        self._stage.caption(
            "The second look in a row that fails is told to its owner, and stands on the card."
        )
        self._told_in_channel("is unhealthy since")
        self._laptop.run(self._ssh_address, "rm service/down")
        self._stage.say(f"ssh {self._ssh_address} rm service/down")
        before = self._card(f"{self.lab}: applied")
        self._type(self._cast.requester, f"/lab test {self.lab}")
        self._card(f"{self.lab}: applied", before.ts)

    def _recover(self) -> None:
        if self._is_deployed:
            self._stage.caption("That it is well again is told, too.")
            self._told_in_channel("is healthy again")

    @property
    def _is_deployed(self) -> bool:
        """Whether this machine has what it takes to deploy something."""
        return any("✓ deploy" in str(each.blocks) for each in self._cards(self.lab))

    def _told_in_channel(self, words: str) -> None:
        first = self._cards(self.lab)[0].ts
        self._wait_for(
            lambda: [
                each
                for each in self._slack.messages(self._cast.channel)
                if each.ts > first and words in each.text and f"*{self.lab}*" in each.text
            ]
        )
        self._stage.catch_up()

    def _look_at_data(self) -> None:
        if self._database is None:
            return
        user, asked = self._cast.leaver, f"/key db {self.lab}"
        self._stage.caption(
            "The lab's database gives a user of its own to each person. Its password is shown once."
        )
        name, password = self._revealed(user, asked, "Reveal once", "User", "Password")
        self._stage.say(f"a modal shows {name} and the password, to them alone")
        self._session = self._database.connect(name, password)
        visits = self._session.execute("SELECT count(*) FROM visits").fetchone()
        self._stage.say(f"{name} counts {visits[0]} visits in the database")
        self._stage.caption("A second look is refused.")
        self._press(user, self._waiting, "Reveal once", expect="Opened")

    def _leave(self) -> None:
        user = self._cast.leaver
        name = self._slack.workspace.users[user].name
        self._stage.caption("They leave. One button ends everything that they held.")
        asked = self._answer(self._cast.admin, f"/operator remove @{name}", "Nothing has happened yet")
        self._press(self._cast.admin, asked, "Remove", expect="no longer an operator")
        if self._laptop.run(self._ssh_address, "echo still here") is not None:
            raise TourFailed("a revoked certificate still logs in")
        self._stage.say(f"ssh {self._ssh_address} → refused")
        if self._session is not None:
            self._wait_for(self._is_session_over)
            self._stage.say("SELECT 1 → the database has ended the session")
        self._type(user, f"/key ssh {self.lab}", expect="not a trusted operator")

    def _is_session_over(self) -> bool:
        try:
            self._session.execute("SELECT 1")
        except LocalPostgreSQL.SessionEnded:
            return True
        return False

    def _outputs(self, user: str) -> str:
        return text_of(self._answer(user, f"/lab output {self.lab}", f"Outputs of {self.lab}"))

    def _revealed(self, user: str, asked: str, expect: str, *labels: str) -> list[str]:
        """What the modal of `Reveal once` shows under its labels, once it was asked for."""
        self._waiting = self._answer(user, asked, expect)
        self._stage.does(user, "presses  ( Reveal once )")
        self._slack.click(user, self._waiting, "Reveal once")
        shown = self._wait_for(
            lambda: [each for each in self._slack.views_of(user) if labels[-1] in str(each.blocks)]
        )[-1]
        values = [_shown_in(shown, label) for label in labels]
        with suppress(LookupError):  # the reader has closed it
            self._slack.close_view(user, shown)
        return values

    def _destroy(self) -> None:
        self._stage.caption(
            "When it is not needed any more, it goes the same way: a plan, two approvals, gone."
        )
        self._is_going.add(self.lab)
        self._type(self._cast.requester, f"/lab down {self.lab}")
        self._approved("destroyed")
        try:
            requests.get(self._address, timeout=1)
        except requests.ConnectionError:
            self._stage.say(f"GET {self._address} → nobody answers any more")
        else:
            raise TourFailed(f"{self._address} still answers after the destruction")

    def _forget(self) -> None:
        self._stage.caption(
            "A lab that nobody uses is asked about, and goes by itself: after hours in life, seconds here."
        )
        user, lab = self._cast.requester, self.fleeting
        self._labs.append(lab)
        self._type(user, f"/lab up fleeting {lab}")
        self._approve(user, self._card(f"{lab}: proposed"), expect=f"Your approval of *{lab}* counts")
        self._is_going.add(lab)
        self._wait_for(lambda: [each for each in self._cards(lab) if each.text.startswith(f"{lab}: applied")])
        direct = self._slack.direct_channel(user)
        reminders = self._wait_for(
            lambda: [
                each.text for each in self._slack.messages(direct) if f"Nobody has used *{lab}*" in each.text
            ]
        )
        name = self._slack.workspace.users[user].name
        self._stage.say(f"{name} is told directly, too: {reminders[-1].partition(' (last')[0]}.")
        self._stage.caption("Nobody answers, so it is destroyed. Your wallet will thank you.")
        try:
            self._card(f"{lab}: destroyed")
        except TimeoutError:
            raise TourEnded(f"{lab} is still there: somebody seems to have kept it.") from None

    def _look_back(self) -> None:
        self._stage.caption("Nothing is left but its history, and the audit.")
        user = self._cast.requester
        since = self._seen_by(user)[-1].ts
        self._type(user, "/lab list")
        listed = self._wait_for(
            lambda: [
                each
                for each in self._seen_by(user)
                if each.ts > since and re.match(r"\d+ labs?\b", each.text)
            ]
        )
        if any(f"*{lab}*" in text_of(listed[0]) for lab in self._labs):
            raise TourFailed("a lab that is gone is still listed")
        self._stage.catch_up()
        self._type(user, f"/lab history {self.lab}", expect=f"History of {self.lab}")
        self._type(self._cast.security, f"/operator audit {self.lab}", expect="Audit")

    def _approved(self, end: str) -> None:
        lab, people = self.lab, (self._cast.infra, self._cast.security)
        card = self._card(f"{lab}: proposed")
        self._stage.caption("An infra person and a security person approve exactly this plan.")
        for user in people:
            self._approve(user, card, expect=f"Your approval of *{lab}* counts")
        names = [self._slack.workspace.users[user].name for user in people]
        self._stage.say(f"{lab}: approved by {names[0]} and {names[1]}")
        self._card(f"{lab}: {end}")


def _shown_in(view: View, label: str) -> str:
    """The value that stands in a modal under a label."""
    text = "\n".join(str(block.get("text", {}).get("text", "")) for block in view.blocks)
    return found(rf"\*{label}\*\s*`+\n?([^`\n]+)", text)
