"""What people do in their Slack client: type commands, write, press buttons, fill in forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bot.playground import built_in, fields, payloads
from bot.playground.conversations import message_kind, tell_edit
from bot.playground.delivery import Courier, Kind
from bot.playground.guide import Guide
from bot.playground.model import Delivery, Json, Message, Shortcut, SlackError, SlashCommand, User, View
from bot.playground.patience import patiently
from bot.playground.shapes import user_json, view_json
from bot.playground.typed import command_text, message_text
from bot.playground.web_chat import say_as_answer, take_old_answer
from bot.playground.web_views import push_upon, update_view
from bot.playground.workspace import Workspace

EVENTS = ("app_mention", "message.im", "app_home_opened", "user_change")
TROUBLE = "We had some trouble connecting. Try again?"


class People:
    """The people of a workspace, acting. Each method blocks until the app has acked, like a client's spinner.

    commands: the app's slash commands, as its manifest names them; empty: every word is one.
    events: those that the app has subscribed to, as in its manifest.
    """

    def __init__(
        self,
        workspace: Workspace,
        courier: Courier,
        commands: Sequence[str | SlashCommand] = (),
        events: Sequence[str] = EVENTS,
        should_escape: bool = True,
    ) -> None:
        self.workspace = workspace
        workspace.on_edit.append(partial(tell_edit, workspace))
        self.courier = courier
        self.slash_commands = tuple(
            SlashCommand(each) if isinstance(each, str) else each for each in commands
        )
        self.commands = tuple(each.word for each in self.slash_commands)
        self.events = tuple(events)
        self.should_escape = should_escape
        self.shortcuts: tuple[Shortcut, ...] = ()  # that the page offers, as the manifest names them
        self.guide: Guide | None = None  # of a tour that the page offers
        self.deliveries: list[Delivery] = []  # everything that was sent to the app, as it ended

    def _deliver(self, kind: Kind, payload: Json) -> Delivery:
        return self._keep(self.courier.deliver(kind, payload))

    def _keep(self, delivery: Delivery) -> Delivery:
        with self.workspace.lock:
            delivery = replace(delivery, sent_at=self.workspace.clock() - delivery.ack_seconds)
            self.deliveries.append(delivery)
        self.workspace.note()
        return delivery

    def deliver_again(
        self, delivery: Delivery, signed_at: float | None = None, secret: str | None = None
    ) -> Delivery:
        """The same bytes once more, signed now; or at another time or with another secret, as forgers do."""
        return self._keep(self.courier.send(delivery, signed_at=signed_at, secret=secret))

    # Words

    def command(self, user: str, channel: str, typed: str) -> Delivery:
        """Type a slash command: "/lab up sandbox demo". A text in the ack is shown to the person alone.

        A command that Slack does not know, or that is not acked, is told to the person by Slack itself.
        """
        person = self._in_channel(user, channel)
        word, text = [*typed.strip().split(None, 1), "", ""][:2]
        if word not in self.commands and built_in.run(self.workspace, person, channel, word, text):
            return Delivery("command", {"command": word, "text": text}, status=200)
        if self.commands and word not in self.commands:
            self.workspace.say_as_slack(
                user,
                channel,
                f"`{word}` is not a valid command. In Slack, all messages that start with "
                'the "/" character are interpreted as commands.',
            )
            return Delivery("command", {"command": word}, error="unknown_command")
        text = command_text(self.workspace, text.strip(), self.should_escape)
        delivery = self._deliver("command", payloads.command(self.workspace, person, channel, word, text))
        if delivery.error:
            problem = f'{word} failed with the error "{delivery.error}"'
            self.workspace.say_as_slack(user, channel, problem)
        elif delivery.body.strip():
            answer = delivery.answer or {"text": delivery.body}
            try:
                with self.workspace.lock:
                    say_as_answer(self.workspace, channel, user, answer)
            except SlackError as problem_found:
                self.workspace.say_as_slack(user, channel, f'{word} failed with the error "{problem_found}"')
        return delivery

    def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | Message | None = None,
        also_to_channel: bool = False,
    ) -> Message:
        """Write a message, @names as one types them; the app gets the events that it has subscribed to."""
        person = self._in_channel(user, channel)
        thread = thread_ts.thread_ts or thread_ts.ts if isinstance(thread_ts, Message) else thread_ts or ""
        message = self.workspace.put_message(
            Message(
                ts=self.workspace.next_ts(),
                channel=channel,
                user=person.id,
                text=message_text(self.workspace, text),
                thread_ts=thread,
                reply_broadcast=bool(thread) and also_to_channel,
            )
        )
        place = self.workspace.channels[channel]
        app = self.workspace.app.user_id
        if app in place.members:
            if f"<@{app}>" in message.text and not place.is_im:
                self._event("app_mention", payloads.message_event(self.workspace, message, "app_mention"))
            self._event(message_kind(place), payloads.message_event(self.workspace, message, "message"))
        return message

    def edit(self, user: str, shown: Message | str, text: str) -> Message:
        """Say something else in one's own message. Raises PermissionError for one that is not one's own."""
        message, text = self._own(user, shown), message_text(self.workspace, text)
        return message if text == message.text else self.workspace.edit(message.ts, text=text)

    def delete(self, user: str, shown: Message | str) -> None:
        """Take one's own message away. Raises PermissionError for one that is not one's own."""
        self.workspace.remove_message(self._own(user, shown).ts)

    def mention(self, user: str, channel: str, text: str, thread_ts: str | Message | None = None) -> Message:
        """Write a message that begins with the app's name."""
        name = self.workspace.users[self.workspace.app.user_id].name
        return self.say(user, channel, f"@{name} {text}", thread_ts)

    def _event(self, name: str, inner: Json) -> Delivery | None:
        if name not in self.events:
            return None
        where = inner.get("channel") or (inner.get("item") or {}).get("channel")
        channel = self.workspace.channels.get(str(where))
        users = self.workspace.users
        members = channel.members if channel else frozenset()
        shared = len({users[member].team_id for member in members}) > 1
        body = payloads.event(self.workspace, inner, shared)
        return patiently(lambda: self._deliver("event", body))

    def open_home(self, user: str) -> Delivery | None:
        """Open the app's Home tab."""
        home = self.workspace.homes.get(user)
        inner: Json = {
            "type": "app_home_opened",
            "user": user,
            "channel": self.workspace.direct_channel(user).id,
            "event_ts": self.workspace.next_ts(),
            "tab": "home",
        }
        if home:
            inner["view"] = view_json(self.workspace, home)
        return self._event("app_home_opened", inner)

    def react(self, user: str, ts: str, name: str) -> Delivery | None:
        """Put an emoji to a message, or take one's own away again; the app gets reaction_added or _removed."""
        message = self.visible_message(user, ts)
        if message.ephemeral_to:
            raise PermissionError("Only messages that everybody sees take reactions.")
        kind = "reaction_added" if self.workspace.toggle_reaction(ts, name, user) else "reaction_removed"
        item = {"type": "message", "channel": message.channel, "ts": ts}
        inner: Json = {"type": kind, "user": user, "reaction": name, "item": item, "item_user": message.user}
        return self._event(kind, inner | {"event_ts": self.workspace.next_ts()})

    def change_user(self, user: str, **values: Any) -> Delivery | None:
        """Change what Slack knows of a person (deleted, guest, timezone, …); the app gets user_change."""
        person = self.workspace.change_user(user, **values)
        shape = user_json(self.workspace, person)
        return self._event(
            "user_change", {"type": "user_change", "user": shape, "event_ts": self.workspace.next_ts()}
        )

    # Buttons

    def click(
        self,
        user: str,
        shown: Message | View | str,
        wanted: str,
        chosen: Any = None,
        values: Mapping[str, Any] | None = None,
        block_id: str = "",
    ) -> Delivery:
        """Press a button or choose from a menu, a confirmation dialog answered with yes.

        shown: a message (as it was when the person saw it), its ts (as it is now), or a view. wanted: the
        label, the action_id, or the option of a menu; block_id: where several have the same. Raises
        PermissionError when the person does not see the message, LookupError when there is nothing of that name.
        """
        person = self.workspace.users[user]
        place = shown if isinstance(shown, View) else self.visible_message(user, shown)
        block, element = fields.find(place.all_blocks, wanted, block_id)
        action = self._action(block, element, wanted, chosen)
        state, _ = fields.filled(place.all_blocks, values or {})
        fields.put_choice(state, block, element, action)
        if isinstance(place, View):
            payload = payloads.view_click(self.workspace, person, place, action, state)
        else:
            payload = payloads.message_click(self.workspace, person, place, action, state)
        delivery = self._deliver("interaction", payload)
        if payload["type"] == "interactive_message" and delivery.body.strip() and not delivery.error:
            take_old_answer(self.workspace, payload, delivery.answer or {"text": delivery.body})
        return delivery

    def suggestions(
        self, user: str, shown: Message | View | str, action_id: str, block_id: str, query: str
    ) -> tuple[Json, list[Json]]:
        """An external menu, and what the app offers in it for what was typed so far, in groups with a label or none."""
        place = shown if isinstance(shown, View) else self.visible_message(user, shown)
        block, element = fields.find(place.all_blocks, action_id, block_id)
        payload = payloads.suggestion(
            self.workspace, self.workspace.users[user], place, block, element, query
        )
        answer = self._deliver("interaction", payload).answer
        groups = answer.get("option_groups") or [{"options": answer.get("options") or []}]
        return element, [group for group in groups if isinstance(group, dict) and group.get("options")]

    def _action(self, block: Json, element: Json, wanted: str, chosen: Any) -> Json:
        if chosen is None and fields.option(element, wanted):
            chosen = wanted
        return fields.action_of(block, element, chosen, self.workspace.next_ts())

    # Shortcuts

    def shortcut(self, user: str, callback_id: str, channel: str = "") -> Delivery:
        """Use one of the app's shortcuts from the menu. channel: the one that is open, which the app is not told."""
        person = self.workspace.users[user]
        return self._deliver("interaction", payloads.shortcut(self.workspace, person, callback_id, channel))

    def message_shortcut(self, user: str, shown: Message | str, callback_id: str) -> Delivery:
        """Use one of the app's shortcuts in the menu of a message."""
        message = self.visible_message(user, shown)
        person = self._in_channel(user, message.channel)
        shape = payloads.message_shortcut(self.workspace, person, message, callback_id)
        return self._deliver("interaction", shape)

    # Forms

    def submit(self, user: str, view: View, given: Mapping[str, Any] | None = None) -> Delivery:
        """Fill in a modal and send it. given: by block_id, action_id or label; the rest keeps its values.

        Raises ValueError for what Slack's client does not let through (a required field left empty),
        LookupError for a field that is not there. The app's answer (errors, update, push, clear) is obeyed.
        """
        view = self._open_view(user, view)
        values, missing = fields.filled(view.blocks, given or {})
        if missing:
            self._show_errors(view, missing)
            raise ValueError("; ".join(f"{field}: {problem}" for field, problem in missing.items()))
        person = self.workspace.users[user]
        payload = payloads.view_submission(self.workspace, person, view, values)
        delivery = self._deliver("interaction", payload)
        if delivery.error:
            self._show_errors(view, {"": TROUBLE})
            return delivery
        try:
            with self.workspace.lock:
                self._obey(view, delivery)
        except SlackError:
            self._show_errors(view, {"": TROUBLE})
        return delivery

    def _obey(self, view: View, delivery: Delivery) -> None:
        action = delivery.answer.get("response_action")
        if action == "errors":
            errors = delivery.answer.get("errors")
            inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
            if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
                raise SlackError("invalid_errors")
            self._show_errors(view, {str(field): str(text) for field, text in errors.items()})
        elif action == "update":
            update_view(self.workspace, view, delivery.answer.get("view") or {})
        elif action == "push":
            push_upon(self.workspace, view, delivery.answer.get("view") or {})
        elif action == "clear":
            self.workspace.drop_view(view.user)
        elif delivery.body.strip() in ("", "{}"):
            self.workspace.drop_view(view.user, view.id)
        else:
            raise SlackError("invalid_response")

    def close_view(self, user: str, view: View | None = None) -> Delivery | None:
        """Close a modal (the top one unless named) unsent; the app is told where it asked for that."""
        stack = self.workspace.views.get(user) or []
        if not stack:
            raise LookupError(f"{self.workspace.users[user].name} has no modal open.")
        view = self._open_view(user, view or stack[-1])
        self.workspace.drop_view(user, "" if view.clear_on_close else view.id)
        if not view.notify_on_close:
            return None
        person = self.workspace.users[user]
        payload = payloads.view_closed(self.workspace, person, view, view.clear_on_close)
        return self._deliver("interaction", payload)

    def _show_errors(self, view: View, errors: Mapping[str, str]) -> None:
        self.workspace.set_errors(view, tuple(errors.items()))

    def _open_view(self, user: str, view: View) -> View:
        for known in self.workspace.views.get(user, []):
            if known.id == view.id:
                return known
        raise LookupError(f"{self.workspace.users[user].name} does not have {view.title!r} open.")

    # Who sees what

    def visible_message(self, user: str, shown: Message | str) -> Message:
        """Raises LookupError when it is gone, PermissionError when the person does not see it."""
        message = self._message(shown)
        person = self._in_channel(user, message.channel)
        if message.ephemeral_to not in ("", user):
            raise PermissionError(f"{person.name} does not see this message: it was shown to somebody else.")
        return message

    def _own(self, user: str, shown: Message | str) -> Message:
        message = self.visible_message(user, shown)
        if message.user != user or message.ephemeral_to or message.subtype not in ("", "me_message"):
            raise PermissionError("Only one's own messages can be edited and deleted.")
        return self._message(message.ts)

    def _message(self, shown: Message | str) -> Message:
        if isinstance(shown, Message):
            return shown
        if shown not in self.workspace.messages:
            raise LookupError(f"This message is gone ({shown}).")
        return self.workspace.messages[shown]

    def _in_channel(self, user: str, channel: str) -> User:
        person = self.workspace.users[user]
        if user not in self.workspace.channels[channel].members:
            raise PermissionError(f"{person.name} is not in this channel.")
        return person
