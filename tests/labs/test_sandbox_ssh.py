"""The ssh server of a sandbox host, as OpenSSH's own client meets it: whom it lets in, and why it refuses others."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.conftest import cannot_be_had
from tests.labs.sandbox_machine import HOST, Authority, KrlServer, Machine, is_open
from tests.waiting import until

pytestmark = pytest.mark.integration


class House:
    """A host with its CA and its list of revoked certificates, and somebody with OpenSSH's client."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = Authority(folder / "ca")
        self.krls = KrlServer(self.ca.krl())
        self.machine = Machine(folder / "hosts").with_ssh(self.ca.public_key, self.krls.url)

    def command(self, key: Path, *words: str, user: str = "root", plain: bool = False) -> list[str]:
        options = [
            *("BatchMode=yes", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "LogLevel=ERROR"),
            *(
                "ConnectTimeout=30",
                f"UserKnownHostsFile={self.known_hosts}",
                "GlobalKnownHostsFile=/dev/null",
            ),
        ]
        if plain:  # apart from its certificate, which the client would find by its name
            key = Path(shutil.copy(key, self.folder / f"{key.name}-plain"))
        else:
            options.append(f"CertificateFile={key}-cert.pub")
        with_options = [word for option in options for word in ("-o", option)]
        return [
            *("ssh", "-F", "none", "-i", str(key)),
            *with_options,
            f"ssh://{user}@127.0.0.1:{self.port}",
            *words,
        ]

    def ssh(
        self, key: Path, *words: str, user: str = "root", plain: bool = False, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = self.command(key, *words, user=user, plain=plain)
        return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)

    @property
    def port(self) -> int:
        return self.machine.ssh_port

    @property
    def known_hosts(self) -> Path:
        return self.machine.folder / "demo-1" / "known_hosts"

    def refusals(self) -> list[str]:
        return [each["because"] for each in self.machine.events("refused")]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    started = house.machine.run("start")
    assert started.returncode == 0, started.stderr
    assert f"demo-1 lets certificates in on ssh://root@127.0.0.1:{house.port}" in started.stdout
    yield house
    house.krls.answers.set()
    house.machine.run("stop")
    house.krls.close()


def test_a_certificate_of_the_ca_lets_in(house: House) -> None:
    key = house.ca.certificate("anna", serial=0xAB12, key_id="T1-U1:demo:g1")
    done = house.ssh(key, "pwd; id -un >&2; exit 3")
    assert (done.returncode, done.stdout.strip()) == (3, str(house.machine.home))
    assert done.stderr.strip() != ""
    assert oct(house.machine.home.stat().st_mode & 0o777) == "0o700"
    (login,) = house.machine.events("login")
    assert (login["key_id"], login["serial"], login["user"], login["host"]) == (
        *("T1-U1:demo:g1", "ab12", "root", "demo-1"),
    )
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", login["at"])
    assert login["from"].startswith("127.0.0.1:")
    until(lambda: house.machine.events("left"))
    assert house.refusals() == []


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_key_of_another_kind_is_as_good(house: House, kind: str) -> None:
    key = house.ca.certificate("anna", kind=kind, serial=7)
    assert house.ssh(key, "echo in").stdout == "in\n"
    house.krls.content = house.ca.krl("sha256: " + key.with_suffix(".pub").read_text().strip(), version=2)
    assert house.ssh(key, "echo in").returncode == 255


def test_a_hundred_megabytes_arrive(house: House) -> None:
    key = house.ca.certificate("anna")
    done = subprocess.run(
        house.command(key, "head -c 100000000 /dev/zero"), capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, len(done.stdout)) == (0, 100_000_000)


def test_many_at_once_each_hear_how_their_command_ended(house: House) -> None:
    key = house.ca.certificate("anna")
    with ThreadPoolExecutor(6) as people:
        ended = list(people.map(lambda number: house.ssh(key, f"exit {number}").returncode, range(30)))
    assert ended == list(range(30))


def test_no_key_is_in_the_log(house: House) -> None:
    key = house.ca.certificate("anna")
    house.ssh(key, "true")
    house.ssh(key, "true", plain=True)
    material = key.with_suffix(".pub").read_text().split()[1]
    assert len(house.machine.events("login")) == 1
    assert "AAAA" not in house.machine.log
    assert material[20:60] not in house.machine.log


def test_standard_input_and_both_outputs_arrive_whole(house: House) -> None:
    key = house.ca.certificate("anna")
    given = "".join(f"line {number}\n" for number in range(40_000))
    done = house.ssh(key, "tee copy; echo aside >&2", given=given)
    assert (done.stdout, done.stderr) == (given, "aside\n")
    assert (house.machine.home / "copy").read_text() == given


def test_a_shell_without_a_command_reads_what_it_is_given(house: House) -> None:
    done = house.ssh(house.ca.certificate("anna"), given="cd /\npwd\nexit 4\n")
    assert (done.returncode, done.stdout) == (4, "/\n")


def test_a_terminal_where_one_is_asked_for(house: House) -> None:
    key = house.ca.certificate("anna")
    command = house.command(key)
    command.insert(1, "-tt")
    done = subprocess.run(
        command,
        input="tty && test -t 1 && echo is-a-$TERM\nexit 5\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TERM": "xterm"},
        check=False,
    )
    assert done.returncode == 5, done.stdout + done.stderr
    assert re.search(r"/dev/(pts/|tty)\w+\n", done.stdout)
    assert "is-a-xterm\n" in done.stdout
    assert "root@demo-1$ " in done.stdout


def test_control_c_reaches_what_runs_on_a_terminal(house: House) -> None:
    command = house.command(house.ca.certificate("anna"), "echo begun; sleep 60; echo not reached")
    command.insert(1, "-tt")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        assert client.stdout.readline() == b"begun\r\n"
        client.stdin.write(b"\x03")
        client.stdin.flush()
        assert b"not reached" not in client.stdout.read()


def test_a_certificate_without_the_right_to_a_terminal_gets_none(house: House) -> None:
    key = house.ca.certificate("anna", options=("no-pty",))
    command = house.command(key, "test -t 0 && echo terminal || echo none")
    command.insert(1, "-tt")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "terminal" not in done.stdout


def test_a_command_that_the_certificate_forces_is_the_only_one(house: House) -> None:
    key = house.ca.certificate("anna", options=("force-command=echo forced",))
    assert house.ssh(key, "echo mine").stdout == "forced\n"


@pytest.mark.parametrize(
    ("more", "because"),
    [
        ({"principal": "alice"}, "it is for alice, not for root"),
        ({"principal": ""}, "it is for nobody, not for root"),
        ({"key_id": "T1-U1:other:g1"}, "it is for the lab other, not for demo"),
        ({"key_id": "demo"}, "its key id names no lab"),
        ({"key_id": "T1-U1:demo:g1:more"}, "its key id names no lab"),
        ({"valid": "-2h:-1h"}, "it has expired"),
        ({"valid": "+1h:+2h"}, "it is not valid yet"),
        ({"options": ("source-address=10.1.2.3/32",)}, "its options do not allow this login"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(house: House, more: dict, because: str) -> None:
    key = house.ca.certificate("anna", **more)
    done = house.ssh(key, "echo in")
    assert (done.returncode, done.stdout) == (255, "")
    assert "Permission denied" in done.stderr
    assert house.refusals()[0] == because
    assert house.machine.events("refused")[0]["key_id"] == more.get("key_id", "T1-U1:demo:g1")
    assert house.machine.events("login") == []


def test_another_cas_certificate_is_refused(house: House, tmp_path: Path) -> None:
    done = house.ssh(Authority(tmp_path / "other").certificate("mallory"), "echo in")
    assert (done.returncode, done.stdout) == (255, "")
    assert house.refusals()[0] == "its CA is not the lab's"
    assert house.krls.requests == []


def test_a_hosts_certificate_is_refused(house: House) -> None:
    done = house.ssh(house.ca.certificate("host", host=True), "echo in")
    assert (done.returncode, done.stdout) == (255, "")
    assert house.machine.events("login") == []


def test_nobody_is_let_in_as_somebody_else_even_with_a_certificate_for_them(house: House) -> None:
    done = house.ssh(house.ca.certificate("anna", principal="deploy"), "echo in", user="deploy")
    assert done.returncode == 255
    assert house.refusals()[0] == "nobody is deploy here, only root"


def test_a_key_without_a_certificate_is_refused_even_the_cas(house: House) -> None:
    for key in (house.ca.new_key("plain"), house.ca.key):
        assert house.ssh(key, "echo in", plain=True).returncode == 255
    assert house.refusals() == ["a key without a certificate lets nobody in"] * 2


def test_a_certificate_needs_its_key(house: House) -> None:
    anna, other = house.ca.certificate("anna"), house.ca.new_key("other")
    os.replace(f"{anna}-cert.pub", f"{other}-cert.pub")
    assert house.ssh(other, "echo in").returncode == 255
    assert house.machine.events("login") == []


@pytest.mark.parametrize(
    ("line", "because"),
    [
        ("serial: 7", "its serial is revoked"),
        ("serial: 5-9", "its serial is revoked"),
        ("id: T1-U1:demo:g1", "its key id is revoked"),
        ("hash: {fingerprint}", "its key is revoked"),
        ("key: {public}", "its key is revoked"),
        ("sha1: {public}", "its key is revoked"),
        ("sha256: {public}", "its key is revoked"),
        ("sha256: {ca}", "its CA is revoked"),
    ],
)
def test_a_revoked_certificate_is_refused_and_others_are_not(house: House, line: str, because: str) -> None:
    anna = house.ca.certificate("anna", serial=7, key_id="T1-U1:demo:g1")
    ben = house.ca.certificate("ben", serial=17, key_id="T1-U2:demo:g2")
    assert house.ssh(anna, "echo in").stdout == "in\n"
    public = anna.with_suffix(".pub")
    said = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout
    line = line.format(fingerprint=said.split()[1], public=public.read_text().strip(), ca=house.ca.public_key)
    house.krls.content = house.ca.krl(line, version=2)
    assert house.ssh(anna, "echo in").returncode == 255
    assert house.refusals()[0] == because
    if "CA" not in because:
        assert house.ssh(ben, "echo in").stdout == "in\n"


def test_an_open_session_ends_when_its_certificate_is_revoked(house: House) -> None:
    anna, ben = house.ca.certificate("anna", serial=7), house.ca.certificate("ben", serial=8)
    with (
        subprocess.Popen(house.command(anna, "echo $$; sleep 60"), stdout=-1, stderr=-1, text=True) as hers,
        subprocess.Popen(house.command(ben, "echo $$; sleep 60"), stdout=-1, text=True) as his,
    ):
        assert hers.stdout is not None
        assert his.stdout is not None
        hers_pid, his_pid = int(hers.stdout.readline()), int(his.stdout.readline())
        house.krls.content = house.ca.krl("serial: 7", version=2)
        _, said = hers.communicate(timeout=60)
        assert "Your certificate lets nobody in any more: its serial is revoked." in said
        until(lambda: not psutil.pid_exists(hers_pid))
        assert psutil.pid_exists(his_pid)
        assert [each["serial"] for each in house.machine.events("shown out")] == ["7"]
        his.terminate()
    until(lambda: not psutil.pid_exists(his_pid))


def test_the_list_is_asked_for_at_each_login_and_sent_only_when_it_is_new(house: House) -> None:
    anna = house.ca.certificate("anna")
    for _ in range(2):
        assert house.ssh(anna, "true").returncode == 0
    statuses = [status for _, status in house.krls.requests]
    assert statuses[0] == 200
    assert len(statuses) >= 3
    assert set(statuses[1:]) == {304}


def test_nobody_is_let_in_before_the_list_was_ever_read(house: House) -> None:
    house.krls.content = None
    anna = house.ca.certificate("anna")
    assert house.ssh(anna, "echo in").returncode == 255
    assert house.refusals()[0].startswith(
        "the list of revoked certificates is not known: The address answers 503"
    )
    house.krls.content = house.ca.krl()
    assert house.ssh(anna, "echo in").stdout == "in\n"


def test_a_list_that_is_no_list_is_not_taken(house: House) -> None:
    anna = house.ca.certificate("anna")
    house.krls.content = house.ca.krl("serial: 99")[:-3]
    assert house.ssh(anna, "echo in").returncode == 255
    assert "It is cut off" in house.refusals()[0]


def test_the_list_that_we_have_serves_while_its_address_is_away(house: House) -> None:
    house.machine.ssh["KRL_WITHIN_SECONDS"] = "1"  # a login has twenty, and looks twice
    house.machine.run("start")
    anna, ben = house.ca.certificate("anna", serial=7), house.ca.certificate("ben", serial=8)
    house.krls.content = house.ca.krl("serial: 8")
    assert house.ssh(anna, "echo in").stdout == "in\n"
    house.krls.answers.clear()
    assert house.ssh(anna, "echo in").stdout == "in\n"
    assert house.ssh(ben, "echo in").returncode == 255
    house.krls.close()
    assert house.ssh(anna, "echo in").stdout == "in\n"


def test_a_list_that_is_too_old_lets_nobody_in(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.machine.ssh["KRL_TRUSTED_SECONDS"] = "0"
    house.machine.run("start")
    anna = house.ca.certificate("anna")
    house.krls.content = None
    assert house.ssh(anna, "echo in").returncode == 255
    house.machine.run("stop")
    house.krls.close()


def test_sftp_works_in_the_labs_folder(house: House, tmp_path: Path) -> None:
    key = house.ca.certificate("anna")
    (tmp_path / "up").write_text("carried")
    command = house.command(key)
    command[:1], command[-1:] = ["sftp", "-b", "-"], [command[-1].replace("ssh", "sftp", 1)]
    batch = f"pwd\nput {tmp_path}/up there\nget there {tmp_path}/down\nmkdir sub\nls -1\n"
    done = subprocess.run(command, input=batch, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"Remote working directory: {house.machine.home}" in done.stdout
    assert (tmp_path / "down").read_text() == "carried"
    assert (house.machine.home / "there").read_text() == "carried"
    assert len(house.machine.events("login")) == 1


def test_nothing_else_is_forwarded(house: House) -> None:
    key = house.ca.certificate("anna")
    command = house.command(key)
    command[1:1] = ["-W", f"127.0.0.1:{house.machine.port}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "administratively prohibited" in done.stderr or "forwarding failed" in done.stderr


def test_a_session_sees_the_system_and_its_own_folder_alone(house: House, tmp_path: Path) -> None:
    if not house.machine.events("ssh server")[0]["confined"]:
        cannot_be_had("Landlock, of Linux 5.13 and newer,")
    (tmp_path / "secret").write_text("of the bot")
    key = house.ca.certificate("anna")
    for look in (
        f"cat {tmp_path}/secret",
        f"ls {tmp_path}",
        f"cat /proc/{os.getpid()}/environ",
        "cat ../host_key",
    ):
        done = house.ssh(key, look)
        assert (done.returncode == 0, done.stdout) == (False, ""), look
        assert "denied" in done.stderr
    assert house.ssh(key, f"kill -0 {os.getpid()}").returncode != 0
    assert (
        house.ssh(key, 'x=$(mktemp) && echo yes > "$x" && cat "$x" && ls /usr/bin >/dev/null').stdout
        == "yes\n"
    )
    house.ssh(key, f"ln -s {tmp_path}/secret link")
    command = house.command(key)
    command[:1], command[-1:] = ["sftp", "-b", "-"], [command[-1].replace("ssh", "sftp", 1)]
    batch = f"get link {tmp_path}/stolen\n"
    assert subprocess.run(command, input=batch, capture_output=True, text=True, check=False).returncode != 0


def test_a_session_has_nothing_of_the_hosts_environment(house: House) -> None:
    seen = house.ssh(house.ca.certificate("anna"), "env").stdout
    assert {line.partition("=")[0] for line in seen.splitlines()} <= {
        *("HOME", "LOGNAME", "OLDPWD", "PATH", "PORT", "PS1", "PWD", "SHELL", "SHLVL", "TMPDIR", "USER", "_"),
    }


def test_what_a_session_started_ends_with_it(house: House) -> None:
    done = house.ssh(house.ca.certificate("anna"), "sleep 60 >/dev/null 2>&1 & echo $!")
    assert until(lambda: not psutil.pid_exists(int(done.stdout)))


def test_stopping_ends_the_sessions_and_removes_the_folder(house: House) -> None:
    key = house.ca.certificate("anna")
    house.ssh(key, "mkdir -p deep/er && touch deep/er/file && chmod 0 deep && ln -s / root")
    command = house.command(key, "echo $$; exec sleep 60")
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True) as client:
        assert client.stdout is not None
        pid = int(client.stdout.readline())
        for _ in range(2):
            stopped = house.machine.run("stop")
            assert stopped.returncode == 0, stopped.stderr
        client.wait(60)
    until(lambda: not psutil.pid_exists(pid))
    assert not house.machine.is_open
    assert not house.machine.folder.exists()


def test_to_start_again_keeps_the_hosts_key_and_the_folder(house: House) -> None:
    key = house.ca.certificate("anna")
    house.ssh(key, "echo kept > file")
    before = house.known_hosts.read_text()
    assert house.machine.run("start", MESSAGE="again").returncode == 0
    assert house.known_hosts.read_text() == before
    assert house.ssh(key, "cat file").stdout == "kept\n"
    assert oct((house.machine.folder / "demo-1" / "host_key").stat().st_mode & 0o777) == "0o600"


def test_a_server_that_hangs_is_stopped_by_force(house: House) -> None:
    os.kill(house.machine.pid, signal.SIGSTOP)
    assert house.machine.run("stop").returncode == 0
    assert not is_open(house.port)


def test_it_outlives_interrupts_and_what_it_starts_does_not_ignore_them(house: House) -> None:
    os.kill(house.machine.pid, signal.SIGHUP)
    os.kill(house.machine.pid, signal.SIGINT)
    done = house.ssh(house.ca.certificate("anna"), "kill -INT $$; echo not reached")
    assert (done.returncode != 0, done.stdout) == (True, "")


@pytest.mark.parametrize(
    ("ssh", "because"),
    [
        ({"SSH_CA": ""}, "ssh_ca_public_key is empty, so nobody could be let in"),
        ({"KRL_URL": ""}, "innkeeper_url is empty, so revoked certificates could not be told from others"),
    ],
)
def test_without_a_ca_or_a_list_there_is_no_ssh_server(tmp_path: Path, ssh: dict, because: str) -> None:
    machine = Machine(tmp_path / "hosts").with_ssh("ssh-ed25519 AAAA", "http://127.0.0.1:1/ssh/krl", **ssh)
    started = machine.run("start")
    assert f"demo-1 has no ssh server: {because}." in started.stdout
    assert machine.events("no ssh server")[0]["because"] == because
    assert (is_open(machine.port), is_open(machine.ssh_port)) == (True, False)
    machine.run("stop")


def test_a_ca_that_is_no_key_leaves_the_host_without_ssh_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "hosts").with_ssh("not a key", "http://127.0.0.1:1/ssh/krl")
    started = machine.run("start")
    assert "demo-1 has no ssh server: its log," in started.stdout
    assert machine.events("no ssh server")[0]["because"].startswith("KeyImportError")
    assert machine.get("/healthz")[0] == 200
    assert not is_open(machine.ssh_port)
    machine.run("stop")


def test_a_python_without_asyncssh_leaves_the_host_without_ssh_and_says_so(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "hosts").with_ssh("ssh-ed25519 AAAA", "http://127.0.0.1:1/ssh/krl")
    bare = sys.executable
    started = subprocess.run(
        [bare, "-I", "-S", str(HOST), "start"],
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"demo-1 has no ssh server: {bare} has no asyncssh" in started.stdout
    assert "pip install asyncssh" in json.dumps(machine.events("no ssh server"))
    machine.run("stop")


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    first = Machine(tmp_path / "first")
    first.run("start")
    second = Machine(tmp_path / "second").with_ssh("ssh-ed25519 AAAA", "http://127.0.0.1:1/ssh/krl")
    second.ssh_port = first.port
    done = second.run("start")
    assert f"Port {first.port} on this machine is taken by the host demo-1 of another lab" in done.stderr
    assert not is_open(second.port)
    first.run("stop")
