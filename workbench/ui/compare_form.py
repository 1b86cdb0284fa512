"""Where one is on the Compare page: what is compared, and which answers are shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, get_args

from workbench.actions.answers import BUCKETS
from workbench.evaluation.statistics import SLICES
from workbench.records import Split
from workbench.store.answers import FIGURES
from workbench.ui.forms import Fields, address, one, one_of, whole

NOW = "now"
"""In the form's menu of snapshots: one of the approved scenarios as they are now."""


@dataclass(frozen=True)
class Bench:
    """Where one is on the Compare page.

    Attributes:
        candidate: model that is held against the first one; empty for the second.
        threshold: percent; calls with a lower confidence count as NO_TOOL.
        by: slice that is plotted, ``of``: model whose confusion is shown, empty for the candidate.
        failed, differing, text, verdict, bucket: which answers; ``expected`` and ``got``: a cell of the confusion.
        again: run that answers one scenario again.
    """

    models: tuple[str, ...] = ()
    split: Split = "test"
    snapshot: str = ""
    candidate: str = ""
    figure: str = "exact"
    threshold: int = 0
    by: str = "tool"
    of: str = ""
    differing: bool = False
    failed: bool = False
    text: str = ""
    verdict: str = ""
    bucket: str = ""
    expected: str = ""
    got: str = ""
    page: int = 1
    again: str = ""

    @classmethod
    def read(cls, fields: Fields) -> Bench:
        return cls(
            models=tuple(dict.fromkeys(model for model in fields.get("model", ()) if model)),
            split=one_of(one(fields, "split"), get_args(Split)) or "test",
            snapshot=one(fields, "snapshot"),
            candidate=one(fields, "candidate"),
            figure=one_of(one(fields, "figure"), tuple(FIGURES)) or "exact",
            threshold=min(100, max(0, whole(fields, "threshold"))),
            by=one_of(one(fields, "by"), SLICES) or "tool",
            of=one(fields, "of"),
            differing=one(fields, "differing") == "yes",
            failed=one(fields, "failed") == "yes",
            text=one(fields, "text").strip(),
            verdict=one(fields, "verdict"),
            bucket=one_of(one(fields, "bucket"), BUCKETS) or "",
            expected=one(fields, "expected"),
            got=one(fields, "got"),
            page=max(1, whole(fields, "page", 1)),
            again=one(fields, "again"),
        )

    @property
    def query(self) -> str:
        return address(
            model=self.models,
            split="" if self.split == "test" else self.split,
            snapshot=self.snapshot,
            candidate=self.candidate,
            figure="" if self.figure == "exact" else self.figure,
            threshold=self.threshold,
            by="" if self.by == "tool" else self.by,
            of=self.of,
            differing="yes" if self.differing else "",
            failed="yes" if self.failed else "",
            text=self.text,
            verdict=self.verdict,
            bucket=self.bucket,
            expected=self.expected,
            got=self.got,
            page=0 if self.page == 1 else self.page,
            again=self.again,
        )

    @property
    def rival(self) -> str:
        """The model that is held against the first one."""
        chosen = self.candidate if self.candidate in self.models[1:] else ""
        return chosen or (self.models[1] if len(self.models) > 1 else "")

    @property
    def confused(self) -> str:
        """The model whose confusion is shown."""
        return self.of if self.of in self.models else self.rival or (self.models[0] if self.models else "")

    def at(self, **changes: Any) -> Bench:
        return replace(self, **changes)
