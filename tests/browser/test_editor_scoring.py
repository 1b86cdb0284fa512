"""What counts as right for an argument is chosen in the editor, kept, and wrong settings are told at their field."""

from playwright.sync_api import expect


def test_rules_accepted_values_and_what_may_be_left_out(open_page):
    page = open_page("/scenarios?open=s0")
    fold = page.locator("details.wb-judged").first
    fold.locator("summary").click()
    page.locator("#c0-host-rule").select_option("regex")
    page.locator("#c0-host-pattern").fill("(")
    page.locator("#c0-host-accept").fill("b.example\nc.example")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("is not a usable pattern").wait_for()
    expect(page.locator("#c0-host-accept")).to_have_value("b.example\nc.example")
    page.locator("#c0-host-pattern").fill("host[0-9]+|.*")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".toast", has_text="Saved.").wait_for()
    page.reload()
    page.get_by_text("compared by a pattern, 2 more values").wait_for()
    expect(page.locator("#c0-host-pattern")).to_have_value("host[0-9]+|.*")
    expect(page.locator("#c0-host-accept")).to_have_value("b.example\nc.example")
