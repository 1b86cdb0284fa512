"""Parquet files as JSON lines and back, by DuckDB. Knows no store and no scenario."""

from __future__ import annotations

from pathlib import Path

import duckdb

from workbench.errors import WorkbenchError
from workbench.store.database import CONFIG

_MAGIC = b"PAR1"


def is_parquet(path: Path) -> bool:
    """Does the file begin as Parquet does?"""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False  # whoever reads the file says why that fails


def to_json_lines(source: Path, target: Path) -> None:
    """Write one JSON object a row, in the order of the file.

    Raises:
        WorkbenchError: the file is damaged, or the disk refuses.
    """
    _copy(f"SELECT * FROM read_parquet({_quoted(source)})", target, "json", source.name)


def from_json_lines(source: Path, target: Path, columns: tuple[str, ...], lists: tuple[str, ...]) -> None:
    """Write Parquet with text columns, some of them lists of texts; keys that a row lacks are null there.

    Raises:
        WorkbenchError: the disk refuses.
    """
    kinds = ", ".join(f"{_quoted(name)}: '{'VARCHAR[]' if name in lists else 'VARCHAR'}'" for name in columns)
    reading = f"read_json({_quoted(source)}, format = 'newline_delimited', columns = {{{kinds}}})"
    _copy(f"SELECT * FROM {reading}", target, "parquet", target.name)


def _copy(query: str, target: Path, format: str, name: str) -> None:
    with duckdb.connect(config={**CONFIG, "preserve_insertion_order": True}) as connection:
        try:
            connection.execute(f"COPY ({query}) TO {_quoted(target)} (FORMAT {format})")
        except (duckdb.Error, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise WorkbenchError(f"{name} cannot be read or written as Parquet: {reason}", "Save it anew.") from error


def _quoted(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
