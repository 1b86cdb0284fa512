"""Launcher ``local``: a worker as a detached child process. Knows nothing of what the worker does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from workbench.errors import WorkbenchError
from workbench.runfolder import ProcessId, RunFolder, write_json
from workbench.workspace import REPOSITORY

_KEPT = (
    "PATH", "HOME", "USER", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TMP", "TEMP",
    "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH", "XDG_CACHE_HOME",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "LD_LIBRARY_PATH", "OMP_NUM_THREADS",
    "SYSTEMROOT", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PATHEXT", "COMSPEC",
)  # fmt: skip


def launch(folder: Path, module: str, keep: Sequence[str] = ()) -> int:
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
    command = [sys.executable, "-m", module, str(run.path)]
    try:
        # What an earlier worker of this folder left would be taken for this one's word.
        for stale in (run.status, run.process, run.cancel):
            stale.unlink(missing_ok=True)
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
    # Somebody must collect the child's exit status, or it stays a zombie as long as this process lives.
    threading.Thread(target=child.wait, name=f"wait-{child.pid}", daemon=True).start()
    write_json(run.process, asdict(ProcessId.of(child.pid)))
    return child.pid


def worker_environment(environment: Mapping[str, str], keep: Sequence[str] = ()) -> dict[str, str]:
    """The few variables that a worker needs: no passwords of other programs, and good manners on a busy CPU.

    With OpenMP's default, a thread that waits for its sibling spins: when another program holds the sibling's core,
    a training step took 5 to 20 times as long; sleeping costs nothing measurable on a quiet machine. oneDNN keeps
    compiled kernels for 1,024 shapes of matrices by default, hundreds of megabytes when batches differ in length.
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
