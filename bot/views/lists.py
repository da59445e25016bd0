"""Private answers: what a command said, a list with its pages, a refusal, a fault of ours."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import Block

from bot.views import message
from bot.views.message import Message, data, safe_mrkdwn, section, span
from commands import words
from commands.request import Button, Listing, Outcome, Row

ROWS_SHOWN = 40
_ROWS_CHARACTERS = 9_000  # what is left of Slack's limit is for the title, the pages and the buttons
ANSWER = "answer"  # the block of the buttons of a question that one person is asked
_LIST, _BLOCK_ID = "list", 255  # the block of a row's button: its place, and the command that shows the list
_ROW, _ROW_FRAME = 1200, 100  # of a row's text, and what is around it: where there are many, each is shorter
_FENCE = "```"


def answer(outcome: Outcome) -> Message:
    """An outcome as a private message. One that says nothing of its own is `Done.`

    A click on Previous or Next has the action `page` and the value `/lab list all page=2`; of one on a row's button
    list_around() tells that.
    """
    blocks: list[Block] = _paragraphs(outcome.text)
    if outcome.listing is not None:
        blocks += _listing(outcome.listing)
    if outcome.buttons:
        blocks.append(message.actions(outcome.buttons, block_id=ANSWER))
    return message.message(_spoken(outcome) or "Done.", blocks or [section("Done.")])


def refusal(sentence: str, example: str = "") -> Message:
    """A person's mistake or missing right, and the right form as something to copy."""
    shown = safe_mrkdwn(sentence, 2400)
    blocks = [section(f"{shown}\n{span(example, 500)}" if example else shown)]
    return message.message(f"{shown} {span(example, 500)}" if example else shown, blocks)


def fault(incident_id: str, again: bool = True, doing: str = "") -> Message:
    """Something broke on our side while doing (`reading the catalogue`). The number is in the log.

    again: whether the request is tried once more by itself.
    """
    during = f" while {data(doing)}" if doing else ""
    text = (
        f"Something broke on my side{during} (incident {data(incident_id, 40)}). "
        + ("Your request is kept and I will try again in a minute; " if again else "Ask again later; ")
        + "the admins can find it in the log by that number."
    )
    return message.message(text, [section(text)])


def _paragraphs(text: str) -> list[Block]:
    """Text as sections that Slack takes, cut between lines; a code block that is cut goes on in the next."""
    safe = safe_mrkdwn(text, 9_000).strip()
    blocks: list[Block] = []
    part, fenced = "", False
    for line in safe.split("\n") if safe else []:
        if part and len(part) + len(line) + len(_FENCE) + 2 > message.SECTION_LIMIT:
            blocks.append(section(f"{part}\n{_FENCE}" if fenced else part))
            part = _FENCE if fenced else ""
        part = f"{part}\n{line}" if part else line
        fenced ^= line.count(_FENCE) % 2 == 1
    return [*blocks, section(part)] if part else blocks


def _listing(listing: Listing) -> list[Block]:
    blocks: list[Block] = [section(f"*{data(listing.title)}*")] if listing.title else []
    if not listing.rows:
        blocks.append(section(safe_mrkdwn(listing.empty, 500)))
    room = _ROWS_CHARACTERS
    each_at_most = _each_at_most(listing.rows[:ROWS_SHOWN])
    for place, row in enumerate(listing.rows):
        block = section(_row(row, each_at_most), row.button, _row_id(listing, place) if row.button else None)
        room -= message.characters([block.to_dict()])
        if place == ROWS_SHOWN or room < 0:
            blocks.append(message.context([f"and {len(listing.rows) - place:,} more"]))
            break
        blocks.append(block)
    if listing.pages > 1:
        blocks.append(message.context([f"Page {listing.page} of {listing.pages}"]))
        blocks.append(message.actions(_page_buttons(listing), block_id="pages"))
    return blocks


def _each_at_most(rows: Sequence[Row]) -> int:
    """Characters of each row's text: a long one is cut only where there is no room for it beside the others."""
    whole = sum(len(_row(row, _ROW)) + _ROW_FRAME for row in rows)
    return _ROW if whole <= _ROWS_CHARACTERS else min(_ROW, _ROWS_CHARACTERS // len(rows) - _ROW_FRAME)


def list_around(block_id: str) -> str:
    """The command that shows the list in which a button was pressed: `/key list all page=2`. Empty: it was in none."""
    kind, _, rest = block_id.partition(":")
    return rest.partition(":")[2] if kind == _LIST else ""


def _row_id(listing: Listing, place: int) -> str | None:
    shown = f"{_LIST}:{place}:{listing.again} page={listing.page}"
    return shown if listing.again and len(shown) <= _BLOCK_ID else None


def _row(row: Row, at_most: int) -> str:
    title, text = data(row.title, 150), safe_mrkdwn(row.text, at_most)
    return "\n".join(part for part in (f"*{title}*" if title else "", text) if part)


def _page_buttons(listing: Listing) -> list[Button]:
    around = {"Previous": min(listing.page - 1, listing.pages), "Next": listing.page + 1}
    return [
        Button(label, "page", f"{listing.again} page={page}")
        for label, page in around.items()
        if 1 <= page <= listing.pages
    ]


def _spoken(outcome: Outcome) -> str:
    """The same for notifications and screen readers: what was said, the list's title and its first rows."""
    parts = [safe_mrkdwn(outcome.text, 2000)] if outcome.text.strip() else []
    if (listing := outcome.listing) is not None:
        titles = [data(row.title, 60) for row in listing.rows[:10]]
        said = words.listed(titles) or safe_mrkdwn(listing.empty, 500)
        parts.append(f"{data(listing.title)}: {said}" if listing.title else said)
    return " ".join(parts) or words.listed([data(button.label) for button in outcome.buttons], "or")
