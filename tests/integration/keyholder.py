"""Somebody who holds keys: what they type and press in Slack, what they are shown, and what that opens for them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import subprocess
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.playground import fields, payloads
from bot.playground.laptop import Laptop
from bot.playground.model import Delivery, Message, View
from state.records import Person
from tests.integration.house import House, said
from tests.labs.sandbox_machine import lab_with_ports

CERTIFICATE = re.compile(r"ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/=]+")


HOSTED = lab_with_ports("hosts")


class Keyholder:
    """A new operator of a house, with a laptop of their own."""

    def __init__(self, house: House, folder: Path, name: str, *roles: str) -> None:
        self.house = house
        self.user = house.joins(name)
        self.person: Person = house.trust(self.user, *roles)
        self.name = name
        self.laptop = Laptop(folder / name)
        self._folder = folder / name

    def asks(self, text: str, expect: str) -> str:
        """Type a command, and wait for its answer."""
        return self.house.asks(self.user, text, expect)

    def enrolls(self) -> None:
        self.asks(f"/key enroll {self.laptop.public_key} {self.name}@laptop", expect="is enrolled")

    def takes_certificate(self, lab: str) -> Path:
        """A certificate of a lab's, kept beside the key."""
        told = self.asks(f"/key ssh {lab}", expect="Certificate for root")
        found = CERTIFICATE.search(told)
        assert found, told
        self.laptop.save(found[0], self.hosts(lab))
        return self._folder / "id_ed25519-cert.pub"

    def hosts(self, lab: str) -> list[str]:
        """The lines for known_hosts, of a lab that has hosts."""
        return re.findall(r"\[127\.0\.0\.1\]:\d+ ssh-ed25519 [A-Za-z0-9+/=]+", self._outputs(lab))

    def address(self, lab: str) -> str:
        """The first host's, for ssh."""
        found = re.search(r"ssh://root@127\.0\.0\.1:\d+", self._outputs(lab))
        assert found, self._outputs(lab)
        return found[0]

    def _outputs(self, lab: str) -> str:
        sql = "SELECT outputs FROM runs WHERE lab_name = ? AND state = 'applied' ORDER BY seq DESC"
        return str(self.house.rows(sql, lab)[0]["outputs"])

    # What waits behind buttons

    @property
    def answer(self) -> Message:
        """What they were answered last."""
        return self.house.answers[self.user]

    def presses(self, shown: Message | View, label: str, expect: str) -> str:
        """Press a button of an answer or of a modal, and wait for what is answered."""
        return self.house.presses(self.user, shown, label, expect)

    def submits(self, form: View, given: dict[str, str], expect: str) -> str:
        """Send a form, and wait for what is answered."""
        return self.house.answered(self.user, expect, lambda: self.house.slack.submit(self.user, form, given))

    def opens(self, shown: Message, label: str) -> View:
        """Press a button that opens a modal: the modal, once it shows something. It stays open."""
        self.house.slack.click(self.user, shown, label)
        return self.modal()

    def types(self, text: str) -> View:
        """Type a command that opens a modal: the modal, once it shows something."""
        self.house.slack.command(self.user, self.house.channel, text)
        return self.modal()

    def modal(self) -> View:
        def full() -> View | None:
            views = self.house.slack.views_of(self.user)
            return views[-1] if views and "One moment" not in str(views[-1].blocks) else None

        view = self.house.wait_for(full)
        assert view is not None
        return view

    def reveals(self, shown: Message, label: str = "Reveal once") -> dict[str, str]:
        """Press, read what the modal shows, and close it."""
        view = self.opens(shown, label)
        self.house.slack.close_view(self.user)
        return secrets_in(view)

    def takes_database_user(self, lab: str) -> tuple[str, str]:
        """A user of the lab's database and its password, revealed."""
        self.asks(f"/key db {lab}", expect="It opens once")
        shown = self.reveals(self.answer)
        return shown["User"], shown["Password"]

    # What is recorded

    def grants(self) -> list[dict[str, Any]]:
        """Theirs, the oldest first."""
        return self.house.rows("SELECT * FROM grants WHERE person = ? ORDER BY seq", self.person.key)

    def living(self) -> list[dict[str, Any]]:
        return [grant for grant in self.grants() if grant["revoked_at"] is None]


def text_of(view: View) -> str:
    """Everything that a modal shows."""
    return unescape(
        "\n".join(str((block.get("text") or {}).get("text", "")) for block in view.blocks if "text" in block)
    )


def secrets_in(view: View) -> dict[str, str]:
    """Label → value of what a modal shows to copy. A value that is cut into several blocks is put together."""
    found: dict[str, str] = {}
    label = ""
    for line in (str((block.get("text") or {}).get("text", "")) for block in view.blocks):
        if match := re.fullmatch(r"\*([^*\n]+)\*", line):
            label = match[1]
        elif match := re.fullmatch(r"```\n(.*)\n```", line, re.DOTALL):
            found[label] = "\n".join(filter(None, (found.get(label), unescape(match[1]))))
    return found


def forged_click(house: House, user: str, shown: Message, label: str) -> Delivery:
    """Somebody presses a button of a message that they do not see: what Slack's client never does."""
    block, element = fields.find(shown.blocks, label)
    action = fields.action_of(block, element, None, house.slack.workspace.next_ts())
    person = house.slack.workspace.users[user]
    payload = payloads.message_click(house.slack.workspace, person, shown, action, {})
    return house.slack.courier.deliver("interaction", payload)


def krl_says(house: House, certificate: Path) -> str:
    """What OpenSSH's own ssh-keygen reads in the published list: `ok` or `REVOKED`."""
    krl = certificate.with_name("krl")
    krl.write_bytes(house.get("/ssh/krl").content)
    done = subprocess.run(
        ["ssh-keygen", "-Q", "-f", str(krl), str(certificate)], capture_output=True, text=True, timeout=30
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.strip().rpartition(" ")[2]


def totp(url: str, at_seconds: float) -> str:
    """The code of an otpauth address at a time. Source: RFC 6238, with the usual 30 seconds, SHA-1 and six digits."""
    secret = parse_qs(urlsplit(url).query)["secret"][0]
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(at_seconds) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def told(message: Message) -> str:
    """What a message says."""
    return unescape(said(message))
