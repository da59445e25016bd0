"""The push hook, as GitHub, GitLab and Gitea call it, and as strangers do."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from bot.catalogue_routes import BODY_LIMIT_BYTES, KEPT_SECONDS, HookSecret, is_signed, routes
from commands.engines.vault.protocol import VaultDenied, VaultMissing, VaultSealed
from tests.listening import listening

SECRET = "a-secret-of-the-hook-that-is-long"
BODY = b'{"ref": "refs/heads/main"}'


def digest(body: bytes = BODY, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Hook:
    """The address, what Vault says, and how often somebody rang."""

    url: str = ""
    secret: str | Exception = SECRET
    reads: list[str] = field(default_factory=list)
    rings: int = 0
    seconds: float = 0.0

    def read_field(self, name: str) -> str:
        self.reads.append(name)
        if isinstance(self.secret, Exception):
            raise self.secret
        return self.secret

    def ring(self) -> None:
        self.rings += 1

    def post(self, body: bytes = BODY, **headers: str) -> requests.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(self.url, data=body, headers=names, timeout=30)


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()
    secret = HookSecret(found.read_field, lambda: found.seconds)
    with listening(Starlette(routes=routes(secret, found.ring))) as base_url:
        found.url = f"{base_url}/catalogue/refresh"
        yield found


def signed() -> dict[str, dict[str, str]]:
    return {
        "GitHub": {"X_Hub_Signature_256": f"sha256={digest()}"},
        "Gitea": {"X_Gitea_Signature": digest(), "X_Hub_Signature_256": f"sha256={digest()}"},
        "an old Gitea": {"X_Gitea_Signature": digest()},
        "GitLab": {"X_Gitlab_Token": SECRET},
    }


@pytest.mark.parametrize("host", signed())
def test_a_push_is_taken_at_once(hook: Hook, host: str) -> None:
    answer = hook.post(**signed()[host])
    assert (answer.status_code, answer.text, hook.rings) == (202, "refreshing\n", 1)
    assert hook.reads == ["innkeeper/catalogue#hook_secret"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_Hub_Signature_256": digest()},
        {"X_Hub_Signature_256": f"sha256={digest(secret='another')}"},
        {"X_Hub_Signature_256": f"sha256={digest(b'{}')}"},
        {"X_Hub_Signature": f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}"},
        {"X_Hub_Signature_256": "sha256="},
        {"X_Gitlab_Token": ""},
        {"X_Gitlab_Token": "another"},
        {"X_Gitlab_Token": digest()},
        {"X_Gitea_Signature": SECRET},
        {"X_Gitlab_Token": SECRET, "X_Hub_Signature_256": "sha256=00"},
        {"Authorization": f"Bearer {SECRET}"},
    ],
)
def test_whatever_is_not_signed_is_refused(hook: Hook, headers: dict[str, str]) -> None:
    answer = hook.post(**headers)
    assert (answer.status_code, hook.rings) == (401, 0)
    assert SECRET not in answer.text


@pytest.mark.parametrize("secret", ["", "short", VaultMissing("There is none."), VaultDenied()])
def test_without_a_secret_nobody_is_let_in(hook: Hook, secret: str | Exception) -> None:
    hook.secret = secret
    said = secret if isinstance(secret, str) else ""
    assert hook.post(X_Gitlab_Token=said).status_code == 401
    assert hook.post(X_Hub_Signature_256=f"sha256={digest(secret=said)}").status_code == 401
    assert hook.rings == 0


def test_while_vault_is_away_the_host_is_told_to_try_again(hook: Hook) -> None:
    hook.secret = VaultSealed()
    answer = hook.post(X_Gitlab_Token=SECRET)
    assert (answer.status_code, answer.headers["Retry-After"], hook.rings) == (503, "30", 0)
    hook.secret = SECRET
    assert hook.post(X_Gitlab_Token=SECRET).status_code == 202


def test_vault_is_asked_once_in_a_while_and_a_new_secret_is_taken_soon(hook: Hook) -> None:
    for _ in range(3):
        hook.post(X_Gitlab_Token="guess")
    assert len(hook.reads) == 1
    hook.secret = "another-secret-that-is-long-enough"
    hook.seconds += KEPT_SECONDS
    assert hook.post(X_Gitlab_Token=SECRET).status_code == 401
    assert hook.post(X_Gitlab_Token=hook.secret).status_code == 202


def test_a_body_is_read_no_further_than_it_may_be_long(hook: Hook) -> None:
    assert hook.post(b"x" * (BODY_LIMIT_BYTES + 1)).status_code == 413
    with socket.create_connection(("127.0.0.1", int(hook.url.split(":")[2].split("/")[0])), 10) as raw:
        raw.sendall(b"POST /catalogue/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n{}")
        assert b" 413 " in raw.recv(100)
    assert hook.rings == 0


def test_it_is_there_for_nothing_but_a_post(hook: Hook) -> None:
    assert requests.get(hook.url, timeout=30).status_code == 405
    assert hook.rings == 0


@given(st.binary(max_size=200), st.text(max_size=100))
def test_no_other_text_is_a_signature(body: bytes, said: str) -> None:
    secret = SECRET.encode()
    for name in ("x-hub-signature-256", "x-gitea-signature", "x-gitlab-token"):
        assert not is_signed({name: said}, body, secret)
    assert is_signed({"x-hub-signature-256": f"sha256={digest(body)}"}, body, secret)
