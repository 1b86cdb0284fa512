"""The whole loop, headless."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def demo(root: Path | None = None, on_progress: Callable[[str, float], None] | None = None) -> dict[str, Any]: ...
