"""A catalogue of 500 blueprints: read from nothing, and read again when one of them has changed.

Both for a folder and for a repository in git. There a new commit is fetched, checked out and read by a thread behind,
for which nobody waits; what a request waits for is to read again what differs.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bench.measure import Measure, Tell, absolute
from bench.parts import Parts
from commands.blueprints.catalogue import Catalogue
from commands.blueprints.git_catalogue import GitCatalogue, opened

ROUNDS = 7
BLUEPRINTS = 500
LOAD_LIMIT_SECONDS, RELOAD_LIMIT_SECONDS, REFRESH_LIMIT_SECONDS = 1.0, 0.1, 1.0
SUMMARY = "Web servers behind a firewall, number {number}"

_TEXT = """\
name: {name}
summary: {summary}
terraform: .
variables:
  size: {{default: small, choices: [small, large], help: How much machine}}
  count: {{default: 2, choices: [1, 2, 4]}}
  ports: {{default: [80, 443]}}
  title: {{help: What it is called, pattern: "[A-Z].*"}}
  password: {{sensitive: true, pattern: ".{{8,}}", help: At least eight}}
  token: {{vault: "innkeeper/providers/x#token"}}
cost: {{per_hour: 0.02, currency: EUR}}
lifetime: {{ttl: 8h, max: 3d, idle: 4h, remind_every: 1h, grace: 30m, auto_destroy: polite}}
approvals: {{infra: 1, security: 2, destroy: {{operator: 1, self: true}}}}
credentials: {{DIGITALOCEAN_TOKEN: "innkeeper/providers/digitalocean#token"}}
secure: {{ssh: {{user: root, ttl: 30m}}, tls: {{domain: lab.test}}, database: {{role: readonly}}}}
deploy: {{playbook: site.yml}}
integrate: {{publish: [address, port]}}
test:
  - {{http: "http://${{address}}:${{port}}/healthz", status: 200, within: 10s}}
"""


def measure(parts: Parts, rounds: int, tell: Tell) -> list[Measure]:
    """Each round reads a catalogue that no object of ours has seen, then changes one file of it."""
    folder = parts.folder / "catalogue-labs"
    for number in range(BLUEPRINTS):
        _write(folder, number, "first")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _commit(folder)
    found = []
    for number in range(rounds):
        tell(f"catalogue, round {number + 1} of {rounds}")
        found.append(_round(folder, parts.folder / f"catalogue-data-{number}", number))
    named = f"catalogue of {BLUEPRINTS}"
    limits = {
        "loaded": LOAD_LIMIT_SECONDS,
        "one changed": RELOAD_LIMIT_SECONDS,
        "in git, asked and loaded": LOAD_LIMIT_SECONDS,
        "in git, one changed": RELOAD_LIMIT_SECONDS,
        "in git, fetched and checked out behind": REFRESH_LIMIT_SECONDS,
    }
    return [
        absolute(f"{named}, {name}", [each[index] for each in found], limit, "s")
        for index, (name, limit) in enumerate(limits.items())
    ]


def _round(folder: Path, data: Path, number: int) -> tuple[float, ...]:
    """Seconds, in the order of what is measured."""
    address = f"git+file://{folder}#main"
    plain = Catalogue(folder)
    loaded = _timed(lambda: _read(plain))
    opened(address, data)  # the first time it is cloned
    restarted = _timed(lambda: _read(opened(address, data)))
    refreshing, following = opened(address, data), opened(address, data)
    _read(refreshing)
    _read(following)
    _write(folder, number, f"round {number}")
    reloaded = _timed(lambda: _read(plain))
    _commit(folder)
    assert isinstance(refreshing, GitCatalogue)
    refreshed = _timed(refreshing.refresh)
    followed = _timed(lambda: _read(following))
    for catalogue in (plain, refreshing, following):
        if catalogue.get(f"web-{number}").summary != SUMMARY.format(number=f"round {number}"):
            raise SystemExit("The catalogue was not read again.")
    shutil.rmtree(data)
    return loaded, reloaded, restarted, followed, refreshed


def _read(catalogue: Catalogue) -> None:
    if len(catalogue.blueprints()) != BLUEPRINTS or catalogue.broken():
        raise SystemExit(f"The catalogue is not whole: {catalogue.broken()[:1]}")


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _write(folder: Path, number: int, said: str) -> None:
    own = folder / f"web-{number}"
    own.mkdir(parents=True, exist_ok=True)
    (own / "blueprint.yaml").write_text(_TEXT.format(name=own.name, summary=SUMMARY.format(number=said)))
    (own / "main.tf").write_text('variable "size" {}\n')
    (own / "site.yml").write_text("[]\n")


def _commit(folder: Path) -> None:
    _git(folder, "add", "--all")
    _git(folder, "commit", "--quiet", "--message=Change")


def _git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@lab.test", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)
