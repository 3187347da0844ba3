"""The user's own tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandas as pd
from annotated_types import Interval

from smoothkit.data.dataset import Dataset
from smoothkit.data.groups import crossed, group_of, ranges
from smoothkit.data.table_file import column_of, need_columns, read_table
from smoothkit.data.tabular import Table, classes_of, split_table, tabular
from smoothkit.data.tabular_inputs import as_numbers


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
    one feature for each category, a missing one included. Missing are empty fields and `?`, `NA`, `N/A`, `n/a`, `#N/A`,
    `<NA>`, `NaN`, `nan`, `-NaN`, `-nan`, `NULL` and `null`; `None` is a word as others are.

    The columns of `groups`, crossed, say what group a row belongs to: `["race", "sex"]` gives "Black Female". Where a
    column holds measurements, `bins` cuts it into ranges for that: `{age = [25, 45]}` gives "under 25", "25 to 44" and
    "45 and over"; as an input it stays as it is. A column of `groups` that `drop` names too is no input; with
    `group_inputs = false` none of them is. That does not make a model blind to them: what goes with them in the other
    columns still tells them.

    The test part is the table at `test_path`; or always the same `test_share` of the rows, stratified by class and
    group, whatever the run's seed. Rows that belong together, such as several of one person, are not kept together:
    write two files for that. Paths start at the working directory, if they are not absolute (`root` is not used).

    Raises:
        ValueError: `test_share` is not between 0 and 1, `bins` names no column of `groups` or does not ascend, the
            label is among the groups, or `categories` names a column that is no input.
        DataError: a file cannot be read, a column is not there or of no use, or a label is missing; it is named.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"csv: test_share is {test_share}; expected a share above 0 and below 1")
    cuts = bins or {}
    if others := sorted(set(cuts) - set(groups)):
        raise ValueError(f"csv: bins cuts {others[0]!r}, which is not in groups; expected columns of groups")
    if label in groups:
        # Within a group of one class, accuracy is that class's recall, and gaps say nothing of calibration.
        raise ValueError(f"csv: groups holds the label {label!r}; expected other columns")
    files = [path.expanduser()] if test_path is None else [path.expanduser(), test_path.expanduser()]
    frames = [read_table(file) for file in files]
    need_columns([label, *groups, *categories, *drop], frames[0], str(path))
    left_out = {label, *drop, *(() if group_inputs else groups)}
    inputs = [column for column in frames[0].columns if column not in left_out]
    if others := [column for column in categories if column not in inputs]:
        raise ValueError(f"csv: categories names {others[0]!r}, which is no input; expected inputs")
    tables, class_names = [], ()
    for file, frame in zip(files, frames, strict=True):
        need_columns([label, *groups, *inputs], frame, str(file))
        labels, classes = classes_of(column_of(frame, label), str(file))
        class_names = class_names or classes
        chosen = frame.filter(items=inputs).astype({column: object for column in categories})
        tables.append(Table(chosen, labels))
    named = _groups(frames, groups, cuts, [str(file) for file in files])
    tables = [replace(table, groups=names) for table, names in zip(tables, named, strict=True)]
    train, test = tables if test_path else split_table(tables[0], test_share, "csv", str(path))
    return tabular(train, test, class_names, str(path), str(test_path) if test_path else None)


def _groups(
    frames: Sequence[pd.DataFrame],
    groups: Sequence[str],
    cuts: Mapping[str, Sequence[float | int]],
    places: Sequence[str],
) -> list[pd.Series | None]:
    """The name of each row's group, for each table: by one rule, whatever pandas takes the column of one for."""
    place = " and ".join(places)
    attributes = []
    for name in groups:
        parts = [column_of(frame, name) for frame in frames]
        if name in cuts:
            parts = [as_numbers(values, file) for values, file in zip(parts, places, strict=True)]
        both = pd.concat(parts, keys=range(len(parts)))
        attributes.append(group_of(ranges(both, cuts[name]) if name in cuts else both, place))
    names = crossed(attributes, place)
    return [None if names is None else names.loc[part] for part in range(len(frames))]
