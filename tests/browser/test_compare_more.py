"""The Compare form: adding a variant and an endpoint, forgetting it, and what a failing endpoint looks like."""

from tests.chat_server import send, serve


def test_variants_and_endpoints_are_added_and_failures_told(open_page, tmp_path):
    def answer(handler, body):
        send(handler, 200, b"<html>no</html>")

    with serve(answer) as server:
        page = open_page("/compare")
        page.get_by_text("More models, variants, endpoints").click()
        page.get_by_label("Examples in the prompt").fill("3")
        page.get_by_role("button", name="Add variant").click()
        page.get_by_role("checkbox", name="starter+k3").wait_for()
        page.get_by_label("Endpoint (OpenAI-compatible)").fill(server.base_url)
        page.get_by_label("Its model's name").fill("tiny")
        page.get_by_role("button", name="Add endpoint").click()
        forget = page.get_by_role("button", name="Forget tiny@")
        forget.wait_for()
        page.screenshot(path=str(tmp_path / "form.png"), full_page=True)
        page.get_by_role("checkbox", name="starter+k3").uncheck()
        page.get_by_role("checkbox", name="Nearest scenario").check()
        page.get_by_role("button", name="Compare", exact=True).click()
        page.get_by_text("4 without an answer: 4 a web page").wait_for(timeout=60_000)
        page.screenshot(path=str(tmp_path / "result.png"), full_page=True)
        forget.click()
        page.get_by_text("Forget tiny@").wait_for(state="detached")
