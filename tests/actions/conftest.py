"""A store with a small workspace, and workers that learn nothing but are real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.small_workspace import open_small
from workbench.actions import run_progress, runs
from workbench.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_small(tmp_path) as opened:
        yield opened


@pytest.fixture
def stub_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("train", "evaluate"):
        monkeypatch.setitem(runs.WORKERS, kind, "tests.stub_worker")
    monkeypatch.setattr(run_progress, "POLL_SECONDS", 0.05)
