"""Home: what is here, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from workbench.actions.overview import overview
from workbench.store.database import Store
from workbench.ui import views
from workbench.ui.components import QUIET, header, polled

REFRESH_SECONDS = 4


def page(demo: gr.Blocks, store: Store) -> None:
    def load() -> str:
        return views.home(overview(store))

    def tick(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"parts": {"home": load()}, "again": REFRESH_SECONDS}

    header("/")
    body = polled("home", tick)
    demo.load(load, None, body, **QUIET)
