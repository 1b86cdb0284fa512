"""The few Gradio pieces that pages share: the top bar, a live piece of HTML, a place for messages, hidden file buttons.

Knows no record and no action.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Literal, TypeVar

import gradio as gr

from workbench.actions import curate
from workbench.actions.content import SHIPPED_TOOLSET
from workbench.errors import WorkbenchError
from workbench.store.database import Store
from workbench.ui import views
from workbench.ui.forms import Fields

_log = logging.getLogger(__name__)
T = TypeVar("T")

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
"""How events are registered: answered at once, without a spinner, no public endpoint. One that comes while the one
before it is being answered is dropped, so that a double click does nothing twice."""
EAGER: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
"""For events of which none may be dropped, such as typing. (``always_last`` loses what an event carries.)"""
SLOW: dict[str, Any] = {**QUIET, "queue": True, "concurrency_limit": None}
"""For events whose callback answers several times: see ``watched``. Only Gradio's queue can do that."""

GLANCE_SECONDS = 0.2
"""How often long work says how far it is; work that is done sooner shows no progress at all."""
PARCEL_SECONDS = 600.0
PRESS = "() => setTimeout(() => workbench.press('#wb-download'), 100)"
"""Presses the download button once its file has reached it; a button without a file does nothing."""

_HEADER_JS = """
workbench.recallLight();
element.querySelector('[data-light]').addEventListener('click', workbench.toggleLight);
"""


def header(active: str) -> None:
    """The top bar; ``active`` is the path of the page it stands on."""
    title = f"document.title = {json.dumps(views.title(active))};"
    gr.HTML(views.header(active), js_on_load=title + _HEADER_JS, apply_default_css=False)


def live(name: str, value: str = "", events: Sequence[str] = (), **options: Any) -> gr.HTML:
    """HTML whose elements send events (see ``assets/workbench.js``); listen with ``component.<event>(...)``."""
    given = f"name: {json.dumps(name)}, events: {json.dumps(events)}"
    script = f"workbench.wire({{{given}, element, trigger, watch, props}}); {options.pop('script', '')}"
    options.setdefault("elem_id", f"wb-{name}")
    return gr.HTML(value, js_on_load=script, apply_default_css=False, **options)


def polled(name: str, tick: Callable[[Mapping[str, Any]], Mapping[str, Any]], **options: Any) -> gr.HTML:
    """Live HTML that asks ``tick`` for news of the page's parts as long as the page is open.

    ``tick`` gets ``{"query": …}`` and returns ``{"parts": {name: html}, "again": seconds}``. It must be named ``tick``.
    """
    return live(name, script="workbench.poll(server.tick);", server_functions=[tick], **options)


def notice() -> gr.HTML:
    """Where messages appear; events that can fail name it as their last output."""
    return live("notice", events=("undo",))


def payload(event: gr.EventData) -> Mapping[str, Any]:
    """What the browser sent with an event of a live component."""
    data = event._data
    return data if isinstance(data, Mapping) else {}


def form(event: gr.EventData) -> Fields:
    """Fields of the form that the event came from."""
    return fields(payload(event).get("form"))


def query(event: gr.EventData | Mapping[str, Any]) -> Fields:
    """Query of the page's address, of an event or of a poll."""
    return fields((event if isinstance(event, Mapping) else payload(event)).get("query"))


def address(request: gr.Request) -> Fields:
    """Query of the page's address while it loads."""
    parameters = request.query_params
    return {name: parameters.getlist(name) for name in parameters}


def toolset_of(store: Store, wanted: str = "") -> str:
    """The toolset that a page shows: the one that is asked for, or else the default, or else the first.

    Raises:
        WorkbenchError: there is none at all.
    """
    names = [toolset.name for toolset in curate.toolsets(store)]
    if wanted in names:
        return wanted
    return curate.default_toolset(store) if len(names) < 2 or SHIPPED_TOOLSET in names else names[0]


def author(request: gr.Request | None) -> str:
    """Who is at the keyboard: the login's name, or ``local``."""
    return (getattr(request, "username", None) or "local") if request else "local"


def failed(error: WorkbenchError) -> str:
    """An error as a message; anything but a WorkbenchError is a bug and is not caught."""
    _log.info("told the person: %s", error)
    return views.toast(error.message, error.hint, bad=True)


def answering(parts: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a callback that gives ``parts`` outputs and a message, once or again and again: a WorkbenchError becomes the
    message."""

    def wrap(callback: Callable[..., Any]) -> Callable[..., Any]:
        def told(error: WorkbenchError) -> tuple[Any, ...]:
            return (*(gr.skip() for _ in range(parts)), failed(error))

        @functools.wraps(callback)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            try:
                return callback(*args, **kwargs)
            except WorkbenchError as error:
                return told(error)

        @functools.wraps(callback)
        def guarded_steps(*args: Any, **kwargs: Any) -> Iterator[Any]:
            try:
                yield from callback(*args, **kwargs)
            except WorkbenchError as error:
                yield told(error)

        return guarded_steps if inspect.isgeneratorfunction(callback) else guarded

    return wrap


def watched(
    parts: int, title: str, work: Callable[[Callable[[float], None]], T]
) -> Generator[tuple[Any, ...], None, T]:
    """Do long work and return what it makes; meanwhile yields ``parts`` unchanged outputs and a message with a bar.

    The work goes on to its end when nobody watches any more.

    Args:
        work: is given something to call with the share that is done, 0 to 1.
    """
    share = 0.0

    def tell(done: float) -> None:
        nonlocal share
        share = done

    with ThreadPoolExecutor(max_workers=1) as pool:
        made = pool.submit(work, tell)
        while wait([made], GLANCE_SECONDS).not_done:
            yield (*(gr.skip() for _ in range(parts)), views.working(title, share))
        return made.result()


def handing_out(callback: Callable[..., tuple[Path, str]]) -> Callable[..., Any]:
    """For a callback that returns a file for the download button and a message; no file when there is an error."""

    @functools.wraps(callback)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            path, message = callback(*args, **kwargs)
        except WorkbenchError as error:
            return gr.DownloadButton(value=None), failed(error)
        return gr.DownloadButton(value=str(path)), message

    return guarded


def upload(types: Sequence[str], several: bool = False) -> gr.UploadButton:
    """A hidden button that takes a file, or several; an element with ``data-press`` presses it."""
    count: Literal["single", "multiple"] = "multiple" if several else "single"
    return gr.UploadButton(file_types=list(types), file_count=count, visible="hidden", elem_id="wb-upload")


def download() -> gr.DownloadButton:
    """A hidden button that hands out a file; ``PRESS`` presses it once it holds one."""
    return gr.DownloadButton(visible="hidden", elem_id="wb-download")


def parcel(name: str) -> Path:
    """A path for a file to hand out, in a folder of its own, so that people see just the name.

    Gradio makes its own copy; ours goes after a while, and in any case when the app ends.
    """
    folder = tempfile.mkdtemp(dir=_parcels().name)
    timer = threading.Timer(PARCEL_SECONDS, shutil.rmtree, [folder], {"ignore_errors": True})
    timer.daemon = True
    timer.start()
    return Path(folder) / name


@functools.cache
def _parcels() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="workbench-")


def fields(value: Any) -> Fields:
    """Names with their values, as a browser sends them; anything else is no field."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): [str(item) for item in items] for name, items in value.items() if isinstance(items, list)}
