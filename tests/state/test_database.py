"""The gate: addresses, transactions, and who is woken when."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from state import inbox
from state.database import Database, connect, from_text, to_text
from state.migrations import MIGRATIONS
from tests.state.examples import NOW, a_request

OpenDatabase = Callable[[], Database]


def do_and_fail(database: Database, do: Callable[[], object]) -> None:
    with database.transaction():
        do()
        raise RuntimeError


def ids(database: Database) -> list[str]:
    return [entry.id for entry in inbox.pending(database)]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "innkeeper.db",
        "mysql://here/db",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///a?mode=ro",
    ],
)
def test_an_address_of_another_kind_is_refused_with_the_right_form(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///relative"):
        connect(url)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and by no means a database\n" * 100)
    with pytest.raises(ValueError, match=r"notes\.txt, which does not open as a SQLite database"):
        connect(f"sqlite:///{path}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="does not open as a SQLite database"):
        connect(f"sqlite:///{tmp_path}/file/state.db")


def test_a_server_that_is_not_there_is_said_without_the_password() -> None:
    with pytest.raises(ValueError, match="Check that it runs") as raised:
        connect("postgresql://innkeeper:hunter2@127.0.0.1:1/state")
    assert "hunter2" not in str(raised.value)


def test_without_its_driver_postgresql_says_what_to_install() -> None:
    code = "import sys; sys.modules['psycopg'] = None\nfrom state.database import connect\nconnect('postgresql://x')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ValueError: STATE_URL names PostgreSQL" in ended.stderr
    assert "pip install 'innkeeper[postgresql]'" in ended.stderr


def test_the_file_is_made_with_its_folder_for_its_owner_alone(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/new/state.db")
    database.close()
    assert stat.S_IMODE((tmp_path / "new/state.db").stat().st_mode) == 0o600


def test_a_commit_in_sqlite_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path}/state.db")
    settings = {
        name: database.row(f"PRAGMA {name}") for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    database.close()
    assert settings == {
        "journal_mode": {"journal_mode": "wal"},
        "synchronous": {"synchronous": 2},
        "foreign_keys": {"foreign_keys": 1},
    }


def test_times_sort_as_text_and_come_back_whole() -> None:
    assert to_text(NOW) == "2026-11-24T09:00:00.000000Z"
    assert from_text(to_text(NOW)) == NOW
    with pytest.raises(ValueError, match="without a zone"):
        to_text(NOW.replace(tzinfo=None))


def test_migrating_again_changes_nothing(database: Database) -> None:
    inbox.record(database, a_request())
    database.migrate()
    assert ids(database) == ["trigger1"]
    assert len(database.rows("SELECT name FROM migrations")) == len(MIGRATIONS)


@pytest.mark.integration
def test_processes_that_migrate_at_once_do_not_disturb_each_other(state_url: str) -> None:
    code = "import sys; from state.database import connect; connect(sys.argv[1]).migrate(); print('done')"
    started = [
        subprocess.Popen([sys.executable, "-c", code, state_url], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[0] for process in started] == ["done\n"] * 4


def test_what_fails_in_a_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        do_and_fail(database, lambda: inbox.record(database, a_request()))
    assert ids(database) == []


def test_a_part_that_fails_is_undone_alone_when_the_whole_goes_on(database: Database) -> None:
    with database.transaction():
        inbox.record(database, a_request(id="kept"))
        with pytest.raises(RuntimeError):
            do_and_fail(database, lambda: inbox.record(database, a_request(id="undone")))
    assert ids(database) == ["kept"]


def test_a_statement_that_the_database_refuses_ends_only_its_part(database: Database) -> None:
    with database.transaction():
        inbox.record(database, a_request(id="kept"))
        with pytest.raises(Exception, match="nowhere"), database.transaction():
            database.execute("UPDATE nowhere SET a = 1")
        inbox.record(database, a_request(id="kept too"))
    assert ids(database) == ["kept", "kept too"]


@pytest.mark.integration
def test_a_process_killed_before_it_commits_leaves_nothing(state_url: str, database: Database) -> None:
    code = (
        "import sys; from state.database import connect; from state import inbox\n"
        "from tests.state.examples import a_request\n"
        "database = connect(sys.argv[1])\n"
        "inbox.record(database, a_request(id='committed'))\n"
        "with database.transaction():\n"
        "    inbox.record(database, a_request(id='lost'))\n"
        "    print('written', flush=True); sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, state_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert ids(database) == ["committed"]
    inbox.record(database, a_request(id="after"))
    assert ids(database) == ["committed", "after"]


def test_what_a_transaction_has_read_stays_true_until_it_ends(
    database: Database, open_database: OpenDatabase
) -> None:
    """Two processes that count up by reading and then writing lose nothing."""
    database.execute("CREATE TABLE counter (value BIGINT)")
    database.execute("INSERT INTO counter (value) VALUES (0)")

    def count(gate: Database) -> None:
        for _ in range(50):
            with gate.transaction():
                row = gate.row("SELECT value FROM counter")
                assert row is not None
                gate.execute("UPDATE counter SET value = :value", value=row["value"] + 1)

    threads = [threading.Thread(target=count, args=(gate,)) for gate in (database, database, open_database())]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert database.row("SELECT value FROM counter") == {"value": 150}


def test_text_that_a_database_would_refuse_is_kept_as_near_as_it_goes(database: Database) -> None:
    inbox.record(database, a_request(payload={"text": "nul \0, half \ud800, whole \U0001f511"}))
    inbox.finish(database, "trigger1", NOW, "nul \0, half \ud800, whole \U0001f511")
    entry = inbox.get(database, "trigger1")
    assert entry is not None
    assert entry.payload == {"text": "nul \0, half \ud800, whole \U0001f511"}
    assert entry.answer == "nul \ufffd, half ?, whole \U0001f511"


def test_a_percent_sign_and_a_colon_are_only_text(database: Database) -> None:
    row = database.row("SELECT '100%' AS share, CAST(:value AS TEXT) AS value", value="a:b %s %(x)s")
    assert row == {"share": "100%", "value": "a:b %s %(x)s"}


def test_a_server_that_was_restarted_is_found_again(postgresql_url: str) -> None:
    database = connect(postgresql_url)
    database.migrate()
    killer = connect(postgresql_url)
    row = database.row("SELECT pg_backend_pid() AS pid")
    assert row is not None
    killer.row("SELECT pg_terminate_backend(CAST(:pid AS INTEGER), 5000)", pid=row["pid"])
    killer.close()
    assert inbox.record(database, a_request())
    assert ids(database) == ["trigger1"]
    database.close()


class TestBells:
    """On one database: bells do not touch it."""

    @pytest.fixture
    def state_url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/state.db"

    def test_a_ring_during_the_work_is_not_lost(self, database: Database) -> None:
        database.wait("runs", 0)
        database.ring("runs")
        assert database.wait("runs", 30)
        assert not database.wait("runs", 0)

    def test_every_waiter_is_woken(self, database: Database) -> None:
        waiting, woken = threading.Barrier(4), []

        def wait() -> None:
            database.wait("runs", 0)
            waiting.wait(30)
            woken.append(database.wait("runs", 30))

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for thread in threads:
            thread.start()
        waiting.wait(30)
        database.ring("runs")
        for thread in threads:
            thread.join(30)
        assert woken == [True] * 3

    def test_a_loop_of_work_and_wait_sees_every_change(self, database: Database) -> None:
        """Each change is seen by a round that began after it, however the two threads interleave."""
        seen, done = 0, threading.Event()

        def loop() -> None:
            nonlocal seen
            while seen < 300:
                seen = len(inbox.pending(database))
                if seen < 300 and not database.wait("inbox", 30):
                    return
            done.set()

        thread = threading.Thread(target=loop)
        thread.start()
        for index in range(300):
            inbox.record(database, a_request(id=str(index)))
        assert done.wait(30)
        thread.join(30)
        assert seen == 300

    def test_a_loop_that_changes_threads_says_since_when(self, database: Database) -> None:
        since = database.rung("runs")
        database.ring("runs")
        assert database.wait("runs", 30, since=since)
        assert not database.wait("runs", 0, since=database.rung("runs"))

    def test_nobody_is_woken_before_the_commit(self, database: Database) -> None:
        before = database.rung("inbox")
        with database.transaction():
            inbox.record(database, a_request())
            assert database.rung("inbox") == before
        assert database.rung("inbox") == before + 1

    def test_nobody_is_woken_for_what_was_undone(self, database: Database) -> None:
        with pytest.raises(RuntimeError):
            do_and_fail(database, lambda: database.ring("runs"))
        with database.transaction():
            with pytest.raises(RuntimeError):
                do_and_fail(database, lambda: database.ring("runs"))
            database.ring("cards")
        assert (database.rung("runs"), database.rung("cards")) == (0, 1)

    def test_closing_lets_everybody_go(self, database: Database) -> None:
        database.wait("runs", 0)
        thread = threading.Thread(target=database.wait, args=("runs", 60))
        thread.start()
        database.close()
        thread.join(30)
        assert not thread.is_alive()
