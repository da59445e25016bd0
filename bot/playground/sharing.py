"""Files and links that people share."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from bot.playground import payloads, web_files
from bot.playground.conversations import message_kind
from bot.playground.model import Message
from bot.playground.people import People
from bot.playground.typed import LINK, message_text


class Sharing(People):
    """unfurl_domains: those whose links the app is told of, as its manifest names them."""

    unfurl_domains: tuple[str, ...] = ()

    def share_file(
        self, user: str, channel: str, name: str, content: bytes, text: str = "", thread_ts: str = ""
    ) -> Message:
        """Put a file into a conversation, with a text or without."""
        file = web_files.take_chosen(self.workspace, user, name, content)
        return self.share_taken(user, channel, [file.id], text, thread_ts)

    def share_taken(
        self, user: str, channel: str, file_ids: Sequence[str], text: str = "", thread_ts: str = ""
    ) -> Message:
        """Put files that a person has chosen into a conversation. Raises LookupError for one that is not theirs."""
        person = self._in_channel(user, channel)
        known = [self.workspace.files.get(each) for each in file_ids]
        files = tuple(file for file in known if file and file.user == user)
        if not files or len(files) < len(known):
            raise LookupError("This file is gone. Choose it again.")
        words = message_text(self.workspace, text)
        message = Message(
            self.workspace.next_ts(), channel, person.id, words, thread_ts=thread_ts, files=files
        )
        web_files.share(self.workspace, message)
        self._hear(message)
        return message

    def _hear(self, message: Message) -> None:
        place = self.workspace.channels[message.channel]
        if self.workspace.app.user_id in place.members:
            self._event(message_kind(place), payloads.message_event(self.workspace, message, "message"))

    def say(
        self,
        user: str,
        channel: str,
        text: str,
        thread_ts: str | Message | None = None,
        also_to_channel: bool = False,
    ) -> Message:
        message = super().say(user, channel, text, thread_ts, also_to_channel)
        known = [(urlsplit(url).hostname or "", url) for url in LINK.findall(text)]
        links = [
            {"domain": host, "url": url}
            for host, url in known
            if any(host == domain or host.endswith(f".{domain}") for domain in self.unfurl_domains)
        ]
        if links and self.workspace.app.user_id in self.workspace.channels[channel].members:
            self._event("link_shared", payloads.link_shared(self.workspace, message, links))
        return message
