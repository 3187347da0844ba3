"""The user's own tables: every option, and one error for each fault."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch

from smoothkit.config import option_model
from smoothkit.data.csv import csv
from smoothkit.errors import DataError
from smoothkit.registry import SUPPLIED

RANDOM = np.random.default_rng(0)
ROWS = 200


def people(rows=ROWS, **changes):
    """A sound table, with some columns replaced, or left out where None."""
    columns = {
        "age": RANDOM.integers(18, 80, rows),
        "zone": RANDOM.integers(1, 4, rows),
        "job": RANDOM.choice(["clerk", "cook", "nurse"], rows),
        "sex": np.where(np.arange(rows) % 3 == 0, "Female", "Male"),
        "race": np.where(np.arange(rows) % 5 == 0, "Black", "White"),
        "paid": np.where(np.arange(rows) % 2 == 0, "no", "yes"),
    } | changes
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


@pytest.fixture
def load(tmp_path):
    """Write a table, or a text, and read it as a data set."""

    def load(content=None, *, name="mine.csv", label="paid", **options):
        path = tmp_path / name
        if isinstance(content, str | bytes):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        else:
            (people() if content is None else content).to_csv(path, index=False)
        return csv(tmp_path, path, label, **options)

    return load


def test_a_table_is_read_and_split(load):
    data = load()
    assert (len(data.train), len(data.test)) == (160, 40)
    assert data.class_names == ("no", "yes")
    assert torch.bincount(data.test.labels).tolist() == [20, 20]
    assert data.train.shape == (2 + 3 + 2 + 2,)
    assert data.group_names == ()


def test_the_split_is_always_the_same_and_of_the_share_asked_for(load):
    table = people()
    assert torch.equal(load(table).test.images, load(table).test.images)
    assert len(load(table, test_share=0.5).test) == 100


def test_groups_are_crossed_and_stand_by_size(load):
    data = load(groups=("race", "sex"))
    assert data.group_names == ("White Male", "White Female", "Black Male", "Black Female")
    sizes = torch.bincount(data.train.groups)
    assert torch.equal(sizes, sizes.sort(descending=True).values)
    table = people()
    both = torch.bincount(data.train.groups) + torch.bincount(data.test.groups)
    expected = (table["race"] + " " + table["sex"]).value_counts()
    assert dict(zip(data.group_names, both.tolist(), strict=True)) == expected.to_dict()


def test_groups_are_inputs_or_not(load):
    with_them, without = (load(groups=("sex",), group_inputs=inputs) for inputs in (True, False))
    assert with_them.train.shape[0] - without.train.shape[0] == 2
    assert with_them.group_names == without.group_names == ("Male", "Female")
    sex = with_them.train.images[:, -4:-2].argmax(1)  # Female, Male; the two of race stand last
    assert torch.equal(1 - sex, with_them.train.groups)


def test_bins_cut_a_column_for_the_groups_alone(load):
    table = people()
    data = load(table, groups=("age",), bins={"age": (25, 45)})
    assert set(data.group_names) == {"under 25", "25 to 44", "45 and over"}
    assert data.train.shape == load(table).train.shape
    under = data.group_names.index("under 25")
    ages, groups = (torch.cat([getattr(part, of) for part in (data.train, data.test)]) for of in ("images", "groups"))
    assert (groups == under).sum() == (table["age"] < 25).sum()
    assert ages[groups == under, 0].max() < ages[groups != under, 0].min()


def test_columns_are_dropped(load):
    assert load(drop=("job", "age")).train.shape == (1 + 2 + 2,)


def test_numbers_may_be_categories(load):
    assert load(categories=("zone",)).train.shape == (1 + 3 + 3 + 2 + 2,)


def test_a_test_file_is_the_test_part(load, tmp_path):
    table = people()
    table.iloc[150:].to_csv(tmp_path / "test.csv", index=False)
    data = load(table.iloc[:150], test_path=tmp_path / "test.csv", groups=("sex",))
    assert (len(data.train), len(data.test)) == (150, 50)
    assert data.test.labels.tolist() == (table["paid"].iloc[150:] == "yes").astype(int).tolist()
    # Standardised by the training part alone.
    age = torch.tensor(table["age"].to_numpy(dtype=np.float64))
    expected = (age[150:] - age[:150].mean()) / age[:150].std(correction=0)
    torch.testing.assert_close(data.test.images[:, 0], expected.float())


def test_compressed_files_are_read(load):
    table = people()
    packed = load(gzip.compress(table.to_csv(index=False).encode()), name="mine.csv.gz")
    assert torch.equal(packed.train.images, load(table).train.images)


def test_question_marks_and_empty_fields_are_missing(load):
    job = people()["job"].astype(object)
    job[::4] = "?"
    question = load(people(job=job))
    job[::4] = None
    assert torch.equal(question.train.images[:, -5:-4], load(people(job=job)).train.images[:, -5:-4])
    assert question.train.shape == (2 + 4 + 2 + 2,)


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        # pandas takes one column for true and false, or for numbers, and the other for words.
        (["True", "False"], ["True", "False", ""], {"v True", "v False", "unknown v"}),
        (["0", "1"], ["0", "1", "x"], {"0", "1", "x"}),
        (["0", "1"], ["0", "", "1"], {"v 0", "v 1", "unknown v"}),
        (["a", "b"], ["", "", ""], {"a", "b", "unknown v"}),
    ],
)
def test_a_group_has_one_name_in_both_files(load, tmp_path, train, test, names):
    parts = [people(60, v=np.resize(values, 60)) for values in (train, test)]
    parts[1].to_csv(tmp_path / "test.csv", index=False)
    data = load(parts[0], test_path=tmp_path / "test.csv", groups=("v",), drop=("v",))
    assert set(data.group_names) == names
    assert torch.bincount(data.train.groups, minlength=len(names)).tolist() == [30, 30, 0][: len(names)]
    for ids, values in ((data.train.groups, train), (data.test.groups, test)):
        called = {value: {data.group_names[i] for i in ids[np.resize(values, 60) == value]} for value in values}
        assert called == {value: {next(name for name in names if (value or "unknown") in name)} for value in values}


def test_ranges_of_both_files_have_one_name(load, tmp_path):
    people(age=np.resize([12.5, 15.0, 20.5], ROWS)).to_csv(tmp_path / "test.csv", index=False)
    table = people(age=np.resize([12, 25], ROWS))
    data = load(table, test_path=tmp_path / "test.csv", groups=("age",), bins={"age": (10, 20)})
    assert set(data.group_names) == {"10 to 20", "20 and over"}
    assert (data.train.groups == 0).sum() == 100


def test_the_word_none_is_an_answer(load):
    data = load(people(aid=np.resize(["None", "Physical", "?"], ROWS)), groups=("aid",))
    assert set(data.group_names) == {"None", "Physical", "unknown aid"}
    assert load(people(**{"None": np.arange(ROWS)})).train.shape == (3 + 3 + 2 + 2,)


@pytest.mark.parametrize("missing", ["", "?", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "-nan", "NULL", "null"])
def test_numbers_may_be_missing(load, missing):
    """Otherwise they would be read as categories."""
    data = load(people(age=np.resize(["20", "30", "40", missing], ROWS)))
    assert data.train.shape == (2 + 1 + 3 + 2 + 2,)
    assert set(data.train.images[:, 2].tolist()) == {0.0, 1.0}


TEXT = people().to_csv(index=False)
IDENTITY = people(person=[f"p{i}" for i in range(ROWS)])


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, {"label": "payed"}, "has no column 'payed'; did you mean 'paid'"),
        (None, {"groups": ("sexe",)}, "has no column 'sexe'; did you mean 'sex'"),
        (None, {"drop": ("jop",)}, "has no column 'jop'; did you mean 'job'"),
        (None, {"categories": ("zones",)}, "has no column 'zones'; did you mean 'zone'"),
        (None, {"groups": ("age",)}, r"age holds \d+ different numbers; .* \(bins = \{age = \["),
        (
            people(age=["old", *[30] * (ROWS - 1)]),
            {"groups": ("age",), "bins": {"age": (25,)}},
            "row 1 of age holds 'old'",
        ),
        (
            people(pay=np.arange(ROWS)),
            {"label": "pay"},
            "the label pay holds 200 different numbers; expected at most 100",
        ),
        (None, {"groups": ("sex", "sex")}, "groups by sex twice; expected different columns"),
        (None, {"label": "age", "test_path": "no.csv"}, r"no\.csv: there is no such file"),
        (people(paid=[None, *["a", "b"] * 99, "a"]), {}, r"row 1 lacks its label \(paid\)"),
        (people(paid="yes"), {}, "every row is of class 'yes'; expected at least two"),
        (people(paid=RANDOM.random(ROWS)), {}, "the label paid holds numbers"),
        (people(age=None, zone=None, job=None, sex=None, race=None, x=1.0), {"drop": ("x",)}, "no column is left"),
        (people(age=np.nan), {}, "age is missing throughout the training part"),
        (IDENTITY, {}, r"person holds \d+ different words in \d+ rows, such as 'p\d+'.*drop = \['person'\]"),
        (TEXT.replace("zone", "age", 1), {}, "two columns are called 'age'; rename one"),
        (people().to_csv(), {}, r"column 1 has no name; .*index=False"),
        (
            TEXT.replace(",", ";"),
            {},
            "has one column, 'age;zone;job;sex;race;paid'; expected several, separated by com",
        ),
        (TEXT.splitlines()[0], {}, "holds no rows below the names"),
        ("", {}, r"cannot be read as a table \(No columns"),
        (TEXT + "1,2,3,4,5,6,7,8\n", {}, r"cannot be read as a table \(.*Expected 6 fields"),
        (TEXT.replace("age,", "", 1), {}, r"cannot be read as a table \(Length of header"),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), {}, "is not UTF-8 text"),
        (gzip.compress(TEXT.encode())[:-30], {"name": "mine.csv.gz"}, "cannot be read as a table"),
        (b"plain", {"name": "mine.csv.gz"}, "cannot be read as a table"),
    ],
)
def test_faults_name_the_file_and_the_mend(load, tmp_path, content, options, message):
    with pytest.raises(DataError, match=rf"(mine|no)\.csv.*: .*{message}|{message}") as caught:
        load(content, **{key: tmp_path / value if key == "test_path" else value for key, value in options.items()})
    assert "\n" not in str(caught.value)


def test_a_test_file_must_have_the_same_columns_and_classes(load, tmp_path):
    people().drop(columns="job").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"test\.csv: has no column 'job'"):
        load(test_path=tmp_path / "test.csv")
    people(paid="maybe").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"test\.csv: row 1 has the label 'maybe'; expected one of those .*: no, yes"):
        load(test_path=tmp_path / "test.csv")
    people(age="old").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"test\.csv: row 1 of age holds 'old'; expected a number"):
        load(test_path=tmp_path / "test.csv")
    with pytest.raises(DataError, match=r"test\.csv: row 1 of age holds 'old'; expected a number"):
        load(test_path=tmp_path / "test.csv", groups=("age",), bins={"age": (25,)}, drop=("age",))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: there is no such file; expected a table"):
        csv(tmp_path, tmp_path / "none.csv", "y")


def test_options_out_of_range_are_named(load):
    with pytest.raises(ValueError, match=r"test_share is 1\.0; expected a share above 0"):
        load(test_share=1.0)
    with pytest.raises(ValueError, match="bins cuts 'age', which is not in groups"):
        load(bins={"age": (25,)})
    with pytest.raises(ValueError, match="groups holds the label 'paid'; expected other columns"):
        load(groups=("sex", "paid"))
    for column, options in (("paid", {}), ("job", {"drop": ("job",)}), ("sex", {"groups": ("sex",)})):
        with pytest.raises(ValueError, match=f"categories names '{column}', which is no input"):
            load(categories=("zone", column), group_inputs=False, **options)
    with pytest.raises(ValueError, match=r"cuts are \[45, 25\]; expected .* each above the one before"):
        load(groups=("age",), bins={"age": (45, 25)})


def test_a_scenario_file_can_say_it_all(load, tmp_path):
    load()
    options = {"groups": ["age", "sex"], "bins": {"age": [25, 45.5]}, "drop": ["job"], "group_inputs": False}
    values = {"path": str(tmp_path / "mine.csv"), "label": "paid", **options}
    chosen = option_model(csv, SUPPLIED["datasets"]).model_validate_json(json.dumps(values), strict=True)
    data = csv(tmp_path, **{name: getattr(chosen, name) for name in type(chosen).model_fields})
    assert {"under 25 Male", "25 to 45.5 Female"} <= set(data.group_names)
    assert data.train.shape == (1 + 2,)
