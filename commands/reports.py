"""What changes nothing: `/lab catalog, list, show, output, history, logs`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from commands import consuming, drift, lab_life
from commands.blueprint import Blueprint, choices_words, written
from commands.checks import health
from commands.costs import prices
from commands.deps import Deps
from commands.labs import holder_words, lab_called
from commands.lifetime import office_hours, wall_clock
from commands.lifetime.moments import destroys_at, is_idle
from commands.lifetime.words import last_use, until, use_and_end
from commands.request import Attachment, Listing, Outcome, Refused, Request, Row
from commands.words import at, code, cut, duration, listed, mention, money, nearest, plural, sums
from state import habits, labs, runs, steps, tfstate, usages
from state.labs import Kind
from state.records import Lab, Run
from state.transitions import RunState

_PAGE_ROWS = 10
_VARIABLES = 12  # of a blueprint that the catalogue tells of
_BY_ITSELF = {
    "lifetime": "by its lifetime",
    "office_hours": "by its office hours",
    "drift": "found by looking",
}
_LIST_KINDS = ("mine", "all", "idle")

T = TypeVar("T")


def catalog(request: Request, deps: Deps) -> Outcome:
    """`/lab catalog`: what may be asked for, what it costs, and how to ask."""
    rows = [
        Row(title=each.name, text=_blueprint_words(each))
        for each in sorted(deps.catalogue.blueprints().values(), key=lambda each: each.name)
    ]
    rows += [
        Row(
            title=f"{each.file}:{each.line}",
            text=f"This blueprint is broken and cannot be asked for: {each.sentence}",
        )
        for each in deps.catalogue.broken()
    ]
    if (wrong := prices.broken(deps.catalogue.path)) is not None:
        said = f"This price table is broken, so plans do not say what they cost: {wrong.sentence}"
        rows.append(Row(title=f"{wrong.file}:{wrong.line}", text=said))
    rows, page, pages = page_of(rows, request.words, _PAGE_ROWS)
    return Outcome(
        listing=Listing(
            "Blueprints", tuple(rows), page, pages, "/lab catalog", "The catalogue has no blueprint yet."
        )
    )


def list_labs(request: Request, deps: Deps) -> Outcome:
    """`/lab list [mine|all|idle]`: the labs that live, the newest first."""
    words = [word for word in request.words[2:] if not word.startswith("page=")]
    kind = words[0] if words else "all"
    if len(words) > 1 or kind not in _LIST_KINDS:
        near = nearest(kind, _LIST_KINDS) or "all"
        raise Refused(f"`/lab list` shows {listed(_LIST_KINDS, 'or')}.", f"/lab list {near}")
    now = deps.now()
    chosen = Kind(owner=request.person if kind == "mine" else None, idle_at=now if kind == "idle" else None)
    count, per_hour = labs.totals(deps.database, chosen)
    page, pages = page_asked(count, request.words, _PAGE_ROWS)
    shown = labs.page(deps.database, chosen, _PAGE_ROWS, (page - 1) * _PAGE_ROWS)
    rows = tuple(
        Row(title=lab.name, text=_lab_words(deps, lab, runs.latest_of(deps.database, lab.id), now))
        for lab in shown
    )
    title = plural(count, "lab")
    if any(per_hour.values()):
        costs = [money(cents, currency) for currency, cents in sorted(per_hour.items()) if cents]
        title += f" · about {listed(costs)} an hour"
    spent = {} if kind == "idle" else usages.month_cents(deps.database, now, owner=chosen.owner)
    if any(cents >= 1 for cents in spent.values()):
        title += f" · {sums(spent)} this month so far"
    empty = {
        "mine": "You have no lab. `/lab catalog` shows what you can ask for.",
        "idle": "No lab is idle.",
    }.get(kind, "There is no lab. `/lab catalog` shows what you can ask for.")
    return Outcome(listing=Listing(title, rows, page, pages, f"/lab list {kind}", empty))


def show(request: Request, deps: Deps) -> Outcome:
    """`/lab show NAME`: one lab, as it is now."""
    lab = lab_called(deps, _one_name(request, "/lab show demo"))
    run = runs.latest_of(deps.database, lab.id)
    now = deps.now()
    lines = [f"*{lab.name}* · {_lab_words(deps, lab, run, now)}"]
    if lab.variables:
        values = [code(f"{key}={written(value)}", 200) for key, value in sorted(lab.variables.items())]
        lines.append(" · ".join(values))
    lines += consuming.words_of(deps, lab)
    used = use_and_end(lab, now) or [last_use(lab, now)]
    lines += [f"Asked for {at(lab.created_at)}.", *used]
    if run is not None and run.sentence:
        lines.append(run.sentence)
    if lab.frozen_because:
        lines.append(f"It is frozen: {lab.frozen_because}")
    state = tfstate.current(deps.database, lab.id)
    if state is not None:
        lines.append(f"Its state holds {plural(state.resources, 'resource')}, serial {state.serial}.")
    lines += drift.last_look(deps, lab, now)
    lines += health.last_look(deps, lab, now)
    lock = tfstate.lock_of(deps.database, lab.id)
    if lock is not None:
        lines.append(f"Its state is locked: {holder_words(lock.holder)}, since {at(lock.locked_at)}.")
    return Outcome("\n".join(lines))


def output(request: Request, deps: Deps) -> Outcome:
    """`/lab output NAME`: what the last apply answered, sensitive values hidden."""
    lab = lab_called(deps, _one_name(request, "/lab output demo"))
    outputs = runs.outputs_of(deps.database, lab.id)
    if outputs is None:
        raise Refused(
            f"*{lab.name}* has not been applied yet, so it has no outputs.", f"/lab show {lab.name}"
        )
    labs.touch(deps.database, lab, deps.now(), request.person, "/lab output")
    if not outputs:
        return Outcome(f"*{lab.name}* has no outputs.")
    rows = tuple(Row(title=name, text=code(written(value), 1000)) for name, value in sorted(outputs.items()))
    return Outcome(listing=Listing(f"Outputs of {lab.name}", rows))


def history(request: Request, deps: Deps) -> Outcome:
    """`/lab history NAME`: its runs, the newest first; a lab that is gone keeps its history."""
    name = _one_name(request, "/lab history demo")
    known = labs.with_name(deps.database, name)
    if not known:
        lab_called(deps, name)
    everything = [run for lab in known for run in runs.of_lab(deps.database, lab.id, limit=500)]
    shown, page, pages = page_of(everything, request.words, _PAGE_ROWS)
    rows = tuple(Row(title=f"{_run_state(run)} · {run.id}", text=_run_words(deps, run)) for run in shown)
    listing = Listing(f"History of {name}", rows, page, pages, f"/lab history {name}")
    drawn = page == 1 and bool(known) and any(lab.applied_at is not None for lab in known)
    zone = wall_clock.zone(habits.of(deps.database, request.person).timezone)
    life = lab_life.life(deps.database, known, deps.now(), zone) if drawn else None
    return Outcome(listing=listing, picture=None if life is None else partial(deps.draw_life, life))


def logs(request: Request, deps: Deps) -> Outcome:
    """`/lab logs RUN`: what Terraform said in that run, secrets taken out."""
    word = _one_name(request, "/lab logs demo")
    run = runs.get(deps.database, word)
    if run is None:
        known = labs.with_name(deps.database, word)
        run = runs.latest_of(deps.database, known[0].id) if known else None
    if run is None:
        raise Refused(
            f"There is no run {code(word)}. `/lab history NAME` shows a lab's runs.", "/lab history demo"
        )
    path = deps.data_path / "logs" / f"{run.id}.log"
    if not path.is_file():
        return Outcome(f"The run `{run.id}` of *{run.lab_name}* has said nothing yet.")
    body = path.read_text(errors="replace")
    last = "\n".join(body.splitlines()[-15:])[-2400:].replace("```", "'''")
    return Outcome(
        f"The last lines of the run `{run.id}` of *{run.lab_name}*:\n```\n{last}\n```",
        attachment=Attachment(f"{run.lab_name}-{run.id}.log", body),
    )


def page_of(everything: Sequence[T], words: tuple[str, ...], size: int) -> tuple[list[T], int, int]:
    """The rows of the page that `page=N` names (the first without it), that page's number, and how many there are."""
    page, pages = page_asked(len(everything), words, size)
    return list(everything[(page - 1) * size : page * size]), page, pages


def page_asked(count: int, words: tuple[str, ...], size: int) -> tuple[int, int]:
    """The page that `page=N` names (the first without it), and how many there are of count rows."""
    pages = max(1, math.ceil(count / size))
    wanted = next((word.removeprefix("page=") for word in words if word.startswith("page=")), "1")
    return min(max(int(wanted), 1), pages) if wanted.isascii() and wanted.isdigit() else 1, pages


def _one_name(request: Request, example: str) -> str:
    words = [word for word in request.words[2:] if not word.startswith("page=")]
    if len(words) != 1:
        raise Refused("Say which one.", example)
    return words[0]


def _blueprint_words(blueprint: Blueprint) -> str:
    lines = [
        f"{blueprint.summary} · {_cost_words(blueprint)} · up to {duration(blueprint.lifetime.max_seconds)}",
        f"`{blueprint.example()}`",  # above what may be cut
    ]
    for name, variable in list(blueprint.variables.items())[:_VARIABLES]:
        choices = f": {choices_words([*map(written, variable.choices)])}" if variable.choices else ""
        default = "required" if variable.required else f"else {written(variable.default)}"
        default = "never typed" if variable.sensitive else default
        lines.append(f"`{name}`{choices} ({default}) {cut(variable.help, 120)}".rstrip())
    if (more := len(blueprint.variables) - _VARIABLES) > 0:
        lines.append(f"and {plural(more, 'variable')} more, which a form shows: `/lab up`")
    return "\n".join(lines)


def _cost_words(blueprint: Blueprint) -> str:
    if blueprint.cost.per_hour_cents is None:
        return "its plan says what it costs"
    return f"about {money(blueprint.cost.per_hour_cents, blueprint.cost.currency)} an hour"


def _lab_words(deps: Deps, lab: Lab, run: Run | None, now: datetime) -> str:
    state = _run_state(run) if run is not None else "asked for"
    if lab.asleep_at is not None and (run is None or run.ended_at is not None):
        state = office_hours.asleep_words(lab, habits.of(deps.database, lab.owner), now)
    made_from = f"{lab.blueprint} from branch {code(lab.branch, 80)}" if lab.branch else lab.blueprint
    words = [made_from, state, mention(lab.owner)]
    if lab.cost_per_hour_cents:
        words.append(f"{money(lab.cost_per_hour_cents, lab.currency)} an hour")
    if is_idle(lab, now):
        words.append(f"idle for {duration((now - lab.last_active_at).total_seconds())}")
    over = destroys_at(lab) if lab.asleep_at is None else None
    if over is not None and over < now:
        words.append(f":red_circle: overdue by {duration((now - over).total_seconds())}")
    elif lab.expires_at is not None and lab.expires_at > now:
        words.append(f"expires {until(lab.expires_at, now)}")
    return " · ".join(words)


def _run_state(run: Run) -> str:
    if run.kind == "destroy" and run.state == RunState.APPLIED:
        return "destroyed"
    if run.kind == "refresh":
        return "drifted" if run.state == RunState.PROPOSED else f"drift {run.state.replace('_', ' ')}"
    if run.kind == "destroy":
        return f"destroy {run.state.replace('_', ' ')}"
    return run.state.replace("_", " ")


def _run_words(deps: Deps, run: Run) -> str:
    counts = {"add": run.counts.add, "change": run.counts.change, "destroy": run.counts.destroy}
    is_planned = run.digest or run.state == RunState.NO_CHANGES  # else nobody knows what it would change
    changes = ", ".join(f"{count} to {what}" for what, count in counts.items() if count)
    changes = changes or ("nothing to change" if is_planned else "")
    words = [_why(deps, run), at(run.created_at), changes]
    return " · ".join(filter(None, words)) + (f"\n{run.sentence}" if run.sentence else "")


def _why(deps: Deps, run: Run) -> str:
    """`asked for by @anna`, `test asked for by @anna`, or what it came from where nobody asked for it."""
    if run.cause in _BY_ITSELF:
        return _BY_ITSELF[run.cause]
    done = steps.of_run(deps.database, run.id) if run.kind == "steps" else []
    names = listed([each.name for each in done if each.state != "skipped" and each.name != "provision"])
    return f"{names} asked for by {mention(run.requester)}".strip()
