"""Texts that nearly say the same are found, and others are not, however alike they look."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scenarios.lexical import is_near, most_similar, near_pairs, plain

REQUEST = "please show me the files in my music folder"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Open   FIREFOX!! ", "open firefox"),
        ("ﬁnd a_b-c", "find a b c"),
        ("???", "???"),
        ("", ""),
        ("開く ファイル。", "開く ファイル"),
    ],
)
def test_plain(text, expected):
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("other", "near"),
    [
        ("please show me the files in my garden folder", False),
        (REQUEST, True),
        ("plaese show me the files in my music foldr", True),
        ("please show the me files in my folder music", True),
        ("please show me the files in my video folder", False),
        ("open firefox", False),
    ],
)
def test_near(other, near):
    assert is_near(REQUEST, other) is is_near(other, REQUEST) is near
    assert near_pairs([REQUEST, "something else entirely", other + (" " * (other == REQUEST))]).tolist() == (
        [[0, 2]] if near else []
    )


def test_numbers_are_values_and_short_words_are_not_typos():
    assert not is_near("set the volume to 30 percent", "set the volume to 35 percent")
    assert not is_near("turn up", "turn on")
    assert is_near("mute tabs", "mute tab s")


def test_the_similarity_that_is_asked_for_counts():
    one, other = "show the big file list", "show the wig file lost"
    assert not is_near(one, other, 0.95)
    assert is_near(one, other, 0.9)
    assert near_pairs([one, other], 1.0).tolist() == []


def test_most_similar_ranks_whatever_the_order_of_words():
    found = most_similar("music folder show", ["close it", "show folder music", "show folder musik"], 2, 0.5)
    assert [position for position, _ in found] == [1, 2]
    assert found[0][1] == 1.0 > found[1][1] > 0.9


def test_full_buckets_lose_no_twin():
    """Two thousand requests of one template, where every bucket is crowded."""
    chance = random.Random(3)
    words = ["".join(chance.choices(string.ascii_lowercase, k=6)) for _ in range(60)]
    texts = list(dict.fromkeys(f"open the {a} {b} in the background" for a in words for b in words))[:2000]
    twins = [text.replace("background", "backgruond") for text in texts[::20]]
    found = {tuple(pair) for pair in near_pairs(texts + twins).tolist()}
    hits = sum((i * 20, len(texts) + i) in found for i in range(len(twins)))
    assert hits >= 0.95 * len(twins)
    assert all(is_near((texts + twins)[a], (texts + twins)[b]) for a, b in found)


@given(st.lists(st.text(max_size=30), max_size=12))
def test_any_text_is_taken(requests):
    texts = list(dict.fromkeys(map(plain, requests)))
    for one, other in near_pairs(texts).tolist():
        assert one < other and is_near(texts[one], texts[other])
