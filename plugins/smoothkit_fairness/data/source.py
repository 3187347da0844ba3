"""What a table of people says: where it lies, which columns are inputs, and which attributes are protected."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from smoothkit.data import Dataset
from smoothkit.data.groups import crossed, group_of, ranges, word
from smoothkit.data.table_file import column_of, first_row, need_columns, read_table
from smoothkit.data.tabular import Table, split_table, tabular
from smoothkit.data.tabular_inputs import as_numbers
from smoothkit.errors import DataError

TEST_SHARE = 0.3
"""Of sets that come without a test part. Calibration of a small group needs test samples more than training ones."""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """A protected attribute: which column holds it, and what its groups are called."""

    column: str
    words: Mapping[object, str] = field(default_factory=dict)
    """What the values are called; none: the values are words themselves."""
    cuts: Sequence[float | int] = ()
    """Where a column of numbers is cut into ranges."""
    copies: Sequence[str] = ()
    """Further columns that hold the attribute, which are left out of the inputs with it."""

    def names(self, frame: pd.DataFrame, place: str) -> pd.Series:
        """The name of each row's group."""
        values = column_of(frame, self.column)
        if self.words:
            values = named(values, self.words, place)
        return group_of(ranges(values, self.cuts) if self.cuts else values, place)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One table: comma-separated text below the folder of data sets."""

    name: str
    """The registered name."""
    file: str
    """Where it lies, below the folder of data sets; it may be compressed with gzip."""
    origin: str
    """Where it comes from."""
    label: str
    classes: Mapping[object, str]
    """What the values of the label are called, in the order of the classes; several may be called the same."""
    numbers: Sequence[str] = ()
    """Columns of numbers, which are inputs."""
    categories: Sequence[str] = ()
    """Columns of categories, which are inputs; their values may be numbers."""
    protected: Mapping[str, Attribute]
    """The attributes whose groups may be compared, by the name that a scenario file gives them."""
    filters: Sequence[str] = ()
    """Columns that say which rows are used."""
    test_file: str | None = None
    """The published test part; None: always the same 30 % of the rows."""
    columns: Sequence[str] | None = None
    """Names of the columns, of files that do not hold them."""
    skip_first_line: Sequence[str] = ()
    """Files whose first line is no row."""


def load(
    source: Source,
    root: Path,
    groups: Sequence[str],
    group_inputs: bool,
    keep: Callable[[pd.DataFrame], pd.Series] | None = None,
) -> Dataset:
    """The data set of `source`, with the groups of these protected attributes, crossed.

    `keep` says which rows are used; all by default.

    Raises:
        DataError: a file is missing, damaged, or not what it is taken for; it is named, with its origin.
    """
    files = [source.file] if source.test_file is None else [source.file, source.test_file]
    tables = []
    for name in files:
        frame = _read(source, root, name, groups)
        frame = frame if keep is None else frame.loc[keep(frame)]
        tables.append(_table(source, frame, groups, group_inputs, name))
    train, test = tables if source.test_file else split_table(tables[0], TEST_SHARE, source.name, source.name)
    return tabular(train, test, tuple(dict.fromkeys(source.classes.values())), source.name)


def named(values: pd.Series, words: Mapping[object, str], place: str) -> pd.Series:
    """The word for each value.

    Raises:
        DataError: there is no word for a value, or a value is missing.
    """
    if (row := first_row(~values.isin(list(words)))) is not None:
        value = values.loc[row - 1]
        held = "lacks its value" if pd.isna(value) else f"holds {word(value)!r}"
        raise DataError(
            f"{place}: row {row} of {values.name} {held}; expected one of {', '.join(map(str, words))}: is this the "
            "right file?"
        )
    return values.map(words).astype(object)


def _table(source: Source, frame: pd.DataFrame, groups: Sequence[str], group_inputs: bool, file: str) -> Table:
    place = f"{source.name}: {file}"
    attributes = [source.protected[name] for name in groups]
    hidden = set() if group_inputs else {name for one in attributes for name in (one.column, *one.copies)}
    columns = [column for column in (*source.numbers, *source.categories) if column not in hidden]
    inputs = {
        column: as_numbers(column_of(frame, column), place)
        if column in source.numbers
        else frame[column].astype(object)
        for column in columns
    }
    return Table(
        pd.DataFrame(inputs, index=frame.index),
        named(column_of(frame, source.label), source.classes, place),
        crossed([attribute.names(frame, place) for attribute in attributes], place),
    )


def _read(source: Source, root: Path, name: str, groups: Sequence[str]) -> pd.DataFrame:
    """The columns that are needed, of one file."""
    plain = root / name
    file = next((file for file in (plain, plain.with_name(f"{plain.name}.gz")) if file.is_file()), None)
    if file is None:
        raise DataError(
            f"{source.name}: {plain} is missing; get it from {source.origin} and put it there, or set SMOOTHKIT_DATA "
            f"to a folder that holds {name}"
        )
    attributes = [source.protected[group].column for group in groups]
    needed = list(dict.fromkeys((source.label, *source.numbers, *source.categories, *source.filters, *attributes)))
    layout = {} if source.columns is None else {"names": list(source.columns)}
    first = 1 if name in source.skip_first_line else None
    frame = read_table(file, needed, skiprows=first, **layout)
    need_columns(needed, frame, f"{source.name}: {file}")
    return frame
