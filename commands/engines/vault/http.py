"""HTTP to one Vault as hvac asks for it: over connections that are kept, and otherwise through requests."""

from __future__ import annotations

import json as json_text
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3.util import parse_url

from commands.engines.kept_http import KeptHttp

CALLS_AT_ONCE = 64


@dataclass(frozen=True)
class Answer:
    """As much of a requests.Response as hvac looks at."""

    status_code: int
    headers: CaseInsensitiveDict[str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether it is no error."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body. Raises UnicodeDecodeError, a ValueError."""
        return self.content.decode()

    def json(self) -> Any:
        """What the body holds. Raises ValueError."""
        return json_text.loads(self.content)


class OneServer:
    """What hvac takes for a requests.Session. It is one, for what is not plain.

    That is what is redirected, has a query or a client's certificate, or goes through a proxy.
    """

    def __init__(self, addr: str, cacert: str) -> None:
        self._session = session_for(addr, cacert)
        self.verify, self.cert, self.proxies = self._session.verify, self._session.cert, self._session.proxies
        self._addr = addr

    @cached_property
    def _kept(self) -> KeptHttp | None:
        """The connections, with what requests would take from the environment. None: a proxy is in between."""
        around = self._session.merge_environment_settings(self._addr, {}, None, self.verify, None)
        place = parse_url(self._addr)
        if place.scheme not in ("http", "https") or select_proxy(self._addr, around["proxies"]):
            return None
        return KeptHttp(place, _tls(around["verify"]) if place.scheme == "https" else None)

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str],
        json: object = None,
        timeout: float | None = None,
        params: Any = None,
        **rest: Any,
    ) -> Answer | requests.Response:
        """What Session.request does. Raises requests' Timeout and ConnectionError."""
        kept = None if params or rest.get("cert") or timeout is None else self._kept
        answer = None if kept is None else _ask(kept, method.upper(), url, headers, json, timeout or 0.0)
        if answer is None or 300 <= answer.status_code < 400:
            return self._session.request(
                method, url, headers=headers, json=json, timeout=timeout, params=params, **rest
            )
        return answer

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()
        if self._kept is not None:
            self._kept.close()


def _ask(
    kept: KeptHttp, method: str, url: str, headers: dict[str, str], json: object, seconds: float
) -> Answer:
    body = b"" if json is None else json_text.dumps(json).encode()
    sent = {**headers, "Content-Type": "application/json"} if body else headers
    try:
        answer = kept.ask(method, parse_url(url).request_uri, sent, body, seconds)
    except TimeoutError as late:
        raise requests.exceptions.Timeout(late) from None
    except ConnectionError as broken:
        raise requests.exceptions.ConnectionError(broken) from None
    return Answer(answer.status, CaseInsensitiveDict(answer.headers), answer.body)


def _tls(authorities: str | bool | None) -> ssl.SSLContext:
    """authorities: a file or a folder of certificates, True for those that requests brings."""
    path = authorities if isinstance(authorities, str) else DEFAULT_CA_BUNDLE_PATH
    if Path(path).is_dir():
        return ssl.create_default_context(capath=path)
    return ssl.create_default_context(cafile=path)


def session_for(addr: str, cacert: str) -> requests.Session:
    """A session for many threads, which tries nothing twice."""
    session = requests.Session()
    session.verify = cacert or True
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CALLS_AT_ONCE, max_retries=0))
    if urlsplit(addr).hostname in ("127.0.0.1", "localhost", "::1"):
        session.trust_env = False  # as Vault's own client: no proxy stands between us and this machine
    return session
