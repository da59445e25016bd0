"""What goes into a command and what comes out of it. Commands never talk to Slack: they return an Outcome."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from commands.engines.vault.documents import Operator
from commands.pictures import Picture
from state.records import Button as Button
from state.records import Person

if TYPE_CHECKING:
    from commands.home import Home

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
FORM_VALUE_LIMIT = (
    2800  # characters of a form's value as JSON: Slack carries 3,000 with a modal, the channel in them
)


def id_from(cause: str, length: int = 10) -> str:
    """Ten letters and digits that stand for cause: the same request makes the same run, however often it comes."""
    number = int.from_bytes(hashlib.sha256(cause.encode()).digest(), "big")
    letters = []
    for _ in range(length):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)


class Refused(Exception):
    """A person's mistake or missing right: a sentence that says why, and an example of the right form.

    Both are told to the person as they are (`*bold*`, backticks and <@U…> mentions are kept, all else is escaped).
    """

    def __init__(self, sentence: str, example: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.example = example


class NotTrusted(Refused):
    """It is not this person's to ask for, or not in this way."""


class NotNow(Refused):
    """Who asks cannot be checked now: nothing was done, and it may be asked again in a minute."""


@dataclass(frozen=True)
class Request:
    """One thing that one person asked for, whatever they used to ask: a command, a mention, a click or a form."""

    id: str  # Slack's, the inbox's key
    person: Person
    channel: str  # where it was asked, empty in App Home
    words: tuple[
        str, ...
    ]  # ("lab", "up", "sandbox", "demo", "size=large"), quotes resolved; a click: (action, value)
    form: Mapping[str, str] = field(default_factory=dict)  # what a modal brought, by field name
    sealed_form: bytes | None = (
        None  # its sensitive fields, a JSON object sealed by Vault before it was recorded
    )
    operator: Operator | None = None  # the person's document, read for this request; set by the table
    by_token: bool = (
        False  # it came with the person's Vault token, not from Slack: an agent's comes in no other way
    )


@dataclass(frozen=True)
class Row:
    """One line of a list: a title, what there is to say of it, and at most one button."""

    title: str
    text: str
    button: Button | None = None


@dataclass(frozen=True)
class Listing:
    """A page of a list. again is the command that shows it, so that Previous and Next can ask for another page."""

    title: str
    rows: tuple[Row, ...]
    page: int = 1
    pages: int = 1
    again: str = ""  # "/lab list all"
    empty: str = "Nothing here yet."


FieldKind = Literal["text", "some", "person", "channel"]  # some: several of the choices, joined by commas


@dataclass(frozen=True)
class Field:
    """One input of a form: one of the choices where there are any, else of its kind."""

    name: str
    label: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()  # what is shown of the choices; empty: themselves
    kind: FieldKind = "text"
    live: bool = False  # a choice asks for the form anew: the action ACTION_changed
    default: str = ""
    multiline: bool = False
    optional: bool = False
    sensitive: bool = False  # sealed before it is recorded


@dataclass(frozen=True)
class Form:
    """A modal to open. action names what its submission does, value (FORM_VALUE_LIMIT) what it does it to."""

    action: str
    value: str
    title: str
    submit: str
    fields: tuple[Field, ...]
    introduction: str = ""
    summary: str = ""  # below the fields


@dataclass(frozen=True)
class Attachment:
    """A text file that goes with an answer."""

    name: str
    body: str


@dataclass(frozen=True)
class Secret:
    """Something that is shown in a modal and nowhere else."""

    label: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Revealed:
    """What stands in a modal that only shows."""

    introduction: str
    secrets: tuple[Secret, ...] = ()
    closing: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True)
class Reveal:
    """A modal that shows something once. It is opened first, so that nothing is fetched for nobody.

    fetch gives what it shows, and raises nothing that a person should be told: it says that in what it gives. lost is
    called when that was fetched and Slack would not show it: then nobody will ever see it. afterwards: what takes the
    place of the private message whose button opened it; None: that one may still be of use.
    """

    title: str
    fetch: Callable[[], Revealed]
    lost: Callable[[], object]
    afterwards: Callable[[Revealed], Outcome | None] = lambda revealed: None


@dataclass(frozen=True)
class Outcome:
    """What a command did, for its person's eyes only. What others see are cards, which follow from the runs."""

    text: str = ""
    listing: Listing | None = None
    buttons: tuple[Button, ...] = ()
    form: Form | None = None
    reveal: Reveal | None = None
    attachment: Attachment | None = None
    home: Home | None = None
    picture: Callable[[], Picture | None] | None = None  # drawn when the answer was given, and shown below it
