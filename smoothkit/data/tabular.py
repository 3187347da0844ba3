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
    keys = [table.labels] if table.groups is None else [table.labels, table.groups]
    strata = torch.from_numpy(pd.MultiIndex.from_arrays(keys).factorize(sort=True)[0].astype(np.int64))
    train, test = split(strata, count, derived_generator(0, purpose))
    return table.rows(train), table.rows(test)


def tabular(train: Table, test: Table, class_names: Sequence[str], name: str) -> Dataset:
    """The data set whose features are the inputs of two tables: see `encoded` for how, `ordered_groups` for the groups.

    Mean and standard deviation of the data set are 0 and 1: the features are used as they are.

    Raises:
        DataError: a label is none of `class_names`, one class only is there, or an input cannot be encoded.
    """
    if len(class_names) < 2:
        raise DataError(f"{name}: every row is of class {class_names[0]!r}; expected at least two classes")
    features = encoded(train.inputs, test.inputs, name)
    labels = [_ids(part.labels, class_names, name) for part in (train, test)]
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
        DataError: a label is missing, or the column holds measurements instead of classes.
    """
    if (row := first_row(labels.isna())) is not None:
        raise DataError(f"{place}: row {row} lacks its label ({labels.name}); expected a class in every row")
    values = labels.unique()
    if pd.api.types.is_float_dtype(labels) and not all(float(value).is_integer() for value in values):
        raise DataError(
            f"{place}: the label {labels.name} holds numbers such as {word(values[0])}; expected classes: cut it into "
            "ranges first"
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
