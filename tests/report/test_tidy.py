"""The long table: every value of every run, exactly."""

import csv
import io
import json
import sys

import pytest

from smoothkit.errors import UserError
from smoothkit.report.folder import read_study
from smoothkit.report.page import write_files
from smoothkit.report.tidy import to_csv, values

HOSTILE = ' "quoted", with a comma\nand a line'


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_row_per_run_and_scalar(make_study):
    header, *rows = rows_of(to_csv([read_study(make_study())]))
    assert header == ["study", "scenario", "variant", "seed", "scalar", "value"]
    assert len(rows) == 4 * 3
    assert rows[0] == ["Digits", "supervised", "hard", "0", "accuracy", "0.9"]


def test_numbers_and_names_come_back_as_they_were(make_study):
    directory = make_study(hostile=HOSTILE)
    path = next(directory.glob("hard*/seed-0/result.json"))
    content = json.loads(path.read_text())
    content["scalars"] |= {"accuracy": 0.1 + 0.2, "nll": None, "weight_norm": 3}
    path.write_text(json.dumps(content))
    _, *rows = rows_of(to_csv([read_study(directory)]))
    assert {row[2] for row in rows} == {f"hard{HOSTILE}", f"LS{HOSTILE}"}
    assert [row[5] for row in rows[:3]] == ["0.30000000000000004", "", "3.0"]
    assert float(rows[0][5]) == 0.1 + 0.2


def test_studies_of_one_title_are_told_apart(make_study):
    studies = [read_study(make_study(name=name)) for name in ("one", "two")]
    assert {row.study for row in values(studies)} == {f"Digits ({study.directory})" for study in studies}


def test_parquet_holds_the_same_rows(make_study, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is an optional dependency")
    studies = [read_study(make_study(hostile=HOSTILE))]
    (path,) = write_files(studies, tmp_path / "out", ["parquet"])
    table = parquet.read_table(path)
    assert [str(kind) for kind in table.schema.types] == ["string", "string", "string", "int64", "string", "double"]
    assert table.to_pylist() == [row._asdict() for row in values(studies)]


def test_without_pyarrow_nothing_is_written_and_the_mend_is_named(make_study, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UserError, match=r"--format parquet: .*pip install 'smoothkit\[parquet\]'.*csv"):
        write_files([read_study(make_study())], tmp_path / "out", ["csv", "parquet"])
    assert not (tmp_path / "out").exists()
