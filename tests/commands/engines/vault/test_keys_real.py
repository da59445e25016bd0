"""What is issued, seen from outside: by OpenSSH, OpenSSL, PostgreSQL and Vault's own audit log."""

from __future__ import annotations

import base64
import json
import shutil
import struct
import subprocess
from pathlib import Path

import hvac
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.playground import postgresql_server as settings
from bot.playground.postgresql_server import LocalPostgreSQL
from bot.playground.vault_server import EmbeddedVault
from commands.engines.vault.database import READ, READ_WRITE, configure_database
from commands.engines.vault.protocol import VaultRefused, WrappingSpent
from state.records import Person
from tests.commands.engines.vault.worlds import RealWorld
from tests.conftest import VaultSpace, cannot_be_had
from tests.waiting import until

pytestmark = pytest.mark.integration

ANNA = Person("T1", "U1")
HOUR = 3600


@pytest.fixture
def real(vault_space: VaultSpace, postgresql: LocalPostgreSQL) -> RealWorld:
    return RealWorld(vault_space, postgresql)


def needs(program: str) -> None:
    if shutil.which(program) is None:
        cannot_be_had(f"the program {program}")


def run(*command: str | Path) -> str:
    needs(str(command[0]))
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def token(real: RealWorld, ttl_seconds: int = HOUR) -> str:
    return real.vault.grant_token(ANNA, "g1", ttl_seconds).token


@pytest.mark.parametrize(
    "kind", [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "521"), ("rsa", "3072")], ids="-".join
)
def test_openssh_reads_the_certificate(real: RealWorld, tmp_path: Path, kind: tuple[str, str]) -> None:
    run("ssh-keygen", "-q", "-t", kind[0], "-b", kind[1], "-N", "", "-f", tmp_path / "key")
    issued = real.vault.sign_ssh(
        real.vault.ssh_token(ANNA, "g1"), (tmp_path / "key.pub").read_text(), "root", 1800, "T1-U1:demo:g1"
    )
    (tmp_path / "key-cert.pub").write_text(issued.signed_key + "\n")
    (tmp_path / "ca.pub").write_text(real.vault.ssh_ca_public_key() + "\n")
    said = run("ssh-keygen", "-L", "-f", tmp_path / "key-cert.pub")
    assert "user certificate" in said
    assert 'Key ID: "T1-U1:demo:g1"' in said
    assert f"Serial: {int(issued.serial_hex, 16)}" in said
    authority = run("ssh-keygen", "-l", "-f", tmp_path / "ca.pub").split()[1]
    assert f"Signing CA: ED25519 {authority}" in said
    lines = [line.strip() for line in said.splitlines()]
    assert lines[lines.index("Principals:") :] == [
        "Principals:",
        "root",
        "Critical Options: (none)",
        "Extensions:",
        "permit-pty",
    ]


def security_keys() -> list[str]:
    """Public halves of keys that live in hardware, which cannot be had here."""

    def joined(kind: str, *parts: bytes) -> str:
        whole = b"".join(struct.pack(">I", len(part)) + part for part in (kind.encode(), *parts, b"ssh:"))
        return f"{kind} {base64.b64encode(whole).decode()}"

    raw = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = curve.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return [
        joined("sk-ssh-ed25519@openssh.com", raw),
        joined("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point),
    ]


@pytest.mark.parametrize("key", security_keys(), ids=["ed25519", "ecdsa"])
def test_a_key_in_hardware_gets_a_certificate_too(real: RealWorld, tmp_path: Path, key: str) -> None:
    issued = real.vault.sign_ssh(real.vault.ssh_token(ANNA, "g1"), key, "root", 1800, "T1-U1:demo:g1")
    (tmp_path / "key-cert.pub").write_text(issued.signed_key + "\n")
    said = run("ssh-keygen", "-L", "-f", tmp_path / "key-cert.pub")
    assert f"Serial: {int(issued.serial_hex, 16)}" in said
    assert issued.signed_key.startswith(key.split()[0].replace("@", "-cert-v01@"))


def test_openssl_trusts_the_certificate_until_it_is_revoked(real: RealWorld, tmp_path: Path) -> None:
    needs("openssl")
    grant = real.vault.grant_token(ANNA, "g1", HOUR)
    wrapped = real.vault.issue_tls(grant.token, "lab.test", "demo.lab.test", HOUR)
    (tmp_path / "server.pem").write_text(real.vault.unwrap(wrapped.token)["certificate"])
    (tmp_path / "ca.pem").write_text(real.vault.tls_ca())

    def verified() -> subprocess.CompletedProcess[str]:
        crl = x509.load_der_x509_crl(real.vault.tls_crl()).public_bytes(Encoding.PEM)
        (tmp_path / "crl.pem").write_bytes(crl)
        command = [
            "openssl",
            "verify",
            "-crl_check",
            "-verify_hostname",
            "demo.lab.test",
            "-purpose",
            "sslserver",
        ]
        files = ["-CAfile", tmp_path / "ca.pem", "-CRLfile", tmp_path / "crl.pem", tmp_path / "server.pem"]
        return subprocess.run([*command, *map(str, files)], capture_output=True, text=True, timeout=60)

    assert verified().returncode == 0
    real.vault.revoke_accessor(grant.accessor)
    until(lambda: "certificate revoked" in verified().stderr)


def test_a_list_that_ends_soon_is_signed_anew_when_it_is_read(real: RealWorld) -> None:
    first = x509.load_der_x509_crl(real.vault.tls_crl())
    assert x509.load_der_x509_crl(real.vault.tls_crl()) == first
    real.space.client.adapter.post("/v1/pki-lab/config/crl", json={"expiry": "1h"})
    real.space.client.adapter.get("/v1/pki-lab/crl/rotate")

    def number() -> int:
        crl = x509.load_der_x509_crl(real.vault.tls_crl())
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    assert number() < number()


def test_a_wrapping_stays_closed_for_ten_minutes(real: RealWorld) -> None:
    wrapped = real.vault.issue_tls(token(real), "lab.test", "demo.lab.test", HOUR)
    seen = real.space.client.adapter.post("/v1/sys/wrapping/lookup", json={"token": wrapped.token})["data"]
    assert (seen["creation_ttl"], seen["creation_path"]) == (600, "pki-lab/issue/lab.test")


def test_a_person_can_unwrap_by_hand(real: RealWorld) -> None:
    wrapped = real.vault.issue_tls(token(real), "lab.test", "demo.lab.test", HOUR)
    by_hand = hvac.Client(real.space.addr, token=wrapped.token, namespace=real.space.namespace)
    assert by_hand.sys.unwrap()["data"]["private_key"].startswith("-----BEGIN")
    with pytest.raises(WrappingSpent):
        real.vault.unwrap(wrapped.token)


def connected(real: RealWorld, **roles: tuple[str, ...]) -> None:
    database, client = real.database, real.space.client
    configure_database(client, "demo", database.vault_url, settings.ADMIN, settings.PASSWORD, roles)


def test_revoking_ends_open_sessions_and_keeps_what_was_made(real: RealWorld) -> None:
    connected(real, readwrite=READ_WRITE)
    grant = real.vault.grant_token(ANNA, "g1", HOUR)
    login = real.vault.unwrap(real.vault.database_credentials(grant.token, "demo.readwrite").token)
    name, password = login["username"], login["password"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        real.database.connect(name, "a wrong password")
    with real.database.connect() as admin, real.database.connect(name, password) as session:
        session.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
        real.vault.revoke_accessor(grant.accessor)
        until(lambda: session.closed or _ended(session))
        with pytest.raises(psycopg.OperationalError):
            real.database.connect(name, password)
        until(lambda: name not in real.database.users())
        assert admin.execute("SELECT answer FROM kept").fetchall() == [(42,)]
        admin.execute("DROP TABLE kept")


def _ended(session: psycopg.Connection[object]) -> bool:
    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return True
    return False


def test_who_may_read_does_not_write(real: RealWorld) -> None:
    connected(real, readonly=READ)
    with real.database.connect() as admin:
        admin.execute("CREATE TABLE IF NOT EXISTS seen AS SELECT 42 AS answer")
        login = real.vault.unwrap(real.vault.database_credentials(token(real), "demo.readonly").token)
        with real.database.connect(login["username"], login["password"]) as session:
            assert session.execute("SELECT answer FROM seen").fetchall() == [(42,)]
            for attempt in ("DELETE FROM seen", "CREATE TABLE mine ()", "CREATE ROLE more"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(attempt)
        admin.execute("DROP TABLE seen")


def test_a_user_ends_with_the_time_of_the_grant(real: RealWorld) -> None:
    real.make_database("demo")
    short = token(real, 8)
    name = real.vault.unwrap(real.vault.database_credentials(short, "demo.readonly").token)["username"]
    assert name in real.database.users()
    until(lambda: name not in real.database.users())


def test_vaults_audit_log_tells_who_was_issued_what(real: RealWorld, openbao: EmbeddedVault) -> None:
    grant = real.vault.grant_token(ANNA, "grant-in-the-audit", HOUR)
    wrapped = real.vault.issue_tls(grant.token, "lab.test", "demo.lab.test", HOUR)
    revealed = real.vault.unwrap(wrapped.token)
    text = (openbao.folder / "audit.log").read_text()
    requests = {
        entry["request"]["id"]: entry
        for entry in map(json.loads, filter(None, text.splitlines()))
        if entry["type"] == "request"
    }
    signed = real.vault.sign_ssh(real.vault.ssh_token(ANNA, "by-ssh"), security_keys()[0], "root", 60, "x")
    text = (openbao.folder / "audit.log").read_text()
    by_ssh = [json.loads(line) for line in text.splitlines() if signed.request_id in line]
    assert {each["auth"]["metadata"]["grant"] for each in by_ssh} == {"by-ssh"}
    made, issued = requests[grant.request_id], requests[revealed["request_id"]]
    assert made["request"]["path"] == "auth/token/create/grants"
    assert issued["request"]["path"] == "pki-lab/issue/lab.test"
    assert issued["auth"]["metadata"] == {
        "slack_team": "T1",
        "slack_user": "U1",
        "grant": "grant-in-the-audit",
    }
    for secret in (grant.token, wrapped.token, revealed["private_key"].splitlines()[1]):
        assert secret not in text


def test_a_database_that_is_away_is_not_told_as_a_vault_that_is(real: RealWorld) -> None:
    """Vault answers 500 then, as it does when it is in trouble itself."""
    real.space.client.write_data(
        "database/roles/nowhere.readonly", data={"db_name": "nowhere", "creation_statements": ["SELECT 1"]}
    )
    with pytest.raises(VaultRefused) as refused:
        real.vault.database_credentials(token(real), "nowhere.readonly")
    assert refused.value.sentence.startswith("Vault could not issue database credentials: what it needs")
