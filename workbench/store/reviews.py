"""Verdicts of reviewers on drafts. Each is part of a change, so that undoing the change withdraws the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.records import Scenario
from workbench.store.database import Store
from workbench.store.revisions import add_change, put, text_of


@dataclass(frozen=True)
class Verdict:
    """What a reviewer said of one revision of a scenario: ``approve`` or ``reject``.

    ``current``: the scenario has not been edited since, apart from its status.
    """

    scenario_id: str
    reviewer: str
    verdict: str
    change_id: int
    revision: int
    current: bool


def add_verdict(store: Store, judged: Scenario, verdict: str, reviewer: str, decided: Scenario | None) -> int:
    """Keep a verdict as one change, with the scenario's new status where the verdict decides; returns the change's id.

    Args:
        judged: the scenario as the reviewer saw it, the newest revision.
        decided: the same with its new status, or None when another reviewer must speak first.
    """
    with store.write() as cursor:
        row = cursor.execute("SELECT revision FROM scenarios WHERE id = ?", [judged.id]).fetchone()
        change = add_change(cursor, verdict, reviewer, judged.request[:80])
        values = [change, judged.id, row[0] if row else 0, reviewer, verdict]
        cursor.execute("INSERT INTO reviews VALUES (?, ?, ?, ?, ?)", values)
        if decided is not None:
            put(cursor, change, [decided], [text_of(decided)])
    return change


def verdicts(store: Store, toolset: str) -> list[Verdict]:
    """Every verdict on a scenario that is still there, in the order of time; those that were undone are left out."""
    rows = store.read(
        """SELECT v.scenario_id, v.reviewer, v.verdict, v.change_id, v.revision,
                  NOT EXISTS (SELECT 1 FROM scenario_revisions r
                              WHERE r.scenario_id = v.scenario_id AND r.revision > v.revision
                                AND json_merge_patch(r.body, '{"status": null}')::VARCHAR
                                    <> json_merge_patch(j.body, '{"status": null}')::VARCHAR) AS current
           FROM reviews v
           JOIN scenarios s ON s.id = v.scenario_id AND s.toolset = ?
           JOIN scenario_revisions j ON j.scenario_id = v.scenario_id AND j.revision = v.revision
           WHERE NOT EXISTS (SELECT 1 FROM changes u WHERE u.undoes = v.change_id
                             AND NOT EXISTS (SELECT 1 FROM changes r WHERE r.undoes = u.id))
           ORDER BY v.change_id""",
        [toolset],
    )
    return [Verdict(**row) for row in rows]
