"""Which cases of arguments the calls show."""

from workbench.records import ExpectedCall, Tool, Toolset
from workbench.scenarios.arguments import argument_coverage

TOOL = Tool(
    "lamp",
    "",
    {
        "type": "object",
        "properties": {
            "room": {"enum": ["hall", 1, True]},
            "on": {"type": "boolean"},
            "level": {"type": "integer", "minimum": 1, "maximum": 9},
            "parts": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1},
            "label": {"type": "string", "maxLength": 3, "minLength": 0},
            "free": {"type": "string"},
        },
        "required": ["room", "on", "free"],
    },
)
TOOLSET = Toolset("home", (TOOL,))


def cases(*arguments):
    calls = [ExpectedCall("lamp", one) for one in arguments] + [ExpectedCall("stranger", {"room": 1})]
    return {(one.argument, one.case): one.n for one in argument_coverage(calls, TOOLSET)}


def test_every_case_is_listed():
    assert list(cases()) == [
        ("room", '"hall"'),
        ("room", "1"),
        ("room", "true"),
        ("on", "true"),
        ("on", "false"),
        ("level", "given"),
        ("level", "left out"),
        ("level", "minimum 1"),
        ("level", "maximum 9"),
        ("parts", "given"),
        ("parts", "left out"),
        ("parts", '"a"'),
        ("parts", '"b"'),
        ("parts", "minItems 1"),
        ("label", "given"),
        ("label", "left out"),
        ("label", "maxLength 3"),
        ("free", "given"),
    ]


def test_what_calls_show_is_counted_and_one_is_not_true():
    found = cases(
        {"room": 1, "on": True, "level": 1, "parts": ["b"], "label": "abc", "free": ""},
        {"room": True, "on": False, "level": 5, "parts": ["a", "b"]},
        {"room": "hall"},
    )
    assert {place for place, n in found.items() if not n} == {("level", "maximum 9")}
    assert (
        found["room", "1"] == found["room", "true"] == found["level", "minimum 1"] == found["parts", "minItems 1"] == 1
    )
    assert found["parts", '"b"'] == found["level", "given"] == 2 and found["level", "left out"] == 1


def test_a_value_for_each_case():
    values = {(one.argument, one.case): one.value for one in argument_coverage([], TOOLSET)}
    assert values["parts", '"b"'] == ["b"] and values["level", "maximum 9"] == 9 and values["on", "false"] is False
