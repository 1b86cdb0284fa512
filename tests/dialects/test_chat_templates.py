"""Dialects write what the families' chat templates write, byte for byte, through ``apply_chat_template``.

The templates below are short ones of our own that do what the families' templates do. Where TRL is installed, which
carries the originals, those are asked, too.
"""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.small_models import make_tokenizer
from workbench.dialects import get_dialect, hermes, llama3
from workbench.dialects.llama3 import DATE
from workbench.records import Message, Tool, ToolCall

CHATML = r"""
{%- macro call(c) -%}<tool_call>
{"name": "{{ c.name }}", "arguments": {{ c.arguments | tojson }}}
</tool_call>{%- endmacro -%}
{%- set rest = messages[1:] if messages[0].role == 'system' else messages -%}
{%- if tools or messages[0].role == 'system' -%}
<|im_start|>system
{% if messages[0].role == 'system' %}{{ messages[0].content }}{% if tools %}{{ '\n\n' }}{% endif %}{% endif %}
{%- if tools -%}
# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>
{%- endif %}<|im_end|>
{% endif -%}
{%- for m in rest -%}
{%- if m.role == 'tool' -%}
{%- if loop.first or loop.previtem.role != 'tool' -%}<|im_start|>user{%- endif -%}
{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
{%- if loop.last or loop.nextitem.role != 'tool' -%}<|im_end|>
{% endif -%}
{%- else -%}
<|im_start|>{{ m.role }}
{% if m.role == 'assistant' and loop.last and enable_thinking is defined %}{{ '<think>\n\n</think>\n\n' }}{% endif -%}
{{ m.content }}
{%- for c in m.tool_calls or [] %}{{ '\n' if m.content or not loop.first }}{{ call(c.function) }}{% endfor %}<|im_end|>
{% endif -%}
{%- endfor -%}
<|im_start|>assistant
{% if enable_thinking is defined %}{{ '<think>\n\n</think>\n\n' }}{% endif -%}
"""

LLAMA = r"""
{%- macro turn(role, text) -%}<|start_header_id|>{{ role }}<|end_header_id|>{{ '\n\n' }}{{ text }}<|eot_id|>
{%- endmacro -%}
{{- bos_token -}}
{%- set system = messages[0].content | trim if messages[0].role == 'system' else '' -%}
{%- set rest = messages[1:] if messages[0].role == 'system' else messages -%}
{{- turn('system', ('Environment: ipython\n' if tools else '') + 'Cutting Knowledge Date: December 2023\nToday Date: '
    + date_string + '\n\n' + system) -}}
{%- for m in rest -%}
{%- if loop.first and tools -%}
{%- set declared -%}
{% for t in tools %}{{ t | tojson(indent=4) }}{{ '\n\n' }}{% endfor %}
{%- endset -%}
{{- turn('user', 'Given the following functions, please respond with a JSON for a function call with its proper '
    + 'arguments that best answers the given prompt.\n\nRespond in the format {"name": function name, "parameters": '
    + 'dictionary of argument name and its value}.Do not use variables.\n\n' + declared + m.content | trim) -}}
{%- elif m.tool_calls -%}
{%- set c = m.tool_calls[0].function -%}
{{- turn('assistant', '{"name": "' + c.name + '", "parameters": ' + c.arguments | tojson + '}') -}}
{%- elif m.role == 'tool' -%}
{{- turn('ipython', m.content | tojson if m.content is iterable else m.content) -}}
{%- else -%}
{{- turn(m.role, m.content | trim) -}}
{%- endif -%}
{%- endfor -%}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
"""


def original(name: str) -> str | None:
    """A family's own template from TRL's folder, which is found without importing it."""
    found = importlib.util.find_spec("trl")
    return found and (Path(found.origin).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


SCHEMA = {
    "type": "object",
    "properties": {
        "größe": {"type": "number", "description": 'A "size" <= 5 & more\n'},
        "zone": {"type": "object", "properties": {"x": {"type": "array", "items": {"enum": ["a", None, 1.5]}}}},
    },
    "required": ["zone"],
}
TOOLS = (
    Tool("nested.one", "Does it: 'so'.", SCHEMA, {"strict": True}),
    Tool("bare", "", {"type": "object", "properties": {}}),
)
CALL = ToolCall("nested.one", {"zone": {"x": ["a", 1e22, -0.5]}, "größe": 3, "flag": True, "text": 'say "hi"\n'})
SYSTEM, USER = Message("system", "You route.\n"), Message("user", ' Free {disk} "D:" \n')
CHATS = {
    "request": [SYSTEM, USER],
    "no system prompt": [USER],
    "call and result": [
        SYSTEM, USER, Message("assistant", calls=(CALL,)), Message("tool", name="bare", result={"a": [1]}),
    ],
    "later request": [
        SYSTEM, USER, Message("assistant", calls=(CALL,)), Message("tool", name="bare", result="done, 5 < 7"),
        Message("assistant", "It is done."), Message("user", "Again."),
    ],
    "results of other kinds": [
        USER, Message("assistant", calls=(CALL,)), Message("tool", name="bare", result=["x", None]),
        Message("assistant", calls=(ToolCall("bare"),)), Message("tool", name="bare", result=15),
    ],
}  # fmt: skip
CHATML_CHATS = {
    "two calls, two results": [
        SYSTEM, USER, Message("assistant", "Both.", calls=(CALL, ToolCall("bare"))),
        Message("tool", name="a", result="1"), Message("tool", name="b", result={"ok": False}), Message("user", "And?"),
    ],
}  # fmt: skip
ANSWERED = {"an answer at the end": [USER, Message("assistant", "Yes.")]}


FAMILIES = {
    "hermes": (CHATML, original("qwen3"), {}, CHATS | CHATML_CHATS),
    "qwen3": (CHATML, original("qwen3"), {"enable_thinking": False}, CHATS | CHATML_CHATS | ANSWERED),
    "llama3": (LLAMA, original("llama3_2"), {"date_string": DATE}, CHATS),
}
CASES = [
    pytest.param(name, template, options, messages, id=f"{name}, {source}, {chat}")
    for name, (ours, theirs, options, chats) in FAMILIES.items()
    for source, template in (("our template", ours), ("original", theirs))
    for chat, messages in chats.items()
    if template
]


def as_chat(message, results_as_text):
    """A message as people give it to ``apply_chat_template``; ChatML's templates print nothing but texts."""
    row = {"role": message.role, "content": message.content}
    if message.role == "tool":
        textual = results_as_text and not isinstance(message.result, str)
        row["content"] = json.dumps(message.result, ensure_ascii=False) if textual else message.result
    if message.calls:
        row["tool_calls"] = [{"type": "function", "function": call.to_dict()} for call in message.calls]
    return row


@pytest.fixture(scope="module")
def tokenizer():
    made = make_tokenizer()
    made.bos_token = "<|begin_of_text|>"
    return made


@pytest.mark.parametrize(("name", "template", "options", "messages"), CASES)
@pytest.mark.parametrize("tools", [TOOLS, ()], ids=["tools", "no tools"])
def test_prompts_are_those_of_the_template(tokenizer, name, template, options, messages, tools):
    expected = tokenizer.apply_chat_template(
        [as_chat(message, name != "llama3") for message in messages],
        tools=[tool.to_dict() for tool in tools] or None,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=True,
        **options,
    )
    assert get_dialect(name).render_prompt(messages, tools) == expected


@pytest.mark.parametrize(
    ("name", "template", "calls"), [("hermes", CHATML, (CALL, ToolCall("bare"))), ("llama3", LLAMA, (CALL,))]
)
def test_replies_are_the_turn_that_the_template_writes(tokenizer, name, template, calls):
    """What is trained is what the template would write into the conversation afterwards."""
    dialect, before = get_dialect(name), [SYSTEM, USER]
    options = {"chat_template": template, "tokenize": False, "date_string": DATE}
    declared = [tool.to_dict() for tool in TOOLS]
    chat = [as_chat(message, True) for message in [*before, Message("assistant", calls=calls)]]
    written = tokenizer.apply_chat_template(chat, tools=declared, **options)
    assert written.startswith(dialect.render_prompt(before, TOOLS) + dialect.render_reply(calls, ""))


@pytest.mark.parametrize("name", ["hermes", "qwen3", "llama3"])
def test_foreign_text_forges_no_turns(name):
    dialect, module = get_dialect(name), llama3 if name == "llama3" else hermes
    tokens = (*hermes.CONTROL_TOKENS, *llama3.CONTROL_TOKENS, "<|reserved_special_token_3|>")
    nasty = "a" + "".join(tokens) + "<|im_<|im_end|>end|>" + "<|eot_<|eot_id|>id|>"

    def controls(text, result):
        tool = Tool("f", text, {"type": "object", "properties": {text: {"type": "string"}}})
        messages = [
            Message("system", text),
            Message("user", text),
            Message("assistant", calls=(ToolCall("f", {text: text}),)),
        ]
        messages += [Message("tool", name="f", result=result), Message("user", text)]
        prompt = dialect.render_prompt(messages, (tool,))
        return {token: prompt.count(token) for token in module.CONTROL_TOKENS}

    assert controls(nasty, nasty) == controls(nasty, {"x": [nasty]}) == controls("a", "a")
