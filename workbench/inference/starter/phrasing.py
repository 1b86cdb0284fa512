"""How a request is put together: sentence patterns, marks that stand for values, and the noise of typing.

While a request is written, each value and each object is one mark (a private-use character). So noise and patterns
leave values alone, and what remains when marks are masked is the request's frame. Knows no tool.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence

from workbench.inference.starter.lexicon import Lexicon

OBJECTS, VALUES = 0xE000, 0xE400
"""First of the characters that stand for objects and for values; no lexicon word has them."""
GROUP = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
ROLE = re.compile(r"\{([a-z]+)\}")
OPTION_SHARE = 0.45
VOWELS = "aeiou"


class Draft:
    """The words that the marks of one request stand for."""

    def __init__(self) -> None:
        self._objects: list[str] = []
        self._values: list[str] = []

    def object(self, words: str) -> str:
        """A mark for what a request is about; typing noise may touch its words."""
        self._objects.append(words)
        return chr(OBJECTS + len(self._objects) - 1)

    def value(self, words: str) -> str:
        """A mark for an argument's words; they come out letter by letter."""
        self._values.append(words)
        return chr(VALUES + len(self._values) - 1)

    def finish(self, rng: random.Random, lexicon: Lexicon, text: str) -> tuple[str, str]:
        """The request as typed, and its frame: lower case, ``_`` for each object and value."""
        frame = re.sub(f"[{chr(OBJECTS)}-{chr(VALUES + 0x3FF)}]", "_", text)
        for at, words in enumerate(self._objects):
            text = text.replace(chr(OBJECTS + at), words)
        text = noisy(rng, lexicon, text)
        for at, words in enumerate(self._values):
            text = text.replace(chr(VALUES + at), words)
        return text, " ".join(frame.lower().split())


def expand(rng: random.Random, pattern: str, roles: Collection[str] | None = None) -> str:
    """One of the texts of a pattern: ``(a|b)`` is either, ``[c]`` may be left out; groups may be nested.

    Args:
        roles: if given, what may be left out is left out when it needs another role.
    """
    while found := GROUP.search(pattern):
        either, option = found.groups()
        if either is not None:
            chosen = rng.choice(either.split("|"))
        else:
            missing = roles is not None and not set(ROLE.findall(option)) <= set(roles)
            chosen = "" if missing or rng.random() > OPTION_SHARE else option
        pattern = pattern[: found.start()] + chosen + pattern[found.end() :]
    return pattern


def gerund(phrase: str) -> str:
    """A command as an -ing form: "get rid of it" → "getting rid of it"."""
    verb, space, rest = phrase.partition(" ")
    if verb.endswith("ie"):
        verb = verb[:-2] + "y"
    elif verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")) and verb != "be":
        verb = verb[:-1]
    elif _doubles(verb):
        verb += verb[-1]
    return f"{verb}ing{space}{rest}"


def _doubles(verb: str) -> bool:
    short = len(re.findall("[aeiouy]+", verb)) == 1 and len(verb) > 2
    ends = verb[-1:] not in f"{VOWELS}wxy" and verb[-2:-1] in VOWELS and verb[-3:-2] not in VOWELS
    return short and ends


def noisy(rng: random.Random, lexicon: Lexicon, text: str) -> str:
    """Fillers, spelling, case and punctuation as people type them; marks stay as they are."""
    if rng.random() < 0.06:
        words = text.split(" ")
        words.insert(rng.randrange(len(words) + 1), rng.choice(lexicon.scaffolds["fillers"]))
        text = " ".join(words)
    if rng.random() < 0.25:
        text = " ".join(_misspelt(rng, lexicon, token) for token in text.split(" "))
    style = rng.random()
    if style < 0.3:
        text = text[:1].upper() + text[1:]
    elif style < 0.33:
        text = re.sub(r"[a-z]+", lambda match: match.group().upper(), text)
    if rng.random() < 0.12:
        text = text.replace("'", "").replace(",", rng.choice(("", ",", " ")))
    if rng.random() < 0.3 and (text[-1:].isalnum() or ord(text[-1:] or " ") >= OBJECTS):
        text += rng.choice((".", ".", "!", "?", "...", "!!", " :)"))
    return text


def _misspelt(rng: random.Random, lexicon: Lexicon, token: str) -> str:
    if not token.isalpha():
        return token
    if token in lexicon.typos and rng.random() < 0.35:
        return rng.choice(lexicon.typos[token])
    if len(token) < 4 or rng.random() > 0.12:
        return token
    at = rng.randrange(1, len(token) - 1)
    kind = rng.random()
    if kind < 0.4:
        return token[:at] + token[at + 1] + token[at] + token[at + 2 :]
    if kind < 0.75:
        return token[:at] + token[at + 1 :]
    return token[:at] + token[at] + token[at:]


def around(rng: random.Random, lexicon: Lexicon, command: str, kinds: Sequence[str]) -> str:
    """A command inside a sentence of one of the kinds of ``scaffolds.toml``."""
    pattern = expand(rng, rng.choice(lexicon.scaffolds[rng.choice(kinds)]))
    return pattern.replace("{ask}", command).replace("{ing}", gerund(command))
