"""How a sandbox host reads the list of revoked certificates: as ssh-keygen does, from Innkeeper's own addresses."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from commands.grants.krl import build_krl, fingerprint_bytes
from tests.bot.serving_hosts import serving_hosts
from tests.commands.openssh import Keygen
from tests.fakes.clock import FakeClock
from tests.labs.sandbox_machine import KrlServer, host_module

revoked = host_module("revoked")
ssh_server = host_module("ssh_server")
asyncssh = ssh_server.asyncssh

NOW = FakeClock()()
CA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pEcfUTXkhXV0gbsxjPuJFhZYqgUYRvh4sTLHPYDGk"
PATIENCE_SECONDS = 30.0  # with an address of this process's own, on a machine that may be busy
REASONS = {"its serial is revoked", "its key id is revoked", "its key is revoked", "its CA is revoked"}


@pytest.fixture
def keygen(tmp_path: Path) -> Keygen:
    """A CA, and one certificate each for a person: serials 1 to 6, key ids T1-U1:demo:g1 to g6."""
    keygen = Keygen(tmp_path)
    keygen.key("ca")
    keygen.key("other")
    for number in range(1, 7):
        keygen.key(f"k{number}")
        keygen.certify(f"k{number}", "ca", serial=number, key_id=f"T1-U1:demo:g{number}")
    return keygen


def certificate(path: Path) -> Any:
    return ssh_server.read_certificate(asyncssh.read_certificate(path)).certificate


def refused(krl: bytes, keygen: Keygen) -> set[str]:
    """The certificates that the host refuses, after a look at whether ssh-keygen says the same."""
    found = revoked.RevocationList(krl)
    names = [f"k{number}-cert.pub" for number in range(1, 7)]
    because = {name: found.because(certificate(keygen.folder / name)) for name in names}
    ours = {name for name, reason in because.items() if reason}
    assert ours == keygen.revokes(krl, *names)
    assert set(filter(None, because.values())) <= REASONS
    return {name.removesuffix("-cert.pub") for name in ours}


def by_keygen(keygen: Keygen, *lines: str, ca: str = "ca.pub") -> bytes:
    (keygen.folder / "spec").write_text("".join(f"{line}\n" for line in lines))
    keygen.run("-q", "-k", "-f", "made", "-s", ca, "spec")
    return (keygen.folder / "made").read_bytes()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], set()),
        (["serial: 3"], {"k3"}),
        (["serial: 2-4"], {"k2", "k3", "k4"}),
        (["serial: 1", "serial: 3", "serial: 5", "serial: 6"], {"k1", "k3", "k5", "k6"}),  # a bitmap
        (["serial: 1", "serial: 18446744073709551615"], {"k1"}),
        (["id: T1-U1:demo:g2", "id: T1-U1:demo:g5"], {"k2", "k5"}),
        (["id: T1-U1:demo:g"], set()),
    ],
)
def test_what_ssh_keygen_writes_is_read_as_it_reads_it(
    keygen: Keygen, lines: list[str], expected: set[str]
) -> None:
    assert refused(by_keygen(keygen, *lines), keygen) == expected


def test_every_name_of_a_key_is_understood(keygen: Keygen) -> None:
    public = (keygen.folder / "k4.pub").read_text().strip()
    for line in (
        f"key: {public}",
        f"sha1: {public}",
        f"sha256: {public}",
        f"hash: {keygen.fingerprint('k4')}",
    ):
        assert refused(by_keygen(keygen, line), keygen) == {"k4"}, line
    ca = (keygen.folder / "ca.pub").read_text().strip()
    assert refused(by_keygen(keygen, f"sha256: {ca}"), keygen) == {f"k{number}" for number in range(1, 7)}


def test_a_list_for_another_ca_says_nothing_of_ours(keygen: Keygen) -> None:
    assert refused(by_keygen(keygen, "serial: 1-6", ca="other.pub"), keygen) == set()


def test_a_list_for_any_ca_says_it_of_ours_too(keygen: Keygen) -> None:
    assert refused(by_keygen(keygen, "serial: 1", "id: T1-U1:demo:g2", ca="none"), keygen) == {"k1", "k2"}


def test_what_innkeeper_writes_is_read(keygen: Keygen) -> None:
    ca = (keygen.folder / "ca.pub").read_text()
    hashes = [fingerprint_bytes(keygen.fingerprint("k5"))]
    krl = build_krl([1, 2, 3, 2**64 - 1], ["T1-U1:demo:g6"], hashes, ca, 41, NOW)
    assert refused(krl, keygen) == {"k1", "k2", "k3", "k5", "k6"}
    assert revoked.RevocationList(krl).version == 41


def test_ten_thousand_serials_and_names_are_read() -> None:
    krl = build_krl(range(1, 20_001, 2), [f"T1-U{number}:demo:g" for number in range(10_000)], [], CA, 1, NOW)
    found = revoked.RevocationList(krl)
    assert found.because(revoked.Certificate(found_ca(), b"key", 19_999, "")) == "its serial is revoked"
    assert found.because(revoked.Certificate(found_ca(), b"key", 20_000, "")) is None


def found_ca() -> bytes:
    return asyncssh.import_public_key(CA).public_data


EMPTY = build_krl([], [], [], CA, 3, NOW)
WHOLE = build_krl([1, 5, 6, 7], ["T1-U1:demo:g1"], [bytes(32)], CA, 3, NOW)


def broken_because(content: bytes) -> str | None:
    """What is wrong with it, or None. Any other error escapes."""
    try:
        revoked.RevocationList(content)
    except revoked.ListBroken as broken:
        return str(broken)
    return None


@given(st.integers(0, len(WHOLE) - 1))
def test_a_list_that_is_cut_off_is_refused_wherever_that_is_not_between_two_parts(length: int) -> None:
    # Whole parts that are gone from the end are what only a signature shows.
    assert broken_because(WHOLE[:length]) or length >= len(EMPTY)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_in_another_way(content: bytes) -> None:
    for each in (content, EMPTY + content):
        assert broken_because(each) != ""


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (b"\x09" + struct.pack(">I", 0), "a section of the unknown kind 9"),
        (b"\x04" + struct.pack(">I", 0), "a section of the unknown kind 4"),
        (
            b"\x01" + struct.pack(">III", 13, 0, 0) + b"\x77" + struct.pack(">I", 0),
            "something of the unknown kind 0x77",
        ),
        (
            b"\xff" + struct.pack(">II", 10, 1) + b"x\x01" + struct.pack(">I", 0),
            "It asks for x, which is unknown here",
        ),
    ],
)
def test_a_list_with_what_is_unknown_is_refused(more: bytes, sentence: str) -> None:
    with pytest.raises(revoked.ListBroken, match=sentence):
        revoked.RevocationList(WHOLE + more)


def test_an_extension_that_may_be_left_out_is() -> None:
    more = b"\xff" + struct.pack(">II", 10, 1) + b"x\x00" + struct.pack(">I", 0)
    assert revoked.RevocationList(WHOLE + more).version == 3


# Where it comes from


@pytest.fixture
def server() -> Iterator[KrlServer]:
    server = KrlServer(build_krl([], [], [], CA, 5, NOW))
    yield server
    server.answers.set()
    server.close()


def pem(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def why_unknown(revocations: Any) -> str:
    with pytest.raises(revoked.ListUnknown) as unknown:
        revocations.current()
    return str(unknown.value)


def test_innkeepers_own_answers_are_taken_with_their_signature(tmp_path: Path) -> None:
    with serving_hosts(tmp_path, CA) as hosts:
        url, key = f"{hosts.base_url}/ssh/krl", hosts.signer.signing_public_key()
        revocations = revoked.Revocations(url, key, within_seconds=PATIENCE_SECONDS)
        revocations.refresh()
        hers = revoked.Certificate(found_ca(), b"key", 77, "T1-U1:demo:g1")
        assert revocations.current().because(hers) is None
        hosts.told.revokes(77)
        revocations.refresh()
        assert revocations.current().because(hers) == "its serial is revoked"


def test_a_list_that_somebody_else_signed_is_not_taken_and_the_old_one_is_kept(server: KrlServer) -> None:
    ours, theirs = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    revocations = revoked.Revocations(server.url, pem(ours), within_seconds=PATIENCE_SECONDS)
    server.signature = theirs.sign(server.content or b"")
    revocations.refresh()
    assert "Its signature is not that of the key" in why_unknown(revocations)
    server.signature = ours.sign(server.content or b"")
    revocations.refresh()
    assert revocations.current().version == 5
    server.content = build_krl([], [], [], CA, 6, NOW)
    revocations.refresh()
    assert revocations.current().version == 5


def test_an_older_list_is_not_taken_after_a_newer_one(server: KrlServer) -> None:
    revocations = revoked.Revocations(server.url, within_seconds=PATIENCE_SECONDS)
    revocations.refresh()
    server.content = build_krl([], [], [], CA, 4, NOW)
    revocations.refresh()
    assert revocations.current().version == 5


def test_a_copy_is_good_for_its_time_only(server: KrlServer) -> None:
    revocations = revoked.Revocations(server.url, trusted_seconds=0.0, within_seconds=PATIENCE_SECONDS)
    revocations.refresh()
    server.content = None
    revocations.refresh()
    assert "s old: The address answers 503" in why_unknown(revocations)


def test_an_address_that_hangs_is_waited_for_a_few_seconds(server: KrlServer) -> None:
    server.answers.clear()  # which it is for a minute
    revocations = revoked.Revocations(server.url)
    revocations.refresh()
    assert "timed out" in why_unknown(revocations)


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/ssh/krl", "http://", "http://127.0.0.1:1/ssh/krl"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    revocations = revoked.Revocations(url)
    revocations.refresh()
    assert f"({url})" in why_unknown(revocations)


def test_a_signing_key_of_another_kind_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"Unable to load|could not|PEM|ed25519"):
        revoked.Revocations("http://127.0.0.1:1/ssh/krl", "not a key")
