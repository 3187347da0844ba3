"""Every value of every run as rows of one long table: for a spreadsheet, pandas, polars or R."""

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from smoothkit.errors import UserError
from smoothkit.report.folder import StudyRecord


class Value(NamedTuple):
    """One scalar of one run."""

    study: str
    scenario: str
    variant: str
    seed: int
    scalar: str
    value: float | None
    """None where it is not finite."""


def values(studies: Sequence[StudyRecord]) -> Iterator[Value]:
    """The values of all runs that have a result, as they were stored.

    A study goes by its title; studies of one title by title and folder.
    """
    titles = Counter(study.title for study in studies)
    for study in studies:
        name = study.title if titles[study.title] == 1 else f"{study.title} ({study.directory})"
        for run in study.runs:
            for scalar, value in run.result.scalars.items() if run.result else ():
                found = float(value) if math.isfinite(value) else None
                yield Value(name, study.summary["scenario"], run.variant, run.seed, scalar, found)


def to_csv(studies: Sequence[StudyRecord]) -> str:
    """The rows as CSV after RFC 4180, with a header; the field of a value that is not finite is empty.

    Numbers are written so that reading them gives the same double.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(Value._fields)
    writer.writerows(values(studies))
    return stream.getvalue()


def check_parquet() -> None:
    """Make sure that Parquet can be written, before anything else is.

    Raises:
        UserError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise UserError(f"--format parquet: {error}; run `pip install 'smoothkit[parquet]'`, or ask for csv") from error


def write_parquet(studies: Sequence[StudyRecord], path: Path) -> None:
    """Write the rows as a Parquet file; seeds are int64, values double."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"seed": pa.int64(), "value": pa.float64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in Value._fields])
    pq.write_table(pa.Table.from_pylist([row._asdict() for row in values(studies)], schema=schema), path)
