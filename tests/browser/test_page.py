"""The page as people use it: by mouse, by keyboard alone, in both themes, on a phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk import WebClient

from bot.playground.guide import Guide
from bot.playground.model import Delivery, Message
from bot.playground.page.seen import WINDOW
from bot.playground.ports import free_port
from bot.playground.server import LocalSlack
from tests.bot.playground import block_kit
from tests.bot.playground.small_app import button, section
from tests.browser.an_app import home_blocks
from tests.browser.conftest import PATIENCE_MILLISECONDS
from tests.browser.doing import be, latest, says, serious, user
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Visit = Callable[..., "Page"]
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>&lt;b&gt;"


def action(delivery: Delivery) -> Any:
    return (delivery.payload.get("actions") or [{}])[0]


def test_what_is_said_is_seen_by_whom_it_is_for(visit: Visit, slack: LocalSlack, channel: str) -> None:
    riley, ines = visit(slack), visit(slack)
    be(ines, slack, "ines")
    says(riley, "hello *all* :tada: @ines")
    latest(ines, "hello all").locator(".mention.me", has_text="@ines").wait_for()
    says(riley, "/echo only me")
    latest(riley, "only me").locator(".note", has_text="Only visible to you").wait_for()
    assert ines.locator("article", has_text="only me").count() == 0
    says(riley, "/nothing")
    latest(riley, "is not a valid command").wait_for()


def test_buttons_menus_and_reactions(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    page = visit(slack)
    says(page, "/card")
    card = latest(page, "demo")
    card.locator("select").select_option("large")
    latest(page, "size large").wait_for()
    card.get_by_role("button", name="Approve").click()
    latest(page, "approved by @riley").locator(".edited").wait_for()
    again = latest(page, "approved by @riley")
    again.hover()
    again.get_by_role("button", name="React with eyes").click()
    again.locator(".reactions button.mine").click()
    again.locator(".reactions").wait_for(state="detached")
    menu = {"type": "overflow", "action_id": "end", "confirm": block_kit.CONFIRM, "options": block_kit.SIZES}
    client.chat_postMessage(channel=channel, text="x", blocks=[section("menu") | {"accessory": menu}])
    message = latest(page, "menu")
    message.get_by_label("More actions").click()
    message.get_by_role("button", name="Medium").click()
    page.locator("dialog.confirm").get_by_role("button", name="Keep it").click()
    message.get_by_label("More actions").click()
    message.get_by_role("button", name="Large").click()
    page.locator("dialog.confirm").get_by_role("button", name="Do it").click()
    latest(page, "ended by riley").wait_for()
    pressed = slack.wait_for(
        lambda: [each for each in map(action, slack.deliveries) if each.get("action_id") == "end"]
    )
    assert [each["selected_option"]["value"] for each in pressed] == [
        "large"
    ]  # what was not confirmed was not sent


def test_two_people_react_and_answer_each_other(visit: Visit, slack: LocalSlack, channel: str) -> None:
    from playwright.sync_api import expect

    riley, ines = visit(slack), visit(slack, color_scheme="dark")
    be(ines, slack, "ines")
    says(riley, "look")
    message = latest(riley, "look")
    message.hover()
    message.get_by_role("button", name="Other reactions").click()
    assert serious(riley) == []
    riley.fill("#picker-name", ":rocket:")
    riley.press("#picker-name", "Enter")
    latest(ines, "look").locator("button[data-react=rocket]").click()
    message.locator(".reactions button", has_text="2").wait_for()
    assert riley.evaluate("document.activeElement.tagName") == "ARTICLE"  # where it was before
    message.hover()
    message.get_by_role("button", name="Reply in thread").click()
    elsewhere = slack.add_channel("elsewhere", list(slack.workspace.channels[channel].members))
    ines.locator(f"[data-channel={elsewhere}]").click()
    riley.fill("#reply-text", "to all")
    riley.get_by_label("Also send to the channel").check()
    riley.press("#reply-text", "Enter")
    ines.locator(f"[data-channel={channel}].unread").wait_for()
    ines.get_by_role("button", name=", unread").click()
    ines.locator("#log .first-new", has_text="to all").wait_for()
    ines.get_by_role("button", name="replied to a thread").click()
    ines.locator("#thread article", has_text="to all").wait_for()
    expect(riley.get_by_label("Also send to the channel")).not_to_be_checked()
    assert serious(riley) == serious(ines) == []


def test_a_tab_that_nobody_sees_leaves_its_connection_to_others(
    visit: Visit, slack: LocalSlack, channel: str
) -> None:
    page = visit(slack)
    page.locator("#live.on").wait_for()
    until(lambda: len(slack.workspace.on_change) == 1)  # those of the tests before are gone, sooner or later

    def is_seen(state: str) -> None:
        page.evaluate(
            """state => {
                Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    is_seen("hidden")
    until(lambda: not slack.workspace.on_change)
    slack.say(user(slack, "ines"), channel, "meanwhile")
    is_seen("visible")
    latest(page, "meanwhile").wait_for()


def test_a_confirmation_gives_the_focus_back(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    page = visit(slack)
    menu = {"type": "overflow", "action_id": "end", "confirm": block_kit.CONFIRM, "options": block_kit.SIZES}
    blocks = [section("menu") | {"block_id": "menu", "accessory": menu}]
    ts = str(client.chat_postMessage(channel=channel, text="x", blocks=blocks)["ts"])
    for change in ([], [section("changed meanwhile")]):
        latest(page, "menu").get_by_label("More actions").click()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Tab")
        latest(page, "menu").get_by_role("button", name="Small").press("Enter")
        page.locator("dialog.confirm").wait_for()
        assert serious(page) == []
        if change:
            client.chat_update(channel=channel, ts=ts, text="x", blocks=blocks + change)
            latest(page, "changed meanwhile").wait_for()
        page.keyboard.press("Escape")
        page.locator("dialog.confirm").wait_for(state="detached")
        page.wait_for_function("() => document.activeElement.getAttribute('aria-label') === 'More actions'")
    sizes = {"type": "static_select", "action_id": "size", "confirm": block_kit.CONFIRM}
    sizes |= {"options": block_kit.SIZES, "initial_option": block_kit.SIZES[0]}
    client.chat_postMessage(channel=channel, text="x", blocks=[section("sizes") | {"accessory": sizes}])
    select = latest(page, "sizes").locator("select")
    select.focus()
    select.select_option("large")
    page.locator("dialog.confirm").get_by_role("button", name="Keep it").click()
    page.wait_for_function("() => document.querySelector('#log select').value === 'small'")
    select.select_option("large")
    page.locator("dialog.confirm").get_by_role("button", name="Do it").click()
    latest(page, "size large").wait_for()
    assert select.input_value() == "large"


def test_what_was_typed_outlives_the_workspace(chromium: Browser) -> None:
    def workspace(port: int) -> LocalSlack:
        made = LocalSlack(port=port)
        made.add_channel("lab", [made.add_user("riley")])
        return made

    context = chromium.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    port = free_port()  # which the system gives to nobody else meanwhile
    with workspace(port) as first:
        page.goto(first.page_url)
        page.locator("#live.on").wait_for()
        says(page, "before")
        latest(page, "before").wait_for()
        page.fill("#text", "after")
    page.locator("#offline", has_text="does not answer").wait_for()
    assert serious(page) == []
    page.press("#text", "Enter")
    page.locator("#toast", has_text="does not answer").wait_for()
    page.wait_for_function("() => document.getElementById('text').value === 'after'")
    with workspace(port):
        page.locator("#live.on").wait_for()
        page.press("#text", "Enter")
        latest(page, "after").wait_for()
        assert page.locator("#offline").text_content() == ""
        assert page.locator("#log article", has_text="before").count() == 0  # it was a new one
    context.close()


def test_a_form_is_filled_in_wrongly_and_mended(visit: Visit, slack: LocalSlack, channel: str) -> None:
    from playwright.sync_api import expect

    page = visit(slack)
    says(page, "/form")
    modal = page.locator("#modal")
    modal.get_by_role("button", name="Send").click()
    modal.locator("[data-input=reason] .error", has_text="required field").wait_for()
    modal.get_by_label("Why").fill("bad")
    modal.get_by_role("button", name="Send").click()
    modal.locator("[data-input=reason] .error", has_text="Say more.").wait_for()
    assert modal.get_by_label("Why").input_value() == "bad"
    assert modal.get_by_label("Why").get_attribute("aria-invalid") == "true"
    expect(modal.get_by_label("Why")).to_have_accessible_description("Say more.")
    modal.get_by_label("Why").fill("next")
    modal.get_by_role("button", name="Send").click()
    modal.get_by_role("heading", name="Next").wait_for()  # pushed upon it
    modal.get_by_role("button", name="Close").click()
    modal.get_by_role("heading", name="Reject").wait_for()
    modal.get_by_label("Why").fill("other")
    modal.get_by_role("button", name="Send").click()
    modal.get_by_role("heading", name="Other").wait_for()  # updated
    modal.get_by_role("button", name="Send").click()
    modal.wait_for(state="hidden")


def test_everything_of_a_form_can_be_filled_in(visit: Visit, slack: LocalSlack, channel: str) -> None:
    page = visit(slack)
    says(page, "/everything")
    modal = page.locator("#modal")
    modal.get_by_role("heading", name="Everything").wait_for()
    assert modal.locator(".unknown").count() == 0
    assert serious(page) == []

    def use(kind: str) -> Locator:
        return modal.locator(f".use-{kind}")

    use("plain_text_input").locator("textarea").fill("because")
    use("email_text_input").locator("input").fill("nowhere")
    use("number_input").locator("input").fill("12")
    use("multi_static_select").locator("summary").click()
    use("multi_static_select").get_by_label("Lima").check()
    use("multi_users_select").locator("summary").click()
    use("multi_users_select").get_by_label("Sam").check()
    use("checkboxes").get_by_label("Two").check()
    use("radio_buttons").get_by_label("Large").check()
    use("datetimepicker").locator("input").fill("2026-12-01T09:30")
    use("external_select").locator("summary").click()
    use("external_select").get_by_label("host-2").wait_for()
    page.keyboard.press("Enter")  # in its search, which does not send the form
    use("external_select").get_by_label("host-2").press("Enter")
    use("rich_text_input").locator("textarea").fill("*loud*")
    use("file_input").locator("input").set_input_files(
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"abc"}
    )
    modal.get_by_role("button", name="Send").click()
    modal.locator("[data-input=in-email_text_input] .error", has_text="valid email").wait_for()
    modal.locator("[data-input=in-number_input] .error", has_text="9 or less").wait_for()
    use("email_text_input").locator("input").fill("riley@example.test")
    use("number_input").locator("input").fill("7")
    modal.get_by_role("button", name="Send").click()
    modal.wait_for(state="hidden")
    sent = slack.deliveries[-1].payload["view"]["state"]["values"]
    found = {name.removeprefix("in-"): next(iter(state.values())) for name, state in sent.items()}
    assert found["plain_text_input"]["value"] == "because"
    assert found["number_input"]["value"] == "7"
    assert [each["value"] for each in found["multi_static_select"]["selected_options"]] == ["lima"]
    assert found["multi_users_select"]["selected_users"] == [user(slack, "sam")]
    assert [each["value"] for each in found["checkboxes"]["selected_options"]] == ["two"]
    assert found["radio_buttons"]["selected_option"]["value"] == "large"
    assert found["datetimepicker"]["selected_date_time"] == 1_796_113_800  # 09:30 in Paris
    assert found["external_select"]["selected_option"]["value"] == "host-2"
    assert found["rich_text_input"]["rich_text_value"]["elements"][0]["elements"][0]["style"] == {
        "bold": True
    }
    assert slack.workspace.files[found["file_input"]["files"][0]["id"]].content == b"abc"


def test_threads_home_shortcuts_and_the_inspector(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    page = visit(slack)
    ts = str(client.chat_postMessage(channel=channel, text="the card")["ts"])
    client.chat_postMessage(channel=channel, text="inside", thread_ts=ts)
    latest(page, "the card").get_by_role("button", name="1 reply").click()
    page.locator("#thread article", has_text="inside").wait_for()
    page.fill("#reply-text", "my reply")
    page.press("#reply-text", "Enter")
    page.locator("#thread article", has_text="my reply").wait_for()
    latest(page, "the card").get_by_role("button", name="2 replies").wait_for()
    latest(page, "the card").hover()
    latest(page, "the card").get_by_role("button", name="Inspect JSON").click()
    page.locator("#inspect", has_text='"text": "the card"').wait_for()
    page.locator("#inspect .traffic", has_text="chat.postMessage").first.locator(
        ".ms", has_text="ms"
    ).wait_for()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    latest(page, "the card").hover()
    latest(page, "the card").get_by_label("Message menu").click()
    latest(page, "the card").get_by_role("button", name="Tell").click()
    latest(page, "told of the card").wait_for()
    page.locator("#compose").get_by_label("Shortcuts").click()
    page.get_by_role("button", name="Ask").click()
    page.locator("#modal").get_by_role("heading", name="Asked").wait_for()
    page.keyboard.press("Escape")
    page.locator("#modal").wait_for(state="hidden")
    page.locator("#sides").get_by_role("button", name="Keeper").click()
    page.get_by_role("tab", name="Home", selected=True).wait_for()
    page.wait_for_function("() => document.activeElement.id === 'home'")
    page.locator("#home .line", has_text="Home").wait_for()  # as the app fills it when it is opened
    client.views_publish(user_id=user(slack, "riley"), view={"type": "home", "blocks": home_blocks()})
    page.locator("#home").get_by_role("button", name="Again").click()
    page.locator("#home", has_text="Pressed").wait_for()
    assert page.locator("#modal").is_hidden()


def test_who_becomes_somebody_else_sees_the_same_place_as_theirs(
    visit: Visit, slack: LocalSlack, channel: str
) -> None:
    page = visit(slack)
    page.locator("#sides").get_by_role("button", name="Keeper").click()
    page.get_by_role("tab", name="Home").click()
    for name in ("sam", "eve"):  # whose Home tab nobody has opened yet
        slack.workspace.homes.pop(user(slack, name), None)
        be(page, slack, name)
        page.locator("#home .line", has_text="Home").wait_for()
    page.get_by_role("tab", name="Messages").click()
    says(page, "a word of eve's")
    latest(page, "a word of eve's").wait_for()
    be(page, slack, "sam")
    latest(page, "a word of eve's").wait_for(state="detached")
    page.get_by_role("tab", name="Messages", selected=True).wait_for()


def test_with_the_keyboard_alone(visit: Visit, slack: LocalSlack, channel: str) -> None:
    from playwright.sync_api import expect

    page = visit(slack)
    page.locator("#live.on").wait_for()
    keys = page.keyboard
    keys.press("/")
    keys.type("ec")
    offered = page.locator("#hints [role=option]")
    expect(offered).to_have_text([re.compile("^/echo hello NAME")])  # one alone, of those that "/" brought
    keys.press("Tab")
    page.locator("#hints").get_by_text("/echo goodbye", exact=True).wait_for()
    keys.type("g")
    expect(offered).to_have_text(["/echo goodbye"])
    keys.press("Tab")
    keys.press("Enter")
    latest(page, "goodbye").wait_for()
    keys.type("/form")
    keys.press("Enter")
    page.locator("#modal").get_by_role("heading", name="Reject").wait_for()
    keys.type("bad")  # the first field has the focus
    keys.press("Enter")
    page.locator("#modal .error", has_text="Say more.").wait_for()
    keys.press("Control+a")
    keys.type("enough")
    keys.press("Enter")
    page.locator("#modal").wait_for(state="hidden")
    page.locator("#text").focus()
    keys.type("/card")
    keys.press("Enter")
    latest(page, "demo").wait_for()
    keys.press("Shift+Tab")  # out of the box, back to the messages
    for _ in range(20):
        if page.evaluate("document.activeElement.textContent") == "Approve":
            break
        keys.press("Shift+Tab")
    keys.press("Enter")
    latest(page, "approved by @riley").wait_for()
    page.locator("#log").focus()
    keys.press("ArrowUp")
    keys.press("r")
    keys.type("tada")
    keys.press("Enter")
    latest(page, "approved by @riley").locator("button.mine[data-react=tada]").wait_for()
    keys.press("t")
    page.wait_for_function("() => document.activeElement.id === 'reply-text'")
    keys.type("by keyboard")
    keys.press("Enter")
    page.locator("#thread article .body").get_by_text("by keyboard", exact=True).wait_for()
    keys.press("Escape")
    page.wait_for_function("() => document.activeElement.id === 'text'")
    assert page.locator("#thread").is_hidden()


@pytest.mark.parametrize(
    "look",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"width": 390, "height": 780, "color_scheme": "dark"},
    ],
    ids=["light", "dark", "phone"],
)
def test_all_of_block_kit_in_every_look(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str, look: dict[str, Any]
) -> None:
    blocks = block_kit.message_blocks()
    for start in range(0, len(blocks), 12):
        client.chat_postMessage(channel=channel, text="everything", blocks=blocks[start : start + 12])
    client.files_upload_v2(channel=channel, filename="plan.txt", content="4 to add", title="The plan" * 30)
    wolfe = slack.add_user("wolfe" * 12, "Wolfe" + "x" * 120)
    members = slack.workspace.channels[channel].members | {wolfe}
    slack.workspace.change_channel(channel, members=members, topic="a long topic " * 20)
    slack.say(wolfe, channel, "w" * 300)
    older = {
        "color": "good",
        "title": "An attachment",
        "title_link": "https://example.test",
        "text": "z" * 300,
    }
    client.chat_postMessage(channel=channel, text="older", attachments=[older])
    client.chat_postEphemeral(channel=channel, user=user(slack, "riley"), text="private")
    page = visit(slack, **look)
    if look.get("width"):
        page.locator(f"[data-channel={channel}]").click()
    latest(page, "private").wait_for()
    assert page.locator(".unknown").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "document.querySelector('#log').scrollWidth <= document.querySelector('#log').clientWidth"
    )
    assert serious(page) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (look["color_scheme"] == "light")
    page.get_by_role("button", name="Back").click() if look.get("width") else page.locator("#theme").click()
    assert serious(page) == []


def test_hostile_words_stay_words(visit: Visit, slack: LocalSlack, client: WebClient, channel: str) -> None:
    links = "<javascript:alert(1)|harmless> <https://example.test/|fine> <data:text/html,x|data>"
    client.chat_postMessage(channel=channel, text=f"{HOSTILE} {links}")
    client.chat_postMessage(
        channel=channel,
        text="x",
        blocks=[
            {"type": "markdown", "text": f"{HOSTILE} [x](javascript:alert(1)) ![p](https://evil.test/p.png)"},
            section(HOSTILE) | {"accessory": button(HOSTILE[:60], "go", url="javascript:alert(1)")},
            {"type": "image", "alt_text": HOSTILE, "image_url": "https://evil.test/x.png"},
        ],
    )
    client.files_upload_v2(channel=channel, filename='"><svg onload=x>.txt', content=HOSTILE, title=HOSTILE)
    stranger = slack.add_user("mallory", HOSTILE)
    members = slack.workspace.channels[channel].members
    slack.workspace.change_channel(channel, members=members | {stranger})
    slack.say(stranger, channel, f"I am {HOSTILE}")
    page = visit(slack)
    latest(page, "I am").wait_for()
    assert "owned" not in page.title()
    assert page.locator("#log :is(script, svg[onload], img[onerror], img[src='x'])").count() == 0
    targets = page.eval_on_selector_all("#log a", "all => all.map(each => each.getAttribute('href'))")
    assert all(each.startswith(("https://", "/files/")) for each in targets)
    assert page.locator("[data-url]").count() == 0
    page.select_option("#me", stranger)
    page.locator("#me option:checked", has_text="onerror").wait_for(state="attached")
    assert "owned" not in page.title()


def test_a_long_channel_comes_in_windows(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    count = 10 * WINDOW
    for number in range(count):
        message = Message(slack.workspace.next_ts(), channel, slack.bot_user, f"number {number}.")
        slack.workspace.put_message(message)
    page = visit(slack)
    latest(page, f"number {count - 1}.").wait_for()
    assert page.locator("#log article").count() <= 2 * WINDOW
    below = "(log => log.scrollHeight - log.scrollTop - log.clientHeight)(document.querySelector('#log'))"
    page.wait_for_function(f"() => {below} < 2")  # older ones may be put above it just now

    def scroll_until(text: str, to: str) -> None:
        def is_there() -> bool:
            if page.locator("#log article", has_text=text).count():
                return True
            page.evaluate(f"document.querySelector('#log').scrollTop = {to}")
            return False

        until(is_there, PATIENCE_MILLISECONDS / 1000)

    scroll_until("number 0.", "0")
    shown = page.eval_on_selector_all("#log article .body", "all => all.map(each => each.textContent)")
    numbers = [int(text.strip().removeprefix("number ").removesuffix(".")) for text in shown]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= 6 * WINDOW
    client.chat_postMessage(channel=channel, text="meanwhile")
    scroll_until("meanwhile", "1e9")
    assert page.locator("#log article", has_text=f"number {count - 1}.").count() == 1
    assert page.locator("#log article", has_text="number 0.").count() == 0
    scroll_until("number 0.", "0")
    page.get_by_role("button", name="Latest").click()
    latest(page, "meanwhile").wait_for()
    page.get_by_role("button", name="Latest").wait_for(state="hidden")


def test_a_tour_pauses_where_the_reader_acts(
    visit: Visit, slack: LocalSlack, client: WebClient, channel: str
) -> None:
    ines, done = user(slack, "ines"), []

    def play(guide: Guide) -> None:
        for number in (1, 2):
            guide.caption(f"Scene {number}")
            guide.does(user(slack, "riley"), "types /card")
            slack.command(user(slack, "riley"), channel, "/card")
            ts = slack.messages(channel)[-1].ts
            done.append(
                guide.lets_reader(ines, "Approve", lambda ts=ts: "approved" in slack.message(ts).text)
            )

    slack.guide = Guide(slack.workspace, channel, play, pause_seconds=0)
    try:
        page = visit(slack)
        phone = visit(slack, width=390, height=780).locator("#tour")
        phone.get_by_role("button", name="Play the tour").wait_for()
        tour = page.locator("#tour")
        tour.get_by_role("button", name="Play the tour").click()
        tour.get_by_text("Scene 1").wait_for()
        tour.get_by_role("button", name="Next").click()
        tour.get_by_role("button", name="Be Ines").click()
        latest(page, "demo").get_by_role("button", name="Approve").click()
        tour.get_by_text("Scene 2").wait_for()
        tour.get_by_role("button", name="Next").press("Enter")
        page.wait_for_function("() => document.getElementById('tour').contains(document.activeElement)")
        assert serious(page) == []
        tour.get_by_role("button", name="Do it for me").click()
        tour.get_by_text("That was the tour.").wait_for()
        assert done == [True, False]
    finally:
        slack.guide = None
