"""Whatever a model without any sense could write under a grammar is text, or valid calls that the dialect reads."""

import functools
import re

import numpy as np
import pytest

from tests.grammars.sampling import sample
from tests.small_models import make_tokenizer
from workbench.dialects import functiongemma, get_dialect, hermes, llama3
from workbench.errors import WorkbenchError
from workbench.grammars import Choice, Grammars, Limits, Vocabulary
from workbench.grammars.schema import bounded
from workbench.records import NO_TOOL, Tool, ToolCall, Toolset
from workbench.scenarios.validate import check_call

PLACE = {
    "type": "object",
    "properties": {"street": {"type": "string", "minLength": 2}, "Number": {"type": "integer"}},
    "required": ["Number"],
}
TOOLS = (
    Tool("clock", "", {"type": "object", "properties": {}}),
    Tool(
        "send-file",
        "",
        {
            "type": "object",
            "properties": {
                "to": {
                    "type": "array",
                    "items": {"type": "string", "enum": ["Ann", 'Bo "B" \\ /', "Cé\n"]},
                    "minItems": 1,
                },
                "Count": {"type": "integer", "minimum": 3, "maximum": 17},
                "speed": {"type": "number", "exclusiveMinimum": 0},
                "urgent": {"type": "boolean"},
                "level": {"enum": [1, "two", None, False]},
                "code": {"type": "string", "pattern": "^[A-Z]{2}/[0-9]+$", "maxLength": 8},
            },
            "required": ["to", "code"],
        },
    ),
    Tool(
        "move",
        "",
        {
            "type": "object",
            "properties": {
                "from": {"$ref": "#/$defs/place"},
                "stops": {"type": "array", "items": {"$ref": "#/$defs/place"}, "maxItems": 2},
                "when": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]},
                "more": {"type": "object"},
                "note": {"type": ["string", "null"]},
                "anything": {},
            },
            "required": ["when", "from"],
            "$defs": {"place": PLACE},
        },
    ),
)
TOOLSET = Toolset("nasty", TOOLS)
LIMITS = Limits(text=12, items=3, calls=3)
FORMATS = {
    "functiongemma": (functiongemma.CONTROL_TOKENS, functiongemma.CALL_START, functiongemma.TURN_END),
    "hermes": (hermes.CONTROL_TOKENS, hermes.CALL_START, hermes.TURN_END),
    "qwen3": (hermes.CONTROL_TOKENS, hermes.CALL_START, hermes.TURN_END),
    "llama3": (llama3.CONTROL_TOKENS, "{", llama3.TURN_END),
}
each_dialect = pytest.mark.parametrize("dialect", ["functiongemma", "hermes", "llama3"])


@functools.cache
def tokenizer_of(dialect: str):
    control, _, stop = FORMATS[dialect]
    return make_tokenizer(special=control, bos="", eos=stop, pad=stop)


def grammars(dialect: str, limits: Limits = LIMITS) -> Grammars:
    tokenizer = tokenizer_of(dialect)
    stops = [tokenizer.convert_tokens_to_ids(FORMATS[dialect][2])]
    ids = tokenizer.get_vocab()
    return Grammars(dialect, Vocabulary(tokenizer.backend_tokenizer.to_str(), len(tokenizer) + 3, stops, ids), limits)


def draw(dialect: str, choice: Choice, count: int, favoured: str = "", tools=TOOLS):
    """``count`` random replies, parsed."""
    found, tokenizer, rng = grammars(dialect), tokenizer_of(dialect), np.random.default_rng(0)
    token = tokenizer.get_vocab()[favoured] if favoured else -1
    for _ in range(count):
        yield get_dialect(dialect).parse(sample(found.start(tools, choice), rng, tokenizer, token))


def writes(dialect: str, text: str, choice: Choice, tools=TOOLS, limits: Limits = LIMITS) -> bool:
    """Whether the grammar lets exactly this reply through, given without its stop token."""
    matcher = grammars(dialect, limits).start(tools, choice)
    try:
        matcher.take(tokenizer_of(dialect)(text, add_special_tokens=False)["input_ids"])
    except WorkbenchError:
        return False
    return matcher.may_end


@each_dialect
def test_every_random_call_is_valid(dialect):
    names = set()
    for parsed in draw(dialect, Choice("forced"), 100):
        assert parsed.kind == "calls" and 1 <= len(parsed.calls) <= LIMITS.calls, parsed.reason
        for call in parsed.calls:
            assert check_call(call, TOOLSET, "call") == []
            names.add(call.name)
    assert names == set(TOOLSET.tool_names)


@each_dialect
def test_hybrid_replies_are_text_or_valid_calls(dialect):
    favoured = "" if dialect == "llama3" else FORMATS[dialect][1]
    kinds = set()
    for parsed in [*draw(dialect, Choice(), 40), *draw(dialect, Choice(), 20, favoured)]:
        kinds.add(parsed.kind)
        assert all(check_call(call, TOOLSET, "call") == [] for call in parsed.calls)
    assert "text" in kinds and kinds <= {"text", "calls"}


@each_dialect
def test_one_named_tool_one_call(dialect):
    for parsed in draw(dialect, Choice("forced", "move", several=False), 20):
        assert [call.name for call in parsed.calls] == ["move"]


@each_dialect
def test_none_gives_text(dialect):
    assert {parsed.kind for parsed in draw(dialect, Choice("none"), 30)} == {"text"}
    assert {parsed.kind for parsed in draw(dialect, Choice(), 10, tools=())} == {"text"}


@each_dialect
def test_what_the_dialect_writes_the_grammar_lets_through(dialect):
    calls = [
        ToolCall("clock", {}),
        ToolCall("send-file", {"to": ["Ann", 'Bo "B" \\ /'], "Count": 17, "urgent": True, "code": "AB/12"}),
        ToolCall("move", {"from": {"street": "ab <b>", "Number": -4}, "when": 0, "anything": 2.5}),
    ]
    written = get_dialect(dialect).render_reply(calls, "")
    body = re.sub(re.escape(FORMATS[dialect][2]) + "|<start_function_response>$", "", written)
    assert writes(dialect, body, Choice(), limits=Limits())
    assert writes(dialect, body, Choice("forced"), limits=Limits())
    assert not writes(dialect, body, Choice("forced", several=False), limits=Limits())
    assert not writes(dialect, body, Choice("none"), limits=Limits())
    assert not writes(dialect, body.replace("clock", "watch"), Choice(), limits=Limits())
    assert not writes(dialect, body.replace("17", "18"), Choice(), limits=Limits())
    assert writes(dialect, NO_TOOL, Choice()) and writes(dialect, "Done, a < b.", Choice())
    assert not writes(dialect, NO_TOOL, Choice("forced"))


def test_functiongemma_sorts_keys_and_keeps_control_tokens_out_of_text():
    tools = (Tool("t", "", {"type": "object", "properties": {"B": {"type": "string"}, "a": {}}}),)

    def ping(arguments: str) -> bool:
        body = f"<start_function_call>call:t{{{arguments}}}<end_function_call>"
        return writes("functiongemma", body, Choice(), tools)

    assert ping("") and ping("a:1") and ping("B:<escape>x<escape>") and ping("a:1,B:<escape>x<escape>")
    assert not ping("B:<escape>x<escape>,a:1") and not ping("a:1,") and not ping("a:1,a:1") and not ping("c:1")
    spelled = grammars("functiongemma").start(TOOLS)
    pieces = [tokenizer_of("functiongemma").get_vocab()[character] for character in "<escape>"]
    with pytest.raises(WorkbenchError):
        spelled.take(pieces)


def test_tags_that_are_ordinary_tokens_work_too():
    from tokenizers import AddedToken

    special = [token for token in hermes.CONTROL_TOKENS if "tool" not in token]
    tokenizer = make_tokenizer(special=special, bos="", eos=hermes.TURN_END, pad=hermes.EOS)
    tokenizer.add_tokens([AddedToken(tag, special=False) for tag in (hermes.CALL_START, hermes.CALL_END)])
    ids = tokenizer.get_vocab()
    vocabulary = Vocabulary(tokenizer.backend_tokenizer.to_str(), len(tokenizer), [ids[hermes.TURN_END]], ids)
    found = Grammars("hermes", vocabulary, LIMITS)
    rng = np.random.default_rng(0)
    for _ in range(20):
        parsed = get_dialect("hermes").parse(sample(found.start(TOOLS, Choice("forced")), rng, tokenizer))
        assert parsed.kind == "calls" and all(check_call(call, TOOLSET, "c") == [] for call in parsed.calls)


def test_forced_tokens_are_told():
    matcher = grammars("functiongemma").start(TOOLS[:1], Choice("forced", several=False))
    text = tokenizer_of("functiongemma").decode(matcher.forced())
    assert text == "<start_function_call>call:clock{}<end_function_call>"
    assert grammars("functiongemma").start(TOOLS).forced() == []


def test_a_grammar_is_compiled_once():
    found = grammars("hermes")
    first = found.start(TOOLS)
    first.take(tokenizer_of("hermes")("the")["input_ids"])
    assert found.start(TOOLS).allowed().sum() != first.allowed().sum() or found.start(TOOLS) is not first
    assert len(found._compiled) == 1
    found.start(TOOLS, Choice("none"))
    assert len(found._compiled) == 2


def test_what_cannot_be_is_explained():
    with pytest.raises(WorkbenchError, match="'watch'") as caught:
        grammars("hermes").start(TOOLS, Choice("forced", "watch"))
    assert "clock" in caught.value.hint
    with pytest.raises(WorkbenchError, match="a tool is demanded"):
        grammars("hermes").start((), Choice("forced"))
    tokenizer = tokenizer_of("hermes")
    remote = Grammars("openai", Vocabulary(tokenizer.backend_tokenizer.to_str(), len(tokenizer), [2], {}))
    with pytest.raises(WorkbenchError, match="'openai' cannot be held"):
        remote.start(TOOLS)


def test_limits_narrow_a_schema_and_never_widen_it():
    schema = {"type": "string", "maxLength": 5, "description": "x", "pattern": "(?=a)b"}
    assert bounded(schema, LIMITS, False) == {"type": "string", "maxLength": 5}
    assert bounded({"type": "string", "minLength": 40}, LIMITS, False)["maxLength"] == 40
    assert bounded({"type": "integer", "maximum": 3}, LIMITS, False)["maximum"] == 3
    assert bounded({"type": "array", "maxItems": 99}, LIMITS, False)["maxItems"] == 3
    assert bounded({"type": "object", "properties": {"a": {}}}, LIMITS)["additionalProperties"] is False
