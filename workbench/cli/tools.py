"""The verb ``tools`` and its own verbs: list, bring in, change and compare toolsets."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.actions import tool_sources, toolsets
from workbench.actions.remote import reach
from workbench.actions.verbs import Json
from workbench.cli.arguments import AnyVerbs, Command, add_verb
from workbench.cli.output import table_lines, tell, write
from workbench.errors import WorkbenchError
from workbench.scenarios.toolset_edits import BROKEN_CHOICES

_SIDES = ("before", "after")


def add_tools(verbs: Any) -> None:
    help = "list, bring in, change and compare toolsets"
    parser = verbs.add_parser("tools", help=help, description=help)
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    _add_looking(verbs)
    _add_reading(verbs)
    _add_versions(verbs)
    _add_changing(verbs)


def _on_toolset(verbs: Any, name: str, command: Command, help: str) -> argparse.ArgumentParser:
    parser = add_verb(verbs, name, command, help)
    parser.add_argument("toolset", metavar="TOOLSET")
    return parser


def _tools_list(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.list()
    rows = [[one["name"], str(one["version"]), str(len(one["tools"]))] for one in found["toolsets"]]
    return tell(arguments, found, *table_lines(["toolset", "version", "tools"], rows))


def _tools_show(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.show(arguments.toolset, arguments.version)
    counts = found["scenarios"]
    functions = [tool["function"] for tool in found["toolset"]["tools"]]
    rows = [[one["name"], str(counts.get(one["name"], 0)), one["description"][:80]] for one in functions]
    table = table_lines(["tool", "scenarios", "description"], rows)
    return tell(arguments, found, f"{found['name']}, version {found['version']}", *table)


def _add_version(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--version", type=int, default=0, metavar="N", help="the newest when left out")


def _add_looking(verbs: Any) -> None:
    add_verb(verbs, "list", _tools_list, "all toolsets")
    _add_version(_on_toolset(verbs, "show", _tools_show, "the tools of a toolset, and how many scenarios call each"))


def _tools_import(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.read_file(arguments.file, arguments.into, _joining(arguments))
        return _save_draft(arguments, verbs, found)


def _tools_mcp(arguments: argparse.Namespace) -> int:
    if bool(arguments.url) == bool(arguments.server):
        raise WorkbenchError("Name one MCP server.", "Give its address with --url, or its command after '--'.")
    how = _joining(arguments)
    with reach(arguments.workspace) as verbs:
        if arguments.url:
            found = verbs.tools.read_mcp(arguments.url, arguments.into, how)
        else:
            # Started here, with the rights of who typed it; an app only gets to see the tools.
            name, rows = tool_sources.ask_command(arguments.server)
            found = verbs.tools.read_rows(rows, arguments.into or name, " ".join(arguments.server), how)
        return _save_draft(arguments, verbs, found)


def _joining(arguments: argparse.Namespace) -> str:
    return "merge" if arguments.merge else "replace"


def _save_draft(arguments: argparse.Namespace, verbs: AnyVerbs, found: Json) -> int:
    """Show what a draft changes and breaks, and save it unless it is a dry run."""
    draft = {**found["draft"], "broken": arguments.broken}
    seen = verbs.tools.preview(draft)
    saved = None if arguments.dry_run else verbs.tools.save(draft)
    said = f"saved as version {saved['version']}" if saved else f"would be version {seen['version']}"
    told = {**seen, "source": found["source"], "format": found["format"], "skipped": found["problems"], "saved": saved}
    skipped = [f"  left out: line {one['line']}: {one['field']}: {one['message']}" for one in found["problems"]]
    lines = [f"{found['source']} ({found['format']}): {seen['toolset']}, {said}", *skipped]
    wrong = [f"  {one['field']}: {one['message']}" for one in seen["problems"]]
    return tell(arguments, told, *lines, *wrong, *_diff_lines(seen["diff"]), *_breakage_lines(seen["breakage"]))


def _add_draft(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--into", default="", metavar="TOOLSET", help="which toolset they become, or whose they replace"
    )
    parser.add_argument("--merge", action="store_true", help="keep the tools that the file does not have")
    parser.add_argument("--dry-run", action="store_true", help="only show what would change and break")
    _add_broken(parser)


def _add_broken(parser: argparse.ArgumentParser) -> None:
    help = "what becomes of approved scenarios that the change breaks"
    parser.add_argument("--broken", default="", choices=[choice for choice in BROKEN_CHOICES if choice], help=help)


def _add_reading(verbs: Any) -> None:
    parser = add_verb(
        verbs, "import", _tools_import, "read tools from a file: JSON, a Python module (never run), or a CLI base"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    _add_draft(parser)
    parser = add_verb(verbs, "mcp", _tools_mcp, "read tools from an MCP server")
    parser.add_argument("--url", default="", help="address of a running server (streamable HTTP)")
    parser.add_argument("server", nargs="*", metavar="COMMAND", help="after '--': starts a server that speaks on stdio")
    _add_draft(parser)


def _tools_export(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        text = verbs.tools.export(arguments.toolset, arguments.form, arguments.version)
    write(arguments.output, [text.encode("utf-8")])
    if arguments.output:
        written = {"output": str(arguments.output), "form": arguments.form}
        return tell(arguments, written, f"written to {arguments.output}")
    return 0


def _tools_history(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.history(arguments.toolset)
    rows = [
        [str(one["version"]), one["at"], one["author"], str(one["tools"]), one["note"]] for one in found["versions"]
    ]
    return tell(arguments, found, *table_lines(["version", "saved", "author", "tools", "note"], rows))


def _tools_diff(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.diff(arguments.toolset, arguments.old, arguments.new)
    return tell(arguments, found, *(list(_diff_lines(found)) or ["Nothing differs."]))


def _add_versions(verbs: Any) -> None:
    parser = _on_toolset(verbs, "export", _tools_export, "write the tools to a JSON file")
    parser.add_argument("--form", default="openai", choices=toolsets.EXPORT_FORMS)
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of standard output")
    _add_version(parser)
    _on_toolset(verbs, "history", _tools_history, "the versions of a toolset")
    parser = _on_toolset(verbs, "diff", _tools_diff, "what differs between two versions")
    parser.add_argument("old", type=int, metavar="OLD")
    parser.add_argument("new", type=int, nargs="?", default=0, metavar="NEW", help="the newest when left out")


def _tools_rename(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        saved = verbs.tools.rename(arguments.toolset, arguments.old, arguments.new, arguments.calls, arguments.broken)
    told = f"version {saved['version']}; renamed in {saved['renamed']} scenarios"
    return tell(arguments, saved, told)


def _tools_restore(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        saved = verbs.tools.restore(arguments.toolset, arguments.version, arguments.broken)
    return tell(arguments, saved, f"version {arguments.version} is now version {saved['version']}")


def _tools_check(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.check(arguments.toolset, arguments.set_draft)
    title = f"{found['checked']} scenarios, {len(found['broken'])} do not fit ({found['approved']} of them approved)"
    drafted = [f"{found['drafted']} are drafts now"] if found["drafted"] else []
    tell(arguments, found, title, *_breakage_lines(found), *drafted)
    return 1 if found["approved"] > found["drafted"] else 0


def _tools_delete(arguments: argparse.Namespace) -> int:
    with reach(arguments.workspace) as verbs:
        found = verbs.tools.delete(arguments.toolset)
    return tell(arguments, found, f"deleted {found['name']}")


def _add_changing(verbs: Any) -> None:
    parser = _on_toolset(verbs, "rename", _tools_rename, "give a tool another name, in scenarios, too")
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--calls", action=argparse.BooleanOptionalAction, default=True, help="in scenarios, too")
    _add_broken(parser)
    parser = _on_toolset(verbs, "restore", _tools_restore, "make an older version the newest again")
    parser.add_argument("version", type=int, metavar="VERSION")
    _add_broken(parser)
    parser = _on_toolset(
        verbs, "check", _tools_check, "which scenarios do not fit; exit status 1 if approved ones do not"
    )
    parser.add_argument("--set-draft", action="store_true", help="take back the approval of those that do not fit")
    _on_toolset(verbs, "delete", _tools_delete, "delete a toolset that no scenario belongs to")


def _diff_lines(diff: Json) -> Iterator[str]:
    yield from (f"  + {name}" for name in diff["added"])
    yield from (f"  - {name}" for name in diff["removed"])
    yield from (f"  {old} is now {new}" for old, new in diff["renamed"].items())
    changed = [(f"{tool['name']}.", change) for tool in diff["changed"] for change in tool["changes"]]
    for place, change in [*changed, *(("", change) for change in diff["toolset"])]:
        before, after = (
            json.dumps(change[side], ensure_ascii=False) if side in change else "nothing" for side in _SIDES
        )
        yield f"  {place}{change['path']}: {before} → {after}"
    if diff["reordered"]:
        yield "  the tools are in another order"


def _breakage_lines(found: Json) -> Iterator[str]:
    for group in found["groups"]:
        place = ".".join(part for part in (group["tool"], group["field"]) if part)
        statuses = ", ".join(f"{n} {status}" for status, n in group["statuses"].items())
        few = ", ".join(group["scenarios"][:3]) + (", …" if group["n"] > 3 else "")
        yield f"  {group['n']} scenarios ({statuses}): {place}: {group['reason']}: {few}"
