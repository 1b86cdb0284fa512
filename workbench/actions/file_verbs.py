"""The verbs on files: scenarios, tools and prompts in, scenarios out. ``verbs.Verbs`` takes them over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from workbench.actions import export_files, import_files
from workbench.actions.curation_verbs import to_filter
from workbench.records import Toolset
from workbench.store.database import Store

Json = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class FileVerbs:
    """All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store

    def import_file(
        self,
        path: Path,
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        name: str = "",
        reading: Mapping[str, Any] | None = None,
    ) -> Json:
        """Read a file of scenarios, tools or a prompt; ``dry_run`` only reports.

        Args:
            name: what to call the file.
            reading: how to read it: ``format``, ``columns`` by field, ``conflicts``; see ``import_files``.
        """
        return self._import(path, toolset, status, dry_run, name, reading or {}, {}, None)

    def import_files(
        self,
        paths: Sequence[Path],
        toolset: str = "",
        status: str = "",
        dry_run: bool = False,
        reading: Mapping[str, Any] | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> list[Json]:
        """Like ``import_file`` for several files that may need one another; ``progress`` gets a file and a share."""

        def read(path: Path, pending: Mapping[str, Toolset]) -> Json:
            tell = (lambda share: progress(path.name, share)) if progress else None
            return self._import(path, toolset, status, dry_run, "", reading or {}, pending, tell)

        return import_files.read_files(paths, read, dry_run)

    def _import(
        self,
        path: Path,
        toolset: str,
        status: str,
        dry_run: bool,
        name: str,
        reading: Mapping[str, Any],
        pending: Mapping[str, Toolset],
        tell: Callable[[float], None] | None,
    ) -> Json:
        wishes = import_files.to_wishes(reading, tell)
        if dry_run:
            return import_files.preview(self.store, path, toolset, name, wishes, pending).to_dict()
        conflicts = str(reading.get("conflicts") or import_files.CONFLICTS[0])
        report = import_files.import_file(
            self.store, path, toolset, status=status, name=name, wishes=wishes, conflicts=conflicts
        )
        return report.to_dict()

    def export(self, filter: Mapping[str, str], format: str, snapshot: str = "") -> Iterator[bytes]:
        """Pieces of a file with the scenarios that the filter lets through, or with those of a snapshot."""
        return export_files.export_bytes(self.store, to_filter(filter), format, snapshot)
