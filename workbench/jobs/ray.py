"""Launcher ``ray``: the same worker as a job of an existing Ray cluster, through Ray's Jobs API.

The run folder stays the only contract: the cluster's machines see it, this repository and its interpreter under the
same paths, on shared storage. ``ray.json`` in the folder holds the job's id, so that any later process finds the job.
Knows nothing of what the worker does, and imports Ray only when there is a job.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import secrets
import shlex
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from workbench.errors import WorkbenchError
from workbench.jobs.command import ALONE, Resources, worker_command
from workbench.runfolder import RunFolder, write_json
from workbench.runfolder.reporting import explain
from workbench.runfolder.status import forget_worker
from workbench.workspace import REPOSITORY

ADDRESS_NAMES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")
"""Ray's own variables, the first one wins; its client lets them overrule whatever address it is given."""
PYTHON_NAME = "WORKBENCH_RAY_PYTHON"
DEFAULT_ADDRESS = "http://127.0.0.1:8265"
CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 15.0
INSTALL = "Install it beside the workbench: pip install 'ray[default]==2.60.0', in the cluster's version."
_MISSING = "missing."
logger = logging.getLogger(__name__)

WordKind = Literal["waiting", "running", "ended", "lost", "silent"]


@dataclass(frozen=True)
class RayJob:
    """One job of one cluster.

    Attributes:
        address: of the cluster's dashboard, such as ``http://head:8265``.
        id: Ray's submission id.
    """

    address: str
    id: str


@dataclass(frozen=True)
class Word:
    """What a cluster says of a job: it waits for a machine, runs, has ended, or is not known there (``lost``).
    ``silent``: the cluster does not answer."""

    kind: WordKind
    message: str = ""


def read_job(run: RunFolder) -> RayJob | None:
    """The job that a run folder was given to, or None when it was given to no cluster."""
    try:
        return RayJob(**json.loads(run.ray.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def address(default: str = DEFAULT_ADDRESS) -> str:
    """Where the cluster's dashboard is: as the environment says, or else the default.

    Raises:
        WorkbenchError: it is no web address.
    """
    found = next((value for name in ADDRESS_NAMES if (value := os.environ.get(name))), default)
    if urlsplit(found).scheme not in ("http", "https") or not urlsplit(found).hostname:
        hint = f"Set {ADDRESS_NAMES[1]} to the address of its dashboard, such as {DEFAULT_ADDRESS}."
        raise WorkbenchError(f"'{found}' is not where a Ray cluster takes jobs.", hint)
    return found.rstrip("/")


def check() -> None:
    """Raises WorkbenchError when no job could be submitted now: Ray is not installed, or no cluster answers."""
    _need_ray()
    _knock(address())


def launch(folder: Path, module: str, keep: Sequence[str] = (), resources: Resources = ALONE) -> str:
    """Submit the worker of a run folder; its output goes to ``worker.log`` there.

    Args:
        keep: not sent: Ray shows a job's environment to everyone who reaches its dashboard. The cluster's machines have
            such variables themselves.

    Returns:
        The submission id.

    Raises:
        WorkbenchError: Ray is not installed, the cluster does not answer or refuses, or the folder is gone.
    """
    run = RunFolder(folder.resolve())
    job = RayJob(address(), f"{run.path.name}-{secrets.token_hex(3)}")
    client = _client(job.address)
    try:
        forget_worker(run)
        # Before the job is there: should this process die in between, the cluster will say that it knows no such job.
        write_json(run.ray, asdict(job))
    except OSError as error:
        raise WorkbenchError(f"The run could not be started. {explain(error)}") from error
    _asked(
        job.address,
        lambda: client.submit_job(
            entrypoint=entrypoint(run, job, module, resources.processes),
            submission_id=job.id,
            runtime_env={"env_vars": {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}},
            metadata={"workbench_run": run.path.name},
            entrypoint_num_cpus=resources.cpus,
            entrypoint_num_gpus=resources.gpus or None,
        ),
    )
    return job.id


def entrypoint(run: RunFolder, job: RayJob, module: str, processes: int) -> str:
    """The job's shell command: says what is missing on the machine, or becomes the worker.

    A job that has waited long may find its run stopped, or given to a later job: Ray cannot end what still waits.
    """
    python = os.environ.get(PYTHON_NAME) or sys.executable
    here, config, log, cancel, ray = (
        shlex.quote(str(path)) for path in (REPOSITORY, run.config, run.log, run.cancel, run.ray)
    )
    command = shlex.join(worker_command(python, module, run.path, processes))
    return (
        f"for file in {config} {shlex.quote(python)}; do "
        f'if [ ! -e "$file" ]; then echo "On the machine $(hostname), $file is {_MISSING}"; exit 66; fi; done; '
        f"if [ -e {cancel} ] || ! grep -q {job.id} {ray}; then echo 'Not wanted any more.'; exit 0; fi; "
        f"cd {here} && exec {command} >> {log} 2>&1"
    )


def ask(job: RayJob) -> Word:
    """What the cluster says of a job."""
    try:
        place = address(job.address)
        client = _client(place)
        info = _asked(place, lambda: client.get_job_info(job.id))
        state = str(info.status)
        if state == "PENDING":
            return Word("waiting", "The cluster has no free machine for the run yet.")
        if state == "RUNNING":
            return Word("running")
        return Word("ended", _ending(info, _asked(place, lambda: client.get_job_logs(job.id))))
    except UnknownJobError as error:
        return Word("lost", str(error))
    except WorkbenchError as error:
        return Word("silent", str(error))


def kill(job: RayJob) -> None:
    """Have the cluster end a job. What comes of it is seen at the next look."""
    try:
        place = address(job.address)
        client = _client(place)
        _asked(place, lambda: client.stop_job(job.id))
    except WorkbenchError as error:
        logger.warning("the job %s could not be stopped: %s", job.id, error)


class UnknownJobError(WorkbenchError):
    """The cluster answers, but knows no such job."""


def _ending(info: Any, logs: str) -> str:
    """Why a job ended although its worker did not say so."""
    missing = next((line for line in logs.splitlines() if line.endswith(f" {_MISSING}")), "")
    if missing:
        return (
            f"{missing} The cluster's machines must see the run's folder, the "
            f"repository and its interpreter under the same paths, on shared storage; {PYTHON_NAME} names another "
            "interpreter."
        )
    if str(info.status) == "STOPPED":
        return "The job was stopped on the cluster."
    if info.driver_exit_code is not None:
        return f"The worker ended on the cluster with exit status {info.driver_exit_code} before it could say why."
    return f"The job ended on the cluster: {str(info.message or info.status).splitlines()[0]}"


def _need_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise WorkbenchError("The package ray is not installed; runs on a Ray cluster need it.", INSTALL)


def _knock(place: str) -> None:
    """Ray's client waits for minutes where no machine answers."""
    parts = urlsplit(place)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((str(parts.hostname), port), CONNECT_SECONDS).close()
    except OSError as error:
        hint = f"Start one with 'ray start --head', or set {ADDRESS_NAMES[1]} to the address of its dashboard."
        raise WorkbenchError(f"No Ray cluster answers at {place} ({error.strerror or error}).", hint) from error


def _client(place: str) -> Any:
    """Raises WorkbenchError when Ray is not installed or no cluster answers there."""
    _need_ray()
    _knock(place)
    # Takes more than a second and 70 MB: only who has a job pays.
    from ray.job_submission import JobSubmissionClient

    class Client(JobSubmissionClient):
        """Ray's client would wait for ever for an answer."""

        def _do_request(self, *arguments: Any, **options: Any) -> Any:
            return super()._do_request(*arguments, **{"timeout": ANSWER_SECONDS, **options})

    return _asked(place, lambda: Client(place))


def _asked(place: str, question: Callable[[], Any]) -> Any:
    """Ray's errors as ours: it raises RuntimeError for every refusal, and the errors of ``requests`` (OSErrors)."""
    try:
        return question()
    except (RuntimeError, OSError, ValueError) as error:
        text = str(error)
        if "status code 404" in text:
            raise UnknownJobError(
                f"The Ray cluster at {place} does not know the run's job: it was restarted, or is another one.",
                "Resume the run to submit it again.",
            ) from error
        first = text.strip().splitlines()[0][:300] if text.strip() else type(error).__name__
        raise WorkbenchError(f"The Ray cluster at {place} does not answer as it should: {first}") from error
