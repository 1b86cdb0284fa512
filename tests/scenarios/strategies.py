"""Hypothesis strategies for scenarios of any content that JSON can carry."""

from __future__ import annotations

from hypothesis import strategies as st

from workbench.records import ExpectedCall, Outcome, Rule, Scenario, ToolCall, Turn

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SOLID = TEXT.filter(lambda text: text.strip() != "") | st.sampled_from(
    [
        "=1+1",
        "'=1",
        "''@x",
        "+1",
        "-1",
        "\ttab",
        "\rcr",
        "\nlf",
        "'quoted",
        '"',
        "a,b",
        "a;b",
        "[x",
        "x\u2028y",
        "\u00e9\U0001f600",
    ]
)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([1, 1.0, -0.0, 10**40])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(TEXT, JSON, max_size=3)
CALLS = st.builds(ToolCall, SOLID, ARGUMENTS)


RULES = st.recursive(
    st.sampled_from([Rule(), Rule("case-fold"), Rule("path"), Rule("set")])
    | st.builds(Rule, st.just("tolerance"), st.floats(0, 9), st.integers(0, 2))
    | st.builds(Rule, st.just("regex"), pattern=SOLID),
    lambda inner: st.builds(Rule, st.just("set"), items=inner),
    max_leaves=3,
)


@st.composite
def expected_calls(draw: st.DrawFn) -> ExpectedCall:
    arguments = draw(ARGUMENTS)
    names = st.sampled_from(sorted(arguments)) if arguments else st.nothing()
    accept = draw(st.dictionaries(names, st.lists(JSON, max_size=2).map(tuple), max_size=2)) if arguments else {}
    optional = (
        draw(st.frozensets(names.filter(str.strip), max_size=2)) if any(map(str.strip, arguments)) else frozenset()
    )
    rules = draw(st.dictionaries(names, RULES, max_size=2)) if arguments else {}
    return ExpectedCall(draw(SOLID), arguments, accept, optional, rules)


OUTCOMES = st.just(Outcome()) | st.builds(
    Outcome, st.lists(expected_calls(), min_size=1, max_size=3).map(tuple), st.booleans()
)
TURNS = (
    st.builds(Turn, st.just("user"), TEXT)
    | st.builds(Turn, st.just("assistant"), TEXT, st.lists(CALLS, max_size=2).map(tuple))
    | st.builds(Turn, st.just("tool"), name=TEXT, result=JSON | st.sampled_from(["5", "null", "NaN", '{"a":1,"a":2}']))
)
SCENARIOS = st.builds(
    Scenario,
    id=SOLID,
    toolset=SOLID,
    request=SOLID,
    outcome=OUTCOMES,
    os=TEXT,
    shell=TEXT,
    mode=TEXT,
    tags=st.lists(SOLID, max_size=3).map(tuple),
    history=st.lists(TURNS, max_size=3).map(tuple),
    reasoning=TEXT,
    status=st.sampled_from(["draft", "approved", "rejected"]),
    split=st.sampled_from([None, "train", "validation", "test"]),
    source=TEXT,
)
