"""HTTP to one Vault over connections that are kept, with what never changes worked out once.

requests works out proxy, TLS and connection anew for each call, which took half of the time that a call took.
"""

from __future__ import annotations

import json as json_text
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPHeaderDict
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError
from urllib3.util import parse_url

CALLS_AT_ONCE = 64


@dataclass(frozen=True)
class Answer:
    """As much of a requests.Response as hvac looks at."""

    status_code: int
    headers: HTTPHeaderDict
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
    """What hvac takes for a requests.Session. It is one, where a call is not plain: redirected, with a query."""

    def __init__(self, addr: str, cacert: str) -> None:
        self._session = session_for(addr, cacert)
        self.verify, self.cert, self.proxies = self._session.verify, self._session.cert, self._session.proxies
        self._addr = addr

    @cached_property
    def _way(self) -> tuple[HTTPConnectionPool, bool]:
        """The connections, and whether the whole address is asked for, as of a proxy of plain HTTP, or the path."""
        around = self._session.merge_environment_settings(self._addr, {}, None, self.verify, None)
        asked, adapter = requests.Request("GET", self._addr).prepare(), self._session.get_adapter(self._addr)
        assert isinstance(adapter, HTTPAdapter)
        pool = adapter.get_connection_with_tls_context(asked, around["verify"], around["proxies"])
        assert isinstance(pool, HTTPConnectionPool)
        return pool, urlsplit(adapter.request_url(asked, around["proxies"])).netloc != ""

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
        plain = not params and not rest.get("cert")
        answer = self._ask(method.upper(), url, headers, json, timeout) if plain else None
        if answer is None or 300 <= answer.status_code < 400:
            return self._session.request(
                method, url, headers=headers, json=json, timeout=timeout, params=params, **rest
            )
        return answer

    def close(self) -> None:
        """Let the connections go."""
        self._session.close()

    def _ask(
        self, method: str, url: str, headers: dict[str, str], json: object, timeout: float | None
    ) -> Answer:
        body = None if json is None else json_text.dumps(json).encode()
        sent = headers if body is None else {**headers, "Content-Type": "application/json"}
        pool, is_whole = self._way
        place = parse_url(url)
        target = place.url if is_whole else place.request_uri
        try:
            answer = pool.urlopen(
                method,
                target,
                body,
                sent,
                retries=False,
                redirect=False,
                assert_same_host=False,  # a proxy's connection serves other hosts
                timeout=timeout,
            )
        except NewConnectionError as nobody:  # which urllib3 calls late, too
            raise requests.exceptions.ConnectionError(nobody) from None
        except TimeoutError as late:
            raise requests.exceptions.Timeout(late) from None
        except HTTPError as broken:
            raise requests.exceptions.ConnectionError(broken) from None
        return Answer(answer.status, answer.headers, answer.data)


def session_for(addr: str, cacert: str) -> requests.Session:
    """A session for many threads, which tries nothing twice."""
    session = requests.Session()
    session.verify = cacert or True
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CALLS_AT_ONCE, max_retries=0))
    if urlsplit(addr).hostname in ("127.0.0.1", "localhost", "::1"):
        session.trust_env = False  # as Vault's own client: no proxy stands between us and this machine
    return session
