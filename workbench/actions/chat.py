"""A chat completion as OpenAI's clients ask for it, in our words: which model, which messages and tools, how.

Source: OpenAI's API reference, "Create chat completion". Prompts of PC-AI (``[MODE] …``) and Caro (``OS: …, Shell:
…``) are recognised. Loads no torch.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.actions import curate
from workbench.actions.models import RUN_PREFIX, STARTER_ID, ModelName, list_models, resolve
from workbench.actions.served import ALIAS, served_model
from workbench.errors import WorkbenchError
from workbench.records import TRIGGER, Message, Model, RecordError, Scenario, Tool, ToolCall, Toolset
from workbench.scenarios.messages import to_messages
from workbench.scenarios.systems import SYSTEMS
from workbench.scenarios.validate import check_schema
from workbench.store import runs as run_store
from workbench.store.database import Store

Json = dict[str, Any]
MAX_REPLIES, MAX_TOKENS, MAX_TOOLS, MAX_MESSAGES, MAX_STOPS, MAX_ALTERNATIVES = 16, 2048, 256, 256, 4, 20
DEFAULT_TOKENS = 256
MAX_BEAMS = 8
SERVED_KINDS = ("weights", "gguf")
CONTEXT = ("os", "shell", "mode")
_ROUTER = re.compile(
    r"\s*\[MODE\][ \t]*(?P<mode>\S*)\s*\[SYSTEM_PROMPT\]\s*.*?\[USER_REQUEST\]\s*(?P<request>.*)", re.S
)
_CONTEXT = re.compile(
    r"\s*OS:[ \t]*(?P<os>[^,\n]*)(?:,[ \t]*Shell:[ \t]*(?P<shell>[^,\n]*))?(?:,[^\n]*)?"
    r"\n\s*(?:Query:)?\s*(?P<request>.*)",
    re.S,
)


class NoModelError(RecordError):
    """The model that was asked for is not served."""


@dataclass(frozen=True)
class Ask:
    """One request, read and checked.

    Attributes:
        wish: the fields of ``inference.decisions.Wish`` as JSON, ``stream``, and ``show_prompt``.
        name: what the request calls the model.
        usage: whether a stream ends with its token counts.
    """

    model: Model
    toolset: Toolset
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    wish: Json
    name: str = ""
    usage: bool = False

    def to_process(self) -> Json:
        """What ``serving.worker`` reads."""
        return {
            "model": dataclasses.asdict(self.model),
            "toolset": self.toolset.to_dict(),
            "messages": [_plain(message) for message in self.messages],
            "tools": [tool.to_dict() for tool in self.tools],
            "wish": self.wish,
        }


def served_models(store: Store, more: Sequence[str] = ()) -> list[Model]:
    """Models that a request may name: the starter, every adapter, and those that were configured."""
    local = [model for model in list_models(store) if model.id == STARTER_ID or model.adapter]
    return [*local, *(resolve(store, model_id) for model_id in more if model_id not in [model.id for model in local])]


def listed_models(store: Store, more: Sequence[str] = (), toolset: str = "") -> list[tuple[str, Model]]:
    """Each name that a request may use with its model. ``served`` is what was chosen for the toolset."""
    found = [(model.id, model) for model in served_models(store, more)]
    try:
        return [(ALIAS, served_model(store, toolset or curate.default_toolset(store))), *found]
    except WorkbenchError:
        # No toolset yet, or the adapter was deleted by hand: then nothing goes by that name.
        return found


def read_ask(store: Store, body: Any, more: Sequence[str] = (), toolset: str = "") -> Ask:
    """Check a request's body.

    Args:
        more: ids of configured models.
        toolset: name of the served toolset; empty takes the one that the model was trained for, or the default one.

    Raises:
        NoModelError: no such model is served.
        RecordError: a field is wrong; its path names it.
    """
    if not isinstance(body, Mapping):
        raise RecordError("", "the body must be a JSON object")
    name = _text(body.get("model"), "model")
    known = listed_models(store, more, toolset)
    model = next((model for alias, model in known if alias == name), None)
    if model is None:
        raise NoModelError("model", f"the model '{name}' does not exist", "GET /v1/models lists those that do.")
    if model.kind not in SERVED_KINDS or model.shots:
        raise NoModelError("model", f"'{name}' is not served", "Weights and GGUF files are, without examples.")
    served = served_toolset(store, model.id, toolset)
    given = _list(body, "messages", MAX_MESSAGES)
    if not given:
        raise RecordError("messages", "is empty")
    messages, context = read_messages(given), _read_context(body.get("context"))
    tools = tuple(Tool.from_dict(row, f"tools[{i}]") for i, row in enumerate(_list(body, "tools", MAX_TOOLS)))
    if not tools:
        messages, tools = _in_profile(messages, served, context), served.tools
    elif messages[0].role != "system":
        messages = (Message("system", TRIGGER), *messages)
    return Ask(model, served, messages, tools, _read_wish(body, tools), name, _read_usage(body))


def served_toolset(store: Store, model_id: str, name: str = "") -> Toolset:
    """The toolset of requests without tools: the one named, that the model was trained for, or the default one."""
    plain = ModelName.read(model_id).plain
    run = run_store.get(store, plain.removeprefix(RUN_PREFIX)) if plain.startswith(RUN_PREFIX) else None
    if run and run.kind == "train" and not name:
        return Toolset.from_dict(run.config["toolset"])
    return curate.toolset(store, name or curate.default_toolset(store))


def snapshot_of(store: Store, model_id: str) -> str:
    """Hash of the snapshot that a model was trained on; empty where it was trained on none."""
    plain = ModelName.read(model_id).plain
    run = run_store.get(store, plain.removeprefix(RUN_PREFIX)) if plain.startswith(RUN_PREFIX) else None
    return run.snapshot if run else ""


def read_request(said: str) -> dict[str, str]:
    """What a user message asks for (``request``), and the ``os``, ``shell`` and ``mode`` in it, if any.

    Caro names systems its own way (``darwin (macOS)``) and goes on with preferences, which no prompt of ours has.
    """
    found = _ROUTER.fullmatch(said) or _CONTEXT.fullmatch(said)
    if not found:
        return {"request": said}
    told = {key: (value or "").strip() for key, value in found.groupdict().items()}
    if system := told.get("os"):
        told["os"] = SYSTEMS.get(system.split()[0].lower(), system)
    return told


def _in_profile(messages: tuple[Message, ...], toolset: Toolset, context: Mapping[str, str]) -> tuple[Message, ...]:
    """The conversation as the served toolset's scenarios were written for training; a caller's system prompt stays."""
    system = [message for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    last = max((at for at, message in enumerate(rest) if message.role == "user"), default=-1)
    if last < 0:
        return messages if system else (Message("system", toolset.profile.system_for("")), *messages)
    said = rest[last].content
    if _ROUTER.fullmatch(said) and toolset.profile.style == "router":
        return (*(system or [Message("system", TRIGGER)]), *rest)
    told: Json = {**read_request(said), **context}
    scenario = Scenario("request", toolset.name, **told)
    first, *others = to_messages(scenario, toolset)
    return (*(system or [first]), *rest[:last], *others, *rest[last + 1 :])


def _read_context(value: Any) -> dict[str, str]:
    """``{"os", "shell", "mode"}`` of the request: a further field, for callers who do not write them into the text."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or any(key not in CONTEXT or not isinstance(value[key], str) for key in value):
        raise RecordError("context", f"must be an object with texts for {', '.join(CONTEXT)}")
    return {key: text.strip() for key, text in value.items() if text.strip()}


def read_messages(rows: Sequence[Any]) -> tuple[Message, ...]:
    """Messages in OpenAI's form. Raises RecordError."""
    names: dict[str, str] = {}
    return tuple(_read_message(row, f"messages[{i}]", names) for i, row in enumerate(rows))


def _read_message(row: Any, path: str, names: dict[str, str]) -> Message:
    """``names`` remembers the tools of calls, for results tell only the call's id."""
    if not isinstance(row, Mapping):
        raise RecordError(path, "must be an object")
    role = {"developer": "system", "function": "tool"}.get(row.get("role", ""), row.get("role"))
    if role not in ("system", "user", "assistant", "tool"):
        raise RecordError(f"{path}.role", "must be one of system, developer, user, assistant, tool")
    content = _content(row.get("content"), f"{path}.content", role == "assistant")
    if role == "tool":
        name = names.get(str(row.get("tool_call_id"))) or row.get("name")
        if not isinstance(name, str):
            raise RecordError(f"{path}.tool_call_id", "belongs to no call of this conversation")
        return Message("tool", name=name, result=_result(content))
    calls = []
    for i, call in enumerate(row.get("tool_calls") or () if role == "assistant" else ()):
        calls.append(_read_call(call, f"{path}.tool_calls[{i}]"))
        names[str(call.get("id"))] = calls[-1].name
    return Message(role, content, tuple(calls))


def _read_call(call: Any, path: str) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        raise RecordError(f"{path}.function", "must be an object")
    arguments = function.get("arguments") or "{}"
    try:
        read = json.loads(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path}.function.arguments", "is not JSON") from error
    return ToolCall.from_dict({"name": function.get("name"), "arguments": read}, f"{path}.function")


def _result(content: str) -> Any:
    """A tool's result: JSON where it is JSON, else the text."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content


def _content(value: Any, path: str, may_lack: bool) -> str:
    if isinstance(value, str):
        return value
    if value is None and may_lack:
        return ""
    if isinstance(value, list) and all(isinstance(p, Mapping) and isinstance(p.get("text"), str) for p in value):
        return "".join(part["text"] for part in value)
    raise RecordError(path, "must be text or a list of text parts")


def _read_wish(body: Mapping[str, Any], tools: Sequence[Tool]) -> Json:
    shown = body.get("logprobs") or False
    alternatives = _number(body, "top_logprobs", 0, 0, MAX_ALTERNATIVES, whole=True)
    temperature = _number(body, "temperature", 0.0, 0.0, 2.0)
    count = _number(body, "n", 1, 1, MAX_REPLIES, whole=True)
    beams = _number(body, "beams", 0, 0, MAX_BEAMS, whole=True)
    if beams and temperature:
        raise RecordError("temperature", "must be 0 with beams, which are not drawn")
    if beams and count > beams:
        raise RecordError("n", "must be at most the number of beams")
    limit = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    return {
        "choice": _with_schema(body, _read_choice(body, tools)),
        "constrained": _flag(body, "constrained", True),
        "count": count,
        "beams": beams,
        "max_new_tokens": _number(body, limit, DEFAULT_TOKENS, 1, MAX_TOKENS, whole=True),
        "stop": _read_stop(body.get("stop")),
        "stream": _flag(body, "stream", False),
        "show_prompt": _flag(body, "show_prompt", False),
        "sampling": {
            "temperature": temperature,
            "top_p": _number(body, "top_p", 1.0, 0.0, 1.0),
            "top_k": _number(body, "top_k", 0, 0, 1000, whole=True),
            "seed": _number(body, "seed", 0, -(2**53), 2**53, whole=True) % 2**53,
            "bias": _read_bias(body.get("logit_bias")),
            "alternatives": max(1, int(alternatives)) if shown else 0,
        },
    }


def _read_choice(body: Mapping[str, Any], tools: Sequence[Tool]) -> Json:
    several = _flag(body, "parallel_tool_calls", True)
    wanted = body.get("tool_choice")
    modes = {None: "hybrid", "auto": "hybrid", "required": "forced", "none": "none"}
    if wanted is None or isinstance(wanted, str):
        if wanted not in modes:
            raise RecordError("tool_choice", "must be auto, none, required, or name a function")
        return {"mode": modes[wanted], "several": several}
    function = wanted.get("function") if isinstance(wanted, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if name not in [tool.name for tool in tools]:
        raise RecordError("tool_choice.function.name", f"no tool is called {name!r}")
    return {"mode": "forced", "tool": name, "several": False}


def _with_schema(body: Mapping[str, Any], choice: Json) -> Json:
    """The choice, what is said instead of calls held to ``response_format``. Who brings no tools wants no calls."""
    wanted = body.get("response_format")
    if wanted is None or wanted == {"type": "text"}:
        return choice
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind == "json_object":
        schema: Any = {"type": "object"}
    elif kind == "json_schema":
        outer = wanted.get("json_schema")
        schema = outer.get("schema") if isinstance(outer, Mapping) else None
        problems = check_schema(schema, "response_format.json_schema.schema")
        if problems:
            raise RecordError(problems[0].field, problems[0].message, problems[0].hint)
    else:
        raise RecordError("response_format.type", "must be text, json_object or json_schema")
    if choice["mode"] == "forced":
        return choice
    mode = choice["mode"] if body.get("tools") else "none"
    return {**choice, "mode": mode, "schema": json.dumps(schema)}


def _read_usage(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, Mapping):
        raise RecordError("stream_options", "must be an object")
    return _flag(options, "include_usage", False)


def _read_stop(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else value if value is not None else []
    if not isinstance(texts, list) or len(texts) > MAX_STOPS or not all(isinstance(t, str) and t for t in texts):
        raise RecordError("stop", f"must be a text or up to {MAX_STOPS} texts")
    return texts


def _read_bias(value: Any) -> dict[str, float]:
    if value is None:
        return {}
    usable = isinstance(value, Mapping) and len(value) <= 1024
    if not usable or not all(str(k).isdecimal() and len(str(k)) < 8 and _is_number(v) for k, v in value.items()):
        raise RecordError("logit_bias", "must give numbers by token id")
    return {str(key): max(-100.0, min(100.0, float(bias))) for key, bias in value.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _number(body: Mapping[str, Any], name: str, default: float, least: float, most: float, whole: bool = False) -> Any:
    value = body.get(name)
    if value is None:
        return default
    if not _is_number(value) or not least <= value <= most or (whole and not isinstance(value, int)):
        raise RecordError(name, f"must be a {'whole ' if whole else ''}number from {least:g} to {most:g}")
    return value


def _flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name)
    if value not in (None, True, False):
        raise RecordError(name, "must be true or false")
    return default if value is None else bool(value)


def _list(body: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise RecordError(name, f"must be a list of at most {most} entries")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise RecordError(name, "must be text")
    return value


def _plain(message: Message) -> Json:
    return {**dataclasses.asdict(message), "calls": [call.to_dict() for call in message.calls]}
