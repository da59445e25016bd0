"""What people get wrong with keys: a private sentence each, and nothing left over, here or in Vault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bot.playground.postgresql_server import LocalPostgreSQL
from tests.integration.house import House
from tests.integration.keyholder import Keyholder, krl_says, told
from tests.integration.test_secrets import everything
from tests.waiting import until

pytestmark = pytest.mark.integration

TABLES = ("grants", "leavings", "rekeys", "factors", "runs", "labs", "approvals")


def line(key: Any) -> str:
    """A public key as it stands in a .pub file."""
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return str(public.decode())


KEY = line(ed25519.Ed25519PrivateKey.generate())
OTHER = line(ed25519.Ed25519PrivateKey.generate())

NOT_ENROLLED = {
    "a truncated key": (KEY[:-9], "That key is not whole"),
    "a key of which a letter was lost": (KEY[:40] + KEY[41:], "That key is not whole"),
    "a DSA key": (f"ssh-dss AAAAB3NzaC1kc3MAAACBAP{'A' * 540}", "DSA keys are too weak"),
    "an RSA key of 1024 bits": (line(rsa.generate_private_key(65537, 1024)), "has 1,024 bits"),
    "an RSA key of 2048 bits": (line(rsa.generate_private_key(65537, 2048)), "has 2,048 bits"),
    "100 kB of text": ("x" * 100_000, "100,"),
    "100 kB of a key": (KEY + "A" * 100_000, "100,"),
    "a key with options": (f'command="/bin/sh",no-pty {KEY}', "Leave out what stands before the key"),
    "a key with a newline": (f"{KEY}\n{OTHER}", "one"),
    "a key with a newline in it": (f"{KEY[:30]}\n{KEY[30:]}", ""),
    "a certificate": (
        KEY.replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com "),
        "That is a certificate.",
    ),
    "a word": ("please", "That is not an ssh public key."),
}


def counts(house: House) -> list[int]:
    return [int(house.rows(f"SELECT COUNT(*) AS many FROM {table}")[0]["many"]) for table in TABLES]


def documents(house: House) -> list[Any]:
    return [(each.person, each.ssh_public_keys, each.version) for each in house.vault.operators()]


@pytest.mark.parametrize("by", ["command", "form"])
@pytest.mark.parametrize("what", NOT_ENROLLED)
def test_what_is_no_key_to_trust_is_not_enrolled(keyed: House, what: str, by: str) -> None:
    typed, expect = NOT_ENROLLED[what]
    before = (counts(keyed), documents(keyed))
    if by == "command":
        keyed.asks(keyed.riley, f"/key enroll {typed}", expect=expect or "key")
    else:
        keyed.slack.command(keyed.riley, keyed.channel, "/key enroll")
        form = keyed.form(keyed.riley)
        if len(typed) > 3000:  # more than Slack's client lets anybody type there
            keyed.slack.close_view(keyed.riley)
            return
        keyed.slack.submit(keyed.riley, form, {"key": typed})
        errors = keyed.wait_for(lambda: keyed.slack.views_of(keyed.riley)[-1].errors)
        keyed.slack.close_view(keyed.riley)
        assert (expect or "key") in str(errors)  # below its field, and the form stays open
    assert (counts(keyed), documents(keyed)) == before


def private_keys() -> dict[str, str]:
    """Of every kind that ends up in a clipboard."""
    pem, openssh = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH
    locked = serialization.BestAvailableEncryption(b"a passphrase")
    no, old = serialization.NoEncryption(), serialization.PrivateFormat.TraditionalOpenSSL
    new = serialization.PrivateFormat.PKCS8
    curve = ec.generate_private_key(ec.SECP256R1())
    return {
        "OpenSSH": ed25519.Ed25519PrivateKey.generate().private_bytes(pem, openssh, no).decode(),
        "PKCS 8 with a passphrase": curve.private_bytes(pem, new, locked).decode(),
        "RSA": rsa.generate_private_key(65537, 2048).private_bytes(pem, old, no).decode(),
        "PKCS 8": curve.private_bytes(pem, new, no).decode(),
        "SEC 1": ec.generate_private_key(ec.SECP256R1()).private_bytes(pem, old, no).decode(),
    }


PRIVATE = private_keys()


def parts(secret: str) -> list[bytes]:
    """What must be found nowhere: each line of its body that is long enough to be told from others."""
    lines = [each for each in secret.splitlines() if len(each) > 30 and "-----" not in each]
    return [each.encode() for each in lines[1:-1] or lines]


WAYS = ("wrong command", "mention", "form", "other form")


def refusals(house: House) -> int:
    """How often riley was told."""
    words = "*That is a private key, and it must now be considered lost.*"
    return sum(words in told(each) for each in house.private(house.riley))


@pytest.mark.parametrize(
    ("kind", "way"), [*((kind, "command") for kind in PRIVATE), *(("OpenSSH", way) for way in WAYS)]
)
def test_a_private_key_is_refused_loudly_and_kept_nowhere(keyed: House, kind: str, way: str) -> None:
    secret = PRIVATE[kind]
    before = refusals(keyed)
    said_by_people = {m.ts for m in keyed.slack.messages(keyed.channel) if m.user != keyed.slack.bot_user}
    if way == "command":
        keyed.slack.command(keyed.riley, keyed.channel, f"/key enroll {secret}")
    elif way == "wrong command":
        keyed.slack.command(keyed.riley, keyed.channel, f"/lab up pair demo note={secret}")
    elif way == "mention":
        said_by_people.add(keyed.slack.mention(keyed.riley, keyed.channel, f"key enroll {secret}").ts)
    elif way == "form":
        keyed.slack.command(keyed.riley, keyed.channel, "/key enroll")
        form = keyed.form(keyed.riley)
        keyed.slack.submit(keyed.riley, form, {"key": secret})
    else:
        keyed.asks(keyed.riley, "/key tls store", expect="A certificate for `store.lab.test`")
        keyed.slack.click(keyed.riley, keyed.answers[keyed.riley], "From a signing request")
        form = keyed.form(keyed.riley)
        keyed.slack.submit(keyed.riley, form, {"csr": secret})
    keyed.wait_for(lambda: refusals(keyed) == before + 1)
    for found in everything(keyed):
        if found.where.removeprefix("message ") in said_by_people:
            continue  # Slack has what a person wrote into a channel: that is why it is lost
        for part in parts(secret):
            assert part not in found.content, f"{found.where} has it"


def test_somebody_elses_key_is_nobody_elses(keyed: House, tmp_path: Path) -> None:
    uma = Keyholder(keyed, tmp_path, "uma", "operator")
    uma.enrolls()
    before = documents(keyed)
    keyed.asks(keyed.riley, f"/key enroll {uma.laptop.public_key}", expect="is enrolled for somebody else")
    uma.asks(f"/key enroll {uma.laptop.public_key} again", expect="is enrolled already")
    assert documents(keyed) == before


NOT_ISSUED = {
    "an unknown lab": ("/key ssh stroe", "Did you mean `store`?"),
    "no lab": ("/key ssh", "Say for which lab."),
    "a lab of somebody else's": ("/key ssh store", "*store* is <@"),
    "a database of somebody else's": ("/key db store", "*store* is <@"),
    "a name of somebody else's": ("/key tls store", "*store* is <@"),
    "a kind that the lab has not": ("/key db plain-vera", "has no database credentials"),
    "a lab that was not applied": ("/key ssh fresh-vera", "has not been applied yet"),
    "more than there is": ("/key ssh own-vera ttl=31m", "too long: it works for 30 min at most"),
    "a lifetime that is none": ("/key ssh own-vera ttl=soon", "`soon` is not a duration"),
    "a lifetime for TLS": (
        "/key tls own-vera ttl=1h",
        "How long a certificate works is up to the blueprint.",
    ),
    "a name outside": ("/key tls own-vera bank.example", "is outside of what *own-vera* may be called"),
    "a key that is not theirs": ("/key ssh own-vera SHA256:AAAAAAAAAAAA", "is not one of your keys"),
    "a database that is not under Vault": ("/key db bare-vera", "has no role `bare-vera.readonly`"),
    "a grant of nobody's": ("/key revoke nonesuch", "You hold no grant `nonesuch`."),
    "nothing to revoke": ("/key revoke", "Say what to revoke"),
}


@pytest.fixture(scope="module")
def vera(
    keyed_house: House, postgresql: LocalPostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Keyholder:
    """An operator with a key, and labs of her own, one of them with a database."""
    vera = Keyholder(keyed_house, tmp_path_factory.mktemp("vera"), "vera", "operator")
    vera.enrolls()
    keyed_house.put_database("own-vera", postgresql)
    labs = {"own-vera": "keyed", "bare-vera": "keyed", "plain-vera": "solo", "fresh-vera": "keyed"}
    for lab, blueprint in labs.items():
        keyed_house.asks(vera.user, f"/lab up {blueprint} {lab}")
    cards = {lab: keyed_house.card(f"{lab}: proposed") for lab in labs}
    for lab in ("own-vera", "bare-vera", "plain-vera"):
        keyed_house.presses(vera.user, cards[lab], "Approve", expect="counts for")
    for lab in ("own-vera", "bare-vera", "plain-vera"):
        keyed_house.card(f"{lab}: applied")
    return vera


@pytest.mark.parametrize("what", NOT_ISSUED)
def test_what_cannot_be_issued_leaves_nothing(keyed: House, vera: Keyholder, what: str) -> None:
    command, expect = NOT_ISSUED[what]
    before = counts(keyed)
    vera.asks(command, expect=expect)
    assert counts(keyed) == before
    assert vera.living() == []


def test_a_lab_that_is_being_destroyed_gets_no_keys(keyed: House, tmp_path: Path, vera: Keyholder) -> None:
    keyed.asks(vera.user, "/lab up keyed going-vera")
    keyed.presses(vera.user, keyed.card("going-vera: proposed"), "Approve", expect="counts for")
    keyed.card("going-vera: applied")
    certificate = vera.takes_certificate("going-vera")
    keyed.asks(vera.user, "/lab down going-vera")
    card = keyed.card("going-vera: proposed", number=2)
    keyed.hold("apply")
    keyed.presses(vera.user, card, "Approve", expect="counts for")
    keyed.card("going-vera: applying")
    before = counts(keyed)
    vera.asks("/key ssh going-vera", expect="is being destroyed, so it gets no new keys")
    assert counts(keyed) == before
    keyed.let_go()
    keyed.card("going-vera: destroyed")
    until(lambda: vera.living() == [])
    until(lambda: krl_says(keyed, certificate) == "REVOKED")
    assert vera.grants()[-1]["revoked_because"] == "its lab is gone"
    vera.asks("/key ssh going-vera", expect="There is no lab")


def test_a_lifetime_over_vaults_own_maximum_is_a_sentence_and_leaves_nothing(
    keyed: House, vera: Keyholder
) -> None:
    """The blueprint promises more than an admin of Vault allows."""
    role = "ssh-lab/roles/lab"
    before = keyed.vault_client.read(role)["data"]
    keyed.vault_client.write_data(role, data={**before, "max_ttl": 600, "ttl": 300})
    try:
        said = vera.asks("/key ssh own-vera ttl=20m", expect="Vault")
        assert "larger than maximum" in said or "exceed" in said, said
        assert vera.living() == []
        vera.asks("/key ssh own-vera ttl=5m", expect="Certificate for root")
    finally:
        keyed.vault_client.write_data(role, data=before)
    vera.asks("/key revoke all", expect="1 credential revoked")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("auth/token/create/grants", "db"),
        ("database/creds", "db"),
        ("transit/datakey", "db"),
        ("ssh-lab/sign", "ssh"),
        ("pki-lab/issue", "tls"),
    ],
)
def test_vaults_answer_is_lost_while_it_issues(
    keyed: House, vera: Keyholder, postgresql: LocalPostgreSQL, path: str, kind: str
) -> None:
    """Whatever Vault has made by then is gone from it a moment later."""
    lab, users = "own-vera", postgresql.users()
    if kind == "tls":
        vera.asks(f"/key tls {lab}", expect="A certificate for")
    shown = vera.answer if kind == "tls" else None
    keyed.front.lose(path, "answer")
    lost = len(keyed.front.lost)
    if shown is not None:
        vera.presses(shown, "With a new key", expect="Vault took too long")
    else:
        vera.asks(f"/key {kind} {lab}", expect="Vault took too long")
    until(lambda: len(keyed.front.lost) > lost)  # Vault may have needed longer for it than the bot waits
    assert vera.living() == []
    keyed.front.keep_all()
    until(lambda: all(grant["ended_at"] for grant in vera.grants()))
    until(lambda: postgresql.users() <= users)
