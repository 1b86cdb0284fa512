"""Review: a queue of drafts for the keyboard. The script asks for what it shows; the editor is that of Scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from workbench.actions import curate, review
from workbench.records import Scenario
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Desk
from workbench.ui.queue import Json, QueueDesk, QueueEditor


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Desk(store)

    def ask(data: Mapping[str, Any]) -> Json:
        return desk.ask(data)

    ui.header("/review")
    with gr.Row(elem_id="wb-review"):
        start = "workbenchReview(element, server, trigger);"
        body = ui.live(
            "review", views.review_page(), events=("edit",), script=start, server_functions=[ask], elem_id="wb-queue"
        )
        form = ui.live("editor", events=("save", "reshape", "close"))
    message = ui.notice()
    DraftEditor(store).listen(body, form, message)


class _Desk(QueueDesk):
    """Drafts of a toolset, and how many reviewers they need."""

    QUESTIONS = (*QueueDesk.QUESTIONS, "reviewers")

    def queue(self, data: Mapping[str, Any]) -> Json:
        toolset, reviewer = ui.toolset_of(self.store, str(data["toolset"])), str(data["reviewer"])
        found = review.queue(self.store, toolset, reviewer)
        differing = review.disagreements(self.store, toolset)
        setup = views.review_setup(
            curate.toolsets(self.store),
            toolset,
            reviewer,
            found.reviewers,
            review.agreements(self.store, toolset),
            [(curate.get(self.store, id), verdicts) for id, verdicts in differing.items()],
        )
        return {"ids": list(found.ids), "setup": setup}

    def item(self, data: Mapping[str, Any]) -> Json:
        found = review.item(self.store, str(data["id"]))
        toolset = curate.toolset(self.store, found.scenario.toolset)
        return {"html": views.review_item(found, toolset, review.needs_of(self.store, found.scenario))}

    def judge(self, data: Mapping[str, Any]) -> Json:
        decision = review.judge(self.store, str(data["id"]), str(data["verdict"]), str(data["reviewer"]))
        waits = views.toast("Noted. Another reviewer has to agree.") if decision.status == "draft" else ""
        return {"change": decision.change, "toast": waits}

    def reviewers(self, data: Mapping[str, Any]) -> Json:
        toolset = ui.toolset_of(self.store, str(data["toolset"]))
        review.set_reviewers(self.store, toolset, int(data["reviewers"]), str(data["reviewer"]))
        return {}


class DraftEditor(QueueEditor):
    """A draft at hand: saving it makes a revision."""

    SAID = "Saved. Now judge it."

    def save(self, desk: Desk, scenario: Scenario, author: str) -> tuple[str, str]:
        change = curate.save_scenario(self.store, scenario, author)
        return views.saved(scenario.id), views.toast(self.SAID if change else "Nothing was changed.")
