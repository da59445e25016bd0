"""The ssh server of one host: it lets in who shows a certificate of the lab's CA that is not revoked, and nobody else.

Whoever comes in, and whoever does not, is one line of JSON in the host's log, with the key id and the serial of
the certificate; no key is ever written down. Needs asyncssh, from Innkeeper's own Python.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncssh
from confined import confine
from reporting import Reports
from revoked import Certificate, ListUnknown, Revocations
from ssh_sessions import Commands, Files
from supervising import Service

LOOKS_AGAIN_SECONDS = 3.0  # how long a session goes on after its certificate was revoked
LOGS_IN_WITHIN_SECONDS = 20
_USER_CERTIFICATE = 1


@dataclass(frozen=True)
class Setting:
    """ca is the CA's public key as a line of OpenSSH's; folder has home/, tmp/ and the host's key in it."""

    host: str
    lab: str
    user: str
    ca: str
    folder: str
    krl_url: str
    krl_public_key: str = ""
    krl_within_seconds: float = 1.0
    krl_trusted_seconds: float = 600.0
    active_url: str = ""
    reports_seconds: float = 60.0
    service_port: int = 0


def note(event: str, **more: object) -> None:
    """One line of JSON in the host's log."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"at": at, "event": event, **more}), flush=True)


def host_key(setting: Setting, port: int) -> asyncssh.SSHKey:
    """The host's own key, made once, with the line for ~/.ssh/known_hosts beside it."""
    path = os.path.join(setting.folder, "host_key")
    if not os.path.exists(path):
        made = asyncssh.generate_private_key("ssh-ed25519", comment=setting.host)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(made.export_private_key())
        os.rename(path + ".new", path)
    key = asyncssh.read_private_key(path)
    line = key.export_public_key().decode().strip()
    with open(os.path.join(setting.folder, "known_hosts"), "w") as file:
        file.write(f"[127.0.0.1]:{port} {line}\n")
    return key


class Lodge:
    """What all doors of a host share: whom to let in, who is in, what they have started."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.ca = asyncssh.import_public_key(setting.ca).public_data
        self.revocations = Revocations(
            setting.krl_url, setting.krl_public_key, setting.krl_trusted_seconds, setting.krl_within_seconds
        )
        self.commands = Commands(setting.host, setting.user, setting.folder, setting.service_port)
        self.service = Service(os.path.join(self.commands.home, "service"), self.commands.variables)
        self.inside: set[Door] = set()
        # Read now: a session must not, and so this process cannot once it is confined.
        self.reports = Reports(setting.active_url, setting.folder)
        self.came_in: asyncio.Queue[str] = asyncio.Queue(
            1
        )  # key ids; who is not reported has been in a moment ago

    async def revoked_because(self, certificate: Certificate) -> str | None:
        """Why that certificate is revoked as of now, or None. Raises ListUnknown."""
        await asyncio.to_thread(self.revocations.refresh)
        return self.revocations.current().because(certificate)

    async def watch(self) -> None:
        """Show out whoever's certificate is revoked while they are in."""
        while True:
            await asyncio.sleep(LOOKS_AGAIN_SECONDS)
            if not self.inside:
                continue
            await asyncio.to_thread(self.revocations.refresh)
            with contextlib.suppress(ListUnknown):  # a list that is away ends no session
                known = self.revocations.current()
                for door in [*self.inside]:
                    if because := known.because(door.shown.certificate):
                        door.show_out(because)

    async def report(self) -> None:
        """Tell Innkeeper who comes in, and now and then who is still in."""
        trouble = ""
        while self.reports:
            try:
                key_id = await asyncio.wait_for(self.came_in.get(), self.setting.reports_seconds)
            except TimeoutError:
                key_id = next((door.shown.certificate.key_id for door in self.inside if door.is_somebody), "")
            if key_id:
                before, trouble = trouble, await asyncio.to_thread(self.reports.send, key_id)
                if trouble and trouble != before:
                    note("not reported", host=self.setting.host, because=trouble)


@dataclass(frozen=True)
class Shown:
    """What a certificate says."""

    certificate: Certificate
    is_for_users: bool
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int

    @property
    def told(self) -> dict[str, str]:
        return {"key_id": self.certificate.key_id, "serial": f"{self.certificate.serial:x}"}

    @property
    def lab(self) -> str:
        """Which lab it is for: a key id is TEAM-USER:LAB:GRANT."""
        words = self.certificate.key_id.split(":")
        return words[1] if len(words) == 3 and all(words) else ""

    def objection(self, user: str, lab: str, ca: bytes, now: float) -> str | None:
        """Why it lets nobody in there, or None. One CA signs for all labs. asyncssh looks at some of this again."""
        if self.certificate.ca != ca:
            return "its CA is not the lab's"
        if not self.is_for_users:
            return "it is a host's certificate"
        # asyncssh takes one that names nobody for everybody's, OpenSSH does not.
        if user not in self.principals:
            return f"it is for {', '.join(self.principals) or 'nobody'}, not for {user}"
        if self.lab != lab:
            return f"it is for the lab {self.lab}, not for {lab}" if self.lab else "its key id names no lab"
        if now < self.valid_after:
            return "it is not valid yet"
        if now >= self.valid_before:
            return "it has expired"
        return None


def read_certificate(certificate: Any) -> Shown:
    """The one place that reads what asyncssh keeps to itself of a certificate."""
    return Shown(
        Certificate(
            ca=certificate.signing_key.public_data,
            key=certificate.key.public_data,
            serial=certificate._serial,
            key_id=certificate._key_id,
        ),
        certificate._cert_type == _USER_CERTIFICATE,
        tuple(certificate.principals),
        certificate._valid_after,
        certificate._valid_before,
    )


Validate = Callable[[str, Any], Awaitable[Any]]


def wrap_validation(connection: Any, around: Callable[[Validate], Validate]) -> None:
    """The one place that puts something around asyncssh's own look at a certificate: it has no public hook for that.

    Where a new version moves that look, nobody gets in: see Door.validate_ca_key.
    """
    connection._validate_openssh_certificate = around(connection._validate_openssh_certificate)


class Door(asyncssh.SSHServer):
    """One connection: who it is, and whether they may come in."""

    shown: Shown

    def __init__(self, lodge: Lodge) -> None:
        self._lodge = lodge
        self._is_examining = False
        self._passed: Shown | None = None

    def connection_made(self, connection: asyncssh.SSHServerConnection) -> None:
        self._connection = connection
        host, port = connection.get_extra_info("peername")[:2]
        self._from = f"{host}:{port}"
        wrap_validation(connection, self._examined)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._lodge.inside:
            self._lodge.inside.discard(self)
            note("left", **self._who(self.shown.told))

    def begin_auth(self, username: str) -> bool:
        self._user = username
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._refuse("a key without a certificate lets nobody in")
        return False

    def validate_ca_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        # True only from within our own examination: where that is not asked, no CA is trusted.
        return self._is_examining

    def auth_completed(self) -> None:
        if self._passed is None:
            self._connection.abort()
            return
        self.shown = self._passed
        self._lodge.inside.add(self)
        if self.is_somebody:
            with contextlib.suppress(asyncio.QueueFull):
                self._lodge.came_in.put_nowait(self.shown.certificate.key_id)
        note("login", **self._who(self.shown.told))

    @property
    def is_somebody(self) -> bool:
        """Not Innkeeper itself, which deploys here, and looks whether all is well: that is no use of the lab."""
        return not self.shown.certificate.key_id.startswith("innkeeper:")

    def show_out(self, because: str) -> None:
        note("shown out", **self._who(self.shown.told), because=because)
        self._lodge.inside.discard(self)
        said = f"Your certificate lets nobody in any more: {because}."
        self._lodge.commands.tell(self._connection, said)
        self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, said)
        asyncio.get_running_loop().call_later(1, self._connection.abort)  # who does not listen goes too

    def _examined(self, validate: Validate) -> Validate:
        async def examine(username: str, certificate: Any) -> Any:
            self._passed = None
            shown, objection = await self._objection(username, certificate)
            key = None
            if objection is None:
                self._is_examining = True
                try:
                    key = await validate(username, certificate)
                finally:
                    self._is_examining = False
                objection = None if key else "its options do not allow this login"
            if objection is not None:
                self._refuse(objection, shown)
                return None
            self._passed = shown
            return key

        return examine

    async def _objection(self, username: str, certificate: Any) -> tuple[Shown | None, str | None]:
        setting = self._lodge.setting
        try:
            shown = read_certificate(certificate)
        except AttributeError as error:
            return None, f"asyncssh {asyncssh.__version__} shows certificates in another way: {error}"
        if username != setting.user:
            return shown, f"nobody is {username} here, only {setting.user}"
        objection = shown.objection(username, setting.lab, self._lodge.ca, time.time())
        if objection is None:
            try:
                objection = await self._lodge.revoked_because(shown.certificate)
            except ListUnknown as unknown:
                objection = str(unknown)
        return shown, objection

    def _refuse(self, because: str, shown: Shown | None = None) -> None:
        note("refused", **self._who(shown.told if shown else {}), because=because)

    def _who(self, told: dict[str, str]) -> dict[str, str]:
        return {"host": self._lodge.setting.host, "user": self._user, "from": self._from, **told}


def prepare(listener: socket.socket, setting: Setting) -> Callable[[Callable[[], None]], None]:
    """Do all that can go wrong, and confine this process. What it gives is the server: calls ready, never returns."""
    for name in ("", "home", "home/service", "tmp"):
        os.makedirs(os.path.join(setting.folder, name), mode=0o700, exist_ok=True)
    lodge = Lodge(setting)
    key = host_key(setting, listener.getsockname()[1])
    confined = confine([lodge.commands.home, os.path.join(setting.folder, "tmp")])
    note(
        "ssh server", host=setting.host, user=setting.user, port=listener.getsockname()[1], confined=confined
    )
    return lambda ready: asyncio.run(_serve(listener, lodge, key, ready))


async def _serve(
    listener: socket.socket, lodge: Lodge, key: asyncssh.SSHKey, ready: Callable[[], None]
) -> None:
    server = await asyncssh.listen(
        sock=listener,
        server_factory=lambda: Door(lodge),
        server_host_keys=[key],
        process_factory=lodge.commands.run,
        sftp_factory=lambda channel: Files(channel, lodge.commands.home),
        encoding=None,
        line_editor=False,
        x11_forwarding=False,
        agent_forwarding=False,
        gss_host=None,
        login_timeout=LOGS_IN_WITHIN_SECONDS,
        server_version="sandbox",
    )
    signal.signal(signal.SIGTERM, lambda *_: (lodge.commands.end(), lodge.service.kill(), os._exit(0)))
    ready()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lodge.watch())
        tasks.create_task(lodge.report())
        tasks.create_task(lodge.service.keep())
        tasks.create_task(server.wait_closed())
