"""Consumers: which lab's outputs another lab is given, and as which variable."""

from __future__ import annotations

from dataclasses import dataclass

from state.database import Database
from state.labs import LABS
from state.records import Lab
from state.rows import Table


@dataclass(frozen=True)
class Consumer:
    """One variable of a lab that holds what another lab publishes."""

    consumer_id: str
    variable: str
    provider_id: str


CONSUMERS: Table[Consumer] = Table(name="consumers", record=Consumer, decoders={})


def set(database: Database, consumer: Consumer) -> None:
    """From now on that variable of the lab means that provider."""
    CONSUMERS.insert(
        database,
        consumer,
        "ON CONFLICT (consumer_id, variable) DO UPDATE SET provider_id = excluded.provider_id",
    )


def of_consumer(database: Database, lab_id: str) -> dict[str, Lab]:
    """Variable → the lab that it means, gone or not."""
    found = CONSUMERS.select(database, "WHERE consumer_id = :id ORDER BY variable", id=lab_id)
    providers = {each.variable: LABS.one(database, "WHERE id = :id", id=each.provider_id) for each in found}
    return {variable: lab for variable, lab in providers.items() if lab is not None}


def of_provider(database: Database, lab_id: str) -> list[Lab]:
    """The living labs that consume that lab, by name."""
    tail = (
        "WHERE gone_at IS NULL AND id IN (SELECT consumer_id FROM consumers WHERE provider_id = :id)"
        " AND id <> :id"
    )
    return sorted(LABS.select(database, tail, id=lab_id), key=lambda lab: lab.name)
