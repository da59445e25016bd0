"""Every variable: what it becomes, and the one sentence that a wrong one ends the start with."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import BadSettings, Settings, read, require_slack, require_vault

SECRETS = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN", "VAULT_SECRET_ID", "VAULT_TOKEN")

FROM_ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_SIGNING_SECRET": "sign",
    "SLACK_APP_TOKEN": "xapp-1",
    "SLACK_API_URL": "http://127.0.0.1:9/api",
    "VAULT_ADDR": "https://vault.test",
    "VAULT_NAMESPACE": "team",
    "VAULT_ROLE_ID": "role",
    "VAULT_SECRET_ID": "secret",
    "STATE_URL": "postgresql://innkeeper@db/innkeeper",
    "LABS_PATH": "git+https://git.test/labs#main",
    "HOST": "0.0.0.0",
    "PORT": "8080",
    "BASE_URL": "https://inn.test/",
    "WORKERS": "0",
    "TERRAFORM_BIN": "tofu",
    "DATA_PATH": "/var/lib/innkeeper",
    "SWEEP_SECONDS": "5",
    "VAULT_SECONDS": "2.5",
    "PLAN_TTL": "90m",
    "ALLOWED_CHANNELS": "C1, C2 C3",
}

WRONG = [
    ("SLACK_API_URL", "slack.com/api"),
    ("VAULT_ADDR", "vault.test:8200"),
    ("VAULT_CACERT", "/nowhere/ca.pem"),
    ("VAULT_TOKEN_FILE", "/nowhere/token"),
    ("STATE_URL", "mysql://db"),
    ("STATE_URL", "innkeeper.db"),
    ("PORT", "eighty"),
    ("PORT", "65536"),
    ("WORKERS", "-1"),
    ("WORKERS", "many"),
    ("SWEEP_SECONDS", "0"),
    ("VAULT_SECONDS", "0"),
    ("VAULT_SECONDS", "60"),
    ("PLAN_TTL", "soon"),
    ("PLAN_TTL", "0s"),
]


def test_defaults() -> None:
    settings = read({})
    assert settings.vault_addr == "http://127.0.0.1:8200"
    assert settings.slack_api_url == "https://slack.com/api/"
    assert settings.state_url == "sqlite:///innkeeper.db"
    assert (settings.labs_path, settings.terraform_bin) == ("labs", "terraform")
    assert (settings.host, settings.port) == ("127.0.0.1", 3000)
    assert settings.public_url == "http://127.0.0.1:3000"
    assert (settings.workers, settings.sweep_seconds, settings.plan_ttl) == (2, 60, 24 * 3600)
    assert settings.data_path == Path(".innkeeper")
    assert settings.allowed_channels == ()


def test_every_variable_is_read() -> None:
    settings = read(FROM_ENVIRONMENT)
    assert settings.slack_bot_token.get_secret_value() == "xoxb-1"
    assert settings.slack_api_url == "http://127.0.0.1:9/api/"
    assert settings.public_url == "https://inn.test"
    assert settings.plan_ttl == 90 * 60
    assert settings.allowed_channels == ("C1", "C2", "C3")
    assert settings.workers == 0
    fresh = read({})
    changed = {name for name in Settings.model_fields if getattr(settings, name) != getattr(fresh, name)}
    others = {"vault_cacert", "vault_token", "vault_token_file"}
    assert changed == set(Settings.model_fields) - others


def test_an_empty_variable_is_none(tmp_path: Path) -> None:
    assert read(dict.fromkeys(FROM_ENVIRONMENT, "")) == read({})


def test_what_else_is_in_the_environment_does_not_matter() -> None:
    assert read({"PATH": "/bin", "port": "9"}) == read({})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_one_sentence_that_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read({name: value})
    sentence = str(caught.value)
    assert name in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "pydantic" not in sentence


@pytest.mark.parametrize("name", [each for each, _ in WRONG])
def test_no_secret_is_in_the_sentence(name: str) -> None:
    wrong = dict(WRONG)[name]
    with pytest.raises(BadSettings) as caught:
        read({**dict.fromkeys(SECRETS, "canary"), "VAULT_ROLE_ID": "role", name: wrong})
    assert "canary" not in str(caught.value)


def test_a_password_in_the_address_of_the_database_is_not_told() -> None:
    with pytest.raises(BadSettings) as caught:
        read({"STATE_URL": "mysql://innkeeper:canary@db/innkeeper"})
    assert "canary" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    settings = read({**dict.fromkeys(SECRETS, "canary"), "VAULT_ROLE_ID": "role"})
    assert "canary" not in repr(settings)
    assert "canary" not in str(settings)


def test_every_variable_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"VAULT_ROLE_ID": "role"},
            "VAULT_SECRET_ID is missing: VAULT_ROLE_ID needs it; `innkeeper init` prints both.",
        ),
        (
            {"VAULT_SECRET_ID": "x"},
            "VAULT_ROLE_ID is missing: VAULT_SECRET_ID needs it; `innkeeper init` prints both.",
        ),
        ({"VAULT_TOKEN_FILE": "/nowhere"}, "VAULT_TOKEN_FILE names /nowhere, and there is no such file."),
        ({"VAULT_CACERT": "/nowhere"}, "VAULT_CACERT names /nowhere, and there is no such file."),
    ],
)
def test_a_login_that_is_not_whole(environment: dict[str, str], told: str) -> None:
    with pytest.raises(BadSettings) as caught:
        read(environment)
    assert str(caught.value) == told


def test_what_slack_needs() -> None:
    with pytest.raises(BadSettings, match=r"^SLACK_BOT_TOKEN is missing: copy the Bot User OAuth Token"):
        require_slack(read({}))
    with pytest.raises(BadSettings, match=r"^SLACK_SIGNING_SECRET is missing: .* or set SLACK_APP_TOKEN"):
        require_slack(read({"SLACK_BOT_TOKEN": "xoxb-1"}))
    require_slack(read({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}))
    require_slack(read({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "sign"}))


def test_what_vault_needs(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^VAULT_ROLE_ID is missing: set it with VAULT_SECRET_ID"):
        require_vault(read({}))
    token = tmp_path / "token"
    token.write_text("t")
    for enough in (
        {"VAULT_ROLE_ID": "role", "VAULT_SECRET_ID": "secret"},
        {"VAULT_TOKEN": "t"},
        {"VAULT_TOKEN_FILE": str(token)},
    ):
        require_vault(read(enough))
