"""A suggestion by a real model, through the verbs, over HTTP and on the command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.small_workspace import open_small
from workbench import cli
from workbench.actions import suggest
from workbench.actions.config import CONFIG
from workbench.actions.machine import Machine, detect
from workbench.actions.remote import RemoteVerbs
from workbench.actions.serving import ServeSettings, Serving
from workbench.actions.verbs import Verbs
from workbench.api import install
from workbench.errors import WorkbenchError
from workbench.records import Tool, ToolCall, Toolset
from workbench.store import traffic
from workbench.store.database import Store
from workbench.store.toolsets import save_toolset

PROGRAM = Tool(
    "find",
    "Look for files.",
    {"type": "object", "properties": {"operands": {"type": "array", "items": {"type": "string"}, "maxItems": 2}}},
    {
        "cli": {
            "availability": {
                "arch": {"installed_by_default": False, "install_cmd": "pacman -S findutils"},
                "linux": {"installed_by_default": True},
            }
        }
    },
)
ARCH = Machine("linux", "fish", "arch", (), frozenset({"pacman"}))


class Told(Serving):
    """Serving whose process always calls the one tool: which one a tiny model picks is not the matter here."""

    async def answer(self, ask):
        self.asked = ask
        call = ToolCall("find", {"operands": ["*.py"]}).to_dict()
        rest = {"text": "", "raw": "", "malformed": "", "problems": [], "confidence": 0.5, "latency_ms": 1.0}
        yield {"decisions": [{"calls": [call], **rest}]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_small(tmp_path) as found:
        save_toolset(found, Toolset("programs", (PROGRAM,)), "test")
        yield found


@pytest.fixture
def told(store: Store) -> Told:
    return Told(store, ServeSettings(toolset="programs"))


@pytest.fixture
def client(told: Told) -> TestClient:
    app = FastAPI()
    install(app, told.store, told)
    return TestClient(app)


def test_over_http(client: TestClient, told: Told):
    body = {"request": "find all python files", "machine": ARCH.to_dict()}
    found = client.post("/api/suggest", json=body).json()
    assert found["calls"] == [{"name": "find", "arguments": {"operands": ["*.py"]}}]
    assert (found["os"], found["shell"], found["system"]) == ("linux", "fish", "arch")
    assert (found["model"], found["toolset"], found["confidence"]) == ("starter", "programs", 0.5)
    (program,) = found["programs"]
    assert program["install"]["command"] == "pacman -S findutils" and program["installed"] is False
    assert told.asked.tools == (PROGRAM,)
    kept = traffic.list_traffic(told.store)[0]
    assert kept["id"] == found["id"] and "Query: find all python files" in kept["request"]["messages"][0]["content"]


def test_without_a_machine_the_computer_of_the_app_is_meant(client: TestClient):
    found = client.post("/api/suggest", json={"request": "find files"}).json()
    assert found["os"] == detect().os and found["programs"][0]["installed"] in (True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"request": ""},
        {"request": "x" * 5000},
        {"request": "x", "machine": {"os": 1}},
        {"request": "x", "model": "no such"},
        {"request": "x", "toolset": "no such"},
        {"machine": {}},
    ],
)
def test_what_cannot_be_asked(client: TestClient, wrong: dict):
    answer = client.post("/api/suggest", json=wrong)
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_the_prompt_carries_the_context_as_the_profile_says(told: Told):
    assert suggest.prompt("do it", ARCH) == "OS: linux, Shell: fish\nQuery: do it"
    assert suggest.prompt("do it", Machine()) == "do it"
    body = {"model": "starter", "messages": [{"role": "user", "content": suggest.prompt("do it", ARCH)}]}
    assert told.read(body).messages[-1].content == "do it", "the profile of this toolset is plain"


def test_the_model_that_is_meant(store: Store):
    assert suggest.default_model(store, ServeSettings()) == "starter"
    assert suggest.default_model(store, ServeSettings(models=("a/b", "c/d"))) == "a/b"


def test_the_same_by_the_verbs_and_by_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """No app runs: the model is loaded in a process of its own for this one request."""
    open_small(tmp_path).close()
    monkeypatch.delenv(CONFIG, raising=False)
    assert cli.main(["suggest", "please", "ping", "host7", "--os", "arch", "--workspace", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["request"], found["system"], found["toolset"]) == ("please ping host7", "arch", "small")
    assert 0 < found["confidence"] <= 1 and (found["calls"] or found["text"] or found["malformed"])
    with open_small(tmp_path / "other") as store:
        machine = Machine.from_dict({"os": "arch", "shell": found["shell"]})
        again = Verbs(store).suggest("please ping host7", machine.to_dict())
        assert traffic.count_traffic(store) == 1
    assert [again[key] for key in ("calls", "text", "os")] == [found[key] for key in ("calls", "text", "os")]


def test_the_command_line_in_words(monkeypatch: pytest.MonkeyPatch, told: Told, capsys, tmp_path: Path):
    def answered(self, request, machine=None, model="", toolset=""):
        found = {"manager": "pacman", "manager_there": False, "known": True, "command": "pacman -S \x1b[31mfd"}
        base = {"role": "alternative", "why": "", "by_default": None, "builtin": False, "instead": "", "install": None}
        return {
            "calls": [{"name": "find", "arguments": {"operands": ["*.py"]}}],
            **{"text": "", "malformed": "", "problems": [], "confidence": 0.5, "model": "m", "os": "linux"},
            **{"system": "arch", "shell": "fish"},
            "programs": [
                {**base, "name": "find", "role": "called", "installed": True},
                {**base, "name": "fd", "installed": False, "install": found, "why": "faster"},
                {**base, "name": "cd", "installed": True, "builtin": True},
                {**base, "name": "ls", "installed": False, "instead": "dir"},
                {**base, "name": "awk", "installed": None, "by_default": True},
            ],
        }

    told.store.close()
    monkeypatch.setattr(Verbs, "suggest", answered)
    assert cli.main(["suggest", "find it", "--workspace", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert 'find {"operands": ["*.py"]}' in out and "m, confidence 0.50 (arch, fish)" in out
    for said in (
        "installed",
        "not installed; pacman -S",
        "(needs pacman)",
        "built into",
        "here it is dir",
        "comes with",
    ):
        assert said in out
    assert "\x1b" not in out


def test_an_unknown_system_ends_with_a_hint(capsys: pytest.CaptureFixture[str]):
    assert cli.main(["suggest", "x", "--os", "amiga"]) == 1
    assert "amiga" in capsys.readouterr().err


def test_through_an_app_that_does_not_answer():
    with pytest.raises(WorkbenchError, match="does not answer"):
        RemoteVerbs("http://127.0.0.1:9", "x").suggest("find files")
