"""What is recorded of served decisions: an off switch, a share, how long it is kept."""

from __future__ import annotations

import zlib

from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.errors import WorkbenchError
from workbench.store import capture as capture_store
from workbench.store import traffic
from workbench.store.capture import Capture
from workbench.store.database import Store

MOST_DAYS = 3650


def get(store: Store) -> Capture:
    """The settings; everything is recorded for 90 days until somebody says otherwise."""
    return capture_store.get_capture(store)


def save(store: Store, capture: Capture, author: str = DEFAULT_AUTHOR) -> Capture:
    """Replace the settings; what is older than they allow is deleted at once.

    Raises:
        WorkbenchError: a number makes no sense.
    """
    if not 0 <= capture.share <= 1:
        raise WorkbenchError("The share that is recorded must be from 0 to 1.", "1 records every decision.")
    if not 1 <= capture.keep_days <= MOST_DAYS:
        raise WorkbenchError(f"Decisions are kept for 1 to {MOST_DAYS} days.", "90 is usual.")
    capture_store.save_capture(store, capture, author)
    traffic.forget_before(store, capture.keep_days)
    return capture


def wanted(store: Store, completion: str) -> bool:
    """Whether a decision is among those that are recorded. The same answer each time: the id decides."""
    capture = get(store)
    return capture.active and zlib.crc32(completion.encode()) < capture.share * 2**32
