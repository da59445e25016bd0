"""The `innkeeper` command line: serve, worker, init, doctor, demo, audit verify, policy test, lab, bench."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from bot.settings import BadSettings, Settings, read, require_slack, require_vault
from state.records import Person

T = TypeVar("T")

DENIED = 1
BAD = 2  # the exit status for bad usage or configuration

cli = typer.Typer(
    help="A team's labs from its Slack channel: planned, approved, applied, locked, and gone when nobody needs them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
audit_cli = typer.Typer(help="The record of what happened.", no_args_is_help=True)
cli.add_typer(audit_cli, name="audit")
policy_cli = typer.Typer(help="The guardrails of a catalogue.", no_args_is_help=True)
cli.add_typer(policy_cli, name="policy")


@cli.command()
def serve() -> None:
    """Run the bot: Slack, Terraform's state, plans and applies."""
    settings = _settings(require_slack, require_vault)

    from bot import build, server
    from bot.logs import set_up

    log = set_up()
    bot = _checked(lambda: build.build_server(settings))
    assert bot.application is not None

    def ready() -> None:
        gc.freeze()  # what is there now stays: looking through it again and again would hold up requests
        bot.start()
        log.info("ready", address=settings.public_url, terraform=settings.terraform_bin)

    try:
        server.serve(bot.application, settings.host, settings.port, ready)
    except BadSettings as bad:
        _end(str(bad))
    finally:
        bot.stop()
    log.info("stopped")


@cli.command()
def worker() -> None:
    """Plan and apply beside a bot that serves, on the same STATE_URL."""
    settings = _settings(require_slack, require_vault)

    from bot import build
    from bot.logs import set_up

    log = set_up()
    bot = _checked(lambda: build.build_worker(settings))
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    bot.start()
    log.info("ready")
    stopped.wait()
    bot.stop()
    log.info("stopped")


@cli.command()
def init(
    admin: Annotated[str, typer.Option(help="The first admin, as TEAM:USER, such as T0123:U0456.")],
    name: Annotated[str, typer.Option(help="How to call the first admin.")] = "",
) -> None:
    """Prepare a Vault for Innkeeper, with an admin's VAULT_TOKEN. Run it as often as you like."""
    settings = _settings()
    if settings.vault_token is None:
        _end("VAULT_TOKEN is missing: `innkeeper init` needs the token of an admin of Vault.")
    try:
        person = Person.parse(admin)
    except ValueError:
        _end(f"--admin is wrong: {admin[:40]!r} is not TEAM:USER with Slack's ids, such as T0123:U0456.")

    from bot.setup import prepare

    problem = prepare(settings, person, name or person.user)
    if problem:
        _end(problem)


@cli.command()
def doctor() -> None:
    """Look at everything that Innkeeper needs, and say what is wrong and how to mend it."""
    settings = _settings(require_slack, require_vault)

    from bot import build
    from bot.doctor import examine

    deps = _checked(lambda: build.build_deps(settings, build.slack_client(settings)))
    if not examine(deps, build.slack_client(settings)):
        raise typer.Exit(BAD)


@cli.command()
def demo(
    tour: Annotated[str, typer.Option(help="`only`: play the tour and end.", envvar="TOUR")] = "",
    folder: Annotated[Path, typer.Option(help="Where it keeps its data.")] = Path(".innkeeper/demo"),
) -> None:
    """Play Innkeeper on this machine alone: a local Slack, an embedded Vault, real Terraform."""
    from bot.playground.demo import play

    raise typer.Exit(play(folder, only_tour=tour == "only" or not sys.stdout.isatty()))


@audit_cli.command()
def verify() -> None:
    """Walk the audit's hash chain, and name the first entry that was tampered with."""
    settings = _settings()

    from state import audit
    from state.database import connect

    def opened() -> int | None:
        database = connect(settings.state_url)
        database.migrate()
        return audit.verify(database)

    broken = _checked(opened)
    if broken is not None:
        _end(f"The audit is broken at entry {broken}: it, or one before it, is not what was written.")
    typer.echo("The audit is whole.")


@policy_cli.command("test")
def policy_test(
    plan: Annotated[
        Path, typer.Argument(help="What `terraform show -json PLAN` prints.", metavar="PLAN.json")
    ],
    policy: Annotated[Path, typer.Option(help="The folder with the policies.")] = Path("labs/policy"),
    sources: Annotated[Path | None, typer.Option(help="The module's folder: judge it as a branch's.")] = None,
) -> None:
    """Show what the guardrails say of a plan file. The exit status is 1 if they deny it."""
    from rich.console import Console

    from bot import policies

    if not _checked(lambda: policies.run(policy, plan, sources, Console(highlight=False))):
        raise typer.Exit(DENIED)


@cli.command(context_settings={"ignore_unknown_options": True})
def lab(
    words: Annotated[list[str], typer.Argument(help="What one types after /lab in Slack.", metavar="WORD…")],
    wait: Annotated[bool, typer.Option("--wait", help="Until its run has ended.")] = False,
    timeout: Annotated[str, typer.Option(help="How long to wait at most.")] = "1h",
    channel: Annotated[str, typer.Option(help="Instead of INNKEEPER_CHANNEL.")] = "",
    key: Annotated[str, typer.Option(help="The same key again is the same request.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Say it as JSON.")] = False,
) -> None:
    """Ask a bot that serves, from CI or a terminal. Exit status: 0 good, 1 ended badly, 2 refused, 3 still waiting."""
    from bot.client import lab as client

    raise typer.Exit(_checked(lambda: client.main(words, wait, timeout, channel, key, as_json)))


@cli.command()
def bench() -> None:
    """Measure what the project promises, as ratios in one run. In a checkout."""
    if not Path("bench/__main__.py").is_file():
        _end("There is no bench/ here: run `innkeeper bench` in a checkout of Innkeeper.")
    os.execv(sys.executable, [sys.executable, "-m", "bench"])  # noqa: S606


def main() -> None:
    """The console script."""
    cli(prog_name="innkeeper")


def _settings(*requirements: Callable[[Settings], None]) -> Settings:
    try:
        settings = read(os.environ)
        for require in requirements:
            require(settings)
    except BadSettings as bad:
        _end(str(bad))
    return settings


def _checked(work: Callable[[], T]) -> T:
    try:
        return work()
    except (BadSettings, ValueError) as bad:
        _end(str(bad))


def _end(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(BAD)


if __name__ == "__main__":
    main()
