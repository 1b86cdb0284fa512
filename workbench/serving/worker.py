"""The process that holds served models: ``python -m workbench.serving.worker LIMITS``, JSON lines in and out.

In: ``{"id", "model", "toolset", "messages", "tools", "wish"}`` asks, ``{"id", "warm", "toolset"}`` loads a model,
``{"id", "encoder", "texts"}`` wants vectors, ``{"cancel": id}`` takes back. Out: ``{"id", "row", "text"}`` while a
reply grows (where ``wish.stream`` says so), then ``{"id", "decisions"}``, ``{"id", "ready"}``, ``{"id", "vectors"}`` or
``{"id", "error", "hint"}``; ``{"about"}`` when a model was loaded. Ends when its input does. Knows neither store nor
HTTP.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.records import Message, Model, Tool, ToolCall, Toolset
from workbench.serving.routers import Routers

if TYPE_CHECKING:
    from workbench.inference.decisions import Pending
    from workbench.inference.router import Router

Json = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What the process may use.

    Attributes:
        models: in memory at once, beside those that are answering.
        rows: replies of one model that are written side by side.
        prefix_mb: memory of one model for prompts' beginnings that stay computed.
    """

    models: int = 2
    rows: int = 32
    prefix_mb: int = 512


class Worker:
    """Answers requests side by side: whoever comes joins the others between two tokens."""

    def __init__(self, out: IO[str], limits: Limits) -> None:
        self._out = out
        self._writing = threading.Lock()
        self._arrived: queue.Queue[Callable[[], None]] = queue.Queue()
        self._cancelled: set[int] = set()
        self._pending: dict[int, Pending] = {}
        self._asked: dict[Pending, Json] = {}
        # Models are loaded, and texts encoded, while others are answered.
        self._aside = ThreadPoolExecutor(1)
        self._encoders: dict[str, Any] = {}
        self._held: dict[str, list[Json]] = {}
        self._routers = Routers(limits.models, lambda model, toolset: self._load(model, toolset, limits))

    def run(self, lines: IO[str]) -> None:
        """Until the input ends."""
        threading.Thread(target=self._answer_all, name="answer", daemon=True).start()
        for line in lines:
            asked = json.loads(line)
            if "cancel" in asked:
                self._cancel(asked["cancel"])
            else:
                self._arrived.put(partial(self._guarded, asked["id"], partial(self._take, asked)))
        self._aside.shutdown(wait=False, cancel_futures=True)

    def _cancel(self, number: int) -> None:
        self._cancelled.add(number)
        pending = self._pending.get(number)
        if pending:
            pending.cancel()

    def _answer_all(self) -> None:
        while True:
            for router in self._routers.busy():
                self._step(router)
            # Only when nothing is under way is it waited for news.
            while self._arrived.qsize() or not self._routers.busy():
                self._arrived.get()()

    def _step(self, router: Router) -> None:
        try:
            done = router.step()
        except Exception as error:
            # The next request may well succeed; those under way are told, and the traceback goes to the log.
            sys.excepthook(type(error), error, error.__traceback__)
            for pending in router.drop(f"{type(error).__name__} in the model"):
                self._fail(self._leave(pending)["id"], pending.error, kind="bug")
            return
        for pending in done:
            asked = self._leave(pending)
            if pending.error:
                self._fail(asked["id"], pending.error)
            else:
                alternatives = pending.wish.sampling.alternatives
                tokenizer = router.loaded.tokenizer
                spelled = [_with_spelling(one.to_dict(), tokenizer, alternatives) for one in pending.decisions]
                decisions = [{**one, **asked["shown"]} for one in spelled]
                self._say({"id": asked["id"], "decisions": decisions})

    def _leave(self, pending: Pending) -> Json:
        asked = self._asked.pop(pending)
        self._pending.pop(asked["id"])
        self._cancelled.discard(asked["id"])
        return asked

    def _take(self, asked: Json, failed: Exception | None = None) -> None:
        """Begin with a request, aside where that takes long. ``failed``: why its model could not be loaded."""
        if failed:
            raise failed
        if asked["id"] in self._cancelled:
            self._cancelled.discard(asked["id"])
            return
        if "texts" in asked:
            self._aside.submit(self._guarded, asked["id"], partial(self._encode, asked))
            return
        model = asked.get("warm") or asked["model"]
        router = self._routers.find(model)
        if router is None:
            self._hold(model, asked)
        elif "warm" in asked:
            self._say({"id": asked["id"], "ready": True})
        else:
            self._begin(router, asked)

    def _hold(self, model: Json, asked: Json) -> None:
        """Let a request wait for its model, which is loaded once for all that wait for it."""
        key = json.dumps(model, sort_keys=True)
        self._held.setdefault(key, []).append(asked)
        if len(self._held[key]) == 1:
            self._routers.make_room(1)
            self._aside.submit(self._bring, key, model, asked["toolset"])

    def _bring(self, key: str, model: Json, toolset: Json) -> None:
        """Load a model, and wait until its requests have begun: the next one that is loaded may push out idle ones."""
        begun = threading.Event()
        failed: Exception | None = None
        try:
            self._routers.load(model, toolset)
        except Exception as error:
            # Told to each that waits, where their requests are taken.
            failed = error

        def release() -> None:
            for asked in self._held.pop(key):
                self._guarded(asked["id"], partial(self._take, asked, failed))
            # Several may have been asked for while there was room for one.
            self._routers.make_room(0)
            begun.set()

        self._arrived.put(release)
        begun.wait()

    def _load(self, model: Json, toolset: Json, limits: Limits) -> Router:
        from workbench.inference.engine import set_up_process
        from workbench.inference.router import Router

        set_up_process(0)
        router = Router(
            Model(**model), Toolset.from_dict(toolset), rows=limits.rows, prefix_bytes=limits.prefix_mb * 2**20
        )
        loaded = router.loaded
        self._say({"about": {"device": str(loaded.device), "dtype": loaded.dtype, "engine": loaded.engine}})
        return router

    def _begin(self, router: Router, asked: Json) -> None:
        from workbench.grammars import Choice
        from workbench.inference.decisions import Wish
        from workbench.inference.picking import Sampling, Taken

        told = dict(asked["wish"])
        stream, show_prompt = told.pop("stream", False), told.pop("show_prompt", False)
        sampling = told.pop("sampling")
        sampling["bias"] = {int(token): value for token, value in sampling.get("bias", {}).items()}
        wish = Wish(choice=Choice(**told.pop("choice")), sampling=Sampling(**sampling), **told)
        messages = [_message(row) for row in asked["messages"]]
        tools = [Tool.from_dict(row, f"tools[{i}]") for i, row in enumerate(asked["tools"])]

        def grew(row: int, text: str, taken: Taken) -> bool:
            self._say({"id": asked["id"], "row": row, "text": text})
            return True

        pending = router.begin(messages, tools, wish, grew if stream else None)
        shown = {"prompt": router.prompt(messages, tools)} if show_prompt else {}
        self._asked[pending], self._pending[asked["id"]] = {**asked, "shown": shown}, pending
        if asked["id"] in self._cancelled:
            pending.cancel()

    def _encode(self, asked: Json) -> None:
        from workbench.inference.embeddings import BertEncoder

        name = asked["encoder"]
        if name not in self._encoders:
            self._encoders = {name: BertEncoder(name)}
        encoder = self._encoders[name]
        rows = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in encoder.encode(asked["texts"])]
        self._say({"id": asked["id"], "vectors": rows, "tokens": encoder.count_tokens(asked["texts"])})

    def _guarded(self, number: int, answering: Callable[[], None]) -> None:
        try:
            answering()
        except WorkbenchError as error:
            self._fail(number, error.message, error.hint)
        except Exception as error:
            sys.excepthook(type(error), error, error.__traceback__)
            self._fail(number, f"{type(error).__name__} in the model", kind="bug")

    def _fail(self, number: int, message: str, hint: str = "", kind: str = "request") -> None:
        self._say({"id": number, "error": message, "hint": hint, "kind": kind})

    def _say(self, row: Json) -> None:
        with self._writing:
            self._out.write(json.dumps(row) + "\n")
            self._out.flush()


def _message(row: Json) -> Message:
    calls = tuple(ToolCall.from_dict(call) for call in row.get("calls", ()))
    return Message(row["role"], row.get("content", ""), calls, row.get("name", ""), row.get("result"))


def _with_spelling(decision: Json, tokenizer: Any, alternatives: int) -> Json:
    """The tokens as texts; left out where nobody asked for their probabilities."""

    def spelled(token: int, score: float) -> Json:
        return {"token": tokenizer.decode([token], skip_special_tokens=False), "logprob": score}

    tokens = decision.pop("tokens")
    if alternatives:
        decision["logprobs"] = [
            {**spelled(token, score), "top_logprobs": [spelled(*other) for other in best]}
            for token, score, best in tokens
        ]
    return decision


def main(limits: str = "{}") -> int:
    """Serve standard input. What libraries print goes to the log, not between the lines."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    Worker(out, Limits(**json.loads(limits))).run(sys.stdin)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
