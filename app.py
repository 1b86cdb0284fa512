"""Starts the workbench: one store, its pages and its HTTP API on one server.

``python app.py [--workspace DIR] [--host 127.0.0.1] [--port 7860] [--no-browser]``
"""

from __future__ import annotations

import argparse
import hmac
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
import warnings
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from workbench.actions import auto_train, runs
from workbench.actions.content import open_workspace
from workbench.actions.remote import AppFile
from workbench.actions.serving import ServeSettings, Serving
from workbench.api import Guard, Policy, install
from workbench.api.guard import LOOPBACK_HOSTS
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.workspace import Workspace

PASSWORD, API_KEY = "WORKBENCH_PASSWORD", "WORKBENCH_API_KEY"
SYNC_SECONDS = 1.0
KEEP_UP_SECONDS = 30.0
PAUSE_AFTER_ERROR_SECONDS = 10.0
MAX_UPLOAD = "256mb"

logger = logging.getLogger("workbench")


@dataclass(frozen=True)
class Access:
    """Who may come in.

    Attributes:
        policy: what the guard lets through.
        key: the API key that programs of this user find in ``runs/app.json``.
        login: checks user name and password of the pages' login; None asks for none.
    """

    policy: Policy
    key: str
    login: Callable[[str, str], bool] | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; returns the exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, _leave)
    try:
        settings = ServeSettings(
            tuple(arguments.model), arguments.toolset, not arguments.no_traffic, arguments.keep_days
        )
        serve(arguments.workspace, arguments.host, arguments.port, not arguments.no_browser, settings)
    except WorkbenchError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def serve(root: Path | None, host: str, port: int, open_browser: bool, settings: ServeSettings | None = None) -> None:
    """Open the workspace, build the server and run it until it is told to stop.

    Raises:
        WorkbenchError: the address needs a login, is taken, or another process holds the workspace.
    """
    access = access_for(host, os.environ)
    workspace = Workspace(root.resolve()) if root else Workspace()
    with _open(workspace) as store, _listen(host, port) as listener:
        url = _url(host, listener.getsockname()[1])
        serving = Serving(store, settings)
        server = _server(build(store, access, serving), host)
        with closing(serving), _following(store, serving), _announced(workspace, AppFile(os.getpid(), url, access.key)):
            print(f"The workbench is at {url} (Ctrl+C ends it; runs go on).", flush=True)
            if open_browser:
                threading.Timer(1.0, webbrowser.open, [url]).start()
            server.run(sockets=[listener])


def build(store: Store, access: Access, serving: Serving | None = None) -> Any:
    """The ASGI app: API, pages, and the guard in front of both."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from fastapi import FastAPI

    from workbench import ui

    app = FastAPI(title="Tool Router Workbench", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    install(app, store, serving)
    app.add_middleware(Guard, policy=access.policy)
    with warnings.catch_warnings():
        # Gradio says so although nobody asked for it.
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        return ui.mount(app, store, serving, auth=access.login, max_file_size=MAX_UPLOAD)


def access_for(host: str, environment: Mapping[str, str]) -> Access:
    """Who may come in at this address.

    Raises:
        WorkbenchError: the address can be reached from other computers and no password or API key is set.
    """
    key = secrets.token_urlsafe(24)
    if host in LOOPBACK_HOSTS:
        return Access(Policy(keys=(key,)), key)
    password, api_key = environment.get(PASSWORD, ""), environment.get(API_KEY, "")
    if not password or not api_key:
        raise WorkbenchError(
            f"Other computers can reach {host}, so the workbench needs a password and an API key.",
            f"Set {PASSWORD} and {API_KEY} in the environment, or leave out --host.",
        )
    policy = Policy(hosts=(), keys=(key, api_key), key_required=True)
    return Access(policy, key, lambda user, given: hmac.compare_digest(given.encode(), password.encode()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Open the Tool Router Workbench.")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="where scenarios and runs live (the repository)")
    parser.add_argument("--host", default="127.0.0.1", help="another address demands a password and an API key")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    group = parser.add_argument_group("serving, at /v1")
    group.add_argument("--model", action="append", default=[], metavar="ID", help="serve this one, too")
    group.add_argument("--toolset", default="", help="of requests without tools (the one the model was trained for)")
    group.add_argument("--no-traffic", action="store_true", help="do not record what was asked and answered")
    group.add_argument("--keep-days", type=int, default=90, help="how long it is kept")
    return parser


@contextmanager
def _open(workspace: Workspace) -> Iterator[Store]:
    try:
        store = open_workspace(workspace.root)
    except WorkbenchError as error:
        running = AppFile.read(workspace)
        if running is None:
            raise
        hint = f"Use it at {running.url}, or choose another folder with --workspace."
        raise WorkbenchError(f"The workbench is already running on this workspace. {error.message}", hint) from error
    with store:
        yield store


@contextmanager
def _listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that takes connections from now on; they wait until the server answers."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise WorkbenchError(
            f"Cannot listen on {host}, port {port}: {error.strerror}.", "Choose another port with --port."
        ) from error
    with listener:
        yield listener


@contextmanager
def _following(store: Store, serving: Serving) -> Iterator[None]:
    """Follow the runs in the background."""
    stop = threading.Event()
    thread = threading.Thread(target=follow, args=(store, stop, serving), name="follow runs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def follow(store: Store, stop: threading.Event, serving: Serving | None = None) -> None:
    """Bring the store up to date about once a second until told to stop; an error is logged, not the end.

    Less often it looks whether a toolset is due for auto-train and which recorded decisions are too old.
    """
    pause, looked = 0.0, -KEEP_UP_SECONDS
    while not stop.wait(pause):
        pause = SYNC_SECONDS
        try:
            runs.sync(store)
            if time.monotonic() - looked > KEEP_UP_SECONDS:
                looked = time.monotonic()
                auto_train.keep_up(store)
                if serving:
                    serving.forget()
        except Exception:
            logger.exception("Following the runs failed; trying again in %g s.", PAUSE_AFTER_ERROR_SECONDS)
            pause = PAUSE_AFTER_ERROR_SECONDS


@contextmanager
def _announced(workspace: Workspace, app_file: AppFile) -> Iterator[None]:
    """Tell other programs of this user where the app is, as long as it is there."""
    app_file.write(workspace)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            workspace.app_file.unlink()


def _server(app: Any, host: str) -> Any:
    import uvicorn

    # Open pages hold a connection for events; the server must not wait for them when it ends.
    return uvicorn.Server(uvicorn.Config(app, host=host, log_level="warning", timeout_graceful_shutdown=2))


def _url(host: str, port: int) -> str:
    """Where a browser on this computer finds the server."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{name}:{port}"


def _leave(number: int, frame: object) -> NoReturn:
    """End as if interrupted, so that the store is closed and ``app.json`` removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
