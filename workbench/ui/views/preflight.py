"""Train: what a run would see and cost, before it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.actions.preflight import Preflight
from workbench.ui.views.base import TONES, duration, render

_PHASES = {
    "starting": "Starting",
    "loading": "Loading the model",
    "preparing": "Making tokens of the scenarios",
    "inspecting": "Looking at every scenario",
    "probing": "Trying two steps",
}


def preflight(found: Preflight | None, sights: Sequence[Mapping[str, Any]] = (), at: int = 0) -> str:
    """The section of the Train page.

    Args:
        sights: the scenario that is shown, as ``actions.preflight.sights`` gives it; empty before there is one.
        at: its number, from 0, blocked ones first.
    """
    if found is None:
        return render("preflight.html", found=None)
    summary = found.summary
    shown = sights[0] if sights else None
    return render(
        "preflight.html",
        found=found,
        about=f"{found.toolset} on {found.base}",
        tone=TONES[found.state],
        doing=_PHASES.get(found.phase, found.phase.capitalize()),
        tiles=_tiles(summary) if found.state == "done" else [],
        blocked=found.blocked[:50],
        more=max(0, len(found.blocked) - 50),
        shown=shown,
        parts=_parts(shown["pieces"]) if shown else [],
        at=at,
        total=summary.get("scenarios", 0),
    )


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    context = f" / {summary['context']:,}" if summary.get("context") else ""
    return [
        ("About", duration(summary["seconds"])),
        ("Memory", f"{summary['memory_mb'] / 1024:.1f} GB"),
        ("Steps", f"{summary['total_steps']:,}"),
        ("Scenarios", f"{summary['scenarios']:,}"),
        ("Longest", f"{summary['longest']:,}{context} tokens"),
        ("Trained", f"{summary['trained_tokens']:,} tokens"),
    ]


def _parts(pieces: Sequence[Sequence[Any]]) -> list[dict[str, str]]:
    """Text and class of each piece."""
    return [
        {"text": text, "kind": " ".join(name for name, yes in (("special", special), ("trained", trained)) if yes)}
        for text, special, trained in pieces
    ]


def foretold(found: Mapping[str, Mapping[str, float]]) -> str:
    """How far off a pre-flight was, as a sentence; empty when there was none.

    Args:
        found: as ``actions.preflight.how_far_off`` gives it.
    """
    words = {"seconds": duration, "memory_mb": lambda megabytes: f"{megabytes / 1024:.1f} GB"}
    parts = [f"{words[name](one['foretold'])} foretold, {_off(one['off'])}" for name, one in found.items()]
    return f"Pre-flight: {'; '.join(parts)}." if parts else ""


def _off(part: float) -> str:
    return "which was right" if abs(part) < 0.01 else f"really {abs(part):.0%} {'more' if part > 0 else 'less'}"
