"""What the served router was asked and answered, and what was said of it later. Redact first: it keeps what it gets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from workbench.errors import WorkbenchError
from workbench.records import canonical_json
from workbench.store.database import Store, now


def record(
    store: Store, completion: str, model: str, toolset: str, request: Mapping[str, Any], reply: Any, at: str = ""
) -> None:
    """Keep one decision; when this returns it is on disk.

    Args:
        completion: id that the caller was given.
        request: messages, tools and wishes as they came.
        reply: the decisions, a list.
        at: when it was made, ISO 8601; now by default.
    """
    asked = question_of(toolset, request)
    figures = [(one.get("confidence"), one.get("latency_ms")) for one in reply[:1]] or [(None, None)]
    with store.write() as cursor:
        cursor.execute(
            """INSERT INTO traffic (id, created_at, model, toolset, request, reply, confidence, latency_ms, question)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [completion, at or now(), model, toolset, json.dumps(request), json.dumps(reply), *figures[0], asked],
        )


def question_of(toolset: str, request: Mapping[str, Any]) -> str:
    """The same for requests with the same messages, tools and context, whichever model they went to."""
    parts = [toolset, *(request.get(key) or None for key in ("messages", "tools", "context"))]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()[:32]


def give_feedback(store: Store, completion: str, verdict: str, body: Mapping[str, Any]) -> None:
    """Keep what was said of a completion. Raises WorkbenchError when no such completion is kept."""
    if not store.read("SELECT 1 FROM traffic WHERE id = ?", [completion]):
        raise WorkbenchError(
            f"No completion '{completion}' is recorded.", "Send the id of a completion; recording may be switched off."
        )
    with store.write() as cursor:
        cursor.execute("INSERT INTO feedback VALUES (?, ?, ?, ?)", [completion, now(), verdict, json.dumps(body)])


def list_traffic(store: Store, offset: int = 0, limit: int = 50) -> list[dict[str, Any]]:
    """Recorded decisions, the newest first, each with its feedback."""
    rows = store.read("SELECT * FROM traffic ORDER BY created_at DESC, id LIMIT ? OFFSET ?", [limit, offset])
    said = store.read("SELECT * FROM feedback ORDER BY created_at")
    return [
        {
            **row,
            "request": json.loads(row["request"]),
            "reply": json.loads(row["reply"]),
            "feedback": [
                {"at": one["created_at"], "verdict": one["verdict"], **json.loads(one["body"])}
                for one in said
                if one["completion"] == row["id"]
            ],
        }
        for row in rows
    ]


def recorded(store: Store, completions: Iterable[str]) -> set[str]:
    """Those of the ids that are kept."""
    rows = store.read("SELECT id FROM traffic WHERE id IN (SELECT unnest(?::VARCHAR[]))", [list(completions)])
    return {row["id"] for row in rows}


def count_traffic(store: Store) -> int:
    return int(store.read("SELECT count(*) AS n FROM traffic")[0]["n"])


def forget_before(store: Store, days: int) -> None:
    """Delete what is older than this many days, its feedback with it; verdicts and drafts stay."""
    limit = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")
    if not store.read("SELECT 1 FROM traffic WHERE created_at < ? LIMIT 1", [limit]):
        return
    with store.write() as cursor:
        for table in ("feedback", "inbox_findings"):
            cursor.execute(
                f"DELETE FROM {table} WHERE completion IN (SELECT id FROM traffic WHERE created_at < ?)", [limit]
            )
        cursor.execute("DELETE FROM traffic WHERE created_at < ?", [limit])
