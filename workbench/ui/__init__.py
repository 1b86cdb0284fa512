"""The browser's door: pages on Gradio. Callbacks decide nothing; ``views`` knows no gradio.

``build`` makes the pages, ``mount`` puts them on a server with their looks.
"""

from __future__ import annotations

import warnings
from typing import Any

import gradio as gr
from fastapi import FastAPI

from workbench.actions.serving import Serving
from workbench.evaluation.report import plotly_script
from workbench.store.database import Store
from workbench.ui import (
    compare,
    coverage,
    duplicates,
    generate,
    history,
    home,
    inbox,
    playground,
    review,
    scenarios,
    theme,
    tools,
    train,
    views,
)

PAGES = (
    ("Scenarios", scenarios),
    ("Review", review),
    ("Inbox", inbox),
    ("Tools", tools),
    ("Coverage", coverage),
    ("Duplicates", duplicates),
    ("Generate", generate),
    ("Train", train),
    ("Compare", compare),
    ("History", history),
)
CACHE_SECONDS = 3600
"""How long files handed to a browser are kept."""


def build(store: Store, serving: Serving | None = None) -> gr.Blocks:
    """All pages on one open store, each with an address of its own. ``serving``: what the Playground talks to."""
    gr.set_static_paths([plotly_script()])
    with gr.Blocks(
        title=views.PRODUCT, analytics_enabled=False, fill_width=True, delete_cache=(CACHE_SECONDS, CACHE_SECONDS)
    ) as demo:
        home.page(demo, store)
    for name, page in PAGES:
        with demo.route(name, f"/{name.lower()}", show_in_navbar=False):
            page.page(demo, store)
    with demo.route("Playground", "/playground", show_in_navbar=False):
        playground.page(demo, serving or Serving(store))
    return demo


def mount(server: FastAPI, store: Store, serving: Serving | None = None, **options: Any) -> FastAPI:
    """Serve the pages under ``/``. ``options`` go to ``gradio.mount_gradio_app``: ``auth``, ``max_file_size`` …"""
    with warnings.catch_warnings():
        # Gradio says so of every app with several pages, also when rendering on the server is not asked for.
        warnings.filterwarnings("ignore", "SSR mode is not supported", UserWarning)
        return gr.mount_gradio_app(
            server,
            build(store, serving),
            path="/",
            theme=theme.theme(),
            css=theme.css(),
            head=theme.head(),
            favicon_path=str(theme.ASSETS / "favicon.svg"),
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            **options,
        )
