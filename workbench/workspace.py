"""Where things live. Knows paths only: nothing here opens the store or starts a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import WorkbenchError

REPOSITORY = Path(__file__).resolve().parent.parent
SHIPPED_DATASETS = REPOSITORY / "datasets"
CONFIG_NAME = "workbench.toml"
STARTER = Path(__file__).resolve().parent / "inference" / "starter" / "model"


@dataclass(frozen=True)
class Workspace:
    """One workspace root; every path of the product derives from it."""

    root: Path = REPOSITORY

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def trash(self) -> Path:
        """Folders of runs that were deleted and can be restored."""
        return self.runs / "trash"

    @property
    def store_path(self) -> Path:
        return self.runs / "workbench.duckdb"

    @property
    def embeddings(self) -> Path:
        """Vectors of requests, a folder an encoder."""
        return self.runs / "embeddings"

    @property
    def app_file(self) -> Path:
        """Written by a running app: its pid, URL and the key that local programs use to reach it."""
        return self.runs / "app.json"

    def run_folder(self, run_id: str) -> Path:
        """Folder of one run.

        Raises:
            WorkbenchError: the id is not one that this product makes, so it may not become a path.
        """
        if not run_id or not all(c.isalnum() or c in "-_" for c in run_id):
            raise WorkbenchError(f"'{run_id}' is not a run id.", "Run ids hold letters, digits, '-' and '_' only.")
        return self.runs / run_id

    def prepare(self) -> Workspace:
        """Create the folders. Raises WorkbenchError where that is not possible."""
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkbenchError(
                f"Cannot create {self.runs}: {error.strerror}.", "Choose a folder you may write to with --workspace."
            ) from error
        return self
