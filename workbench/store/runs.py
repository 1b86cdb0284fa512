"""Runs in the store, with their metrics, replies and scores. Knows no run folder: ``jobs`` reads those.

Everything a worker wrote may be taken in twice: lines and replies that are here already are not doubled.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import Reply, Run, Score
from workbench.store.database import Store

_JSON = ("config", "summary")
_FIXED = ("id", "kind", "config", "created_at")


def add(store: Store, run: Run) -> None:
    """Keep a new run.

    Raises:
        WorkbenchError: a run with this id is here already.
    """
    values = _to_row(asdict(run))
    with store.write() as cursor:
        if cursor.execute("SELECT 1 FROM runs WHERE id = ?", [run.id]).fetchone():
            raise WorkbenchError(f"There is already a run '{run.id}'.", "Give the new run another id.")
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        cursor.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", list(values.values()))


def update(store: Store, run_id: str, **fields: Any) -> None:
    """Change fields of a run: any of ``records.Run`` but id, kind, config and created_at.

    Raises:
        WorkbenchError: there is no such run.
        ValueError: a field that does not exist or may not change.
    """
    changeable = [name for name in Run.__dataclass_fields__ if name not in _FIXED]
    if wrong := [name for name in fields if name not in changeable]:
        raise ValueError(f"not a field of a run that may change: {', '.join(wrong)}")
    values = _to_row(fields)
    with store.write() as cursor:
        if not cursor.execute("SELECT 1 FROM runs WHERE id = ?", [run_id]).fetchone():
            raise WorkbenchError(f"There is no run '{run_id}'.", "Choose one from the list of runs.")
        if values:
            settings = ", ".join(f"{name} = ?" for name in values)
            cursor.execute(f"UPDATE runs SET {settings} WHERE id = ?", [*values.values(), run_id])


def get(store: Store, run_id: str) -> Run | None:
    rows = store.read("SELECT * FROM runs WHERE id = ?", [run_id])
    return _to_run(rows[0]) if rows else None


def list_runs(
    store: Store, kind: str = "", state: str = "", tag: str = "", text: str = "", deleted: bool = False
) -> list[Run]:
    """The newest first; an empty value lets all pass.

    Args:
        text: words that stand in id, name, model or a tag, in any case.
        deleted: those in the trash instead of those outside.
    """
    rows = store.read(
        """SELECT * FROM runs WHERE ? IN ('', kind) AND ? IN ('', state) AND (? = '' OR list_contains(tags, ?))
           AND contains(lower(concat_ws(' ', id, name, model, array_to_string(tags, ' '))), lower(?))
           AND (deleted_at != '') = ? ORDER BY created_at DESC, id DESC""",
        [kind, state, tag, tag, text, deleted],
    )
    return [_to_run(row) for row in rows]


def queued(store: Store) -> list[Run]:
    """Runs that wait, the next one first."""
    return sorted(list_runs(store, state="queued"), key=lambda run: (run.position, run.created_at, run.id))


def reorder(store: Store, run_ids: Sequence[str]) -> None:
    """Give queued runs their places, the first one first."""
    with store.write() as cursor:
        for place, run_id in enumerate(run_ids, 1):
            cursor.execute("UPDATE runs SET position = ? WHERE id = ?", [place, run_id])


def cut_metrics(store: Store, run_id: str, lines: int) -> None:
    """Forget the metrics rows behind the first ``lines``: a resumed run writes them again."""
    with store.write() as cursor:
        cursor.execute("DELETE FROM metrics WHERE run_id = ? AND line > ?", [run_id, lines])


def forget(store: Store, run_ids: Sequence[str]) -> None:
    """Take runs away for good, with their metrics, replies, scores and answers."""
    with store.write() as cursor:
        for table in ("metrics", "replies", "scores", "answers"):
            cursor.execute(f"DELETE FROM {table} WHERE list_contains(?::VARCHAR[], run_id)", [list(run_ids)])
        cursor.execute("DELETE FROM runs WHERE list_contains(?::VARCHAR[], id)", [list(run_ids)])


def append_metrics(store: Store, run_id: str, first_line: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep lines of ``metrics.jsonl``; lines that are here already stay as they are.

    Args:
        first_line: number of the first row in its file, counted from 1.
        rows: one object a line; its ``step``, where it has one, is a number.
    """
    if not rows:
        return
    with store.write() as cursor:
        cursor.execute(
            """INSERT OR IGNORE INTO metrics
               SELECT ?, unnest(?::INTEGER[]), unnest(?::DOUBLE[]), unnest(?::VARCHAR[])""",
            [
                run_id,
                list(range(first_line, first_line + len(rows))),
                [row.get("step") for row in rows],
                [json.dumps(row, ensure_ascii=False) for row in rows],
            ],
        )


def metrics(store: Store, run_id: str, after_line: int = 0) -> list[dict[str, Any]]:
    """The rows after a line, in the order of the file, as the worker wrote them."""
    rows = store.read("SELECT body FROM metrics WHERE run_id = ? AND line > ? ORDER BY line", [run_id, after_line])
    return [json.loads(row["body"]) for row in rows]


def last_line(store: Store, run_id: str) -> int:
    """Number of the last line of ``metrics.jsonl`` that is here; 0 before the first."""
    rows = store.read("SELECT coalesce(max(line), 0) AS line FROM metrics WHERE run_id = ?", [run_id])
    return int(rows[0]["line"])


def put_replies(store: Store, run_id: str, replies: Iterable[Reply], scores: Iterable[Score]) -> None:
    """Keep replies and their scores in one transaction; those of the same scenario are replaced."""
    answers = list({reply.scenario_id: reply for reply in replies}.values())
    marks = list({score.scenario_id: score for score in scores}.values())
    with store.write() as cursor:
        if answers:
            cursor.execute(
                """INSERT OR REPLACE INTO replies
                   SELECT ?, unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::DOUBLE[]),
                          unnest(?::VARCHAR[])""",
                [
                    run_id,
                    [reply.scenario_id for reply in answers],
                    [reply.parsed.kind for reply in answers],
                    [reply.parsed.label for reply in answers],
                    [reply.latency_ms for reply in answers],
                    [json.dumps(reply.to_dict(), ensure_ascii=False) for reply in answers],
                ],
            )
        if marks:
            cursor.execute(
                """INSERT OR REPLACE INTO scores
                   SELECT ?, unnest(?::VARCHAR[]), unnest(?::BOOLEAN[]), unnest(?::BOOLEAN[]), unnest(?::BOOLEAN[]),
                          unnest(?::VARCHAR[])""",
                [
                    run_id,
                    [score.scenario_id for score in marks],
                    [score.tool_correct for score in marks],
                    [score.exact for score in marks],
                    [score.schema_valid for score in marks],
                    [json.dumps(score.to_dict(), ensure_ascii=False) for score in marks],
                ],
            )


def replies(store: Store, run_id: str) -> list[Reply]:
    """The replies of a run, ordered by scenario id."""
    rows = store.read("SELECT body FROM replies WHERE run_id = ? ORDER BY scenario_id", [run_id])
    return [Reply.from_dict(json.loads(row["body"])) for row in rows]


def reply_count(store: Store, run_id: str) -> int:
    """How many replies of a run are here."""
    return int(store.read("SELECT count(*) AS n FROM replies WHERE run_id = ?", [run_id])[0]["n"])


def scores(store: Store, run_id: str) -> list[Score]:
    """The scores of a run, ordered by scenario id."""
    rows = store.read("SELECT body FROM scores WHERE run_id = ? ORDER BY scenario_id", [run_id])
    return [Score.from_dict(json.loads(row["body"])) for row in rows]


def _to_row(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_column(name, value) for name, value in fields.items()}


def _to_column(name: str, value: Any) -> Any:
    if name in _JSON:
        return json.dumps(dict(value), ensure_ascii=False)
    return list(value) if name == "tags" else value


def _to_run(row: Mapping[str, Any]) -> Run:
    values = {k: json.loads(v) if k in _JSON else v for k, v in row.items()}
    return Run(**{**values, "tags": tuple(row["tags"])})
