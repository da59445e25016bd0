"""`/key ssh`, `/key tls` and `/key db`, as people see them: one credential, for one lab, for a while."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    SSHCertificate,
    load_ssh_public_identity,
)
from cryptography.x509.oid import NameOID

from commands.grants import public_keys
from state import grants, labs
from state.records import Grant
from tests.commands.test_keys import ONE, TWO
from tests.fakes.slack import Killed
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, SECURITY, Inn


def a_lab(inn: Inn) -> None:
    """demo, and people with keys."""
    inn.has("demo", "locked")
    inn.vault.add(REQUESTER, "operator", keys=(TWO, ONE))
    inn.vault.add(INFRA, "infra", keys=(TWO,))


def test_a_certificate_is_one_click_away_too(inn: Inn) -> None:
    a_lab(inn)
    card = inn.newest_card()
    assert card.buttons == ["ssh", "Extend 4h", "Destroy"]
    inn.clicks(REQUESTER, card, "ssh")
    assert inn.private(REQUESTER).all.startswith("Certificate for root on *demo*, valid until <!date^")
    assert len(inn.cards()) == 1
    inn.clicks(COLLEAGUE, card, "ssh")
    assert "*demo* is <@U1>'s lab." in inn.told(COLLEAGUE)
    inn.says(REQUESTER, "/lab down demo")
    inn.approved(inn.newest_card())
    inn.clicks(REQUESTER, card, "ssh")
    assert "*demo* is gone since <!date^" in inn.told(REQUESTER)


def newest(inn: Inn) -> Grant:
    return grants.of_lab(inn.database, inn.lab().id)[0]


def certificate_in(told: str) -> SSHCertificate:
    found = re.search(r"```\n(\S+-cert-v01@openssh\.com \S+)", told)
    assert found is not None
    certificate = load_ssh_public_identity(found[1].encode())
    assert isinstance(certificate, SSHCertificate)
    return certificate


def test_a_certificate_is_one_command_away(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key ssh demo")
    told = inn.private(REQUESTER).all
    fingerprint = public_keys.read(ONE).fingerprint
    assert told.startswith("Certificate for root on *demo*, valid until <!date^")
    assert f"from your key `{fingerprint}`." in told
    certificate, grant = certificate_in(told), newest(inn)
    assert certificate.key_id.decode() == f"T1-U1:demo:{grant.id}"
    assert certificate.valid_principals == [b"root"]
    assert certificate.valid_before == int((inn.clock() + timedelta(minutes=30)).timestamp())
    assert grant.serial == f"{certificate.serial:016x}"
    assert (grant.name, grant.person, grant.kind) == (fingerprint, REQUESTER, "ssh")
    lines = told.splitlines()
    assert "Save it as `~/.ssh/id_ed25519-cert.pub`, beside that key" in lines
    assert "Look at it with `ssh-keygen -L -f ~/.ssh/id_ed25519-cert.pub`" in lines
    assert any(line.startswith("Log in with `ssh -i ~/.ssh/id_ed25519 root@") for line in lines)
    assert inn.audited("issued") == [(REQUESTER.key, "issued", "demo")]
    assert len(inn.cards()) == 1


def test_nobody_else_sees_it(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key ssh demo")
    assert [said.only for said in inn.slack.messages if "cert-v01" in str(said.blocks)] == [REQUESTER.user]


@pytest.mark.parametrize(
    ("outputs", "login"),
    [
        ({"address": "203.0.113.7"}, "root@203.0.113.7"),
        ({"ssh": ["ssh://root@127.0.0.1:21004"], "address": "127.0.0.1"}, "ssh://root@127.0.0.1:21004"),
        ({"ssh": "ssh://root@demo.lab.test"}, "ssh://root@demo.lab.test"),
        ({"address": "host; rm -rf ~"}, "root@ADDRESS"),
        ({"address": "-oProxyCommand=evil"}, "root@ADDRESS"),
        ({"ssh": ["ssh://root@$(evil)"]}, "root@ADDRESS"),
        ({}, "root@ADDRESS"),
    ],
)
def test_the_line_that_logs_in_has_the_labs_address_and_nothing_else(
    inn: Inn, outputs: dict[str, object], login: str
) -> None:
    inn.terraform.outputs = outputs
    a_lab(inn)
    inn.says(REQUESTER, "/key ssh demo")
    assert f"`ssh -i ~/.ssh/id_ed25519 {login}`" in inn.private(REQUESTER).all


def test_one_of_several_keys_is_named(inn: Inn) -> None:
    a_lab(inn)
    fingerprint = public_keys.read(TWO).fingerprint
    inn.says(REQUESTER, f"/key ssh demo {fingerprint[:14]}")
    assert newest(inn).name == fingerprint
    assert "~/.ssh/id_ecdsa-cert.pub" in inn.private(REQUESTER).all
    inn.says(REQUESTER, "/key ssh demo SHA256:nothing")
    assert inn.told(REQUESTER).startswith("`SHA256:nothing` is not one of your keys. You have `SHA256:")


def test_infra_people_get_keys_of_any_lab_and_others_of_their_own(inn: Inn) -> None:
    a_lab(inn)
    inn.says(INFRA, "/key ssh demo")
    assert inn.told(INFRA).startswith("Certificate for root on *demo*")
    for kind in ("ssh", "tls", "db"):
        inn.says(COLLEAGUE, f"/key {kind} demo")
        assert inn.told(COLLEAGUE).startswith(
            "*demo* is <@U1>'s lab. Its owner and infra people may do that."
        )
        for person in (SECURITY, ADMIN):
            inn.says(person, f"/key {kind} demo")
            assert inn.told(person).startswith("That is for people who hold operator or infra")
    assert len(grants.of_lab(inn.database, inn.lab().id)) == 1


def test_to_take_a_key_is_to_use_the_lab(inn: Inn) -> None:
    a_lab(inn)
    inn.clock.passes(hours=3)
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.lab().last_active_at == inn.clock()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("ssh", "Say for which lab. `/key ssh demo`"),
        ("ssh dema", "There is no lab `dema`. Did you mean `demo`?"),
        ("ssh demo ttl=31m", "31 min is too long: it works for 30 min at most. `/key ssh demo ttl=30m`"),
        ("ssh demo ttl=soon", "`soon` is not a duration."),
        ("ssh demo size=large", "Say for which lab."),
        ("tls demo ttl=1h", "How long a certificate works is up to the blueprint."),
        (
            "tls demo other.lab.test",
            "`other.lab.test` is outside of what *demo* may be called: `demo.lab.test`",
        ),
        ("tls demo evil.test", "`evil.test` is outside of what *demo* may be called"),
        ("tls demo xdemo.lab.test", "`xdemo.lab.test` is outside of what *demo* may be called"),
        ("tls demo *.demo.lab.test", "`*.demo.lab.test` is outside of what *demo* may be called"),
        ("tls demo -www", "`-www` is outside of what *demo* may be called"),
        ("db demo ttl=2h", "2 h is too long: it works for 1 h at most."),
    ],
)
def test_a_slip_is_answered_with_the_right_form_and_leaves_nothing(inn: Inn, typed: str, told: str) -> None:
    a_lab(inn)
    inn.says(REQUESTER, f"/key {typed}")
    assert inn.told(REQUESTER).startswith(told)
    assert grants.of_lab(inn.database, inn.lab().id) == []
    assert inn.vault.grants == {}


@pytest.mark.parametrize("kind", ["ssh", "tls", "db"])
def test_what_the_blueprint_does_not_have_is_not_issued(inn: Inn, kind: str) -> None:
    inn.has("demo", "open")
    inn.says(REQUESTER, f"/key {kind} demo")
    assert "its blueprint `open` has no `secure: {" in inn.told(REQUESTER)


def test_a_lab_that_is_not_there_yet_or_goes_has_no_keys(inn: Inn) -> None:
    inn.vault.add(REQUESTER, "operator", keys=(ONE,))
    card = inn.says(REQUESTER, "/lab up locked demo").card()
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("*demo* has not been applied yet, so there is nothing to open.")
    inn.clicks(REQUESTER, card, "Approve")
    inn.says(REQUESTER, "/lab down demo")
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("Certificate for root")  # nobody has decided yet
    inn.terraform.holding = True
    inn.clicks(REQUESTER, inn.newest_card(), "Approve")
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("*demo* is being destroyed, so it gets no new keys.")
    inn.terraform.finish(inn.terraform.work(inn.run().id))
    inn.works()
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("There is no lab `demo`.")
    assert len(grants.living(inn.database, inn.clock())) == 1
    inn.sweeps()
    assert grants.living(inn.database, inn.clock()) == []


def test_a_lifetime_over_the_roles_maximum_is_vaults_to_refuse(inn: Inn) -> None:
    inn.offers("locked", "approvals: {operator: 1, self: true}\nsecure: {ssh: {ttl: 2d}}")
    a_lab(inn)
    inn.says(REQUESTER, "/key ssh demo")
    assert (
        inn.told(REQUESTER) == "Vault will not issue an ssh certificate: ttl is larger than maximum allowed."
    )
    assert newest(inn).revoked_because == "it was not handed over"
    assert newest(inn).ended_at is not None


@pytest.mark.parametrize("kind", ["ssh", "db"])
def test_vault_goes_away_while_it_issues(inn: Inn, kind: str) -> None:
    a_lab(inn)
    what = {"ssh": "an ssh certificate", "db": "database credentials"}[kind]
    inn.vault.failing[f"I cannot issue {what}"] = "slow"
    inn.vault.failing["I cannot revoke it"] = "slow"
    inn.says(REQUESTER, f"/key {kind} demo")
    assert inn.told(REQUESTER).startswith("Vault took too long to answer, so I cannot issue")
    assert newest(inn).revoked_at is not None
    inn.vault.failing.clear()
    inn.sweeps()
    assert newest(inn).ended_at is not None
    assert all(each.revoked for each in inn.vault.grants.values())


def test_what_the_bot_died_over_is_found_and_revoked_at_the_next_sweep(inn: Inn) -> None:
    a_lab(inn)
    truly = inn.vault.database_credentials

    def dies(token: str, role: str) -> None:
        truly(token, role)
        raise Killed

    inn.vault.database_credentials = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        inn.says(REQUESTER, "/key db demo")
    inn.vault.database_credentials = truly  # type: ignore[method-assign]
    grant = newest(inn)
    assert (grant.vault_request_id, grant.accessor) == ("", next(iter(inn.vault.grants)))
    inn.clock.passes(minutes=2)
    inn.sweeps()
    assert newest(inn).revoked_because == "whoever asked for it got no answer"
    assert newest(inn).ended_at is not None
    assert [each.revoked for each in inn.vault.grants.values()] == [True]


def test_a_request_that_is_taken_up_again_issues_one_credential(inn: Inn) -> None:
    """What was issued and not told to anybody ends, and another one is issued."""
    a_lab(inn)
    entry = inn.command(REQUESTER, "/key ssh demo")
    inn.intake.take(entry)
    inn.slack.kill_after("response_url")
    with pytest.raises(Killed):
        inn.intake.work(entry, inn.clock())
    inn.kills()
    first, second = reversed(grants.of_lab(inn.database, inn.lab().id))
    assert (first.revoked_because, second.revoked_at) == ("its answer was lost", None)
    assert f"T1-U1:demo:{second.id}" in certificate_in(inn.private(REQUESTER).all).key_id.decode()


def test_somebody_is_seen_out_while_their_certificate_is_made(inn: Inn) -> None:
    a_lab(inn)
    truly = inn.vault.sign_ssh

    def meanwhile(*arguments: object) -> object:
        made = truly(*arguments)  # type: ignore[arg-type]
        grants.revoke_all(inn.database, inn.clock(), "left", REQUESTER)
        return made

    inn.vault.sign_ssh = meanwhile  # type: ignore[method-assign, assignment]
    inn.says(REQUESTER, "/key ssh demo")
    assert inn.told(REQUESTER).startswith("It was revoked while it was made, so you get nothing.")
    assert [each.serial for each in grants.revoked(inn.database, inn.clock())] == [newest(inn).serial]


def test_the_audit_has_vaults_request_ids(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key ssh demo")
    inn.says(ADMIN, "/operator audit <@U1>")
    shown = inn.private(ADMIN).all
    assert f"request_id {newest(inn).vault_request_id}" in shown
    assert f"grant {newest(inn).id}" in shown


# TLS


def signing_request(name: str = "demo.lab.test", *more: str, key: object = None) -> str:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
    if more:
        beside = x509.SubjectAlternativeName([x509.DNSName(each) for each in more])
        builder = builder.add_extension(beside, critical=False)
    private = key or ec.generate_private_key(ec.SECP256R1())
    signed = builder.sign(private, hashes.SHA256())  # type: ignore[arg-type]
    return signed.public_bytes(Encoding.PEM).decode()


def test_a_certificate_for_a_key_that_stays_where_it_is(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo")
    assert inn.told(REQUESTER).startswith("A certificate for `demo.lab.test`, for 3 days.")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "From a signing request")
    before = len(inn.slack.private(REQUESTER.user))
    inn.submits(REQUESTER, csr=signing_request())
    told = inn.private(REQUESTER).all
    assert told.startswith("Certificate for `demo.lab.test` on *demo*, valid until <!date^")
    assert (len(inn.slack.private(REQUESTER.user)), inn.private(REQUESTER).buttons) == (before, [])
    (first, *chain) = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", told, re.DOTALL)
    certificate = x509.load_pem_x509_certificate(first.encode())
    issuer = x509.load_pem_x509_certificate(chain[0].encode())
    certificate.verify_directly_issued_by(issuer)
    assert newest(inn).serial == certificate.serial_number.to_bytes(20, "big").hex(":")
    inn.says(REQUESTER, f"/key revoke {newest(inn).id}")
    assert newest(inn).serial in inn.vault.tls_revoked


@pytest.mark.parametrize(
    ("csr", "told"),
    [
        ("hello", "That is not a whole signing request in PEM."),
        (signing_request()[:-40], "That is not a whole signing request in PEM."),
        (signing_request("other.lab.test"), "It asks for `other.lab.test`, and this certificate is for"),
        (signing_request("demo.lab.test", "demo.lab.test", "x.test"), "It asks for `x.test`"),
        (
            signing_request(key=rsa.generate_private_key(65537, 1024)),
            "Its RSA key has 1,024 bits: use 2,048 or more.",
        ),
        (
            signing_request()
            + ec.generate_private_key(ec.SECP256R1())
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            .decode(),
            "*That is a private key, and it must now be considered lost.*",
        ),
    ],
)
def test_a_signing_request_that_will_not_do(inn: Inn, csr: str, told: str) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "From a signing request")
    inn.submits(REQUESTER, csr=csr)
    assert inn.told(REQUESTER).startswith(told)
    assert grants.of_lab(inn.database, inn.lab().id) == []


def test_a_button_of_a_lab_that_is_gone_does_nothing(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo")
    shown = inn.private(REQUESTER)
    labs.leave(inn.database, inn.lab().id, inn.clock())
    inn.clicks(REQUESTER, shown, "With a new key")
    assert inn.told(REQUESTER).startswith("That lab is gone, and its keys with it.")


def test_a_reminder_comes_once_before_a_certificate_expires(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo www")
    inn.clicks(REQUESTER, inn.private(REQUESTER), "With a new key")
    inn.opens(REQUESTER, "Reveal once")
    inn.clock.passes(hours=53)
    inn.sweeps()
    inn.works()
    assert "expires" not in inn.told(REQUESTER)
    inn.clock.passes(hours=2)
    for _ in range(3):
        inn.sweeps()
        inn.works()
    reminders = [said for said in inn.slack.private(REQUESTER.user) if "expires <!date^" in said.text]
    assert [said.text.partition(" expires")[0] for said in reminders] == [
        "Your certificate for `www.demo.lab.test` on *demo*"
    ]
    assert reminders[0].text.endswith("`/key tls demo www.demo.lab.test` gives you the next one.")


def test_of_two_certificates_for_one_name_there_is_one_reminder(inn: Inn) -> None:
    a_lab(inn)
    inn.says(REQUESTER, "/key tls demo www")
    asked = inn.private(REQUESTER)
    for _ in range(2):  # both at the same moment
        inn.clicks(REQUESTER, asked, "With a new key")
        inn.opens(REQUESTER, "Reveal once")
    inn.clock.passes(hours=55)
    inn.sweeps()
    inn.works()
    reminders = [said for said in inn.slack.private(REQUESTER.user) if "expires <!date^" in said.text]
    assert len(reminders) == 1
