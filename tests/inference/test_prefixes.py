"""Sequences fall into groups that share as much as possible."""

from hypothesis import given
from hypothesis import strategies as st

from workbench.inference.prefixes import common_prefix, group_by_prefix

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), max_size=12)


@given(SEQUENCES)
def test_every_sequence_is_in_one_group_and_shares_its_prefix(sequences: list[list[int]]) -> None:
    groups = group_by_prefix(sequences)
    assert sorted(i for group in groups for i in group.members) == list(range(len(sequences)))
    for group in groups:
        heads = {tuple(sequences[i][: group.length]) for i in group.members}
        assert len(heads) == 1
        assert all(len(sequences[i]) > group.length for i in group.members)


def test_one_long_prefix_makes_one_group() -> None:
    head = list(range(100))
    groups = group_by_prefix([[*head, 1, 2], [*head, 3], [*head, 1, 4]])
    assert [(g.length, g.members) for g in groups] == [(100, (0, 1, 2))]


def test_different_system_prompts_make_a_group_each() -> None:
    first, second = [1, *range(10, 60)], [2, *range(10, 60)]
    groups = group_by_prefix([[0, *first, 1], [0, *second, 1], [0, *first, 2], [0, *second, 2]])
    assert sorted((g.length, g.members) for g in groups) == [(52, (0, 2)), (52, (1, 3))]


def test_equal_sequences_keep_one_token_apart() -> None:
    assert group_by_prefix([[1, 2, 3], [1, 2, 3]])[0].length == 2


def test_common_prefix() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0
