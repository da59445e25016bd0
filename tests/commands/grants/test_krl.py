"""The revocation list, held to OpenSSH's own ssh-keygen."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.grants.krl import Revoked, build_krl, fingerprint_bytes
from tests.commands.openssh import Keygen

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LAST = 2**64 - 1


@pytest.fixture(scope="module")
def keygen(tmp_path_factory: pytest.TempPathFactory) -> Keygen:
    """A CA `ca`, another `other`, and the key `ada`."""
    keygen = Keygen(tmp_path_factory.mktemp("keygen"))
    for name in ("ca", "other", "ada"):
        keygen.key(name)
    return keygen


@pytest.fixture(scope="module")
def ca(keygen: Keygen) -> str:
    return (keygen.folder / "ca.pub").read_text()


def krl(
    ca: str,
    serials: Iterable[int] = (),
    key_ids: Iterable[str] = (),
    fingerprints: Iterable[str] = (),
    version: int = 7,
    at: datetime = AT,
) -> bytes:
    return build_krl(serials, key_ids, map(fingerprint_bytes, fingerprints), ca, version, at)


def certificate(keygen: Keygen, name: str, serial: int, key_id: str = "T1-U1:demo:g1", ca: str = "ca") -> str:
    """NAME-cert.pub for ada's key, by that CA."""
    (keygen.folder / f"{name}.pub").write_bytes((keygen.folder / "ada.pub").read_bytes())
    return keygen.certify(name, ca, serial, key_id).name


@pytest.mark.parametrize("serial", [1, 2, 2**32, 2**63, LAST])
def test_a_serial_in_the_list_is_refused_and_its_neighbours_are_not(
    keygen: Keygen, ca: str, serial: int
) -> None:
    mine = certificate(keygen, "mine", serial)
    next_one = certificate(keygen, "next", serial + 1 if serial < LAST else serial - 1)
    assert keygen.revokes(krl(ca, [serial]), mine, next_one) == {mine}


def test_a_range_refuses_from_its_first_to_its_last(keygen: Keygen, ca: str) -> None:
    files = {serial: certificate(keygen, f"c{serial}", serial) for serial in (99, 100, 150, 200, 201)}
    listed = krl(ca, range(100, 201))
    assert keygen.revokes(listed, *files.values()) == {files[100], files[150], files[200]}
    assert len(listed) < 250  # not 8 bytes each


def test_a_key_id_in_the_list_is_refused_whatever_its_serial(keygen: Keygen, ca: str) -> None:
    zero = certificate(keygen, "zero", 0, "T1-U1:demo:lost")
    named = certificate(keygen, "named", 12, "T1-U1:demo:lost")
    other = certificate(keygen, "another", 13, "T1-U1:demo:lost2")
    assert keygen.revokes(krl(ca, key_ids=["T1-U1:demo:lost"]), zero, named, other) == {zero, named}


def test_every_certificate_of_a_revoked_key_is_refused_and_the_key_itself(keygen: Keygen, ca: str) -> None:
    of_ada = certificate(keygen, "one", 21)
    by_another_ca = certificate(keygen, "two", 22, ca="other")
    keygen.key("ben")
    of_ben = keygen.certify("ben", "ca", 23).name
    listed = krl(ca, fingerprints=[keygen.fingerprint("ada")])
    files = (of_ada, by_another_ca, "ada.pub", of_ben, "ben.pub", "ca.pub")
    assert keygen.revokes(listed, *files) == {of_ada, by_another_ca, "ada.pub"}


def test_the_serials_of_one_ca_say_nothing_of_another(keygen: Keygen, ca: str) -> None:
    ours = certificate(keygen, "ours", 31)
    theirs = certificate(keygen, "theirs", 31, ca="other")
    assert keygen.revokes(krl(ca, [31]), ours, theirs) == {ours}


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_ca_and_keys_of_other_kinds_are_known_too(keygen: Keygen, kind: str) -> None:
    theirs = keygen.key(f"ca-{kind}", kind)
    keygen.key(f"cy-{kind}", kind)
    cert = keygen.certify(f"cy-{kind}", f"ca-{kind}", 5).name
    assert keygen.revokes(krl(theirs, [5]), cert, f"cy-{kind}.pub") == {cert}
    by_key = krl(theirs, fingerprints=[keygen.fingerprint(f"cy-{kind}")])
    assert keygen.revokes(by_key, cert, f"cy-{kind}.pub") == {cert, f"cy-{kind}.pub"}


def test_an_empty_list_refuses_nothing(keygen: Keygen, ca: str) -> None:
    cert = certificate(keygen, "free", 41)
    assert keygen.revokes(krl(ca), cert, "ada.pub", "ca.pub") == set()


def test_its_head_says_which_version_it_is_and_from_when(keygen: Keygen, ca: str) -> None:
    version, seconds = struct.unpack_from(">QQ", krl(ca, version=1_795_510_800_123), 12)
    assert (version, seconds) == (1_795_510_800_123, int(AT.timestamp()))
    assert "# KRL version 1795510800123" in keygen.shows(krl(ca, version=1_795_510_800_123))


def revoked_serials(shown: list[str]) -> set[int]:
    found: set[int] = set()
    for line in shown:
        if match := re.fullmatch(r"serial: (\d+)(?:-(\d+))?", line):
            found |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


near = st.integers(1, 60)  # rows without a gap
anywhere = st.integers(1, LAST)
at_the_end = st.integers(LAST - 20, LAST)


@given(st.sets(near | anywhere | at_the_end, max_size=60))
@settings(max_examples=60)
def test_ssh_keygen_reads_exactly_the_serials_that_were_written(
    keygen: Keygen, ca: str, serials: set[int]
) -> None:
    assert revoked_serials(keygen.shows(krl(ca, serials))) == serials


@given(
    st.sets(
        st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), min_size=1),
        max_size=20,
    ),
    st.sets(st.binary(min_size=32, max_size=32), max_size=20),
    st.sets(near, max_size=20),
)
@settings(max_examples=40)
def test_ssh_keygen_reads_the_key_ids_and_the_fingerprints_that_were_written(
    keygen: Keygen, ca: str, key_ids: set[str], hashes: set[bytes], serials: set[int]
) -> None:
    shown = keygen.shows(build_krl(serials, key_ids, hashes, ca, 1, AT))
    ids = {line.removeprefix("id: ") for line in shown if line.startswith("id: ")}
    assert ids == key_ids
    assert len([line for line in shown if line.startswith("hash: SHA256:")]) == len(hashes)
    assert revoked_serials(shown) == serials


@given(st.lists(near | anywhere), st.lists(st.text("abc", min_size=1)), st.randoms())
def test_the_same_input_gives_the_same_bytes_in_whatever_order(
    ca: str, serials: list[int], key_ids: list[str], shuffled: random.Random
) -> None:
    again, named = [*serials, *serials], [*key_ids, *key_ids]
    shuffled.shuffle(again)
    shuffled.shuffle(named)
    assert krl(ca, again, named) == krl(ca, serials, key_ids)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"serials": [0]}, "0 is not a serial"),
        ({"serials": [-1, 5]}, "-1 is not a serial"),
        ({"serials": [5, 2**64]}, "18446744073709551616 is not a serial"),
        ({"key_ids": [""]}, "at least one letter"),
        ({"key_ids": ["T1\0U1"]}, "no NUL"),
        ({"fingerprints_sha256": [b"short"]}, "32 bytes"),
        ({"ca_public_key": "", "serials": [1]}, "public key such as"),
        ({"ca_public_key": "ssh-ed25519", "serials": [1]}, "public key such as"),
        ({"ca_public_key": "ssh-ed25519 !!!", "serials": [1]}, "public key such as"),
        ({"ca_public_key": "ssh-rsa AAAAC3NzaC1lZDI1NTE5", "serials": [1]}, "public key such as"),
    ],
)
def test_what_no_host_could_read_is_not_written(ca: str, wrong: dict[str, object], says: str) -> None:
    parts: dict[str, object] = {"serials": [], "key_ids": [], "fingerprints_sha256": [], "ca_public_key": ca}
    with pytest.raises(ValueError, match=re.escape(says)):
        build_krl(**{**parts, **wrong}, version=1, generated_at=AT)  # type: ignore[arg-type]


def test_a_fingerprint_is_read_as_ssh_keygen_writes_it(keygen: Keygen) -> None:
    digest = fingerprint_bytes(keygen.fingerprint("ada"))
    blob = base64.b64decode((keygen.folder / "ada.pub").read_text().split()[1])
    assert digest == hashlib.sha256(blob).digest()


@pytest.mark.parametrize("text", ["", "SHA256:", "MD5:aa:bb", "SHA256:!!!!", "SHA256:YWJj", "sha256"])
def test_what_is_no_fingerprint_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a fingerprint"):
        fingerprint_bytes(text)


def test_ten_thousand_serials_are_listed(keygen: Keygen, ca: str) -> None:
    chosen = random.Random(4)
    serials = [chosen.randrange(1, 2**64) for _ in range(10_000)]
    listed = krl(ca, serials, at=AT + timedelta(minutes=1))
    assert revoked_serials(keygen.shows(listed)) == set(serials)


def test_how_many_there_are() -> None:
    assert len(Revoked(frozenset({1, 2}), frozenset({"a"}), frozenset({"SHA256:x"}))) == 4
