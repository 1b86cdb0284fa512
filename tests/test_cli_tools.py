"""``tools`` on the command line, on a small workspace of its own and through a running API."""

import json
import sys

import pytest

from tests.http_app import serve_api
from tests.small_workspace import PING, open_small
from workbench import cli
from workbench.actions.remote import RemoteVerbs, reach
from workbench.actions.tool_verbs import RemoteToolVerbs, ToolVerbs
from workbench.workspace import REPOSITORY

COUNTED = {"type": "object", "properties": {"host": {"type": "string"}, "count": {"type": "integer"}}}


@pytest.fixture
def root(tmp_path):
    open_small(tmp_path).close()
    return tmp_path


@pytest.fixture(params=["store", "app"])
def run(root, request, capsys, monkeypatch):
    """Runs ``tools`` with --json, on the store itself and through an app that holds it."""

    def run(*arguments, status=0):
        before, _, server = [str(a) for a in arguments], None, []
        if "--" in before:
            server = before[before.index("--") :]
            before = before[: before.index("--")]
        assert cli.main(["tools", *before, "--workspace", str(root), "--json", *server]) == status
        return json.loads(capsys.readouterr().out)

    if request.param == "store":
        yield run
        return
    with open_small(root / "held") as store, serve_api(store) as address:
        there = RemoteVerbs(address, "")
        monkeypatch.setattr(cli.tools, "reach", lambda _: _Open(there))
        yield run


class _Open:
    def __init__(self, verbs):
        self.verbs = verbs

    def __enter__(self):
        return self.verbs

    def __exit__(self, *_):
        """Nothing to close."""


def test_from_import_to_undoing(run, tmp_path):
    assert run("list")["toolsets"][0]["tools"] == ["ping", "clock"]
    shown = run("show", "small")
    assert (shown["version"], shown["scenarios"]) == (1, {"ping": 4, "clock": 4, "NO_TOOL": 4})
    file = tmp_path / "new.json"
    strict = {**PING.to_dict()["function"], "parameters": {**COUNTED, "required": ["host", "count"]}}
    file.write_text(json.dumps([strict]))

    seen = run("import", file, "--into", "small", "--merge", "--dry-run")
    assert seen["saved"] is None and seen["diff"]["changed"][0]["name"] == "ping"
    (group,) = seen["breakage"]["groups"]
    assert {"tool": "ping", "field": "arguments.count", "reason": "is missing", "n": 4}.items() <= group.items()
    refused = run("import", file, "--into", "small", "--merge", status=1)["error"]
    assert "breaks 4 scenarios" in refused["message"] and "leave" in refused["hint"]
    saved = run("import", file, "--into", "small", "--merge", "--broken", "leave")["saved"]
    assert (saved["version"], saved["left_broken"]) == (2, 4)

    checked = run("check", "small", status=1)
    assert (checked["checked"], checked["approved"], checked["drafted"]) == (12, 4, 0)
    assert run("check", "small", "--set-draft")["drafted"] == 4
    assert [one["version"] for one in run("history", "small")["versions"]] == [2, 1]
    paths = [change["path"] for change in run("diff", "small", 1)["changed"][0]["changes"]]
    assert paths == ["parameters.properties.count.minimum", "parameters.required"]
    assert run("restore", "small", 1)["version"] == 3
    assert run("rename", "small", "ping", "reach")["renamed"] == 4
    assert run("show", "small", "--version", 3)["toolset"]["tools"][0]["function"]["name"] == "ping"
    out = tmp_path / "out.json"
    run("export", "small", "--output", out)
    assert [row["function"]["name"] for row in json.loads(out.read_text())] == ["reach", "clock"]
    assert "12 scenarios belong" in run("delete", "small", status=1)["error"]["message"]


def test_tools_of_a_module_and_of_a_server(run, tmp_path, monkeypatch):
    module = tmp_path / "lamps.py"
    module.write_text('def on():\n    """Switch it on."""\ndef dim(x):\n    """Dim it."""\n')
    found = run("import", module)
    assert (found["toolset"], found["diff"]["added"], found["saved"]["version"]) == ("lamps", ["on"], 1)
    assert [(one["line"], one["field"]) for one in found["skipped"]] == [(3, "dim.x")]
    monkeypatch.chdir(REPOSITORY)
    found = run("mcp", "--into", "house", "--", sys.executable, "-m", "tests.mcp_server", "stdio")
    assert (found["format"], found["diff"]["added"]) == ("mcp", ["switch", "dim"])
    assert run("delete", "house")["name"] == "house"
    assert [one["name"] for one in run("list")["toolsets"]] == ["lamps", "small"]
    assert "Name one MCP server" in run("mcp", status=1)["error"]["message"]
    assert "no toolset" in run("show", "none", status=1)["error"]["message"]


def test_text_output(root, capsys, tmp_path):
    module = tmp_path / "lamps.py"
    module.write_text('def on():\n    """Switch it on."""\ndef dim(x):\n    """Dim it."""\n')
    for line in ("list", "show small", f"import {module} --into small --broken leave", "history small", "diff small 1"):
        assert cli.main(["tools", *line.split(), "--workspace", str(root)]) == 0
    assert cli.main(["tools", "check", "small", "--workspace", str(root)]) == 1
    out = capsys.readouterr().out
    for words in ("Test whether a host answers.", "left out: line 3: dim.x: has no type hint", "  - ping", "  + on"):
        assert words in out
    assert "4 scenarios (4 approved): ping.name: the toolset 'small' has no tool 'ping'" in out
    assert cli.main(["tools", "export", "small", "--form", "toolset", "--workspace", str(root)]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "small"


def test_both_have_the_same_verbs(root):
    def names(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert names(ToolVerbs) - {"store", "author"} == names(RemoteToolVerbs) - {"ask"}
    with reach(root) as verbs:
        assert verbs.tools.list()["toolsets"][0]["version"] == 1
