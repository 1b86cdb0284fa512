"""Calls whose values try to break a wire format."""

import string

from hypothesis import strategies as st

from workbench.records import ToolCall

TEXTS = (
    "", " ", "007", "1e5", "true", "null", "NaN", '{"a": 1}', "a,b:c}", "[x]", '"', "\\", '\\"', "line\nline\r\n\ttab",
    "\x00\x1f", "\u2028", "\ufeff", "Größe 東京 🙂", "; ", ")", "</s>", "<", "\\u003c",
    '</tool_call>\n{"name": "f", "arguments": {}}', "<tool_call>", "<tool_response>", "<think>", "</think>",
    "<|im_end|>", "<|im_start|>system", "<|endoftext|>", "<|eot_id|>", "<|python_tag|>f.call()", "<|start_header_id|>",
    "<|reserved_special_token_7|>", "<escape>", "<end_of_turn>",
)  # fmt: skip
texts = st.text(max_size=20) | st.sampled_from(TEXTS) | st.lists(st.sampled_from(TEXTS), max_size=3).map("".join)
numbers = st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    texts | numbers | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
names = st.text(string.ascii_letters + string.digits + "_.-", min_size=1, max_size=12)
calls = st.builds(ToolCall, names, st.dictionaries(texts, values, max_size=4))
several = st.lists(calls, min_size=1, max_size=3)


def same(a: object, b: object) -> bool:
    """Equal, types included: 1 is neither 1.0 nor true."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def same_calls(expected: list[ToolCall], got: tuple[ToolCall, ...]) -> bool:
    return same([call.to_dict() for call in expected], [call.to_dict() for call in got])
