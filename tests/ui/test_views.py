"""Records become HTML that says what they hold and nothing more."""

import ast
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.small_workspace import TOOLSET, make_scenario
from workbench.actions.answers import Cell, Row
from workbench.actions.comparing import Column, Comparison
from workbench.actions.coverage import Coverage
from workbench.actions.figures import Confusion, CurvePoint, Drawn
from workbench.actions.import_files import ImportReport
from workbench.actions.leaderboard import Entry
from workbench.actions.overview import Overview
from workbench.actions.run_progress import Progress
from workbench.errors import Problem
from workbench.evaluation.job import FAILURES
from workbench.evaluation.pairing import Pairs, differences
from workbench.evaluation.statistics import Rate, summarise
from workbench.records import (
    NO_TOOL,
    ArgumentScore,
    ExpectedCall,
    Model,
    Outcome,
    Parsed,
    Reply,
    Run,
    Scenario,
    Score,
    ToolCall,
    Turn,
)
from workbench.scenarios import coverage as counting
from workbench.store.scenarios import Revision, ScenarioFilter
from workbench.ui import views
from workbench.ui.compare_form import Bench
from workbench.ui.forms import Desk
from workbench.ui.train_form import TrainOrder
from workbench.ui.views import base

EVIL = "<img src=x onerror=alert(1)>\"'${1}{{2}}"
VOID = {"input", "br", "col", "option", "path", "circle", "img"}


class Reader(HTMLParser):
    """Reads HTML as a browser would: tags with their attributes, text, and whether all tags are closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.words, self.open = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag, **attributes):
        wanted = attributes.items()
        return [found for name, found in self.tags if name == tag and all(found.get(k) == v for k, v in wanted)]


def read(html):
    reader = Reader(html)
    assert not reader.open, "a tag is not closed"
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id is there twice"
    for attributes in reader.all("label"):
        assert attributes.get("for", ids[0] if ids else "") in ids or "for" not in attributes
    assert not reader.all("img"), "text from outside became HTML"
    return reader


def run(**changes):
    fields = {
        "id": "train-1",
        "kind": "train",
        "state": "running",
        "snapshot": "abc",
        "model": "starter",
        "config": {"model": {"label": "Starter"}, "split": "test"},
        "created_at": "2026-01-01T10:00:00+00:00",
        "name": "small-1",
    }
    return Run(**(fields | changes))


def overview(**changes):
    fields = {
        "approved": 1234,
        "drafts": 1,
        "splits": {"train": 900, "validation": 100, "test": 234},
        "toolsets": 1,
        "tools": 2,
        "covered": 2,
        "pairs": 8,
        "filled": 7,
        "bases": 2,
        "trained": 0,
        "authored": False,
        "compared": False,
        "latest": None,
    }
    return Overview(**(fields | changes))


def test_views_know_no_gradio():
    for path in (Path(views.__file__).parent).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in getattr(node, "names", ())] + [getattr(node, "module", None) or ""]
            assert not any(name.split(".")[0] == "gradio" for name in names), path


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, "–"), (8.4, "8 s"), (125, "2 min 05 s"), (3840, "1 h 04 min"), (-1, "0 s")]
)
def test_durations(seconds, said):
    assert base.duration(seconds) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-01-02T11:59:30+00:00", "just now"),
        ("2026-01-02T11:55:00", "5 min ago"),
        ("2026-01-02T09:00:00+00:00", "3 h ago"),
        ("2025-12-24T09:00:00+00:00", "2025-12-24"),
        ("", ""),
    ],
)
def test_times(at, said):
    assert base.ago(at, datetime(2026, 1, 2, 12, tzinfo=UTC)) == said


def test_calls_read_as_a_program_writes_them():
    calls = (ExpectedCall("ping", {"host": "é", "count": 3}), ExpectedCall("clock"))
    assert base.outcome_text(Outcome(calls)) == 'ping(host="é", count=3) + clock()'
    assert base.outcome_text(Outcome(calls, ordered=True)) == 'ping(host="é", count=3) → clock()'
    assert base.outcome_text(Outcome()) == NO_TOOL


def test_home_shows_the_first_step_that_is_open():
    page = read(views.home(overview()))
    states = [found["class"] for found in page.all("li")]
    assert states == ["next", "done", "later", "later"]
    assert "1 of 4" in page.text and "1,234" in page.text and "+ 1 draft " in page.text


def test_home_with_everything_done_and_a_run():
    progress = Progress(run(name=EVIL), "training", 5, 10, 65.0)
    page = read(views.home(overview(authored=True, trained=1, compared=True, latest=progress)))
    assert "All four steps done" in page.text
    assert page.all("progress", value="50") and "step 5 of 10, 1 min 05 s to go" in page.text


def test_the_table_shows_scenarios_and_where_one_is():
    desk = Desk(ScenarioFilter(tool="ping"), 2, "s3")
    page = read(views.scenarios_list([make_scenario(3, request=EVIL), make_scenario(6)], 52, desk))
    assert EVIL in page.text and 'ping(host="host3")' in page.text
    assert "51–52 of 52" in page.text and "Page 2 of 2" in page.text
    assert page.all("div", **{"data-query": "tool=ping&page=2&open=s3"})
    assert page.all("tr", **{"data-id": "s3", "class": "open"})


def test_an_empty_table_says_what_to_do():
    assert "No scenarios yet" in read(views.scenarios_list([], 0, Desk())).text
    assert "Nothing fits" in read(views.scenarios_list([], 0, Desk(ScenarioFilter(text="x")))).text


def test_filters_show_what_is_chosen():
    page = read(views.scenarios_filters(ScenarioFilter(tool="gone", text=EVIL), [TOOLSET], ["act", ""]))
    chosen = [found["value"] for found in page.all("option") if "selected" in found]
    assert chosen == ["gone"]
    assert page.all("input", name="text", value=EVIL)


def edit(scenario, **options):
    return read(views.editor(scenario, TOOLSET, desk=Desk(open=scenario.id), **options))


def test_the_editor_has_a_field_for_each_argument():
    page = edit(make_scenario(0))
    assert page.all("input", name="call.0.arg.host", value="host0")
    assert page.all("input", name="call.0.arg.count", inputmode="numeric", value="")
    assert page.all("input", name="outcome", value="one")[0].keys() >= {"checked"}


def test_problems_stand_at_their_fields_and_others_on_top():
    problems = [
        Problem("must be a whole number", "expected[0].arguments.count", hint="Write the number without quotes."),
        Problem("is empty", "request", hint="Write what the person says."),
        Problem("is odd", "history[0].calls"),
    ]
    page = edit(make_scenario(0), problems=problems)
    assert page.all("input", name="call.0.arg.count", **{"aria-invalid": "true", "aria-describedby": "c0-count-p"})
    assert page.all("textarea", name="request", **{"aria-invalid": "true"})
    assert "Must be a whole number. " in page.text and "quotes" not in page.text
    assert "history[0].calls: is odd" in page.text


def test_the_editor_takes_text_as_text():
    calls = (ExpectedCall("ping", {"host": EVIL, EVIL: EVIL}),)
    turns = (Turn("user", EVIL), Turn("tool", name="ping", result={"a": EVIL}))
    scenario = Scenario(
        EVIL, "small", EVIL, Outcome(calls), EVIL, EVIL, EVIL, (EVIL,), turns, EVIL, source=EVIL
    )  # fmt: skip
    history = [Revision(scenario, 1, EVIL, "2026-01-01T10:00:00+00:00", EVIL, False)]
    page = edit(scenario, history=history, modes=[EVIL], problems=[Problem(EVIL, "expected[0].arguments.host")])
    assert page.all("input", name="call.0.arg.host", value=EVIL)


def test_no_tool_and_several_calls_have_their_forms():
    assert NO_TOOL in edit(make_scenario(2)).text
    page = edit(make_scenario(0, outcome=Outcome((ExpectedCall("ping", {}), ExpectedCall("clock")))))
    assert page.all("select", name="call.1.name") and page.all("input", name="ordered")
    assert "takes no arguments" in page.text


def test_history_says_what_changed():
    old, new = make_scenario(0), make_scenario(0, mode="chat", tags=("x",))
    history = [
        Revision(new, 2, "local", "2026-01-01T10:00:00+00:00", "edit", False),
        Revision(old, 1, "ann", "2026-01-01T09:00:00+00:00", "import", False),
    ]
    page = edit(new, history=history)
    assert "changed mode, tags" in page.text and "by you" in page.text and "by ann" in page.text
    older = read(views.editor(old, TOOLSET, desk=Desk(open="s0", revision=1), history=history))
    assert "This is revision 1." in older.text


def test_an_import_shows_problems_before_anything_is_kept():
    problems = tuple(Problem(EVIL, "request", line=i) for i in range(120))
    report = ImportReport(Path("x"), EVIL, "jsonl", "scenarios", 3, 120, 1, problems)
    page = read(views.import_panel(report, [TOOLSET], "small"))
    assert "Import 4 scenarios" in page.text and "and 20 more" in page.text
    nothing = ImportReport(Path("x"), "x.csv", "csv", "scenarios", 0, 1, 0, problems[:1])
    assert "disabled" in read(views.import_panel(nothing)).all("button", type="submit")[0]
    assert views.import_panel(None).strip() == ""


def coverage_of(scenarios):
    cells = tuple(counting.count(scenarios))
    tools = ("ping", "clock", NO_TOOL, *sorted({cell.tool for cell in cells} - {"ping", "clock", NO_TOOL}))
    oses = tuple(sorted({cell.os for cell in cells}, key=lambda os: (not os, os)))
    return Coverage("small", tools, oses, ("act",), cells, len(scenarios))


def test_coverage_cells_lead_to_their_scenarios_or_to_a_new_one():
    stray = make_scenario(13, outcome=Outcome((ExpectedCall("gone"),)), os="")
    found = coverage_of([make_scenario(0), make_scenario(6), stray])
    page = read(views.coverage(found, {"train": 3}, [TOOLSET]))
    links = {found["aria-label"]: found["href"] for found in page.all("a", **{"class": "cell "})}
    assert links["ping, linux: 2 scenarios"] == "/scenarios?toolset=small&tool=ping&os=linux"
    empty = {found["aria-label"]: found["href"] for found in page.all("a", **{"class": "cell none"})}
    assert empty["clock, bsd: none yet, write one"] == "/scenarios?toolset=small&tool=clock&os=bsd&open=new"
    assert links["gone, no os: 1 scenario"] == "/scenarios?toolset=small&tool=gone&os=-"
    assert not any(label.startswith("gone") for label in empty), "nothing is written for a tool that is not there"
    assert "any" in page.text


def test_the_train_form_shows_what_was_typed_and_what_is_wrong():
    order = TrainOrder("small", "a/b", EVIL, typed={"epochs": "many"})
    problems = [Problem("must be a whole number", "epochs"), Problem("there is no such model", "base")]
    page = read(views.train_form(order, [TOOLSET], [Model("starter", "Starter", "x")], {"train": 5}, problems))
    assert page.all("input", name="epochs", value="many", **{"aria-invalid": "true"})
    assert page.all("input", name="other", value="a/b", **{"aria-invalid": "true"})
    assert "Must be a whole number." in page.text and "5 train, 0 validation" in page.text
    without = read(views.train_form(TrainOrder("small", "starter"), [TOOLSET], [], {}))
    assert "disabled" in without.all("button", type="submit")[0]


def test_the_watched_run():
    assert "No run yet" in read(views.train_now(None, "", "")).text
    figures = {"loss": 1.23456, "steps_per_second": 0.5, "memory_mb": 2048}
    page = read(views.train_now(Progress(run(name=EVIL), "training", 5, 10, 65, figures=figures), EVIL, ""))
    for shown in ("5 / 10", "1.235", "0.50", "2.0 GB", "1 min 05 s", EVIL):
        assert shown in page.text
    assert page.all("button", **{"data-event": "stop", "data-id": "train-1"})
    failed = run(state="failed", message="The disk is full.")
    page = read(views.train_now(Progress(failed), "", "run=train-1"))
    assert "The disk is full." in page.text and not page.all("button", **{"data-event": "stop"})
    done = run(state="done", started_at="2026-01-01T10:00:00+00:00", ended_at="2026-01-01T10:02:05+00:00")
    page = read(views.train_now(Progress(done), "", ""))
    assert page.all("a", href="/compare?model=starter&model=run%3Atrain-1") and "2 min 05 s" in page.text


def test_the_table_of_runs_ticks_the_watched_one():
    page = read(views.train_runs([run(name=EVIL), run(id="train-0", summary={"steps": 7})], "train-0"))
    ticked = [found["data-curve"] for found in page.all("input") if "checked" in found]
    assert ticked == ["train-0"]


def test_a_curve_goes_on_where_it_was():
    rows = [{"step": 1, "loss": 2.0}, {"step": 1, "validation_loss": 3.0}, {"step": 2, "loss": None}]
    assert views.curve(run(), rows, 4) == {
        "id": "train-1",
        "name": "small-1",
        "start": 4,
        "after": 7,
        "train": {"x": [1], "y": [2.0]},
        "validation": {"x": [1], "y": [3.0]},
    }


def answer(scenario, parsed, exact, right=True, arguments=()):
    return Cell(Reply(scenario.id, EVIL, parsed, 10.0, 5, 5, 0.5), Score(scenario.id, right, exact, True, arguments))


def evaluation(i, name):
    return run(id=f"e{i}", kind="evaluate", state="done", model="ab"[i], name=name)


def rows_of(n=30):
    rows = []
    for scenario in (make_scenario(3 * i, id=f"s{i}", request=f"{EVIL} {i}") for i in range(n)):
        good = answer(scenario, Parsed("calls", tuple(call.call for call in scenario.outcome.calls)), True)
        differs = (ArgumentScore(0, "host", "differs", EVIL, EVIL + "!"), ArgumentScore(0, "count", "missing", 3))
        bad = answer(scenario, Parsed("calls", (ToolCall("ping", {"host": EVIL}),)), False, arguments=differs)
        rows.append(Row(scenario, (good, bad if int(scenario.id[1:]) % 2 else good)))
    return rows


def comparison(rows):
    columns = []
    for i, name in enumerate(("base", EVIL)):
        cells = [row.cells[i] for row in rows]
        headline = summarise([c.score for c in cells], [c.reply for c in cells], [row.scenario for row in rows])
        columns.append(Column(evaluation(i, name), name, headline))
    half = len(rows) // 2
    changes = differences([Pairs(half, 0, len(rows) - half, 0)])
    return Comparison(
        snapshot="abc",
        split="test",
        runs=tuple(column.run for column in columns),
        n=len(rows),
        columns=tuple(columns),
        differing=half,
        differences={"exact": tuple(changes), "tool": tuple(changes)},
    )


def result(**place):
    found = comparison(rows_of())
    heads = [column.headline for column in found.columns]
    counts = {("ping", "ping"): 20, ("ping", EVIL): 10}
    confusion = Confusion("e1", ("ping",), ("ping", EVIL), counts)
    points = [CurvePoint(i, Rate(1, 2), Rate(1, 2), Rate(1, 2), Rate(1, 1)) for i in range(101)]
    drawn = Drawn({EVIL: heads, "ping": heads}, confusion, [points, []], [[1.0, 2.0], []])
    return read(views.compare_result(Bench(("a", "b"), **place), found, drawn))


def answers(rows, found=None, **place):
    lineup = comparison(rows)
    return read(views.compare_answers(Bench(("a", "b"), **place), lineup, rows[:25], found or len(rows)))


def test_figures_stand_with_their_intervals():
    page = result()
    assert "50.0 % (15/30)" in page.text and "33.2 to 66.8 %" in page.text
    assert page.all("div", role="img", **{"aria-label": f"{EVIL}: 50.0 %, interval 33.2 to 66.8 %"})
    assert f"{EVIL} is worse than base in exact calls: -50.0 points" in page.text
    assert "Over-calls" in page.text and "Argument F1" in page.text


def test_buckets_cells_and_plots():
    page = result(threshold=40)
    assert [found["data-bucket"] for found in page.all("button", **{"data-event": "bucket"})] == [
        "fixed",
        "broken",
        "both wrong",
        "both right",
    ]
    cells = page.all("button", **{"data-event": "cell"})
    assert [(cell["data-expected"], cell["data-got"]) for cell in cells] == [("ping", "ping"), ("ping", EVIL)]
    figures = [json.loads(found["data-figure"]) for found in page.all("div") if "data-figure" in found]
    assert len(figures) == 3 and figures[0]["data"][1]["name"] == EVIL
    assert "below 40 % count as NO_TOOL" in page.text


def test_answers_show_expected_against_got_argument_by_argument():
    page = answers(rows_of())
    assert "1–25 of 30" in page.text and "Page 1 of 2" in page.text
    assert "is missing, expected 3" in page.text and "✗" in page.text and "50 % sure" in page.text
    first = page.all("tr", **{"data-row": "s0"})[0]
    assert first["tabindex"] == "0"
    links = {found["data-key"]: found["href"] for found in page.all("a") if "data-key" in found}
    assert links["variant"].startswith("/scenarios?open=new&like=s")


def test_filters_set_by_a_click_can_be_taken_back():
    page = answers(rows_of(2), bucket="broken", expected="ping", got=EVIL)
    assert [found["data-filter"] for found in page.all("button", **{"data-event": "drop"})] == ["bucket", "cell"]
    assert f"expected ping, got {EVIL}" in page.text
    empty = read(views.compare_answers(Bench(("a", "b")), comparison(rows_of(2)), [], 0))
    assert "No scenario fits" in empty.text


def test_a_wrong_tool_and_a_malformed_reply_say_what_came():
    scenario = make_scenario(0)
    wrong = answer(scenario, Parsed("calls", (ToolCall("clock"),)), False, right=False)
    broken = answer(scenario, Parsed("malformed", reason=EVIL), False, right=False)
    page = answers([Row(scenario, (wrong, replace(broken, doubted=True)))])
    assert "clock()" in page.text and EVIL in page.text and "malformed" in page.text
    assert "counts as NO_TOOL" in page.text


@pytest.mark.parametrize(("kind", "words"), list(FAILURES.items()))
def test_each_failure_of_an_endpoint_is_told_in_the_row_and_on_top(kind, words):
    scenario = make_scenario(0)
    failed = answer(scenario, Parsed("failed", reason=f"why {EVIL}"), False)
    failed = replace(failed, reply=replace(failed.reply, failure=kind, raw=f"<html>{EVIL}"))
    page = answers([Row(scenario, (failed, failed))])
    assert page.text.count(words) == 2 and f"why {EVIL}" in page.text and f"<html>{EVIL}" in page.text
    found = comparison(rows_of())
    column = replace(found.columns[1], run=replace(found.columns[1].run, summary={"failures": {kind: 3}}))
    drawn = Drawn({}, Confusion("e1", (), (), {}), [[], []], [[1.0], []])
    shown = views.compare_result(Bench(("a", "b")), replace(found, columns=(found.columns[0], column)), drawn)
    assert f"3 without an answer: 3 {words}. They count as wrong." in read(shown).text


def test_an_answer_that_is_asked_again():
    again = run(id="e9", kind="evaluate", state="running", config={"only": "s1"})
    lineup, rows = comparison(rows_of(2)), rows_of(2)
    page = read(views.compare_answers(Bench(("a", "b")), lineup, rows, 2, (again, None)))
    assert any("data-waiting" in found for found in page.all("section")) and "Asked again: small-1, s1" in page.text
    reply = Reply("s1", EVIL, Parsed("calls", (ToolCall("clock"),)), 1, 1, 1)
    page = read(views.compare_answers(Bench(("a", "b")), lineup, rows, 2, (replace(again, state="done"), reply)))
    assert "clock()" in page.text


def test_the_leaderboard_has_the_newest_of_each_model():
    entries = [
        Entry(replace(evaluation(1, EVIL), ended_at="2026-01-02T10:00:00+00:00"), Rate(9, 10), Rate(9, 10), True),
        Entry(replace(evaluation(0, "base"), ended_at="2026-01-03T10:00:00+00:00"), Rate(5, 10), Rate(6, 10), True),
        Entry(replace(evaluation(0, "base"), ended_at="2026-01-01T10:00:00+00:00"), Rate(4, 10), Rate(6, 10), False),
    ]
    page = read(views.compare_board(entries, Bench(("a",), snapshot="abc")))
    assert "90.0 %" in page.text and "40.0 %" not in page.text and "Over time" in page.text
    assert views.compare_board([], Bench()).count("<section") == 0


def test_an_endless_answer_does_not_fill_the_page():
    assert base.short("x" * 160) == "x" * 160
    assert base.short("x" * 500) == "x" * 159 + "…"


def test_waiting_and_empty_states_of_compare():
    waiting = [("base", Progress(run(kind="evaluate"), "answering", 5, 10))]
    page = read(views.compare_result(Bench(("a", "b")), waiting=waiting))
    assert "5 of 10" in page.text and any("data-waiting" in found for found in page.all("section"))
    assert "Choose two models" in read(views.compare_result(Bench())).text
    assert "Other snapshot." in read(views.compare_result(Bench(), error="Other snapshot.")).text


def test_messages_escape_what_they_say():
    assert EVIL in read(views.toast(EVIL, EVIL, bad=True, undo=True)).text
