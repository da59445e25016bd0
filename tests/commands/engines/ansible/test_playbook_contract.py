"""A playbook on hosts: the same on the fake and with Ansible itself, over ssh onto a host of the sandbox."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psutil
import pytest
import yaml

from commands.engines import openssh
from commands.engines.ansible.events import Failure, Listener
from commands.engines.ansible.playbook import Ansible, Play, Played, RunnerAnsible, environment
from commands.engines.openssh import Host, Login
from tests.fakes.ansible import FakeAnsible, FakeTask
from tests.labs.sandbox_machine import Authority, KrlServer, Machine
from tests.waiting import until

pytestmark = pytest.mark.integration
_numbers = itertools.count(1)

# Found again by its words: others who test on this machine have programs that sleep, too.
FOR_EVER = f"sleep 600.{os.getpid()}"


class World(Protocol):
    ansible: Ansible
    hosts: tuple[Host, ...]
    login: Login

    def play(
        self, *tasks: FakeTask, tell: Callable[[str], None] = ..., stop: bool = ..., **more: object
    ) -> Played: ...


class FakeWorld:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ansible = FakeAnsible()
        self.hosts = (Host("one", "192.0.2.1", 22, "root"), Host("two", "192.0.2.2", 22, "root"))
        self.login = Login(folder / "ssh_config", folder)

    def play(
        self, *tasks: FakeTask, tell: Callable[[str], None] = print, stop: bool = False, **more: object
    ) -> Played:
        self.ansible.tasks = list(tasks)
        play = Play(self.folder, self.folder / "site.yml", self.login, self.hosts, **more)  # type: ignore[arg-type]
        return self.ansible.play(play, tell, lambda: stop)

    def close(self) -> None:
        pass


class RealWorld:
    """Two names for one host of the sandbox."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Authority(folder / "ca")
        self.krls = KrlServer(self.ca.krl())
        self.machine = Machine(folder / "hosts").with_ssh(self.ca.public_key, self.krls.url)
        assert self.machine.run("start").returncode == 0
        self.hosts = tuple(Host(name, "127.0.0.1", self.machine.ssh_port, "root") for name in ("one", "two"))
        key = self.ca.certificate("bot", key_id="innkeeper:demo:r1")
        (folder / "login").mkdir()
        self.login = openssh.write_login(
            folder / "login",
            key.read_text(),
            Path(f"{key}-cert.pub").read_text().strip(),
            (folder / "hosts" / "demo-1" / "known_hosts").read_text().splitlines(),
            False,
        )
        self.ansible = RunnerAnsible()

    def play(
        self, *tasks: FakeTask, tell: Callable[[str], None] = print, stop: bool = False, **more: object
    ) -> Played:
        source = self.folder / f"source-{next(_numbers)}"
        source.mkdir()
        (source / "site.yml").write_text(playbook(tasks))
        (source / "ansible.cfg").write_text("[defaults]\nstdout_callback = nonsense\n")
        (source / "callback_plugins").mkdir()
        (source / "callback_plugins" / "spy.py").write_text(
            "raise SystemExit('a plugin of the catalogue ran')"
        )
        work = self.folder / f"work-{next(_numbers)}"
        work.mkdir()
        play = Play(work, source / "site.yml", self.login, self.hosts, **more)  # type: ignore[arg-type]
        begun = time.monotonic()
        return self.ansible.play(play, tell, lambda: stop and time.monotonic() - begun > 2)

    def close(self) -> None:
        openssh.close(self.login)
        self.machine.run("stop")
        self.krls.close()


def playbook(tasks: tuple[FakeTask, ...]) -> str:
    def action(task: FakeTask) -> dict[str, object]:
        done: dict[str, object] = {"name": task.name, "tags": list(task.tags)}
        if task.says:
            return {**done, "ansible.builtin.debug": {"msg": f"{{{{ {task.says} }}}}"}}
        if task.lasts:
            return {**done, "ansible.builtin.raw": FOR_EVER}
        why = "".join(
            f"[ {{{{ inventory_hostname }}}} = {host} ] && {{ echo '{reason}' >&2; exit 1; }}; "
            for host, reason in task.fails.items()
        )
        return {**done, "ansible.builtin.raw": f"{why}true", "changed_when": task.changes}

    return yaml.safe_dump(
        [{"hosts": "all", "gather_facts": False, "tasks": [action(task) for task in tasks]}]
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    world = RealWorld(tmp_path_factory.mktemp("ansible"))
    yield world
    world.close()


@pytest.fixture(params=["fake", "ansible"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return FakeWorld(tmp_path) if request.param == "fake" else request.getfixturevalue("real")


def test_each_task_is_told_and_what_changed_is_counted(world: World) -> None:
    told: list[str] = []
    title = '{{ 1 + 1 }} <b> "quoted" it\'s {% raw %} ${HOME} $(id) ünï\nsecond: line'
    played = world.play(
        FakeTask("greet", says="title"),
        FakeTask("put it there", changes=True),
        tell=told.append,
        variables={"title": title},
    )
    assert told == ["task 1: greet", "task 2: put it there"]
    assert (played.end, played.tasks, played.changed, played.failures) == ("done", 2, 2, ())
    assert "TASK [put it there]" in played.log
    assert '{{ 1 + 1 }} <b> \\"quoted\\" it\'s {% raw %} ${HOME} $(id)' in played.log


def test_what_fails_is_told_with_its_host_its_task_and_why(world: World) -> None:
    played = world.play(
        FakeTask("install nginx", fails={"two": "no space left on device"}),
        FakeTask("start it", changes=True),
    )
    assert (played.end, played.changed) == ("failed", 1)
    (failure,) = played.failures
    assert (failure.host, failure.task, failure.is_unreachable) == ("two", "install nginx", False)
    assert "no space left on device" in failure.reason
    assert "fatal: [two]: FAILED!" in played.log


def test_with_tags_it_keeps_to_those_tasks(world: World) -> None:
    tasks = FakeTask("one", tags=("a",)), FakeTask("two", tags=("b",))
    assert world.play(*tasks, tags=("b",)).tasks == 1
    assert world.play(*tasks, tags=("c",)).tasks == 0


def test_it_stops_when_it_is_told_to(world: World) -> None:
    begun = time.monotonic()
    played = world.play(FakeTask("wait for ever", lasts=True), stop=True)
    assert (played.end, played.failures) == ("stopped", ())
    assert time.monotonic() - begun < 300
    until(lambda: not ansible_processes(world))


def test_a_playbook_has_a_limit(world: World) -> None:
    played = world.play(FakeTask("wait for ever", lasts=True), limit_seconds=2)
    assert played.end == "late"
    until(lambda: not ansible_processes(world))


def ansible_processes(world: World) -> list[str]:
    """What still runs of the playbooks of a world."""
    marker = str(getattr(world, "folder", "-"))
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any("ansible" in word for word in words) and any(f"{marker}/work-" in word for word in words):
            found.append(" ".join(words))
    return found


# What only the real one can show


def test_hosts_are_waited_for_and_told_when_they_stay_away(real: RealWorld) -> None:
    assert real.ansible.unreachable(real.login, real.hosts, 60, lambda: False) == {}
    gone = (
        *real.hosts,
        Host("three", "127.0.0.1", 1, "root"),
        Host("four", "127.0.0.1", real.machine.ssh_port, "anna"),
    )
    away = real.ansible.unreachable(real.login, gone, 5, lambda: False)
    assert set(away) == {"three", "four"}
    assert "Connection refused" in away["three"]
    assert "Permission denied" in away["four"]


def test_a_host_that_goes_away_is_unreachable(real: RealWorld) -> None:
    hosts = real.hosts
    real.hosts = (*hosts[:1], Host("three", "127.0.0.1", 1, "root"))
    try:
        played = real.play(FakeTask("greet"))
    finally:
        real.hosts = hosts
    assert played.end == "failed"
    assert [(each.host, each.is_unreachable) for each in played.failures] == [("three", True)]


def play_for_ever(play: Play) -> None:
    """In a process of its own, which a test kills."""
    RunnerAnsible().play(play, print, lambda: False)


def test_what_a_bot_that_was_killed_has_left_is_ended(real: RealWorld, tmp_path: Path) -> None:
    play = a_play(real, tmp_path, playbook((FakeTask("wait for ever", lasts=True),)))
    bot = multiprocessing.get_context("spawn").Process(target=play_for_ever, args=(play,))

    def sleeping() -> set[int]:
        found = psutil.process_iter(["cmdline"])
        return {each.pid for each in found if FOR_EVER in " ".join(each.info["cmdline"] or [])}

    before = sleeping()  # of the tests before
    bot.start()
    ours = until(lambda: sleeping() - before, 90)
    bot.kill()
    bot.join()
    openssh.end_processes(str(play.folder))
    openssh.end_processes(str(real.login.sockets))
    assert until(lambda: not ours & sleeping(), 30)


def test_a_playbook_that_is_none_is_told_in_ansibles_words(real: RealWorld, tmp_path: Path) -> None:
    play = a_play(real, tmp_path, "- hosts: all\n  tasks: [{no_such_module: x}]\n")
    played = real.ansible.play(play, print, lambda: False)
    assert played.end == "failed"
    assert played.failures == ()
    assert "no_such_module" in played.reason


def test_ansible_inherits_nothing_and_finds_no_secret_on_its_command_line(
    real: RealWorld, tmp_path: Path
) -> None:
    look = "env; tr '\\\\0' ' ' </proc/$PPID/cmdline"
    text = f"""
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.debug: {{msg: "{{{{ lookup('pipe', look) }}}}"}}
      vars: {{look: "{look}"}}
      run_once: true
"""
    play = a_play(real, tmp_path, text, password="canary-7f3a")
    played = real.ansible.play(play, print, lambda: False)
    assert played.end == "done", played.log
    said = played.log.replace("\\n", "\n")
    assert "ansible-playbook" in said
    assert f"HOME={tmp_path}/work/home" in said
    assert "canary-7f3a" not in said
    names = set(re.findall(r"^\W*(\w+)=", said, re.MULTILINE))
    assert {"PATH", "HOME", "ANSIBLE_CONFIG"} <= names
    theirs = os.environ.keys() - environment(play).keys()
    assert names & (theirs - {"PWD", "SHLVL", "_", "LC_CTYPE"}) == set()
    assert oct((tmp_path / "work" / "env" / "extravars").stat().st_mode & 0o777) == "0o600"


def a_play(real: RealWorld, folder: Path, playbook: str, **variables: str) -> Play:
    for name in ("source", "work"):
        (folder / name).mkdir()
    (folder / "source" / "site.yml").write_text(playbook)
    return Play(folder / "work", folder / "source" / "site.yml", real.login, real.hosts, variables=variables)


def test_a_failure_says_one_line() -> None:
    told: list[str] = []
    listener = Listener(told.append, 200)
    listener.hear(
        {
            "event": "playbook_on_task_start",
            "event_data": {"name": "install"},
            "stdout": "TASK [install] ****",
        }
    )
    item = {"failed": True, "msg": "no package x"}
    data = {
        "host": "one",
        "task": "install",
        "res": {"results": [{"failed": False}, item], "msg": "All items completed"},
    }
    listener.hear({"event": "runner_on_failed", "event_data": data, "stdout": "y" * 500})
    ignored = {**data, "host": "two", "ignore_errors": True}
    listener.hear({"event": "runner_on_failed", "event_data": ignored})
    rescued = {**data, "host": "three"}
    listener.hear({"event": "runner_on_failed", "event_data": rescued})
    listener.hear(
        {"event": "playbook_on_stats", "event_data": {"failures": {"one": 1}, "changed": {"two": 2}}}
    )
    assert listener.failures == [Failure("one", "install", "no package x")]
    assert (told, listener.changed) == (["task 1: install"], 2)
    assert listener.log.startswith("TASK [install]\nyyy")
    assert "left out" in listener.log
    assert len(listener.log) < 260
