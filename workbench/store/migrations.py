"""The tables, as an ordered list of named steps. A step that was released never changes: add one after it.

Times are ISO 8601 text in UTC. JSON is kept as the text that was written, so that the order of keys and the
difference between 1 and 1.0 survive.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from workbench.errors import WorkbenchError

Cursor = duckdb.DuckDBPyConnection


def migrate(cursor: Cursor, applied_at: str) -> list[str]:
    """Apply the steps that the database lacks, each in a transaction of its own; returns their names.

    Raises:
        WorkbenchError: the database knows a step that this version does not.
    """
    cursor.execute("CREATE TABLE IF NOT EXISTS migrations (name VARCHAR PRIMARY KEY, applied_at VARCHAR NOT NULL)")
    done = {name for (name,) in cursor.execute("SELECT name FROM migrations").fetchall()}
    if unknown := sorted(done - {name for name, _ in MIGRATIONS}):
        raise WorkbenchError(
            f"A newer version of the workbench made this database ({', '.join(unknown)}).",
            "Update the workbench, or choose another folder with --workspace.",
        )
    pending = [(name, step) for name, step in MIGRATIONS if name not in done]
    for name, step in pending:
        cursor.begin()
        try:
            step(cursor)
            cursor.execute("INSERT INTO migrations VALUES (?, ?)", [name, applied_at])
            cursor.commit()
        except BaseException:
            cursor.rollback()
            raise
    return [name for name, _ in pending]


def _m0001_scenarios(cursor: Cursor) -> None:
    """Toolsets, scenarios with their revisions and changes, snapshots."""
    cursor.execute("""
        CREATE TABLE toolsets (
            name VARCHAR, version INTEGER, body JSON NOT NULL, created_at VARCHAR NOT NULL, author VARCHAR NOT NULL,
            PRIMARY KEY (name, version));
        CREATE TABLE changes (
            id BIGINT PRIMARY KEY, kind VARCHAR NOT NULL, author VARCHAR NOT NULL, created_at VARCHAR NOT NULL,
            note VARCHAR NOT NULL, undoes BIGINT);
        CREATE TABLE scenario_revisions (
            scenario_id VARCHAR, revision INTEGER, change_id BIGINT NOT NULL, deleted BOOLEAN NOT NULL,
            body JSON NOT NULL, PRIMARY KEY (scenario_id, revision));
        CREATE TABLE scenarios (
            id VARCHAR PRIMARY KEY, revision INTEGER NOT NULL, change_id BIGINT NOT NULL, toolset VARCHAR NOT NULL,
            request VARCHAR NOT NULL, os VARCHAR NOT NULL, shell VARCHAR NOT NULL, mode VARCHAR NOT NULL,
            status VARCHAR NOT NULL, split VARCHAR NOT NULL, pinned BOOLEAN NOT NULL, label VARCHAR NOT NULL,
            tools VARCHAR[] NOT NULL, tags VARCHAR[] NOT NULL, body JSON NOT NULL, updated_at VARCHAR NOT NULL);
        CREATE TABLE snapshots (
            hash VARCHAR PRIMARY KEY, toolset VARCHAR NOT NULL, toolset_body JSON NOT NULL,
            created_at VARCHAR NOT NULL, note VARCHAR NOT NULL);
        CREATE TABLE snapshot_rows (
            snapshot VARCHAR, position INTEGER, scenario_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
            split VARCHAR NOT NULL, PRIMARY KEY (snapshot, position));
    """)


def _m0002_runs(cursor: Cursor) -> None:
    """Runs with their metrics, replies and scores."""
    cursor.execute("""
        CREATE TABLE runs (
            id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, state VARCHAR NOT NULL, snapshot VARCHAR NOT NULL,
            model VARCHAR NOT NULL, config JSON NOT NULL, created_at VARCHAR NOT NULL, started_at VARCHAR NOT NULL,
            ended_at VARCHAR NOT NULL, name VARCHAR NOT NULL, message VARCHAR NOT NULL, summary JSON NOT NULL);
        CREATE TABLE metrics (
            run_id VARCHAR, line INTEGER, step DOUBLE, body JSON NOT NULL, PRIMARY KEY (run_id, line));
        CREATE TABLE replies (
            run_id VARCHAR, scenario_id VARCHAR, kind VARCHAR NOT NULL, label VARCHAR NOT NULL, latency_ms DOUBLE,
            body JSON NOT NULL, PRIMARY KEY (run_id, scenario_id));
        CREATE TABLE scores (
            run_id VARCHAR, scenario_id VARCHAR, tool_correct BOOLEAN NOT NULL, exact BOOLEAN NOT NULL,
            schema_valid BOOLEAN NOT NULL, body JSON NOT NULL, PRIMARY KEY (run_id, scenario_id));
    """)


def _m0003_toolset_changes(cursor: Cursor) -> None:
    """Versions of toolsets belong to changes, and toolsets can be deleted."""
    cursor.execute("""
        ALTER TABLE toolsets ADD COLUMN note VARCHAR DEFAULT '';
        ALTER TABLE toolsets ADD COLUMN change_id BIGINT;
        ALTER TABLE toolsets ADD COLUMN deleted BOOLEAN DEFAULT false;
    """)


def _m0004_targets_and_reviews(cursor: Cursor) -> None:
    """What a toolset demands of its scenarios, and who said what of which draft."""
    cursor.execute("""
        CREATE TABLE demands (
            toolset VARCHAR PRIMARY KEY, targets JSON NOT NULL, reviewers INTEGER NOT NULL,
            updated_at VARCHAR NOT NULL, author VARCHAR NOT NULL);
        CREATE TABLE reviews (
            change_id BIGINT NOT NULL, scenario_id VARCHAR NOT NULL, revision INTEGER NOT NULL,
            reviewer VARCHAR NOT NULL, verdict VARCHAR NOT NULL, PRIMARY KEY (change_id, scenario_id));
    """)


def _m0005_answers(cursor: Cursor) -> None:
    """Replies beside their scenarios, flat, for figures and filters; filled from the other tables when needed."""
    cursor.execute("""
        CREATE TABLE answers (
            run_id VARCHAR, scenario_id VARCHAR, position INTEGER NOT NULL, request VARCHAR NOT NULL,
            os VARCHAR NOT NULL, mode VARCHAR NOT NULL, tags VARCHAR[] NOT NULL, tools VARCHAR[] NOT NULL,
            expected VARCHAR NOT NULL, got VARCHAR NOT NULL, kind VARCHAR NOT NULL, tool_correct BOOLEAN NOT NULL,
            exact BOOLEAN NOT NULL, schema_valid BOOLEAN NOT NULL, matched INTEGER NOT NULL, wanted INTEGER NOT NULL,
            given INTEGER NOT NULL, expected_arguments INTEGER NOT NULL, confidence DOUBLE, latency_ms DOUBLE);
    """)


def _m0006_clusters(cursor: Cursor) -> None:
    """Splits of unpinned scenarios, remembered from here on; clusters of near-duplicates as the last check saw them."""
    cursor.execute("""
        CREATE TABLE splits (scenario_id VARCHAR PRIMARY KEY, split VARCHAR NOT NULL, settled BOOLEAN NOT NULL);
        INSERT INTO splits SELECT id, split, true FROM scenarios WHERE NOT pinned;
        CREATE TABLE split_moves (
            scenario_id VARCHAR NOT NULL, toolset VARCHAR NOT NULL, before VARCHAR NOT NULL, after VARCHAR NOT NULL,
            settled BOOLEAN NOT NULL, cluster VARCHAR NOT NULL, moved_at VARCHAR NOT NULL);
        CREATE TABLE clusters (
            scenario_id VARCHAR, by_meaning BOOLEAN, toolset VARCHAR NOT NULL, cluster VARCHAR NOT NULL,
            PRIMARY KEY (scenario_id, by_meaning));
        CREATE TABLE cluster_checks (
            toolset VARCHAR PRIMARY KEY, change_id BIGINT NOT NULL, total INTEGER NOT NULL,
            checked_at VARCHAR NOT NULL);
        CREATE TABLE variants (
            scenario_id VARCHAR PRIMARY KEY, mark VARCHAR NOT NULL, author VARCHAR NOT NULL,
            created_at VARCHAR NOT NULL);
        CREATE TABLE meanings (
            one VARCHAR, other VARCHAR, toolset VARCHAR NOT NULL, encoder VARCHAR NOT NULL,
            similarity DOUBLE NOT NULL, PRIMARY KEY (one, other));
    """)


def _m0007_traffic(cursor: Cursor) -> None:
    """What the served router answered, and what was said of it."""
    cursor.execute("""
        CREATE TABLE traffic (
            id VARCHAR PRIMARY KEY, created_at VARCHAR NOT NULL, model VARCHAR NOT NULL, toolset VARCHAR NOT NULL,
            request JSON NOT NULL, reply JSON NOT NULL, confidence DOUBLE, latency_ms DOUBLE);
        CREATE TABLE feedback (
            completion VARCHAR NOT NULL, created_at VARCHAR NOT NULL, verdict VARCHAR NOT NULL, body JSON NOT NULL);
    """)


def _m0008_run_tags(cursor: Cursor) -> None:
    """Tags of runs, their order in the queue, the trash; rules for training by itself."""
    cursor.execute("""
        ALTER TABLE runs ADD COLUMN tags VARCHAR[] DEFAULT [];
        ALTER TABLE runs ADD COLUMN position INTEGER DEFAULT 0;
        ALTER TABLE runs ADD COLUMN deleted_at VARCHAR DEFAULT '';
        CREATE TABLE auto_train (
            toolset VARCHAR PRIMARY KEY, active BOOLEAN NOT NULL, min_new INTEGER NOT NULL, base VARCHAR NOT NULL,
            settings JSON NOT NULL, updated_at VARCHAR NOT NULL, author VARCHAR NOT NULL);
    """)


def _m0009_endpoints(cursor: Cursor) -> None:
    """Endpoints to evaluate, without their keys."""
    cursor.execute("CREATE TABLE endpoints (name VARCHAR PRIMARY KEY, body JSON NOT NULL, saved_at VARCHAR NOT NULL)")


def _m0010_served(cursor: Cursor) -> None:
    """What is served for each toolset, and whether a newly trained model may take its place by itself."""
    cursor.execute("""
        CREATE TABLE served (
            number BIGINT PRIMARY KEY, toolset VARCHAR NOT NULL, model VARCHAR NOT NULL, reason VARCHAR NOT NULL,
            author VARCHAR NOT NULL, since VARCHAR NOT NULL);
        ALTER TABLE auto_train ADD COLUMN swap VARCHAR DEFAULT 'ask';
    """)


def _m0012_inbox(cursor: Cursor) -> None:
    """Which decisions answer the same question, what people made of them, and what is recorded at all."""
    cursor.execute("""
        ALTER TABLE traffic ADD COLUMN question VARCHAR DEFAULT '';
        UPDATE traffic SET question = 'old:' || md5(
            coalesce(json_extract(request, '$.messages')::VARCHAR, '')
            || coalesce(json_extract(request, '$.tools')::VARCHAR, ''));
        CREATE TABLE inbox (
            change_id BIGINT, completion VARCHAR, model VARCHAR NOT NULL, verdict VARCHAR NOT NULL,
            scenario VARCHAR NOT NULL, author VARCHAR NOT NULL, judged_at VARCHAR NOT NULL,
            PRIMARY KEY (change_id, completion));
        CREATE TABLE inbox_findings (completion VARCHAR PRIMARY KEY, change_id BIGINT NOT NULL, body JSON NOT NULL);
        CREATE TABLE capture (
            one BOOLEAN PRIMARY KEY, active BOOLEAN NOT NULL, share DOUBLE NOT NULL, keep_days INTEGER NOT NULL,
            author VARCHAR NOT NULL, updated_at VARCHAR NOT NULL);
    """)


MIGRATIONS: tuple[tuple[str, Callable[[Cursor], None]], ...] = (
    ("0001_scenarios", _m0001_scenarios),
    ("0002_runs", _m0002_runs),
    ("0003_toolset_changes", _m0003_toolset_changes),
    ("0004_targets_and_reviews", _m0004_targets_and_reviews),
    ("0005_answers", _m0005_answers),
    ("0006_clusters", _m0006_clusters),
    ("0007_traffic", _m0007_traffic),
    ("0008_run_tags", _m0008_run_tags),
    ("0009_endpoints", _m0009_endpoints),
    ("0010_served", _m0010_served),
    ("0012_inbox", _m0012_inbox),
)
