"""What an evaluation's folder asks for. Knows no network and no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from workbench.errors import Problem, WorkbenchError
from workbench.inference.completions import Usage
from workbench.inference.endpoint import Endpoint
from workbench.records import Model, Reply, Scenario, SnapshotRow, Toolset
from workbench.runfolder import RunFolder, iterate_rows
from workbench.scenarios.nearest import Neighbours

EXAMPLES = "examples.jsonl"
"""Every row of the snapshot, for models that answer with training scenarios at hand."""
PRICES = ("price_in", "price_out")
FAILURES: Mapping[str, str] = {
    "timeout": "timed out",
    "connection": "nobody there",
    "refused_key": "key refused",
    "status": "HTTP error",
    "truncated": "broke off",
    "endless": "did not end",
    "html": "a web page",
    "half_json": "half a JSON",
    "not_json": "no JSON",
    "not_chat": "no chat answer",
}
"""Failures of an endpoint in words, by kind."""


@dataclass(frozen=True)
class Service:
    """An endpoint with a name and what it charges.

    Attributes:
        price_in, price_out: money for a million prompt and completion tokens, in any currency; 0 when not known.
    """

    name: str
    endpoint: Endpoint
    price_in: float = 0.0
    price_out: float = 0.0

    def check(self) -> list[Problem]:
        """What cannot work, by field; the key is looked for when it is needed."""
        found = [] if self.name.strip() else [Problem("is empty", "name", hint="Give the endpoint a name.")]
        if "+" in self.name or len(self.name) > 200:
            found.append(Problem("is no name", "name", hint="Use at most 200 characters, and no plus sign."))
        found += [one for one in self.endpoint.check() if one.field != "key_env"]
        if not self.endpoint.key_env.isidentifier() and self.endpoint.key_env:
            hint = "Write its name, such as OPENAI_API_KEY; never the key itself."
            found.append(Problem("is not the name of an environment variable", "key_env", hint=hint))
        for name in PRICES:
            if not 0 <= getattr(self, name) <= 1e6:
                found.append(Problem("is out of range", name, hint="Choose a number from 0 to 1000000."))
        return found

    def cost(self, usage: Usage) -> float:
        """Money for so many tokens."""
        return (usage.prompt_tokens * self.price_in + usage.completion_tokens * self.price_out) / 1e6

    def to_dict(self) -> dict[str, Any]:
        """Flat: name, the endpoint's fields, prices."""
        return {"name": self.name, **self.endpoint.to_dict(), "price_in": self.price_in, "price_out": self.price_out}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Service:
        """Without a name it is called after model and address.

        Raises:
            WorkbenchError: a field is unknown, missing or of the wrong type.
        """
        known = ("name", *(f.name for f in fields(Endpoint)), *PRICES)
        for name in data:
            if name not in known:
                raise WorkbenchError(f"'{name}' is no part of an endpoint.", f"Its parts: {', '.join(known)}.")
        for name in PRICES:
            if isinstance(data.get(name, 0), bool) or not isinstance(data.get(name, 0), (int, float)):
                raise WorkbenchError(f"{name} of the endpoint must be a number.")
        endpoint = Endpoint.from_dict(data)
        endpoint = replace(endpoint, base_url=endpoint.base_url.strip(), model=endpoint.model.strip())
        place = f"{endpoint.model}@{endpoint.base_url.partition('://')[2].strip('/')}"
        name = data.get("name") or place.replace("+", "-")
        if not isinstance(name, str):
            raise WorkbenchError("name of the endpoint must be text.")
        return cls(name.strip(), endpoint, *(data.get(price, 0.0) for price in PRICES))


@dataclass(frozen=True)
class Job:
    """What a run folder asks for.

    Attributes:
        service: of a model behind an endpoint, else None.
        rows: of the whole snapshot where the model answers with examples; else empty.
    """

    model: Model
    toolset: Toolset
    scenarios: tuple[Scenario, ...]
    service: Service | None
    rows: tuple[SnapshotRow, ...]
    batch_size: int = 32
    max_new_tokens: int = 128
    threads: int = 0
    constrained: bool = False

    @classmethod
    def read(cls, folder: RunFolder) -> Job:
        """Raises WorkbenchError when the folder is incomplete."""
        config = folder.read_config()
        model = Model(**config["model"])
        examples = iterate_rows(folder.path / EXAMPLES) if model.needs_examples else ()
        return cls(
            model=model,
            toolset=Toolset.from_dict(config["toolset"]),
            scenarios=tuple(Scenario.from_dict(row["scenario"]) for row in iterate_rows(folder.cases)),
            service=Service.from_dict(config["endpoint"]) if model.kind == "endpoint" else None,
            rows=tuple(SnapshotRow(Scenario.from_dict(row["scenario"]), 0, row["split"]) for row in examples),
            **config["settings"],
        )

    @cached_property
    def neighbours(self) -> Neighbours:
        return Neighbours(self.rows)

    def shots(self, scenario: Scenario) -> list[Scenario]:
        """The examples for the prompt of a scenario, the nearest last: right in front of the request."""
        shots = self.model.shots
        return self.neighbours.nearest(scenario, shots, fresh=True)[::-1] if shots else []


def figures(replies: Iterable[Reply], service: Service | None = None) -> dict[str, Any]:
    """For a run's summary: tokens, failures by kind, and money where an endpoint has a price."""
    usage, failures, untold = Usage(), Counter[str](), 0
    for reply in replies:
        usage += Usage(reply.prompt_tokens, reply.completion_tokens)
        failures.update([reply.failure] if reply.failure else [])
        untold += not reply.failure and not reply.prompt_tokens
    found: dict[str, Any] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "failures": dict(sorted(failures.items())),
    }
    if service and (service.price_in or service.price_out):
        # Too low when the endpoint did not count: then it is said for how many replies.
        found |= {"cost": round(service.cost(usage), 6), "untold": untold}
    return found


def told(summary: Mapping[str, Any]) -> str:
    """What failed in a run, in words; empty when nothing did."""
    failures: Mapping[str, int] = summary.get("failures", {})
    parts = ", ".join(f"{n:,} {FAILURES.get(kind, kind)}" for kind, n in failures.items())
    return f"{sum(failures.values()):,} without an answer: {parts}" if failures else ""
