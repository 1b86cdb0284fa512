"""The editor's fields that say what counts as right for an argument: rule, further values, may it be left out.

Pure. ``Field`` gives what was typed under a name such as ``rule`` or ``accept``; what cannot be read stays as it was
typed, so that ``scenarios.rules.check_rule`` can say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from workbench.records import RULE_KINDS, Rule, RuleKind
from workbench.scenarios.rules import EXACT

Field = Callable[[str], str]
LABELS: Mapping[str, str] = {
    "exact": "exactly",
    "case-fold": "whatever the case",
    "path": "as paths",
    "tolerance": "within a tolerance",
    "set": "in any order",
    "regex": "by a pattern",
}
ITEM_KINDS = ("exact", "case-fold", "path")
KEPT = "kept"
"""In the menu of a list's entries: the rule that it had, which the menu cannot say."""

_FITTING: Mapping[str, tuple[str, ...]] = {
    "text": ("case-fold", "path", "regex"),
    "choice": ("case-fold",),
    "integer": ("tolerance",),
    "number": ("tolerance",),
    "list": ("set", "case-fold", "path"),
    "choices": ("set",),
    "json": RULE_KINDS[1:],
}


def read_rule(field: Field, before: Rule | None) -> Rule | None:
    """The rule that the fields say; None where the tool's own, or equality, counts."""
    kind = field("rule")
    if kind not in RULE_KINDS:
        return None
    if kind == "tolerance":
        return Rule("tolerance", absolute=_number(field("absolute")), relative=_number(field("relative")))
    if kind == "set":
        return Rule("set", items=_items(field("items"), before))
    return Rule(cast(RuleKind, kind), pattern=field("pattern").strip() if kind == "regex" else "")


def rule_fields(rule: Rule | None, tool_rule: Rule | None, argument_kind: str) -> dict[str, Any]:
    """What the editor shows of a rule: the menus with what is chosen, and the texts of its settings."""
    kind = rule.kind if rule else ""
    offered = [*(("exact",) if tool_rule or kind == "exact" else ()), *_FITTING.get(argument_kind, ())]
    offered += [kind] if kind and kind not in offered else []
    items = rule.items if rule else None
    simple = items is None or (items.kind in ITEM_KINDS and items == Rule(items.kind))
    return {
        "rule": kind,
        "rules": [("", _unset(tool_rule)), *((one, LABELS[one]) for one in offered)],
        "absolute": _text(rule.absolute) if rule else "",
        "relative": _text(rule.relative) if rule else "",
        "pattern": rule.pattern if rule else "",
        "items": "" if items is None or items == EXACT else items.kind if simple else KEPT,
        "item_rules": [
            ("", LABELS["exact"]),
            *((one, LABELS[one]) for one in ITEM_KINDS[1:]),
            *([] if simple else [(KEPT, f"{LABELS[items.kind]} (kept)" if items else "")]),
        ],
    }


def summary(rule: Rule | None, tool_rule: Rule | None, accepted: int, optional: bool) -> str:
    """In a few words, what counts as right."""
    counted = rule or tool_rule
    parts = [f"compared {LABELS[counted.kind]}"] if counted and counted != EXACT else []
    parts += [f"{accepted} more {'value' if accepted == 1 else 'values'}"] if accepted else []
    parts += ["may be left out"] if optional else []
    return ", ".join(parts)


def _unset(tool_rule: Rule | None) -> str:
    return f"as the tool says: {LABELS[tool_rule.kind]}" if tool_rule else LABELS["exact"]


def _items(kind: str, before: Rule | None) -> Rule | None:
    if kind == KEPT:
        return before.items if before else None
    return Rule(cast(RuleKind, kind)) if kind in ITEM_KINDS and kind != "exact" else None


def _number(text: str) -> Any:
    try:
        value = float(text or 0)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _text(value: Any) -> str:
    return "" if value == 0 else str(value)
