"""Launcher ``local``: a worker as a detached child process. Knows nothing of what the worker does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.jobs.command import ALONE, Resources, worker_command
from workbench.runfolder import RunFolder, write_json
from workbench.runfolder.status import ProcessId, forget_worker
from workbench.workspace import REPOSITORY

_KEPT = (
    "PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP",
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "XDG_CACHE_HOME",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
    "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
)  # fmt: skip


def launch(folder: Path, module: str, keep: Sequence[str] = (), resources: Resources = ALONE) -> int:
    """Start ``python -m module folder`` in a session of its own; it outlives this process.

    Its output goes to ``worker.log``; ``process.json`` says which process it is.

    Args:
        keep: further environment variables that this worker needs, such as the one that holds a key.

    Returns:
        The pid.

    Raises:
        WorkbenchError: the folder is gone or no process can be started.
    """
    run = RunFolder(folder.resolve())
    command = worker_command(sys.executable, module, run.path, resources.processes)
    try:
        forget_worker(run)
        with run.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=worker_environment(os.environ, keep),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise WorkbenchError(
            f"The run could not be started: {error.strerror}.", "Is the run folder there, and is the disk full?"
        ) from error
    # Before anybody collects its exit status: a child that has ended by now can be looked up until then.
    worker = ProcessId.of(child.pid)
    # Somebody must collect it, or the child stays a zombie as long as this process lives.
    collector = threading.Thread(target=_collect, args=(child, run), name=f"wait-{child.pid}", daemon=True)
    collector.start()
    write_json(run.process, asdict(worker))
    return child.pid


def _collect(child: subprocess.Popen[bytes], run: RunFolder) -> None:
    """Wait for the end of a worker and leave word of how it ended: only its parent is told."""
    before = oom_kills()
    code = child.wait()
    word = {"pid": child.pid, "code": code, "short_of_memory": oom_kills() > before}
    # A folder that is gone or a full disk: the watcher finds its own words for both.
    with contextlib.suppress(OSError):
        write_json(run.exit, word)


def oom_kills() -> int:
    """How many processes the kernel has killed for want of memory; 0 where it does not count them."""
    try:
        rows = Path("/proc/vmstat").read_text("utf-8").splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) for row in rows if row.startswith("oom_kill ")), 0)


def worker_environment(environment: Mapping[str, str], keep: Sequence[str] = ()) -> dict[str, str]:
    """The few variables that a worker needs: no passwords of other programs, and good manners on a busy CPU.

    With OpenMP's default, a thread that waits for its sibling spins: when another program holds the sibling's core,
    everything takes 5 to 20 times as long. Here it sleeps; a training run decides otherwise for itself
    (``training.pace``). oneDNN keeps compiled kernels for 1,024 shapes of matrices by default, hundreds of megabytes
    when batches differ in length.
    """
    kept = {name: environment[name] for name in (*_KEPT, *keep) if name in environment}
    return kept | {
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "OMP_WAIT_POLICY": "passive",
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    }
