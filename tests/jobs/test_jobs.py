"""Detached workers: launched, watched, asked to stop, killed, found dead."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from workbench.errors import WorkbenchError
from workbench.jobs import cancel, watch
from workbench.jobs.local import launch, worker_environment
from workbench.jobs.watch import observe
from workbench.runfolder import RunFolder, write_json
from workbench.runfolder.status import ProcessId, RunStatus, read_process
from workbench.workspace import REPOSITORY

WORKER = """
import sys, time
from pathlib import Path
from workbench.runfolder.reporting import Ending, run_worker

def work(folder, reporter):
    kind = folder.read_config()["kind"]
    if kind == "fail":
        raise ValueError("boom")
    if kind in ("memory", "tensors"):
        import resource, torch
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 26), resource.RLIM_INFINITY))
        torch.empty(1 << 30) if kind == "tensors" else bytearray(1 << 30)
    while kind == "loop" and not reporter.cancelled:
        time.sleep(0.02)
    while kind == "deaf":
        time.sleep(0.02)
    return Ending("stopped" if reporter.cancelled else "done", "bye")

sys.exit(run_worker(Path(sys.argv[1]), work))
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Start a worker of a kind; returns its folder."""
    (tmp_path / "stub.py").write_text(WORKER)
    monkeypatch.setattr("workbench.jobs.local.worker_environment", lambda env, keep: {
        **worker_environment(env), "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"
    })  # fmt: skip

    def begin(kind: str) -> Path:
        folder = tmp_path / kind
        folder.mkdir()
        write_json(folder / "config.json", {"kind": kind})
        launch(folder, "stub")
        return folder

    return begin


def wait_for(folder: Path, *states: str, phase: str = "") -> RunStatus:
    deadline = time.time() + 120
    while (status := observe(folder)).state not in states or (phase and status.phase != phase):
        assert time.time() < deadline, status
        time.sleep(0.02)
    return status


def test_a_worker_runs_detached_and_tells_its_end(start: Callable[[str], Path]) -> None:
    folder = start("quick")
    identity = read_process(RunFolder(folder))
    assert identity is not None
    assert wait_for(folder, "done").message == "bye"


def test_it_has_a_session_of_its_own(start: Callable[[str], Path]) -> None:
    folder = start("loop")
    pid = wait_for(folder, "running", phase="loading").pid
    assert os.getsid(pid) == pid != os.getsid(0)
    cancel.ask(folder)
    assert wait_for(folder, "stopped").message == "bye"


def test_between_launch_and_first_word_it_is_starting(tmp_path: Path) -> None:
    write_json(RunFolder(tmp_path).process, asdict(ProcessId.current()))
    status = observe(tmp_path)
    assert (status.state, status.phase) == ("running", "starting")


def test_a_failure_is_told_and_logged(start: Callable[[str], Path]) -> None:
    folder = start("fail")
    assert "ValueError: boom" in wait_for(folder, "failed").message
    assert "Traceback" in RunFolder(folder).log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", ["memory", "tensors"])
def test_a_worker_without_memory_says_so(start: Callable[[str], Path], kind: str) -> None:
    """The system really refuses: to Python, and to torch."""
    status = wait_for(start(kind), "failed")
    assert status.message.startswith("The computer ran out of memory. Choose a smaller batch size")


def test_a_killed_worker_is_found_dead(start: Callable[[str], Path]) -> None:
    folder = start("loop")
    os.kill(wait_for(folder, "running", phase="loading").pid, 9)
    status = wait_for(folder, "failed")
    assert "killed" in status.message


def test_a_worker_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    launch(tmp_path, "workbench.no_such_worker")
    assert "No module named" in wait_for(tmp_path, "failed").message


def test_stopping_shows_and_a_deaf_worker_is_killed_after_the_grace(start: Callable[[str], Path]) -> None:
    folder = start("deaf")
    pid = wait_for(folder, "running", phase="loading").pid
    cancel.ask(folder)
    assert observe(folder).state == "stopping"
    assert cancel.enforce(folder, grace_s=60).state == "stopping"
    assert cancel.enforce(folder, grace_s=0).state == "stopped"
    assert ProcessId(pid, 0, "").find() is None


def test_only_the_worker_is_killed(tmp_path: Path) -> None:
    """A pid that was given to another process since is left alone."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        stale = ProcessId(other.pid, ProcessId.of(other.pid).created - 100, ProcessId.current().host)
        write_json(RunFolder(tmp_path).status, RunStatus("running", process=stale, heartbeat=time.time()).to_dict())
        cancel.ask(tmp_path)
        assert cancel.enforce(tmp_path, grace_s=0).state == "stopped"
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_deleted_folder_is_a_failed_run(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert observe(gone).state == "failed"
    assert "deleted" in observe(gone).message
    cancel.ask(gone)
    assert cancel.enforce(gone).state == "failed"


def test_a_finished_run_stays_finished_when_asked_to_stop(tmp_path: Path) -> None:
    write_json(RunFolder(tmp_path).status, RunStatus("done", message="fine").to_dict())
    cancel.ask(tmp_path)
    assert observe(tmp_path).state == "done"


def test_a_silent_worker_of_another_machine_is_dead_after_a_while(tmp_path: Path) -> None:
    far = ProcessId(1, 0.0, "elsewhere")
    for age, state in ((0.0, "running"), (watch.SILENCE_SECONDS + 1, "failed")):
        status = RunStatus("running", process=far, heartbeat=time.time() - age)
        write_json(RunFolder(tmp_path).status, status.to_dict())
        assert observe(tmp_path).state == state


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100

    monkeypatch.setattr(watch.shutil, "disk_usage", lambda _: Usage)
    ended = ProcessId(1 << 22, 0.0, ProcessId.current().host)
    write_json(RunFolder(tmp_path).status, RunStatus("running", process=ended).to_dict())
    assert observe(tmp_path).message.startswith("The disk is full")


def test_a_second_worker_of_a_folder_starts_afresh(start: Callable[[str], Path]) -> None:
    folder = start("loop")
    os.kill(wait_for(folder, "running", phase="loading").pid, 9)
    wait_for(folder, "failed")
    cancel.ask(folder)
    launch(folder, "stub")
    assert observe(folder).state == "running"
    wait_for(folder, "running", phase="loading")
    cancel.ask(folder)
    wait_for(folder, "stopped")


def test_launching_into_a_missing_folder_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="could not be started"):
        launch(tmp_path / "gone", "stub")


def test_workers_see_few_variables() -> None:
    seen = worker_environment({"PATH": "/bin", "SECRET_KEY": "x", "PYTHONPATH": "/evil", "HF_HOME": "/hub"})
    assert seen["PATH"] == "/bin" and seen["HF_HOME"] == "/hub"
    assert "SECRET_KEY" not in seen and seen["PYTHONPATH"] == str(REPOSITORY)
