"""Starts the workbench: one store, its pages and its HTTP API on one server.

``python app.py [--workspace DIR] [--config FILE] [--host 127.0.0.1] [--port 7860] [--no-browser]``
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from workbench.actions import auto_train, config, runs
from workbench.actions.config import Loaded
from workbench.actions.config.schema import Config, ServerConfig, variable_of
from workbench.actions.content import open_workspace
from workbench.actions.remote import AppFile
from workbench.actions.serving import Serving
from workbench.api import Guard, Policy, install
from workbench.api.guard import LOOPBACK_HOSTS
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.workspace import Workspace

SYNC_SECONDS = 1.0
KEEP_UP_SECONDS = 30.0
PAUSE_AFTER_ERROR_SECONDS = 10.0
MAX_CONNECTIONS = 1000
"""Open at once; each page holds one. Further ones are turned away with 503, so that files can still be opened."""

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
        workspace = Workspace(arguments.workspace.resolve()) if arguments.workspace else Workspace()
        serve(workspace, config.load(workspace, arguments.config, given=_given(arguments)))
    except WorkbenchError as error:
        print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def serve(workspace: Workspace, loaded: Loaded) -> None:
    """Open the workspace, build the server and run it until it is told to stop.

    Raises:
        WorkbenchError: the address needs a login, is taken, or another process holds the workspace.
    """
    settings = loaded.config
    host, access = settings.server.host, access_for(settings)
    with _open(workspace) as store, _listen(host, settings.server.port) as listener:
        url = _url(host, listener.getsockname()[1])
        serving = Serving(store, config.serve_settings(settings))
        server = _server(build(store, access, serving, loaded), host)
        with closing(serving), _following(store, serving), _announced(workspace, AppFile(os.getpid(), url, access.key)):
            print(f"The workbench is at {url} (Ctrl+C ends it; runs go on).", flush=True)
            if settings.server.open_browser:
                threading.Timer(1.0, webbrowser.open, [url]).start()
            server.run(sockets=[listener])


def build(store: Store, access: Access, serving: Serving | None = None, loaded: Loaded | None = None) -> Any:
    """The ASGI app: API, pages, and the guard in front of both."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from fastapi import FastAPI

    from workbench import ui

    app = FastAPI(title="Tool Router Workbench", openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    install(app, store, serving, loaded)
    app.add_middleware(Guard, policy=access.policy)
    with warnings.catch_warnings():
        # Gradio says so although nobody asked for it.
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        return ui.mount(app, store, serving, auth=access.login, max_file_size=access.policy.max_bytes)


def access_for(settings: Config) -> Access:
    """Who may come in, by the address and the secrets that are set.

    Raises:
        WorkbenchError: the address can be reached from other computers and no password or API key is set.
    """
    auth, limits, host = settings.auth, settings.limits, settings.server.host
    key = secrets.token_urlsafe(24)
    keys = tuple(filter(None, (key, auth.api_key)))
    local = host in LOOPBACK_HOSTS
    if not local and not (auth.password and auth.api_key):
        raise WorkbenchError(
            f"Other computers can reach {host}, so the workbench needs a password and an API key.",
            f"Set {variable_of('auth', 'password')} and {variable_of('auth', 'api_key')} in the environment, or leave "
            "out --host.",
        )
    # A name is checked wherever it is known which names there are.
    hosts = (*LOOPBACK_HOSTS, host, *auth.hosts) if local or auth.hosts else ()
    policy = Policy(hosts, keys, not local or auth.key_required, limits.upload_mb << 20, limits.body_seconds)
    return Access(policy, key, _login(auth.password) if auth.password else None)


def _login(password: str) -> Callable[[str, str], bool]:
    return lambda user, given: hmac.compare_digest(given.encode(), password.encode())


def _given(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line says, by setting."""
    return {
        "server.host": arguments.host,
        "server.port": arguments.port,
        "server.open_browser": False if arguments.no_browser else None,
        "models": arguments.model,
        "toolsets.default": arguments.toolset,
        "serving.encoder": arguments.encoder,
        "capture.active": False if arguments.no_traffic else None,
        "capture.keep_days": arguments.keep_days,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Open the Tool Router Workbench.")
    parser.add_argument("--workspace", type=Path, metavar="DIR", help="where scenarios and runs live (the repository)")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (workbench.toml of the workspace)")
    parser.add_argument("--host", help="127.0.0.1; another address demands a password and an API key")
    parser.add_argument("--port", type=int, help=f"{ServerConfig.port}; 0 takes a free one")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    group = parser.add_argument_group("serving, at /v1")
    group.add_argument("--model", action="append", metavar="ID", help="serve this one, too")
    group.add_argument("--toolset", help="of requests without tools (the one the model was trained for)")
    group.add_argument("--encoder", metavar="ID", help="of embeddings: folder or hub id, BERT-like")
    group.add_argument("--no-traffic", action="store_true", help="do not record what was asked and answered")
    group.add_argument("--keep-days", type=int, help="how long it is kept")
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
    return uvicorn.Server(
        uvicorn.Config(
            app, host=host, log_level="warning", timeout_graceful_shutdown=2, limit_concurrency=MAX_CONNECTIONS
        )
    )


def _url(host: str, port: int) -> str:
    """Where a browser on this computer finds the server."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    return f"http://{name}:{port}"


def _leave(number: int, frame: object) -> NoReturn:
    """End as if interrupted, so that the store is closed and ``app.json`` removed."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
