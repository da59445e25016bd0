"""The script that hosts run takes the newest list that Innkeeper signed, and in any other case keeps the one it has."""

from __future__ import annotations

import shutil
import stat
import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.grants.krl import Revoked
from state import krls
from tests.bot.serving_hosts import Hosts, serving_hosts
from tests.commands.openssh import Keygen
from tests.conftest import cannot_be_had
from tests.fakes.clock import FakeClock
from tests.fakes.krl_signer import KrlSigner, new_public_key
from tests.integration.host import SCRIPT, Host, Way

pytestmark = pytest.mark.integration

TOOLS = (
    "sh curl flock od tr wc date expr sha256sum sync mktemp rm mv cp cmp chmod mkdir grep cut sed ssh-keygen"
)


@pytest.fixture
def way() -> Way:
    return Way()


@pytest.fixture
def hosts(tmp_path: Path, way: Way) -> Iterator[Hosts]:
    """A bot on a port of its own, by today's clock: hosts compare a list's date with theirs."""
    for tool in ("curl", "openssl", "flock"):
        if shutil.which(tool) is None:
            cannot_be_had(tool)
    with serving_hosts(tmp_path, clock=FakeClock(datetime.now(UTC)), between=way.between) as served:
        yield served


@pytest.fixture
def host(tmp_path: Path, hosts: Hosts) -> Host:
    """A host that has the first list."""
    hosts.told.revokes(1)
    host = Host(tmp_path / "innkeeper")
    done = host.run("install", hosts.base_url)
    assert done.returncode == 0, done.stderr
    return host


def refuses(host: Host, serial: int) -> bool:
    return struct.pack(">Q", serial) in host.has("krl")


def flipped(status: int, body: bytes) -> tuple[int, bytes]:
    return status, body[:-1] + bytes([body[-1] ^ 1])


def test_it_pins_what_it_trusts_and_fetches_the_list(host: Host, hosts: Hosts) -> None:
    assert host.files() == {".lock", "ca.pub", "krl", "krl.pub", "url"}
    assert host.has("ca.pub").decode().strip() == hosts.signer.ca_public_key
    assert host.has("krl.pub").decode() == hosts.signer.signing_public_key()
    assert host.has("krl") == hosts.get("/ssh/krl").content
    modes = {stat.S_IMODE((host.folder / name).stat().st_mode) for name in host.files() - {".lock"}}
    assert modes == {0o644}  # sshd and whoever checks read them


def test_it_says_whom_it_trusts(host: Host, hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "ca.pub").write_text(hosts.signer.ca_public_key + "\n")
    said = host.run("status").stdout
    assert hosts.base_url in said
    assert Keygen(tmp_path).fingerprint("ca") in said
    newest = krls.newest(hosts.database)
    assert newest is not None
    assert f"version {newest.version}, sha256 {newest.digest}" in said


def test_a_revocation_arrives_with_the_next_run(host: Host, hosts: Hosts) -> None:
    hosts.told.revokes(77)
    assert not refuses(host, 77)
    done = host.run()
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.endswith(" UTC is in place.\n")
    assert refuses(host, 77)


def test_nothing_new_is_nothing_to_say_and_nothing_to_write(host: Host, way: Way) -> None:
    before = (host.folder / "krl").stat()
    way.asked.clear()
    done = host.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (host.folder / "krl").stat() == before
    assert way.asked == ["/ssh/krl"]


@pytest.mark.parametrize("path", ["/ssh/krl", "/ssh/krl.sig"])
def test_what_was_changed_on_its_way_is_not_taken(host: Host, hosts: Hosts, way: Way, path: str) -> None:
    before = host.has("krl")
    hosts.told.revokes(77)
    signature = signature_of(hosts)
    way.changes["/ssh/krl.sig"] = lambda *_: (200, signature)  # also for a list of which there is none
    way.changes[path] = flipped
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "is not signed by" in done.stderr
    assert "stays in place" in done.stderr
    way.changes.clear()
    assert host.run().returncode == 0
    assert refuses(host, 77)


def signature_of(hosts: Hosts) -> bytes:
    found = hosts.revocations.newest()
    assert found is not None
    return found.signature


@pytest.mark.parametrize("path", ["/ssh/krl", "/ssh/krl.sig"])
def test_an_answer_that_ends_early_is_not_taken(host: Host, hosts: Hosts, way: Way, path: str) -> None:
    before = host.has("krl")
    hosts.told.revokes(77)
    way.cut.add(path)
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "stays in place" in done.stderr


@pytest.mark.parametrize("size", [0, 20, 43, 60])
def test_a_list_that_was_cut_and_looks_whole_is_not_taken(
    host: Host, hosts: Hosts, way: Way, size: int
) -> None:
    before = host.has("krl")
    hosts.told.revokes(77)
    signature = signature_of(hosts)
    way.changes["/ssh/krl"] = lambda status, body: (status, body[:size])
    way.changes["/ssh/krl.sig"] = lambda *_: (200, signature)
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "is not signed by" in done.stderr


@pytest.mark.parametrize("signature", [b"", b"x" * 63, b"x" * 64, b"x" * 65, b"\0" * 64], ids=range(5))
def test_what_is_no_signature_is_not_taken(host: Host, hosts: Hosts, way: Way, signature: bytes) -> None:
    before = host.has("krl")
    hosts.told.revokes(77)
    way.changes["/ssh/krl.sig"] = lambda *_: (200, signature)
    assert (host.run().returncode, host.has("krl")) == (1, before)


def test_a_list_that_somebody_else_signed_is_not_taken(host: Host, hosts: Hosts) -> None:
    before = host.has("krl")
    hosts.signer.key = KrlSigner().key
    hosts.told.revokes(77)
    hosts.clock.passes(hours=1)
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert f"is not signed by {host.folder}/krl.pub" in done.stderr


@pytest.mark.parametrize("status", [302, 403, 404, 500, 503])
def test_an_answer_that_is_no_list_is_not_taken(host: Host, way: Way, status: int) -> None:
    before = host.has("krl")
    way.changes["/ssh/krl"] = lambda *_: (status, b"<html>")
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert f"/ssh/krl answers with status {status}. The list of " in done.stderr


def test_when_nobody_answers_the_list_stays(tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    with serving_hosts(tmp_path, clock=FakeClock(datetime.now(UTC))) as hosts:
        assert host.run("install", hosts.base_url).returncode == 0
    before = host.has("krl")
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert f"{hosts.base_url} does not answer, or not to the end. The list of " in done.stderr


def test_an_older_list_is_not_taken_though_it_is_signed(host: Host, hosts: Hosts, way: Way) -> None:
    older, its_signature = host.has("krl"), signature_of(hosts)
    hosts.clock.passes(5)
    hosts.told.revokes(77)
    assert host.run().returncode == 0
    before = host.has("krl")
    way.changes["/ssh/krl"] = lambda *_: (200, older)
    way.changes["/ssh/krl.sig"] = lambda *_: (200, its_signature)
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "and no newer than mine" in done.stderr


def test_whoever_only_holds_back_newer_lists_is_noticed_after_a_day(host: Host, hosts: Hosts) -> None:
    hosts.clock.passes(days=-2)
    hosts.told.revokes(77)
    done = host.run()
    assert refuses(host, 77)
    assert done.returncode == 1
    assert "though a new one is signed every hour" in done.stderr
    again = host.run()
    assert (again.returncode, again.stderr) == (1, done.stderr.splitlines(keepends=True)[-1])


def test_a_newer_list_between_a_list_and_its_signature_does_no_harm(
    host: Host, hosts: Hosts, way: Way
) -> None:
    def meanwhile(status: int, body: bytes) -> tuple[int, bytes]:
        hosts.told.revokes(78)
        hosts.revocations.refresh()
        return status, body

    hosts.told.revokes(77)
    way.changes["/ssh/krl"] = meanwhile
    assert host.run().returncode == 0
    assert (refuses(host, 77), refuses(host, 78)) == (True, False)
    assert host.run().returncode == 0
    assert refuses(host, 78)


def test_a_list_whose_signature_is_forgotten_is_fetched_again(host: Host, hosts: Hosts, way: Way) -> None:
    def long_after(status: int, body: bytes) -> tuple[int, bytes]:
        del way.changes["/ssh/krl"]
        for serial in range(100, 100 + krls.KEPT):
            hosts.told.revokes(serial)
            hosts.revocations.refresh()
        return status, body

    hosts.told.revokes(77)
    way.changes["/ssh/krl"] = long_after
    way.asked.clear()
    assert host.run().returncode == 0
    assert way.asked == ["/ssh/krl", "/ssh/krl.sig"] * 2
    assert refuses(host, 99 + krls.KEPT)


def test_a_signed_list_that_would_lock_everybody_out_is_not_taken(
    host: Host, hosts: Hosts, tmp_path: Path
) -> None:
    before = host.has("krl")
    (tmp_path / "ca.pub").write_text(hosts.signer.ca_public_key + "\n")
    hosts.told.now = Revoked(fingerprints=frozenset({Keygen(tmp_path).fingerprint("ca")}))
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "or it refuses the CA itself" in done.stderr


def test_something_else_that_the_key_signed_is_not_taken(host: Host, hosts: Hosts, way: Way) -> None:
    before = host.has("krl")
    way.changes["/ssh/krl"] = lambda *_: (200, b"a plan")
    way.changes["/ssh/krl.sig"] = lambda *_: (200, hosts.signer.sign_bytes(b"a plan"))
    done = host.run()
    assert (done.returncode, host.has("krl")) == (1, before)
    assert "is not a list" in done.stderr


def test_runs_at_the_same_time_do_not_meet(host: Host, hosts: Hosts) -> None:
    hosts.told.revokes(77)
    running = [host.start() for _ in range(8)]
    said = [process.communicate(timeout=60)[1] for process in running]
    assert [process.returncode for process in running] == [0] * 8
    assert len([each for each in said if each]) == 1  # the first put it in place
    assert refuses(host, 77)
    assert host.files() == {".lock", "ca.pub", "krl", "krl.pub", "url"}


def test_what_a_killed_run_left_is_tidied(host: Host) -> None:
    (host.folder / ".new.aB3xYz").mkdir()
    (host.folder / ".new.aB3xYz" / "krl").write_text("half")
    assert host.run().returncode == 0
    assert host.files() == {".lock", "ca.pub", "krl", "krl.pub", "url"}


def test_until_there_is_a_first_list_the_ca_itself_is_refused(hosts: Hosts, way: Way, tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    way.changes["/ssh/krl"] = lambda *_: (503, b"")
    done = host.run("install", hosts.base_url)
    assert done.returncode == 1
    assert "No list is in place, so no certificate is taken." in done.stderr
    assert host.has("krl") == host.has("ca.pub")
    way.changes.clear()
    assert host.run().returncode == 0
    assert host.has("krl") == hosts.get("/ssh/krl").content


@pytest.mark.parametrize("damage", [b"", b"SSHKRL\n\0", b"# nothing"])
def test_a_damaged_list_is_replaced_and_refuses_everything_until_then(
    host: Host, hosts: Hosts, way: Way, damage: bytes
) -> None:
    (host.folder / "krl").write_bytes(damage)
    way.changes["/ssh/krl"] = lambda *_: (503, b"")
    assert host.run().returncode == 1
    assert host.has("krl") == host.has("ca.pub")
    way.changes.clear()
    assert host.run().returncode == 0
    assert host.has("krl") == hosts.get("/ssh/krl").content


def test_that_nothing_is_new_is_not_believed_of_a_host_without_a_list(
    host: Host, way: Way, hosts: Hosts
) -> None:
    (host.folder / "krl").unlink()
    way.changes["/ssh/krl"] = lambda *_: (304, b"")
    assert host.run().returncode == 1
    assert host.has("krl") == host.has("ca.pub")


@pytest.mark.parametrize("name", ["ca.pub", "krl.pub"])
def test_what_was_pinned_is_not_replaced(host: Host, hosts: Hosts, name: str) -> None:
    before = {each: host.has(each) for each in ("ca.pub", "krl.pub", "krl")}
    if name == "ca.pub":
        hosts.signer.ca_public_key = new_public_key()
    else:
        hosts.signer.key = KrlSigner().key
    hosts.clock.passes(hours=1)
    done = host.run("install", hosts.base_url)
    assert done.returncode == 1
    assert f"has another {name} than {host.folder}/{name}" in done.stderr
    assert {each: host.has(each) for each in before} == before
    (host.folder / name).unlink()
    assert host.run("install", hosts.base_url).returncode == 0


def test_a_key_is_not_taken_over_a_way_that_anybody_may_listen_on(tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    clock = FakeClock(datetime.now(UTC))
    with serving_hosts(tmp_path, clock=clock, address="127.0.0.2") as hosts:
        done = host.run("install", hosts.base_url)
        assert done.returncode == 1
        assert f"Use https, or write {host.folder}/ca.pub yourself." in done.stderr
        assert host.files() == {".lock"}
        (host.folder / "ca.pub").write_text(f"{hosts.signer.ca_public_key} by hand\r\n")
        (host.folder / "krl.pub").write_text(hosts.signer.signing_public_key())
        assert host.run("install", hosts.base_url + "/").returncode == 0
        assert host.has("url") == f"{hosts.base_url}\n".encode()


@pytest.mark.parametrize(
    "words",
    [
        ("help",),
        ("install",),
        ("install", "ftp://x"),
        ("install", "https://"),
        ("install", "https://a b"),
        ("update", "x"),
    ],
)
def test_a_wrong_command_is_said_to_be_wrong(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = Host(tmp_path / "innkeeper").run(*words)
    assert done.returncode == 2
    assert "innkeeper-trust" in done.stderr


def test_a_host_that_was_never_installed_is_told_how(tmp_path: Path) -> None:
    host = Host(tmp_path / "innkeeper")
    for words in ((), ("status",)):
        done = host.run(*words)
        assert done.returncode == 1
        assert "say innkeeper-trust install URL" in done.stderr


@pytest.fixture
def old_host(host: Host, tmp_path: Path) -> Host:
    """The host with an openssl that cannot check ed25519, and with no python3."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS.split():
        found = shutil.which(tool)
        assert found is not None, tool
        (folder / tool).symlink_to(found)
    openssl = folder / "openssl"
    openssl.write_text('#!/bin/sh\necho "openssl:Error: usage: pkeyutl -verify -in FILE" >&2\nexit 1\n')
    openssl.chmod(0o755)
    host.environment = {"PATH": str(folder)}
    return host


def test_where_openssl_is_too_old_python_checks_the_signature(
    old_host: Host, hosts: Hosts, way: Way, tmp_path: Path
) -> None:
    python = tmp_path / "bin" / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    before = old_host.has("krl")
    hosts.told.revokes(77)
    way.changes["/ssh/krl.sig"] = flipped
    assert (old_host.run().returncode, old_host.has("krl")) == (1, before)
    way.changes.clear()
    assert old_host.run().returncode == 0
    assert refuses(old_host, 77)


def test_where_nothing_can_check_a_signature_the_host_is_told_what_to_install(
    old_host: Host, hosts: Hosts
) -> None:
    before = old_host.has("krl")
    hosts.told.revokes(77)
    done = old_host.run()
    assert (done.returncode, old_host.has("krl")) == (1, before)
    assert "install openssl 3, or python3-cryptography. The list of " in done.stderr


@pytest.mark.parametrize("tool", ["curl", "flock"])
def test_a_tool_that_is_missing_is_named(old_host: Host, tmp_path: Path, tool: str) -> None:
    (tmp_path / "bin" / tool).unlink()
    done = old_host.run()
    assert done.returncode == 1
    assert f"{tool} is missing: install it. The list of " in done.stderr


def test_a_certificate_is_for_the_lab_in_its_key_id(tmp_path: Path) -> None:
    host = Host(tmp_path)
    assert host.run("principals", "root", "T1-U1:demo:g1").stdout == "root\n"
    (tmp_path / "lab").write_text("demo\n")
    assert host.run("principals", "root", "T1-U1:demo:g1").stdout == "root\n"
    for other in (
        "T1-U1:demo2:g1",
        "T1-U1:x:demo:g1",
        "T1-U1:demo:g:1",
        "demo",
        "",
        ":demo:g",
        "T1-U1:demo:",
    ):
        done = host.run("principals", "root", other)
        assert (done.returncode, done.stdout) == (0, ""), other


def test_the_script_is_for_any_posix_shell() -> None:
    text = SCRIPT.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert not any(word in text for word in ("[[", "local ", "function ", "<<<", "pipefail"))
    assert SCRIPT.stat().st_mode & 0o111
