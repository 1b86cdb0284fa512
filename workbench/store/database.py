"""Opens the one DuckDB file of a workspace and hands out cursors. Knows no table but the list of migrations.

DuckDB lets one process write. Inside it, each reader takes a cursor of its own, and writers go one at a time.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb

from workbench.errors import WorkbenchError
from workbench.store import migrations
from workbench.workspace import Workspace

Cursor = duckdb.DuckDBPyConnection
# Nothing is ever fetched from outside: JSON, the one extension in use, is built in. What does not fit into the memory
# goes to disk: a million scenarios come in within this limit, and without one they would take twice as much.
CONFIG: dict[str, Any] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}

_DISK_REFUSED = re.compile(r"Could not \w+ file|No space left")


class Store:
    """An open workspace database; safe to share between threads.

    Use ``Store.open``. The process that holds it is the only one that can: see ``open``.
    """

    def __init__(self, workspace: Workspace, connection: Cursor) -> None:
        self.workspace = workspace
        self._connection = connection
        self._writing = threading.Lock()

    @classmethod
    def open(cls, workspace: Workspace) -> Store:
        """Open the file, create it where there is none, and bring its tables up to date.

        Raises:
            WorkbenchError: another process holds the file, it is damaged, a newer version made it, or the disk
                refuses.
        """
        path = workspace.prepare().store_path
        with _plain_errors(path):
            connection = duckdb.connect(str(path), config=CONFIG)
            try:
                migrations.migrate(connection, now())
            except BaseException:
                connection.close()
                raise
        return cls(workspace, connection)

    def close(self) -> None:
        """Let go of the file, so that another process may open it. Closing twice does nothing."""
        with self._writing:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """All rows of a query as dicts; sees only what is committed."""
        return list(self.stream(sql, params))

    def stream(self, sql: str, params: Sequence[Any] = (), batch: int = 1000) -> Iterator[dict[str, Any]]:
        """The rows of a query one after another; what is written meanwhile does not show."""
        with _plain_errors(self.workspace.store_path), self._connection.cursor() as cursor:
            cursor.execute(sql, list(params))
            names = [column[0] for column in cursor.description or ()]
            while rows := cursor.fetchmany(batch):
                for row in rows:
                    yield dict(zip(names, row, strict=True))

    @contextmanager
    def session(self) -> Iterator[Cursor]:
        """A cursor for work in several steps; its temporary tables are its own and end with it."""
        with _plain_errors(self.workspace.store_path), self._connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def write(self, session: Cursor | None = None) -> Iterator[Cursor]:
        """One transaction: committed when the block ends, rolled back when it raises. Keep it short.

        Blocks until the writer before it is done; do not nest. With a ``session``, its temporary tables can be read.

        Raises:
            WorkbenchError: the disk is full or refuses; nothing was changed.
        """
        own = nullcontext(session) if session else self._connection.cursor()
        with self._writing, _plain_errors(self.workspace.store_path), own as cursor:
            cursor.begin()
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                _roll_back(cursor)
                raise


def now() -> str:
    """The time as it is stored: ISO 8601 in UTC with milliseconds, so that text order is time order."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _roll_back(cursor: Cursor) -> None:
    try:
        cursor.rollback()
    except duckdb.Error:
        # A failed commit has ended the transaction already; the error that led here is the one to show.
        return


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """DuckDB's errors that a person can put right, as WorkbenchError; the others are bugs and pass."""
    try:
        yield
    except duckdb.IOException as error:
        raise _explain(str(error), path) from error
    except duckdb.TransactionException as error:
        # A commit that the disk refuses comes as this kind; every other one is a bug.
        if _DISK_REFUSED.search(str(error)) is None:
            raise
        raise _explain(str(error), path) from error
    except duckdb.OutOfMemoryException as error:
        message = f"The database may use {CONFIG['memory_limit']} of memory, and this needs more."
        raise WorkbenchError(message, "Do it in smaller parts: nothing was changed.") from error
    except duckdb.FatalException as error:
        message = f"The database {path} stopped after an earlier error."
        raise WorkbenchError(message, "Make sure that the disk has space, then start the app again.") from error


def _explain(reason: str, path: Path) -> WorkbenchError:
    if "Conflicting lock" in reason or "being used by another process" in reason:
        process = re.search(r"PID (\d+)", reason)
        who = f"process {process[1]}" if process else "another process"
        return WorkbenchError(
            f"The database {path} is in use by {who}.",
            "Close the other app or command first, or choose another folder with --workspace.",
        )
    if "not a valid DuckDB" in reason:
        return WorkbenchError(f"{path} is not a workbench database, or is damaged.", "Move it away or restore a copy.")
    return WorkbenchError(
        f"The database {path} could not be read or written ({reason.splitlines()[0].rsplit(': ', 1)[-1].strip()}).",
        "Make sure that the disk has space and that you may write there, then try again.",
    )
