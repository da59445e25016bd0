"""What Innkeeper relies on from a Vault: the same on the fake and on a real OpenBao."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from commands.engines.vault.protocol import (
    AppRole,
    DatabasePlace,
    HvacVault,
    Operator,
    SealBroken,
    Vault,
    VaultAway,
    VaultConflict,
    VaultDenied,
    VaultMissing,
    VaultSealed,
    VaultUnavailable,
)
from commands.engines.vault.setup import prepare
from state.records import Person
from tests.commands.engines.vault.worlds import ADMIN, NOW, World
from tests.conftest import VaultSpace
from tests.fakes.vault import FakeVault

ANNA, BEN = Person("T1", "U1"), Person("T2", "U1")
KEY = "ssh-ed25519 AAAA anna"


def anna(**changes: Any) -> Operator:
    return replace(Operator(ANNA, "Anna", ("operator", "infra"), (KEY,), "T1-U0", NOW), **changes)


def test_whoever_has_no_document_is_nobody(world: World) -> None:
    assert world.vault.operator(ANNA) is None
    assert world.vault.operators() == []


def test_what_is_written_is_read_again_with_its_version(world: World) -> None:
    world.vault.write_operator(anna())
    assert world.vault.operator(ANNA) == anna(version=1)
    world.vault.write_operator(anna(version=1, roles=("operator",)))
    assert world.vault.operator(ANNA) == anna(version=2, roles=("operator",))


def test_a_document_that_is_read_ahead(world: World) -> None:
    stranger = world.vault.operator_soon(BEN)
    assert world.vault.operator_soon(Person("../T1", "U1"))() is None
    assert stranger() is None
    world.vault.write_operator(anna())
    assert world.vault.operator_soon(ANNA)() == world.vault.operator(ANNA)


def test_the_document_is_as_agreed(world: World) -> None:
    world.vault.write_operator(anna())
    assert world.document("T1-U1") == {
        "slack_team": "T1",
        "slack_user": "U1",
        "name": "Anna",
        "roles": ["operator", "infra"],
        "ssh_public_keys": [KEY],
        "added_by": "T1-U0",
        "added_at": "2026-11-24T09:00:00Z",
    }


def test_the_same_user_id_in_another_workspace_is_somebody_else(world: World) -> None:
    world.vault.write_operator(anna())
    assert world.vault.operator(BEN) is None


def test_all_operators_are_listed(world: World) -> None:
    world.vault.write_operator(anna(person=BEN))
    world.vault.write_operator(anna())
    world.put("not-a-person", {"roles": ["admin"]})
    assert [each.person for each in world.vault.operators()] == [ANNA, BEN]


def test_a_write_that_lost_the_race_changes_nothing(world: World) -> None:
    world.vault.write_operator(anna())
    read = world.vault.operator(ANNA)
    assert read is not None
    world.vault.write_operator(replace(read, roles=("operator",)))
    with pytest.raises(VaultConflict) as lost:
        world.vault.write_operator(replace(read, roles=("admin",)))
    assert "Somebody else changed the rights of <@U1>" in lost.value.sentence
    assert world.document("T1-U1")["roles"] == ["operator"]


def test_a_document_that_is_there_is_not_written_as_a_new_one(world: World) -> None:
    world.vault.write_operator(anna())
    with pytest.raises(VaultConflict):
        world.vault.write_operator(anna(roles=("admin",)))


def test_of_many_writers_at_once_one_wins(world: World) -> None:
    world.vault.write_operator(anna())

    def write(number: int) -> bool:
        try:
            world.vault.write_operator(anna(version=1, name=f"Anna {number}"))
        except VaultConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = [number for number, one in enumerate(pool.map(write, range(8))) if one]
    assert [world.document("T1-U1")["name"]] == [f"Anna {number}" for number in won]


def test_keys_of_the_document_that_we_do_not_know_are_kept(world: World) -> None:
    world.put("T1-U1", {"slack_team": "T1", "slack_user": "U1", "roles": ["operator"], "room": "12"})
    read = world.vault.operator(ANNA)
    assert read is not None
    world.vault.write_operator(replace(read, name="Anna"))
    assert world.document("T1-U1")["room"] == "12"


def test_removing_is_final_and_adding_again_begins_anew(world: World) -> None:
    world.vault.write_operator(anna())
    world.vault.write_operator(anna(version=1))
    world.vault.remove_operator(ANNA)
    world.vault.remove_operator(ANNA)
    assert world.vault.operator(ANNA) is None
    world.vault.write_operator(anna())
    assert world.vault.operator(ANNA) == anna(version=1)


def test_a_document_deleted_by_hand_gives_no_right_and_can_be_written_again(world: World) -> None:
    world.vault.write_operator(anna())
    world.soft_delete("T1-U1")
    assert world.vault.operator(ANNA) is None
    assert world.vault.operators() == []
    world.vault.write_operator(anna())
    again = world.vault.operator(ANNA)
    assert again is not None
    assert again.roles == ("operator", "infra")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"slack_team": "T1", "slack_user": "U1", "roles": "admin"}, "roles is not a list of texts"),
        ({"slack_team": "T1", "slack_user": "U1", "roles": ["admin", 1]}, "roles is not a list of texts"),
        ({"slack_team": "T1", "slack_user": "U1"}, "roles is not a list of texts"),
        (
            {"slack_team": "T1", "slack_user": "U9", "roles": ["admin"]},
            "its slack_team and slack_user are not those of its path",
        ),
    ],
)
def test_a_damaged_document_gives_no_right_and_writing_mends_it(
    world: World, document: dict[str, Any], problem: str
) -> None:
    world.put("T1-U1", document)
    read = world.vault.operator(ANNA)
    assert read is not None
    assert (read.roles, read.ssh_public_keys, read.problem) == ((), (), problem)
    world.vault.write_operator(anna(version=read.version))
    assert world.vault.operator(ANNA) == anna(version=read.version + 1)


@pytest.mark.parametrize("person", [Person("T1", "../U1"), Person("", ""), Person("T1-U1", "U1")])
def test_ids_that_are_not_slacks_reach_no_path(world: World, person: Person) -> None:
    world.put("T1-U1", {"slack_team": person.team, "slack_user": person.user, "roles": ["admin"]})
    assert world.vault.operator(person) is None
    assert world.vault.token_reads_operator("token", person) is False
    with pytest.raises(VaultMissing):
        world.vault.write_operator(anna(person=person))


def test_a_secret_of_a_blueprint_is_read(world: World) -> None:
    world.put_secret("providers/aws", {"token": "s3cret"})
    assert world.vault.read_field("innkeeper/providers/aws#token") == "s3cret"


@pytest.mark.parametrize("field", ["innkeeper/providers/aws#nothing", "innkeeper/providers/none#token"])
def test_a_secret_that_is_not_there_is_named(world: World, field: str) -> None:
    world.put_secret("providers/aws", {"token": "s3cret"})
    with pytest.raises(VaultMissing) as missing:
        world.vault.read_field(field)
    assert field.split("#")[0] in missing.value.sentence
    assert "s3cret" not in str(missing.value)


def test_what_is_sealed_opens_for_the_same_thing_alone(world: World) -> None:
    sealed = world.vault.seal(b"CANARY" * 100, "tfstate:demo:1")
    assert b"CANARY" not in sealed
    assert world.vault.unseal(sealed, "tfstate:demo:1") == b"CANARY" * 100
    with pytest.raises(SealBroken, match="tfstate:other:1"):
        world.vault.unseal(sealed, "tfstate:other:1")


def test_every_sealing_is_different(world: World) -> None:
    assert world.vault.seal(b"the same", "a") != world.vault.seal(b"the same", "a")
    assert world.vault.unseal(world.vault.seal(b"", "a"), "a") == b""


@pytest.mark.parametrize("at", [0, 2, 4, 12, 70, -20, -1])
def test_one_changed_byte_breaks_the_seal(world: World, at: int) -> None:
    sealed = bytearray(world.vault.seal(b"a body of a plan", "plan"))
    sealed[at] ^= 1
    with pytest.raises(SealBroken):
        world.vault.unseal(bytes(sealed), "plan")


@pytest.mark.parametrize(
    "sealed", [b"", b"IK", b"IK\x01\x00\x00", b"IK\x01\xff\xffabc", b"not sealed at all"]
)
def test_what_was_never_sealed_does_not_open(world: World, sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        world.vault.unseal(sealed, "plan")


def test_a_persons_token_proves_that_person_and_nobody_else(world: World) -> None:
    world.vault.write_operator(anna())
    world.vault.write_operator(anna(person=BEN))
    token = world.token_of(ANNA)
    assert world.vault.token_reads_operator(token, ANNA) is True
    assert world.vault.token_reads_operator(token, BEN) is False


def test_a_token_proves_nothing_without_a_sound_document(world: World) -> None:
    token = world.token_of(ANNA)
    assert world.vault.token_reads_operator(token, ANNA) is False
    world.put("T1-U1", {"slack_team": "T1", "slack_user": "U1", "roles": "admin"})
    assert world.vault.token_reads_operator(token, ANNA) is False


@pytest.mark.parametrize("token", ["", "nonsense", "two\nlines", "s.ünïcode", "x" * 5000])
def test_what_is_no_token_proves_nothing(world: World, token: str) -> None:
    world.vault.write_operator(anna())
    assert world.vault.token_reads_operator(token, ANNA) is False


def test_a_good_vault_is_ready_and_its_login_holds(world: World) -> None:
    assert world.vault.health() == "ready"
    assert world.vault.renew().startswith("the Vault token")


# in trouble


@pytest.fixture(params=["fake", pytest.param("openbao", marks=pytest.mark.integration)])
def sealed(request: pytest.FixtureRequest) -> Vault:
    if request.param == "fake":
        fake = FakeVault()
        fake.state = "sealed"
        return fake
    return HvacVault(
        request.getfixturevalue("sealed_openbao"), AppRole("a-role", "a-secret"), timeout_seconds=30
    )


@pytest.fixture(params=["fake", "nobody listens"])
def away(request: pytest.FixtureRequest, unused_tcp_port: int) -> Vault:
    if request.param == "fake":
        fake = FakeVault()
        fake.state = "away"
        return fake
    return HvacVault(f"http://127.0.0.1:{unused_tcp_port}", AppRole("a-role", "a-secret"), timeout_seconds=30)


@pytest.fixture(params=["fake", pytest.param("openbao", marks=pytest.mark.integration)])
def denied(request: pytest.FixtureRequest) -> Vault:
    if request.param == "fake":
        fake = FakeVault()
        fake.state = "denied"
        return fake
    space: VaultSpace = request.getfixturevalue("vault_space")
    prepare(space.client, ADMIN, "admin", NOW)
    return HvacVault(space.addr, AppRole("no-such-role", "a-secret"), space.namespace, timeout_seconds=30)


CALLS: dict[str, Callable[[Vault], object]] = {
    "operator": lambda vault: vault.operator(ANNA),
    "operators": lambda vault: vault.operators(),
    "write_operator": lambda vault: vault.write_operator(anna()),
    "remove_operator": lambda vault: vault.remove_operator(ANNA),
    "read_field": lambda vault: vault.read_field("innkeeper/providers/aws#token"),
    "seal": lambda vault: vault.seal(b"x", "y"),
    "unseal": lambda vault: vault.unseal(FakeVault().seal(b"x", "y"), "y"),
    "token_reads_operator": lambda vault: vault.token_reads_operator("a-token", ANNA),
    "person_of_token": lambda vault: vault.person_of_token("a-token"),
    "add_agent": lambda vault: vault.add_agent(Person.agent("ci")),
    "agent_secret_id": lambda vault: vault.agent_secret_id(Person.agent("ci")),
    "remove_agent": lambda vault: vault.remove_agent(Person.agent("ci")),
    "renew": lambda vault: vault.renew(),
    "grant_token": lambda vault: vault.grant_token(ANNA, "g1", 60),
    "ssh_token": lambda vault: vault.ssh_token(ANNA, "g1"),
    "revoke_accessor": lambda vault: vault.revoke_accessor("an-accessor"),
    "ssh_ca_public_key": lambda vault: vault.ssh_ca_public_key(),
    "sign_ssh": lambda vault: vault.sign_ssh("a-token", KEY, "root", 60, "an-id"),
    "sign_bot_ssh": lambda vault: vault.sign_bot_ssh(KEY, "root", 60, "innkeeper:demo:r1"),
    "issue_tls": lambda vault: vault.issue_tls("a-token", "lab.test", "demo.lab.test", 60),
    "sign_tls": lambda vault: vault.sign_tls("a-token", "lab.test", "a request", "demo.lab.test", 60),
    "revoke_tls": lambda vault: vault.revoke_tls("aa:bb"),
    "tls_ca": lambda vault: vault.tls_ca(),
    "tls_crl": lambda vault: vault.tls_crl(),
    "database_role": lambda vault: vault.database_role("demo", "readonly"),
    "database_credentials": lambda vault: vault.database_credentials("a-token", "demo.readonly"),
    "unwrap": lambda vault: vault.unwrap("a-token"),
    "lab_secret": lambda vault: vault.lab_secret("demo"),
    "write_lab_secret": lambda vault: vault.write_lab_secret("demo", {"address": "x"}),
    "remove_lab_secret": lambda vault: vault.remove_lab_secret("demo"),
    "labs_with_secrets": lambda vault: vault.labs_with_secrets(),
    "open_lab_role": lambda vault: vault.open_lab_role("demo", "l1"),
    "close_lab_role": lambda vault: vault.close_lab_role("demo"),
    "lab_secret_id": lambda vault: vault.lab_secret_id("demo", ANNA, "g1", 60),
    "revoke_lab_secret_id": lambda vault: vault.revoke_lab_secret_id("demo", "l1", "g1", True),
    "has_lab_database": lambda vault: vault.has_lab_database("demo"),
    "connect_lab_database": lambda vault: vault.connect_lab_database("demo", DatabasePlace("x", "y", "z")),
    "make_lab_database_role": lambda vault: vault.make_lab_database_role("demo", "readonly", 60),
    "rotate_lab_database": lambda vault: vault.rotate_lab_database("demo"),
    "disconnect_lab_database": lambda vault: vault.disconnect_lab_database("demo"),
    "sign_bytes": lambda vault: vault.sign_bytes(b"x"),
    "signing_public_key": lambda vault: vault.signing_public_key(),
    "totp_enroll": lambda vault: vault.totp_enroll(ANNA),
    "totp_check": lambda vault: vault.totp_check(ANNA, "123456"),
    "totp_forget": lambda vault: vault.totp_forget(ANNA),
    "totp_has": lambda vault: vault.totp_has(ANNA),
}
THEIR_OWN_TOKENS = {"token_reads_operator", "person_of_token", "unwrap"}  # which tell nothing about our login


@pytest.mark.parametrize("call", CALLS)
def test_a_sealed_vault_is_said_to_be_sealed(sealed: Vault, call: str) -> None:
    with pytest.raises(VaultSealed) as refusal:
        CALLS[call](sealed)
    assert refusal.value.sentence.startswith("Vault is sealed, so I cannot ")
    assert refusal.value.sentence.endswith(" Try again when it is open.")


@pytest.mark.parametrize("call", CALLS)
def test_a_vault_that_is_away_is_said_to_be_away(away: Vault, call: str) -> None:
    with pytest.raises(VaultAway) as refusal:
        CALLS[call](away)
    assert refusal.value.sentence.startswith("Vault is away, so I cannot ")
    assert refusal.value.sentence.endswith(" Try again when it is back.")


@pytest.mark.parametrize("call", sorted(CALLS.keys() - THEIR_OWN_TOKENS))
def test_a_login_that_is_not_taken_is_said_so(denied: Vault, call: str) -> None:
    with pytest.raises(VaultDenied) as refusal:
        CALLS[call](denied)
    assert ", so I cannot " in refusal.value.sentence


def test_health_tells_the_troubles_apart(sealed: Vault, away: Vault, denied: Vault) -> None:
    assert [sealed.health(), away.health(), denied.health()] == ["sealed", "away", "denied"]


def test_who_you_are_is_told_as_in_the_storyboard(sealed: Vault) -> None:
    with pytest.raises(VaultUnavailable) as refusal:
        sealed.operator(ANNA)
    assert refusal.value.sentence == (
        "Vault is sealed, so I cannot check who you are. I have not done anything. Try again when it is open."
    )


@pytest.fixture
def unused_tcp_port() -> Iterator[int]:
    """A port that is taken and on which nobody listens, so that it refuses."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
