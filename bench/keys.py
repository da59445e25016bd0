"""A certificate from command to private answer, the removal of somebody who holds much, and a long revocation list.

Once through the whole bot, each part a process of its own: from the HTTP request of a client to the moment at which the
local Slack has taken the answer. Once the bot's own parts in this process, with the real OpenBao: the handling of one
recorded request until its answer is ready to be sent; Slack, which is asked who it is, takes no time there.
By hand is hvac alone, in turns with that: one signature, one document.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import parse_qsl

import hvac
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.client import ask_in_turn
from bench.measure import Measure, Tell, absolute, ratio
from bench.parts import Parts, Serving, bot
from bot import requests
from bot.build import build_deps, slack_client
from bot.intake import Intake
from bot.notifier import Notifier
from bot.revocations import Revocations, of_grants
from bot.settings import read
from bot.views.message import Message
from commands.authorise import Standing
from commands.deps import Deps
from commands.engines.vault.protocol import Operator
from commands.people import leaving
from commands.request import Attachment
from state import grants, inbox, labs
from state.database import connect
from state.records import Grant, InboxEntry, Lab, Person

ROUNDS = 5
COMMANDS = 40  # a round
PAUSE_SECONDS = 0.05  # between what one person asks; each is answered by then
HELD, SERIALS = 200, 10_000
SSH_LIMIT, LEAVING_LIMIT_SECONDS, KRL_LIMIT_SECONDS = 3.0, 2.0, 0.1
IN_SLACK_LIMIT = 5.0  # with what Slack itself takes for two calls, and the acknowledgement


class _Silence(Notifier):
    """A Slack that takes every answer at once, and knows when."""

    answered_at = 0.0  # time.perf_counter()

    def __init__(self) -> None:
        """Nothing is sent, so nothing is needed."""

    def answer(self, entry: InboxEntry, message: Message, attachment: Attachment | None = None) -> None:
        """Taken."""
        self.answered_at = time.perf_counter()


@dataclass(frozen=True)
class Bench:
    """One bot's parts, and somebody who may take keys of a lab that is there."""

    deps: Deps
    intake: Intake
    silence: _Silence
    person: Person
    public_key: str
    by_hand: hvac.Client


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Each round on the same Vault; certificates and lists pile up as they do in life."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    ssh, whole = list[tuple[float, float]](), list[tuple[float, float]]()
    leavings, lists = list[float](), list[float]()
    with _bench(parts) as bench, bot(parts, "whole") as serving:
        _keep_a_lab(parts.folder / "whole" / "innkeeper.db", bench.person)
        _through_the_bot(parts, serving, bench)
        revocations = Revocations(
            bench.deps.database, bench.deps.vault, of_grants(bench.deps.database), bench.deps.now
        )
        others = Person(bench.person.team, "U8888")
        _hold(bench, SERIALS, "ssh", revoked=True, person=others)
        revocations.refresh()
        for number in range(rounds):
            tell(f"keys, round {number + 1} of {rounds}")
            by_hand = _by_hand(bench)
            whole.append((_through_the_bot(parts, serving, bench), by_hand))
            ssh.append((_commands(parts, bench), by_hand))
            leavings.append(_leaves(bench, number))
            _hold(bench, 1, "ssh", revoked=True, person=others)
            lists.append(_seconds(revocations.refresh))
    return [
        ratio("/key ssh in Slack, p50", whole, IN_SLACK_LIMIT),
        ratio("/key ssh without Slack, p50", ssh, SSH_LIMIT),
        absolute(f"removal with {HELD} grants", leavings, LEAVING_LIMIT_SECONDS, "s"),
        absolute(f"KRL of {SERIALS:,} serials", lists, KRL_LIMIT_SECONDS, "s"),
    ]


@contextmanager
def _bench(parts: Parts) -> Iterator[Bench]:
    folder = parts.folder / "keys"
    own = {"STATE_URL": f"sqlite:///{folder / 'innkeeper.db'}", "DATA_PATH": str(folder / "data")}
    settings = read({**parts.environment, **own})
    person = Person(parts.slack.address.team, parts.slack.address.user)
    known = Standing(person, "Riley")
    deps = replace(build_deps(settings, slack_client(settings)), standing=lambda asked: known)
    private = Ed25519PrivateKey.generate().public_key()
    public_key = private.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    document = deps.vault.operator(person)
    assert document is not None
    deps.vault.write_operator(replace(document, ssh_public_keys=(public_key,)))
    _keep_a_lab(folder / "innkeeper.db", person)
    by_hand, silence = hvac.Client(settings.vault_addr, token=parts.root_token, timeout=1), _Silence()
    try:
        yield Bench(deps, Intake(deps, silence), silence, person, public_key, by_hand)
    finally:
        deps.database.close()


def _keep_a_lab(path: Path, owner: Person) -> None:
    """A lab that was applied, in a database that is there."""
    now = datetime.now(UTC)
    lab = Lab(
        id="lab-of-the-bench",
        name="bench",
        blueprint="sandbox",
        commit="",
        owner=owner,
        channel="C1",
        variables={},
        sealed_variables=None,
        cost_per_hour_cents=0,
        currency="USD",
        ttl_seconds=8 * 3600,
        created_at=now,
        last_active_at=now,
        expires_at=now + timedelta(hours=8),
        applied_at=now,
    )
    database = connect(f"sqlite:///{path}")
    labs.create(database, lab)
    database.close()


def _through_the_bot(parts: Parts, serving: Serving, bench: Bench) -> float:
    """The median seconds from a request to its answer in Slack."""
    before, bodies = parts.slack.answers(), parts.slack.commands("/key ssh bench", COMMANDS)
    sent_at = ask_in_turn(serving.port, parts.slack.address.signing_secret, bodies, PAUSE_SECONDS)
    answered_at = parts.slack.answered_at(before)
    if len(answered_at) != len(sent_at):
        raise SystemExit(f"{len(answered_at)} of {len(sent_at)} commands were answered in time.")
    return median(end - begin for begin, end in zip(sent_at, answered_at, strict=True))


def _commands(parts: Parts, bench: Bench) -> float:
    """The median seconds of one `/key ssh bench` until its answer is ready, one after the other."""
    taken = []
    for body in parts.slack.commands("/key ssh bench", COMMANDS):
        now = bench.deps.now()
        entry = requests.from_command(dict(parse_qsl(body.decode())), now, bench.intake.blueprint_of)
        inbox.record(bench.deps.database, entry)
        began = time.perf_counter()
        if bench.intake.work(entry, now) != "done":
            raise SystemExit("`/key ssh bench` made no certificate.")
        taken.append(bench.silence.answered_at - began)
    return median(taken)


def _by_hand(bench: Bench) -> float:
    """The median seconds of a signature and of a document, added."""
    sign = partial(
        bench.by_hand.write_data,
        "ssh-lab/sign/lab",
        data={"public_key": bench.public_key, "valid_principals": "root", "ttl": "30m", "key_id": "by-hand"},
    )
    look = partial(
        bench.by_hand.secrets.kv.v2.read_secret_version,
        f"operators/{bench.person.key}",
        mount_point="innkeeper",
        raise_on_deleted_version=True,
    )
    return sum(median(_seconds(call) for _ in range(COMMANDS)) for call in (sign, look))


def _leaves(bench: Bench, number: int) -> float:
    """How long it takes until all that somebody held has ended in Vault."""
    deps, leaver = bench.deps, Person(bench.person.team, f"U9999{number}")
    deps.vault.write_operator(Operator(leaver, "Leaver", ("operator",), (), bench.person.key, deps.now()))
    _hold(bench, HELD, "tls", person=leaver)
    begun = leaving.begin(deps, leaver, bench.person, "removed")
    seconds = _seconds(partial(leaving.walk, deps, begun, deps.now()))
    left = [grant for grant in grants.of_person(deps.database, leaver) if grant.ended_at is None]
    if left:
        raise SystemExit(f"{len(left)} grants of somebody who left have not ended.")
    return seconds


def _hold(bench: Bench, count: int, kind: str, revoked: bool = False, person: Person | None = None) -> None:
    """Give somebody grants: revoked certificates as rows alone, others with a token of their own in Vault."""
    deps, now = bench.deps, bench.deps.now()
    begun = len(grants.of_lab(deps.database, "lab-of-the-bench"))
    tokens = {
        number: None if revoked else deps.vault.grant_token(person or bench.person, f"g{number}", 3600)
        for number in range(begun, begun + count)
    }
    with deps.database.transaction():
        for number, token in tokens.items():
            grants.add(
                deps.database,
                Grant(
                    id=f"g{number}",
                    kind="ssh" if kind == "ssh" else "tls",
                    person=person or bench.person,
                    lab_id="lab-of-the-bench",
                    name="bench",
                    serial=f"{number + 1:016x}",
                    accessor=token.accessor if token is not None else None,
                    issued_at=now,
                    expires_at=now + timedelta(hours=1),
                    revoked_at=now if revoked else None,
                    ended_at=now if revoked else None,
                ),
            )


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
