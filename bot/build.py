"""The composition root: Settings in, a bot that can be started out. The one place that wires."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot import (
    activity_routes,
    catalogue_routes,
    listeners,
    people,
    readiness,
    scheduler,
    ssh_routes,
    state_backend,
)
from bot.acks import Acks
from bot.api import routes as api_routes
from bot.api.run_watch import RunWatch
from bot.catalogue_refresher import CatalogueRefresher
from bot.catalogue_routes import HookSecret
from bot.home_watch import HomeWatch
from bot.intake import Intake
from bot.liveness import this_process
from bot.metrics import Metrics
from bot.notifier import Notifier
from bot.pictures.costs import cost_picture
from bot.pictures.plan_graph import plan_picture
from bot.pictures.timeline import life_picture
from bot.revocations import Revocations, of_grants
from bot.scheduler import Scheduler
from bot.server import asgi
from bot.settings import BadSettings, Settings
from bot.slack import Slack
from bot.web_client import KeptWebClient
from bot.worker import Worker
from commands import drift, leftovers, offers
from commands.blueprints import refreshing
from commands.blueprints.git_catalogue import GitCatalogue, opened
from commands.checks import health
from commands.costs import budgeting
from commands.costs import report as cost_report
from commands.deps import Deps
from commands.engines.terraform.engine import Terraform
from commands.engines.vault.protocol import AppRole, FixedToken, HvacVault, Login, TokenFile, VaultError
from commands.grants import rekeying, tidying
from commands.lifetime import activity
from commands.lifetime import sweep as lifetime_sweep
from commands.people import leaving
from commands.steps import spine
from state.database import connect
from state.records import Person

SLACK_SECONDS = 10
STOP_SECONDS = 2.0  # for each part, so that all of it is over in less than ten
RENEW_SECONDS = 60
LEAVERS_SECONDS = 3600  # one question to Slack for each operator
LEFTOVERS_SECONDS = 600  # one question to Vault, for all labs
FORGET_SECONDS = 3600

log = structlog.get_logger()


class Part(Protocol):
    """Something with threads of its own."""

    def start(self) -> None: ...
    def stop(self, timeout_seconds: float) -> None: ...


@dataclass(frozen=True)
class Bot:
    """Everything that one process runs. application is None for a process that only works."""

    deps: Deps
    parts: tuple[Part, ...]  # in the order in which they start
    application: Starlette | None

    def start(self) -> None:
        """Start every part."""
        for part in self.parts:
            part.start()

    def stop(self) -> None:
        """Stop taking work, finish what is quick, leave applies running."""
        stopping = [threading.Thread(target=part.stop, args=(STOP_SECONDS,)) for part in reversed(self.parts)]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(STOP_SECONDS * 2)
        self.deps.database.close()


def build_server(settings: Settings) -> Bot:
    """The bot itself: Slack, state, worker, scheduler. Raises BadSettings."""
    client = slack_client(settings)
    deps = build_deps(settings, client)
    slack = Slack(client, deps.now)
    notifier = Notifier(
        slack, deps.database, deps.now, partial(_reviewers, deps), partial(offers.offers_of, deps)
    )
    intake = Intake(deps, notifier)
    app = bolt_app(settings, client)
    listeners.register(app, intake)
    worker = Worker(deps, settings.workers, this_process())
    revocations = Revocations(deps.database, deps.vault, of_grants(deps.database), deps.now)
    jobs = _jobs(deps, intake, worker, settings.sweep_seconds)
    jobs["sign ssh revocations"] = (lambda now: revocations.refresh(), settings.sweep_seconds)
    home_watch = HomeWatch(deps, notifier.home_tab)
    parts: list[Part] = [notifier, worker, intake, home_watch, Scheduler(jobs, deps.now)]
    more = list[BaseRoute]()
    if isinstance(deps.catalogue, GitCatalogue):
        refresher = CatalogueRefresher(partial(refreshing.refresh, deps), deps.now)
        parts.append(refresher)
        more += catalogue_routes.routes(HookSecret(deps.vault.read_field), refresher.ring)
    run_watch = RunWatch(deps.database)
    parts.append(run_watch)
    if settings.slack_app_token is not None:
        parts.append(_Socket(app, settings.slack_app_token.get_secret_value()))
    application = asgi(
        Acks(app, intake.gathered) if settings.slack_app_token is None else None,
        partial(readiness.check, deps, client, revocations.health),
        Metrics(deps.database),
        [
            *state_backend.routes(deps.database, deps.vault, deps.standing, deps.now),
            *ssh_routes.routes(revocations),
            *more,
            *api_routes.routes(deps, intake, run_watch),
            *activity_routes.routes(deps.database, deps.now),
        ],
    )
    return Bot(deps, tuple(parts), application)


def build_worker(settings: Settings) -> Bot:
    """A process that only plans and applies, beside one that serves. Raises BadSettings."""
    deps = build_deps(settings, slack_client(settings))
    worker = Worker(deps, max(1, settings.workers), this_process())
    return Bot(
        deps, (worker, Scheduler({"recover": (worker.recover, settings.sweep_seconds)}, deps.now)), None
    )


def build_deps(settings: Settings, client: KeptWebClient) -> Deps:
    """What commands and steps work with. Raises BadSettings for what is not there."""
    try:
        settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadSettings(
            f"DATA_PATH names {settings.data_path}, which cannot be made ({error.strerror}). Name a folder to write in."
        ) from None
    try:
        database = connect(settings.state_url)
        database.migrate()
        labs = opened(settings.labs_path, settings.data_path)
        labs.blueprints()  # read now, not while the first request waits
        terraform = Terraform(settings.terraform_bin, settings.data_path)
    except ValueError as error:
        raise BadSettings(str(error)) from None
    return Deps(
        database=database,
        vault=vault(settings),
        terraform=terraform,
        catalogue=labs,
        standing=partial(people.standing, client),
        now=utc_now,
        base_url=settings.public_url,
        data_path=settings.data_path.resolve(),
        plan_ttl_seconds=settings.plan_ttl,
        allowed_channels=settings.allowed_channels,
        draw_costs=cost_picture,
        draw_plan=plan_picture,
        draw_life=life_picture,
        steps=spine.STEPS,
    )


def vault(settings: Settings) -> HvacVault:
    """Vault, with the login that the environment gives."""
    return HvacVault(
        settings.vault_addr,
        _login(settings),
        namespace=settings.vault_namespace or "",
        cacert=str(settings.vault_cacert or ""),
        timeout_seconds=settings.vault_seconds,
    )


def slack_client(settings: Settings) -> KeptWebClient:
    """Slack's Web API, or whatever stands at SLACK_API_URL."""
    return KeptWebClient(
        settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        timeout=SLACK_SECONDS,
        retry_handlers=[],  # bot/slack.py obeys Retry-After without holding a thread
    )


def bolt_app(settings: Settings, client: KeptWebClient) -> App:
    """Bolt, listening inline: our listeners only record and acknowledge (FACTS: twelve times faster so)."""
    token = settings.slack_bot_token.get_secret_value()
    return App(
        client=client,
        signing_secret=settings.slack_signing_secret.get_secret_value() or None,
        process_before_response=True,
        logger=logging.getLogger("slack_bolt"),
        # No call to Slack stands between a request and its acknowledgement.
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token),
    )


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def _login(settings: Settings) -> Login:
    if settings.vault_role_id and settings.vault_secret_id is not None:
        return AppRole(settings.vault_role_id, settings.vault_secret_id.get_secret_value())
    if settings.vault_token is not None:
        return FixedToken(settings.vault_token.get_secret_value())
    if settings.vault_token_file is not None:
        return TokenFile(settings.vault_token_file)
    raise BadSettings("VAULT_ROLE_ID is missing: `innkeeper init` prints it, with a secret id.")


def _reviewers(deps: Deps, roles: frozenset[str]) -> list[Person]:
    try:
        people = [each for each in deps.vault.operators() if not each.person.is_agent]
        return [each.person for each in people if roles & set(each.roles)]
    except VaultError:
        return []


def _jobs(
    deps: Deps, intake: Intake, worker: Worker, sweep_seconds: int
) -> dict[str, tuple[scheduler.Job, float]]:
    return {
        "expire proposals": (partial(scheduler.expire_proposals, deps), sweep_seconds),
        "release locks": (partial(scheduler.release_locks, deps), sweep_seconds),
        "take in states": (partial(scheduler.take_in_states, deps), sweep_seconds),
        "retry requests": (intake.resume, sweep_seconds),
        "recover runs": (worker.recover, sweep_seconds),
        "renew Vault's token": (lambda now: deps.vault.renew(), RENEW_SECONDS),
        "remind and destroy": (partial(lifetime_sweep.sweep, deps), sweep_seconds),
        "tell of budgets": (partial(budgeting.sweep, deps), sweep_seconds),
        "send weekly reports": (partial(cost_report.send_weekly, deps), sweep_seconds),
        "forget old blueprints": (partial(refreshing.prune, deps), max(sweep_seconds, FORGET_SECONDS)),
        "tidy grants": (partial(tidying.sweep, deps), sweep_seconds),
        "take back what labs left": (partial(leftovers.sweep, deps), max(sweep_seconds, LEFTOVERS_SECONDS)),
        "remind of certificates": (partial(tidying.remind, deps), sweep_seconds),
        "replace root keys": (partial(rekeying.sweep, deps), sweep_seconds),
        "look for drift": (partial(drift.sweep, deps), sweep_seconds),
        "ask probes": (partial(activity.probe, deps), sweep_seconds),
        "look after labs": (partial(health.sweep, deps), sweep_seconds),
        "see people out": (partial(leaving.sweep, deps), sweep_seconds),
        "look for leavers": (partial(leaving.look_for_leavers, deps), LEAVERS_SECONDS),
        "forget requests": (partial(scheduler.forget_requests, deps), 24 * 3600),
    }


class _Socket:
    """Slack through a websocket, where no public address is wanted."""

    def __init__(self, app: App, app_token: str) -> None:
        self._handler = SocketModeHandler(app, app_token)

    def start(self) -> None:
        self._handler.connect()  # type: ignore[no-untyped-call]

    def stop(self, timeout_seconds: float) -> None:
        self._handler.close()  # type: ignore[no-untyped-call]
