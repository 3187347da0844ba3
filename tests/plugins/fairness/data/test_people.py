"""Tables of people by name: the published numbers of rows and rates, the encoding, and the errors."""

import functools
import gzip
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from smoothkit.errors import DataError
from smoothkit_fairness.data import people, sources
from smoothkit_fairness.data.people import adult, compas, german, ricci
from smoothkit_fairness.data.source import Source

DATA = Path(os.environ.get("SMOOTHKIT_DATA", "."))
SOURCES = {source.name: source for source in vars(sources).values() if isinstance(source, Source)}

# Rows, and the share of the second class in percent, as published; the groups by their default attribute.
PUBLISHED = {
    "adult": (32_561, 16_281, 23.93, ("Male", "Female")),
    "compas": (
        *(4_320, 1_852, 45.51),
        ("African-American", "Caucasian", "Hispanic", "Other", "Asian", "Native American"),
    ),
    "german": (700, 300, 30.0, ("male", "female")),
    "law-school": (14_559, 6_239, 88.97, ("White", "Non-White")),
    "dutch": (42_294, 18_126, 47.61, ("female", "male")),
    "bank": (28_003, 12_001, 11.67, ("married", "single")),
    "credit-default": (21_000, 9_000, 22.12, ("female", "male")),
    "oulad": (15_093, 6_469, 67.97, ("male", "female")),
    "communities": (1_396, 598, 6.12, ("more black residents", "fewer black residents")),
    "student": (454, 195, 84.59, ("female", "male")),
    "ricci": (83, 35, 47.46, ("White", "Non-White")),
}


def needs(*names):
    files = [file for name in names for file in (SOURCES[name].file, SOURCES[name].test_file) if file]
    there = all((DATA / file).is_file() for file in files)
    return pytest.mark.skipif(not there, reason=f"SMOOTHKIT_DATA does not hold {', '.join(names)}")


@functools.cache
def read(name, **options):
    return getattr(people, name.replace("-", "_"))(DATA, **options)


def both(data, of):
    return torch.cat([getattr(part, of) for part in (data.train, data.test)])


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in PUBLISHED])
def test_rows_rates_and_groups_are_the_published_ones(name):
    train, test, rate, groups = PUBLISHED[name]
    data = read(name)
    assert (len(data.train), len(data.test)) == (train, test)
    assert 100 * both(data, "labels").double().mean().item() == pytest.approx(rate, abs=0.005)
    assert data.group_names == groups
    sizes = torch.bincount(data.train.groups)
    assert torch.equal(sizes, sizes.sort(descending=True).values)


@pytest.mark.parametrize("name", [pytest.param(name, marks=needs(name)) for name in PUBLISHED])
def test_every_protected_attribute_may_divide_the_rows(name):
    for attribute, of in SOURCES[name].protected.items():
        data = read(name, groups=(attribute,), group_inputs=False)
        assert len(data.group_names) >= 2
        assert data.train.shape[0] < read(name).train.shape[0]
        hidden = {of.column, *of.copies}
        assert hidden <= {*SOURCES[name].numbers, *SOURCES[name].categories}


@pytest.mark.parametrize("name", list(SOURCES))
def test_no_input_is_the_label_or_known_only_later(name):
    source = SOURCES[name]
    inputs = {*source.numbers, *source.categories}
    later = {"is_recid", "event", "end", "score_text", "duration", "ViolentCrimesPerPop", "fnlwgt", "id_student"}
    assert not inputs & {source.label, *later}
    assert not [column for column in inputs if column.startswith(("r_", "vr_", "v_"))]
    assert len(inputs) == len(source.numbers) + len(source.categories)


@needs("adult")
def test_adult_is_encoded_as_pandas_encodes_it():
    data = adult(DATA)
    columns = list(sources.ADULT.columns)
    train = pd.read_csv(DATA / "fairness/adult.data", names=columns, sep=", ", engine="python", na_values="?")
    test = pd.read_csv(
        DATA / "fairness/adult.test", names=columns, sep=", ", engine="python", na_values="?", skiprows=1
    )
    assert data.test.labels.tolist() == (test["income"] == ">50K.").astype(int).tolist()
    assert data.test.groups.tolist() == (test["sex"] == "Female").astype(int).tolist()
    numbers = list(sources.ADULT.numbers)
    expected = (test[numbers] - train[numbers].mean()) / train[numbers].std(ddof=0)
    torch.testing.assert_close(data.test.images[:, :5], torch.tensor(expected.to_numpy(), dtype=torch.float32))
    # Every row has one of the categories of each column, a missing one included; but one test row's is new.
    categories = train[list(sources.ADULT.categories)]
    assert data.train.shape[0] == 5 + sum(categories[name].nunique(dropna=False) for name in categories)
    assert (data.train.images[:, 5:].sum(1) == 7).all()
    unseen = ~test[list(sources.ADULT.categories)].isin(
        {name: list(categories[name].unique()) for name in categories}
    ).all(axis=1)
    assert (data.test.images[:, 5:].sum(1) < 7).sum() == unseen.sum()


@needs("adult")
def test_groups_of_adult_may_be_crossed():
    data = adult(DATA, groups=("race", "sex"))
    assert len(data.group_names) == 10
    assert data.group_names[:3] == ("White Male", "White Female", "Black Male")
    assert set(adult(DATA, groups=("age",)).group_names) == {"under 25", "25 to 44", "45 and over"}


@needs("compas")
def test_compas_is_filtered_as_propublica_did():
    frame = pd.read_csv(DATA / "fairness/compas-scores-two-years.csv")
    everyone = compas(DATA, usual_filter=False)
    assert len(everyone.train) + len(everyone.test) == len(frame) == 7_214
    assert both(everyone, "labels").sum() == frame["two_year_recid"].sum()
    usual = compas(DATA)
    assert len(usual.train) + len(usual.test) == 6_172
    counts = dict(zip(usual.group_names, torch.bincount(both(usual, "groups")).tolist(), strict=True))
    assert (counts["African-American"], counts["Caucasian"]) == (3_175, 2_103)


@pytest.mark.parametrize(
    ("name", "share"), [pytest.param(*case, marks=needs(case[0])) for case in (("compas", 0.61), ("dutch", 0.82))]
)
def test_many_test_rows_have_the_inputs_of_a_training_row(name, share):
    data = read(name)
    known = {row.tobytes() for row in data.train.images.numpy()}
    found = [row.tobytes() in known for row in data.test.images.numpy()]
    assert sum(found) / len(found) == pytest.approx(share, abs=0.005)


@needs("compas")
def test_the_score_is_an_input_of_compas_when_asked_for():
    assert compas(DATA, decile_score=True).train.shape[0] == compas(DATA).train.shape[0] + 1


@needs("german")
def test_german_credit_knows_sex_from_personal_status_alone():
    frame = pd.read_csv(DATA / "fairness/german.data", header=None)
    data = german(DATA)
    women = both(data, "groups") == data.group_names.index("female")
    assert women.sum() == (frame[8] == "A92").sum() == 310
    assert data.train.shape[0] - german(DATA, group_inputs=False).train.shape[0] == frame[8].nunique()


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_a_missing_file_is_named_with_its_origin(tmp_path, name):
    expected = rf"{name}: .*{SOURCES[name].file} is missing; get it from https://.* and put it there"
    with pytest.raises(DataError, match=expected) as caught:
        getattr(people, name.replace("-", "_"))(tmp_path)
    assert "\n" not in str(caught.value)


SMALL = (
    "Position,Oral,Written,Race,Combine,Promoted\n" + "Captain,80,90,White,86,1\nCaptain,60,60,Non-White,60,-1\n" * 9
)


@pytest.fixture
def write(tmp_path):
    def write(text, ending=""):
        file = tmp_path / (sources.RICCI.file + ending)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(text.encode()) if ending else text.encode())
        return tmp_path

    return write


def test_a_file_may_be_compressed(write):
    packed = ricci(write(SMALL, ".gz"))
    assert (len(packed.train), len(packed.test)) == (13, 5)
    assert torch.equal(packed.train.images, ricci(write(SMALL)).train.images)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.replace("Combine", "Sum"), "has no column 'Combine'; "),
        (
            SMALL.replace(",1\n", ",2\n", 1),
            "row 1 of Promoted holds '2'; expected one of -1, 1: is this the right file",
        ),
        (SMALL.replace(",86,1", ",86,", 1), "row 1 of Promoted lacks its value; expected one of"),
        (SMALL.replace("80", "eighty"), "row 1 of Oral holds 'eighty'; expected a number"),
    ],
)
def test_another_file_in_its_place_is_refused(write, text, message):
    with pytest.raises(DataError, match=rf"ricci: .*{message}") as caught:
        ricci(write(text))
    assert "\n" not in str(caught.value)


@needs("adult")
def test_a_truncated_file_is_named(tmp_path):
    (tmp_path / "fairness").mkdir()
    for name in ("adult.data", "adult.test"):
        shutil.copy(DATA / "fairness" / name, tmp_path / "fairness" / name)
    with (tmp_path / "fairness" / "adult.data").open("r+b") as stream:
        stream.truncate(100_015)
    with pytest.raises(DataError, match=r"adult: fairness/adult.data: row \d+ of income lacks its value; expected one"):
        adult(tmp_path)


@needs("german")
@pytest.mark.parametrize(
    ("row", "change", "message"),
    [
        (1, ",7", r"german\.data: cannot be read as a table \("),
        (4, ",7", r"german\.data: cannot be read as a table \(.*Expected 21 fields in line 4, saw 22"),
        (4, None, "german: fairness/german.data: row 4 of risk lacks its value; expected one of 1, 2"),
    ],
)
def test_a_row_that_is_too_long_or_too_short_is_refused(tmp_path, row, change, message):
    lines = (DATA / "fairness/german.data").read_text().splitlines()
    lines[row - 1] = lines[row - 1].rsplit(",", 1)[0] if change is None else lines[row - 1] + change
    (tmp_path / "fairness").mkdir()
    (tmp_path / "fairness/german.data").write_text("\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        german(tmp_path)
    assert "\n" not in str(caught.value)
