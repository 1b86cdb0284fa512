"""A real Ray head on free ports, for tests: started as a person would, ended with every process it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

PORTS = (
    "port",
    "ray-client-server-port",
    "node-manager-port",
    "object-manager-port",
    "dashboard-port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
)
TRIES = 4


@dataclass(frozen=True)
class Head:
    """A running head.

    Attributes:
        address: of its dashboard.
        folder: where its logs are.
    """

    address: str
    process: subprocess.Popen[bytes]
    folder: Path

    def assert_alive(self) -> None:
        logs = [self.folder / "head.log", *self.folder.glob("session_2*/logs/ray_process_exit.log")]
        assert self.process.poll() is None, "\n".join(log.read_text() for log in logs)

    def stop(self) -> None:
        """End the head and all that it started, one by one: other heads of this machine are none of our business."""
        if self.process.poll() is None:
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.terminate()
            _, deaf = psutil.wait_procs([*started, psutil.Process(self.process.pid)], timeout=15)
            for process in deaf:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait()


@contextlib.contextmanager
def ray_head() -> Iterator[Head]:
    # Ray puts sockets there, whose names may have 107 bytes: pytest's folders are too deep.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    head = None
    try:
        head = start(folder)
        yield head
    finally:
        if head:
            head.stop()
        shutil.rmtree(folder)


def start(folder: Path) -> Head:
    """Ray gives its own start 30 seconds; on a very busy machine that may be too few, so it gets several tries."""
    for _ in range(TRIES):
        head = begin(folder)
        while head.process.poll() is None:
            if "Ray runtime started" in (folder / "head.log").read_text() and answers(head):
                return head
            time.sleep(0.2)
        head.stop()
    raise AssertionError((folder / "head.log").read_text())


def begin(folder: Path) -> Head:
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    options = [word for name, port in ports.items() for word in (f"--{name}", str(port))]
    sizes = ["--num-cpus", "1", "--object-store-memory", str(80 << 20), "--include-log-monitor", "false"]
    ray = Path(sys.executable).with_name("ray")
    command = [ray, "start", "--head", "--block", "--disable-usage-stats", "--node-ip-address", "127.0.0.1", *sizes]
    # On a busy machine parts of a head may not hear from one another for a while, and would give each other up.
    patient = {"RAY_health_check_failure_threshold": "60", "RAY_agent_register_timeout_ms": "300000"}
    with (folder / "head.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--temp-dir", folder, *options], stdout=log, stderr=log, env={**os.environ, **patient}
        )
    return Head(f"http://127.0.0.1:{ports['dashboard-port']}", process, folder)


def answers(head: Head) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{head.address}/api/version").status_code == 200
    return False


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
