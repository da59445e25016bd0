"""What people do, and what a real Bolt app makes of it."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.playground.model import Message
from bot.playground.page.acts import take_file
from bot.playground.server import LocalSlack
from tests.bot.playground import block_kit
from tests.bot.playground.conftest import Place, heard
from tests.bot.playground.small_app import SIZES, button, field, modal, section


def texts(slack: LocalSlack, channel: str, user: str | None = None) -> list[str]:
    return [message.text for message in slack.messages(channel, user)]


def card(slack: LocalSlack, place: Place) -> Message:
    slack.command(place.ines, place.channel, "/card")
    return slack.messages(place.channel)[-1]


def test_the_text_of_an_ack_is_shown_to_the_person_alone(slack: LocalSlack, place: Place) -> None:
    delivery = slack.command(place.ines, place.channel, "/echo hello")
    assert (delivery.status, delivery.body, delivery.is_acked) == (200, "hello", True)
    assert delivery.ack_seconds > 0
    assert texts(slack, place.channel, place.ines) == ["hello"]
    assert texts(slack, place.channel, place.bo) == []


def test_an_ack_may_speak_to_all(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/aloud hello")
    assert texts(slack, place.channel, place.bo) == ["hello"]


def test_a_command_may_go_over_several_lines(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/echo\none\ntwo ")
    assert texts(slack, place.channel, place.ines) == ["one\ntwo"]


def test_an_empty_ack_shows_nothing(slack: LocalSlack, place: Place) -> None:
    assert slack.command(place.ines, place.channel, "/quiet").is_acked
    assert texts(slack, place.channel) == []


def test_what_is_typed_is_escaped_as_slack_does(slack: LocalSlack, place: Place) -> None:
    bo, channel = slack.workspace.users[place.bo], slack.workspace.channels[place.channel]
    typed = f"/echo a<b&c @{bo.name}, #{channel.name} http://x.test/?a=1&b=2 me@{bo.name} @nobody"
    sent = slack.command(place.ines, place.channel, typed).payload["text"]
    assert sent == (
        f"a&lt;b&amp;c <@{bo.id}|{bo.name}>, <#{channel.id}|{channel.name}> "
        f"<http://x.test/?a=1&amp;b=2> me@{bo.name} @nobody"
    )


def test_without_should_escape_mentions_stay_as_typed(slack: LocalSlack) -> None:
    with LocalSlack(app_url=slack.app_url, should_escape=False, ack_limit_seconds=30) as other:
        user = other.add_user("ines")
        channel = other.add_channel("lab", [user])
        assert other.command(user, channel, "/echo @ines <x>").payload["text"] == "@ines &lt;x&gt;"


def test_a_command_carries_what_slack_sends(slack: LocalSlack, place: Place) -> None:
    payload = slack.command(place.ines, place.channel, "/echo hello  there").payload
    assert payload["command"] == "/echo"
    assert payload["text"] == "hello  there"
    assert payload["team_id"] == slack.team
    assert payload["user_id"] == place.ines
    assert payload["is_enterprise_install"] == "false"
    assert "enterprise_id" not in payload
    assert {"token", "team_domain", "channel_name", "api_app_id", "response_url", "trigger_id"} <= set(
        payload
    )


def test_only_members_type_in_a_channel(slack: LocalSlack, place: Place) -> None:
    with pytest.raises(PermissionError, match="is not in this channel"):
        slack.command(place.stranger, place.channel, "/echo hello")


def test_a_command_that_slack_does_not_know(slack: LocalSlack) -> None:
    with LocalSlack(app_url=slack.app_url, commands=["/echo"], ack_limit_seconds=30) as other:
        user = other.add_user("ines")
        channel = other.add_channel("lab", [user])
        assert other.command(user, channel, "/nonsense x").error == "unknown_command"
        (told,) = other.messages(channel, user)
        assert "`/nonsense` is not a valid command" in told.text
        assert other.deliveries == []


def test_a_button_is_found_by_its_label(slack: LocalSlack, place: Place) -> None:
    message = card(slack, place)
    delivery = slack.click(place.bo, message, "Approve")
    assert delivery.is_acked
    (action,) = delivery.payload["actions"]
    assert (action["action_id"], action["block_id"], action["value"]) == ("approve", "decide", "run-7")
    assert (action["type"], action["style"]) == ("button", "primary")
    assert delivery.payload["container"] == {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": place.channel,
        "is_ephemeral": False,
    }
    assert delivery.payload["state"]["values"]["decide"]["size"]["selected_option"]["value"] == "small"
    assert slack.message(message.ts).text == f"demo: approved by <@{place.bo}>"


def test_a_button_that_is_gone_is_not_pressed_unless_the_person_still_sees_it(
    slack: LocalSlack, place: Place
) -> None:
    as_it_was = card(slack, place)
    slack.click(place.bo, as_it_was, "Approve")
    with pytest.raises(LookupError, match="there is: nothing"):
        slack.click(place.bo, as_it_was.ts, "Approve")
    assert slack.click(place.ines, as_it_was, "Approve").is_acked
    assert slack.message(as_it_was.ts).text == f"demo: approved by <@{place.ines}>"


def test_a_choice_from_a_menu(slack: LocalSlack, place: Place) -> None:
    message = card(slack, place)
    delivery = slack.click(place.bo, message, "size", chosen="Large")
    assert delivery.payload["actions"][0]["selected_option"]["value"] == "large"
    assert texts(slack, place.channel, place.bo)[-1] == "size large"
    assert texts(slack, place.channel, place.ines) == ["demo: proposed"]


def test_nobody_presses_what_they_do_not_see(slack: LocalSlack, client: WebClient, place: Place) -> None:
    blocks = [{"type": "actions", "elements": [button("Approve", "approve")]}]
    told = {"channel": place.channel, "user": place.ines, "text": "for you", "blocks": blocks}
    client.chat_postEphemeral(**told)
    message = slack.messages(place.channel, place.ines)[-1]
    with pytest.raises(PermissionError, match="shown to somebody else"):
        slack.click(place.bo, message, "Approve")
    with pytest.raises(PermissionError, match="not in this channel"):
        slack.click(place.stranger, message, "Approve")
    assert slack.click(place.ines, message, "Approve").payload["container"]["is_ephemeral"] is True


def test_a_person_from_another_workspace_keeps_their_own_team(slack: LocalSlack) -> None:
    other = slack.add_team("Guests")
    visitor = slack.add_user("visitor", team=other)
    channel = slack.add_channel("shared", [visitor])
    slack.command(visitor, channel, "/card")
    payload = slack.click(visitor, slack.messages(channel)[-1], "Approve").payload
    assert (payload["user"]["team_id"], payload["team"]["id"]) == (other, slack.team)
    slack.mention(visitor, channel, "hello")
    event = heard(slack, "event")[-1]
    assert event["event"]["user_team"] == other
    assert event["is_ext_shared_channel"] is True


def test_a_mention_is_answered_in_its_thread(slack: LocalSlack, place: Place) -> None:
    asked = slack.mention(place.ines, place.channel, "help")
    slack.wait_for(lambda: len(slack.messages(place.channel)) > 1)
    answer = next(message for message in slack.messages(place.channel) if message.text.startswith("heard"))
    assert answer.thread_ts == asked.ts
    assert answer.text == f"heard <@{slack.bot_user}> help"
    slack.mention(place.bo, place.channel, "more", thread_ts=asked)
    assert heard(slack, "event")[-2]["event"]["thread_ts"] == asked.ts


def test_a_direct_message_is_an_event(slack: LocalSlack, place: Place) -> None:
    channel = slack.direct_channel(place.ines)
    slack.say(place.ines, channel, "psst")
    assert texts(slack, channel) == ["psst", "read psst"]
    assert heard(slack, "event")[-1]["event"]["channel_type"] == "im"


def test_the_home_tab_and_changes_of_a_person_are_told(slack: LocalSlack, place: Place) -> None:
    slack.open_home(place.ines)
    home = slack.home_of(place.ines)
    assert home is not None
    assert home.blocks[0]["text"]["text"] == "Home"
    delivery = slack.change_user(place.bo, deleted=True)
    assert delivery is not None
    assert delivery.payload["event"]["user"]["deleted"] is True


# response_urls


def test_a_response_url_takes_five_messages(slack: LocalSlack, place: Place) -> None:
    url = slack.command(place.ines, place.channel, "/quiet").payload["response_url"]
    webhook = WebhookClient(url)
    answers = [webhook.send(text=str(number)) for number in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert "used_url" in answers[-1].body
    assert texts(slack, place.channel, place.ines) == ["0", "1", "2", "3", "4"]
    assert texts(slack, place.channel, place.bo) == []


def test_a_response_url_may_speak_to_all_and_must_say_something(slack: LocalSlack, place: Place) -> None:
    url = slack.command(place.ines, place.channel, "/quiet").payload["response_url"]
    assert "no_text" in WebhookClient(url).send(text="").body
    assert WebhookClient(url).send(text="all", response_type="in_channel").status_code == 200
    assert texts(slack, place.channel, place.bo) == ["all"]


def test_a_response_url_replaces_or_deletes_what_was_pressed(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    blocks = [{"type": "actions", "elements": [button("Approve", "reject")]}]
    client.chat_postEphemeral(channel=place.channel, user=place.ines, text="for you", blocks=blocks)
    message = slack.messages(place.channel, place.ines)[-1]
    url = slack.click(place.ines, message, "reject").payload["response_url"]
    WebhookClient(url).send(text="changed", replace_original=True)
    assert texts(slack, place.channel, place.ines) == ["changed"]
    WebhookClient(url).send(delete_original=True)
    assert texts(slack, place.channel, place.ines) == []


# Forms


def test_a_form_is_filled_in_and_sent(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    (view,) = slack.views_of(place.ines)
    delivery = slack.submit(place.ines, view, {"Why": "because", "size": "large"})
    sent = delivery.payload["view"]
    assert sent["state"]["values"] == {
        "reason": {"text": {"type": "plain_text_input", "value": "because"}},
        "size": {"size": {"type": "static_select", "selected_option": SIZES["options"][1]}},
    }
    assert (sent["callback_id"], sent["private_metadata"]) == ("form", "run-7")
    assert slack.views_of(place.ines) == []


def test_errors_stand_under_the_fields(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    delivery = slack.submit(place.ines, slack.views_of(place.ines)[-1], {"reason": "bad"})
    assert delivery.answer["errors"] == {"reason": "Say more."}
    (view,) = slack.views_of(place.ines)
    assert view.errors == (("reason", "Say more."),)


def test_slack_itself_wants_the_required_fields(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    view = slack.views_of(place.ines)[-1]
    before = len(heard(slack, "interaction"))
    with pytest.raises(ValueError, match="reason: Please complete this required field"):
        slack.submit(place.ines, view, {})
    with pytest.raises(LookupError, match="no field 'colour'"):
        slack.submit(place.ines, view, {"reason": "x", "colour": "red"})
    with pytest.raises(LookupError, match="no choice 'huge'"):
        slack.submit(place.ines, view, {"reason": "x", "size": "huge"})
    assert len(heard(slack, "interaction")) == before


@pytest.mark.parametrize(
    ("reason", "titles"),
    [("next", ["Reject", "Next"]), ("other", ["Other"]), ("all", []), ("fine", []), ("wrong", ["Reject"])],
)
def test_the_answer_to_a_form_is_obeyed(
    slack: LocalSlack, place: Place, reason: str, titles: list[str]
) -> None:
    slack.command(place.ines, place.channel, "/form")
    slack.submit(place.ines, slack.views_of(place.ines)[-1], {"reason": reason})
    assert [view.title for view in slack.views_of(place.ines)] == titles


def test_a_pushed_form_goes_back_to_the_one_below(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    slack.submit(place.ines, slack.views_of(place.ines)[-1], {"reason": "next"})
    top = slack.views_of(place.ines)[-1]
    assert top.previous_view_id == slack.views_of(place.ines)[0].id
    slack.submit(place.ines, top)
    assert [view.title for view in slack.views_of(place.ines)] == ["Reject"]


def test_closing_a_form_is_told_where_the_app_asked(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    delivery = slack.close_view(place.ines)
    assert delivery is not None
    assert delivery.payload["type"] == "view_closed"
    assert slack.views_of(place.ines) == []


def test_a_view_is_updated_by_its_id(slack: LocalSlack, client: WebClient, place: Place) -> None:
    slack.command(place.ines, place.channel, "/form")
    view = slack.views_of(place.ines)[-1]
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=view.id, hash="old", view=modal("Later", [section("x")]))
    client.views_update(view_id=view.id, hash=view.hash, view=modal("Later", [section("x")]))
    assert [known.title for known in slack.views_of(place.ines)] == ["Later"]
    with pytest.raises(SlackApiError, match="not_found"):
        client.views_update(view_id="V99999999", view=modal("Later", [section("x")]))


def test_at_most_three_forms_lie_one_upon_the_other(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    slack.command(place.ines, place.channel, "/form")
    for title in ("Second", "Third"):
        trigger = slack.workspace.tickets.issue_trigger(place.ines, slack.views_of(place.ines)[-1].id)
        client.views_push(trigger_id=trigger, view=modal(title, [section("x")]))
    assert [view.title for view in slack.views_of(place.ines)] == ["Reject", "Second", "Third"]
    trigger = slack.workspace.tickets.issue_trigger(place.ines, slack.views_of(place.ines)[-1].id)
    with pytest.raises(SlackApiError, match="push_limit_reached"):
        client.views_push(trigger_id=trigger, view=modal("Fourth", [section("x")]))


def test_waiting_tells_what_was_said_instead(slack: LocalSlack, place: Place) -> None:
    slack.command(place.ines, place.channel, "/aloud something else")
    with pytest.raises(TimeoutError, match="something else"):
        slack.wait_for(lambda: "never" in texts(slack, place.channel), 0.05)


def test_what_is_chosen_in_a_message_stands_in_its_state(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    menus = [block_kit.element(kind) for kind in ("multi_static_select", "datepicker")]
    ts = client.chat_postMessage(
        channel=place.channel, text="x", blocks=[{"type": "actions", "block_id": "b", "elements": menus}]
    )["ts"]
    slack.click(place.ines, ts, "use-multi_static_select", ["paris"])
    sent = heard(slack, "interaction")[-1]
    state = sent["state"]["values"]["b"]
    assert [each["value"] for each in state["use-multi_static_select"]["selected_options"]] == ["paris"]
    slack.click(place.ines, ts, "use-datepicker", "2026-12-01")
    sent = heard(slack, "interaction")[-1]
    assert sent["state"]["values"]["b"]["use-datepicker"]["selected_date"] == "2026-12-01"
    assert sent["actions"][0]["initial_date"] == "2026-11-24"


def test_a_form_sends_whole_files_and_answers_where_it_was_asked(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    where = {"type": "conversations_select", "action_id": "w", "response_url_enabled": True}
    where["default_to_current_conversation"] = True
    blocks = [
        field("where", "Where", element=where),
        field("file", "File", element={"type": "file_input", "action_id": "f"}),
    ]
    trigger = slack.workspace.tickets.issue_trigger(place.ines, channel=place.channel)
    view = modal("Files", blocks, callback_id="next")
    client.views_open(trigger_id=trigger, view=view)
    taken = take_file(slack, place.ines, "notes.txt", b"abc")
    slack.submit(place.ines, slack.views_of(place.ines)[-1], {"file": [taken["id"]]})
    sent = heard(slack, "interaction")[-1]
    (file,) = sent["view"]["state"]["values"]["file"]["f"]["files"]
    assert (file["name"], file["size"], file["mimetype"]) == ("notes.txt", 3, "text/plain")
    (address,) = sent["response_urls"]
    assert (address["channel_id"], address["block_id"], address["action_id"]) == (place.channel, "where", "w")
    WebhookClient(address["response_url"]).send(text="thanks", response_type="in_channel")
    assert slack.messages(place.channel)[-1].text == "thanks"


def test_a_shortcut_s_form_begins_with_the_channel_that_is_open(
    slack: LocalSlack, client: WebClient, place: Place
) -> None:
    where = {"type": "conversations_select", "action_id": "w", "default_to_current_conversation": True}
    slack.shortcut(place.ines, "ask", place.channel)
    sent = heard(slack, "interaction")[-1]
    assert "channel" not in sent
    client.views_open(
        trigger_id=sent["trigger_id"], view=modal("Ask", [field("where", "Where", element=where)])
    )
    (block,) = slack.views_of(place.ines)[-1].blocks
    assert block["element"]["initial_conversation"] == place.channel


def test_a_reply_may_be_sent_to_the_channel_too(slack: LocalSlack, place: Place) -> None:
    root = slack.say(place.ines, place.channel, "root")
    reply = slack.say(place.bo, place.channel, "both", root, also_to_channel=True)
    inner = next(
        each.payload["event"]
        for each in reversed(slack.deliveries)
        if each.payload.get("event", {}).get("ts") == reply.ts
    )
    assert (inner["subtype"], inner["parent_user_id"]) == ("thread_broadcast", place.ines)
    assert reply.reply_broadcast


def test_a_reaction_is_told_as_slack_tells_it() -> None:
    with LocalSlack(events=["reaction_added", "reaction_removed"]) as slack:
        ada = slack.add_user("ada")
        message = slack.say(ada, slack.add_channel("lab", [ada]), "look")
        slack.react(ada, message.ts, "eyes")
        slack.react(ada, message.ts, "eyes")
        events = [each.payload["event"] for each in slack.deliveries]
    assert [each["type"] for each in events] == ["reaction_added", "reaction_removed"]
    assert set(events[0]) == {"type", "user", "reaction", "item", "item_user", "event_ts"}
