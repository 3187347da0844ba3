"""Groups of samples: what they are called, and in which order they stand."""

import math
import re
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64
from torch import Tensor

from smoothkit.errors import DataError

MOST_GROUPS = 100
"""Groups a data set may have. A column with more values is a measurement or an identity, not a group."""

MOST_NUMBERS = 20
"""Different numbers a column of groups may hold without being cut into ranges."""


def word(value: object) -> str:
    """A value as one text, whichever way a file wrote it: a whole number has no point.

    >>> word(2.0), word(2), word(0.5), word("2a")
    ('2', '2', '0.5', '2a')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def words_of(values: pd.Series) -> pd.Series:
    """The `word` of each value, as objects; missing values stay missing."""
    texts = {value: word(value) for value in values.dropna().unique()}
    return values.astype(object).map(texts).astype(object)


def plain_name(text: str) -> str:
    """A text with nothing but letters, digits, spaces, hyphens, `+` and decimal points.

    Names of groups become tags and file members.

    >>> plain_name("Hispanic/Latino (any_race), 65+"), plain_name("approx. 2.5")
    ('Hispanic Latino any race 65+', 'approx 2.5')
    """
    return " ".join(re.sub(r"(?<=\d)(\.)(?=\d)|[^\w+-]|_", lambda match: match[1] or " ", text).split())


def ranges(values: pd.Series, cuts: Sequence[float | int]) -> pd.Series:
    """What range each number is in, in words: each range starts at a cut and ends before the next one.

    The ends of ranges of whole numbers are the last numbers in them. Missing values stay missing.

    Raises:
        ValueError: there is no cut, one is not finite, or the cuts do not ascend.

    >>> ranges(pd.Series([24, 25, 44, 45]), [25, 45]).tolist()
    ['under 25', '25 to 44', '25 to 44', '45 and over']
    """
    if not cuts or not all(map(math.isfinite, cuts)) or any(one >= other for one, other in pairwise(cuts)):
        raise ValueError(f"cuts are {list(cuts)}; expected finite numbers, at least one, each above the one before")
    whole = all(float(number).is_integer() for number in (*cuts, *values.dropna()))
    inner = [f"{word(low)} to {word(high - 1 if whole else high)}" for low, high in pairwise(cuts)]
    names = np.array([f"under {word(cuts[0])}", *inner, f"{word(cuts[-1])} and over"], dtype=object)
    named = pd.Series(names[np.searchsorted(cuts, values.fillna(cuts[0]), side="right")], index=values.index)
    return named.where(values.notna()).rename(values.name)


def group_of(values: pd.Series, place: str) -> pd.Series:
    """The name of each row's group, from a column: words as they are; numbers, true and false behind the column's name.

    Rows that lack a value are a group of their own, "unknown" and the column's name.

    Raises:
        DataError: the column holds so many different numbers that they must be cut into ranges first, or a word without
            letters and digits, or two that differ in nothing else.
    """
    column = plain_name(str(values.name))
    # pandas has no type for true and false with some missing.
    numeric = pd.api.types.is_numeric_dtype(values) or pd.api.types.infer_dtype(values, skipna=True) == "boolean"
    # A column that holds words in some rows may hold numbers in others, and the same ones as words.
    values = values if numeric else words_of(values)
    different = values.nunique()
    if numeric and different > MOST_NUMBERS:
        raise DataError(
            f"{place}: {values.name} holds {different} different numbers; expected at most {MOST_NUMBERS} groups: cut "
            f"it into ranges (bins = {{{values.name} = [{word(values.median())}]}})"
        )
    named: dict[object, str] = {}
    for value in values.dropna().unique():
        text = plain_name(word(value))
        if not text:
            raise DataError(
                f"{place}: {values.name} holds {word(value)!r}; expected names with letters or digits: rename it"
            )
        name = f"{column} {text}".strip() if numeric else text
        if name in named.values():
            raise DataError(
                f"{place}: {values.name} holds two values that would both be called {name!r}, one of them "
                f"{word(value)!r}; expected names that differ in letters and digits: rename one"
            )
        named[value] = name
    return values.map(named).astype(object).where(values.notna(), f"unknown {column}".strip())


def crossed(attributes: Sequence[pd.Series], place: str) -> pd.Series | None:
    """The name of each row's group, from the names of each attribute: "Black" and "Female" make "Black Female".

    None where there is no attribute.

    Raises:
        DataError: an attribute is given twice, there are more than 100 groups, or two of them would have one name.
    """
    if not attributes:
        return None
    columns = [attribute.name for attribute in attributes]
    if twice := [column for column in columns if columns.count(column) > 1]:
        raise DataError(f"{place}: groups by {twice[0]} twice; expected different columns")
    names = reduce(lambda one, other: one + " " + other, attributes)
    tuples = len(pd.concat(attributes, axis=1).drop_duplicates())
    if tuples > MOST_GROUPS:
        raise DataError(
            f"{place}: {tuples} groups; expected at most {MOST_GROUPS}: group by fewer columns, or cut numbers into "
            "wider ranges"
        )
    if names.nunique() < tuples:
        raise DataError(f"{place}: two of the crossed groups have the same name; rename values of these columns")
    return names


def ordered_groups(
    train: Iterable[str] | None, test: Iterable[str] | None
) -> tuple[tuple[str, ...], Int64[Tensor, " train_rows"] | None, Int64[Tensor, " test_rows"] | None]:
    """The names of the groups, the largest of the training part first, and each sample's group.

    Equally large ones stand in alphabetical order; those that the training part lacks stand last. Without groups,
    which both parts have or neither, there are no names and no ids.

    >>> ordered_groups(["a", "b", "b"], ["c", "a"])
    (('b', 'a', 'c'), tensor([1, 0, 0]), tensor([2, 1]))
    """
    if train is None or test is None:
        return (), None, None
    parts = [list(train), list(test)]
    sizes = {name: 0 for name in sorted({*parts[0], *parts[1]})}
    for name in parts[0]:
        sizes[name] += 1
    names = tuple(sorted(sizes, key=lambda name: -sizes[name]))
    ids = {name: i for i, name in enumerate(names)}
    train_ids, test_ids = (torch.tensor([ids[name] for name in part], dtype=torch.int64) for part in parts)
    return names, train_ids, test_ids
