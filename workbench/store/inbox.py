"""What people made of recorded decisions. A verdict is part of a change: undoing the change withdraws it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workbench.records import Scenario
from workbench.store.database import Store, now
from workbench.store.revisions import add_change, put, text_of

Verdict = Literal["accepted", "corrected", "rejected"]
State = Literal["open", "accepted", "corrected", "rejected"]
STATES: tuple[State, ...] = get_args(State)

_HOLDS = """NOT EXISTS (SELECT 1 FROM changes u WHERE u.undoes = i.change_id
                        AND NOT EXISTS (SELECT 1 FROM changes r WHERE r.undoes = u.id))"""
_STANDING = f"""(SELECT completion, arg_max(verdict, change_id) AS verdict, arg_max(scenario, change_id) AS scenario
                 FROM inbox i WHERE {_HOLDS} GROUP BY completion)"""


@dataclass(frozen=True)
class Recorded:
    """One recorded decision.

    Attributes:
        question: equal for decisions on the same messages and tools.
        request, reply: the body that was sent and the decisions, as ``store.traffic`` keeps them.
        state: ``open`` until somebody judges it; then ``scenario`` is the id of the draft that came of it, if one did.
        feedback: what was said of it, the newest last: ``at``, ``verdict``, ``comment``, ``expected``.
    """

    id: str
    at: str
    model: str
    toolset: str
    question: str
    request: Mapping[str, Any]
    reply: tuple[Mapping[str, Any], ...]
    confidence: float | None
    latency_ms: float | None
    state: State
    scenario: str
    feedback: tuple[Mapping[str, Any], ...] = ()


def find(store: Store, toolset: str, state: str = "open", model: str = "", limit: int = 500) -> list[Recorded]:
    """Decisions with this toolset, the newest first; of those on one question the newest, unless a model is named.

    Args:
        state: one of ``STATES``; empty for all.
    """
    rows = store.read(
        f"""SELECT t.*, coalesce(s.verdict, 'open') AS state, coalesce(s.scenario, '') AS scenario
            FROM traffic t LEFT JOIN {_STANDING} s ON s.completion = t.id
            WHERE t.toolset = ? AND (? = '' OR coalesce(s.verdict, 'open') = ?) AND (? = '' OR t.model = ?)
            QUALIFY row_number() OVER (PARTITION BY t.question ORDER BY t.created_at DESC, t.id) = 1
            ORDER BY t.created_at DESC, t.id LIMIT ?""",
        [toolset, state, state, model, model, limit],
    )
    return _with_feedback(store, rows)


def get(store: Store, completion: str) -> Recorded | None:
    return next(iter(_of(store, "t.id = ?", completion)), None)


def others(store: Store, asked: Iterable[Recorded]) -> dict[str, list[tuple[str, str, list[dict[str, Any]]]]]:
    """What other models answered to the same questions: by completion, (completion, model, reply), newest of each."""
    wanted = {one.question: one for one in asked}
    rows = store.read(
        """SELECT id, model, question, reply FROM traffic WHERE question IN (SELECT unnest(?::VARCHAR[]))
           QUALIFY row_number() OVER (PARTITION BY question, model ORDER BY created_at DESC, id) = 1
           ORDER BY model""",
        [list(wanted)],
    )
    found: dict[str, list[tuple[str, str, list[dict[str, Any]]]]] = {}
    for row in rows:
        one = wanted[row["question"]]
        if row["model"] != one.model:
            found.setdefault(one.id, []).append((row["id"], row["model"], json.loads(row["reply"])))
    return found


def stream(store: Store, toolset: str = "") -> Iterable[Recorded]:
    """Every recorded decision, the oldest first."""
    return reversed(_of(store, "(? = '' OR t.toolset = ?)", toolset, toolset))


def counts(store: Store, toolset: str) -> dict[str, int]:
    """How many questions are in which state; one with a decision that is open counts as open."""
    rows = store.read(
        f"""SELECT state, count(*) AS n FROM (
                SELECT arg_max(coalesce(s.verdict, 'open'), t.created_at) AS state
                FROM traffic t LEFT JOIN {_STANDING} s ON s.completion = t.id WHERE t.toolset = ? GROUP BY t.question)
            GROUP BY state""",
        [toolset],
    )
    return {state: next((int(row["n"]) for row in rows if row["state"] == state), 0) for state in STATES}


def waiting(store: Store) -> int:
    """How many questions of all toolsets nobody has judged."""
    sql = f"""SELECT count(DISTINCT t.question) AS n FROM traffic t LEFT JOIN {_STANDING} s ON s.completion = t.id
              WHERE s.verdict IS NULL"""
    return int(store.read(sql)[0]["n"])


def models(store: Store, toolset: str) -> list[str]:
    """Ids of the models whose decisions are recorded."""
    rows = store.read("SELECT DISTINCT model FROM traffic WHERE toolset = ? ORDER BY model", [toolset])
    return [str(row["model"]) for row in rows]


def judge(
    store: Store, judged: Recorded, verdict: Verdict, author: str, scenario: Scenario | None = None, note: str = ""
) -> int:
    """Keep a verdict on a question, and the draft that came of it, as one change; returns the change's id.

    It counts for every decision on the question that is recorded by now.
    """
    kind = {"accepted": "accept", "corrected": "correct", "rejected": "reject"}[verdict]
    with store.write() as cursor:
        change = add_change(cursor, kind, author, note)
        cursor.execute(
            "INSERT INTO inbox SELECT ?, id, model, ?, ?, ?, ? FROM traffic WHERE question = ?",
            [change, verdict, scenario.id if scenario else "", author, now(), judged.question],
        )
        if scenario is not None:
            put(cursor, change, [scenario], [text_of(scenario)])
    return change


def findings(store: Store) -> dict[str, dict[str, Any]]:
    """What was found out about decisions, by completion: see ``save_findings``."""
    rows = store.read("SELECT completion, body FROM inbox_findings")
    return {row["completion"]: json.loads(row["body"]) for row in rows}


def save_findings(store: Store, found: Mapping[str, Mapping[str, Any]], change: int) -> None:
    """Remember what was found out about decisions when ``change`` was the newest change."""
    rows = [(completion, change, json.dumps(dict(body))) for completion, body in found.items()]
    if not rows:
        return
    with store.write() as cursor:
        ids, changes, bodies = (list(column) for column in zip(*rows, strict=True))
        cursor.execute(
            """INSERT OR REPLACE INTO inbox_findings
               SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[])""",
            [ids, changes, bodies],
        )


def _of(store: Store, condition: str, *values: Any) -> list[Recorded]:
    rows = store.read(
        f"""SELECT t.*, coalesce(s.verdict, 'open') AS state, coalesce(s.scenario, '') AS scenario
            FROM traffic t LEFT JOIN {_STANDING} s ON s.completion = t.id
            WHERE {condition} ORDER BY t.created_at DESC, t.id""",
        list(values),
    )
    return _with_feedback(store, rows)


def _with_feedback(store: Store, rows: list[dict[str, Any]]) -> list[Recorded]:
    said: dict[str, list[dict[str, Any]]] = {}
    ids = [row["id"] for row in rows]
    sql = "SELECT * FROM feedback WHERE completion IN (SELECT unnest(?::VARCHAR[])) ORDER BY created_at"
    for one in store.read(sql, [ids]):
        found = {"at": one["created_at"], "verdict": one["verdict"], **json.loads(one["body"])}
        said.setdefault(one["completion"], []).append(found)
    return [
        Recorded(
            id=row["id"],
            at=row["created_at"],
            model=row["model"],
            toolset=row["toolset"],
            question=row["question"],
            request=json.loads(row["request"]),
            reply=tuple(json.loads(row["reply"])),
            confidence=row["confidence"],
            latency_ms=row["latency_ms"],
            state=row["state"],
            scenario=row["scenario"],
            feedback=tuple(said.get(row["id"], ())),
        )
        for row in rows
    ]
