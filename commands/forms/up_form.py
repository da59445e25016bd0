"""The form that asks for a lab, made from the blueprints: `/lab up` alone, the shortcuts, and a button of the Home tab.

It is opened again, in its own place, whenever somebody chooses another blueprint or lifetime. Its value is the
blueprint whose variables it shows, and the thread that it was opened from: `web 1732.000100`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from commands import consuming, grammar
from commands.audience import is_direct
from commands.blueprint import Blueprint, Variable, written, wrong_value
from commands.costs import budgeting
from commands.deps import Deps
from commands.lab_names import is_free
from commands.request import Field, Form, Refused, Request
from commands.words import DAY, HOUR, code, duration, listed, money, nearest, plural, short

ACTION = "ask_lab"
_LIFETIMES = (
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
)
_MOST = 80  # variables; a modal has 100 blocks
_NAME_HINT = "3 to 40 lower-case letters, digits and hyphens. Left empty, it is named after its blueprint."
_BOOLEANS = ("true", "false")
CHANGED = "This blueprint has changed since the form was opened. Choose another lifetime to see what it asks for now."
STILL_CHANGING = "The form was still changing when you sent it. Look at it once more, and send it again."


def wrong(request: Request, given: Mapping[str, str], deps: Deps) -> dict[str, str]:
    """Field → what is wrong with it, told before the form closes. given: secrets in the clear, kept nowhere."""
    chosen, shown = given.get("blueprint", ""), request.words[1].partition(" ")[0]
    blueprint = deps.catalogue.blueprints().get(chosen)
    if blueprint is None:
        near = nearest(chosen, deps.catalogue.blueprints())
        return {"blueprint": "There is no such blueprint." + (f" Did you mean {near}?" if near else "")}
    if chosen != shown:
        return {"blueprint": STILL_CHANGING}
    if _has_changed(blueprint, given):
        return {"blueprint": CHANGED}
    found = {}
    if name := given.get("name", "").strip():
        found["name"] = _wrong_name(request, name, deps)
    for variable in _asked_for(blueprint):
        text = given.get(f"{blueprint.name}/{variable.name}", "")
        if text or variable.required:
            said = wrong_value(blueprint, variable, text) or _wrong_lab(
                request, deps, blueprint, variable, text
            )
            found[f"{blueprint.name}/{variable.name}"] = said
    if deps.allowed_channels and (channel := given.get("channel")) and channel not in deps.allowed_channels:
        found["channel"] = "I take no commands in that channel. Choose another one."
    return {field: sentence for field, sentence in found.items() if sentence}


def _has_changed(blueprint: Blueprint, given: Mapping[str, str]) -> bool:
    """Whether the form asked for something else than the blueprint does now."""
    asked = {f"{blueprint.name}/{each.name}": each for each in _asked_for(blueprint)}
    gone = [name for name in given if "/" in name and name not in asked and not name.endswith("/ttl=")]
    return bool(gone) or any(each.required and name not in given for name, each in asked.items())


def _wrong_name(request: Request, name: str, deps: Deps) -> str:
    try:
        grammar.lab_name(name)
    except Refused as refused:
        return refused.sentence
    free = is_free(deps, request.person, name)
    return "" if free else f"There is a lab {name} already. Choose another name."


def _wrong_lab(request: Request, deps: Deps, blueprint: Blueprint, variable: Variable, text: str) -> str:
    """What is wrong with the name of a lab that the new one would use."""
    if variable.consumes is None:
        return ""
    try:
        consuming.require_may_use(request, deps, blueprint, variable.name, text)
    except Refused as refused:
        return refused.sentence
    return ""


def form(request: Request, deps: Deps, given: Mapping[str, str] | None = None, thread_ts: str = "") -> Form:
    """The form, as it is once these fields are filled in. It asks for a channel where the request has none.

    Raises Refused when there is nothing to ask for.
    """
    given, channel = given or {}, request.channel
    offered = deps.catalogue.blueprints()
    if not offered:
        raise Refused("The catalogue has no blueprint yet, so there is nothing to ask for.", "/lab catalog")
    chosen = given.get("blueprint", "")
    blueprint = offered.get(chosen) or min(offered.values(), key=_cheapest)
    ttl_seconds = _ttl_seconds(blueprint, given)
    names = tuple(sorted(offered))
    return Form(
        action=ACTION,
        value=f"{blueprint.name} {thread_ts}".strip(),
        title="Ask for a lab",
        submit="Plan it",
        fields=(
            Field(
                "blueprint",
                "Blueprint",
                blueprint.summary,
                choices=names,
                default=blueprint.name,
                live=True,
            ),
            Field("name", "Name", _NAME_HINT, optional=True),
            *(_filled(_field(request, deps, blueprint, variable), given) for variable in _shown(blueprint)),
            _ttl_field(blueprint, ttl_seconds),
            *_channel_field(blueprint, channel),
        ),
        introduction=_introduction(blueprint, chosen),
        summary=_summary(
            blueprint,
            ttl_seconds,
            budgeting.overspent(deps.database, channel, deps.now()) if channel else "",
        ),
    )


def _introduction(blueprint: Blueprint, chosen: str) -> str:
    """What has to be known before anything is filled in; mostly nothing."""
    said = []
    if chosen not in ("", blueprint.name):
        said.append(f"{code(chosen)} is no longer in the catalogue. This is {code(blueprint.name)}.")
    if more := len(_asked_for(blueprint)) - len(_shown(blueprint)):
        has = f"{code(blueprint.name)} has {plural(more, 'variable')} more"
        said.append(
            f"{has}, which keep their defaults here. `/lab up {blueprint.name} demo VAR=VALUE` sets them."
        )
    return " ".join(said)


def _shown(blueprint: Blueprint) -> list[Variable]:
    """The variables that have room in a form: where not all have, those that must be given."""
    asked = _asked_for(blueprint)
    return asked if len(asked) <= _MOST else sorted(asked, key=lambda each: not each.required)[:_MOST]


def _channel_field(blueprint: Blueprint, channel: str) -> tuple[Field, ...]:
    """Asked for where the form was opened nowhere, or in direct messages, where nobody else sees the plan."""
    if channel and not is_direct(channel):
        return ()
    if channel and (not blueprint.approvals.needed or _approves_alone(blueprint)):
        hint = "Where it is approved. Left empty: here, where you alone see it."
        return (Field("channel", "Channel", hint, kind="channel", optional=True),)
    return (Field("channel", "Channel", "Where it is approved.", kind="channel"),)


def _cheapest(blueprint: Blueprint) -> tuple[bool, float, int, str]:
    """By what the form begins with: what costs least, and of those what lives longest."""
    per_hour_cents = blueprint.cost.per_hour_cents
    return per_hour_cents is None, per_hour_cents or 0, -blueprint.lifetime.ttl_seconds, blueprint.name


def _asked_for(blueprint: Blueprint) -> list[Variable]:
    """The variables that people give; those of Vault are read there."""
    return [each for each in blueprint.variables.values() if each.vault is None]


def _field(request: Request, deps: Deps, blueprint: Blueprint, variable: Variable) -> Field:
    """Its name has the blueprint in it: what was typed for one blueprint is not another's."""
    choices, default = tuple(written(each) for each in variable.choices), ""
    if variable.type == "boolean" and not choices:
        choices = _BOOLEANS
    if variable.consumes is not None:
        choices = consuming.usable(request, deps, variable.consumes)
    if variable.default is not None and not variable.sensitive:
        default = written(variable.default)
    return Field(
        name=f"{blueprint.name}/{variable.name}",
        label=variable.name,
        hint=_hint(variable, choices),
        choices=choices,
        kind="some" if variable.type == "list" and choices else "text",
        default=default,
        multiline="\n" in default,
        optional=not variable.required,
        sensitive=variable.sensitive,
    )


def _filled(field: Field, given: Mapping[str, str]) -> Field:
    """The field with what was given for it, where that is one of its choices."""
    value = given.get(field.name, field.default)
    some = value.split(",") if field.kind == "some" else [value]
    is_known = not field.choices or set(some) <= set(field.choices)
    return replace(field, default=value) if is_known and not field.sensitive else field


def _hint(variable: Variable, choices: tuple[str, ...]) -> str:
    if variable.consumes is not None and not choices:
        return f"{variable.help}. There is none yet that you may use, so ask for one first."
    if variable.type != "list" or variable.choices:
        return variable.help
    commas = "Several are separated by commas."
    return f"{variable.help.rstrip('.')}. {commas}" if variable.help else commas


def _ttl_field(blueprint: Blueprint, ttl_seconds: int) -> Field:
    most = blueprint.lifetime.max_seconds
    own = {blueprint.lifetime.ttl_seconds, ttl_seconds, most}
    lives = sorted({each for each in _LIFETIMES if each <= most} | own)
    return Field(
        f"{blueprint.name}/ttl=",
        "Lifetime",
        f"It can be extended, up to {duration(most)} in all.",
        choices=tuple(map(short, lives)),
        labels=tuple(map(duration, lives)),
        default=short(ttl_seconds),
        live=True,
    )


def _ttl_seconds(blueprint: Blueprint, given: Mapping[str, str]) -> int:
    chosen = given.get(f"{blueprint.name}/ttl=", "")
    return grammar.duration(chosen) if chosen else blueprint.lifetime.ttl_seconds


def _summary(blueprint: Blueprint, ttl_seconds: int, overspent: str) -> str:
    """What it costs and who decides: `About $0.02 an hour, $0.16 for 8 h.`"""
    per_hour_cents, currency = blueprint.cost.per_hour_cents, blueprint.cost.currency
    cost = "Its plan says what it costs."
    if per_hour_cents is not None:
        whole = money(per_hour_cents * ttl_seconds / HOUR, currency)
        cost = f"About {money(per_hour_cents, currency)} an hour, {whole} for {duration(ttl_seconds)}."
    return " ".join(filter(None, (cost, _who(blueprint), overspent)))


def _who(blueprint: Blueprint) -> str:
    roles = sorted(blueprint.approvals.needed)
    if not roles:
        return "It needs nobody's approval."
    if _approves_alone(blueprint):
        return "You see the plan first, and can approve it yourself."
    yourself = ", of whom you may be one" if blueprint.approvals.self_approval else ""
    return f"You see the plan first; {listed([f'*{role}*' for role in roles])} people approve it{yourself}."


def _approves_alone(blueprint: Blueprint) -> bool:
    """Whether whoever opens the form, an operator, can approve the plan by themselves."""
    return blueprint.approvals.self_approval and dict(blueprint.approvals.needed) == {"operator": 1}


def words_of(blueprint: Blueprint, given: Mapping[str, str]) -> tuple[str, ...]:
    """The command that says the same. What was left empty is left to its default."""
    name = given.get("name", "").strip()
    said = [
        f"{variable.name}={text}"
        for variable in _asked_for(blueprint)
        if not variable.sensitive and (text := given.get(f"{blueprint.name}/{variable.name}", ""))
    ]
    ttl = given.get(f"{blueprint.name}/ttl=", "")
    return ("lab", "up", blueprint.name, *([name] if name else []), *said, *([f"ttl={ttl}"] if ttl else []))
