"""What models answered, scenario by scenario and argument by argument, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from workbench.actions.comparing import Lineup
from workbench.actions.runs import get_run
from workbench.errors import WorkbenchError
from workbench.records import Reply, Scenario, Score
from workbench.store import answers as answer_store
from workbench.store import runs as run_store
from workbench.store.answers import AnswerFilter
from workbench.store.database import Store

Verdict = Literal["exact", "wrong arguments", "wrong tool", "malformed"]
VERDICTS = ("exact", "wrong arguments", "wrong tool", "malformed")
BUCKETS = ("fixed", "broken", "both wrong", "both right")
MANY = 500


@dataclass(frozen=True)
class Cell:
    """What one model answered to one scenario; ``score.arguments`` has the difference argument by argument.

    Attributes:
        doubted: its confidence is below the threshold, so that its call counts as NO_TOOL; so does the score.
    """

    reply: Reply
    score: Score
    doubted: bool = False

    @property
    def verdict(self) -> str:
        """One of ``VERDICTS``, or the kind of a reply that is neither calls nor text."""
        if self.reply.parsed.kind not in ("calls", "text"):
            return self.reply.parsed.kind
        if not self.score.tool_correct:
            return "wrong tool"
        return "exact" if self.score.exact else "wrong arguments"

    @property
    def got(self) -> Any:
        """The calls as JSON values, the text, or the reason why there are neither."""
        parsed = self.reply.parsed
        if parsed.kind not in ("calls", "text"):
            return parsed.reason
        return [call.to_dict() for call in parsed.calls] if parsed.calls else parsed.text


@dataclass(frozen=True)
class Row:
    """One scenario beside every model's answer; ``cells`` are in the order of the columns."""

    scenario: Scenario
    cells: tuple[Cell, ...]

    @property
    def differs(self) -> bool:
        """Whether the models' verdicts are not all the same."""
        return len({cell.verdict for cell in self.cells}) > 1

    def to_dict(self, lineup: Lineup) -> dict[str, Any]:
        return {
            "scenario": self.scenario.to_dict(),
            "differs": self.differs,
            "answers": {
                run.id: {
                    "model": run.model,
                    "verdict": cell.verdict,
                    "doubted": cell.doubted,
                    "got": cell.got,
                    "raw": cell.reply.raw,
                    "reason": cell.reply.parsed.reason,
                    "arguments": [argument.to_dict() for argument in cell.score.arguments],
                    "confidence": cell.reply.confidence,
                    "latency_ms": cell.reply.latency_ms,
                }
                for run, cell in zip(lineup.runs, self.cells, strict=True)
            },
        }


def page(
    store: Store, lineup: Lineup, filter: AnswerFilter | None = None, offset: int = 0, limit: int = 25
) -> list[Row]:
    """The rows that the filter lets through, in the order of the snapshot."""
    ids = answer_store.find(store, lineup.view, filter or AnswerFilter(), offset, limit)
    by_run = [answer_store.replies(store, run.id, ids) for run in lineup.runs]
    return [
        Row(scenario, tuple(_cell(*answers[scenario.id], scenario, lineup.threshold) for answers in by_run))
        for scenario in answer_store.scenarios(store, lineup.snapshot, ids)
    ]


def found(store: Store, lineup: Lineup, filter: AnswerFilter | None = None) -> int:
    """How many rows the filter lets through."""
    return answer_store.found(store, lineup.view, filter or AnswerFilter())


def every_row(store: Store, lineup: Lineup, filter: AnswerFilter | None = None) -> Iterator[Row]:
    """All rows that the filter lets through, read a few hundred at a time."""
    offset = 0
    while rows := page(store, lineup, filter, offset, MANY):
        yield from rows
        offset += MANY


def replies(store: Store, run_id: str, offset: int = 0, limit: int = 100) -> list[dict[str, Any]]:
    """What a run has answered so far, by scenario id: reply and score as JSON.

    Raises:
        WorkbenchError: there is no such run, or no such page.
    """
    get_run(store, run_id)
    if offset < 0 or not 0 <= limit <= MANY:
        raise WorkbenchError("There is no such page.", f"Ask for at most {MANY} replies at a time.")
    page = zip(run_store.replies(store, run_id), run_store.scores(store, run_id), strict=True)
    pairs = list(page)[offset : offset + limit]
    return [{"reply": reply.to_dict(), "score": score.to_dict()} for reply, score in pairs]


def _cell(reply: Reply, score: Score, scenario: Scenario, threshold: int) -> Cell:
    confidence = reply.confidence
    if reply.parsed.kind != "calls" or confidence is None or int(confidence * 100) >= threshold:
        return Cell(reply, score)
    right = scenario.outcome.is_no_tool
    declined = replace(score, tool_correct=right, exact=right, schema_valid=True, arguments=())
    return Cell(reply, declined, doubted=True)
