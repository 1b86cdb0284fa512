"""The verbs on toolsets as doors to other programs speak them: plain JSON in, plain JSON out; see ``actions.verbs``.

``ToolVerbs`` has them on an open store, ``RemoteToolVerbs`` through the app that holds it.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from workbench.actions import curate, tool_sources, toolsets
from workbench.actions.curate import DEFAULT_AUTHOR
from workbench.errors import WorkbenchError
from workbench.scenarios.toolset_edits import (
    BROKEN_CHOICES,
    JOININGS,
    BrokenChoice,
    Joining,
    ToolsetDraft,
    put_tool,
)
from workbench.store.database import Store
from workbench.store.toolsets import ToolsetVersion

Json = dict[str, Any]
Ask = Callable[..., Json]
"""Method, path, query and body of a request to the app; gives the JSON of its answer."""


@dataclass(frozen=True)
class ToolVerbs:
    """Every verb on toolsets. All raise WorkbenchError when something is wrong that a person can put right."""

    store: Store
    author: str = DEFAULT_AUTHOR

    def list(self) -> Json:
        """All toolsets with their newest versions."""
        found = [toolsets.current(self.store, toolset.name) for toolset in curate.toolsets(self.store)]
        return {"toolsets": [{**_head(one), "tools": list(one.toolset.tool_names)} for one in found]}

    def show(self, name: str, version: int = 0) -> Json:
        """One version whole, and how many scenarios call each tool; 0 for the newest."""
        found = toolsets.version(self.store, name, version)
        return {**_head(found), "toolset": found.toolset.to_dict(), "scenarios": toolsets.usage(self.store, name)}

    def history(self, name: str) -> Json:
        """All versions, the newest first."""
        found = toolsets.versions(self.store, name)
        return {"name": name, "versions": [{**_head(one), "tools": len(one.toolset.tools)} for one in found]}

    def diff(self, name: str, old: int, new: int = 0) -> Json:
        """What differs between two versions, each change with its JSON path."""
        return toolsets.diff_versions(self.store, name, old, new).to_dict()

    def check(self, name: str, set_draft: bool = False) -> Json:
        """The scenarios that do not fit the newest version; ``set_draft`` takes back their approval."""
        found = toolsets.check(self.store, name)
        drafted = toolsets.draft_broken(self.store, name, self.author) if set_draft else 0
        return {**found.to_dict(), "drafted": drafted}

    def export(self, name: str, form: str = "openai", version: int = 0) -> str:
        """The tools as the text of a JSON file."""
        return toolsets.export(self.store, name, form, version)

    def read_file(self, path: Path, into: str = "", how: str = "replace", name: str = "") -> Json:
        """The tools of a file as a draft, for ``preview`` and ``save``."""
        return tool_sources.read_file(self.store, path, into, to_joining(how), name).to_dict()

    def read_mcp(self, url: str, into: str = "", how: str = "replace") -> Json:
        """The tools of a running MCP server as a draft."""
        return tool_sources.read_mcp(self.store, url, into, to_joining(how)).to_dict()

    def read_rows(self, rows: Any, into: str, source: str, how: str = "replace") -> Json:
        """Tools as an MCP server lists them as a draft."""
        return tool_sources.read_rows(self.store, rows, into, source, to_joining(how)).to_dict()

    def preview(self, draft: Any) -> Json:
        """What saving a draft would change and break."""
        return toolsets.preview(self.store, ToolsetDraft.from_dict(draft)).to_dict()

    def save(self, draft: Any) -> Json:
        """Save a draft as a new version."""
        return asdict(toolsets.save(self.store, ToolsetDraft.from_dict(draft), self.author))

    def rename(self, name: str, old: str, new: str, calls: bool = True, broken: str = "") -> Json:
        """Give a tool another name; ``calls``: in the scenarios, too."""
        draft = toolsets.edit(self.store, name)
        tool = draft.toolset.tool(old)
        if tool is None:
            known = ", ".join(draft.toolset.tool_names)
            raise WorkbenchError(f"The toolset '{name}' has no tool '{old}'.", f"Tools here: {known}.")
        choice = cast(BrokenChoice, _one_of(broken, BROKEN_CHOICES, "choice"))
        renamed = put_tool(draft, old, type(tool)(new, tool.description, tool.parameters, tool.extra, tool.details))
        return asdict(toolsets.save(self.store, renamed.at(rename_calls=calls, broken=choice), self.author))

    def restore(self, name: str, version: int, broken: str = "") -> Json:
        """Make an older version the newest again."""
        choice = cast(BrokenChoice, _one_of(broken, BROKEN_CHOICES, "choice"))
        return asdict(
            toolsets.save(self.store, toolsets.restore(self.store, name, version).at(broken=choice), self.author)
        )

    def delete(self, name: str) -> Json:
        """Delete a toolset that no scenario belongs to."""
        return {"name": name, "change": toolsets.delete(self.store, name, self.author)}


@dataclass(frozen=True)
class RemoteToolVerbs:
    """The same methods as ``ToolVerbs``, answered by the app."""

    ask: Ask

    def list(self) -> Json:
        return self.ask("GET", "/api/toolsets")

    def show(self, name: str, version: int = 0) -> Json:
        return self.ask("GET", f"{_at(name)}/show", {"version": version})

    def history(self, name: str) -> Json:
        return self.ask("GET", f"{_at(name)}/versions")

    def diff(self, name: str, old: int, new: int = 0) -> Json:
        return self.ask("GET", f"{_at(name)}/diff", {"old": old, "new": new})

    def check(self, name: str, set_draft: bool = False) -> Json:
        return self.ask("POST", f"{_at(name)}/check", {"set_draft": set_draft})

    def export(self, name: str, form: str = "openai", version: int = 0) -> str:
        found = self.ask("GET", f"{_at(name)}/text", {"form": form, "version": version})
        return str(found["text"])

    def read_file(self, path: Path, into: str = "", how: str = "replace", name: str = "") -> Json:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise WorkbenchError(f"Cannot read {path}: {error.strerror}.", "Choose another file.") from error
        return self.ask("POST", "/api/tools/file", {"name": name or path.name, "into": into, "how": how}, content)

    def read_mcp(self, url: str, into: str = "", how: str = "replace") -> Json:
        return self.ask("POST", "/api/tools/mcp", None, {"url": url, "into": into, "how": how})

    def read_rows(self, rows: Any, into: str, source: str, how: str = "replace") -> Json:
        return self.ask("POST", "/api/tools/rows", None, {"rows": rows, "into": into, "source": source, "how": how})

    def preview(self, draft: Any) -> Json:
        return self.ask("POST", "/api/tools/preview", None, draft)

    def save(self, draft: Any) -> Json:
        return self.ask("POST", "/api/tools/save", None, draft)

    def rename(self, name: str, old: str, new: str, calls: bool = True, broken: str = "") -> Json:
        return self.ask("POST", f"{_at(name)}/rename", {"old": old, "new": new, "calls": calls, "broken": broken})

    def restore(self, name: str, version: int, broken: str = "") -> Json:
        return self.ask("POST", f"{_at(name)}/restore", {"version": version, "broken": broken})

    def delete(self, name: str) -> Json:
        return self.ask("DELETE", _at(name))


def to_joining(how: str) -> Joining:
    """Raises WorkbenchError when there is no such way."""
    return cast(Joining, _one_of(how, JOININGS, "way to bring tools"))


def _one_of(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise WorkbenchError(f"'{value}' is not a {what}.", f"Choose one of {', '.join(filter(None, known))}.")
    return value


def _head(found: ToolsetVersion) -> Mapping[str, Any]:
    head = {"name": found.toolset.name, "version": found.version, "at": found.at, "author": found.author}
    return {**head, "note": found.note, "deleted": found.deleted}


def _at(name: str) -> str:
    return f"/api/toolsets/{urllib.parse.quote(name, safe='')}"
