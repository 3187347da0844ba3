"""The names and the order of groups."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothkit.data.groups import crossed, group_of, ordered_groups, plain_name, ranges
from smoothkit.errors import DataError


def column(*values, name="race"):
    return pd.Series(values, name=name)


@given(st.text(st.sampled_from("a1.2_ /-+é²\n<")) | st.text())
@settings(deadline=None)
def test_plain_names_hold_letters_digits_spaces_hyphens_plus_and_decimal_points_alone(text):
    name = plain_name(text)
    assert all(character.isalnum() or character in " -+." for character in name)
    assert not re.search(r"(?<!\d)\.|\.(?!\d)", name)
    assert plain_name(name) == name == name.strip()


@given(
    values=st.lists(st.integers(-50, 50), min_size=1),
    cuts=st.lists(st.integers(-60, 60), min_size=1, max_size=4, unique=True).map(sorted),
)
@settings(deadline=None)
def test_ranges_hold_the_numbers_that_their_names_say(values, cuts):
    for value, name in zip(values, ranges(pd.Series(values), cuts), strict=True):
        low, high = -np.inf, np.inf
        if match := re.fullmatch(r"under (-?\d+)", name):
            high = int(match[1]) - 1
        elif match := re.fullmatch(r"(-?\d+) and over", name):
            low = int(match[1])
        else:
            low, high = map(int, re.fullmatch(r"(-?\d+) to (-?\d+)", name).groups())
        assert low <= value <= high


def test_ranges_of_fractions_end_where_the_next_begins():
    assert ranges(pd.Series([24.9, 25.0, 44.9, np.nan]), [25, 45]).fillna("missing").tolist() == [
        *("under 25", "25 to 45", "25 to 45", "missing")
    ]


@pytest.mark.parametrize("cuts", [[], [45, 25], [25, 25], [np.nan], [25, np.nan], [25, np.inf]])
def test_cuts_must_ascend(cuts):
    with pytest.raises(ValueError, match=r"cuts are .*; expected finite numbers, at least one, each above the one"):
        ranges(pd.Series([30]), cuts)


def test_words_stand_for_themselves_and_numbers_behind_their_column():
    assert group_of(column("Asian/Pacific", "Black"), "file").tolist() == ["Asian Pacific", "Black"]
    assert group_of(column(1.0, 0.0, name="is_male"), "file").tolist() == ["is male 1", "is male 0"]
    assert group_of(column(True, False, name="old"), "file").tolist() == ["old True", "old False"]


def test_words_and_numbers_of_one_column_are_words():
    mixed = pd.Series([0, "0", 1.0, "x", None], dtype=object, name="g")
    assert group_of(mixed, "file").tolist() == ["0", "0", "1", "x", "unknown g"]


def test_missing_values_are_a_group():
    assert group_of(column("a", None), "file").tolist() == ["a", "unknown race"]
    assert group_of(column(1.0, np.nan), "file").tolist() == ["race 1", "unknown race"]
    old = pd.Series([True, None, False], dtype=object, name="old")
    assert group_of(old, "file").tolist() == ["old True", "unknown old", "old False"]
    assert group_of(column("a", None, name="%"), "file").tolist() == ["a", "unknown"]


def test_crossed_groups_are_named_after_each():
    sex = group_of(column("Female", "Male", name="sex"), "file")
    assert crossed([group_of(column("Black", "White"), "file"), sex], "file").tolist() == ["Black Female", "White Male"]
    assert crossed([], "file") is None


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: group_of(column("<5", ">5"), "file"), "race holds two values that would both be called '5'"),
        (
            lambda: group_of(column(*range(30), name="age"), "file"),
            r"age holds 30 different numbers; expected at most 20 groups: cut it .* \(bins = \{age = \[14\.5\]",
        ),
        (lambda: crossed([column(*(f"town {i}" for i in range(101)))], "file"), "101 groups; expected at most 100"),
        (lambda: group_of(column("a", "*"), "file"), r"race holds '\*'; expected names with letters or digits: rename"),
        (lambda: group_of(column("a", ""), "file"), "race holds ''; expected names with letters"),
        (lambda: crossed([column("M", "F"), column("M", "F")], "file"), "groups by race twice; expected different col"),
        (
            lambda: crossed([column("a b", "a"), column("c", "b c", name="sex")], "file"),
            "two of the crossed groups have the same",
        ),
    ],
)
def test_faults_are_named(build, message):
    with pytest.raises(DataError, match=f"file: {message}") as caught:
        build()
    assert "\n" not in str(caught.value)


@given(train=st.lists(st.sampled_from("abcd"), min_size=1), test=st.lists(st.sampled_from("abcde")))
@settings(deadline=None)
def test_groups_stand_by_their_size_in_training(train, test):
    names, train_ids, test_ids = ordered_groups(train, test)
    assert [names[i] for i in train_ids] == train
    assert [names[i] for i in test_ids] == test
    assert sorted(names) == sorted({*train, *test})
    keys = [(-train.count(name), name) for name in names]
    assert keys == sorted(keys)


def test_without_groups_there_are_no_names():
    assert ordered_groups(None, None) == ((), None, None)
