"""Waiting in tests: as long as a slow machine may need, and no longer than it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 240.0


def wait_for(look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """What ``look`` finds as soon as that is true of anything. Raises AssertionError when it never is."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"waited in vain; the last was {found!r}"
        time.sleep(0.03)
    return found
