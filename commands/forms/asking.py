"""Asking for a lab in a form: it is opened, opened anew as somebody chooses, and comes back as `/lab up`."""

from __future__ import annotations

from dataclasses import replace

from commands import labs
from commands.deps import Deps
from commands.forms import from_message, up_form
from commands.request import Outcome, Refused, Request, id_from
from commands.words import mention
from state import outbox, runs
from state.records import OutboxMessage


def ask(request: Request, deps: Deps) -> Outcome:
    """`Ask for a lab`: the button and the shortcut, or `Lab from this thread`, whose value is the thread."""
    thread_ts = request.words[1] if "." in request.words[1] else ""  # a button's value is never empty
    form = up_form.form(request, deps, request.form, thread_ts)
    if request.form:
        form = replace(form, introduction=f"{from_message.NOTE} {form.introduction}".strip())
    return Outcome(form=form)


def ask_again(request: Request, deps: Deps) -> Outcome:
    """Somebody has chosen another blueprint, or how long it shall live."""
    _, _, thread_ts = request.words[1].partition(" ")
    return Outcome(form=up_form.form(request, deps, request.form, thread_ts))


def asked(request: Request, deps: Deps) -> Outcome:
    """The form came back: the same as `/lab up` with what it says."""
    shown, _, thread_ts = request.words[1].partition(" ")
    blueprint = deps.catalogue.get(request.form.get("blueprint", ""))
    if blueprint.name != shown:
        raise Refused(up_form.STILL_CHANGING, "/lab up")
    if not request.channel:
        raise Refused("Say in which channel the lab is planned and approved.", "/lab up")
    outcome = labs.up(replace(request, words=up_form.words_of(blueprint, request.form)), deps)
    if thread_ts and not request.form.get("channel"):  # else the thread is elsewhere
        _tell_thread(request, deps, thread_ts)
    if request.form.get("channel") and outcome == Outcome():  # its card may be where they do not look
        run = runs.get(deps.database, id_from(request.id))
        name = f"*{run.lab_name}*" if run is not None else "It"
        return Outcome(f"{name} is being planned. Its card is in <#{request.channel}>.")
    return outcome


def _tell_thread(request: Request, deps: Deps, thread_ts: str) -> None:
    """Below the message that it was asked from: whose lab, and where its card is."""
    run = runs.get(deps.database, id_from(request.id))
    if run is None:
        return
    told = OutboxMessage(
        id=id_from(f"asked from a thread {request.id}"),
        channel=request.channel,
        text=f"{mention(request.person)} has asked for *{run.lab_name}* from here.",
        due_at=deps.now(),
        run_id=run.id,
        thread_ts=thread_ts,
    )
    outbox.add(deps.database, told)
