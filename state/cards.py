"""Cards: the messages that show runs. A change of a run makes its card dirty, the notifier makes it clean."""

from __future__ import annotations

from datetime import datetime

from state.database import Database
from state.records import Card
from state.rows import Table, from_text

CARDS: Table[Card] = Table(
    name="cards",
    record=Card,
    decoders={"posting_at": from_text, "updated_at": from_text, "dirty": bool},
)


def create(database: Database, card: Card) -> bool:
    """Keep a new card, and wake the notifier. False: the run has one already, and keeps it."""
    created = CARDS.insert(database, card, "ON CONFLICT (run_id) DO NOTHING") == 1
    database.ring("cards")
    return created


def of_run(database: Database, run_id: str) -> Card | None:
    """The run's card."""
    return CARDS.one(database, "WHERE run_id = :run_id", run_id=run_id)


def dirty(database: Database) -> list[Card]:
    """The cards that do not show what their runs are, in the order in which the cards came.

    Read the run after this: then what is rendered is at least as new as the card's revision.
    """
    return CARDS.select(database, "WHERE dirty = 1 ORDER BY seq")


def mark_dirty(database: Database, run_id: str) -> None:
    """The run has changed: its card must be rendered again."""
    database.execute(
        "UPDATE cards SET dirty = 1, revision = revision + 1 WHERE run_id = :run_id", run_id=run_id
    )
    database.ring("cards")


def mark_dirty_of_lab(database: Database, lab_id: str) -> None:
    """The lab has changed: every card of its runs must be rendered again."""
    database.execute(
        "UPDATE cards SET dirty = 1, revision = revision + 1"
        " WHERE run_id IN (SELECT id FROM runs WHERE lab_id = :lab_id)",
        lab_id=lab_id,
    )
    database.ring("cards")


def begin_posting(database: Database, card: Card, now: datetime) -> bool:
    """The card is about to be posted, or anew where it was deleted. A crash after this may have left it in Slack.

    False: another process has begun since this card was read, so it is that one's to post.
    """
    sql = (
        "UPDATE cards SET posting_at = :now WHERE id = :id"
        " AND COALESCE(ts, '') = COALESCE(:ts, '') AND COALESCE(posting_at, '') = COALESCE(:seen, '')"
    )
    return database.execute(sql, id=card.id, now=now, ts=card.ts, seen=card.posting_at) == 1


def posted(
    database: Database,
    card_id: str,
    ts: str,
    digest: str,
    now: datetime,
    revision: int,
    channel: str | None = None,
) -> None:
    """The card is in Slack under ts and shows digest, as of revision (that of the Card which was rendered).

    Marked again meanwhile, it stays dirty. channel where it is not the one that was asked for: the requester's
    direct messages, as that was closed.
    """
    database.execute(
        "UPDATE cards SET rendered_digest = :digest, updated_at = :now,"
        " ts = :ts, channel = COALESCE(:channel, channel),"
        " dirty = CASE WHEN revision = :revision THEN 0 ELSE 1 END WHERE id = :id",
        id=card_id,
        digest=digest,
        now=now,
        revision=revision,
        ts=ts,
        channel=channel,
    )
