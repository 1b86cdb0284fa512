"""Rules by which the arguments of calls are compared; ``scenarios.rules`` applies them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workbench.records.reading import RecordError, check_keys, read_choice, read_mapping, read_text

RuleKind = Literal["exact", "case-fold", "path", "tolerance", "set", "regex"]
RULE_KINDS: tuple[RuleKind, ...] = get_args(RuleKind)


@dataclass(frozen=True)
class Rule:
    """How the value of an argument is compared with the expected one; ``scenarios.rules`` says what each means.

    Attributes:
        absolute, relative: of ``tolerance``: the largest difference, as a number and as a share of the expected value;
            the larger of the two counts.
        items: of ``set``: how entries are compared.
        pattern: of ``regex``: what the whole text must match, in RE2's syntax.
    """

    kind: RuleKind = "exact"
    absolute: float = 0
    relative: float = 0
    items: Rule | None = None
    pattern: str = ""

    def to_value(self) -> Any:
        """The kind alone where that says all, or else an object such as ``{"rule": "tolerance", "absolute": 0.5}``."""
        data: dict[str, Any] = {key: getattr(self, key) for key in ("absolute", "relative", "pattern")}
        data["items"] = self.items.to_value() if self.items else None
        given = {key: value for key, value in data.items() if value}
        if self.kind == "tolerance" and not given:
            given = {"absolute": self.absolute}
        return {"rule": self.kind, **given} if given else self.kind

    @classmethod
    def from_value(cls, value: Any, path: str = "rule") -> Rule:
        outer = {"rule": value} if isinstance(value, str) else read_mapping(value, path)
        if outer.get("rule") == "any-of":
            raise RecordError(path, "'any-of' is not written as a rule", "List the further values under 'accept'.")
        kind = read_choice(outer.get("rule"), RULE_KINDS, path if isinstance(value, str) else f"{path}.rule")
        settings = {"tolerance": ("absolute", "relative"), "set": ("items",), "regex": ("pattern",)}.get(kind, ())
        check_keys(outer, ("rule", *settings), path)
        if kind == "tolerance" and not outer.keys() & {*settings}:
            raise RecordError(path, "has no tolerance", 'Write "absolute", "relative" or both, such as 0.5.')
        return cls(
            kind,
            absolute=_tolerance(outer.get("absolute", 0), f"{path}.absolute"),
            relative=_tolerance(outer.get("relative", 0), f"{path}.relative"),
            items=cls.from_value(outer["items"], f"{path}.items") if "items" in outer else None,
            pattern=read_text(outer.get("pattern"), f"{path}.pattern") if kind == "regex" else "",
        )


def read_rules(value: Any, path: str) -> dict[str, Rule]:
    """Rules by argument. Raises RecordError."""
    return {name: Rule.from_value(rule, f"{path}.{name}") for name, rule in read_mapping(value, path).items()}


def rule_values(rules: Mapping[str, Rule]) -> dict[str, Any]:
    """What ``read_rules`` reads."""
    return {name: rule.to_value() for name, rule in rules.items()}


def _tolerance(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise RecordError(path, f"must be a number from 0 up, is {value!r}")
    return value
