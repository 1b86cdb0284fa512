"""What every way of generating makes: a draft with its provenance, in a context, under an id that its content gives."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.records import Outcome, Scenario, Split, canonical_json

SHELLS = {"linux": "bash", "macos": "zsh", "windows": "powershell", "bsd": "sh"}
"""The shell that most people of an OS have."""


@dataclass(frozen=True)
class Context:
    """Where the person sits; empty fields say nothing."""

    os: str = ""
    shell: str = ""
    mode: str = ""


def contexts(oses: Sequence[str] = (), modes: Sequence[str] = (), shells: Sequence[str] = ()) -> tuple[Context, ...]:
    """Every OS in every mode, each with the named shells, or with its usual one when none is named; one at least."""
    return tuple(
        Context(os, shell, mode)
        for os, mode in itertools.product(oses or ("",), modes or ("",))
        for shell in (shells or (SHELLS.get(os, ""),))
    )


def draft(
    toolset: str,
    request: str,
    outcome: Outcome,
    context: Context,
    source: str,
    tags: Sequence[str] = (),
    split: Split | None = None,
    reasoning: str = "",
) -> Scenario:
    """A draft. Its id follows from request, outcome and context, so that the same draft is never added twice."""
    content = canonical_json([toolset, request, outcome.to_value(), context.os, context.shell, context.mode])
    return Scenario(
        id=f"g-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}",
        toolset=toolset,
        request=request,
        outcome=outcome,
        os=context.os,
        shell=context.shell,
        mode=context.mode,
        tags=tuple(dict.fromkeys(tags)),
        reasoning=reasoning,
        status="draft",
        split=split,
        source=source,
    )


def spaced(text: str) -> str:
    """The text on one line, single blanks between words."""
    return re.sub(r"\s+", " ", text).strip()
