"""Where a chat model answers over HTTP, and whether those settings can work. Opens no connection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from workbench.errors import Problem, WorkbenchError


@dataclass(frozen=True)
class Endpoint:
    """Where a chat model answers and how patiently to ask.

    Attributes:
        base_url: address in front of ``/chat/completions``, such as ``http://127.0.0.1:8000/v1``.
        model: name that the endpoint gives the model.
        key_env: name of the environment variable that holds the key; empty sends none. The key itself is never kept.
        timeout_s: seconds that one attempt may take from the first byte sent to the last received.
        retries: further attempts after a failure that may pass.
        concurrency: requests under way at once.
        backoff_s: seconds before the first retry; doubles with each, unless the endpoint says how long to wait.
    """

    base_url: str
    model: str
    key_env: str = ""
    timeout_s: float = 120.0
    retries: int = 4
    concurrency: int = 4
    backoff_s: float = 1.0

    @property
    def url(self) -> str:
        return f"{self.base_url.rstrip('/').removesuffix('/chat/completions')}/chat/completions"

    def check(self) -> list[Problem]:
        """What cannot work, by field; empty when a request may be tried."""
        problems = []
        if not _is_web_address(self.base_url):
            hint = "Write it as https://host/v1."
            problems.append(Problem("is not an http or https address", "base_url", hint=hint))
        if not self.model.strip():
            problems.append(Problem("is empty", "model", hint="Write the name the endpoint gives its model."))
        if self.key_env and not os.environ.get(self.key_env, "").strip():
            hint = f"Set {self.key_env} where the workbench is started, or name another variable."
            problems.append(Problem(f"the environment variable '{self.key_env}' is not set", "key_env", hint=hint))
        ranges = (("timeout_s", 0.001, 3600), ("retries", 0, 20), ("concurrency", 1, 64), ("backoff_s", 0, 60))
        for name, low, high in ranges:
            if not low <= getattr(self, name) <= high:
                problems.append(Problem("is out of range", name, hint=f"Choose a number from {low:g} to {high}."))
        return problems

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Endpoint:
        """Unknown keys are passed over. Raises WorkbenchError when a field is missing or of the wrong type."""
        known = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        for name, value in known.items():
            wanted: tuple[type, ...] = (str,) if name in ("base_url", "model", "key_env") else (int, float)
            whole = name in ("retries", "concurrency")
            if not isinstance(value, wanted) or isinstance(value, bool) or (whole and not isinstance(value, int)):
                kind = "text" if wanted == (str,) else "a whole number" if whole else "a number"
                raise WorkbenchError(f"{name} of the endpoint must be {kind}.")
        if missing := [name for name in ("base_url", "model") if name not in known]:
            raise WorkbenchError(f"The endpoint has no {missing[0]}.")
        return cls(**known)


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
