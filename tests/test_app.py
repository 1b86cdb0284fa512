"""The app as people start it: a process of its own, real workers, and what happens when it is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import app
from tests.small_workspace import make_scenario, open_small
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.runfolder import RunFolder, read_process, read_rows, read_status
from workbench.workspace import REPOSITORY, Workspace

SETTINGS = {"batch_size": 2, "rank": 2, "alpha": 4, "threads": 1, "augment": 0, "validate_every": 100_000}
ENDLESS = {**SETTINGS, "batch_size": 1, "epochs": 1000}


class App:
    """An app process on a workspace, and the way to its API."""

    def __init__(self, root: Path, *options: str, **environment: str) -> None:
        self.workspace = Workspace(root)
        command = [sys.executable, "app.py", "--workspace", str(root), "--port", "0", "--no-browser", *options]
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env={**os.environ, **environment}, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: self.process.poll() is not None or self.announced(), 60)
        assert self.process.poll() is None, self.process.stderr and self.process.stderr.read()
        found = AppFile.read(self.workspace)
        assert found is not None
        self.url, self.key = found.url, found.key
        self.verbs = RemoteVerbs(self.url, self.key)

    def announced(self) -> bool:
        found = AppFile.read(self.workspace)
        return found is not None and found.pid == self.process.pid

    def kill(self, number: int = signal.SIGKILL) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        if self.process.stderr:
            self.process.stderr.close()
        return status


def wait_for(condition: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def rows_of(verbs: RemoteVerbs, run_id: str) -> list[dict]:
    """Metrics of a run that is not supposed to have failed."""
    run = verbs.run(run_id)
    assert run["state"] != "failed", run["message"]
    return verbs.metrics(run_id)["rows"]


def command_line(root: Path, *arguments: str, status: int = 0) -> dict:
    """What ``python -m workbench … --json`` prints."""
    command = [sys.executable, "-m", "workbench", *arguments, "--workspace", str(root), "--json"]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return json.loads(ended.stdout)


def second_app(root: Path, port: str) -> subprocess.CompletedProcess[str]:
    """An app that is expected not to start."""
    command = [sys.executable, "app.py", "--workspace", str(root), "--port", port, "--no-browser"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    open_small(tmp_path).close()
    return tmp_path


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., App]]:
    """Starts apps; whatever still runs at the end is ended, workers too."""
    apps = []

    def start(*options: str, **environment: str) -> App:
        apps.append(App(root, *options, **environment))
        return apps[-1]

    yield start
    for each in apps:
        if each.process.poll() is None:
            each.kill(signal.SIGTERM)
    for folder in (root / "runs").glob("*-*"):
        identity = read_process(RunFolder(folder))
        if worker := identity and identity.find():
            worker.kill()
            worker.wait(10)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny random model as a base."""
    from tests.small_models import make_gemma

    return str(make_gemma(tmp_path_factory.mktemp("models") / "tiny", layer_types=["full_attention"] * 6))


def test_a_killed_app_changes_nothing_for_a_run_and_the_next_one_adopts_it(start, root, base):
    first = start()
    run_id = first.verbs.train(base=base, settings=ENDLESS)["id"]
    folder = RunFolder(root / "runs" / run_id)
    wait_for(lambda: rows_of(first.verbs, run_id))
    worker = read_process(folder).find()
    first.kill()
    before = len(read_rows(folder.metrics))
    wait_for(lambda: len(read_rows(folder.metrics)) > before + 2)
    assert worker.is_running()

    second = start()
    assert second.process.pid != first.process.pid
    assert second.verbs.run(run_id)["state"] == "running"
    wait_for(lambda: len(second.verbs.metrics(run_id)["rows"]) > before)
    assert read_process(folder).pid == worker.pid
    assert second.verbs.cancel(run_id)["state"] == "stopping"
    wait_for(lambda: second.verbs.run(run_id)["state"] == "stopped")
    assert (folder.adapter / "adapter_config.json").is_file()
    steps = [row["step"] for row in second.verbs.metrics(run_id)["rows"] if "loss" in row]
    assert steps == list(range(1, len(steps) + 1))


def test_a_run_that_ended_while_no_app_was_there(start, root, base):
    first = start()
    run_id = first.verbs.train(base=base, settings={**SETTINGS, "epochs": 2})["id"]
    first.kill()
    folder = RunFolder(root / "runs" / run_id)
    wait_for(lambda: (status := read_status(folder)) and status.finished)
    assert read_status(folder).state == "done", read_status(folder).message
    second = start()
    wait_for(lambda: second.verbs.run(run_id)["state"] == "done")
    assert len(second.verbs.metrics(run_id)["rows"]) == len(read_rows(folder.metrics))
    evaluations = [one["id"] for one in second.verbs.evaluate([base, f"run:{run_id}"])["runs"]]
    assert [second.verbs.run(one)["state"] for one in evaluations] == ["running", "queued"]
    second.kill()
    # The third app adopts the one and starts the other.
    third = start()
    wait_for(lambda: all(third.verbs.run(one)["state"] == "done" for one in evaluations))
    assert third.verbs.compare(evaluations)["n"] == 4


def test_a_folder_deleted_by_hand_while_the_app_looks(start, root, base):
    running = start()
    run_id = running.verbs.train(base=base, settings=ENDLESS)["id"]
    folder = RunFolder(root / "runs" / run_id)
    wait_for(lambda: rows_of(running.verbs, run_id))
    worker = read_process(folder).find()
    shutil.rmtree(folder.path, ignore_errors=True)
    wait_for(lambda: running.verbs.run(run_id)["state"] == "failed")
    assert "deleted" in running.verbs.run(run_id)["message"]
    assert running.verbs.status()["scenarios"]["total"] == 12
    wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)


def test_a_second_app_on_the_same_workspace_gets_a_sentence(start, root):
    first = start()
    ended = second_app(root, "0")
    assert ended.returncode == 1 and ended.stdout == ""
    assert "already running on this workspace" in ended.stderr and first.url in ended.stderr
    assert "Traceback" not in ended.stderr
    assert first.verbs.is_there() and first.announced()


def test_the_command_line_goes_through_the_app(start, root, base):
    running = start()
    assert command_line(root, "status")["scenarios"]["total"] == 12
    path = root / "new.jsonl"
    path.write_text(json.dumps(make_scenario(20).to_dict()) + "\nbroken\n")
    report = command_line(root, "import", str(path), "--rejects", str(root / "rejects.jsonl"))
    assert (report["file"], report["good"], report["bad"]) == ("new.jsonl", 1, 1)
    assert (root / "rejects.jsonl").read_text().splitlines()[1:] == ["broken"]
    command_line(root, "export", "--text", "host20", "--output", str(root / "out.jsonl"))
    assert Scenario.from_dict(json.loads((root / "out.jsonl").read_text())) == make_scenario(20)
    assert command_line(root, "coverage")["total"] == 13
    assert "no model" in command_line(root, "train", "--base", "no model", status=1)["error"]["message"]
    trained = command_line(root, "train", "--base", base, "--epochs", "1", "--rank", "2", "--threads", "1")
    assert trained["state"] == "done"
    compared = command_line(root, "compare", base, f"run:{trained['id']}", "--output", str(root / "table.csv"))
    assert compared["n"] == 5 and len((root / "table.csv").read_text().splitlines()) >= 6
    assert {run["id"] for run in command_line(root, "runs")["runs"]} == {
        run["id"] for run in running.verbs.runs()["runs"]
    }
    assert running.kill(signal.SIGTERM) == 0
    assert not (root / "runs" / "app.json").exists()
    assert command_line(root, "status")["runs"]["total"] == 3


def test_what_a_killed_app_left_behind_is_no_app(start, root):
    start().kill()
    assert (root / "runs" / "app.json").exists()
    assert command_line(root, "status")["scenarios"]["total"] == 12


def test_pages_and_guard(start, root):
    running = start()
    assert (root / "runs" / "app.json").stat().st_mode & 0o777 == 0o600
    for path in ("/", "/scenarios", "/coverage", "/train", "/compare"):
        assert httpx.get(running.url + path).status_code == 200
    for path in ("/", "/config", "/api/status"):
        assert httpx.get(running.url + path, headers={"host": "evil.example"}).status_code == 403
    for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/api/undo"):
        answer = httpx.post(running.url + path, json={}, headers={"origin": "http://evil.example"})
        assert answer.status_code == 403
    assert httpx.get(running.url + "/api/status").status_code == 200
    assert httpx.get(running.url + "/api/status", headers={"authorization": "Bearer x"}).status_code == 401
    libraries = {Path(part.path).name for part in psutil.Process(running.process.pid).memory_maps()}
    assert not any("libtorch" in name for name in libraries), "the app loads torch"


def test_other_computers_need_a_password_and_a_key(start):
    secrets = {app.PASSWORD: "open sesame", app.API_KEY: "secret"}
    running = start("--host", "0.0.0.0", **secrets)
    assert running.url.startswith("http://127.0.0.1:")
    assert httpx.get(running.url + "/config").status_code == 401
    assert httpx.get(running.url + "/api/status").status_code == 401
    for key in ("secret", running.key):
        assert httpx.get(running.url + "/api/status", headers={"authorization": f"Bearer {key}"}).status_code == 200
    with httpx.Client(base_url=running.url) as client:
        login = {"username": "ada", "password": "wrong"}
        assert client.post("/login", data=login).status_code == 400
        assert client.post("/login", data={**login, "password": "open sesame"}).status_code == 200
        assert client.get("/config").status_code == 200


@pytest.mark.parametrize("environment", [{}, {app.PASSWORD: "x"}, {app.API_KEY: "x"}])
def test_no_address_without_both(environment):
    with pytest.raises(WorkbenchError, match="password and an API key"):
        app.access_for("0.0.0.0", environment)


def test_this_computer_needs_neither():
    access = app.access_for("127.0.0.1", {})
    assert access.login is None and not access.policy.key_required and access.key in access.policy.keys


def test_a_taken_port(start, root):
    port = start().url.rpartition(":")[2]
    ended = second_app(root / "other", port)
    assert ended.returncode == 1 and f"port {port}" in ended.stderr and "--port" in ended.stderr
