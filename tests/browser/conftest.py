"""A real app in a process of its own, and a real browser that notices every error and every outside request."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.small_workspace import open_small

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
START_SECONDS = 180
PATIENCE = 60_000
"""Milliseconds that a page may take on a slow machine; what is expected of it is waited for."""


def start_app(workspace, port=0, script="app.py"):
    """Start the app on a workspace; returns the process and its URL once it answers."""
    command = [sys.executable, script, "--workspace", str(workspace), "--port", str(port), "--no-browser"]
    with (workspace / "app.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # Announced once it listens; a request waits until it answers.
        if (workspace / "runs" / "app.json").exists():
            return process, json.loads((workspace / "runs" / "app.json").read_text())["url"]
        time.sleep(0.1)
    process.kill()
    raise AssertionError((workspace / "app.log").read_text())


def stop_app(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """Two tools and twelve scenarios."""
    root = tmp_path_factory.mktemp("workspace")
    open_small(root).close()
    return root


@pytest.fixture(scope="module")
def app(workspace):
    process, url = start_app(workspace)
    yield url
    stop_app(process)


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}: apt-get install chromium, or name one in CHROMIUM")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM))
        yield browser
        browser.close()


class Watch:
    """What must not happen on a page."""

    def __init__(self, page, url):
        self.complaints = []
        page.on("console", lambda said: said.type == "error" and self.complaints.append(f"console: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", lambda asked: self.ask(asked.url, url))

    def ask(self, asked, url):
        if not asked.startswith((url, "data:", "blob:")):
            self.complaints.append(f"outside request: {asked}")


@pytest.fixture
def open_page(browser, app):
    """``open_page(path, width=1280, dark=False)`` opens a page and waits until it stands; complaints fail the test."""
    contexts, watches = [], []

    def open_page(path, width=1280, dark=False):
        size = {"width": width, "height": 900}
        context = browser.new_context(
            viewport=size, color_scheme="dark" if dark else "light", base_url=app, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        watches.append(Watch(page, app))
        page.goto(path)
        page.locator("h1").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [complaint for watch in watches for complaint in watch.complaints] == []
