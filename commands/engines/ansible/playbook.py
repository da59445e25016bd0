"""Ansible: one playbook on some hosts, in a process of its own that gets nothing of ours but what is said here.

ansible-runner starts it and tells its events. Values are given in a file that only we read, marked so that nothing
in them is evaluated. Source: docs.ansible.com, "Ansible Configuration Settings"; ansible-runner, "Runner Artifact
Job Events".
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import yaml

from commands.engines import openssh
from commands.engines.ansible.events import Failure, Listener
from commands.engines.openssh import Host, Login

AT_ONCE = 20  # hosts
LOG_CHARACTERS = 400_000

_LOOK_SECONDS = 0.1  # how soon a stop is noticed
_AGAIN_SECONDS = 1.0
_SETTINGS = {"pexpect_timeout": _LOOK_SECONDS, "suppress_ansible_output": True}  # of ansible-runner
# What is beside a playbook and is code for Ansible itself, or not Ansible's at all.
_LEFT_OUT = shutil.ignore_patterns(
    *("*_plugins", "plugins", "library", "module_utils", "ansible.cfg"),
    *("*.tf", "*.tf.json", "*.tfvars", ".terraform*", ".git", "__pycache__"),
)


@dataclass(frozen=True)
class Play:
    """What is to be done. folder is private and empty; groups are names of hosts; variables are literal values."""

    folder: Path
    playbook: Path
    login: Login
    hosts: Sequence[Host]
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    is_check: bool = False
    limit_seconds: int = 900

    def __repr__(self) -> str:
        return f"Play({self.playbook.name}, {[host.name for host in self.hosts]}, {sorted(self.variables)})"


@dataclass(frozen=True)
class Played:
    """How it went. log may hold secrets: scrub it."""

    end: Literal["done", "failed", "stopped", "late"]
    log: str
    tasks: int = 0  # that were begun
    changed: int = 0  # of all hosts
    failures: tuple[Failure, ...] = ()  # one a host at most, the first first
    reason: str = ""  # where Ansible itself gave up, before any host


class Ansible(Protocol):
    """What the step deploy asks for."""

    def missing(self) -> str:
        """What this machine lacks to deploy over ssh, or ""."""

    def unreachable(
        self, login: Login, hosts: Sequence[Host], within_seconds: int, stop: Callable[[], bool]
    ) -> Mapping[str, str]:
        """Wait until every host lets us in. Those that do not within the time: name → why."""

    def play(self, play: Play, tell: Callable[[str], None], stop: Callable[[], bool]) -> Played:
        """Run the playbook to its end, or until stop says so, which ends all of its processes."""


class RunnerAnsible:
    """The real one."""

    def missing(self) -> str:
        return "" if openssh.has_client() else openssh.NO_CLIENT

    def unreachable(
        self, login: Login, hosts: Sequence[Host], within_seconds: int, stop: Callable[[], bool]
    ) -> Mapping[str, str]:
        ends_at = time.monotonic() + within_seconds

        def reason(host: Host) -> str:
            while True:
                left = max(1.0, ends_at - time.monotonic())
                answer = openssh.run(login, host, "exit 0", min(left, 2.0 * openssh.CONNECT_SECONDS), stop)
                if answer.exit_code == 0:
                    return ""
                if stop() or time.monotonic() + _AGAIN_SECONDS > ends_at:
                    return answer.reason or f"its shell ends with {answer.exit_code}"
                time.sleep(_AGAIN_SECONDS)

        with ThreadPoolExecutor(max(1, min(AT_ONCE, len(hosts))), "ssh") as pool:
            reasons = list(pool.map(reason, hosts))
        return {host.name: why for host, why in zip(hosts, reasons, strict=True) if why}

    def play(self, play: Play, tell: Callable[[str], None], stop: Callable[[], bool]) -> Played:
        from ansible_runner import Runner, RunnerConfig  # takes a moment, and not every process deploys

        stage(play)
        config = RunnerConfig(
            str(play.folder),
            playbook=play.playbook.name,
            inventory=str(play.folder / "inventory.yaml"),
            ident="run",
            fact_cache_type="",
            tags=",".join(play.tags) or None,
            cmdline="--check --diff" if play.is_check else None,
            timeout=play.limit_seconds,
        )
        config.prepare()
        config.command[0] = str(Path(sys.executable).with_name("ansible-playbook"))
        theirs = {"ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR", "RUNNER_OMIT_EVENTS"}
        config.env = {name: config.env[name] for name in theirs} | environment(play)
        listener = Listener(tell, LOG_CHARACTERS)
        runner = Runner(config, event_handler=listener.hear, cancel_callback=stop)
        try:
            runner.run()
        finally:
            openssh.end_processes(str(play.folder))
        end = {"successful": "done", "canceled": "stopped", "timeout": "late"}.get(runner.status, "failed")
        return Played(
            end,  # type: ignore[arg-type]
            listener.log,
            listener.tasks,
            listener.changed,
            tuple(listener.failures),
            "" if listener.failures or end != "failed" else listener.reason,
        )


def stage(play: Play) -> None:
    """Write all that Ansible reads into play.folder: the sources, the inventory, the values."""
    shutil.copytree(play.playbook.parent, play.folder / "project", symlinks=True, ignore=_LEFT_OUT)
    for name in ("env", "home", "tmp"):
        (play.folder / name).mkdir(mode=0o700)
    (play.folder / "ansible.cfg").touch()  # of ours, so that none is looked for
    _write(play.folder / "inventory.yaml", yaml.safe_dump(inventory(play), sort_keys=False))
    _write(play.folder / "env" / "extravars", literal_yaml(play.variables))
    _write(play.folder / "env" / "settings", yaml.safe_dump(_SETTINGS))


def inventory(play: Play) -> dict[str, Any]:
    """Hosts, how they are reached, and their groups, as Ansible's yaml plugin reads them."""
    hosts = {
        host.name: {"ansible_host": host.address, "ansible_port": host.port, "ansible_user": host.user}
        for host in play.hosts
    }
    children = {group: {"hosts": dict.fromkeys(names)} for group, names in play.groups.items()}
    return {"all": {"hosts": hosts, **({"children": children} if children else {})}}


def literal_yaml(variables: Mapping[str, Any]) -> str:
    """The values as YAML in which no text is a template: `!unsafe`, whatever it has between braces.

    Source: docs.ansible.com, "Advanced playbook syntax: unsafe or raw strings".
    """
    return str(yaml.dump({name: _literal(value) for name, value in variables.items()}, Dumper=_Dumper))


def environment(play: Play) -> dict[str, str]:
    """Beside the few of ssh's, Ansible's own settings: no file, folder or plugin that is not named here."""
    import ansible_runner

    runner = Path(ansible_runner.__file__).parent
    project = play.folder / "project"
    return {
        **openssh.environment(play.folder / "home"),
        "TMPDIR": str(play.folder / "tmp"),
        "ANSIBLE_HOME": str(play.folder / "home"),
        "ANSIBLE_CONFIG": str(play.folder / "ansible.cfg"),
        "ANSIBLE_LOCAL_TEMP": str(play.folder / "tmp"),
        "ANSIBLE_CALLBACK_PLUGINS": str(runner / "display_callback" / "callback"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_ROLES_PATH": str(project / "roles"),
        "ANSIBLE_COLLECTIONS_PATH": str(project / "collections"),
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_SSH_ARGS": openssh.arguments(play.login),
        "ANSIBLE_SSH_RETRIES": "2",
        "ANSIBLE_TIMEOUT": str(openssh.CONNECT_SECONDS),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": str(AT_ONCE),
        "ANSIBLE_PYTHON_INTERPRETER": "auto_silent",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
    }


class _Literal(str):
    pass


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(
    _Literal, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"')
)


def _literal(value: Any) -> Any:
    if isinstance(value, str):
        return _Literal(value)
    if isinstance(value, Mapping):
        return {str(key): _literal(each) for key, each in value.items()}
    return [_literal(each) for each in value] if isinstance(value, list | tuple) else value


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
