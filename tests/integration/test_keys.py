"""A key opens a host, a database and a name, for its person and for as long as it should."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hvac
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bot.playground.postgresql_server import LocalPostgreSQL
from commands.engines.vault.protocol import VaultRefused
from tests.integration.house import House
from tests.integration.keyholder import HOSTED, Keyholder, forged_click, krl_says, secrets_in, text_of, told
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def enrolled(keyed_house: House, tmp_path_factory: pytest.TempPathFactory) -> Keyholder:
    holder = Keyholder(keyed_house, tmp_path_factory.mktemp("ivo"), "ivo", "infra")
    holder.enrolls()
    return holder


@pytest.fixture
def ivo(keyed: House, enrolled: Keyholder) -> Iterator[Keyholder]:
    """An infra person with a key, who holds nothing yet."""
    yield enrolled
    enrolled.asks("/key revoke all", expect="Your keys stay enrolled")


def test_a_certificate_opens_a_host_until_it_is_revoked(keyed: House, ivo: Keyholder) -> None:
    certificate = ivo.takes_certificate(HOSTED)
    address = ivo.address(HOSTED)
    assert (ivo.laptop.run(address, "echo welcome") or "").strip() == "welcome"
    grant = ivo.living()[-1]["id"]
    log = "".join(path.read_text() for path in keyed.data.glob(f"home/.sandbox/{HOSTED}-*.log"))
    assert f"{ivo.person.key}:{HOSTED}:{grant}" in log
    assert krl_says(keyed, certificate) == "ok"
    assert grant in ivo.asks("/key list", expect=f"ssh certificate · {HOSTED}")
    ivo.asks(f"/key revoke {grant}", expect=f"Revoked ssh certificate on *{HOSTED}*.")
    assert krl_says(keyed, certificate) == "REVOKED"
    until(lambda: ivo.laptop.run(address, "echo still here") is None)
    assert grant not in ivo.asks("/key list", expect="Your keys")
    ivo.asks(f"/key revoke {grant}", expect=f"`{grant}` was revoked")


def test_who_logs_in_on_a_host_uses_its_lab(keyed: House, ivo: Keyholder) -> None:
    ivo.takes_certificate(HOSTED)
    with keyed.database() as database:
        database.execute(
            "UPDATE labs SET last_active_at = '2026-01-01T00:00:00.000000Z' WHERE name = ?", (HOSTED,)
        )
    assert (ivo.laptop.run(ivo.address(HOSTED), "echo welcome") or "").strip() == "welcome"
    used = "SELECT last_active_by, last_active_how FROM labs WHERE name = ? AND gone_at IS NULL"
    wanted = [{"last_active_by": ivo.person.key, "last_active_how": "a login"}]
    until(lambda: keyed.rows(used, HOSTED) == wanted)
    ivo.asks(f"/lab show {HOSTED}", expect=f"(<@{ivo.user}>, a login)")


def test_a_key_that_is_taken_back_takes_its_certificates_along(keyed: House, tmp_path: Path) -> None:
    nora = Keyholder(keyed, tmp_path, "nora", "infra")
    form = nora.types("/key enroll")
    nora.submits(form, {"key": f"{nora.laptop.public_key} nora@laptop\n"}, expect="is enrolled")
    certificates = []
    for number in range(2):
        certificate = nora.takes_certificate("store")
        certificates.append(certificate.rename(certificate.with_name(f"{number}-cert.pub")))
    nora.asks("/key list", expect="ssh certificate · store")
    nora.presses(nora.answer, "Remove", expect="is trusted no more, 2 certificates of it revoked")
    assert [krl_says(keyed, each) for each in certificates] == ["REVOKED", "REVOKED"]
    nora.asks("/key ssh store", expect="You have not enrolled an ssh key yet.")
    assert nora.living() == []


def test_all_that_one_holds_ends_at_once_and_an_admin_sees_what_everybody_holds(
    keyed: House, ivo: Keyholder, postgresql: LocalPostgreSQL
) -> None:
    certificate = ivo.takes_certificate("store")
    name, password = ivo.takes_database_user("store")
    session = postgresql.connect(name, password)
    for asked in ("store", "@ivo", "all"):
        seen = keyed.asks(keyed.ada, f"/key list {asked}", expect="What works now")
        assert all(each["id"] in seen for each in ivo.living())
        assert f"<@{ivo.user}>" in seen
    ivo.asks("/key list store", expect="Admins see what others hold.")
    many = len(ivo.living())
    ivo.asks("/key revoke all", expect=f"{many} credentials revoked. Your keys stay enrolled.")
    assert krl_says(keyed, certificate) == "REVOKED"
    until(lambda: name not in postgresql.users())
    with pytest.raises(psycopg.Error):
        session.execute("SELECT 1")
    assert all(grant["ended_at"] for grant in ivo.grants())
    gone = keyed.asks(keyed.ada, "/key list @ivo", expect="What works now, of ivo")
    assert "Nobody holds anything there." in gone


def test_a_database_user_is_shown_once_and_only_to_its_person(
    keyed: House, ivo: Keyholder, postgresql: LocalPostgreSQL
) -> None:
    ivo.asks("/key db store ttl=20m", expect="*readonly* credentials for *store*'s database, for 20 min.")
    waiting = ivo.answer
    forged_click(keyed, keyed.eve, waiting, "Reveal once")
    forged_click(keyed, keyed.ines, waiting, "Reveal once")
    keyed.wait_for(lambda: keyed.refused(f"reveal {ivo.living()[-1]['id']}") == {keyed.eve, keyed.ines})
    assert keyed.slack.views_of(keyed.ines) == keyed.slack.views_of(keyed.eve) == []
    assert ivo.living()[-1]["opened_at"] is None
    shown = ivo.reveals(waiting)
    session = postgresql.connect(shown["User"], shown["Password"])
    assert session.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("CREATE TABLE mine (id int)")
    second = ivo.presses(waiting, "Reveal once", expect="Opened")
    assert "by you. If that was not you:" in second
    assert keyed.slack.views_of(ivo.user) == []
    ivo.presses(ivo.answer, "This was not me", expect="It is revoked, and the admins have been called.")
    until(lambda: shown["User"] not in postgresql.users())
    with pytest.raises(psycopg.Error):
        session.execute("SELECT 1")
    called = f"<@{ivo.user}> says that somebody else opened their db credentials"
    keyed.wait_for(lambda: called in "".join(keyed.direct(keyed.ada)))
    ivo.presses(waiting, "Reveal once", expect="Opened")


def test_who_unwraps_by_hand_sees_the_button_spent(keyed: House, ivo: Keyholder) -> None:
    ivo.asks("/key db store", expect="It opens once")
    waiting = ivo.answer
    command = ivo.reveals(waiting, "Unwrap it myself")["Command"]
    assert command.startswith("vault unwrap ")
    token = command.rpartition(" ")[2]
    client = hvac.Client(keyed.openbao.addr, token=token, namespace=keyed.namespace)
    assert set(client.sys.unwrap()["data"]) >= {"username", "password"}
    view = ivo.opens(waiting, "Reveal once")
    assert "It was opened before, outside of Slack" in text_of(view)
    assert secrets_in(view) == {}
    ivo.presses(view, "This was not me", expect="It is revoked")
    keyed.slack.close_view(ivo.user)
    assert ivo.living() == []


def test_what_waited_too_long_is_opened_by_nobody(keyed: House, ivo: Keyholder) -> None:
    """Ten minutes cannot pass here, so what is recorded is set back by as much."""
    before = len(ivo.grants())
    ivo.asks("/key db store", expect="It opens once")
    waiting = ivo.answer
    with keyed.database() as database:
        database.execute(
            "UPDATE grants SET reveal_until = issued_at WHERE id = ?", (ivo.grants()[before]["id"],)
        )
    ivo.presses(waiting, "Reveal once", expect="/key db store")
    until(lambda: ivo.grants()[before]["ended_at"] is not None)
    assert ivo.grants()[before]["revoked_because"] == "nobody opened it"


def request_for(*names: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    beside = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(beside, False)
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def revoked_serials(house: House) -> set[int]:
    return {each.serial_number for each in x509.load_der_x509_crl(house.bots_vault().tls_crl())}


def test_a_certificate_for_a_key_that_never_left_its_machine(keyed: House, ivo: Keyholder) -> None:
    ivo.asks("/key tls store www", expect="A certificate for `www.store.lab.test`")
    buttons = ivo.answer
    form = ivo.opens(buttons, "From a signing request")
    wrong = {"csr": request_for("www.store.lab.test", "bank.example")}
    ivo.submits(form, wrong, expect="It asks for `bank.example`")
    form = ivo.opens(buttons, "From a signing request")
    ivo.submits(form, {"csr": request_for("www.store.lab.test")}, expect="BEGIN CERTIFICATE")
    assert ivo.answer.ts == buttons.ts, "it stands in the place of the question"
    pem = told(ivo.answer).partition("```\n")[2].partition("\n```")[0]
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["www.store.lab.test"]
    ca = x509.load_pem_x509_certificate(keyed.bots_vault().tls_ca().encode())
    certificate.verify_directly_issued_by(ca)
    grant = ivo.living()[-1]
    assert certificate.serial_number == int(grant["serial"].replace(":", ""), 16)
    assert certificate.serial_number not in revoked_serials(keyed)
    ivo.asks(f"/key revoke {grant['id']}", expect="Revoked TLS certificate on *store*.")
    until(lambda: certificate.serial_number in revoked_serials(keyed))


def test_a_certificate_with_a_new_key_that_is_shown_once(keyed: House, ivo: Keyholder) -> None:
    ivo.asks("/key tls store", expect="A certificate for `store.lab.test`")
    ivo.presses(ivo.answer, "With a new key", expect="A key and a certificate for `store.lab.test`")
    waiting = ivo.answer
    shown = ivo.reveals(waiting)
    certificate = x509.load_pem_x509_certificate(shown["Certificate"].encode())
    key = serialization.load_pem_private_key(shown["Private key"].encode(), None)
    assert key.public_key() == certificate.public_key()
    ivo.presses(waiting, "Reveal once", expect="Opened")
    ivo.presses(ivo.answer, "This was not me", expect="It is revoked")
    until(lambda: certificate.serial_number in revoked_serials(keyed))


def test_no_name_outside_the_labs_own_is_certified_by_us_or_by_vault(keyed: House, ivo: Keyholder) -> None:
    before = len(ivo.grants())
    for name in (
        "bank.example",
        f"{HOSTED}.lab.test",
        "lab.test",
        "*.store.lab.test",
        "store.lab.test.evil.example",
    ):
        ivo.asks(f"/key tls store {name}", expect="is outside of what *store* may be called")
    assert len(ivo.grants()) == before
    vault = keyed.bots_vault()
    token = vault.grant_token(ivo.person, "a-grant-of-this-test", 60)
    for name in ("bank.example", "lab.test", "*.store.lab.test"):
        with pytest.raises(VaultRefused):
            vault.sign_tls(token.token, "lab.test", request_for("www.store.lab.test"), name, 60)
    vault.revoke_accessor(token.accessor)


def test_what_was_issued_is_found_in_vaults_own_audit(keyed: House, ivo: Keyholder) -> None:
    ivo.asks("/key db store", expect="It opens once")
    ivo.reveals(ivo.answer)
    request_id = ivo.living()[-1]["vault_request_id"]
    assert request_id in keyed.asks(keyed.sam, f"/operator audit @{ivo.name}", expect="Audit")
    assert request_id in (keyed.openbao.folder / "audit.log").read_text()
