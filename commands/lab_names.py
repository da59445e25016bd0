"""Whether a name is free for a new lab: it is no living lab's, but for one of the same person that never came to be."""

from __future__ import annotations

from commands.deps import Deps
from commands.request import Refused
from state import labs, runs, tfstate
from state.records import Lab, Person


def holds_nothing(deps: Deps, lab: Lab) -> bool:
    """Whether nothing would be left behind if the lab were forgotten."""
    return lab.frozen_because is None and tfstate.resources(deps.database, lab.id) == 0


def is_leftover(deps: Deps, lab: Lab, person: Person) -> bool:
    """A lab of that person that never came to be: its name may be used again."""
    return (
        lab.owner == person
        and lab.applied_at is None
        and runs.active_of(deps.database, lab.id) is None
        and holds_nothing(deps, lab)
    )


def is_free(deps: Deps, person: Person, name: str) -> bool:
    """Whether this person may call a new lab so."""
    lab = labs.living(deps.database, name)
    return lab is None or is_leftover(deps, lab, person)


def taken(name: str) -> Refused:
    """What somebody is told who asks for a name that is not free."""
    return Refused(
        f"There is a lab `{name}` already. Choose another name, or look at that one.", f"/lab show {name}"
    )
