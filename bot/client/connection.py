"""The API as a command line reaches it: where it is, who asks, and what is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac
import requests
from hvac.exceptions import VaultError

from bot.settings import BadSettings
from commands.engines.vault.http import session_for
from commands.engines.vault.places import AGENTS_MOUNT

VARIABLES = (
    "INNKEEPER_URL",
    "INNKEEPER_CHANNEL",
    "VAULT_ADDR",
    "VAULT_NAMESPACE",
    "VAULT_CACERT",
    "VAULT_TOKEN",
    "INNKEEPER_ROLE_ID",
    "INNKEEPER_SECRET_ID",
)
TOKEN_FILE = ".vault-token"  # noqa: S105 - where `vault login` leaves it, at home
ANSWER_SECONDS = 20.0  # beside what the server was asked to wait
PATIENCE_SECONDS = 60.0  # with a server that is away or busy
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)

_AGAIN = (409, 429, 500, 502, 503, 504)


class Unanswered(Exception):
    """The server is away, or broke, for longer than we have patience."""


class NotDone(Exception):
    """The server refused: its sentence, and an example of the right form."""

    def __init__(self, sentence: str, example: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.example = example


@dataclass(frozen=True)
class Where:
    """What the environment says. Without a token there are a role id and a secret id."""

    url: str
    channel: str
    vault_addr: str = "http://127.0.0.1:8200"
    namespace: str = ""
    cacert: str = ""
    token: str = field(default="", repr=False)
    role_id: str = ""
    secret_id: str = field(default="", repr=False)


def where(environment: Mapping[str, str], home: Path, channel: str = "") -> Where:
    """Read the environment. Raises BadSettings, with a sentence that names the variable."""
    given = {name: environment.get(name, "").strip() for name in VARIABLES}
    if not given["INNKEEPER_URL"].startswith(("http://", "https://")):
        raise BadSettings(
            "INNKEEPER_URL is missing: the bot's address, such as https://innkeeper.example.org."
        )
    if not (channel or given["INNKEEPER_CHANNEL"]):
        raise BadSettings(
            "INNKEEPER_CHANNEL is missing: the id of the Slack channel for the card, such as C0123."
        )
    is_agent = bool(given["INNKEEPER_ROLE_ID"] and given["INNKEEPER_SECRET_ID"])
    token = "" if is_agent else given["VAULT_TOKEN"] or _kept_token(home)
    if not is_agent and not token:
        raise BadSettings(
            "VAULT_TOKEN is missing, and there are no INNKEEPER_ROLE_ID and INNKEEPER_SECRET_ID: "
            "log in to Vault, or ask an admin for `/operator add-agent`."
        )
    return Where(
        given["INNKEEPER_URL"].rstrip("/"),
        channel or given["INNKEEPER_CHANNEL"],
        given["VAULT_ADDR"] or Where.vault_addr,
        given["VAULT_NAMESPACE"],
        given["VAULT_CACERT"],
        token,
        given["INNKEEPER_ROLE_ID"],
        given["INNKEEPER_SECRET_ID"],
    )


class Connection:
    """Asks the API, and asks again what may be asked again."""

    def __init__(
        self,
        where: Where,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._where = where
        self._sleep = sleep
        self._monotonic = monotonic
        self._session = requests.Session()
        self._token = where.token

    def command(self, text: str, key: str) -> dict[str, Any]:
        """What a command said. key: with which the same request is done once. Raises NotDone, Unanswered."""
        body = {"text": text, "channel": self._where.channel}
        return self._asked(
            "POST", "/api/commands", PATIENCE_SECONDS, json=body, headers={"Idempotency-Key": key}
        )

    def run(self, run_id: str, wait_seconds: int, known: str, patience_seconds: float) -> dict[str, Any]:
        """How a run is, when it rests in another state than that, or after so long. Raises NotDone, Unanswered."""
        query: dict[str, str | int] = {"wait": wait_seconds, "known": known}
        return self._asked("GET", f"/api/runs/{run_id}", patience_seconds, wait_seconds, params=query)

    def _asked(
        self, method: str, path: str, patience_seconds: float, wait_seconds: float = 0, **asked: Any
    ) -> dict[str, Any]:
        ends_at = self._monotonic() + patience_seconds
        pauses = iter(PAUSES_SECONDS)
        logged_in_again = False
        while True:
            try:
                answer = self._once(method, path, wait_seconds, asked)
                said, status = f"answers {answer.status_code}", answer.status_code
            except requests.RequestException as error:
                answer, said, status = None, f"does not answer ({type(error).__name__})", 503
            if answer is not None and status == 401 and self._where.role_id and not logged_in_again:
                self._token, logged_in_again = "", True  # it has ended: log in anew
                continue
            if answer is not None and status not in _AGAIN:
                return _told(answer)
            pause_seconds = next(pauses, PAUSES_SECONDS[-1])
            after = answer.headers.get("Retry-After", "") if answer is not None else ""
            pause_seconds = max(pause_seconds, float(after) if after.isdigit() else 0.0)
            if self._monotonic() + pause_seconds > ends_at:
                why = f" {_sentence(answer)}" if answer is not None else ""
                raise Unanswered(f"{self._where.url} {said}.{why}")
            self._sleep(pause_seconds)

    def _once(self, method: str, path: str, wait_seconds: float, asked: dict[str, Any]) -> requests.Response:
        headers = {**asked.get("headers", {}), "X-Vault-Token": self._token or self._log_in()}
        return self._session.request(
            method,
            f"{self._where.url}{path}",
            timeout=wait_seconds + ANSWER_SECONDS,
            allow_redirects=False,  # nobody else gets the token
            **{**asked, "headers": headers},
        )

    def _log_in(self) -> str:
        """An agent's token. Raises NotDone, requests' errors."""
        client = hvac.Client(
            url=self._where.vault_addr,
            token="",
            namespace=self._where.namespace or None,
            session=session_for(self._where.vault_addr, self._where.cacert),
            timeout=ANSWER_SECONDS,
        )
        try:
            answer = client.auth.approle.login(
                self._where.role_id, self._where.secret_id, use_token=False, mount_point=AGENTS_MOUNT
            )
        except VaultError as error:
            raise NotDone(
                f"Vault does not take INNKEEPER_ROLE_ID and INNKEEPER_SECRET_ID ({type(error).__name__}). "
                "An admin can give new ones with `/operator add-agent`."
            ) from None
        self._token = str(answer["auth"]["client_token"])
        return self._token


def _told(answer: requests.Response) -> dict[str, Any]:
    if answer.status_code not in (200, 202):
        raise NotDone(_sentence(answer), _part(answer, "example"))
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise NotDone("INNKEEPER_URL names something that is not Innkeeper: its answer cannot be read.")
    return told


def _sentence(answer: requests.Response) -> str:
    """Why; of whoever is in between, what HTTP says."""
    return _part(answer, "error") or f"The answer is {answer.status_code} {answer.reason}."


def _part(answer: requests.Response, name: str) -> str:
    try:
        told = answer.json()
    except ValueError:
        return ""
    return str(told.get(name, "")) if isinstance(told, dict) else ""


def _kept_token(home: Path) -> str:
    try:
        return (home / TOKEN_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
