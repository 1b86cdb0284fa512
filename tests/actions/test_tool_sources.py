"""Tools of real MCP servers that the tests start, and of servers that are none."""

import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.aside import run_aside
from workbench.actions import tool_sources, toolsets
from workbench.errors import WorkbenchError
from workbench.workspace import REPOSITORY

SERVER = [sys.executable, "-m", "tests.mcp_server"]


@pytest.fixture(scope="module")
def url():
    """A server that answers over streamable HTTP."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*SERVER, "http", str(port)], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}/mcp"
    process.terminate()
    process.wait(20)


def test_a_running_server(store, url):
    found = tool_sources.read_mcp(store, url)
    assert (found.source, found.format, found.problems) == (url, "mcp", ())
    toolset = found.draft.toolset
    assert (toolset.name, toolset.tool_names) == ("lamps-of this house", ("switch", "dim"))
    assert toolset.tools[0].properties["state"]["enum"] == ["on", "off"] and toolset.tools[1].required == {
        "lamp",
        "percent",
    }
    assert "outputSchema" in toolset.tools[0].extra
    assert toolsets.save(store, found.draft).version == 1
    again = tool_sources.read_mcp(store, url, "small", "merge")
    assert again.draft.toolset.tool_names == ("ping", "clock", "switch", "dim")


def test_a_server_on_standard_input(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("SECRET_KEY", "not for servers")
    name, rows = tool_sources.ask_command([*SERVER, "stdio"], 60)
    assert (name, [row["name"] for row in rows]) == ("lamps-of this house", ["switch", "dim"])


def test_whoever_asks_may_be_in_an_event_loop(monkeypatch):
    monkeypatch.chdir(REPOSITORY)

    async def asking():
        return tool_sources.ask_command([*SERVER, "stdio"], 60)

    assert run_aside(asking)[0] == "lamps-of this house"


def test_a_command_that_says_nothing_ends_after_a_while(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(WorkbenchError, match=r"did not answer within 0\.5 s"):
        tool_sources.ask_command([sys.executable, "-c", "import time; time.sleep(60)"], 0.5)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/nowhere/server"], "No such file"),
        ([sys.executable, "-c", "print('hello')"], "could not be asked"),
        ([sys.executable, "-c", "raise SystemExit('no lamps here')"], "It said: no lamps here"),
        ([], "no command"),
    ],
)
def test_commands_that_are_no_server(command, said):
    with pytest.raises(WorkbenchError, match=said) as caught:
        tool_sources.ask_command(command, 20)
    assert caught.value.hint


class NoServer(BaseHTTPRequestHandler):
    def do_POST(self):
        body = b"<html>hello</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def website():
    server = HTTPServer(("127.0.0.1", 0), NoServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_that_is_no_mcp_server(store, website):
    with pytest.raises(WorkbenchError, match="could not be asked for its tools") as caught:
        tool_sources.read_mcp(store, website, seconds=10)
    assert "MCP server" in caught.value.hint


def test_an_address_where_nobody_listens(store):
    with pytest.raises(WorkbenchError, match="could not be asked"):
        tool_sources.read_mcp(store, "http://127.0.0.1:9/mcp", seconds=10)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "lamps", "http://", ""])
def test_what_is_no_address_is_not_asked(store, url):
    with pytest.raises(WorkbenchError, match="not the address"):
        tool_sources.read_mcp(store, url)


@pytest.mark.parametrize("rows", [[], [{"name": "a"}, {"name": "a"}], [{"name": "", "inputSchema": {}}]])
def test_lists_that_are_no_tools(store, rows):
    with pytest.raises(WorkbenchError):
        tool_sources.read_rows(store, rows, "x", "the server")
