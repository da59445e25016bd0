"""How Slack is reached: over connections that are kept, and through the proxy of the environment."""

from __future__ import annotations

import pytest

from bot.web_client import KeptWebClient
from tests.serving import serving

OK = {"ok": True}


def test_one_connection_serves_call_after_call() -> None:
    with serving(OK) as slack:
        client = KeptWebClient("xoxb-1", base_url=f"{slack.addr}/api/", retry_handlers=[])
        for _ in range(3):
            assert client.users_info(user="U1")["ok"]
        client.send(f"{slack.addr}/response/1", b"{}", {"Content-Type": "application/json"}, 5)
    assert len(slack.connections) == 1
    first, last = slack.asked[0], slack.asked[-1]
    assert (first.method, first.target, first.body) == ("POST", "/api/users.info", b"user=U1")
    assert first.headers["Authorization"] == "Bearer xoxb-1"
    assert (last.target, last.body, last.headers["Authorization"]) == ("/response/1", b"{}", None)


def test_a_proxy_with_a_name_and_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(OK) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://inn:p%40ss@127.0.0.1:{proxy.port}")
        client = KeptWebClient("xoxb-1", base_url="http://slack.test/api/", retry_handlers=[])
        assert client.users_info(user="U1")["ok"]
    (asked,) = proxy.asked
    assert asked.target == "http://slack.test/api/users.info"
    assert asked.headers["Proxy-Authorization"] == "Basic aW5uOnBAc3M="


def test_what_needs_no_proxy_goes_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(OK) as slack:
        client = KeptWebClient("xoxb-1", base_url=f"{slack.addr}/api/", retry_handlers=[])
        assert client.users_info(user="U1")["ok"]
    assert len(slack.asked) == 1
