"""The tables, as a list of steps taken once and in order. A step that was released is never edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from state.database import Database


@dataclass(frozen=True)
class Migration:
    """One step. In shared statements {blob} and {number} stand for each database's own words."""

    name: str
    shared: tuple[str, ...]
    sqlite: tuple[str, ...] = ()
    postgresql: tuple[str, ...] = ()


def migrate(database: Database, words: Mapping[str, str], engine: str) -> None:
    """Take the steps that this database has not seen yet, all in one transaction."""
    with database.transaction():
        database.execute(
            "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)"
        )
        seen = {row["name"] for row in database.rows("SELECT name FROM migrations")}
        for migration in MIGRATIONS:
            if migration.name in seen:
                continue
            own = migration.sqlite if engine == "sqlite" else migration.postgresql
            for statement in (*migration.shared, *own):
                database.execute(statement.format_map(words))
            database.execute(
                "INSERT INTO migrations (name, applied_at) VALUES (:name, :applied_at)",
                name=migration.name,
                applied_at=datetime.now(UTC),
            )


_LABS = (
    """CREATE TABLE labs (
        seq {number}, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, blueprint TEXT NOT NULL,
        "commit" TEXT NOT NULL, owner TEXT NOT NULL, channel TEXT NOT NULL, variables TEXT NOT NULL,
        sealed_variables {blob}, cost_per_hour_cents DOUBLE PRECISION NOT NULL, currency TEXT NOT NULL,
        ttl_seconds BIGINT NOT NULL,
        created_at TEXT NOT NULL, last_active_at TEXT NOT NULL, expires_at TEXT, applied_at TEXT,
        frozen_because TEXT, gone_at TEXT, lifetime TEXT NOT NULL, idle_at TEXT, kept_until TEXT,
        last_active_by TEXT, last_active_how TEXT NOT NULL, reminded_at TEXT, reminders BIGINT NOT NULL,
        look_at TEXT, destroy_attempts BIGINT NOT NULL, asleep_at TEXT, drift_checked_at TEXT,
        sealed_active_token {blob}, active_token_sha256 TEXT, probed_at TEXT, health_at TEXT, branch TEXT NOT NULL)""",
    "CREATE UNIQUE INDEX labs_living_name ON labs (name) WHERE gone_at IS NULL",
    "CREATE INDEX labs_look ON labs (look_at) WHERE gone_at IS NULL",
    "CREATE INDEX labs_idle ON labs (idle_at) WHERE gone_at IS NULL",
    "CREATE INDEX labs_living ON labs (seq) WHERE gone_at IS NULL",
    """CREATE INDEX labs_drift ON labs ((COALESCE(drift_checked_at, applied_at)))
        WHERE gone_at IS NULL AND applied_at IS NOT NULL""",
    """CREATE INDEX labs_health ON labs ((COALESCE(health_at, applied_at)))
        WHERE gone_at IS NULL AND applied_at IS NOT NULL""",
    "CREATE INDEX labs_living_owner ON labs (owner, seq) WHERE gone_at IS NULL",
    "CREATE INDEX labs_made ON labs (channel, applied_at)",
    """CREATE TABLE usages (
        seq {number}, id TEXT NOT NULL UNIQUE, lab_id TEXT NOT NULL REFERENCES labs (id), lab_name TEXT NOT NULL,
        blueprint TEXT NOT NULL, owner TEXT NOT NULL, channel TEXT NOT NULL,
        per_hour_cents DOUBLE PRECISION NOT NULL, currency TEXT NOT NULL, started_at TEXT NOT NULL,
        ended_at TEXT, ended_by TEXT NOT NULL, saved_cents DOUBLE PRECISION NOT NULL)""",
    "CREATE UNIQUE INDEX usages_open ON usages (lab_id) WHERE ended_at IS NULL",
    "CREATE INDEX usages_lab ON usages (lab_id)",
    "CREATE INDEX usages_ended ON usages (ended_at, started_at, per_hour_cents, currency, owner)",
    "CREATE INDEX usages_channel ON usages (channel, ended_at, started_at, per_hour_cents, currency)",
    """CREATE TABLE consumers (
        consumer_id TEXT NOT NULL REFERENCES labs (id), variable TEXT NOT NULL,
        provider_id TEXT NOT NULL REFERENCES labs (id), PRIMARY KEY (consumer_id, variable))""",
    "CREATE INDEX consumers_provider ON consumers (provider_id)",
    """CREATE TABLE extensions (
        seq {number}, id TEXT NOT NULL UNIQUE, lab_id TEXT NOT NULL REFERENCES labs (id), requester TEXT NOT NULL,
        asked_at TEXT NOT NULL, seconds BIGINT NOT NULL, expires_at TEXT NOT NULL, state TEXT NOT NULL,
        decided_by TEXT, decided_at TEXT)""",
    "CREATE UNIQUE INDEX extensions_once ON extensions (lab_id) WHERE state = 'asked'",
    """CREATE TABLE habits (
        seq {number}, person TEXT NOT NULL UNIQUE, timezone TEXT NOT NULL, quiet_from_minute BIGINT,
        quiet_until_minute BIGINT, quiet_weekends INTEGER)""",
    "CREATE TABLE home_tabs (seq {number}, person TEXT NOT NULL UNIQUE, touched_at TEXT NOT NULL)",
    """CREATE TABLE budgets (
        seq {number}, channel TEXT NOT NULL UNIQUE, per_month_cents DOUBLE PRECISION NOT NULL,
        currency TEXT NOT NULL, set_by TEXT NOT NULL, set_at TEXT NOT NULL)""",
    "CREATE INDEX labs_name ON labs (name)",
)

_RUNS = (
    """CREATE TABLE runs (
        seq {number}, id TEXT NOT NULL UNIQUE, lab_id TEXT NOT NULL REFERENCES labs (id),
        lab_name TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, requester TEXT NOT NULL,
        channel TEXT NOT NULL, variables TEXT NOT NULL, sealed_variables {blob},
        approvals_needed TEXT NOT NULL, self_approval INTEGER NOT NULL, created_at TEXT NOT NULL,
        cause TEXT NOT NULL, second_factor INTEGER NOT NULL, "commit" TEXT NOT NULL, branch TEXT NOT NULL,
        branch_commit TEXT, sources_digest TEXT,
        plan_sha256 TEXT, digest TEXT, lineage TEXT, serial BIGINT, counts TEXT NOT NULL,
        changes TEXT NOT NULL, warnings TEXT NOT NULL, verdict TEXT,
        resources_done BIGINT NOT NULL, resources_total BIGINT NOT NULL, outputs TEXT NOT NULL,
        cost_per_hour_cents DOUBLE PRECISION, notice TEXT NOT NULL, sentence TEXT NOT NULL,
        token_sha256 TEXT, worker TEXT, heartbeat_at TEXT, cancelled_by TEXT,
        proposed_at TEXT, expires_at TEXT, applying_at TEXT, ended_at TEXT, plan {blob})""",
    # At most one living run a lab. The five are the living states of state/transitions.py; a test compares.
    """CREATE UNIQUE INDEX runs_one_alive ON runs (lab_id)
        WHERE state IN ('queued', 'planning', 'proposed', 'approved', 'applying')""",
    "CREATE INDEX runs_lab ON runs (lab_id, seq)",
    "CREATE INDEX runs_state ON runs (state, seq)",
    "CREATE INDEX runs_drift ON runs (created_at) WHERE cause = 'drift'",
)

_ABOUT_RUNS = (
    """CREATE TABLE steps (
        run_id TEXT NOT NULL REFERENCES runs (id), name TEXT NOT NULL, state TEXT NOT NULL, started_at TEXT,
        ended_at TEXT, sentence TEXT NOT NULL, PRIMARY KEY (run_id, name))""",
    """CREATE TABLE checks (
        run_id TEXT NOT NULL REFERENCES runs (id), position BIGINT NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL,
        sentence TEXT NOT NULL, took_ms BIGINT NOT NULL, checked_at TEXT NOT NULL, PRIMARY KEY (run_id, position))""",
    """CREATE TABLE illnesses (
        lab_id TEXT PRIMARY KEY REFERENCES labs (id), failures BIGINT NOT NULL, since TEXT NOT NULL,
        sentence TEXT NOT NULL, run_id TEXT REFERENCES runs (id))""",
    """CREATE TABLE approvals (
        seq {number}, id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL REFERENCES runs (id),
        digest TEXT NOT NULL, person TEXT NOT NULL, role TEXT NOT NULL, decision TEXT NOT NULL,
        reason TEXT NOT NULL, decided_at TEXT NOT NULL, void_at TEXT)""",
    "CREATE UNIQUE INDEX approvals_once ON approvals (run_id, digest, person) WHERE void_at IS NULL",
)

_KEYS = (
    """CREATE TABLE grants (
        seq {number}, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, person TEXT NOT NULL,
        lab_id TEXT NOT NULL REFERENCES labs (id), name TEXT NOT NULL, issued_at TEXT NOT NULL,
        expires_at TEXT NOT NULL, serial TEXT, accessor TEXT, vault_request_id TEXT NOT NULL,
        sealed_reveal {blob}, reveal_until TEXT, opened_at TEXT, revoked_at TEXT,
        revoked_because TEXT NOT NULL, ended_at TEXT)""",
    "CREATE INDEX grants_person ON grants (person)",
    "CREATE INDEX grants_lab ON grants (lab_id)",
    "CREATE INDEX grants_revoked ON grants (expires_at) WHERE revoked_at IS NOT NULL",
    "CREATE INDEX grants_to_end ON grants (expires_at) WHERE ended_at IS NULL",
    """CREATE TABLE leavings (
        seq {number}, id TEXT NOT NULL UNIQUE, person TEXT NOT NULL, asked_by TEXT, because TEXT NOT NULL,
        started_at TEXT NOT NULL, document_gone_at TEXT, factor_gone_at TEXT, rekeyed_at TEXT, done_at TEXT)""",
    "CREATE UNIQUE INDEX leavings_once ON leavings (person) WHERE done_at IS NULL",
    """CREATE TABLE rekeys (
        seq {number}, id TEXT NOT NULL UNIQUE, lab_id TEXT NOT NULL REFERENCES labs (id), person TEXT NOT NULL,
        because TEXT NOT NULL, requester TEXT, wanted_at TEXT NOT NULL, leaving_id TEXT REFERENCES leavings (id),
        run_id TEXT REFERENCES runs (id), attempts BIGINT NOT NULL, next_at TEXT, sentence TEXT NOT NULL,
        done_at TEXT)""",
    "CREATE INDEX rekeys_waiting ON rekeys (seq) WHERE done_at IS NULL",
    "CREATE INDEX rekeys_leaving ON rekeys (leaving_id)",
    """CREATE TABLE factors (
        seq {number}, person TEXT NOT NULL UNIQUE, wrong BIGINT NOT NULL, locked_until TEXT)""",
)

_MESSAGES = (
    """CREATE TABLE inbox (
        seq {number}, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, payload TEXT NOT NULL,
        received_at TEXT NOT NULL, done_at TEXT, answer TEXT NOT NULL, attempts BIGINT NOT NULL,
        taken_by TEXT)""",
    """CREATE TABLE cards (
        seq {number}, id TEXT NOT NULL UNIQUE, run_id TEXT NOT NULL UNIQUE REFERENCES runs (id),
        channel TEXT NOT NULL, ts TEXT, posting_at TEXT, updated_at TEXT, rendered_digest TEXT,
        dirty INTEGER NOT NULL, revision BIGINT NOT NULL)""",
    "CREATE INDEX cards_dirty ON cards (seq) WHERE dirty = 1",
    """CREATE TABLE outbox (
        seq {number}, id TEXT NOT NULL UNIQUE, channel TEXT NOT NULL, text TEXT NOT NULL,
        due_at TEXT NOT NULL, run_id TEXT REFERENCES runs (id), person TEXT, file_name TEXT,
        body TEXT NOT NULL, buttons TEXT NOT NULL, fallback TEXT, thread_of TEXT, picture {blob},
        picture_alt TEXT NOT NULL, thread_ts TEXT, sending_at TEXT, sent_at TEXT, attempts BIGINT NOT NULL,
        sent_channel TEXT, ts TEXT)""",
    "CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL",
)

_TERRAFORM = (
    """CREATE TABLE tfstate (
        lab_id TEXT NOT NULL REFERENCES labs (id), serial BIGINT NOT NULL, lineage TEXT NOT NULL,
        body {blob} NOT NULL, md5 TEXT NOT NULL, resources BIGINT NOT NULL, written_by TEXT NOT NULL,
        written_at TEXT NOT NULL, PRIMARY KEY (lab_id, serial))""",
    """CREATE TABLE tflocks (
        lab_id TEXT PRIMARY KEY REFERENCES labs (id), lock_id TEXT NOT NULL, holder TEXT NOT NULL,
        info TEXT NOT NULL, locked_at TEXT NOT NULL)""",
)

_KRLS = """CREATE TABLE krls (
    version BIGINT PRIMARY KEY, digest TEXT NOT NULL, content TEXT NOT NULL, body {blob} NOT NULL,
    signature {blob} NOT NULL, signing_key TEXT NOT NULL, ca_public_key TEXT NOT NULL, built_at TEXT NOT NULL)"""

_AUDIT = """CREATE TABLE audit (
    sequence BIGINT PRIMARY KEY, at TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, detail TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL)"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        name="0001_first_tables",
        shared=(
            *_LABS,
            *_RUNS,
            *_ABOUT_RUNS,
            *_KEYS,
            *_MESSAGES,
            *_TERRAFORM,
            _KRLS,
            _AUDIT,
            "CREATE INDEX audit_subject ON audit (subject, sequence)",
            "CREATE INDEX audit_actor ON audit (actor, sequence)",
        ),
        # The chain of hashes shows what was done to the audit; these stop it from being done by mistake.
        sqlite=(
            """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
            """CREATE TRIGGER audit_is_not_shortened BEFORE DELETE ON audit
                BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END""",
        ),
        postgresql=(
            """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$""",
            """CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
                FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()""",
        ),
    ),
)
