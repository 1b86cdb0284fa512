"""Finding the app that holds a workspace, and what happens when it does not answer as an app should."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.small_workspace import open_small
from workbench.actions.remote import AppFile, RemoteVerbs, reach
from workbench.actions.verbs import Verbs
from workbench.errors import WorkbenchError
from workbench.workspace import Workspace

NOBODY = "http://127.0.0.1:9"


class Strange(BaseHTTPRequestHandler):
    """A server that is no workbench."""

    def do_GET(self) -> None:
        if self.path.startswith("/api/coverage"):
            body = json.dumps({"error": {"message": "No.", "hint": "Ask again."}}).encode()
        else:
            body = b"<html>"
        self.send_response(404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def strange() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Strange)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    open_small(tmp_path).close()
    return Workspace(tmp_path)


def test_the_app_file_is_for_its_user_only_and_comes_back(workspace):
    written = AppFile(os.getpid(), NOBODY, "secret")
    written.write(workspace)
    written.write(workspace)
    assert AppFile.read(workspace) == written
    assert workspace.app_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1}', '{"pid": 1, "url": "", "key": "", "more": 1}'])
def test_a_broken_app_file_is_no_app(workspace, content):
    workspace.app_file.write_text(content)
    assert AppFile.read(workspace) is None


def test_the_app_file_of_a_process_that_ended_is_no_app(workspace):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    AppFile(ended.pid, NOBODY, "secret").write(workspace)
    assert AppFile.read(workspace) is None


def test_without_an_app_the_store_is_opened_and_closed_again(workspace):
    for _ in range(2):
        with reach(workspace.root) as verbs:
            assert isinstance(verbs, Verbs) and verbs.status()["scenarios"]["total"] == 12


def test_another_program_on_the_old_address_is_no_app(workspace, strange):
    """Its pid was given to another process, its port to another server."""
    for url in (strange, NOBODY):
        AppFile(os.getpid(), url, "secret").write(workspace)
        with reach(workspace.root) as verbs:
            assert isinstance(verbs, Verbs)


def test_errors_of_an_app(strange):
    with pytest.raises(WorkbenchError, match="does not answer"):
        RemoteVerbs(NOBODY, "").status()
    with pytest.raises(WorkbenchError, match=r"error \(404\)"):
        RemoteVerbs(strange, "").status()
    with pytest.raises(WorkbenchError, match="No.") as caught:
        RemoteVerbs(strange, "").coverage()
    assert caught.value.hint == "Ask again."
    with pytest.raises(WorkbenchError, match="Cannot read"):
        RemoteVerbs(strange, "").import_file(Path("/nowhere/x.csv"))


def test_both_have_the_same_verbs():
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(Verbs) - {"store"} == names(RemoteVerbs) - {"is_there", "url", "key"}
