"""Answers of evaluation runs beside their scenarios: counting, filtering and paging over many models at once.

The table ``answers`` is a flat copy of replies, scores and snapshots, made once a run by ``prepare``: reading 50,000
answers out of JSON for every click would be felt. Knows no statistics: others make figures of the counts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from workbench.records import NO_TOOL, Reply, Scenario, Score
from workbench.store.database import Store

Bucket = Literal["", "fixed", "broken", "both wrong", "both right"]
Figure = Literal["exact", "tool"]
FIGURES: dict[Figure, str] = {"exact": "exact", "tool": "tool_correct"}
OTHER = "other calls"
"""Row and column of a confusion matrix for labels that are too rare to have their own."""
MOST_LABELS = 24
_VERDICT = """CASE WHEN kind NOT IN ('calls', 'text') THEN kind WHEN NOT tool_correct THEN 'wrong tool'
    WHEN exact THEN 'exact' ELSE 'wrong arguments' END"""
_KEYS = {"tool": "unnest(tools)", "os": "os", "mode": "mode", "tag": "unnest(tags)"}
_HAS_KEY = {
    "tool": "list_contains(any_value(tools), ?)",
    "os": "any_value(os) = ?",
    "mode": "any_value(mode) = ?",
    "tag": "list_contains(any_value(tags), ?)",
}


@dataclass(frozen=True)
class View:
    """Which runs are looked at, and how.

    Attributes:
        runs: evaluation runs on the same snapshot split; the first is the one that others are compared with.
        threshold: percent; calls with a lower confidence count as NO_TOOL. 0 leaves all replies as they are.
    """

    runs: tuple[str, ...]
    threshold: int = 0

    @property
    def judged(self) -> str:
        """The answers of the runs as SQL, with what the threshold makes of them."""
        doubted = f"(kind = 'calls' AND floor(confidence * 100) < {int(self.threshold)})"
        declined = f"expected = '{NO_TOOL}'"
        return f"""(SELECT *, {_VERDICT} AS verdict FROM (
            SELECT run_id, scenario_id, position, request, os, mode, tags, tools, expected, latency_ms,
                   if({doubted}, '{NO_TOOL}', got) AS got, if({doubted}, 'text', kind) AS kind,
                   coalesce(if({doubted}, {declined}, tool_correct), false) AS tool_correct,
                   coalesce(if({doubted}, {declined}, exact), false) AS exact,
                   ({doubted} IS TRUE OR schema_valid) AS schema_valid, if({doubted}, 0, matched) AS matched,
                   if({doubted}, expected_arguments, wanted) AS wanted, if({doubted}, 0, given) AS given
            FROM answers WHERE run_id IN (SELECT unnest(?::VARCHAR[]))))"""

    @property
    def params(self) -> list[Any]:
        """Of ``judged``."""
        return [list(self.runs)]


@dataclass(frozen=True)
class AnswerFilter:
    """Which scenarios; an empty field lets all pass.

    Attributes:
        text: part of the request, the id or the expected tools, in any case.
        verdict: of any of the models.
        failed: at least one model is wrong; ``differing``: the models' verdicts differ.
        bucket: what became of the scenario from run ``base`` to run ``candidate``, by ``figure``.
        by, key: a slice and its value; ``key`` counts where ``by`` is given.
        of, expected, got: a cell of the confusion matrix of run ``of``.
    """

    text: str = ""
    verdict: str = ""
    failed: bool = False
    differing: bool = False
    bucket: Bucket = ""
    base: str = ""
    candidate: str = ""
    figure: Figure = "exact"
    by: str = ""
    key: str = ""
    of: str = ""
    expected: str = ""
    got: str = ""


def prepare(store: Store, run_id: str) -> None:
    """Fill the answers of a run from its replies, scores and snapshot, unless they are all there."""
    counts = store.read(
        """SELECT (SELECT count(*) FROM answers WHERE run_id = ?) AS here,
                  (SELECT count(*) FROM replies JOIN scores USING (run_id, scenario_id) WHERE run_id = ?) AS there""",
        [run_id, run_id],
    )[0]
    if counts["here"] == counts["there"]:
        return
    with store.write() as cursor:
        cursor.execute("DELETE FROM answers WHERE run_id = ?", [run_id])
        cursor.execute(_FILL, [run_id])


def count(store: Store, run_id: str) -> int:
    return int(store.read("SELECT count(*) AS n FROM answers WHERE run_id = ?", [run_id])[0]["n"])


def cases(store: Store, snapshot: str, split: str) -> int:
    """How many scenarios the split of a snapshot has."""
    query = "SELECT count(*) AS n FROM snapshot_rows WHERE snapshot = ? AND split = ?"
    return int(store.read(query, [snapshot, split])[0]["n"])


def scenarios(store: Store, snapshot: str, ids: Sequence[str]) -> list[Scenario]:
    """Scenarios as the snapshot has them, in its order."""
    rows = store.read(
        """SELECT r.body FROM snapshot_rows s
           JOIN scenario_revisions r ON r.scenario_id = s.scenario_id AND r.revision = s.revision
           WHERE s.snapshot = ? AND s.scenario_id IN (SELECT unnest(?::VARCHAR[])) ORDER BY s.position""",
        [snapshot, list(ids)],
    )
    return [Scenario.from_dict(json.loads(row["body"])) for row in rows]


def replies(store: Store, run_id: str, ids: Sequence[str]) -> dict[str, tuple[Reply, Score]]:
    """What a run answered to these scenarios, with the scores, by scenario id."""
    rows = store.read(
        """SELECT y.body AS reply, s.body AS score FROM replies y JOIN scores s USING (run_id, scenario_id)
           WHERE run_id = ? AND scenario_id IN (SELECT unnest(?::VARCHAR[]))""",
        [run_id, list(ids)],
    )
    pairs = ((Reply.from_dict(json.loads(r["reply"])), Score.from_dict(json.loads(r["score"]))) for r in rows)
    return {reply.scenario_id: (reply, score) for reply, score in pairs}


def find(store: Store, view: View, filter: AnswerFilter, offset: int = 0, limit: int = 25) -> list[str]:
    """Ids of one page of scenarios, in the order of the snapshot."""
    having, params = _having(store, view, filter)
    rows = store.read(
        f"""SELECT scenario_id FROM {view.judged} GROUP BY scenario_id {having}
            ORDER BY min(position) LIMIT ? OFFSET ?""",
        [*view.params, *params, limit, offset],
    )
    return [row["scenario_id"] for row in rows]


def found(store: Store, view: View, filter: AnswerFilter) -> int:
    """How many scenarios the filter lets through."""
    having, params = _having(store, view, filter)
    query = f"SELECT count(*) AS n FROM (SELECT scenario_id FROM {view.judged} GROUP BY scenario_id {having})"
    return int(store.read(query, [*view.params, *params])[0]["n"])


def tallies(store: Store, view: View, by: str = "") -> list[dict[str, Any]]:
    """Counts as in ``evaluation.statistics.Tally`` with latencies, a row for each run and key.

    A scenario with several tools or tags counts under each of them. ``by``: empty for one row a run.
    """
    key = _KEYS[by] if by else "''"
    return store.read(
        f"""SELECT run_id, key, count(*) AS n, {_sum("tool_correct")}, {_sum("exact")},
                   count(*) FILTER (kind = 'malformed') AS malformed, {_sum("schema_valid")},
                   count(*) FILTER (kind = 'text') AS declined,
                   count(*) FILTER (kind = 'text' AND expected = '{NO_TOOL}') AS rightly_declined,
                   count(*) FILTER (expected = '{NO_TOOL}') AS none_expected,
                   count(*) FILTER (kind = 'calls' AND expected = '{NO_TOOL}') AS over_called,
                   count(*) FILTER (kind = 'text' AND expected != '{NO_TOOL}') AS missed,
                   {_sum("matched")}, {_sum("wanted")}, {_sum("given")},
                   quantile_cont(latency_ms, 0.5) AS latency_p50, quantile_cont(latency_ms, 0.95) AS latency_p95
            FROM (SELECT *, {key} AS key FROM {view.judged}) GROUP BY run_id, key ORDER BY run_id, key""",
        view.params,
    )


def argument_counts(store: Store, view: View, run_id: str) -> list[dict[str, int]]:
    """How many scenarios have which numbers of matched, wanted and given arguments, in the order of the numbers."""
    return store.read(
        f"""SELECT matched, wanted, given, count(*) AS n FROM {view.judged} WHERE run_id = ?
            GROUP BY ALL ORDER BY ALL""",
        [*view.params, run_id],
    )


def pairs(store: Store, view: View, candidate: str, figure: Figure = "exact") -> dict[str, int]:
    """Scenarios by what became of them from the view's first run to ``candidate``: counts of ``pairing.Pairs``."""
    right = FIGURES[figure]
    return store.read(
        f"""SELECT count(*) FILTER (b AND c) AS both_right, count(*) FILTER (NOT b AND c) AS fixed,
                   count(*) FILTER (b AND NOT c) AS broken, count(*) FILTER (NOT b AND NOT c) AS both_wrong
            FROM (SELECT bool_or({right}) FILTER (run_id = ?) AS b, bool_or({right}) FILTER (run_id = ?) AS c
                  FROM {view.judged} GROUP BY scenario_id)""",
        [view.runs[0], candidate, *view.params],
    )[0]


def labels(store: Store, view: View) -> list[str]:
    """Expected labels with a row of their own in a confusion matrix: the most frequent, in alphabetical order."""
    rows = store.read(
        "SELECT expected, count(*) AS n FROM answers WHERE run_id = ? GROUP BY expected ORDER BY n DESC, expected",
        [view.runs[0]],
    )
    return sorted({row["expected"] for row in rows[:MOST_LABELS]} | {NO_TOOL})


def confusion(store: Store, view: View, run_id: str) -> list[dict[str, Any]]:
    """Counts by expected and got label; what is too rare is under ``other calls``."""
    return store.read(
        f"""SELECT {_mapped("expected")} AS expected, {_got()} AS got,
                   count(*) AS n
            FROM {view.judged} WHERE run_id = ? GROUP BY ALL ORDER BY ALL""",
        [*[labels(store, view)] * 2, *view.params, run_id],
    )


def confidences(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Replies by whole percent of confidence (None: not measured or no call), with what they were worth.

    ``none_expected``: no call must happen, so that declining would be right.
    """
    return store.read(
        f"""SELECT if(kind = 'calls', floor(confidence * 100)::INTEGER, NULL) AS percent, kind = 'calls' AS called,
                   count(*) AS n, {_sum("exact")}, {_sum("tool_correct")},
                   count(*) FILTER (expected = '{NO_TOOL}') AS none_expected
            FROM answers WHERE run_id = ? GROUP BY ALL ORDER BY ALL""",
        [run_id],
    )


def latencies(store: Store, view: View) -> dict[str, list[float]]:
    """For each run the milliseconds within which 0, 1, … 100% of the replies came."""
    parts = ", ".join(f"{i / 100}" for i in range(101))
    rows = store.read(
        f"SELECT run_id, quantile_cont(latency_ms, [{parts}]) AS ms FROM {view.judged} GROUP BY run_id", view.params
    )
    return {row["run_id"]: row["ms"] for row in rows if row["ms"] is not None}


def arguments(store: Store, run_id: str) -> list[dict[str, Any]]:
    """Matched, wanted and given by argument, whatever the tool: ``name`` is ``tool.argument`` of one expected call."""
    return store.read(
        """WITH marks AS (
               SELECT scenario_id, unnest(body->'$.arguments[*]') AS mark FROM scores WHERE run_id = ?)
           SELECT a.expected || '.' || (mark->>'name') AS name,
                  count(*) FILTER (mark->>'verdict' = 'match') AS matched,
                  count(*) FILTER (mark->>'verdict' != 'unexpected') AS wanted,
                  count(*) FILTER (mark->>'verdict' != 'missing') AS given
           FROM marks JOIN answers a ON a.run_id = ? AND a.scenario_id = marks.scenario_id
           WHERE len(a.tools) = 1 AND a.expected = a.tools[1] AND a.expected != 'NO_TOOL'
           GROUP BY 1 ORDER BY 1""",
        [run_id, run_id],
    )


def values(store: Store, view: View, by: str) -> list[str]:
    """What occurs in a slice, in alphabetical order."""
    rows = store.read(f"SELECT DISTINCT {_KEYS[by]} AS key FROM answers WHERE run_id = ? ORDER BY key", [view.runs[0]])
    return [row["key"] for row in rows]


def _sum(name: str) -> str:
    return f"coalesce(sum({name}::INTEGER), 0)::INTEGER AS {name}"


def _mapped(column: str) -> str:
    return f"if(list_contains(?::VARCHAR[], {column}), {column}, '{OTHER}')"


def _got() -> str:
    return f"if(kind NOT IN ('calls', 'text'), kind, {_mapped('got')})"


def _having(store: Store, view: View, filter: AnswerFilter) -> tuple[str, list[Any]]:
    """The HAVING clause over answers grouped by scenario, and its parameters."""
    conditions: list[str] = []
    params: list[Any] = []

    def add(condition: str, *given: Any) -> None:
        conditions.append(condition)
        params.extend(given)

    if filter.text:
        add("contains(lower(any_value(request || ' ' || scenario_id || ' ' || expected)), lower(?))", filter.text)
    if filter.verdict:
        add("bool_or(verdict = ?)", filter.verdict)
    if filter.failed:
        add("NOT bool_and(exact)")
    if filter.differing:
        add("count(DISTINCT verdict) > 1")
    if filter.bucket:
        right = FIGURES[filter.figure]
        before, after = filter.bucket in ("broken", "both right"), filter.bucket in ("fixed", "both right")
        add(f"bool_or({right}) FILTER (run_id = ?) = ?", filter.base, before)
        add(f"bool_or({right}) FILTER (run_id = ?) = ?", filter.candidate, after)
    if filter.by:
        add(_HAS_KEY[filter.by], filter.key)
    if filter.of:
        known = labels(store, view)
        add(
            f"bool_or(run_id = ? AND {_mapped('expected')} = ? AND {_got()} = ?)",
            filter.of, known, filter.expected, known, filter.got,
        )  # fmt: skip
    return (f"HAVING {' AND '.join(conditions)}" if conditions else ""), params


_FILL = """
    INSERT INTO answers
    SELECT run_id, scenario_id, position, request, os, mode, tags,
           if(len(names) = 0, ['NO_TOOL'], list_sort(list_distinct(names))),
           if(len(names) = 0, 'NO_TOOL', array_to_string(names, ' + ')),
           got, kind, tool_correct, exact, schema_valid,
           len(list_filter(verdicts, lambda v: v = 'match')), len(list_filter(verdicts, lambda v: v != 'unexpected')),
           len(list_filter(verdicts, lambda v: v != 'missing')),
           len(list_filter(wants, lambda w: json_type(w) != 'NULL')), confidence, latency_ms
    FROM (
        SELECT y.run_id, y.scenario_id, c.position, r.body->>'request' AS request,
               coalesce(r.body->>'os', '') AS os, coalesce(r.body->>'mode', '') AS mode,
               coalesce(r.body->>'$.tags[*]', []) AS tags, coalesce(r.body->>'$.expected[*].name', []) AS names,
               y.label AS got, y.kind, s.tool_correct, s.exact, s.schema_valid,
               coalesce(s.body->>'$.arguments[*].verdict', []) AS verdicts,
               coalesce(s.body->'$.arguments[*].expected', []) AS wants,
               (y.body->>'confidence')::DOUBLE AS confidence, y.latency_ms
        FROM runs
        JOIN replies y ON y.run_id = runs.id
        JOIN scores s ON s.run_id = y.run_id AND s.scenario_id = y.scenario_id
        JOIN snapshot_rows c ON c.snapshot = runs.snapshot AND c.scenario_id = y.scenario_id
        JOIN scenario_revisions r ON r.scenario_id = c.scenario_id AND r.revision = c.revision
        WHERE runs.id = ?)"""
