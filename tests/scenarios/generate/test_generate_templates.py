"""Templates: what they make, that more of the same seed extends, and that mistakes are found with their line."""

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.small_workspace import TOOLSET
from workbench.scenarios.generate.shuffle import shuffled
from workbench.scenarios.generate.template_file import read_templates
from workbench.scenarios.generate.templates import TemplateFile, check, count, fill
from workbench.scenarios.validate import check_scenario

GOOD = """
[[context]]
os = ["linux", "windows"]
mode = "act"

[preference.polite]
before = "could you "
after = ", please"
tags = ["polite"]

[slot]
host = {windows = ["nas"], any = ["alpha", "beta"]}
times = [{say = "twice", value = 2}, 3]

[[template]]
name = "ping"
request = ["ping {host} {times} times", "{times} packets to {host} {{now}}"]
expected = [{name = "ping", arguments = {host = "{host}", count = "{times}"}}]
tags = ["net"]

[[template]]
name = "chat"
os = ["linux"]
preference = ["plain"]
request = "how was your day?"
expected = "NO_TOOL"
split = "test"
"""


def read(text: str) -> TemplateFile:
    file, problems = read_templates(text, "t.toml")
    assert problems == []
    return file


def test_what_a_file_makes():
    file = read(GOOD)
    assert check(file, TOOLSET) == []
    drafts = list(fill(file, "small", 0))
    assert len(drafts) == count(file) == 2 * 2 * (2 * 2 + 1 * 2) + 1
    assert len({d.id for d in drafts}) == len(drafts)
    by_request = {(d.request, d.os): d for d in drafts}
    made = by_request["could you ping nas twice times, please", "windows"]
    assert made.outcome.to_value() == [{"name": "ping", "arguments": {"host": "nas", "count": 2}}]
    assert (made.shell, made.mode, made.tags, made.source) == (
        "powershell",
        "act",
        ("net", "polite"),
        "generate:template:ping",
    )
    assert ("ping alpha 3 times", "windows") not in by_request
    chat = by_request["how was your day?", "linux"]
    assert chat.outcome.is_no_tool and chat.split == "test"
    assert all(d.status == "draft" and check_scenario(d, TOOLSET) == [] for d in drafts)


def test_braces_are_written_double():
    assert any(d.request == "3 packets to beta {now}" for d in fill(read(GOOD), "small", 0))


def test_one_sentence_stays_on_one_side():
    sides = {True: set(), False: set()}
    for draft in fill(read(GOOD), "small", 0):
        if draft.outcome.calls:
            sides["packets" in draft.request].add(draft.split)
    assert [len(found) for found in sides.values()] == [1, 1]


@given(st.integers(0, 1000), st.integers(0, 30), st.integers(0, 30))
def test_a_larger_count_extends_and_never_repeats(seed, first, more):
    file = read(GOOD)
    few = list(islice(fill(file, "small", seed), first))
    many = list(islice(fill(file, "small", seed), first + more))
    assert many[: len(few)] == few and len({d.id for d in many}) == len(many) == min(first + more, count(file))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.text(max_size=5))
def test_shuffled_is_a_permutation(n, key):
    assert sorted(shuffled(n, key)) == list(range(n))


def test_shuffled_takes_astronomical_numbers():
    n = 10**40
    first = list(islice(shuffled(n, "a"), 1000))
    assert len(set(first)) == 1000 and all(0 <= number < n for number in first) and max(first) > 10**39
    assert list(shuffled(0, "a")) == [] and first != list(islice(shuffled(n, "b"), 1000))


def problem(text: str):
    """The first problem: line, field, message."""
    file, problems = read_templates(text, "t.toml")
    found = sorted(problems, key=lambda one: one.line) or check(file, TOOLSET)
    assert found, "no problem was found"
    return found[0].line, found[0].field, found[0].message


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "says"),
    [
        ('mode = "act"', "mode = act", 4, "", "invalid value"),
        ('mode = "act"', "moed = 'act'", 4, "context[0].moed", "not known here"),
        ('"windows"]', '"dos"]', 3, "context[0].os", "'dos' is not a known OS"),
        ('before = "could you "', "before = 5", 7, "preference.polite.before", "must be a text"),
        ('["nas"]', "[]", 12, "slot.host", "at least one value"),
        ("}, 3]", "}, 3, 3]", 13, "slot.times[2]", "'3' is there twice"),
        ("}, 3]", "}, true]", 13, "slot.times[1]", "cannot be said"),
        ("}, 3]", "}, {say = 3}]", 13, "slot.times[1]", "must have say"),
        ("any = [", "linux = [", 0, "", ""),
        ("{times} packets to {host}", "packets to {host}", 17, "template[0].request", "needs 'times'"),
        ("ping {host} {times}", "ping {hots} {times}", 17, "template[0].request", "no slot 'hots'"),
        ('name = "chat"', 'name = "ping"', 22, "template[1].name", "two templates named"),
        ('preference = ["plain"]', 'preference = ["rude"]', 24, "template[1].preference", "no preference 'rude'"),
        ('expected = "NO_TOOL"', "", 21, "template[1].expected", "is missing"),
        ('expected = "NO_TOOL"', "expected = 1979-05-27", 26, "template[1].expected", "a date or time"),
        ('expected = "NO_TOOL"', "expected = []", 21, "template[1].expected", "empty"),
        ('split = "test"', 'split = "exam"', 27, "template[1].split", "not a split"),
        ('name = "ping", arguments', 'name = "pong", arguments', 15, "template[0].expected[0].name", "no tool 'pong'"),
        ("value = 2}", "value = 0}", 15, "template[0].expected[0].arguments.count", "at least 1"),
        ('os = ["linux"]\npref', 'os = ["bsd"]\npref', 21, "template[1]", "no context fits"),
    ],
)
def test_mistakes_are_found_with_their_line(old, new, line, field, says):
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    if not says:
        assert read_templates(text)[1] == []
        return
    found = problem(text)
    assert (found[0], found[1]) == (line, field) and says in found[2]


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text):
    file, problems = read_templates(text)
    assert problems and file.templates == ()


@given(st.data())
def test_a_damaged_file_is_read_or_refused(data):
    at = data.draw(st.integers(0, len(GOOD)))
    cut = data.draw(st.integers(0, 40))
    file, problems = read_templates(GOOD[:at] + data.draw(st.text('[]{}"=,\n a1', max_size=4)) + GOOD[at + cut :])
    if not problems and not check(file, TOOLSET):
        assert all(check_scenario(draft, TOOLSET) == [] for draft in islice(fill(file, "small", 0), 5))
