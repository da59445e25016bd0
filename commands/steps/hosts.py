"""A lab's hosts, as its outputs name them, and a login there for the bot: a new key, and a certificate for minutes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from commands.engines import openssh
from commands.engines.openssh import Host, Login
from commands.steps.step import StepFailed, Work
from commands.words import code
from state import tfstate
from state.records import Lab

_ADDRESS = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
_KNOWN_HOST = re.compile(r"[^\s@#][^\r\n]*")


def hosts_of(work: Work, output: str) -> tuple[Host, ...]:
    """The hosts that an output names: one, a list, or a map of names to addresses. Raises StepFailed."""
    value = _output(work, output)
    if isinstance(value, Mapping):
        named = {_plain(str(name)): _host(work, output, each, str(name)) for name, each in value.items()}
    else:
        listed = value if isinstance(value, list) else [value]
        found = [_host(work, output, each, "") for each in listed]
        addresses = [host.address for host in found]
        named = {
            _plain(
                host.address if addresses.count(host.address) == 1 else f"{host.address}-{host.port}"
            ): host
            for host in found
        }
    if not named:
        raise StepFailed(f"The output `{output}` names no host.")
    return tuple(Host(name, host.address, host.port, host.user) for name, host in named.items())


def log_in(work: Work, known_hosts: str | None, ttl_seconds: int) -> Login:
    """Make a key and have Vault sign it for this run alone. known_hosts: the output that has the hosts' own keys.

    Everything is in work.folder, and gone with it; nothing is in an agent or in ~/.ssh. A host's log shows the key id,
    `innkeeper:LAB:RUN`. Where no output tells the hosts' keys, those that are met first are believed, and
    remembered until the lab is applied again. Call openssh.close at the end. Raises StepFailed, VaultError.
    """
    ssh = work.blueprint.secure.ssh
    if ssh is None:
        raise StepFailed("The blueprint has no `secure: {ssh: …}`, so there is no way in.")
    told = known_hosts or ("known_hosts" if "known_hosts" in work.outputs else None)
    if told is not None:
        lines = _lines(told, _output(work, told))
    else:
        path = _remembered(work)
        lines = path.read_text().splitlines() if path.exists() else []
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    certificate = work.deps.vault.sign_bot_ssh(
        public, ssh.user, ttl_seconds, f"innkeeper:{work.lab.name}:{work.run.id}"
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return openssh.write_login(work.folder, private, certificate.signed_key, lines, told is None)


def remember(work: Work, login: Login) -> None:
    """Keep the keys of hosts that were met, so that the next login notices another one."""
    known = login.config.with_name("known_hosts")
    if login.is_first_contact and known.exists() and known.stat().st_size:
        path = _remembered(work)
        if not path.exists():
            forget(work.deps.data_path, work.lab)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(known.read_bytes())


def forget(data_path: Path, lab: Lab) -> None:
    """Let go of a lab's hosts' keys."""
    for path in (data_path / "known_hosts").glob(f"{lab.id}-*"):
        path.unlink(missing_ok=True)


def _remembered(work: Work) -> Path:
    """Of the hosts as they are since the last apply: another one may have replaced them."""
    version = tfstate.current(work.deps.database, work.lab.id)
    return work.deps.data_path / "known_hosts" / f"{work.lab.id}-{version.serial if version else 0}"


def _output(work: Work, name: str) -> Any:
    if name not in work.outputs:
        raise StepFailed(f"The lab has no output `{name}`, which its blueprint's `deploy` names.")
    return work.outputs[name]


def _host(work: Work, output: str, value: Any, name: str) -> Host:
    ssh = work.blueprint.secure.ssh
    user = ssh.user if ssh is not None else "root"
    address, port = "", 0
    if isinstance(value, str):
        try:
            parts = urlsplit(
                value if "://" in value else f"ssh://{f'[{value}]' if value.count(':') > 1 else value}"
            )
            is_ours = (
                parts.scheme == "ssh" and parts.path in ("", "/") and not (parts.query or parts.password)
            )
            address, port = (parts.hostname or "") if is_ours else "", parts.port or 22
        except ValueError:
            address = ""
        if address and parts.username not in (None, user):
            raise StepFailed(
                f"The output `{output}` says to log in as {code(str(parts.username))}, and certificates are for "
                f"`{user}`, as `secure: {{ssh: {{user: …}}}}` says."
            )
    if not _ADDRESS.fullmatch(address):
        raise StepFailed(
            f"The output `{output}` has {_shown(value)} in it, which is no host. "
            f"It should be such as `ssh://{user}@192.0.2.7:22`, or an address."
        )
    return Host(name, address, port, user)


def _lines(output: str, value: Any) -> list[str]:
    lines = [
        line for each in (value if isinstance(value, list) else [value]) for line in str(each).splitlines()
    ]
    lines = [line for line in lines if line.strip()]
    if not lines or not all(_KNOWN_HOST.fullmatch(line) for line in lines):
        raise StepFailed(
            f"The output `{output}` has no keys of hosts in it, so none can prove which one it is."
        )
    return lines


def _plain(name: str) -> str:
    """As Ansible's inventory takes it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name).strip("-.") or "host"


def _shown(value: Any) -> str:
    return code(value if isinstance(value, str) else json.dumps(value), 60)
