"""The user's own tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import pandas as pd
from annotated_types import Interval

from smoothkit.data.dataset import Dataset
from smoothkit.data.groups import crossed, group_of, ranges
from smoothkit.data.table_file import column_of, need_columns, read_table
from smoothkit.data.tabular import Table, classes_of, split_table, tabular


def csv(
    root: Path,
    path: Path,
    label: str,
    groups: tuple[str, ...] = (),
    test_path: Path | None = None,
    test_share: Annotated[float, Interval(gt=0, lt=1)] = 0.2,
    drop: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    bins: dict[str, tuple[float | int, ...]] | None = None,
    group_inputs: bool = True,
) -> Dataset:
    """Your own table, from a comma-separated file, plain or compressed, whose first line names the columns.

    `label` is the column of classes. All columns but those of `drop` are inputs: numbers standardised by the training
    part, with its median where one is missing and a column that says so; words, and numbers named in `categories`, as
    one feature for each category, a missing one included. Empty fields, `NA` and `?` are missing.

    The columns of `groups`, crossed, say what group a row belongs to: `["race", "sex"]` gives "Black Female". Where a
    column holds measurements, `bins` cuts it into ranges for that: `{age = [25, 45]}` gives "under 25", "25 to 44" and
    "45 and over"; as an input it stays as it is. With `group_inputs = false` the columns of `groups` are no inputs.
    That does not make a model blind to them: what goes with them in the other columns still tells them.

    The test part is the table at `test_path`; or always the same `test_share` of the rows, stratified by class and
    group, whatever the run's seed. Rows that belong together, such as several of one person, are not kept together:
    write two files for that. Paths start at the working directory, if they are not absolute (`root` is not used).

    Raises:
        ValueError: `test_share` is not between 0 and 1, or `bins` names no column of `groups` or does not ascend.
        DataError: a file cannot be read, a column is not there or of no use, or a label is missing; it is named.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"csv: test_share is {test_share}; expected a share above 0 and below 1")
    cuts = bins or {}
    if others := sorted(set(cuts) - set(groups)):
        raise ValueError(f"csv: bins cuts {others[0]!r}, which is not in groups; expected columns of groups")
    files = [path.expanduser()] if test_path is None else [path.expanduser(), test_path.expanduser()]
    frames = [read_table(file) for file in files]
    need_columns([label, *groups, *categories, *drop], frames[0], str(path))
    left_out = {label, *drop, *(() if group_inputs else groups)}
    inputs = [column for column in frames[0].columns if column not in left_out]
    tables, class_names = [], ()
    for file, frame in zip(files, frames, strict=True):
        need_columns([label, *groups, *inputs], frame, str(file))
        labels, classes = classes_of(column_of(frame, label), str(file))
        class_names = class_names or classes
        chosen = frame.filter(items=inputs).astype({column: object for column in categories if column in inputs})
        tables.append(Table(chosen, labels, _groups(frame, groups, cuts, str(file))))
    train, test = tables if test_path else split_table(tables[0], test_share, "csv", str(path))
    return tabular(train, test, class_names, str(path))


def _groups(
    frame: pd.DataFrame, groups: Sequence[str], cuts: Mapping[str, Sequence[float | int]], place: str
) -> pd.Series | None:
    """The name of each row's group."""
    columns = [column_of(frame, name) for name in groups]
    cut = [ranges(values, cuts[name]) if name in cuts else values for name, values in zip(groups, columns, strict=True)]
    return crossed([group_of(values, place) for values in cut], place)
