"""Files that come as the body of a request, kept on disk while they are read. Knows no format and no store."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Request

from workbench.errors import WorkbenchError
from workbench.runfolder.reporting import explain

UPLOAD_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".md", ".parquet", ".py")


@asynccontextmanager
async def received(request: Request, name: str) -> AsyncIterator[Path]:
    """The body as a file, as long as the block runs.

    Raises:
        WorkbenchError: the disk refuses.
    """
    with tempfile.TemporaryDirectory(prefix="workbench-import-") as folder:
        # The name from outside is shown, never used as a path; its suffix may tell the format.
        suffix = next((suffix for suffix in UPLOAD_SUFFIXES if name.lower().endswith(suffix)), "")
        path = Path(folder) / f"upload{suffix}"
        try:
            with path.open("wb") as file:
                async for chunk in request.stream():
                    file.write(chunk)
        except OSError as error:
            raise WorkbenchError(f"The file could not be taken in. {explain(error)}") from error
        yield path
