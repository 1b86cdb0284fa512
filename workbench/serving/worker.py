"""The process that holds served models: ``python -m workbench.serving.worker``, JSON lines in and out.

In: ``{"id", "model", "toolset", "messages", "tools", "wish"}`` asks, ``{"cancel": id}`` takes back. Out: ``{"id",
"row", "text"}`` while a reply grows (where ``wish.stream`` says so), then ``{"id", "decisions"}`` or ``{"id", "error",
"hint"}``. Ends when its input does. Knows neither store nor HTTP.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections import OrderedDict
from typing import IO, Any

from workbench.errors import WorkbenchError
from workbench.records import Message, Model, RecordError, Tool, ToolCall, Toolset

MODELS_KEPT = 2
"""Models in memory at once; the one that was not asked for longest goes first."""
Json = dict[str, Any]


class Worker:
    """Answers one request after another; requests that were taken back are skipped or end early."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._writing = threading.Lock()
        self._waiting: queue.Queue[Json | None] = queue.Queue()
        self._cancelled: set[int] = set()
        self._routers: OrderedDict[str, Any] = OrderedDict()

    def run(self, lines: IO[str]) -> None:
        """Until the input ends."""
        answering = threading.Thread(target=self._answer_all, name="answer", daemon=True)
        answering.start()
        for line in lines:
            asked = json.loads(line)
            if "cancel" in asked:
                self._cancelled.add(asked["cancel"])
            else:
                self._waiting.put(asked)

    def _answer_all(self) -> None:
        while True:
            asked = self._waiting.get()
            if asked is None:
                return
            if asked["id"] in self._cancelled:
                self._cancelled.discard(asked["id"])
                continue
            try:
                self._say({"id": asked["id"], "decisions": self._answer(asked)})
            except RecordError as error:
                self._say({"id": asked["id"], "error": error.message, "hint": error.hint, "kind": "request"})
            except WorkbenchError as error:
                self._say({"id": asked["id"], "error": error.message, "hint": error.hint, "kind": "request"})
            except Exception as error:
                # The next request may well succeed; this one is told, and the traceback goes to the log.
                sys.excepthook(type(error), error, error.__traceback__)
                self._say(
                    {"id": asked["id"], "error": f"{type(error).__name__} in the model", "hint": "", "kind": "bug"}
                )

    def _answer(self, asked: Json) -> list[Json]:
        from workbench.grammars import Choice
        from workbench.inference.picking import Sampling, Taken
        from workbench.inference.router import Wish

        router = self._router(asked["model"], asked["toolset"])
        told = dict(asked["wish"])
        stream, show_prompt = told.pop("stream", False), told.pop("show_prompt", False)
        sampling = told.pop("sampling")
        sampling["bias"] = {int(token): value for token, value in sampling.get("bias", {}).items()}
        wish = Wish(choice=Choice(**told.pop("choice")), sampling=Sampling(**sampling), **told)
        messages = [_message(row) for row in asked["messages"]]
        tools = [Tool.from_dict(row, f"tools[{i}]") for i, row in enumerate(asked["tools"])]

        def grew(row: int, text: str, taken: Taken) -> bool:
            if stream:
                self._say({"id": asked["id"], "row": row, "text": text})
            return asked["id"] not in self._cancelled

        found = router.reply(messages, tools, wish, grew)
        self._cancelled.discard(asked["id"])
        spelled = router.loaded.tokenizer.convert_ids_to_tokens
        prompt = {"prompt": router.prompt(messages, tools)} if show_prompt else {}
        alternatives = sampling.get("alternatives", 0)
        return [{**_with_spelling(decision.to_dict(), spelled, alternatives), **prompt} for decision in found]

    def _router(self, model: Json, toolset: Json) -> Any:
        from workbench.inference.router import Router

        key = json.dumps(model, sort_keys=True)
        if key not in self._routers:
            while len(self._routers) >= MODELS_KEPT:
                self._routers.popitem(last=False)
            self._routers[key] = Router(Model(**model), Toolset.from_dict(toolset))
        self._routers.move_to_end(key)
        return self._routers[key]

    def _say(self, row: Json) -> None:
        with self._writing:
            self._out.write(json.dumps(row) + "\n")
            self._out.flush()


def _message(row: Json) -> Message:
    calls = tuple(ToolCall.from_dict(call) for call in row.get("calls", ()))
    return Message(row["role"], row.get("content", ""), calls, row.get("name", ""), row.get("result"))


def _with_spelling(decision: Json, spelled: Any, alternatives: int) -> Json:
    """The tokens as texts; left out where nobody asked for their probabilities."""
    tokens = decision.pop("tokens")
    if alternatives:
        decision["logprobs"] = [
            {
                "token": spelled(token),
                "logprob": score,
                "top_logprobs": [{"token": spelled(other), "logprob": value} for other, value in best],
            }
            for token, score, best in tokens
        ]
    return decision


def main() -> int:
    """Serve standard input. What libraries print goes to the log, not between the lines."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    Worker(out).run(sys.stdin)
    return 0


if __name__ == "__main__":
    sys.exit(main())
