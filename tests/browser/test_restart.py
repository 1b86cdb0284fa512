"""An open page outlives the app: it says that nobody answers, and goes on when the app is back."""

from urllib.parse import urlsplit

from tests.browser.conftest import start_app, stop_app
from tests.small_workspace import open_small


def test_an_open_page_waits_for_the_app(browser, tmp_path):
    open_small(tmp_path).close()
    process, url = start_app(tmp_path)
    page = browser.new_page()
    page.set_default_timeout(90_000)
    try:
        page.goto(f"{url}/train")
        page.get_by_text("No run yet").wait_for()
        # The page stands, scripts and all: what is still on its way when the app dies never comes.
        page.locator("#wb-curves .main-svg").first.wait_for()
        process.kill()
        process.wait()
        (tmp_path / "runs" / "app.json").unlink()
        page.get_by_text("The app does not answer.").wait_for()
        process, _ = start_app(tmp_path, urlsplit(url).port)
        page.get_by_text("The app does not answer.").wait_for(state="detached", timeout=60_000)
        page.get_by_label("Epochs").fill("0")
        page.get_by_role("button", name="Start training").click()
        page.get_by_text("is not between 1 and 1000").wait_for()
    finally:
        page.close()
        stop_app(process)
