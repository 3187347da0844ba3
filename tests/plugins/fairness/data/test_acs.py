"""The American Community Survey: folktables' own tasks, read from a file in the survey's layout."""

import numpy as np
import pandas as pd
import pytest
import torch

from smoothkit.errors import DataError, UserError
from smoothkit_fairness.data import acs as module
from smoothkit_fairness.data.acs import acs

ROWS = 300


def survey(**changes):
    """Persons as the Census Bureau's files have them, of the columns that the tasks need."""
    stream = np.random.default_rng(0)
    codes = {
        **{name: 3 for name in ("COW", "MAR", "RELP", "DIS", "CIT", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM")},
        **{
            name: 3 for name in ("MIG", "ESP", "FER", "ESR", "GCL", "JWTR", "PUBCOV", "OCCP", "POBP", "PUMA", "POWPUMA")
        },
        **{"SEX": 2, "RAC1P": 9, "SCHL": 24, "ST": 1},
    }
    columns = {name: stream.integers(1, number + 1, ROWS) for name, number in codes.items()}
    columns["AGEP"] = stream.integers(10, 90, ROWS)
    columns["PINCP"] = stream.integers(0, 100_000, ROWS)
    columns["WKHP"] = stream.integers(0, 60, ROWS)
    columns["PWGTP"] = stream.integers(0, 20, ROWS)
    columns["JWMNP"] = stream.integers(1, 90, ROWS)
    columns["POVPIP"] = stream.integers(0, 500, ROWS)
    return pd.DataFrame({"SERIALNO": [f"2018{i}" for i in range(ROWS)], **columns, **changes})


@pytest.fixture
def load(tmp_path):
    pytest.importorskip("folktables")

    def load(frame=None, *, year=2018, **options):
        folder = tmp_path / "acs" / str(year) / "1-Year"
        folder.mkdir(parents=True, exist_ok=True)
        (survey() if frame is None else frame).to_csv(folder / "psam_p06.csv", index=False)
        return acs(tmp_path, year=year, **options)

    return load


def expected_rows(frame):
    """Who the income task is about, by its definition."""
    return frame[(frame["AGEP"] > 16) & (frame["PINCP"] > 100) & (frame["WKHP"] > 0) & (frame["PWGTP"] >= 1)]


def test_the_income_task_is_the_papers(load):
    data, rows = load(), expected_rows(survey())
    assert len(data.train) + len(data.test) == len(rows)
    labels = torch.cat([data.train.labels, data.test.labels])
    assert labels.sum() == (rows["PINCP"] > 50_000).sum()
    assert data.class_names == ("up to 50K", "over 50K")
    sizes = torch.bincount(torch.cat([data.train.groups, data.test.groups]))
    counts = dict(zip(data.group_names, sizes.tolist(), strict=True))
    assert counts["White"] == (rows["RAC1P"] == 1).sum()
    assert counts["American Indian or Alaska Native"] == rows["RAC1P"].between(3, 5).sum()


@pytest.mark.parametrize("task", module.PROBLEMS)
def test_every_task_is_read(load, task):
    data = load(task=task)
    assert data.class_names == module.PROBLEMS[task][1:]
    assert torch.bincount(data.train.labels).min() > 0


def test_groups_are_chosen_and_may_be_left_out(load):
    data = load(groups=("sex",))
    assert set(data.group_names) == {"Male", "Female"}
    assert data.train.shape[0] - load(groups=("sex",), group_inputs=False).train.shape[0] == 2
    assert set(load(groups=("age",)).group_names) == {"under 25", "25 to 44", "45 and over"}


def test_the_column_of_later_years_stands_for_the_earlier_one(load):
    frame = survey()
    later = frame.drop(columns="RELP").assign(RELSHIPP=frame["RELP"])
    assert torch.equal(load(later, year=2019).train.images, load(frame).train.images)


def test_nothing_is_printed(load, capfd):
    load()
    assert capfd.readouterr() == ("", "")


def test_a_missing_column_is_named(load):
    with pytest.raises(DataError, match=r"acs: CA 2018 1-Year: has no column 'COW'"):
        load(survey().drop(columns="COW"))


@pytest.mark.parametrize("state", ["CA", "XX"])
def test_what_is_missing_and_cannot_be_downloaded_is_one_error(tmp_path, capfd, state):
    pytest.importorskip("folktables")
    with pytest.raises(
        DataError, match=rf"acs: cannot read persons of '{state}', 2018, 1-Year .*put it there"
    ) as caught:
        acs(tmp_path, state=state)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_without_folktables_the_mend_is_named(tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(UserError, match=r"acs: needs folktables \(.*\); pip install folktables"):
        acs(tmp_path)
