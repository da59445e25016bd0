"""OpenSSH's own sshd with the lines of labs/hosts/sshd.conf: who comes in, before and after a revocation."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.grants.krl import Revoked
from tests.bot.serving_hosts import Hosts, serving_hosts
from tests.commands.openssh import Keygen
from tests.conftest import cannot_be_had
from tests.fakes.clock import FakeClock
from tests.integration.bot_process import free_port
from tests.integration.host import HOSTS, SCRIPT, Host
from tests.waiting import until

pytestmark = pytest.mark.integration

USER = pwd.getpwuid(os.geteuid()).pw_name
SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")

OF_ITS_OWN = """
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AuthorizedKeysFile {folder}/authorized_keys
"""


@dataclass(frozen=True)
class Machine:
    """A host with a running sshd. keygen has its CA `ca`."""

    trust: Host
    keygen: Keygen
    port: int
    log: Path

    def lets_in(self, name: str) -> bool:
        """Whether `ssh` with NAME and, if there is one, NAME-cert.pub gets a shell."""
        quiet = [
            "-F",
            "none",
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "LogLevel=ERROR",
        ]
        known = ["-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        words = [*quiet, *known, "-i", name, "-p", str(self.port), f"{USER}@127.0.0.1", "echo welcome"]
        done = subprocess.run(
            ["ssh", *words], cwd=self.keygen.folder, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0 or "Permission denied" in done.stderr, done.stderr
        return done.stdout == "welcome\n"

    def certify(self, name: str, serial: int, key_id: str, ca: str = "ca") -> None:
        self.keygen.certify(name, ca, serial, key_id, USER)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of root's all the way up: sshd asks no command that somebody else could have put there."""
    if SSHD is None or shutil.which("ssh") is None:
        cannot_be_had("OpenSSH's sshd, of the package openssh-server,")
    if os.geteuid() != 0:
        cannot_be_had("an sshd that runs as root")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="innkeeper-sshd-", dir="/var/lib"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def keygen(tmp_path: Path) -> Keygen:
    """The CA `ca` and the keys of ada and ben."""
    keygen = Keygen(tmp_path)
    for name in ("ca", "ada", "ben"):
        keygen.key(name)
    return keygen


@pytest.fixture
def hosts(tmp_path: Path, keygen: Keygen) -> Iterator[Hosts]:
    ca = (keygen.folder / "ca.pub").read_text().strip()
    with serving_hosts(tmp_path, ca, FakeClock(datetime.now(UTC))) as served:
        yield served


@pytest.fixture
def machine(folder: Path, keygen: Keygen, hosts: Hosts) -> Iterator[Machine]:
    """A host of the lab demo as cloud-init leaves it: installed, its sshd running, its first list not yet fetched."""
    trust = Host(folder / "trust")
    script = folder / "innkeeper-trust"
    script.write_text(SCRIPT.read_text().replace("/etc/ssh/innkeeper", str(trust.folder)))
    script.chmod(0o755)
    trust.folder.mkdir()
    for name, text in {
        "url": hosts.base_url,
        "lab": "demo",
        "ca.pub": hosts.signer.ca_public_key,
        "krl": hosts.signer.ca_public_key,
        "krl.pub": hosts.signer.signing_public_key().strip(),
    }.items():
        (trust.folder / name).write_text(f"{text}\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
    (folder / "authorized_keys").write_text("")
    lines = (HOSTS / "sshd.conf").read_text().replace("/etc/ssh/innkeeper", str(trust.folder))
    lines = lines.replace("/usr/local/sbin/innkeeper-trust", str(script))
    port = free_port()
    (folder / "sshd_config").write_text(f"{lines}{OF_ITS_OWN.format(folder=folder)}Port {port}\n")
    log = folder / "log"
    assert SSHD is not None
    with log.open("w") as to:
        sshd = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=to, stdout=to)
    until(lambda: "Server listening" in log.read_text() or sshd.poll() is not None)
    assert sshd.poll() is None, log.read_text()
    yield Machine(trust, keygen, port, log)
    sshd.terminate()
    sshd.wait(30)


def test_a_certificate_logs_in_and_is_refused_once_its_serial_is_in_the_list(
    machine: Machine, hosts: Hosts
) -> None:
    machine.certify("ada", 7, "T1-U1:demo:g1")
    machine.certify("ben", 8, "T1-U2:demo:g2")
    assert machine.trust.run().returncode == 0
    assert machine.lets_in("ada")
    assert "ID T1-U1:demo:g1 (serial 7)" in machine.log.read_text()
    hosts.told.revokes(7)
    assert machine.trust.run().returncode == 0
    assert not machine.lets_in("ada")
    assert "revoked by file" in machine.log.read_text()
    assert machine.lets_in("ben")


def test_a_key_id_and_a_key_are_refused_as_well(machine: Machine, hosts: Hosts) -> None:
    machine.certify("ada", 0, "T1-U1:demo:lost")
    machine.certify("ben", 8, "T1-U2:demo:g2")
    hosts.told.now = Revoked(key_ids=frozenset({"T1-U1:demo:lost"}))
    assert machine.trust.run().returncode == 0
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (False, True)
    hosts.told.now = Revoked(fingerprints=frozenset({machine.keygen.fingerprint("ben")}))
    assert machine.trust.run().returncode == 0
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (True, False)
    machine.certify("ben", 9, "T1-U2:demo:g3")  # a new certificate for the same key
    assert not machine.lets_in("ben")


def test_before_the_first_list_no_certificate_is_taken_and_a_root_key_is(
    machine: Machine, folder: Path
) -> None:
    machine.certify("ada", 7, "T1-U1:demo:g1")
    (folder / "authorized_keys").write_text((machine.keygen.folder / "ben.pub").read_text())
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (False, True)
    assert machine.trust.run().returncode == 0
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (True, True)


def test_a_certificate_for_another_lab_or_of_another_ca_is_refused(machine: Machine) -> None:
    machine.keygen.key("other-ca")
    assert machine.trust.run().returncode == 0
    machine.certify("ada", 7, "T1-U1:demo2:g1")
    machine.certify("ben", 8, "T1-U2:demo:g2", ca="other-ca")
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (False, False)


def test_a_certificate_for_another_user_is_refused(machine: Machine) -> None:
    assert machine.trust.run().returncode == 0
    machine.keygen.certify("ada", "ca", 7, "T1-U1:demo:g1", "somebody")
    assert not machine.lets_in("ada")


def test_while_innkeeper_is_away_the_last_list_goes_on_refusing(
    machine: Machine, hosts: Hosts, keygen: Keygen
) -> None:
    machine.certify("ada", 7, "T1-U1:demo:g1")
    machine.certify("ben", 8, "T1-U2:demo:g2")
    hosts.told.revokes(7)
    assert machine.trust.run().returncode == 0
    (machine.trust.folder / "url").write_text(f"http://127.0.0.1:{free_port()}\n")
    assert machine.trust.run().returncode == 1
    assert (machine.lets_in("ada"), machine.lets_in("ben")) == (False, True)
