"""slack-sdk's client over connections that are kept: it opens one for each call, which then waits for handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import Request, proxy_bypass

from slack_sdk import WebClient
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError, ProtocolError, TimeoutError
from urllib3.util import make_headers

CALLS_AT_ONCE = 16


class KeptWebClient(WebClient):
    """What slack-sdk sends goes through send(). An error status is an answer, whose words slack-sdk reads."""

    def __init__(self, token: str, **options: Any) -> None:
        super().__init__(token, **options)
        context = self.ssl or ssl.create_default_context()
        self._direct = PoolManager(maxsize=CALLS_AT_ONCE, ssl_context=context)
        self._around = _through(self.proxy, context) if self.proxy else self._direct
        self._ways: dict[str | None, PoolManager] = {}  # by host

    def send(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> BaseHTTPResponse:
        """POST it, and give whatever the answer is, redirects too. Raises ConnectionError, TimeoutError."""
        host = urlsplit(url).hostname
        way = self._ways.get(host)
        if way is None:
            way = self._direct if host and proxy_bypass(host) else self._around
            self._ways[host] = way
        try:
            return way.urlopen(
                "POST", url, redirect=False, retries=False, body=body, headers=headers, timeout=seconds
            )
        except ProtocolError as broken:
            raise ConnectionError(f"Slack's answer broke off ({broken})") from None
        except TimeoutError as late:
            raise ConnectionError(f"Slack does not answer ({late})") from None
        except HTTPError as failed:
            raise ConnectionError(f"Slack is not reached ({failed})") from None

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        data = req.data if isinstance(req.data, bytes) else b""
        answer = self.send(url, data, req.headers, self.timeout)
        return {
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.data.decode("utf-8", "replace"),
        }


def _through(proxy: str, context: ssl.SSLContext) -> ProxyManager:
    asked = urlsplit(proxy)
    who = f"{unquote(asked.username)}:{unquote(asked.password or '')}" if asked.username else None
    headers = make_headers(proxy_basic_auth=who)
    return ProxyManager(proxy, maxsize=CALLS_AT_ONCE, proxy_headers=headers, ssl_context=context)
