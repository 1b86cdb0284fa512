"""Where tools come from: a file, or a running MCP server. Each gives a draft; ``actions.toolsets`` saves it."""

from __future__ import annotations

import asyncio
import shlex
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import Problem, WorkbenchError
from workbench.records import RecordError, Toolset
from workbench.scenarios import importing
from workbench.scenarios.importing import tools_json
from workbench.scenarios.toolset_edits import Joining, ToolsetDraft, join
from workbench.store import toolsets as toolset_store
from workbench.store.database import Store

MCP_SECONDS = 20.0
MAX_TOOLS = 2_000
SERVER_WORDS = 400
"""Characters of what a failing server wrote that a message shows."""


@dataclass(frozen=True)
class Incoming:
    """Tools from outside, as a draft.

    Attributes:
        brought: the tools as they came, before they met those of the toolset.
        source: what people call the place that they came from.
        format: see ``importing.detect``, or ``mcp``.
        problems: one for each piece that could not become a tool.
    """

    draft: ToolsetDraft
    brought: Toolset
    source: str
    format: str
    problems: tuple[Problem, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        problems = [problem.to_dict() for problem in self.problems]
        return {"draft": self.draft.to_dict(), "source": self.source, "format": self.format, "problems": problems}


def read_file(store: Store, path: Path, into: str = "", how: Joining = "replace", name: str = "") -> Incoming:
    """The tools of a file as a draft of the toolset ``into``, which need not be there yet.

    Args:
        into: empty takes the name that the file gives, or else the file's own.
        name: what to call the file; its own name by default.

    Raises:
        WorkbenchError: the file cannot be read, or no tools are in it.
    """
    called = name or path.name
    format = importing.detect(path)
    if importing.kind_of(format) != "tools" and format != "chat":
        raise WorkbenchError(f"{called} holds scenarios, not tools.", "Import it on the Scenarios page.")
    if format == "chat":
        brought = importing.read_toolset(path, into or Path(called).stem, format)
        problems: tuple[Problem, ...] = ()
    else:
        found = importing.read_tools(path, Path(called).stem, format)
        brought, problems = found.toolset, tuple(replace(problem, file=called) for problem in found.problems)
    if not brought.tools:
        reason = f" {problems[0]}." if problems else ""
        raise WorkbenchError(f"No tool can be read from {called}.{reason}", problems[0].hint if problems else "")
    return Incoming(offer(store, brought, into, how, called), brought, called, format, problems)


def read_rows(store: Store, rows: Any, into: str, source: str, how: Joining = "replace") -> Incoming:
    """Tools as an MCP server lists them, as a draft of the toolset ``into``."""
    try:
        brought = tools_json.from_value(rows, into)
    except RecordError as error:
        raise WorkbenchError(f"{source} lists a tool that cannot be read: {error.message}", error.hint) from error
    if not brought.tools:
        raise WorkbenchError(f"{source} has no tools.", "Ask its maker how they are switched on.")
    return Incoming(offer(store, brought, into, how, source), brought, source, "mcp")


def read_mcp(
    store: Store, url: str, into: str = "", how: Joining = "replace", seconds: float = MCP_SECONDS
) -> Incoming:
    """The tools of a running MCP server as a draft.

    Args:
        url: its streamable-HTTP address, such as ``http://127.0.0.1:8000/mcp``.
        into: empty takes the server's own name.

    Raises:
        WorkbenchError: the address is none, the server does not answer in time or refuses, or it has no tools.
    """
    name, rows = ask_url(url, seconds)
    return read_rows(store, rows, into or name, url, how)


def offer(store: Store, brought: Toolset, into: str, how: Joining, source: str) -> ToolsetDraft:
    """A draft of the toolset ``into`` with the tools from ``source``."""
    name = into or brought.name
    now = toolset_store.current(store, name)
    joined = join(now.toolset if now else None, replace(brought, name=name), how)
    return ToolsetDraft(joined, now.version if now else 0, note=f"from {source}")


def ask_url(url: str, seconds: float = MCP_SECONDS) -> tuple[str, list[dict[str, Any]]]:
    """Name and tools of the MCP server at an address; see ``read_mcp``."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WorkbenchError(f"'{url}' is not the address of a server.", "Write one like http://127.0.0.1:8000/mcp.")
    return _ask(url, url, seconds)


def ask_command(command: Sequence[str], seconds: float = MCP_SECONDS) -> tuple[str, list[dict[str, Any]]]:
    """Name and tools of an MCP server that is started for it and speaks on standard input and output.

    The server runs with the rights of whoever asks and sees only the environment that every program needs (PATH, HOME
    and the like), no keys. For that reason no request over HTTP leads here.

    Raises:
        WorkbenchError: it cannot be started, or does not answer in time as such a server does.
    """
    from mcp import StdioServerParameters, stdio_client

    if not command:
        raise WorkbenchError("There is no command.", "Write the server's command after '--'.")
    given = StdioServerParameters(command=command[0], args=list(command[1:]))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        try:
            return _ask(stdio_client(given, errlog=log), shlex.join(command), seconds)
        except WorkbenchError as error:
            log.seek(0)
            said = log.read()[-SERVER_WORDS:].strip()
            raise WorkbenchError(f"{error.message} It said: {said}" if said else error.message, error.hint) from error


def _ask(server: Any, called: str, seconds: float) -> tuple[str, list[dict[str, Any]]]:
    try:
        # A thread of its own: whoever asks may be inside an event loop, as code in a notebook is.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(_list_tools(server, seconds))).result()
    except WorkbenchError:
        raise
    except TimeoutError as error:
        hint = "Is it an MCP server, and is it running?"
        raise WorkbenchError(f"{called} did not answer within {seconds:g} s.", hint) from error
    except Exception as error:
        # The SDK wraps what a server or network does wrong in groups of many kinds; whatever it is, it is theirs.
        reason = _innermost(error)
        hint = "Check the address or command, and that it is an MCP server (streamable HTTP or standard input)."
        raise WorkbenchError(f"{called} could not be asked for its tools: {reason}.", hint) from error


async def _list_tools(server: Any, seconds: float) -> tuple[str, list[dict[str, Any]]]:
    from mcp import Client

    rows: list[dict[str, Any]] = []
    async with asyncio.timeout(seconds), Client(server, read_timeout_seconds=seconds) as client:
        page = await client.list_tools()
        while True:
            rows += [_row(tool) for tool in page.tools]
            if len(rows) > MAX_TOOLS:
                raise WorkbenchError(f"The server lists more than {MAX_TOOLS} tools.", "A router needs fewer.")
            if not page.next_cursor:
                name = client.server_info.name if client.server_info else ""
                return name.replace("/", "-") or "mcp", rows
            page = await client.list_tools(cursor=page.next_cursor)


def _row(tool: Any) -> dict[str, Any]:
    """A tool as the protocol writes it. What belongs to the connection only is left out."""
    row: dict[str, Any] = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {key: value for key, value in row.items() if key not in ("_meta", "icons")}


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    text = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return text if len(text) <= SERVER_WORDS else f"{text[:SERVER_WORDS]}…"
