"""slack-sdk's client over connections that are kept: it opens one for each call, which then waits for handshakes."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import Request, proxy_bypass

from slack_sdk import WebClient
from urllib3 import ProxyManager
from urllib3.exceptions import HTTPError
from urllib3.util import make_headers, parse_url

from commands.engines.kept_http import Answer, KeptHttp

CALLS_AT_ONCE = 16


class KeptWebClient(WebClient):
    """What slack-sdk sends goes through send(). An error status is an answer, whose words slack-sdk reads."""

    def __init__(self, token: str, **options: Any) -> None:
        super().__init__(token, **options)
        self._tls = self.ssl or ssl.create_default_context()
        self._proxy = _through(self.proxy, self._tls) if self.proxy else None
        self._kept: dict[str, KeptHttp | None] = {}  # by scheme and host; None: through the proxy

    def send(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """POST it, and give whatever the answer is, redirects too. Raises ConnectionError, TimeoutError."""
        place = parse_url(url)
        name = f"{place.scheme}://{place.netloc}"
        if name not in self._kept:
            is_around = self._proxy is not None and not proxy_bypass(place.host or "")
            self._kept[name] = (
                None if is_around else KeptHttp(place, self._tls if place.scheme == "https" else None)
            )
        kept = self._kept[name]
        try:
            if kept is not None:
                return kept.ask("POST", place.request_uri, headers, body, seconds)
            return self._around(url, body, headers, seconds)
        except TimeoutError as late:
            raise ConnectionError(f"Slack does not answer ({late})") from None
        except (ConnectionError, HTTPError) as broken:
            raise ConnectionError(f"Slack is not reached, or its answer broke off ({broken})") from None

    def _around(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        assert self._proxy is not None
        answer = self._proxy.urlopen(
            "POST", url, redirect=False, retries=False, body=body, headers=headers, timeout=seconds
        )
        return Answer(answer.status, dict(answer.headers), answer.data)

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        data = req.data if isinstance(req.data, bytes) else b""
        answer = self.send(url, data, req.headers, self.timeout)
        return {
            "status": answer.status,
            "headers": answer.headers,
            "body": answer.body.decode("utf-8", "replace"),
        }


def _through(proxy: str, context: ssl.SSLContext) -> ProxyManager:
    asked = urlsplit(proxy)
    who = f"{unquote(asked.username)}:{unquote(asked.password or '')}" if asked.username else None
    headers = make_headers(proxy_basic_auth=who)
    return ProxyManager(proxy, maxsize=CALLS_AT_ONCE, proxy_headers=headers, ssl_context=context)
