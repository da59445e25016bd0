"""Pictures of scenes, taken from the page of the local workspace as one person sees it. Needs Chromium and Pillow."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from bot.playground.model import Channel, File, Message, User
from bot.playground.server import LocalSlack
from bot.playground.web_views import make_view
from tests.fakes.slack import Said
from tests.inn import CHANNEL
from tests.messages import markdown
from tests.messages.scene import Shot

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parents[2] / "docs" / "images" / "messages"
WIDTH, HEIGHT, MARGIN, COLOURS = 700, 700, 8, 24  # what is longer is cut
DIGEST = "Shows"  # the key of the text in a PNG that says what it shows
_UNSEEN = ("value", "action_id", "block_id", "slack_file", "dispatch_action")
_DOTS = {"🔴": "#c92a2a", "🟢": "#2b8a3e"}  # where a machine has no font for them
# The page without what is around a conversation, and as long as it is.
_BARE = f"""
html, body, main {{ height: auto; }}
body {{ display: block; width: {WIDTH}px; }}
nav, .skip, #head, #compose, #tour, #offline, #reply, .tools {{ display: none !important; }}
.log {{ overflow: visible; padding: {MARGIN}px 0; }}
main[data-bare] {{ display: none; }}
aside {{ position: static !important; width: {WIDTH}px !important; border: 0; box-shadow: none !important; }}
aside > header {{ display: none; }}
#home {{ overflow: visible; }}
.message.first-of-day::before {{ display: none; }}
dialog {{ max-height: none !important; }}
dialog::backdrop {{ background: #f0f1f3; }}
.file pre {{ max-height: 130px; overflow: hidden; }}
:focus-visible {{ outline: none !important; }}
"""

_COLOUR = """(dots) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const dot = Object.keys(dots).find((each) => node.data.includes(each));
    if (!dot) continue;
    const drawn = Object.assign(document.createElement("span"), { textContent: "●" });
    drawn.style.color = dots[dot];
    const after = node.splitText(node.data.indexOf(dot));
    after.data = after.data.replace(dot, "");
    after.before(drawn);
  }
}"""


def shows(shot: Shot) -> str:
    """A digest of what a picture shows. Names and values of buttons are not seen, so they do not count."""
    said = [
        [each.blocks or each.text, each.thread_ts is None, each.only, each.file, each.beside]
        for each in shot.messages
    ]
    view = shot.view or {}
    told = [
        shot.place,
        shot.viewer.user,
        said,
        view.get("title"),
        _blocks_of(shot),
        view.get("submit"),
        shot.errors,
    ]
    seen = json.dumps(_seen(markdown.as_always(told)), ensure_ascii=False, sort_keys=True)
    return sha256(seen.encode()).hexdigest()[:16]


def _seen(shown: Any) -> Any:
    """Without what nobody sees."""
    if isinstance(shown, dict):
        return {name: _seen(value) for name, value in shown.items() if name not in _UNSEEN}
    return [_seen(each) for each in shown] if isinstance(shown, (list, tuple)) else shown


def digest_of(path: Path) -> str:
    """The digest that a picture carries; empty where there is no picture."""
    if not path.exists():
        return ""
    with Image.open(path) as picture:
        return str(picture.info.get(DIGEST, ""))


def take(shots: Iterable[tuple[str, Shot]]) -> list[str]:
    """Take those pictures that are missing or show something else. Gives their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = dict(shots)
    for path in FOLDER.glob("*.png"):
        if path.stem not in wanted:
            path.unlink()
    stale = {name: shot for name, shot in wanted.items() if digest_of(FOLDER / f"{name}.png") != shows(shot)}
    if stale:
        with _browser() as browser:
            for name, shot in stale.items():
                _keep(FOLDER / f"{name}.png", _taken(browser, shot), shows(shot))
    return list(stale)


@contextmanager
def _browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    place = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=place, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def _keep(path: Path, png: bytes, digest: str) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, HEIGHT)))
    palette = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    told = PngInfo()
    told.add_text(DIGEST, digest)
    palette.save(path, optimize=True, pnginfo=told)


def _taken(browser: Browser, shot: Shot) -> bytes:
    slack = LocalSlack(app_name="Innkeeper", team_name="The inn", clock=shot.at.timestamp)
    _put(slack, shot)
    with slack:
        context = browser.new_context(
            viewport={"width": 1300, "height": 900}, color_scheme="light", bypass_csp=True, timezone_id="UTC"
        )
        try:
            page = context.new_page()
            page.goto(slack.page_url)
            page.select_option("#me", shot.viewer.user)
            page.wait_for_function("id => document.getElementById('me').value === id", arg=shot.viewer.user)
            return _framed(page, shot)
        finally:
            context.close()


def _framed(page: Page, shot: Shot) -> bytes:
    """Open what is shown, and cut it out."""
    if shot.place == "window":
        page.add_style_tag(content=_BARE)
        return page.locator("#modal").screenshot()
    if shot.place == "home":
        page.get_by_role("button", name="Innkeeper").first.click()
        page.locator("[data-tab=home]").click()
        page.add_style_tag(content=_BARE)
        return page.locator("#home").screenshot()
    if shot.place == "direct":
        page.get_by_role("button", name="Innkeeper").first.click()
    if shot.place == "thread":
        page.locator("#log article").first.focus()
        page.keyboard.press("t")
        page.wait_for_selector("#thread article")
    page.add_style_tag(content=_BARE)
    if shot.place == "thread":
        page.evaluate("document.querySelector('main').dataset.bare = ''")
    log = page.locator("#thread" if shot.place == "thread" else "#log")
    log.locator("article").first.wait_for()
    page.evaluate(_COLOUR, _DOTS)
    page.evaluate("Promise.all([...document.images].map((each) => each.decode().catch(() => 0)))")
    page.mouse.move(0, 0)
    return log.screenshot()


def _put(slack: LocalSlack, shot: Shot) -> None:
    """Put what a shot shows into a workspace."""
    workspace = slack.workspace
    for user, name in markdown.NAMES.items():
        workspace.users[user] = User(user, workspace.team.id, name, name, timezone="UTC")
    everybody = frozenset({*markdown.NAMES, slack.bot_user})
    for number, name in ((CHANNEL, "lab"), ("C2", "random")):
        workspace.channels[number] = Channel(number, name, everybody)
    viewer = shot.viewer.user
    direct = workspace.direct_channel(viewer).id
    for said in shot.messages:
        channel = CHANNEL if said.channel.startswith("C") else direct
        workspace.put_message(_message(slack, said, channel, shot))
    if shot.view is not None:
        blocks = [_with_file(slack, block, shot) for block in _blocks_of(shot)]
        payload = {key: value for key, value in shot.view.items() if key not in ("id", "hash", "external_id")}
        view = workspace.put_view(make_view(workspace, viewer, payload | {"blocks": blocks}))
        if shot.errors:
            workspace.set_errors(view, shot.errors)


def _message(slack: LocalSlack, said: Said, channel: str, shot: Shot) -> Message:
    files = []
    if said.file is not None:
        files.append(_file(slack, said.file, said.body.encode()))
    if said.beside is not None:
        files.append(_file(slack, "graph.png", shot.drawn[said.beside](), "image/png"))
    by = shot.authors.get(said.ts, "")
    blocks = markdown.as_always(said.blocks)
    return Message(
        ts=said.ts,
        channel=channel,
        user=by or slack.bot_user,
        text=markdown.steady(said.text),
        blocks=slack.workspace.with_ids([_with_file(slack, block, shot) for block in blocks]),
        thread_ts=said.thread_ts or "",
        ephemeral_to=said.only or "",
        files=tuple(files),
        bot_id="" if by else slack.workspace.app.bot_id,
    )


def _with_file(slack: LocalSlack, block: dict[str, Any], shot: Shot) -> dict[str, Any]:
    """An image's block with a file that is there."""
    if block["type"] != "image":
        return block
    file = _file(slack, "picture.png", shot.drawn[block["alt_text"]](), "image/png")
    return {**block, "slack_file": {"id": file.id}}


def _file(slack: LocalSlack, name: str, content: bytes, mimetype: str = "text/plain") -> File:
    workspace = slack.workspace
    file = File(
        id=workspace.next_id("F"),
        name=name,
        title=name,
        user=slack.bot_user,
        created=int(workspace.clock()),
        content=content,
        filetype="png" if mimetype == "image/png" else "text",
        mimetype=mimetype,
        size=len(content),
        is_uploaded=True,
        is_shared=True,
    )
    workspace.files[file.id] = file
    return file


def _blocks_of(shot: Shot) -> list[dict[str, Any]]:
    """The blocks of its view, without secrets."""
    view = shot.view or {"type": "home", "blocks": []}
    blocks = view["blocks"] if view["type"] == "home" or "submit" in view else markdown.hidden(view["blocks"])
    return list(markdown.as_always(blocks))
