"""What is recorded of served decisions: one row of settings; none means the defaults."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from workbench.store.database import Store, now


@dataclass(frozen=True)
class Capture:
    """What is recorded, and for how long.

    Attributes:
        active: the off switch.
        share: of the decisions that are recorded, 0 to 1.
        keep_days: after so many days they are deleted, their feedback with them.
    """

    active: bool = True
    share: float = 1.0
    keep_days: int = 90

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def get_capture(store: Store) -> Capture:
    rows = store.read("SELECT active, share, keep_days FROM capture")
    return Capture(**rows[0]) if rows else Capture()


def save_capture(store: Store, capture: Capture, author: str) -> None:
    values = [capture.active, capture.share, capture.keep_days, author, now()]
    with store.write() as cursor:
        cursor.execute("INSERT OR REPLACE INTO capture VALUES (true, ?, ?, ?, ?, ?)", values)
