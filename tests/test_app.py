"""The app as people start it: a process of its own, real workers, and what happens when it is killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

import app
from tests.small_workspace import make_scenario, open_small
from tests.waiting import wait_for
from workbench.actions.config.schema import AuthConfig, Config, ServerConfig, variable_of
from workbench.actions.remote import AppFile, RemoteVerbs
from workbench.errors import WorkbenchError
from workbench.records import Scenario
from workbench.runfolder import RunFolder, read_process, read_rows, read_status
from workbench.workspace import REPOSITORY, Workspace

PASSWORD, API_KEY = variable_of("auth", "password"), variable_of("auth", "api_key")
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
        wait_for(lambda: self.process.poll() is not None or self.announced())
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
        status = self.process.wait(60)
        if self.process.stderr:
            self.process.stderr.close()
        return status


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
            worker.wait(60)


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
    secrets = {PASSWORD: "open sesame", API_KEY: "secret"}
    running = start("--host", "0.0.0.0", **secrets)
    assert running.url.startswith("http://127.0.0.1:")
    assert httpx.get(running.url + "/config").status_code == 401
    for path in ("/api/status", "/api/config", "/v1/models", "/health", "/metrics"):
        assert httpx.get(running.url + path).status_code == 401
    for key in ("secret", running.key):
        assert httpx.get(running.url + "/api/status", headers={"authorization": f"Bearer {key}"}).status_code == 200
    with httpx.Client(base_url=running.url) as client:
        login = {"username": "ada", "password": "wrong"}
        assert client.post("/login", data=login).status_code == 400
        assert client.post("/login", data={**login, "password": "open sesame"}).status_code == 200
        assert client.get("/config").status_code == 200


@pytest.mark.parametrize("auth", [AuthConfig(), AuthConfig(password="x"), AuthConfig(api_key="x")])
def test_no_address_without_both(auth):
    with pytest.raises(WorkbenchError, match="password and an API key"):
        app.access_for(Config(ServerConfig("0.0.0.0"), auth=auth))


def test_this_computer_needs_neither():
    access = app.access_for(Config())
    assert access.login is None and not access.policy.key_required and access.key in access.policy.keys


def test_what_is_asked_for_on_this_computer_is_demanded():
    access = app.access_for(Config(auth=AuthConfig("open", "secret", key_required=True, hosts=("lab",))))
    assert access.login("ada", "open") and not access.login("ada", "opem")
    assert access.policy.key_required and {access.key, "secret"} == set(access.policy.keys)
    assert "lab" in access.policy.hosts and "127.0.0.1" in access.policy.hosts


def test_settings_of_a_file(start, root):
    (root / "workbench.toml").write_text(
        '[[models]]\nid = "google/functiongemma-270m-it"\n[server]\nport = 1\n[capture]\nkeep_days = 5\n'
    )
    running = start(**{"WORKBENCH_CAPTURE_KEEP_DAYS": "6", API_KEY: "very secret"})
    shown = httpx.get(running.url + "/api/config").json()
    assert shown["server.port"] == {"value": 0, "from": "command line"}
    assert shown["capture.keep_days"] == {"value": 6, "from": "WORKBENCH_CAPTURE_KEEP_DAYS"}
    assert shown["models"]["from"] == f"{root / 'workbench.toml'}:1"
    assert shown["auth.api_key"]["value"] == "(set)" and "very secret" not in json.dumps(shown)
    models = httpx.get(running.url + "/v1/models").json()["data"]
    assert "google/functiongemma-270m-it" in [model["id"] for model in models]


def test_settings_that_cannot_be(root):
    (root / "workbench.toml").write_text("[limits]\nsecond = 3\n")
    ended = second_app(root, "0")
    assert ended.returncode == 1 and "workbench.toml:2 limits.second" in ended.stderr
    assert "Did you mean 'seconds'?" in ended.stderr and "Traceback" not in ended.stderr


def test_a_taken_port(start, root):
    port = start().url.rpartition(":")[2]
    ended = second_app(root / "other", port)
    assert ended.returncode == 1 and f"port {port}" in ended.stderr and "--port" in ended.stderr
