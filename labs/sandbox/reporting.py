"""Telling Innkeeper that somebody is on the host, so that its lab does not count as idle."""

import contextlib
import http.client
import json
import os
import ssl
from urllib.parse import urlsplit

TOLD_WITHIN_SECONDS = 5.0
TOKEN_FILE = "active_token"  # noqa: S105  # in the host's folder, for its owner alone


def keep_token(folder: str, token: str) -> None:
    """Keep the token of the host's lab in its folder, or let go of one that it had."""
    path = os.path.join(folder, TOKEN_FILE)
    if not token:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    os.rename(path + ".new", path)


class Reports:
    """Where a host's use is reported, at url, with the token in its folder. False where one of the two is missing."""

    def __init__(self, url: str, folder: str) -> None:
        self._url = url
        self._token = ""
        with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, TOKEN_FILE)) as file:
            self._token = file.read().strip()

    def __bool__(self) -> bool:
        return bool(self._url and self._token)

    def send(self, key_id: str) -> str:
        """Tell who is there. Never raises: gives why Innkeeper was not told, or ""."""
        try:
            status = _post(self._url, self._token, json.dumps({"who": key_id}).encode())
        except (OSError, http.client.HTTPException, ValueError) as error:
            return str(error) or type(error).__name__
        return "" if status == 204 else f"the address answers {status}"


def _post(url: str, token: str, body: bytes) -> int:
    """The answer's status. Through no proxy, and to no other address."""
    at = urlsplit(url)
    if at.scheme not in ("http", "https") or not at.hostname:
        raise ValueError(f"{url} is not an http address")
    if at.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            at.hostname, at.port, timeout=TOLD_WITHIN_SECONDS, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(at.hostname, at.port, timeout=TOLD_WITHIN_SECONDS)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", at.path, body=body, headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()
