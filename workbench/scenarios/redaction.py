"""What must not be kept of a text that came from outside: addresses, secrets, names of people in paths. Pure.

Rules, not guesses: they run before anything is written, and tell by a word in brackets what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), "[key]"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [token]"),
    (
        re.compile(r"(?i)\b((?:api[_-]?key|token|secret|passwd|password|pwd)\b\s*(?:[:=]|\bis\b)\s*)[^\s,;\"']+"),
        r"\1[secret]",
    ),
    (re.compile(r"(://[^\s/:@]+:)[^\s/@]+@"), r"\1[secret]@"),
    (re.compile(r"\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|hf|xox[abprs]|AKIA|ASIA)[-_A-Za-z0-9]{12,}"), "[token]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), "[token]"),
    (re.compile(r"\b[0-9a-fA-F]{40,}\b"), "[token]"),
    (re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"), "[e-mail]"),
    (re.compile(r"(/(?:home|Users)/)[^/\s\"']+"), r"\1[user]"),
    (re.compile(r"(?i)([A-Z]:[\\/]+Users[\\/]+)[^\\/\s\"']+"), r"\1[user]"),
)


def redact(value: Any) -> Any:
    """A text, or a JSON value with texts in it, without what the rules find."""
    if isinstance(value, str):
        for pattern, word in _RULES:
            value = pattern.sub(word, value)
        return value
    if isinstance(value, Mapping):
        return {redact(key): redact(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(inner) for inner in value]
    return value
