"""Targets: one line of text each, exact arithmetic, and what is missing really is what is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import WorkbenchError
from workbench.records import NO_TOOL
from workbench.scenarios.targets import AXES, PRESETS, Counts, Target, category_names, progress, read, read_all

NAMES = st.text(st.characters(categories=["L", "N"]), min_size=1).filter(lambda name: name != "each")
TARGETS = st.builds(
    lambda axis, least, value, percent: Target(axis, least, "" if axis == "total" else value, percent and least < 100),
    st.sampled_from(AXES),
    st.integers(1, 10**6),
    NAMES | st.just("") | st.just(NO_TOOL),
    st.booleans(),
)


@given(TARGETS)
def test_a_target_reads_back(target):
    assert read(target.text) == target


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("each os >= 100", Target("os", 100)),
        ("  each category≥50 ", Target("category", 50)),
        ("NO_TOOL >= 15%", Target("tool", 15, NO_TOOL, percent=True)),
        ("tool NO_TOOL >= 20", Target("tool", 20, NO_TOOL)),
        ("category category:file work >= 5", Target("category", 5, "category:file work")),
        ("total >= 1000", Target("total", 1000)),
    ],
)
def test_lines(line, target):
    assert read(line) == target


@pytest.mark.parametrize(
    "line", ["", "os", "each os > 5", "os >= 5", "each planet >= 5", "total x >= 5", "each os >= 0", "NO_TOOL >= 100%"]
)
def test_what_is_no_target(line):
    with pytest.raises(WorkbenchError):
        read(line)


def test_the_later_of_two_that_count_the_same_is_kept():
    assert read_all(["each os >= 5", "", "each os >= 7", "each os >= 5%"]) == (
        Target("os", 7),
        Target("os", 5, percent=True),
    )


def test_presets_read_back():
    for preset in PRESETS.values():
        assert read_all(target.text for target in preset) == preset


def test_each_value_has_a_row_and_none_is_not_met():
    counts = Counts(12, {"os": {"": 4, "bsd": 0, "linux": 8}, "mode": {"": 12}, "tool": {"ping": 10, NO_TOOL: 2}})
    rows = progress(read_all(["each os >= 5", "each mode >= 1", "each tool >= 1", "total >= 12"]), counts)
    assert [(row.label, row.have, row.missing) for row in rows] == [
        ("bsd", 0, 5),
        ("linux", 8, 0),
        ("each mode", 0, 1),
        ("ping", 10, 0),
        ("all scenarios", 12, 0),
    ]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 99))
def test_adding_what_is_missing_meets_a_share_and_one_less_does_not(have, others, least):
    target = Target("os", least, "bsd", percent=True)

    def row(added):
        return progress([target], Counts(have + others + added, {"os": {"bsd": have + added}}))[0]

    missing = row(0).missing
    assert row(missing).met
    assert missing == 0 or not row(missing - 1).met
    assert row(0).met == (have > 0 and 100 * have >= least * (have + others))


def test_categories():
    assert category_names(["b", "a", "b"]) == ("a", "b")
    assert category_names(["typo", "category:files"]) == ("category:files",)
