"""Follow the catalogue's repository: what a refresh found is recorded, and the admins are told what they must mend."""

from __future__ import annotations

from datetime import datetime

from commands import words
from commands.blueprints.git_catalogue import SHOWN, GitCatalogue, Refreshed, Unusable
from commands.deps import Deps
from commands.grants.reveals import tell_admins
from state import audit, labs

TOLD = 5  # broken files in a message


def refresh(deps: Deps, now: datetime) -> str:
    """Move to the newest commit that can be read. Returns what was done."""
    catalogue = deps.catalogue
    if not isinstance(catalogue, GitCatalogue):
        return "the catalogue is a folder"
    found = catalogue.refresh()
    in_use = found.in_use[:SHOWN]
    if found.before is not None:
        detail = {"before": found.before, "commit": found.in_use}
        audit.append(deps.database, now, "innkeeper", "catalogue_moved", "catalogue", **detail)
    if found.unusable is not None:
        tell_admins(deps, f"catalogue {found.unusable.commit} unusable", _told(found.unusable, in_use))
    removed = catalogue.prune(labs.commits(deps.database))
    return _sentence(found, in_use) + (
        f", removed {words.plural(removed, 'old checkout')}" if removed else ""
    )


def prune(deps: Deps, now: datetime) -> str:
    """Forget what was kept of a catalogue that is a folder, for labs that are gone."""
    if isinstance(deps.catalogue, GitCatalogue):
        return "a refresh does that"
    return (
        f"removed {words.plural(deps.catalogue.prune(labs.commits(deps.database)), 'old copy', 'old copies')}"
    )


def _sentence(found: Refreshed, in_use: str) -> str:
    if found.away:
        return f"stayed at commit {in_use}: {found.away}"
    if found.unusable is not None:
        return f"stayed at commit {in_use}: commit {found.unusable.commit[:SHOWN]} cannot be used"
    if found.before is not None:
        return f"moved the catalogue to commit {in_use}"
    return f"the catalogue is at commit {in_use}"


def _told(unusable: Unusable, in_use: str) -> str:
    said = [
        f"• {words.code(each.file, 100)}, line {each.line}: {each.sentence}"
        for each in unusable.broken[:TOLD]
    ] or [f"• {unusable.sentence}"]
    more = len(unusable.broken) - TOLD
    if more > 0:
        said.append(f"• and {words.plural(more, 'more file')}")
    head = f"The newest commit of the catalogue, `{unusable.commit[:SHOWN]}`, cannot be used. `{in_use}` stays in use."
    return "\n".join([head, *said])
