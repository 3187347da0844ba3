"""A table in a file: comma-separated text, as pandas reads it, with one error for each fault."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from smoothkit.errors import DataError, nearest

MISSING = ("", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-NaN", "-nan", "NULL", "null")
"""What stands for a missing value. Not "None", which pandas takes for one: it is an answer, of no disability, say."""


def read_table(file: Path, columns: Iterable[str] | None = None, **layout: Any) -> pd.DataFrame:
    """The rows of `file`, numbered from 0; text, or text compressed with gzip, bzip2, xz or zip, by the file's ending.

    All columns, or those of `columns` that are there. `layout` goes to `pandas.read_csv`: `names` for the columns of a
    file that has none, say.

    Raises:
        DataError: the file is missing, is no such text, holds no rows or one that is too long, or, where columns are
            not chosen, has two of one name or one without.
    """
    if not file.is_file():
        raise DataError(
            f"{file}: there is no such file; expected a table, comma-separated, with names in its first line"
        )
    try:
        if columns is None and "names" not in layout:
            # pandas gives a name to a column that has none, and a second one to a column whose name is taken.
            first = pd.read_csv(
                file, header=None, nrows=1, dtype=str, skipinitialspace=True, na_values=[""], keep_default_na=False
            )
            _check_names(first.iloc[0], file)
        with warnings.catch_warnings(action="error", category=pd.errors.ParserWarning):
            # Where rows are longer than the line of names, pandas would take their first field for an index.
            frame = pd.read_csv(
                file,
                na_values=list(MISSING),
                keep_default_na=False,
                skipinitialspace=True,
                low_memory=False,
                index_col=False,
                **layout,
            )
    except DataError:
        raise
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: is not UTF-8 text ({error.reason}); save the table as UTF-8") from error
    except Exception as error:  # pandas, zlib, gzip and zipfile each have their own for a damaged file.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{file}: cannot be read as a table ({reason}); repair it or write it anew") from error
    if frame.empty:
        raise DataError(f"{file}: holds no rows below the names of its columns; expected at least one")
    # Not chosen by pandas, which does not see that a row is too long where it need not read all of it.
    return frame if columns is None else frame.filter(items=list(columns))


def need_columns(columns: Iterable[str], frame: pd.DataFrame, place: str) -> None:
    """Check that every one of `columns` is there.

    Raises:
        DataError: one is not; the nearest name is offered.
    """
    for column in columns:
        if column not in frame.columns:
            raise DataError(f"{place}: has no column {column!r}; {nearest(column, map(str, frame.columns))}")


def column_of(frame: pd.DataFrame, name: str) -> pd.Series:
    """One column; `need_columns` has checked that it is there."""
    column: pd.Series = frame.loc[:, name]  # pyright: ignore[reportAssignmentType]: names differ, so it is no table
    return column


def first_row(fault: pd.Series) -> int | None:
    """The number, from 1, of the first row where `fault` holds, by the index of the table that was read."""
    at = fault.to_numpy(dtype=bool)
    return int(fault.index.to_numpy()[at.argmax()]) + 1 if at.any() else None


def _check_names(names: pd.Series, file: Path) -> None:
    texts = names.str.strip()
    if texts.isna().any():
        position = int(texts.isna().to_numpy().argmax())
        raise DataError(
            f"{file}: column {position + 1} has no name; expected one for each: leave an index out when the table is "
            "written (index=False), or name it"
        )
    if texts.duplicated().any():
        raise DataError(f"{file}: two columns are called {texts[texts.duplicated()].iloc[0]!r}; rename one of them")
    if len(texts) == 1:
        raise DataError(f"{file}: has one column, {texts.iloc[0]!r}; expected several, separated by commas")
