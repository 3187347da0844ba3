"""The American Community Survey, through folktables."""

from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from textwrap import shorten
from typing import Annotated, Any, Literal

import pandas as pd
from annotated_types import Interval

from smoothkit.data import Dataset
from smoothkit.data.groups import crossed
from smoothkit.data.table_file import need_columns
from smoothkit.data.tabular import Table, split_table, tabular
from smoothkit.errors import DataError, UserError
from smoothkit_fairness.data.source import TEST_SHARE, Attribute
from smoothkit_fairness.data.sources import AGES

PROBLEMS = {
    "income": ("ACSIncome", "up to 50K", "over 50K"),
    "employment": ("ACSEmployment", "not employed", "employed"),
    "public-coverage": ("ACSPublicCoverage", "not covered", "covered"),
    "mobility": ("ACSMobility", "moved", "same address"),
    "travel-time": ("ACSTravelTime", "up to 20 minutes", "over 20 minutes"),
}
"""What folktables calls each task, and the classes: its target false, and true."""

NUMBERS = frozenset({"AGEP", "SCHL", "WKHP", "PINCP", "JWMNP", "POVPIP"})
"""Columns of numbers (schooling is a code that ascends); all others are codes of categories."""

PROTECTED = {
    "race": Attribute(
        column="RAC1P",
        words={
            **{1: "White", 2: "Black", 6: "Asian", 7: "Pacific Islander", 8: "Other", 9: "Two or more"},
            **dict.fromkeys((3, 4, 5), "American Indian or Alaska Native"),
        },
    ),
    "sex": Attribute(column="SEX", words={1: "Male", 2: "Female"}),
    "age": Attribute(column="AGEP", cuts=AGES),
}


def acs(
    root: Path,
    task: Literal["income", "employment", "public-coverage", "mobility", "travel-time"] = "income",
    state: str = "CA",
    year: Annotated[int, Interval(ge=2014)] = 2018,
    horizon: Literal["1-Year", "5-Year"] = "1-Year",
    groups: tuple[Literal["race", "sex", "age"], ...] = ("race",),
    group_inputs: bool = True,
) -> Dataset:
    """Tasks from the American Community Survey, such as: does a person earn over 50,000 dollars? A state and a year.

    Read by folktables, which `pip install folktables` provides, from `root/acs`, and downloaded from the US Census
    Bureau where missing. The task's columns, rows and target are folktables' own, and so are its missing values, which
    are 0. Always the same 30 % are the test part. `state` is its two letters. Since 2019 the relationship in a
    household has other codes (`RELSHIPP`), which then stand for `RELP`.

    Source: F. Ding et al., Retiring Adult: new datasets for fair machine learning, NeurIPS 2021; US government data,
    under the Census Bureau's terms of use.

    Raises:
        UserError: folktables is not installed.
        DataError: the file is missing and cannot be downloaded, or lacks a column; it is named.
    """
    folktables = _folktables()
    place = f"acs: {state} {year} {horizon}"
    frame = _read(folktables, root / "acs", state, year, horizon)
    name, *classes = PROBLEMS[task]
    problem = getattr(folktables, name)
    if "RELP" not in frame and "RELSHIPP" in frame:
        frame = frame.rename(columns={"RELSHIPP": "RELP"})
    need_columns([*problem.features, problem.target, "PWGTP"], frame, place)
    inputs, target, _ = problem.df_to_pandas(frame)
    attributes = [PROTECTED[group] for group in groups]
    codes = [column for column in inputs if column not in NUMBERS]
    hidden = [] if group_inputs else [attribute.column for attribute in attributes]
    table = Table(
        inputs.astype({column: object for column in codes}).drop(columns=hidden),
        target.iloc[:, 0].map(dict(zip((False, True), classes, strict=True))),
        crossed([attribute.names(inputs, place) for attribute in attributes], place),
    )
    train, test = split_table(table, TEST_SHARE, "acs", place)
    return tabular(train, test, classes, place)


def _folktables() -> Any:
    try:
        return import_module("folktables")
    except ImportError as error:
        raise UserError(f"acs: needs folktables ({error}); pip install folktables") from error


def _read(folktables: Any, folder: Path, state: str, year: int, horizon: str) -> pd.DataFrame:
    """The survey of one state, from its file, downloaded where missing, without folktables' prints."""
    said = StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            source = folktables.ACSDataSource(str(year), horizon, "person", root_dir=str(folder))
            return source.get_data(states=[state], download=True)
    except Exception as error:  # An unknown state, no network, a truncated file: each is another error there.
        reason = shorten(" ".join(f"{said.getvalue()} {type(error).__name__} {error}".split()), 200)
        raise DataError(
            f"acs: cannot read persons of {state!r}, {year}, {horizon} ({reason}); expected a state's two letters, and "
            f"the survey's CSV file below {folder / str(year) / horizon}: download it from "
            "www2.census.gov/programs-surveys/acs/data/pums and put it there"
        ) from error
