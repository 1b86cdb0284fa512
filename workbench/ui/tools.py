"""Tools: the toolset with its tools, the editor beside it, versions, import. The address says what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from workbench.actions import curate, tool_sources, toolsets
from workbench.actions.coverage import coverage
from workbench.actions.toolsets import Preview
from workbench.errors import Problem
from workbench.records import Tool
from workbench.scenarios.toolset_edits import ToolsetDraft, move_tool, put_tool, remove_tool, set_profile
from workbench.store.database import Store
from workbench.store.scenarios import ScenarioFilter
from workbench.ui import components as ui
from workbench.ui import tool_forms, views
from workbench.ui.forms import one, whole
from workbench.ui.tool_forms import Shelf

UPLOADS = (".json", ".jsonl", ".py")
CHECKED_AT_ONCE = 3_000
"""Up to so many scenarios are checked whenever the page is drawn; beyond, only when asked."""


def page(demo: gr.Blocks, store: Store) -> None:
    ui.header("/tools")
    head = ui.live("tools-head", views.tools_head(None), events=("choose", "undo", "panel", "export"))
    preview = ui.live("preview", events=("accept", "glance", "again", "dismiss", "redraft"))
    with gr.Row(elem_id="wb-tools"):
        table = ui.live("toolset", events=("open", "move", "check"))
        side = ui.live("tool", events=("save", "reshape", "remove", "close", "profile", "restore", "drop", "ask"))
    message = ui.notice()
    file = ui.upload(UPLOADS)
    download = ui.download()

    desk, everything = _Desk(store), [head, preview, table, side, message]
    demo.load(desk.load, None, everything, **ui.QUIET)
    head.choose(desk.choose, None, everything, **ui.EAGER)
    head.panel(desk.panel, None, everything, **ui.QUIET)
    table.open(desk.open, None, everything, **ui.EAGER)
    side.close(desk.close, None, everything, **ui.QUIET)
    for part in (head, message):
        part.undo(desk.undo, None, everything, **ui.QUIET)

    edits = _Edits(store)
    table.move(edits.move, None, everything, **ui.QUIET)
    side.reshape(edits.reshape, None, [side, message], **ui.EAGER)
    for name in ("save", "remove", "profile", "restore", "drop"):
        getattr(side, name)(getattr(edits, name), None, everything, **ui.QUIET)

    drafts = _Drafts(store)
    preview.accept(drafts.accept, None, everything, **ui.QUIET)
    preview.again(drafts.again, None, [preview, message], **ui.QUIET)
    preview.glance(drafts.glance, None, [preview, message], **ui.QUIET)
    preview.dismiss(drafts.dismiss, None, [preview, message], **ui.QUIET)
    preview.redraft(drafts.redraft, None, everything, **ui.QUIET)
    table.check(drafts.check, None, [preview, message], **ui.QUIET)
    file.upload(drafts.take_file, file, [preview, message], **ui.QUIET)
    side.ask(drafts.ask, None, [preview, message], **ui.QUIET)
    head.export(desk.export, None, [download, message], **ui.QUIET).then(None, js=ui.PRESS)


class _Desk:
    """The list and what stands beside it, as the address says."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def show(self, shelf: Shelf, message: str = "", preview: str = "") -> tuple[Any, ...]:
        """Head, preview, list, side and message."""
        stand = self.stand(shelf)
        shelf = self.settled(shelf, stand)
        return views.tools_head(stand), preview, views.tools_list(stand, shelf), self.side(shelf, stand), message

    def stand(self, shelf: Shelf) -> views.Stand | None:
        names = [toolset.name for toolset in curate.toolsets(self.store)]
        if not names:
            return None
        version = toolsets.current(self.store, ui.toolset_of(self.store, shelf.toolset))
        name = version.toolset.name
        few = curate.count(self.store, ScenarioFilter(toolset=name)) <= CHECKED_AT_ONCE
        broken = len(toolsets.check(self.store, name).approved) if few else None
        return views.Stand(version, toolsets.usage(self.store, name), names, broken)

    def settled(self, shelf: Shelf, stand: views.Stand | None) -> Shelf:
        """The shelf with nothing on it that is not there (any more)."""
        if stand is None:
            return Shelf(panel=shelf.panel if shelf.panel == "server" else "")
        gone = shelf.open and stand.version.toolset.tool(shelf.open) is None
        named = stand.version.toolset.name if len(stand.names) > 1 else ""
        return shelf.at(toolset=named, **({"open": "", "panel": ""} if gone else {}))

    def side(self, shelf: Shelf, stand: views.Stand | None) -> str:
        if shelf.panel == "server":
            return views.tools_server()
        if stand is None or not shelf.panel:
            return ""
        version = stand.version
        if shelf.panel == "profile":
            modes = coverage(self.store, version.toolset.name).modes
            return views.profile_editor(version.toolset.profile, stand, version.version, modes)
        if shelf.panel == "versions":
            used = curate.count(self.store, ScenarioFilter(toolset=version.toolset.name)) > 0
            return views.tools_versions(toolsets.versions(self.store, version.toolset.name), used)
        tool = version.toolset.tool(shelf.open) or Tool("", "", {"type": "object", "properties": {}})
        return views.tool_editor(tool, stand, base=version.version, was=tool.name)

    @ui.answering(4)
    def load(self, request: gr.Request) -> tuple[Any, ...]:
        return self.show(Shelf.read(ui.address(request)))

    @ui.answering(4)
    def choose(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Shelf(one(ui.form(event), "toolset")))

    @ui.answering(4)
    def panel(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Shelf.read(ui.query(event)).at(open="", panel=str(ui.payload(event)["panel"])))

    @ui.answering(4)
    def open(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Shelf.read(ui.query(event)).at(open=str(ui.payload(event)["id"]), panel="tool"))

    @ui.answering(4)
    def close(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.show(Shelf.read(ui.query(event)).at(open="", panel=""))

    @ui.answering(4)
    def undo(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        change = curate.undo(self.store, ui.author(request))
        return self.show(Shelf.read(ui.query(event)), views.toast(views.undone(change)))

    @ui.handing_out
    def export(self, event: gr.EventData) -> tuple[Path, str]:
        name = ui.toolset_of(self.store, Shelf.read(ui.query(event)).toolset)
        target = ui.parcel("tools.json")
        target.write_text(toolsets.export(self.store, name, str(ui.payload(event)["form"])), "utf-8")
        return target, ""

    def keep(self, draft: ToolsetDraft, shelf: Shelf, request: gr.Request) -> tuple[Any, ...]:
        """Save the draft and show what came of it."""
        saved = toolsets.save(self.store, draft, ui.author(request))
        if not saved.change:
            return self.show(shelf, views.toast("Nothing was changed."))
        said = views.saved_text(saved.version, saved.renamed, saved.drafted, saved.left_broken)
        return self.show(shelf, views.toast(said, undo=True))

    def judge(self, draft: ToolsetDraft, shelf: Shelf, request: gr.Request, ask: bool = False) -> tuple[Any, ...]:
        """Save a draft that breaks and renames nothing; of any other (or when asked to) show a preview first."""
        seen = toolsets.preview(self.store, draft)
        if ask or seen.problems or seen.breakage.broken or seen.renamed:
            return gr.skip(), views.tools_preview(seen), gr.skip(), gr.skip(), ""
        return self.keep(draft, shelf, request)

    def draft(self, event: gr.EventData, name: str = "") -> ToolsetDraft:
        """The toolset of the page as a draft; with the version that the form was made for, where it says so."""
        draft = toolsets.edit(self.store, name or ui.toolset_of(self.store, Shelf.read(ui.query(event)).toolset))
        return draft.at(base=whole(ui.form(event), "base", draft.base or 0))


class _Edits(_Desk):
    """Changes of one toolset by hand."""

    @ui.answering(4)
    def move(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        asked = ui.payload(event)
        draft = move_tool(self.draft(event), str(asked["id"]), int(asked["by"]))
        return self.keep(draft, Shelf.read(ui.query(event)), request)

    @ui.answering(4)
    def save(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        shelf, was = Shelf.read(ui.query(event)), one(ui.form(event), "was")
        tool, problems = self.typed(event)
        draft = self.placed(event, was, tool)
        name = draft.toolset.name
        index = draft.toolset.tools.index(tool)
        for problem in () if problems else toolsets.preview(self.store, draft).problems:
            problems.append(Problem(problem.message, problem.field.removeprefix(f"tools[{index}]."), hint=problem.hint))
        if problems:
            said = views.not_saved(problems, "")
            return gr.skip(), "", gr.skip(), self.drawn(event, tool, problems), said
        target = shelf.at(toolset=name, open=tool.name, panel="tool")
        return self.judge(draft, target, request, ask=ui.payload(event).get("then") == "preview")

    @ui.answering(1)
    def reshape(self, event: gr.EventData) -> tuple[Any, ...]:
        tool, problems = self.typed(event)
        # An argument that was just added has no name yet; that is said when it is saved.
        return self.drawn(event, tool, [problem for problem in problems if problem.field == "json"]), ""

    @ui.answering(4)
    def remove(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        draft = remove_tool(self.draft(event), str(ui.payload(event)["id"]))
        return self.judge(draft, Shelf.read(ui.query(event)), request, ask=True)

    @ui.answering(4)
    def profile(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        draft = set_profile(self.draft(event), tool_forms.profile(ui.form(event)))
        return self.judge(draft, Shelf.read(ui.query(event)), request)

    @ui.answering(4)
    def restore(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        shelf = Shelf.read(ui.query(event))
        name = ui.toolset_of(self.store, shelf.toolset)
        draft = toolsets.restore(self.store, name, int(ui.payload(event)["version"]))
        return self.judge(draft, shelf, request, ask=True)

    @ui.answering(4)
    def drop(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        name = ui.toolset_of(self.store, Shelf.read(ui.query(event)).toolset)
        toolsets.delete(self.store, name, ui.author(request))
        return self.show(Shelf(), views.toast(f"Deleted {name}.", undo=True))

    def typed(self, event: gr.EventData) -> tuple[Tool, list[Problem]]:
        """The tool in the form, as it was last shown: switching to JSON must not lose what was typed before."""
        fields = {**ui.form(event), "mode": ui.form(event).get("shown", ())}
        fields |= {name: [ui.payload(event)[name]] for name in ("add", "drop", "up") if name in ui.payload(event)}
        return tool_forms.tool(fields, tool_forms.before(fields))

    def placed(self, event: gr.EventData, was: str, tool: Tool) -> ToolsetDraft:
        """A draft with the tool in it; a new one may begin a toolset."""
        into = one(ui.form(event), "into").strip()
        if not was and into and into not in [toolset.name for toolset in curate.toolsets(self.store)]:
            return toolsets.begin(self.store, into, tool)
        return put_tool(self.draft(event, into), was, tool)

    def drawn(self, event: gr.EventData, tool: Tool, problems: list[Problem]) -> str:
        """The form with what was typed, not yet saved."""
        fields = ui.form(event)
        stand = self.stand(Shelf.read(ui.query(event)))
        assert stand is not None
        unread = any(problem.field == "json" for problem in problems)
        mode = one(fields, "shown") if unread else one(fields, "mode", "form")
        text = one(fields, "json") if unread else ""
        base = whole(fields, "base")
        return views.tool_editor(
            tool, stand, base=base, was=one(fields, "was"), mode=mode, text=text, problems=problems
        )


class _Drafts(_Desk):
    """Previews, and tools from outside."""

    @ui.answering(4)
    def accept(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        draft = tool_forms.draft(ui.form(event))
        shelf = Shelf.read(ui.query(event)).at(toolset=draft.toolset.name)
        kept = shelf.at(open=draft.renames.get(shelf.open, shelf.open))
        return self.keep(draft, kept.at(panel="" if kept.panel == "server" else kept.panel), request)

    @ui.answering(1)
    def again(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.seen(toolsets.preview(self.store, tool_forms.draft(ui.form(event)))), ""

    @ui.answering(1)
    def glance(self, event: gr.EventData) -> tuple[Any, ...]:
        fields = ui.form(event)
        brought, into, how = tool_forms.brought(fields)
        source = one(fields, "source")
        draft = tool_sources.offer(self.store, brought, into, how, source)
        skipped = tuple(map(Problem, fields.get("skipped", ())))
        incoming = tool_sources.Incoming(draft, brought, source, one(fields, "format"), skipped)
        return self.seen(toolsets.preview(self.store, draft), incoming, how), ""

    @ui.answering(1)
    def dismiss(self) -> tuple[Any, ...]:
        return "", ""

    @ui.answering(1)
    def check(self, event: gr.EventData) -> tuple[Any, ...]:
        name = ui.toolset_of(self.store, Shelf.read(ui.query(event)).toolset)
        return views.tools_broken(name, toolsets.check(self.store, name)), ""

    @ui.answering(4)
    def redraft(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        shelf = Shelf.read(ui.query(event))
        n = toolsets.draft_broken(self.store, ui.toolset_of(self.store, shelf.toolset), ui.author(request))
        return self.show(shelf, views.toast(f"{n:,} scenarios are drafts now.", undo=True))

    @ui.answering(1)
    def take_file(self, path: str) -> tuple[Any, ...]:
        return self.offered(tool_sources.read_file(self.store, Path(path))), ""

    @ui.answering(1)
    def ask(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.offered(tool_sources.read_mcp(self.store, one(ui.form(event), "url").strip())), ""

    def offered(self, incoming: tool_sources.Incoming) -> str:
        return self.seen(toolsets.preview(self.store, incoming.draft), incoming)

    def seen(self, preview: Preview, incoming: tool_sources.Incoming | None = None, how: str = "replace") -> str:
        names = [toolset.name for toolset in curate.toolsets(self.store)]
        return views.tools_preview(preview, incoming=incoming, names=names, how=how)
