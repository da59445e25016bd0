"""The form that asks which lab a consumer shall reach, and for how long: `/lab connect` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from commands.deps import Deps
from commands.engines.vault.places import GRANT_MAX_SECONDS
from commands.grammar import duration
from commands.request import Field, Form, Request
from commands.words import duration as written
from state import labs as labs_table
from state.records import Lab

ACTION = "connect_by"
_TIMES = {"most": "As long as the lab may live", "1h": "1 h", "8h": "8 h", "1d": "24 h", "7d": "7 days"}


def form(labs: Sequence[Lab]) -> Form:
    """The form, of labs that publish something; at least one."""
    ids = tuple(lab.id for lab in labs)
    names = tuple(f"{lab.name} · {lab.blueprint}" for lab in labs)
    return Form(
        action=ACTION,
        value="lab",
        title="Connect a consumer",
        submit="Connect",
        introduction="One consumer logs in to Vault, and reads what the lab publishes. Its access ends with the lab.",
        fields=(
            Field("lab", "Lab", choices=ids, labels=names, default=ids[0]),
            Field(
                "ttl", "For how long", choices=tuple(_TIMES), labels=tuple(_TIMES.values()), default="most"
            ),
        ),
    )


def words_of(lab: Lab, given: Mapping[str, str]) -> tuple[str, ...]:
    """The command that says the same."""
    ttl = given.get("ttl", "most")
    return ("lab", "connect", lab.name, *(() if ttl == "most" else (f"ttl={ttl}",)))


def most_seconds(lab: Lab) -> int:
    """How long a consumer of that lab may be let in at once."""
    return min(lab.lifetime.max_seconds, GRANT_MAX_SECONDS)


def wrong(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """Field → what is wrong with it."""
    lab = labs_table.get(deps.database, given.get("lab", ""))
    if lab is None or lab.gone_at is not None:
        return {"lab": "That lab is gone. Choose another one."}
    ttl = given.get("ttl", "most")
    if ttl != "most" and duration(ttl) > most_seconds(lab):
        return {"ttl": f"That is too long: it works for {written(most_seconds(lab))} at most."}
    return {}
