"""Signatures and second factors: the same on the fake and on a real OpenBao."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from commands.engines.vault.protocol import VaultConflict, VaultMissing
from state.records import Person
from tests.commands.engines.vault.worlds import World

ANNA, BEN = Person("T1", "U1"), Person("T2", "U1")


def test_a_signature_holds_for_that_data_alone(world: World) -> None:
    data = bytes(range(256)) * 400
    signature = world.vault.sign_bytes(data)
    key = load_pem_public_key(world.vault.signing_public_key().encode())
    assert isinstance(key, Ed25519PublicKey)
    key.verify(signature, data)
    assert len(signature) == 64
    with pytest.raises(InvalidSignature):
        key.verify(signature, data[:-1])


def test_a_second_factor_is_shown_once_as_an_address_and_as_a_picture(world: World) -> None:
    assert not world.vault.totp_has(ANNA)
    secret = world.vault.totp_enroll(ANNA)
    assert world.vault.totp_has(ANNA)
    assert not world.vault.totp_has(BEN)
    address = urlsplit(secret.url)
    assert (address.scheme, address.netloc, address.path) == ("otpauth", "totp", "/Innkeeper:T1-U1")
    assert parse_qs(address.query)["period"] == ["30"]
    assert secret.barcode_png.startswith(b"\x89PNG")
    assert parse_qs(address.query)["secret"][0] not in repr(secret)


def test_a_code_is_good_once_and_for_its_person_alone(world: World) -> None:
    address = world.vault.totp_enroll(ANNA).url
    world.vault.totp_enroll(BEN)
    code = world.code(address)
    assert not world.vault.totp_check(BEN, code)
    assert world.vault.totp_check(ANNA, f" {code[:3]} {code[3:]} ")
    assert not world.vault.totp_check(ANNA, code)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "١٢٣٤٥٦", "-12345", "../../x"])
def test_what_is_no_code_is_wrong(world: World, code: str) -> None:
    world.vault.totp_enroll(ANNA)
    assert not world.vault.totp_check(ANNA, code)


def test_whoever_has_no_second_factor_has_no_right_code(world: World) -> None:
    assert not world.vault.totp_check(ANNA, "123456")


def test_a_second_factor_is_not_replaced_before_it_is_removed(world: World) -> None:
    address = world.vault.totp_enroll(ANNA).url
    with pytest.raises(VaultConflict, match="<@U1> has a second factor already"):
        world.vault.totp_enroll(ANNA)
    world.vault.totp_forget(ANNA)
    world.vault.totp_forget(ANNA)
    assert not world.vault.totp_has(ANNA)
    assert not world.vault.totp_check(ANNA, world.code(address))
    assert world.vault.totp_enroll(ANNA).url != address


@pytest.mark.parametrize("person", [Person("T1", "../U1"), Person("", ""), Person("T1-U1", "U1")])
def test_ids_that_are_not_slacks_reach_no_path(world: World, person: Person) -> None:
    with pytest.raises(VaultMissing):
        world.vault.totp_enroll(person)
    with pytest.raises(VaultMissing):
        world.vault.totp_check(person, "123456")
