"""Tables of people or things, as features with labels and groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Int64
from torch import Tensor

from smoothkit.data.dataset import Dataset, ImageSet
from smoothkit.data.groups import ordered_groups, word, words_of
from smoothkit.data.splits import split
from smoothkit.data.table_file import first_row
from smoothkit.data.tabular_inputs import encoded
from smoothkit.errors import DataError
from smoothkit.seeding import derived_generator

MOST_NUMBERS = 100
"""Different numbers a column of labels may hold. One with more is a measurement, unless its classes are words."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows, one for each person or thing, with one index: what is known of each, its class, and its group."""

    inputs: pd.DataFrame
    """Columns of numbers, and of anything else, which is a category; either may lack values."""
    labels: pd.Series
    """The name of each row's class."""
    groups: pd.Series | None = None
    """The name of each row's group; None where nothing is known of groups."""

    def rows(self, chosen: Int64[Tensor, " chosen"]) -> "Table":
        """The rows at these positions, in that order; they keep their index, by which messages name them."""
        at = chosen.numpy()
        groups = None if self.groups is None else self.groups.iloc[at]
        return Table(self.inputs.iloc[at], self.labels.iloc[at], groups)


def split_table(table: Table, test_share: float, purpose: str, place: str) -> tuple[Table, Table]:
    """Training and test rows, always the same for one `purpose`, stratified by class and group.

    Raises:
        DataError: there are too few rows for two parts.
    """
    count = round(test_share * len(table.labels))
    if not 0 < count < len(table.labels):
        raise DataError(
            f"{place}: {len(table.labels)} rows cannot give a test part of {test_share}; expected more rows, or a file "
            "for each part"
        )
    groups = None if table.groups is None else _codes(table.groups)
    train, test = split(_codes(table.labels), count, derived_generator(0, purpose), groups)
    return table.rows(train), table.rows(test)


def _codes(names: pd.Series) -> Int64[Tensor, " rows"]:
    return torch.from_numpy(names.factorize(sort=True)[0].astype(np.int64))


def tabular(train: Table, test: Table, class_names: Sequence[str], name: str, test_name: str | None = None) -> Dataset:
    """The data set whose features are the inputs of two tables: see `encoded` for how, `ordered_groups` for the groups.

    Mean and standard deviation of the data set are 0 and 1: the features are used as they are. Messages name the data
    set; or, of a row of the test table, `test_name`, where that is a file of its own.

    Raises:
        DataError: a label is none of `class_names`, one class only is there, or an input cannot be encoded.
    """
    if len(class_names) < 2:
        raise DataError(f"{name}: every row is of class {class_names[0]!r}; expected at least two classes")
    features = encoded(train.inputs, test.inputs, name, test_name)
    labels = [_ids(train.labels, class_names, name), _ids(test.labels, class_names, test_name or name)]
    group_names, *groups = ordered_groups(train.groups, test.groups)
    width = features[0].shape[1]
    parts = [ImageSet(*part) for part in zip(features, labels, groups, strict=True)]
    return Dataset(
        train=parts[0],
        test=parts[1],
        class_names=tuple(class_names),
        mean=(0.0,) * width,
        std=(1.0,) * width,
        name=name,
        group_names=group_names,
    )


def classes_of(labels: pd.Series, place: str) -> tuple[pd.Series, tuple[str, ...]]:
    """A column of labels as words, and the classes in ascending order, of numbers or of the alphabet.

    Raises:
        DataError: a label is missing, or the column holds measurements instead of classes: fractions, or more than 100
            different numbers.
    """
    if (row := first_row(labels.isna())) is not None:
        raise DataError(f"{place}: row {row} lacks its label ({labels.name}); expected a class in every row")
    values = labels.unique()
    if pd.api.types.is_float_dtype(labels) and not all(float(value).is_integer() for value in values):
        raise DataError(
            f"{place}: the label {labels.name} holds numbers such as {word(values[0])}; expected classes: cut it into "
            "ranges first"
        )
    if pd.api.types.is_numeric_dtype(labels) and len(values) > MOST_NUMBERS:
        raise DataError(
            f"{place}: the label {labels.name} holds {len(values)} different numbers; expected at most {MOST_NUMBERS}: "
            "cut it into ranges first, or, if each is a class, write them as words (c1, c2)"
        )
    classes = [word(value) for value in sorted(values, key=lambda value: (isinstance(value, str), value))]
    return words_of(labels), tuple(classes)


def _ids(labels: pd.Series, class_names: Sequence[str], place: str) -> Int64[Tensor, " rows"]:
    ids = pd.Index(class_names).get_indexer(pd.Index(labels))
    if (ids < 0).any():
        position = int((ids < 0).argmax())
        raise DataError(
            f"{place}: row {labels.index[position] + 1} has the label {labels.iloc[position]!r}; expected one of those "
            f"of the training part: {', '.join(class_names)}"
        )
    return torch.from_numpy(ids.astype(np.int64))
