"""Migrations: from blank, from every earlier version with its data kept, and never into an unknown future."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from workbench.errors import WorkbenchError
from workbench.records import Run, Scenario
from workbench.scenarios.splitting import split_of
from workbench.store import Store, migrations, runs, scenarios
from workbench.store.migrations import MIGRATIONS, migrate
from workbench.workspace import Workspace

NAMES = [name for name, _ in MIGRATIONS]


def shape(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    sql = "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"
    return connection.execute(sql).fetchall()


def test_names_are_numbered_in_order() -> None:
    numbers = [int(name[:4]) for name in NAMES]
    assert numbers == sorted(set(numbers))


def test_from_blank() -> None:
    with duckdb.connect() as connection:
        assert migrate(connection, "t1") == NAMES
        assert migrate(connection, "t2") == []
        assert connection.execute("SELECT * FROM migrations ORDER BY name").fetchall() == [(n, "t1") for n in NAMES]


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_from_each_earlier_version(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect() as blank, duckdb.connect() as old:
        migrate(blank, "now")
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:version])
            migrate(old, "then")
        assert migrate(old, "now") == NAMES[version:]
        assert shape(old) == shape(blank)


def test_the_first_version_keeps_its_data(tmp_path: Path) -> None:
    """A file as the first version left it, written without today's code."""
    workspace = Workspace(tmp_path).prepare()
    body = json.dumps(Scenario("a", "desk", "hi", status="approved").to_dict())
    with duckdb.connect(str(workspace.store_path)) as connection:
        connection.execute(FIRST_VERSION)
        connection.execute("INSERT INTO changes VALUES (1, 'edit', 'me', 'then', '', NULL)")
        connection.execute("INSERT INTO scenario_revisions VALUES ('a', 1, 1, false, ?)", [body])
        connection.execute(
            """INSERT INTO scenarios VALUES ('a', 1, 1, 'desk', 'hi', '', '', '', 'approved', 'train', false,
               'NO_TOOL', ['NO_TOOL'], [], ?, 'then')""",
            [body],
        )
    with Store.open(workspace) as store:
        assert [row["name"] for row in store.read("SELECT name FROM migrations ORDER BY name")] == NAMES
        assert scenarios.get(store, "a") == Scenario("a", "desk", "hi", status="approved")
        scenarios.save(store, [Scenario("a", "desk", "hello there")], "edit", "me")
        assert [revision.revision for revision in scenarios.history(store, "a")] == [2, 1]
        # The hash of the new words says test: what the first version had decided stays.
        assert split_of(Scenario("a", "desk", "hello there")) == "test"
        assert scenarios.splits(store, ["a"]) == {"a": "train"} and scenarios.find(store)[0].split is None
        assert store.read("SELECT settled FROM splits") == [{"settled": True}]
        runs.add(store, Run("r", "train", "queued", "h", "starter", {}, "now"))
        assert runs.get(store, "r") is not None


def test_a_step_that_fails_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute("CREATE TABLE half (x INTEGER)")
        raise RuntimeError("power cut")

    with duckdb.connect() as connection:
        migrate(connection, "now")
        before = shape(connection)
        monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS, ("9999_broken", broken)))
        with pytest.raises(RuntimeError, match="power cut"):
            migrate(connection, "now")
        assert shape(connection) == before


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with Store.open(workspace) as store, store.write() as cursor:
        cursor.execute("INSERT INTO migrations VALUES ('9999_future', 'now')")
    with pytest.raises(WorkbenchError, match=r"newer version.*9999_future.*Update the workbench"):
        Store.open(workspace)
    with duckdb.connect(str(workspace.store_path)) as free:  # nothing holds the file after the refusal
        assert free.execute("SELECT count(*) FROM migrations").fetchone() == (len(NAMES) + 1,)


FIRST_VERSION = """
CREATE TABLE migrations (name VARCHAR PRIMARY KEY, applied_at VARCHAR NOT NULL);
INSERT INTO migrations VALUES ('0001_scenarios', 'then');
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
"""
