"""The environment, read once into one frozen Settings. Every variable, its meaning and its default is here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from commands.words import seconds

SLACK_API_URL = "https://slack.com/api/"


class BadSettings(Exception):
    """A variable is missing or wrong. Its text is one sentence that names the variable and the remedy."""


def _seconds(text: Any) -> Any:
    if isinstance(text, int):
        return text
    return seconds(str(text))


def _with_slash(text: Any) -> Any:
    return text if not isinstance(text, str) or text.endswith("/") else text + "/"


def _words(text: Any) -> Any:
    return tuple(text.replace(",", " ").split()) if isinstance(text, str) else text


class Settings(BaseModel):
    """What a process needs to know. Field names are the variables', in lower case."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    slack_bot_token: SecretStr = Field(default=SecretStr(""), description="the bot's token, xoxb-…")
    slack_signing_secret: SecretStr = Field(
        default=SecretStr(""), description="checks that a request is Slack's"
    )
    slack_app_token: SecretStr | None = Field(default=None, description="xapp-…; present: Socket Mode")
    slack_api_url: Annotated[str, BeforeValidator(_with_slash)] = Field(
        default=SLACK_API_URL, pattern=r"^https?://", description="the Web API's base address"
    )
    vault_addr: str = Field(
        default="http://127.0.0.1:8200", pattern=r"^https?://", description="the Vault or OpenBao server"
    )
    vault_namespace: str | None = Field(default=None, description="its namespace")
    vault_cacert: Path | None = Field(
        default=None, description="the file of the CA that signed its certificate"
    )
    vault_seconds: float = Field(
        default=1.0, gt=0, le=10, description="how long Vault may take over one thing that is asked of it"
    )
    vault_role_id: str | None = Field(default=None, description="how the bot logs in: AppRole, preferred")
    vault_secret_id: SecretStr | None = Field(default=None, description="goes with VAULT_ROLE_ID")
    vault_token: SecretStr | None = Field(default=None, description="or a token")
    vault_token_file: Path | None = Field(default=None, description="or a file that holds one")
    state_url: str = Field(
        default="sqlite:///innkeeper.db",
        pattern=r"^(sqlite:///.+|postgres(ql)?://.+)$",
        description="sqlite:///relative, sqlite:////absolute or postgresql://…",
    )
    labs_path: str = Field(
        default="labs", min_length=1, description="the catalogue: a folder, or git+https://…#ref"
    )
    host: str = Field(default="127.0.0.1", description="where it listens")
    port: int = Field(default=3000, ge=1, le=65535, description="where it listens")
    base_url: str = Field(
        default="", description="how Terraform, hosts and people reach it; from HOST and PORT"
    )
    workers: int = Field(default=2, ge=0, le=64, description="plans at once in this process; 0: none")
    terraform_bin: str = Field(default="terraform", min_length=1, description="terraform, tofu, or a path")
    data_path: Path = Field(default=Path(".innkeeper"), description="work folders, logs, caches")
    sweep_seconds: int = Field(default=60, ge=1, description="how often expiry and retries are looked at")
    plan_ttl: Annotated[int, BeforeValidator(_seconds)] = Field(
        default=24 * 3600, gt=0, description="how long a proposed plan may wait for its approvals"
    )
    allowed_channels: Annotated[tuple[str, ...], BeforeValidator(_words)] = Field(
        default=(), description="ids of the channels where commands are taken; empty: all"
    )

    @model_validator(mode="after")
    def _vault_login(self) -> Settings:
        if self.vault_role_id and self.vault_secret_id is None:
            raise ValueError(
                "VAULT_SECRET_ID is missing: VAULT_ROLE_ID needs it; `innkeeper init` prints both"
            )
        if self.vault_secret_id is not None and not self.vault_role_id:
            raise ValueError(
                "VAULT_ROLE_ID is missing: VAULT_SECRET_ID needs it; `innkeeper init` prints both"
            )
        if self.vault_token_file is not None and not self.vault_token_file.is_file():
            raise ValueError(f"VAULT_TOKEN_FILE names {self.vault_token_file}, and there is no such file")
        if self.vault_cacert is not None and not self.vault_cacert.is_file():
            raise ValueError(f"VAULT_CACERT names {self.vault_cacert}, and there is no such file")
        return self

    @property
    def public_url(self) -> str:
        """BASE_URL, or what follows from HOST and PORT. Without a slash at its end.

        Where it listens everywhere, this machine reaches it at its own loopback address.
        """
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104
        host = everywhere.get(self.host, self.host)
        return (self.base_url or f"http://{host}:{self.port}").rstrip("/")


def read(environment: Mapping[str, str]) -> Settings:
    """Settings from an environment. Raises BadSettings with one sentence; the values of secrets are never in it."""
    given = {
        name: environment[name.upper()]
        for name in Settings.model_fields
        if environment.get(name.upper(), "") != ""
    }
    try:
        return Settings(**given)
    except ValidationError as error:
        raise BadSettings(_sentence(error)) from None


def require_slack(settings: Settings) -> None:
    """What `serve` needs of Slack. Raises BadSettings naming the first variable that is missing."""
    if not settings.slack_bot_token.get_secret_value():
        raise BadSettings(
            "SLACK_BOT_TOKEN is missing: copy the Bot User OAuth Token (xoxb-…) from your Slack app's "
            "OAuth & Permissions page."
        )
    if settings.slack_app_token is None and not settings.slack_signing_secret.get_secret_value():
        raise BadSettings(
            "SLACK_SIGNING_SECRET is missing: copy it from your Slack app's Basic Information page, "
            "or set SLACK_APP_TOKEN for Socket Mode."
        )


def require_vault(settings: Settings) -> None:
    """What reaches Vault. Raises BadSettings when there is no way to log in."""
    if not (settings.vault_role_id or settings.vault_token or settings.vault_token_file):
        raise BadSettings(
            "VAULT_ROLE_ID is missing: set it with VAULT_SECRET_ID (`innkeeper init` prints both), "
            "or set VAULT_TOKEN or VAULT_TOKEN_FILE."
        )


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ").rstrip(".")
    if not first["loc"]:
        return f"{said}."
    name = str(first["loc"][0])
    meaning = Settings.model_fields[name].description
    return f"{name.upper()} is wrong: {said[0].lower()}{said[1:]} ({name.upper()} is {meaning})."
