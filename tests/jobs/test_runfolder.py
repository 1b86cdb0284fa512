"""The run folder: whole files, whole lines, a beating heart, and a sentence at the end."""

import errno
import json
import os
import time
from pathlib import Path

import pytest

from workbench import runfolder
from workbench.errors import WorkbenchError
from workbench.runfolder import (
    Ending,
    ProcessId,
    Reporter,
    RunFolder,
    RunStatus,
    append_rows,
    drop_torn_line,
    explain,
    iterate_rows,
    read_rows,
    read_status,
    run_worker,
    tail_log,
    write_json,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def test_rows_come_back_and_a_torn_last_line_waits(folder: RunFolder) -> None:
    append_rows(folder.metrics, [{"step": 1}, {"step": 2}])
    with folder.metrics.open("a") as file:
        file.write('{"step": 3, "lo')
    assert read_rows(folder.metrics) == [{"step": 1}, {"step": 2}]
    with folder.metrics.open("a") as file:
        file.write('ss": 1}\n')
    assert read_rows(folder.metrics, after=2) == [{"step": 3, "loss": 1}]


def test_a_broken_line_keeps_the_count_right(folder: RunFolder) -> None:
    folder.metrics.write_text('{"step": 1}\nnonsense\n{"step": 3}\n')
    assert read_rows(folder.metrics) == [{"step": 1}, {}, {"step": 3}]


def test_no_file_no_rows(folder: RunFolder) -> None:
    assert read_rows(folder.metrics) == []


def test_a_torn_line_is_cut_before_going_on(folder: RunFolder) -> None:
    folder.replies.write_text('{"a": 1}\n{"b"')
    drop_torn_line(folder.replies)
    append_rows(folder.replies, [{"c": 3}])
    assert read_rows(folder.replies) == [{"a": 1}, {"c": 3}]
    drop_torn_line(folder.metrics)


def test_input_rows_must_be_whole(folder: RunFolder) -> None:
    with pytest.raises(WorkbenchError, match=r"no train\.jsonl"):
        list(iterate_rows(folder.train))
    folder.train.write_text('{"a": 1}\n\nbroken\n')
    with pytest.raises(WorkbenchError, match="line 3"):
        list(iterate_rows(folder.train))


def test_config_must_be_readable(folder: RunFolder) -> None:
    with pytest.raises(WorkbenchError, match=r"config\.json"):
        folder.read_config()


def test_writing_leaves_the_old_file_when_it_fails(folder: RunFolder) -> None:
    write_json(folder.status, {"state": "running"})
    with pytest.raises(TypeError):
        write_json(folder.status, {"state": object()})
    assert json.loads(folder.status.read_text()) == {"state": "running"}
    assert list(folder.path.iterdir()) == [folder.status]


def test_status_survives_its_file(folder: RunFolder) -> None:
    status = RunStatus("running", 3, 12, 4.5, "working", 1.0, "training", ProcessId.current(), {"loss": 1})
    write_json(folder.status, status.to_dict())
    assert read_status(folder) == status
    assert status.progress == 0.25 and status.pid == os.getpid() and not status.finished


@pytest.mark.parametrize("content", ["", "{", "[]", '{"state": "odd"}', '{"state": "done", "process": {"x": 1}}'])
def test_an_unreadable_status_is_none(folder: RunFolder, content: str) -> None:
    folder.status.write_text(content)
    assert read_status(folder) is None


def test_the_heart_beats_while_a_long_step_runs(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runfolder, "HEARTBEAT_SECONDS", 0.02)
    with Reporter(folder) as reporter:
        first = read_status(folder)
        reporter.update(step=1, total_steps=2)
        deadline = time.time() + 60
        while (status := read_status(folder)) is None or status.step == 0:
            assert time.time() < deadline
            time.sleep(0.01)
    assert first and first.state == "running" and first.phase == "loading"
    assert status.heartbeat > first.heartbeat


def test_a_change_of_phase_shows_at_once(folder: RunFolder) -> None:
    with Reporter(folder) as reporter:
        reporter.update(phase="training")
        status = read_status(folder)
    assert status and status.phase == "training"


def test_no_heartbeat_after_the_end(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runfolder, "HEARTBEAT_SECONDS", 0.01)
    with Reporter(folder) as reporter:
        reporter.finish("done", "all well", {"loss": 1})
        time.sleep(0.05)
    status = read_status(folder)
    assert status and (status.state, status.message, status.summary) == ("done", "all well", {"loss": 1})


def test_the_end_is_told_on_a_full_disk(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Reporter(folder) as reporter:
        monkeypatch.setattr(runfolder, "write_json", refuse)
        reporter.finish("failed", "The disk is full.")
    status = read_status(folder)
    assert status and (status.state, status.message) == ("failed", "The disk is full.")


def test_a_worker_that_fails_says_why(folder: RunFolder) -> None:
    def work(_: RunFolder, __: Reporter) -> Ending:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert run_worker(folder.path, work) == 1
    status = read_status(folder)
    assert status and status.state == "failed" and status.message.startswith("The disk is full.")


def test_a_worker_that_ends_says_how(folder: RunFolder) -> None:
    assert run_worker(folder.path, lambda *_: Ending("done", "fine", {"n": 1})) == 0
    status = read_status(folder)
    assert status and (status.state, status.message, status.summary) == ("done", "fine", {"n": 1})


def test_a_worker_without_folder_fails(tmp_path: Path) -> None:
    assert run_worker(tmp_path / "gone", lambda *_: Ending("done")) == 1


class OutOfMemoryError(RuntimeError):
    pass


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WorkbenchError("It is wrong.", "Mend it."), "It is wrong. Mend it."),
        (OSError(errno.ENOSPC, "No space left"), "disk is full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk is full"),
        (OSError(errno.EFBIG, "File too large"), "no file grow so large"),
        (RuntimeError("I/O error: File too large (os error 27)"), "ulimit -f"),
        (MemoryError(), "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate"), "out of memory"),
        (FileNotFoundError(errno.ENOENT, "no such file", "/x/metrics.jsonl"), "/x/metrics.jsonl"),
        (ValueError("odd\nsecond line"), "ValueError: odd"),
        (ValueError(), "no message"),
    ],
)
def test_errors_become_sentences(error: Exception, words: str) -> None:
    assert words in explain(error)
    assert "\n" not in explain(error)


def test_the_log_tail_is_short(folder: RunFolder) -> None:
    assert tail_log(folder) == ""
    folder.log.write_text("\n".join(f"line {i}" for i in range(10_000)))
    assert tail_log(folder, 2) == "line 9998\nline 9999"


def test_a_process_is_told_from_its_successor() -> None:
    me = ProcessId.current()
    assert me.find() is not None
    assert ProcessId(me.pid, me.created - 60, me.host).find() is None
    assert ProcessId(me.pid, me.created, "elsewhere").find() is None
