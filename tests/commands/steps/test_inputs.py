"""What Innkeeper fills in where a module declares it: what its hosts need in order to trust ssh certificates."""

from __future__ import annotations

from hashlib import sha256

from commands.engines.vault.errors import Doing
from commands.engines.vault.protocol import VaultUnprepared
from commands.steps.inputs import gather, known_secrets
from tests.fakes.vault import FakeVault
from tests.inn import INFRA, REQUESTER, Inn


class UnpreparedVault(FakeVault):
    """One where nobody has made the keys: `innkeeper init` of an older version was the last."""

    def ssh_ca_public_key(self) -> str:
        raise VaultUnprepared(Doing("I cannot read whose ssh certificates the hosts trust"), "no such mount")

    def signing_public_key(self) -> str:
        raise VaultUnprepared(Doing("I cannot read who signs the list"), "no such key")


def offers_hosts(inn: Inn) -> None:
    module = inn.offers("hosts", "approvals: {operator: 1, self: true}")
    declared = ("lab", "ssh_ca_public_key", "krl_public_key", "innkeeper_url")
    module.write_text("".join(f'variable "{each}" {{}}\n' for each in declared))


def test_hosts_are_told_whose_certificates_to_trust_and_where_the_revoked_ones_are(inn: Inn) -> None:
    offers_hosts(inn)
    inn.says(REQUESTER, "/lab up hosts demo")
    assert inn.terraform.given_variables[-1] == {
        "lab": "demo",
        "ssh_ca_public_key": inn.vault.ssh_ca_public_key(),
        "krl_public_key": inn.vault.signing_public_key(),
        "innkeeper_url": "http://inn.test",
    }
    assert inn.vault.ssh_ca_public_key().startswith("ssh-ed25519 AAAA")


def test_a_module_that_does_not_declare_them_gets_none_of_them(inn: Inn) -> None:
    inn.says(REQUESTER, "/lab up open demo")
    assert inn.terraform.given_variables[-1] == {"lab": "demo"}


def test_a_vault_without_an_ssh_engine_leaves_them_empty(inn: Inn) -> None:
    unprepared = UnpreparedVault()
    unprepared.add(REQUESTER, "operator")
    inn.vault = unprepared
    inn.kills()
    offers_hosts(inn)
    card = inn.says(REQUESTER, "/lab up hosts demo").card()
    assert card.text.startswith("demo: proposed")
    given = inn.terraform.given_variables[-1]
    assert (given["ssh_ca_public_key"], given["krl_public_key"]) == ("", "")


def offers_reporting_hosts(inn: Inn) -> None:
    module = inn.offers("hosts", "approvals: {operator: 1, self: true}")
    module.write_text("".join(f'variable "{each}" {{}}\n' for each in ("lab", "active_url", "active_token")))


def test_hosts_are_told_where_and_with_what_to_report_that_they_are_used(inn: Inn) -> None:
    offers_reporting_hosts(inn)
    inn.says(REQUESTER, "/lab up hosts demo")
    given = inn.terraform.given_variables[-1]
    assert given["active_url"] == "http://inn.test/labs/demo/active"
    assert len(given["active_token"]) >= 40
    assert inn.lab().active_token_sha256 == sha256(given["active_token"].encode()).hexdigest()


def test_that_token_stays_with_its_lab_and_is_no_other_labs(inn: Inn) -> None:
    offers_reporting_hosts(inn)
    inn.says(REQUESTER, "/lab up hosts demo")
    inn.approved(inn.newest_card())
    inn.says(INFRA, "/lab plan demo")
    inn.says(REQUESTER, "/lab up hosts other")
    first, again, other = (each["active_token"] for each in inn.terraform.given_variables[-3:])
    assert first == again != other


def test_that_token_is_nowhere_in_the_clear_and_taken_out_of_what_terraform_says(inn: Inn) -> None:
    offers_reporting_hosts(inn)
    inn.says(REQUESTER, "/lab up hosts demo")
    token = inn.terraform.given_variables[-1]["active_token"]
    assert inn.holds(token) == []
    run = inn.run()
    assert token in gather(inn.deps, inn.lab(), run, inn.deps.catalogue.get("hosts")).secrets
    assert token in known_secrets(inn.deps, run)
