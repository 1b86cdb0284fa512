"""Duplicates: clusters of scenarios that say the same, and what to do about each."""

from __future__ import annotations

from typing import Any

import gradio as gr

from workbench.actions import curate, duplicates
from workbench.actions.duplicates import Findings
from workbench.actions.meaning import compare_meaning
from workbench.store.database import Store
from workbench.ui import components as ui
from workbench.ui import views
from workbench.ui.forms import Fields, one, whole


def page(demo: gr.Blocks, store: Store) -> None:
    desk = _Desk(store)
    ui.header("/duplicates")
    body = ui.live(
        "duplicates", events=("choose", "turn", "again", "keep", "merge", "variants", "unmark", "undo", "meaning")
    )
    message = ui.notice()
    both = [body, message]
    demo.load(desk.load, None, both, **ui.QUIET).then(desk.refresh, None, both, **ui.QUIET)
    body.choose(desk.choose, None, both, **ui.EAGER)
    body.turn(desk.turn, None, both, **ui.EAGER)
    body.again(desk.again, None, both, **ui.QUIET)
    for event, act in (
        ("keep", desk.keep),
        ("merge", desk.merge),
        ("variants", desk.variants),
        ("unmark", desk.unmark),
    ):
        getattr(body, event)(act, None, both, **ui.QUIET)
    body.meaning(desk.meaning, None, both, **ui.QUIET)
    for part in both:
        part.undo(desk.undo, None, both, **ui.QUIET)


class _Desk:
    def __init__(self, store: Store) -> None:
        self.store = store

    @ui.answering(1)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        fields = ui.address(request)
        return self.show(fields, self.last(fields)), ""

    @ui.answering(1)
    def refresh(self, request: gr.Request) -> tuple[Any, ...]:
        """Look again where something has changed: it may take seconds, so the last findings are shown meanwhile."""
        fields = ui.address(request)
        last = self.last(fields)
        return (gr.skip() if last.check and last.check.current else self.show(fields)), ""

    @ui.answering(1)
    def choose(self, event: gr.EventData) -> tuple[Any, ...]:
        toolset = ui.query(event).get("toolset", ())
        return self.show({"toolset": toolset, **ui.form(event)}), ""

    @ui.answering(1)
    def turn(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show({**ui.query(event), "page": [str(ui.payload(event)["page"])]}), ""

    @ui.answering(1)
    def again(self, event: gr.EventData) -> tuple[Any, ...]:
        found = duplicates.check(self.store, self.toolset(ui.query(event)), again=True)
        return self.show(ui.query(event), found), views.toast(f"Compared {found.found.total:,} scenarios.")

    @ui.answering(1)
    def keep(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        form = ui.form(event)
        duplicates.keep_one(self.store, form.get("id", ()), one(form, "kept"), ui.author(request))
        said = views.toast(f"Kept {one(form, 'kept')}, deleted {len(form['id']) - 1:,}.", undo=True)
        return self.show(ui.query(event)), said

    @ui.answering(1)
    def merge(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        form = ui.form(event)
        duplicates.merge(self.store, form.get("id", ()), one(form, "kept"), ui.author(request))
        said = views.toast(f"Merged {len(form['id']):,} scenarios into {one(form, 'kept')}.", undo=True)
        return self.show(ui.query(event)), said

    @ui.answering(1)
    def variants(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        duplicates.mark_variants(self.store, ui.form(event).get("id", ()), True, ui.author(request))
        said = views.toast("Remembered as deliberate variants.", "They still share one split.")
        return self.show(ui.query(event)), said

    @ui.answering(1)
    def unmark(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        duplicates.mark_variants(self.store, ui.form(event).get("id", ()), False, ui.author(request))
        return self.show(ui.query(event)), views.toast("Shown again.")

    @ui.answering(1)
    def undo(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        change = curate.undo(self.store, ui.author(request))
        return self.show(ui.query(event)), views.toast(views.undone(change))

    @ui.answering(1)
    def meaning(self, event: gr.EventData) -> tuple[Any, ...]:
        encoder = one(ui.form(event), "encoder").strip()
        n = compare_meaning(self.store, self.toolset(ui.query(event)), encoder)
        return self.show(ui.query(event)), views.toast(f"Found {n:,} pairs of equal meaning.")

    def toolset(self, fields: Fields) -> str:
        return ui.toolset_of(self.store, one(fields, "toolset"))

    def last(self, fields: Fields) -> Findings:
        return duplicates.last_findings(self.store, self.toolset(fields))

    def show(self, fields: Fields, found: Findings | None = None) -> str:
        """The page; looks again where something has changed unless it is told what was found."""
        found = found or duplicates.check(self.store, self.toolset(fields))
        kind = one(fields, "kind")
        chosen = found.of_kind(kind if kind in duplicates.ALL_KINDS else "")
        pages = max(1, -(-len(chosen) // views.CLUSTERS))
        page = min(max(1, whole(fields, "page", 1)), pages)
        shown = chosen[(page - 1) * views.CLUSTERS : page * views.CLUSTERS]
        members = [[curate.get(self.store, id) for id in cluster.ids[: views.MEMBERS]] for cluster in shown]
        best = [duplicates.best_of(group, cluster) for group, cluster in zip(members, shown, strict=True)]
        return views.duplicates(
            found, curate.toolsets(self.store), list(zip(shown, members, best, strict=True)), kind, page, pages
        )
