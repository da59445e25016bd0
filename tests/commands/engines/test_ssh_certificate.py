"""When a certificate ends, read from its line; what is no certificate is an error and nothing worse."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import SSHCertificateBuilder, SSHCertificateType
from hypothesis import given
from hypothesis import strategies as st

from commands.engines.ssh_certificate import ends_at
from tests.fixed_keys import rsa_3072

END = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CA = ed25519.Ed25519PrivateKey.generate()
KEYS = {
    "ed25519": CA,
    "ecdsa": ec.generate_private_key(ec.SECP384R1()),
    "rsa": rsa_3072(),
}


def line(key: str = "ed25519") -> str:
    certificate = (
        SSHCertificateBuilder()
        .public_key(KEYS[key].public_key())  # type: ignore[attr-defined]
        .serial(7)
        .type(SSHCertificateType.USER)
        .key_id(b"T1-U1:demo:g1")
        .valid_principals([b"root", b"lab"])
        .valid_after(0)
        .valid_before(int(END.timestamp()))
        .sign(CA)
    )
    return certificate.public_bytes().decode()


@pytest.mark.parametrize("key", KEYS)
def test_the_end_is_read_whatever_the_key(key: str) -> None:
    assert ends_at(line(key)) == END
    assert ends_at(f"{line(key)} a comment\n") == END


@pytest.mark.parametrize("cut", [0, 20, 40, 60, 200])
def test_a_truncated_line_is_an_error(cut: int) -> None:
    with pytest.raises(ValueError, match=r"damaged|no kind"):
        ends_at(line()[:cut])


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: f"ssh-rsa-cert-v01@openssh.com {raw.hex()}")
)
def test_nothing_is_too_strange_to_be_refused(text: str) -> None:
    with suppress(ValueError):
        assert ends_at(text).tzinfo is UTC
