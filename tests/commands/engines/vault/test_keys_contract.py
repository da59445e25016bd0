"""What people are issued, and what is revoked again: the same on the fake and on a real OpenBao with PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    load_pem_private_key,
    load_ssh_public_identity,
)
from cryptography.x509.oid import NameOID

from commands.engines.vault.protocol import (
    SshCertificate,
    Vault,
    VaultDenied,
    VaultMissing,
    VaultRefused,
    VaultUnprepared,
    WrappingSpent,
)
from state.records import Person
from tests.commands.engines.vault.worlds import World
from tests.fixed_keys import rsa_3072
from tests.waiting import until

ANNA, BEN = Person("T1", "U1"), Person("T2", "U1")
HOUR, DAY = 3600, 86_400
KEY_ID = "T1-U1:demo:g1"


def token(vault: Vault, ttl_seconds: int = HOUR) -> str:
    return vault.grant_token(ANNA, "g1", ttl_seconds).token


def public_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def opened(issued: SshCertificate) -> SSHCertificate:
    certificate = load_ssh_public_identity(issued.signed_key.encode())
    assert isinstance(certificate, SSHCertificate)
    certificate.verify_cert_signature()
    return certificate


def request_for(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str) -> str:
    """A signing request, in which somebody may write any name."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def names(certificate: x509.Certificate) -> list[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return found.value.get_values_for_type(x509.DNSName)


def is_revoked(vault: Vault, serial: str) -> bool:
    crl = x509.load_der_x509_crl(vault.tls_crl())
    return crl.get_revoked_certificate_by_serial_number(int(serial.replace(":", ""), 16)) is not None


def test_a_token_is_shown_nowhere_and_each_is_another(world: World) -> None:
    first, second = world.vault.grant_token(ANNA, "g1", HOUR), world.vault.grant_token(ANNA, "g2", HOUR)
    assert len({first.token, second.token, first.accessor, second.accessor}) == 4
    assert first.token not in repr(first)
    assert first.request_id


@pytest.mark.parametrize("ttl_seconds", [0, -1, 30 * DAY + 1])
def test_no_grant_is_longer_than_thirty_days(world: World, ttl_seconds: int) -> None:
    with pytest.raises(VaultRefused, match="longer than 30 days"):
        world.vault.grant_token(ANNA, "g1", ttl_seconds)


def test_a_certificate_lets_one_key_in_as_one_user_for_a_while(world: World) -> None:
    key, before = public_key(), datetime.now(UTC)
    issued = world.vault.sign_ssh(world.vault.ssh_token(ANNA, "g1"), key, "root", 1800, KEY_ID)
    certificate = opened(issued)
    public = certificate.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    ca = certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert public.decode() == key
    assert ca.decode() == world.vault.ssh_ca_public_key()
    assert certificate.valid_principals == [b"root"]
    assert certificate.key_id == KEY_ID.encode()
    assert (certificate.extensions, certificate.critical_options) == ({b"permit-pty": b""}, {})
    assert issued.serial_hex == f"{certificate.serial:016x}"
    assert issued.expires_at == datetime.fromtimestamp(certificate.valid_before, UTC)
    assert abs(issued.expires_at - before - timedelta(seconds=1800)) < timedelta(seconds=60)
    assert issued.request_id


@pytest.mark.parametrize("principal", ["nobody-named-this", "*", "", "root,lab", "root\n", "-o", "röot"])
def test_nobody_gets_in_as_whom_no_blueprint_names(world: World, principal: str) -> None:
    with pytest.raises(VaultRefused):
        world.vault.sign_ssh(world.vault.ssh_token(ANNA, "g1"), public_key(), principal, 1800, KEY_ID)


@pytest.mark.parametrize(
    "key", ["", "ssh-ed25519 AAAA", "nonsense", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA=="]
)
def test_what_is_no_key_is_not_signed(world: World, key: str) -> None:
    with pytest.raises(VaultRefused, match="Vault will not issue an ssh certificate: "):
        world.vault.sign_ssh(world.vault.ssh_token(ANNA, "g1"), key, "root", 1800, KEY_ID)


def test_a_certificate_over_the_maximum_is_refused_and_not_cut_short(world: World) -> None:
    with pytest.raises(VaultRefused, match="larger than maximum"):
        world.vault.sign_ssh(world.vault.ssh_token(ANNA, "g1"), public_key(), "root", DAY + 1, KEY_ID)


def test_the_bot_signs_for_itself_for_an_hour_at_most(world: World) -> None:
    key_id = "innkeeper:demo:r1"
    issued = world.vault.sign_bot_ssh(public_key(), "root", 600, key_id)
    certificate = opened(issued)
    assert (certificate.valid_principals, certificate.key_id) == ([b"root"], key_id.encode())
    assert certificate.critical_options == {}
    assert abs(issued.expires_at - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=60)
    ca = certificate.signature_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    assert ca.decode() == world.vault.ssh_ca_public_key()
    with pytest.raises(VaultRefused, match="larger than maximum"):
        world.vault.sign_bot_ssh(public_key(), "root", HOUR + 1, key_id)
    for principal in ("nobody-named-this", "root,lab", "*"):
        with pytest.raises(VaultRefused):
            world.vault.sign_bot_ssh(public_key(), principal, 600, key_id)


def test_a_token_for_ssh_signs_for_ssh_and_nothing_else(world: World) -> None:
    world.make_database("demo")
    ours = world.vault.ssh_token(ANNA, "g1")
    issued = world.vault.sign_ssh(ours, public_key(), "root", DAY, KEY_ID)
    assert issued.expires_at - datetime.now(UTC) > timedelta(hours=23)
    with pytest.raises(VaultDenied):
        world.vault.issue_tls(ours, "lab.test", "demo.lab.test", HOUR)
    with pytest.raises(VaultDenied):
        world.vault.database_credentials(ours, "demo.readonly")
    assert world.vault.ssh_token(ANNA, "g1") != ours


def test_a_token_for_anything_else_signs_no_ssh_key(world: World) -> None:
    with pytest.raises(VaultDenied):
        world.vault.sign_ssh(token(world.vault), public_key(), "root", 1800, KEY_ID)


def test_a_token_that_was_revoked_issues_nothing(world: World) -> None:
    world.make_database("demo")
    grant = world.vault.grant_token(ANNA, "g1", HOUR)
    world.vault.revoke_accessor(grant.accessor)
    with pytest.raises(VaultDenied):
        world.vault.sign_ssh(grant.token, public_key(), "root", 1800, KEY_ID)
    with pytest.raises(VaultDenied):
        world.vault.issue_tls(grant.token, "lab.test", "demo.lab.test", HOUR)
    with pytest.raises(VaultDenied):
        world.vault.database_credentials(grant.token, "demo.readonly")


def test_revoking_what_has_ended_is_harmless(world: World) -> None:
    grant = world.vault.grant_token(ANNA, "g1", HOUR)
    for accessor in (grant.accessor, grant.accessor, f"never-was-{grant.accessor}"):
        world.vault.revoke_accessor(accessor)
    with pytest.raises(VaultDenied):
        world.vault.sign_ssh(grant.token, public_key(), "root", 1800, KEY_ID)


def test_a_key_for_tls_is_made_in_its_wrapping_and_opens_once(world: World) -> None:
    before = datetime.now(UTC)
    wrapped = world.vault.issue_tls(token(world.vault), "lab.test", "demo.lab.test", DAY)
    assert wrapped.token not in repr(wrapped)
    assert abs(wrapped.expires_at - before - timedelta(seconds=600)) < timedelta(seconds=60)
    revealed = world.vault.unwrap(wrapped.token)
    certificate = x509.load_pem_x509_certificate(revealed["certificate"].encode())
    key = load_pem_private_key(revealed["private_key"].encode(), None)
    assert key.public_key() == certificate.public_key()
    assert names(certificate) == ["demo.lab.test"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(world.vault.tls_ca().encode()))
    assert int(revealed["serial_number"].replace(":", ""), 16) == certificate.serial_number
    assert revealed["request_id"]
    with pytest.raises(WrappingSpent, match="opened before, or has waited too long"):
        world.vault.unwrap(wrapped.token)


@pytest.mark.parametrize("wrapping", ["", "nonsense", "two\nlines", "ünïcode", "x" * 5000])
def test_what_is_no_wrapping_does_not_open(world: World, wrapping: str) -> None:
    with pytest.raises(WrappingSpent):
        world.vault.unwrap(wrapping)


def test_a_persons_token_is_no_wrapping(world: World) -> None:
    with pytest.raises(WrappingSpent):
        world.vault.unwrap(token(world.vault))


@pytest.mark.parametrize(
    "name", ["lab.test", "demo.evil.test", "localhost", "*.demo.lab.test", "lab.test.evil.test"]
)
def test_a_name_outside_the_domain_is_refused_by_vault_itself(world: World, name: str) -> None:
    with pytest.raises(VaultRefused, match="not allowed by this role"):
        world.vault.issue_tls(token(world.vault), "lab.test", name, HOUR)
    with pytest.raises(VaultRefused, match="not allowed by this role"):
        world.vault.sign_tls(
            token(world.vault),
            "lab.test",
            request_for(ec.generate_private_key(ec.SECP256R1()), name),
            name,
            HOUR,
        )


def test_a_domain_that_no_blueprint_names_is_not_prepared(world: World) -> None:
    with pytest.raises(VaultUnprepared):
        world.vault.issue_tls(token(world.vault), "evil.test", "demo.evil.test", HOUR)


@pytest.mark.parametrize("domain", ["../issue/lab.test", "", "lab.test/../x", "a b"])
def test_a_domain_is_never_a_path(world: World, domain: str) -> None:
    with pytest.raises((VaultRefused, VaultUnprepared)):
        world.vault.issue_tls(token(world.vault), domain, "demo.lab.test", HOUR)


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa_3072()],
    ids=["ecdsa", "rsa"],
)
def test_of_a_request_only_its_key_counts(
    world: World, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
) -> None:
    csr = request_for(key, "bank.example")
    issued = world.vault.sign_tls(token(world.vault), "lab.test", csr, "api.demo.lab.test", DAY)
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    assert certificate.public_key() == key.public_key()
    assert names(certificate) == ["api.demo.lab.test"]
    assert b"bank.example" not in certificate.public_bytes(Encoding.DER)
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert issued.ca_chain_pem == world.vault.tls_ca()
    assert int(issued.serial.replace(":", ""), 16) == certificate.serial_number
    assert issued.expires_at == certificate.not_valid_after_utc
    assert abs(issued.expires_at - datetime.now(UTC) - timedelta(days=1)) < timedelta(seconds=60)
    assert issued.request_id


@pytest.mark.parametrize("csr", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END"])
def test_what_is_no_request_is_not_signed(world: World, csr: str) -> None:
    with pytest.raises(VaultRefused):
        world.vault.sign_tls(token(world.vault), "lab.test", csr, "api.demo.lab.test", DAY)


def test_a_certificate_for_tls_over_the_maximum_is_refused_and_not_cut_short(world: World) -> None:
    with pytest.raises(VaultRefused, match="longer than 30 days"):
        world.vault.issue_tls(token(world.vault), "lab.test", "demo.lab.test", 31 * DAY)


def test_the_end_of_the_token_puts_its_certificates_on_the_list(world: World) -> None:
    revealed, signed = world.vault.grant_token(ANNA, "g1", HOUR), world.vault.grant_token(ANNA, "g2", HOUR)
    wrapped = world.vault.issue_tls(revealed.token, "lab.test", "demo.lab.test", HOUR)
    serial = world.vault.unwrap(wrapped.token)["serial_number"]
    csr = request_for(ec.generate_private_key(ec.SECP256R1()), "demo.lab.test")
    other = world.vault.sign_tls(signed.token, "lab.test", csr, "demo.lab.test", HOUR).serial
    assert not is_revoked(world.vault, serial)
    world.vault.revoke_accessor(revealed.accessor)
    until(lambda: is_revoked(world.vault, serial))
    assert not is_revoked(world.vault, other)
    world.vault.revoke_accessor(signed.accessor)
    until(lambda: is_revoked(world.vault, other))


def test_a_certificate_can_be_revoked_by_its_serial_as_often_as_one_likes(world: World) -> None:
    csr = request_for(ec.generate_private_key(ec.SECP256R1()), "demo.lab.test")
    serial = world.vault.sign_tls(token(world.vault), "lab.test", csr, "demo.lab.test", HOUR).serial
    for each in (serial, serial, "aa:bb:cc", "nonsense"):
        world.vault.revoke_tls(each)
    assert is_revoked(world.vault, serial)


def test_the_role_of_the_lab_goes_before_one_for_all(world: World) -> None:
    world.make_database("demo")
    role = world.vault.database_role("demo", "readonly")
    assert (role.name, role.max_seconds) == ("demo.readonly", HOUR)
    with pytest.raises(VaultMissing, match=r"no role `other\.owner`, and no `owner` either"):
        world.vault.database_role("other", "owner")


def test_database_credentials_are_revealed_once_and_end_with_their_token(world: World) -> None:
    world.make_database("demo")
    grant = world.vault.grant_token(ANNA, "g1", HOUR)
    wrapped = world.vault.database_credentials(grant.token, "demo.readonly")
    revealed = world.vault.unwrap(wrapped.token)
    assert set(revealed) == {"username", "password", "request_id"}
    assert world.has_database_user(revealed["username"])
    with pytest.raises(WrappingSpent):
        world.vault.unwrap(wrapped.token)
    world.vault.revoke_accessor(grant.accessor)
    until(lambda: not world.has_database_user(revealed["username"]))


def test_a_wrapping_that_nobody_opened_ends_with_its_grant_too(world: World) -> None:
    world.make_database("demo")
    grant = world.vault.grant_token(ANNA, "g1", HOUR)
    wrapped = world.vault.database_credentials(grant.token, "demo.readonly")
    world.vault.revoke_accessor(grant.accessor)
    username = world.vault.unwrap(wrapped.token)["username"]
    assert until(lambda: not world.has_database_user(username))
