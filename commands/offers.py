"""What a lab has for people, by the blueprint that it is made from: for the buttons and outputs on its card."""

from __future__ import annotations

from dataclasses import dataclass

from commands.blueprints import sources
from commands.deps import Deps
from commands.request import Refused
from state.records import Lab


@dataclass(frozen=True)
class Offers:
    """has_ssh: it gives certificates; publish: the outputs that its consumers find, as the blueprint orders them."""

    has_ssh: bool = False
    publish: tuple[str, ...] = ()


NOTHING = Offers()


def offers_of(deps: Deps, lab: Lab) -> Offers:
    """What it has; nothing where its blueprint cannot be read now. What is pressed is checked anew."""
    try:
        blueprint = sources.blueprint_of(deps, lab)
    except Refused:
        return NOTHING
    return Offers(blueprint.secure.ssh is not None, tuple(blueprint.publish))
