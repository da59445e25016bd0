"""Keys and certificates as OpenSSH's own ssh-keygen makes them, and what it says of a revocation list."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import cannot_be_had


@dataclass(frozen=True)
class Keygen:
    """ssh-keygen in a folder. Names are those of files in it: NAME, NAME.pub, NAME-cert.pub."""

    folder: Path

    def run(self, *words: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        if shutil.which("ssh-keygen") is None:
            cannot_be_had("ssh-keygen, of OpenSSH,")
        done = subprocess.run(
            ["ssh-keygen", *words], cwd=self.folder, capture_output=True, text=True, timeout=60
        )
        assert not ok or done.returncode == 0, done.stderr
        return done

    def key(self, name: str, kind: str = "ed25519") -> str:
        """Make a key. Gives its public half."""
        bits = ["-b", "3072"] if kind == "rsa" else []
        self.run("-q", "-t", kind, *bits, "-N", "", "-C", name, "-f", name)
        return (self.folder / f"{name}.pub").read_text().strip()

    def certify(
        self, name: str, ca: str, serial: int = 0, key_id: str = "T1-U1:demo:g1", principals: str = "root"
    ) -> Path:
        """Have the CA sign NAME.pub: NAME-cert.pub."""
        words = ["-s", ca, "-I", key_id, "-n", principals, "-V", "-1m:+30m", "-z", str(serial)]
        self.run("-q", *words, f"{name}.pub")
        return self.folder / f"{name}-cert.pub"

    def fingerprint(self, name: str) -> str:
        """`SHA256:…` of NAME.pub."""
        return self.run("-l", "-f", f"{name}.pub").stdout.split()[1]

    def revokes(self, krl: bytes, *files: str) -> set[str]:
        """Those of the files (keys or certificates) that the list revokes."""
        (self.folder / "krl").write_bytes(krl)
        done = self.run("-Q", "-f", "krl", *files, ok=False)
        said = {
            line.split(" ", 1)[0].rstrip(":"): line.endswith("REVOKED") for line in done.stdout.splitlines()
        }
        assert set(said) == set(files), done.stdout + done.stderr
        assert done.returncode == int(any(said.values())), done.stderr
        return {name for name, revoked in said.items() if revoked}

    def shows(self, krl: bytes) -> list[str]:
        """What the list says in ssh-keygen's words: `serial: 5-8`, `id: …`, `hash: …`, and what stands in its head."""
        (self.folder / "krl").write_bytes(krl)
        return [line for line in self.run("-Q", "-l", "-f", "krl").stdout.splitlines() if line]
