"""The examples of docs/integrate.md, run as far as they can be run without other people's programs."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serving.conftest import KEY, Served
from workbench.actions.config.schema import variable_of
from workbench.actions.content import shipped_toolset
from workbench.actions.serving import ServeSettings
from workbench.api import Policy
from workbench.dialects import get_dialect
from workbench.records import ToolCall
from workbench.store.traffic import list_traffic
from workbench.workspace import REPOSITORY

TEXT = (REPOSITORY / "docs" / "integrate.md").read_text("utf-8")
APP = "http://127.0.0.1:7860"


def blocks(language: str, holding: str = "") -> list[str]:
    """The blocks of a language in which a text stands."""
    return [one for one in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if holding in one]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("documented")
    found = Served(root, ServeSettings(seconds=300), Policy(keys=(KEY,)))
    yield found
    found.close()


def run(code: str) -> None:
    exec(compile(code, "docs/integrate.md", "exec"), {"__name__": "example"})  # noqa: S102 (our own document)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
@pytest.mark.parametrize("command", blocks("sh", "curl"))
def test_curl(served: Served, command: str):
    done = subprocess.run(
        ["sh", "-c", command.replace(APP, served.url)], capture_output=True, text=True, check=True, timeout=120
    )
    found = json.loads(done.stdout)
    if "/api/suggest" in command:
        assert found["os"] == "macos" and found["shell"] == "zsh" and "programs" in found
    else:
        message = found["choices"][0]["message"]
        assert message.get("tool_calls") or message["content"]


def test_openhoof(served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv(variable_of("auth", "api_key"), KEY)
    (example,) = blocks("python", "/v1/feedback")
    run(example.replace(APP, served.url))
    assert re.match(r"(ping|clock) \{", capsys.readouterr().out)
    (kept,) = list_traffic(served.store, limit=1)
    assert [said["verdict"] for said in kept["feedback"]] == ["good"]


def test_the_library(capsys: pytest.CaptureFixture[str]):
    (example,) = blocks("python", "import Router")
    run(example)
    assert capsys.readouterr().out.strip()


class StandIn(BaseHTTPRequestHandler):
    """Answers as llama.cpp's and Ollama's servers do where the model calls a tool."""

    asked: dict = {}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        StandIn.asked = {"path": self.path, **body}
        raw = get_dialect("functiongemma").render_reply([ToolCall("probe", {"deep": True, "count": 3})], "")
        field = "content" if self.path == "/completion" else "response"
        answer = json.dumps({field: raw}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://127.0.0.1:11434"])
def test_llama_cpp_and_ollama(address: str, capsys: pytest.CaptureFixture[str]):
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        (example,) = blocks("python", address)
        run(example.replace(address, f"http://127.0.0.1:{server.server_port}"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    asked, dialect = StandIn.asked, get_dialect("functiongemma")
    assert asked["prompt"].startswith("<start_of_turn>developer") and asked["prompt"].endswith("model\n")
    assert all(f"declaration:{tool.name}{{" in asked["prompt"] for tool in shipped_toolset().tools)
    options = asked.get("options", asked)
    assert options["stop"] == list(dialect.stops) and options["temperature"] == 0
    assert asked["path"] == "/completion" or (asked["raw"] is True and asked["stream"] is False)
    assert "ToolCall(name='probe', arguments={'count': 3, 'deep': True})" in capsys.readouterr().out


def test_powershell_and_rust_name_the_route_and_its_fields():
    for (example,), fields in (
        (blocks("powershell"), ("model ", "messages", "role", "content", ".choices[0].message", ".tool_calls")),
        (blocks("rust"), ('"model"', '"messages"', '"role"', '"content"', '["choices"][0]["message"]["tool_calls"]')),
    ):
        assert f"{APP}/v1/chat/completions" in example and all(field in example for field in fields)


@pytest.mark.parametrize("example", blocks("python"))
def test_python_examples_compile(example: str):
    compile(example, "docs/integrate.md", "exec")


def test_every_example_takes_the_key_from_where_it_is_set():
    named = set(re.findall(r'os\.environ\["(\w+)"\]', TEXT))
    assert named == {variable_of("auth", "api_key")} and "sk-" not in TEXT
