"""The file: one process holds it, transactions are whole, threads do not meet, and faults become sentences."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from workbench.errors import WorkbenchError
from workbench.store import Store
from workbench.store.database import now
from workbench.workspace import REPOSITORY, Workspace

INSERT = "INSERT INTO toolsets (name, version, body, created_at, author)"

OPEN = """
import sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.store import Store
from workbench.workspace import Workspace
try:
    with Store.open(Workspace(Path(sys.argv[1]))) as store:
        print("opened", store.read("SELECT count(*) AS n FROM toolsets")[0]["n"])
except WorkbenchError as error:
    print("refused", error.message, "|", error.hint)
"""

FILL_DISK = """
import resource, sys
from pathlib import Path
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.store import Store, scenarios
from workbench.workspace import Workspace
with Store.open(Workspace(Path(sys.argv[1]))) as store:
    scenarios.save(store, [Scenario("a", "desk", "hi")], "edit", "me")
    size = 1 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        many = [Scenario(f"s{i}", "desk", f"{i} " + "long " * 200) for i in range(20_000)]
        scenarios.save(store, many, "import", "me")
        print("saved")
    except WorkbenchError as error:
        print("refused", error.message, "|", error.hint)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def in_another_process(code: str, folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return result.stdout + result.stderr


def test_a_second_process_is_told_who_holds_the_file(store: Store, tmp_path: Path) -> None:
    answer = in_another_process(OPEN, tmp_path)
    assert answer.startswith("refused")
    assert "workbench.duckdb" in answer and f"process {os.getpid()}" in answer and "--workspace" in answer


def test_a_closed_store_lets_go_of_the_file(tmp_path: Path) -> None:
    store = Store.open(Workspace(tmp_path))
    reading = store.stream("SELECT range AS n FROM range(5000)")
    next(reading)
    store.close()
    store.close()
    assert in_another_process(OPEN, tmp_path).strip() == "opened 0"


def test_what_was_committed_survives(tmp_path: Path) -> None:
    with Store.open(Workspace(tmp_path)) as store, store.write() as cursor:
        cursor.execute(f"{INSERT} VALUES ('a', 1, '{{}}', 'now', 'me')")
    with Store.open(Workspace(tmp_path)) as store:
        assert store.read("SELECT name, version FROM toolsets") == [{"name": "a", "version": 1}]


def test_an_error_rolls_everything_back(store: Store) -> None:
    with pytest.raises(RuntimeError, match="midway"), store.write() as cursor:
        cursor.execute(f"{INSERT} VALUES ('a', 1, '{{}}', 'now', 'me')")
        raise RuntimeError("midway")
    assert store.read("SELECT * FROM toolsets") == []
    with store.write() as cursor:
        cursor.execute(f"{INSERT} VALUES ('a', 1, '{{}}', 'now', 'me')")
    assert len(store.read("SELECT * FROM toolsets")) == 1


def test_a_bad_query_is_a_bug_and_stays_one(store: Store) -> None:
    with pytest.raises(duckdb.CatalogException):
        store.read("SELECT * FROM nowhere")


def test_readers_do_not_see_an_open_transaction(store: Store) -> None:
    with store.write() as cursor:
        cursor.execute(f"{INSERT} VALUES ('a', 1, '{{}}', 'now', 'me')")
        assert store.read("SELECT * FROM toolsets") == []


def test_many_threads_write_and_read_without_conflict(store: Store) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for version in range(20):
                with store.write() as cursor:
                    cursor.execute(
                        f"{INSERT} VALUES (?, ?, '{{}}', 'now', 'me')",
                        [name, version],
                    )
                    cursor.execute("UPDATE toolsets SET author = ? WHERE version = 0", [name])
                store.read("SELECT count(*) AS n FROM toolsets")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.read("SELECT count(*) AS n FROM toolsets") == [{"n": 120}]


def test_streaming_goes_on_while_others_write(store: Store) -> None:
    with store.write() as cursor:
        cursor.execute(f"{INSERT} SELECT 't' || range, 1, '{{}}', 'now', 'me' FROM range(5000)")
    rows = store.stream("SELECT name FROM toolsets", batch=10)
    next(rows)
    with store.write() as cursor:
        cursor.execute("DELETE FROM toolsets")
    assert sum(1 for _ in rows) == 4999


@pytest.mark.parametrize(("content", "words"), [(b"not a database at all" * 100, "not a workbench database")])
def test_a_damaged_file_is_explained(tmp_path: Path, content: bytes, words: str) -> None:
    workspace = Workspace(tmp_path).prepare()
    workspace.store_path.write_bytes(content)
    with pytest.raises(WorkbenchError, match=words):
        Store.open(workspace)
    assert workspace.store_path.read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_full_disk_is_explained_and_costs_nothing_saved_before(tmp_path: Path) -> None:
    answer = in_another_process(FILL_DISK, tmp_path)
    assert answer.startswith("refused") and "disk has space" in answer, answer
    assert "(File too large)." in answer
    with Store.open(Workspace(tmp_path)) as store:
        assert store.read("SELECT id FROM scenarios") == [{"id": "a"}]


def test_stored_times_sort_as_text() -> None:
    times = [now() for _ in range(3)]
    assert times == sorted(times) and times[0].endswith("+00:00")


def test_what_does_not_fit_into_the_memory_is_explained_and_changes_nothing(store):
    store.read("SET memory_limit = '8MB'")
    store.read("SET temp_directory = ''")
    with pytest.raises(WorkbenchError, match="needs more") as caught, store.write() as cursor:
        cursor.execute("INSERT INTO changes VALUES (1, 'edit', 'ann', '', '', NULL)")
        cursor.execute("CREATE TEMP TABLE much AS SELECT i, repeat('x', 1000) || i AS text FROM range(100000) t(i)")
    assert "smaller parts" in caught.value.hint
    assert store.read("SELECT count(*) AS n FROM changes") == [{"n": 0}]
