"""How Vault is reached: over connections that are kept, through a proxy, past a standby, and over TLS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from commands.engines.vault.protocol import FixedToken, HvacVault, VaultAway
from state.records import Person
from tests.serving import serving
from tests.waiting import until

READY = {"data": {"accessor": "a"}}


def vault_at(addr: str, cacert: str = "") -> HvacVault:
    return HvacVault(addr, FixedToken("a-token"), cacert=cacert, timeout_seconds=30)


def own_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody knows, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(hours=1))
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = made.add_extension(here, critical=True).sign(key, hashes.SHA256())
    path = folder / "vault.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


def test_one_connection_serves_call_after_call() -> None:
    with serving(READY) as server:
        vault = vault_at(server.addr)
        assert [vault.health() for _ in range(3)] == ["ready"] * 3
    assert len(server.connections) == 1
    asked = server.asked[0]
    assert (asked.method, asked.target) == ("GET", "/v1/auth/token/lookup-self")
    assert asked.headers["X-Vault-Token"] == "a-token"


@pytest.mark.parametrize(("seconds", "reads"), [(60.0, 1), (0.0, 2)])
def test_what_was_read_too_long_ago_is_read_again(seconds: float, reads: int) -> None:
    class Remembering(HvacVault):
        fresh_seconds = seconds

    with serving({"errors": []}) as server:
        vault = Remembering(server.addr, FixedToken("a-token"), timeout_seconds=30)
        document = vault.operator_soon(Person("T1", "U1"))
        until(lambda: server.asked)  # it is read ahead in a thread of its own
        with pytest.raises(VaultAway):
            document()
        assert len(server.asked) == reads


def test_a_standby_leads_to_the_one_that_answers() -> None:
    signed = {"data": {"signature": "vault:v1:c2lnbmVk"}}
    with serving(signed) as active, serving({}, moved=active.addr) as standby:
        assert vault_at(standby.addr).sign_bytes(b"a list") == b"signed"
    (asked,) = active.asked
    assert asked.method == "POST"
    assert asked.headers["X-Vault-Token"] == "a-token"
    assert json.loads(asked.body) == {"input": "YSBsaXN0"}


@pytest.mark.parametrize(
    ("environment", "goes_there"),
    [({"http_proxy": "{proxy}"}, True), ({"http_proxy": "{proxy}", "no_proxy": "vault.test"}, False)],
)
def test_a_proxy_is_asked_for_the_whole_address(
    monkeypatch: pytest.MonkeyPatch, environment: Mapping[str, str], goes_there: bool
) -> None:
    with serving(READY) as proxy:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(proxy=proxy.addr))
        health = vault_at("http://vault.test:8200").health()
    assert health == ("ready" if goes_there else "away")
    assert [each.target for each in proxy.asked] == goes_there * [
        "http://vault.test:8200/v1/auth/token/lookup-self"
    ]


def test_tls_with_an_authority_of_its_own(tmp_path: Path) -> None:
    certificate = own_certificate(tmp_path)
    with serving(READY, tls=certificate) as server:
        addr = f"https://127.0.0.1:{server.port}"
        assert vault_at(addr, cacert=str(certificate)).health() == "ready"
        with pytest.raises(VaultAway, match="SSLCertVerificationError"):
            vault_at(addr).operators()
    assert len(server.asked) == 1
