"""Tools of Python modules: the schemas of ``get_json_schema``, without running anything."""

import textwrap
import typing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.records import Tool
from workbench.scenarios import importing
from workbench.scenarios.importing.python_module import from_source

ORDINARY = '''
import enum
import typing as t
from enum import Enum
from typing import Annotated, Any, Dict, List, Literal as Choice, Optional, Tuple, Union

__all__ = ["everything", "old_style", "nothing", "later", "enums", "kw", "choices", "nested", "quoted"]
Unit = Choice["celsius", "kelvin"]


class Color(str, Enum):
    """Colours."""

    RED = "red"
    CRIMSON = "red"
    BLUE = "blue"
    _ignore_ = []

    def shout(self):
        return self.value.upper()


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def everything(a: int, b: float, c: str, d: bool, e: list, f: dict, g: Any, h: None = None) -> str:
    """
    Does everything.

    It does so on two lines: of text.

    Args:
        a: the first
            goes on: here

            and after a blank
        b: the second: with a colon
        c:
            on the next line
        d: yes or no
        e: some
        f: more
        g: whatever
        h: nothing

    Returns:
        What comes of it,
        on two lines.

    Raises:
        ValueError: sometimes.
    """


def old_style(a: List[int], b: Dict[str, float], c: Tuple[int, str], d: Optional[str], e: Union[int, str, None],
              f: t.Optional[List[str]] = None) -> None:
    """Old names of types.

    Args:
        a: one
        b: two
        c: three
        d: four
        e: five
        f: six
    """


def nothing():
    """Takes nothing."""


async def later(unit: Unit, other: "Unit | None" = None):
    """Comes later.

    Args:
        unit: of heat
        other: of heat
    """


def enums(color: Color, level: Level, both: Color | Level, maybe: Color | None = None) -> Color:
    """Enums.

    Args:
        color: one
        level: two
        both: three
        maybe: four

    Returns: not in the form that is read
    """


def kw(first: str, /, second: int = 3, *, third: bool, fourth: Annotated[int, "years"] = 4) -> Unit:
    """Positional and by name.

    Args:
        first: one
        second: two
        third: three
        fourth: four
    """


def choices(drink: str, size: int):
    """Orders a drink.

    Args:
        drink: what to drink (choices: ["tea", " coffee "])
        size: how much (Choices: [1, 2])
    """


def nested(a: list[list[int]], b: dict[str, list[str | None]], c: int | str | list[int], d: Choice[1, "x", None, True],
           e: Union[int, Optional[str]], f: Choice[Choice["a", "b"], "b"], g: int | None | int, h: list | tuple):
    """Types in types.

    Args:
        a: one
        b: two
        c: three
        d: four
        e: five
        f: six
        g: seven
        h: eight
    """


def quoted(a: "int", b: "list['str']"):
    """Hints in quotes.
    Args:
        a: one
        b: two
    """


def not_exported(a: int):
    """Is not listed."""
'''


def reference(source: str, names) -> list[dict]:
    """What the library says of these functions. Run here, for the source is ours."""
    from transformers.utils import get_json_schema

    space: dict = {"__name__": "sample"}
    exec(compile(source, "sample.py", "exec", flags=0, dont_inherit=True), space)  # noqa: S102
    return [get_json_schema(space[name]) for name in names]


@pytest.mark.parametrize("prefix", ["", "from __future__ import annotations\n"])
def test_ordinary_functions_have_the_schemas_of_the_reference(prefix):
    found = from_source(prefix + ORDINARY, "sample", "sample.py")
    assert found.problems == () and len(found.toolset.tools) == 9
    wanted = reference(prefix + ORDINARY, found.toolset.tool_names)
    for tool, schema in zip(found.toolset.tools, wanted, strict=True):
        assert tool.to_dict() == schema, tool.name
        assert Tool.from_dict(schema) == tool


BASIC = st.sampled_from(["int", "float", "str", "bool", "list", "dict", "Any", "Literal['a', 2]", "Literal[True]"])
HINTS = st.recursive(
    BASIC,
    lambda inner: st.one_of(
        inner.map("list[{}]".format),
        inner.map("Optional[{}]".format),
        inner.map("dict[str, {}]".format),
        st.tuples(inner, inner).map(lambda pair: f"Union[{pair[0]}, {pair[1]}]"),
        st.tuples(inner, inner).map(lambda pair: f"tuple[{pair[0]}, {pair[1]}]"),
        st.tuples(inner, inner).map(lambda pair: f"Union[{pair[0]}, None, {pair[1]}]"),
    ),
    max_leaves=6,
)
TEXT = st.text("abc: ()\n\tArgsRetun.", max_size=40)


def steady(value):
    """With ``anyOf`` in a fixed order: ``typing`` remembers unions, and gives equal ones in the order seen first."""
    if isinstance(value, dict):
        made = {key: steady(inner) for key, inner in value.items()}
        return made | ({"anyOf": sorted(made["anyOf"], key=str)} if "anyOf" in made else {})
    return [steady(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=60)
@given(HINTS, TEXT)
def test_any_hint_and_any_docstring_read_as_the_reference_does(hint, text):
    from transformers.utils import get_json_schema

    doc = f"Says.\n\nArgs:\n    x: {text}"
    source = f"from typing import *\nfrom typing import Any, Literal, Optional, Union\ndef f(x: {hint}):\n    {doc!r}\n"
    space: dict = dict(vars(typing))
    exec(compile(source, "sample.py", "exec"), space)  # noqa: S102
    try:
        wanted = get_json_schema(space["f"])
    except Exception:
        return  # what the library refuses need not be refused here, only not be read wrongly
    found = from_source(source, "sample", "sample.py")
    assert [steady(tool.to_dict()) for tool in found.toolset.tools] == [steady(wanted)], found.problems


@pytest.mark.parametrize(
    ("code", "field", "words"),
    [
        ("def f(a: int): pass", "f", "no docstring"),
        ("def f(a):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "no type hint"),
        ("def f(a: int):\n  '''F.'''", "f.a", "not described"),
        ("def f(*a: int):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "any number"),
        ("class X: pass\ndef f(a: X):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "'X' cannot be told"),
        ("def f(a: tuple[int, ...]):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "tuple"),
        ("A = 'list[A]'\ndef f(a: A):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "refers to itself"),
        ("def f(a: 'in t'):\n  '''F.\n\n  Args:\n    a: one\n  '''", "f.a", "not Python"),
        ("def f(a: str):\n  '''F.\n\n  Args:\n    a: one (choices: [x])\n  '''", "f.a", "not JSON"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_told_and_the_others_are_kept(code, field, words):
    good = "def good(a: int):\n  '''Good.\n\n  Args:\n    a (int): one\n  '''\n"
    found = from_source(good + code, "sample", "sample.py")
    assert found.toolset.tool_names == ("good",)
    assert found.toolset.tools[0].properties["a"] == {"type": "integer", "description": "one"}
    (problem,) = found.problems
    assert (problem.field, problem.file) == (field, "sample.py") and words in problem.message and problem.line > 5
    assert problem.hint


def test_the_module_is_never_run(tmp_path):
    path = tmp_path / "evil.py"
    mark = tmp_path / "mark"
    path.write_text(
        textwrap.dedent(f"""
        open({str(mark)!r}, "w").close()
        def f(a: print(open({str(mark)!r}, "w")) = 1):
            '''F.

            Args:
                a: one
            '''
        def fine():
            '''Fine.'''
        """)
    )
    assert importing.detect(path) == "python"
    assert importing.read_tools(path).toolset.tool_names == ("fine",)
    assert not mark.exists()


@pytest.mark.parametrize("source", [b"def f(:\n", b"\x00", b"\xff\xfe", b"(" * 5000])
def test_what_is_not_python_is_one_clear_error(source):
    with pytest.raises(WorkbenchError, match="not Python that can be read"):
        from_source(source, "x", "x.py")
