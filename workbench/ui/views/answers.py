"""Compare: what each model answered, scenario by scenario and argument by argument."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from workbench.actions.answers import VERDICTS, Cell, Row
from workbench.actions.comparing import Lineup
from workbench.evaluation.job import FAILURES
from workbench.records import ArgumentScore, Reply, Run
from workbench.ui.compare_form import Bench
from workbench.ui.views.base import TONES, calls_text, colors_of, outcome_text, pairs, render, short

ANSWERS = 25
"""Rows on a page of answers."""


def compare_answers(
    bench: Bench,
    lineup: Lineup | None = None,
    rows: Sequence[Row] = (),
    found: int = 0,
    again: tuple[Run, Reply | None] | None = None,
) -> str:
    """One page of answers; without a lineup only the address. ``found``: rows that the filter lets through.

    ``again``: a run that answers one scenario again, with its reply once that is there.
    """
    if lineup is None:
        return render("compare_answers.html", query=bench.query, models=[])
    first = (bench.page - 1) * ANSWERS
    return render(
        "compare_answers.html",
        query=bench.query,
        place=bench,
        models=[
            {"label": label, "color": color}
            for label, color in zip(lineup.labels, colors_of(lineup.labels), strict=True)
        ],
        rows=[_answer_row(row, lineup) for row in rows],
        verdicts=pairs(VERDICTS, bench.verdict),
        chips=_chips(bench),
        first=first + 1,
        last=first + len(rows),
        found=f"{found:,}",
        pages=max(1, -(-found // ANSWERS)),
        again=again and _again(*again),
    )


def _chips(bench: Bench) -> list[tuple[str, str]]:
    """Filters that were set by a click elsewhere: which one, and what it says."""
    chips = []
    if bench.bucket:
        chips.append(("bucket", bench.bucket))
    if bench.expected:
        chips.append(("cell", f"expected {bench.expected}, got {bench.got}"))
    return chips


def _again(run: Run, reply: Reply | None) -> dict[str, Any]:
    said = reply and (
        calls_text(reply.parsed.calls) if reply.parsed.calls else reply.parsed.reason or reply.parsed.text
    )
    return {
        "label": run.name or run.model,
        "scenario": run.config.get("only", ""),
        "state": run.state,
        "tone": TONES[run.state],
        "pending": not run.finished,
        "said": said or "",
        "raw": reply.raw if reply else "",
        "message": run.message,
    }


def _answer_row(row: Row, lineup: Lineup) -> dict[str, Any]:
    scenario = row.scenario
    tests = lineup.split != "train"
    return {
        "id": scenario.id,
        "request": scenario.request,
        "where": " · ".join(part for part in (scenario.os, scenario.mode, *scenario.tags) if part),
        "expected": outcome_text(scenario.outcome),
        "cells": [_answer(cell, run) for cell, run in zip(row.cells, lineup.runs, strict=True)],
        "variant": "A draft for train with the same answer; its request is yours to write" if tests else "A new draft",
    }


def _answer(cell: Cell, run: Run) -> dict[str, Any]:
    """What one model answered: the verdict, what it called, and each argument beside what was expected."""
    parsed, verdict = cell.reply.parsed, cell.verdict
    got = {"wrong tool": calls_text(parsed.calls), "exact": ""}.get(verdict, parsed.reason)
    several = len(parsed.calls) > 1
    arguments = cell.score.arguments if verdict == "wrong arguments" else ()
    confidence = cell.reply.confidence
    return {
        "run": run.id,
        "model": run.name or run.model,
        "verdict": FAILURES.get(cell.reply.failure, verdict),
        "tone": TONES.get(verdict, "bad"),
        "got": short(got),
        "doubted": cell.doubted,
        "arguments": [_argument_answer(argument, several) for argument in arguments],
        "raw": cell.reply.raw,
        "measures": " · ".join(
            [
                f"{cell.reply.latency_ms:,.0f} ms",
                *([f"{100 * confidence:.0f} % sure"] if confidence is not None else []),
            ]
        ),
    }


def _argument_answer(argument: ArgumentScore, several: bool) -> dict[str, Any]:
    expected = json.dumps(argument.expected, ensure_ascii=False)
    notes = {
        "differs": f"expected {expected}",
        "missing": f"is missing, expected {expected}",
        "unexpected": "not expected",
    }
    return {
        "name": f"{argument.call + 1}. {argument.name}" if several else argument.name,
        "right": argument.verdict == "match",
        "got": "" if argument.verdict == "missing" else short(json.dumps(argument.got, ensure_ascii=False)),
        "note": notes.get(argument.verdict, ""),
    }
