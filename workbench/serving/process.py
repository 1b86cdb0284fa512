"""The line to the process that holds the models: started at the first request, started again when it has died.

A process of its own, not a thread: the app's pages stay quick while a model computes (Python runs one thread at a
time), the app never loads torch, and a model that brings its process down takes no page and no data with it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from workbench.errors import WorkbenchError
from workbench.workspace import REPOSITORY

Json = dict[str, Any]
WAITING = 64
"""Requests under way or waiting; further ones are refused until there is room."""
LAST = ("decisions", "error", "vectors", "ready", "stopped")
"""One of these is in the last event of each request."""
COMMAND = (sys.executable, "-m", "workbench.serving.worker")


class BusyError(WorkbenchError):
    """As many requests as may wait are waiting."""


class GoneError(WorkbenchError):
    """The process ended before it answered."""


class ModelProcess:
    """Asks the process; safe to use from any event loop and thread."""

    def __init__(
        self,
        log: Path,
        environment: Mapping[str, str],
        waiting: int = WAITING,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """
        Args:
            log: file for what the process prints.
            waiting: requests that may be under way.
            limits: fields of ``serving.worker.Limits`` that differ from their defaults.
        """
        self._log, self._environment, self._limit = log, dict(environment), waiting
        self._command = (*COMMAND, json.dumps(dict(limits or {})))
        self._about: Json = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None
        self._asked: dict[int, tuple[asyncio.AbstractEventLoop, asyncio.Queue[Json], subprocess.Popen[str]]] = {}

    @property
    def waiting(self) -> int:
        """Requests that have no answer yet."""
        return len(self._asked)

    @property
    def pid(self) -> int | None:
        """The process, where one runs."""
        child = self._child
        return child.pid if child and child.poll() is None else None

    @property
    def about(self) -> Json:
        """Engine, device and number type of the model that was loaded last; empty where no process runs."""
        return self._about if self.pid else {}

    async def ask(
        self, request: Json, stop: asyncio.Event | None = None, seconds: float | None = None
    ) -> AsyncGenerator[Json]:
        """What the process says to a request, until one of ``LAST``. Leaving early takes it back.

        Args:
            stop: takes it back as soon as it is set; ``{"stopped"}`` is then the last event.
            seconds: longest time until the last event.

        Raises:
            BusyError: too many requests wait.
            GoneError: the process cannot be started, or ended.
            TimeoutError: it took longer.
        """
        told: asyncio.Queue[Json] = asyncio.Queue()
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        number = self._send(request, told)
        stopping = asyncio.ensure_future(_stopped(stop, told)) if stop else None
        try:
            while True:
                # Not around the loop: whoever asks may go on in another task, and a time limit belongs to one.
                async with asyncio.timeout_at(deadline):
                    event = await told.get()
                if event.get("gone"):
                    raise GoneError("The process that holds the models ended.", "Ask again; its log says why.")
                yield event
                if _is_last(event):
                    return
        finally:
            if stopping:
                stopping.cancel()
            self._forget(number)

    def close(self) -> None:
        """End the process."""
        with self._lock:
            child, self._child = self._child, None
        if child:
            child.kill()
            child.wait()
        if self._listener:
            self._listener.join()

    def _send(self, request: Json, told: asyncio.Queue[Json]) -> int:
        with self._lock:
            if len(self._asked) >= self._limit:
                raise BusyError(f"{self._limit} requests are waiting already.", "Try again in a moment.")
            child = self._started()
            number = next(self._ids)
            self._asked[number] = (asyncio.get_running_loop(), told, child)
            self._write(child, {"id": number, **request})
        return number

    def _forget(self, number: int) -> None:
        with self._lock:
            known = self._asked.pop(number, None)
            if known and known[2] is self._child:
                self._write(known[2], {"cancel": number})

    def _write(self, child: subprocess.Popen[str], row: Json) -> None:
        assert child.stdin
        try:
            child.stdin.write(json.dumps(row) + "\n")
            child.stdin.flush()
        except (OSError, ValueError):
            # It has just ended, its pipe may be closed: its reader tells everyone who waits.
            return

    def _started(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._log.open("ab") as log:
                    self._child = subprocess.Popen(
                        self._command,
                        cwd=REPOSITORY,
                        env=self._environment,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=log,
                        text=True,
                        encoding="utf-8",
                    )
            except OSError as error:
                raise GoneError(f"The model cannot be started: {error.strerror}.", "Is there memory left?") from error
            self._listener = threading.Thread(target=self._listen, args=(self._child,), name="model", daemon=True)
            self._listener.start()
        return self._child

    def _listen(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout
        for line in child.stdout:
            event = json.loads(line)
            if "about" in event:
                self._about = event["about"]
            else:
                self._tell(event["id"], event, last=_is_last(event))
        child.stdout.close()
        child.wait()
        with self._lock, suppress(OSError):
            if child.stdin:
                child.stdin.close()
        for number in [number for number, (_, _, asked) in list(self._asked.items()) if asked is child]:
            self._tell(number, {"gone": True}, last=True)

    def _tell(self, number: int, event: Json, last: bool) -> None:
        with self._lock:
            known = self._asked.pop(number, None) if last else self._asked.get(number)
        if known:
            loop, told, _ = known
            try:
                loop.call_soon_threadsafe(told.put_nowait, event)
            except RuntimeError:
                # The server that waited for it has closed.
                return


async def _stopped(stop: asyncio.Event, told: asyncio.Queue[Json]) -> None:
    await stop.wait()
    told.put_nowait({"stopped": True})


def _is_last(event: Json) -> bool:
    return any(name in event for name in LAST)
