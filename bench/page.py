"""The workspace's page in Chromium: from the bot's call to the message on the screen, and a channel of 5,000 scrolled.

The workspace is a process of its own, as in `make demo` the bot and it are. What the page does is timed in the page.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from slack_sdk import WebClient

from bench.measure import Measure, Tell, absolute, percentile
from bench.parts import Parts
from bench.slack import SlackProcess, slack_process

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROUNDS = 3
POSTS = 40  # in each round
PAUSE_SECONDS = 0.05  # between two posts, so that each is told apart
MANY = 5_000
MESSAGE_LIMIT_MILLISECONDS, FRAME_LIMIT_MILLISECONDS = 150, 100
OPEN_LIMIT_MILLISECONDS, KEY_LIMIT_MILLISECONDS = 1_000, 100
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

# When the frame began that shows each message: its words → milliseconds since 1970.
_WATCH = """() => {
  window.shownAt = {};
  const look = (nodes) => nodes.forEach((node) => {
    const words = node.textContent?.match(/post \\d+-\\d+/)?.[0];
    if (words) requestAnimationFrame(() => { window.shownAt[words] ??= Date.now(); });
  });
  new MutationObserver((all) => all.forEach((each) => look([...each.addedNodes])))
    .observe(document.getElementById("log"), { childList: true, subtree: true });
}"""

# The longest time between two frames, in milliseconds, while somebody scrolls up and down again, fast.
_SCROLL = """async () => {
  const log = document.getElementById("log");
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  let before = await frame();
  let longest = 0;
  for (let step = 0; step < 400; step += 1) {
    log.scrollTop += step < 250 ? -320 : 320;
    const now = await frame();
    longest = Math.max(longest, now - before);
    before = now;
  }
  return longest;
}"""

# From a key until what may come next is offered.
_KEY = """async () => {
  const box = document.getElementById("text"), hints = document.getElementById("hints");
  const offered = () => new Promise((done) => {
    new MutationObserver((_, self) => { self.disconnect(); requestAnimationFrame(() => done(performance.now())); })
      .observe(hints, { childList: true });
  });
  const taken = [];
  for (const text of ["/", "/l", "/la", "/lab", "/k", "/key", "/", "/la"]) {
    const began = performance.now(), soon = offered();
    box.value = text;
    box.dispatchEvent(new InputEvent("input", { bubbles: true }));
    taken.push((await soon) - began);
    await new Promise((done) => setTimeout(done, 30));
  }
  box.value = "";
  return taken;
}"""


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """With an empty channel and with a long one: messages, the opening, scrolling, typing."""
    missing = _missing()
    if missing:
        tell(f"page: left out, as there is no {missing} here")
        return []
    with slack_process() as slack, _browser() as browser:
        found = _posted("empty channel", browser, slack, rounds, tell)
        tell(f"page, {MANY:,} messages")
        slack.fill(MANY)
        found += _posted(f"{MANY:,} messages", browser, slack, rounds, tell)
        found += _used(browser, slack, rounds, tell)
    return found


def _missing() -> str:
    """What is needed and not here."""
    if _chromium() is None:
        return "Chromium"
    return "" if find_spec("playwright") else "playwright"


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS)
        yield browser
        browser.close()


def _opened(browser: Any, slack: SlackProcess) -> tuple[Page, float]:
    """The page in a window of its own, and how many milliseconds it took until the channel was there."""
    page: Page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(slack.address.api_url.removesuffix("api/"))
    shown = page.wait_for_function(
        "() => document.querySelector('#log article') && new Promise("
        "(done) => requestAnimationFrame(() => done(performance.now())))"
    )
    return page, float(shown.json_value())


def _posted(name: str, browser: Any, slack: SlackProcess, rounds: int, tell: Tell) -> list[Measure]:
    """From the bot's call of chat.postMessage until the frame that shows the message."""
    client = WebClient(slack.address.bot_token, base_url=slack.address.api_url)
    client.chat_postMessage(channel=slack.address.channel, text="the first one")
    page, _ = _opened(browser, slack)
    page.evaluate(_WATCH)
    taken = []
    for number in range(rounds):
        tell(f"page, messages upon {name}, round {number + 1} of {rounds}")
        called: dict[str, float] = {}
        for post in range(POSTS):
            words = f"post {number}-{post}"
            called[words] = time.time() * 1000
            client.chat_postMessage(channel=slack.address.channel, text=words, blocks=_card(words))
            time.sleep(PAUSE_SECONDS)
        page.wait_for_function("words => words in window.shownAt", arg=words)
        shown_at: dict[str, float] = page.evaluate("window.shownAt")
        taken += [shown_at[each] - called[each] for each in called]
    page.context.close()
    middle, p95 = percentile(taken, 50), percentile(taken, 95)
    detail = f"{len(taken)} messages, p50 {middle:.0f} ms, longest {max(taken):.0f} ms"
    return [Measure(f"message to page, p95, {name}", p95, MESSAGE_LIMIT_MILLISECONDS, "ms", detail)]


def _used(browser: Any, slack: SlackProcess, rounds: int, tell: Tell) -> list[Measure]:
    """The long channel opened, scrolled and typed in."""
    opening, scrolling, typing = [], [], []
    for number in range(rounds):
        tell(f"page, opened, scrolled and typed in, round {number + 1} of {rounds}")
        page, opened = _opened(browser, slack)
        opening.append(opened)
        scrolling.append(float(page.evaluate(_SCROLL)))
        typing += page.evaluate(_KEY)
        page.context.close()
    detail = f"{len(typing)} keys, p50 {percentile(typing, 50):.0f} ms"
    return [
        absolute(f"open {MANY:,} messages", opening, OPEN_LIMIT_MILLISECONDS, "ms"),
        absolute(f"longest frame, scrolling {MANY:,}", scrolling, FRAME_LIMIT_MILLISECONDS, "ms"),
        Measure("key to what is offered, p95", percentile(typing, 95), KEY_LIMIT_MILLISECONDS, "ms", detail),
    ]


def _card(words: str) -> list[dict[str, Any]]:
    text = {"type": "mrkdwn", "text": f"*demo* · sandbox · {words}\nAsked for by <@U00000001> · `size=small`"}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Approve"}, "action_id": "approve"}
    return [{"type": "section", "text": text}, {"type": "actions", "elements": [button]}]
