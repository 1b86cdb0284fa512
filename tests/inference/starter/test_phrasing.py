"""Patterns become sentences, commands become gerunds, and the lexicon's patterns keep their rules."""

import random
import re

import pytest

from workbench.inference.starter.arguments import NUMBERS, of_archetype
from workbench.inference.starter.lexicon import load_lexicon
from workbench.inference.starter.phrasing import GROUP, ROLE, expand, gerund
from workbench.inference.starter.tools import fixed_roles, outside
from workbench.inference.starter.values import TEXT_KINDS

OTHER_KINDS = {"enum", "flag", "list", "people", "small", "duration", *NUMBERS}


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("close the gate", "closing the gate"),
        ("put it away", "putting it away"),
        ("tie it up", "tying it up"),
        ("see", "seeing"),
        ("open the box", "opening the box"),
        ("fix it", "fixing it"),
        ("play {o}", "playing {o}"),
        ("dye it red", "dyeing it red"),
    ],
)
def test_gerunds(phrase: str, expected: str) -> None:
    assert gerund(phrase) == expected


def test_a_pattern_gives_each_of_its_sentences_and_no_other() -> None:
    found = {expand(random.Random(seed), "(a|b (c|d))[ x {one}][ y {two}]", roles={"one"}) for seed in range(200)}
    assert found == {"a", "b c", "b d", "a x {one}", "b c x {one}", "b d x {one}"}


def test_archetypes_keep_the_rules_that_their_file_states() -> None:
    for kind in load_lexicon().archetypes:
        arguments = kind.get("args", {})
        required = {role for role, argument in arguments.items() if not argument.get("optional")}
        assert all("{o}" in name for name in kind["names"])
        for line in kind["say"]:
            assert required <= fixed_roles(line), line
        for line in [*kind["say"], *kind["about"]]:
            assert set(ROLE.findall(line)) <= set(arguments), line
            alternatives = [either for either, _ in GROUP.findall(line) if "|" in either]
            assert not any(ROLE.search(text) for text in alternatives), line
        for argument in arguments.values():
            assert argument["kind"].partition(":")[0] in {*TEXT_KINDS, *OTHER_KINDS}, argument


def test_each_sentence_expands_to_plain_text() -> None:
    rng, lexicon = random.Random(1), load_lexicon()
    kinds = ("indirect", "question", "wish", "complaint", "chat", "formal", "nothing")
    lines = [line for kind in lexicon.archetypes for line in (*kind["say"], *kind["about"])]
    lines += [line for kind in kinds for line in lexicon.scaffolds[kind]]
    for line in lines:
        for _ in range(5):
            assert not re.search(r"[\[\]()|]", expand(rng, line)), line
        assert outside(line).strip(), line


def test_an_archetypes_values_satisfy_their_schema() -> None:
    rng, lexicon = random.Random(2), load_lexicon()
    types = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list}
    for kind in lexicon.archetypes:
        for entry in kind.get("args", {}).values():
            argument = of_archetype(rng, lexicon, entry)
            for _ in range(20):
                value, words, _ = argument.draw(rng)
                assert isinstance(value, types[argument.schema["type"]]) and words, argument.name
                assert value in argument.schema.get("enum", [value])
