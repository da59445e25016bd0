"""An Ansible without Ansible: it plays tasks that the test names, on the hosts that it is given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from commands.engines.ansible.events import Failure
from commands.engines.ansible.playbook import Play, Played
from commands.engines.openssh import Host, Login


@dataclass(frozen=True)
class FakeTask:
    """One task of the playbook. fails: the hosts on which it fails, and why. lasts: until somebody stops it."""

    name: str
    changes: bool = False
    fails: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    lasts: bool = False
    says: str = ""  # a name of the variables: what the task prints


class FakeAnsible:
    """Set tasks, away (host → why it lets nobody in), broken (why the playbook cannot be read); look at played."""

    def __init__(self, *tasks: FakeTask) -> None:
        self.tasks: list[FakeTask] = list(tasks)
        self.away: dict[str, str] = {}
        self.broken = ""
        self.without_client = ""
        self.played: list[Play] = []
        self.key_ids: list[str] = []

    def missing(self) -> str:
        return self.without_client

    def unreachable(
        self, login: Login, hosts: Sequence[Host], within_seconds: int, stop: Callable[[], bool]
    ) -> Mapping[str, str]:
        return {host.name: self.away[host.name] for host in hosts if host.name in self.away}

    def play(self, play: Play, tell: Callable[[str], None], stop: Callable[[], bool]) -> Played:
        self.played.append(play)
        if self.broken:
            return Played("failed", f"[ERROR]: {self.broken}", reason=self.broken)
        well = [host.name for host in play.hosts]
        failures: dict[str, Failure] = {}
        log, begun, changed = [], 0, 0
        for task in self.tasks:
            if play.tags and not set(play.tags) & set(task.tags):
                continue
            if not well:
                break
            begun += 1
            log.append(f"TASK [{task.name}]")
            tell(f"task {begun}: {task.name}")
            if task.says:
                log.append(json.dumps(play.variables[task.says]))
            if task.lasts:
                end = "stopped" if stop() else "late"
                return Played(end, "\n".join(log), begun, changed)  # type: ignore[arg-type]
            for name in list(well):
                if name in task.fails:
                    failures[name] = Failure(name, task.name, task.fails[name])
                    well.remove(name)
                    log.append(f"fatal: [{name}]: FAILED! => {task.fails[name]}")
                else:
                    changed += task.changes
                    log.append(f"{'changed' if task.changes else 'ok'}: [{name}]")
        end = "failed" if failures else "done"
        return Played(end, "\n".join(log), begun, changed, tuple(failures.values()))  # type: ignore[arg-type]
