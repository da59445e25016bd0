"""The workspace's page in a real browser: Chromium without a window, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk import WebClient

from bot.playground.model import Shortcut, SlashCommand
from bot.playground.server import LocalSlack
from bot.playground.vault_server import EmbeddedVault
from tests.bot.playground.small_app import served_app
from tests.browser.an_app import an_app
from tests.conftest import cannot_be_had
from tests.integration.house import House

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PATIENCE_MILLISECONDS = 60_000
COMMANDS = [
    SlashCommand("/card", "", "Post a card"),
    SlashCommand("/form", "", "Open a form"),
    SlashCommand("/echo", "hello NAME | goodbye", "Say it back"),
    SlashCommand("/everything", "", "Open a form with everything"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a file's tests. While it lives an event loop runs here, which other tests cannot bear."""
    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if place is None:
        cannot_be_had("Chromium")
    if find_spec("playwright") is None or find_spec("axe_playwright_python") is None:
        cannot_be_had("playwright, from its wheel,")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=FLAGS, timeout=PATIENCE_MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a workspace's page in a browser of its own. Whatever the console complains of is a failure."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def complain(text: str) -> None:
        complaints.append(text)

    def open_page(slack: LocalSlack, width: int = 1200, height: int = 800, **look: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **look)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MILLISECONDS)
        page.on("console", lambda said: complain(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complain(str(error)))
        page.on("requestfailed", lambda request: complain(f"{request.url} {request.failure}"))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith(slack.page_url) else complain(f"asks {asked.url}"),
        )
        page.goto(slack.page_url)
        page.wait_for_selector("#sides button", state="attached")
        return page

    yield open_page
    # To a browser, a stream that is closed has failed, and so has what was under way when a page was left.
    ended = [text for text in complaints if "/page/news" not in text and "net::ERR_ABORTED" not in text]
    for context in contexts:
        context.close()
    assert ended == []


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    """A workspace with a small app in it, and four people: riley, ines, sam, eve."""
    shortcuts = [Shortcut("Ask", "ask"), Shortcut("Tell", "tell", is_for_message=True)]
    events = ("app_mention", "app_home_opened")
    workspace = LocalSlack(
        app_name="Keeper",
        team_name="Try it",
        commands=COMMANDS,
        events=events,
        shortcuts=shortcuts,
        ack_limit_seconds=60,
    )
    with workspace, served_app(an_app(workspace)) as url:
        workspace.app_url = url
        for name in ("riley", "ines", "sam", "eve"):
            workspace.add_user(name)
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> WebClient:
    return WebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def channel(slack: LocalSlack, request: pytest.FixtureRequest) -> str:
    """A channel of the test's own, the first that everybody sees."""
    people = [
        user.id for user in slack.workspace.users.values() if not user.is_bot and user.name != "slackbot"
    ]
    for known in list(slack.workspace.channels.values()):
        if not known.is_im:
            slack.workspace.change_channel(known.id, members=frozenset())
    return slack.add_channel(request.node.name.replace("_", "-")[:30], people)


@pytest.fixture(scope="module")
def house(openbao: EmbeddedVault, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The real bot with its Vault and Terraform."""
    opened = House(Path(tmp_path_factory.mktemp("house")) / "h", openbao)
    opened.start()
    yield opened
    opened.close()
