"""The columns of a table as numbers: standardised, one-hot, and what to do where a value is missing."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32
from torch import Tensor

from smoothkit.data.groups import word, words_of
from smoothkit.data.table_file import column_of, first_row
from smoothkit.errors import DataError

MOST_CATEGORIES = 1000
"""Categories a column may have. One with more is an identity, a date or free text, which nothing is learned from."""

FEW_ROWS = 20
"""Below this many rows a column may hold a different word in each and still be one of categories."""


def encoded(
    train: pd.DataFrame, test: pd.DataFrame, place: str, test_place: str | None = None
) -> tuple[Float32[Tensor, "train_rows features"], Float32[Tensor, "test_rows features"]]:
    """Both parts as features; every statistic, and every list of categories, is the training part's alone.

    Columns of numbers come first: mean 0 and standard deviation 1 over the training part, missing values at its median.
    Then, for each of them that lacks values in the training part, a column that is 1 where the value was missing. Then
    the other columns, one feature for each of their categories, a missing value being one of them. A category that the
    training part lacks is 0 throughout: a column "other" would have had no sample to learn from.

    Messages call the tables `place`, and the test table `test_place` where it has one of its own.

    Raises:
        DataError: there are no columns, or a column is missing throughout training, holds infinity, holds numbers in
            one part and words in the other, or a different word in nearly every row.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    if train.columns.empty:
        raise DataError(f"{place}: no column is left as an input; expected at least one")
    numbers = [column for column in train if pd.api.types.is_numeric_dtype(train[column])]
    categories = [column for column in train if column not in numbers]
    parts = ((train, place), (test, test_place or place))
    frames = [_prepared(part, numbers, categories, where) for part, where in parts]
    _check_columns(frames[0], categories, place)
    one_hot = OneHotEncoder(
        handle_unknown="ignore",
        sparse_output=False,
        dtype=np.float32,  # pyright: ignore[reportArgumentType]: scikit-learn's annotation knows its default alone
    )
    # Numbers are standardised in double precision; whatever is as wide as the categories stays in single precision.
    single = FunctionTransformer(np.float32)
    to_features = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), single), numbers),
            ("missing", MissingIndicator(error_on_new=False), numbers),
            ("categories", one_hot, categories),
        ]
    )
    train_features, test_features = to_features.fit_transform(frames[0]), to_features.transform(frames[1])
    return _tensor(train_features), _tensor(test_features)


def _tensor(features: Any) -> Float32[Tensor, "rows features"]:
    return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))


def _prepared(frame: pd.DataFrame, numbers: list[str], categories: list[str], place: str) -> pd.DataFrame:
    """Numbers as float64 and categories as text, each with NaN where the value is missing."""
    columns = {column: as_numbers(column_of(frame, column), place) for column in numbers}
    for column in categories:
        columns[column] = words_of(column_of(frame, column))
    return pd.DataFrame(columns, index=frame.index)


def as_numbers(values: pd.Series, place: str) -> pd.Series:
    """A column as float64, with NaN where the value is missing.

    Raises:
        DataError: a row holds a word, or infinity.
    """
    numbers: pd.Series = pd.to_numeric(values, errors="coerce").astype(np.float64)  # pyright: ignore
    if (row := first_row(numbers.isna() & values.notna())) is not None:
        held = values.loc[row - 1]
        raise DataError(f"{place}: row {row} of {values.name} holds {word(held)!r}; expected a number")
    if (row := first_row(numbers.abs() > np.finfo(np.float32).max)) is not None:
        raise DataError(f"{place}: row {row} of {values.name} holds {numbers.loc[row - 1]}; expected a finite number")
    return numbers


def _check_columns(train: pd.DataFrame, categories: list[str], place: str) -> None:
    for column in train:
        if column_of(train, column).isna().all():
            raise DataError(
                f"{place}: {column} is missing throughout the training part; expected values: leave the column out "
                f"(drop = ['{column}'])"
            )
    for column in categories:
        words = column_of(train, column).dropna()
        different = words.nunique()
        if different > MOST_CATEGORIES or (len(words) >= FEW_ROWS and different > len(words) / 2):
            raise DataError(
                f"{place}: {column} holds {different} different words in {len(words)} rows, such as {words.iloc[0]!r}; "
                f"expected categories that come back: leave an identity, a date or free text out (drop = "
                f"['{column}']), and repair a column of numbers that holds a word"
            )
