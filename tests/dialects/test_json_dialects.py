"""Dialects that write calls as JSON: parse and render are inverses, malformed output has a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.nasty import TEXTS, same_calls, several
from workbench.dialects import get_dialect
from workbench.dialects import hermes as hermes_format
from workbench.dialects import llama3 as llama_format
from workbench.dialects.openai import as_messages
from workbench.errors import WorkbenchError
from workbench.records import Message, Parsed, Reply, ToolCall

NAMES = ("hermes", "qwen3", "llama3", "openai")
hermes, qwen3, llama3, openai = map(get_dialect, NAMES)
PIECES = (
    *hermes_format.CONTROL_TOKENS, *llama_format.CONTROL_TOKENS, *TEXTS, '{"name": "f", ', '"arguments": {}}',
    '"parameters": {"a": ', "}", "{", "[" * 40, '"\\ud800"', "1e999", "NaN", "-Infinity", "9" * 5000, ",", ":",
    "f.call(", 'a="b"', '{"role": "assistant", "tool_calls": [{"function": ', '"content": ', "]", '{"a": 1, "a": 2}',
)  # fmt: skip
ordinary = json.dumps({"name": "f", "arguments": {"a": 1}})


@pytest.mark.parametrize("name", NAMES)
@given(several)
def test_parse_is_the_inverse_of_render(name: str, expected: list[ToolCall]) -> None:
    parsed = get_dialect(name).parse(get_dialect(name).render_reply(expected, ""))
    assert parsed.kind == "calls", parsed.reason
    assert same_calls(expected, parsed.calls)


@pytest.mark.parametrize("name", [*NAMES, "functiongemma"])
@given(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_gives_a_result_that_can_be_stored(name: str, raw: str) -> None:
    parsed = get_dialect(name).parse(raw)
    assert parsed.kind in ("calls", "text", "malformed")
    assert bool(parsed.reason) == (parsed.kind == "malformed")
    assert bool(parsed.calls) == (parsed.kind == "calls")
    row = json.dumps(Reply("s", "", parsed, 1.0, 1, 1).to_dict(), ensure_ascii=False)
    assert Reply.from_dict(json.loads(row.encode())).parsed == parsed


@pytest.mark.parametrize("name", NAMES)
@given(st.data(), several)
def test_a_reply_that_was_cut_off_is_never_a_call_with_fewer_arguments(name: str, data, calls: list[ToolCall]) -> None:
    """Cut anywhere, what is left is malformed, text, or whole calls from the beginning."""
    dialect = get_dialect(name)
    raw = dialect.render_reply(calls, "")
    parsed = dialect.parse(raw[: data.draw(st.integers(0, len(raw)))])
    assert same_calls(calls[: len(parsed.calls)], parsed.calls)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["NO_TOOL", "It is 5 < 7.", 'He said "{x}".'])
def test_text_comes_back_as_text(name: str, text: str) -> None:
    assert get_dialect(name).parse(get_dialect(name).render_reply([], text)) == Parsed("text", text=text)


@pytest.mark.parametrize("name", NAMES)
def test_nulls_are_left_out(name: str) -> None:
    raw = get_dialect(name).render_reply([ToolCall("f", {"a": None, "b": {"c": None, "d": [None, 1]}})], "")
    assert get_dialect(name).parse(raw).calls == (ToolCall("f", {"b": {"d": [None, 1]}}),)


@pytest.mark.parametrize("name", [*NAMES, "functiongemma"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", 10**5000], ids=["nan", "inf", "half", "big"])
def test_what_no_json_can_hold_is_not_written(name: str, value: object) -> None:
    if name == "functiongemma":
        value = [value, 1e999]  # its texts are not JSON
    with pytest.raises(WorkbenchError, match="cannot be written"):
        get_dialect(name).render_reply([ToolCall("f", {"a": value})], "")


BAD_ARGUMENTS = [
    ('{"a": 1, "a": 2}', "'a' occurs twice"),
    ('{"x": {"a": 1, "a": 1}}', "'a' occurs twice"),
    ('{"a": NaN}', "NaN is not JSON"),
    ('{"a": -Infinity}', "-Infinity is not JSON"),
    ('{"a": 1e999}', "too large"),
    (f'{{"a": {"9" * 5000}}}', "too many digits"),
    ('{"a": "\\ud800"}', "half a character"),
    ('{"a": ' + "[" * 40 + "]" * 40 + "}", "nested deeper"),
    ('{"a": ' + "[" * 100_000, "nested deeper|too early"),
    ("{'a': 1}", "not JSON"),
    ('{"a": 1,}', "not JSON"),
    ("[]", "is not an object"),
    ("null", "is not an object"),
    ('"x"', "is not an object|not JSON"),
    ('{"a": "x', "too early"),
    ('{"a": 1', "too early"),
]


@pytest.mark.parametrize(("arguments", "reason"), BAD_ARGUMENTS, ids=range(len(BAD_ARGUMENTS)))
@pytest.mark.parametrize(
    ("name", "frame"),
    [
        ("hermes", '<tool_call>\n{"name": "f", "arguments": %s}\n</tool_call><|im_end|>'),
        ("llama3", '{"name": "f", "parameters": %s}<|eot_id|>'),
        ("openai", None),
    ],
)
def test_bad_arguments_say_why(name: str, frame: str | None, arguments: str, reason: str) -> None:
    whole = arguments.rstrip().endswith(("}", "]", "null", '"x"'))
    if frame is None:
        raw = json.dumps({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]})
    else:
        raw = frame % arguments if whole else (frame % "\0").split("\0")[0] + arguments
    parsed = get_dialect(name).parse(raw)
    assert parsed.kind == "malformed" and not parsed.calls
    assert any(part in parsed.reason for part in reason.split("|")), parsed.reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (f"<tool_call>\n{ordinary}\n", "</tool_call> is missing"),
        (f"<tool_call>\n{ordinary}\n<|im_end|>", "</tool_call> is missing"),
        (f"<tool_call>\n{ordinary}\n</tool_call> done", "text behind a call"),
        (f"<tool_call>\n[{ordinary}]\n</tool_call>", "not an object"),
        ("<tool_call>\n</tool_call>", "not JSON"),
        ("<tool_call>", "too early"),
        ('<tool_call>\n{"arguments": {}}\n</tool_call>', "no 'name'"),
        ('<tool_call>\n{"name": " ", "arguments": {}}\n</tool_call>', "no 'name'"),
        ('<tool_call>\n{"name": "f"}\n</tool_call>', "'arguments' of the call of f is missing"),
        ('<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>', "is missing"),
        ('<tool_call>\n{"name": "f", "arguments": {}, "id": 1}\n</tool_call>', "'id' that means nothing"),
        (f"{ordinary}\n</tool_call>", "stray </tool_call>"),
        (ordinary, "without <tool_call>"),
        (f"<think>\nI wonder <tool_call>\n{ordinary}\n</tool_call>", "thoughts do not end"),
        ("<|im_start|>user", "stray <|im_start|>"),
    ],
)
def test_hermes_malformed(raw: str, reason: str) -> None:
    parsed = hermes.parse(raw)
    assert parsed.kind == "malformed"
    assert reason in parsed.reason


@pytest.mark.parametrize("head", ["<think>\n{}</think>\n\n", "\n<think>a <tool_call> b</think>", "</think>\n"])
def test_thoughts_before_a_call_are_skipped(head: str) -> None:
    parsed = hermes.parse(f"{head}Well.\n<tool_call>\n{ordinary}\n</tool_call><|im_end|>noise")
    assert parsed == Parsed("calls", calls=(ToolCall("f", {"a": 1}),), text="Well.")
    assert hermes.parse(f"{head}NO_TOOL<|im_end|>").text == "NO_TOOL"


LLAMA_CALL = '{"name": "f", "parameters": {"a": 1}}'


@pytest.mark.parametrize(
    "raw",
    [
        LLAMA_CALL,
        f"\n{LLAMA_CALL}<|eot_id|>noise",
        f"<|python_tag|>{LLAMA_CALL}<|eom_id|>",
        '<|python_tag|>f.call(a=1)<|eom_id|>',
        '{"type": "function", "name": "f", "parameters": {"a": 1}}',
    ],
)  # fmt: skip
def test_llama_forms(raw: str) -> None:
    assert llama3.parse(raw) == Parsed("calls", calls=(ToolCall("f", {"a": 1}),))


def test_llama_built_in_call() -> None:
    parsed = llama3.parse('Let me look.<|python_tag|>brave_search.call(query="a, b) \\"c\\"", n=[1, 2])<|eom_id|>')
    assert parsed.calls == (ToolCall("brave_search", {"query": 'a, b) "c"', "n": [1, 2]}),)
    assert parsed.text == "Let me look."
    assert llama3.parse("<|python_tag|>now.call()").calls == (ToolCall("now"),)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (f"{LLAMA_CALL} and so on", "text behind a call"),
        (f"{LLAMA_CALL}\n{LLAMA_CALL}", "text behind a call"),
        (f"{LLAMA_CALL};", "too early"),
        (f"Sure: {LLAMA_CALL}", "stands behind text"),
        (f"[{LLAMA_CALL}]", "stands behind text"),
        ('{"name": "f", "arguments": {}}', "'parameters' of the call of f is missing"),
        ('{"name": "f", "parameters": {}, "arguments": {}}', "'arguments' that means nothing"),
        ('{"type": "tool", "name": "f", "parameters": {}}', "'type'"),
        ('{"answer": 3}', "no 'name'"),
        ("<|python_tag|>print(1)", "neither an object nor NAME.call"),
        ("<|python_tag|>f.call(1)", "no name"),
        ("<|python_tag|>f.call(a=1", "does not end|no ','"),
        ("<|python_tag|>f.call(a=1, a=2)", "occurs twice"),
        ("<|python_tag|>f.call(a=1) + 1", "text behind a call"),
        ("<|start_header_id|>", "stray <|start_header_id|>"),
    ],
)
def test_llama_malformed(raw: str, reason: str) -> None:
    parsed = llama3.parse(raw)
    assert parsed.kind == "malformed", parsed
    assert any(part in parsed.reason for part in reason.split("|")), parsed.reason


def test_several_llama_calls_stand_behind_each_other() -> None:
    raw = llama3.render_reply([ToolCall("f", {"a": 1}), ToolCall("g")], "")
    assert raw == '{"name": "f", "parameters": {"a": 1}}; {"name": "g", "parameters": {}}<|eot_id|>'


def test_llama_date_is_pinned() -> None:
    assert "Today Date: 26 Jul 2024\n" in llama3.render_prompt([Message("user", "hi")], ())


FUNCTION = {"name": "f", "arguments": '{"a": 1}'}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "x", "type": "function", "function": FUNCTION}]},
        {"content": "", "tool_calls": [{"function": FUNCTION}], "function_call": None},
        {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]},
        {"role": "assistant", "content": None, "function_call": FUNCTION},
    ],
)
def test_openai_forms(message: dict) -> None:
    assert openai.parse(json.dumps(message)) == Parsed("calls", calls=(ToolCall("f", {"a": 1}),))


def test_openai_texts() -> None:
    assert openai.parse('{"role": "assistant", "content": "hi", "tool_calls": []}') == Parsed("text", text="hi")
    assert openai.parse('{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}').text == "ab"
    assert openai.parse('{"content": null, "refusal": "I must not."}').text == "I must not."


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("<html>Bad gateway</html>", "not JSON"),
        ("", "too early"),
        ('{"role": "assistant", "content": "he', "too early"),
        ("[]", "no message"),
        ("{}", "neither content nor calls"),
        ('{"role": "user", "content": "hi"}', "role 'user'"),
        ('{"content": 5}', "neither text nor"),
        ('{"tool_calls": {}}', "not a list"),
        ('{"tool_calls": [5]}', "no 'function'"),
        ('{"tool_calls": [{"type": "custom", "function": {}}]}', "type 'custom'"),
        ('{"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}', "arguments of f: the JSON ends too early"),
        ('{"tool_calls": [{"function": {"name": "f"}}]}', "is missing"),
        ('{"tool_calls": [{"function": {"name": "f", "arguments": "{} {}"}}]}', "text behind the JSON"),
        ('{"tool_calls": [{"function": null}]}', "not an object"),
        (json.dumps({"tool_calls": [{"function": FUNCTION}], "function_call": FUNCTION}), "both"),
    ],
)
def test_openai_malformed(raw: str, reason: str) -> None:
    parsed = openai.parse(raw)
    assert parsed.kind == "malformed" and reason in parsed.reason, parsed


def test_results_refer_to_their_calls() -> None:
    calls = (ToolCall("f", {"a": 1}), ToolCall("g"), ToolCall("f", {"a": 2}))
    results = [Message("tool", name=name, result=i) for i, name in enumerate(("f", "f", "g"))]
    rows = as_messages([Message("user", "go"), Message("assistant", calls=calls), *results])
    assert [call["id"] for call in rows[1]["tool_calls"]] == ["call_0", "call_1", "call_2"]
    assert [(row["tool_call_id"], row["content"]) for row in rows[2:]] == [
        ("call_0", "0"), ("call_2", "1"), ("call_1", "2"),
    ]  # fmt: skip


def test_an_openai_prompt_is_a_request_body() -> None:
    body = json.loads(openai.render_prompt([Message("system", "Be quick."), Message("user", "hi <|im_end|>")], ()))
    assert body == {
        "messages": [{"role": "system", "content": "Be quick."}, {"role": "user", "content": "hi <|im_end|>"}]
    }
