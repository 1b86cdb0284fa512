"""The part of the Train page that shows a pre-flight. Decides nothing."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.actions import preflight
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.train_form import TrainOrder


class PreflightPart:
    """The newest pre-flight, and one scenario of it at a time."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def html(self, at: int = 0) -> str:
        found = preflight.latest(self.store)
        if found is None or found.state != "done":
            return views.preflight(found)
        last = max(0, int(found.summary["scenarios"]) - 1)
        at = min(max(0, at), last)
        return views.preflight(found, preflight.sights(self.store, found.key, at, 1), at)

    def begin(self, order: TrainOrder) -> str:
        """Raises ProblemsError and WorkbenchError, see ``actions.preflight.start``."""
        preflight.start(self.store, order.toolset, order.base, order.settings)
        return self.html()

    @ui.answering(1)
    def turn(self, event: gr.EventData) -> tuple[Any, ...]:
        wanted = str(ui.payload(event).get("at", "0"))
        if not wanted.isdecimal():
            raise WorkbenchError("There is no such scenario.", "Turn the pages with the buttons.")
        return self.html(int(wanted)), ""
