"""What a person has on their own machine: a key, the certificate that was issued for it, and an ssh client."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import asyncssh
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LOGIN_SECONDS = 60
REFUSED_STATUS = 255  # of ssh, when it was not let in


class Laptop:
    """One person's ~/.ssh, in a folder. OpenSSH's client is used where it is installed, else asyncssh's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = folder / "id_ed25519"
        self._certificate = folder / "id_ed25519-cert.pub"
        self._known_hosts = folder / "known_hosts"
        private = Ed25519PrivateKey.generate()
        self._key.touch(mode=0o600)
        self._key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
        )
        self.public_key = (
            private.public_key()
            .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
            .decode()
        )

    def save(self, certificate: str, known_hosts: list[str]) -> None:
        """Keep what `/key ssh` answered, and the hosts' own keys."""
        self._certificate.write_text(f"{certificate}\n")
        self._known_hosts.write_text("".join(f"{line}\n" for line in known_hosts))

    def run(self, address: str, command: str) -> str | None:
        """What a command says on `ssh://user@host:port`. None when we are not let in."""
        return (
            self._openssh(address, command)
            if shutil.which("ssh")
            else asyncio.run(self._asyncssh(address, command))
        )

    def _openssh(self, address: str, command: str) -> str | None:
        options = (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=yes",
            "LogLevel=ERROR",
            f"CertificateFile={self._certificate}",
            f"UserKnownHostsFile={self._known_hosts}",
            "GlobalKnownHostsFile=/dev/null",
        )
        words = [word for option in options for word in ("-o", option)]
        done = subprocess.run(
            ["ssh", "-F", "none", "-i", str(self._key), *words, address, command],
            capture_output=True,
            text=True,
            timeout=LOGIN_SECONDS,
            check=False,
        )
        return None if done.returncode == REFUSED_STATUS else done.stdout

    async def _asyncssh(self, address: str, command: str) -> str | None:
        at = urlsplit(address)
        try:
            async with asyncssh.connect(
                at.hostname or "",
                at.port or 22,
                username=at.username or "root",
                config=None,
                agent_path=None,
                client_keys=[(str(self._key), str(self._certificate))],
                known_hosts=str(self._known_hosts),
                login_timeout=LOGIN_SECONDS,
            ) as client:
                return str((await client.run(command)).stdout)
        except asyncssh.PermissionDenied:
            return None
