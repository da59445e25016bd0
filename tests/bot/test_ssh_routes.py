"""What hosts fetch: the CA, the list of revocations, its signature, and the key to check it with."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from bot.revocations import Revocations, of_grants
from commands.engines.vault.protocol import VaultAway, VaultSealed, VaultUnprepared
from commands.grants.krl import Revoked, build_krl
from state import grants, krls, labs
from state.krls import SignedKrl
from state.records import Grant
from tests.bot.serving_hosts import Hosts, serving_hosts
from tests.fakes.krl_signer import KrlSigner, new_public_key
from tests.state.examples import ADA, NOW, a_lab, all_at_once


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Hosts]:
    with serving_hosts(tmp_path) as served:
        yield served


def version(krl: bytes) -> int:
    return int(struct.unpack_from(">Q", krl, 12)[0])


def is_signed(hosts: Hosts, krl: bytes, signature: bytes) -> bool:
    key = load_pem_public_key(hosts.get("/ssh/krl.pub").content)
    assert isinstance(key, Ed25519PublicKey)
    key.verify(signature, krl)
    return True


def test_a_host_gets_the_ca_the_list_its_signature_and_the_key(hosts: Hosts) -> None:
    hosts.told.revokes(5, 6)
    assert hosts.get("/ssh/ca.pub").text == hosts.signer.ca_public_key + "\n"
    krl, signature = hosts.get("/ssh/krl").content, hosts.get("/ssh/krl.sig").content
    assert krl == build_krl([5, 6], [], [], hosts.signer.ca_public_key, version(krl), hosts.clock())
    assert len(signature) == 64
    assert is_signed(hosts, krl, signature)


@pytest.mark.integration
def test_openssl_says_the_signature_is_good(hosts: Hosts, tmp_path: Path) -> None:
    for name in ("krl", "krl.sig", "krl.pub"):
        (tmp_path / name).write_bytes(hosts.get(f"/ssh/{name}").content)
    words = "openssl pkeyutl -verify -pubin -inkey krl.pub -rawin -in krl -sigfile krl.sig"
    done = subprocess.run(words.split(), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


def test_a_revocation_is_in_the_very_next_answer(hosts: Hosts) -> None:
    before = hosts.get("/ssh/krl")
    hosts.told.revokes(77)
    after = hosts.get("/ssh/krl")
    assert struct.pack(">Q", 77) not in before.content
    assert struct.pack(">Q", 77) in after.content
    assert version(after.content) > version(before.content)
    assert after.headers["ETag"] != before.headers["ETag"]


def test_who_has_the_list_is_not_sent_it_again(hosts: Hosts) -> None:
    for name in ("ca.pub", "krl", "krl.sig", "krl.pub"):
        tag = hosts.get(f"/ssh/{name}").headers["ETag"]
        for said in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = hosts.get(f"/ssh/{name}", If_None_Match=said)
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag), name
        assert hosts.get(f"/ssh/{name}", If_None_Match='"other"').status_code == 200
    hosts.told.revokes(5)
    assert hosts.get("/ssh/krl", If_None_Match=hosts.get("/ssh/ca.pub").headers["ETag"]).status_code == 200


def test_the_tag_is_the_sha256_of_the_list_for_the_list_and_for_its_signature(hosts: Hosts) -> None:
    krl = hosts.get("/ssh/krl")
    assert krl.headers["ETag"] == f'"{hashlib.sha256(krl.content).hexdigest()}"'
    assert hosts.get("/ssh/krl.sig").headers["ETag"] == krl.headers["ETag"]


def test_asking_for_the_head_alone_gives_no_body(hosts: Hosts) -> None:
    for name in ("ca.pub", "krl", "krl.sig", "krl.pub"):
        head, whole = hosts.get(f"/ssh/{name}", "HEAD"), hosts.get(f"/ssh/{name}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["ETag"] == whole.headers["ETag"]
        assert head.headers["Content-Length"] == str(len(whole.content))


def test_nothing_can_be_written(hosts: Hosts) -> None:
    assert {hosts.get("/ssh/krl", method).status_code for method in ("POST", "PUT", "DELETE")} == {405}


def test_the_signature_of_the_list_i_have_is_there_when_a_newer_list_came_in_between(hosts: Hosts) -> None:
    krl = hosts.get("/ssh/krl").content
    for serial in range(1, krls.KEPT):
        hosts.told.revokes(serial)
        assert hosts.get("/ssh/krl").status_code == 200
    mine = hashlib.sha256(krl).hexdigest()
    assert is_signed(hosts, krl, hosts.get(f"/ssh/krl.sig?of={mine}").content)
    assert hosts.get("/ssh/krl.sig").content != hosts.get(f"/ssh/krl.sig?of={mine}").content
    hosts.told.revokes(1000)
    hosts.get("/ssh/krl")
    gone = hosts.get(f"/ssh/krl.sig?of={mine}")
    assert (gone.status_code, "fetch /ssh/krl again" in gone.text) == (404, True)


@pytest.mark.parametrize("of", ["", "abc", "%00", "../krl", "é"])
def test_the_signature_of_no_list_of_ours_is_not_there(hosts: Hosts, of: str) -> None:
    hosts.get("/ssh/krl")
    assert hosts.get(f"/ssh/krl.sig?of={of}").status_code == 404


def test_a_vault_that_was_never_prepared_for_ssh_keeps_nobody_from_being_ready(hosts: Hosts) -> None:
    hosts.signer.wrong = VaultUnprepared()
    assert hosts.get("/ssh/krl").status_code == 503
    assert hosts.revocations.health() == "ready"
    hosts.signer.wrong = None
    hosts.clock.passes(2)
    assert hosts.get("/ssh/krl").status_code == 200
    hosts.signer.wrong = VaultUnprepared()
    hosts.clock.passes(3 * 3600)
    assert hosts.revocations.health().startswith("ssh revocations not signed since")


def test_before_anything_was_signed_there_is_no_list(hosts: Hosts) -> None:
    hosts.signer.wrong = VaultSealed()
    for name in ("ca.pub", "krl", "krl.sig", "krl.pub"):
        answer = hosts.get(f"/ssh/{name}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert hosts.revocations.health().startswith("no ssh revocations signed yet: Vault is sealed")


def test_while_vault_cannot_sign_the_last_signed_pair_stays_and_readiness_says_so(hosts: Hosts) -> None:
    hosts.told.revokes(5)
    before = hosts.get("/ssh/krl").content
    assert hosts.revocations.health() == "ready"
    hosts.signer.wrong = VaultAway()
    hosts.told.revokes(6)
    assert hosts.get("/ssh/krl").content == before
    assert is_signed(hosts, before, hosts.get("/ssh/krl.sig").content)
    assert hosts.revocations.health().startswith(
        "ssh revocations not signed since 2026-11-24 09:00:00 UTC: Vault is away"
    )
    hosts.signer.wrong = None
    hosts.clock.passes(1)
    assert struct.pack(">QQ", 5, 6) in hosts.get("/ssh/krl").content
    assert hosts.revocations.health() == "ready"


def test_while_vault_cannot_sign_it_is_asked_once_a_second_and_not_for_each_host(hosts: Hosts) -> None:
    asked = []

    class Away(KrlSigner):
        def ssh_ca_public_key(self) -> str:
            asked.append(hosts.clock())
            raise VaultAway()

    revocations = Revocations(hosts.database, Away(), hosts.told.source(), hosts.clock)
    for _ in range(20):
        assert revocations.newest() is None
    assert len(asked) == 1
    hosts.clock.passes(1)
    revocations.refresh()
    assert len(asked) == 2


def test_a_signature_that_no_host_would_take_is_not_handed_out(hosts: Hosts) -> None:
    before = hosts.get("/ssh/krl").content

    class Confused(KrlSigner):
        def sign_bytes(self, data: bytes) -> bytes:
            return Ed25519PrivateKey.generate().sign(data)

    hosts.told.revokes(5)
    revocations = Revocations(hosts.database, Confused(), hosts.told.source(), hosts.clock)
    newest = revocations.newest()
    assert newest is not None
    assert newest.body == before
    assert "does not belong to the key that Vault names" in revocations.health()


def test_nobody_signs_twice_what_says_the_same(hosts: Hosts) -> None:
    hosts.told.revokes(5)
    first = hosts.get("/ssh/krl").content
    for _ in range(10):
        assert hosts.get("/ssh/krl").content == first
    hosts.clock.passes(minutes=59)
    assert hosts.get("/ssh/krl").content == first
    assert (hosts.signer.signed, hosts.told.reads) == (1, 1)


def test_an_hour_later_it_is_signed_again_so_that_a_host_can_tell_an_old_one(hosts: Hosts) -> None:
    first = hosts.get("/ssh/krl").content
    hosts.clock.passes(hours=1)
    second = hosts.get("/ssh/krl").content
    assert version(second) > version(first)
    assert struct.unpack_from(">Q", second, 20)[0] == int(hosts.clock().timestamp())


def test_a_restart_takes_nothing_back(hosts: Hosts) -> None:
    hosts.told.revokes(5)
    before = hosts.get("/ssh/krl").content
    again = Revocations(hosts.database, hosts.signer, hosts.told.source(), hosts.clock)
    kept = again.newest()
    assert kept is not None
    assert kept.body == before
    assert hosts.signer.signed == 1


def test_a_restart_while_vault_is_sealed_serves_what_was_signed_before(hosts: Hosts) -> None:
    before = hosts.get("/ssh/krl").content
    hosts.signer.wrong = VaultSealed()
    again = Revocations(hosts.database, hosts.signer, hosts.told.source(), hosts.clock)
    kept = again.newest()
    assert kept is not None
    assert kept.body == before
    assert again.health().startswith("ssh revocations not signed since")


def test_a_clock_that_was_set_back_does_not_make_a_newer_list_look_older(hosts: Hosts) -> None:
    first = version(hosts.get("/ssh/krl").content)
    hosts.clock.passes(days=-3)
    hosts.told.revokes(5)
    second = version(hosts.get("/ssh/krl").content)
    assert second == first + 1


def test_a_ca_that_was_replaced_in_vault_is_taken_over_within_the_hour(hosts: Hosts) -> None:
    old = hosts.get("/ssh/ca.pub").text
    hosts.signer.ca_public_key = new_public_key()
    hosts.clock.passes(hours=1)
    assert hosts.get("/ssh/ca.pub").text == hosts.signer.ca_public_key + "\n" != old


def test_many_hosts_at_once_see_one_new_list(hosts: Hosts) -> None:
    hosts.told.revokes(5)
    answers = all_at_once(16, lambda _: hosts.get("/ssh/krl"))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert hosts.signer.signed == 1


def test_two_processes_agree_on_which_list_is_the_newest(hosts: Hosts) -> None:
    other = Revocations(hosts.database, hosts.signer, hosts.told.source(), hosts.clock)
    versions = []
    for serial in range(1, 30):
        hosts.told.revokes(serial)
        mine = (hosts.revocations, other)[serial % 2].newest()
        theirs = (other, hosts.revocations)[serial % 2].newest()
        assert mine is not None
        assert theirs is not None
        assert mine.body == theirs.body
        versions.append(mine.version)
    assert versions == sorted(set(versions))


def test_what_was_read_before_a_newer_list_came_is_not_handed_out_after_it(hosts: Hosts) -> None:
    """Another process signs a revocation between our reading and our signing: ours does not know it."""
    other = Revocations(hosts.database, hosts.signer, hosts.told.source(), hosts.clock)

    class Late(KrlSigner):
        def sign_bytes(self, data: bytes) -> bytes:
            if not self.signed:
                hosts.told.revokes(99)
                other.refresh()
            return super().sign_bytes(data)

    late = Late(hosts.signer.ca_public_key)
    late.key = hosts.signer.key
    ours = Revocations(hosts.database, late, hosts.told.source(), hosts.clock)
    newest = ours.newest()
    assert newest is not None
    assert struct.pack(">Q", 99) in newest.body
    assert (late.signed, hosts.signer.signed) == (1, 1)


def test_a_list_that_does_not_follow_the_newest_is_not_kept(hosts: Hosts) -> None:
    newest = hosts.revocations.newest()
    assert newest is not None
    older = SignedKrl(newest.version - 1, "d", "c", b"b", b"s", newest.signing_key, newest.ca_public_key, NOW)
    assert not krls.add(hosts.database, older, after=newest.version)
    assert not krls.add(hosts.database, older, after=newest.version - 2)
    assert krls.newest(hosts.database) == newest


def a_certificate(grant_id: str, **changes: Any) -> Grant:
    issued = Grant(
        id=grant_id,
        kind="ssh",
        person=ADA,
        lab_id="lab1",
        name="SHA256:x",
        serial="00000000000000ff",
        accessor="a",
        issued_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
        revoked_at=NOW,
    )
    return replace(issued, **changes)


def test_what_was_issued_and_revoked_and_would_still_be_valid_is_in_the_list(hosts: Hosts) -> None:
    labs.create(hosts.database, a_lab())
    grants.add(hosts.database, a_certificate("g1"))
    grants.add(hosts.database, a_certificate("g2", serial="8000000000000000"))
    grants.add(hosts.database, a_certificate("g3", serial=None))
    grants.add(hosts.database, a_certificate("g4", serial="0a", revoked_at=None))
    grants.add(hosts.database, a_certificate("g5", serial="0b", expires_at=NOW))
    grants.add(hosts.database, a_certificate("g6", serial="0c", kind="tls"))
    source = of_grants(hosts.database)
    assert source.revoked(NOW) == Revoked(frozenset({0xFF, 2**63}), frozenset({"T1-U1:demo:g3"}))
    before = source.mark(NOW)
    assert grants.revoke(hosts.database, "g4", NOW)
    assert source.mark(NOW) != before
    assert 0x0A in source.revoked(NOW).serials
    assert source.revoked(NOW + timedelta(hours=1)) == Revoked()


def test_ten_thousand_revocations_are_one_list(hosts: Hosts) -> None:
    labs.create(hosts.database, a_lab())
    with hosts.database.transaction():
        for number in range(10_000):
            serial = f"{2**32 + 7919 * number:016x}"
            grants.add(hosts.database, a_certificate(f"g{number}", serial=serial))
    revocations = Revocations(hosts.database, hosts.signer, of_grants(hosts.database), hosts.clock)
    assert revocations.refresh().startswith("signed 10000 ssh revocations")
    grants.add(hosts.database, a_certificate("one more", serial=f"{1:016x}"))
    assert revocations.refresh().startswith("signed 10001 ssh revocations")


def test_a_row_that_cannot_be_listed_keeps_the_last_list_and_is_told(hosts: Hosts) -> None:
    before = hosts.get("/ssh/krl").content
    hosts.told.now = Revoked(fingerprints=frozenset({"SHA256:nonsense"}))
    assert hosts.get("/ssh/krl").content == before
    assert "is not a fingerprint" in hosts.revocations.health()
