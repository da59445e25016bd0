"""What is taken for a public key, and what is never kept: private keys as the tools that people use write them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from commands.grants import public_keys
from tests.commands.refusals import refused
from tests.fixed_keys import rsa_3072

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD"
RSA = rsa_3072()


def private_keys() -> Iterator[tuple[str, str]]:
    keys = {
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ed448": ed448.Ed448PrivateKey.generate(),
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "rsa": RSA,
        "dsa": dsa.generate_private_key(1024),
    }
    forms = {
        "PKCS8": PrivateFormat.PKCS8,
        "traditional": PrivateFormat.TraditionalOpenSSL,
        "OpenSSH": PrivateFormat.OpenSSH,
    }
    encryptions: list[KeySerializationEncryption] = [NoEncryption(), BestAvailableEncryption(b"word")]
    for name, key in keys.items():
        for encryption in encryptions:
            for called, form in forms.items():
                if (name, called) == ("dsa", "OpenSSH"):
                    continue  # OpenSSH has given them up
                try:
                    pem = key.private_bytes(Encoding.PEM, form, encryption).decode()  # type: ignore[attr-defined]
                except (ValueError, TypeError, UnsupportedAlgorithm):
                    continue  # no such thing
                yield f"{name}, {called}, {type(encryption).__name__}", pem


PRIVATE = dict(private_keys())


@pytest.mark.parametrize("pem", PRIVATE.values(), ids=PRIVATE)
def test_a_private_key_is_known_however_it_arrives(pem: str) -> None:
    shapes = [
        pem,
        pem.replace("\n", " "),
        pem.replace("\n", ""),
        pem.replace("-----", "—"),
        pem.replace("-----", ""),
        pem.replace("\n", "\r\n"),
        pem.replace(" ", "\u00a0"),
        pem.lower(),
        f"```{pem}```",
        f"please enroll {pem}",
        "\n".join(pem.splitlines()[:2]),  # the rest got lost
        "\n".join(pem.splitlines()[-3:]),
    ]
    if "DEK-Info" not in pem:  # without its head an encrypted old one is noise
        shapes.append("".join(pem.splitlines()[1:-1]))
    assert [shape for shape in shapes if not public_keys.is_private(shape)] == []


@pytest.mark.parametrize(
    "text",
    [
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 2\nAAAA",
        "Private-Lines: 1 AAAAIGQw0mFLTBUHPcPmFtD5fjDQ6YBNK9EMsTGPvn7o3JbD",
        "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----",
        "SSH PRIVATE KEY FILE FORMAT 1.1",
        "AGE-SECRET-KEY-1QQQQQQ",
    ],
)
def test_so_are_those_of_other_tools(text: str) -> None:
    assert public_keys.is_private(text)


@pytest.mark.parametrize(
    "text",
    [
        ED25519,
        f"{ED25519} anna@laptop",
        RSA.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode(),
        "up sandbox demo message='we begin a private week with keys'",
        "what is a private key?",
        "",
    ],
)
def test_what_is_no_private_key_is_let_through(text: str) -> None:
    assert not public_keys.is_private(text)


@pytest.mark.integration
def test_a_request_for_a_certificate_is_let_through(tmp_path: Path) -> None:
    for kind in (["rsa:3072"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], ["ed25519"]):
        made = subprocess.run(
            [
                "openssl",
                "req",
                "-new",
                "-subj",
                "/CN=demo",
                "-nodes",
                "-keyout",
                tmp_path / "key",
                "-newkey",
                *kind,
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        assert made.stdout.startswith("-----BEGIN CERTIFICATE REQUEST-----")
        assert not public_keys.is_private(made.stdout)
        assert public_keys.is_private((tmp_path / "key").read_text())


@pytest.mark.integration
@pytest.mark.parametrize("kind", [["ed25519"], ["ecdsa", "-b", "384"], ["rsa", "-b", "3072"]], ids=str)
def test_a_key_is_shown_by_the_fingerprint_that_ssh_keygen_shows(tmp_path: Path, kind: list[str]) -> None:
    file = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", "", "-C", "anna@laptop", "-f", file], check=True)
    text = (tmp_path / "key.pub").read_text()
    key = public_keys.read(text)
    shown = subprocess.run(["ssh-keygen", "-l", "-f", f"{file}.pub"], capture_output=True, text=True)
    assert key.fingerprint in shown.stdout.split()
    assert key.line == text.removesuffix(" anna@laptop\n")
    assert public_keys.enrolled(key.line) == key


def test_a_key_of_a_security_token_is_taken() -> None:
    key = public_keys.read(
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIHHQ8XPzKAbXX9BcVUQdHMvzoWFvvGKBQc"
        "gp7QVsNCtqAAAABHNzaDo= me"
    )
    assert (key.type, key.file) == ("sk-ssh-ed25519@openssh.com", "id_ed25519_sk")


def rsa_line(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (ED25519[:-4], "That key is not whole: something is missing, or was changed on its way."),
        (ED25519[:40], "That key is not whole"),
        (ED25519.replace("ssh-ed25519", "ssh-rsa"), "That key is not whole"),
        (f"{ED25519[:50]}\n{ED25519[50:]}", "Give one public key, in one line."),
        (f"{ED25519}\n{ED25519}", "Give one public key, in one line."),
        (f"{ED25519} {ED25519}", "Give one public key at a time."),
        (f'command="/bin/sh",no-pty {ED25519}', "Leave out what stands before the key"),
        (f"restrict {ED25519}", "Leave out what stands before the key"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAP", "DSA keys are too weak"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "That is a certificate. Enroll the key"),
        ("ssh-ed25519", "That key is not whole"),
        ("hello", "That is not an ssh public key. It begins with its type: ed25519, ecdsa, sk-* or rsa."),
        ("AAAAC3NzaC1lZDI1NTE5AAAAIGQw0mFLTBUHPcPm", "That is not an ssh public key. It begins with"),
        ("", "That is not an ssh public key. It begins with"),
        ("ssh-ed25519 " + "A" * 100_000, "That has 100,012 characters, and no public key has so many."),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "*That is a private key, and it must now be considered lost.*",
        ),
    ],
)
def test_what_is_no_good_key_is_told_why(text: str, sentence: str) -> None:
    assert refused(lambda: public_keys.read(text)).sentence.startswith(sentence)


def test_short_rsa_keys_are_too_weak() -> None:
    sentence = refused(lambda: public_keys.read(rsa_line(2048))).sentence
    assert sentence.startswith("That RSA key has 2,048 bits, and they have 3,072 to 8,192 here.")


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 ---"])
def test_what_somebody_wrote_into_a_document_by_hand_breaks_nothing(line: str) -> None:
    assert public_keys.enrolled(line) is None
